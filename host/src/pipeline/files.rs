//! Files that a pipeline leads to: those that it includes, lists, and pipelines that its stages run. Each is read once.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::lists::List;
use super::{MAX_FILE, MAX_STAGES};
use crate::config::read::Reader;
use crate::config::words::clip;
use crate::config::{LoadError, read_text};
use crate::limits::show_bytes;

/// Most files that one pipeline may lead to.
pub(super) const MAX_FILES: usize = 1_000;

/// Most that they have together, in bytes.
const MAX_TOTAL: u64 = 4 * MAX_FILE;

/// What is read beside the pipeline file itself.
pub(super) struct Files<'a> {
    /// Names of the plugins in the binary.
    pub(super) builtins: &'a [&'a str],
    /// The pipelines that are being read, each run by a stage of the one before it.
    pub(super) chain: Vec<PathBuf>,
    /// Pipelines that were checked, and whether they could be read.
    pub(super) checked: HashMap<PathBuf, bool>,
    /// Lists that were read, by file.
    pub(super) lists: HashMap<PathBuf, Option<Rc<List>>>,
    /// How many more stages there may be, those of nested pipelines included.
    pub(super) stages_left: usize,
    count: usize,
    bytes: u64,
    told: bool,
}

impl<'a> Files<'a> {
    pub(super) fn new(path: &Path, builtins: &'a [&'a str]) -> Self {
        Self {
            builtins,
            chain: vec![identity(path)],
            checked: HashMap::new(),
            lists: HashMap::new(),
            stages_left: MAX_STAGES,
            count: 0,
            bytes: 0,
            told: false,
        }
    }

    /// Reads a file that is named at `at`, by its path and as messages show it; `what` it is, with its article.
    pub(super) fn read(
        &mut self,
        reader: &mut Reader,
        at: &Range<usize>,
        (path, shown): (&Path, &Path),
        what: &str,
    ) -> Option<Arc<str>> {
        self.count += 1;
        if self.count > MAX_FILES || self.bytes > MAX_TOTAL {
            if !self.told {
                self.told = true;
                let most = show_bytes(MAX_TOTAL);
                let message = format!("the pipeline leads to more than {MAX_FILES} files, or {most} of them");
                reader.mistakes.error(at.clone(), message).label("no further file is read");
            }
            return None;
        }
        // A pipe would be waited for without end.
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            let message = format!("cannot read {what} `{}`", clip(&shown.display().to_string()));
            reader.mistakes.error(at.clone(), message).label("this is not a file");
            return None;
        }
        let text = match read_text(path, MAX_FILE) {
            Ok(text) => text,
            Err(error) => {
                refuse(reader, at, shown, what, error);
                return None;
            }
        };
        self.bytes += text.len() as u64;
        Some(text.into())
    }
}

fn refuse(reader: &mut Reader, at: &Range<usize>, shown: &Path, what: &str, error: LoadError) {
    let shown = shown.display().to_string();
    let draft = reader.mistakes.error(at.clone(), format!("cannot read {what} `{}`", clip(&shown)));
    match error {
        LoadError::Unreadable { io, .. } if io.kind() == std::io::ErrorKind::NotFound => {
            draft.label("there is no such file").help("it is relative to the folder of the file that names it");
        }
        LoadError::Unreadable { io, .. } => {
            draft.label(io.to_string());
        }
        LoadError::TooLarge { most, .. } => {
            draft.label(format!("it is larger than {}, the most that it may have", show_bytes(most)));
        }
        LoadError::Invalid(found) => {
            let item = &found.items()[0];
            let why = &item.labels[0].message;
            draft.label("it is not UTF-8 text").help(format!("line {}: {why}; save it as UTF-8", item.line));
        }
    }
}

/// What tells a file from others, whatever way leads to it.
pub(super) fn identity(path: &Path) -> PathBuf {
    let absolute = || std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    std::fs::canonicalize(path).unwrap_or_else(|_| absolute())
}

/// The folder of a file, which the relative paths in it are relative to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folder {
    /// Absolute, without `.` parts; links are left alone.
    pub(super) dir: PathBuf,
    /// As the user wrote it, for messages.
    shown: PathBuf,
}

impl Folder {
    /// The folder of the file at `path`, which messages call `shown`.
    pub(super) fn of(path: &Path, shown: &Path) -> Self {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let dir = absolute.parent().map(Path::to_owned).unwrap_or(absolute);
        Self { dir, shown: shown.parent().map(Path::to_owned).unwrap_or_default() }
    }

    /// A path that stands in the file, absolute, and as messages show it.
    pub(super) fn file(&self, text: &str) -> (PathBuf, PathBuf) {
        (super::below(&self.dir, text), super::below(&self.shown, text))
    }
}
