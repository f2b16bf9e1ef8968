//! How long a pipeline and its stages take, from run to run, and where that changed. Nothing but records is read: they have
//! durations and results. CPU time, queues and memory are in the traces alone, and are not looked at here.
//!
//! What is typical is told as in a run's own report: by the runs that succeeded before it, ten at most, and by the noise rule of
//! [`Typical`].

mod stages;
mod steps;
#[cfg(test)]
mod tests;
mod timings;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::entry::Entry;
use super::pipelines::ended_of;
use crate::directory::runs_folder;
use crate::report::{Change, Typical};
use steps::{Sample, typical};
use timings::Timed;

pub use stages::{StagePoint, StageTrend};
pub use steps::{Step, StepKind};
pub use timings::Timings;

/// Runs that are shown unless another number is asked for.
pub const RUNS_DEFAULT: usize = 50;
/// Runs that are shown at most.
pub const RUNS_MAX: usize = 500;
/// Runs before them that are read, so that the first ones can be judged too.
const LEAD: usize = 30;
/// Bytes of records that are read for one answer; beyond, older runs are left out and counted.
const BYTES_MAX: u64 = 256 << 20;

/// Which runs, and what of them.
#[derive(Clone, Copy, Debug)]
pub struct TrendQuery<'a> {
    /// `[pipeline] name`.
    pub pipeline: &'a str,
    /// `[pipeline] profile`; empty is none.
    pub profile: Option<&'a str>,
    /// How many, the newest; 1 to [`RUNS_MAX`].
    pub runs: usize,
    /// Only this stage, with all of its points.
    pub stage: Option<&'a str>,
}

/// Ended runs of a pipeline, oldest first. Times are Unix ns, durations ns.
#[derive(Debug, Serialize)]
pub struct Trends {
    /// `forensic.trends/1`
    pub schema: &'static str,
    /// `[pipeline] name`.
    pub pipeline: String,
    /// `[pipeline] profile`.
    pub profile: Option<String>,
    /// The runs; positions elsewhere are positions in here.
    pub runs: Vec<TrendRun>,
    /// Ended runs before these.
    pub older: usize,
    /// Runs among these whose record can't be read, or for which there was no room: nothing is known of their stages.
    pub unread: usize,
    /// Where the total changed, oldest first.
    pub steps: Vec<Step>,
    /// The stages, those first whose newest duration is farthest from what is typical; only the one that was asked for.
    pub stages: Vec<StageTrend>,
    /// Stages that there was no room for, those that changed least.
    pub stages_left_out: usize,
}

/// One run of [`Trends`].
#[derive(Debug, Serialize)]
pub struct TrendRun {
    /// Name of its folder.
    pub folder: String,
    /// Its result word.
    pub result: String,
    /// Its start.
    pub start_time: u64,
    /// From start to end.
    pub wall_ns: u64,
    /// Why its total is neither judged nor part of what is typical; `null` where it is.
    pub not_compared: Option<NotCompared>,
    /// What the runs before it took.
    #[serde(flatten)]
    pub judged: Judged,
}

/// Why a total says nothing about other totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotCompared {
    /// The run did not succeed.
    NoSuccess,
    /// It reused results or left stages out.
    Partial,
    /// Its record can't be read.
    Unread,
}

impl NotCompared {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoSuccess => "did not succeed",
            Self::Partial => "reused or left out stages",
            Self::Unread => "record not read",
        }
    }
}

/// A duration beside what was typical then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// Of the runs before, ten at most that succeeded; `null` where there are none.
    pub typical: Option<Typical>,
    /// The shortest and the longest duration that is within noise; `null` where too few runs say.
    pub usual_ns: Option<(u64, u64)>,
    /// What the duration amounts to; `null` where it is not compared.
    pub change: Option<Change>,
}

impl Judged {
    fn of(before: &[Sample], ns: Option<u64>) -> Self {
        let typical = typical(before);
        Self {
            typical,
            usual_ns: typical.and_then(|typical| typical.usual()),
            change: ns.map(|ns| typical.map_or(Change::Unknown, |typical| typical.judge(ns))),
        }
    }
}

/// A run as it is read: its row in a list, and what its record tells of its stages.
struct Read<'a> {
    entry: &'a Entry,
    timed: Arc<Option<Timed>>,
}

impl Read<'_> {
    fn timed(&self) -> Option<&Timed> {
        // The folder may have become another run's since it was listed.
        let of =
            |timed: &&Timed| timed.is_of(self.entry.pipeline.as_deref()?, self.entry.profile.as_deref()).then_some(());
        self.timed.as_ref().as_ref().filter(|timed| of(timed).is_some())
    }

    fn wall_ns(&self) -> u64 {
        self.entry.wall_ns.unwrap_or(0)
    }

    fn not_compared(&self) -> Option<NotCompared> {
        match self.timed() {
            None => Some(NotCompared::Unread),
            Some(timed) if !timed.succeeded => Some(NotCompared::NoSuccess),
            Some(timed) if !timed.whole => Some(NotCompared::Partial),
            Some(_) => None,
        }
    }
}

/// Reads them: the runs of a pipeline among `entries`, which are below `root`, in whatever order.
pub fn trends<'a>(
    root: &Path,
    timings: &Timings,
    entries: impl IntoIterator<Item = &'a Entry>,
    query: &TrendQuery<'_>,
) -> Trends {
    let all = ended_of(entries, query.pipeline, query.profile);
    let shown = query.runs.clamp(1, RUNS_MAX).min(all.len());
    let folder = runs_folder(root);
    let mut room = BYTES_MAX;
    let mut runs: Vec<Read<'_>> = all
        .iter()
        .take(shown + LEAD)
        .map(|entry| {
            let timed = if room > 0 { timings.of(&folder, &entry.folder) } else { Arc::default() };
            room = room.saturating_sub(timed.as_ref().as_ref().map_or(0, |timed| timed.bytes));
            Read { entry, timed }
        })
        .collect();
    runs.reverse();
    of(query, &runs, shown, all.len() - shown)
}

/// From runs, oldest first, of which the last so many are shown.
fn of(query: &TrendQuery<'_>, runs: &[Read<'_>], shown: usize, older: usize) -> Trends {
    let lead = runs.len() - shown;
    let (stages, stages_left_out) = stages::stages(runs, lead, query.stage);
    let mut samples: Vec<Sample> = Vec::new();
    let mut rows = Vec::with_capacity(shown);
    for (at, run) in runs.iter().enumerate() {
        let (ns, not_compared) = (run.wall_ns(), run.not_compared());
        if at >= lead {
            rows.push(TrendRun {
                folder: run.entry.folder.clone(),
                result: run.entry.result.clone().unwrap_or_default(),
                start_time: run.entry.start_time.unwrap_or(0),
                wall_ns: ns,
                not_compared,
                judged: Judged::of(&samples, not_compared.is_none().then_some(ns)),
            });
        }
        if not_compared.is_none() {
            samples.push(Sample { run: at, ns });
        }
    }
    Trends {
        schema: "forensic.trends/1",
        pipeline: query.pipeline.to_owned(),
        profile: query.profile.filter(|profile| !profile.is_empty()).map(str::to_owned),
        older,
        unread: runs[lead..].iter().filter(|run| run.timed().is_none()).count(),
        runs: rows,
        steps: shown_steps(&samples, lead),
        stages,
        stages_left_out,
    }
}

/// The steps of a series whose run is shown, with positions among those shown.
fn shown_steps(samples: &[Sample], lead: usize) -> Vec<Step> {
    let shown = steps::steps(samples).into_iter().filter(|step| step.run >= lead);
    shown.map(|step| Step { run: step.run - lead, until: step.until.map(|run| run - lead), ..step }).collect()
}
