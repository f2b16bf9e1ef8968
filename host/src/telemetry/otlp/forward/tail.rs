//! The journal as a queue: its new whole lines, a bounded number at a time. What a line says belongs in `batch`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use memchr::memchr;

/// Most spans of a chunk.
pub(super) const MAX_SPANS: u64 = 512;
/// A chunk ends before the line that would take it over this; a single line may be larger.
const MAX_CHUNK: usize = 1 << 20;
/// A longer line is stepped over. What the host records is far below.
const MAX_LINE: usize = 8 << 20;
const READ: usize = 1 << 18;
/// How a note that a span has started begins.
const OPEN: &[u8] = b"{\"open\":";

/// Some lines of the journal.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// The spans as a JSON array.
    pub(crate) text: Vec<u8>,
    /// Spans in it, and those that were too large for it.
    pub(crate) spans: u64,
    pub(crate) too_large: u64,
    /// There may be more behind it.
    pub(crate) more: bool,
}

/// Reads a file that grows at its end. Its own place in it is all that it keeps, so the file may be shared.
pub(crate) struct Tail {
    file: Arc<File>,
    /// Where in the file `buffer` begins: behind the last line that was given out.
    offset: u64,
    buffer: Vec<u8>,
    /// See [`MAX_CHUNK`].
    max_chunk: usize,
    /// The line at `offset` is too long; this is what was seen of it.
    stepping_over: Option<Seen>,
}

impl Tail {
    pub(crate) fn new(file: Arc<File>) -> Self {
        Self { file, offset: 0, buffer: Vec::new(), max_chunk: MAX_CHUNK, stepping_over: None }
    }

    /// With smaller chunks.
    pub(crate) fn with_chunks_of(mut self, bytes: usize) -> Self {
        self.max_chunk = bytes;
        self
    }

    /// Where the lines end that were given out, in bytes.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next lines. A last line without its line break is left for later.
    pub(crate) fn next(&mut self) -> io::Result<Chunk> {
        let mut chunk = Chunk { text: vec![b'['], ..Chunk::default() };
        let mut at = 0;
        loop {
            let Some(length) = memchr(b'\n', &self.buffer[at..]) else {
                if self.buffer.len() - at > MAX_LINE {
                    self.give_up_line(at);
                    at = 0;
                }
                if self.fill()? {
                    continue;
                }
                break;
            };
            let line = &self.buffer[at..at + length];
            if let Some(mut seen) = self.stepping_over.take() {
                seen.add(line);
                chunk.too_large += u64::from(seen.is_span());
            } else if looks_like_span(line) {
                if chunk.spans > 0 && chunk.text.len() + length > self.max_chunk {
                    chunk.more = true;
                    break;
                }
                chunk.text.extend_from_slice(if chunk.spans == 0 { b"\n" } else { b",\n" });
                chunk.text.extend_from_slice(line);
                chunk.spans += 1;
            }
            at += length + 1;
            if chunk.spans == MAX_SPANS {
                chunk.more = true;
                break;
            }
        }
        self.buffer.drain(..at);
        self.offset += at as u64;
        chunk.text.extend_from_slice(b"\n]");
        Ok(chunk)
    }

    /// False at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        let length = self.buffer.len();
        self.buffer.resize(length + READ, 0);
        let outcome = read_at(&self.file, &mut self.buffer[length..], self.offset + length as u64);
        self.buffer.truncate(length + outcome.as_ref().copied().unwrap_or(0));
        Ok(outcome? > 0)
    }

    fn give_up_line(&mut self, at: usize) {
        self.stepping_over.get_or_insert_default().add(&self.buffer[at..]);
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
    }
}

/// Spans in the file from `offset` on, by the look of their lines.
pub(super) fn count(file: &File, mut offset: u64) -> io::Result<u64> {
    let mut buffer = vec![0; 1 << 20];
    let (mut spans, mut seen) = (0, Seen::default());
    loop {
        let length = read_at(file, &mut buffer, offset)?;
        if length == 0 {
            return Ok(spans);
        }
        offset += length as u64;
        let mut rest = &buffer[..length];
        while let Some(end) = memchr(b'\n', rest) {
            seen.add(&rest[..end]);
            spans += u64::from(seen.is_span());
            seen = Seen::default();
            rest = &rest[end + 1..];
        }
        seen.add(rest);
    }
}

fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// An object that is no note of a start. Half a line, as a full disk leaves it, is none either.
fn looks_like_span(line: &[u8]) -> bool {
    let mut seen = Seen::default();
    seen.add(line);
    seen.is_span()
}

/// What must be known of a line, however long, to tell if it is a span.
#[derive(Default)]
struct Seen {
    head: [u8; OPEN.len()],
    length: usize,
    last: u8,
}

impl Seen {
    fn add(&mut self, part: &[u8]) {
        if let Some(room) = self.head.get_mut(self.length..) {
            let taken = room.len().min(part.len());
            room[..taken].copy_from_slice(&part[..taken]);
        }
        self.length += part.len();
        self.last = part.last().copied().unwrap_or(self.last);
    }

    fn is_span(&self) -> bool {
        self.head[0] == b'{' && self.last == b'}' && self.head != OPEN
    }
}
