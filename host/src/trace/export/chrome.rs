//! Chrome's trace events as JSON. Times are microseconds after the first start: absolute ones would lose a quarter of
//! a microsecond in a reader's float. One event a line.

use super::lanes::{self, Lanes};
use super::parts;
use crate::trace::span::{Span, Value};
use crate::trace::{Run, Trace};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;
use std::io::{self, Write};

const PROCESS: u32 = 1;

/// Writes the document.
pub(super) fn write(trace: &Trace, out: &mut impl Write) -> io::Result<()> {
    let lanes = Lanes::new(trace);
    let run = Run::of(trace);
    let zero = trace.spans().next().map_or(0, |span| span.start_time());
    out.write_all(b"{\"displayTimeUnit\":\"ms\",\"otherData\":")?;
    let other = json!({
        "pipeline": run.pipeline, "run_id": run.id, "trace_id": run.trace_id, "zero_unix_nano": zero.to_string(),
    });
    serde_json::to_writer(&mut *out, &other)?;
    out.write_all(b",\"traceEvents\":[")?;
    let name = super::title(&run);
    let meta =
        |what: &str, lane: u32, args| json!({"ph": "M", "name": what, "pid": PROCESS, "tid": lane, "args": args});
    write!(out, "\n{}", meta("process_name", 0, json!({"name": name})))?;
    for lane in 0..lanes.count() {
        write!(out, ",\n{}", meta("thread_name", lane, json!({"name": lanes::name(lane)})))?;
        write!(out, ",\n{}", meta("thread_sort_index", lane, json!({"sort_index": lane})))?;
    }
    for placed in lanes.placed(trace) {
        let span = placed.span;
        out.write_all(b",\n{\"ph\":\"X\",\"name\":")?;
        serde_json::to_writer(&mut *out, span.name())?;
        out.write_all(b",\"cat\":")?;
        serde_json::to_writer(&mut *out, super::category(span))?;
        write!(out, ",\"ts\":{},\"dur\":{}", Micros(span.start_time() - zero), Micros(span.duration()))?;
        write!(out, ",\"pid\":{PROCESS},\"tid\":{},\"args\":", placed.lane)?;
        serde_json::to_writer(&mut *out, &Args(span))?;
        out.write_all(b"}")?;
        for event in parts::events(span).0 {
            // Before the first start there is nothing to draw on.
            let at = Micros(event.time.saturating_sub(zero));
            let (name, lane) = (json!(event.name), placed.lane);
            write!(out, ",\n{{\"ph\":\"i\",\"s\":\"t\",\"name\":{name},\"cat\":\"event\",\"ts\":{at}")?;
            write!(out, ",\"pid\":{PROCESS},\"tid\":{lane},\"args\":")?;
            serde_json::to_writer(&mut *out, &event.attributes)?;
            out.write_all(b"}")?;
        }
    }
    out.write_all(b"\n]}\n")
}

/// Nanoseconds as microseconds, exactly.
struct Micros(u64);

impl std::fmt::Display for Micros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// What a viewer shows of a span that is clicked: ids and outcome, then the attributes.
struct Args<'a>(Span<'a>);

impl Serialize for Args<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let span = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("span_id", &span.span_id_hex())?;
        if let Some(parent) = span.parent_span_id_hex() {
            map.serialize_entry("parent_span_id", &parent)?;
        }
        map.serialize_entry("status", span.status().as_str())?;
        if let Some(message) = span.status_message() {
            map.serialize_entry("status_message", message)?;
        }
        map.serialize_entry("attributes", &Attributes(span))?;
        map.end()
    }
}

/// A span's attributes as a JSON object.
pub(super) struct Attributes<'a>(pub(super) Span<'a>);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.attributes().map(|(key, value)| (key, Attribute(value))))
    }
}

struct Attribute<'a>(Value<'a>);

impl Serialize for Attribute<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Int(value) => serializer.serialize_i64(value),
            Value::Text(text) => serializer.serialize_str(text),
            other => other.to_json().serialize(serializer),
        }
    }
}
