//! What a request is answered with: a status, the headers that every answer has, and a body that is whole or comes in pieces.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::mpsc;

use crate::report::html::style::{self, Reach};

/// Why a request is not answered with what it asked for: a page that says what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// The answer's status.
    pub(super) status: StatusCode,
    /// What is wrong, beginning in lower case, without a full stop.
    pub(super) what: String,
    /// What to do, a sentence.
    pub(super) advice: String,
}

impl Problem {
    /// Any.
    pub(super) fn new(status: StatusCode, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { status, what: what.into(), advice: advice.into() }
    }

    /// 400: the address is wrong.
    pub(super) fn bad_request(what: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, what, "Change the address, or begin with the list of runs.")
    }

    /// 404: there is nothing like that.
    pub(super) fn not_found(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, what, "Begin with the list of runs.")
    }

    /// 500: it could not be done. Told on standard error as well.
    pub(super) fn internal(error: impl fmt::Display) -> Self {
        let advice = "Try it again; what the server printed on standard error says more.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string(), advice)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status.as_u16(), self.what)
    }
}

/// Whose words an answer holds, and so what a browser may do with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// A page that this program drew.
    Page,
    /// Anything that was found in a run directory, or made of it.
    Foreign,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    content_type: &'static str,
    policy: Policy,
    extra: HeaderMap,
    body: Body,
}

/// Content types that are used.
pub(super) mod media {
    pub(in crate::serve) const HTML: &str = "text/html; charset=utf-8";
    pub(in crate::serve) const TEXT: &str = "text/plain; charset=utf-8";
    pub(in crate::serve) const JSON: &str = "application/json";
    pub(in crate::serve) const BYTES: &str = "application/octet-stream";
    pub(in crate::serve) const EVENTS: &str = "text/event-stream";
}

/// On every answer, whatever it is.
const ALWAYS: [(HeaderName, &str); 8] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), \
         payment=(), usb=()",
    ),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

/// For what is not ours: no script, no origin, nothing loaded.
const FOREIGN: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

impl Answer {
    /// 200 with a whole body.
    pub(super) fn whole(content_type: &'static str, policy: Policy, body: impl Into<Bytes>) -> Self {
        Self::new(content_type, policy, Body::Whole(Some(body.into())))
    }

    /// 200 with a body in pieces.
    pub(super) fn new(content_type: &'static str, policy: Policy, body: Body) -> Self {
        Self { status: StatusCode::OK, content_type, policy, extra: HeaderMap::new(), body }
    }

    /// The same with another status.
    pub(super) fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same with a header; a value that can't stand in one is left out.
    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.extra.insert(name, value);
        }
        self
    }

    /// To be saved under this name, of which only what every system takes is kept.
    pub(super) fn download(self, name: &str) -> Self {
        let plain = |letter: char| if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '_' };
        let name: String = name.chars().map(plain).collect();
        self.header(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}\""))
    }

    /// With all its headers.
    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        *headers = self.extra;
        for (name, value) in ALWAYS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        let policy = match self.policy {
            Policy::Page => HeaderValue::try_from(page_policy()),
            Policy::Foreign => Ok(HeaderValue::from_static(FOREIGN)),
        };
        // The policy is made of our own words: it is always a header.
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.unwrap_or(HeaderValue::from_static(FOREIGN)));
        response
    }
}

/// Our own style and script by their hashes, our own addresses for requests and forms, and nothing else.
fn page_policy() -> String {
    format!("{}; frame-ancestors 'none'", style::policy(Reach::Origin))
}

/// A body.
#[derive(Debug)]
pub(super) enum Body {
    /// In one piece.
    Whole(Option<Bytes>),
    /// Piece after piece; an error ends the connection, so that nobody takes a part for the whole. The number of bytes, where it is
    /// known.
    Pieces(mpsc::Receiver<io::Result<Bytes>>, Option<u64>),
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pieces(pieces, _) => pieces.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Pieces(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Pieces(_, Some(size)) => SizeHint::with_exact(*size),
            Self::Pieces(_, None) => SizeHint::default(),
        }
    }
}
