//! How each stage ended, for the record: what later runs, lists and comparisons need to know of it.

use std::collections::{BTreeMap, HashMap};

use super::record::{CACHED, LEFT_OUT, RunRecord};
use crate::clock::nanos;
use crate::conventions::result;
use crate::events::{Observer, RunEvent};
use crate::pipeline::Pipeline;
use crate::plan::{Action, RunPlan};
use crate::trace::Run;

/// Listens in on the way to the real observer.
pub(super) struct Outcomes<'a> {
    pipeline: &'a Pipeline,
    plan: &'a RunPlan,
    ended: HashMap<String, Outcome>,
    inner: &'a mut dyn Observer,
}

/// What is kept of a stage.
enum Outcome {
    /// It ran and succeeded, in so many ns.
    Executed(u64),
    /// Any other, by its word.
    Other(&'static str),
}

impl<'a> Outcomes<'a> {
    pub(super) fn new(pipeline: &'a Pipeline, plan: &'a RunPlan, inner: &'a mut dyn Observer) -> Self {
        Self { pipeline, plan, ended: HashMap::with_capacity(pipeline.stages.len()), inner }
    }

    /// Writes down what was heard, in declaration order.
    pub(super) fn record(self, record: &mut RunRecord) {
        let mut ended = self.ended;
        let left = |index: usize| self.plan.stages.get(index).is_some_and(|stage| stage.action == Action::Leave);
        let stages = self.pipeline.stages.iter().enumerate().filter_map(|(index, stage)| {
            let outcome = ended.remove(stage.id.as_str())?;
            let outcome = if left(index) { Outcome::Other(LEFT_OUT) } else { outcome };
            Some((stage.id.to_string(), outcome))
        });
        note(record, stages);
    }
}

impl Observer for Outcomes<'_> {
    fn on_event(&mut self, event: &RunEvent<'_>) {
        if let RunEvent::StageEnded { stage, result, duration, saved, .. } = event {
            let outcome = match (saved, result.word()) {
                (Some(_), _) => Outcome::Other(CACHED),
                (None, result::SUCCESS) => Outcome::Executed(nanos(*duration)),
                (None, word) => Outcome::Other(word),
            };
            self.ended.insert((*stage).to_owned(), outcome);
        }
        self.inner.on_event(event);
    }
}

/// The same from a trace, for a run that was killed.
pub(super) fn of_trace(record: &mut RunRecord, run: &Run) {
    let word = |word: &str| {
        let words = [result::FAILURE, result::TIMEOUT, result::CANCELLATION, result::SKIP];
        words.into_iter().find(|known| *known == word).unwrap_or(result::ERROR)
    };
    let stages = run.stages.iter().map(|stage| {
        let outcome = match &*stage.result {
            _ if stage.cached => Outcome::Other(CACHED),
            result::SUCCESS => Outcome::Executed(stage.end.saturating_sub(stage.start)),
            other => Outcome::Other(word(other)),
        };
        (stage.id.clone(), outcome)
    });
    note(record, stages);
}

fn note(record: &mut RunRecord, stages: impl Iterator<Item = (String, Outcome)>) {
    let mut durations = Vec::new();
    let mut results: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (id, outcome) in stages {
        match outcome {
            Outcome::Executed(ns) => durations.push((id, ns)),
            Outcome::Other(word) => results.entry(word.to_owned()).or_default().push(id),
        }
    }
    record.stage_durations = durations;
    record.stage_results = results;
}
