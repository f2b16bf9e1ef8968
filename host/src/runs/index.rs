//! All runs of a root folder, kept by somebody who asks again and again: a record is read only where it changed.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::cache::Stamp;
use super::entry::{Entry, State, broken, of};
use super::folder;
use crate::directory::{DirectoryError, RECORD, RunDirectory, runs_folder};

/// Folders that are looked into, the newest.
const FOLDERS_MAX: usize = 100_000;
/// A record that changed so short a time ago may change again without another time or size, and its signature comes after it.
const FRESH: Duration = Duration::from_secs(2);

/// The runs below a root folder.
#[derive(Debug)]
pub struct Index {
    runs: PathBuf,
    known: Mutex<HashMap<String, Known>>,
}

/// A run as a list has it.
#[derive(Debug)]
pub struct Indexed {
    /// What a list says of it.
    pub entry: Entry,
    /// State of its record; `None` where it has none.
    pub stamp: Option<Stamp>,
}

#[derive(Debug)]
struct Known {
    indexed: Arc<Indexed>,
    /// Whether it stays like that until the record changes.
    settled: bool,
}

impl Index {
    /// Of the runs below `root`; reads nothing yet.
    pub fn new(root: &Path) -> Self {
        Self { runs: runs_folder(root), known: Mutex::default() }
    }

    /// The folder that the runs are in.
    pub fn folder(&self) -> &Path {
        &self.runs
    }

    /// All runs, newest first; at most the 100,000 whose folders are newest. What is no folder is left out, a folder that is no run
    /// is a broken one. Whoever asks while another reads waits for what that one finds.
    pub fn entries(&self) -> Vec<Arc<Indexed>> {
        let mut names = folder::newest_first(&self.runs);
        names.truncate(FOLDERS_MAX);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = HashMap::with_capacity(names.len());
        for name in names {
            let stamp = match std::fs::symlink_metadata(self.runs.join(&name).join(RECORD)) {
                Ok(metadata) => Some(Stamp::of_std(&metadata)),
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => continue,
                Err(_) => None,
            };
            let old = known.remove(&name).filter(|old| old.settled && old.indexed.stamp == stamp);
            if let Some(new) = old.or_else(|| self.read(&name, stamp)) {
                found.insert(name, new);
            }
        }
        *known = found;
        let mut entries: Vec<Arc<Indexed>> = known.values().map(|known| Arc::clone(&known.indexed)).collect();
        drop(known);
        entries
            .sort_unstable_by(|a, b| (b.entry.start_time, &b.entry.folder).cmp(&(a.entry.start_time, &a.entry.folder)));
        entries
    }

    /// Opens the run in a folder of this name, which a link out of the runs folder is not followed to.
    ///
    /// # Errors
    /// Where there is none.
    pub fn open(&self, name: &str) -> Result<RunDirectory, DirectoryError> {
        RunDirectory::open_below(&self.runs, name)
    }

    fn read(&self, name: &str, stamp: Option<Stamp>) -> Option<Known> {
        let entry = match self.open(name) {
            Ok(directory) => of(&directory, name.to_owned()),
            Err(_) if !self.runs.join(name).is_dir() => return None,
            Err(error) => broken(name.to_owned(), error.to_string()),
        };
        let settled = entry.state == State::Ended
            && stamp
                .and_then(|stamp| stamp.changed())
                .is_some_and(|changed| SystemTime::now().duration_since(changed).is_ok_and(|age| age > FRESH));
        Some(Known { indexed: Arc::new(Indexed { entry, stamp }), settled })
    }
}
