//! Starting and ending, headers, methods, hosts, the token.

use rustix::process::Signal;

use super::browser::{Answer, Served, command};
use crate::support::Bench;

const PIPELINE: &str = "
    [pipeline]
    name = \"guarded\"
    [stages.one]
    run = \"echo out\"
";
const TOKEN: &str = "0123456789abcdef0123";

fn bench() -> Bench {
    let bench = Bench::new(PIPELINE);
    assert_eq!(bench.run().code, Some(0));
    bench
}

/// What every answer has, whatever it is.
fn assert_guarded(what: &str, answer: &Answer) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{what}: {name}");
    }
    assert!(answer.header("permissions-policy").is_some_and(|policy| policy.contains("camera=()")), "{what}");
    assert!(answer.header("access-control-allow-origin").is_none(), "{what}");
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{what}: {policy}");
    assert!(!policy.contains("unsafe"), "{what}: {policy}");
    match answer.header("content-type").unwrap() {
        "text/html; charset=utf-8" => {
            for part in [
                "style-src 'sha256-",
                "script-src 'sha256-",
                "connect-src 'self'",
                "form-action 'self'",
                "base-uri 'none'",
            ] {
                assert!(policy.contains(part), "{what}: {policy}");
            }
        }
        _ => assert!(policy.contains("sandbox"), "{what}: {policy}"),
    }
}

#[test]
fn every_answer_tells_a_browser_what_it_may_do() {
    let bench = bench();
    let served = Served::start(bench.path());
    for (path, status, kind) in [
        ("/", 200, "text/html; charset=utf-8"),
        ("/runs.json", 200, "application/json"),
        ("/runs/R", 200, "text/html; charset=utf-8"),
        ("/runs/R/report.json", 200, "application/json"),
        ("/runs/R/files/run.json", 200, "application/json"),
        ("/runs/R/files/data/forensic_trace.json", 200, "application/json"),
        ("/runs/R/files/reports/forensic_report.md", 200, "text/plain; charset=utf-8"),
        ("/runs/R/files/reports/forensic_report.html", 200, "application/octet-stream"),
        ("/runs/R/files/logs/one/1.out.log", 200, "text/plain; charset=utf-8"),
        ("/runs/R/export/csv", 200, "application/octet-stream"),
        ("/favicon.ico", 204, "text/plain; charset=utf-8"),
        ("/runs/none", 404, "text/html; charset=utf-8"),
        ("/nothing", 404, "text/html; charset=utf-8"),
        ("/?page=0", 400, "text/html; charset=utf-8"),
        ("/?since=yesterday", 400, "text/html; charset=utf-8"),
    ] {
        let got = served.get(path);
        assert_eq!((got.status, got.header("content-type")), (status, Some(kind)), "{path}: {}", got.text());
        assert_guarded(path, &got);
        let head = served.ask(&format!("HEAD {path}"), &[("Host", "localhost")]);
        assert_eq!((head.status, head.header("content-type")), (status, Some(kind)), "{path}");
        assert!(head.body.is_empty(), "{path}");
        assert_guarded(path, &head);
    }
}

#[test]
fn nothing_can_be_changed_and_nobody_else_can_read() {
    let bench = bench();
    let served = Served::start(bench.path());
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"] {
        let target = if method == "CONNECT" { "localhost:80" } else { "/" };
        let answer = served.ask(&format!("{method} {target}"), &[("Host", "localhost")]);
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{method}");
        assert_guarded(method, &answer);
    }
    for host in ["evil.example", "127.0.0.1.evil.example:80", "10.0.0.1", ""] {
        let answer = served.ask("GET /", &[("Host", host)]);
        assert_eq!(answer.status, 421, "{host:?}");
        assert_guarded(host, &answer);
        assert!(!answer.text().contains("guarded"), "{host:?}");
    }
    assert_eq!(served.ask("GET http://evil.example/", &[("Host", "localhost")]).status, 421);
    assert_eq!(served.ask("GET /", &[]).status, 421);
    let cross = [("Host", "localhost"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")];
    assert_eq!(served.ask("GET /runs.json", &cross).status, 403);
    let port = served.port;
    for host in [format!("127.0.0.1:{port}"), format!("[::1]:{port}"), format!("localhost:{port}")] {
        assert_eq!(served.ask("GET /", &[("Host", &host)]).status, 200, "{host}");
    }
}

#[test]
fn a_token_is_shown_once_and_then_a_cookie() {
    let bench = bench();
    bench.write("token", format!("{TOKEN}\n"));
    let served = Served::spawn(command(bench.path(), &["--listen", "127.0.0.1:0", "--token-file", "token"]));
    let host = ("Host", "localhost");
    let refused = served.get("/runs/R/files/run.json");
    assert_eq!(refused.status, 401);
    assert!(refused.text().contains("/?token=") && !refused.text().contains("guarded"), "{}", refused.text());
    assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"forensic-host\""));
    assert_guarded("401", &refused);
    let bearer =
        |token: &str| served.ask("GET /runs.json", &[host, ("Authorization", &format!("Bearer {token}"))]).status;
    assert_eq!((bearer(TOKEN), bearer("0123456789abcdef0124")), (200, 401));
    assert_eq!(served.get("/?token=wrong").status, 401);
    let welcome = served.get(&format!("/?q=R&token={TOKEN}"));
    assert_eq!((welcome.status, welcome.header("location")), (303, Some("/?q=R")));
    assert_guarded("303", &welcome);
    let cookie = welcome.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/") && !cookie.contains(TOKEN), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    assert_eq!(served.ask("GET /", &[host, ("Cookie", pair)]).status, 200);
    assert_eq!(served.ask("GET /", &[host, ("Cookie", &format!("{pair}0"))]).status, 401);
    assert_eq!(served.ask("POST /", &[host, ("Cookie", pair)]).status, 405);
    // No redirect leads to another host.
    let away = served.get(&format!("//evil.example/?token={TOKEN}"));
    assert_eq!((away.status, away.header("location")), (303, Some("/")));
}

#[test]
fn what_can_not_be_served_is_refused_with_the_way_out() {
    let bench = bench();
    let served = Served::start(bench.path());
    let taken = format!("127.0.0.1:{}", served.port);
    bench.write("short", "0123456789");
    for (arguments, expected) in [
        (&["--listen", taken.as_str()][..], "choose another port"),
        (&["--listen", "0.0.0.0:0"], "there is no token"),
        (&["--listen", "[::]:0"], "there is no token"),
        (&["--root", "pipeline.toml"], "can't serve pipeline.toml"),
        (&["--root", "nowhere"], "can't serve nowhere"),
        (&["--listen", "127.0.0.1:0", "--token-file", "short"], "needs at least 16"),
        (&["--listen", "127.0.0.1:0", "--token-file", "none"], "can't read the token"),
        (&["--listen", "7171"], "write it like 127.0.0.1:7171"),
    ] {
        let output = command(bench.path(), arguments).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains(expected), "{arguments:?}: {told}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    let mut by_environment = command(bench.path(), &["--listen", "127.0.0.1:0"]);
    by_environment.env("FORENSIC_HOST_TOKEN", TOKEN);
    assert_eq!(Served::spawn(by_environment).get("/").status, 401);
}

#[test]
fn a_signal_ends_it_whoever_is_connected() {
    let bench = bench();
    for signal in [Signal::TERM, Signal::INT] {
        let served = Served::start(bench.path());
        // Somebody who says nothing, and somebody who has heard the answer and stays.
        let _silent = served.send("GET / HT");
        let mut stays = served.send("GET /runs.json HTTP/1.1\r\nHost: localhost\r\n\r\n");
        std::io::Read::read_exact(&mut stays, &mut [0; 12]).unwrap();
        let (code, told) = served.stop(signal);
        assert_eq!((code, told.as_str()), (Some(0), ""));
    }
}
