//! What can run next: the state of the graph and of the pools, without clocks or processes.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use super::result::StageResult;
use crate::pipeline::{Pipeline, Trigger};
use crate::plan::RunPlan;

/// How often later stages may pass one that waits for a pool before they have to leave it what it needs.
const PASSES_MAX: u32 = 16;

/// Place in the queue: priority, then the longest way to the end, then declaration.
type Place = (Reverse<i32>, Reverse<u64>, usize);

/// How a stage came to its result, as far as what needs it is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// What needs it may go on: it succeeded, failed as it may, or had nothing to do.
    Passed,
    /// What needs its success never runs.
    Blocked,
}

/// What follows from a result.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Followed {
    /// Stages whose needs let them start now; not in the queue yet.
    pub(crate) released: Vec<Released>,
    /// Stages that will never run, each with the need that kept it from running, nearest first.
    pub(crate) skipped: Vec<(usize, usize)>,
}

/// A stage whose needs let it start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Released {
    pub(crate) stage: usize,
    /// The need whose success released it, where one was enough.
    pub(crate) by: Option<usize>,
}

/// Follows which stages are ready. Stages are indexes into [`Pipeline::stages`].
pub(crate) struct Schedule<'a> {
    pipeline: &'a Pipeline,
    dependents: Vec<Vec<usize>>,
    /// Needs that are still to pass (or to end, or to fail, as the trigger has it).
    waiting_for: Vec<usize>,
    /// Released, skipped or settled already.
    decided: Vec<bool>,
    results: Vec<Option<StageResult>>,
    places: Vec<Place>,
    /// Ready stages by what they take from pools: all of one queue fit or none does.
    queues: Vec<Queue>,
    queue_of: Vec<usize>,
    free: Vec<u64>,
    passes: Vec<u32>,
    /// Counts looks at the queues, so that it can be told who was there when a pool lacked.
    looks: u64,
    /// The last look before a stage came into its queue.
    queued_at: Vec<u64>,
    open: usize,
}

struct Queue {
    takes: Vec<(usize, u64)>,
    ready: BTreeSet<Place>,
    /// The last look that found something in it and a pool without enough for it, and that pool.
    lacked: Option<(u64, usize)>,
}

/// A stage that may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) stage: usize,
    /// The pool that it waited for while a slot was free.
    pub(crate) waited_for: Option<usize>,
}

impl<'a> Schedule<'a> {
    /// `capacities`: of the pipeline's pools.
    pub(crate) fn new(pipeline: &'a Pipeline, plan: &RunPlan, capacities: Vec<u64>) -> Self {
        let stages = &pipeline.stages;
        let mut queues: Vec<Queue> = Vec::new();
        let mut known: HashMap<Vec<(usize, u64)>, usize> = HashMap::new();
        let queue_of = stages
            .iter()
            .map(|stage| {
                // A machine may have less than a stage would like: then it waits until it has the pool for itself.
                let mut takes: Vec<(usize, u64)> =
                    stage.resources.iter().map(|&(pool, amount)| (pool, amount.min(capacities[pool]))).collect();
                takes.sort_unstable();
                *known.entry(takes.clone()).or_insert_with(|| {
                    queues.push(Queue { takes, ready: BTreeSet::new(), lacked: None });
                    queues.len() - 1
                })
            })
            .collect();
        let rank = |index: usize| plan.stages.get(index).map_or(0, |stage| stage.rank);
        Self {
            dependents: pipeline.dependents(),
            waiting_for: stages
                .iter()
                .map(|stage| match stage.trigger {
                    Trigger::All | Trigger::Always => stage.needs.len(),
                    // One is enough, and there is nothing to wait for where there are none.
                    Trigger::Any => stage.needs.len().min(1),
                })
                .collect(),
            decided: vec![false; stages.len()],
            results: vec![None; stages.len()],
            places: stages
                .iter()
                .enumerate()
                .map(|(index, stage)| (Reverse(stage.priority), Reverse(rank(index)), index))
                .collect(),
            queues,
            queue_of,
            free: capacities,
            passes: vec![0; stages.len()],
            looks: 0,
            queued_at: vec![0; stages.len()],
            open: stages.len(),
            pipeline,
        }
    }

    /// The stages that need nothing.
    pub(crate) fn roots(&mut self) -> Vec<Released> {
        let all = 0..self.decided.len();
        let roots: Vec<usize> = all.filter(|&stage| self.waiting_for[stage] == 0 && !self.decided[stage]).collect();
        roots
            .into_iter()
            .map(|stage| {
                self.decided[stage] = true;
                Released { stage, by: None }
            })
            .collect()
    }

    /// Puts a released stage into the queue, also one that is to be tried again.
    pub(crate) fn make_ready(&mut self, stage: usize) {
        self.queued_at[stage] = self.looks;
        self.queues[self.queue_of[stage]].ready.insert(self.places[stage]);
    }

    /// The first stage in line for which the pools have enough; it is not ready any more and has what it takes. To be
    /// asked when a slot is free.
    pub(crate) fn take_ready(&mut self) -> Option<Taken> {
        self.looks += 1;
        let mut best: Option<(Place, usize)> = None;
        let mut first_short: Option<(Place, usize)> = None;
        for (index, queue) in self.queues.iter_mut().enumerate() {
            let Some(&head) = queue.ready.first() else { continue };
            let lacking = queue.takes.iter().find(|&&(pool, amount)| self.free[pool] < amount);
            let found = match lacking {
                None => &mut best,
                Some(&(pool, _)) => {
                    queue.lacked = Some((self.looks, pool));
                    &mut first_short
                }
            };
            if found.is_none_or(|(place, _)| head < place) {
                *found = Some((head, index));
            }
        }
        let (mut place, mut index) = best?;
        if let Some((short, waiting)) = first_short
            && short < place
            && self.shares_pool(waiting, index)
        {
            if self.passes[short.2] >= PASSES_MAX {
                // It has waited long enough: only what takes nothing of its pools may go on before it.
                (place, index) = self.best_beside(waiting)?;
            } else {
                self.passes[short.2] += 1;
            }
        }
        let queue = &mut self.queues[index];
        queue.ready.remove(&place);
        for &(pool, amount) in &queue.takes {
            self.free[pool] -= amount;
        }
        let stage = place.2;
        let waited_for = queue.lacked.filter(|(look, _)| *look > self.queued_at[stage]).map(|(_, pool)| pool);
        Some(Taken { stage, waited_for })
    }

    /// Gives back what an attempt took.
    pub(crate) fn release(&mut self, stage: usize) {
        for &(pool, amount) in &self.queues[self.queue_of[stage]].takes {
            self.free[pool] += amount;
        }
    }

    fn fits(&self, queue: &Queue) -> bool {
        queue.takes.iter().all(|&(pool, amount)| self.free[pool] >= amount)
    }

    fn shares_pool(&self, one: usize, other: usize) -> bool {
        let pools = &self.queues[other].takes;
        self.queues[one].takes.iter().any(|(pool, _)| pools.iter().any(|(other, _)| other == pool))
    }

    fn best_beside(&self, waiting: usize) -> Option<(Place, usize)> {
        (0..self.queues.len())
            .filter(|&index| self.fits(&self.queues[index]) && !self.shares_pool(waiting, index))
            .filter_map(|index| Some((*self.queues[index].ready.first()?, index)))
            .min()
    }

    /// Number of stages without a result.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// Stages without a result.
    pub(crate) fn open_stages(&self) -> Vec<usize> {
        (0..self.results.len()).filter(|&stage| self.results[stage].is_none()).collect()
    }

    /// The result of a stage, once it has one.
    pub(crate) fn result(&self, stage: usize) -> Option<StageResult> {
        self.results[stage]
    }

    /// Takes out a stage that was not asked for; [`settle`](Self::settle) says later what that means for others.
    pub(crate) fn leave(&mut self, stage: usize) {
        self.set(stage, StageResult::Skip);
    }

    /// Settles a stage that was stopped before it ran. What needs it is stopped too, not skipped.
    pub(crate) fn cancel(&mut self, stage: usize) {
        self.set(stage, StageResult::Cancellation);
    }

    /// Records a result, and says what follows from it.
    pub(crate) fn settle(&mut self, stage: usize, result: StageResult, settled: Settled) -> Followed {
        self.set(stage, result);
        let mut followed = Followed::default();
        let mut ended = vec![(stage, settled)];
        while let Some((need, settled)) = ended.pop() {
            for at in 0..self.dependents[need].len() {
                let dependent = self.dependents[need][at];
                if self.decided[dependent] {
                    continue;
                }
                let trigger = self.pipeline.stages[dependent].trigger;
                match (trigger, settled) {
                    (Trigger::All, Settled::Blocked) => self.skip(dependent, need, &mut followed, &mut ended),
                    (Trigger::Any, Settled::Blocked) => {
                        let needs = &self.pipeline.stages[dependent].needs;
                        // The others have failed before, or it would have been released.
                        if needs.iter().all(|&need| self.results[need].is_some()) {
                            self.skip(dependent, need, &mut followed, &mut ended);
                        }
                    }
                    (Trigger::All | Trigger::Any, Settled::Passed) | (Trigger::Always, _) => {
                        self.waiting_for[dependent] -= 1;
                        if self.waiting_for[dependent] == 0 {
                            self.decided[dependent] = true;
                            let by = (trigger == Trigger::Any).then_some(need);
                            followed.released.push(Released { stage: dependent, by });
                        }
                    }
                }
            }
        }
        followed
    }

    fn skip(&mut self, stage: usize, need: usize, followed: &mut Followed, ended: &mut Vec<(usize, Settled)>) {
        self.set(stage, StageResult::Skip);
        followed.skipped.push((stage, need));
        ended.push((stage, Settled::Blocked));
    }

    fn set(&mut self, stage: usize, result: StageResult) {
        if self.results[stage].replace(result).is_none() {
            self.open -= 1;
        }
        self.decided[stage] = true;
        self.queues[self.queue_of[stage]].ready.remove(&self.places[stage]);
    }

    pub(crate) fn into_results(self) -> Vec<Option<StageResult>> {
        self.results
    }
}

#[cfg(test)]
mod tests;
