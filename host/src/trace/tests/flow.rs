//! What a run's flow adds to its numbers: triggers, skips, reuse, failures that are allowed, pools, runs within runs. And what it
//! must not change.

use super::*;
use crate::trace::{Run, render_text};

/// A stage of [`run`]: id, more attributes, needs, first attempt's start and end (equal times: no attempt), result.
type Row<'a> = (&'a str, &'a str, &'a [&'a str], (u64, u64), &'a str);

/// A run from 0 to 100 on `slots` with these stages.
fn run(slots: u64, rows: &[Row<'_>], more: &str) -> String {
    let mut spans = vec![format!(
        r#"{{"name":"run","start_time":0,"end_time":100,"status":"Success","attributes":{{"forensic.kind":"run","forensic.slots":{slots}{more}}},"span_id":"1"}}"#
    )];
    for (index, (id, more, needs, (from, to), result)) in rows.iter().enumerate() {
        let status = if matches!(*result, "success" | "skip") { "Success" } else { "Error" };
        let span = |kind: &str, attributes: &str, own: usize, parent: usize| {
            format!(
                r#"{{"name":"{id}","start_time":{from},"end_time":{to},"status":"{status}","attributes":{{"forensic.kind":"{kind}","forensic.stage.id":"{id}","cicd.pipeline.task.run.result":"{result}"{attributes}}},"span_id":"{own:x}","parent_span_id":"{parent:x}"}}"#
            )
        };
        let own = 16 * (index + 1);
        let attributes = format!(r#","forensic.stage.needs":{needs:?},"forensic.stage.index":{index}{more}"#);
        spans.push(span("stage", &attributes, own, 1));
        if from != to {
            // What is said of attempts stands among the stage's here, for brevity.
            spans.push(span("attempt", &format!(r#","forensic.attempt":1{more}"#), own + 1, own));
        }
    }
    format!("[{}]", spans.join(","))
}

fn row<'a>(s: &'a Summary, id: &str) -> &'a crate::trace::summary::StageSummary {
    s.stages.iter().find(|stage| stage.id == id).expect("a stage")
}

const ANY: &str = r#","forensic.stage.trigger":"any""#;

#[test]
fn of_any_needs_the_one_that_came_first_counts() {
    let released = format!(r#"{ANY},"forensic.stage.released_by":"fast","forensic.ready_time":10"#);
    for more in [released.as_str(), ANY] {
        let s = summary_of(&run(
            4,
            &[
                ("slow", "", &[], (0, 80), "success"),
                ("broken", "", &[], (0, 5), "failure"),
                ("fast", "", &[], (0, 10), "success"),
                ("next", more, &["slow", "broken", "fast"], (15, 40), "success"),
            ],
            "",
        ));
        assert_eq!(s.warnings, [""; 0], "it started before `slow` had ended, as it may");
        assert_eq!(s.critical_path.as_ref().map(|path| path.duration_ns), Some(80));
        assert_eq!(row(&s, "next").queue_ns, Some(5));
        assert_eq!(row(&s, "next").slack_ns, Some(80 - 35));
        assert_eq!((row(&s, "fast").slack_ns, row(&s, "broken").slack_ns), (Some(45), Some(75)));
        assert_eq!((row(&s, "slow").slack_ns, row(&s, "slow").drag_ns), (Some(0), Some(45)));
    }
}

#[test]
fn the_chain_goes_on_at_what_let_a_stage_start() {
    let more = format!(r#"{ANY},"forensic.stage.released_by":"fast""#);
    let rows: &[Row<'_>] = &[
        ("slow", "", &[], (0, 60), "success"),
        ("fast", "", &[], (0, 10), "success"),
        ("next", &more, &["slow", "fast"], (10, 100), "success"),
    ];
    let s = summary_of(&run(4, rows, ""));
    let chain: Vec<_> = s.chain.iter().flatten().filter_map(|segment| segment.stage.as_deref()).collect();
    assert_eq!(chain, ["fast", "next"]);
    // With all needs counted, it would have begun before it was ready.
    let all = summary_of(&run(4, rows, "").replace(r#""any""#, r#""all""#));
    assert!(all.warnings[0].contains("started 50 ns before"), "{:?}", all.warnings);
}

#[test]
fn all_needs_count_where_none_let_it_start_and_where_all_are_waited_for() {
    let s = summary_of(&run(
        4,
        &[
            ("a", "", &[], (0, 20), "failure"),
            ("b", "", &[], (0, 30), "failure"),
            ("skipped", &format!(r#"{ANY},"forensic.skip_reason":"need""#), &["a", "b"], (30, 30), "skip"),
            ("cleanup", r#","forensic.stage.trigger":"always""#, &["a", "b"], (30, 50), "success"),
        ],
        "",
    ));
    assert_eq!(s.warnings, [""; 0]);
    assert_eq!(s.critical_path.as_ref().map(|path| path.stages.join(" ")), Some("b cleanup".into()));
    assert_eq!(row(&s, "skipped").slack_ns, Some(20));
}

/// A need that let a stage start and isn't in the trace: what the host saw stands for its end.
#[test]
fn what_is_not_in_the_trace_is_taken_from_the_ready_time() {
    let more = format!(r#"{ANY},"forensic.stage.released_by":"gone","forensic.ready_time":25"#);
    let rows: &[Row<'_>] =
        &[("slow", "", &[], (0, 90), "success"), ("next", &more, &["slow", "gone"], (30, 40), "success")];
    let s = summary_of(&run(4, rows, ""));
    assert_eq!(row(&s, "next").queue_ns, Some(5));
    assert_eq!(s.critical_path.as_ref().map(|path| path.duration_ns), Some(90));
}

#[test]
fn waiting_for_a_pool_is_part_of_dispatch() {
    let pool = r#","forensic.waited_for_pool":"gpu""#;
    let rows: &[Row<'_>] = &[
        ("a", "", &[], (0, 40), "success"),
        ("b", "", &[], (0, 30), "success"),
        // All slots are busy up to 30, and again from 35 to 40.
        ("c", pool, &[], (40, 60), "success"),
        ("d", "", &[], (35, 50), "success"),
    ];
    let queue = |slots| summary_of(&run(slots, rows, "")).queue.expect("a queue");
    let q = queue(2);
    assert_eq!((q.total_ns, q.slot_ns, q.dispatch_ns, q.pool_ns), (75, Some(65), Some(10), Some(5)));
    assert_eq!((queue(0).dispatch_ns, queue(0).pool_ns), (Some(75), Some(40)));
    let s = summary_of(&run(2, rows, ""));
    assert_eq!(row(&s, "c").waited_for_pool.as_deref(), Some("gpu"));
    assert!(render_text(&s).contains("slot 65 ns, dispatch 10 ns (5 ns of it for pools)"), "{}", render_text(&s));
    assert_eq!(summary_of(WORKED).queue.expect("a queue").pool_ns, None);
}

/// F of the worked example as a run that reuses results tells it: the same numbers, and where the result came from.
#[test]
fn a_cached_stage_costs_nothing_and_says_where_it_came_from() {
    let before = summary_of(WORKED);
    let live = WORKED.replace(
        r#""forensic.cached":true"#,
        r#""forensic.cached":true,"forensic.cached_from":"yesterday","forensic.stage.key":"0a","forensic.stage.reuse_reason":"its inputs are the same""#,
    );
    assert_ne!(live, WORKED);
    let mut s = summary_of(&live);
    let f = s.stages.iter_mut().find(|stage| stage.id == "F").expect("F");
    assert_eq!((f.cached, f.saved_ns, f.attempts, f.cost_ns, f.queue_ns), (true, Some(5_000_000_000), 0, 0, Some(0)));
    assert_eq!((f.slack_ns, f.drag_ns), (Some(12_000_000_000), None));
    assert_eq!(f.cached_from.take().as_deref(), Some("yesterday"));
    assert_eq!(s, before);
}

#[test]
fn the_flow_is_told_and_changes_no_number() {
    let rows: &[Row<'_>] = &[
        ("a", r#","forensic.stage.allow_failure":true,"forensic.stage.member_of":"{x}""#, &[], (10, 40), "failure"),
        ("b", r#","forensic.skip_reason":"when","forensic.stage.group":"g""#, &["a"], (40, 40), "skip"),
        ("c", r#","forensic.child.run":"R.c.1""#, &["b"], (40, 70), "success"),
        ("d", r#","forensic.skip_reason":"selection""#, &["c"], (0, 0), "skip"),
        ("e", r#","forensic.skip_reason":"need","forensic.skipped_because":"c""#, &["c"], (70, 70), "skip"),
    ];
    let more = r#","forensic.resumed_from":"Q","forensic.parent.run":"P","forensic.parent.stage":"p""#;
    let s = summary_of(&run(2, rows, more));
    assert_eq!(s.warnings, [""; 0]);
    assert_eq!(s.run.result.as_deref(), Some("success"));
    assert_eq!((s.work_ns, s.useful_ns), (60, 30));
    assert_eq!(s.critical_path.as_ref().map(|path| path.stages.join(" ")), Some("a c".into()));
    let chain: Vec<_> = s.chain.iter().flatten().filter_map(|segment| segment.stage.as_deref()).collect();
    assert_eq!(chain, ["a", "a", "c"], "queue and execution; skipped stages pass through");
    let told = |id: &str| row(&s, id).error.as_deref().unwrap_or_default();
    assert_eq!(told("b"), "skipped because its condition (`when`) did not hold");
    assert_eq!((told("d"), told("e")), ("not selected", "skipped because of c"));
    assert!(row(&s, "a").failure_is_allowed() && !row(&s, "c").failure_is_allowed());

    let json = serde_json::to_value(&s).expect("JSON");
    let keys = |value: &serde_json::Value| value.as_object().expect("object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&json["run"])[8..], ["resumed_from", "parent_run", "parent_stage"]);
    assert_eq!(keys(&json["stages"][0])[20..], ["member_of", "allow_failure"]);
    assert_eq!(keys(&json["stages"][1])[20..], ["group", "skip_reason"]);
    assert_eq!(json["stages"][2]["child_run"], "R.c.1");

    let text = render_text(&s);
    for told in ["resumes run Q\n", "is stage p of run P\n", "failure (allowed)", "skip (when)", "not selected"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(!text.contains("d: not selected"), "{text}");
}

#[test]
fn the_model_knows_what_attempts_left() {
    let more = r#","forensic.escaped_processes":2"#;
    let model = Run::of(&load(&run(1, &[("a", more, &[], (0, 9), "success")], "")));
    assert_eq!(model.stages[0].attempts[0].escaped_processes, 2);
}
