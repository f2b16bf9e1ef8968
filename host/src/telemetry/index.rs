//! Where each span's line is in the journal, in start order, in bounded memory: an external merge sort.
//!
//! Entries gather in memory; a full block is sorted and moved to a nameless file in the run's folder. A million spans keep
//! 24 MB there and well under one in memory. Where the file can't be written the blocks stay in memory: nothing is lost.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use cap_std::fs::Dir;
use rustix::fs::{Mode, OFlags, openat};

/// Entries of a block.
const BLOCK: usize = 1 << 14;
/// Entries of a block that are in memory while blocks are merged.
const WINDOW: usize = 256;
/// Size of an entry in the file.
const SIZE: usize = 20;

/// Where a span's line is. The order is that of the trace: by start; of spans that start together the one that ended
/// last, which stands last in the journal, comes first, for a parent ends after its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) start_time: u64,
    pub(super) offset: Reverse<u64>,
    pub(super) length: u32,
}

/// All entries so far.
pub(super) struct Index {
    folder: Dir,
    file: Option<File>,
    /// Blocks in the file.
    on_disk: u64,
    /// Sorted blocks that the file did not take.
    kept: Vec<Vec<Entry>>,
    open: Vec<Entry>,
    length: u64,
}

impl Index {
    /// An index that may keep a nameless file in `folder`.
    pub(super) fn new(folder: Dir) -> Self {
        Self { folder, file: None, on_disk: 0, kept: Vec::new(), open: Vec::new(), length: 0 }
    }

    pub(super) fn len(&self) -> u64 {
        self.length
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.open.push(entry);
        self.length += 1;
        if self.open.len() == BLOCK {
            self.open.sort_unstable();
            if self.store().is_ok() {
                self.open.clear();
            } else {
                self.kept.push(std::mem::take(&mut self.open));
            }
        }
    }

    fn store(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
            self.file = Some(openat(&self.folder, ".", flags, Mode::RUSR | Mode::WUSR)?.into());
        }
        let Some(file) = &self.file else { return Ok(()) };
        let mut bytes = Vec::with_capacity(BLOCK * SIZE);
        for entry in &self.open {
            bytes.extend(entry.start_time.to_le_bytes());
            bytes.extend(entry.offset.0.to_le_bytes());
            bytes.extend(entry.length.to_le_bytes());
        }
        file.write_all_at(&bytes, self.on_disk * (BLOCK * SIZE) as u64)?;
        self.on_disk += 1;
        Ok(())
    }

    /// Calls `take` with every entry, in order.
    pub(super) fn in_order(&self, mut take: impl FnMut(Entry) -> io::Result<()>) -> io::Result<()> {
        let mut newest = self.open.clone();
        newest.sort_unstable();
        let mut sources: Vec<Source<'_>> = (0..self.on_disk)
            .map(|block| Source { entries: Vec::new(), at: 0, file: self.file.as_ref(), block, read: 0 })
            .chain(self.kept.iter().cloned().chain([newest]).map(Source::of))
            .collect();
        let mut heap = BinaryHeap::with_capacity(sources.len());
        for (number, source) in sources.iter_mut().enumerate() {
            if let Some(entry) = source.next()? {
                heap.push(Reverse((entry, number)));
            }
        }
        while let Some(Reverse((entry, number))) = heap.pop() {
            take(entry)?;
            if let Some(entry) = sources[number].next()? {
                heap.push(Reverse((entry, number)));
            }
        }
        Ok(())
    }
}

/// A sorted block that is being merged.
struct Source<'a> {
    entries: Vec<Entry>,
    at: usize,
    file: Option<&'a File>,
    block: u64,
    read: usize,
}

impl Source<'_> {
    fn of(entries: Vec<Entry>) -> Self {
        Self { entries, at: 0, file: None, block: 0, read: BLOCK }
    }

    fn next(&mut self) -> io::Result<Option<Entry>> {
        if self.at == self.entries.len() && !self.refill()? {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(self.entries[self.at - 1]))
    }

    fn refill(&mut self) -> io::Result<bool> {
        let Some(file) = self.file.filter(|_| self.read < BLOCK) else { return Ok(false) };
        let mut bytes = [0; WINDOW * SIZE];
        let count = WINDOW.min(BLOCK - self.read);
        let bytes = &mut bytes[..count * SIZE];
        file.read_exact_at(bytes, (self.block * BLOCK as u64 + self.read as u64) * SIZE as u64)?;
        self.entries.clear();
        self.entries.extend(bytes.as_chunks::<SIZE>().0.iter().map(|chunk| {
            let word = |at: usize| {
                let mut word = [0; 8];
                word.copy_from_slice(&chunk[at..at + 8]);
                u64::from_le_bytes(word)
            };
            let length = u32::from_le_bytes([chunk[16], chunk[17], chunk[18], chunk[19]]);
            Entry { start_time: word(0), offset: Reverse(word(8)), length }
        }));
        self.read += count;
        self.at = 0;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_entries_come_out_sorted_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), cap_std::ambient_authority()).unwrap();
        let mut index = Index::new(dir);
        // Three full blocks and a part of one, in an order that is none.
        let count = 3 * BLOCK as u64 + 1_000;
        for number in 0..count {
            let start_time = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 5_000;
            index.push(Entry { start_time, offset: Reverse(number), length: number as u32 });
        }
        assert_eq!((index.len(), index.on_disk), (count, 3));
        let mut seen = Vec::new();
        index
            .in_order(|entry| {
                seen.push(entry);
                Ok(())
            })
            .unwrap();
        assert!(seen.is_sorted());
        let mut numbers: Vec<u64> = seen.iter().map(|entry| entry.offset.0).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..count));
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "the file has no name");
    }

    #[test]
    fn without_a_file_the_blocks_stay_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), cap_std::ambient_authority()).unwrap();
        folder.close().unwrap();
        let mut index = Index::new(dir);
        for number in 0..2 * BLOCK as u64 + 3 {
            index.push(Entry { start_time: number % 7, offset: Reverse(number), length: 1 });
        }
        let mut seen = 0;
        index
            .in_order(|_| {
                seen += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!((seen, index.on_disk), (2 * BLOCK + 3, 0));
    }
}
