//! What happens over time: repetition, failure, the end of an attempt and of the run, senders that are slow or many.

use prost::Message;

use super::*;
use crate::telemetry::otlp::receive::SpanCounts;

#[test]
fn what_is_sent_again_is_a_duplicate_and_a_success() {
    let server = Server::new();
    let admission = server.admit("a");
    let spans = vec![span(1, "x"), span(2, "y"), span(1, "x")];
    for _ in 0..3 {
        assert_eq!(server.export(&admission, spans.clone()).partial(), None);
    }
    assert_eq!(server.sink.names(), ["x", "y"]);
    let expected = SpanCounts { received: 9, written: 2, duplicates: 7, ..SpanCounts::default() };
    assert_eq!(admission.counts(), expected);
}

#[test]
fn a_span_that_could_not_be_written_is_asked_for_again_and_then_written_once() {
    let server = Server::new();
    let admission = server.admit("a");
    let spans = vec![span(1, "before"), span(2, "unlucky"), span(3, "after")];
    let reply = server.export(&admission, spans.clone());
    assert_eq!(reply.status, 503);
    assert!(reply.has("retry-after: 1"), "{}", reply.head);
    assert_eq!(server.export(&admission, spans).partial(), None);
    assert_eq!(server.sink.names(), ["before", "after", "unlucky"]);
    let counts = admission.counts();
    assert_eq!((counts.received, counts.written, counts.failed, counts.duplicates), (6, 3, 1, 2));
    assert_eq!(server.shutdown().deferred_requests, 1);
}

#[test]
fn a_panic_in_the_sink_costs_one_span() {
    let server = Server::new();
    let admission = server.admit("a");
    assert_eq!(server.export(&admission, vec![span(1, "panic"), span(2, "next")]).status, 503);
    assert_eq!(server.export(&admission, vec![span(3, "later")]).status, 200);
    let counts = admission.counts();
    assert_eq!((counts.written, counts.failed, counts.is_balanced()), (2, 1, true));
}

#[test]
fn a_token_lives_for_the_drain_period_and_what_comes_later_is_counted() {
    let server = Server::with(ReceiverLimits { drain: Duration::from_secs(3600), ..ReceiverLimits::default() });
    let admission = server.admit("a");
    admission.close();
    assert_eq!(server.export(&admission, vec![span(1, "draining")]).status, 200);

    let server = Server::with(ReceiverLimits { drain: Duration::ZERO, ..ReceiverLimits::default() });
    let admission = server.admit("a");
    let other = server.admit("b");
    server.export(&admission, vec![span(1, "in time")]);
    admission.close();
    admission.close();
    // The token dies on the runtime, a moment later.
    let late = (2..1000).find(|&id| server.export(&admission, vec![span(id, "x"), span(id + 1000, "y")]).status == 401);
    assert!(late.is_some());
    let reply =
        server.post(TRACES, admission.token(), JSON, &[], br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}"#);
    assert_eq!(reply.status, 401);
    assert!(reply.json()["message"].as_str().unwrap().contains("has ended"));
    assert_eq!(admission.counts().late, 3);
    assert_eq!(server.export(&other, vec![span(1, "still open")]).status, 200);
    let counts = server.shutdown();
    assert_eq!((counts.spans.late, counts.late_requests, counts.unauthorized_requests), (3, 2, 2));
    assert!(counts.spans.is_balanced());
}

#[test]
fn a_head_or_body_that_does_not_come_ends_the_connection() {
    let server = Server::with(ReceiverLimits { io_timeout: Duration::from_millis(100), ..ReceiverLimits::default() });
    let admission = server.admit("a");
    let mut silent = server.connect();
    let mut half_head = server.connect();
    half_head.write_all(b"POST /v1/traces HTTP/1.1\r\nhost: ").unwrap();
    let mut half_preface = server.connect();
    half_preface.write_all(b"PRI * HTT").unwrap();
    for stream in [&mut silent, &mut half_head, &mut half_preface] {
        // Zero bytes or a refusal, but an end.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let mut half_body = server.connect();
    half_body.write_all(head("POST", TRACES, Some(admission.token()), PROTOBUF, &[], 100).as_bytes()).unwrap();
    half_body.write_all(b"\x0a").unwrap();
    assert_eq!(Reply::read(half_body).status, 408);
    assert_eq!(server.export(&admission, vec![span(1, "x")]).status, 200);
}

#[test]
fn too_many_requests_are_told_to_come_again() {
    let server = Server::with(ReceiverLimits { requests: 1, ..ReceiverLimits::default() });
    let admission = server.admit("a");
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| server.export(&admission, vec![span(1, "slow")]));
        // Whichever comes first takes the place; the other one is told so.
        let refused = (2..100).any(|id| server.export(&admission, vec![span(id, "x")]).status == 503);
        server.sink.open();
        assert!(refused);
        assert_eq!(slow.join().unwrap().status, 200);
    });
    assert!(server.sink.names().contains(&"slow".to_owned()));
}

#[test]
fn idle_connections_make_room_for_others() {
    let server = Server::with(ReceiverLimits { connections: 4, ..ReceiverLimits::default() });
    let admission = server.admit("a");
    let idle: Vec<TcpStream> = (0..20).map(|_| server.connect()).collect();
    assert_eq!(server.export(&admission, vec![span(1, "x")]).status, 200);
    drop(idle);
}

#[test]
fn shutdown_waits_for_what_is_under_way_and_refuses_the_rest() {
    let server = Server::new();
    let admission = server.admit("a");
    let port = server.receiver.port();
    let Server { receiver, sink, runtime } = server;
    let body = request(vec![span(1, "slow")]).encode_to_vec();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(head("POST", TRACES, Some(admission.token()), PROTOBUF, &[], body.len()).as_bytes()).unwrap();
    stream.write_all(&body).unwrap();
    while receiver.counts().requests == 0 {
        std::thread::yield_now();
    }
    let ending = std::thread::spawn(move || receiver.shutdown(Duration::from_secs(60)));
    while TcpStream::connect(("127.0.0.1", port)).is_ok() {
        std::thread::yield_now();
    }
    sink.open();
    assert_eq!(Reply::read(stream).status, 200);
    let counts = ending.join().unwrap();
    assert_eq!((counts.spans.written, counts.unfinished_requests), (1, 0));
    drop(runtime);
}

#[test]
fn shutdown_does_not_wait_for_ever() {
    let server = Server::new();
    let admission = server.admit("a");
    let body = request(vec![span(1, "slow")]).encode_to_vec();
    let mut stream = server.connect();
    stream.write_all(head("POST", TRACES, Some(admission.token()), PROTOBUF, &[], body.len()).as_bytes()).unwrap();
    stream.write_all(&body).unwrap();
    while server.receiver.counts().requests == 0 {
        std::thread::yield_now();
    }
    let Server { receiver, sink, runtime } = server;
    let counts = receiver.shutdown(Duration::from_millis(50));
    assert_eq!((counts.spans.written, counts.unfinished_requests), (0, 1));
    sink.open();
    drop(runtime);
}

#[test]
fn many_senders_at_once_are_all_counted() {
    let server = Server::new();
    let admissions: Vec<Admission> = (0..4).map(|number| server.admit(&number.to_string())).collect();
    std::thread::scope(|scope| {
        for admission in &admissions {
            for part in 0..4 {
                let server = &server;
                scope.spawn(move || {
                    for batch in 0..5 {
                        let first = 1 + (part * 5 + batch) * 100;
                        let spans = (first..first + 100).map(|id| span(id, "x")).collect();
                        assert_eq!(server.export(admission, spans).partial(), None);
                    }
                });
            }
        }
    });
    for admission in &admissions {
        assert_eq!((admission.counts().received, admission.counts().written), (2000, 2000));
    }
    let counts = server.shutdown();
    assert_eq!((counts.spans.written, counts.requests), (8000, 80));
}
