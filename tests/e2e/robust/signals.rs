//! Signals to the host, at bad moments.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

use super::assert_nothing_is_left;
use crate::support::{Bench, Ran, wait_until};

fn signal(name: &str, target: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), "--", target]).status().unwrap().success());
}

fn ended(child: Child) -> Ran {
    child.wait_with_output().unwrap().into()
}

#[test]
fn every_way_to_stop_a_run_leaves_no_process() {
    for (name, code) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let bench = Bench::new(
            r#"
            [pipeline]
            name = "stopped"
            max_parallel = 3
            kill_grace = "300ms"
            [stages.polite]
            run = "trap 'echo bye; exit' TERM; : > $FORENSIC_DATA_DIR/1; while :; do sleep 0.05; done"
            [stages.deaf]
            run = "trap '' TERM; : > $FORENSIC_DATA_DIR/2; while :; do sleep 1000; done"
            [stages.daemon]
            run = "setsid sh -c 'trap \"\" TERM HUP INT; : > $FORENSIC_DATA_DIR/3; while :; do sleep 1000; done' & wait"
            "#,
        );
        // To the whole group, as a terminal does it; stages are in groups of their own.
        let child = bench.command(&["run", "--run-id", "R"]).process_group(0).spawn().unwrap();
        wait_until("the stages", || (1..=3).all(|n| bench.run_dir().join(format!("data/{n}")).exists()));
        signal(name, &format!("-{}", child.id()));
        let ran = ended(child);
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert_nothing_is_left(&bench);
        let trace = bench.trace();
        assert_eq!(["deaf", "daemon"].map(|stage| trace.result(stage)), ["cancellation"; 2]);
        assert_eq!(bench.read("logs/polite/1.out.log"), "bye\n");
        assert!(bench.markdown().contains("stopped"));
    }
}

#[test]
fn an_interrupt_during_the_pause_before_a_retry_ends_the_run_at_once() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "pausing"
        [stages.flaky]
        run = "echo again; exit 1"
        retries = { max = 5, backoff = "10m" }
        [stages.after]
        run = "true"
        needs = ["flaky"]
        "#,
    );
    let child = bench.start();
    // What follows the attempt's end is its pause.
    let journal = bench.run_dir().join("data/forensic_trace.ndjson");
    let ended_once = || std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("process.exit.code"));
    wait_until("the first attempt's end", ended_once);
    signal("INT", &child.id().to_string());
    let ran = ended(child);
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert_nothing_is_left(&bench);
    let trace = bench.trace();
    assert_eq!(["flaky", "after"].map(|stage| trace.result(stage)), ["cancellation"; 2]);
    assert_eq!(trace.attempts("flaky").len(), 1);
    assert_eq!(trace.attempts("flaky")[0]["attributes"]["cicd.pipeline.task.run.result"], "failure");
    assert_eq!(bench.read("logs/flaky/1.out.log"), "again\n");
}
