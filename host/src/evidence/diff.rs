//! What differs between the files that should be there and those that are.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::entry::{FileEntry, Kind};

/// Which list a file was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// The evidence in `run.json`.
    Record,
    /// The subjects of the signature.
    Signature,
}

/// In which respect a file is another than it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It was a file and is a link, for example.
    Kind,
    /// It has more or fewer bytes.
    Size,
    /// Its bytes are others.
    Digest,
    /// It points elsewhere.
    Target,
    /// It can't be read now, so nothing can be said of its content.
    Unreadable,
}

/// A file that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its path.
    pub path: String,
    /// In which respects.
    pub what: Vec<What>,
    /// Where it was told what it should be.
    pub against: Against,
    /// What it should be.
    pub expected: FileEntry,
    /// What it is.
    pub found: FileEntry,
}

/// A file that was not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Added {
    /// The file.
    #[serde(flatten)]
    pub file: FileEntry,
    /// A file that is gone and had the same bytes: this may be the same one under another name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_bytes_as: Option<String>,
}

/// All differences; each list is sorted by path.
#[derive(Debug, Default)]
pub(super) struct Differences {
    pub(super) changed: Vec<Change>,
    pub(super) added: Vec<Added>,
    pub(super) removed: Vec<FileEntry>,
    /// Files of which nothing was known when the evidence was taken.
    pub(super) unverified: Vec<FileEntry>,
}

impl Differences {
    /// Compares with one more list; what an earlier one has told already is not told again.
    pub(super) fn compare(&mut self, expected: &[FileEntry], found: &[FileEntry], against: Against) {
        let there: HashMap<&str, &FileEntry> = found.iter().map(|entry| (entry.path.as_str(), entry)).collect();
        let known: HashMap<&str, &FileEntry> = expected.iter().map(|entry| (entry.path.as_str(), entry)).collect();
        for entry in expected {
            match there.get(entry.path.as_str()) {
                None if entry.kind == Kind::Folder => self.unverified.push(entry.clone()),
                None => self.removed.push(entry.clone()),
                Some(&found) => {
                    let what = respects(entry, found);
                    if !what.is_empty() {
                        let (expected, found) = (entry.clone(), found.clone());
                        self.changed.push(Change { path: entry.path.clone(), what, against, expected, found });
                    } else if entry.problem.is_some() {
                        self.unverified.push(entry.clone());
                    }
                }
            }
        }
        let new = found.iter().filter(|entry| !known.contains_key(entry.path.as_str()));
        // A statement has subjects for what has a digest only: the rest is the record's to tell.
        let new = new.filter(|entry| against == Against::Record || entry.sha256.is_some());
        self.added.extend(new.map(|entry| Added { file: entry.clone(), same_bytes_as: None }));
    }

    /// Sorts, drops what was said twice, and finds files under another name.
    pub(super) fn settle(&mut self) {
        // Stable: of the same change the record's is first, and knows the size.
        self.changed.sort_by(|a, b| a.path.cmp(&b.path));
        self.changed.dedup_by(|second, first| {
            second.path == first.path && second.expected.sha256 == first.expected.sha256 && second.found == first.found
        });
        self.added.sort_by(|a, b| a.file.path.cmp(&b.file.path));
        self.added.dedup_by(|second, first| second.file.path == first.file.path);
        self.removed.sort_by(|a, b| a.path.cmp(&b.path));
        self.removed.dedup_by(|second, first| second.path == first.path && second.sha256 == first.sha256);
        // Of several that are gone the first in order; empty files are all the same and say nothing.
        let mut gone = BTreeMap::new();
        for entry in self.removed.iter().filter(|entry| entry.size != Some(0)) {
            if let Some(digest) = &entry.sha256 {
                gone.entry(digest).or_insert(&entry.path);
            }
        }
        for added in &mut self.added {
            added.same_bytes_as = added.file.sha256.as_ref().and_then(|digest| Some((*gone.get(digest)?).clone()));
        }
    }
}

fn respects(expected: &FileEntry, found: &FileEntry) -> Vec<What> {
    if expected.kind != found.kind {
        return vec![What::Kind];
    }
    if expected.kind != Kind::File {
        return if expected.target == found.target { Vec::new() } else { vec![What::Target] };
    }
    if expected.problem.is_some() {
        return Vec::new();
    }
    if found.problem.is_some() {
        return vec![What::Unreadable];
    }
    let mut what = Vec::new();
    if expected.size.is_some() && expected.size != found.size {
        what.push(What::Size);
    }
    if expected.sha256 != found.sha256 {
        what.push(What::Digest);
    }
    what
}
