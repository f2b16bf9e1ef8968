//! The worked example of `DESIGN` 6, whole and killed: the oracle.

use super::*;
use crate::trace::metrics::chain::Class;
use crate::trace::{Run, render_text};

const MS: u64 = 1_000_000;
const T0: u64 = 1_767_225_600_000_000_000;

fn row<'a>(summary: &'a Summary, id: &str) -> &'a crate::trace::summary::StageSummary {
    summary.stages.iter().find(|stage| stage.id == id).expect("a stage")
}

fn close(value: Option<f64>, want: f64) {
    assert!(value.is_some_and(|value| (value - want).abs() < 1e-12), "{value:?}, not {want}");
}

#[test]
fn headline_numbers() {
    let s = summary_of(WORKED);
    assert_eq!(s.warnings, [""; 0]);
    assert_eq!(s.wall_ns, 30_250_000_000);
    assert_eq!(s.makespan_ns, 29_500_000_000);
    assert_eq!(s.busy_ns, 29_000_000_000);
    assert_eq!(s.idle.total_ns, 1_250_000_000);
    assert_eq!((s.idle.lead_in_ns, s.idle.gaps_ns, s.idle.tail_ns), (500_000_000, 500_000_000, 250_000_000));
    assert_eq!((s.work_ns, s.useful_ns, s.wasted_ns), (39_000_000_000, 36_000_000_000, 3_000_000_000));
    close(s.speedup, 39.0 / 30.25);
    close(s.efficiency, 39.0 / 60.5);
    close(s.cpu_use, 37.05 / 60.5);
    assert_eq!(s.max_concurrency, 2);
    assert_eq!(s.levels, [1_250_000_000, 19_000_000_000, 10_000_000_000]);
    let path = s.critical_path.as_ref().expect("a path");
    assert_eq!(path.duration_ns, 27_000_000_000);
    assert_eq!(path.stages, ["A", "C", "G", "H"]);
    close(s.max_speedup, 39.0 / 27.0);
    assert_eq!(s.lower_bound_ns, Some(27_000_000_000));
    close(s.schedule_quality, 27.0 / 30.25);
    let queue = s.queue.expect("a queue");
    assert_eq!(queue.total_ns, 5_500_000_000);
    assert_eq!((queue.slot_ns, queue.dispatch_ns), (Some(5_000_000_000), Some(500_000_000)));
    let totals = s.chain_totals.expect("a chain");
    assert_eq!((totals.execution_ns, totals.queue_ns), (26_000_000_000, 2_500_000_000));
    assert_eq!((totals.backoff_ns, totals.overhead_ns), (1_000_000_000, 750_000_000));
    assert_eq!((s.spans.count, s.spans.errors, s.spans.inferred), (18, 1, 0));
    assert_eq!(s.spans.by_origin["host"], 18);
}

#[test]
fn stage_rows() {
    let s = summary_of(WORKED);
    assert_eq!(
        s.stages.iter().map(|stage| &*stage.id).collect::<Vec<_>>(),
        ["A", "B", "C", "D", "E", "F", "G", "H", "S"]
    );
    // id, attempts, queue, cost, slack, drag; in ms
    let rows = [
        ("A", 1, 0, 4_000, 0, Some(4_000)),
        ("B", 1, 0, 2_000, 25_000, None),
        ("C", 2, 2_000, 10_000, 0, Some(2_000)),
        ("D", 1, 0, 8_000, 2_000, None),
        ("E", 1, 3_000, 3_000, 20_000, None),
        ("F", 0, 0, 0, 12_000, None),
        ("G", 1, 0, 10_000, 0, Some(10_000)),
        ("H", 1, 500, 3_000, 0, Some(3_000)),
        ("S", 0, 0, 0, 20_000, None),
    ];
    for (id, attempts, queue, cost, slack, drag) in rows {
        let stage = row(&s, id);
        assert_eq!(stage.attempts, attempts, "{id}");
        assert_eq!(stage.queue_ns, Some(queue * MS), "{id}");
        assert_eq!(stage.cost_ns, cost * MS, "{id}");
        assert_eq!(stage.slack_ns, Some(slack * MS), "{id}");
        assert_eq!(stage.drag_ns, drag.map(|drag| drag * MS), "{id}");
        assert_eq!(stage.critical, Some(drag.is_some()), "{id}");
    }
    // A and B halve 0.5–2.5, C and D 4.5–7.5, D and E 7.5–10.5, C and D 10.5–12.5.
    let weighted: Vec<u64> = s.stages.iter().map(|stage| stage.weighted_ns / MS).collect();
    assert_eq!(weighted, [3_000, 1_000, 6_500, 4_000, 1_500, 0, 10_000, 3_000, 0]);
    let c = row(&s, "C");
    assert_eq!((c.start_time, c.end_time, c.duration_ns), (T0 + 4_500 * MS, T0 + 16_500 * MS, 12_000 * MS));
    assert_eq!((c.exit_code, c.error.as_deref(), &*c.result), (Some(0), None, "success"));
    assert_eq!(c.cpu_ns, Some(8_550 * MS));
    let f = row(&s, "F");
    assert!(f.cached);
    assert_eq!((f.saved_ns, f.duration_ns), (Some(5_000 * MS), 0));
    assert_eq!(row(&s, "S").result, "skip");
}

#[test]
fn chain_tiles_the_run() {
    let s = summary_of(WORKED);
    let chain: Vec<_> = s
        .chain
        .expect("a chain")
        .into_iter()
        .map(|c| (c.class, c.stage.unwrap_or_default(), c.attempt, (c.start_time - T0) / MS, (c.end_time - T0) / MS))
        .collect();
    let want = [
        (Class::Overhead, "", None, 0, 500),
        (Class::Execution, "A", Some(1), 500, 4_500),
        (Class::Execution, "C", Some(1), 4_500, 7_500),
        (Class::Backoff, "C", Some(2), 7_500, 8_500),
        (Class::Queue, "C", Some(2), 8_500, 10_500),
        (Class::Execution, "C", Some(2), 10_500, 16_500),
        (Class::Execution, "G", Some(1), 16_500, 26_500),
        (Class::Queue, "H", Some(1), 26_500, 27_000),
        (Class::Execution, "H", Some(1), 27_000, 30_000),
        (Class::Overhead, "", None, 30_000, 30_250),
    ];
    assert_eq!(chain, want.map(|(class, stage, attempt, from, to)| (class, stage.to_owned(), attempt, from, to)));
}

#[test]
fn killed_with_g_open() {
    let s = summary_of(KILLED);
    assert_eq!(s.warnings, [""; 0]);
    assert_eq!(s.run.result.as_deref(), Some("cancellation"));
    assert_eq!(s.wall_ns, 19_500_000_000);
    assert_eq!((s.work_ns, s.useful_ns, s.wasted_ns), (29_000_000_000, 23_000_000_000, 6_000_000_000));
    close(s.speedup, 29.0 / 19.5);
    close(s.efficiency, 29.0 / 39.0);
    assert_eq!(s.critical_path.as_ref().map(|path| path.duration_ns), Some(17_000_000_000));
    let totals = s.chain_totals.expect("a chain");
    assert_eq!((totals.execution_ns, totals.queue_ns), (16_000_000_000, 2_000_000_000));
    assert_eq!((totals.backoff_ns, totals.overhead_ns), (1_000_000_000, 500_000_000));
    let g = row(&s, "G");
    assert!(g.inferred);
    assert_eq!((g.end_time, g.cpu_ns, g.attempts), (T0 + 19_500 * MS, None, 1));
    let h = row(&s, "H");
    assert_eq!((&*h.result, h.attempts, h.queue_ns, h.cost_ns, h.inferred), ("cancellation", 0, Some(0), 0, false));
    assert_eq!(s.spans.inferred, 3);
}

/// The same numbers where even the run's own span was lost.
#[test]
fn killed_without_a_run_span() {
    let lines: Vec<&str> = KILLED.lines().filter(|line| !line.contains(r#""forensic.kind":"run""#)).collect();
    let trace = load(&lines.join("\n"));
    let run = Run::of(&trace);
    assert!(run.inferred && run.span.is_none() && run.result.is_none());
    assert_eq!((run.start, run.end), (T0 + 500 * MS, T0 + 19_500 * MS));
    let s = summarize(&trace);
    assert_eq!((s.wall_ns, s.work_ns), (19_000_000_000, 29_000_000_000));
    assert_eq!(s.critical_path.as_ref().map(|path| path.duration_ns), Some(17_000_000_000));
    assert_eq!(s.efficiency, None);
    assert_eq!(s.queue.map(|queue| (queue.total_ns, queue.slot_ns)), Some((5_000_000_000, None)));
    assert_eq!(s.warnings.len(), 1, "{:?}", s.warnings);
}

/// Everything of the killed run survives if G's ends are not in the file at all.
#[test]
fn missing_ends_are_found() {
    let cut: String = KILLED
        .lines()
        .map(|line| {
            let open = line.contains(r#""forensic.inferred":true"#);
            let line = if open {
                line.replace(r#""end_time":1767225619500000000,"duration_ms":"#, r#""end_time":null,"_":"#)
            } else {
                line.to_owned()
            };
            line + "\n"
        })
        .collect();
    let s = summary_of(&cut);
    // H's decision is the last time in the file. Nobody saw G after its start.
    assert_eq!((s.wall_ns, s.work_ns), (19_500_000_000, 26_000_000_000));
    assert!(row(&s, "G").inferred);
    assert!(s.warnings[0].contains("3 spans have no end"), "{:?}", s.warnings);
}

#[test]
fn json_has_the_documented_keys_in_order() {
    let json = serde_json::to_value(summary_of(WORKED)).expect("JSON");
    let keys = |value: &serde_json::Value| {
        value.as_object().expect("object").keys().map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        keys(&json),
        "schema run wall_ns makespan_ns busy_ns idle work_ns useful_ns wasted_ns speedup efficiency cpu_use \
         max_concurrency levels critical_path max_speedup lower_bound_ns schedule_quality queue chain chain_totals \
         stages spans warnings"
    );
    assert_eq!(json["schema"], "forensic.summary/1");
    assert_eq!(keys(&json["run"]), "id pipeline profile result trace_id start_time end_time slots");
    assert_eq!(keys(&json["idle"]), "total_ns lead_in_ns gaps_ns tail_ns");
    assert_eq!(keys(&json["levels"]), "0 1 2");
    assert_eq!(keys(&json["critical_path"]), "duration_ns stages");
    assert_eq!(keys(&json["queue"]), "total_ns slot_ns dispatch_ns");
    assert_eq!(keys(&json["chain"][0]), "class stage attempt start_time end_time");
    assert_eq!(json["chain"][3]["class"], "backoff");
    assert_eq!(keys(&json["chain_totals"]), "execution_ns queue_ns backoff_ns overhead_ns");
    assert_eq!(
        keys(&json["stages"][0]),
        "id result needs attempts start_time end_time duration_ns cost_ns queue_ns weighted_ns slack_ns drag_ns \
         critical cached saved_ns inferred cpu_ns peak_memory_bytes exit_code error"
    );
    assert_eq!(keys(&json["spans"]), "count errors inferred by_origin");
    assert_eq!(json["run"]["start_time"], T0);
    assert_eq!(json["run"]["slots"], 2);
}

#[test]
fn model_for_reports() {
    let run = Run::of(&load(WORKED));
    assert_eq!(run.cores, Some(2));
    let failed = &run.stage("C").expect("C").attempts[0];
    assert_eq!((failed.number, failed.exit_code, failed.error_type.as_deref()), (1, Some(1), Some("exit_code")));
    assert_eq!(failed.message.as_deref(), Some("exit code 1"));
    assert_eq!(failed.log_stderr.as_deref(), Some("logs/C/1.err.log"));
    assert_eq!(run.stage("C").expect("C").attempts[1].backoff_ns, 1_000_000_000);
}

/// Report plugins run after the end and are no part of the run; their spans are counted, nothing else.
#[test]
fn reports_change_nothing_but_counts() {
    let report = r#"{"name":"report","start_time":1767225631000000000,"end_time":1767225640000000000,"status":"Error","attributes":{"forensic.kind":"report"},"trace_id":"5b8aa5a2d2c872e8321cf37308d69df2","span_id":"00000000000000f1","parent_span_id":"a0b1c2d300000001"}"#;
    let inner = r#"{"name":"step","start_time":1767225632000000000,"end_time":1767225650000000000,"status":"Success","attributes":{"forensic.origin":"guest","forensic.kind":"attempt","forensic.stage.id":"A"},"trace_id":"5b8aa5a2d2c872e8321cf37308d69df2","span_id":"00000000000000f2","parent_span_id":"00000000000000f1"}"#;
    for text in [WORKED, KILLED] {
        let with = text.replace("\n]", &format!(",\n{report},\n{inner}\n]"));
        let (mut before, mut after) = (summary_of(text), summary_of(&with));
        assert_eq!(after.spans.by_origin["guest"], 1);
        assert_eq!((after.spans.count, after.spans.errors), (before.spans.count + 2, before.spans.errors + 1));
        after.spans = before.spans.clone();
        assert_eq!(before, after);
        // Nor where the run's own span is lost.
        let lost = |text: &str| {
            text.replace(r#""forensic.kind":"run""#, r#""x":"run""#)
                .replace(r#""parent_span_id":null"#, r#""forensic.x":1"#)
        };
        (before, after) = (summary_of(&lost(text)), summary_of(&lost(&with)));
        after.spans = before.spans.clone();
        assert_eq!(before, after);
    }
}

#[test]
fn text_for_a_terminal() {
    let text = render_text(&summary_of(WORKED));
    let want = "\
worked.example 20260101T000000Z-worked: success in 30.3 s, 9 stages, 18 spans

total duration        30.3 s
busy                  29.0 s  idle 1.250 s: lead-in 500 ms, gaps 500 ms, tail 250 ms
work                  39.0 s  useful 36.0 s, wasted 3.000 s
observed speedup        1.29  work ÷ wall; at most 1.44
efficiency           64.46 %  of 2 slots
CPU use              61.24 %  of all cores
critical path         27.0 s  A → C → G → H
schedule quality     89.26 %  lower bound 27.0 s
queue                5.500 s  slot 5.000 s, dispatch 500 ms
where it went                 execution 26.0 s (85.95 %), queue 2.500 s, back-off 1.000 s, overhead 750 ms
";
    assert!(text.starts_with(want), "{text}");
    assert!(text.contains("C *    success  +4.500 s    12.0 s  2.000 s      2"), "{text}");
    let killed = render_text(&summary_of(KILLED));
    assert!(killed.contains("cancellation (inferred)"), "{killed}");
    assert!(killed.contains("H: the run was stopped before this stage could start"), "{killed}");
}

/// `facts` 3.5: nested in D (4.5–12.5) are d1 5–8, d2 7–10, d3 11–13; D itself keeps 1.5.
#[test]
fn self_time_of_nested_spans() {
    let span = |name: &str, from: u64, to: u64, id: u64, parent: &str| {
        format!(
            r#"{{"name":"{name}","start_time":{},"end_time":{},"span_id":"{id:016x}","parent_span_id":{parent}}}"#,
            from * 100 * MS,
            to * 100 * MS
        )
    };
    let d = r#""00000000000000d0""#;
    let text = format!(
        "[{},{},{},{}]",
        span("d3", 110, 130, 0xd3, d),
        span("D", 45, 125, 0xd0, "null"),
        span("d1", 50, 80, 0xd1, d),
        span("d2", 70, 100, 0xd2, d)
    );
    let trace = load(&text);
    let times = crate::trace::metrics::self_time::self_times(&trace);
    let named: Vec<_> = trace.spans().map(|span| span.name()).zip(times.iter().map(|ns| ns / MS)).collect();
    assert_eq!(named, [("D", 1_500), ("d1", 3_000), ("d2", 3_000), ("d3", 2_000)]);
}
