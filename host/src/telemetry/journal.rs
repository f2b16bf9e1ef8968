//! The journal: an append-only file, one line an event, written as spans start and end.
//!
//! A span that ended is a line of its own, in the form that it has in the trace. One that started is
//! `{"open":{…}}`, so that a reader of the journal of a run that was killed knows what was going on. Each line goes
//! to the kernel whole, in one write: a crash of this process loses nothing that was written. Who writes the journal
//! holds a lock on it; nobody completes the journal of a run that goes on.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use cap_std::fs::{Dir, OpenOptions};
use rustix::fs::{FlockOperation, flock};
use serde_json::{Map, Value};

use crate::files;

/// How long a lock is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// Where a span's line is.
#[derive(Clone, Copy)]
struct Entry {
    start_time: u64,
    offset: u64,
    length: u32,
}

pub(super) struct Journal {
    folder: Dir,
    name: String,
    file: File,
    end: u64,
    entries: Vec<Entry>,
}

/// What the journal of a run that was killed tells.
pub(super) struct Reopened {
    pub(super) journal: Journal,
    /// Spans that ended.
    pub(super) ended: Vec<Map<String, Value>>,
    /// Spans that did not, as they were when they started, in that order.
    pub(super) open: Vec<Map<String, Value>>,
}

/// A process that the killed host was just starting holds the lock until it has become the stage's program.
fn lock_patiently(file: &File) -> io::Result<()> {
    let start = Instant::now();
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) if start.elapsed() < PATIENCE => std::thread::sleep(PATIENCE / 20),
            other => return Ok(other?),
        }
    }
}

impl Journal {
    /// Creates the file `name` in `folder`; one that exists is an error.
    pub(super) fn create(folder: Dir, name: &str) -> io::Result<Self> {
        let file = folder.open_with(name, OpenOptions::new().read(true).append(true).create_new(true))?.into_std();
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { folder, name: name.to_owned(), file, end: 0, entries: Vec::new() })
    }

    /// Opens the journal that a killed run left behind, to complete it; `None` if there is none. A last line without
    /// its end is cut off.
    ///
    /// `WouldBlock`: the run goes on.
    pub(super) fn reopen(folder: Dir, name: &str) -> io::Result<Option<Reopened>> {
        let file = match folder.open_with(name, OpenOptions::new().read(true).append(true)) {
            Ok(file) => file.into_std(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        lock_patiently(&file)?;
        let mut journal = Self { folder, name: name.to_owned(), file, end: 0, entries: Vec::new() };
        let (mut ended, mut open) = (Vec::new(), Vec::new());
        let mut reader = BufReader::with_capacity(1 << 18, journal.file.try_clone()?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                break;
            }
            // A line that is no object is the half that a full disk left, and was stepped over then.
            if let Ok(Value::Object(mut span)) = serde_json::from_slice(&line) {
                if let Some(Value::Object(started)) = span.remove("open") {
                    open.push(started);
                } else {
                    let start_time = span.get("start_time").and_then(Value::as_u64).unwrap_or(0);
                    journal.entries.push(Entry { start_time, offset: journal.end, length: length as u32 });
                    ended.push(span);
                }
            }
            journal.end += length as u64;
        }
        journal.file.set_len(journal.end)?;
        let mut unfinished: HashMap<Value, Map<String, Value>> = HashMap::new();
        let mut order = Vec::new();
        for span in open {
            let Some(id) = span.get("span_id").cloned() else { continue };
            order.push(id.clone());
            unfinished.insert(id, span);
        }
        for span in &ended {
            if let Some(id) = span.get("span_id") {
                unfinished.remove(id);
            }
        }
        let open = order.iter().filter_map(|id| unfinished.remove(id)).collect();
        Ok(Some(Reopened { journal, ended, open }))
    }

    /// Appends the line of a span that ended; it ends with a line break.
    pub(super) fn append(&mut self, start_time: u64, line: &[u8]) -> io::Result<()> {
        let offset = self.end;
        self.append_start(line)?;
        self.entries.push(Entry { start_time, offset, length: line.len() as u32 });
        Ok(())
    }

    /// Appends the line of a span that started; it ends with a line break.
    pub(super) fn append_start(&mut self, line: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(line) {
            // Half a line may be on disk: end it, so that the next one stands alone, and step over it.
            drop(self.file.write_all(b"\n"));
            self.end = self.file.seek(SeekFrom::End(0)).unwrap_or(self.end);
            return Err(error);
        }
        self.end += line.len() as u64;
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Writes all spans that ended so far as a JSON array in start order (ties: parents first), one a line, whole or
    /// not at all.
    pub(super) fn save(&mut self, name: &str) -> io::Result<u64> {
        self.file.sync_data()?;
        // A parent ends after its children: of spans that start together, the one that ended last comes first.
        let mut order: Vec<(usize, Entry)> = self.entries.iter().copied().enumerate().collect();
        order.sort_by_key(|(position, entry)| (entry.start_time, std::cmp::Reverse(*position)));
        let mut reader = BufReader::new(self.file.try_clone()?);
        let mut line = Vec::new();
        let mut written = 0;
        files::write_atomically(&self.folder, name, |file| {
            let mut out = BufWriter::with_capacity(1 << 18, file);
            out.write_all(b"[")?;
            let mut at = None;
            for (index, (_, entry)) in order.iter().enumerate() {
                if at != Some(entry.offset) {
                    match at {
                        Some(at) => reader.seek_relative(entry.offset as i64 - at as i64)?,
                        None => {
                            reader.seek(SeekFrom::Start(entry.offset))?;
                        }
                    }
                }
                line.resize(entry.length as usize, 0);
                reader.read_exact(&mut line)?;
                at = Some(entry.offset + u64::from(entry.length));
                out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
                out.write_all(line.strip_suffix(b"\n").unwrap_or(&line))?;
                written += 1;
            }
            out.write_all(b"\n]\n")?;
            out.flush()
        })?;
        Ok(written)
    }

    /// Removes the file, once what it holds stands elsewhere.
    pub(super) fn remove(&self) -> io::Result<()> {
        self.folder.remove_file(&self.name)
    }
}
