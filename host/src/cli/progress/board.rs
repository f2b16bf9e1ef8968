//! What is known of a run at a moment: fed by events, read by whoever draws. Times are counted from the start of scheduling.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::eta::{Forecast, Standing};
use crate::dag::{StageResult, StopReason};
use crate::pipeline::Pipeline;
use crate::plan::RunPlan;

/// How often the rest of the run is forecast anew.
const FORECAST_EVERY: Duration = Duration::from_secs(1);

/// A run at a moment.
#[derive(Debug)]
pub(super) struct Board {
    /// Attempts that may run at once.
    pub(super) slots: u32,
    /// Stages by how they ended.
    pub(super) tally: Tally,
    /// Report stages: called, and all.
    pub(super) reports: (usize, usize),
    /// The run is being stopped: why.
    pub(super) stopping: Option<StopReason>,
    /// What runs is being killed.
    pub(super) killing: bool,
    stages: Vec<Stage>,
    index: HashMap<Arc<str>, usize>,
    families: Vec<Family>,
    /// Stages between their first attempt and their result, in the order in which they began.
    active: BTreeMap<u64, usize>,
    running: usize,
    begun: u64,
    forecast: Forecast,
    /// When it was forecast, and what.
    left: Option<(Duration, Option<Duration>)>,
}

#[derive(Debug)]
struct Stage {
    id: Arc<str>,
    family: Option<usize>,
    /// Key in `active`.
    place: Option<u64>,
    phase: Phase,
}

/// Where a stage stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    /// Before its first attempt.
    Waiting,
    /// An attempt runs.
    Running { attempt: u32, since: Duration },
    /// An attempt failed, and there will be another one.
    BackingOff { attempt: u32, until: Duration, why: String },
    /// It has its result.
    Done,
}

/// Stages that belong together: a group, or the members of a matrix.
#[derive(Debug)]
pub(super) struct Family {
    /// Its name.
    pub(super) name: String,
    /// Its stages.
    pub(super) total: usize,
    /// Those with a result.
    pub(super) done: usize,
}

/// Stages by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Succeeded in this run.
    pub(super) ok: usize,
    /// Ended otherwise than they should.
    pub(super) failed: usize,
    /// Likewise, and the pipeline allows it.
    pub(super) allowed: usize,
    /// An earlier result stands in.
    pub(super) cached: usize,
    /// Never ran.
    pub(super) skipped: usize,
    /// Stopped with the run.
    pub(super) stopped: usize,
}

impl Tally {
    /// All that have a result.
    pub(super) fn done(&self) -> usize {
        self.ok + self.failed + self.allowed + self.cached + self.skipped + self.stopped
    }
}

/// A stage between its first attempt and its result.
#[derive(Debug)]
pub(super) struct Active<'a> {
    pub(super) id: &'a str,
    pub(super) family: Option<usize>,
    pub(super) phase: &'a Phase,
    pub(super) expected: Option<Duration>,
}

impl Board {
    /// Of a run that begins.
    pub(super) fn new(pipeline: &Pipeline, plan: &RunPlan, slots: u32) -> Self {
        let mut families: Vec<Family> = Vec::new();
        let mut by_name: HashMap<&str, usize> = HashMap::new();
        let mut stages = Vec::with_capacity(pipeline.stages.len());
        for stage in &pipeline.stages {
            let name = stage.group.as_deref().or(stage.member.as_ref().map(|member| member.of.as_str()));
            let family = name.map(|name| {
                *by_name.entry(name).or_insert_with(|| {
                    families.push(Family { name: name.to_owned(), total: 0, done: 0 });
                    families.len() - 1
                })
            });
            if let Some(family) = family {
                families[family].total += 1;
            }
            stages.push(Stage { id: stage.id.as_str().into(), family, place: None, phase: Phase::Waiting });
        }
        Self {
            slots,
            tally: Tally::default(),
            reports: (0, pipeline.reports.len()),
            stopping: None,
            killing: false,
            index: stages.iter().enumerate().map(|(at, stage)| (Arc::clone(&stage.id), at)).collect(),
            stages,
            families,
            active: BTreeMap::new(),
            running: 0,
            begun: 0,
            forecast: Forecast::new(pipeline, plan),
            left: None,
        }
    }

    /// An attempt begins.
    pub(super) fn attempt_started(&mut self, stage: &str, attempt: u32, now: Duration) {
        let place = self.begun;
        if let Some((at, stage)) = self.find(stage) {
            stage.phase = Phase::Running { attempt, since: now };
            let new = stage.place.is_none();
            let place = *stage.place.get_or_insert(place);
            self.active.insert(place, at);
            self.begun += u64::from(new);
            self.running += 1;
        }
    }

    /// An attempt failed, and there will be another one.
    pub(super) fn attempt_failed(&mut self, stage: &str, attempt: u32, why: &str, backoff: Duration, now: Duration) {
        if let Some((_, stage)) = self.find(stage) {
            let until = now.saturating_add(backoff);
            let before = std::mem::replace(&mut stage.phase, Phase::BackingOff { attempt, until, why: why.to_owned() });
            self.running -= usize::from(matches!(before, Phase::Running { .. }));
        }
    }

    /// A stage has its result.
    pub(super) fn stage_ended(&mut self, stage: &str, result: StageResult, cached: bool, allowed: bool) {
        let Some((_, stage)) = self.find(stage) else { return };
        let before = std::mem::replace(&mut stage.phase, Phase::Done);
        let (place, family) = (stage.place.take(), stage.family);
        if before == Phase::Done {
            return;
        }
        self.running -= usize::from(matches!(before, Phase::Running { .. }));
        place.and_then(|place| self.active.remove(&place));
        if let Some(family) = family {
            self.families[family].done += 1;
        }
        let tally = &mut self.tally;
        *match result {
            StageResult::Success if cached => &mut tally.cached,
            StageResult::Success => &mut tally.ok,
            StageResult::Skip => &mut tally.skipped,
            StageResult::Cancellation => &mut tally.stopped,
            _ if allowed => &mut tally.allowed,
            _ => &mut tally.failed,
        } += 1;
    }

    fn find(&mut self, id: &str) -> Option<(usize, &mut Stage)> {
        let at = *self.index.get(id)?;
        Some((at, self.stages.get_mut(at)?))
    }

    /// All stages.
    pub(super) fn total(&self) -> usize {
        self.stages.len()
    }

    /// Attempts that run.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// Stages that begin later, or again.
    pub(super) fn waiting(&self) -> usize {
        self.stages.len().saturating_sub(self.tally.done() + self.running)
    }

    /// A family by its number.
    pub(super) fn family(&self, family: usize) -> &Family {
        &self.families[family]
    }

    /// Columns of the longest id.
    pub(super) fn longest_id(&self) -> usize {
        self.stages.iter().map(|stage| super::text::columns(&stage.id)).max().unwrap_or(0)
    }

    /// Stages between their first attempt and their result, who began first first.
    pub(super) fn active(&self) -> impl Iterator<Item = Active<'_>> {
        self.active.values().map(|&at| {
            let Stage { id, family, phase, .. } = &self.stages[at];
            Active { id, family: *family, phase, expected: self.forecast.expected(at) }
        })
    }

    /// How long the stages will still take, if that is known; looked at anew once a second.
    pub(super) fn left(&mut self, now: Duration) -> Option<Duration> {
        match self.left {
            Some((at, left)) if now.saturating_sub(at) < FORECAST_EVERY => {
                left.map(|left| left.saturating_sub(now - at))
            }
            _ => {
                let stages = &self.stages;
                let left = self.forecast.left(self.slots, |at| match &stages[at].phase {
                    Phase::Done => Standing::Done,
                    Phase::Waiting => Standing::Waiting(Duration::ZERO),
                    Phase::Running { since, .. } => Standing::Running(now.saturating_sub(*since)),
                    Phase::BackingOff { until, .. } => Standing::Waiting(until.saturating_sub(now)),
                });
                self.left = Some((now, left));
                left
            }
        }
    }
}
