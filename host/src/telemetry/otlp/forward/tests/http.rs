use std::io::Read as _;
use std::net::TcpListener;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use super::peer::{Answer, JSON, PROTOBUF, Peer, Recorded, ok, partial_ok, response};
use super::*;

fn decode(recorded: &Recorded) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(&recorded.body[..]).unwrap()
}

fn error(forwarded: &Forwarded) -> &str {
    forwarded.last_error.as_deref().unwrap()
}

/// Forwards a few spans to a peer that answers so.
fn send_to(answer: Answer, within: Duration) -> Forwarded {
    let peer = Peer::start(vec![answer]);
    Journal::of(0..3).send(&[("ENDPOINT", &peer.url()), ("TIMEOUT", "300")], within)
}

#[test]
fn all_spans_of_the_journal_arrive_and_nothing_else() {
    let peer = Peer::start(vec![ok()]);
    let mut journal = Journal::of(0..2);
    journal.write(format!("{{\"open\":{}}}\n", line(7)).as_bytes());
    journal.write(&line(8).as_bytes()[..100]);
    journal.write(b"\n\n");
    journal.add(2..3);
    journal.write(line(9).as_bytes());
    let forwarded = journal.send(&[("ENDPOINT", &peer.url()), ("HEADERS", "x-key=a%20b,x-other=c=d")], LONG);
    assert_eq!(forwarded.last_error, None);
    assert_eq!(counts(&forwarded), [3, 0, 0, 1], "the last line has no line break yet");
    assert_eq!(forwarded.destination, format!("http/protobuf to {}/v1/traces", peer.url()));
    let recorded = peer.recorded();
    let head = &recorded[0].head;
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\n"), "{head}");
    for header in ["content-type: application/x-protobuf", "x-key: a b", "x-other: c=d", "user-agent: forensic-host/"] {
        assert!(head.contains(header), "{head}");
    }
    assert_eq!(names(&decode(&recorded[0])), numbered(0..3));
}

#[test]
fn spans_keep_their_own_resource_and_get_the_hosts_else() {
    let peer = Peer::start(vec![ok()]);
    let mut journal = Journal::of(0..2);
    let resource = r#""resource":{"attributes":{"service.name":"train"}},"scope":{"name":"torch","version":"2"}"#;
    let own = line(2).replace(r#""parent_span_id":null"#, &format!(r#""parent_span_id":null,{resource}"#));
    journal.write(format!("{own}\n").as_bytes());
    journal.send(&[("ENDPOINT", &peer.url())], LONG);
    let request = decode(&peer.recorded()[0]);
    let groups: Vec<(String, String, usize)> = request
        .resource_spans
        .iter()
        .flat_map(|resource| resource.scope_spans.iter().map(move |scope| (resource, scope)))
        .map(|(resource, scope)| {
            let attributes = &resource.resource.as_ref().unwrap().attributes;
            let value = format!("{:?}", attributes[0].value.as_ref().unwrap().value.as_ref().unwrap());
            (value, scope.scope.as_ref().unwrap().name.clone(), scope.spans.len())
        })
        .collect();
    let value = |text: &str| format!("StringValue({text:?})");
    assert_eq!(
        groups,
        [(value("forensic-host"), "forensic-host".to_owned(), 2), (value("train"), "torch".to_owned(), 1)]
    );
}

#[test]
fn json_and_gzip() {
    let peer = Peer::start(vec![response("200 OK", JSON, b"{}")]);
    let forwarded = Journal::of(0..2).send(
        &[("TRACES_ENDPOINT", &format!("{}/otlp", peer.url())), ("PROTOCOL", "http/json"), ("COMPRESSION", "gzip")],
        LONG,
    );
    assert_eq!(counts(&forwarded), [2, 0, 0, 1]);
    let recorded = peer.recorded();
    assert!(recorded[0].head.starts_with("POST /otlp HTTP/1.1\n"), "a signal's endpoint is taken as it is");
    assert!(recorded[0].head.contains("content-encoding: gzip") && recorded[0].head.contains("application/json"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&recorded[0].body[..]).read_to_string(&mut text).unwrap();
    let request: serde_json::Value = serde_json::from_str(&text).unwrap();
    let span = &request["resourceSpans"][0]["scopeSpans"][0]["spans"][1];
    assert_eq!((&span["name"], &span["spanId"]), (&"span 1".into(), &"0000000000000002".into()));
}

#[test]
fn many_spans_come_in_bounded_requests_and_each_once() {
    let peer = Peer::start(vec![ok()]);
    let mut journal = Journal::of(0..1300);
    // Four of a third of a chunk each, one larger than a whole request.
    for (number, size) in (1300..1305).zip([400_000, 400_000, 400_000, 400_000, 3_000_000]) {
        let large = line(number).replace(r#""number""#, &format!(r#""text":"{}","number""#, "x".repeat(size)));
        journal.write(format!("{large}\n").as_bytes());
    }
    let forwarded = journal.send(&[("ENDPOINT", &peer.url())], LONG);
    assert_eq!(forwarded.last_error, None);
    assert_eq!([forwarded.sent, forwarded.rejected, forwarded.unsent], [1305, 0, 0]);
    let requests: Vec<_> = peer.recorded().iter().map(|recorded| (recorded.body.len(), decode(recorded))).collect();
    let mut all = Vec::new();
    for (bytes, request) in requests {
        let names = names(&request);
        assert!(names.len() <= 512 && (bytes <= 2 << 20 || names.len() == 1), "{} spans, {bytes} bytes", names.len());
        all.extend(names);
    }
    assert_eq!(all, numbered(0..1305));
}

#[test]
fn spans_too_large_for_memory_are_counted() {
    let peer = Peer::start(vec![ok()]);
    let mut journal = Journal::of(0..1);
    let huge = line(1).replace(r#""number""#, &format!(r#""text":"{}","number""#, "x".repeat(20 << 20)));
    journal.write(format!("{huge}\n").as_bytes());
    journal.add(2..3);
    let forwarded = journal.send(&[("ENDPOINT", &peer.url())], LONG);
    assert_eq!([forwarded.sent, forwarded.rejected, forwarded.unsent], [2, 0, 1]);
    assert_eq!(error(&forwarded), "1 spans are too large to be sent");
}

#[test]
fn a_live_backend_sees_the_run_progress() {
    let peer = Peer::start(vec![ok()]);
    let mut journal = Journal::new();
    let forwarder = journal.forward(&[("ENDPOINT", &peer.url())]);
    for (number, seen) in (0..3).zip(1..) {
        journal.add(number..number + 1);
        forwarder.waker().wake();
        while peer.recorded().len() < seen {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    assert_eq!(counts(&forwarder.finish(LONG)), [3, 0, 0, 3]);
}

#[test]
fn nobody_there_costs_no_wait() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let forwarded = Journal::of(0..600).send(&[("ENDPOINT", &format!("http://{address}"))], Duration::MAX);
    assert_eq!([forwarded.sent, forwarded.rejected, forwarded.unsent], [0, 0, 600]);
    assert!(error(&forwarded).contains("refused"), "{}", error(&forwarded));
}

#[test]
fn a_peer_that_comes_late_gets_all() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let journal = Journal::of(0..3);
    let forwarder = journal.forward(&[("ENDPOINT", &format!("http://{address}"))]);
    while forwarder.shared.progress().requests == 0 {
        std::thread::yield_now();
    }
    let peer = Peer::start_at(address, vec![ok()]);
    let forwarded = forwarder.finish(LONG);
    assert_eq!([forwarded.sent, forwarded.unsent], [3, 0]);
    assert_eq!(forwarded.last_error, None, "what passed is no news");
    assert_eq!(peer.recorded().len(), 1);
}

#[test]
fn peers_that_never_come_to_an_end_are_given_up() {
    let pause = Duration::from_millis(20);
    let answers = [
        Answer::Silence,
        // A head in drops, and one without an end.
        Answer::Endless(b"HTTP/1.1 200 OK\r\nx-".to_vec(), b"y", pause),
        Answer::Endless(b"HTTP/1.1 200 OK\r\nx-".to_vec(), &[b'y'; 65536], Duration::ZERO),
    ];
    for answer in answers {
        let forwarded = send_to(answer, Duration::from_secs(2));
        assert_eq!([forwarded.sent, forwarded.rejected, forwarded.unsent], [0, 0, 3]);
        assert!(forwarded.last_error.is_some());
    }
}

#[test]
fn a_body_without_an_end_changes_nothing() {
    let body = |status: &str| {
        let head = format!("HTTP/1.1 {status}\r\n{PROTOBUF}transfer-encoding: chunked\r\n\r\n");
        Answer::Endless(head.into_bytes(), b"4\r\nabcd\r\n", Duration::ZERO)
    };
    assert_eq!(counts(&send_to(body("200 OK"), LONG)), [3, 0, 0, 1]);
    assert_eq!(counts(&send_to(body("400 Bad Request"), LONG)), [0, 3, 0, 1]);
}

#[test]
fn garbage_is_no_answer() {
    let forwarded = send_to(Answer::Bytes(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00 not HTTP".to_vec()), LONG);
    assert_eq!([forwarded.sent, forwarded.rejected, forwarded.unsent], [0, 0, 3]);
    assert!(error(&forwarded).contains("OTEL_EXPORTER_OTLP_PROTOCOL=grpc"), "{}", error(&forwarded));
}

#[test]
fn a_busy_peer_is_asked_again() {
    for status in ["429 Too Many Requests", "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"] {
        let peer = Peer::start(vec![response(status, "retry-after: 1\r\n", b""), ok()]);
        let forwarded = Journal::of(0..3).send(&[("ENDPOINT", &peer.url())], LONG);
        assert_eq!(counts(&forwarded), [3, 0, 0, 2], "{status}");
        assert_eq!(forwarded.last_error, None);
    }
}

#[test]
fn a_peer_that_wants_to_be_asked_after_the_end_is_not_waited_for() {
    for wish in ["3600", "Thu, 31 Dec 2099 23:59:59 GMT"] {
        let headers = format!("retry-after: {wish}\r\n");
        let forwarded = send_to(response("503 Service Unavailable", &headers, b""), LONG);
        assert_eq!(counts(&forwarded), [0, 0, 3, 1]);
        assert_eq!(error(&forwarded), "answered 503 Service Unavailable");
    }
}

#[test]
fn what_is_refused_is_counted_and_the_rest_is_sent() {
    let status = tonic_types::Status { code: 3, message: "no \u{1b}[31mroom\n".to_owned(), details: Vec::new() };
    let bodies = [
        (PROTOBUF, status.encode_to_vec()),
        (JSON, br#"{"code":3,"message":"no \u001b[31mroom"}"#.to_vec()),
        ("content-type: text/plain\r\n", b"no \x1b[31mroom".to_vec()),
    ];
    for (kind, body) in bodies {
        let peer = Peer::start(vec![response("400 Bad Request", kind, &body), ok()]);
        let forwarded = Journal::of(0..600).send(&[("ENDPOINT", &peer.url())], LONG);
        assert_eq!(counts(&forwarded), [88, 512, 0, 2]);
        assert_eq!(error(&forwarded), "answered 400 Bad Request: no  [31mroom");
    }
}

#[test]
fn without_permission_nothing_more_is_tried_and_no_secret_told() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let body = b"you sent Bearer s3cr3t-t0ken, and s3cr3t-t0ken is wrong";
        let peer = Peer::start(vec![response(status, "content-type: text/plain\r\n", body)]);
        let journal = Journal::of(0..600);
        let forwarded =
            journal.send(&[("ENDPOINT", &peer.url()), ("HEADERS", "authorization=Bearer%20s3cr3t-t0ken")], LONG);
        assert_eq!(counts(&forwarded), [0, 512, 88, 1]);
        let error = error(&forwarded);
        assert!(error.contains(status) && error.contains("OTEL_EXPORTER_OTLP_HEADERS"), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }
}

#[test]
fn partial_success_is_told() {
    let json = br#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#;
    for answer in [partial_ok(2, "too old"), response("200 OK", JSON, json)] {
        let forwarded = send_to(answer, LONG);
        assert_eq!(counts(&forwarded), [1, 2, 0, 1]);
        assert_eq!(error(&forwarded), "2 spans were rejected: too old");
    }
    assert_eq!(counts(&send_to(partial_ok(99, ""), LONG)), [0, 3, 0, 1], "no more than there were");
    assert_eq!(counts(&send_to(partial_ok(-1, ""), LONG)), [3, 0, 0, 1]);
    let warned = send_to(partial_ok(0, "use gzip"), LONG);
    assert_eq!((counts(&warned), error(&warned)), ([3, 0, 0, 1], "the spans were taken, with a warning: use gzip"));
}

#[test]
fn a_web_server_is_no_receiver() {
    let page = response("200 OK", "content-type: text/html\r\n", b"<html>");
    assert_eq!(counts(&send_to(page, LONG)), [0, 3, 0, 1]);
    let moved = send_to(response("301 Moved Permanently", "location: https://other/x?key=y\r\n", b""), LONG);
    assert_eq!(counts(&moved), [0, 3, 0, 1]);
    assert!(error(&moved).ends_with("set the endpoint to https://other/x"), "{}", error(&moved));
    let text = response("200 OK", "content-type: text/plain\r\n", b"OK");
    assert_eq!(counts(&send_to(text, LONG)), [3, 0, 0, 1]);
}

#[test]
fn a_stuck_runtime_does_not_keep_the_run() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (end, blocked) = std::sync::mpsc::channel::<()>();
    let (begun, running) = std::sync::mpsc::channel();
    runtime.spawn(async move {
        begun.send(()).unwrap();
        let _ = blocked.recv();
    });
    running.recv().unwrap();
    let peer = Peer::start(vec![ok()]);
    let journal = Journal::of(0..3);
    let destination = destination(&[("ENDPOINT", &peer.url())]);
    let forwarder = Forwarder::start(runtime.handle(), destination, journal.0.reopen().unwrap(), Vec::new());
    let forwarded = forwarder.finish(Duration::from_millis(50));
    assert_eq!(counts(&forwarded), [0, 0, 3, 0]);
    assert_eq!(error(&forwarded), "the time to send them was over");
    drop(end);
}

#[test]
fn a_runtime_that_is_gone_does_not_keep_the_run() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let peer = Peer::start(vec![Answer::Silence]);
    let journal = Journal::of(0..3);
    let destination = destination(&[("ENDPOINT", &peer.url())]);
    let forwarder = Forwarder::start(runtime.handle(), destination, journal.0.reopen().unwrap(), Vec::new());
    runtime.shutdown_background();
    assert_eq!(forwarder.finish(LONG).unsent, 3);
}

#[test]
fn names_are_looked_up() {
    let peer = Peer::start(vec![ok()]);
    let port = peer.address.port();
    assert_eq!(Journal::of(0..3).send(&[("ENDPOINT", &format!("http://localhost:{port}"))], LONG).sent, 3);
    let nobody = Journal::of(0..3).send(&[("ENDPOINT", &format!("http://nobody.invalid:{port}"))], LONG);
    assert_eq!([nobody.sent, nobody.rejected, nobody.unsent], [0, 0, 3]);
    assert!(error(&nobody).contains("dns error"), "{}", error(&nobody));
}
