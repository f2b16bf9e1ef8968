//! Earlier runs of one pipeline. Read at the end of each run and before each plan, so it has to be quick, and whatever can't be
//! read is passed over: another run's damage is no reason to fail this one.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::folder;
use super::past::{self, Past};
use crate::directory::{RECORD, RunDirectory};
use crate::report::{Baseline, SAMPLES_MAX, Typical};
use crate::run::PastRun;

/// Earlier runs of the pipeline that are read.
const RUNS_MAX: usize = 30;
/// Folders that are looked into for them: other pipelines may share the root folder.
const LOOKED_AT: usize = 2_000;
/// Bytes of records that are read. That of a run of 100,000 stages has about twenty megabytes.
const BYTES_MAX: u64 = 64 << 20;

/// Which runs are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// `[pipeline] name`.
    pub pipeline: &'a str,
    /// `[pipeline] profile`.
    pub profile: Option<&'a str>,
    /// Only runs that started before this, Unix ns.
    pub before: Option<u64>,
    /// A run that is none of its own history.
    pub except: Option<&'a str>,
}

/// Earlier runs of one pipeline with one profile, newest first; at most 30.
#[derive(Debug, Default)]
pub struct History {
    runs: Vec<Past>,
}

impl History {
    /// Reads it from a runs folder (see [`crate::directory::runs_folder`]). Takes about 0.1 ms a run of 50 stages.
    pub fn read(runs: &Path, query: &Query<'_>) -> Self {
        let mut read = Vec::new();
        let mut bytes = 0;
        let names = folder::newest_first(runs);
        for name in names.iter().filter(|name| query.except != Some(name)).take(LOOKED_AT) {
            let Some((past, size)) = read_one(&runs.join(name), query, BYTES_MAX.saturating_sub(bytes)) else {
                continue;
            };
            bytes += size;
            read.push(past);
            if read.len() == RUNS_MAX {
                break;
            }
        }
        read.sort_by(|a: &Past, b| (b.start_time, &b.run_id).cmp(&(a.start_time, &a.run_id)));
        Self { runs: read }
    }

    /// The newest `max` of them, for a record.
    pub fn past_runs(&self, max: usize) -> Vec<PastRun> {
        let runs = self.runs.iter().take(max);
        runs.map(|past| PastRun {
            run_id: past.run_id.clone(),
            result: past.result.clone(),
            trace_id: past.trace_id.clone(),
            start_time: past.start_time,
            end_time: past.end_time.unwrap_or(past.start_time),
            slots: past.host.slots,
            stages: past.stages.total,
            spans: past.spans.unwrap_or(0),
        })
        .collect()
    }

    /// How long each stage takes: of the newest executions (10 at most) that succeeded, whatever became of their runs.
    pub fn typical_stages(&self) -> HashMap<&str, Typical> {
        typical(self.runs.iter())
    }

    /// What a run with these stages, in declaration order, is compared with: the newest runs (10 at most) that succeeded. `None`
    /// where none did. Reused stages and stages that were left out have no duration, and a run with such stages has no total.
    pub fn baseline(&self, stages: &[&str]) -> Option<Baseline> {
        let successes = || self.runs.iter().filter(|past| past.succeeded());
        let newest = successes().next()?;
        let walls: Vec<u64> =
            successes().filter(|past| past.is_whole()).filter_map(Past::wall_ns).take(SAMPLES_MAX).collect();
        let durations = typical(successes());
        let own: HashSet<&str> = stages.iter().copied().collect();
        let before: HashSet<&str> = newest.ids().collect();
        let names = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect();
        Some(Baseline {
            run_id: newest.run_id.clone(),
            wall: Typical::of(&walls),
            stages: stages.iter().filter_map(|id| Some(((*id).to_owned(), *durations.get(id)?))).collect(),
            gone: names(&mut newest.ids().filter(|id| !own.contains(id))),
            new: names(&mut stages.iter().copied().filter(|id| !before.contains(id))),
            partial: false,
        })
    }
}

/// Typical durations of the stages that these runs executed, newest first.
fn typical<'a>(runs: impl Iterator<Item = &'a Past>) -> HashMap<&'a str, Typical> {
    let mut samples: HashMap<&str, Vec<u64>> = HashMap::new();
    for (id, ns) in runs.flat_map(|past| &past.stage_durations) {
        let samples = samples.entry(id).or_default();
        if samples.len() < SAMPLES_MAX {
            samples.push(*ns);
        }
    }
    samples.into_iter().filter_map(|(id, samples)| Some((id, Typical::of(&samples)?))).collect()
}

/// Reads a run that is wanted, at most so many bytes.
fn read_one(folder: &Path, query: &Query<'_>, room: u64) -> Option<(Past, u64)> {
    let file = RunDirectory::open(folder.to_owned()).ok()?.file(RECORD).ok()??.into_std();
    let (past, size) = past::read(file, Some(query.pipeline), room)?;
    let wanted = past.is_of(query.pipeline, query.profile)
        && past.end_time.is_some()
        && query.before.is_none_or(|before| past.start_time < before)
        && query.except != Some(past.run_id.as_str());
    wanted.then_some((past, size))
}
