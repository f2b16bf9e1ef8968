//! OTLP/HTTP: what is taken, what is refused, and in which words.

use prost::Message;
use serde_json::json;

use super::*;
use crate::telemetry::otlp::receive::reason;

/// The fields of `google.rpc.Status` that are used.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

#[test]
fn spans_arrive_with_resource_scope_and_sender_in_both_encodings_plain_and_gzipped() {
    let server = Server::new();
    let admission = server.admit("a");
    let mut id = 0;
    for (content_type, encode) in [
        (PROTOBUF, (|request| request.encode_to_vec()) as fn(ExportTraceServiceRequest) -> Vec<u8>),
        ("Application/JSON; charset=utf-8", |request| serde_json::to_vec(&request).unwrap()),
    ] {
        for gzipped in [false, true] {
            id += 1;
            let sent = span(id, "step");
            let plain = encode(request(vec![sent.clone()]));
            let reply = if gzipped {
                server.post(TRACES, admission.token(), content_type, &["content-encoding: gzip"], &gzip(&plain))
            } else {
                server.post(TRACES, admission.token(), content_type, &[], &plain)
            };
            assert_eq!(reply.status, 200, "{reply:?}");
            assert_eq!(reply.body, if content_type == PROTOBUF { b"".as_slice() } else { b"{}" });
            let expected = Taken {
                stage: "a".to_owned(),
                service: Some("service.name".to_owned()),
                scope: Some("tests".to_owned()),
                span: sent,
            };
            assert_eq!(server.sink.taken.lock().unwrap().last(), Some(&expected));
        }
    }
    assert_eq!(admission.counts().written, 4);
}

#[test]
fn a_token_is_needed_and_each_stands_for_its_own_attempt() {
    let server = Server::new();
    let (one, two) = (server.admit("one"), server.admit("two"));
    assert_eq!(one.token().len(), 64);
    assert!(one.token().bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_ne!(one.token(), two.token());
    assert!(!format!("{one:?}").contains(one.token()));

    server.export(&one, vec![span(1, "x")]);
    server.export(&two, vec![span(1, "y"), span(2, "z")]);
    assert_eq!((one.counts().written, two.counts().written), (1, 2), "ids are told apart by attempt");

    let body = request(vec![span(3, "forged")]).encode_to_vec();
    let wrong: String = one.token().chars().rev().collect();
    for token in [wrong.as_str(), "", &one.token()[1..], "ü"] {
        let reply = server.post(TRACES, token, PROTOBUF, &[], &body);
        assert_eq!(reply.status, 401);
        let status = Status::decode(reply.body.as_slice()).unwrap();
        assert_eq!(status.code, 16);
        assert!(!status.message.contains(one.token()));
    }
    assert_eq!(server.send(&head("POST", TRACES, None, JSON, &[], 2), b"{}").json()["code"], 16);
    // Some SDKs leave the environment variable's percent-encoding as it is.
    let undecoded = format!("authorization: Bearer%20{}", one.token());
    let reply = server.send(&head("POST", TRACES, None, PROTOBUF, &[&undecoded], body.len()), &body);
    assert_eq!(reply.status, 200);
    let counts = server.shutdown();
    assert_eq!((counts.unauthorized_requests, counts.late_requests, counts.spans.written), (5, 0, 4));
}

#[test]
fn what_is_no_otlp_is_refused_in_the_senders_encoding() {
    let server = Server::new();
    let admission = server.admit("a");
    let token = admission.token();
    let status =
        |path, content_type, more: &[&str], body: &[u8]| server.post(path, token, content_type, more, body).status;
    assert_eq!(status("/", PROTOBUF, &[], b""), 404);
    assert_eq!(status("/v1/traces/", PROTOBUF, &[], b""), 404);
    assert_eq!(status(TRACES, "text/plain", &[], b"x"), 415);
    assert_eq!(status(TRACES, "", &[], b"x"), 415);
    assert_eq!(status(TRACES, PROTOBUF, &["content-encoding: zstd"], b"x"), 415);
    assert_eq!(status(TRACES, PROTOBUF, &[], b"\x0a\xff"), 400);
    assert_eq!(status(TRACES, PROTOBUF, &["content-encoding: gzip"], b"no gzip"), 400);
    let whole = gzip(&request(vec![span(1, "x")]).encode_to_vec());
    assert_eq!(status(TRACES, PROTOBUF, &["content-encoding: gzip"], &whole[..whole.len() / 2]), 400);

    let get = server.send(&head("GET", TRACES, Some(token), "", &[], 0), b"");
    assert_eq!(get.status, 405);
    assert!(get.has("allow: post"), "{}", get.head);

    let cut = server.post(TRACES, token, JSON, &[], b"{\"resourceSpans\": [");
    assert_eq!((cut.status, &cut.json()["code"]), (400, &json!(3)));
    assert!(cut.json()["message"].as_str().unwrap().contains("line 1"), "{cut:?}");
    let protobuf = server.post(TRACES, token, PROTOBUF, &[], b"\x0b");
    let problem = Status::decode(protobuf.body.as_slice()).unwrap();
    assert_eq!((problem.code, problem.message.contains("wire type")), (3, true), "{}", problem.message);

    assert!(server.sink.names().is_empty());
    assert_eq!(server.shutdown().bad_requests, 11);
}

#[test]
fn sizes_are_limited_on_the_wire_and_after_gzip() {
    let limits = ReceiverLimits { wire_bytes: 300_000, inflated_bytes: 1 << 20, ..ReceiverLimits::default() };
    let server = Server::with(limits);
    let admission = server.admit("a");
    let large = |size: usize| request(vec![span(1, &"x".repeat(size))]).encode_to_vec();
    let gzipped =
        |body: &[u8]| server.post(TRACES, admission.token(), PROTOBUF, &["content-encoding: gzip"], &gzip(body));

    assert_eq!(server.post(TRACES, admission.token(), PROTOBUF, &[], &large(300_000)).status, 413);
    // The same without telling the length beforehand.
    let chunk = large(300_000);
    let mut chunked = format!("{:x}\r\n", chunk.len()).into_bytes();
    chunked.extend_from_slice(&chunk);
    chunked.extend_from_slice(b"\r\n0\r\n\r\n");
    let chunked_head = head("POST", TRACES, Some(admission.token()), PROTOBUF, &[], 0)
        .replace("content-length: 0", "transfer-encoding: chunked");
    assert_eq!(server.send(&chunked_head, &chunked).status, 413);

    assert_eq!(gzipped(&large(1 << 20)).status, 413);
    assert_eq!(gzipped(&vec![0; 64 << 20]).status, 413, "a bomb");
    assert_eq!(gzipped(&large(900_000)).status, 200, "within the limit, and one of the few large places is used");
    assert_eq!(
        server
            .post(
                TRACES,
                admission.token(),
                PROTOBUF,
                &[],
                &request(vec![span(2, &"x".repeat(270_000))]).encode_to_vec()
            )
            .status,
        200
    );
    assert_eq!(admission.counts().written, 2);
}

#[test]
fn spans_that_may_not_pass_are_counted_by_reason_and_the_others_pass() {
    let server = Server::with(ReceiverLimits { span_bytes: 1000, ..ReceiverLimits::default() });
    let admission = server.admit("a");
    let with = |change: fn(&mut Span)| {
        let mut span = span(9, "bad");
        change(&mut span);
        span
    };
    let spans = vec![
        span(1, "good"),
        with(|span| span.trace_id = vec![0; 16]),
        with(|span| span.trace_id = vec![1; 15]),
        with(|span| span.span_id = vec![0; 8]),
        with(|span| span.span_id = Vec::new()),
        with(|span| span.parent_span_id = vec![1; 16]),
        with(|span| span.span_id = vec![0xa; 8]),
        with(|span| span.span_id = vec![0xb; 8]),
        with(|span| span.span_id = vec![0xc; 8]),
        with(|span| span.name = "x".repeat(1000)),
        with(|span| span.parent_span_id = Vec::new()),
    ];
    let (rejected, message) = server.export(&admission, spans).partial().unwrap();
    assert_eq!(rejected, 9);
    assert!(
        message.contains("5 invalid_id") && message.contains("3 host_id") && message.contains("1 too_large"),
        "{message}"
    );
    let counts = admission.counts();
    let expected = [(reason::HOST_ID, 3), (reason::INVALID_ID, 5), (reason::TOO_LARGE, 1)];
    assert_eq!(counts.rejected, expected.into());
    assert_eq!((counts.received, counts.written, counts.is_balanced()), (11, 2, true));
}

#[test]
fn an_attempt_may_send_so_many_spans_and_bytes() {
    let server = Server::new();
    let few = server.admit_with("few", Allowance { spans: 10, bytes: u64::MAX });
    let (rejected, message) = server.export(&few, (1..=50).map(|id| span(id, "x")).collect()).partial().unwrap();
    assert_eq!(rejected, 40);
    assert!(message.contains("an attempt may send 10 spans"), "{message}");
    // What was written is known and costs nothing when it is repeated.
    assert_eq!(server.export(&few, vec![span(10, "x")]).partial(), None);

    let size = span(1, "x").encoded_len() as u64;
    let small = server.admit_with("small", Allowance { spans: 100, bytes: 3 * size });
    server.export(&small, (1..=5).map(|id| span(id, "x")).collect());
    assert_eq!(small.counts().rejected, [(reason::OVER_BYTES, 2)].into());
    assert!(few.counts().is_balanced() && small.counts().is_balanced() && server.shutdown().spans.is_balanced());
}

#[test]
fn partial_success_in_json_has_its_number_as_text() {
    let server = Server::new();
    let admission = server.admit("a");
    let body = serde_json::to_vec(&request(vec![span(0, "zero")])).unwrap();
    let reply = server.post(TRACES, admission.token(), JSON, &[], &body).json();
    assert_eq!(reply["partialSuccess"]["rejectedSpans"], "1");
    assert!(reply["partialSuccess"]["errorMessage"].as_str().unwrap().contains("invalid_id"));
}

#[test]
fn metrics_and_logs_are_taken_and_counted() {
    let server = Server::new();
    let admission = server.admit("a");
    let points = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "g", "gauge": {"dataPoints": [{}, {"asInt": "1"}]}, "unit": "1"},
        {"name": "h", "histogram": {"dataPoints": [{}]}},
        {"name": "none"},
    ]}]}, {}]});
    let records = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{}, {}]}, {"logRecords": []}]}]});
    for (path, body) in [("/v1/metrics", points), ("/v1/logs", records)] {
        let reply = server.post(path, admission.token(), JSON, &[], body.to_string().as_bytes());
        assert_eq!((reply.status, reply.json()), (200, json!({})));
        assert_eq!(server.post(path, admission.token(), JSON, &[], b"[1]").status, 400);
        assert_eq!(server.post(path, "wrong", JSON, &[], b"{}").status, 401);
    }
    let counts = server.shutdown();
    assert_eq!((counts.metric_points, counts.log_records, counts.spans.received), (3, 2, 0));
}
