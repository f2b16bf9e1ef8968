//! How long stages take and a run may take, from earlier runs; and which stages are best started first. Nothing here changes what
//! a run does but the order of stages that could start at the same time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Action, RunPlan};
use crate::dag::{Released, Schedule, Settled, StageResult};
use crate::pipeline::Pipeline;
use crate::runs::History;

/// What a stage counts as where nothing is known of any, ns.
const UNKNOWN_NS: u64 = 1_000_000_000;

/// How long a run may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// From the first start to the last end, ns.
    pub wall_ns: u64,
    /// Stages that run and whose duration is known from earlier runs.
    pub known: usize,
    /// Stages that run and count as the median of the known ones.
    pub unknown: usize,
}

/// Fills a plan whose actions are decided: each stage's expected duration and rank, and how long the run may take.
/// `capacities`: what there is of each pool.
pub fn estimate(pipeline: &Pipeline, plan: &mut RunPlan, history: &History, slots: u32, capacities: &[u64]) {
    let expected = expected(pipeline, history);
    // What does not run takes no time, also on the way to the end.
    let left: Vec<Option<u64>> = expected
        .iter()
        .zip(&plan.stages)
        .map(|(expected, stage)| if stage.action == Action::Run { *expected } else { Some(0) })
        .collect();
    for ((stage, rank), expected) in plan.stages.iter_mut().zip(ranks(pipeline, &left)).zip(expected) {
        stage.rank = rank;
        stage.expected_ns = expected;
    }
    plan.estimate_ns = simulate(pipeline, plan, slots, capacities).map(|estimate| estimate.wall_ns);
}

/// How long each stage takes: the median of its newest executions that succeeded. `None`: it has none.
pub fn expected(pipeline: &Pipeline, history: &History) -> Vec<Option<u64>> {
    let typical = history.typical_stages();
    pipeline.stages.iter().map(|stage| Some(typical.get(stage.id.as_str())?.median_ns)).collect()
}

/// Length of the longest way from each stage's start to the end of the run, ns, itself included: who has the longest goes first.
///
/// This is the order of list scheduling by bottom levels (Hu, Parallel Sequencing and Assembly Line Problems, 1961); whatever the
/// order, a list schedule takes at most T₁/N + (1 − 1/N)·T∞ (Graham, Bounds on Multiprocessing Timing Anomalies, 1969), and
/// by bottom levels it comes nearest to the best in practice (Adam, Chandy and Dickson, A Comparison of List Schedules, 1974).
/// Stages of unknown duration count as the median of the known ones, or one second where none is known.
pub fn ranks(pipeline: &Pipeline, expected: &[Option<u64>]) -> Vec<u64> {
    let unknown = median(expected.iter().flatten().copied().filter(|ns| *ns > 0)).unwrap_or(UNKNOWN_NS);
    let mut ranks = vec![0; pipeline.stages.len()];
    for stage in pipeline.execution_order().into_iter().rev() {
        let own = expected.get(stage).copied().flatten().unwrap_or(unknown);
        // So far it holds the longest way behind it.
        ranks[stage] = own.saturating_add(ranks[stage]);
        for &need in &pipeline.stages[stage].needs {
            ranks[need] = ranks[need].max(ranks[stage]);
        }
    }
    ranks
}

/// Plays a plan with the run's own schedule: slots, pools, priorities, ranks and triggers. Every stage is taken to succeed at the
/// first attempt, and every `when` to hold; what is reused or left out takes no time, and neither does the host. Stages of unknown
/// duration count as the median of the known ones. `None`: stages run, and nothing is known of any.
pub fn simulate(pipeline: &Pipeline, plan: &RunPlan, slots: u32, capacities: &[u64]) -> Option<Estimate> {
    let runs = |stage: usize| plan.stages.get(stage).is_none_or(|stage| stage.action == Action::Run);
    let expected = |stage: usize| plan.stages.get(stage).and_then(|stage| stage.expected_ns);
    let running: Vec<usize> = (0..pipeline.stages.len()).filter(|&stage| runs(stage)).collect();
    let known = running.iter().filter(|&&stage| expected(stage).is_some()).count();
    let mut estimate = Estimate { wall_ns: 0, known, unknown: running.len() - known };
    if running.is_empty() {
        return Some(estimate);
    }
    let unknown = median(running.iter().filter_map(|&stage| expected(stage)))?;

    let mut play = Play { plan, schedule: Schedule::new(pipeline, plan, capacities.to_vec()) };
    play.begin(pipeline);
    let slots = usize::try_from(slots.max(1)).unwrap_or(usize::MAX);
    let mut busy: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut now: u64 = 0;
    loop {
        while busy.len() < slots
            && let Some(taken) = play.schedule.take_ready()
        {
            let end = now.saturating_add(expected(taken.stage).unwrap_or(unknown));
            busy.push(Reverse((end, taken.stage)));
        }
        let Some(Reverse((end, stage))) = busy.pop() else { break };
        now = end;
        play.end(stage);
        // All that ends now has ended before anything else begins.
        while let Some(Reverse((_, stage))) = busy.peek().copied().filter(|Reverse((end, _))| *end == now) {
            busy.pop();
            play.end(stage);
        }
    }
    estimate.wall_ns = now;
    Some(estimate)
}

/// The schedule with what the plan says of each stage.
struct Play<'a> {
    plan: &'a RunPlan,
    schedule: Schedule<'a>,
}

impl Play<'_> {
    fn begin(&mut self, pipeline: &Pipeline) {
        let left: Vec<usize> =
            (0..pipeline.stages.len()).filter(|&stage| self.action(stage) == Some(&Action::Leave)).collect();
        left.iter().for_each(|&stage| self.schedule.leave(stage));
        for stage in left {
            let followed = self.schedule.settle(stage, StageResult::Skip, Settled::Blocked);
            self.released(followed.released);
        }
        let roots = self.schedule.roots();
        self.released(roots);
    }

    fn action(&self, stage: usize) -> Option<&Action> {
        self.plan.stages.get(stage).map(|stage| &stage.action)
    }

    fn end(&mut self, stage: usize) {
        self.schedule.release(stage);
        let followed = self.schedule.settle(stage, StageResult::Success, Settled::Passed);
        self.released(followed.released);
    }

    /// Puts stages into the queue; what is reused has its result at once, and releases others.
    fn released(&mut self, mut released: Vec<Released>) {
        while let Some(Released { stage, .. }) = released.pop() {
            match self.action(stage) {
                Some(Action::Reuse { .. }) => {
                    released.extend(self.schedule.settle(stage, StageResult::Success, Settled::Passed).released);
                }
                _ => self.schedule.make_ready(stage),
            }
        }
    }
}

fn median(values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut values: Vec<u64> = values.collect();
    let middle = values.len() / 2;
    let (_, median, _) = (!values.is_empty()).then(|| values.select_nth_unstable(middle))?;
    Some(*median)
}

#[cfg(test)]
mod tests;
