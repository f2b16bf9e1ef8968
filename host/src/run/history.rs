//! Earlier runs of the same pipeline, from the runs folder.

use std::path::Path;

use serde::Deserialize;

use super::record::{Baseline, PastRun, RunRecord, StageCounts};
use crate::conventions::result;
use crate::directory::RunDirectory;

/// Earlier runs that a record lists.
const KEPT: usize = 20;
/// Run directories that are looked into, so that a folder of thousands costs little.
const LOOKED_AT: usize = 200;

/// What is wanted of a record: not the list of its files, which may be long.
#[derive(Deserialize)]
struct Past {
    run_id: String,
    result: String,
    pipeline: PastPipeline,
    host: PastHost,
    start_time: u64,
    end_time: Option<u64>,
    trace_id: String,
    spans: Option<u64>,
    stages: StageCounts,
    stage_durations: Vec<(String, u64)>,
}

#[derive(Deserialize)]
struct PastPipeline {
    name: String,
    profile: Option<String>,
}

#[derive(Deserialize)]
struct PastHost {
    slots: u32,
}

/// Fills `history` and `baseline` of a run that has just ended. What can't be read is passed over: another run's
/// damage is no reason to fail this one.
pub(super) fn fill(record: &mut RunRecord, directory: &RunDirectory) {
    let Some(runs) = directory.path().parent() else { return };
    let mut past: Vec<Past> = newest_folders(runs, &record.run_id)
        .into_iter()
        .filter_map(|name| RunRecord::load_part(&RunDirectory::open(runs.join(name)).ok()?).ok())
        .filter(|other: &Past| {
            other.pipeline.name == record.pipeline.name
                && other.pipeline.profile == record.pipeline.profile
                && other.end_time.is_some()
                && other.start_time < record.start_time
        })
        .collect();
    past.sort_by(|a, b| (b.start_time, &b.run_id).cmp(&(a.start_time, &a.run_id)));
    record.baseline = past.iter().find(|other| other.result == result::SUCCESS).map(|other| Baseline {
        run_id: other.run_id.clone(),
        wall_ns: other.end_time.unwrap_or(other.start_time).saturating_sub(other.start_time),
        stages: other.stage_durations.clone(),
    });
    record.history = past
        .into_iter()
        .take(KEPT)
        .map(|other| PastRun {
            end_time: other.end_time.unwrap_or(other.start_time),
            slots: other.host.slots,
            stages: other.stages.total,
            spans: other.spans.unwrap_or(0),
            run_id: other.run_id,
            result: other.result,
            trace_id: other.trace_id,
            start_time: other.start_time,
        })
        .collect();
}

/// Names of other runs' folders, newest first: generated run ids sort by time.
fn newest_folders(runs: &Path, own: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(runs)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name != own && !name.starts_with('.'))
        .collect();
    names.sort_unstable_by(|a, b| b.cmp(a));
    names.truncate(LOOKED_AT);
    names
}
