//! `pipeline = "file"`: a pipeline that a stage runs, read and checked along with the one that it stands in.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::files::{Files, Folder, identity};
use super::include::Document;
use super::places::line_problem;
use super::stages::Made;
use crate::config;
use crate::config::read::{Reader, Table};
use crate::config::words::clip;

/// How many pipelines may be within one another, the outermost not counted.
pub(super) const MAX_DEPTH: usize = 8;

/// The file's path; it is checked unless it was before. Mistakes are recorded.
pub(super) fn check(
    reader: &mut Reader,
    files: &mut Files<'_>,
    made: &Made<'_>,
    at: &Range<usize>,
    text: &str,
    folder: &Folder,
) -> Option<PathBuf> {
    if let Some(problem) = line_problem(text) {
        made.told(reader.mistakes.error_once("nested", at.clone(), "bad value for `pipeline`").label(problem));
        return None;
    }
    let (path, shown) = folder.file(text);
    let own = identity(&path);
    if let Some(start) = files.chain.iter().position(|file| *file == own) {
        let name = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let ring: Vec<String> = files.chain[start..].iter().chain([&own]).map(|path| name(path)).collect();
        let message = format!("the pipeline `{}` would run itself", clip(&shown.display().to_string()));
        let draft = reader.mistakes.error_once("ring", at.clone(), message);
        made.told(draft.label(ring.join(" → ")).help("run another one, or take the stage out"));
        return None;
    }
    if let Some(good) = files.checked.get(&own) {
        return good.then_some(path);
    }
    if files.chain.len() > MAX_DEPTH {
        let message = format!("pipelines are nested deeper than {MAX_DEPTH}");
        made.told(reader.mistakes.error_once("deep", at.clone(), message).label("this one is too deep"));
        return None;
    }
    let content = files.read(reader, at, (&path, &shown), "the pipeline");
    files.checked.insert(own.clone(), content.is_some());
    let content = content?;
    let (base, document) = config::open(reader, &shown, &content);
    let document = document?;
    files.chain.push(own);
    let document = Document { table: Table::at(document.get_ref(), base), folder: Folder::of(&path, &shown) };
    super::root(reader, files, document, &path, base);
    files.chain.pop();
    Some(path)
}
