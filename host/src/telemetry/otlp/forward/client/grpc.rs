//! OTLP/gRPC: one unary call a request, over the same connector as HTTP. Bodies come encoded, so that another try
//! costs no second encoding.

use bytes::{BufMut as _, Bytes};
use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use tokio::time::{Instant, timeout_at};
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use super::{Outcome, Pool, TimeIsOver, pool, unanswered};
use crate::telemetry::otlp::forward::destination::Destination;

const FOREIGN: &str = " (if this is an HTTP port, set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf)";

pub(super) struct Grpc {
    client: tonic::client::Grpc<Pool<tonic::body::Body>>,
    path: PathAndQuery,
    metadata: MetadataMap,
}

impl Grpc {
    pub(super) fn new(destination: &Destination) -> Self {
        let mut origin = destination.uri.clone().into_parts();
        let path = origin.path_and_query.replace(PathAndQuery::from_static("/"));
        let origin = http::Uri::from_parts(origin).unwrap_or_default();
        let mut client = tonic::client::Grpc::with_origin(pool(destination, true), origin)
            .accept_compressed(CompressionEncoding::Gzip);
        if destination.gzip {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        Self {
            client,
            path: path.unwrap_or_else(|| PathAndQuery::from_static("/")),
            metadata: MetadataMap::from_headers(destination.headers.clone()),
        }
    }

    pub(super) async fn send(&self, body: Bytes, until: Instant) -> Result<Outcome, TimeIsOver> {
        let mut client = self.client.clone();
        let call = async {
            client.ready().await.map_err(|error| Status::from_error(error.into()))?;
            let request = Request::from_parts(self.metadata.clone(), tonic::Extensions::default(), body);
            client.unary(request, self.path.clone(), Encoded).await
        };
        Ok(match timeout_at(until, call).await? {
            Ok(response) => {
                let partial = response.into_inner().partial_success.unwrap_or_default();
                Outcome::Accepted {
                    rejected: u64::try_from(partial.rejected_spans).unwrap_or(0),
                    message: Some(partial.error_message).filter(|message| !message.is_empty()),
                }
            }
            Err(status) => classify(&status),
        })
    }
}

/// Which codes are worth another try: specification "OTLP/gRPC response", failures.
fn classify(status: &Status) -> Outcome {
    // What the peer said has no source; what happened on the way has.
    if let Some(error) = std::error::Error::source(status) {
        return unanswered(error, FOREIGN);
    }
    let code = status.code();
    let said = match status.message() {
        "" => format!("answered {code:?}"),
        message => format!("answered {code:?}: {message}"),
    };
    let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
    match code {
        Code::Unauthenticated | Code::PermissionDenied => {
            Outcome::Unauthorized(format!("{said}; check OTEL_EXPORTER_OTLP_HEADERS"))
        }
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Outcome::Retry { why: said, after, answered: true },
        Code::ResourceExhausted if after.is_some() => Outcome::Retry { why: said, after, answered: true },
        Code::Unimplemented => Outcome::Rejected(format!("{said}; is there an OTLP/gRPC receiver at this endpoint?")),
        _ => Outcome::Rejected(said),
    }
}

/// Requests as bytes, responses as messages.
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = ExportTraceServiceResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        // The peer has taken the spans; an answer that is none does not change that.
        Ok(Some(Self::Item::decode(buffer).unwrap_or_default()))
    }
}
