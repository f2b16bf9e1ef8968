//! A stage that is a pipeline of its own.

use crate::support::{Bench, wait_until};

const CHILD: &str = r#"
[pipeline]
name = "child"
[stages.inner]
run = "echo $FORENSIC_RUN_ID; [ ! -e fail ] || exit 9"
"#;

fn bench() -> Bench {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "parent"
        [stages.sleeve]
        pipeline = "sub/pipeline.toml"
        [stages.after]
        run = "true"
        needs = ["sleeve"]
        "#,
    );
    bench.write("sub/pipeline.toml", CHILD);
    bench
}

#[test]
fn a_nested_pipeline_is_a_run_of_its_own_and_both_traces_say_so() {
    let bench = bench();
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let trace = bench.trace();
    let [attempt] = trace.attempts("sleeve")[..] else { panic!() };
    assert_eq!(attempt["attributes"]["forensic.child.run"], "R.sleeve.1");
    let child = bench.path().join("data/artifacts/summaries/runs/R.sleeve.1");
    let text = std::fs::read_to_string(child.join("data/forensic_trace.json")).unwrap();
    let spans: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let run = spans.iter().find(|span| span["attributes"]["forensic.kind"] == "run").unwrap();
    assert_eq!(run["attributes"]["forensic.parent.run"], "R");
    assert_eq!(run["attributes"]["forensic.parent.stage"], "sleeve");
    assert_eq!(run["attributes"]["forensic.parent.trace_id"], attempt["trace_id"]);
    assert_eq!(run["attributes"]["forensic.parent.span_id"], attempt["span_id"]);
    assert_eq!(std::fs::read_to_string(child.join("logs/inner/1.out.log")).unwrap(), "R.sleeve.1\n");
    assert!(child.join("reports/forensic_report.md").exists());
    // The latest run is the one that somebody asked for.
    let latest = std::fs::read_link(bench.path().join("data/artifacts/summaries/latest")).unwrap();
    assert!(latest.ends_with("R"), "{latest:?}");
    // The parent's trace holds its own spans only.
    assert!(trace.kind("stage").iter().all(|span| span["name"] != "inner"));
}

#[test]
fn the_failure_of_a_nested_run_is_the_failure_of_its_stage() {
    let bench = bench();
    bench.write("sub/fail", "");
    let ran = bench.run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let trace = bench.trace();
    assert_eq!((trace.result("sleeve"), trace.result("after")), ("failure", "skip"));
    assert_eq!(trace.attempts("sleeve")[0]["attributes"]["process.exit.code"], 1);
}

#[test]
fn stopping_the_parent_stops_the_child_in_an_orderly_way() {
    let bench = bench();
    bench.write("sub/pipeline.toml", CHILD.replace("echo $FORENSIC_RUN_ID", "touch on; sleep 600"));
    let child = bench.start();
    wait_until("the inner stage", || bench.path().join("sub/on").exists());
    let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", String::from_utf8_lossy(&output.stderr));
    let child = bench.path().join("data/artifacts/summaries/runs/R.sleeve.1");
    let record: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(child.join("run.json")).unwrap()).unwrap();
    assert_eq!(record["result"], "cancellation");
    assert!(child.join("reports/forensic_report.md").exists());
}
