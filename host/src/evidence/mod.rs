//! Evidence for a run directory: which files were there when the run ended, by size and SHA-256, who says so, and whether it
//! still holds. `docs/evidence.md` tells users what this proves and what it does not.
//!
//! What may live here: the list of files ([`inventory`]), facts about the machine and the program ([`HostFacts`],
//! [`BinaryDigest`], [`GitRevision`]), the signature (DSSE around an in-toto Statement), and the check of all of it
//! ([`verify`]). Nothing here decides what a run is or writes `run.json`: callers hand its bytes in.

mod binary;
mod diff;
mod dsse;
mod entry;
mod git;
mod host;
mod inventory;
mod key;
mod record;
mod refresh;
mod signature;
mod statement;
mod verify;

#[cfg(test)]
mod tests;

use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};

use crate::clock::UnixNanos;

pub use binary::BinaryDigest;
pub use diff::{Added, Against, Change, What};
pub use entry::{FileEntry, Kind};
pub use git::GitRevision;
pub use host::HostFacts;
pub use inventory::inventory;
pub use key::{KEY_PEM_VARIABLE, KEY_VARIABLE, KeyError, PublicKey, SigningKey};
pub use refresh::Rewrite;
pub use signature::{SIGNATURE, SignError, SignatureState, Signed, sign};
pub use statement::PREDICATE_TYPE;
pub use verify::{RecordState, Verdict, VerifyError, verify};

/// The `evidence` of a run's record: every file of the run directory except the record itself and its signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// When in the run's life the files were read.
    pub taken: Taken,
    /// Unix ns: when the reading began.
    pub time: UnixNanos,
    /// The program that read them, with its version.
    pub by: String,
    /// The files, sorted bytewise by their path.
    pub files: Vec<FileEntry>,
    /// What the host itself wrote anew later, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewrites: Vec<Rewrite>,
}

/// When evidence was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// At the end of the run, by the process that ran it.
    RunEnd,
    /// By a later `recover`, because the host was killed: between the two, anybody may have changed anything.
    Recovery,
}

impl Evidence {
    /// Reads every file of a run directory. `time`: now.
    ///
    /// # Errors
    /// Where the directory itself can't be listed. A file or folder that can't be read is no error: its entry says so.
    pub fn take(dir: &Dir, taken: Taken, time: UnixNanos) -> std::io::Result<Self> {
        Ok(Self { taken, time, by: program(), files: inventory(dir)?, rewrites: Vec::new() })
    }

    /// The same while `work` writes the folder `later` of the run directory, and nothing else of it. What `work` gives is the second.
    ///
    /// # Errors
    /// As [`Evidence::take`].
    pub fn take_beside<T>(
        dir: &Dir,
        taken: Taken,
        time: UnixNanos,
        later: &str,
        work: impl FnOnce() -> T,
    ) -> (std::io::Result<Self>, T) {
        let (files, made) = inventory::inventory_beside(dir, later, work);
        (files.map(|files| Self { taken, time, by: program(), files, rewrites: Vec::new() }), made)
    }

    /// The entry of a path.
    pub fn entry(&self, path: &str) -> Option<&FileEntry> {
        self.files.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok().map(|at| &self.files[at])
    }

    /// Whether `bytes` are what the evidence holds for `path`.
    pub fn holds(&self, path: &str, bytes: &[u8]) -> bool {
        self.entry(path).and_then(|entry| entry.sha256.as_deref()) == Some(crate::files::sha256(bytes).as_str())
    }

    /// Files that could not be read when the evidence was taken: nothing is known of their content.
    pub fn problems(&self) -> impl Iterator<Item = &FileEntry> {
        self.files.iter().filter(|entry| entry.problem.is_some())
    }
}

/// This program, as evidence names it.
fn program() -> String {
    concat!("forensic-host ", env!("CARGO_PKG_VERSION")).to_owned()
}
