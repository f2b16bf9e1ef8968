//! What differs between two runs: what ran, how each stage ended, how long it took, and on what machine.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::Serialize;

use super::entry::{Entry, entry};
use super::history::{History, Query};
use super::journal;
use crate::conventions::result;
use crate::directory::{RunDirectory, runs_folder};
use crate::report::{Change, Typical};
use crate::run::{CACHED, HostRecord, RecordError, RunRecord};
use crate::trace::{Run, Summary, summarize_run};

/// What differs from run `a` to run `b`. Durations in ns.
#[derive(Debug, Serialize)]
pub struct Diff {
    /// `forensic.runs-diff/1`
    pub schema: &'static str,
    /// The one side.
    pub a: Side,
    /// The other.
    pub b: Side,
    /// Whether the pipeline's text differs.
    pub pipeline_changed: bool,
    /// What differs of host and machine.
    pub host: Vec<HostChange>,
    /// b − a of the total, as a word: with the noise of earlier runs, where there are enough of them. `null` where one did not
    /// succeed, or did not execute all its stages.
    pub wall: Option<Change>,
    /// Earlier runs of the same pipeline that say how much durations vary.
    pub noise_runs: u32,
    /// All stages of either, those of `b` in declaration order, then those that are only in `a`.
    pub stages: Vec<StageDiff>,
}

/// One side of a [`Diff`].
#[derive(Debug, Serialize)]
pub struct Side {
    /// What a list would say of it.
    pub run: Entry,
    /// The commit that the pipeline's folder was a checkout of.
    pub commit: Option<String>,
    /// The longest path in the DAG.
    pub critical_path_ns: Option<u64>,
    /// Stages along it.
    pub critical_path: Vec<String>,
    /// Why durations and results are only what the record has.
    pub trace_problem: Option<String>,
}

/// A fact of the host that differs.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct HostChange {
    /// Which.
    pub what: &'static str,
    /// In `a`.
    pub a: Option<String>,
    /// In `b`.
    pub b: Option<String>,
}

/// A stage of a [`Diff`].
#[derive(Debug, Serialize)]
pub struct StageDiff {
    /// Its id.
    pub id: String,
    /// In `a`; `None`: it is new.
    pub a: Option<StageSide>,
    /// In `b`; `None`: it is gone.
    pub b: Option<StageSide>,
    /// Whether the results differ, `cached` being one of its own.
    pub result_changed: bool,
    /// b − a of the duration, as a word; `null` where it was not executed, or did not succeed, in both.
    pub duration: Option<Change>,
}

/// A stage of one run.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct StageSide {
    /// Result word, or `cached`.
    pub result: String,
    /// From its first attempt's start to its end; `null` where it was not executed.
    pub duration_ns: Option<u64>,
    /// Number of attempts; `null` where only the record is known.
    pub attempts: Option<u64>,
}

impl StageDiff {
    /// Whether there is anything to tell.
    pub fn differs(&self) -> bool {
        self.a.is_none() || self.b.is_none() || self.result_changed || self.duration.is_some_and(Change::is_flagged)
    }
}

/// One side, read.
struct Loaded {
    record: RunRecord,
    entry: Entry,
    summary: Option<Summary>,
    trace_problem: Option<String>,
}

/// Compares two runs; changes nothing. `root`: where earlier runs are looked for, whose durations say what is noise.
///
/// # Errors
/// Where one has no record.
pub fn diff(root: &Path, a: &RunDirectory, b: &RunDirectory) -> Result<Diff, RecordError> {
    let (a, b) = (load(a)?, load(b)?);
    let history = noise(root, &a.record, &b.record);
    let stages: Vec<&str> = b.record.pipeline.stages.iter().map(|stage| stage.id.as_str()).collect();
    let baseline = history.baseline(&stages);
    let typical: HashMap<&str, Typical> = history.typical_stages();
    let wall_noise = baseline.as_ref().and_then(|baseline| baseline.wall);
    let judge =
        |typical: Option<&Typical>, a: u64, b: u64| typical.map_or(Change::Unknown, |typical| typical.judge_two(a, b));
    let known: HashSet<&str> = stages.iter().copied().collect();
    let gone = a.record.pipeline.stages.iter().map(|stage| stage.id.as_str()).filter(|id| !known.contains(id));
    let (mut sides_a, mut sides_b) = (a.stages(), b.stages());
    let stages = stages
        .iter()
        .copied()
        .chain(gone)
        .map(|id| {
            let (a, b) = (sides_a.remove(id), sides_b.remove(id));
            let executed = |side: &Option<StageSide>| {
                side.as_ref().filter(|side| side.result == result::SUCCESS).and_then(|side| side.duration_ns)
            };
            StageDiff {
                id: id.to_owned(),
                result_changed: a.as_ref().zip(b.as_ref()).is_some_and(|(a, b)| a.result != b.result),
                duration: executed(&a).zip(executed(&b)).map(|(a, b)| judge(typical.get(id), a, b)),
                a,
                b,
            }
        })
        .collect();
    Ok(Diff {
        schema: "forensic.runs-diff/1",
        pipeline_changed: a.record.pipeline.sha256 != b.record.pipeline.sha256,
        host: host_changes(&a.record.host, &b.record.host),
        wall: whole(&a.entry).zip(whole(&b.entry)).map(|(a, b)| judge(wall_noise.as_ref(), a, b)),
        noise_runs: wall_noise.map_or(0, |typical| typical.runs),
        stages,
        a: a.into_side(),
        b: b.into_side(),
    })
}

/// The total of a run that succeeded and executed all its stages.
fn whole(run: &Entry) -> Option<u64> {
    let all = run.stages.is_some_and(|stages| stages.by_result.cached == 0 && stages.left_out == 0);
    run.wall_ns.filter(|_| all && run.result.as_deref() == Some(result::SUCCESS))
}

/// Runs of the pipeline of `b` with its profile, both sides among them: they are samples like any other.
fn noise(root: &Path, a: &RunRecord, b: &RunRecord) -> History {
    if a.pipeline.name != b.pipeline.name || a.pipeline.profile != b.pipeline.profile {
        return History::default();
    }
    let query =
        Query { pipeline: &b.pipeline.name, profile: b.pipeline.profile.as_deref(), before: None, except: None };
    History::read(&runs_folder(root), &query)
}

fn load(directory: &RunDirectory) -> Result<Loaded, RecordError> {
    let record = RunRecord::load(directory)?;
    let (summary, trace_problem) = match journal::trace(directory) {
        Ok(trace) => (Some(summarize_run(&trace, &Run::of(&trace))), None),
        Err(why) => (None, Some(why)),
    };
    Ok(Loaded { entry: entry(directory), record, summary, trace_problem })
}

impl Loaded {
    /// Its stages by id: from the trace, else as far as the record has them.
    fn stages(&self) -> HashMap<&str, StageSide> {
        if let Some(summary) = &self.summary {
            let stages = summary.stages.iter();
            return stages
                .map(|stage| {
                    let side = StageSide {
                        result: if stage.cached { CACHED.to_owned() } else { stage.result.clone() },
                        duration_ns: (stage.attempts > 0).then_some(stage.duration_ns),
                        attempts: Some(stage.attempts),
                    };
                    (stage.id.as_str(), side)
                })
                .collect();
        }
        let executed = self.record.stage_durations.iter().map(|(id, ns)| {
            (id.as_str(), StageSide { result: result::SUCCESS.to_owned(), duration_ns: Some(*ns), attempts: None })
        });
        let others = self.record.stage_results.iter().flat_map(|(word, ids)| {
            ids.iter().map(|id| (id.as_str(), StageSide { result: word.clone(), duration_ns: None, attempts: None }))
        });
        executed.chain(others).collect()
    }

    fn into_side(self) -> Side {
        let path = self.summary.and_then(|summary| summary.critical_path);
        let (critical_path_ns, critical_path) = path.map(|path| (path.duration_ns, path.stages)).unzip();
        Side {
            run: self.entry,
            commit: self.record.pipeline.revision.map(|revision| revision.commit),
            critical_path_ns,
            critical_path: critical_path.unwrap_or_default(),
            trace_problem: self.trace_problem,
        }
    }
}

fn host_changes(a: &HostRecord, b: &HostRecord) -> Vec<HostChange> {
    let facts = |host: &HostRecord| {
        let machine = &host.machine;
        [
            ("forensic-host", Some(host.version.clone())),
            ("forensic-host sha256", host.binary_sha256.clone()),
            ("os", Some(host.os.clone())),
            ("arch", Some(host.arch.clone())),
            ("cores", Some(host.cores.to_string())),
            ("executor", Some(host.executor.clone())),
            ("slots", Some(host.slots.to_string())),
            ("hostname", machine.hostname.clone()),
            ("kernel", machine.kernel.clone()),
            ("distribution", machine.distribution.clone()),
            ("cpu", machine.cpu_model.clone()),
            ("memory", machine.memory_bytes.map(|bytes| bytes.to_string())),
            ("memory limit", machine.memory_limit_bytes.map(|bytes| bytes.to_string())),
        ]
    };
    let pairs = facts(a).into_iter().zip(facts(b));
    pairs.filter(|((_, a), (_, b))| a != b).map(|((what, a), (_, b))| HostChange { what, a, b }).collect()
}
