//! Many runs: what a run is compared with, and the commands that list, show, compare and remove runs.

use serde_json::Value;

use crate::support::{Bench, Ran, wait_until};

/// Runs as `--run-id id`.
fn run(bench: &Bench, id: &str) -> Ran {
    bench.call(&["run", "--run-id", id])
}

fn json(ran: &Ran) -> Value {
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

fn folder(bench: &Bench, id: &str) -> std::path::PathBuf {
    bench.path().join("data/artifacts/summaries/runs").join(id)
}

/// A stage that takes as long as a file says, one that does not care, and one that fails if it should.
const PIPELINE: &str = r#"
    [pipeline]
    name = "many"
    max_parallel = 2
    [stages.varies]
    run = "sleep $(cat seconds)"
    [stages.steady]
    run = "true"
    [stages.last]
    run = "test ! -e fail || { echo no such luck >&2; exit 3; }"
    needs = ["varies"]
"#;

/// A pipeline named `many`, quick unless the file `seconds` says otherwise, and fine unless there is a file `fail`.
pub(crate) fn bench() -> Bench {
    let bench = Bench::new(PIPELINE);
    bench.write("seconds", "0.01");
    bench
}

#[test]
fn a_stage_that_takes_longer_than_ever_is_flagged_and_the_report_can_be_made_again() {
    let bench = bench();
    for id in ["R1", "R2", "R3", "R4", "R5"] {
        assert_eq!(run(&bench, id).code, Some(0));
    }
    bench.write("seconds", "1.5");
    assert_eq!(bench.run().code, Some(0));
    let report = bench.json("reports/forensic_report.json");
    let baseline = &report["baseline"];
    assert_eq!((&baseline["run_id"], &baseline["wall"]["runs"]), (&"R5".into(), &5.into()));
    assert_eq!(baseline["wall"]["change"], "slower");
    let stage = |id: &str| baseline["stages"].as_array().unwrap().iter().find(|stage| stage["id"] == id).unwrap();
    assert_eq!(stage("varies")["change"], "slower");
    assert!(stage("varies")["now_ns"].as_u64() > stage("varies")["max_ns"].as_u64());
    assert!(bench.markdown().contains("▲ slower"), "{}", bench.markdown());
    // What other runs come to later changes nothing.
    std::fs::remove_dir_all(folder(&bench, "R5")).unwrap();
    let names = ["reports/forensic_report.md", "reports/forensic_report.json", "reports/forensic_report.html"];
    let before = names.map(|name| bench.read(name));
    assert_eq!(bench.call(&["report", "R"]).code, Some(0));
    assert_eq!(names.map(|name| bench.read(name)), before);
}

#[test]
fn runs_are_listed_newest_first_and_the_beginning_of_an_id_is_enough() {
    let bench = bench();
    run(&bench, "first");
    bench.write("fail", "");
    assert_eq!(run(&bench, "second").code, Some(1));
    std::fs::create_dir(folder(&bench, "nothing")).unwrap();
    let list = json(&bench.call(&["runs", "list", "--format", "json"]));
    assert_eq!(list["schema"], "forensic.runs/1");
    let runs = list["runs"].as_array().unwrap();
    let told: Vec<_> =
        runs.iter().map(|run| (run["folder"].as_str().unwrap(), run["state"].as_str().unwrap())).collect();
    assert_eq!(told, [("second", "ended"), ("first", "ended"), ("nothing", "broken")]);
    assert_eq!((&runs[0]["result"], &runs[0]["stages"]["failure"]), (&"failure".into(), &1.into()));
    let text = bench.call(&["runs", "list", "--result", "failure"]).stdout;
    assert!(text.contains("✗ failure") && text.contains("2/3") && !text.contains("first"), "{text}");
    assert_eq!(bench.call(&["runs", "list", "--result", "bad"]).code, Some(2));

    let shown = bench.call(&["runs", "show", "sec"]).stdout;
    for text in [
        "second",
        "✗ last failure",
        "exit code 3: no such luck",
        "logs/last/1.err.log",
        "| no such luck",
        "reports/forensic_report.md",
    ] {
        assert!(shown.contains(text), "{text} is not in\n{shown}");
    }
    assert_eq!(json(&bench.call(&["runs", "show", "--format", "json"]))["failed"][0]["id"], "last");
    std::fs::create_dir(folder(&bench, "section")).unwrap();
    let ambiguous = bench.call(&["runs", "show", "sec"]);
    assert_eq!(ambiguous.code, Some(2));
    assert!(ambiguous.stderr.contains("section, second"), "{}", ambiguous.stderr);
    assert_eq!(bench.call(&["verify", "fi"]).code, Some(0));
}

#[test]
fn a_diff_tells_results_stages_and_whether_the_file_changed() {
    let bench = bench();
    run(&bench, "a");
    bench.write("fail", "");
    bench.write("pipeline.toml", PIPELINE.replace("[stages.steady]", "[stages.other]"));
    run(&bench, "b");
    let diff = json(&bench.call(&["runs", "diff", "a", "b", "--format", "json"]));
    assert_eq!((&diff["schema"], &diff["pipeline_changed"]), (&"forensic.runs-diff/1".into(), &true.into()));
    let stage = |id: &str| diff["stages"].as_array().unwrap().iter().find(|stage| stage["id"] == id).unwrap();
    assert_eq!((&stage("other")["a"], &stage("steady")["b"]), (&Value::Null, &Value::Null));
    assert_eq!(stage("last")["result_changed"], true);
    assert_eq!(stage("varies")["duration"], "unknown");
    let text = bench.call(&["runs", "diff", "a"]).stdout;
    for words in ["+ new", "- gone", "● result", "changed"] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
}

#[test]
fn a_run_that_goes_on_is_shown_from_its_journal_and_never_pruned_and_a_killed_one_is_told_apart() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "long"
        max_parallel = 2
        [stages.done]
        run = "true"
        [stages.busy]
        run = "touch $FORENSIC_DATA_DIR/on; sleep 20"
        needs = ["done"]
        [stages.next]
        run = "true"
        needs = ["busy"]
        "#,
    );
    let mut child = bench.start();
    wait_until("the busy stage", || bench.run_dir().join("data/on").exists());
    let shown = json(&bench.call(&["runs", "show", "R", "--format", "json"]));
    assert_eq!(shown["run"]["state"], "running");
    let open: Vec<_> = shown["open"].as_array().unwrap().iter().map(|stage| stage["id"].as_str().unwrap()).collect();
    assert_eq!((open, &shown["waiting"]), (vec!["busy"], &1.into()));
    let text = bench.call(&["runs", "show", "R"]).stdout;
    assert!(text.contains("▶ running") && text.contains("1 running, 1 not begun"), "{text}");
    let pruned = json(&bench.call(&["runs", "prune", "--keep", "0", "--format", "json"]));
    assert_eq!((&pruned["removed"], &pruned["kept"][0]["why"]), (&serde_json::json!([]), &"running".into()));
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the lock to be free", || {
        json(&bench.call(&["runs", "list", "--format", "json"]))["runs"][0]["state"] == "killed"
    });
    // Looking changes nothing: it can be recovered still.
    assert!(bench.call(&["runs", "show", "R"]).stdout.contains("was running"));
    let journal = bench.run_dir().join("data/forensic_trace.ndjson");
    assert!(journal.exists());
    assert_eq!(bench.call(&["recover", "R"]).code, Some(0));
    assert_eq!(json(&bench.call(&["runs", "show", "R", "--format", "json"]))["run"]["result"], "cancellation");
    let record = bench.json("run.json");
    assert_eq!(record["stage_results"]["cancellation"], serde_json::json!(["busy", "next"]));
    assert_eq!(record["stage_durations"][0][0], "done");
}

#[test]
fn pruning_says_what_it_removes_and_how_much() {
    let bench = bench();
    for id in ["A", "B", "C"] {
        run(&bench, id);
    }
    let refused = bench.call(&["runs", "prune"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("--keep N"), "{}", refused.stderr);
    let dry = bench.call(&["runs", "prune", "--keep", "1", "--dry-run"]).stdout;
    assert!(dry.contains("would remove B (success") && dry.contains("would remove 2 runs"), "{dry}");
    assert!(folder(&bench, "A").exists());
    let young = bench.call(&["runs", "prune", "--older-than", "30d"]).stdout;
    assert!(young.contains("removed 0 runs, 0 B"), "{young}");
    let done = bench.call(&["runs", "prune", "--keep", "0"]).stdout;
    assert!(done.contains("removed A (success") && done.contains("kept C: it is the latest"), "{done}");
    assert!(!folder(&bench, "A").exists() && !folder(&bench, "B").exists() && folder(&bench, "C").exists());
}
