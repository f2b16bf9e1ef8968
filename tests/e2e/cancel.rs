//! Ctrl-C and its kin.

use std::process::{Child, Stdio};

use crate::support::{BINARY, Bench, Ran, assert_gone, shared_cache, wait_until};

fn signal(child: &Child, name: &str) {
    let status = std::process::Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status();
    assert!(status.unwrap().success());
}

const PIPELINE: &str = r#"
    [pipeline]
    name = "interrupted"
    max_parallel = 2
    [stages.done]
    run = "true"
    [stages.busy]
    run = "echo $$ > $FORENSIC_DATA_DIR/busy.pid; sleep 600"
    needs = ["done"]
    [stages.waiting]
    run = "true"
    needs = ["busy"]
"#;

#[test]
fn the_first_interrupt_ends_the_run_with_a_complete_trace_and_report() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let bench = Bench::new(PIPELINE);
        let child = bench.start();
        let pid = bench.run_dir().join("data/busy.pid");
        wait_until("the busy stage", || std::fs::read_to_string(&pid).is_ok_and(|text| !text.is_empty()));
        signal(&child, name);
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        let trace = bench.trace();
        assert_eq!(
            ["done", "busy", "waiting"].map(|stage| trace.result(stage)),
            ["success", "cancellation", "cancellation"]
        );
        assert_eq!(trace.stage("busy")["status"], "Error");
        assert_eq!(trace.stage("busy")["status_message"], format!("the run was stopped by SIG{name}"));
        assert!(trace.attempts("waiting").is_empty());
        assert_eq!(trace.run()["attributes"]["cicd.pipeline.result"], "cancellation");
        assert_gone(&bench.read("data/busy.pid"));
        let report = bench.markdown();
        for text in ["done", "busy", "waiting", "cancel"] {
            assert!(report.contains(text), "{text} is not in\n{report}");
        }
        assert!(ran.stderr.contains("forensic_report.md"), "{}", ran.stderr);
    }
}

#[test]
fn the_second_interrupt_kills_what_ignores_the_first() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "stubborn"
        kill_grace = "10m"
        [stages.stubborn]
        run = "trap '' TERM INT; echo $$ > $FORENSIC_DATA_DIR/pid; while true; do sleep 1; done"
        "#,
    );
    let child = bench.start();
    wait_until("the stage", || std::fs::read_to_string(bench.run_dir().join("data/pid")).is_ok_and(|t| !t.is_empty()));
    signal(&child, "INT");
    std::thread::sleep(std::time::Duration::from_millis(200));
    signal(&child, "INT");
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert_eq!(bench.trace().result("stubborn"), "cancellation");
    assert_gone(&bench.read("data/pid"));
}

#[test]
fn an_interrupt_is_heard_by_what_a_script_started_in_the_background() {
    // Shells without job control ignore it for such commands.
    let bench = Bench::new(PIPELINE);
    let line = format!("trap '' INT; exec {BINARY} run --run-id R");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &line]).current_dir(bench.path()).env("XDG_CACHE_HOME", shared_cache());
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = bench.run_dir().join("data/busy.pid");
    wait_until("the busy stage", || std::fs::read_to_string(&pid).is_ok_and(|text| !text.is_empty()));
    signal(&child, "INT");
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert_gone(&bench.read("data/busy.pid"));
}
