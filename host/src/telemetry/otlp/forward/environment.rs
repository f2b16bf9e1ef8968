//! A destination out of `OTEL_*` variables, as the OpenTelemetry specification defines them ("OTLP exporter
//! configuration", "Environment variables"; both stable). No variable's value is shown in an error if it may hold a
//! secret.

use std::time::Duration;

use base64::Engine as _;
use http::header::{AUTHORIZATION, HeaderName, USER_AGENT};
use http::{HeaderMap, HeaderValue, Uri};
use percent_encoding::percent_decode_str;

use super::destination::{Destination, Protocol};
use super::tls;

/// How long a request may take by default.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most that can be asked for; also what 0, "no limit", comes to: no request may hang for ever.
const MAX_TIMEOUT: Duration = Duration::from_secs(300);
/// What the protocol itself has to set.
const RESERVED: [&str; 9] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const TRACES_PATH: &str = "/v1/traces";
const GRPC_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// A variable that can't be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {problem}; {advice}")]
pub struct ConfigError {
    /// Its name.
    pub variable: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to do.
    pub advice: String,
}

impl ConfigError {
    pub(super) fn new(variable: &str, problem: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { variable: variable.to_owned(), problem: problem.into(), advice: advice.into() }
    }
}

type Get<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A variable's value, and the name that it was found under.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) value: String,
}

impl Found {
    fn wrong(&self, problem: impl Into<String>, advice: impl Into<String>) -> ConfigError {
        ConfigError::new(&self.name, problem, advice)
    }
}

/// Set and not empty: an empty variable counts as not set.
fn set(get: Get<'_>, name: &str) -> Option<String> {
    get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// The variable of the signal, else the general one.
pub(super) fn option(get: Get<'_>, option: &str) -> Option<Found> {
    ["OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_"].into_iter().find_map(|prefix| {
        let name = format!("{prefix}{option}");
        set(get, &name).map(|value| Found { name, value })
    })
}

impl Destination {
    /// Where `OTEL_EXPORTER_OTLP_{TRACES_,}ENDPOINT` points; `None` if neither is set, or if `OTEL_SDK_DISABLED` or
    /// `OTEL_TRACES_EXPORTER` says that no traces are wanted there. `get` reads a variable.
    ///
    /// Understood besides, each also with `TRACES_`, which wins: `…_PROTOCOL` (`http/protobuf`, `http/json`,
    /// `grpc`), `…_HEADERS`, `…_TIMEOUT` (milliseconds), `…_COMPRESSION` (`gzip`, `none`), `…_CERTIFICATE`,
    /// `…_CLIENT_CERTIFICATE`, `…_CLIENT_KEY` (PEM files) and `…_INSECURE` (gRPC without a scheme).
    ///
    /// # Errors
    /// Where a variable can't be understood, or a certificate can't be read.
    pub fn from_environment(get: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, ConfigError> {
        if set(get, "OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        // A list; Python also knows `otlp_proto_http` and the like.
        let is_otlp = |exporters: String| exporters.split(',').any(|exporter| exporter.trim().starts_with("otlp"));
        if !set(get, "OTEL_TRACES_EXPORTER").is_none_or(is_otlp) {
            return Ok(None);
        }
        let Some(endpoint) = option(get, "ENDPOINT") else { return Ok(None) };
        let protocol = option(get, "PROTOCOL").map_or(Ok(Protocol::HttpProtobuf), |found| protocol(&found))?;
        let (uri, credentials) = target(get, &endpoint, protocol)?;
        let mut headers = option(get, "HEADERS").map_or(Ok(HeaderMap::new()), |found| headers(&found))?;
        if let Some(credentials) = credentials {
            headers.entry(AUTHORIZATION).or_insert(credentials);
        }
        headers
            .entry(USER_AGENT)
            .or_insert(HeaderValue::from_static(concat!("forensic-host/", env!("CARGO_PKG_VERSION"))));
        let tls = tls::client_config(get, uri.scheme_str() == Some("https"))?;
        Ok(Some(Self {
            protocol,
            uri,
            headers,
            timeout: option(get, "TIMEOUT").map_or(Ok(TIMEOUT), |found| timeout(&found))?,
            gzip: option(get, "COMPRESSION").map_or(Ok(false), |found| gzip(&found))?,
            tls,
        }))
    }
}

fn protocol(found: &Found) -> Result<Protocol, ConfigError> {
    match found.value.as_str() {
        "http/protobuf" => Ok(Protocol::HttpProtobuf),
        "http/json" => Ok(Protocol::HttpJson),
        "grpc" => Ok(Protocol::Grpc),
        other => Err(found.wrong(
            format!("is {other:?}, which is no protocol of OTLP"),
            "set it to http/protobuf, http/json or grpc",
        )),
    }
}

fn timeout(found: &Found) -> Result<Duration, ConfigError> {
    match found.value.parse() {
        Ok(0) => Ok(MAX_TIMEOUT),
        Ok(milliseconds) => Ok(Duration::from_millis(milliseconds).min(MAX_TIMEOUT)),
        Err(_) => Err(found.wrong(
            format!("is {:?}, which is no whole number of milliseconds", found.value),
            "for ten seconds set it to 10000",
        )),
    }
}

fn gzip(found: &Found) -> Result<bool, ConfigError> {
    match found.value.as_str() {
        "gzip" => Ok(true),
        "none" => Ok(false),
        other => {
            Err(found.wrong(format!("is {other:?}, which is no compression known here"), "set it to gzip or none"))
        }
    }
}

/// The URI of the request, and what the endpoint holds of user and password.
fn target(get: Get<'_>, endpoint: &Found, protocol: Protocol) -> Result<(Uri, Option<HeaderValue>), ConfigError> {
    let advice = match protocol {
        Protocol::Grpc => "write it as http://host:4317 or https://host:4317",
        Protocol::HttpProtobuf | Protocol::HttpJson => "write it as http://host:4318 or https://host:4318",
    };
    let text = match (endpoint.value.contains("://"), protocol) {
        (true, _) => endpoint.value.clone(),
        (false, Protocol::Grpc) => format!("{}://{}", grpc_scheme(get)?, endpoint.value),
        (false, _) => return Err(endpoint.wrong("has no scheme", advice)),
    };
    let uri: Uri = text.parse().map_err(|error| endpoint.wrong(format!("is no URL ({error})"), advice))?;
    let mut parts = uri.into_parts();
    match parts.scheme.as_ref().map(|scheme| scheme.as_str()) {
        Some("http" | "https") => {}
        scheme => {
            let problem = format!("has the scheme {:?}, which is not supported here", scheme.unwrap_or_default());
            return Err(endpoint.wrong(problem, advice));
        }
    }
    let authority = parts.authority.take().ok_or_else(|| endpoint.wrong("has no host", advice))?;
    let (user, host) = match authority.as_str().rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority.as_str()),
    };
    let authority: http::uri::Authority = host
        .parse()
        .ok()
        .filter(|authority: &http::uri::Authority| !authority.host().is_empty())
        .ok_or_else(|| endpoint.wrong("has no host", advice))?;
    if authority.port_u16().is_none() && host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']')) {
        return Err(endpoint.wrong("has a port that is none", advice));
    }
    parts.authority = Some(authority);
    let (path, query) = parts.path_and_query.as_ref().map_or(("", None), |whole| (whole.path(), whole.query()));
    let prefix = path.trim_end_matches('/');
    let path = match protocol {
        Protocol::Grpc => format!("{prefix}{GRPC_PATH}"),
        // Only the general endpoint is the base of a path; the signal's own is taken as it is.
        _ if endpoint.name.contains("_TRACES_") => path.to_owned(),
        _ => format!("{prefix}{TRACES_PATH}"),
    };
    let query = query.filter(|_| protocol != Protocol::Grpc).map(|query| format!("?{query}")).unwrap_or_default();
    let whole = if path.is_empty() { format!("/{query}") } else { format!("{path}{query}") };
    parts.path_and_query = Some(whole.parse().map_err(|error| endpoint.wrong(format!("is no URL ({error})"), advice))?);
    let uri = Uri::from_parts(parts).map_err(|error| endpoint.wrong(format!("is no URL ({error})"), advice))?;
    Ok((uri, user.map(|user| basic(endpoint, user)).transpose()?))
}

fn grpc_scheme(get: Get<'_>) -> Result<&'static str, ConfigError> {
    let Some(found) = option(get, "INSECURE") else { return Ok("https") };
    match found.value.to_ascii_lowercase().as_str() {
        "true" => Ok("http"),
        "false" => Ok("https"),
        _ => Err(found.wrong("is neither true nor false", "set it to true for a connection without TLS")),
    }
}

/// `user:password` of a URL as HTTP's basic authentication (RFC 7617).
fn basic(endpoint: &Found, user: &str) -> Result<HeaderValue, ConfigError> {
    let user: Vec<u8> = percent_decode_str(user).collect();
    let encoded = base64::engine::general_purpose::STANDARD.encode(user);
    let mut value = HeaderValue::try_from(format!("Basic {encoded}")).map_err(|_| {
        endpoint.wrong("has a user that can't be sent", "put the credentials into OTEL_EXPORTER_OTLP_HEADERS")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// `name=value,name=value`, values percent-encoded.
fn headers(found: &Found) -> Result<HeaderMap, ConfigError> {
    const ADVICE: &str = "write name=value,name=value with values percent-encoded, a blank as %20";
    let mut headers = HeaderMap::new();
    for (number, entry) in (1..).zip(found.value.split(',')) {
        if entry.trim().is_empty() {
            continue;
        }
        // Neither the entry nor, without a `=`, its name is shown: either may be the secret itself.
        let Some((name, value)) = entry.split_once('=') else {
            return Err(found.wrong(format!("has no `=` in entry {number}"), ADVICE));
        };
        let Ok(name) = HeaderName::try_from(name.trim()) else {
            return Err(found.wrong(format!("has a name in entry {number} that HTTP does not allow"), ADVICE));
        };
        if RESERVED.contains(&name.as_str()) || name.as_str().starts_with("grpc-") {
            let problem = format!("sets {name} in entry {number}, which the protocol sets itself");
            return Err(found.wrong(problem, "leave it out"));
        }
        let value: Vec<u8> = percent_decode_str(value.trim()).collect();
        let Ok(mut value) = HeaderValue::try_from(value) else {
            return Err(found.wrong(format!("has a value for {name} that HTTP does not allow"), ADVICE));
        };
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}
