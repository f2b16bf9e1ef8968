//! Answers in the sender's own language: protobuf or JSON over HTTP, or gRPC. Status codes follow OTLP's specification
//! ("Failures"): 503 and `UNAVAILABLE` are to be sent again, what is wrong with the request itself is not.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode, Version};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use prost::Message;
use serde_json::json;

use super::body::frame;
use super::decode::Encoding;

/// How a sender speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Http(Encoding),
    Grpc,
}

/// Why a request is not answered with success.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("there is nothing here: OTLP is at /v1/traces, /v1/metrics and /v1/logs")]
    NotFound,
    #[error("only POST is understood")]
    Method,
    #[error("the token is missing or wrong: use OTEL_EXPORTER_OTLP_HEADERS as the stage's environment has it")]
    Unauthorized,
    #[error("the attempt that this token belongs to has ended")]
    Late,
    #[error("the body is larger than {limit} bytes {what}")]
    TooLarge { what: &'static str, limit: usize },
    #[error("{0}")]
    MediaType(&'static str),
    #[error("{0}")]
    Bad(String),
    #[error("the body did not arrive in time")]
    Timeout,
    #[error("too many requests at once: send it again")]
    Busy,
    #[error("the run is ending: send it again")]
    Draining,
    #[error("{0} spans could not be written: send the request again")]
    NotWritten(u64),
    #[error("internal error")]
    Internal,
}

/// gRPC's status codes.
mod grpc {
    pub(super) const INVALID_ARGUMENT: i32 = 3;
    pub(super) const DEADLINE_EXCEEDED: i32 = 4;
    pub(super) const RESOURCE_EXHAUSTED: i32 = 8;
    pub(super) const UNIMPLEMENTED: i32 = 12;
    pub(super) const INTERNAL: i32 = 13;
    pub(super) const UNAVAILABLE: i32 = 14;
    pub(super) const UNAUTHENTICATED: i32 = 16;
}

impl Problem {
    fn status(&self) -> (StatusCode, i32) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, grpc::UNIMPLEMENTED),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, grpc::UNIMPLEMENTED),
            Self::Unauthorized | Self::Late => (StatusCode::UNAUTHORIZED, grpc::UNAUTHENTICATED),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, grpc::RESOURCE_EXHAUSTED),
            Self::MediaType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, grpc::UNIMPLEMENTED),
            Self::Bad(_) => (StatusCode::BAD_REQUEST, grpc::INVALID_ARGUMENT),
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, grpc::DEADLINE_EXCEEDED),
            Self::Busy | Self::Draining | Self::NotWritten(_) => (StatusCode::SERVICE_UNAVAILABLE, grpc::UNAVAILABLE),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, grpc::INTERNAL),
        }
    }

    /// Whether the sender should try again.
    pub(super) fn is_temporary(&self) -> bool {
        self.status().0 == StatusCode::SERVICE_UNAVAILABLE
    }
}

/// `google.rpc.Status`, without details.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// The body of an answer: one piece, with gRPC's trailers after it.
#[derive(Debug, Default)]
pub(super) struct Answer {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = self.data.take().map(Frame::data).or_else(|| self.trailers.take().map(Frame::trailers));
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64))
    }
}

impl Dialect {
    /// The request was taken; `rejected` of its spans were not, for the reason in `message`.
    pub(super) fn success(self, rejected: u64, message: Option<String>) -> Response<Answer> {
        let partial_success = message.map(|error_message| ExportTracePartialSuccess {
            rejected_spans: i64::try_from(rejected).unwrap_or(i64::MAX),
            error_message,
        });
        match self {
            Self::Http(Encoding::Json) => {
                // 64-bit numbers are texts in protobuf's JSON mapping.
                let body = partial_success.map_or_else(
                    || json!({}),
                    |partial| {
                        json!({"partialSuccess": {
                            "rejectedSpans": partial.rejected_spans.to_string(),
                            "errorMessage": partial.error_message,
                        }})
                    },
                );
                http(StatusCode::OK, Encoding::Json, body.to_string().into())
            }
            Self::Http(Encoding::Protobuf) => {
                let body = ExportTraceServiceResponse { partial_success }.encode_to_vec();
                http(StatusCode::OK, Encoding::Protobuf, body.into())
            }
            Self::Grpc => {
                let message = ExportTraceServiceResponse { partial_success }.encode_to_vec();
                let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
                let mut response = Response::new(Answer { data: Some(frame(&message)), trailers: Some(trailers) });
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
                response
            }
        }
    }

    /// The request was not taken.
    pub(super) fn failure(self, problem: &Problem, version: Version) -> Response<Answer> {
        let (status, code) = problem.status();
        let message = problem.to_string();
        let mut response = match self {
            Self::Http(encoding) => {
                let body = match encoding {
                    Encoding::Protobuf => Status { code, message }.encode_to_vec(),
                    Encoding::Json => json!({"code": code, "message": message}).to_string().into_bytes(),
                };
                http(status, encoding, body.into())
            }
            Self::Grpc => {
                // "Trailers-only": all in the head.
                let mut response = Response::new(Answer::default());
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
                headers.insert(GRPC_STATUS, code.into());
                if let Ok(message) = HeaderValue::try_from(utf8_percent_encode(&message, GRPC_MESSAGE).to_string()) {
                    headers.insert("grpc-message", message);
                }
                headers.insert("grpc-accept-encoding", HeaderValue::from_static("identity,gzip"));
                response
            }
        };
        let headers = response.headers_mut();
        match problem {
            Problem::Method => {
                headers.insert(ALLOW, HeaderValue::from_static("POST"));
            }
            problem if problem.is_temporary() => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            // What is left of the body will not be waited for.
            Problem::Timeout if version < Version::HTTP_2 => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

const GRPC_STATUS: hyper::header::HeaderName = hyper::header::HeaderName::from_static("grpc-status");

/// What gRPC wants encoded in `grpc-message`: all but printable ASCII, and the percent sign.
const GRPC_MESSAGE: &AsciiSet = &CONTROLS.add(b'%');

fn http(status: StatusCode, encoding: Encoding, body: Bytes) -> Response<Answer> {
    let mut response = Response::new(Answer { data: Some(body), trailers: None });
    *response.status_mut() = status;
    let content_type = match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
