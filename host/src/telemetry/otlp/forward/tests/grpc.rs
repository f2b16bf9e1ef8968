use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::peer::{Peer, ok, partial};
use super::*;

type Recorded = Arc<Mutex<Vec<(MetadataMap, ExportTraceServiceRequest)>>>;
type Answer = fn(usize) -> Result<ExportTraceServiceResponse, Status>;

struct Service {
    recorded: Recorded,
    answer: Answer,
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let mut recorded = self.recorded.lock().unwrap();
        recorded.push((metadata, message));
        (self.answer)(recorded.len()).map(Response::new)
    }
}

/// A server whose answer depends on the number of the request, from 1. Returns its address.
pub(super) fn serve(answer: Answer, tls: Option<ServerTlsConfig>) -> (String, Recorded) {
    let recorded = Recorded::default();
    let service = TraceServiceServer::new(Service { recorded: recorded.clone(), answer })
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut server = Server::builder();
    if let Some(tls) = tls {
        server = server.tls_config(tls).unwrap();
    }
    RUNTIME.spawn(server.add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
    (address, recorded)
}

fn send_to(answer: Answer) -> Forwarded {
    let (address, _) = serve(answer, None);
    Journal::of(0..600).send(&[("ENDPOINT", &format!("http://{address}")), ("PROTOCOL", "grpc")], LONG)
}

#[test]
fn spans_and_metadata_arrive() {
    for compression in ["none", "gzip"] {
        let (address, recorded) = serve(|_| Ok(ExportTraceServiceResponse::default()), None);
        let forwarded = Journal::of(0..600).send(
            &[
                ("ENDPOINT", &address),
                ("INSECURE", "true"),
                ("PROTOCOL", "grpc"),
                ("COMPRESSION", compression),
                ("HEADERS", "x-key=a%20b"),
            ],
            LONG,
        );
        assert_eq!(forwarded.last_error, None);
        assert_eq!(counts(&forwarded), [600, 0, 0, 2]);
        assert_eq!(forwarded.destination, format!("grpc to http://{address}"));
        let recorded = recorded.lock().unwrap();
        assert_eq!(recorded[0].0.get("x-key").unwrap(), "a b");
        let encoding = recorded[0].0.get("grpc-encoding").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(encoding.as_deref(), (compression == "gzip").then_some("gzip"));
        let all: Vec<String> = recorded.iter().flat_map(|(_, request)| names(request)).collect();
        assert_eq!(all, numbered(0..600));
    }
}

#[test]
fn retryable_codes_are_tried_again() {
    fn busy(number: usize) -> Result<ExportTraceServiceResponse, Status> {
        let wait = ErrorDetails::with_retry_info(Some(Duration::from_millis(10)));
        match number {
            1 => Err(Status::unavailable("later")),
            2 => Err(Status::with_error_details(Code::ResourceExhausted, "slowly", wait)),
            _ => Ok(ExportTraceServiceResponse::default()),
        }
    }
    let forwarded = send_to(busy);
    assert_eq!((counts(&forwarded), forwarded.last_error), ([600, 0, 0, 4], None));
}

#[test]
fn a_wish_beyond_the_end_is_not_waited_for() {
    let forwarded = send_to(|_| {
        let wait = ErrorDetails::with_retry_info(Some(Duration::from_secs(3600)));
        Err(Status::with_error_details(Code::Unavailable, "much later", wait))
    });
    assert_eq!(counts(&forwarded), [0, 0, 600, 1]);
    assert_eq!(forwarded.last_error.unwrap(), "answered Unavailable: much later");
}

#[test]
fn other_codes_are_not() {
    let forwarded = send_to(|number| match number {
        1 => Err(Status::invalid_argument("bad spans")),
        _ => Ok(partial(8, "too old")),
    });
    assert_eq!(counts(&forwarded), [80, 520, 0, 2]);
    assert_eq!(forwarded.last_error.unwrap(), "8 spans were rejected: too old");
    assert_eq!(counts(&send_to(|_| Err(Status::resource_exhausted("quota")))), [0, 600, 0, 2]);
    let forwarded = send_to(|_| Err(Status::unauthenticated("who?")));
    assert_eq!(counts(&forwarded), [0, 512, 88, 1]);
    assert!(forwarded.last_error.unwrap().starts_with("answered Unauthenticated: who?; check OTEL_EXPORTER"));
}

#[test]
fn a_peer_of_another_protocol_is_explained() {
    let peer = Peer::start(vec![ok()]);
    let journal = Journal::of(0..3);
    let forwarded = journal.send(&[("ENDPOINT", &peer.url()), ("PROTOCOL", "grpc"), ("TIMEOUT", "500")], LONG);
    assert_eq!([forwarded.sent, forwarded.rejected, forwarded.unsent], [0, 0, 3]);
    let error = forwarded.last_error.unwrap();
    assert!(error.contains("OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"), "{error}");
    let (address, _) = serve(|_| Ok(ExportTraceServiceResponse::default()), None);
    let forwarded = journal.send(&[("ENDPOINT", &format!("http://{address}"))], LONG);
    assert_eq!([forwarded.sent, forwarded.unsent], [0, 3]);
    let error = forwarded.last_error.unwrap();
    assert!(error.contains("OTEL_EXPORTER_OTLP_PROTOCOL=grpc"), "{error}");
}
