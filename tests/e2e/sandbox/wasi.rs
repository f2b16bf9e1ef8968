//! WASI as interpreters are given it: nothing of this machine, nothing that waits, always the same. Through a component in
//! WebAssembly text, so that it needs no interpreter.

use std::sync::Arc;
use std::time::{Duration, Instant};

use forensic_host::limits::{Limit, Limits};
use forensic_host::plugin::document::Level;
use forensic_host::plugin::{Artifacts, CallReport, Compiled, Inputs, TraceInput, inspect};
use forensic_host::trace::{Trace, summarize};

use super::by_hand::by_hand_with;
use super::{KIB, MIB, engine, engine_with, limits, nothing, request};

/// What the plugins here use of WASI.
const WORLD: &str = r#"
package test:guest;
world wasi-guest {
    import wasi:io/poll@0.2.3;
    import wasi:io/streams@0.2.3;
    import wasi:clocks/monotonic-clock@0.2.3;
    import wasi:clocks/wall-clock@0.2.3;
    import wasi:random/random@0.2.3;
    import wasi:random/insecure-seed@0.2.3;
    import wasi:cli/stdin@0.2.3;
    import wasi:cli/stdout@0.2.3;
    import wasi:cli/stderr@0.2.3;
    import wasi:cli/exit@0.2.3;
    import wasi:cli/environment@0.2.3;
    import wasi:filesystem/preopens@0.2.3;
    import wasi:sockets/instance-network@0.2.3;
    import wasi:sockets/tcp-create-socket@0.2.3;
    import wasi:sockets/udp-create-socket@0.2.3;
}
package wasi:io@0.2.3 {
    interface error { resource error; }
    interface poll {
        resource pollable { block: func(); ready: func() -> bool; }
        poll: func(in: list<borrow<pollable>>) -> list<u32>;
    }
    interface streams {
        use error.{error};
        use poll.{pollable};
        variant stream-error { last-operation-failed(error), closed }
        resource input-stream {
            blocking-read: func(len: u64) -> result<list<u8>, stream-error>;
            subscribe: func() -> pollable;
        }
        resource output-stream {
            blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
        }
    }
}
package wasi:clocks@0.2.3 {
    interface monotonic-clock {
        use wasi:io/poll@0.2.3.{pollable};
        now: func() -> u64;
        subscribe-duration: func(when: u64) -> pollable;
    }
    interface wall-clock {
        record datetime { seconds: u64, nanoseconds: u32 }
        now: func() -> datetime;
    }
}
package wasi:random@0.2.3 {
    interface random {
        get-random-bytes: func(len: u64) -> list<u8>;
        get-random-u64: func() -> u64;
    }
    interface insecure-seed { insecure-seed: func() -> tuple<u64, u64>; }
}
package wasi:cli@0.2.3 {
    interface stdin { use wasi:io/streams@0.2.3.{input-stream}; get-stdin: func() -> input-stream; }
    interface stdout { use wasi:io/streams@0.2.3.{output-stream}; get-stdout: func() -> output-stream; }
    interface stderr { use wasi:io/streams@0.2.3.{output-stream}; get-stderr: func() -> output-stream; }
    interface exit { exit: func(status: result); }
    interface environment {
        get-environment: func() -> list<tuple<string, string>>;
        get-arguments: func() -> list<string>;
    }
}
package wasi:filesystem@0.2.3 {
    interface types { resource descriptor; }
    interface preopens {
        use types.{descriptor};
        get-directories: func() -> list<tuple<descriptor, string>>;
    }
}
package wasi:sockets@0.2.3 {
    interface network {
        resource network;
        enum error-code {
            unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout, concurrency-conflict,
            not-in-progress, would-block, invalid-state, new-socket-limit, address-not-bindable, address-in-use,
            remote-unreachable, connection-refused, connection-reset, connection-aborted, datagram-too-large,
            name-unresolvable, temporary-resolver-failure, permanent-resolver-failure
        }
        enum ip-address-family { ipv4, ipv6 }
    }
    interface instance-network { use network.{network}; instance-network: func() -> network; }
    interface tcp { resource tcp-socket; }
    interface tcp-create-socket {
        use network.{error-code, ip-address-family};
        use tcp.{tcp-socket};
        create-tcp-socket: func(address-family: ip-address-family) -> result<tcp-socket, error-code>;
    }
    interface udp { resource udp-socket; }
    interface udp-create-socket {
        use network.{error-code, ip-address-family};
        use udp.{udp-socket};
        create-udp-socket: func(address-family: ip-address-family) -> result<udp-socket, error-code>;
    }
}
"#;

const IMPORTS: &str = r#"
    (import "forensic:report/log@0.1.0" "log" (func $log (param i32 i32 i32)))
    (import "wasi:clocks/monotonic-clock@0.2.3" "now" (func $now (result i64)))
    (import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $after (param i64) (result i32)))
    (import "wasi:clocks/wall-clock@0.2.3" "now" (func $wall (param i32)))
    (import "wasi:random/random@0.2.3" "get-random-u64" (func $random (result i64)))
    (import "wasi:random/random@0.2.3" "get-random-bytes" (func $bytes (param i64 i32)))
    (import "wasi:random/insecure-seed@0.2.3" "insecure-seed" (func $seed (param i32)))
    (import "wasi:io/poll@0.2.3" "poll" (func $poll (param i32 i32 i32)))
    (import "wasi:io/poll@0.2.3" "[method]pollable.block" (func $block (param i32)))
    (import "wasi:io/poll@0.2.3" "[method]pollable.ready" (func $ready (param i32) (result i32)))
    (import "wasi:cli/stdin@0.2.3" "get-stdin" (func $stdin (result i32)))
    (import "wasi:cli/stdout@0.2.3" "get-stdout" (func $stdout (result i32)))
    (import "wasi:cli/stderr@0.2.3" "get-stderr" (func $stderr (result i32)))
    (import "wasi:io/streams@0.2.3" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
    (import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush"
        (func $write (param i32 i32 i32 i32)))
    (import "wasi:cli/exit@0.2.3" "exit" (func $exit (param i32)))
    (import "wasi:cli/environment@0.2.3" "get-environment" (func $environment (param i32)))
    (import "wasi:cli/environment@0.2.3" "get-arguments" (func $arguments (param i32)))
    (import "wasi:filesystem/preopens@0.2.3" "get-directories" (func $folders (param i32)))
    (import "wasi:sockets/instance-network@0.2.3" "instance-network" (func $network (result i32)))
    (import "wasi:sockets/tcp-create-socket@0.2.3" "create-tcp-socket" (func $tcp (param i32 i32)))
    (import "wasi:sockets/udp-create-socket@0.2.3" "create-udp-socket" (func $udp (param i32 i32)))
"#;

/// `$say` logs a number in hexadecimal, as many digits as it needs. From 64 on memory is free for what is returned; texts
/// stand at 512.
const CODE: &str = r#"
    (memory (export "memory") 4)
    (func $say (param $number i64) (local $at i32)
        (local.set $at (i32.const 64))
        (loop $digit
            (local.set $at (i32.sub (local.get $at) (i32.const 1)))
            (i32.store8 (local.get $at) (i32.add
                (i32.wrap_i64 (i64.and (local.get $number) (i64.const 15)))
                (select (i32.const 87) (i32.const 48)
                    (i64.gt_u (i64.and (local.get $number) (i64.const 15)) (i64.const 9)))))
            (local.set $number (i64.shr_u (local.get $number) (i64.const 4)))
            (br_if $digit (i64.ne (local.get $number) (i64.const 0))))
        (call $log (i32.const 1) (local.get $at) (i32.sub (i32.const 64) (local.get $at))))
"#;

/// Does `deeds` in `describe`, and gives up after them.
fn plugin(data: &str, deeds: &str) -> Vec<u8> {
    let code = format!("{CODE} (data (i32.const 512) \"{data}\")");
    by_hand_with(IMPORTS, &code, &format!("{deeds} unreachable"), Some(WORLD))
}

fn call(component: &[u8], inputs: &Inputs, limits: &Limits) -> CallReport {
    let plugin = engine().load("wasi", component, limits).unwrap();
    engine().call(&plugin, request("behave"), inputs, limits)
}

fn run(data: &str, deeds: &str) -> CallReport {
    call(&plugin(data, deeds), &nothing(), &Limits::default())
}

fn lines(report: &CallReport) -> Vec<&str> {
    report.log.iter().map(|line| &*line.text).collect()
}

/// A run that ended so many nanoseconds after the epoch.
fn a_run(id: &str, end: u64) -> Inputs {
    let text = format!(
        r#"[{{"name":"run","start_time":0,"end_time":{end},"duration_ms":1,"status":"Success","attributes":{{"forensic.kind":"run","cicd.pipeline.run.id":"{id}"}},"trace_id":"0123456789abcdef0123456789abcdef","span_id":"0000000000000001","parent_span_id":null}}]"#
    );
    let trace = Trace::from_slice(text.as_bytes()).unwrap();
    let summary = summarize(&trace);
    let trace = TraceInput::Available { trace: Arc::new(trace), summary: Arc::new(summary), history: [].into() };
    Inputs { trace, artifacts: Artifacts::none() }
}

#[test]
fn the_wall_clock_stands_at_the_runs_end_and_the_other_is_the_guests_own() {
    let deeds = "(call $wall (i32.const 64)) (call $say (i64.load (i32.const 64)))
        (call $say (i64.load32_u (i32.const 72)))
        (call $say (call $now)) (call $say (call $now)) (call $say (call $now))";
    let report = call(&plugin("", deeds), &a_run("r", 0x1234_0000_0001_0000), &Limits::default());
    // 1311673391471722496 ns; a look at the own clock takes a microsecond, 0x3e8 ns.
    assert_eq!(lines(&report), ["4e2e8c2f", "1c1dea00", "0", "3e8", "7d0"]);
    assert_eq!(report.host_calls, 4 + 5);
    assert_eq!(lines(&run("", deeds))[..2], ["0", "0"]);
}

#[test]
fn a_sleep_returns_at_once_and_moves_only_the_guests_own_time() {
    let start = Instant::now();
    // An hour; then of a day, a second and a minute the second is over first.
    let deeds = "(call $block (call $after (i64.const 3600000000000))) (call $say (call $now))
        (i32.store (i32.const 100) (call $after (i64.const 86400000000000)))
        (i32.store (i32.const 104) (call $after (i64.const 1000000000)))
        (i32.store (i32.const 108) (call $after (i64.const 60000000000)))
        (call $say (i64.extend_i32_u (call $ready (i32.load (i32.const 104)))))
        (call $poll (i32.const 100) (i32.const 3) (i32.const 64))
        (call $say (i64.load32_u (i32.const 68)))
        (call $say (i64.load32_u (i32.load (i32.const 64))))
        (call $say (i64.extend_i32_u (call $ready (i32.load (i32.const 104)))))
        (call $say (call $now))
        (call $block (call $after (i64.const -1))) (call $say (call $now))";
    let report = run("", deeds);
    assert_eq!(
        lines(&report),
        ["34630b8a000", "0", "1", "1", "1", "3466c536de8", "fffffffffffffffe"],
        "{:?}",
        report.outcome
    );
    assert!(start.elapsed() < Duration::from_secs(60));
}

const RANDOM: &str = "(call $say (call $random)) (call $say (call $random))
    (call $bytes (i64.const 8) (i32.const 64)) (call $say (i64.load (i32.load (i32.const 64))))
    (call $seed (i32.const 64)) (call $say (i64.load (i32.const 64))) (call $say (i64.load (i32.const 72)))";

#[test]
fn random_numbers_follow_from_run_and_component_cold_and_warm() {
    let component = plugin("", RANDOM);
    let reference = call(&component, &a_run("r1", 1), &Limits::default());
    let first: Vec<String> = lines(&reference).into_iter().map(str::to_owned).collect();
    assert_eq!(first.iter().collect::<std::collections::BTreeSet<_>>().len(), 5, "{first:?}");
    let folder = tempfile::tempdir().unwrap();
    for compiled in ["cold", "warm"] {
        let engine = engine_with(Some(folder.path().join("cache")));
        let plugin = engine.load("wasi", &component, &Limits::default()).unwrap();
        assert_eq!(plugin.compiled() == Compiled::Cached, compiled == "warm");
        for _ in 0..2 {
            assert_eq!(engine.call(&plugin, request("behave"), &a_run("r1", 1), &Limits::default()), reference);
        }
    }
    // Another run, another component, other numbers.
    assert_ne!(lines(&call(&component, &a_run("r2", 1), &Limits::default())), first);
    assert_ne!(lines(&call(&plugin("x", RANDOM), &a_run("r1", 1), &Limits::default())), first);
}

#[test]
fn there_is_nothing_to_read_and_nowhere_to_go() {
    let deeds = "(call $environment (i32.const 64)) (call $say (i64.load32_u (i32.const 68)))
        (call $arguments (i32.const 64)) (call $say (i64.load32_u (i32.const 68)))
        (call $folders (i32.const 64)) (call $say (i64.load32_u (i32.const 68)))
        (call $read (call $stdin) (i64.const 10) (i32.const 64))
        (call $say (i64.load8_u (i32.const 64))) (call $say (i64.load8_u (i32.const 68)))
        (call $tcp (i32.const 0) (i32.const 64))
        (call $say (i64.load8_u (i32.const 64))) (call $say (i64.load8_u (i32.const 68)))
        (call $udp (i32.const 1) (i32.const 64))
        (call $say (i64.load8_u (i32.const 64))) (call $say (i64.load8_u (i32.const 68)))
        (drop (call $network))";
    let report = run("", deeds);
    // No variables, arguments, folders; closed (1); access denied (1), twice.
    assert_eq!(lines(&report), ["0", "0", "0", "1", "1", "1", "1", "1", "1"], "{:?}", report.outcome);
}

#[test]
fn what_is_printed_is_logged_and_a_traceback_is_told() {
    let traceback =
        r"starting\0aTraceback (most recent call last):\0a  File \22/app.py\22, line 7, in render\0aValueError: no\0a";
    let length = traceback.replace(r"\0a", "n").replace(r"\22", "q").len();
    let deeds = format!(
        "(call $write (call $stdout) (i32.const 512) (i32.const 8) (i32.const 64))
        (call $write (call $stderr) (i32.const 512) (i32.const {length}) (i32.const 64))"
    );
    let report = run(traceback, &deeds);
    assert_eq!(
        report.outcome.as_ref().unwrap_err().to_string(),
        "The plugin crashed: it panicked: ValueError: no (/app.py, line 7, in render), in describe. The run itself is not \
         touched; this is a fault of the plugin, and running it again will not help. For its author: return a `plugin-error` \
         where an input may be bad, and keep panics for bugs."
    );
    let expected =
        ["starting", "Traceback (most recent call last):", "  File \"/app.py\", line 7, in render", "ValueError: no"];
    assert_eq!(lines(&report), [&expected[..], &["starting"]].concat());
    assert_eq!(report.log[0].level, Level::Error);
    assert_eq!(report.log[4].level, Level::Info, "its line ended with the call");
}

#[test]
fn an_exit_is_told_as_such() {
    for (status, code) in [(0, 0), (1, 1)] {
        let said = run("", &format!("(call $exit (i32.const {status}))")).outcome.unwrap_err().to_string();
        assert_eq!(
            said,
            format!(
                "The plugin crashed: it ended itself with exit code {code}, in describe. The run itself is not touched; this is \
                 a fault of the plugin, and running it again will not help. For its author: return from `render`, with an \
                 error where there is one, instead of ending the process."
            )
        );
    }
}

#[test]
fn printing_without_end_ends_by_fuel_at_the_same_point_and_takes_no_memory() {
    let deeds =
        "(loop $again (call $write (call $stderr) (i32.const 512) (i32.const 4096) (i32.const 64)) (br $again))";
    // Every call opens the stream again: handles are bounded, too.
    let leak = run("", deeds).outcome.unwrap_err().to_string();
    assert!(
        leak.starts_with("The plugin crashed: it holds more than 1000 handles of the host at once, in describe."),
        "{leak}"
    );
    let deeds = "(i32.store (i32.const 100) (call $stderr))
        (loop $again (call $write (i32.load (i32.const 100)) (i32.const 512) (i32.const 4096) (i32.const 64)) (br $again))";
    let component = plugin(&"x".repeat(4000), deeds);
    let few = limits(&[(Limit::Fuel, 1_000_000_000)]);
    let report = call(&component, &nothing(), &few);
    assert_eq!(
        report.outcome.as_ref().unwrap_err().to_string(),
        "The plugin was stopped: it was busy in describe: limit `fuel` (fuel of the call) is 1000000000; raise it with \
         `limits.fuel`, up to 1000000000000."
    );
    assert_eq!(report.fuel, 1_000_000_000);
    assert!(
        report.host_calls > 10_000 && report.log.iter().map(|line| line.text.len() as u64).sum::<u64>() <= 64 * KIB
    );
    assert_eq!(call(&component, &nothing(), &few), report);
}

#[test]
fn calls_of_wasi_are_counted_and_random_bytes_are_read_bytes() {
    let forever = plugin("", "(loop $again (drop (call $random)) (br $again))");
    let report = call(&forever, &nothing(), &limits(&[(Limit::HostCalls, 1000)]));
    assert_eq!(
        report.outcome.unwrap_err().to_string(),
        "The plugin was stopped: limit `host_calls` (calls of host functions) is 1000; raise it with `limits.host_calls`, up \
         to 100000000."
    );
    assert_eq!(report.host_calls, 1000);
    let bytes = plugin("", "(loop $again (call $bytes (i64.const 65536) (i32.const 64)) (br $again))");
    let report = call(&bytes, &nothing(), &limits(&[(Limit::ReadBytes, MIB)]));
    let said = report.outcome.unwrap_err().to_string();
    assert!(said.starts_with("The plugin was stopped: limit `read_bytes`"), "{said}");
    assert_eq!(report.bytes_read, MIB);
    let said = run("", "(call $bytes (i64.const 65537) (i32.const 64))").outcome.unwrap_err().to_string();
    assert!(said.starts_with("The plugin crashed: it asks for more random bytes at once than the 65536"), "{said}");
}

#[test]
fn a_guest_with_wasi_has_room_for_an_interpreter_unless_somebody_says_otherwise() {
    let pages = |pages: u64| {
        let code = CODE.replacen("\"memory\") 4)", &format!("\"memory\") {pages})"), 1);
        by_hand_with(IMPORTS, &code, "(call $say (call $now)) unreachable", Some(WORLD))
    };
    // 200 MiB.
    assert_eq!(lines(&call(&pages(3200), &nothing(), &Limits::default())), ["0"]);
    let said = |component: &[u8], limits: &Limits| call(component, &nothing(), limits).outcome.unwrap_err().to_string();
    assert_eq!(
        said(&pages(4800), &Limits::default()),
        "The plugin was stopped: limit `memory` (all memories together) is 256MiB, 300MiB asked for; raise it with \
         `limits.memory`, up to 1GiB."
    );
    assert_eq!(
        said(&pages(3200), &limits(&[(Limit::Memory, 64 * MIB)])),
        "The plugin was stopped: limit `memory` (all memories together) is 64MiB, 200MiB asked for; raise it with \
         `limits.memory`, up to 1GiB."
    );
}

#[test]
fn inspection_says_that_it_is_not_pure() {
    let inspection = inspect(&plugin("", RANDOM), &Limits::default()).unwrap();
    assert!(!inspection.pure && inspection.uses_wasi() && inspection.refused.is_empty(), "{inspection:?}");
    assert!(super::plugin().inspection().pure && !super::plugin().inspection().uses_wasi());
    assert_eq!(super::plugin().inspection().languages, ["Rust"]);
}
