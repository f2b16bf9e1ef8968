//! Reading a trace file: bytes in, a [`Trace`] out, with warnings for all that was repaired or left out. One
//! element at a time, so that memory holds the compact spans and never the file.
//!
//! What a span's attributes mean for a run belongs in `model`; this module only resolves ids, order and ends.

use super::json::{Cursor, Fault, Token};
use super::span::{Arena, Interner, Kind, NONE, Part, Record, Span, bytes, flag};
use super::warnings::{Sort, Warnings};
use crate::conventions::attr;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, Read};

/// First size of the read buffer, bytes. It grows only where one span is larger.
const BUFFER: usize = 256 << 10;
/// Largest text of one span, bytes.
const MAX_SPAN: usize = 64 << 20;
/// Most spans of one trace: indices are 32 bits.
const MAX_SPANS: usize = NONE as usize - 1;

/// Why a file could not be read as a trace. Everything less than this is a warning.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The source failed.
    #[error("cannot read the trace after {offset} bytes: {source}")]
    Io {
        /// Bytes read before.
        offset: u64,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("the trace file is empty; if the run was killed, rebuild it from the journal with `forensic-host recover`")]
    Empty,
    /// It is something else.
    #[error("{line}:{column}: this is not a trace: {found}; {advice}")]
    NotATrace {
        /// Line of the first byte that does not fit, from 1.
        line: u64,
        /// Column of it, in bytes, from 1.
        column: u64,
        /// What stands there.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// An array, but nothing in it is a span.
    #[error("{line}:{column}: no span in the trace file could be read, the first because {why}; {advice}")]
    NoSpans {
        /// Line of the first problem, from 1.
        line: u64,
        /// Column of it, in bytes, from 1.
        column: u64,
        /// The first problem.
        why: String,
        /// What to do.
        advice: &'static str,
    },
}

const WANTED: &str = "a trace is a JSON array of span objects with `name`, `start_time`, `end_time` and `span_id`, as \
                      in `data/forensic_trace.json` of a run directory";

/// A trace: all spans of one file in start order.
#[derive(Debug)]
pub struct Trace {
    pub(super) records: Vec<Record>,
    pub(super) arena: Arena,
    pub(super) keys: Interner,
    pub(super) stages: Interner,
    pub(super) origins: Interner,
    pub(super) trace_ids: Vec<u128>,
    /// Indices of the records that have an id, ordered by it.
    by_id: Vec<u32>,
    /// True if some span is the host's own: run, stage or attempt.
    pub(super) native: bool,
    /// In a trace that is not native: the spans that count as stages.
    pub(super) foreign_stages: Vec<u32>,
    pub(super) warnings: Warnings,
}

impl Trace {
    /// Reads a trace: one span a line as the host writes it, or any other JSON array of spans.
    ///
    /// Reading is liberal (`DESIGN` 5): any white space and order; statuses of other writers; missing keys and
    /// parents; times as integers, decimal numbers, numeric texts (all Unix ns) or RFC 3339 text; bare `NaN`; a cut
    /// tail; broken spans in the middle. What was repaired or left out stands in [`Trace::warnings`].
    ///
    /// # Errors
    /// Where the source fails, or the text is no trace at all.
    pub fn read(source: impl BufRead) -> Result<Self, TraceError> {
        let mut reader = Reader::new(source);
        reader.open()?;
        let mut builder = Builder::new();
        let mut first_fault = None;
        let cut = loop {
            match reader.next(&mut builder)? {
                Step::Span => {}
                Step::Close => break false,
                Step::Cut => break true,
                Step::Fault(fault) => {
                    builder
                        .warnings
                        .push(Sort::Skipped, || format!("line {}: a span was left out: {}", fault.begins, fault.why));
                    first_fault.get_or_insert(fault);
                }
            }
            if builder.records.len() >= MAX_SPANS {
                builder.warnings.push(Sort::Cut, || format!("only the first {MAX_SPANS} spans were read"));
                break false;
            }
        };
        if let Some(fault) = first_fault.filter(|_| builder.records.is_empty()) {
            return Err(TraceError::NoSpans { line: fault.line, column: fault.column, why: fault.why, advice: WANTED });
        }
        if cut {
            let (line, offset, spans) = (reader.line(), reader.offset(), builder.records.len());
            builder.warnings.push(Sort::Cut, || {
                format!(
                    "the file is cut: it ends at line {line}, byte {}, without closing the array; {spans} spans were \
                     read, up to byte {offset}",
                    reader.total
                )
            });
        } else if builder.records.is_empty() {
            builder.warnings.push(Sort::Cut, || "the trace holds no spans".to_owned());
        }
        Ok(builder.finish())
    }

    /// [`Trace::read`] from memory.
    ///
    /// # Errors
    /// Where the text is no trace at all.
    pub fn from_slice(text: &[u8]) -> Result<Self, TraceError> {
        Self::read(text)
    }

    /// Number of spans.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// True if there is no span.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The span at a position in start order.
    pub fn span(&self, index: usize) -> Option<Span<'_>> {
        (index < self.records.len()).then_some(Span { trace: self, index: index as u32 })
    }

    /// All spans in start order; equal starts by span id.
    pub fn spans(&self) -> impl ExactSizeIterator<Item = Span<'_>> + DoubleEndedIterator {
        (0..self.records.len() as u32).map(|index| Span { trace: self, index })
    }

    /// The span with an id; where several traces of one file have it, one of them, always the same.
    pub fn span_by_id(&self, id: u64) -> Option<Span<'_>> {
        let at = self.by_id.partition_point(|&index| self.records[index as usize].span_id < id);
        let &index = self.by_id.get(at)?;
        (self.records[index as usize].span_id == id).then_some(Span { trace: self, index })
    }

    /// The same trace as it was before any report plugin was called: without their spans and what is below them.
    #[must_use]
    pub fn without_reports(mut self) -> Self {
        let mut kept = 0;
        let places: Vec<Option<u32>> = self
            .records
            .iter()
            .map(|record| {
                let place = (record.flags & flag::REPORT == 0).then_some(kept);
                kept += u32::from(place.is_some());
                place
            })
            .collect();
        let moved = |index: u32| places.get(index as usize).copied().flatten();
        self.records.retain(|record| record.flags & flag::REPORT == 0);
        for record in &mut self.records {
            // Nothing that is kept is below a report: the flag is inherited.
            record.parent = moved(record.parent).unwrap_or(NONE);
        }
        for list in [&mut self.by_id, &mut self.foreign_stages] {
            *list = list.iter().filter_map(|&index| moved(index)).collect();
        }
        self
    }

    /// What was repaired or left out while reading, in words, bounded in number.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.texts()
    }
}

/// One step of reading the array.
enum Step {
    Span,
    Close,
    Cut,
    Fault(Problem),
}

/// An element that was left out, where it begins, and what is wrong with it where.
struct Problem {
    begins: u64,
    line: u64,
    column: u64,
    why: String,
}

/// The sliding window over the source, and the array's punctuation.
struct Reader<R> {
    source: R,
    buffer: Vec<u8>,
    /// Next byte to read in `buffer`.
    at: usize,
    end_of_file: bool,
    /// Bytes of the source up to the end of `buffer`.
    total: u64,
    /// Line feeds before `buffer`.
    lines: u64,
    /// Bytes on the current line before `buffer`.
    column: u64,
    /// White space since the last line feed, if there is nothing else since.
    indentation: Option<usize>,
}

impl<R: BufRead> Reader<R> {
    fn new(source: R) -> Self {
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
        let column = match before.iter().rposition(|&b| b == b'\n') {
            Some(newline) => (at - newline - 1) as u64,
            None => self.column + at as u64,
        };
        (self.lines + lines + 1, column + 1)
    }

    fn line(&self) -> u64 {
        self.position(self.buffer.len()).0
    }

    /// Bytes of the file before the next one.
    fn offset(&self) -> u64 {
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
    fn open(&mut self) -> Result<(), TraceError> {
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
    fn next(&mut self, builder: &mut Builder) -> Result<Step, TraceError> {
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
            let mut cursor = Cursor::new(&self.buffer[self.at..]);
            match builder.element(&mut cursor) {
                Ok(outcome) => {
                    let taken = cursor.at();
                    let place = outcome.is_err().then(|| self.position(self.at));
                    self.at += taken;
                    return Ok(match (outcome, place) {
                        (Err(why), Some((line, column))) => Step::Fault(Problem { begins: line, line, column, why }),
                        _ => Step::Span,
                    });
                }
                Err(Fault::More) => {
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

/// Where spans are collected, with the buffers that each span uses anew.
struct Builder {
    trace: Trace,
    /// Ids of the keys that the loader itself looks at.
    known: KnownKeys,
    /// Index of each trace id.
    trace_index: HashMap<u128, u32>,
    /// For each key the span that had it last: finds keys that are written twice.
    last_span_with: Vec<u32>,
    /// For each key the one that followed it last: spans of one writer repeat, so most keys need no hashing.
    next_key: Vec<u32>,
    attributes: Vec<u8>,
    parts: Vec<u8>,
    head: Vec<u8>,
    value: Vec<u8>,
    non_finite: u64,
    not_utf8: u64,
    odd_ids: u64,
}

struct KnownKeys {
    kind: u32,
    origin: u32,
    inferred: u32,
    stage: u32,
}

impl std::ops::Deref for Builder {
    type Target = Trace;
    fn deref(&self) -> &Trace {
        &self.trace
    }
}

impl std::ops::DerefMut for Builder {
    fn deref_mut(&mut self) -> &mut Trace {
        &mut self.trace
    }
}

/// Origin of the host's own spans, and of spans that do not say; the first two of `Trace::origins`.
const ORIGIN_HOST: (u16, &str) = (0, "host");
const ORIGIN_UNKNOWN: (u16, &str) = (1, "unknown");

impl Builder {
    fn new() -> Self {
        let mut keys = Interner::default();
        let known = KnownKeys {
            kind: keys.intern(attr::KIND),
            origin: keys.intern(attr::ORIGIN),
            inferred: keys.intern(attr::INFERRED),
            stage: keys.intern(attr::STAGE_ID),
        };
        let mut origins = Interner::default();
        origins.intern(ORIGIN_HOST.1);
        origins.intern(ORIGIN_UNKNOWN.1);
        Self {
            trace: Trace {
                records: Vec::new(),
                arena: Arena::default(),
                keys,
                stages: Interner::default(),
                origins,
                trace_ids: Vec::new(),
                by_id: Vec::new(),
                native: false,
                foreign_stages: Vec::new(),
                warnings: Warnings::default(),
            },
            known,
            trace_index: HashMap::new(),
            last_span_with: Vec::new(),
            next_key: Vec::new(),
            attributes: Vec::new(),
            parts: Vec::new(),
            head: Vec::new(),
            value: Vec::new(),
            non_finite: 0,
            not_utf8: 0,
            odd_ids: 0,
        }
    }

    /// Reads one element of the array. `Err` is a fault of the text; `Ok(Err)` an element that is whole but no span.
    fn element(&mut self, cursor: &mut Cursor<'_>) -> Result<Result<(), String>, Fault> {
        match cursor.peek()? {
            b'{' => {}
            // Not read to its end: one stray bracket would swallow all the spans behind it.
            b'[' => return Err(Fault::Wrong { at: cursor.at(), why: "it is not an object" }),
            _ => {
                cursor.token()?;
                return Ok(Err("it is not an object".to_owned()));
            }
        }
        let outcome = self.span(cursor)?;
        self.non_finite += cursor.non_finite;
        self.not_utf8 += cursor.not_utf8;
        Ok(outcome)
    }

    fn span(&mut self, cursor: &mut Cursor<'_>) -> Result<Result<(), String>, Fault> {
        self.attributes.clear();
        self.parts.clear();
        let mut draft = Draft::default();
        let mut first = true;
        cursor.token()?; // the brace
        while let Some(key) = cursor.key(&mut first)? {
            match &*key {
                "name" => draft.name = self.text(cursor)?,
                "start_time" => draft.start = self.time(cursor)?,
                "end_time" => draft.end = self.time(cursor)?,
                "duration_ms" => {
                    if let Token::Number(text) | Token::Text(Cow::Borrowed(text)) = self.scalar(cursor)? {
                        draft.duration_ms = text.parse().ok();
                    }
                }
                "status" => self.status(cursor, &mut draft)?,
                "status_message" | "status_description" => {
                    draft.message = self.text(cursor)?.or(draft.message.take());
                }
                "attributes" => draft.attributes = self.attributes(cursor, &mut draft)?,
                "trace_id" => draft.trace_id = self.id(cursor)?,
                "span_id" => draft.span_id = self.id(cursor)?.map(fold),
                "parent_span_id" | "parent_id" => draft.parent_id = self.id(cursor)?.map(fold),
                "kind" => draft.parts += self.part(cursor, Part::SpanKind)?,
                "scope" => draft.parts += self.part(cursor, Part::Scope)?,
                "resource" => draft.parts += self.part(cursor, Part::Resource)?,
                "links" => draft.parts += self.part(cursor, Part::Links)?,
                "events" => draft.parts += self.part(cursor, Part::Events)?,
                "dropped" => draft.parts += self.part(cursor, Part::Dropped)?,
                _ => {
                    self.value.clear();
                    cursor.copy(&mut self.value)?;
                }
            }
        }
        Ok(self.add(draft))
    }

    /// A scalar; containers are read over and count as null.
    fn scalar<'a>(&mut self, cursor: &mut Cursor<'a>) -> Result<Token<'a>, Fault> {
        let token = cursor.token()?;
        if matches!(token, Token::OpenObject | Token::OpenArray) {
            self.value.clear();
            cursor.copy_from(token, &mut self.value)?;
            return Ok(Token::Null);
        }
        Ok(token)
    }

    fn text<'a>(&mut self, cursor: &mut Cursor<'a>) -> Result<Option<Cow<'a, str>>, Fault> {
        Ok(match self.scalar(cursor)? {
            Token::Text(text) => Some(text),
            Token::Number(text) => Some(Cow::Borrowed(text)),
            _ => None,
        })
    }

    fn time(&mut self, cursor: &mut Cursor<'_>) -> Result<Time, Fault> {
        Ok(match self.scalar(cursor)? {
            Token::Number(text) => parse_time(text),
            Token::Text(text) => parse_time(&text),
            Token::Null => Time::Missing,
            _ => Time::Unusable,
        })
    }

    fn id(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<u128>, Fault> {
        Ok(match self.scalar(cursor)? {
            Token::Text(text) => self.parse_id(&text),
            Token::Number(text) => text.parse().ok().filter(|id| *id != 0),
            _ => None,
        })
    }

    /// An id as a number. Ids that are not hexadecimal are replaced by a hash: only their equality matters here.
    fn parse_id(&mut self, text: &str) -> Option<u128> {
        match hexadecimal(text.strip_prefix("0x").unwrap_or(text)) {
            Some(0) => return None,
            Some(id) => return Some(id),
            None => {}
        }
        self.odd_ids += 1;
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Some(u128::from(hasher.finish()).max(1))
    }

    fn status<'a>(&mut self, cursor: &mut Cursor<'a>, draft: &mut Draft<'a>) -> Result<(), Fault> {
        let word = match cursor.token()? {
            Token::OpenObject => {
                let mut first = true;
                let mut word = None;
                while let Some(key) = cursor.key(&mut first)? {
                    match &*key {
                        "code" | "status_code" | "status" => word = self.text(cursor)?,
                        "message" | "description" => draft.message = self.text(cursor)?.or(draft.message.take()),
                        _ => drop(self.scalar(cursor)?),
                    }
                }
                word
            }
            Token::Text(text) => Some(text),
            Token::Number(text) => Some(Cow::Borrowed(text)),
            token => {
                self.value.clear();
                cursor.copy_from(token, &mut self.value)?;
                None
            }
        };
        draft.error = match word {
            Some(word) => is_error(&word).unwrap_or_else(|| {
                self.warnings.push(Sort::Repaired, || format!("status {word:?} is unknown and was read as Success"));
                false
            }),
            None => false,
        };
        Ok(())
    }

    /// Appends a part's JSON text; 1 if there was something to keep.
    fn part(&mut self, cursor: &mut Cursor<'_>, part: Part) -> Result<u64, Fault> {
        self.value.clear();
        cursor.copy(&mut self.value)?;
        if matches!(&self.value[..], b"null" | b"[]" | b"{}") {
            return Ok(0);
        }
        self.parts.push(part as u8);
        bytes::put_bytes(&mut self.parts, &self.value);
        Ok(1)
    }

    /// Encodes the attributes; returns their number.
    fn attributes(&mut self, cursor: &mut Cursor<'_>, draft: &mut Draft<'_>) -> Result<u64, Fault> {
        self.attributes.clear();
        let token = cursor.token()?;
        if token != Token::OpenObject {
            self.value.clear();
            cursor.copy_from(token, &mut self.value)?;
            return Ok(0);
        }
        let serial = self.records.len() as u32;
        let mut count = 0;
        let mut repeated = false;
        let mut previous = NONE;
        let mut first = true;
        while let Some(key) = cursor.key(&mut first)? {
            let id = self.key_id(&key, previous);
            previous = id;
            // `serial + 1`, so that 0 can mean "no span yet".
            let last = &mut self.last_span_with[id as usize];
            repeated |= std::mem::replace(last, serial + 1) == serial + 1;
            count += 1;
            bytes::put_varint(&mut self.attributes, id.into());
            let value = cursor.token()?;
            if id == self.known.kind {
                draft.kind = text_of(&value).map_or(Kind::Other, Kind::from_word);
            } else if id == self.known.origin {
                draft.origin =
                    text_of(&value).map(|origin| self.trace.origins.intern(origin).min(u16::MAX.into()) as u16);
            } else if id == self.known.stage {
                draft.stage = text_of(&value).map(|stage| self.trace.stages.intern(stage));
            } else if id == self.known.inferred {
                draft.inferred = value == Token::Bool(true) || text_of(&value) == Some("true");
            }
            let out = &mut self.attributes;
            match value {
                Token::Null => out.push(bytes::NULL),
                Token::Bool(false) => out.push(bytes::FALSE),
                Token::Bool(true) => out.push(bytes::TRUE),
                Token::Number(text) => match text.parse() {
                    Ok(value) if text != "-0" => {
                        out.push(bytes::INT);
                        bytes::put_int(out, value);
                    }
                    _ => {
                        out.push(bytes::NUMBER);
                        bytes::put_bytes(out, text.as_bytes());
                    }
                },
                Token::NonFinite(word) => {
                    out.push(bytes::TEXT);
                    bytes::put_bytes(out, word.as_bytes());
                }
                Token::Text(text) => {
                    out.push(bytes::TEXT);
                    bytes::put_bytes(out, text.as_bytes());
                }
                token @ (Token::OpenObject | Token::OpenArray) => {
                    self.value.clear();
                    cursor.copy_from(token, &mut self.value)?;
                    out.push(bytes::JSON);
                    bytes::put_bytes(out, &self.value);
                }
            }
        }
        if repeated {
            count = keep_last_of_each_key(&mut self.attributes, count);
        }
        Ok(count)
    }

    fn key_id(&mut self, key: &str, previous: u32) -> u32 {
        if let Some(&guess) = self.next_key.get(previous as usize)
            && self.trace.keys.text(guess) == key
        {
            return guess;
        }
        let id = self.trace.keys.intern(key);
        self.last_span_with.resize(self.trace.keys.len(), 0);
        self.next_key.resize(self.trace.keys.len(), 0);
        if let Some(next) = self.next_key.get_mut(previous as usize) {
            *next = id;
        }
        id
    }

    /// Keeps a draft as a span, or says why it is none.
    fn add(&mut self, draft: Draft<'_>) -> Result<(), String> {
        let start = match draft.start {
            Time::At(start) => start,
            Time::Missing => return Err("it has no `start_time`".to_owned()),
            Time::Unusable => return Err("its `start_time` is not a time in Unix nanoseconds".to_owned()),
        };
        if draft.name.is_none() && draft.span_id.is_none() {
            return Err("it has neither `name` nor `span_id`".to_owned());
        }
        let name = draft.name.unwrap_or_default();
        let mut flags = if draft.error { flag::ERROR } else { 0 } | if draft.inferred { flag::INFERRED } else { 0 };
        let end = match draft.end {
            Time::At(end) if end < start => {
                flags |= flag::CLAMPED;
                self.warnings.push(Sort::Time, || {
                    format!("span {name:?} ends {} ns before it starts; its duration was set to 0", start - end)
                });
                start
            }
            Time::At(end) => end,
            Time::Missing | Time::Unusable => match draft.duration_ms.filter(|ms| ms.is_finite() && *ms >= 0.0) {
                // Saturates where the product is out of range.
                Some(ms) => start.saturating_add((ms * 1e6).round() as u64),
                None => {
                    flags |= flag::NO_END | flag::INFERRED;
                    start
                }
            },
        };
        let trace_id = draft.trace_id.unwrap_or(0);
        let trace = match self.records.last() {
            Some(last) if self.trace_ids[last.trace as usize] == trace_id => last.trace,
            _ => {
                let trace_ids = &mut self.trace.trace_ids;
                *self.trace_index.entry(trace_id).or_insert_with(|| {
                    trace_ids.push(trace_id);
                    trace_ids.len() as u32 - 1
                })
            }
        };
        let from_host = draft.origin.is_none() && draft.kind != Kind::Other;
        let kind = if from_host { draft.kind } else { Kind::Other };
        self.trace.native |= matches!(kind, Kind::Run | Kind::Stage | Kind::Attempt);
        self.head.clear();
        bytes::put_bytes(&mut self.head, name.as_bytes());
        bytes::put_bytes(&mut self.head, draft.message.unwrap_or_default().as_bytes());
        bytes::put_varint(&mut self.head, draft.attributes);
        self.value.clear();
        bytes::put_varint(&mut self.value, draft.parts);
        let text = self.trace.arena.push(&[&self.head, &self.attributes, &self.value, &self.parts]);
        self.records.push(Record {
            start,
            end,
            span_id: draft.span_id.unwrap_or(0),
            parent_id: draft.parent_id.unwrap_or(0),
            text,
            trace,
            parent: NONE,
            stage: draft.stage.unwrap_or(NONE),
            origin: draft.origin.unwrap_or(if from_host { ORIGIN_HOST.0 } else { ORIGIN_UNKNOWN.0 }),
            kind,
            flags,
        });
        Ok(())
    }

    fn finish(mut self) -> Trace {
        for (count, what) in [
            (self.non_finite, "numbers were NaN or Infinity, which JSON does not have; they were read as text"),
            (self.not_utf8, "texts were not UTF-8; what could not be read was replaced"),
            (self.odd_ids, "ids were not hexadecimal and were replaced by hashes"),
        ] {
            if count > 0 {
                self.warnings.push(Sort::Repaired, || format!("{count} {what}"));
            }
        }
        let mut trace = self.trace;
        trace.order();
        let ids = trace.drop_duplicates();
        trace.link(ids);
        trace.find_missing_ends();
        trace.assign_stages();
        trace
    }
}

impl Trace {
    /// Start order; equal starts by id, so that the order in the file does not matter.
    fn order(&mut self) {
        let key = |record: &Record| (record.start, record.span_id, record.end);
        if !self.records.is_sorted_by_key(key) {
            self.records.sort_by_key(key);
        }
    }

    /// Id, trace and index of the records with an id, in this order.
    fn index_ids(&self) -> Vec<(u64, u32, u32)> {
        let mut ids: Vec<_> = (0u32..)
            .zip(&self.records)
            .filter(|(_, record)| record.span_id != 0)
            .map(|(index, record)| (record.span_id, record.trace, index))
            .collect();
        ids.sort_unstable();
        ids
    }

    /// Keeps one span of each trace and span id: one whose end was seen, then the one that ends last.
    /// Returns [`Trace::index_ids`] of what is left.
    fn drop_duplicates(&mut self) -> Vec<(u64, u32, u32)> {
        let ids = self.index_ids();
        let mut dropped: Vec<bool> = Vec::new();
        for group in ids.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).filter(|group| group.len() > 1) {
            dropped.resize(self.records.len(), false);
            let best = group.iter().map(|(_, _, index)| *index).min_by_key(|&index| {
                let record = &self.records[index as usize];
                (record.flags & flag::INFERRED != 0, std::cmp::Reverse(record.end), index)
            });
            for &(id, _, index) in group.iter().filter(|(_, _, index)| Some(*index) != best) {
                dropped[index as usize] = true;
                self.warnings.push(Sort::Duplicate, || {
                    format!("span id {id:016x} is there more than once; one of them was kept")
                });
            }
        }
        if dropped.is_empty() {
            return ids;
        }
        let mut dropped = dropped.into_iter();
        self.records.retain(|_| !dropped.next().unwrap_or(false));
        self.index_ids()
    }

    /// Finds parents, and cuts circles.
    fn link(&mut self, ids: Vec<(u64, u32, u32)>) {
        let mut wanted: Vec<_> = (0u32..)
            .zip(&self.records)
            .filter(|(_, record)| record.parent_id != 0)
            .map(|(index, record)| (record.parent_id, record.trace, index))
            .collect();
        wanted.sort_unstable();
        // Both lists are in order, so two places that only move forward find all parents.
        let (mut any_trace, mut same_trace) = (0, 0);
        for (id, trace, child) in wanted {
            while ids.get(any_trace).is_some_and(|entry| entry.0 < id) {
                any_trace += 1;
            }
            while ids.get(same_trace).is_some_and(|entry| (entry.0, entry.1) < (id, trace)) {
                same_trace += 1;
            }
            // A worker may begin a trace of its own: an id of 64 random bits that fits is still the parent's.
            let same = ids.get(same_trace).filter(|entry| (entry.0, entry.1) == (id, trace));
            let any = ids.get(any_trace).filter(|entry| entry.0 == id);
            self.records[child as usize].parent = same.or(any).map_or(NONE, |entry| entry.2);
        }
        self.by_id = ids.into_iter().map(|(_, _, index)| index).collect();

        // Each walk towards the root ends at a span that an earlier walk saw, or in a circle of its own.
        let mut seen_by = vec![NONE; self.records.len()];
        for first in 0..self.records.len() as u32 {
            let mut at = first;
            while seen_by[at as usize] == NONE {
                seen_by[at as usize] = first;
                let parent = self.records[at as usize].parent;
                if parent == NONE {
                    break;
                }
                if seen_by[parent as usize] == first {
                    self.records[at as usize].parent = NONE;
                    let id = self.records[at as usize].span_id;
                    self.warnings.push(Sort::Parents, || {
                        format!("the parents of span {id:016x} form a circle; it was read as having none")
                    });
                    break;
                }
                at = parent;
            }
        }
    }

    /// Gives spans without an end the last sign of life: the latest end below them; a root the last time in the
    /// file (report spans aside, which come after the run).
    fn find_missing_ends(&mut self) {
        if self.records.iter().all(|record| record.flags & flag::NO_END == 0) {
            return;
        }
        let mut children = vec![0u32; self.records.len()];
        for record in &self.records {
            if record.parent != NONE {
                children[record.parent as usize] += 1;
            }
        }
        let mut ready: Vec<u32> =
            (0..self.records.len() as u32).filter(|&index| children[index as usize] == 0).collect();
        while let Some(index) = ready.pop() {
            let Record { parent, end, kind, .. } = self.records[index as usize];
            if parent == NONE {
                continue;
            }
            let above = &mut self.records[parent as usize];
            if above.flags & flag::NO_END != 0 && kind != Kind::Report {
                above.end = above.end.max(end);
            }
            children[parent as usize] -= 1;
            if children[parent as usize] == 0 {
                ready.push(parent);
            }
        }
        let is_report = |record: &Record| record.kind == Kind::Report;
        let last = self.records.iter().filter(|r| !is_report(r)).map(|r| r.end).max().unwrap_or(0);
        let mut count = 0u64;
        for record in &mut self.records {
            if record.flags & flag::NO_END != 0 {
                count += 1;
                if record.parent == NONE && !is_report(record) {
                    record.end = record.end.max(last);
                }
            }
        }
        self.warnings.push(Sort::Time, || format!("{count} spans have no end; the last sign of life was taken for it"));
    }

    /// The children of each root. A parent that is not in the file but has two children or more there was a root,
    /// too: writers that write in order of end write it last, where a file gets cut. One child alone of such a parent
    /// is a root itself (its parent is in someone else's trace).
    fn find_foreign_stages(&self) -> Vec<u32> {
        let is_lost = |record: &Record| record.parent == NONE && record.parent_id != 0;
        let mut orphans: HashMap<u64, u32> = HashMap::new();
        for record in self.records.iter().filter(|record| is_lost(record)) {
            *orphans.entry(record.parent_id).or_default() += 1;
        }
        let of_lost_root = |record: &Record| is_lost(record) && orphans[&record.parent_id] > 1;
        (0u32..)
            .zip(&self.records)
            .filter(|(_, record)| match record.parent {
                NONE => of_lost_root(record),
                parent => {
                    let above = &self.records[parent as usize];
                    above.parent == NONE && above.kind != Kind::Report && !of_lost_root(above)
                }
            })
            .filter(|(_, record)| record.kind != Kind::Report)
            .map(|(index, _)| index)
            .collect()
    }

    /// Gives each span the stage of the nearest span above that has one, and marks what is below report spans.
    fn assign_stages(&mut self) {
        if !self.native {
            self.foreign_stages = self.find_foreign_stages();
        }
        for at in 0..self.foreign_stages.len() {
            let index = self.foreign_stages[at];
            let name = Span { trace: self, index }.name().to_owned();
            self.records[index as usize].stage = self.stages.intern(&name);
        }
        let mut done = vec![false; self.records.len()];
        let mut path = Vec::new();
        for first in 0..self.records.len() {
            let mut at = first;
            while !done[at] {
                path.push(at);
                done[at] = true;
                match self.records[at].parent {
                    NONE => break,
                    parent => at = parent as usize,
                }
            }
            while let Some(index) = path.pop() {
                let parent = self.records[index].parent;
                let (stage, report) = match parent {
                    NONE => (NONE, 0),
                    parent => {
                        let above = &self.records[parent as usize];
                        (above.stage, above.flags & flag::REPORT)
                    }
                };
                let record = &mut self.records[index];
                record.flags |= if record.kind == Kind::Report { flag::REPORT } else { report };
                if record.stage == NONE {
                    record.stage = stage;
                }
            }
        }
    }
}

/// A span while it is read.
#[derive(Default)]
struct Draft<'a> {
    name: Option<Cow<'a, str>>,
    start: Time,
    end: Time,
    duration_ms: Option<f64>,
    error: bool,
    message: Option<Cow<'a, str>>,
    trace_id: Option<u128>,
    span_id: Option<u64>,
    parent_id: Option<u64>,
    attributes: u64,
    parts: u64,
    kind: Kind,
    origin: Option<u16>,
    stage: Option<u32>,
    inferred: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Time {
    #[default]
    Missing,
    Unusable,
    At(u64),
}

/// Unix nanoseconds from an integer, a decimal number or RFC 3339 text. Times before 1970 are unusable.
fn parse_time(text: &str) -> Time {
    let text = text.trim();
    if let Ok(time) = text.parse::<u64>() {
        return Time::At(time);
    }
    // Exact for decimals without an exponent, where a float would be off by up to 128 ns.
    if let Some((whole, fraction)) = text.split_once('.')
        && !fraction.is_empty()
        && fraction.bytes().all(|b| b.is_ascii_digit())
        && let Ok(time) = whole.parse::<u64>()
    {
        return Time::At(time.saturating_add(u64::from(fraction.as_bytes()[0] >= b'5')));
    }
    if let Ok(time) = text.parse::<f64>() {
        return if (0.0..u64::MAX as f64).contains(&time) { Time::At(time.round() as u64) } else { Time::Unusable };
    }
    match text.parse::<jiff::Timestamp>().ok().and_then(|time| u64::try_from(time.as_nanosecond()).ok()) {
        Some(time) => Time::At(time),
        None => Time::Unusable,
    }
}

/// An id from hexadecimal digits, at most 32 of them; no digits are 0. Three ids a span: `from_str_radix` took a
/// tenth of the loading time.
fn hexadecimal(digits: &str) -> Option<u128> {
    if digits.len() > 32 {
        return None;
    }
    let half = |digits: &[u8]| {
        digits.iter().try_fold(0u64, |id, digit| {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                b'A'..=b'F' => digit - b'A' + 10,
                _ => return None,
            };
            Some(id << 4 | u64::from(value))
        })
    };
    let (high, low) = digits.as_bytes().split_at(digits.len().saturating_sub(16));
    Some(u128::from(half(high)?) << 64 | u128::from(half(low)?))
}

/// Line feeds, counted in bytes first so that the compiler can use vectors.
fn line_feeds(text: &[u8]) -> u64 {
    text.chunks(255).map(|chunk| u64::from(chunk.iter().map(|b| u8::from(*b == b'\n')).sum::<u8>())).sum()
}

/// Folds an id that is longer than a span id should be.
fn fold(id: u128) -> u64 {
    match id as u64 ^ (id >> 64) as u64 {
        0 => 1,
        id => id,
    }
}

fn text_of<'t>(token: &'t Token<'_>) -> Option<&'t str> {
    match token {
        Token::Text(text) => Some(text),
        _ => None,
    }
}

/// Whether a status word means an error; `None` if it is unknown. Knows this format's words, OpenTelemetry's
/// (also as `StatusCode.ERROR`, `STATUS_CODE_ERROR` and numbers) and the six results.
fn is_error(word: &str) -> Option<bool> {
    let word = word.rsplit('.').next().unwrap_or(word);
    let word = word.trim().to_ascii_lowercase();
    match word.strip_prefix("status_code_").unwrap_or(&word) {
        "success" | "ok" | "unset" | "" | "0" | "1" | "skip" | "skipped" | "cached" => Some(false),
        "error" | "2" | "failure" | "failed" | "timeout" | "cancellation" | "cancelled" | "canceled" => Some(true),
        _ => None,
    }
}

/// Rewrites encoded attributes so that each key is there once, with its last value; returns how many are left.
fn keep_last_of_each_key(encoded: &mut Vec<u8>, count: u64) -> u64 {
    let mut reader = bytes::Reader(encoded);
    let mut entries = Vec::new();
    for _ in 0..count {
        let start = encoded.len() - reader.0.len();
        let key = reader.varint();
        match reader.byte() {
            bytes::INT => drop(reader.varint()),
            bytes::NUMBER | bytes::TEXT | bytes::JSON => drop(reader.bytes()),
            _ => {}
        }
        entries.push((key, start..encoded.len() - reader.0.len()));
    }
    let mut seen = HashSet::new();
    let mut kept: Vec<_> = entries.into_iter().rev().filter(|(key, _)| seen.insert(*key)).collect();
    kept.reverse();
    *encoded = kept.iter().flat_map(|(_, range)| &encoded[range.clone()]).copied().collect();
    kept.len() as u64
}
