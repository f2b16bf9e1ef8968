//! OTLP/gRPC with tonic's client, which is not ours.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics};
use tonic::codec::CompressionEncoding;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};

use super::*;

impl Server {
    fn channel(&self) -> Channel {
        let _inside = self.runtime.enter();
        Endpoint::try_from(format!("http://127.0.0.1:{}", self.receiver.port())).unwrap().connect_lazy()
    }
}

fn bearing<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

#[test]
fn spans_arrive_plain_and_gzipped_over_one_connection() {
    let server = Server::new();
    let admission = server.admit("a");
    let channel = server.channel();
    let mut plain = TraceServiceClient::new(channel.clone());
    let mut gzipped = TraceServiceClient::new(channel).send_compressed(CompressionEncoding::Gzip);
    server.runtime.block_on(async {
        let spans = |from| (from..from + 500).map(|id| span(id, "step")).collect();
        let answer = plain.export(bearing(admission.token(), request(spans(1)))).await.unwrap();
        assert_eq!(answer.into_inner().partial_success, None);
        gzipped.export(bearing(admission.token(), request(spans(501)))).await.unwrap();
        let partial = plain.export(bearing(admission.token(), request(vec![span(0, "zero"), span(1, "again")]))).await;
        let partial = partial.unwrap().into_inner().partial_success.unwrap();
        assert_eq!(partial.rejected_spans, 1);
        assert!(partial.error_message.contains("invalid_id"));
    });
    let counts = admission.counts();
    assert_eq!((counts.received, counts.written, counts.duplicates, counts.rejected_total()), (1002, 1000, 1, 1));
    assert_eq!(server.sink.taken.lock().unwrap()[0].scope.as_deref(), Some("tests"));
}

#[test]
fn refusals_have_their_status_code() {
    let limits = ReceiverLimits { wire_bytes: 10_000, inflated_bytes: 20_000, ..ReceiverLimits::default() };
    let server = Server::with(limits);
    let admission = server.admit("a");
    let mut client = TraceServiceClient::new(server.channel());
    let mut gzipped = client.clone().send_compressed(CompressionEncoding::Gzip);
    server.runtime.block_on(async {
        let one = |name: &str| request(vec![span(1, name)]);
        let status = client.export(bearing("wrong", one("x"))).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
        assert!(status.message().contains("OTEL_EXPORTER_OTLP_HEADERS"), "{}", status.message());
        let status = client.export(Request::new(one("x"))).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
        let status = client.export(bearing(admission.token(), one(&"x".repeat(11_000)))).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        let status = gzipped.export(bearing(admission.token(), one(&"x".repeat(1 << 20)))).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        let status = client.export(bearing(admission.token(), one("unlucky"))).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        client.export(bearing(admission.token(), one("unlucky"))).await.unwrap();
        let mut elsewhere = TraceServiceClient::with_origin(
            server.channel(),
            format!("http://127.0.0.1:{}/no/such/service", server.receiver.port()).parse().unwrap(),
        );
        let status = elsewhere.export(bearing(admission.token(), one("x"))).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
    });
    assert_eq!(admission.counts().written, 1);
}

#[test]
fn metrics_and_logs_are_taken_and_counted() {
    let server = Server::new();
    let admission = server.admit("a");
    let gauge = Gauge { data_points: vec![NumberDataPoint::default(); 3] };
    let metric = Metric { data: Some(Data::Gauge(gauge)), ..Metric::default() };
    let scope_metrics = ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() };
    let metrics = ResourceMetrics { scope_metrics: vec![scope_metrics], ..ResourceMetrics::default() };
    let scope_logs = ScopeLogs { log_records: vec![LogRecord::default(); 2], ..ScopeLogs::default() };
    let logs = ResourceLogs { scope_logs: vec![scope_logs], ..ResourceLogs::default() };
    server.runtime.block_on(async {
        let request = ExportMetricsServiceRequest { resource_metrics: vec![metrics] };
        MetricsServiceClient::new(server.channel()).export(bearing(admission.token(), request)).await.unwrap();
        let request = ExportLogsServiceRequest { resource_logs: vec![logs] };
        LogsServiceClient::new(server.channel()).export(bearing(admission.token(), request)).await.unwrap();
    });
    let counts = server.receiver.counts();
    assert_eq!((counts.metric_points, counts.log_records), (3, 2));
}
