//! One run, as one wants to see it without a browser: how it went, what failed and why, what took long, where to read on.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde::Serialize;

use super::entry::{Entry, State, entry};
use super::journal;
use crate::conventions::result;
use crate::directory::{REPORTS, RunDirectory, runs_folder};
use crate::run::{HostRecord, PipelineRecord, RecordError, RunRecord};
use crate::trace::{Run, Stage, Summary, summarize_run};

/// Stages that took longest.
const SLOWEST: usize = 5;
/// Failed stages that are shown.
const FAILED_MAX: usize = 20;
/// Lines of a failed attempt's log.
const TAIL_LINES: usize = 5;
/// How much of the end of a log is looked at for them.
const TAIL_BYTES: u64 = 8 << 10;
/// Runs that are followed back.
const ANCESTORS: usize = 20;

/// A run. Times are Unix ns, durations ns.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// `forensic.runs-show/1`
    pub schema: &'static str,
    /// What a list would say of it.
    pub run: Entry,
    /// Its folder.
    pub path: String,
    /// The Markdown report below it, where there is one.
    pub report: Option<String>,
    /// File name of the pipeline.
    pub pipeline_file: String,
    /// The commit that the pipeline's folder was a checkout of.
    pub commit: Option<String>,
    /// What ran it.
    pub host: HostRecord,
    /// Work ÷ wall.
    pub speedup: Option<f64>,
    /// Work ÷ (slots × wall).
    pub efficiency: Option<f64>,
    /// The longest path in the DAG.
    pub critical_path_ns: Option<u64>,
    /// Stages along it.
    pub critical_path: Vec<String>,
    /// Stages that did not succeed though they ran; the first 20.
    pub failed: Vec<FailedStage>,
    /// How many there are.
    pub failed_total: usize,
    /// Stages that run now, or ran when the host was killed.
    pub open: Vec<RunningStage>,
    /// Stages that have no result yet and do not run.
    pub waiting: usize,
    /// The five that took longest, cached ones aside.
    pub slowest: Vec<SlowStage>,
    /// Runs that it was resumed from, nearest first, as far as they are there.
    pub ancestors: Vec<Entry>,
    /// Why nothing is known of its stages.
    pub trace_problem: Option<String>,
}

/// A stage that did not succeed.
#[derive(Debug, Serialize)]
pub struct FailedStage {
    /// Its id.
    pub id: String,
    /// Its result word.
    pub result: String,
    /// Number of attempts.
    pub attempts: usize,
    /// Why.
    pub message: Option<String>,
    /// Standard error of its last attempt, below the run directory.
    pub log: Option<String>,
    /// The last lines of it, masked when they were written.
    pub tail: Vec<String>,
}

/// A stage that has begun and has no result.
#[derive(Debug, Serialize)]
pub struct RunningStage {
    /// Its id.
    pub id: String,
    /// Attempt, from 1; 0 between two.
    pub attempt: u64,
    /// When the stage began.
    pub start_time: u64,
}

/// A stage that took long.
#[derive(Debug, Serialize)]
pub struct SlowStage {
    /// Its id.
    pub id: String,
    /// How long.
    pub duration_ns: u64,
    /// Its result word.
    pub result: String,
    /// Whether it lies on the critical path.
    pub critical: Option<bool>,
}

/// Looks at a run; changes nothing, also where it was killed. `root`: where its ancestors are looked for.
///
/// # Errors
/// Where it has no record.
pub fn show(root: &Path, directory: &RunDirectory) -> Result<Shown, RecordError> {
    let record = RunRecord::load(directory)?;
    let run = entry(directory);
    let over = run.state == State::Ended;
    let (traced, trace_problem) = match journal::trace(directory) {
        Ok(trace) => {
            let model = Run::of(&trace);
            let summary = summarize_run(&trace, &model);
            (Some((model, summary)), None)
        }
        Err(why) => (None, Some(why)),
    };
    let stages: &[Stage] = traced.as_ref().map_or(&[], |(model, _)| &model.stages);
    // A span without an end is open as long as the run's record says that it is not over.
    let is_open = |stage: &Stage| !over && stage.inferred;
    let failed: Vec<&Stage> = stages
        .iter()
        .filter(|stage| !matches!(&*stage.result, result::SUCCESS | result::SKIP) && !is_open(stage))
        .filter(|stage| !stage.attempts.is_empty() || stage.result != result::CANCELLATION)
        .collect();
    let open: Vec<RunningStage> = stages
        .iter()
        .filter(|stage| is_open(stage))
        .map(|stage| RunningStage {
            id: stage.id.clone(),
            attempt: stage.attempts.last().filter(|attempt| attempt.inferred).map_or(0, |attempt| attempt.number),
            start_time: stage.start,
        })
        .collect();
    let summary: Option<&Summary> = traced.as_ref().map(|(_, summary)| summary).filter(|_| over);
    let report = format!("{REPORTS}/forensic_report.md");
    let ancestors = ancestors(root, &run);
    let PipelineRecord { file, revision, stages: declared, .. } = record.pipeline;
    Ok(Shown {
        schema: "forensic.runs-show/1",
        path: directory.path().display().to_string(),
        report: directory.dir().is_file(&report).then_some(report),
        pipeline_file: file,
        commit: revision.map(|revision| revision.commit),
        host: record.host,
        speedup: summary.and_then(|summary| summary.speedup),
        efficiency: summary.and_then(|summary| summary.efficiency),
        critical_path_ns: summary.and_then(|summary| Some(summary.critical_path.as_ref()?.duration_ns)),
        critical_path: summary
            .and_then(|summary| Some(summary.critical_path.as_ref()?.stages.clone()))
            .unwrap_or_default(),
        failed_total: failed.len(),
        failed: failed.into_iter().take(FAILED_MAX).map(|stage| failed_stage(directory, stage)).collect(),
        waiting: if over { 0 } else { declared.len().saturating_sub(stages.len()) },
        open,
        slowest: traced.as_ref().map(|(_, summary)| slowest(summary)).unwrap_or_default(),
        ancestors,
        trace_problem,
        run,
    })
}

fn slowest(summary: &Summary) -> Vec<SlowStage> {
    let mut stages: Vec<_> = summary.stages.iter().filter(|stage| stage.attempts > 0 && !stage.inferred).collect();
    stages.sort_by_key(|stage| std::cmp::Reverse(stage.duration_ns));
    let slowest = stages.into_iter().take(SLOWEST);
    slowest
        .map(|stage| SlowStage {
            id: stage.id.clone(),
            duration_ns: stage.duration_ns,
            result: stage.result.clone(),
            critical: stage.critical,
        })
        .collect()
}

fn failed_stage(directory: &RunDirectory, stage: &Stage) -> FailedStage {
    let last = stage.attempts.last();
    let log = last.and_then(|attempt| attempt.log_stderr.clone().or_else(|| attempt.log_stdout.clone()));
    FailedStage {
        id: stage.id.clone(),
        result: stage.result.clone(),
        attempts: stage.attempts.len(),
        message: stage.error(),
        tail: log.as_deref().and_then(|log| tail(directory, log)).unwrap_or_default(),
        log,
    }
}

/// The last lines of a log; `None` where it can't be read.
fn tail(directory: &RunDirectory, path: &str) -> Option<Vec<String>> {
    let mut file = directory.file(path).ok()??.into_std();
    let length = file.seek(SeekFrom::End(0)).ok()?;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES))).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    Some(lines[from..].iter().map(|line| (*line).to_owned()).collect())
}

fn ancestors(root: &Path, run: &Entry) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    let mut next = run.resumed_from.clone();
    while let Some(id) = next.take()
        && found.len() < ANCESTORS
        && let Ok(id) = crate::directory::RunId::parse(&id)
        && let Ok(directory) = RunDirectory::open(runs_folder(root).join(id.as_str()))
    {
        let ancestor = entry(&directory);
        // A record that names itself, or one after it, was changed.
        if found.iter().any(|known| known.folder == ancestor.folder) || run.folder == ancestor.folder {
            break;
        }
        next = ancestor.resumed_from.clone();
        found.push(ancestor);
    }
    found
}
