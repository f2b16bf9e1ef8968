//! Spans as a file tells them, folded, against the definitions told in another way.

mod remote;

use super::*;
use crate::conventions::attr;
use crate::trace::span::Span;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A received span: id, parent (0: none), name, start, end after the attempt's start.
type Told<'a> = (u64, u64, &'a str, i64, i64);

const START: u64 = 1_767_225_600_000_000_000;
const MS: u64 = 1_000_000;
const ATTEMPT_ID: u64 = 0xa000;

fn id(id: u64) -> Value {
    if id == 0 { Value::Null } else { format!("{id:016x}").into() }
}

/// A run with one stage `fit` and attempts of `durations`, one after the other; ids from [`ATTEMPT_ID`] on.
fn host_spans(start: u64, durations: &[u64]) -> Vec<Value> {
    let total: u64 = durations.iter().sum();
    let mut spans = vec![
        json!({"name": "RUN p", "start_time": start, "end_time": start + total, "status": "Success", "trace_id": "01",
            "span_id": "0000000000009000", "attributes": {"forensic.kind": "run", "forensic.slots": 1}}),
        json!({"name": "fit", "start_time": start, "end_time": start + total, "status": "Success", "trace_id": "01",
            "span_id": "0000000000009001", "parent_span_id": "0000000000009000",
            "attributes": {"forensic.kind": "stage", "forensic.stage.id": "fit", "forensic.stage.needs": []}}),
    ];
    let mut at = start;
    for (index, duration) in (0..).zip(durations) {
        spans.push(json!({"name": "python3", "start_time": at, "end_time": at + duration, "status": "Success",
            "trace_id": "01", "span_id": id(ATTEMPT_ID + index), "parent_span_id": "0000000000009001",
            "attributes": {"forensic.kind": "attempt", "forensic.stage.id": "fit", "forensic.attempt": index + 1}}));
        at += duration;
    }
    spans
}

/// A span from the stage; times in ns after `from`.
fn received(from: u64, attempt: u64, (span, parent, name, start, end): Told<'_>) -> Value {
    let at = |offset: i64| from.saturating_add_signed(offset);
    json!({"name": name, "start_time": at(start), "end_time": at(end), "status": "Success", "trace_id": "01",
        "span_id": id(span), "parent_span_id": id(parent),
        "attributes": {"forensic.origin": "otlp", "forensic.stage.id": "fit", "forensic.attempt": attempt}})
}

fn failed(mut span: Value, message: &str) -> Value {
    span["status"] = "Error".into();
    span["status_message"] = message.into();
    span
}

fn load(spans: &[Value]) -> Trace {
    Trace::from_slice(&serde_json::to_vec(spans).unwrap()).unwrap()
}

fn inside_of(spans: &[Value]) -> Inside {
    let trace = load(spans);
    inside(&trace, &Run::of(&trace))
}

/// One attempt of `duration` ns with these spans.
fn one(duration: u64, told: &[Told<'_>]) -> StageInside {
    let mut spans = host_spans(START, &[duration]);
    spans.extend(told.iter().map(|told| received(START, 1, *told)));
    let mut inside = inside_of(&spans);
    assert_eq!((inside.stages.len(), inside.unassigned), (1, 0));
    inside.stages.remove(0)
}

/// Depth, name, calls, total, self, longest, first.
fn rows(stage: &StageInside) -> Vec<(u32, &str, u64, u64, u64, u64, u64)> {
    let row = |s: &Step| (s.depth, s.calls, s.total_ns, s.self_ns, s.max_ns, s.first_start_ns);
    stage
        .steps
        .iter()
        .map(|step| (row(step), step.name.as_deref().unwrap_or("…")))
        .map(|((depth, calls, total, own, max, first), name)| (depth, name, calls, total, own, max, first))
        .collect()
}

#[test]
fn one_name_at_one_place_is_one_step() {
    let stage = one(
        100,
        &[
            (1, ATTEMPT_ID, "main", 10, 90),
            (2, 1, "load", 10, 30),
            (3, 2, "read", 12, 20),
            (4, 1, "fit", 30, 80),
            (5, 4, "read", 40, 50),
            (6, 1, "load", 80, 85),
        ],
    );
    let expected = [
        (0, "main", 1, 80, 5, 80, 10),
        (1, "load", 2, 25, 17, 20, 10),
        (2, "read", 1, 8, 8, 8, 12),
        (1, "fit", 1, 50, 40, 50, 30),
        (2, "read", 1, 10, 10, 10, 40),
    ];
    assert_eq!(rows(&stage), expected);
    assert_eq!((stage.covered_ns, stage.uncovered_ns, stage.spans, stage.errors), (80, 20, 6, 0));
    assert_eq!(stage.steps[3].self_share, Some(0.4));
    assert_eq!((stage.attempt, stage.is_last, stage.orphans, stage.folded), (1, true, 0, 0));
}

#[test]
fn children_side_by_side_cover_their_parent_once() {
    let stage = one(
        100,
        &[(1, ATTEMPT_ID, "pool", 0, 100), (2, 1, "work", 10, 60), (3, 1, "work", 20, 70), (4, 1, "late", 65, 140)],
    );
    assert_eq!(
        rows(&stage),
        [(0, "pool", 1, 100, 10, 100, 0), (1, "work", 2, 100, 100, 50, 10), (1, "late", 1, 35, 35, 35, 65)]
    );
    assert_eq!(stage.covered_ns, 100);
}

#[test]
fn what_does_not_fit_is_counted() {
    let ms = MS as i64;
    let mut spans = host_spans(START, &[100 * MS]);
    let told: [Told<'_>; 7] = [
        (1, 77, "orphan", 10 * ms, 20 * ms),
        (2, 0, "own root", 20 * ms, 30 * ms),
        (3, 0x9000, "claims the run", 30 * ms, 40 * ms),
        (4, ATTEMPT_ID, "backwards", 50 * ms, 45 * ms),
        (5, ATTEMPT_ID, "early", -2 * ms, ms),
        (6, ATTEMPT_ID, "late", 99 * ms, 102 * ms),
        (7, ATTEMPT_ID, "whole milliseconds", 99 * ms, 101 * ms),
    ];
    spans.extend(told.map(|told| received(START, 1, told)));
    spans[4]["attributes"]["forensic.adopted"] = true.into();
    spans[4]["trace_id"] = "02".into();
    spans[5]["attributes"]["forensic.clock_skew"] = true.into();
    let mut lost = received(START, 3, (8, 0, "no such attempt", 0, 1));
    spans.push(lost.clone());
    lost["span_id"] = id(9);
    lost["attributes"]["forensic.attempt"] = Value::Null;
    spans.push(lost);
    let inside = inside_of(&spans);
    let stage = &inside.stages[0];
    assert_eq!((stage.orphans, stage.adopted, stage.out_of_envelope, stage.clock_skew), (2, 1, 2, 2));
    assert_eq!((stage.spans, inside.unassigned), (7, 2));
    assert_eq!(stage.covered_ns, 32 * MS);
    assert!(stage.steps.iter().all(|step| step.depth == 0));
    let late = stage.steps.iter().find(|step| step.name.as_deref() == Some("late")).unwrap();
    assert_eq!(late.total_ns, MS, "what lies outside the attempt is not counted");
}

#[test]
fn the_last_attempt_that_sent_spans_is_shown() {
    let mut spans = host_spans(START, &[100, 200, 50]);
    spans.push(failed(received(START, 1, (1, ATTEMPT_ID, "main", 0, 90)), "first"));
    spans.push(received(START, 1, (2, 1, "load", 0, 10)));
    spans.push(received(START + 100, 2, (3, ATTEMPT_ID + 1, "main", 0, 150)));
    // A context that was handed from one attempt to the next.
    spans.push(received(START + 100, 2, (4, 1, "continued", 150, 160)));
    let stage = inside_of(&spans).stages.remove(0);
    assert_eq!((stage.attempt, stage.is_last, stage.duration_ns), (2, false, 200));
    assert_eq!(stage.earlier, [EarlierAttempt { attempt: 1, spans: 2, errors: 1 }]);
    assert_eq!(rows(&stage), [(0, "main", 1, 150, 150, 150, 0), (0, "continued", 1, 10, 10, 10, 150)]);
    assert_eq!((stage.orphans, stage.failed_step), (1, None));
}

#[test]
fn the_failed_step_is_the_innermost_of_the_last_failure() {
    let told: [Told<'_>; 6] = [
        (1, ATTEMPT_ID, "main", 0, 90),
        (2, 1, "retry", 0, 30),
        (3, 1, "fetch", 40, 80),
        (4, 3, "connect", 45, 79),
        (5, 4, "socket", 46, 78),
        (6, ATTEMPT_ID, "handled before", 0, 85),
    ];
    let mut spans = host_spans(START, &[100]);
    spans.extend(told.map(|told| failed(received(START, 1, told), told.2)));
    spans[7]["status_message"] = "".into();
    let step = |spans: &[Value]| inside_of(spans).stages[0].failed_step.clone().unwrap();
    let expected = FailedStep { name: "connect".into(), message: Some("connect".into()) };
    assert_eq!(step(&spans), expected);
    // Killed: what was still open never came.
    spans.remove(3);
    assert_eq!(step(&spans).name, "handled before");
    spans.pop();
    assert_eq!(step(&spans), expected);
    for span in &mut spans[3..] {
        span["status_message"] = Value::Null;
    }
    assert_eq!(step(&spans), FailedStep { name: "socket".into(), message: None });
}

#[test]
fn no_stage_sent_spans() {
    assert_eq!(inside_of(&host_spans(START, &[100])), Inside::default());
    assert_eq!(inside_of(&[]), Inside::default());
    // Spans without a run of ours.
    assert_eq!(inside_of(&[received(START, 1, (1, 0, "x", 0, 9))]), Inside::default());
}

#[test]
fn an_attempt_without_length_has_no_shares() {
    let stage = one(0, &[(1, ATTEMPT_ID, "main", 0, 50)]);
    assert_eq!((stage.covered_ns, stage.uncovered_ns, stage.steps[0].self_share), (0, 0, None));
}

#[test]
fn deep_chains_and_many_names_stay_bounded() {
    const N: u64 = 100_000;
    let chain: Vec<Told<'_>> = (0..N)
        .map(|n| (n + 1_000_000, if n == 0 { ATTEMPT_ID } else { n + 999_999 }, "f", n as i64, (3 * N - n) as i64))
        .collect();
    let names: Vec<String> = (0..N).map(|n| format!("item {n}")).collect();
    let wide: Vec<Told<'_>> =
        (0..N).map(|n| (n + 1_000_000, ATTEMPT_ID, &*names[n as usize], 2 * n as i64, 2 * n as i64 + 1)).collect();
    for (told, covered, named) in [(chain, 3 * N, 64), (wide, N, 2_000)] {
        let stage = one(3 * N, &told);
        assert_eq!((stage.steps.len() as u64, stage.folded), (named + 1, N - named));
        assert_eq!(stage.steps.iter().map(|step| step.calls).sum::<u64>(), N);
        assert_eq!(stage.steps.iter().map(|step| step.self_ns).sum::<u64>(), covered);
        assert_eq!(stage.covered_ns, covered);
    }
}

/// A program that opens and closes spans one at a time: name to open, or `None` to close; and the time that passes.
fn program() -> impl Strategy<Value = (u64, Vec<(Option<u8>, u8)>)> {
    (0u64..200, prop::collection::vec((prop::option::weighted(0.6, 0u8..4), 0u8..20), 0..40))
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn run_program(lead: u64, moves: &[(Option<u8>, u8)]) -> (u64, Vec<Told<'static>>) {
    let mut now = lead as i64;
    let (mut open, mut spans): (Vec<usize>, Vec<Told<'static>>) = (vec![], vec![]);
    for (name, pause) in moves {
        match name {
            Some(name) => {
                let parent = open.last().map_or(ATTEMPT_ID, |above| spans[*above].0);
                open.push(spans.len());
                // Ids that are not in order of time.
                let id = (spans.len() as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                spans.push((id, parent, NAMES[usize::from(*name)], now, now));
            }
            None => drop(open.pop().map(|at| spans[at].4 = now)),
        }
        now += i64::from(*pause);
    }
    for at in open {
        spans[at].4 = now;
    }
    (now as u64, spans)
}

/// Anything: (parent, name, attempt, start, length), lengths below 0 too.
type Wild = Vec<(u64, u8, u64, i64, i64)>;

fn wild() -> impl Strategy<Value = Wild> {
    prop::collection::vec((0u64..16, 0u8..4, 1u64..4, -20i64..120, -10i64..60), 0..12)
}

fn wild_spans(start: u64, wild: &Wild) -> Vec<Value> {
    let mut spans = host_spans(start, &[40, 60]);
    for (n, (parent, name, attempt, at, length)) in (1u64..).zip(wild) {
        let parent = if *parent == 15 { ATTEMPT_ID } else { *parent };
        let told = (n, parent, NAMES[usize::from(*name)], *at, at + length);
        let span = received(start, *attempt, told);
        spans.push(if n % 3 == 0 { failed(span, "no") } else { span });
    }
    spans
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn self_times_of_one_thread_add_up_to_what_is_covered((lead, moves) in program()) {
        let (end, told) = run_program(lead, &moves);
        prop_assume!(!told.is_empty());
        let stage = one(end + 5, &told);
        prop_assert_eq!(stage.steps.iter().map(|step| step.self_ns).sum::<u64>(), stage.covered_ns);
        let roots: u64 = stage.steps.iter().filter(|step| step.depth == 0).map(|step| step.total_ns).sum();
        prop_assert_eq!(roots, stage.covered_ns);
        prop_assert_eq!((stage.orphans, stage.out_of_envelope, stage.clock_skew, stage.adopted), (0, 0, 0, 0));
    }

    #[test]
    fn any_spans_keep_the_definitions(wild in wild()) {
        let trace = load(&wild_spans(START, &wild));
        let run = Run::of(&trace);
        let inside = inside(&trace, &run);
        let of_attempt = |number: u64| trace.spans().filter(move |span| {
            span.origin() == "otlp" && span.attribute(attr::ATTEMPT).and_then(|n| n.as_u64()) == Some(number)
        });
        let sent = |number: u64| of_attempt(number).count() as u64;
        prop_assert_eq!(inside.unassigned, sent(3));
        let Some(stage) = inside.stages.first() else {
            prop_assert_eq!(sent(1) + sent(2), 0);
            return Ok(());
        };
        prop_assert_eq!(stage.attempt, if sent(2) > 0 { 2 } else { 1 });
        prop_assert_eq!((stage.spans, stage.spans), (sent(stage.attempt), stage.steps.iter().map(|s| s.calls).sum()));
        prop_assert_eq!(stage.errors, stage.steps.iter().map(|s| s.errors).sum::<u64>());
        for step in &stage.steps {
            prop_assert!(step.total_ns >= step.self_ns && step.max_ns <= step.total_ns);
            prop_assert!(step.max_ns <= stage.duration_ns);
        }
        // One nanosecond after the other: covered where any is open; self where one is open and no child of it is.
        let attempt = &run.stages[0].attempts[stage.attempt as usize - 1];
        let open = |span: &Span<'_>, ns: u64| span.start_time() <= ns && ns < span.end_time();
        let (mut covered, mut own) = (0, 0);
        for ns in attempt.start..attempt.end {
            covered += u64::from(of_attempt(stage.attempt).any(|span| open(&span, ns)));
            own += of_attempt(stage.attempt)
                .filter(|span| open(span, ns))
                .filter(|span| {
                    !of_attempt(stage.attempt)
                        .any(|below| below.parent().map(|p| p.index()) == Some(span.index()) && open(&below, ns))
                })
                .count() as u64;
        }
        prop_assert_eq!(stage.covered_ns, covered);
        prop_assert_eq!(stage.covered_ns + stage.uncovered_ns, stage.duration_ns);
        prop_assert_eq!(stage.steps.iter().map(|step| step.self_ns).sum::<u64>(), own);
    }

    #[test]
    fn neither_order_nor_date_matters(wild in wild(), shift in 0u64..1_000_000_000_000, seed in any::<u64>()) {
        let base = inside_of(&wild_spans(START, &wild));
        prop_assert_eq!(&inside_of(&wild_spans(START + shift, &wild)), &base);
        let mut spans = wild_spans(START, &wild);
        let len = spans.len() as u64;
        for at in 0..len {
            spans.swap(at as usize, (seed.rotate_left(at as u32 * 7) % len) as usize);
        }
        prop_assert_eq!(&inside_of(&spans), &base);
    }
}
