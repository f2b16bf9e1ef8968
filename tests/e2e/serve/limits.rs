//! How much can be asked for, and that nobody can stop others from asking.

use std::io::Write as _;
use std::net::TcpStream;

use super::browser::{Events, Served, read};
use crate::support::{Bench, wait_until};

const PIPELINE: &str = "
    [pipeline]
    name = \"limits\"
    [stages.waits]
    run = \"touch waiting; while [ ! -e go ]; do sleep 0.02; done\"
";

#[test]
fn half_requests_do_not_keep_others_out() {
    let bench = Bench::new(PIPELINE);
    bench.write("data/artifacts/x", "");
    let served = Served::start(bench.path());
    // More than there are places, each with a head that never ends.
    let mut slow: Vec<TcpStream> = (0..300).map(|_| served.send("GET / HTTP/1.1\r\nHost: local")).collect();
    let answer = served.get("/runs.json");
    assert_eq!(answer.status, 200);
    // Whoever was slow has lost the connection: at the latest the second write is refused.
    let lost = |stream: &mut TcpStream| {
        let mut refused = || stream.write_all(b"x").is_err();
        refused() || {
            std::thread::sleep(std::time::Duration::from_millis(100));
            refused()
        }
    };
    assert!(slow.iter_mut().take(20).any(lost));
}

#[test]
fn what_is_too_much_is_refused() {
    let bench = Bench::new(PIPELINE);
    bench.write("data/artifacts/x", "");
    let served = Served::start(bench.path());
    let status = |request: &str| read(served.send(request), false).status;
    let host = "Host: localhost\r\nConnection: close\r\n";
    assert_eq!(status(&format!("GET / HTTP/1.1\r\n{host}X: {}\r\n\r\n", "x".repeat(20_000))), 431);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\n{host}{}\r\n", "X: y\r\n".repeat(80))), 431);
    assert_eq!(status(&format!("GET /?q={} HTTP/1.1\r\n{host}\r\n", "x".repeat(5_000))), 400);
    assert_eq!(status(&format!("GET /?{} HTTP/1.1\r\n{host}\r\n", "a=b&".repeat(40))), 400);
    assert_eq!(status(&format!("GET /?q=%ff HTTP/1.1\r\n{host}\r\n")), 400);
    assert_eq!(status(&format!("GET /{} HTTP/1.1\r\n{host}\r\n", "x".repeat(3_000))), 404);
    assert_eq!(status("this is no HTTP\r\n\r\n"), 400);
    assert_eq!(status(&format!("GET / HTTP/1.1\r\n{host}Content-Length: 5\r\n\r\nhello")), 200);
    assert_eq!(served.get("/").status, 200, "it goes on");
}

#[test]
fn watchers_are_counted() {
    const WATCHERS: usize = 64;
    let bench = Bench::new(PIPELINE);
    let mut run = bench.start();
    wait_until("the stage to wait", || bench.path().join("waiting").exists());
    let served = Served::start(bench.path());
    let mut watchers: Vec<Events> = (0..WATCHERS).map(|_| Events::of(&served, "R")).collect();
    for events in &mut watchers {
        assert_eq!(events.next().0, "columns");
    }
    let refused = served.get("/runs/R/events");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    assert_eq!(served.get("/runs/R").status, 200, "the page itself is there for all");
    drop(watchers.pop());
    wait_until("a place to be free", || {
        let stream = served.send("GET /runs/R/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut head = [0; 12];
        std::io::Read::read_exact(&mut &stream, &mut head).unwrap();
        head == *b"HTTP/1.1 200"
    });
    bench.write("go", "");
    assert_eq!(run.wait().unwrap().code(), Some(0));
    for events in &mut watchers {
        while events.next().0 != "end" {}
    }
}
