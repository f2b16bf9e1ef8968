//! The same stage on a worker: whatever its clock says, the tables are those of the stage on the host.

use super::*;

/// Ids of the workers' own spans, one an attempt.
const WORKER_ID: u64 = 0xb000;

/// What a cluster makes of the spans of a run on the host: attempts are submitted `delay` before they start, and what they sent
/// hangs below a worker's span and has a clock that is `skew` ahead.
fn on_a_cluster(local: &[Value], skew: i64, delay: u64) -> Vec<Value> {
    let time = |span: &Value, key: &str| span[key].as_u64().unwrap();
    let mut spans = Vec::new();
    for span in local {
        let mut span = span.clone();
        let kind = span["attributes"]["forensic.kind"].as_str().unwrap_or_default().to_owned();
        if span["attributes"]["forensic.origin"] == "otlp" {
            for key in ["start_time", "end_time"] {
                span[key] = time(&span, key).saturating_add_signed(skew).into();
            }
            let parent = span["parent_span_id"].as_str().map(|id| u64::from_str_radix(id, 16).unwrap());
            if let Some(parent) = parent.filter(|parent| (ATTEMPT_ID..ATTEMPT_ID + 16).contains(parent)) {
                span["parent_span_id"] = id(parent - ATTEMPT_ID + WORKER_ID);
            }
        } else if kind == "attempt" {
            let number = span["attributes"]["forensic.attempt"].as_u64().unwrap();
            let mut worker = span.clone();
            worker["attributes"] = json!({"forensic.kind": "worker", "forensic.origin": "worker", "forensic.stage.id": "fit",
                "forensic.attempt": number, "forensic.worker": "w-1"});
            (worker["span_id"], worker["parent_span_id"]) = (id(WORKER_ID + number - 1), span["span_id"].clone());
            for key in ["start_time", "end_time"] {
                worker[key] = time(&worker, key).saturating_add_signed(skew).into();
            }
            spans.push(worker);
            let start = time(&span, "start_time");
            span["attributes"]["forensic.executor"] = "ray".into();
            span["attributes"]["forensic.started_time"] = start.into();
            span["start_time"] = (start - delay).into();
        } else if kind == "run" {
            span["start_time"] = (time(&span, "start_time") - delay).into();
        }
        spans.push(span);
    }
    spans
}

#[test]
fn a_worker_can_not_have_had_more_time_than_the_host_saw() {
    let local: Vec<Value> = host_spans(START, &[100 * MS])
        .into_iter()
        .chain([received(START, 1, (1, ATTEMPT_ID, "main", 0, 500_000_000))])
        .collect();
    let mut spans = on_a_cluster(&local, 7_000_000_000, 0);
    let worker = spans.iter_mut().find(|span| span["attributes"]["forensic.kind"] == "worker").unwrap();
    worker["end_time"] = (worker["start_time"].as_u64().unwrap() + 500 * MS).into();
    let inside = inside_of(&spans);
    let stage = &inside.stages[0];
    assert_eq!((stage.duration_ns, stage.covered_ns, stage.uncovered_ns), (100 * MS, 100 * MS, 0));
    assert_eq!((stage.out_of_envelope, stage.orphans), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_tables_are_those_of_the_host(wild in wild(), skew in -5_000_000_000i64..5_000_000_000, delay in 0u64..30) {
        let local = wild_spans(START, &wild);
        prop_assert_eq!(inside_of(&on_a_cluster(&local, skew, delay)), inside_of(&local));
    }
}
