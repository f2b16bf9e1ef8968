//! Attempts that a cluster ran: what they waited for, and that no worker's clock enters a number.

use super::simulator::{plan, simulate};
use super::*;
use crate::trace::metrics::chain::Class;
use crate::trace::{Aligned, Kind, Run};
use proptest::prelude::*;
use serde_json::{Value, json};

const S: u64 = 1_000_000_000;
const T0: u64 = 1_767_225_600 * S;

fn span(id: u64, parent: u64, name: &str, start: u64, end: u64, attributes: Value) -> Value {
    let hex = |id: u64| if id == 0 { Value::Null } else { format!("{id:016x}").into() };
    json!({"name": name, "start_time": T0 + start, "end_time": T0 + end, "duration_ms": 0.0, "status": "Success",
        "attributes": attributes, "trace_id": format!("{:032x}", 0xaa), "span_id": hex(id), "parent_span_id": hex(parent)})
}

/// One slot; `a` is submitted at 1 s, starts at 3 s and ends at 10 s; `b` needs nothing, runs on the host from 10 s to 12 s.
fn mixed() -> Vec<Value> {
    vec![
        span(
            1,
            0,
            "RUN",
            0,
            13 * S,
            json!({"forensic.kind": "run", "forensic.slots": 1, "forensic.schedule_start_time": T0 + S / 2,
            "forensic.cluster.auth": "none", "forensic.cluster.ray_version": "2.60.0"}),
        ),
        span(
            2,
            1,
            "a",
            S,
            10 * S,
            json!({"forensic.kind": "stage", "forensic.stage.id": "a", "forensic.stage.needs": [],
            "cicd.pipeline.task.run.result": "success", "forensic.attempts": 1}),
        ),
        span(
            3,
            2,
            "sh",
            S,
            10 * S,
            json!({"forensic.kind": "attempt", "forensic.stage.id": "a", "forensic.attempt": 1,
            "cicd.pipeline.task.run.result": "success", "forensic.executor": "ray", "forensic.started_time": T0 + 3 * S,
            "forensic.node": "09db63ffb631aa", "forensic.node_name": "10.0.0.2", "forensic.worker": "09db63ffb631-77",
            "forensic.clock_offset_ns": 5 * S, "forensic.clock_bound_ns": 400_000, "forensic.spans.received": 2,
            "forensic.delivery": "at_most_once"}),
        ),
        span(
            4,
            1,
            "b",
            10 * S,
            12 * S,
            json!({"forensic.kind": "stage", "forensic.stage.id": "b", "forensic.stage.needs": [],
            "cicd.pipeline.task.run.result": "success", "forensic.attempts": 1}),
        ),
        span(
            5,
            4,
            "sh",
            10 * S,
            12 * S,
            json!({"forensic.kind": "attempt", "forensic.stage.id": "b", "forensic.attempt": 1,
            "cicd.pipeline.task.run.result": "success"}),
        ),
        // Five seconds ahead.
        span(
            6,
            3,
            "a#1@09db63ffb631-77",
            8 * S,
            15 * S - 1,
            json!({"forensic.kind": "worker", "forensic.origin": "worker",
            "forensic.stage.id": "a", "forensic.attempt": 1, "forensic.worker": "09db63ffb631-77",
            "forensic.outside_dispatch": true}),
        ),
        span(
            7,
            6,
            "fit",
            9 * S,
            14 * S,
            json!({"forensic.origin": "otlp", "forensic.stage.id": "a", "forensic.attempt": 1}),
        ),
    ]
}

fn text(spans: &[Value]) -> String {
    Value::Array(spans.to_vec()).to_string()
}

fn set(spans: &mut [Value], id: usize, key: &str, value: Value) {
    spans[id - 1]["attributes"][key] = value;
}

#[test]
fn a_queue_is_split_where_the_attempt_was_submitted() {
    let summary = summary_of(&text(&mixed()));
    assert_eq!(summary.warnings, Vec::<String>::new());
    let queue = summary.queue.expect("a queue");
    // a: half a second for the host, two in the cluster; b: all of its wait for the slot that a held from 1 s on, and half a
    // second before that.
    assert_eq!((queue.total_ns, queue.slot_ns, queue.dispatch_ns), (12 * S, Some(S / 2 + 9 * S), Some(2 * S + S / 2)));
    assert_eq!((summary.busy_ns, summary.work_ns, summary.wall_ns), (9 * S, 9 * S, 13 * S));
    let a = &summary.stages[0];
    assert_eq!((a.start_time, a.duration_ns, a.cost_ns, a.queue_ns), (T0 + 3 * S, 7 * S, 7 * S, Some(5 * S / 2)));
    assert_eq!(a.executor.as_deref(), Some("ray"));
    assert_eq!(summary.stages[1].executor, None);
    assert_eq!(summary.spans.by_origin["worker"], 1);
}

#[test]
fn what_ran_where_is_read() {
    let run = Run::of(&load(&text(&mixed())));
    assert_eq!(run.stages.len(), 2, "a worker's span is no stage");
    assert_eq!(run.stages[0].attempts.len(), 1, "and no attempt");
    assert_eq!((run.cluster_auth.as_deref(), run.ray_version.as_deref()), (Some("none"), Some("2.60.0")));
    assert_eq!(run.outside_dispatch, 1);
    let attempt = &run.stages[0].attempts[0];
    assert_eq!((attempt.submitted, attempt.start), (Some(T0 + S), T0 + 3 * S));
    let remote = attempt.remote.as_deref().expect("a place");
    assert_eq!((remote.node_label(), remote.worker.as_deref()), (Some("10.0.0.2"), Some("09db63ffb631-77")));
    assert_eq!((remote.clock_offset_ns, remote.clock_bound_ns), (Some(5_000_000_000), Some(400_000)));
    assert_eq!((remote.spans_received, remote.spans_lost, remote.at_least_once), (Some(2), 0, false));
    let local = &run.stages[1].attempts[0];
    assert_eq!((local.submitted, &local.remote), (None, &None));
}

#[test]
fn one_that_never_started_waited_until_its_end() {
    let mut spans = mixed();
    spans[2]["attributes"].as_object_mut().unwrap().remove("forensic.started_time");
    set(&mut spans, 3, "error.type", "queue_timeout".into());
    let summary = summary_of(&text(&spans));
    assert_eq!(summary.warnings, Vec::<String>::new());
    assert_eq!((summary.stages[0].cost_ns, summary.stages[0].queue_ns), (0, Some(10 * S - S / 2)));
    assert_eq!(summary.work_ns, 2 * S);
    assert_eq!(summary.queue.unwrap().dispatch_ns, Some(9 * S + S / 2));
}

#[test]
fn a_start_that_can_not_be_is_told_of_and_cut_off() {
    for (told, taken, word) in [
        (json!(T0 + S - 1), T0 + S, "before it was submitted"),
        (json!(T0 + 11 * S), T0 + 10 * S, "after its end"),
        (json!("yesterday"), T0 + S, "is no time"),
        (json!(-1), T0 + S, "is no time"),
        (json!([1]), T0 + S, "is no time"),
        (json!(1e300), T0 + S, "is no time"),
    ] {
        let mut spans = mixed();
        set(&mut spans, 3, "forensic.started_time", told.clone());
        let trace = load(&text(&spans));
        assert_eq!(Run::of(&trace).stages[0].attempts[0].start, taken, "{told}");
        let warnings = summarize(&trace).warnings;
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains(word) && warnings[0].contains("attempt 1 of stage a"), "{warnings:?}");
    }
}

/// Where an end is missing, a sign of life is looked for: the host's.
#[test]
fn a_workers_clock_is_no_sign_of_life_of_the_host() {
    for missing in [3, 1] {
        let mut spans = mixed();
        spans.truncate(7);
        spans[missing - 1]["end_time"] = Value::Null;
        spans[missing - 1]["duration_ms"] = Value::Null;
        let span = load(&text(&spans)).span_by_id(missing as u64).map(|span| (span.end_time(), span.inferred()));
        let last = if missing == 1 { T0 + 12 * S } else { T0 + S };
        assert_eq!(span, Some((last, true)), "span {missing}");
    }
    let mut spans = mixed();
    spans.remove(0);
    assert_eq!(Run::of(&load(&text(&spans))).end, T0 + 12 * S);
}

/// Only a worker can say that a span is a worker's; a stage's words are its own.
#[test]
fn a_stage_can_not_pose_as_a_worker() {
    let mut spans = mixed();
    set(&mut spans, 7, "forensic.kind", "worker".into());
    set(&mut spans, 5, "forensic.kind", "worker".into());
    let trace = load(&text(&spans));
    assert_eq!(trace.span_by_id(6).unwrap().kind(), Kind::Worker);
    assert_eq!(trace.span_by_id(7).unwrap().kind(), Kind::Other);
    assert_eq!(trace.span_by_id(5).unwrap().kind(), Kind::Other, "no origin");
}

#[test]
fn the_view_that_shifts_spans_shifts_workers_alone() {
    let mut spans = mixed();
    spans[6]["events"] = json!([{"name": "e", "time": T0 + 9 * S + 5, "attributes": {}}]);
    let mut trace = load(&text(&spans));
    let before = summarize(&trace);
    assert_eq!(trace.align_workers(), Aligned { shifted: 2, unknown: 0 });
    let times = |id| trace.span_by_id(id).map(|span| (span.start_time() - T0, span.end_time() - T0));
    assert_eq!(times(6), Some((3 * S, 10 * S - 1)));
    assert_eq!(times(7), Some((4 * S, 9 * S)));
    assert_eq!(times(3), Some((S, 10 * S)));
    assert_eq!(trace.span_by_id(7).and_then(|span| span.parent()).map(|span| span.span_id()), Some(6));
    assert_eq!(trace.span_by_id(6).and_then(|span| span.parent()).map(|span| span.span_id()), Some(3));
    assert!(trace.spans().is_sorted_by_key(|span| (span.start_time(), span.span_id())));
    assert_eq!(summarize(&trace), before);
    for format in crate::trace::export::Format::ALL {
        let mut out = Vec::new();
        crate::trace::export::export(&trace, format, &mut out).unwrap();
        if format == crate::trace::export::Format::OtlpJson {
            let out = String::from_utf8(out).unwrap();
            assert!(out.contains(&format!("\"timeUnixNano\":\"{}\"", T0 + 4 * S + 5)), "{out}");
            assert!(out.contains(&format!("\"startTimeUnixNano\":\"{}\"", T0 + 4 * S)), "{out}");
        }
    }
    // Nobody measured this one.
    spans[2]["attributes"].as_object_mut().unwrap().remove("forensic.clock_offset_ns");
    assert_eq!(load(&text(&spans)).align_workers(), Aligned { shifted: 0, unknown: 2 });
    assert_eq!(load(WORKED).align_workers(), Aligned::default());
}

#[test]
fn a_run_on_the_host_has_no_columns_of_workers() {
    let columns = |text: &str| {
        let trace = load(text);
        let run = Run::of(&trace);
        serde_json::to_value(crate::trace::Columns::of(&trace, &run, &summarize(&trace))).unwrap()
    };
    let attempts = &columns(&text(&mixed()))["attempts"];
    assert_eq!(attempts["worker"], json!(["09db63ffb631-77", null]));
    assert_eq!(attempts["node"], json!(["10.0.0.2", null]));
    assert_eq!(attempts["submitted_ns"], json!([S, null]));
    assert_eq!(attempts["start_ns"], json!([3 * S, 10 * S]));
    let attempts = &columns(WORKED)["attempts"];
    for column in ["worker", "node", "submitted_ns"] {
        assert_eq!(attempts.get(column), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn workers_clocks_change_nothing(plan in plan(), skew in -5_000_000_000i64..5_000_000_000, headless: bool) {
        let run = simulate(&plan).map_times(|time| time + T0, 1);
        let with = |skew: i64| {
            let host = run.spans().into_iter().skip(usize::from(headless));
            summary_of(&format!("[{}]", host.chain(run.worker_spans(skew)).collect::<Vec<_>>().join(",\n")))
        };
        let honest = with(0);
        prop_assert_eq!(&with(skew), &honest);
        if !headless {
            let alone = summary_of(&run.text());
            prop_assert_eq!(crate::trace::Summary { spans: alone.spans.clone(), ..honest }, alone);
        }
    }

    /// The parts of a queue, by the simulator's own account.
    #[test]
    fn queues_are_split_where_attempts_were_submitted(plan in plan(), slots in 1u64..4) {
        let mut plan = plan;
        plan.slots = slots;
        for stage in &mut plan.stages {
            stage.pool = false;
            stage.remote = stage.remote.or(Some(3));
        }
        let run = simulate(&plan);
        let (mut slot, mut dispatch) = (0, 0);
        for stage in &run.stages {
            let mut free = stage.ready.unwrap_or(stage.end);
            for attempt in &stage.attempts {
                let submitted = attempt.submitted.expect("on the cluster");
                slot += submitted - free - attempt.backoff;
                dispatch += attempt.start - submitted;
                free = attempt.end;
            }
        }
        let summary = summary_of(&run.text());
        let queue = summary.queue.expect("a queue");
        prop_assert_eq!((queue.slot_ns, queue.dispatch_ns, queue.pool_ns), (Some(slot), Some(dispatch), None));
        let executed = summary.chain.iter().flatten().filter(|segment| segment.class == Class::Execution);
        for segment in executed {
            let stage = run.stages.iter().find(|stage| Some(&stage.id) == segment.stage.as_ref()).expect("a stage");
            let attempt = &stage.attempts[segment.attempt.expect("an attempt") as usize - 1];
            prop_assert!(attempt.start <= segment.start_time && segment.end_time <= attempt.end, "in the cluster it only waits");
        }
    }
}
