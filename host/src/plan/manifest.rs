//! `stages/<id>.json` in a run directory: what a stage that succeeded left behind and what that depended on. May live here: the
//! format, and reading and writing it. What is read is data from outside: its size is bounded, its paths are checked.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::{Dir, OpenOptions};
use serde::{Deserialize, Serialize};

use super::globs::{self, MAX_FILES};
use super::parts;
use super::paths::is_plain;
use crate::directory::{LOGS, is_host_file};

/// Where manifests are, below the run directory.
pub const STAGES: &str = "stages";
/// Name and version of the format.
const SCHEMA: &str = "forensic.stage/1";
/// The most bytes that are read of one.
const MAX_SIZE: u64 = 64 << 20;

/// What a stage that succeeded left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `forensic.stage/1`.
    pub(super) schema: String,
    /// Name of the pipeline.
    pub pipeline: String,
    /// The run in which it ran.
    pub run_id: String,
    /// Stage id.
    pub stage: String,
    /// Its content key, 64 hexadecimal digits.
    pub key: String,
    /// What the key was made of.
    pub parts: BTreeMap<String, String>,
    /// Its files, each once.
    pub outputs: Vec<Output>,
    /// From the first attempt's start to the end, ns.
    pub duration_ns: u64,
    /// Number of attempts.
    pub attempts: u32,
    /// When it ended, Unix ns.
    pub end_time: u64,
}

/// A file that a stage left behind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Output {
    /// What its path is relative to.
    #[serde(rename = "in")]
    pub place: OutputPlace,
    /// Relative, with `/`, plain names only.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the content, hexadecimal.
    pub sha256: String,
}

/// What the path of an output is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputPlace {
    /// The run directory.
    Run,
    /// The stage's working folder.
    Workdir,
}

/// Why bytes are no manifest.
#[derive(Debug, thiserror::Error)]
pub enum BadManifest {
    /// It can't be read.
    #[error("it can't be read: {0}")]
    Io(#[from] io::Error),
    /// It is longer than any can be.
    #[error("it has more than {MAX_SIZE} bytes")]
    TooLarge,
    /// It is no JSON of this form.
    #[error("it is no manifest: {0}")]
    Json(#[from] serde_json::Error),
    /// A field says what can't be.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
}

impl Manifest {
    /// Reads one from its bytes.
    ///
    /// # Errors
    /// [`BadManifest`]: it is none, or says what can't be.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadManifest> {
        let manifest: Self = serde_json::from_slice(bytes)?;
        match manifest.problem() {
            None => Ok(manifest),
            Some(problem) => Err(BadManifest::Damaged(problem)),
        }
    }

    /// A new one; `parts` are ascending by label.
    pub(super) fn new(pipeline: &str, run_id: &str, stage: &str, parts: BTreeMap<String, String>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            pipeline: pipeline.to_owned(),
            run_id: run_id.to_owned(),
            stage: stage.to_owned(),
            key: own_key(&parts),
            parts,
            outputs: Vec::new(),
            duration_ns: 0,
            attempts: 1,
            end_time: 0,
        }
    }

    fn problem(&self) -> Option<&'static str> {
        let digest = |text: &str| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let mut seen = BTreeSet::new();
        if self.schema != SCHEMA {
            Some("its schema is unknown")
        } else if self.outputs.len() > MAX_FILES {
            Some("it has too many outputs")
        } else if self.outputs.iter().any(|output| !digest(&output.sha256)) {
            Some("a digest is none")
        } else if self.outputs.iter().any(|output| !is_plain(&output.path)) {
            Some("a path is none")
        } else if self.outputs.iter().any(|output| output.place == OutputPlace::Run && is_own(&output.path)) {
            Some("a path is the host's own")
        } else if !self.outputs.iter().all(|output| seen.insert((output.place, &output.path))) {
            Some("a path stands twice")
        } else if self.attempts == 0 {
            Some("it has no attempt")
        } else if self.key != own_key(&self.parts) {
            Some("its key is not that of its parts")
        } else {
            None
        }
    }

    /// Reads the manifest of a stage; `None` if there is none.
    ///
    /// # Errors
    /// [`BadManifest`].
    pub(super) fn read(run: &Dir, stage: &str) -> Result<Option<Self>, BadManifest> {
        let file = match globs::open_file(run, &path(stage)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        file.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_SIZE {
            return Err(BadManifest::TooLarge);
        }
        let manifest = Self::parse(&bytes)?;
        if manifest.stage == stage { Ok(Some(manifest)) } else { Err(BadManifest::Damaged("it is of another stage")) }
    }

    /// Writes it to the folder of manifests, whole or not at all.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn write(&self, stages: &Dir) -> io::Result<()> {
        write_whole(stages, &format!("{}.json", self.stage), &serde_json::to_vec(self)?)
    }
}

fn own_key(parts: &BTreeMap<String, String>) -> String {
    parts::key(parts.iter().map(|(label, value)| (label.as_str(), value.as_str()))).to_string()
}

/// Path of a stage's manifest below the run directory.
pub fn path(stage: &str) -> String {
    format!("{STAGES}/{stage}.json")
}

/// Whether a path below a run directory is the host's own, and so no stage's output.
pub(super) fn is_own(path: &str) -> bool {
    let below = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    is_host_file(path) || [STAGES, LOGS, crate::directory::REPORTS, crate::directory::PLUGINS].into_iter().any(below)
}

/// Writes a file through a temporary one. Without an fsync: after a crash a lost or empty one is a miss, and nothing more.
pub(super) fn write_whole(folder: &Dir, name: &str, bytes: &[u8]) -> io::Result<()> {
    // Two runs of one process may write the same name.
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let temporary = format!(".{name}.{}.{number}.tmp", std::process::id());
    let outcome = folder
        .open_with(&temporary, OpenOptions::new().write(true).create(true).truncate(true))
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| folder.rename(&temporary, folder, name));
    if outcome.is_err() {
        // Nothing to add to the error at hand if this fails too.
        drop(folder.remove_file(&temporary));
    }
    outcome
}

/// The folder of manifests of a run, made where it is missing.
pub(super) fn folder(run: &Dir) -> io::Result<Dir> {
    globs::open_folder(run, STAGES, true)
}
