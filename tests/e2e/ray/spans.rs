//! Spans of stages that ran elsewhere: real SDKs over every protocol, caps and redaction as here, and clocks that are wrong.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::cluster::{fragile, node, shared};
use super::trial::Trial;
use crate::support::workspace;

/// Spans that the worker of an attempt made.
fn worker<'a>(trace: &'a crate::support::Trace, stage: &str) -> &'a Value {
    let of_stage = |span: &&Value| span["attributes"]["forensic.stage.id"] == stage;
    let found: Vec<_> = trace.kind("worker").into_iter().filter(of_stage).collect();
    let [span] = found[..] else { panic!("{} worker spans of {stage}", found.len()) };
    span
}

#[test]
fn spans_of_stages_come_back_over_http_and_grpc_under_their_workers_span() {
    let Some(cluster) = shared() else { return };
    let Some(python) = std::env::var_os("OTLP_PYTHON_BIN").map(PathBuf::from) else {
        eprintln!("SKIPPED: OTLP_PYTHON_BIN is not set; tests/run sets it");
        return;
    };
    let emit = workspace().join("tests/otlp/python/emit.py");
    let (python, emit) = (python.join("python"), emit.display());
    let python = python.display();
    let trial = Trial::new(
        cluster,
        "",
        &format!(
            "[stages.http]\ncommand = [\"{python}\", \"{emit}\", \"1500\"]\n\
             [stages.grpc]\ncommand = [\"{python}\", \"{emit}\", \"600\"]\nenv = {{ OTEL_EXPORTER_OTLP_PROTOCOL = \"grpc\" }}\n"
        ),
    );
    assert_eq!(trial.run(), Some(0));
    let trace = trial.trace();
    for (stage, extra) in [("http", 1500), ("grpc", 600)] {
        let worker = worker(&trace, stage);
        let attempt = trace.attempts(stage)[0];
        assert_eq!(worker["parent_span_id"], attempt["span_id"]);
        assert_eq!(worker["name"], format!("{stage}#1@{}", attempt["attributes"]["forensic.worker"].as_str().unwrap()));
        let of_stage = |span: &&Value| {
            span["attributes"]["forensic.origin"] == "otlp" && span["attributes"]["forensic.stage.id"] == stage
        };
        let sent: Vec<&Value> = trace.0.iter().filter(of_stage).collect();
        assert_eq!(sent.len(), 3 + extra, "{stage}");
        let parent = sent.iter().find(|span| span["name"] == "emit.parent").unwrap();
        assert_eq!(parent["parent_span_id"], worker["span_id"], "{parent}");
        assert_eq!(parent["attributes"]["text"], "Grüße, 世界 🦀");
        assert_eq!(parent["attributes"]["int"], 1u64 << 60);
        for span in &sent {
            assert_eq!(span["trace_id"], attempt["trace_id"]);
            assert_eq!(span["attributes"]["forensic.attempt"], 1);
        }
        assert_eq!(attempt["attributes"]["forensic.spans.received"], 4 + extra as u64, "{attempt}");
        assert!(attempt["attributes"].get("forensic.spans.lost").is_none(), "{attempt}");
        // Events are kept or dropped as the host was told.
        let failed = sent.iter().find(|span| span["name"] == "emit.second").unwrap();
        assert_eq!(failed["attributes"]["exception.message"], "the second child fails on purpose");
        assert!(failed.get("events").is_none(), "{failed}");
    }
}

#[test]
fn wrong_clocks_of_workers_are_measured_and_shown_and_touch_no_number() {
    let Some(mut fragile) = fragile() else { return };
    let cluster = fragile.cluster();
    let skewed = |name: &str, ns: i64| {
        node(0, &json!({ name: 100 }), &json!({}), &json!({ "FORENSIC_TEST_CLOCK_SKEW_NS": ns.to_string() }))
    };
    let nodes = cluster.add([skewed("ahead", 5_000_000_000), skewed("behind", -5_000_000_000)]);
    let stage = |id: &str, needs: &str| {
        format!("[stages.{id}]\nrun = 'sleep 0.2'\nneeds = [{needs}]\nray = {{ cpus = 0, custom = {{ {id} = 1 }} }}\n")
    };
    let trial = Trial::new(cluster, "", &(stage("ahead", "") + &stage("behind", "\"ahead\"")));
    assert_eq!(trial.run(), Some(0));
    let trace = trial.trace();
    let time = |span: &Value, key: &str| span[key].as_i64().unwrap();
    for (stage, skew) in [("ahead", 5_000_000_000), ("behind", -5_000_000_000i64)] {
        let attributes = &trace.attempts(stage)[0]["attributes"];
        let offset = attributes["forensic.clock_offset_ns"].as_i64().unwrap();
        let bound = attributes["forensic.clock_bound_ns"].as_i64().unwrap();
        // Both clocks are the same but for what was added.
        assert!((offset - skew).abs() <= bound.max(1_000_000), "{stage}: {offset} ± {bound}");
        let worker = worker(&trace, stage);
        assert_eq!(worker["attributes"]["forensic.outside_dispatch"], true, "{worker}");
        // It is as the worker saw it.
        let attempt = trace.attempts(stage)[0];
        let off = time(worker, "start_time") - time(attempt, "start_time");
        assert!((off - skew).abs() < 4_000_000_000, "{stage}: its worker's span is {off} ns off");
    }
    // Nothing is before the run or after it, and the stages were one after the other.
    let run = trace.run();
    let summary = &trial.json("reports/forensic_report.json")["summary"];
    let stages = summary["stages"].as_array().unwrap();
    assert_eq!(stages.len(), 2);
    for stage in stages {
        assert!(time(run, "start_time") <= time(stage, "start_time"), "{stage}");
        assert!(time(stage, "start_time") <= time(stage, "end_time"), "{stage}");
        assert!(time(stage, "end_time") <= time(run, "end_time"), "{stage}");
        let attempt = trace.attempts(stage["id"].as_str().unwrap())[0];
        let started = attempt["attributes"]["forensic.started_time"].as_i64().unwrap();
        assert_eq!(stage["cost_ns"].as_i64().unwrap(), time(attempt, "end_time") - started, "{stage}");
        assert!(time(attempt, "start_time") <= started, "{attempt}");
    }
    assert!(time(&stages[0], "end_time") <= time(&stages[1], "start_time"), "{summary}");
    let wall = summary["wall_ns"].as_i64().unwrap();
    assert_eq!(wall, time(run, "end_time") - time(run, "start_time"));
    assert!(summary["work_ns"].as_i64().unwrap() <= wall, "{summary}");
    assert_eq!(summary["max_concurrency"], 1);
    let report = trial.read("reports/forensic_report.md").to_lowercase();
    assert!(report.contains("clock"), "the skew is in the report: {report}");

    // Only who asks for it sees spans shifted.
    let file = trial.run_dir().join("data/forensic_trace.json");
    let file = file.to_str().unwrap();
    let inside = |aligned: bool| {
        let mut arguments = vec!["trace", "export", file, "--format", "otlp-json"];
        arguments.extend(aligned.then_some("--align-workers"));
        assert_eq!(trial.call(&arguments), Some(0), "{}", trial.stderr());
        let spans = exported(&serde_json::from_str(&trial.stdout()).unwrap());
        ["ahead", "behind"].map(|stage| {
            let dispatch = spans.iter().find(|span| span.0 == format!("{stage}#1")).unwrap();
            let worker = spans.iter().find(|span| span.0.starts_with(&format!("{stage}#1@"))).unwrap();
            // The clocks' bound.
            let bound = 50_000_000;
            dispatch.1 - bound <= worker.1 && worker.2 <= dispatch.2 + bound
        })
    };
    assert_eq!(inside(false), [false, false]);
    assert_eq!(inside(true), [true, true]);
    drop(trial);
    cluster.remove(&nodes);
}

/// Name, start and end of all spans of an OTLP document.
fn exported(document: &Value) -> Vec<(String, i64, i64)> {
    let mut found = Vec::new();
    for resource in document["resourceSpans"].as_array().unwrap() {
        for scope in resource["scopeSpans"].as_array().unwrap() {
            for span in scope["spans"].as_array().unwrap() {
                let time = |key: &str| span[key].as_str().unwrap().parse::<i64>().unwrap();
                let name = span["name"].as_str().unwrap().to_owned();
                found.push((name, time("startTimeUnixNano"), time("endTimeUnixNano")));
            }
        }
    }
    found
}
