//! Where time went inside an attempt, from the spans that the stage itself sent: what the result says of it. Which
//! span belongs to which attempt is told in `assign`, going through an attempt's spans belongs in `fold`, the call tree in `tree`.
//!
//! Spans from a stage are that program's own account: nothing in here enters the run's metrics. Their times are cut off
//! at the ends of the attempt, so that no clock or lie of a stage makes more time than there was. Where the attempt ran on a
//! worker, its ends are those that the worker saw, because what it sent has the same clock; the attempt's duration is still
//! the host's.

mod assign;
mod fold;
mod tree;

use super::load::Trace;
use super::model::{Attempt, Run};
use super::span::{Kind, NONE, Span};
use crate::conventions::origin;
use assign::Sent;
pub(super) use assign::{Assigned, assign};
use fold::Envelope;
use std::collections::HashMap;
use tree::Tree;

/// What stages told of themselves; see [`inside`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inside {
    /// Stages that sent spans, in the run's order.
    pub stages: Vec<StageInside>,
    /// Received spans that name no attempt of this run.
    pub unassigned: u64,
}

/// What one stage told of itself: the numbers of one attempt, and what the others sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageInside {
    /// Stage id.
    pub stage: String,
    /// Number of the attempt that the numbers are about: the last one that sent spans.
    pub attempt: u64,
    /// True if no later attempt followed.
    pub is_last: bool,
    /// Duration of that attempt, ns.
    pub duration_ns: u64,
    /// Spans that it sent.
    pub spans: u64,
    /// Those with status Error.
    pub errors: u64,
    /// Time of the attempt in which at least one of its spans was open, ns.
    pub covered_ns: u64,
    /// The rest of the attempt, ns: start-up, imports, and what is not instrumented.
    pub uncovered_ns: u64,
    /// The call tree, each step before those below it; siblings by their first start.
    pub steps: Vec<Step>,
    /// Spans that were put together in steps without a name, because the tree had grown too large.
    pub folded: u64,
    /// Spans whose parent never arrived, or belongs to another attempt; they stand at the top of the tree.
    pub orphans: u64,
    /// Spans under a trace id of the stage's own.
    pub adopted: u64,
    /// Spans that reached more than a millisecond beyond the attempt; what lies outside is not counted.
    pub out_of_envelope: u64,
    /// Spans that ended before they began.
    pub clock_skew: u64,
    /// Where the attempt failed, by its own account.
    pub failed_step: Option<FailedStep>,
    /// Attempts before this one that sent spans.
    pub earlier: Vec<EarlierAttempt>,
}

/// All spans of one name at one place of the call tree.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Step {
    /// How many steps are above it.
    pub depth: u32,
    /// The spans' name; `None` for what was put together because the tree had grown too large.
    pub name: Option<String>,
    /// Number of spans.
    pub calls: u64,
    /// Those with status Error.
    pub errors: u64,
    /// Their durations added up, ns. Under concurrency that is more than the time that passed. Of a step without a
    /// name it is the self time, because spans in there lie within each other.
    pub total_ns: u64,
    /// Their self times added up, ns.
    pub self_ns: u64,
    /// The longest of them, ns.
    pub max_ns: u64,
    /// Self time ÷ the attempt's duration; `None` if that is 0.
    pub self_share: Option<f64>,
    /// When the first began, ns after the attempt's start.
    pub first_start_ns: u64,
}

/// Where an attempt failed: from the last failed span at the top down through the last failed span in each.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FailedStep {
    /// Name of the innermost failed span that has a message; of the innermost one if none has.
    pub name: String,
    /// Its message.
    pub message: Option<String>,
}

/// An attempt whose spans are only counted.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct EarlierAttempt {
    /// Number of the attempt.
    pub attempt: u64,
    /// Spans that it sent.
    pub spans: u64,
    /// Those with status Error.
    pub errors: u64,
}

/// An attempt that sent spans.
struct Group<'a> {
    stage: usize,
    place: usize,
    attempt: &'a Attempt,
    /// When the attempt ran, by the clock of what it sent.
    within: Envelope,
    spans: u64,
    errors: u64,
    /// Root of its tree; [`NONE`] if its spans are only counted.
    root: u32,
    covered: u64,
    covered_until: u64,
    orphans: u64,
    adopted: u64,
    out_of_envelope: u64,
    clock_skew: u64,
    /// The failed span at the top that ended last.
    failed: u32,
}

/// Folds the spans that stages sent, an attempt a tree. Empty where the trace tells no run of ours.
///
/// Near-linear in the number of spans; needs 28 bytes a span beside the trace while it works, and what it returns is
/// bounded (see `tree`). Any span is allowed: without its parent, outside its attempt, ending before it starts.
pub fn inside(trace: &Trace, run: &Run) -> Inside {
    let Some(Assigned { attempt_of, sent, unassigned }) = assign(trace, run) else { return Inside::default() };
    let (mut groups, group_of) = groups(run, &sent, attempt_of, &workers(trace));
    let mut tree = Tree::default();
    // The last attempt of each stage that sent any gets a tree; groups are in order of stage and attempt.
    for at in 0..groups.len() {
        if groups.get(at + 1).is_none_or(|next| next.stage != groups[at].stage) {
            groups[at].root = tree.root();
        }
    }
    let failed_child = fold::spans(trace, &mut groups, &group_of, &mut tree);
    let trees = tree.finish();
    let mut stages: Vec<StageInside> = Vec::new();
    let mut earlier = Vec::new();
    for group in &groups {
        let Group { attempt, spans, errors, .. } = *group;
        if group.root == NONE {
            earlier.push(EarlierAttempt { attempt: attempt.number, spans, errors });
            continue;
        }
        let stage = &run.stages[group.stage];
        let (steps, folded) = trees.steps(group.root, attempt.duration());
        stages.push(StageInside {
            stage: stage.id.clone(),
            attempt: attempt.number,
            is_last: group.place + 1 == stage.attempts.len(),
            duration_ns: attempt.duration(),
            spans,
            errors,
            covered_ns: group.covered,
            uncovered_ns: attempt.duration() - group.covered,
            steps,
            folded,
            orphans: group.orphans,
            adopted: group.adopted,
            out_of_envelope: group.out_of_envelope,
            clock_skew: group.clock_skew,
            failed_step: fold::failed_step(trace, group.failed, &failed_child),
            earlier: std::mem::take(&mut earlier),
        });
    }
    Inside { stages, unassigned }
}

/// For attempts that ran on a worker, by the position of their spans, the worker's own span.
fn workers(trace: &Trace) -> HashMap<usize, Span<'_>> {
    if trace.origins.get(origin::WORKER).is_none() {
        return HashMap::new();
    }
    let own = trace.spans().filter(|span| span.kind() == Kind::Worker);
    own.filter_map(|span| Some((span.parent()?.index(), span))).collect()
}

/// The attempts that sent spans, in order of stage and attempt; for each span its group.
fn groups<'a>(
    run: &'a Run,
    sent: &[Sent],
    attempt_of: Vec<u32>,
    workers: &HashMap<usize, Span<'_>>,
) -> (Vec<Group<'a>>, Vec<u32>) {
    let mut groups: Vec<Group<'_>> = Vec::new();
    // Attempts without spans have no group.
    let mut places: Vec<u32> = Vec::with_capacity(sent.len());
    let attempts = run.stages.iter().enumerate();
    let attempts = attempts.flat_map(|(at, stage)| stage.attempts.iter().enumerate().map(move |of| (at, of)));
    for ((stage, (place, attempt)), sent) in attempts.zip(sent) {
        if sent.spans == 0 {
            places.push(NONE);
            continue;
        }
        places.push(groups.len() as u32);
        groups.push(Group {
            stage,
            place,
            attempt,
            within: Envelope::of(attempt, workers.get(&attempt.span).copied()),
            spans: sent.spans,
            errors: sent.errors,
            root: NONE,
            covered: 0,
            covered_until: 0,
            orphans: 0,
            adopted: 0,
            out_of_envelope: 0,
            clock_skew: 0,
            failed: NONE,
        });
    }
    let group_of = |attempt: u32| places.get(attempt as usize).copied().unwrap_or(NONE);
    (groups, attempt_of.into_iter().map(group_of).collect())
}

#[cfg(test)]
mod tests;
