//! Many runs: what lies below a root folder, read with little effort and never trusted. A folder that is no run, a record that
//! is damaged or of another version, a run that goes on: each is told as what it is, and none is in the way of the others.
//!
//! | module | job |
//! |---|---|
//! | `folder` | the names below `runs`, newest first |
//! | `past` | what a record tells of times and results, without the list of its files |
//! | `history` | earlier runs of one pipeline: typical durations, for the baseline and for estimates |
//! | `entry` | a run as a row of a list: what it is, how far it came |
//! | `index` | all runs, kept by somebody who asks again and again |
//! | `cache` | what was read of files, kept until they change |
//! | `show` | one run, as one wants to see it without a browser |
//! | `diff` | what differs between two runs |
//! | `pipelines` | runs by pipeline |
//! | `trends` | durations over many runs of a pipeline, and where they changed |
//! | `findings` | what plugins found over many runs |
//! | `prune` | which runs may go, and their removal |
//!
//! Nothing in here writes to a run, and only `prune` removes any.

mod cache;
mod diff;
mod entry;
mod findings;
mod folder;
mod history;
mod index;
mod journal;
mod past;
mod pipelines;
mod prune;
mod show;
#[cfg(test)]
pub(crate) mod tests;
mod trends;

pub use cache::{Cache, Stamp};
pub use diff::{Diff, HostChange, Side, StageDiff, StageSide, diff};
pub(crate) use entry::record_text;
pub use entry::{Counts, Entry, State, entries, entry};
pub use findings::{
    FINDING_RUNS_DEFAULT, FINDING_RUNS_MAX, FindingRun, FindingSeverity, FindingTrend, Findings, FindingsKept,
    FindingsQuery, Standing, UnreadReport, findings,
};
pub use history::{History, Query};
pub use index::{Index, Indexed};
pub use pipelines::{PipelineRuns, pipelines};
pub use prune::{Criteria, Kept, PruneError, Pruned, Removed, Why, prune};
pub use show::{FailedStage, RunningStage, Shown, SlowStage, show};
pub use trends::{
    Judged, NotCompared, RUNS_DEFAULT, RUNS_MAX, StagePoint, StageTrend, Step, StepKind, Timings, TrendQuery, TrendRun,
    Trends, trends,
};
