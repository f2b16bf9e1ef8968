//! Traces of other writers: the seed's format, as Python writes it.

use super::*;
use crate::trace::{Query, Status, Value};

/// `json.dump(spans, indent=2)` in order of end, children before parents.
const SEED: &str = r#"[
  {
    "name": "sdk.run_stage",
    "start_time": 1767225600000000000,
    "end_time": 1767225602000000000,
    "duration_ms": 2000.0,
    "status": "UNSET",
    "attributes": {"sharpe": NaN, "weights": [0.10, 2], "big": 18446744073709551616, "n": -3, "ok": true},
    "trace_id": "5b8aa5a2d2c872e8321cf37308d69df2",
    "span_id": "00000000000000b1",
    "parent_span_id": "00000000000000a1"
  },
  {
    "name": "risk.optimize_meta",
    "start_time": 1767225601000000000,
    "end_time": 1767225605000000000,
    "duration_ms": 4000.0,
    "status": "ERROR",
    "attributes": {},
    "trace_id": "5b8aa5a2d2c872e8321cf37308d69df2",
    "span_id": "00000000000000b2",
    "parent_span_id": "00000000000000a1"
  },
  {
    "name": "sdk.run_pipeline",
    "start_time": 1767225600000000000,
    "end_time": 1767225606000000000,
    "duration_ms": 6000.0,
    "status": "OK",
    "attributes": {},
    "trace_id": "5b8aa5a2d2c872e8321cf37308d69df2",
    "span_id": "00000000000000a1",
    "parent_span_id": null
  }
]"#;

#[test]
fn children_of_the_root_are_stages() {
    let s = summary_of(SEED);
    assert_eq!(
        (s.wall_ns, s.busy_ns, s.work_ns, s.useful_ns),
        (6_000_000_000, 5_000_000_000, 6_000_000_000, 2_000_000_000)
    );
    assert_eq!((s.speedup, s.max_concurrency), (Some(1.0), 2));
    assert_eq!(s.levels, [1_000_000_000, 4_000_000_000, 1_000_000_000]);
    assert_eq!(s.run.result.as_deref(), Some("failure"));
    assert_eq!(
        s.stages.iter().map(|stage| (&*stage.id, &*stage.result)).collect::<Vec<_>>(),
        [("sdk.run_stage", "success"), ("risk.optimize_meta", "failure")]
    );
    assert_eq!(s.stages[0].weighted_ns + s.stages[1].weighted_ns, s.busy_ns);
    assert_eq!((s.spans.count, s.spans.errors, s.spans.by_origin["unknown"]), (3, 1, 3));
    // What needs the DAG, the slots or the cores is unknown.
    let json = serde_json::to_value(&s).expect("JSON");
    for key in [
        "efficiency",
        "cpu_use",
        "critical_path",
        "max_speedup",
        "lower_bound_ns",
        "schedule_quality",
        "queue",
        "chain",
        "chain_totals",
    ] {
        assert!(json[key].is_null(), "{key}");
    }
    for key in ["needs", "queue_ns", "slack_ns", "drag_ns", "critical"] {
        assert!(json["stages"][0][key].is_null(), "{key}");
    }
    assert!(s.warnings.iter().any(|warning| warning.starts_with("1 numbers were NaN")), "{:?}", s.warnings);
}

#[test]
fn values_stay_as_written() {
    let trace = load(SEED);
    let span = trace.span_by_id(0xb1).expect("a span");
    let attributes: Vec<_> = span.attributes().collect();
    assert_eq!(
        attributes,
        [
            ("sharpe", Value::Text("NaN")),
            ("weights", Value::Json("[0.10,2]")),
            ("big", Value::Number("18446744073709551616")),
            ("n", Value::Int(-3)),
            ("ok", Value::Bool(true)),
        ]
    );
    assert_eq!(span.parent().map(|parent| parent.name()), Some("sdk.run_pipeline"));
    assert_eq!(
        (span.trace_id_hex().as_str(), span.span_id_hex().as_str()),
        ("5b8aa5a2d2c872e8321cf37308d69df2", "00000000000000b1")
    );
    assert_eq!(trace.span_by_id(0xb2).map(|span| span.status()), Some(Status::Error));
    assert_eq!(trace.span_by_id(7).map(|span| span.index()), None);
}

/// The root is written last, so a cut file has lost it: its children are still the stages.
#[test]
fn a_lost_root_keeps_its_stages() {
    let cut = &SEED[..SEED.find("sdk.run_pipeline").expect("the root")];
    let s = summary_of(cut);
    assert_eq!((s.stages.len(), s.wall_ns, s.work_ns), (2, 5_000_000_000, 6_000_000_000));
    assert!(s.warnings[0].starts_with("the file is cut: it ends at line 25, byte"), "{:?}", s.warnings);
}

/// A root whose parent is in someone else's trace is a root.
#[test]
fn a_remote_parent_is_no_root() {
    let s = summary_of(&SEED.replace(r#""parent_span_id": null"#, r#""parent_span_id": "00000000000000ee""#));
    assert_eq!((s.stages.len(), s.wall_ns), (2, 6_000_000_000));
}

#[test]
fn spans_below_a_stage_belong_to_it() {
    let inner = r#"{"name":"inner","start_time":1767225601000000000,"end_time":1767225601500000000,"status":"UNSET","span_id":"00000000000000c1","parent_span_id":"00000000000000b1"},"#;
    let text =
        SEED.replacen('[', &format!("[{inner}"), 1).replace(r#""trace_id": "5b8aa5a2d2c872e8321cf37308d69df2","#, "");
    let trace = load(&text);
    let query = Query { stage: Some("sdk.run_stage".into()), ..Query::default() };
    let names: Vec<_> = trace.query(&query, 0, 10).spans.iter().map(|span| span.name()).collect();
    assert_eq!(names, ["sdk.run_stage", "inner"]);
    assert_eq!(summarize(&trace).stages.len(), 2);
}
