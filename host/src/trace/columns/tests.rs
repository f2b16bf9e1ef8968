//! Columns against the read model, over random runs with spans of their own, and what they look like in JSON.

use super::*;
use crate::trace::tests::simulator::{SimRun, plan, simulate};
use crate::trace::{Run, Trace, summarize_run};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A span that a stage sent: which stage and attempt (by chance), its id, its parent's, name, start and duration after the
/// run's start, whether it failed.
type Told = (prop::sample::Index, u64, u64, u8, i64, u64, bool);

fn told() -> impl Strategy<Value = Vec<Told>> {
    let span = (any::<prop::sample::Index>(), 1u64..60, 0u64..60, 0u8..5, -20i64..150, 0u64..40, any::<bool>());
    prop::collection::vec(span, 0..80)
}

/// The spans of a run and of its attempts' programs; parents may be missing, later, or of another attempt.
fn texts(run: &SimRun, told: &[Told]) -> Vec<String> {
    let mut spans = run.spans();
    let attempts: Vec<(&str, usize)> =
        run.stages.iter().flat_map(|stage| (1..=stage.attempts.len()).map(|number| (&*stage.id, number))).collect();
    for (at, id, parent, name, start, duration, failed) in told.iter().filter(|_| !attempts.is_empty()) {
        let (stage, attempt) = attempts[at.index(attempts.len())];
        let start = run.start.saturating_add_signed(*start);
        spans.push(
            json!({"name": format!("step {name}"), "start_time": start, "end_time": start + duration,
                "status": if *failed { "Error" } else { "Success" }, "span_id": format!("{:016x}", 1 << 40 | id),
                "parent_span_id": format!("{:016x}", 1 << 40 | parent), "trace_id": format!("{:032x}", 0xbb),
                "attributes": {"forensic.origin": "otlp", "forensic.stage.id": stage, "forensic.attempt": attempt}})
            .to_string(),
        );
    }
    spans
}

fn columns_of(spans: &[String]) -> (Columns, Run, crate::trace::Summary) {
    let trace = Trace::from_slice(format!("[{}]", spans.join(",\n")).as_bytes()).expect("a trace");
    let run = Run::of(&trace);
    let summary = summarize_run(&trace, &run);
    (Columns::of(&trace, &run, &summary), run, summary)
}

fn json_of(columns: &Columns) -> Value {
    serde_json::to_value(columns).expect("JSON")
}

/// The length that all columns of a table have; those of `apart` aside.
fn rows(table: &Value, apart: &[&str]) -> usize {
    let columns: Vec<(&String, &Value)> =
        table.as_object().expect("a table").iter().filter(|(key, _)| !apart.contains(&&***key)).collect();
    let rows = columns[0].1.as_array().expect("a column").len();
    for (key, column) in columns {
        assert_eq!(column.as_array().map(Vec::len), Some(rows), "{key}");
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tables_fit_together(plan in plan(), told in told()) {
        let (columns, run, summary) = columns_of(&texts(&simulate(&plan), &told));
        let json = json_of(&columns);
        let stages = rows(&json["stages"], &[]);
        let attempts = rows(&json["attempts"], &[]);
        prop_assert_eq!(stages, run.stages.len());
        prop_assert_eq!(attempts, run.stages.iter().map(|stage| stage.attempts.len()).sum::<usize>());
        let places = columns.stages.needs.iter().flatten().flatten().chain(&columns.attempts.stage);
        prop_assert!(places.chain(columns.chain.stage.iter().flatten()).all(|&at| (at as usize) < stages));
        let order: Vec<(u32, u64)> = columns.attempts.stage.iter().copied().zip(columns.attempts.number.iter().copied()).collect();
        prop_assert!(order.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", order);

        for at in 0..attempts {
            let a = &columns.attempts;
            prop_assert!(a.ready_ns[at].expect("a DAG") <= a.start_ns[at] && a.start_ns[at] <= a.end_ns[at]);
            if a.number[at] > 1 {
                let over = a.end_ns[at - 1] + i64::try_from(a.backoff_ns[at]).expect("small");
                prop_assert_eq!(a.ready_ns[at], Some(over));
            }
        }
        // What a stage waited for its attempts is what the summary says.
        for (at, stage) in summary.stages.iter().enumerate() {
            let of = (0..attempts).filter(|&attempt| columns.attempts.stage[attempt] as usize == at);
            let queue: i64 = of.map(|of| columns.attempts.start_ns[of] - columns.attempts.ready_ns[of].expect("a DAG")).sum();
            prop_assert_eq!(stage.queue_ns, u64::try_from(queue).ok());
        }

        let chain = &columns.chain;
        let mut until = 0;
        for at in 0..chain.class.len() {
            prop_assert_eq!(chain.start_ns[at], until);
            until = chain.end_ns[at];
        }
        prop_assert_eq!(u64::try_from(until).ok(), Some(columns.wall_ns));
    }

    #[test]
    fn spans_stand_after_their_parents_and_with_their_attempts(plan in plan(), told in told()) {
        let (columns, run, _) = columns_of(&texts(&simulate(&plan), &told));
        let spans = &columns.spans;
        let json = json_of(&columns);
        if !spans.is_empty() {
            prop_assert_eq!(rows(&json["spans"], &["names"]), spans.len());
        }
        prop_assert_eq!(columns.spans_left_out, 0);
        let order = |at: usize| (spans.attempt[at], spans.start_ns[at], std::cmp::Reverse(spans.duration_ns[at]));
        prop_assert!((1..spans.len()).all(|at| order(at - 1) <= order(at)));
        for at in 0..spans.len() {
            prop_assert!((spans.attempt[at] as usize) < columns.attempts.stage.len());
            prop_assert!((spans.name[at] as usize) < spans.names.len());
            if let Ok(parent) = usize::try_from(spans.parent[at]) {
                prop_assert!(parent < at);
                prop_assert_eq!(spans.attempt[parent], spans.attempt[at]);
                prop_assert!(spans.start_ns[parent] <= spans.start_ns[at]);
            } else {
                prop_assert_eq!(spans.parent[at], -1);
            }
        }
        // As many as the tables inside the stages count; the same function assigns them.
        let trace = Trace::from_slice(format!("[{}]", texts(&simulate(&plan), &told).join(",")).as_bytes()).expect("a trace");
        let inside = crate::trace::inside(&trace, &run);
        let counted: u64 = inside.stages.iter().map(|s| s.spans + s.earlier.iter().map(|e| e.spans).sum::<u64>()).sum();
        prop_assert_eq!(spans.len() as u64, counted);
    }

    #[test]
    fn neither_a_shift_nor_another_order_changes_anything(plan in plan(), told in told(), shift in 0u64..1 << 60, seed: u64) {
        let run = simulate(&plan);
        let (before, ..) = columns_of(&texts(&run, &told));
        let (shifted, ..) = columns_of(&texts(&run.map_times(|time| time + shift, 1), &told));
        prop_assert_eq!(&Columns { start_time: before.start_time + shift, ..before.clone() }, &shifted);
        // One span an id, or the file's order decides which of them is somebody's parent.
        let mut seen = std::collections::HashSet::new();
        let told: Vec<Told> = told.into_iter().filter(|span| seen.insert(span.1)).collect();
        let mut spans = texts(&run, &told);
        let (before, ..) = columns_of(&spans);
        let mut seed = seed | 1;
        for at in (1..spans.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            spans.swap(at, (seed >> 33) as usize % (at + 1));
        }
        let (after, ..) = columns_of(&spans);
        prop_assert_eq!(before, after);
    }

    /// However few are wanted: whole attempts stay, and what stays is as it was.
    #[test]
    fn spans_leave_by_whole_attempts(plan in plan(), told in told(), max in 0usize..80) {
        let (columns, ..) = columns_of(&texts(&simulate(&plan), &told));
        let a = &columns.attempts;
        let durations: Vec<u64> =
            a.end_ns.iter().zip(&a.start_ns).map(|(end, start)| u64::try_from(end - start).expect("no skew")).collect();
        let mut kept = columns.spans.clone();
        let left_out = kept.keep_longest(&durations, max);
        prop_assert!(kept.len() <= max);
        prop_assert_eq!(kept.len() + left_out as usize, columns.spans.len());
        type Row<'a> = (u32, &'a str, i64, u64, Option<(&'a str, i64, u64)>);
        fn rows(spans: &Spans) -> Vec<Row<'_>> {
            let own = |at: usize| (&*spans.names[spans.name[at] as usize], spans.start_ns[at], spans.duration_ns[at]);
            let row = |at: usize| {
                let (name, start, duration) = own(at);
                (spans.attempt[at], name, start, duration, usize::try_from(spans.parent[at]).ok().map(own))
            };
            (0..spans.len()).map(row).collect()
        }
        let stayed: std::collections::HashSet<u32> = kept.attempt.iter().copied().collect();
        let expected: Vec<Row<'_>> = rows(&columns.spans).into_iter().filter(|row| stayed.contains(&row.0)).collect();
        prop_assert_eq!(rows(&kept), expected);
        let used: std::collections::HashSet<u32> = kept.name.iter().copied().collect();
        prop_assert_eq!(used.len(), kept.names.len(), "no name without a span");
        // What left is not longer than what could have made room for it.
        let gone = columns.spans.attempt.iter().filter(|attempt| !stayed.contains(attempt));
        if let Some(longest) = gone.max_by_key(|attempt| durations[**attempt as usize]) {
            let longer = kept.attempt.iter().filter(|attempt| durations[**attempt as usize] >= durations[*longest as usize]);
            let own = columns.spans.attempt.iter().filter(|attempt| *attempt == longest).count();
            prop_assert!(longer.count() + own > max);
        }
    }
}

fn of(text: &str) -> Columns {
    let trace = Trace::from_slice(text.as_bytes()).expect("a trace");
    let run = Run::of(&trace);
    Columns::of(&trace, &run, &summarize_run(&trace, &run))
}

#[test]
fn the_worked_example() {
    let columns = of(include_str!("../testdata/worked_example.json"));
    let json = json_of(&columns);
    assert_eq!(json["wall_ns"], 30_250_000_000u64);
    assert_eq!(json["slots"], 2);
    assert_eq!(json["stages"]["id"], json!(["A", "B", "C", "D", "E", "F", "G", "H", "S"]));
    assert_eq!(json["stages"]["needs"], json!([[], [], [0], [0], [0], [3], [2, 3], [5, 6], [4]]));
    assert_eq!(json["stages"]["critical"], json!([1, 0, 1, 0, 0, 0, 1, 1, 0]));
    assert_eq!(json["stages"]["cached"], json!([0, 0, 0, 0, 0, 1, 0, 0, 0]));
    let s = 1_000_000_000;
    // S was skipped: its condition was never looked at before its needs had ended, and the trace may not say when.
    assert_eq!(
        columns.stages.ready_ns[..8],
        [s / 2, s / 2, 9 * s / 2, 9 * s / 2, 9 * s / 2, 25 * s / 2, 33 * s / 2, 53 * s / 2].map(Some)
    );
    assert_eq!(json["attempts"]["stage"], json!([0, 1, 2, 2, 3, 4, 6, 7]));
    assert_eq!(json["attempts"]["backoff_ns"], json!([0, 0, 0, s, 0, 0, 0, 0]));
    // The retry was ready 1 s after the first attempt's end, and waited 2 s for a slot.
    assert_eq!(columns.attempts.ready_ns[3], Some(17 * s / 2));
    assert_eq!(columns.attempts.start_ns[3], 21 * s / 2);
    for absent in ["inferred", "spans", "spans_left_out", "tails"] {
        assert!(json.get(absent).is_none(), "{absent}");
    }
    assert!(json["stages"].get("inferred").is_none() && json["stages"].get("typical_ns").is_none());
}

#[test]
fn a_killed_run_says_what_was_not_seen() {
    let json = json_of(&of(include_str!("../testdata/worked_example_killed.json")));
    assert_eq!(json["inferred"], true);
    let column = json["stages"]["inferred"].as_array().expect("a column");
    assert_eq!(column.iter().filter(|flag| **flag == 1).count(), 1);
}

#[test]
fn a_trace_of_another_writer_has_no_graph() {
    let json = json_of(&of(
        r#"[{"name":"p","start_time":10,"end_time":40,"status":"OK","attributes":{},"span_id":"01","parent_span_id":null},
        {"name":"a","start_time":5,"end_time":20,"status":"OK","attributes":{},"span_id":"02","parent_span_id":"01"}]"#,
    ));
    assert_eq!(json["stages"]["id"], json!(["a"]));
    for unknown in ["needs", "ready_ns", "queue_ns", "slack_ns", "critical"] {
        assert!(json["stages"].get(unknown).is_none(), "{unknown}");
    }
    assert!(json.get("chain").is_none() && json["attempts"].get("ready_ns").is_none());
}

#[test]
fn an_empty_trace_has_empty_tables() {
    let json = json_of(&of("[]"));
    assert_eq!(json["stages"], json!({"id": [], "result": [], "start_ns": [], "end_ns": []}));
    assert_eq!(json["attempts"], json!({"stage": [], "number": [], "result": [], "start_ns": [], "end_ns": []}));
}

#[test]
fn clocks_of_stages_may_be_wrong_and_logs_elsewhere() {
    let attempt = |log: &str| {
        format!(
            r#"[{{"name":"r","start_time":1000,"end_time":2000,"attributes":{{"forensic.kind":"run"}},"span_id":"01"}},
            {{"name":"a/b","start_time":1000,"end_time":2000,"attributes":{{"forensic.kind":"stage","forensic.stage.id":"a/b"}},"span_id":"02","parent_span_id":"01"}},
            {{"name":"sh","start_time":1000,"end_time":2000,"attributes":{{"forensic.kind":"attempt","forensic.stage.id":"a/b","forensic.attempt":1,"forensic.log.stderr":"{log}"}},"span_id":"03","parent_span_id":"02"}},
            {{"name":"early","start_time":400,"end_time":5000,"attributes":{{"forensic.origin":"otlp","forensic.stage.id":"a/b","forensic.attempt":1}},"span_id":"04","parent_span_id":"05"}},
            {{"name":"late","start_time":1500,"end_time":1600,"attributes":{{"forensic.origin":"otlp","forensic.stage.id":"a/b","forensic.attempt":1}},"span_id":"05","parent_span_id":"03"}}]"#
        )
    };
    let json = json_of(&of(&attempt("logs/a/b/1.err.log")));
    assert_eq!(json["attempts"]["stderr"], json!([1]));
    assert_eq!(json["spans"]["start_ns"], json!([-600, 500]));
    assert_eq!(json["spans"]["duration_ns"], json!([4600, 100]));
    assert_eq!(json["spans"]["parent"], json!([-1, -1]), "a parent that began later is none");
    for other in ["logs/a/b/1.out.log", "logs/a/1.err.log", "x"] {
        assert_eq!(json_of(&of(&attempt(other)))["attempts"]["stderr"], json!([other]));
    }
}

/// More spans than there is room for: the shorter attempt's leave.
#[test]
fn too_many_spans_leave_by_attempts() {
    let mut spans = vec![
        r#"{"name":"r","start_time":0,"end_time":9000,"attributes":{"forensic.kind":"run"},"span_id":"01"}"#.to_owned(),
    ];
    let counts = [SPANS_MAX / 2, SPANS_MAX / 2 + 1, 7];
    for (stage, count) in counts.into_iter().enumerate() {
        let end = 1000 * (stage + 1);
        spans.push(format!(r#"{{"name":"s{stage}","start_time":0,"end_time":{end},"attributes":{{"forensic.kind":"stage","forensic.stage.id":"s{stage}"}},"span_id":"1{stage}","parent_span_id":"01"}}"#));
        spans.push(format!(r#"{{"name":"sh","start_time":0,"end_time":{end},"attributes":{{"forensic.kind":"attempt","forensic.stage.id":"s{stage}","forensic.attempt":1}},"span_id":"2{stage}","parent_span_id":"1{stage}"}}"#));
        for at in 0..count {
            let long = if stage == 2 { "ä".repeat(600) } else { String::new() };
            spans.push(format!(r#"{{"name":"n{at}{long}","start_time":{at},"end_time":{at},"attributes":{{"forensic.origin":"otlp","forensic.stage.id":"s{stage}","forensic.attempt":1}},"span_id":"a{stage}{at:012x}","parent_span_id":"2{stage}"}}"#));
        }
    }
    let (columns, ..) = columns_of(&spans);
    assert_eq!(columns.spans.len(), counts[1] + counts[2]);
    assert_eq!(columns.spans_left_out, counts[0] as u64);
    assert_eq!(columns.spans.attempt.first(), Some(&1));
    assert!(columns.spans.names.last().is_some_and(|name| name.ends_with("ää…") && name.chars().count() == 501));
}

#[test]
fn every_text_can_be_changed() {
    let mut spans = vec![];
    for (id, kind, parent) in [("01", "run", ""), ("02", "stage", "01"), ("03", "attempt", "02"), ("04", "", "03")] {
        let own = if kind.is_empty() { json!("otlp") } else { Value::Null };
        spans.push(
            json!({"name": "TEXT", "start_time": 1, "end_time": 2, "status": "Error", "status_message": "TEXT", "span_id": id,
                "parent_span_id": parent, "attributes": {"forensic.kind": kind, "forensic.origin": own,
                    "forensic.stage.id": "TEXT", "forensic.stage.needs": ["TEXT"], "cicd.pipeline.task.run.result": "TEXT",
                    "forensic.attempt": 1, "forensic.stage.group": "TEXT", "forensic.stage.member_of": "TEXT",
                    "forensic.skip_reason": "TEXT", "forensic.cached_from": "TEXT", "forensic.waited_for_pool": "TEXT",
                    "forensic.child.run": "TEXT", "forensic.log.stdout": "TEXT", "forensic.log.stderr": "TEXT"}})
            .to_string(),
        );
    }
    let (mut columns, ..) = columns_of(&spans);
    columns.tails.push(Tail {
        stage: 0,
        attempt: 1,
        path: "TEXT".into(),
        lines: vec!["TEXT".into()],
        omitted_bytes: 0,
    });
    let found = json_of(&columns).to_string().matches("TEXT").count();
    assert_eq!(columns.texts_mut().count(), found);
    columns.texts_mut().for_each(|text| *text = text.replace("TEXT", "text"));
    assert!(!json_of(&columns).to_string().contains("TEXT"));
}
