//! OpenTelemetry's own formats. A trace is cut into batches, each a whole `TracesData`; the three forms differ only in
//! how batches follow each other: lines, items of one JSON array, or protobuf messages, which concatenate into one.
//!
//! The messages are our own, not those of the crate `opentelemetry-proto`: its JSON writes every default (which an id
//! of no bytes may not be: `"parentSpanId":""`), and does not pass on that an attribute's number could not be written.
//! Also used by [`crate::telemetry`] to send the same spans to a collector.

mod convert;
mod messages;

pub(crate) use convert::Batches;

use crate::trace::Trace;
use prost::Message;
use std::io::{self, Write};

/// How much one batch holds: spans, and bytes of them encoded. A single span may be larger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) spans: usize,
    pub(crate) bytes: usize,
}

impl Limits {
    /// Of a line of a file. The bytes bound memory, and are what collectors take in one message by default.
    const EXPORT: Self = Self { spans: 1_000, bytes: 4 << 20 };
}

/// One `TracesData` a line.
pub(super) fn write_json_lines(trace: &Trace, out: &mut impl Write) -> io::Result<()> {
    for batch in Batches::new(trace) {
        serde_json::to_writer(&mut *out, &batch)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// One document.
pub(super) fn write_json(trace: &Trace, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"{\"resourceSpans\":[")?;
    let mut separator: &[u8] = b"\n";
    for resource_spans in Batches::new(trace).flat_map(|batch| batch.resource_spans) {
        out.write_all(separator)?;
        serde_json::to_writer(&mut *out, &resource_spans)?;
        separator = b",\n";
    }
    out.write_all(b"\n]}\n")
}

/// One `ExportTraceServiceRequest`.
pub(super) fn write_proto(trace: &Trace, out: &mut impl Write) -> io::Result<()> {
    for batch in Batches::new(trace) {
        // Repeated fields of messages one after the other add up: the file is one message.
        out.write_all(&batch.encode_to_vec())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::TracesData;

    /// The batches of a file of messages are one message, and it says what the JSON says.
    #[test]
    fn protobuf_is_one_message_with_all_batches() {
        let line =
            |i: usize| format!(r#"{{"name":"n{i}","start_time":{i},"end_time":{},"span_id":"{:x}"}}"#, i + 1, i + 1);
        let many = format!("[{}]", (0..2_500).map(line).collect::<Vec<_>>().join(","));
        for text in [many.as_str(), include_str!("../rich.json")] {
            let trace = Trace::from_slice(text.as_bytes()).unwrap();
            let (mut binary, mut json) = (Vec::new(), Vec::new());
            write_proto(&trace, &mut binary).unwrap();
            write_json(&trace, &mut json).unwrap();
            let decoded = TracesData::decode(&binary[..]).unwrap();
            let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
            assert_eq!(serde_json::to_value(&decoded).unwrap(), json);
        }
    }
}
