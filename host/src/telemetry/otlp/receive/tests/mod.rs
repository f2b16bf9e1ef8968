//! The receiver over real sockets: hand-written HTTP/1.1, so that it can be wrong in every way, and tonic's client.

mod decoding;
mod grpc;
mod http;
mod life;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tokio::runtime::Runtime;

use super::{Admission, Allowance, Receiver, ReceiverLimits, Sender, SpanSink};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const TRACES: &str = "/v1/traces";

/// Keeps what it is given. A span named `unlucky` can't be written the first time, `panic` never, and `slow` waits for
/// [`Sink::open`].
#[derive(Default)]
struct Sink {
    taken: Mutex<Vec<Taken>>,
    unlucky: Mutex<bool>,
    gate: Mutex<bool>,
    opened: Condvar,
}

#[derive(Debug, Clone, PartialEq)]
struct Taken {
    stage: String,
    service: Option<String>,
    scope: Option<String>,
    span: Span,
}

impl Sink {
    fn open(&self) {
        *self.gate.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn names(&self) -> Vec<String> {
        self.taken.lock().unwrap().iter().map(|taken| taken.span.name.clone()).collect()
    }
}

impl SpanSink for Sink {
    fn accept(
        &self,
        sender: &Sender,
        resource: Option<&Resource>,
        scope: Option<&InstrumentationScope>,
        span: Span,
    ) -> io::Result<()> {
        match span.name.as_str() {
            "unlucky" if !std::mem::replace(&mut *self.unlucky.lock().unwrap(), true) => {
                return Err(io::ErrorKind::StorageFull.into());
            }
            "panic" => panic!("a sink that panics on purpose"),
            "slow" => drop(self.opened.wait_while(self.gate.lock().unwrap(), |open| !*open).unwrap()),
            _ => {}
        }
        self.taken.lock().unwrap().push(Taken {
            stage: sender.stage.clone(),
            service: resource.and_then(|resource| resource.attributes.first()).map(|first| first.key.clone()),
            scope: scope.map(|scope| scope.name.clone()),
            span,
        });
        Ok(())
    }
}

struct Server {
    // Dropped before the runtime.
    receiver: Receiver,
    sink: Arc<Sink>,
    runtime: Runtime,
}

impl Server {
    fn new() -> Self {
        Self::with(ReceiverLimits::default())
    }

    fn with(limits: ReceiverLimits) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let sink = Arc::new(Sink::default());
        let receiver = Receiver::start(runtime.handle(), limits, Arc::clone(&sink) as Arc<dyn SpanSink>).unwrap();
        Self { receiver, sink, runtime }
    }

    fn admit(&self, stage: &str) -> Admission {
        self.admit_with(stage, Allowance::default())
    }

    fn admit_with(&self, stage: &str, allowance: Allowance) -> Admission {
        let sender = Sender {
            stage: stage.to_owned(),
            attempt: 1,
            trace_id: [7; 16],
            span_id: [0xa; 8],
            stage_span_id: [0xb; 8],
            run_span_id: [0xc; 8],
        };
        self.receiver.admit(sender, allowance).unwrap()
    }

    fn export(&self, admission: &Admission, spans: Vec<Span>) -> Reply {
        self.post(TRACES, admission.token(), PROTOBUF, &[], &request(spans).encode_to_vec())
    }

    fn post(&self, path: &str, token: &str, content_type: &str, more: &[&str], body: &[u8]) -> Reply {
        self.send(&head("POST", path, Some(token), content_type, more, body.len()), body)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.receiver.port())).unwrap();
        // A test that would hang fails instead.
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    fn send(&self, head: &str, body: &[u8]) -> Reply {
        let mut stream = self.connect();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        Reply::read(stream)
    }

    fn shutdown(self) -> super::ReceiverCounts {
        self.receiver.shutdown(Duration::from_secs(30))
    }
}

fn head(method: &str, path: &str, token: Option<&str>, content_type: &str, more: &[&str], len: usize) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n");
    if let Some(token) = token {
        head += &format!("authorization: Bearer {token}\r\n");
    }
    if !content_type.is_empty() {
        head += &format!("content-type: {content_type}\r\n");
    }
    for line in more {
        head += &format!("{line}\r\n");
    }
    head + &format!("content-length: {len}\r\n\r\n")
}

#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn read(mut stream: TcpStream) -> Self {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let end = all.windows(4).position(|window| window == b"\r\n\r\n").expect("no whole head");
        let head = String::from_utf8(all[..end].to_vec()).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: all[end + 4..].to_vec() }
    }

    fn json(&self) -> serde_json::Value {
        assert!(self.head.contains("content-type: application/json"), "{}", self.head);
        serde_json::from_slice(&self.body).unwrap()
    }

    fn has(&self, header: &str) -> bool {
        self.head.lines().any(|line| line == header)
    }

    /// Rejected spans and the message, of an answer in protobuf.
    fn partial(&self) -> Option<(i64, String)> {
        use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
        assert_eq!(self.status, 200, "{self:?}");
        let response = ExportTraceServiceResponse::decode(self.body.as_slice()).unwrap();
        response.partial_success.map(|partial| (partial.rejected_spans, partial.error_message))
    }
}

fn span(id: u64, name: &str) -> Span {
    Span {
        trace_id: vec![7; 16],
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: vec![0xa; 8],
        name: name.to_owned(),
        start_time_unix_nano: 1_795_341_923_579_940_975,
        end_time_unix_nano: 1_795_341_923_579_940_976,
        ..Span::default()
    }
}

fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let attribute = KeyValue { key: "service.name".to_owned(), ..KeyValue::default() };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes: vec![attribute], ..Resource::default() }),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope { name: "tests".to_owned(), ..InstrumentationScope::default() }),
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
