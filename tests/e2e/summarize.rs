//! `trace summarize`: the metrics of any trace file, through the binary.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Bench, workspace};

fn testdata(name: &str) -> String {
    let path: PathBuf = workspace().join("host/src/trace/testdata").join(name);
    path.to_str().unwrap().to_owned()
}

fn summarize(file: &str) -> Value {
    let ran = Bench::new("").call(&["trace", "summarize", file, "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// Seconds of the worked example, in ns.
fn s(seconds: f64) -> Value {
    json!((seconds * 1e9) as u64)
}

fn near(value: &Value, expected: f64) {
    assert!((value.as_f64().unwrap() - expected).abs() < 5e-4, "{value} is not {expected}");
}

#[test]
fn the_worked_example_gives_the_numbers_of_the_design() {
    let summary = summarize(&testdata("worked_example.json"));
    let expected = [
        ("wall_ns", s(30.25)),
        ("busy_ns", s(29.0)),
        ("idle", json!({"total_ns": s(1.25), "lead_in_ns": s(0.5), "gaps_ns": s(0.5), "tail_ns": s(0.25)})),
        ("work_ns", s(39.0)),
        ("useful_ns", s(36.0)),
        ("wasted_ns", s(3.0)),
        ("levels", json!({"0": s(1.25), "1": s(19.0), "2": s(10.0)})),
        ("critical_path", json!({"duration_ns": s(27.0), "stages": ["A", "C", "G", "H"]})),
        ("lower_bound_ns", s(27.0)),
        ("queue", json!({"total_ns": s(5.5), "slot_ns": s(5.0), "dispatch_ns": s(0.5)})),
        (
            "chain_totals",
            json!({"execution_ns": s(26.0), "queue_ns": s(2.5), "backoff_ns": s(1.0), "overhead_ns": s(0.75)}),
        ),
    ];
    for (key, value) in expected {
        assert_eq!(summary[key], value, "{key}");
    }
    near(&summary["speedup"], 1.289);
    near(&summary["efficiency"], 0.6446);
    near(&summary["max_speedup"], 1.444);
    near(&summary["schedule_quality"], 0.8926);
    let column = |key: &str| {
        let stages = summary["stages"].as_array().unwrap();
        stages.iter().map(|stage| (stage["id"].as_str().unwrap().to_owned(), stage[key].clone())).collect::<Vec<_>>()
    };
    let named = |values: [(&str, f64); 9]| values.map(|(id, seconds)| (id.to_owned(), s(seconds))).to_vec();
    assert_eq!(
        column("cost_ns"),
        named([("A", 4.), ("B", 2.), ("C", 10.), ("D", 8.), ("E", 3.), ("F", 0.), ("G", 10.), ("H", 3.), ("S", 0.)])
    );
    assert_eq!(
        column("slack_ns"),
        named([("A", 0.), ("B", 25.), ("C", 0.), ("D", 2.), ("E", 20.), ("F", 12.), ("G", 0.), ("H", 0.), ("S", 20.)])
    );
    let drags: Vec<_> = column("drag_ns").into_iter().filter(|(_, drag)| !drag.is_null()).collect();
    assert_eq!(drags, [("A", 4.), ("C", 2.), ("G", 10.), ("H", 3.)].map(|(id, drag)| (id.to_owned(), s(drag))));
}

#[test]
fn the_killed_variant_too() {
    let summary = summarize(&testdata("worked_example_killed.json"));
    assert_eq!(summary["wall_ns"], s(19.5));
    assert_eq!(summary["work_ns"], s(29.0));
    assert_eq!(summary["useful_ns"], s(23.0));
    assert_eq!(summary["critical_path"]["duration_ns"], s(17.0));
    near(&summary["speedup"], 1.487);
    near(&summary["efficiency"], 0.7436);
    assert_eq!(
        summary["chain_totals"],
        json!({"execution_ns": s(16.0), "queue_ns": s(2.0), "backoff_ns": s(1.0), "overhead_ns": s(0.5)})
    );
}

#[test]
fn a_live_run_its_report_and_its_file_tell_the_same() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "same"
        max_parallel = 2
        [stages.a]
        run = "sleep 0.05"
        [stages.b]
        run = "sleep 0.05"
        [stages.c]
        run = "sleep 0.05"
        needs = ["a", "b"]
        "#,
    );
    assert_eq!(bench.run().code, Some(0));
    let summary = summarize(bench.run_dir().join("data/forensic_trace.json").to_str().unwrap());
    assert_eq!(bench.json("reports/forensic_report.json")["summary"], summary);
    let run = bench.trace().run().clone();
    assert_eq!(
        summary["wall_ns"].as_u64().unwrap(),
        run["end_time"].as_u64().unwrap() - run["start_time"].as_u64().unwrap()
    );
    let total = |object: &Value| object.as_object().unwrap().values().map(|ns| ns.as_u64().unwrap()).sum::<u64>();
    assert_eq!(total(&summary["chain_totals"]), summary["wall_ns"].as_u64().unwrap());
    assert_eq!(total(&summary["levels"]), summary["wall_ns"].as_u64().unwrap());
}

#[test]
fn another_writers_trace_is_read_with_warnings() {
    let bench = Bench::new("");
    bench.write(
        "seed.json",
        r#"[
  {
    "name": "child", "start_time": 2000000000, "end_time": 3000000000, "duration_ms": 1000.0, "status": "UNSET",
    "attributes": {"x": NaN}, "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331",
    "parent_span_id": "00f067aa0ba902b7"
  },
  {
    "name": "root", "start_time": 1000000000, "end_time": 4000000000, "duration_ms": 3000.0, "status": "ERROR",
    "attributes": {}, "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "00f067aa0ba902b7",
    "parent_span_id": null
  },
  {"name": "cut"#,
    );
    let ran = bench.call(&["trace", "summarize", "seed.json", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(summary["wall_ns"], s(3.0));
    assert_eq!(summary["stages"][0]["id"], "child");
    assert!(summary["critical_path"].is_null());
    let warnings = summary["warnings"].to_string();
    assert!(warnings.contains("cut"), "{warnings}");

    let text = bench.call(&["trace", "summarize", "seed.json"]);
    assert_eq!(text.code, Some(0));
    assert!(text.stdout.contains("child"), "{}", text.stdout);
}

#[test]
fn what_is_no_trace_is_refused_with_its_place() {
    let bench = Bench::new("");
    bench.write("no.json", "{\n  \"resourceSpans\": []\n}");
    bench.write("empty.json", "");
    for file in ["no.json", "empty.json", "missing.json"] {
        let ran = bench.call(&["trace", "summarize", file]);
        assert_eq!(ran.code, Some(2), "{file}: {}", ran.stderr);
        assert!(ran.stderr.contains(file), "{file}: {}", ran.stderr);
    }
}
