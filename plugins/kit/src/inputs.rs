//! Granted files: reading them, and remembering which were used and which were missing.

use std::cell::RefCell;

use forensic_guest_sdk::{Artifact, ArtifactError, Host};
use serde_json::Value;

use crate::json::{self, Parsed};
use crate::order::sorted;
use crate::table::{Frame, Records};

/// Bytes that [`Inputs::lines`] asks the host for at a time.
const READ_CHUNK: u32 = 256 << 10;
/// Longest line that [`Inputs::lines`] keeps in memory.
const LONGEST_LINE: usize = 8 << 20;
const REFUSED: &str = "was listed and then refused by the host";

/// One line of a file.
#[derive(Debug, Clone, Copy)]
pub struct Line<'b> {
    /// From 1.
    pub number: u64,
    /// Without the line break.
    pub bytes: &'b [u8],
    /// Whether there was a line break.
    pub ended: bool,
}

/// Why an input can't be used.
#[derive(Debug, Clone, PartialEq)]
pub enum InputError {
    /// It does not exist below the run directory, or was not granted.
    Missing {
        /// The file.
        id: String,
    },
    /// It is there and can't be used.
    Unusable {
        /// The file.
        id: String,
        /// The sentence's end, such as `is not valid JSON: …`.
        why: String,
    },
}

impl InputError {
    /// The file.
    pub fn id(&self) -> &str {
        match self {
            Self::Missing { id } | Self::Unusable { id, .. } => id,
        }
    }

    /// Whether the file is not there at all.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// A sentence without its full stop.
    pub fn explain(&self) -> String {
        match self {
            Self::Missing { id } => format!("{id} is missing: it was not written, or not granted to this report"),
            Self::Unusable { id, why } => format!("{id} {why}"),
        }
    }
}

/// What was made of a file.
#[derive(Clone)]
enum Use {
    Read,
    Useless(String),
}

/// The granted files of a run.
pub struct Inputs<'h> {
    host: &'h dyn Host,
    /// Sorted by id.
    files: Vec<Artifact>,
    /// What was made of each file; `None` if it was not read.
    used: RefCell<Vec<Option<Use>>>,
    /// Id and note.
    missing: RefCell<Vec<(String, String)>>,
}

impl<'h> Inputs<'h> {
    /// All that was granted.
    pub fn new(host: &'h dyn Host) -> Self {
        let files = sorted(host.artifacts(), |left, right| left.id.cmp(&right.id));
        let used = RefCell::new(vec![None; files.len()]);
        Self { host, files, used, missing: RefCell::default() }
    }

    fn find(&self, id: &str) -> Option<usize> {
        self.files.binary_search_by(|file| file.id.as_str().cmp(id)).ok()
    }

    /// Remembers that a file was read, and why it was of no use.
    fn remember(&self, id: &str, why: Option<&str>) {
        let mut used = self.used.borrow_mut();
        if let Some(slot) = self.find(id).and_then(|at| used.get_mut(at)) {
            match why {
                Some(why) => *slot = Some(Use::Useless(why.to_owned())),
                None if slot.is_none() => *slot = Some(Use::Read),
                None => {}
            }
        }
    }

    /// Whether a file was granted.
    pub fn has(&self, id: &str) -> bool {
        self.find(id).is_some()
    }

    /// Ids of all granted files, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.id.as_str())
    }

    /// The first of `ids` that was granted: the name, then older names. If none is there, the first is remembered
    /// as missing and the error names it.
    pub fn first_of<'i>(&self, ids: &[&'i str]) -> Result<&'i str, InputError> {
        if let Some(id) = ids.iter().find(|id| self.has(id)) {
            return Ok(id);
        }
        let id = ids.first().copied().unwrap_or_default();
        let note = match ids.get(1..).unwrap_or_default() {
            [] => String::new(),
            older => format!("also looked for {}", older.join(", ")),
        };
        let mut missing = self.missing.borrow_mut();
        if !missing.iter().any(|(other, _)| other == id) {
            missing.push((id.to_owned(), note));
        }
        Err(InputError::Missing { id: id.to_owned() })
    }

    /// A file as text.
    ///
    /// # Errors
    /// If it is missing, can't be read or is not UTF-8.
    pub fn text(&self, id: &str) -> Result<String, InputError> {
        let id = self.first_of(&[id])?;
        let read = self.host.read_text(id).map_err(|why| format!("can't be read: {why}"));
        match read {
            Ok(Some(text)) => {
                self.remember(id, None);
                Ok(text)
            }
            Ok(None) => Err(self.unusable(id, REFUSED.into())),
            Err(why) => Err(self.unusable(id, why)),
        }
    }

    /// Hands the lines of a file to `each`, one after the other, so that a file of any length needs the memory of
    /// its longest line. Lines count from 1 and come without their line break; blank lines are left out. `ended` is
    /// false for a last line without a line break.
    ///
    /// # Errors
    /// If it is missing, can't be read to its end, or has a line of more than 8 MiB.
    pub fn lines(&self, id: &str, mut each: impl FnMut(Line<'_>)) -> Result<(), InputError> {
        let id = self.first_of(&[id])?;
        self.remember(id, None);
        let (mut rest, mut offset, mut number) = (Vec::new(), 0, 0);
        let mut hand = |bytes: &[u8], ended: bool| {
            number += 1;
            let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
            if !bytes.trim_ascii().is_empty() {
                each(Line { number, bytes, ended });
            }
        };
        loop {
            let chunk = match self.host.read(id, offset, READ_CHUNK) {
                Ok(chunk) => chunk,
                Err(ArtifactError::NotGranted) => return Err(self.unusable(id, REFUSED.into())),
                Err(ArtifactError::Failed(why)) => return Err(self.unusable(id, format!("can't be read: {why}"))),
            };
            if chunk.is_empty() {
                if !rest.is_empty() {
                    hand(&rest, false);
                }
                return Ok(());
            }
            offset += chunk.len() as u64;
            let mut start = 0;
            while let Some(length) = chunk[start..].iter().position(|byte| *byte == b'\n') {
                let piece = &chunk[start..start + length];
                if rest.is_empty() {
                    hand(piece, true);
                } else {
                    rest.extend_from_slice(piece);
                    hand(&rest, true);
                    rest.clear();
                }
                start += length + 1;
            }
            rest.extend_from_slice(&chunk[start..]);
            if rest.len() > LONGEST_LINE {
                return Err(self.unusable(id, format!("has a line of more than {} MiB", LONGEST_LINE >> 20)));
            }
        }
    }

    /// A JSON file; bare `NaN` and `Infinity` are read as null and counted.
    ///
    /// # Errors
    /// If it is missing, can't be read or is not JSON.
    pub fn json(&self, id: &str) -> Result<Parsed<Value>, InputError> {
        json::parse(&self.text(id)?).map_err(|why| self.unusable(id, why))
    }

    /// A CSV file of numbers by date.
    ///
    /// # Errors
    /// If it is missing, can't be read or has no numbers by date.
    pub fn frame(&self, id: &str) -> Result<Frame, InputError> {
        Frame::parse(&self.text(id)?).map_err(|why| self.unusable(id, why))
    }

    /// A CSV file of texts with a header.
    ///
    /// # Errors
    /// If it is missing, can't be read or has no header.
    pub fn records(&self, id: &str) -> Result<Records, InputError> {
        Records::parse(&self.text(id)?).map_err(|why| self.unusable(id, why))
    }

    /// Remembers that a file was read and is of no use, and returns the error that says so.
    pub fn unusable(&self, id: &str, why: String) -> InputError {
        self.remember(id, Some(&why));
        InputError::Unusable { id: id.to_owned(), why }
    }

    /// Files that were read, sorted, and why where one was of no use.
    pub fn used(&self) -> Vec<(Artifact, Option<String>)> {
        let used = self.used.borrow();
        let with_why = |(file, used): (&Artifact, &Option<Use>)| match used {
            None => None,
            Some(Use::Read) => Some((file.clone(), None)),
            Some(Use::Useless(why)) => Some((file.clone(), Some(why.clone()))),
        };
        self.files.iter().zip(used.iter()).filter_map(with_why).collect()
    }

    /// Files that were looked for in vain, sorted, each with a note that may be empty.
    pub fn missing(&self) -> Vec<(String, String)> {
        sorted(self.missing.borrow().clone(), |left, right| left.0.cmp(&right.0))
    }
}

/// Puts folder and name together; the folder may be empty.
pub fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// A path below the run directory in its plain form (`./data/x/` is `data/x`); `None` if it is absolute or leads
/// out of the run directory.
pub fn below_run(path: &str) -> Option<String> {
    let path = path.trim();
    if path.starts_with('/') || path.contains(['\\', '\0']) || path.as_bytes().get(1) == Some(&b':') {
        return None;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    (!parts.contains(&"..")).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use forensic_guest_sdk::testing::MockHost;

    #[test]
    fn remembers_what_was_used_and_what_was_not_there() {
        let host = MockHost::new().with_file("data/a.json", "{\"x\": NaN}").with_file("data/b.csv", "date\n");
        let inputs = Inputs::new(&host);
        assert_eq!(inputs.json("data/a.json").unwrap().not_finite, 1);
        assert_eq!(inputs.first_of(&["data/new.json", "data/a.json"]).unwrap(), "data/a.json");
        assert!(inputs.first_of(&["data/new.json", "data/old.json"]).unwrap_err().is_missing());
        let error = inputs.frame("data/b.csv").unwrap_err();
        assert!(error.explain().starts_with("data/b.csv needs a date column"), "{}", error.explain());
        let used = inputs.used();
        assert_eq!(used.len(), 2);
        assert_eq!((used[0].1.is_none(), used[1].1.is_some(), used[0].0.sha256.len()), (true, true, 64));
        assert_eq!(inputs.missing(), [("data/new.json".to_owned(), "also looked for data/old.json".to_owned())]);
    }

    #[test]
    fn lines_come_whole_across_chunks() {
        let long = "x".repeat(READ_CHUNK as usize + 5);
        let host = MockHost::new().with_file("a", format!("one\r\n\n{long}\ntwo")).with_file("b", "");
        let inputs = Inputs::new(&host);
        let mut seen = Vec::new();
        inputs.lines("a", |line| seen.push((line.number, line.bytes.len(), line.ended))).unwrap();
        assert_eq!(seen, [(1, 3, true), (3, long.len(), true), (4, 3, false)]);
        inputs.lines("b", |_| panic!("no line")).unwrap();
        assert!(inputs.lines("c", |_| {}).unwrap_err().is_missing());
    }

    #[test]
    fn paths_stay_below_the_run_directory() {
        assert_eq!(below_run("./data//sleeves/x/").as_deref(), Some("data/sleeves/x"));
        assert_eq!(below_run("").as_deref(), Some(""));
        for path in ["/etc", "../x", "data/../../x", "C:/x", "a\\b"] {
            assert_eq!(below_run(path), None, "{path}");
        }
    }
}
