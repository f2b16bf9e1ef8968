//! The spans of the chosen attempts, one after the other: how long any was open, how much of each its children cover,
//! what does not fit, what failed last.

use super::tree::{Call, Tree};
use super::{FailedStep, Group};
use crate::conventions::attr;
use crate::trace::load::Trace;
use crate::trace::model::Attempt;
use crate::trace::span::{Kind, NONE, Span, Status};

/// How far a span may reach beyond its attempt before that is worth a word, ns: some SDKs tell whole milliseconds.
const TOLERANCE: u64 = 1_000_000;

/// Puts the spans of the chosen attempts into their trees. Returns for each span its failed child that ended last, or
/// nothing if no span below another failed.
pub(super) fn spans<'a>(trace: &'a Trace, groups: &mut [Group<'_>], group_of: &[u32], tree: &mut Tree<'a>) -> Vec<u32> {
    let picked: Vec<bool> = groups.iter().map(|group| group.root != NONE).collect();
    let in_tree = |span: &Span<'_>| picked.get(group_of[span.index()] as usize).copied().unwrap_or(false);
    let parent_in = |span: Span<'a>| span.parent().filter(|above| group_of[above.index()] == group_of[span.index()]);

    let mut nodes: Vec<u32> = vec![NONE; trace.len()];
    // How much of a span its children cover, and until when.
    let (mut below, mut below_until): (Vec<u64>, Vec<u64>) = (vec![0; trace.len()], vec![0; trace.len()]);
    let mut failed_child: Vec<u32> = Vec::new();
    let mut path: Vec<Span<'a>> = Vec::new();
    for span in trace.spans().filter(in_tree) {
        let group = &mut groups[group_of[span.index()] as usize];
        let within = group.within;
        let (start, end) = within.cut(span);
        let from = start.max(group.covered_until);
        if from < end {
            group.covered += end - from;
            group.covered_until = end;
        }
        group.out_of_envelope += u64::from(within.is_left_by(span));
        group.adopted += u64::from(is_true(span, attr::ADOPTED));
        group.clock_skew += u64::from(span.clamped() || is_true(span, attr::CLOCK_SKEW));
        let parent = parent_in(span);
        if parent.is_none() && span.parent_span_id().is_some() {
            let below_attempt = span.parent().is_some_and(|above| is_attempt(above, group.attempt));
            group.orphans += u64::from(!below_attempt);
        }
        if let Some(above) = parent {
            let (lower, upper) = within.cut(above);
            let until = &mut below_until[above.index()];
            let (from, to) = (start.max(lower).max(*until), end.min(upper));
            if from < to {
                below[above.index()] += to - from;
                *until = to;
            }
        }
        if span.status() == Status::Error {
            let place = match parent.filter(|above| above.status() == Status::Error) {
                Some(above) => {
                    failed_child.resize(trace.len(), NONE);
                    &mut failed_child[above.index()]
                }
                None => &mut group.failed,
            };
            let later = |other: Span<'_>| (other.end_time(), other.index()) < (span.end_time(), span.index());
            if trace.span(*place as usize).is_none_or(later) {
                *place = span.index() as u32;
            }
        }
        // Parents may begin after their children, so the way up is walked until a node is known.
        let mut at = span;
        let mut node = loop {
            match nodes[at.index()] {
                NONE => path.push(at),
                node => break node,
            }
            match parent_in(at) {
                Some(above) => at = above,
                None => break group.root,
            }
        };
        while let Some(next) = path.pop() {
            node = tree.below(node, group.root, next.name());
            nodes[next.index()] = node;
        }
    }
    for span in trace.spans().filter(in_tree) {
        let within = groups[group_of[span.index()] as usize].within;
        let (start, end) = within.cut(span);
        tree.add(
            nodes[span.index()],
            Call {
                start: start - within.start,
                duration: end - start,
                self_time: (end - start) - below[span.index()],
                failed: span.status() == Status::Error,
            },
        );
    }
    failed_child
}

/// Whether a span is the attempt's own, or its worker's view of it.
fn is_attempt(span: Span<'_>, attempt: &Attempt) -> bool {
    let is = |span: Span<'_>| span.index() == attempt.span;
    is(span) || (span.kind() == Kind::Worker && span.parent().is_some_and(is))
}

/// The time of an attempt, by the clock of the spans that it sent.
#[derive(Clone, Copy)]
pub(super) struct Envelope {
    start: u64,
    /// What is counted ends here.
    end: u64,
    /// What is beyond this does not fit.
    last: u64,
}

impl Envelope {
    pub(super) fn of(attempt: &Attempt, worker: Option<Span<'_>>) -> Self {
        let (start, last) = match worker {
            None => (attempt.start, attempt.end),
            Some(worker) if worker.inferred() => (worker.start_time(), u64::MAX),
            Some(worker) => (worker.start_time(), worker.end_time()),
        };
        let last = last.max(start);
        // A worker can't have had more time than the host saw.
        Self { start, end: last.min(start.saturating_add(attempt.duration())), last }
    }

    /// A span's time within the attempt.
    fn cut(self, span: Span<'_>) -> (u64, u64) {
        (span.start_time().clamp(self.start, self.end), span.end_time().clamp(self.start, self.end))
    }

    fn is_left_by(self, span: Span<'_>) -> bool {
        span.start_time().saturating_add(TOLERANCE) < self.start
            || span.end_time() > self.last.saturating_add(TOLERANCE)
    }
}

fn is_true(span: Span<'_>, key: &str) -> bool {
    span.attribute(key).and_then(|value| value.as_bool()).unwrap_or(false)
}

/// From the failed span at the top down to the innermost one.
pub(super) fn failed_step(trace: &Trace, top: u32, failed_child: &[u32]) -> Option<FailedStep> {
    let inner = |span: &Span<'_>| trace.span(*failed_child.get(span.index())? as usize);
    let mut innermost = None;
    let mut with_message = None;
    for span in std::iter::successors(trace.span(top as usize), inner) {
        innermost = Some(span);
        with_message = Some(span).filter(|span| span.status_message().is_some()).or(with_message);
    }
    let span = with_message.or(innermost)?;
    Some(FailedStep { name: span.name().to_owned(), message: span.status_message().map(str::to_owned) })
}
