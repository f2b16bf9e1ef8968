//! `<root>/summaries/cache/<key>`: which run has the result of a key. May live here: the format and the lookup. An entry is a hint
//! from outside: what it names may be gone, and is checked by whoever follows it.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};

use super::globs;
use super::manifest::write_whole;
use super::parts::Key;
use crate::directory::RunId;

/// What the host keeps of runs, below the root folder.
pub(super) const SUMMARIES: &str = "summaries";
const RUNS: &str = "runs";
const CACHE: &str = "cache";
/// Name and version of the format.
const SCHEMA: &str = "forensic.cache/1";
/// The most bytes that are read of an entry.
const MAX_SIZE: u64 = 4096;
/// The longest stage id.
const MAX_STAGE: usize = 128;

/// Which run has a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    schema: String,
    /// The run, by its id in the same root folder.
    pub run_id: String,
    /// Stage id.
    pub stage: String,
}

impl Entry {
    /// Reads an entry from its bytes; `None` if they are none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let entry: Self = serde_json::from_slice(bytes).ok()?;
        let good = bytes.len() as u64 <= MAX_SIZE
            && entry.schema == SCHEMA
            && RunId::parse(&entry.run_id).is_ok()
            && entry.stage.len() <= MAX_STAGE;
        good.then_some(entry)
    }
}

/// The results of all runs of a root folder, by key.
#[derive(Debug)]
pub struct CacheIndex {
    summaries: PathBuf,
    /// `None`: there are no entries.
    cache: Option<Dir>,
}

impl CacheIndex {
    /// The index below a root folder; one that isn't there is empty.
    pub fn open(root: &Path) -> Self {
        let summaries = root.join(SUMMARIES);
        let cache = Dir::open_ambient_dir(summaries.join(CACHE), ambient_authority()).ok();
        Self { summaries, cache }
    }

    /// The same, with its folder made where it is missing.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(root: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(root.join(SUMMARIES).join(CACHE))?;
        Ok(Self::open(root))
    }

    /// Notes which run has the result of a key; the latest one counts.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn note(&self, key: &str, run_id: &str, stage: &str) -> io::Result<()> {
        let Some(cache) = &self.cache else { return Err(io::ErrorKind::NotFound.into()) };
        let entry = Entry { schema: SCHEMA.to_owned(), run_id: run_id.to_owned(), stage: stage.to_owned() };
        write_whole(cache, key, &serde_json::to_vec(&entry)?)
    }

    /// The entry of a key. Garbage is none.
    pub fn look_up(&self, key: Key) -> Option<Entry> {
        let file = globs::open_file(self.cache.as_ref()?, &key.to_string()).ok()?;
        let mut bytes = Vec::new();
        file.take(MAX_SIZE + 1).read_to_end(&mut bytes).ok()?;
        Entry::parse(&bytes)
    }

    /// The directory of the run that an entry names.
    pub(super) fn run(&self, entry: &Entry) -> PathBuf {
        self.summaries.join(RUNS).join(&entry.run_id)
    }

    /// Removes the entries that name none of the runs for which `keep` says yes: for whoever removes runs. Returns how many
    /// were removed.
    ///
    /// # Errors
    /// What the file system says of the folder; an entry that can't be removed is passed over.
    pub fn prune(&self, keep: &dyn Fn(&str) -> bool) -> io::Result<usize> {
        let Some(cache) = &self.cache else { return Ok(0) };
        let mut removed = 0;
        for file in cache.entries()? {
            let file = file?;
            let Some(name) = file.file_name().to_str().map(str::to_owned) else { continue };
            let entry = globs::open_file(cache, &name).ok().and_then(|file| {
                let mut bytes = Vec::new();
                file.take(MAX_SIZE + 1).read_to_end(&mut bytes).ok()?;
                Entry::parse(&bytes)
            });
            // A temporary file may be somebody's who writes just now.
            let gone = entry.is_none_or(|entry| !keep(&entry.run_id)) && !name.starts_with('.');
            if gone && cache.remove_file(&name).is_ok() {
                removed += 1;
            }
        }
        Ok(removed)
    }
}
