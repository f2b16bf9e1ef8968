//! The parts of a key that come from files: declared inputs, and arguments that name files. May live here: which files count.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::contents::Contents;
use super::globs::{self, MAX_FILES};
use super::index::SUMMARIES;
use super::parts::{self, Part};
use super::paths::{clean, relative};
use super::producers::Producers;
use crate::pipeline::{Command, Pipeline};

/// Names of a folder are remembered up to this number.
const MAX_NAMES: usize = 100_000;

/// The files that stages read.
pub(super) struct Inputs {
    /// The pipeline's folder, clean.
    pub(super) dir: PathBuf,
    /// What the host itself writes, clean.
    pub(super) summaries: PathBuf,
    producers: Producers,
    contents: Contents,
    /// While many stages are planned: what there is in their working folders (`None`: too much, or not known). Most arguments name
    /// no file, and this says so without asking the system for each.
    names: Option<HashMap<OsString, Option<HashSet<OsString>>>>,
}

/// Parts of inputs, ascending, and the globs that named no file.
type Found = (Vec<Part>, Vec<String>);
type Parts = BTreeMap<Arc<str>, Arc<str>>;

impl Inputs {
    pub(super) fn new(pipeline: &Pipeline, root: &Path) -> Self {
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        let summaries = clean(&root).join(SUMMARIES);
        Self {
            dir: clean(&pipeline.dir),
            producers: Producers::of(pipeline),
            contents: Contents::new(summaries.clone()),
            summaries,
            // Elsewhere a file may have more than one name.
            names: cfg!(target_os = "linux").then(HashMap::new),
        }
    }

    /// From now on, what is in folders may change.
    pub(super) fn forget_names(&mut self) {
        self.names = None;
    }

    /// The parts of a stage's key that come from files, as they are now or were after `since`.
    pub(super) fn of(&mut self, pipeline: &Pipeline, index: usize, since: Instant) -> Result<Found, String> {
        let stage = &pipeline.stages[index];
        let mut parts = Parts::new();
        if let Command::Argv(argv) = &stage.command {
            for word in argv.iter().filter_map(|word| path_in(word)) {
                if self.may_be(&stage.workdir, word) {
                    let path = clean(&stage.workdir.join(word));
                    if path.starts_with(&self.dir) {
                        self.add(pipeline, index, &path, since, &mut parts)?;
                    }
                }
            }
        }
        if let Command::Pipeline(file) = &stage.command {
            self.add(pipeline, index, &clean(file), since, &mut parts)?;
        }
        let mut unmatched = Vec::new();
        for glob in &stage.inputs {
            let listing = self.contents.list(&stage.workdir, glob, since).map_err(|why| format!("`{glob}`: {why}"))?;
            for file in listing.iter() {
                self.add(pipeline, index, &clean(&stage.workdir.join(file)), since, &mut parts)?;
            }
            // What a stage is yet to write is not missed.
            let (prefix, _) = globs::split(glob);
            if listing.is_empty() && !self.producers.may_write(&clean(&stage.workdir.join(prefix))) {
                unmatched.push(glob.clone());
            }
            if parts.len() > MAX_FILES {
                return Err(format!("there are more than {MAX_FILES}"));
            }
        }
        Ok((parts.into_iter().collect(), unmatched))
    }

    /// False where a word surely names nothing.
    fn may_be(&mut self, workdir: &Path, word: &str) -> bool {
        let first = word.split('/').next().unwrap_or(word);
        let Some(names) = &mut self.names else { return true };
        if matches!(first, "" | "." | "..") {
            return true;
        }
        if !names.contains_key(workdir.as_os_str()) {
            names.insert(workdir.as_os_str().to_owned(), names_in(workdir));
        }
        let there = names.get(workdir.as_os_str()).and_then(Option::as_ref);
        there.is_none_or(|there| there.contains(OsStr::new(first)))
    }

    fn add(
        &mut self,
        pipeline: &Pipeline,
        index: usize,
        path: &Path,
        since: Instant,
        parts: &mut Parts,
    ) -> Result<(), String> {
        if path.starts_with(&self.summaries) || self.producers.covers(pipeline, index, path) {
            return Ok(());
        }
        match self.contents.file(path, since) {
            Ok(None) => {}
            Ok(Some(sha256)) => {
                parts.insert(format!("{}{}", parts::INPUT, relative(&self.dir, path)).into(), sha256);
            }
            Err(why) => return Err(format!("{}: {why}", relative(&self.dir, path))),
        }
        Ok(())
    }
}

fn names_in(folder: &Path) -> Option<HashSet<OsString>> {
    let mut names = HashSet::new();
    for entry in std::fs::read_dir(folder).ok()? {
        names.insert(entry.ok()?.file_name());
        if names.len() > MAX_NAMES {
            return None;
        }
    }
    Some(names)
}

/// The part of an argument that may be a path: `x` of `--config=x`; no other flag.
fn path_in(word: &str) -> Option<&str> {
    const MAX_PATH: usize = 4096;
    let path = if word.starts_with('-') { word.split_once('=')?.1 } else { word };
    (!path.is_empty() && path.len() < MAX_PATH && !path.contains('\0')).then_some(path)
}
