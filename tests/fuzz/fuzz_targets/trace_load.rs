//! Any bytes as a trace file: read, computed, drawn, asked for spans. What `DESIGN` 6 promises of every file, however
//! damaged, has to hold.
//!
//! Input that begins with `#` tests the reader's sliding window: the rest follows so many spaces that its buffer ends
//! within the rest, as far from its start as the byte after `#` says, and has to read the same as without them.

#![no_main]

use forensic_host::trace::metrics::self_time::self_times;
use forensic_host::trace::{Kind, Part, Query, Span, Summary, Trace, TraceError, render_text, summarize};
use libfuzzer_sys::fuzz_target;

/// First size of the reader's buffer (`host/src/trace/load.rs`).
const BUFFER: usize = 256 << 10;

fuzz_target!(
    init: {
        // A seed that is no good any more would leave most of the code unseen.
        let seed = read(include_bytes!("../corpus/trace_load/small.json")).expect("a trace");
        assert_eq!((summarize(&seed).stages.len(), seed.warnings()), (3, vec![]));
    },
    |data: &[u8]| fuzz(data)
);

fn fuzz(data: &[u8]) {
    match data {
        [b'#', split, rest @ ..] if rest.len() <= 1024 => padded(usize::from(*split), rest),
        _ => {
            if let Some(trace) = read(data) {
                whole(trace);
            }
        }
    }
}

fn read(text: &[u8]) -> Option<Trace> {
    match Trace::read(text) {
        Ok(trace) => Some(trace),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            if let TraceError::NotATrace { line, column, .. } | TraceError::NoSpans { line, column, .. } = error {
                assert!(line >= 1 && column >= 1);
            }
            None
        }
    }
}

fn padded(split: usize, rest: &[u8]) {
    if rest.starts_with(b"\xEF\xBB\xBF") {
        return; // A byte order mark is one at the very start alone.
    }
    let mut text = vec![b' '; BUFFER - split];
    text.extend_from_slice(rest);
    // Where the first bytes say what else it may be, only they are looked at.
    let (Some(plain), Some(padded)) = (read(rest), read(&text)) else {
        assert_eq!(read(rest).is_some(), read(&text).is_some());
        return;
    };
    let essence = |trace: &Trace| {
        let spans: Vec<_> = trace
            .spans()
            .map(|span| {
                (
                    span.name().to_owned(),
                    span.start_time(),
                    span.end_time(),
                    span.span_id_hex(),
                    span.attributes().len(),
                )
            })
            .collect();
        (spans, trace.warnings().len(), Summary { warnings: Vec::new(), ..summarize(trace) })
    };
    let (plain, padded) = (essence(&plain), essence(&padded));
    assert_eq!(plain, padded);
}

fn whole(trace: Trace) {
    for span in trace.spans() {
        look(span);
    }
    let times = self_times(&trace);
    assert_eq!(times.len(), trace.len());
    for (span, own) in trace.spans().zip(times) {
        assert!(own <= span.duration());
    }
    pages(&trace);
    let summary = summarize(&trace);
    check(&summary, &trace);
    assert!(summary == summarize(&trace), "the same trace has two summaries");

    let kept = trace.spans().filter(|span| !span.in_report()).count();
    let trace = trace.without_reports();
    assert_eq!(trace.len(), kept);
    for span in trace.spans() {
        assert!(!span.in_report());
        look(span);
    }
    pages(&trace);
    let before_reports = summarize(&trace);
    check(&before_reports, &trace);
}

fn look(span: Span<'_>) {
    assert!(span.start_time() <= span.end_time());
    assert_eq!(span.duration(), span.end_time() - span.start_time());
    let mut count = 0;
    for (key, value) in span.attributes() {
        count += 1;
        let _ =
            (value.as_text(), value.as_bool(), value.as_i64(), value.as_u64(), value.as_f64(), value.as_text_list());
        let _ = value.to_json().to_string();
        assert!(span.attribute(key).is_some());
    }
    assert_eq!(count, span.attributes().len());
    for part in [Part::SpanKind, Part::Scope, Part::Resource, Part::Links, Part::Events, Part::Dropped] {
        let _ = span.part(part);
    }
    let _ = (span.status(), span.status_message(), span.kind(), span.origin(), span.stage());
    assert_eq!(span.trace_id_hex().len(), 32);
    assert_eq!(span.span_id_hex().len(), 16);
    let _ = span.parent_span_id_hex();
    assert!(span.parent().is_none_or(|parent| parent.index() != span.index()));
}

/// A walk over pages gives every span that passes once, in order.
fn pages(trace: &Trace) {
    let mut queries = vec![
        Query::default(),
        Query { only_errors: true, ..Query::default() },
        Query { kind: Some(Kind::Attempt), ..Query::default() },
        Query { stage: Some("no such stage".into()), ..Query::default() },
    ];
    if let Some(span) = trace.span(trace.len() / 2) {
        queries.push(Query { name: Some(span.name().to_owned()), ..Query::default() });
        queries.push(Query { stage: span.stage().map(str::to_owned), ..Query::default() });
        let id = span.span_id();
        assert!(id == 0 || trace.span_by_id(id).is_some_and(|found| found.span_id() == id));
    }
    for (number, query) in queries.iter().enumerate() {
        let mut cursor = 0;
        let mut seen: Vec<usize> = Vec::new();
        loop {
            let page = trace.query(query, cursor, number);
            assert!(page.spans.len() <= number.max(1));
            seen.extend(page.spans.iter().map(Span::index));
            let Some(next) = page.next else { break };
            assert!(next > cursor || (next == cursor && !page.spans.is_empty()));
            cursor = next;
        }
        assert!(seen.is_sorted_by(|a, b| a < b));
        if number == 0 {
            assert_eq!(seen.len(), trace.len());
        }
        assert!(trace.query(query, u64::MAX, 10).spans.is_empty());
    }
}

fn check(s: &Summary, trace: &Trace) {
    let text = render_text(s);
    assert!(text.ends_with('\n'));
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    serde_json::to_string(s).expect("a summary is JSON");
    assert_eq!(s.spans.count, trace.len() as u64);
    assert_eq!(s.spans.by_origin.values().sum::<u64>(), s.spans.count);
    assert_eq!(s.run.start_time.is_some(), !trace.is_empty());

    let (wall, busy, work) = (s.wall_ns, s.busy_ns, s.work_ns);
    assert!(busy <= wall && s.makespan_ns <= wall);
    assert_eq!(s.idle.total_ns, wall - busy);
    assert_eq!(s.idle.lead_in_ns + s.idle.gaps_ns + s.idle.tail_ns, s.idle.total_ns);
    assert_eq!(s.levels.len() as u64, s.max_concurrency + 1);
    assert_eq!(s.levels.iter().sum::<u64>(), wall);
    assert_eq!(s.levels[1..].iter().sum::<u64>(), busy);
    assert!(s.useful_ns <= work);
    assert_eq!(s.useful_ns + s.wasted_ns, work);
    assert_eq!(s.stages.iter().map(|stage| stage.weighted_ns).sum::<u64>(), busy);
    for ratio in [s.speedup, s.efficiency, s.cpu_use, s.max_speedup, s.schedule_quality].into_iter().flatten() {
        assert!(ratio.is_finite() && ratio >= 0.0);
    }
    // Sums of absurd times stop at the largest number; what follows is arithmetic on sums.
    if work == u64::MAX || s.stages.iter().any(|stage| stage.cost_ns == u64::MAX) {
        return;
    }
    assert!(busy <= work && work <= s.max_concurrency.saturating_mul(busy));
    let levels = (0u128..).zip(&s.levels).map(|(level, &ns)| level * u128::from(ns)).sum::<u128>();
    assert_eq!(levels, u128::from(work));
    if let Some(path) = &s.critical_path
        && path.duration_ns < u64::MAX
    {
        for stage in &s.stages {
            assert!(stage.slack_ns.is_some_and(|slack| slack <= path.duration_ns));
            assert!(stage.drag_ns.unwrap_or(0) <= stage.cost_ns);
        }
    }
    if let (Some(chain), Some(totals), Some(start), Some(end)) =
        (&s.chain, s.chain_totals, s.run.start_time, s.run.end_time)
    {
        let mut at = start;
        for segment in chain {
            assert!(segment.start_time == at && segment.end_time > at, "{chain:?}");
            at = segment.end_time;
        }
        assert_eq!(at, end.max(start));
        assert_eq!(totals.execution_ns + totals.queue_ns + totals.backoff_ns + totals.overhead_ns, wall);
    }
    if let Some(queue) = s.queue
        && let (Some(slot), Some(dispatch)) = (queue.slot_ns, queue.dispatch_ns)
        && queue.total_ns < u64::MAX
    {
        assert_eq!(u128::from(slot) + u128::from(dispatch), u128::from(queue.total_ns));
        let sum: u128 = s.stages.iter().filter_map(|stage| stage.queue_ns).map(u128::from).sum();
        assert_eq!(sum, u128::from(queue.total_ns));
    }
}
