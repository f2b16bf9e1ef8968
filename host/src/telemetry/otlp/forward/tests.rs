//! Forwarding over real sockets. A peer is a small HTTP server of the test's, or a gRPC server of `tonic`.

mod environment;
mod grpc;
mod http;
mod peer;
mod secure;
mod tail;

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use tokio::runtime::{Builder, Runtime};

use super::{Destination, Forwarded, Forwarder};

/// Long enough for whatever is going to happen.
const LONG: Duration = Duration::from_secs(60);

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

/// A journal that grows.
struct Journal(tempfile::NamedTempFile);

impl Journal {
    fn new() -> Self {
        Self(tempfile::NamedTempFile::new().unwrap())
    }

    /// With spans of these numbers.
    fn of(numbers: std::ops::Range<u64>) -> Self {
        let mut journal = Self::new();
        journal.add(numbers);
        journal
    }

    fn add(&mut self, numbers: std::ops::Range<u64>) {
        let text: String = numbers.map(|number| line(number) + "\n").collect();
        self.write(text.as_bytes());
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    fn forward(&self, variables: &[(&str, &str)]) -> Forwarder {
        let resource = vec![("service.name".to_owned(), "forensic-host".to_owned())];
        Forwarder::start(RUNTIME.handle(), destination(variables), self.0.reopen().unwrap(), resource)
    }

    /// Forwards all of it.
    fn send(&self, variables: &[(&str, &str)], within: Duration) -> Forwarded {
        self.forward(variables).finish(within)
    }
}

/// A span as the host records it.
fn line(number: u64) -> String {
    let (start, end, id) = (1_767_225_600_000_000_000 + number, 1_767_225_601_000_000_000 + number, number + 1);
    let attributes = format!(r#"{{"forensic.kind":"attempt","number":{number}}}"#);
    let ids = format!(r#""trace_id":"5b8aa5a2d2c872e8321cf37308d69df2","span_id":"{id:016x}","parent_span_id":null"#);
    let times = format!(r#""start_time":{start},"end_time":{end},"duration_ms":1000.0"#);
    format!(r#"{{"name":"span {number}",{times},"status":"Success","attributes":{attributes},{ids}}}"#)
}

fn from(variables: &[(&str, &str)]) -> Result<Option<Destination>, super::ConfigError> {
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    Destination::from_environment(&|name| variables.get(name).map(|value| (*value).to_owned()))
}

/// `ENDPOINT` is short for `OTEL_EXPORTER_OTLP_ENDPOINT`, and so on.
fn destination(variables: &[(&str, &str)]) -> Destination {
    let variables: Vec<(String, &str)> =
        variables.iter().map(|(name, value)| (format!("OTEL_EXPORTER_OTLP_{name}"), *value)).collect();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    from(&variables).unwrap().unwrap()
}

/// Names of the spans in a request.
fn names(request: &ExportTraceServiceRequest) -> Vec<String> {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans).map(|span| span.name.clone()).collect()
}

fn numbered(numbers: std::ops::Range<u64>) -> Vec<String> {
    numbers.map(|number| format!("span {number}")).collect()
}

fn counts(forwarded: &Forwarded) -> [u64; 4] {
    [forwarded.sent, forwarded.rejected, forwarded.unsent, forwarded.requests]
}
