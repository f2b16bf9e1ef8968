//! Paths and patterns of files that stages name. Each is looked up once, however many stages share it.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::files::Folder;
use super::model::{OutputGlob, Place};
use super::reports::glob_problem;
use super::stages::Made;
use crate::config::read::Reader;
use crate::config::words::clip;

/// How a path below the run directory begins.
const RUN: &str = "run:";

/// What is wrong with a pattern, and what to do.
type Problem = (String, Option<String>);

/// What was looked up.
#[derive(Default)]
pub(super) struct Places {
    folders: HashMap<PathBuf, Option<&'static str>>,
    globs: HashMap<String, Option<Problem>>,
}

/// Why a text is no name of a file, or nothing.
pub(super) fn line_problem(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return Some("it is empty".to_owned());
    }
    let control = text.chars().find(|c| c.is_control())?;
    Some(format!("it contains the control character `{}`", control.escape_debug()))
}

impl Places {
    /// A working folder, which has to be there.
    pub(super) fn folder(
        &mut self,
        reader: &mut Reader,
        made: &Made<'_>,
        at: &Range<usize>,
        text: &str,
        folder: &Folder,
    ) -> Option<PathBuf> {
        if let Some(problem) = line_problem(text) {
            made.told(reader.mistakes.error_once("folder", at.clone(), "bad value for `workdir`").label(problem));
            return None;
        }
        let (path, _) = folder.file(text);
        let problem = match self.folders.get(&path) {
            Some(known) => *known,
            None => {
                let problem = match std::fs::metadata(&path) {
                    Ok(found) if found.is_dir() => None,
                    Ok(_) => Some("this is not a folder"),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some("there is no such folder"),
                    Err(_) => Some("this folder cannot be reached"),
                };
                self.folders.insert(path.clone(), problem);
                problem
            }
        };
        let Some(problem) = problem else { return Some(path) };
        let message = format!("bad working folder `{}`", clip(text));
        let draft = reader.mistakes.error_once("folder", at.clone(), message).label(problem);
        if Path::new(text).is_relative() {
            draft.help("it is relative to the pipeline file's folder");
        }
        made.told(draft);
        None
    }

    /// Whether a pattern is good; records why if not.
    fn is_good(&mut self, reader: &mut Reader, made: &Made<'_>, at: &Range<usize>, glob: &str, below: &str) -> bool {
        // What has nothing special in it needs no look at all.
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        let simple =
            |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(|b| plain(b) || b == b'.');
        if glob.len() < 256 && glob.split('/').all(simple) {
            return true;
        }
        if !self.globs.contains_key(glob) {
            self.globs.insert(glob.to_owned(), glob_problem(glob, below));
        }
        let Some((problem, advice)) = &self.globs[glob] else { return true };
        let message = format!("bad file pattern `{}`", clip(glob));
        let draft = reader.mistakes.error_once("pattern", at.clone(), message);
        made.told(draft.label(problem.as_str()).maybe_help(advice.clone()));
        false
    }

    /// A pattern of `inputs`.
    pub(super) fn input(
        &mut self,
        reader: &mut Reader,
        made: &Made<'_>,
        at: &Range<usize>,
        glob: &str,
    ) -> Option<String> {
        if glob.starts_with(RUN) {
            let message = format!("bad file pattern `{}`", clip(glob));
            let draft = reader.mistakes.error_once("pattern", at.clone(), message);
            draft.label("what is in the run directory is no input");
            draft.help("name the stages that write it in `needs`: what they are made from counts already");
            made.told(draft);
            return None;
        }
        let below = "patterns are relative to `workdir` and stay below it";
        self.is_good(reader, made, at, glob, below).then(|| glob.to_owned())
    }

    /// A pattern of `outputs`.
    pub(super) fn output(
        &mut self,
        reader: &mut Reader,
        made: &Made<'_>,
        at: &Range<usize>,
        glob: &str,
    ) -> Option<OutputGlob> {
        match glob.strip_prefix(RUN) {
            Some(rest) => {
                let below = "after `run:`, patterns are relative to the run directory and stay below it";
                self.is_good(reader, made, at, rest, below).then(|| OutputGlob::Run(rest.to_owned()))
            }
            None => {
                let below = "patterns are relative to `workdir` and stay below it; `run:` stands for the run directory";
                self.is_good(reader, made, at, glob, below).then(|| OutputGlob::Workdir(glob.to_owned()))
            }
        }
    }
}

/// A path of `exists`.
pub(super) fn place(
    reader: &mut Reader,
    made: &Made<'_>,
    at: &Range<usize>,
    text: &str,
    workdir: &Path,
) -> Option<Place> {
    let problem = line_problem(text).or_else(|| {
        let rest = text.strip_prefix(RUN)?;
        let bad = |part: &str| part.is_empty() || part == "." || part == "..";
        let bad = rest.starts_with('/') || rest.contains('\\') || rest.split('/').any(bad);
        bad.then(|| "it is no plain path below the run directory".to_owned())
    });
    if let Some(problem) = problem {
        let message = format!("bad path `{}`", clip(text));
        made.told(reader.mistakes.error_once("exists", at.clone(), message).label(problem));
        return None;
    }
    Some(match text.strip_prefix(RUN) {
        Some(rest) => Place::Run(rest.to_owned()),
        None => Place::Host(super::below(workdir, text)),
    })
}
