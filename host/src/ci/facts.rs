//! What a run came to, read from its `forensic_report.json`: metrics, failures with the ends of their logs, findings. That file
//! holds all of it in one place, already redacted and bounded, for a run that has just ended as for one of last year.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::conventions::result;

/// What the report's schema begins with.
const SCHEMA: &str = "forensic.report/1";

/// Why there are no facts.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// It is no such JSON.
    #[error("forensic_report.json can't be read: {0}; write it again with `forensic-host report`")]
    Invalid(#[from] serde_json::Error),
    /// It is of another version.
    #[error("forensic_report.json has the schema {0}, not {SCHEMA}; write it again with `forensic-host report`")]
    Schema(String),
}

/// What a run came to. Times are Unix ns, durations ns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The run id.
    pub run_id: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// Result word of [`crate::conventions::result`].
    pub result: String,
    /// Start of the run; `None` without a trace.
    pub start_time: Option<u64>,
    /// Total duration, 0 without a trace.
    pub wall_ns: u64,
    /// Stages in declared order; none without a trace.
    pub stages: Vec<Stage>,
    /// Report stages in declared order.
    pub reports: Vec<Report>,
    /// Why there is no trace.
    pub trace_problem: Option<String>,
    /// The run directory; empty where it is not told.
    pub directory: PathBuf,
    /// `forensic_report.md`; empty where it is not told.
    pub report: PathBuf,
}

/// What a stage came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// Its id.
    pub id: String,
    /// The group that it stands in.
    pub group: Option<String>,
    /// What the members of its matrix have in common.
    pub member_of: Option<String>,
    /// Result word.
    pub result: String,
    /// From its first attempt's start to its end.
    pub duration_ns: u64,
    /// Number of attempts.
    pub attempts: u64,
    /// Why it did not succeed.
    pub error: Option<String>,
    /// Its result came from an earlier run.
    pub cached: bool,
    /// What that saved.
    pub saved_ns: Option<u64>,
    /// Its failure does not fail the run.
    pub allowed: bool,
    /// Standard error of its last attempt, relative to the run directory; only where it failed.
    pub log: Option<String>,
    /// The ends of its last attempt's logs; only where it failed.
    pub tails: Vec<Tail>,
}

/// The end of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Tail {
    /// The file, relative to the run directory.
    pub path: String,
    /// Its last lines.
    pub lines: Vec<String>,
    /// Bytes before them.
    #[serde(default)]
    pub omitted_bytes: u64,
}

/// What a report stage came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Its id.
    pub id: String,
    /// Why there is no report.
    pub failure: Option<String>,
    /// The run fails with it.
    pub fails_run: bool,
    /// What it found, in its order.
    pub findings: Vec<Finding>,
}

/// Something that a report plugin found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Finding {
    /// How bad.
    #[serde(rename = "severity")]
    pub importance: Importance,
    /// What it is about; may be empty.
    pub subject: String,
    /// What was found.
    pub text: String,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Importance {
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warning,
    /// Wrong.
    Error,
}

impl Importance {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Stage {
    /// It ended, and not well; what was skipped or stopped did not end badly by itself.
    pub fn failed(&self) -> bool {
        !matches!(self.result.as_str(), result::SUCCESS | result::SKIP | result::CANCELLATION)
    }

    /// `failed`, `timed out`, `could not be run`.
    pub fn failure_words(&self) -> &'static str {
        match self.result.as_str() {
            result::TIMEOUT => "timed out",
            result::ERROR => "could not be run",
            _ => "failed",
        }
    }
}

impl Facts {
    /// Reads them from the text of a `forensic_report.json`.
    ///
    /// # Errors
    /// [`FactsError`]: it is not such a file.
    pub fn read(report: &str) -> Result<Self, FactsError> {
        let head: HeadJson = serde_json::from_str(report)?;
        if head.schema != SCHEMA {
            return Err(FactsError::Schema(head.schema));
        }
        let report: ReportJson = serde_json::from_str(report)?;
        let mut failures: HashMap<String, FailureJson> =
            report.failures.into_iter().map(|failure| (failure.stage.clone(), failure)).collect();
        let summary = report.summary;
        let stages = summary.as_ref().map(|summary| summary.stages.as_slice()).unwrap_or_default();
        let stages = stages.iter().map(|stage| {
            let failure = failures.remove(&stage.id);
            let (log, tails) = failure.map(|failure| (failure.log_stderr, failure.log_tails)).unwrap_or_default();
            Stage {
                id: stage.id.clone(),
                group: stage.group.clone(),
                member_of: stage.member_of.clone(),
                result: stage.result.clone(),
                duration_ns: stage.duration_ns,
                attempts: stage.attempts,
                error: stage.error.clone(),
                cached: stage.cached,
                saved_ns: stage.saved_ns,
                allowed: stage.allow_failure,
                log,
                tails,
            }
        });
        let stages = stages.collect();
        let reports = report.reports.into_iter().map(|section| Report {
            failure: section.error.map(|error| error.text),
            fails_run: section.on_failure == "fail",
            id: section.id,
            findings: section.findings,
        });
        Ok(Self {
            run_id: report.run.id,
            pipeline: report.run.pipeline,
            result: report.run.result.unwrap_or_else(|| "unknown".to_owned()),
            start_time: summary.as_ref().and_then(|summary| summary.run.start_time),
            wall_ns: summary.as_ref().map_or(0, |summary| summary.wall_ns),
            stages,
            reports: reports.collect(),
            trace_problem: report.trace_problem,
            directory: PathBuf::new(),
            report: PathBuf::new(),
        })
    }

    /// The same, with what the pipeline says of a stage and the report may not: its group, what it is a member of, and whether
    /// it may fail.
    pub fn describe<'a>(
        &mut self,
        stages: impl IntoIterator<Item = (&'a str, Option<&'a str>, Option<&'a str>, bool)>,
    ) {
        let known: HashMap<&str, _> =
            stages.into_iter().map(|(id, group, of, allowed)| (id, (group, of, allowed))).collect();
        for stage in &mut self.stages {
            if let Some((group, of, allowed)) = known.get(stage.id.as_str()) {
                stage.group = group.map(str::to_owned);
                stage.member_of = of.map(str::to_owned);
                stage.allowed = *allowed;
            }
        }
    }

    /// All findings with the report stage that they are of, the worst first, else in declared order.
    pub fn findings(&self) -> Vec<(&Report, &Finding)> {
        let all = self.reports.iter().flat_map(|report| report.findings.iter().map(move |finding| (report, finding)));
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.importance));
        all
    }
}

#[derive(Deserialize)]
struct HeadJson {
    schema: String,
}

#[derive(Deserialize)]
struct ReportJson {
    run: RunJson,
    summary: Option<SummaryJson>,
    #[serde(default)]
    trace_problem: Option<String>,
    #[serde(default)]
    failures: Vec<FailureJson>,
    #[serde(default)]
    reports: Vec<SectionJson>,
}

#[derive(Deserialize)]
struct RunJson {
    id: String,
    pipeline: String,
    result: Option<String>,
}

#[derive(Deserialize)]
struct SummaryJson {
    run: SummaryRunJson,
    wall_ns: u64,
    stages: Vec<StageJson>,
}

#[derive(Deserialize)]
struct SummaryRunJson {
    start_time: Option<u64>,
}

#[derive(Deserialize)]
struct StageJson {
    id: String,
    result: String,
    attempts: u64,
    duration_ns: u64,
    cached: bool,
    saved_ns: Option<u64>,
    error: Option<String>,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    member_of: Option<String>,
    #[serde(default)]
    allow_failure: bool,
}

#[derive(Deserialize)]
struct FailureJson {
    stage: String,
    log_stderr: Option<String>,
    #[serde(default)]
    log_tails: Vec<Tail>,
}

#[derive(Deserialize)]
struct SectionJson {
    id: String,
    on_failure: String,
    error: Option<ErrorJson>,
    #[serde(default)]
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct ErrorJson {
    text: String,
}
