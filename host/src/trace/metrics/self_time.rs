//! Self time of spans: the part of a span that none of its children covers.

use crate::trace::Trace;

/// **Self time** of every span, ns, in start order: duration − union of its children, each clipped to the span.
///
/// One pass: spans come in start order, so the union of a span's children grows only at its end.
pub fn self_times(trace: &Trace) -> Vec<u64> {
    let mut left: Vec<u64> = trace.spans().map(|span| span.duration()).collect();
    let mut covered_until: Vec<u64> = trace.spans().map(|span| span.start_time()).collect();
    for span in trace.spans() {
        let Some(parent) = span.parent() else { continue };
        let above = parent.index();
        let from = span.start_time().max(covered_until[above]);
        let to = span.end_time().min(parent.end_time());
        if from < to {
            left[above] -= to - from;
            covered_until[above] = to;
        }
    }
    left
}
