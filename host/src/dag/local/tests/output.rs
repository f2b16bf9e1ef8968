//! What reaches the logs.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::{Bench, Live, SECRET};
use crate::dag::Exit;
use crate::pipeline::Command;

#[test]
fn secrets_in_both_streams_are_masked_and_counted() {
    let mut bench = Bench::new();
    let end = bench.run(&format!("echo a {SECRET} b; echo password=hunter2hunter2 >&2; echo plain"));
    assert_eq!(bench.text("out"), "a [REDACTED] b\nplain\n");
    assert_eq!(bench.text("err"), "password=[REDACTED]\n");
    assert_eq!(end.output_redactions, 2);
    assert!(!end.output_left_open);
    assert_eq!(end.output_lost, None);
}

#[test]
fn a_secret_written_in_two_parts_is_masked() {
    let mut bench = Bench::new();
    let (first, second) = SECRET.split_at(9);
    let end = bench.run(&format!("printf {first}; sleep 0.1; printf '{second}\\n'"));
    assert_eq!(bench.text("out"), "[REDACTED]\n");
    assert_eq!(end.output_redactions, 1);
}

#[test]
fn a_secret_in_a_last_line_without_an_end_is_masked_and_counted() {
    let mut bench = Bench::new();
    let end = bench.run(&format!("printf 'one\\ntwo {SECRET}'"));
    assert_eq!(bench.text("out"), "one\ntwo [REDACTED]");
    assert_eq!(end.output_redactions, 1);
    // Nothing is added to, or taken from, an end that is whole.
    for whole in ["", "\\n", "\\n\\n", "a\\r", "a", "a\\n"] {
        bench.run(&format!("printf '{whole}'"));
        assert_eq!(bench.text("out"), whole.replace("\\n", "\n").replace("\\r", "\r"));
    }
}

#[test]
fn a_private_key_of_many_lines_is_masked() {
    let mut bench = Bench::new();
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    let key = format!("-----BEGIN PRIVATE KEY-----\n{body}\n{body}\n-----END PRIVATE KEY-----");
    let end = bench.run(&format!("echo before; echo '{key}'; echo after"));
    let out = bench.text("out");
    assert!(out.starts_with("before\n") && out.ends_with("after\n") && out.contains("[REDACTED]"), "{out}");
    assert!(!out.contains("MIIE"), "{out}");
    assert!(end.output_redactions > 0);
}

#[test]
fn a_whole_line_can_be_read_while_the_attempt_runs() {
    let mut bench = Bench::new();
    let mut live = bench.launch("echo first; printf 'half a line'; echo ready >&2; sleep 1000");
    bench.wait_for("out", "first\n");
    bench.wait_for("err", "ready");
    assert_eq!(bench.text("out"), "first\n");
    live.attempt.kill();
    live.finish();
    assert_eq!(bench.text("out"), "first\nhalf a line");
}

#[test]
fn bytes_that_are_no_text_pass_unchanged() {
    let mut bench = Bench::new();
    let end = bench.python("import sys; sys.stdout.buffer.write(bytes(range(256)) * 1000)");
    let expected: Vec<u8> = (0..=255).cycle().take(256_000).collect();
    assert!(bench.bytes("out") == expected);
    assert_eq!(end.output_redactions, 0);
}

#[test]
fn much_output_is_complete_and_in_order() {
    let mut bench = Bench::new();
    // In an optimised build it is 100 MB; the filter without optimisation takes minutes for that.
    let last: u32 = if cfg!(debug_assertions) { 200_000 } else { 11_400_000 };
    let end = bench.run(&format!("seq {last}; exit 4"));
    assert_eq!(end.exit, Exit::Code(4));
    let log = BufReader::new(File::open(bench.folder.path().join("out")).unwrap());
    assert!(log.lines().map(|line| line.unwrap().parse::<u32>().unwrap()).eq(1..=last));
}

#[test]
fn a_line_without_end_does_not_stay_in_memory_and_is_complete() {
    let mut bench = Bench::new();
    bench.run("head -c 2000000 /dev/zero | tr '\\0' ' '");
    assert!(bench.bytes("out") == vec![b' '; 2_000_000]);
}

#[test]
fn both_streams_at_once_keep_their_own_order() {
    let mut bench = Bench::new();
    bench.run("seq 20000 & seq 20000 40000 >&2; wait");
    let numbers = |name| bench.text(name).lines().map(|line| line.parse::<u32>().unwrap()).collect::<Vec<_>>();
    assert!(numbers("out").into_iter().eq(1..=20_000));
    assert!(numbers("err").into_iter().eq(20_000..=40_000));
}

#[test]
fn a_stream_that_is_closed_early_leaves_the_other() {
    let mut bench = Bench::new();
    let end = bench.run("echo out; exec >&-; sleep 0.1; echo err >&2; exec 2>&-; sleep 0.1; exit 5");
    assert_eq!(end.exit, Exit::Code(5));
    assert_eq!((bench.text("out").as_str(), bench.text("err").as_str()), ("out\n", "err\n"));
}

#[test]
fn a_killed_attempt_leaves_what_it_wrote() {
    for mut bench in [Bench::new(), Bench::without_pidfd()] {
        for (kill, signal) in [(false, libc::SIGTERM), (true, libc::SIGKILL)] {
            let mut live = bench.launch("seq 1000; echo ready >&2; sleep 1000");
            bench.wait_for("err", "ready");
            if kill {
                live.attempt.kill()
            } else {
                live.attempt.terminate()
            }
            assert_eq!(live.finish().exit, Exit::Signal(signal));
            assert_eq!(bench.text("out").lines().count(), 1000);
        }
    }
}

#[test]
fn a_process_that_left_the_group_does_not_hold_the_attempt() {
    for mut bench in [Bench::new(), Bench::without_pidfd()] {
        let Live { attempt, ended } = bench.launch("echo out; setsid sleep 1000 & echo $! >&2; sleep 0.1; exit 0");
        let time = ended.recv().unwrap();
        // The end is the process's, not that of the wait for its output.
        assert!(bench.clock.now() - time >= 200_000_000);
        let end = super::end(attempt);
        assert_eq!(end.exit, Exit::Code(0));
        assert!(end.output_left_open);
        assert_eq!(bench.text("out"), "out\n");
        let left = bench.text("err").trim().parse().unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(left).unwrap(), rustix::process::Signal::KILL)
            .unwrap();
    }
}

#[test]
fn a_process_that_left_the_group_and_ends_soon_is_still_heard() {
    let mut bench = Bench::new();
    let end = bench.run("setsid sh -c 'sleep 0.1; echo late' & sleep 0.05");
    assert!(!end.output_left_open);
    assert_eq!(bench.text("out"), "late\n");
}

#[test]
fn a_process_that_left_the_group_and_never_stops_talking_is_cut_off() {
    let mut bench = Bench::new();
    let end = bench.run("setsid sh -c 'while echo y; do :; done' & sleep 0.05");
    assert!(end.output_left_open);
}

#[test]
fn a_full_disk_stops_no_attempt_and_is_told() {
    let mut bench = Bench::new();
    let live =
        bench.try_launch(&Command::Shell("seq 100000; echo well >&2".into()), Vec::new(), Path::new("/dev/full"));
    let end = live.unwrap().finish();
    assert_eq!(end.exit, Exit::Code(0));
    let lost = end.output_lost.unwrap();
    assert_eq!(lost.bytes, 588_895);
    assert!(lost.error.contains("No space left on device"), "{}", lost.error);
    assert_eq!(bench.text("err"), "well\n");
}
