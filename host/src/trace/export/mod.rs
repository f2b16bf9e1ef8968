//! A trace in the formats of other tools. Each writer streams: what it holds besides the trace is one batch of spans
//! (OTLP) or a few bytes a span (lanes), never the output.
//!
//! | module | job |
//! |---|---|
//! | `otlp` | OpenTelemetry: JSON lines, one JSON document, protobuf |
//! | `perfetto` | Perfetto's native protobuf |
//! | `chrome` | Chrome's JSON trace events |
//! | `table` | CSV, one row a span |
//! | `lanes` | which spans can be drawn on one track |
//! | `parts` | links, events, scope and resource as various writers spell them |
//!
//! Reading files belongs in [`super::load`]; no format may look at another run than the trace it was given.

mod chrome;
mod lanes;
pub(crate) mod otlp;
mod parts;
mod perfetto;
mod table;
#[cfg(test)]
mod tests;

use super::span::Span;
use super::{Run, Trace};
use std::io::{self, BufWriter, Write};
use std::str::FromStr;

/// Deepest nesting of an attribute's value that is exported as such; what is deeper becomes JSON text. Readers of
/// protobuf give up at 100 messages inside each other, and one array is two or three of them.
const MAX_DEPTH: usize = 16;

/// A format that [`export`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// OpenTelemetry's file format: each line a `TracesData` object of at most 1,000 spans, and one signal a file.
    OtlpJsonl,
    /// The same as one document, which the uploads of Jaeger and Tempo want.
    OtlpJson,
    /// One `ExportTraceServiceRequest`, binary: what OTLP/HTTP takes as `application/x-protobuf`.
    OtlpProto,
    /// Perfetto's native protobuf, exact to the nanosecond.
    Perfetto,
    /// Chrome's JSON trace events: for `chrome://tracing` and many other viewers.
    Chrome,
    /// A table, one row a span (RFC 4180).
    Csv,
}

impl Format {
    /// All formats, in the order in which help texts list them.
    pub const ALL: [Self; 6] =
        [Self::OtlpJsonl, Self::OtlpJson, Self::OtlpProto, Self::Perfetto, Self::Chrome, Self::Csv];

    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::OtlpJsonl => "otlp-jsonl",
            Format::OtlpJson => "otlp-json",
            Format::OtlpProto => "otlp-proto",
            Format::Perfetto => "perfetto",
            Format::Chrome => "chrome",
            Format::Csv => "csv",
        }
    }

    /// How a file of this format is named by custom, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Format::OtlpJsonl => "jsonl",
            Format::OtlpJson | Format::Chrome => "json",
            Format::OtlpProto => "pb",
            Format::Perfetto => "pftrace",
            Format::Csv => "csv",
        }
    }

    /// False where the output should not be shown on a terminal.
    pub fn is_text(self) -> bool {
        !matches!(self, Format::OtlpProto | Format::Perfetto)
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A format's name that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no export format; there are {list}",
    list = Format::ALL.map(Format::as_str).join(", ")
)]
pub struct UnknownFormat(pub String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.into_iter().find(|format| format.as_str() == name).ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// Writes all spans of `trace` to `out`, buffered and flushed. The same trace gives the same bytes.
///
/// # Errors
/// Where `out` fails; what was written until then is of no use.
pub fn export(trace: &Trace, format: Format, out: &mut impl Write) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 18, out);
    match format {
        Format::OtlpJsonl => otlp::write_json_lines(trace, &mut out)?,
        Format::OtlpJson => otlp::write_json(trace, &mut out)?,
        Format::OtlpProto => otlp::write_proto(trace, &mut out)?,
        Format::Perfetto => perfetto::write(trace, &mut out)?,
        Format::Chrome => chrome::write(trace, &mut out)?,
        Format::Csv => table::write(trace, &mut out)?,
    }
    out.flush()
}

/// What viewers call the whole.
fn title(run: &Run) -> String {
    let names: Vec<&str> = [run.pipeline.as_deref(), run.id.as_deref()].into_iter().flatten().collect();
    if names.is_empty() { "trace".to_owned() } else { names.join(" ") }
}

/// What viewers can filter spans by: the host's kind, else who made it.
fn category(span: Span<'_>) -> &str {
    span.kind().as_str().unwrap_or_else(|| span.origin())
}
