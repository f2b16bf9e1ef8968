//! HTTP with limits: where a request may go, how long it may take, how much of the answer is read. It knows nothing of
//! artifacts.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{Instant, timeout_at};

use super::reference::{is_loopback, may_be_this_machine};
use super::{Access, Reference, RegistryError};
use crate::config::words::clip;

/// The longest wait for a connection; without it a host that drops packets would use up the whole time.
const CONNECT: Duration = Duration::from_secs(15);

/// A connection to a registry, with its rules.
pub(super) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// The reference, for messages.
    subject: String,
    limit: Duration,
    until: Instant,
    is_plain: bool,
    is_local: bool,
}

impl Transport {
    /// The time runs from here.
    pub(super) fn new(reference: &Reference, access: &Access) -> Result<Self, RegistryError> {
        let is_local = reference.is_loopback();
        let is_plain = is_local && access.ca_file.is_none();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT.min(access.timeout)));
        let roots = if is_plain { RootCertStore::empty() } else { roots(access.ca_file.as_deref())? };
        let tls = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|error| RegistryError::Tls {
                subject: reference.to_string(),
                host: reference.authority(),
                why: error.to_string(),
            })?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls);
        let builder = if is_plain { builder.https_or_http() } else { builder.https_only() };
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(builder.enable_http1().wrap_connector(tcp)),
            subject: reference.to_string(),
            limit: access.timeout,
            until: Instant::now() + access.timeout,
            is_plain,
            is_local,
        })
    }

    /// `http` or `https`.
    pub(super) fn scheme(&self) -> &'static str {
        if self.is_plain { "http" } else { "https" }
    }

    /// The reference, for messages.
    pub(super) fn subject(&self) -> String {
        self.subject.clone()
    }

    /// The address that `text` names, seen from `base`: a whole one, or a path on the same host. Refused where it would
    /// leave TLS, or lead from a distant host to this machine.
    pub(super) fn resolve(&self, base: &Uri, text: &str) -> Result<Uri, RegistryError> {
        let refuse = |why: &str| RegistryError::Elsewhere {
            subject: self.subject(),
            host: host_of(base),
            to: clip(text.split(['?', '#']).next().unwrap_or_default()).into_owned(),
            why: why.to_owned(),
        };
        let text = text.split('#').next().unwrap_or_default();
        let target: Uri = if text.starts_with('/') && !text.starts_with("//") {
            let whole = format!("{}://{}{text}", base.scheme_str().unwrap_or("https"), host_of(base));
            whole.parse().map_err(|_| refuse("it is no address"))?
        } else {
            text.parse().map_err(|_| refuse("it is no address"))?
        };
        let authority = target.authority().ok_or_else(|| refuse("it is neither a whole address nor a path"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("it holds a login"));
        }
        match target.scheme_str() {
            Some("http") if self.is_plain && is_loopback(authority.host()) => Ok(target),
            Some("http" | "https") if self.is_plain => {
                Err(refuse("a registry on this machine that is spoken to without TLS may refer to this machine alone"))
            }
            Some("https") if self.is_local || !may_be_this_machine(authority.host()) => Ok(target),
            Some("https") => Err(refuse("a distant registry may not refer to this machine")),
            _ => Err(refuse("only https is followed")),
        }
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        doing: &str,
    ) -> Result<Response<Incoming>, RegistryError> {
        let host = host_of(request.uri());
        match timeout_at(self.until, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.failed(&host, doing, &error)),
            Err(_) => Err(self.timeout(&host, doing)),
        }
    }

    /// Reads a body of at most `most` bytes; `None` as soon as there are more.
    pub(super) async fn read(
        &self,
        mut body: Incoming,
        most: u64,
        host: &str,
        doing: &str,
    ) -> Result<Option<Vec<u8>>, RegistryError> {
        let mut bytes = Vec::new();
        loop {
            let frame = match timeout_at(self.until, body.frame()).await {
                Err(_) => return Err(self.timeout(host, doing)),
                Ok(None) => return Ok(Some(bytes)),
                Ok(Some(Err(error))) => return Err(self.failed(host, doing, &error)),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() as u64 + data.len() as u64 > most {
                return Ok(None);
            }
            bytes.extend_from_slice(&data);
        }
    }

    fn timeout(&self, host: &str, doing: &str) -> RegistryError {
        let (host, doing) = (host.to_owned(), doing.to_owned());
        RegistryError::Timeout { subject: self.subject(), host, doing, limit: self.limit }
    }

    fn failed(&self, host: &str, doing: &str, error: &(dyn Error + 'static)) -> RegistryError {
        let (subject, host) = (self.subject(), host.to_owned());
        let mut texts: Vec<String> = Vec::new();
        let (mut is_tls, mut is_connect) = (false, false);
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            // Many errors repeat their cause.
            if !texts.last().is_some_and(|last| last.contains(&text)) {
                texts.push(text);
            }
            is_tls |= is_of_tls(error);
            let legacy = error.downcast_ref::<hyper_util::client::legacy::Error>();
            is_connect |= legacy.is_some_and(hyper_util::client::legacy::Error::is_connect);
            next = error.source();
        }
        let why = clean(&texts.join(": "));
        if is_tls {
            RegistryError::Tls { subject, host, why }
        } else if is_connect {
            RegistryError::Unreachable { subject, host, why }
        } else {
            RegistryError::Broken { subject, host, doing: doing.to_owned(), why }
        }
    }
}

/// Whether the TLS library says so; what an `io::Error` wraps is none of its sources.
fn is_of_tls(error: &(dyn Error + 'static)) -> bool {
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>() || inner.is_some_and(|inner| is_of_tls(inner))
}

/// Host and port of an address.
pub(super) fn host_of(uri: &Uri) -> String {
    uri.authority().map(ToString::to_string).unwrap_or_default()
}

/// Whether two addresses have scheme, host and port in common: what is said to one in confidence may be said to the
/// other.
pub(super) fn is_same_origin(one: &Uri, other: &Uri) -> bool {
    let port = |uri: &Uri| {
        uri.port_u16().or(match uri.scheme_str() {
            Some("https") => Some(443),
            Some("http") => Some(80),
            _ => None,
        })
    };
    one.scheme() == other.scheme() && one.host() == other.host() && port(one) == port(other)
}

/// A peer's text for people: one line, short.
pub(super) fn clean(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(printable).take(300).collect::<String>().trim().to_owned()
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, RegistryError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = file else {
        let loaded = rustls_native_certs::load_native_certs();
        // A system may hold certificates that are too old to be understood.
        roots.add_parsable_certificates(loaded.certs);
        if roots.is_empty() {
            let why = loaded.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
            let why = format!("the system's root certificates can't be used ({why})");
            return Err(RegistryError::Certificates { path: "SSL_CERT_FILE".into(), why });
        }
        return Ok(roots);
    };
    let unusable = |why: String| RegistryError::Certificates { path: path.to_owned(), why };
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    for certificate in certificates.map_err(|error| unusable(format!("can't read it ({error})")))? {
        roots.add(certificate).map_err(|error| unusable(format!("it holds an unusable certificate ({error})")))?;
    }
    if roots.is_empty() { Err(unusable("it holds no certificate".to_owned())) } else { Ok(roots) }
}
