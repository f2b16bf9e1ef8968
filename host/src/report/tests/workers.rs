//! A run whose stages ran on a cluster, as a reader meets it.

use super::super::render;
use super::golden::golden;
use super::sample::{FAILED, Sample};
use serde_json::{Value, json};

const MS: u64 = 1_000_000;
const T0: u64 = 1_767_225_600_000 * MS;
const NODE_A: &str = "09db63ffb6315c0f0a";
const NODE_B: &str = "c4dd01e2aa7790b1c2";

fn span(id: u64, parent: u64, name: &str, (start, end): (u64, u64), status: &str, attributes: Value) -> Value {
    let hex = |id: u64| if id == 0 { Value::Null } else { format!("{id:016x}").into() };
    json!({"name": name, "start_time": T0 + start * MS, "end_time": T0 + end * MS, "duration_ms": end - start, "status": status,
        "attributes": attributes, "trace_id": "5b8aa5a2d2c872e8321cf37308d69df2", "span_id": hex(id), "parent_span_id": hex(parent)})
}

fn stage(id: u64, name: &str, needs: &[&str], times: (u64, u64), result: &str, attempts: u64) -> Value {
    let status = if result == "success" || result == "skip" { "Success" } else { "Error" };
    span(
        id,
        1,
        name,
        times,
        status,
        json!({"forensic.kind": "stage", "forensic.stage.id": name, "forensic.stage.needs": needs,
        "forensic.stage.index": id, "cicd.pipeline.task.run.result": result, "forensic.attempts": attempts}),
    )
}

fn attempt(id: u64, stage: (u64, &str, u64), times: (u64, u64), result: &str, more: Value) -> Value {
    let status = if result == "success" { "Success" } else { "Error" };
    let (parent, name, number) = stage;
    let mut attributes = json!({"forensic.kind": "attempt", "forensic.stage.id": name, "forensic.attempt": number,
        "cicd.pipeline.task.run.result": result});
    attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    span(id, parent, "python3", times, status, attributes)
}

fn worker(id: u64, attempt: u64, stage: (&str, u64), worker: &str, times: (u64, u64), outside: bool) -> Value {
    let mut attributes = json!({"forensic.kind": "worker", "forensic.origin": "worker", "forensic.stage.id": stage.0,
        "forensic.attempt": stage.1, "forensic.worker": worker});
    if outside {
        attributes["forensic.outside_dispatch"] = true.into();
    }
    span(id, attempt, &format!("{}#{}@{worker}", stage.0, stage.1), times, "Success", attributes)
}

/// Everything that can happen on a cluster, in one run.
fn trace() -> Vec<Value> {
    let ray = |started: Option<u64>, node: Option<(&str, &str, &str)>, more: Value| {
        let mut attributes = json!({"forensic.executor": "ray", "forensic.delivery": "at_least_once"});
        if let Some(started) = started {
            attributes["forensic.started_time"] = (T0 + started * MS).into();
        }
        if let Some((node, name, worker)) = node {
            attributes["forensic.node"] = node.into();
            attributes["forensic.node_name"] = name.into();
            attributes["forensic.worker"] = worker.into();
        }
        attributes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        attributes
    };
    let (a, b) = ((NODE_A, "10.0.0.2", "09db63ffb631-19641"), (NODE_B, "10.0.0.3", "c4dd01e2aa77-812"));
    let fine = |offset: i64| json!({"forensic.clock_offset_ns": offset, "forensic.clock_bound_ns": 390_000, "forensic.spans.received": 3});
    vec![
        span(
            1,
            0,
            "RUN meta.full",
            (0, 60_000),
            "Error",
            json!({"forensic.kind": "run", "cicd.pipeline.name": "meta.full",
            "cicd.pipeline.run.id": "20260101T000000Z-ray", "cicd.pipeline.result": "error", "forensic.slots": 4, "forensic.cores": 2,
            "forensic.schedule_start_time": T0 + 500 * MS, "error.type": "stage_failed", "forensic.cluster.auth": "none",
            "forensic.cluster.ray_version": "2.60.0"}),
        ),
        stage(2, "load", &[], (500, 12_500), "success", 1),
        attempt(20, (2, "load", 1), (500, 12_500), "success", ray(Some(2_500), Some(a), fine(-41_000))),
        worker(200, 20, ("load", 1), a.2, (2_400, 12_400), false),
        stage(3, "fit", &["load"], (12_500, 40_000), "success", 2),
        attempt(
            30,
            (3, "fit", 1),
            (12_500, 20_000),
            "error",
            ray(
                Some(12_600),
                Some(a),
                json!({"error.type": "worker_lost",
            "forensic.clock_offset_ns": -41_500, "forensic.clock_bound_ns": 400_000, "forensic.spans.received": 7,
            "forensic.spans.lost": 2, "forensic.spans.recovered": 3}),
            ),
        ),
        attempt(
            31,
            (3, "fit", 2),
            (23_000, 40_000),
            "success",
            ray(
                Some(24_000),
                Some(b),
                json!({"forensic.backoff_ns": 3_000 * MS,
            "forensic.previous_attempt": 1, "forensic.previous_fenced": "proved", "forensic.clock_offset_ns": 5_000 * MS as i64,
            "forensic.clock_bound_ns": 380_000, "forensic.spans.received": 9}),
            ),
        ),
        worker(201, 31, ("fit", 2), b.2, (29_000, 44_900), true),
        stage(4, "risk.optimize", &["load"], (12_500, 55_000), "error", 1),
        attempt(
            40,
            (4, "risk.optimize", 1),
            (12_500, 55_000),
            "error",
            ray(
                Some(13_000),
                Some(b),
                json!({"error.type": "node_lost",
            "forensic.spans.received": 1, "forensic.spans.lost_unknown": true, "forensic.delivery": "at_most_once"}),
            ),
        ),
        stage(5, "train", &["load"], (12_500, 42_500), "error", 1),
        attempt(
            50,
            (5, "train", 1),
            (12_500, 42_500),
            "error",
            ray(
                None,
                None,
                json!({"error.type": "queue_timeout",
            "forensic.pending_reason": "no node has 8 GPUs; the most is 0"}),
            ),
        ),
        stage(6, "note", &["load"], (12_500, 12_900), "success", 1),
        attempt(60, (6, "note", 1), (12_500, 12_900), "success", json!({})),
    ]
}

fn rendered(spans: &[Value]) -> super::super::Rendered {
    render(&Sample::of_trace(&Value::Array(spans.to_vec()).to_string()).input())
}

#[test]
fn a_run_on_a_cluster() {
    let rendered = rendered(&trace());
    golden("cluster_run.md", &rendered.markdown);
    golden("cluster_run.json", &rendered.json);
}

#[test]
fn what_was_lost_is_said_with_its_reason() {
    let markdown = rendered(&trace()).markdown;
    for told in [
        "2 spans of fit#1 are lost: its worker was killed; 3 spans of fit#1 were read from its worker's own file.",
        "It is unknown how many spans of risk.optimize#1 are lost: its node was lost.",
        "fit#2 repeats attempt 1, which was lost and had surely ended before.",
        "train#1 waited 30.0 s in the cluster: no node has 8 GPUs; the most is 0.",
        "**The cluster answers without authentication**",
        "1 worker's span lies outside",
        "risk.optimize: error, its node was lost",
        "A fault of the infrastructure, not the stage's.",
        "train: error, nothing in the cluster could take it in time",
        "It never started: submitted at +12.5 s, it waited in the cluster for 30.0 s.",
    ] {
        assert!(markdown.contains(told), "{told} in {markdown}");
    }
}

/// On the host alone there is no such part; with a token there is no warning.
#[test]
fn what_is_not_there_is_not_told() {
    let local = render(&Sample::of_trace(FAILED).input());
    assert!(
        !local.markdown.contains("Workers") && !local.json.contains("\"workers\"") && !local.html.contains("Workers")
    );
    let mut spans = trace();
    spans[0]["attributes"]["forensic.cluster.auth"] = "token".into();
    let markdown = rendered(&spans).markdown;
    assert!(markdown.contains("### Workers\n") && !markdown.contains("authentication"));
}

#[test]
fn every_fault_has_words() {
    use crate::conventions::error_type::*;
    for fault in
        [WORKER_LOST, WORKER_OOM, NODE_LOST, NODE_DRAINED, CLUSTER_LOST, BRIDGE_LOST, SUPERVISOR_LOST, QUEUE_TIMEOUT]
    {
        let mut spans = trace();
        spans.retain(|span| span["attributes"]["forensic.stage.id"] != "train");
        let lost = spans.iter_mut().find(|span| span["attributes"]["error.type"] == "node_lost").unwrap();
        lost["attributes"]["error.type"] = fault.into();
        let rendered = rendered(&spans);
        // One is a setting's name as well, and the advice names that.
        let named = rendered.markdown.matches(fault).count();
        let settings = rendered.markdown.matches(&format!("`{fault}`")).count();
        assert_eq!(named, settings, "{fault} is no word for a person: {}", rendered.markdown);
        let json: Value = serde_json::from_str(&rendered.json).unwrap();
        let failures = json["failures"].as_array().unwrap();
        assert_eq!((&failures[0]["infrastructure"], &failures[0]["error_type"]), (&json!(true), &json!(fault)));
    }
}

/// Names come from machines that anybody may have set up.
#[test]
fn names_of_nodes_are_text() {
    let mut spans = trace();
    spans[2]["attributes"]["forensic.node_name"] = "<b>| *x*\n\u{202e}".into();
    let rendered = rendered(&spans);
    assert!(!rendered.markdown.contains("<b>") && !rendered.html.contains("<b>|"), "{}", rendered.markdown);
    assert!(!rendered.markdown.contains('\u{202e}') && !rendered.html.contains('\u{202e}'));
}
