//! Reports of runs whose traces tell of a flow, and the report on a terminal.

use serde_json::{Value, json};

use crate::support::Bench;

/// A finished run of two stages.
fn bench() -> Bench {
    let bench = Bench::new(
        "[pipeline]\nname = \"flow\"\n[stages.a]\nrun = \"printf '\\\\033[31mred' >&2; exit 3\"\n[stages.b]\nrun = \"true\"\n\
         needs = [\"a\"]\n[stages.c]\nrun = \"true\"\n[[report]]\nid = \"health\"\nplugin = \"builtin:risk.report_meta\"\n",
    );
    assert_eq!(bench.run().code, Some(1));
    bench
}

#[test]
fn the_report_is_printed_for_a_terminal_and_written_as_ever() {
    let bench = bench();
    let before = bench.markdown();
    let ran = bench.call(&["report", "R", "--format", "text"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("Forensic report of run R\n═"), "{}", ran.stdout);
    for told in [
        "Pipeline Health\n",
        "❌ a: failure, exit code 3",
        "Stage breakdown\n",
        "Report health",
        "End of report health.",
    ] {
        assert!(ran.stdout.contains(told), "{told} is missing in\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\u{1b}'), "{:?}", ran.stdout);
    assert!(ran.stdout.contains("\\u{1b}[31mred"), "{}", ran.stdout);
    assert_eq!(bench.markdown(), before);
    // Without a terminal: as wide as COLUMNS says, and in colours if they are asked for.
    let mut wide = bench.command(&["report", "R", "--format", "text", "--quiet"]);
    wide.env_remove("NO_COLOR").env("CLICOLOR_FORCE", "1").env("COLUMNS", "150");
    let wide = String::from_utf8(wide.output().unwrap().stdout).unwrap();
    assert!(wide.contains("\u{1b}[31m") && wide.lines().any(|line| line.chars().count() > 80), "{wide}");
}

#[test]
fn the_report_is_printed_for_programs() {
    let bench = bench();
    let ran = bench.call(&["report", "R", "--format", "json"]);
    let printed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(printed, bench.json("reports/forensic_report.json"));
    let ran = bench.call(&["report", "R", "--format", "paths"]);
    let paths: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(paths.len(), 3, "{}", ran.stdout);
    assert!(paths.iter().all(|path| std::path::Path::new(path).is_file()), "{paths:?}");
    assert!(bench.call(&["report", "R"]).stdout.is_empty());
}

/// A trace in which the run tells all of its flow: numbers stay what they are, words say it.
#[test]
fn what_the_trace_tells_of_the_flow_is_in_summary_and_report() {
    let bench = bench();
    let path = bench.run_dir().join("data/forensic_trace.json");
    let mut spans: Vec<Value> = serde_json::from_str(&bench.read("data/forensic_trace.json")).unwrap();
    let summarize = || -> Value {
        let ran = bench.call(&["trace", "summarize", path.to_str().unwrap(), "--format", "json"]);
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let before = summarize();
    for span in &mut spans {
        let kind = span["attributes"]["forensic.kind"].as_str().unwrap_or_default().to_owned();
        let more = match (&*kind, span["attributes"]["forensic.stage.id"].as_str().unwrap_or_default()) {
            ("run", _) => {
                json!({"forensic.resumed_from": "Q", "forensic.parent.run": "P", "forensic.parent.stage": "p"})
            }
            ("stage", "a") => json!({"forensic.stage.allow_failure": true}),
            ("stage", "b") => json!({"forensic.skip_reason": "need"}),
            ("stage", "c") => {
                json!({"forensic.stage.trigger": "all", "forensic.stage.member_of": "{x}", "forensic.stage.group": "g"})
            }
            ("attempt", "c") => json!({"forensic.child.run": "R.c.1", "forensic.escaped_processes": 1}),
            _ => continue,
        };
        span["attributes"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    }
    std::fs::write(&path, serde_json::to_string(&spans).unwrap()).unwrap();
    let after = summarize();
    for key in ["wall_ns", "work_ns", "critical_path", "queue", "chain", "levels"] {
        assert_eq!(before[key], after[key], "{key}");
    }
    assert_eq!(after["run"]["resumed_from"], "Q");
    let stage = |id: &str| after["stages"].as_array().unwrap().iter().find(|stage| stage["id"] == id).unwrap().clone();
    assert_eq!((&stage("a")["allow_failure"], &stage("b")["skip_reason"]), (&json!(true), &json!("need")));
    assert_eq!((&stage("c")["group"], &stage("c")["child_run"]), (&json!("g"), &json!("R.c.1")));

    let ran = bench.call(&["report", "R"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let report = bench.markdown();
    for told in [
        "It resumes run [Q](../../Q/reports/forensic_report.md)",
        "It is stage p of run [P](../../P/reports/forensic_report.md).",
        "1 stage failed as the pipeline allows (`allow_failure`): a.",
        "- c: run [R.c.1](../../R.c.1/reports/forensic_report.md)",
        "Attempt 1 of stage c left 1 process outside its process group",
    ] {
        assert!(report.contains(told), "{told} is missing in\n{report}");
    }
}
