//! What a lock holds, as plain data.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use super::keys::KeyId;
use crate::pipeline::OnFailure;
use crate::registry::{Digest, Reference, ReferenceError};

const BUILTIN: &str = "builtin:";
const OCI: &str = "oci://";

/// The plugins of a pipeline, by report stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    plugins: Vec<Locked>,
}

/// A report stage's plugin, and what it is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// Id of the report stage.
    pub report: String,
    /// The plugin's name, as it says itself.
    pub name: String,
    /// The plugin's version, as it says itself.
    pub version: String,
    /// Where the component comes from.
    pub source: Source,
    /// Digest of the manifest; there where the source is a registry, and only there.
    pub manifest: Option<Digest>,
    /// Digest of the component.
    pub sha256: Digest,
    /// Version of the report API that it was built for: `0.1.0`.
    pub api: String,
    /// Names of its imports, in the order of the component: `forensic:report/trace@0.1.0`.
    pub interfaces: Vec<String>,
    /// Globs of the artifacts that it may read, in the order of the pipeline.
    pub artifacts: Vec<String>,
    /// The limits that the pipeline sets, by key, as [`crate::limits::Unit::show`] writes them.
    pub limits: BTreeMap<String, String>,
    /// What its failure means for the run.
    pub on_failure: OnFailure,
    /// The key that the component's signature was checked with.
    pub signed_by: Option<KeyId>,
}

impl Lock {
    /// A lock of these plugins, sorted by report stage. Of two with the same stage, which no pipeline has, the first
    /// counts.
    pub fn new(mut plugins: Vec<Locked>) -> Self {
        plugins.sort_by(|one, other| one.report.cmp(&other.report));
        plugins.dedup_by(|later, earlier| later.report == earlier.report);
        Self { plugins }
    }

    /// The plugins, sorted by report stage.
    pub fn plugins(&self) -> &[Locked] {
        &self.plugins
    }

    /// The plugin of a report stage.
    pub fn get(&self, report: &str) -> Option<&Locked> {
        self.plugins.binary_search_by(|locked| locked.report.as_str().cmp(report)).ok().map(|at| &self.plugins[at])
    }
}

/// Where a component comes from, as the lock writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `builtin:NAME`: shipped in the host; the name without the prefix.
    Builtin(String),
    /// A file: its path from the lock file's folder, with `/`, never absolute.
    Path(String),
    /// `oci://…`: an artifact in a registry, as the pipeline names it.
    Oci(Reference),
}

/// Why a text is no source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSource {
    /// It names nothing.
    #[error("it is empty")]
    Empty,
    /// A lock is read on other machines, too.
    #[error("the path is absolute: write it from the lock file's folder")]
    Absolute,
    /// It has bytes that no text can hold, or control characters.
    #[error("the path {0:?} can't be written as text: rename the file")]
    NoText(PathBuf),
    /// It is no reference.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
}

impl Source {
    /// The source of a file; `folder` is the lock file's. Both are absolute or seen from the same folder.
    ///
    /// # Errors
    /// [`BadSource::NoText`], [`BadSource::Empty`].
    pub fn of_path(path: &Path, folder: &Path) -> Result<Self, BadSource> {
        let no_text = || BadSource::NoText(path.to_owned());
        let (path, folder) = (plain(path), plain(folder));
        let common = path.iter().zip(&folder).take_while(|(one, other)| one == other).count();
        let up = folder[common..].iter().map(|_| Some(".."));
        let down = path[common..].iter().map(|part| part.as_os_str().to_str());
        let parts: Vec<&str> = up.chain(down).collect::<Option<_>>().ok_or_else(no_text)?;
        let text = parts.join("/");
        if text.is_empty() {
            return Err(BadSource::Empty);
        }
        if text.contains(char::is_control) {
            return Err(no_text());
        }
        // A file may have a name that looks like another kind of source.
        Ok(Self::Path(if text.starts_with(BUILTIN) || text.starts_with(OCI) { format!("./{text}") } else { text }))
    }
}

/// A path's parts without `.` and with `..` applied.
fn plain(path: &Path) -> Vec<Component<'_>> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(parts.last(), Some(Component::Normal(_))) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}

impl FromStr for Source {
    type Err = BadSource;

    /// # Errors
    /// [`BadSource`].
    fn from_str(text: &str) -> Result<Self, BadSource> {
        if text.starts_with(OCI) {
            return Ok(Self::Oci(Reference::parse(text)?));
        }
        let path = match text.strip_prefix(BUILTIN) {
            Some("") => return Err(BadSource::Empty),
            Some(name) => return Ok(Self::Builtin(name.to_owned())),
            None => text,
        };
        if path.trim().is_empty() {
            Err(BadSource::Empty)
        } else if path.starts_with('/') {
            Err(BadSource::Absolute)
        } else if path.contains(char::is_control) {
            Err(BadSource::NoText(path.into()))
        } else {
            Ok(Self::Path(path.to_owned()))
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "{BUILTIN}{name}"),
            Self::Path(path) => f.write_str(path),
            Self::Oci(reference) => write!(f, "{reference}"),
        }
    }
}

/// As the lock and the pipeline write it.
pub(super) fn failure_text(choice: OnFailure) -> &'static str {
    match choice {
        OnFailure::Degrade => "degrade",
        OnFailure::Fail => "fail",
    }
}
