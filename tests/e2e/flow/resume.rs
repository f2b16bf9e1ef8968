//! Reuse of what earlier runs left behind.

use std::path::Path;

use serde_json::Value;

use crate::flow::started;
use crate::support::{Bench, Ran};

const PIPELINE: &str = r#"
[pipeline]
name = "resumed"
max_parallel = 1
[stages.load]
command = ["sh", "load.sh"]
outputs = ["run:data/load.txt"]
[stages.model]
run = "sort $FORENSIC_DATA_DIR/load.txt > $FORENSIC_DATA_DIR/model.txt"
needs = ["load"]
inputs = ["model.cfg"]
outputs = ["run:data/model.txt"]
[stages.flaky]
run = "[ -e ready ] && cp $FORENSIC_DATA_DIR/model.txt $FORENSIC_DATA_DIR/out.txt"
needs = ["model"]
outputs = ["run:data/out.txt"]
[stages.publish]
run = "cat $FORENSIC_DATA_DIR/out.txt"
needs = ["flaky"]
[stages.aside]
run = "true"
priority = -1
"#;

fn bench() -> Bench {
    let bench = Bench::new(PIPELINE);
    bench.write("load.sh", "printf 'b\\na\\n' > $FORENSIC_DATA_DIR/load.txt\n");
    bench.write("model.cfg", "1");
    bench
}

fn run(bench: &Bench, id: &str, arguments: &[&str]) -> Ran {
    let mut all = vec!["run", "--run-id", id];
    all.extend(arguments);
    bench.call(&all)
}

fn runs(bench: &Bench) -> std::path::PathBuf {
    bench.path().join("data/artifacts/summaries/runs")
}

fn stages(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("data/forensic_trace.json")).unwrap();
    let spans: Vec<Value> = serde_json::from_str(&text).unwrap();
    spans.into_iter().filter(|span| span["attributes"]["forensic.kind"] == "stage").collect()
}

/// Ids of the stages whose result was reused in a run.
fn cached(bench: &Bench, id: &str) -> Vec<String> {
    let mut found: Vec<String> = stages(&runs(bench).join(id))
        .iter()
        .filter(|span| span["attributes"]["forensic.cached"] == true)
        .map(|span| span["name"].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    found
}

#[test]
fn a_failed_run_is_resumed_where_it_failed_and_its_ancestor_stays_as_it_is() {
    let bench = bench();
    let failed = bench.run();
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    let before = std::fs::read(bench.run_dir().join("data/forensic_trace.json")).unwrap();
    bench.write("ready", "");
    let ran = run(&bench, "R2", &["--resume", "R"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(cached(&bench, "R2"), ["load", "model"]);
    let folder = runs(&bench).join("R2");
    assert_eq!(std::fs::read_to_string(folder.join("logs/publish/1.out.log")).unwrap(), "a\nb\n");
    let model = stages(&folder).into_iter().find(|span| span["name"] == "model").unwrap();
    assert_eq!(model["attributes"]["forensic.cached_from"], "R");
    assert!(model["attributes"]["forensic.saved_ns"].as_u64().unwrap() > 0);
    assert_eq!(model["attributes"]["cicd.pipeline.task.run.result"], "success");
    let record: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("run.json")).unwrap()).unwrap();
    assert_eq!(record["resumed_from"], "R");
    assert_eq!(record["stages"]["cached"], 2);
    assert_eq!(std::fs::read(bench.run_dir().join("data/forensic_trace.json")).unwrap(), before);
    assert_eq!(bench.call(&["verify", "R"]).code, Some(0));
    // A chain of resumes needs the last run alone.
    std::fs::remove_dir_all(bench.run_dir()).unwrap();
    let again = run(&bench, "R3", &["--resume", "R2"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(cached(&bench, "R3"), ["flaky", "load", "model"]);
}

#[test]
fn what_changed_runs_again_with_all_that_follows_and_the_reason_is_told() {
    let bench = bench();
    bench.write("ready", "");
    assert_eq!(bench.run().code, Some(0));
    let reason = |id: &str, stage: &str| {
        let all = stages(&runs(&bench).join(id));
        let found = all.iter().find(|span| span["name"] == stage).unwrap();
        found["attributes"]["forensic.stage.reuse_reason"].as_str().unwrap().to_owned()
    };
    bench.write("model.cfg", "2");
    let told = run(&bench, "input", &["--resume", "R"]);
    assert_eq!(told.code, Some(0));
    assert!(told.stderr.contains("again     model: input model.cfg"), "{}", told.stderr);
    assert!(!told.stderr.contains("again     flaky"), "{}", told.stderr);
    assert_eq!(cached(&bench, "input"), ["load"]);
    assert!(reason("input", "model").contains("model.cfg"), "{}", reason("input", "model"));
    assert!(reason("input", "flaky").contains("model"), "{}", reason("input", "flaky"));
    assert!(reason("input", "publish").contains("outputs"), "{}", reason("input", "publish"));
    bench.write("model.cfg", "1");

    // The script is part of the command.
    bench.write("load.sh", "printf 'c\\n' > $FORENSIC_DATA_DIR/load.txt\n");
    assert_eq!(run(&bench, "script", &["--resume", "R"]).code, Some(0));
    assert_eq!(cached(&bench, "script"), [""; 0]);
    assert!(reason("script", "load").contains("load.sh"), "{}", reason("script", "load"));
    bench.write("load.sh", "printf 'b\\na\\n' > $FORENSIC_DATA_DIR/load.txt\n");

    assert_eq!(run(&bench, "damage0", &["--resume", "R"]).code, Some(0));
    assert_eq!(cached(&bench, "damage0"), ["flaky", "load", "model"]);
    std::fs::write(bench.run_dir().join("data/model.txt"), "x\n").unwrap();
    assert_eq!(run(&bench, "damage", &["--resume", "R"]).code, Some(0));
    assert_eq!(cached(&bench, "damage"), ["load"]);
    assert!(reason("damage", "model").contains("model.txt"), "{}", reason("damage", "model"));
    assert_eq!(std::fs::read_to_string(runs(&bench).join("damage/data/model.txt")).unwrap(), "a\nb\n");
}

#[test]
fn from_only_and_force_choose_what_runs() {
    let bench = bench();
    bench.write("ready", "");
    assert_eq!(bench.run().code, Some(0));
    assert_eq!(run(&bench, "from", &["--from", "model"]).code, Some(0));
    assert_eq!(cached(&bench, "from"), ["load"]);
    assert_eq!(run(&bench, "forced", &["--resume", "R", "--force=flaky"]).code, Some(0));
    assert_eq!(cached(&bench, "forced"), ["load", "model"]);
    assert_eq!(run(&bench, "all", &["--resume", "R", "--force"]).code, Some(0));
    assert_eq!(cached(&bench, "all"), [""; 0]);
    let only = run(&bench, "only", &["--resume", "R", "--only", "model"]);
    assert_eq!(only.code, Some(0), "{}", only.stderr);
    let all = stages(&runs(&bench).join("only"));
    for left in ["flaky", "publish", "aside"] {
        let span = all.iter().find(|span| span["name"] == left).unwrap();
        assert_eq!(span["attributes"]["forensic.skip_reason"], "selection");
    }
    // Left-out stages before and behind it.
    let late = run(&bench, "late", &["--only", "aside"]);
    assert_eq!(late.code, Some(0), "{}", late.stderr);
    let all = stages(&runs(&bench).join("late"));
    let left = all.iter().filter(|span| span["attributes"]["forensic.skip_reason"] == "selection").count();
    assert_eq!((all.len(), left), (5, 4));
    let unknown = run(&bench, "unknown", &["--only", "modle"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("modle") && unknown.stderr.contains("model"), "{}", unknown.stderr);
    assert!(!runs(&bench).join("unknown").exists());
    let missing = run(&bench, "missing", &["--resume", "nope"]);
    assert_eq!(missing.code, Some(2), "{}", missing.stderr);
}

#[test]
fn a_cached_stage_is_reused_without_being_asked_and_a_plan_says_so_first() {
    let cached_pipeline =
        PIPELINE.replace("outputs = [\"run:data/load.txt\"]", "outputs = [\"run:data/load.txt\"]\ncache = true");
    let bench = bench();
    bench.write("pipeline.toml", cached_pipeline);
    bench.write("ready", "");
    assert_eq!(bench.run().code, Some(0));
    let plan = bench.call(&["plan", "--format", "json"]);
    assert_eq!(plan.code, Some(0), "{}", plan.stderr);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(plan["schema"], "forensic.plan/1");
    assert_eq!(plan["stages"][0]["id"], "load");
    assert!(plan["stages"][0].to_string().contains("\"R\""), "{}", plan["stages"][0]);
    assert_eq!(run(&bench, "R2", &[]).code, Some(0));
    assert_eq!(cached(&bench, "R2"), ["load"]);
    let text = bench.call(&["plan"]);
    assert!(text.stdout.contains("load") && text.stdout.contains("publish"), "{}", text.stdout);
    let order = started(&bench);
    assert_eq!(order, ["load", "model", "flaky", "publish", "aside"]);
    // Nothing was run by planning.
    assert_eq!(std::fs::read_dir(runs(&bench)).unwrap().count(), 2);
}
