//! The OTLP receiver: one loopback port for OTLP/HTTP (protobuf and JSON) and OTLP/gRPC, a token for each attempt.
//!
//! A request runs through: head checks and token (`handler`), bounded body (`body`), then on a blocking thread the
//! walk from span to span (`decode`) and the verdict on each (`intake`), last the answer in the sender's own encoding
//! (`answer`). Nothing is decoded before the token was right, and never more than one span at a time: the memory that
//! a request can take is bounded by the sizes in [`ReceiverLimits`], whatever was compressed into it.
//!
//! gRPC is answered here without a framework: the three services have one unary call each, which is five bytes before
//! the message and two trailers after it, and so all encodings share one path with one set of limits
//! (source: grpc/grpc, `doc/PROTOCOL-HTTP2.md`). OTLP itself: opentelemetry-proto, `docs/specification.md`.
//!
//! May live here: the port, tokens, limits, decoding, counting. Not here: redaction, files, what a span becomes.

mod admission;
mod answer;
mod body;
mod connection;
mod counts;
mod decode;
mod handler;
mod intake;
mod limits;
mod server;
#[cfg(test)]
mod tests;

use std::io;

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;

pub use admission::{Admission, Sender};
pub use counts::{ReceiverCounts, SpanCounts, reason};
pub use decode::{Encoding, Item, Refusal, Undecodable, decode};
pub use limits::{Allowance, ReceiverLimits};
pub use server::Receiver;

/// Where accepted spans go.
pub trait SpanSink: Send + Sync + 'static {
    /// Takes a span that `sender` sent; called from blocking threads, several at a time, once for each span. Ids have
    /// been checked; text has **not** been redacted.
    ///
    /// # Errors
    /// The span could not be written. It is counted as failed and the sender is told to send the request again; spans
    /// of it that were written are then recognised as duplicates. A panic counts as such an error.
    fn accept(
        &self,
        sender: &Sender,
        resource: Option<&Resource>,
        scope: Option<&InstrumentationScope>,
        span: Span,
    ) -> io::Result<()>;
}
