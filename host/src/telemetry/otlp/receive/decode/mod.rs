//! From bytes to spans, one at a time: pure, without a port, so that it can be fuzzed.
//!
//! A span of two bytes decodes to several hundred, so a request is never decoded whole. It is walked twice: once for its
//! frame (if that is broken, nothing of the request is taken), then span by span. May live here: both encodings of
//! the messages. Not here: what is done with a span.

mod json;
mod protobuf;

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;

/// How a message is written. gRPC carries protobuf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`
    Protobuf,
    /// `application/json`, with the rules of OTLP/JSON: hexadecimal ids, enums as numbers.
    Json,
}

impl Encoding {
    /// From a `content-type` header, its parameters ignored.
    pub fn from_content_type(value: &str) -> Option<Self> {
        let essence = value.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/x-protobuf") {
            Some(Self::Protobuf)
        } else if essence.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else {
            None
        }
    }
}

/// A span with what stands around it.
#[derive(Debug)]
pub struct Item<'a> {
    /// What sent it.
    pub resource: Option<&'a Resource>,
    /// Which instrumentation made it.
    pub scope: Option<&'a InstrumentationScope>,
    /// Size of the span as it was encoded, bytes.
    pub bytes: usize,
    /// The span, or why it can't be had.
    pub span: Result<Span, Refusal>,
}

/// Why a span of a sound request is no span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It, its resource or its scope can't be decoded.
    Malformed,
    /// It, its resource or its scope is larger than allowed; it was not decoded.
    TooLarge,
}

/// The frame of the request is broken: none of its spans were looked at.
#[derive(Debug, thiserror::Error)]
pub enum Undecodable {
    /// Not the protobuf message it should be.
    #[error("the body is no {message} in protobuf: {problem} at byte {at}")]
    Protobuf {
        /// The message that was expected.
        message: &'static str,
        /// What is wrong.
        problem: &'static str,
        /// Offset within the message that is broken.
        at: usize,
    },
    /// Not the JSON it should be.
    #[error("the body is no {message} in JSON: {source}")]
    Json {
        /// The message that was expected.
        message: &'static str,
        /// What is wrong and where.
        source: serde_json::Error,
    },
}

/// Calls `visit` for each span of an `ExportTraceServiceRequest`, in order. `span_bytes`: the largest encoded span, and
/// the largest encoded resource and scope, that are decoded at all.
///
/// # Errors
/// The frame is broken; `visit` has not been called then.
pub fn decode(
    encoding: Encoding,
    body: &[u8],
    span_bytes: usize,
    visit: &mut dyn FnMut(Item<'_>),
) -> Result<(), Undecodable> {
    let walk = match encoding {
        Encoding::Protobuf => protobuf::walk,
        Encoding::Json => json::walk,
    };
    walk(body, &mut |_| {})?;
    let mut resource = Around::new(span_bytes);
    let mut scope = Around::new(span_bytes);
    walk(body, &mut |raw| {
        let around = resource.update(encoding, raw.resource).and(scope.update(encoding, raw.scope));
        let span = around.and_then(|()| one(encoding, raw.span, span_bytes));
        visit(Item { resource: resource.get(), scope: scope.get(), bytes: raw.span.len(), span });
    })
}

/// Number of spans, with none of them decoded.
pub(super) fn count_spans(encoding: Encoding, body: &[u8]) -> Result<u64, Undecodable> {
    let mut count = 0;
    match encoding {
        Encoding::Protobuf => protobuf::walk(body, &mut |_| count += 1)?,
        Encoding::Json => json::walk(body, &mut |_| count += 1)?,
    }
    Ok(count)
}

/// Number of metric data points in an `ExportMetricsServiceRequest`.
pub(super) fn count_metric_points(encoding: Encoding, body: &[u8]) -> Result<u64, Undecodable> {
    match encoding {
        Encoding::Protobuf => protobuf::count_metric_points(body),
        Encoding::Json => json::count_metric_points(body),
    }
}

/// Number of log records in an `ExportLogsServiceRequest`.
pub(super) fn count_log_records(encoding: Encoding, body: &[u8]) -> Result<u64, Undecodable> {
    match encoding {
        Encoding::Protobuf => protobuf::count_log_records(body),
        Encoding::Json => json::count_log_records(body),
    }
}

/// A span that was found but not decoded, with the resource and scope that hold for it.
struct Raw<'a> {
    resource: Option<&'a [u8]>,
    scope: Option<&'a [u8]>,
    span: &'a [u8],
}

/// A message that can be had in both encodings.
trait Message: Default + prost::Message + serde::de::DeserializeOwned {}
impl<T: Default + prost::Message + serde::de::DeserializeOwned> Message for T {}

fn one<T: Message>(encoding: Encoding, bytes: &[u8], limit: usize) -> Result<T, Refusal> {
    if bytes.len() > limit {
        return Err(Refusal::TooLarge);
    }
    match encoding {
        Encoding::Protobuf => T::decode(bytes).map_err(|_| Refusal::Malformed),
        Encoding::Json => json::message(bytes).ok_or(Refusal::Malformed),
    }
}

/// What stands around many spans, decoded once.
struct Around<'a, T> {
    limit: usize,
    raw: Option<&'a [u8]>,
    decoded: Result<Option<T>, Refusal>,
}

impl<'a, T: Message> Around<'a, T> {
    fn new(limit: usize) -> Self {
        Self { limit, raw: None, decoded: Ok(None) }
    }

    fn update(&mut self, encoding: Encoding, raw: Option<&'a [u8]>) -> Result<(), Refusal> {
        let same = match (self.raw, raw) {
            (None, None) => true,
            (Some(old), Some(new)) => std::ptr::eq(old, new),
            _ => false,
        };
        if !same {
            self.raw = raw;
            self.decoded = raw.map(|raw| one(encoding, raw, self.limit)).transpose();
        }
        self.decoded.as_ref().map(|_| ()).map_err(|refusal| *refusal)
    }

    fn get(&self) -> Option<&T> {
        self.decoded.as_ref().ok().and_then(Option::as_ref)
    }
}
