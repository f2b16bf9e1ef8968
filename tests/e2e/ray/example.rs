//! The example on a cluster of two nodes: its report differs from one made here in times, workers and executor, and in nothing
//! else; every span is there once, under the right parent; and the files of the workers make the same trace.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::{Cluster, python, shared};
use super::trial::Trial;
use crate::example::without_ids;
use crate::support::{Bench, Trace, workspace};

/// The example's stages.
const STAGES: usize = 51;

/// The run of `example.rs` again, on a cluster. Called there, as the run here takes a minute.
pub(crate) fn the_same_there(here: &Bench) {
    let Some(cluster) = shared() else { return };
    let there = run(cluster);
    the_same_report(here, &there);
    every_span_once(&here.trace(), &there.trace());
    worker_files_make_the_trace(&there);
}

/// The example on Ray, with an id that [`without_ids`] masks.
fn run(cluster: &Cluster) -> Trial<'_> {
    let mut trial = Trial::new(cluster, "", "");
    trial.id = "S".to_owned();
    trial.patience = Duration::from_secs(400);
    let file = workspace().join("example/pipeline.toml");
    let arguments = ["--run-id", "S", "--executor", "ray", "--ray-address", cluster.address()];
    let mut command = trial.command(&["run", file.to_str().unwrap()]);
    // The bridge's `python3`; stages have the cluster's PATH.
    let mut path = python().unwrap().parent().unwrap().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    command.args(arguments).env("PATH", path);
    assert_eq!(trial.spawn(command).wait(), Some(0));
    trial
}

/// What does not depend on how long anything took and where it ran.
fn timeless(value: &Value) -> Value {
    const TIMES: [&str; 18] = [
        "start_time",
        "end_time",
        "speedup",
        "efficiency",
        "cpu_use",
        "max_concurrency",
        "levels",
        "critical_path",
        "critical",
        "max_speedup",
        "schedule_quality",
        "queue",
        "chain",
        "chain_totals",
        "idle",
        "peak_memory_bytes",
        "trace_id",
        "spans",
    ];
    const WHERE: [&str; 6] = ["executor", "worker", "workers", "node", "nodes", "remote"];
    match value {
        Value::Object(members) => {
            let kept = |key: &str| !key.ends_with("_ns") && !TIMES.contains(&key) && !WHERE.contains(&key);
            let members = members.iter().filter(|(key, _)| kept(key));
            Value::Object(members.map(|(key, value)| (key.clone(), timeless(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(timeless).collect()),
        other => other.clone(),
    }
}

/// Files below a folder, ascending, without traces.
fn files(folder: &Path, below: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder.join(below)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{below}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files(folder, &name, found);
        } else if !name.contains("forensic_trace") {
            found.insert(name);
        }
    }
}

fn the_same_report(here: &Bench, there: &Trial<'_>) {
    let report = |text: &str| serde_json::from_str::<Value>(&without_ids(text)).unwrap();
    let name = "reports/forensic_report.json";
    let (one, other) = (report(&here.read(name)), report(&there.read(name)));
    let (summary, on_ray) = (timeless(&one["summary"]), timeless(&other["summary"]));
    for (key, value) in summary.as_object().unwrap() {
        assert_eq!(*value, on_ray[key], "{key}");
    }
    assert_eq!(summary, on_ray);
    let stages = on_ray["stages"].as_array().unwrap();
    assert_eq!(stages.len(), STAGES);
    let told = |report: &Value| -> Vec<Value> {
        let reports = report["reports"].as_array().unwrap().iter();
        reports.map(|it| json!({ "id": it["id"], "error": it["error"], "plugin": it["plugin"]["name"] })).collect()
    };
    assert_eq!(told(&one), told(&other));

    // The stages' own results.
    let data = |run: &Path| {
        let mut found = BTreeSet::new();
        files(run, "data", &mut found);
        found
    };
    let names = data(&here.run_dir());
    assert_eq!(names, data(&there.run_dir()));
    let mut compared = 0;
    for name in names.iter().filter(|name| !name.ends_with("audit.jsonl")) {
        assert!(without_ids(&here.read(name)) == without_ids(&there.read(name)), "{name} differs");
        compared += 1;
    }
    assert!(compared > 100, "{compared} files");
}

fn every_span_once(here: &Trace, there: &Trace) {
    let by_id: HashMap<&str, &Value> = there.0.iter().map(|span| (span["span_id"].as_str().unwrap(), span)).collect();
    assert_eq!(by_id.len(), there.0.len(), "a span is there twice");
    let parent = |span: &Value| span["parent_span_id"].as_str().and_then(|id| by_id.get(id).copied());
    // The same spans as here, and one for each attempt's worker.
    let counts = |trace: &Trace| {
        let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
        for span in trace.0.iter().filter(|span| span["attributes"]["forensic.kind"] != "worker") {
            let stage = span["attributes"]["forensic.stage.id"].as_str().unwrap_or_default().to_owned();
            *counts.entry((stage, span["name"].as_str().unwrap().to_owned())).or_default() += 1;
        }
        counts
    };
    assert_eq!(counts(here), counts(there));

    let attempts = there.kind("attempt");
    assert_eq!(attempts.len(), STAGES);
    let mut nodes = BTreeSet::new();
    for attempt in attempts {
        assert_eq!(attempt["attributes"]["forensic.executor"], "ray", "{attempt}");
        assert_eq!(parent(attempt).unwrap()["attributes"]["forensic.kind"], "stage", "{attempt}");
        assert!(attempt["attributes"].get("forensic.spans.lost").is_none(), "{attempt}");
        let workers: Vec<_> =
            there.kind("worker").into_iter().filter(|span| span["parent_span_id"] == attempt["span_id"]).collect();
        assert_eq!(workers.len(), 1, "{attempt}");
        nodes.insert(attempt["attributes"]["forensic.node"].as_str().unwrap());
    }
    assert_eq!(there.kind("worker").len(), STAGES);
    assert_eq!(nodes.len(), 2, "both nodes had work");
    let mut sent = 0;
    for span in there.0.iter().filter(|span| span["attributes"]["forensic.origin"] == "otlp") {
        let mut above = parent(span);
        while let Some(other) = above.filter(|other| other["attributes"]["forensic.origin"] == "otlp") {
            above = parent(other);
        }
        let worker = above.unwrap_or_else(|| panic!("an orphan: {span}"));
        assert_eq!(worker["attributes"]["forensic.kind"], "worker", "{span}");
        for key in ["forensic.stage.id", "forensic.attempt"] {
            assert_eq!(worker["attributes"][key], span["attributes"][key], "{span}");
        }
        sent += 1;
    }
    assert!(sent > 100, "{sent} spans of stages");
}

fn worker_files_make_the_trace(trial: &Trial<'_>) {
    let trace = trial.trace();
    let data = trial.run_dir().join("data");
    let names = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> =
        names.filter(|name| name.starts_with("forensic_trace.") && name != "forensic_trace.json").collect();
    let workers: BTreeSet<String> = trace
        .kind("attempt")
        .iter()
        .map(|attempt| format!("forensic_trace.{}.json", attempt["attributes"]["forensic.worker"].as_str().unwrap()))
        .collect();
    assert_eq!(files, workers);
    let mut of_workers = BTreeSet::new();
    for name in &files {
        let spans: Vec<Value> = serde_json::from_str(&trial.read(&format!("data/{name}"))).unwrap();
        assert!(!spans.is_empty(), "{name}");
        for span in spans {
            let worker = span["attributes"]["forensic.kind"] == "worker";
            assert!(
                !worker || name.contains(span["attributes"]["forensic.worker"].as_str().unwrap()),
                "{name}: {span}"
            );
            assert!(of_workers.insert(span["span_id"].as_str().unwrap().to_owned()), "twice in worker files: {span}");
        }
    }
    let remote =
        |span: &&Value| ["otlp", "worker"].iter().any(|origin| span["attributes"]["forensic.origin"] == *origin);
    let ids = |spans: &mut dyn Iterator<Item = &Value>| -> BTreeSet<String> {
        spans.map(|span| span["span_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(of_workers, ids(&mut trace.0.iter().filter(remote)));

    // The host's own spans and the workers' files give the same trace again, in whatever order they come; merging orders spans
    // that begin at the same time.
    let own: Vec<&Value> = trace.0.iter().filter(|span| !remote(span)).collect();
    trial.bench.write("own.json", serde_json::to_string(&own).unwrap());
    let merged = |files: &[String]| {
        let mut arguments = vec!["trace", "merge"];
        arguments.extend(files.iter().map(String::as_str));
        assert_eq!(trial.call(&arguments), Some(0), "{}", trial.stderr());
        serde_json::from_str::<Vec<Value>>(&trial.stdout()).unwrap()
    };
    let mut parts: Vec<String> = files.iter().map(|name| data.join(name).to_str().unwrap().to_owned()).collect();
    parts.push("own.json".to_owned());
    let from_parts = merged(&parts);
    let from_whole = merged(&[data.join("forensic_trace.json").to_str().unwrap().to_owned()]);
    assert_eq!(from_whole.len(), trace.0.len());
    assert_eq!(from_parts.len(), from_whole.len());
    for (part, whole) in from_parts.iter().zip(&from_whole) {
        assert_eq!(part, whole);
    }
}
