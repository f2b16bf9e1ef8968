//! The filter for a stream of lines. Knows what a line can't: that a private key goes on, and that a line never ends.

use std::borrow::Cow;

use super::shapes::{self, Block};
use super::{MARK, Redactor};

/// A line that is longer is redacted in pieces of this size, which overlap.
const MAX_LINE: usize = 64 << 10;
/// How much of a piece is kept for the next: more than any name and its value, or token.
const OVERLAP: usize = 8 << 10;
/// The most lines of a key whose end never comes.
const MAX_BLOCK_LINES: usize = 1_000;
/// Bytes that aren't UTF-8 travel as these private characters (plus the byte) through the rules, and come back as they were.
const FOREIGN: u32 = 0x10_F700;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Plain,
    /// In a private key: its lines are dropped. Holds how many there were, and the line end that is owed.
    Private {
        lines: usize,
        owed: Option<u8>,
    },
    /// In a certificate or public key: its lines stay.
    Public {
        lines: usize,
    },
    /// After a piece of an endless line that ends in a mark: what sticks to the mark belongs to the secret.
    Glued,
}

/// Redacts a stream of bytes, line by line. A line is held back until its end (`\n` or `\r`) arrives; memory is bounded however long it is.
/// Bytes that aren't UTF-8 pass unchanged.
#[derive(Debug)]
pub struct LineRedactor {
    redactor: Redactor,
    pub(super) line: Vec<u8>,
    state: State,
    count: usize,
    overlap: usize,
}

impl LineRedactor {
    pub(super) fn new(redactor: Redactor) -> Self {
        // An escaped secret is up to six times as long, a multi-byte character of it less.
        let overlap = OVERLAP.max(redactor.longest_secret() * 6);
        Self { redactor, line: Vec::new(), state: State::Plain, count: 0, overlap }
    }

    /// Takes the next bytes; returns what is complete.
    #[must_use]
    pub fn push(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        while !bytes.is_empty() {
            let room = (MAX_LINE + self.overlap).saturating_sub(self.line.len()).max(1);
            let window = &bytes[..room.min(bytes.len())];
            if let Some(end) = memchr::memchr2(b'\n', b'\r', window) {
                if self.line.is_empty() {
                    self.end_line(&window[..end], Some(window[end]), &mut out);
                } else {
                    self.line.extend_from_slice(&window[..end]);
                    self.end_held(Some(window[end]), &mut out);
                }
                bytes = &bytes[end + 1..];
            } else {
                self.line.extend_from_slice(window);
                bytes = &bytes[window.len()..];
                if self.line.len() >= MAX_LINE + self.overlap {
                    self.end_piece(&mut out);
                }
            }
        }
        out
    }

    /// Ends the stream; returns what was held back.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.line.is_empty() {
            self.end_held(None, &mut out);
        }
        if let State::Private { owed: Some(end), .. } = self.state {
            out.push(end);
        }
        out
    }

    /// How many places were masked so far.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Ends the line that was held back.
    fn end_held(&mut self, end: Option<u8>, out: &mut Vec<u8>) {
        let mut line = std::mem::take(&mut self.line);
        self.end_line(&line, end, out);
        // Its memory serves the next one.
        line.clear();
        self.line = line;
    }

    fn end_line(&mut self, line: &[u8], end: Option<u8>, out: &mut Vec<u8>) {
        let mut rest = line;
        let mut entropy = true;
        match self.state {
            State::Plain => {}
            State::Glued => {
                rest = after_glue(rest);
                self.state = State::Plain;
            }
            State::Private { lines, owed } => {
                if let Some(close) = block_end(rest) {
                    rest = &rest[close..];
                    self.state = State::Plain;
                } else if lines < MAX_BLOCK_LINES && is_body(rest) {
                    self.state = State::Private { lines: lines + 1, owed: end.or(owed) };
                    return;
                } else {
                    out.extend(owed);
                    self.state = State::Plain;
                }
            }
            State::Public { lines } => {
                entropy = !is_body(rest) || lines >= MAX_BLOCK_LINES;
                self.state = if entropy { State::Plain } else { State::Public { lines: lines + 1 } };
            }
        }
        let text = decode(rest);
        match shapes::open_block(&text) {
            Some(Block::Private) => self.state = State::Private { lines: 0, owed: end },
            Some(Block::Public) => self.state = State::Public { lines: 0 },
            None => {}
        }
        let done = self.redactor.clean(&text, entropy);
        self.count += done.count;
        encode(&done.text, out);
        if !matches!(self.state, State::Private { .. }) {
            out.extend(end);
        }
    }

    fn end_piece(&mut self, out: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.line);
        let mut rest = &line[..];
        match self.state {
            State::Private { owed, .. } => match block_end(rest) {
                Some(close) => {
                    rest = &rest[close..];
                    self.state = State::Plain;
                }
                None => {
                    self.line.extend_from_slice(&rest[rest.len() - 128..]);
                    self.state = State::Private { lines: 0, owed };
                    return;
                }
            },
            State::Glued => {
                rest = after_glue(rest);
                if rest.is_empty() {
                    return;
                }
                self.state = State::Plain;
            }
            State::Plain | State::Public { .. } => self.state = State::Plain,
        }
        let text = decode(rest);
        let done = self.redactor.clean(&text, true);
        self.count += done.count;
        if shapes::open_block(&text) == Some(Block::Private) {
            self.state = State::Private { lines: 0, owed: None };
            encode(&done.text, out);
            return;
        }
        if done.text.ends_with(MARK) && !text.ends_with(MARK) {
            self.state = State::Glued;
            encode(&done.text, out);
            return;
        }
        let mut cut = done.text.floor_char_boundary(done.text.len().saturating_sub(self.overlap));
        // A mark is never cut.
        let near = done.text.floor_char_boundary(cut.saturating_sub(MARK.len() - 1));
        if let Some(mark) = done.text[near..].find(MARK).map(|at| near + at)
            && mark < cut
        {
            cut = mark;
        }
        encode(&done.text[..cut], out);
        encode(&done.text[cut..], &mut self.line);
    }
}

/// What follows the rest of a word.
fn after_glue(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&b| b <= b' ' || matches!(b, b'"' | b'\'' | b'<' | b'>' | b'`'));
    &bytes[end.unwrap_or(bytes.len())..]
}

/// Behind `-----END …-----`.
fn block_end(line: &[u8]) -> Option<usize> {
    let start = memchr::memmem::find(line, b"-----END ")? + "-----END ".len();
    let label = line[start..].iter().position(|&b| b == b'-').unwrap_or(line.len() - start);
    let dashes = line[start + label..].iter().take(5).take_while(|&&b| b == b'-').count();
    Some(start + label + dashes)
}

/// Whether a line can belong to a PEM block: base64, perhaps behind a prefix such as a time stamp, a header of a block, or nothing.
fn is_body(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    if line.is_empty()
        || line.starts_with(b"Proc-Type:")
        || line.starts_with(b"DEK-Info:")
        || line.starts_with(b"Comment:")
    {
        return true;
    }
    let last = line.rsplit(|&b| b == b' ' || b == b'\t').next().unwrap_or(line);
    let whole = last.len() == line.len();
    let last = last.strip_suffix(b",").unwrap_or(last);
    let last = last.strip_suffix(b"\"").unwrap_or(last);
    let last = last.strip_prefix(b"\"").unwrap_or(last);
    let last = last.strip_suffix(b"\\n").unwrap_or(last);
    let base64 = !last.is_empty() && last.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    base64 && (whole || last.len() >= 20)
}

fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let foreign = |c: char| (FOREIGN + 0x80..=FOREIGN + 0xFF).contains(&u32::from(c));
    match std::str::from_utf8(bytes) {
        // The private characters start with this byte, which is rare.
        Ok(text) if memchr::memchr(0xF4, bytes).is_none() || !text.contains(foreign) => Cow::Borrowed(text),
        _ => {
            let mut text = String::with_capacity(bytes.len() + 64);
            let escape = |text: &mut String, bytes: &[u8]| {
                text.extend(bytes.iter().filter_map(|&b| char::from_u32(FOREIGN + u32::from(b))))
            };
            for chunk in bytes.utf8_chunks() {
                for c in chunk.valid().chars() {
                    if foreign(c) {
                        escape(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes());
                    } else {
                        text.push(c);
                    }
                }
                escape(&mut text, chunk.invalid());
            }
            Cow::Owned(text)
        }
    }
}

fn encode(text: &str, out: &mut Vec<u8>) {
    if memchr::memchr(0xF4, text.as_bytes()).is_none() {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for c in text.chars() {
        match u32::from(c).checked_sub(FOREIGN) {
            Some(byte @ 0x80..=0xFF) => out.push(byte as u8),
            _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}
