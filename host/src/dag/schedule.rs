//! What can run next: the state of the graph, without clocks or processes.

use std::collections::BTreeSet;

use crate::conventions::result;
use crate::pipeline::Pipeline;

/// Result of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageResult {
    /// It did what it should.
    Success,
    /// It ended with an error.
    Failure,
    /// It could not be run.
    Error,
    /// It ran too long.
    Timeout,
    /// The run was stopped before it ended.
    Cancellation,
    /// It never ran because a need failed.
    Skip,
}

impl StageResult {
    /// The word of the conventions.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => result::SUCCESS,
            Self::Failure => result::FAILURE,
            Self::Error => result::ERROR,
            Self::Timeout => result::TIMEOUT,
            Self::Cancellation => result::CANCELLATION,
            Self::Skip => result::SKIP,
        }
    }
}

/// Follows which stages are ready. Stages are indexes into [`Pipeline::stages`].
pub(super) struct Schedule {
    dependents: Vec<Vec<usize>>,
    /// Needs that have not succeeded yet.
    waiting_for: Vec<usize>,
    results: Vec<Option<StageResult>>,
    /// In declaration order.
    ready: BTreeSet<usize>,
    open: usize,
}

impl Schedule {
    pub(super) fn new(pipeline: &Pipeline) -> Self {
        let waiting_for: Vec<usize> = pipeline.stages.iter().map(|stage| stage.needs.len()).collect();
        Self {
            ready: (0..waiting_for.len()).filter(|&stage| waiting_for[stage] == 0).collect(),
            dependents: pipeline.dependents(),
            results: vec![None; waiting_for.len()],
            open: waiting_for.len(),
            waiting_for,
        }
    }

    /// The ready stage that was declared first; it is not ready any more.
    pub(super) fn take_ready(&mut self) -> Option<usize> {
        self.ready.pop_first()
    }

    /// Puts a stage back that is to be tried again.
    pub(super) fn make_ready(&mut self, stage: usize) {
        self.ready.insert(stage);
    }

    /// Number of stages without a result.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Stages without a result.
    pub(super) fn open_stages(&self) -> Vec<usize> {
        (0..self.results.len()).filter(|&stage| self.results[stage].is_none()).collect()
    }

    pub(super) fn dependents(&self, stage: usize) -> &[usize] {
        &self.dependents[stage]
    }

    /// Whether it could start now.
    pub(super) fn is_ready(&self, stage: usize) -> bool {
        self.ready.contains(&stage)
    }

    /// Settles a stage that was stopped before it ran. What needs it is stopped too, not skipped.
    pub(super) fn cancel(&mut self, stage: usize) {
        self.set(stage, StageResult::Cancellation);
    }

    /// Records a result. Returns what follows from it: stages that will never run, each with the need that
    /// kept it from running, nearest first.
    pub(super) fn settle(&mut self, stage: usize, result: StageResult) -> Vec<(usize, usize)> {
        let mut skipped = Vec::new();
        self.set(stage, result);
        if result == StageResult::Success {
            for &dependent in &self.dependents[stage] {
                self.waiting_for[dependent] -= 1;
                if self.waiting_for[dependent] == 0 && self.results[dependent].is_none() {
                    self.ready.insert(dependent);
                }
            }
            return skipped;
        }
        let mut failed = vec![stage];
        while let Some(need) = failed.pop() {
            for dependent in self.dependents[need].clone() {
                if self.results[dependent].is_none() {
                    self.set(dependent, StageResult::Skip);
                    skipped.push((dependent, need));
                    failed.push(dependent);
                }
            }
        }
        skipped
    }

    fn set(&mut self, stage: usize, result: StageResult) {
        if self.results[stage].replace(result).is_none() {
            self.open -= 1;
        }
        self.ready.remove(&stage);
    }

    pub(super) fn into_results(self) -> Vec<Option<StageResult>> {
        self.results
    }
}
