//! Each stage over the runs.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use super::steps::{Sample, Step};
use super::timings::Outcome;
use super::{Judged, Read, shown_steps};
use crate::conventions::result;
use crate::report::{Change, Typical};

/// Stages that are told of.
const STAGES_MAX: usize = 1_000;

/// A stage over the runs. Durations in ns: from its first attempt's start to its end, where it was executed and succeeded. A
/// reused or left out stage has none.
#[derive(Debug, Serialize)]
pub struct StageTrend {
    /// Its id.
    pub id: String,
    /// Position of the newest run that executed it.
    pub last_run: Option<usize>,
    /// How long it took there.
    pub last_ns: Option<u64>,
    /// What it took in the runs that succeeded before that one, ten at most.
    pub typical: Option<Typical>,
    /// What the newest duration amounts to.
    pub change: Option<Change>,
    /// Its share of the time that all stages took in these runs.
    pub share: Option<f64>,
    /// Runs that it succeeded in.
    pub executed: usize,
    /// Runs that it failed in: results `failure`, `error` and `timeout`.
    pub failed: usize,
    /// How long it took in each run, by position.
    pub durations_ns: Vec<Option<u64>>,
    /// Where its duration changed, oldest first.
    pub steps: Vec<Step>,
    /// Each run in detail, where this stage was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<StagePoint>,
}

impl StageTrend {
    /// From what is typical to the newest duration, ns.
    pub fn recent(&self) -> Option<(u64, u64)> {
        Some((self.typical?.median_ns, self.last_ns?))
    }
}

/// A stage in one run.
#[derive(Debug, Serialize)]
pub struct StagePoint {
    /// Its result word, `cached` or `left_out`; `null` where the run had no such stage.
    pub result: Option<String>,
    /// How long it took.
    pub duration_ns: Option<u64>,
    /// What the runs before took.
    #[serde(flatten)]
    pub judged: Judged,
}

/// What is collected of a stage.
#[derive(Default)]
struct Series {
    /// Position of the run, and what became of the stage there.
    outcomes: Vec<(usize, Outcome)>,
}

/// The stages of these runs, oldest first, from position `lead` on, and how many are left out. `only`: all about this one.
pub(super) fn stages(runs: &[Read<'_>], lead: usize, only: Option<&str>) -> (Vec<StageTrend>, usize) {
    let mut series: HashMap<Arc<str>, Series> = HashMap::new();
    let mut work = 0u64;
    for (at, run) in runs.iter().enumerate() {
        for (id, outcome) in run.timed().iter().flat_map(|timed| &timed.stages) {
            if let Outcome::Took(ns) = outcome
                && at >= lead
            {
                work = work.saturating_add(*ns);
            }
            if only.is_none_or(|only| only == &**id) {
                let outcomes = &mut series.entry(Arc::clone(id)).or_default().outcomes;
                // A record that names a stage twice was changed by hand; the first one counts.
                if outcomes.last().is_none_or(|(last, _)| *last != at) {
                    outcomes.push((at, outcome.clone()));
                }
            }
        }
    }
    // Stages that only runs before these had are gone.
    series.retain(|_, series| series.outcomes.last().is_some_and(|(last, _)| *last >= lead));
    let mut stages: Vec<(StageTrend, Series)> =
        series.into_iter().map(|(id, series)| (trend(&id, &series, runs, lead, work), series)).collect();
    let by = |stage: &StageTrend| stage.recent().map(|(then, now)| then.abs_diff(now));
    stages.sort_by(|(a, _), (b, _)| (Reverse(by(a)), &a.id).cmp(&(Reverse(by(b)), &b.id)));
    let left_out = stages.len().saturating_sub(STAGES_MAX);
    stages.truncate(STAGES_MAX);
    let detailed = |(stage, series): (StageTrend, Series)| StageTrend {
        steps: shown_steps(&series.samples(runs), lead),
        durations_ns: durations(&series, runs.len(), lead),
        points: if only.is_some() { points(&series, runs, lead) } else { Vec::new() },
        ..stage
    };
    (stages.into_iter().map(detailed).collect(), left_out)
}

impl Series {
    fn durations(&self) -> impl DoubleEndedIterator<Item = Sample> {
        self.outcomes.iter().filter_map(|(run, outcome)| match outcome {
            Outcome::Took(ns) => Some(Sample { run: *run, ns: *ns }),
            Outcome::Other(_) => None,
        })
    }

    /// What says how long it takes: executions in runs that succeeded.
    fn samples(&self, runs: &[Read<'_>]) -> Vec<Sample> {
        self.durations().filter(|sample| counts(runs, sample.run)).collect()
    }
}

fn counts(runs: &[Read<'_>], run: usize) -> bool {
    runs[run].timed().is_some_and(|timed| timed.succeeded)
}

/// What a table tells, without what takes long.
fn trend(id: &str, series: &Series, runs: &[Read<'_>], lead: usize, work: u64) -> StageTrend {
    let shown = || series.durations().filter(|sample| sample.run >= lead);
    let last = shown().next_back();
    let judged = last.map(|last| {
        let mut before: Vec<Sample> = series
            .durations()
            .rev()
            .filter(|sample| sample.run < last.run && counts(runs, sample.run))
            .take(crate::report::SAMPLES_MAX)
            .collect();
        before.reverse();
        Judged::of(&before, Some(last.ns))
    });
    let own: u64 = shown().fold(0, |sum, sample| sum.saturating_add(sample.ns));
    let failed = |(run, outcome): &&(usize, Outcome)| {
        *run >= lead
            && matches!(outcome, Outcome::Other(word) if matches!(&**word, result::FAILURE | result::ERROR | result::TIMEOUT))
    };
    StageTrend {
        id: id.to_owned(),
        last_run: last.map(|last| last.run - lead),
        last_ns: last.map(|last| last.ns),
        typical: judged.and_then(|judged| judged.typical),
        change: judged.and_then(|judged| judged.change),
        share: (work > 0 && last.is_some()).then(|| own as f64 / work as f64),
        executed: shown().count(),
        failed: series.outcomes.iter().filter(failed).count(),
        durations_ns: Vec::new(),
        steps: Vec::new(),
        points: Vec::new(),
    }
}

fn durations(series: &Series, runs: usize, lead: usize) -> Vec<Option<u64>> {
    let mut durations = vec![None; runs - lead];
    for sample in series.durations().filter(|sample| sample.run >= lead) {
        durations[sample.run - lead] = Some(sample.ns);
    }
    durations
}

fn points(series: &Series, runs: &[Read<'_>], lead: usize) -> Vec<StagePoint> {
    let mut outcomes = series.outcomes.iter().peekable();
    let mut samples: Vec<Sample> = Vec::new();
    let mut points = Vec::new();
    for at in 0..runs.len() {
        let outcome = outcomes.next_if(|(run, _)| *run == at).map(|(_, outcome)| outcome);
        let duration_ns = match outcome {
            Some(Outcome::Took(ns)) => Some(*ns),
            _ => None,
        };
        if at >= lead {
            points.push(StagePoint {
                result: outcome.map(|outcome| match outcome {
                    Outcome::Took(_) => result::SUCCESS.to_owned(),
                    Outcome::Other(word) => word.to_string(),
                }),
                duration_ns,
                judged: Judged::of(&samples, duration_ns),
            });
        }
        if let Some(ns) = duration_ns.filter(|_| counts(runs, at)) {
            samples.push(Sample { run: at, ns });
        }
    }
    points
}
