//! A connection to a destination: one request out, one [`Outcome`] back, within the destination's time limit. HTTP
//! and gRPC share connector and TLS; what differs is in `http` and `grpc`. When to try again belongs in `worker`.

mod grpc;
mod http;
mod lookup;

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;
use tokio::time::error::Elapsed;

use super::destination::{Destination, Protocol};
use lookup::Lookup;

/// A connection is made anew after this long without a request.
const IDLE: Duration = Duration::from_secs(60);
/// Most bytes of an answer that are read: a rejection's reason is short.
const MAX_ANSWER: usize = 64 << 10;
/// Most characters of a peer's text that are kept.
const MAX_TEXT: usize = 300;

/// The time of a request was over before the peer had decided about it.
struct TimeIsOver;

impl From<Elapsed> for TimeIsOver {
    fn from(_: Elapsed) -> Self {
        Self
    }
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The peer has them, all but `rejected`.
    Accepted { rejected: u64, message: Option<String> },
    /// Never to be sent again.
    Rejected(String),
    /// Nothing else will be taken either.
    Unauthorized(String),
    /// To be sent again, not before `after` where the peer said so.
    Retry {
        why: String,
        after: Option<Duration>,
        /// False if there is nobody who talks this protocol.
        answered: bool,
    },
}

pub(super) struct Client {
    timeout: Duration,
    transport: Transport,
    /// What must not appear in a message, because a peer sent it back.
    secrets: Vec<String>,
}

enum Transport {
    Http(http::Http),
    Grpc(grpc::Grpc),
}

type Pool<B> = hyper_util::client::legacy::Client<HttpsConnector<HttpConnector<Lookup>>, B>;

impl Client {
    pub(super) fn new(destination: &Destination) -> Self {
        let transport = match destination.protocol {
            Protocol::HttpProtobuf | Protocol::HttpJson => Transport::Http(http::Http::new(destination)),
            Protocol::Grpc => Transport::Grpc(grpc::Grpc::new(destination)),
        };
        let secrets = destination
            .headers
            .values()
            .filter(|value| value.is_sensitive())
            .filter_map(|value| value.to_str().ok())
            // `Bearer x`: the scheme is no secret, and a peer may leave it out.
            .flat_map(|value| value.split(' ').chain([value]))
            .filter(|word| word.len() >= 8)
            .map(str::to_owned)
            .collect();
        Self { timeout: destination.timeout, transport, secrets }
    }

    /// Sends a body of [`super::batch::Request`].
    pub(super) async fn send(&self, body: Bytes) -> Outcome {
        let until = Instant::now() + self.timeout;
        let answer = match &self.transport {
            Transport::Http(http) => http.send(body, until).await,
            Transport::Grpc(grpc) => grpc.send(body, until).await,
        };
        let mut outcome = answer.unwrap_or_else(|TimeIsOver| Outcome::Retry {
            why: format!("no answer within {} ms", self.timeout.as_millis()),
            after: None,
            answered: true,
        });
        match &mut outcome {
            Outcome::Accepted { message: Some(text), .. }
            | Outcome::Rejected(text)
            | Outcome::Unauthorized(text)
            | Outcome::Retry { why: text, .. } => *text = self.clean(text),
            Outcome::Accepted { message: None, .. } => {}
        }
        outcome
    }

    /// A peer's text for people: one line, short, without what was sent to it in confidence.
    fn clean(&self, text: &str) -> String {
        let masked = self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "[REDACTED]"));
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        let line: String = masked.chars().map(printable).take(MAX_TEXT).collect();
        line.trim().to_owned()
    }
}

fn pool<B>(destination: &Destination, http2: bool) -> Pool<B>
where
    B: hyper::body::Body + Send,
    B::Data: Send,
{
    let mut tcp = HttpConnector::new_with_resolver(Lookup::new());
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(destination.timeout));
    let builder = HttpsConnectorBuilder::new().with_tls_config((*destination.tls).clone()).https_or_http();
    let connector =
        if http2 { builder.enable_http2().wrap_connector(tcp) } else { builder.enable_http1().wrap_connector(tcp) };
    hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(1)
        .http2_only(http2)
        .build(connector)
}

/// A failed exchange in words. Where a connection was made, but nothing came of it, `hint` says what that may mean.
fn unanswered(error: &(dyn Error + 'static), hint: &str) -> Outcome {
    let mut texts: Vec<String> = Vec::new();
    let mut is_foreign = false;
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        // Many errors repeat their cause.
        if !texts.last().is_some_and(|last| last.contains(&text)) {
            texts.push(text);
        }
        let hyper = error.downcast_ref::<hyper_util::client::legacy::Error>();
        is_foreign |= hyper.is_some_and(|error| !error.is_connect());
        next = error.source();
    }
    let hint = if is_foreign { hint } else { "" };
    Outcome::Retry { why: format!("{}{hint}", texts.join(": ")), after: None, answered: false }
}
