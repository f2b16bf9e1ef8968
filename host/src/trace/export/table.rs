//! CSV as RFC 4180 wants it: a header, one row a span, CRLF, quotes where needed. The columns are the keys that every
//! span of a trace file has, then what one filters by. Text is not changed: who opens the file in a spreadsheet should
//! import it as text, for a name may begin with `=`.

use super::chrome::Attributes;
use crate::conventions::attr;
use crate::trace::Trace;
use crate::trace::span::{Kind, Span};
use std::io::{self, Write};

const COLUMNS: [&str; 13] = [
    "name",
    "start_time",
    "end_time",
    "duration_ms",
    "status",
    "attributes",
    "trace_id",
    "span_id",
    "parent_span_id",
    "stage",
    "attempt",
    "kind",
    "result",
];

/// Writes the table.
pub(super) fn write(trace: &Trace, out: &mut impl Write) -> io::Result<()> {
    let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    table.write_record(COLUMNS)?;
    for span in trace.spans() {
        table.write_record(row(span)?)?;
    }
    table.flush()
}

fn row(span: Span<'_>) -> io::Result<[String; COLUMNS.len()]> {
    let text = |key| span.attribute(key).and_then(|value| value.as_text()).unwrap_or_default().to_owned();
    Ok([
        span.name().to_owned(),
        span.start_time().to_string(),
        span.end_time().to_string(),
        milliseconds(span.duration()),
        span.status().as_str().to_owned(),
        serde_json::to_string(&Attributes(span))?,
        span.trace_id_hex(),
        span.span_id_hex(),
        span.parent_span_id_hex().unwrap_or_default(),
        span.stage().unwrap_or_default().to_owned(),
        span.attribute(attr::ATTEMPT).and_then(|value| value.as_u64()).map(|n| n.to_string()).unwrap_or_default(),
        span.kind().as_str().unwrap_or_default().to_owned(),
        text(if span.kind() == Kind::Run { attr::PIPELINE_RESULT } else { attr::TASK_RESULT }),
    ])
}

/// Exact, unlike the float of the trace file.
fn milliseconds(nanoseconds: u64) -> String {
    format!("{}.{:06}", nanoseconds / 1_000_000, nanoseconds % 1_000_000)
}
