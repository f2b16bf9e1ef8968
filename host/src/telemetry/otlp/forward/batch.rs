//! Lines of the journal into the bodies of requests, by the same way that `trace export` takes.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::destination::{Destination, Protocol};
use super::tail::{Chunk, MAX_SPANS};
use crate::trace::Trace;
use crate::trace::export::otlp::{Batches, Limits};

/// Of one request, before compression.
const LIMITS: Limits = Limits { spans: MAX_SPANS as usize, bytes: 2 << 20 };

/// One request's body.
pub(super) struct Request {
    /// As it goes over HTTP; for gRPC the message alone, which is framed and compressed when it is sent.
    pub(super) body: Bytes,
    pub(super) spans: u64,
}

/// The requests for a chunk: usually one.
pub(super) fn requests(
    chunk: &Chunk,
    resource: &[(String, String)],
    destination: &Destination,
) -> Result<Vec<Request>, String> {
    if chunk.spans == 0 {
        return Ok(Vec::new());
    }
    let trace = Trace::from_slice(&chunk.text).map_err(|error| format!("the journal can't be read: {error}"))?;
    let body = |message: &_| encode(message, destination).map_err(|error| format!("can't encode spans: {error}"));
    Batches::with_resource(&trace, resource, LIMITS)
        .map(|message| Ok(Request { body: body(&message)?, spans: message.span_count() as u64 }))
        .collect()
}

fn encode<M: prost::Message + serde::Serialize>(message: &M, destination: &Destination) -> std::io::Result<Bytes> {
    let plain = match destination.protocol {
        Protocol::HttpJson => serde_json::to_vec(message)?,
        Protocol::HttpProtobuf | Protocol::Grpc => message.encode_to_vec(),
    };
    if !destination.gzip || destination.protocol == Protocol::Grpc {
        return Ok(plain.into());
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    encoder.write_all(&plain)?;
    Ok(encoder.finish()?.into())
}
