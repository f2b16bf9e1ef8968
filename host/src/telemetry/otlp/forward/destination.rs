//! Where spans are forwarded to. How the environment says it belongs in `environment`; talking to it, in `client`.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderMap, Uri};

/// How spans are put on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    HttpProtobuf,
    HttpJson,
    Grpc,
}

/// An OTLP endpoint of the user's, and how to talk to it. Neither `Debug` nor [`describe`](Self::describe) shows its
/// headers, user, password or query.
#[derive(Clone)]
pub struct Destination {
    pub(super) protocol: Protocol,
    /// Scheme, host without user, port if it was given, and the whole path of the request.
    pub(super) uri: Uri,
    /// What the user wants sent along, secrets mostly.
    pub(super) headers: HeaderMap,
    /// Of one request.
    pub(super) timeout: Duration,
    pub(super) gzip: bool,
    /// Trusts nobody if the scheme is not `https`.
    pub(super) tls: Arc<rustls::ClientConfig>,
}

impl Destination {
    /// Protocol, scheme, host, port and path, for people: `http/protobuf to https://collector:4318/v1/traces`.
    pub fn describe(&self) -> String {
        let protocol = match self.protocol {
            Protocol::HttpProtobuf => "http/protobuf",
            Protocol::HttpJson => "http/json",
            Protocol::Grpc => "grpc",
        };
        let scheme = self.uri.scheme_str().unwrap_or_default();
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        // gRPC's path is always the same, and not what the user wrote.
        let path = if self.protocol == Protocol::Grpc { "" } else { self.uri.path() };
        format!("{protocol} to {scheme}://{authority}{path}")
    }

    /// True if this is `port` on this machine's loopback, as far as the name tells: nothing is looked up. Spans that
    /// a run's own receiver got must not be sent to it again.
    pub fn is_loopback_port(&self, port: u16) -> bool {
        let default = if self.uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
        let host = self.uri.host().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
        let is_loopback = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            // The address "any" reaches the loopback, too.
            Ok(address) => {
                let address = address.to_canonical();
                address.is_loopback() || address.is_unspecified()
            }
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        };
        is_loopback && self.uri.port_u16().unwrap_or(default) == port
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination")
            .field("to", &self.describe())
            .field("headers", &self.headers.len())
            .field("timeout", &self.timeout)
            .field("gzip", &self.gzip)
            .finish_non_exhaustive()
    }
}
