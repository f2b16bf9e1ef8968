//! Several trace files into one: those of a run's host and of its workers, or of one run whose spans arrived in two places. The result
//! is a set of spans, so neither the order of the files nor how often one is given matters, and merging what was
//! merged changes nothing, byte for byte.
//!
//! What is written is what the read model keeps of a file. That is not all of it: see [`merge`].

use super::Trace;
use super::span::{Part, Span, Value};
use crate::conventions::attr;
use std::cmp::Reverse;
use std::io::{self, BufWriter, Write};

/// What [`merge`] wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Spans in the result.
    pub spans: u64,
    /// Spans that were left out because another file has them, too. Those that one file has twice were left out when
    /// it was read; see [`Trace::warnings`].
    pub duplicates: u64,
}

/// Writes the spans of all `traces` as one trace file: strict JSON, one span a line, in start order; equal starts by
/// span id, as in [`Trace::spans`].
///
/// Spans are the same if their trace id and span id are. Of several versions the one is kept whose end was seen, then
/// the one that ends last, then the one that says most (the longest text). Spans without an id are the same if all of
/// their text is; a file that has one several times keeps it as often.
///
/// Kept: the nine keys, `status_message`, `kind`, `scope`, `resource`, `links`, `events`, `dropped`, all attributes in
/// their order with numbers as they were written. Lost, because reading does not keep it: other keys of a span; ids
/// that were not hexadecimal; the difference between `OK` and `UNSET`; an end before its start (it becomes the
/// start). A missing end becomes the last sign of life, and `forensic.inferred` says so.
///
/// # Errors
/// Where `out` fails.
pub fn merge(traces: Vec<Trace>, out: &mut impl Write) -> io::Result<Merged> {
    let mut entries: Vec<Entry<'_>> = traces
        .iter()
        .enumerate()
        .flat_map(|(file, trace)| trace.spans().map(move |span| Entry { span, file, nth: 0 }))
        .collect();
    let all = entries.len();
    number_spans_without_id(&mut entries);
    entries.sort_by(|a, b| a.identity().cmp(&b.identity()).then_with(|| a.by_worth(b)));
    entries.dedup_by(|a, b| a.is_same(b));
    entries.sort_by(|a, b| a.place().cmp(&b.place()).then_with(|| a.by_line(b)));

    let mut out = BufWriter::with_capacity(1 << 18, out);
    let mut line = Vec::new();
    out.write_all(b"[")?;
    for (index, entry) in entries.iter().enumerate() {
        line.clear();
        put_span(&mut line, entry.span);
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        out.write_all(&line)?;
    }
    out.write_all(b"\n]\n")?;
    out.flush()?;
    Ok(Merged { spans: entries.len() as u64, duplicates: (all - entries.len()) as u64 })
}

/// A span of one of the files.
#[derive(Clone, Copy)]
struct Entry<'a> {
    span: Span<'a>,
    file: usize,
    /// For a span without an id: how many with the same text its file has before it.
    nth: u32,
}

impl Entry<'_> {
    fn identity(&self) -> (u128, u64) {
        (self.span.trace_id(), self.span.span_id())
    }

    /// Of one identity, the better one first.
    fn by_worth(&self, other: &Self) -> std::cmp::Ordering {
        let key =
            |entry: &Self| (entry.nth, entry.span.inferred(), Reverse(entry.span.end_time()), entry.span.start_time());
        key(self).cmp(&key(other)).then_with(|| {
            let (a, b) = (text_of(self.span), text_of(other.span));
            b.len().cmp(&a.len()).then_with(|| a.cmp(&b))
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.identity() == other.identity()
            && (self.span.span_id() != 0 || (self.nth == other.nth && text_of(self.span) == text_of(other.span)))
    }

    /// Order in the file: that of [`Trace::spans`].
    fn place(&self) -> (u64, u64, u64, u128) {
        let span = self.span;
        (span.start_time(), span.span_id(), span.end_time(), span.trace_id())
    }

    fn by_line(&self, other: &Self) -> std::cmp::Ordering {
        text_of(self.span).cmp(&text_of(other.span))
    }
}

fn number_spans_without_id(entries: &mut [Entry<'_>]) {
    let mut nameless: Vec<(Vec<u8>, usize, usize)> = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.span.span_id() == 0)
        .map(|(at, entry)| (text_of(entry.span), entry.file, at))
        .collect();
    nameless.sort_unstable();
    for same in nameless.chunk_by(|a, b| (&a.0, a.1) == (&b.0, b.1)) {
        for (nth, (_, _, at)) in (0..).zip(same) {
            entries[*at].nth = nth;
        }
    }
}

fn text_of(span: Span<'_>) -> Vec<u8> {
    let mut line = Vec::new();
    put_span(&mut line, span);
    line
}

/// Appends a span as the host writes it (`DESIGN` 5).
fn put_span(line: &mut Vec<u8>, span: Span<'_>) {
    line.extend_from_slice(b"{\"name\":");
    put_json(line, span.name());
    put(line, "start_time", &span.start_time());
    put(line, "end_time", &span.end_time());
    put(line, "duration_ms", &(span.duration() as f64 / 1e6));
    put(line, "status", span.status().as_str());
    line.extend_from_slice(b",\"attributes\":{");
    let mut first = true;
    for (key, value) in span.attributes() {
        // It may say that it is not, and have no end all the same.
        let value = if key == attr::INFERRED && span.inferred() { Value::Bool(true) } else { value };
        put_attribute(line, &mut first, key, value);
    }
    if span.inferred() && span.attribute(attr::INFERRED).is_none() {
        put_attribute(line, &mut first, attr::INFERRED, Value::Bool(true));
    }
    line.push(b'}');
    put(line, "trace_id", &Some(span.trace_id_hex()).filter(|_| span.trace_id() != 0));
    put(line, "span_id", &Some(span.span_id_hex()).filter(|_| span.span_id() != 0));
    put(line, "parent_span_id", &span.parent_span_id_hex());
    if let Some(message) = span.status_message() {
        put(line, "status_message", message);
    }
    for (key, part) in [
        ("kind", Part::SpanKind),
        ("scope", Part::Scope),
        ("resource", Part::Resource),
        ("links", Part::Links),
        ("events", Part::Events),
        ("dropped", Part::Dropped),
    ] {
        if let Some(text) = span.part(part) {
            put_key(line, key);
            line.extend_from_slice(text.as_bytes());
        }
    }
    line.push(b'}');
}

fn put_attribute(line: &mut Vec<u8>, first: &mut bool, key: &str, value: Value<'_>) {
    if !std::mem::take(first) {
        line.push(b',');
    }
    put_json(line, key);
    line.push(b':');
    match value {
        Value::Null => line.extend_from_slice(b"null"),
        Value::Bool(value) => put_json(line, &value),
        Value::Int(value) => put_json(line, &value),
        Value::Text(text) => put_json(line, text),
        // As written: strict JSON already.
        Value::Number(text) | Value::Json(text) => line.extend_from_slice(text.as_bytes()),
    }
}

fn put(line: &mut Vec<u8>, key: &str, value: &(impl serde::Serialize + ?Sized)) {
    put_key(line, key);
    put_json(line, value);
}

/// `key` is one of ours: nothing to escape.
fn put_key(line: &mut Vec<u8>, key: &str) {
    line.extend_from_slice(b",\"");
    line.extend_from_slice(key.as_bytes());
    line.extend_from_slice(b"\":");
}

fn put_json(line: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    // Writing numbers and text to memory cannot fail.
    let _ = serde_json::to_writer(line, value);
}

#[cfg(test)]
mod tests;
