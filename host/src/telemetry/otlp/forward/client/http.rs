//! OTLP/HTTP: statuses, `Retry-After`, and what answers say (specification "OTLP/HTTP response").

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{MAX_ANSWER, Outcome, Pool, TimeIsOver, pool, unanswered};
use crate::telemetry::otlp::forward::destination::{Destination, Protocol};

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";
const FOREIGN: &str = " (if this is a gRPC port, set OTEL_EXPORTER_OTLP_PROTOCOL=grpc)";

pub(super) struct Http {
    pool: Pool<Full<Bytes>>,
    uri: Uri,
    headers: HeaderMap,
}

impl Http {
    pub(super) fn new(destination: &Destination) -> Self {
        let mut headers = destination.headers.clone();
        let kind = if destination.protocol == Protocol::HttpJson { JSON } else { PROTOBUF };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if destination.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Self { pool: pool(destination, false), uri: destination.uri.clone(), headers }
    }

    pub(super) async fn send(&self, body: Bytes, until: Instant) -> Result<Outcome, TimeIsOver> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let response = match timeout_at(until, self.pool.request(request)).await? {
            Ok(response) => response,
            Err(error) => return Ok(unanswered(&error, FOREIGN)),
        };
        let (head, body) = response.into_parts();
        let retry_after = head.headers.get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?));
        if matches!(head.status.as_u16(), 429 | 502 | 503 | 504) {
            // The head says it all: a peer in need must not be waited for.
            let why = format!("answered {}", head.status);
            return Ok(Outcome::Retry { why, after: retry_after, answered: true });
        }
        let kind = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        // The status has decided: a body that does not come, or does not end, changes nothing.
        let body = match timeout_at(until, Limited::new(body, MAX_ANSWER).collect()).await {
            Ok(Ok(body)) => Some(body.to_bytes()),
            Ok(Err(_)) | Err(_) => None,
        };
        Ok(classify(head.status, &head.headers, &kind, body))
    }
}

/// `body`: `None` if it was not whole, or too long.
fn classify(status: StatusCode, headers: &HeaderMap, kind: &str, body: Option<Bytes>) -> Outcome {
    if status.is_success() {
        return match body {
            _ if kind == "text/html" => Outcome::Rejected(format!(
                "answered {status} with a web page: there is no OTLP receiver at this path; check the endpoint"
            )),
            Some(body) => accepted(kind, &body),
            None => Outcome::Accepted { rejected: 0, message: None },
        };
    }
    let said = body.and_then(|body| reason(kind, &body)).map(|text| format!(": {text}")).unwrap_or_default();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Outcome::Unauthorized(format!("answered {status}{said}; check OTEL_EXPORTER_OTLP_HEADERS"))
        }
        StatusCode::NOT_FOUND => Outcome::Rejected(format!("answered {status}{said}; check the endpoint's path")),
        _ if status.is_redirection() => {
            // Where to is left out of the query, where a secret may be.
            let to = headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or("elsewhere");
            let to = to.split('?').next().unwrap_or_default();
            Outcome::Rejected(format!("answered {status}, which is not followed; set the endpoint to {to}"))
        }
        _ => Outcome::Rejected(format!("answered {status}{said}")),
    }
}

fn accepted(kind: &str, body: &[u8]) -> Outcome {
    let (rejected, message) = match kind {
        JSON => {
            let answer: Value = serde_json::from_slice(body).unwrap_or_default();
            let partial = &answer["partialSuccess"];
            let rejected = &partial["rejectedSpans"];
            let rejected = rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok()).unwrap_or(0);
            (rejected, partial["errorMessage"].as_str().unwrap_or_default().to_owned())
        }
        PROTOBUF => {
            let answer = ExportTraceServiceResponse::decode(body).unwrap_or_default();
            let partial = answer.partial_success.unwrap_or_default();
            (u64::try_from(partial.rejected_spans).unwrap_or(0), partial.error_message)
        }
        // Some backends answer with nothing, or `OK` as text.
        _ => (0, String::new()),
    };
    Outcome::Accepted { rejected, message: Some(message).filter(|message| !message.is_empty()) }
}

/// The message of a `google.rpc.Status`, or the text that came instead.
fn reason(kind: &str, body: &[u8]) -> Option<String> {
    let text = match kind {
        JSON => serde_json::from_slice::<Value>(body).ok()?["message"].as_str()?.to_owned(),
        PROTOBUF => tonic_types::Status::decode(body).ok()?.message,
        "text/plain" => String::from_utf8_lossy(body).into_owned(),
        _ => return None,
    };
    Some(text).filter(|text| !text.trim().is_empty())
}

/// Seconds, or a date (RFC 9110, 10.2.3).
fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    Some(SystemTime::from(date.timestamp()).duration_since(SystemTime::now()).unwrap_or_default())
}
