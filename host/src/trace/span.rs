//! One span as it was written, and the compact memory behind it: typed access, no interpretation. What a span
//! *means* for a run belongs in `model`; reading files belongs in `load`.
//!
//! A million spans must fit in 300 MiB with all metrics, so a span is a record of 56 bytes and one run of bytes in
//! an arena: name, message, attributes with their keys interned, and the rarely present rest as JSON text.

use super::Trace;
use std::collections::HashMap;
use std::sync::Arc;

/// Outcome of a span: `status` of the file. Other writers' `UNSET` and `OK` are [`Status::Success`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub enum Status {
    /// success, cached, skipped.
    Success,
    /// failure, error, timeout, cancellation.
    Error,
}

impl Status {
    /// The word of the file format, `Success` or `Error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Success => crate::conventions::status::SUCCESS,
            Status::Error => crate::conventions::status::ERROR,
        }
    }
}

/// What the host says a span is (`forensic.kind`). Spans that came from elsewhere (`forensic.origin`) are always
/// [`Kind::Other`], whatever they claim: a stage's own spans cannot pose as the host's evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The run, root of the trace.
    Run,
    /// A stage.
    Stage,
    /// One process of a stage.
    Attempt,
    /// A call of a report plugin; not part of the run's metrics.
    Report,
    /// A worker's own view of an attempt, by the worker's clock (`forensic.origin` is `worker`).
    Worker,
    /// Anything else.
    #[default]
    Other,
}

impl Kind {
    /// The word of `forensic.kind`; `None` for [`Kind::Other`].
    pub fn as_str(self) -> Option<&'static str> {
        use crate::conventions::kind;
        match self {
            Kind::Run => Some(kind::RUN),
            Kind::Stage => Some(kind::STAGE),
            Kind::Attempt => Some(kind::ATTEMPT),
            Kind::Report => Some(kind::REPORT),
            Kind::Worker => Some(kind::WORKER),
            Kind::Other => None,
        }
    }

    pub(super) fn from_word(word: &str) -> Self {
        use crate::conventions::kind;
        match word {
            kind::RUN => Kind::Run,
            kind::STAGE => Kind::Stage,
            kind::ATTEMPT => Kind::Attempt,
            kind::REPORT => Kind::Report,
            kind::WORKER => Kind::Worker,
            _ => Kind::Other,
        }
    }
}

/// An attribute's value, as written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// `null`; also what strict writers make of a non-finite number.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number within 64 bits.
    Int(i64),
    /// Any other number, its text as written.
    Number(&'a str),
    /// Text; also a bare `NaN`, `Infinity` or `-Infinity`, as text.
    Text(&'a str),
    /// An array or object, as compact strict JSON.
    Json(&'a str),
}

impl<'a> Value<'a> {
    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&'a str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value; the texts `true` and `false` count.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The number if it is whole and fits; a numeric text counts (some writers quote 64-bit numbers).
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            Value::Number(text) | Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Like [`Value::as_i64`], for amounts.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Int(value) => u64::try_from(*value).ok(),
            Value::Number(text) | Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Any finite number; a numeric text counts.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(value) => Some(*value as f64),
            Value::Number(text) | Value::Text(text) => text.parse().ok().filter(|v: &f64| v.is_finite()),
            _ => None,
        }
    }

    /// A list of texts: an array's items (those that are no text as their JSON), or one text alone.
    pub fn as_text_list(&self) -> Option<Vec<String>> {
        match self {
            Value::Text(text) => Some(vec![(*text).to_owned()]),
            Value::Json(json) => {
                let items: Vec<serde_json::Value> = serde_json::from_str(json).ok()?;
                Some(
                    items
                        .into_iter()
                        .map(|item| match item {
                            serde_json::Value::String(text) => text,
                            other => other.to_string(),
                        })
                        .collect(),
                )
            }
            _ => None,
        }
    }

    /// The value as a JSON tree.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Int(value) => (*value).into(),
            // A number that no JSON reader of ours can hold (1e999) stays as its text.
            Value::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| (*text).into()),
            Value::Text(text) => (*text).into(),
            Value::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| (*text).into()),
        }
    }
}

/// Parts of a span that are kept as JSON text because only few readers want them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Part {
    /// OpenTelemetry's span kind (`kind`).
    SpanKind = 1,
    /// `scope`
    Scope,
    /// `resource`, where it differs from the run's.
    Resource,
    /// `links`
    Links,
    /// `events`
    Events,
    /// `dropped`, counts.
    Dropped,
}

/// Flags of a record.
pub(super) mod flag {
    pub(crate) const ERROR: u8 = 1;
    /// The end was not seen: `forensic.inferred`, or the loader had to find one.
    pub(crate) const INFERRED: u8 = 2;
    /// The end was before the start and was set to it.
    pub(crate) const CLAMPED: u8 = 4;
    /// No end in the file; the loader finds one.
    pub(crate) const NO_END: u8 = 8;
    /// A report span or below one.
    pub(crate) const REPORT: u8 = 16;
    /// Made on a worker: its times are those of the worker's clock.
    pub(crate) const WORKER: u8 = 32;
}

/// "None" for the indices below.
pub(super) const NONE: u32 = u32::MAX;

/// A span in memory. Everything of variable length is in the arena.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub start: u64,
    pub end: u64,
    /// 0: none was written.
    pub span_id: u64,
    /// 0: none.
    pub parent_id: u64,
    pub text: Place,
    /// Index into the trace's `trace_ids`.
    pub trace: u32,
    /// Index of the parent's record, or [`NONE`].
    pub parent: u32,
    /// Index into the trace's `stages`, or [`NONE`].
    pub stage: u32,
    /// Index into the trace's `origins`.
    pub origin: u16,
    pub kind: Kind,
    pub flags: u8,
}

/// Where a record's bytes begin; no two records have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    chunk: u32,
    offset: u32,
}

/// Append-only bytes in chunks, so that growing never moves (or doubles) what is there.
#[derive(Debug, Default)]
pub(super) struct Arena {
    chunks: Vec<Vec<u8>>,
}

impl Arena {
    const CHUNK: usize = 1 << 20;

    /// Appends `parts` as one run of bytes.
    pub(super) fn push(&mut self, parts: &[&[u8]]) -> Place {
        let len = parts.iter().map(|part| part.len()).sum();
        if self.chunks.last().is_none_or(|chunk| chunk.capacity() - chunk.len() < len) {
            self.chunks.push(Vec::with_capacity(len.max(Self::CHUNK)));
        }
        let index = self.chunks.len() - 1;
        let chunk = &mut self.chunks[index];
        let offset = chunk.len() as u32; // a chunk that is not empty is at most CHUNK long
        for part in parts {
            chunk.extend_from_slice(part);
        }
        Place { chunk: index as u32, offset }
    }

    fn at(&self, place: Place) -> &[u8] {
        &self.chunks[place.chunk as usize][place.offset as usize..]
    }
}

/// Texts that repeat, each kept once.
#[derive(Debug, Default)]
pub(super) struct Interner {
    ids: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

impl Interner {
    pub(super) fn intern(&mut self, text: &str) -> u32 {
        if let Some(&id) = self.ids.get(text) {
            return id;
        }
        let id = self.texts.len() as u32;
        let text: Arc<str> = text.into();
        self.ids.insert(text.clone(), id);
        self.texts.push(text);
        id
    }

    pub(super) fn get(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    pub(super) fn text(&self, id: u32) -> &str {
        &self.texts[id as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }
}

/// Encoding of a record's bytes: name, message, attributes, parts. Written by `load`, read by [`Span`].
pub(super) mod bytes {
    pub(crate) const NULL: u8 = 0;
    pub(crate) const FALSE: u8 = 1;
    pub(crate) const TRUE: u8 = 2;
    pub(crate) const INT: u8 = 3;
    pub(crate) const NUMBER: u8 = 4;
    pub(crate) const TEXT: u8 = 5;
    pub(crate) const JSON: u8 = 6;

    pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    pub(crate) fn put_int(out: &mut Vec<u8>, value: i64) {
        put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
    }

    pub(crate) fn put_bytes(out: &mut Vec<u8>, value: &[u8]) {
        put_varint(out, value.len() as u64);
        out.extend_from_slice(value);
    }

    /// Reads what the functions above wrote.
    #[derive(Clone)]
    pub(crate) struct Reader<'a>(pub &'a [u8]);

    impl<'a> Reader<'a> {
        pub(crate) fn byte(&mut self) -> u8 {
            let (&first, rest) = self.0.split_first().expect("written by the loader");
            self.0 = rest;
            first
        }

        pub(crate) fn varint(&mut self) -> u64 {
            let (mut value, mut shift) = (0, 0);
            loop {
                let byte = self.byte();
                value |= u64::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    return value;
                }
                shift += 7;
            }
        }

        pub(crate) fn int(&mut self) -> i64 {
            let value = self.varint();
            (value >> 1) as i64 ^ -((value & 1) as i64)
        }

        pub(crate) fn bytes(&mut self) -> &'a [u8] {
            let len = self.varint() as usize;
            let (value, rest) = self.0.split_at(len);
            self.0 = rest;
            value
        }

        pub(crate) fn text(&mut self) -> &'a str {
            std::str::from_utf8(self.bytes()).expect("written by the loader")
        }
    }
}

/// A span of a [`Trace`]: a handle that costs nothing to copy.
#[derive(Clone, Copy)]
pub struct Span<'a> {
    pub(super) trace: &'a Trace,
    pub(super) index: u32,
}

impl<'a> Span<'a> {
    fn record(&self) -> &'a Record {
        &self.trace.records[self.index as usize]
    }

    fn reader(&self) -> bytes::Reader<'a> {
        bytes::Reader(self.trace.arena.at(self.record().text))
    }

    /// Position in the trace's start order, from 0; see [`Trace::span`].
    pub fn index(&self) -> usize {
        self.index as usize
    }

    /// Stage or step id, as written.
    pub fn name(&self) -> &'a str {
        self.reader().text()
    }

    /// Unix nanoseconds.
    pub fn start_time(&self) -> u64 {
        self.record().start
    }

    /// Unix nanoseconds; never before the start.
    pub fn end_time(&self) -> u64 {
        self.record().end
    }

    /// Nanoseconds.
    pub fn duration(&self) -> u64 {
        self.record().end - self.record().start
    }

    /// Outcome.
    pub fn status(&self) -> Status {
        if self.record().flags & flag::ERROR != 0 { Status::Error } else { Status::Success }
    }

    /// The error's message, where there is one.
    pub fn status_message(&self) -> Option<&'a str> {
        let mut reader = self.reader();
        reader.bytes();
        Some(reader.text()).filter(|text| !text.is_empty())
    }

    /// What the host says this span is.
    pub fn kind(&self) -> Kind {
        self.record().kind
    }

    /// Who made it: `host`, the value of `forensic.origin` (`otlp`, `worker`, `guest`), or `unknown`.
    pub fn origin(&self) -> &'a str {
        self.trace.origins.text(self.record().origin.into())
    }

    /// True where the end was not seen.
    pub fn inferred(&self) -> bool {
        self.record().flags & flag::INFERRED != 0
    }

    /// True where the file said that the span ended before it began; its duration is 0.
    pub fn clamped(&self) -> bool {
        self.record().flags & flag::CLAMPED != 0
    }

    /// True for a report plugin's call and everything below it: none of it is part of the run's metrics.
    pub fn in_report(&self) -> bool {
        self.record().flags & flag::REPORT != 0
    }

    /// True for spans that were made on a worker: a worker's own and what an attempt there sent. Their times are those of the
    /// worker's clock.
    pub fn on_worker_clock(&self) -> bool {
        self.record().flags & flag::WORKER != 0
    }

    /// How much later the times of its events are than those of the file, ns; see [`Trace::align_workers`].
    pub(super) fn shift(&self) -> i64 {
        self.trace.shifts.get(&self.record().text).copied().unwrap_or(0)
    }

    /// The stage it belongs to: its own `forensic.stage.id`, else that of the nearest span above.
    pub fn stage(&self) -> Option<&'a str> {
        let stage = self.record().stage;
        (stage != NONE).then(|| self.trace.stages.text(stage))
    }

    pub(super) fn origin_index(&self) -> usize {
        self.record().origin.into()
    }

    pub(super) fn stage_index(&self) -> u32 {
        self.record().stage
    }

    /// Trace id.
    pub fn trace_id(&self) -> u128 {
        self.trace.trace_ids[self.record().trace as usize]
    }

    /// Trace id, 32 hexadecimal digits.
    pub fn trace_id_hex(&self) -> String {
        format!("{:032x}", self.trace_id())
    }

    /// Span id; 0 if none was written.
    pub fn span_id(&self) -> u64 {
        self.record().span_id
    }

    /// Span id, 16 hexadecimal digits.
    pub fn span_id_hex(&self) -> String {
        format!("{:016x}", self.span_id())
    }

    /// Id of the parent as written, also where that span is not in the file.
    pub fn parent_span_id(&self) -> Option<u64> {
        Some(self.record().parent_id).filter(|id| *id != 0)
    }

    /// Like [`Span::parent_span_id`], 16 hexadecimal digits.
    pub fn parent_span_id_hex(&self) -> Option<String> {
        self.parent_span_id().map(|id| format!("{id:016x}"))
    }

    /// The parent, where it is in the file.
    pub fn parent(&self) -> Option<Span<'a>> {
        let index = self.record().parent;
        (index != NONE).then_some(Span { trace: self.trace, index })
    }

    /// All attributes in written order, each key once (the last value written).
    pub fn attributes(&self) -> impl ExactSizeIterator<Item = (&'a str, Value<'a>)> + use<'a> {
        Attributes::new(self)
    }

    /// One attribute.
    pub fn attribute(&self, key: &str) -> Option<Value<'a>> {
        let id = self.trace.keys.get(key)?;
        let mut attributes = Attributes::new(self);
        while let Some((found, value)) = attributes.next_raw() {
            if found == id {
                return Some(value);
            }
        }
        None
    }

    /// One part of the span that is kept as JSON text.
    pub fn part(&self, part: Part) -> Option<&'a str> {
        let mut attributes = Attributes::new(self);
        while attributes.next_raw().is_some() {}
        let mut reader = attributes.reader;
        for _ in 0..reader.varint() {
            let tag = reader.byte();
            let text = reader.text();
            if tag == part as u8 {
                return Some(text);
            }
        }
        None
    }
}

impl std::fmt::Debug for Span<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Span")
            .field("name", &self.name())
            .field("start_time", &self.start_time())
            .field("end_time", &self.end_time())
            .field("status", &self.status())
            .field("span_id", &self.span_id_hex())
            .field("parent_span_id", &self.parent_span_id_hex())
            .field("attributes", &self.attributes().collect::<Vec<_>>())
            .finish()
    }
}

struct Attributes<'a> {
    trace: &'a Trace,
    reader: bytes::Reader<'a>,
    left: usize,
}

impl<'a> Attributes<'a> {
    fn new(span: &Span<'a>) -> Self {
        let mut reader = span.reader();
        reader.bytes();
        reader.bytes();
        let left = reader.varint() as usize;
        Self { trace: span.trace, reader, left }
    }

    fn next_raw(&mut self) -> Option<(u32, Value<'a>)> {
        self.left = self.left.checked_sub(1)?;
        let reader = &mut self.reader;
        let key = reader.varint() as u32;
        let value = match reader.byte() {
            bytes::FALSE => Value::Bool(false),
            bytes::TRUE => Value::Bool(true),
            bytes::INT => Value::Int(reader.int()),
            bytes::NUMBER => Value::Number(reader.text()),
            bytes::TEXT => Value::Text(reader.text()),
            bytes::JSON => Value::Json(reader.text()),
            _ => Value::Null,
        };
        Some((key, value))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.next_raw()?;
        Some((self.trace.keys.text(key), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Attributes<'_> {}
