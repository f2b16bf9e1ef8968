//! What a run that has just ended is compared with, kept in its record: what else is in the runs folder may change.

use super::record::{CACHED, LEFT_OUT, RunRecord};
use crate::directory::RunDirectory;
use crate::report::Baseline;
use crate::runs::{History, Query};

/// Earlier runs that a record lists.
const KEPT: usize = 20;

/// Fills `history` and `baseline`. Never fails: what can't be read is passed over.
pub(super) fn fill(record: &mut RunRecord, directory: &RunDirectory) {
    let Some(runs) = directory.path().parent() else { return };
    let history = History::read(
        runs,
        &Query {
            pipeline: &record.pipeline.name,
            profile: record.pipeline.profile.as_deref(),
            before: Some(record.start_time),
            except: Some(&record.run_id),
        },
    );
    let stages: Vec<&str> = record.pipeline.stages.iter().map(|stage| stage.id.as_str()).collect();
    let partial = [CACHED, LEFT_OUT].iter().any(|word| record.stage_results.contains_key(*word));
    record.baseline = history.baseline(&stages).map(|baseline| Baseline { partial, ..baseline });
    record.history = history.past_runs(KEPT);
}
