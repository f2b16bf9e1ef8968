//! Runs with next to nothing in them, and runs that cannot be.

use super::*;
use crate::trace::{Run, render_text};

fn native(stages: &str) -> String {
    let run = r#"{"name":"run","start_time":100,"end_time":200,"status":"Success","attributes":{"forensic.kind":"run","forensic.slots":2,"forensic.cores":2},"span_id":"1"}"#;
    format!("[{run}{stages}]")
}

fn stage(id: &str, needs: &str, from: u64, to: u64) -> String {
    let key = id.as_bytes()[0];
    format!(
        r#",{{"name":"{id}","start_time":{from},"end_time":{to},"status":"Success","attributes":{{"forensic.kind":"stage","forensic.stage.id":"{id}","forensic.stage.needs":[{needs}]}},"span_id":"{key:x}00","parent_span_id":"1"}}
        ,{{"name":"sh","start_time":{from},"end_time":{to},"status":"Success","attributes":{{"forensic.kind":"attempt","forensic.stage.id":"{id}","forensic.attempt":1}},"span_id":"{key:x}01","parent_span_id":"{key:x}00"}}"#
    )
}

#[test]
fn no_spans() {
    let s = summary_of("[]");
    assert_eq!((s.run.start_time, s.wall_ns, s.speedup, s.spans.count), (None, 0, None, 0));
    assert_eq!(s.warnings, ["the trace holds no spans"]);
    assert!(render_text(&s).contains('–'));
}

#[test]
fn no_stages() {
    let s = summary_of(&native(""));
    assert_eq!((s.wall_ns, s.idle.total_ns, s.idle.lead_in_ns), (100, 100, 100));
    assert_eq!((s.speedup, s.efficiency, s.cpu_use, s.max_speedup, s.schedule_quality), (None, None, None, None, None));
    assert_eq!(s.levels, [100]);
    assert_eq!(s.chain_totals.map(|totals| totals.overhead_ns), Some(100));
    assert_eq!(s.critical_path.map(|path| (path.duration_ns, path.stages.len())), Some((0, 0)));
}

#[test]
fn zero_wall() {
    let text = native(&stage("a", "", 100, 100)).replace(":200", ":100");
    let s = summary_of(&text);
    assert_eq!((s.wall_ns, s.work_ns, s.speedup, s.efficiency, s.schedule_quality), (0, 0, None, None, None));
    assert_eq!(s.chain, Some(vec![]));
    assert_eq!(s.stages[0].critical, Some(false));
}

#[test]
fn circles_and_unknown_needs() {
    let s = summary_of(&native(&(stage("a", r#""b""#, 110, 120) + &stage("b", r#""a""#, 120, 130))));
    assert!(s.critical_path.is_none() && s.chain.is_none() && s.queue.is_none());
    assert_eq!(s.work_ns, 20);
    assert!(s.warnings.iter().any(|warning| warning.contains("circle")), "{:?}", s.warnings);

    let s = summary_of(&native(&stage("a", r#""gone""#, 110, 120)));
    assert_eq!(s.critical_path.map(|path| path.duration_ns), Some(10));
    assert!(s.warnings[0].contains("needs gone"), "{:?}", s.warnings);
}

#[test]
fn start_before_ready_is_clipped_and_flagged() {
    let s = summary_of(&native(&(stage("a", "", 110, 130) + &stage("b", r#""a""#, 120, 150))));
    assert_eq!(s.stages[1].queue_ns, Some(0));
    let totals = s.chain_totals.expect("a chain");
    assert_eq!((totals.execution_ns, totals.queue_ns, totals.overhead_ns), (40, 10, 50));
    assert!(s.warnings[0].contains("started 10 ns before"), "{:?}", s.warnings);
}

#[test]
fn attempts_beyond_the_run_are_cut_off() {
    let s = summary_of(&native(&stage("a", "", 50, 500)));
    assert_eq!((s.wall_ns, s.busy_ns, s.work_ns), (100, 100, 100));
    assert!(s.warnings[0].contains("beyond its run"), "{:?}", s.warnings);
}

#[test]
fn unlimited_slots() {
    let text = native(&(stage("a", "", 100, 150) + &stage("b", "", 100, 200)))
        .replace(r#""forensic.slots":2"#, r#""forensic.slots":0"#);
    let s = summary_of(&text);
    assert_eq!((s.speedup, s.max_speedup, s.efficiency), (Some(1.5), Some(1.5), Some(1.0)));
    assert_eq!(s.queue.map(|queue| (queue.total_ns, queue.slot_ns)), Some((0, Some(0))));
    assert_eq!(s.lower_bound_ns, Some(100));
}

#[test]
fn two_runs_in_one_file() {
    let second = r#",{"name":"run","start_time":10,"end_time":20,"status":"Success","attributes":{"forensic.kind":"run"},"span_id":"ff"}"#;
    let s = summary_of(&native(&(stage("a", "", 110, 150) + second)));
    assert_eq!((s.wall_ns, s.stages.len()), (10, 0));
    assert!(s.warnings[0].contains("2 runs"), "{:?}", s.warnings);
}

/// Spans of a stage cannot pose as the host's.
#[test]
fn other_origins_are_no_evidence() {
    let fake = stage("x", "", 100, 200).replace(r#""forensic.kind""#, r#""forensic.origin":"otlp","forensic.kind""#);
    let s = summary_of(&native(&(stage("a", "", 110, 150) + &fake)));
    assert_eq!((s.stages.len(), s.work_ns), (1, 40));
    assert_eq!(s.spans.by_origin["otlp"], 2);
}

#[test]
fn attempts_without_their_stage() {
    let text = native(&stage("a", "", 110, 150)).replace(r#""forensic.kind":"stage""#, r#""forensic.kind":"gone""#);
    let trace = load(&text);
    let run = Run::of(&trace);
    assert_eq!((run.stages.len(), run.stages[0].end, &*run.stages[0].result), (1, 150, "success"));
    assert!(run.stages[0].inferred && run.stages[0].needs.is_none());
    assert_eq!(summarize(&trace).work_ns, 40);
}

/// Extreme times neither overflow nor panic.
#[test]
fn the_end_of_time() {
    let max = u64::MAX;
    let text = native(&(stage("a", "", 0, max) + &stage("b", r#""a""#, 0, max) + &stage("c", "", max, max)))
        .replace(":200", &format!(":{max}"));
    let s = summary_of(&text);
    assert_eq!(s.work_ns, max);
    let _ = render_text(&s);
}
