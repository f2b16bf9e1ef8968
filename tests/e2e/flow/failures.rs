//! What the failure of a stage means for the others.

use crate::support::{Bench, Ran, wait_until};

const STAGES: &str = r#"
        [stages.long]
        run = "touch $FORENSIC_DATA_DIR/long; until [ -e $FORENSIC_DATA_DIR/go ]; do sleep 0.02; done; touch $FORENSIC_DATA_DIR/done"
        [stages.bad]
        run = "until [ -e $FORENSIC_DATA_DIR/long ]; do sleep 0.02; done; exit 3"
        [stages.after-long]
        run = "true"
        needs = ["long"]
        [stages.waiting]
        run = "true"
        priority = -5
        needs = ["long"]
"#;

fn bench(policy: &str) -> Bench {
    Bench::new(&format!("[pipeline]\nname = \"p\"\nmax_parallel = 2\non_failure = \"{policy}\"\n{STAGES}"))
}

#[test]
fn stop_ends_what_runs() {
    // Without the end nothing would let `long` go on.
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "p"
        max_parallel = 2
        on_failure = "stop"
        [stages.long]
        run = "touch $FORENSIC_DATA_DIR/long; sleep 600"
        [stages.bad]
        run = "until [ -e $FORENSIC_DATA_DIR/long ]; do sleep 0.02; done; exit 3"
        [stages.waiting]
        run = "true"
        "#,
    );
    let ran = bench.run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let trace = bench.trace();
    assert_eq!(["long", "bad", "waiting"].map(|id| trace.result(id)), ["cancellation", "failure", "cancellation"]);
    assert_eq!(trace.run()["attributes"]["cicd.pipeline.result"], "failure");
    assert!(ran.stderr.contains("the failure of a stage"), "{}", ran.stderr);
}

#[test]
fn finish_running_lets_what_runs_come_to_its_end() {
    let bench = bench("finish-running");
    let child = bench.start();
    // Nothing more is started from here on.
    wait_until("the failure to be told", || {
        let journal = bench.run_dir().join("data/forensic_trace.ndjson");
        std::fs::read_to_string(journal).is_ok_and(|text| text.contains("exit code 3"))
    });
    std::fs::write(bench.run_dir().join("data/go"), "").unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let trace = bench.trace();
    let results = ["long", "bad", "after-long", "waiting"].map(|id| trace.result(id));
    assert_eq!(results, ["success", "failure", "cancellation", "cancellation"]);
}

#[test]
fn an_allowed_failure_is_told_and_fails_nothing() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "p"
        on_failure = "stop"
        [stages.lint]
        run = "echo ugly >&2; exit 4"
        allow_failure = true
        [stages.build]
        run = "true"
        needs = ["lint"]
        "#,
    );
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let trace = bench.trace();
    assert_eq!(["lint", "build"].map(|id| trace.result(id)), ["failure", "success"]);
    assert_eq!(trace.stage("lint")["status"], "Error");
    assert_eq!(trace.stage("lint")["attributes"]["forensic.stage.allow_failure"], true);
    assert_eq!(trace.run()["attributes"]["cicd.pipeline.result"], "success");
    assert_eq!(bench.json("run.json")["stages"]["allowed"], 1);
}
