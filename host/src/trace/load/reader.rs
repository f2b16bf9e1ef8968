//! The sliding window over the source, and the array's punctuation: where elements begin, where the file is cut,
//! and where to go on after a broken one. What is inside an element belongs in `element`.

use super::builder::Builder;
use super::{TraceError, WANTED};
use crate::trace::json::{Cursor, Fault};
use crate::trace::warnings::Sort;
use std::io::{BufRead, Read};

/// First size of the read buffer, bytes. It grows only where one span is larger.
const BUFFER: usize = 256 << 10;
/// Largest text of one span, bytes.
const MAX_SPAN: usize = 64 << 20;

/// One step of reading the array.
pub(super) enum Step {
    Span,
    Close,
    Cut,
    Fault(Problem),
}

/// An element that was left out, where it begins, and what is wrong with it where.
pub(super) struct Problem {
    pub(super) begins: u64,
    pub(super) line: u64,
    pub(super) column: u64,
    pub(super) why: String,
}

/// The sliding window over the source, and the array's punctuation.
pub(super) struct Reader<R> {
    source: R,
    buffer: Vec<u8>,
    /// Next byte to read in `buffer`.
    at: usize,
    end_of_file: bool,
    /// Bytes of the source up to the end of `buffer`.
    pub(super) total: u64,
    /// Line feeds before `buffer`.
    lines: u64,
    /// Bytes on the current line before `buffer`.
    column: u64,
    /// White space since the last line feed, if there is nothing else since.
    indentation: Option<usize>,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, buffer: Vec::new(), at: 0, end_of_file: false, total: 0, lines: 0, column: 0, indentation: None }
    }

    /// Drops what was read and appends more; false at the end of the file.
    fn fill(&mut self) -> Result<bool, TraceError> {
        if self.end_of_file {
            return Ok(false);
        }
        let (lines, column) = self.position(self.at);
        (self.lines, self.column) = (lines - 1, column - 1);
        self.buffer.drain(..self.at);
        self.at = 0;
        // Doubling keeps the work of starting one large span again in proportion to its size.
        let wanted = BUFFER.max(self.buffer.len());
        let read = Read::take(&mut self.source, wanted as u64)
            .read_to_end(&mut self.buffer)
            .map_err(|source| TraceError::Io { offset: self.total, source })?;
        self.total += read as u64;
        self.end_of_file = read < wanted;
        Ok(read > 0)
    }

    /// Line and column, from 1, of a place in the buffer.
    fn position(&self, at: usize) -> (u64, u64) {
        let before = &self.buffer[..at];
        let lines = line_feeds(before);
        let column = match memchr::memrchr(b'\n', before) {
            Some(newline) => (at - newline - 1) as u64,
            None => self.column + at as u64,
        };
        (self.lines + lines + 1, column + 1)
    }

    pub(super) fn line(&self) -> u64 {
        self.position(self.buffer.len()).0
    }

    /// Bytes of the file before the next one.
    pub(super) fn offset(&self) -> u64 {
        self.total - (self.buffer.len() - self.at) as u64
    }

    /// Skips white space; the next byte, or `None` at the end of the file.
    fn peek(&mut self) -> Result<Option<u8>, TraceError> {
        loop {
            while let Some(&byte) = self.buffer.get(self.at) {
                if !byte.is_ascii_whitespace() {
                    return Ok(Some(byte));
                }
                self.indentation = if byte == b'\n' { Some(0) } else { self.indentation.map(|spaces| spaces + 1) };
                self.at += 1;
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    fn not_a_trace(&self, found: impl Into<String>, advice: &'static str) -> TraceError {
        let (line, column) = self.position(self.at);
        TraceError::NotATrace { line, column, found: found.into(), advice }
    }

    /// Takes the opening bracket.
    pub(super) fn open(&mut self) -> Result<(), TraceError> {
        self.fill()?;
        if self.buffer.starts_with(b"\xEF\xBB\xBF") {
            self.at = 3;
        }
        match self.peek()? {
            None => Err(TraceError::Empty),
            Some(b'[') => {
                self.at += 1;
                Ok(())
            }
            Some(b'{') => {
                let start = &self.buffer[self.at..self.buffer.len().min(self.at + 4096)];
                let has = |text: &str| start.windows(text.len()).any(|window| window == text.as_bytes());
                Err(if has("\"resourceSpans\"") {
                    self.not_a_trace("an OTLP export", "give the `forensic_trace.json` that it was made from")
                } else if has("\"traceEvents\"") {
                    self.not_a_trace("a Chrome trace", "give the `forensic_trace.json` that it was made from")
                } else {
                    self.not_a_trace(
                        "an object where an array should begin",
                        "give `data/forensic_trace.json` of a run directory; of a run that was killed, rebuild it \
                         from the journal with `forensic-host recover`",
                    )
                })
            }
            Some(0x1f) if self.buffer.get(self.at + 1) == Some(&0x8b) => {
                Err(self.not_a_trace("compressed data (gzip)", "unpack it first"))
            }
            Some(byte) => {
                let found = match byte {
                    b' '..=b'~' => format!("it begins with `{}` instead of `[`", byte as char),
                    _ => format!("it begins with the byte 0x{byte:02x} instead of `[`"),
                };
                Err(self.not_a_trace(found, WANTED))
            }
        }
    }

    /// Reads the next element into `builder`.
    pub(super) fn next(&mut self, builder: &mut Builder) -> Result<Step, TraceError> {
        loop {
            match self.peek()? {
                None => return Ok(Step::Cut),
                Some(b',') => {
                    self.at += 1;
                    self.indentation = None;
                }
                Some(b']') => {
                    self.at += 1;
                    self.indentation = None;
                    let Some(behind) = self.peek()? else { return Ok(Step::Close) };
                    let (line, _) = self.position(self.at);
                    if !matches!(behind, b',' | b'{') {
                        builder.warnings.push(Sort::Repaired, || {
                            format!("line {line}: text after the end of the array was not read")
                        });
                        return Ok(Step::Close);
                    }
                    builder.warnings.push(Sort::Repaired, || {
                        format!("line {line}: the array is closed, but spans follow; they were read, too")
                    });
                }
                Some(_) => break,
            }
        }
        let indentation = self.indentation.take();
        loop {
            // An element that crosses the buffer's end is begun again, and a broken one is left out: neither must leave
            // warnings of a first try behind.
            let mark = builder.mark();
            let mut cursor = Cursor::new(&self.buffer[self.at..]);
            match builder.element(&mut cursor) {
                Ok(outcome) => {
                    if outcome.is_err() {
                        builder.back_to(&mark);
                    }
                    let taken = cursor.at();
                    let place = outcome.is_err().then(|| self.position(self.at));
                    self.at += taken;
                    return Ok(match (outcome, place) {
                        (Err(why), Some((line, column))) => Step::Fault(Problem { begins: line, line, column, why }),
                        _ => Step::Span,
                    });
                }
                Err(Fault::More) => {
                    builder.back_to(&mark);
                    if self.buffer.len() - self.at > MAX_SPAN {
                        let problem = self.problem(0, format!("it is larger than {} MiB", MAX_SPAN >> 20));
                        self.resynchronise(indentation, 0)?;
                        return Ok(Step::Fault(problem));
                    }
                    if !self.fill()? {
                        // The last span is cut. Said once, by the caller: how far the file goes.
                        return Ok(Step::Cut);
                    }
                }
                Err(Fault::Wrong { at, why }) => {
                    builder.back_to(&mark);
                    let problem = self.problem(at, why.to_owned());
                    self.resynchronise(indentation, at)?;
                    return Ok(Step::Fault(problem));
                }
            }
        }
    }

    /// A fault in the element that begins here, `offset` bytes after its beginning.
    fn problem(&self, offset: usize, why: String) -> Problem {
        let (begins, _) = self.position(self.at);
        let (line, column) = self.position(self.at + offset);
        Problem { begins, line, column, why: format!("{why} (at {line}:{column})") }
    }

    /// After a broken element that begins at the current place: moves to where the next one begins, or the array's
    /// end. Brackets cannot be trusted here. If the element stood at the beginning of a line, the next one is the
    /// next line that begins with `{` at the same indentation; else it is the next `{` after `}` and `,`.
    fn resynchronise(&mut self, indentation: Option<usize>, fault: usize) -> Result<(), TraceError> {
        match indentation {
            Some(spaces) => self.next_line(spaces),
            None => {
                self.at += fault;
                self.next_inline()
            }
        }
    }

    fn next_line(&mut self, indentation: usize) -> Result<(), TraceError> {
        loop {
            match self.buffer[self.at..].iter().position(|&b| b == b'\n') {
                None => {
                    self.at = self.buffer.len();
                    if !self.fill()? {
                        return Ok(());
                    }
                }
                Some(newline) => {
                    self.at += newline;
                    let first = self.peek()?;
                    let begins = match (first, self.indentation) {
                        (Some(b'{'), Some(spaces)) => spaces == indentation,
                        (Some(b']'), Some(spaces)) => spaces <= indentation,
                        _ => false,
                    };
                    if begins || first.is_none() {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn next_inline(&mut self) -> Result<(), TraceError> {
        // How much of `}`, `,`, `{` was seen, white space aside.
        let mut seen = 0;
        loop {
            let Some(&byte) = self.buffer.get(self.at) else {
                if !self.fill()? {
                    return Ok(());
                }
                continue;
            };
            seen = match (seen, byte) {
                (1, b',') => 2,
                (2, b'{') => {
                    self.indentation = None;
                    return Ok(());
                }
                (_, b'}') => 1,
                (seen, byte) if byte.is_ascii_whitespace() => seen,
                _ => 0,
            };
            self.at += 1;
        }
    }
}

fn line_feeds(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}
