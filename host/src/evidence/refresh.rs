//! What the host itself writes anew in a run directory whose evidence was taken already.
//!
//! Only the entries of those files are renewed. To read the whole directory again would turn everything that was changed in
//! the meantime into evidence.

use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};

use super::inventory::look;
use super::{Evidence, FileEntry, program};
use crate::clock::UnixNanos;

/// Files that the host wrote anew, and what they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewrite {
    /// Unix ns.
    pub time: UnixNanos,
    /// The program, with its version.
    pub by: String,
    /// Its command: `report` or `recover`.
    pub command: String,
    /// The entries as they were before.
    pub replaced: Vec<FileEntry>,
    /// Paths that there were none of before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub new: Vec<String>,
}

impl Evidence {
    /// Renews the entries of `paths`, the files that `command` has just written. Returns whether any is another than before;
    /// if not, nothing is changed and `run.json` need not be written.
    pub fn refresh(&mut self, dir: &Dir, paths: &[&str], command: &str, time: UnixNanos) -> bool {
        let (mut replaced, mut new) = (Vec::new(), Vec::new());
        for &path in paths {
            let found = look(dir, path);
            match (self.files.binary_search_by(|entry| entry.path.as_str().cmp(path)), found) {
                (Ok(at), Some(found)) if self.files[at] == found => {}
                (Ok(at), Some(found)) => replaced.push(std::mem::replace(&mut self.files[at], found)),
                (Ok(at), None) => replaced.push(self.files.remove(at)),
                (Err(at), Some(found)) => {
                    new.push(found.path.clone());
                    self.files.insert(at, found);
                }
                (Err(_), None) => {}
            }
        }
        let changed = !replaced.is_empty() || !new.is_empty();
        if changed {
            self.rewrites.push(Rewrite { time, by: program(), command: command.to_owned(), replaced, new });
        }
        changed
    }
}
