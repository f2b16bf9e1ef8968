//! Golden files: what a plugin rendered when its author last looked at it, beside what it renders now.

use std::path::{Path, PathBuf};
use std::{fs, io};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use similar::TextDiff;

use crate::files::write_bytes;

/// Lines around a difference that are shown.
const CONTEXT: usize = 3;

/// A golden file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Golden {
    /// The file.
    pub path: PathBuf,
    /// How what was rendered compares with it.
    pub comparison: Comparison,
}

/// How a rendered text compares with its golden file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// They are the same.
    Same,
    /// There is no golden file.
    Missing,
    /// They differ; a unified diff.
    Differs(String),
    /// The golden file was written.
    Written,
}

impl Golden {
    /// Compares a text with its golden file; `update` makes the file what the text is.
    ///
    /// # Errors
    /// Where the file can't be read or written.
    pub fn compare(path: PathBuf, text: &str, update: bool) -> io::Result<Self> {
        let found = match fs::read_to_string(&path) {
            Ok(found) => Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        // A checkout may have put other line ends there; in JSON the form of a value is nobody's concern.
        let found = found.map(|found| normal(&path, &found));
        let comparison = match found {
            Some(found) if found == text => Comparison::Same,
            _ if update => {
                write(&path, text)?;
                Comparison::Written
            }
            None => Comparison::Missing,
            Some(found) => Comparison::Differs(diff(&path, &found, text)),
        };
        Ok(Self { path, comparison })
    }

    /// Whether it is what it should be.
    pub fn passed(&self) -> bool {
        matches!(self.comparison, Comparison::Same | Comparison::Written)
    }
}

fn normal(path: &Path, text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    if path.extension().is_some_and(|ending| ending == "json")
        && let Ok(value) = serde_json::from_str::<serde_json::Value>(&text)
    {
        return pretty(&value);
    }
    text
}

/// JSON as golden files hold it.
pub(super) fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

fn diff(path: &Path, golden: &str, rendered: &str) -> String {
    let name = path.display().to_string();
    TextDiff::from_lines(golden, rendered)
        .unified_diff()
        .context_radius(CONTEXT)
        .header(&name, "what it renders now")
        .to_string()
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Err(io::Error::other("it has no name"));
    };
    fs::create_dir_all(folder)?;
    write_bytes(&Dir::open_ambient_dir(folder, ambient_authority())?, name, text.as_bytes())
}
