//! The journal: an append-only file, one line an event, written as spans start and end.
//!
//! A span that ended is a line of its own, in the form that it has in the trace. One that started is
//! `{"open":{…}}`, so that a reader of the journal of a run that was killed knows what was going on. Each line goes
//! to the kernel whole, in one write: a crash of this process loses nothing that was written. Who writes the journal
//! holds a lock on it; nobody completes the journal of a run that goes on.
//!
//! Where the disk is full, the newest lines wait in memory for room; what that costs is counted and told.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use cap_std::fs::{Dir, OpenOptions};
use rustix::fs::{FlockOperation, flock};

use super::index::{Entry, Index};
use crate::files;

/// How long a lock is waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// Bytes of lines that wait for room on the disk.
const HELD: usize = 4 << 20;
/// Spans that a later [`Journal::save`] can add to what an earlier one wrote.
const ADDED: usize = 1 << 14;
/// What stands behind the last span of a trace.
const CLOSING: &[u8] = b"\n]\n";

pub(super) struct Journal {
    folder: Dir,
    name: String,
    file: File,
    end: u64,
    index: Index,
    /// Lines that could not be written yet.
    held: VecDeque<(u64, Vec<u8>)>,
    held_bytes: usize,
    /// The last start could not be noted.
    unnoted: bool,
    /// What the last [`save`](Self::save) wrote.
    saved: Option<Whole>,
}

/// A trace that was saved, and what came after it.
struct Whole {
    name: String,
    bytes: u64,
    spans: u64,
    /// Start of its last span.
    last: u64,
    added: Vec<Entry>,
}

/// A span that ended and could not be kept.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) line: Vec<u8>,
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
        Self::of(folder, name, file)
    }

    /// Opens the journal that a killed run left behind and locks it; `None` if there is none. Nothing of it is known
    /// yet: see [`adopt`](Self::adopt).
    ///
    /// `WouldBlock`: the run goes on.
    pub(super) fn open(folder: Dir, name: &str) -> io::Result<Option<Self>> {
        match folder.open_with(name, OpenOptions::new().read(true).append(true)) {
            Ok(file) => {
                let file = file.into_std();
                lock_patiently(&file)?;
                Ok(Some(Self::of(folder, name, file)?))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn of(folder: Dir, name: &str, file: File) -> io::Result<Self> {
        Ok(Self {
            index: Index::new(folder.try_clone()?),
            folder,
            name: name.to_owned(),
            file,
            end: 0,
            held: VecDeque::new(),
            held_bytes: 0,
            unnoted: false,
            saved: None,
        })
    }

    /// A second handle for reading, with a position of its own.
    pub(super) fn reader(&self) -> io::Result<File> {
        Ok(files::open_regular(&self.folder, &self.name)?.into_std())
    }

    /// A second handle of the same file.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Takes over a line that is in the file already; lines are told of in their order. `start_time` is that of a span that ended.
    pub(super) fn adopt(&mut self, start_time: Option<u64>, length: usize) {
        if let Some(start_time) = start_time {
            self.note(start_time, length);
        }
        self.end += length as u64;
    }

    /// Cuts off what was not taken over: half a line at the end.
    pub(super) fn cut(&self) -> io::Result<()> {
        self.file.set_len(self.end)
    }

    fn note(&mut self, start_time: u64, length: usize) {
        let entry = Entry { start_time, offset: Reverse(self.end), length: length as u32 };
        self.index.push(entry);
        if let Some(saved) = &mut self.saved {
            if saved.added.len() < ADDED && start_time >= saved.last {
                saved.added.push(entry);
            } else {
                self.saved = None;
            }
        }
    }

    /// Appends the line of a span that ended; it ends with a line break. While the disk takes nothing, the newest lines
    /// are held in memory; the oldest of them may be lost for good, and are returned.
    pub(super) fn append(&mut self, start_time: u64, line: Vec<u8>) -> Result<(), (io::Error, Vec<Lost>)> {
        if self.held.is_empty() {
            match self.write(&line) {
                Ok(()) => {
                    self.note(start_time, line.len());
                    self.end += line.len() as u64;
                    return Ok(());
                }
                Err(error) => return Err((error, self.hold(start_time, line))),
            }
        }
        let mut lost = self.hold(start_time, line);
        match self.release() {
            Ok(()) if lost.is_empty() => Ok(()),
            Ok(()) => Err((io::ErrorKind::StorageFull.into(), lost)),
            Err(error) => Err((error, std::mem::take(&mut lost))),
        }
    }

    /// The same for several, with one write.
    pub(super) fn append_all(&mut self, lines: Vec<(u64, Vec<u8>)>) -> Result<(), (io::Error, Vec<Lost>)> {
        if lines.len() > 1 && self.held.is_empty() {
            let text = lines.iter().map(|(_, line)| &**line).collect::<Vec<_>>().concat();
            // Where there is no room for all there may be for some: these are tried one by one below.
            if self.write(&text).is_ok() {
                for (start_time, line) in lines {
                    self.note(start_time, line.len());
                    self.end += line.len() as u64;
                }
                return Ok(());
            }
        }
        let mut failed: Option<(io::Error, Vec<Lost>)> = None;
        for (start_time, line) in lines {
            if let Err((error, lost)) = self.append(start_time, line) {
                failed.get_or_insert_with(|| (error, Vec::new())).1.extend(lost);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn hold(&mut self, start_time: u64, line: Vec<u8>) -> Vec<Lost> {
        let mut lost = Vec::new();
        self.held_bytes += line.len();
        self.held.push_back((start_time, line));
        while self.held_bytes > HELD
            && self.held.len() > 1
            && let Some((_, line)) = self.held.pop_front()
        {
            self.held_bytes -= line.len();
            lost.push(Lost { line });
        }
        lost
    }

    /// Writes the lines that are held.
    fn release(&mut self) -> io::Result<()> {
        while let Some((start_time, line)) = self.held.pop_front() {
            if let Err(error) = self.write(&line) {
                self.held.push_front((start_time, line));
                return Err(error);
            }
            self.held_bytes -= line.len();
            self.note(start_time, line.len());
            self.end += line.len() as u64;
        }
        Ok(())
    }

    /// Appends the lines of spans that started; each ends with a line break.
    pub(super) fn append_start(&mut self, lines: &[u8]) -> io::Result<()> {
        let written = self.write(lines);
        self.unnoted = written.is_err();
        written?;
        self.end += lines.len() as u64;
        Ok(())
    }

    /// Whether the file lacks what it should have by now: the disk takes nothing.
    pub(super) fn is_behind(&self) -> bool {
        self.unnoted || !self.held.is_empty()
    }

    /// Writes whole lines to the end of the file, all or nothing.
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.write_all(lines).inspect_err(|_| {
            // Half a line may be on disk: take it back, which needs no room, or end it, and step over it.
            if self.file.set_len(self.end).is_err() {
                drop(self.file.write_all(b"\n"));
                self.end = self.file.seek(SeekFrom::End(0)).unwrap_or(self.end);
            }
        })
    }

    /// Spans that ended and are in the file.
    pub(super) fn len(&self) -> u64 {
        self.index.len()
    }

    /// Bytes of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.end
    }

    /// Lines that wait for room on the disk; nothing will be written any more.
    pub(super) fn take_held(&mut self) -> Vec<Lost> {
        self.held_bytes = 0;
        self.held.drain(..).map(|(_, line)| Lost { line }).collect()
    }

    /// Writes all spans that ended so far as a JSON array in start order (ties: parents first), one a line, whole or
    /// not at all. What an earlier call wrote is copied where all that came later starts later.
    pub(super) fn save(&mut self, name: &str) -> io::Result<u64> {
        self.save_once(name, true)
    }

    /// The same for a trace that is saved again: the disk need not have it yet, as it will have the journal.
    pub(super) fn save_for_now(&mut self, name: &str) -> io::Result<u64> {
        self.save_once(name, false)
    }

    fn save_once(&mut self, name: &str, durably: bool) -> io::Result<u64> {
        // Whoever can't be written now is counted by the caller.
        drop(self.release());
        let written = match self.unchanged(name) {
            Some((file, spans)) if durably => files::sync(&self.folder, &file).map(|()| spans),
            Some((_, spans)) => Ok(spans),
            None => self.write_whole(name, durably),
        };
        // Then the journal is all that there is.
        written.inspect_err(|_| drop(self.file.sync_data()))
    }

    /// What an earlier [`save`](Self::save) wrote, and how many spans, where none came since and it is still there.
    fn unchanged(&self, name: &str) -> Option<(File, u64)> {
        let saved = self.saved.as_ref().filter(|saved| saved.name == name && saved.added.is_empty())?;
        let file = files::open_regular(&self.folder, name).ok()?.into_std();
        let same = file.metadata().is_ok_and(|file| file.len() == saved.bytes);
        (same && self.held.is_empty()).then_some((file, saved.spans))
    }

    fn write_whole(&mut self, name: &str, durably: bool) -> io::Result<u64> {
        let earlier = self.saved.take().filter(|saved| saved.name == name && saved.spans > 0);
        let earlier = earlier.and_then(|saved| Some((self.folder.open(name).ok()?.into_std(), saved)));
        let mut lines = Lines { reader: BufReader::with_capacity(1 << 16, self.reader()?), at: 0, line: Vec::new() };
        let (mut spans, mut last, mut bytes) = (0, 0, 0);
        let write = |file: &mut File| {
            if let Some((old, saved)) = &earlier {
                let kept = saved.bytes - CLOSING.len() as u64;
                if io::copy(&mut old.take(kept), file)? != kept {
                    return Err(io::Error::other("the trace was changed while the run went on"));
                }
                (spans, last) = (saved.spans, saved.last);
            }
            let mut out = BufWriter::with_capacity(1 << 17, &mut *file);
            if earlier.is_none() {
                out.write_all(b"[")?;
            }
            let mut put = |entry: Entry| {
                out.write_all(if spans == 0 { b"\n" } else { b",\n" })?;
                spans += 1;
                last = entry.start_time;
                out.write_all(lines.read(entry)?)
            };
            match &earlier {
                Some((_, saved)) => {
                    let mut added = saved.added.clone();
                    added.sort_unstable();
                    added.into_iter().try_for_each(&mut put)?;
                }
                None => self.index.in_order(&mut put)?,
            }
            out.write_all(CLOSING)?;
            out.flush()?;
            drop(out);
            bytes = file.stream_position()?;
            Ok(())
        };
        match durably {
            true => files::write_atomically(&self.folder, name, write)?,
            false => drop(files::put(&self.folder, name, write)?),
        }
        self.saved = Some(Whole { name: name.to_owned(), bytes, spans, last, added: Vec::new() });
        Ok(spans)
    }

    /// Removes the file, once what it holds stands elsewhere.
    pub(super) fn remove(&self) -> io::Result<()> {
        self.folder.remove_file(&self.name)
    }
}

/// Reads lines of the journal; most are near the one before.
struct Lines {
    reader: BufReader<File>,
    at: u64,
    line: Vec<u8>,
}

impl Lines {
    /// The line without its line break.
    fn read(&mut self, entry: Entry) -> io::Result<&[u8]> {
        let Reverse(offset) = entry.offset;
        if self.at != offset {
            self.reader.seek_relative(offset as i64 - self.at as i64)?;
        }
        self.line.resize(entry.length as usize, 0);
        self.reader.read_exact(&mut self.line)?;
        self.at = offset + u64::from(entry.length);
        Ok(self.line.strip_suffix(b"\n").unwrap_or(&self.line))
    }
}
