//! One request, from its head to its answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName};
use hyper::{Method, Request, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::admission::{Attempt, Bearer, Registry};
use super::answer::{Answer, Dialect, Problem};
use super::counts::SpanCounts;
use super::decode::{self, Encoding, Undecodable};
use super::limits::ReceiverLimits;
use super::{SpanSink, body, intake};

/// How long a request waits for its turn before it is told to come again.
const TURN: Duration = Duration::from_secs(1);

/// Bodies over 256 KiB that are held at the same time, and requests that are decoded at the same time.
const LARGE: usize = 4;
const DECODED: usize = 4;

/// What all requests share.
pub(super) struct Handler {
    pub(super) limits: ReceiverLimits,
    pub(super) registry: Arc<Registry>,
    pub(super) requests: Arc<Semaphore>,
    sink: Arc<dyn SpanSink>,
    large: Semaphore,
    decoded: Arc<Semaphore>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    Traces,
    Metrics,
    Logs,
}

/// A body with all that is known about it.
struct Parcel {
    attempt: Arc<Attempt>,
    late: bool,
    signal: Signal,
    dialect: Dialect,
    gzip: bool,
    body: Vec<u8>,
}

impl Handler {
    pub(super) fn new(limits: ReceiverLimits, registry: Arc<Registry>, sink: Arc<dyn SpanSink>) -> Self {
        Self {
            requests: Arc::new(Semaphore::new(limits.requests)),
            large: Semaphore::new(LARGE),
            decoded: Arc::new(Semaphore::new(DECODED)),
            limits,
            registry,
            sink,
        }
    }

    /// Answers a request. `authorised` is called when its token was right.
    pub(super) async fn answer<B>(
        self: Arc<Self>,
        request: Request<B>,
        draining: bool,
        authorised: impl FnOnce(),
    ) -> Response<Answer>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        self.registry.count(|counts| counts.requests += 1);
        let version = request.version();
        let dialect = dialect_of(request.headers());
        // Where the sender's encoding is not known, errors are in protobuf, OTLP's default.
        let spoken = dialect.unwrap_or(Dialect::Http(Encoding::Protobuf));
        let problem = match Arc::clone(&self).export(request, dialect, draining, authorised).await {
            Ok(response) => return response,
            Err(problem) => problem,
        };
        self.registry.count(|counts| match &problem {
            Problem::Unauthorized => counts.unauthorized_requests += 1,
            Problem::Late => {
                counts.unauthorized_requests += 1;
                counts.late_requests += 1;
            }
            problem if problem.is_temporary() => counts.deferred_requests += 1,
            Problem::Internal => {}
            _ => counts.bad_requests += 1,
        });
        spoken.failure(&problem, version)
    }

    async fn export<B>(
        self: Arc<Self>,
        request: Request<B>,
        dialect: Option<Dialect>,
        draining: bool,
        authorised: impl FnOnce(),
    ) -> Result<Response<Answer>, Problem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (head, body) = request.into_parts();
        let checked = signal_of(head.uri.path(), dialect)
            .ok_or(Problem::NotFound)
            .and_then(|signal| if head.method == Method::POST { Ok(signal) } else { Err(Problem::Method) })
            .and_then(|signal| if draining { Err(Problem::Draining) } else { Ok(signal) })
            .and_then(|signal| match self.registry.find(token_of(&head.headers)) {
                Bearer::Live(attempt) => Ok((signal, attempt, false)),
                Bearer::Late(attempt) => Ok((signal, attempt, true)),
                Bearer::Unknown => Err(Problem::Unauthorized),
            })
            .and_then(|(signal, attempt, late)| {
                let dialect = dialect.ok_or(Problem::MediaType(
                    "the content type is none of application/x-protobuf, application/json, application/grpc",
                ))?;
                Ok((signal, attempt, late, dialect, is_gzip(&head.headers, dialect)?))
            })
            .and_then(|checked| {
                let limit = self.limits.wire_bytes;
                if body.size_hint().lower() > limit as u64 {
                    return Err(Problem::TooLarge { what: "on the wire", limit });
                }
                Ok(checked)
            });
        let (signal, attempt, late, dialect, gzip) = match checked {
            Ok(checked) => checked,
            Err(problem) => {
                // Else a sender that is still writing finds the connection closed instead of the answer.
                let _ = timeout(self.limits.io_timeout, body::discard(body)).await;
                return Err(problem);
            }
        };
        if !late {
            authorised();
        }
        let turn = timeout(TURN, Arc::clone(&self.requests).acquire_owned()).await;
        let Ok(Ok(place)) = turn else {
            let _ = timeout(self.limits.io_timeout, body::discard(body)).await;
            return Err(Problem::Busy);
        };
        let body = timeout(self.limits.io_timeout, body::read(body, self.limits.wire_bytes, &self.large))
            .await
            .map_err(|_| Problem::Timeout)??;
        let Ok(Ok(core)) = timeout(self.limits.io_timeout, Arc::clone(&self.decoded).acquire_owned()).await else {
            return Err(Problem::Busy);
        };
        let parcel = Parcel { attempt, late, signal, dialect, gzip, body };
        self.work(parcel, [place, core]).await
    }

    /// Decodes on a blocking thread, which goes on even if the sender hangs up: so it is that thread which holds the
    /// places.
    async fn work(
        self: Arc<Self>,
        parcel: Parcel,
        places: [OwnedSemaphorePermit; 2],
    ) -> Result<Response<Answer>, Problem> {
        tokio::task::spawn_blocking(move || {
            let result = self.take(&parcel);
            drop(places);
            result
        })
        .await
        // A panic or a runtime that is going down.
        .unwrap_or(Err(Problem::Internal))
    }

    fn take(&self, parcel: &Parcel) -> Result<Response<Answer>, Problem> {
        let (message, gzip) = match parcel.dialect {
            Dialect::Http(_) => (parcel.body.as_slice(), parcel.gzip),
            Dialect::Grpc => {
                let (message, compressed) = body::unframe(&parcel.body)?;
                if compressed && !parcel.gzip {
                    return Err(Problem::Bad(
                        "the message is marked as compressed, but grpc-encoding is not set".to_owned(),
                    ));
                }
                (message, compressed)
            }
        };
        let inflated;
        let message = if gzip {
            inflated = body::inflate(message, self.limits.inflated_bytes)?;
            inflated.as_slice()
        } else {
            message
        };
        let encoding = match parcel.dialect {
            Dialect::Http(encoding) => encoding,
            Dialect::Grpc => Encoding::Protobuf,
        };
        let bad = |error: Undecodable| Problem::Bad(error.to_string());
        if parcel.late {
            if parcel.signal == Signal::Traces {
                let late = decode::count_spans(encoding, message).map_err(bad)?;
                self.registry.add(&parcel.attempt, &SpanCounts { late, ..SpanCounts::default() });
            }
            return Err(Problem::Late);
        }
        match parcel.signal {
            Signal::Traces => {
                let span_bytes = self.limits.span_bytes;
                let counts = intake::take(&self.registry, &parcel.attempt, &*self.sink, span_bytes, encoding, message)
                    .map_err(bad)?;
                if counts.failed > 0 {
                    return Err(Problem::NotWritten(counts.failed));
                }
                let reasons = intake::explain(&counts, &parcel.attempt, span_bytes);
                return Ok(parcel.dialect.success(counts.rejected_total(), reasons));
            }
            Signal::Metrics => {
                let points = decode::count_metric_points(encoding, message).map_err(bad)?;
                self.registry.count(|counts| counts.metric_points += points);
            }
            Signal::Logs => {
                let records = decode::count_log_records(encoding, message).map_err(bad)?;
                self.registry.count(|counts| counts.log_records += records);
            }
        }
        // An empty answer is the same for all signals.
        Ok(parcel.dialect.success(0, None))
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn dialect_of(headers: &HeaderMap) -> Option<Dialect> {
    let content_type = text(headers, &CONTENT_TYPE);
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/grpc") || essence.eq_ignore_ascii_case("application/grpc+proto") {
        return Some(Dialect::Grpc);
    }
    Encoding::from_content_type(content_type).map(Dialect::Http)
}

fn signal_of(path: &str, dialect: Option<Dialect>) -> Option<Signal> {
    let service = path.strip_prefix("/opentelemetry.proto.collector.");
    Some(match (dialect, path, service) {
        (Some(Dialect::Grpc), _, Some("trace.v1.TraceService/Export")) => Signal::Traces,
        (Some(Dialect::Grpc), _, Some("metrics.v1.MetricsService/Export")) => Signal::Metrics,
        (Some(Dialect::Grpc), _, Some("logs.v1.LogsService/Export")) => Signal::Logs,
        (Some(Dialect::Grpc), ..) => return None,
        (_, "/v1/traces", _) => Signal::Traces,
        (_, "/v1/metrics", _) => Signal::Metrics,
        (_, "/v1/logs", _) => Signal::Logs,
        _ => return None,
    })
}

/// The token of `authorization: Bearer <token>`; nothing where there is none. Some SDKs do not decode
/// `OTEL_EXPORTER_OTLP_HEADERS` and send its `%20` as it is.
fn token_of(headers: &HeaderMap) -> &[u8] {
    let value = text(headers, &AUTHORIZATION).trim();
    ["bearer ", "bearer%20"]
        .into_iter()
        .find_map(|scheme| {
            let (start, token) = value.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then(|| token.trim().as_bytes())
        })
        .unwrap_or_default()
}

fn is_gzip(headers: &HeaderMap, dialect: Dialect) -> Result<bool, Problem> {
    let encoding = match dialect {
        Dialect::Http(_) => text(headers, &CONTENT_ENCODING),
        Dialect::Grpc => text(headers, &HeaderName::from_static("grpc-encoding")),
    };
    match encoding.trim() {
        encoding if encoding.eq_ignore_ascii_case("gzip") => Ok(true),
        encoding if encoding.is_empty() || encoding.eq_ignore_ascii_case("identity") => Ok(false),
        _ => Err(Problem::MediaType("the content encoding is neither gzip nor identity")),
    }
}
