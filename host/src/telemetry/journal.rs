//! The journal: an append-only file, one span a line, written as spans end.
//!
//! Each line goes to the kernel whole, in one write, so a crash of this process loses nothing that had ended.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use cap_std::fs::{Dir, OpenOptions};

use crate::files;

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

impl Journal {
    /// Creates the file `name` in `folder`; one that exists is an error.
    pub(super) fn create(folder: Dir, name: &str) -> io::Result<Self> {
        let file = folder.open_with(name, OpenOptions::new().read(true).append(true).create_new(true))?.into_std();
        Ok(Self { folder, name: name.to_owned(), file, end: 0, entries: Vec::new() })
    }

    /// Appends a line; `line` ends with a line break.
    pub(super) fn append(&mut self, start_time: u64, line: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(line) {
            // Half a line may be on disk: step over it, so that later lines are found where they are.
            self.end = self.file.seek(SeekFrom::End(0)).unwrap_or(self.end);
            return Err(error);
        }
        self.entries.push(Entry { start_time, offset: self.end, length: line.len() as u32 });
        self.end += line.len() as u64;
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Writes all spans so far as a JSON array in start order (ties: in order of their end), one a line, whole
    /// or not at all.
    pub(super) fn save(&mut self, name: &str) -> io::Result<u64> {
        self.file.sync_data()?;
        // Stable, so spans that start together stay in the order of their end, reversed below: a parent ends
        // after its children and comes first.
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
