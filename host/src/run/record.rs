//! `run.json`: what a run was, in one small file beside its trace. With it, the report can be made again from
//! the run directory alone.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::parent::Parent;
use crate::conventions::result;
use crate::dag::{ClusterRecord, StageResult};
use crate::directory::{DirectoryError, RECORD, RunDirectory};
use crate::evidence::{Evidence, GitRevision, HostFacts};
use crate::files::sha256;
use crate::limits::{Limits, Maxima, TABLE};
use crate::pipeline::{FailOn, OnFailure, Pipeline, Redaction, ReportStage, Secrets, Trigger};
use crate::redact::Redactor;
use crate::report::Baseline;
use crate::telemetry::Ledger;
use crate::telemetry::otlp::forward::Forwarded;

/// Name and version of the format.
pub(crate) const SCHEMA: &str = "forensic.run/1";
/// The word in [`RunRecord::stage_results`] for stages whose result came from an earlier run.
pub(crate) const CACHED: &str = "cached";
/// The same for stages that were not asked for.
pub(crate) const LEFT_OUT: &str = "left_out";

/// The record of a run. Times are Unix ns, durations ns, sizes bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// `forensic.run/1`.
    pub schema: String,
    /// The run id.
    pub run_id: String,
    /// `running` until the run has its result, then a word of the CI/CD conventions.
    pub result: String,
    /// What ran.
    pub pipeline: PipelineRecord,
    /// Who ran it and where.
    pub host: HostRecord,
    /// Start of the run.
    pub start_time: u64,
    /// End of the last stage; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<u64>,
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// The run whose results it reuses.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resumed_from: Option<String>,
    /// The attempt that it is, of another run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parent: Option<Parent>,
    /// Spans in the trace; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spans: Option<u64>,
    /// What was masked beyond the built-in rules: where the secrets stand, never what they are.
    #[serde(default)]
    pub redaction: RedactionRecord,
    /// The cluster that stages ran on; absent where all ran on the host.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cluster: Option<ClusterRecord>,
    /// What became of the spans.
    #[serde(default)]
    pub telemetry: TelemetryRecord,
    /// Stages by result.
    pub stages: StageCounts,
    /// Duration of each stage that was executed and succeeded, in declaration order, from its first attempt's start to its end:
    /// what a later run compares itself with.
    pub stage_durations: Vec<(String, u64)>,
    /// Ids of all other stages, in declaration order, by how they ended: a result word, `cached` or `left_out`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stage_results: BTreeMap<String, Vec<String>>,
    /// From which severity findings fail the run.
    #[serde(default)]
    pub fail_on: FailOn,
    /// The report stages and what they were made with.
    pub reports: Vec<ReportRecord>,
    /// Earlier runs of the same pipeline, as they were known when this one ended; newest first.
    pub history: Vec<PastRun>,
    /// What earlier runs that succeeded took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// Every file that the run left behind; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evidence: Option<Evidence>,
}

/// Where a run's secrets were to be found, and its own rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RedactionRecord {
    /// `[secrets]`.
    pub secrets: Secrets,
    /// `[redaction]`.
    pub rules: Redaction,
    /// Variables that nobody declared and whose values were masked because of their names.
    #[serde(default)]
    pub by_name: Vec<String>,
}

/// What became of a run's spans.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TelemetryRecord {
    /// Where each went; absent while the run goes on, and of a run that was killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Ledger>,
    /// What was sent on to the user's own endpoint; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<Forwarded>,
    /// Secrets that were declared and had no value when the run started.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unset_secrets: Vec<String>,
}

impl TelemetryRecord {
    /// What a reader of the report should know, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        self.ledger.iter().flat_map(Ledger::notes).chain(self.unset_warnings()).chain(self.forward_warning()).collect()
    }

    /// Declared secrets that can't be masked, because nobody knows them.
    pub fn unset_warnings(&self) -> impl Iterator<Item = String> {
        self.unset_secrets.iter().map(|name| {
            format!("The declared secret {name} has no value here; if a stage gets it elsewhere, it is not masked.")
        })
    }

    /// That the user's own endpoint did not get everything.
    pub fn forward_warning(&self) -> Option<String> {
        let Forwarded { destination, sent, rejected, unsent, last_error, .. } = self.forwarded.as_ref()?;
        let why = last_error.as_deref().unwrap_or("no reason is known");
        let all = sent + rejected + unsent;
        (rejected + unsent > 0).then(|| {
            format!(
                "Of {all} spans {sent} were forwarded ({destination}), {rejected} refused and {unsent} not sent: {why}. The trace has \
                 them all."
            )
        })
    }
}

/// The pipeline of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PipelineRecord {
    /// `[pipeline] name`.
    pub name: String,
    /// `[pipeline] profile`.
    pub profile: Option<String>,
    /// File name of the pipeline.
    pub file: String,
    /// SHA-256 of its text.
    pub sha256: String,
    /// The commit that its folder is a checkout of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revision: Option<GitRevision>,
    /// Its stages in declaration order.
    pub stages: Vec<StageRecord>,
}

/// A stage of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// Its id.
    pub id: String,
    /// Ids of its needs.
    pub needs: Vec<String>,
    /// Which of their results let it start; absent for `all`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trigger: Option<String>,
    /// What the members of its matrix have in common.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub member_of: Option<String>,
    /// Its group.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<String>,
    /// Whether it may fail.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub allow_failure: bool,
}

/// The host of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostRecord {
    /// Version of forensic-host.
    pub version: String,
    /// Operating system.
    pub os: String,
    /// Processor architecture.
    pub arch: String,
    /// Logical processors.
    pub cores: u32,
    /// Name of the executor.
    pub executor: String,
    /// Attempts that may run at once.
    pub slots: u32,
    /// SHA-256 of the program's own file; absent where it can't be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub binary_sha256: Option<String>,
    /// The machine.
    #[serde(default)]
    pub machine: HostFacts,
}

/// Stages by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageCounts {
    /// All.
    pub total: u32,
    /// Succeeded.
    pub success: u32,
    /// Ended with an error.
    pub failure: u32,
    /// Could not be run.
    pub error: u32,
    /// Ran too long.
    pub timeout: u32,
    /// Stopped or never started because the run was stopped.
    pub cancellation: u32,
    /// Never ran: a need failed, its condition did not hold, or it was not asked for.
    pub skip: u32,
    /// Of the successes: reused from an earlier run.
    #[serde(default)]
    pub cached: u32,
    /// Of those that did not succeed: allowed to.
    #[serde(default)]
    pub allowed: u32,
}

impl StageCounts {
    /// Counts results.
    pub fn of(results: &[StageResult]) -> Self {
        Self::of_words(results.iter().map(|result| result.word()))
    }

    /// Counts result words; another word counts as an error.
    pub fn of_words<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut counts = Self::default();
        for word in words {
            counts.total += 1;
            *match word {
                result::SUCCESS => &mut counts.success,
                result::FAILURE => &mut counts.failure,
                result::TIMEOUT => &mut counts.timeout,
                result::CANCELLATION => &mut counts.cancellation,
                result::SKIP => &mut counts.skip,
                _ => &mut counts.error,
            } += 1;
        }
        counts
    }
}

/// A report stage of a run: enough to call the same plugin in the same way again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportRecord {
    /// Id of the report stage.
    pub id: String,
    /// `builtin:NAME`, or the path of the component below the run directory.
    pub plugin: String,
    /// SHA-256 of the component.
    pub sha256: String,
    /// Where it came from: the path or the reference, with its digest; absent for what is part of this program.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<String>,
    /// Id of the key whose signature it carries; absent where no key is configured or it has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signed_by: Option<String>,
    /// Globs of granted files.
    pub artifacts: Vec<String>,
    /// The plugin's config.
    pub config: serde_json::Value,
    /// The limits by key, in the base of their unit (ns, bytes, count). One that nobody set and that depends on the component
    /// is left out.
    pub limits: BTreeMap<String, u64>,
    /// `degrade` or `fail`.
    pub on_failure: String,
}

impl ReportRecord {
    /// `plugin` and `sha256`: as the fields. Secrets in the config are masked: a plugin is not to be trusted with them,
    /// and the record is read by many.
    pub fn new(stage: &ReportStage, plugin: String, sha256: String, redactor: &Redactor) -> Self {
        let mut config = stage.config.clone();
        mask(&mut config, None, redactor);
        Self {
            id: stage.id.clone(),
            plugin,
            sha256,
            source: None,
            signed_by: None,
            artifacts: stage.artifacts.clone(),
            config,
            limits: TABLE
                .iter()
                // Where nobody has set it, what holds depends on the component.
                .filter(|row| stage.limits.is_set(row.limit) || row.interpreter == row.default)
                .map(|row| (row.key.to_owned(), stage.limits.get(row.limit)))
                .collect(),
            on_failure: match stage.on_failure {
                OnFailure::Degrade => "degrade",
                OnFailure::Fail => "fail",
            }
            .to_owned(),
        }
    }

    /// The limits again, on a host with these maxima; what an older host did not know has its default.
    pub fn limits(&self, maxima: Maxima) -> Limits {
        let mut limits = Limits::below(maxima);
        for row in &TABLE {
            if let Some(&value) = self.limits.get(row.key) {
                // A record that was edited by hand can't raise a limit above the host's maximum.
                let _ = limits.set(row.limit, value.clamp(row.min, maxima.get(row.limit)));
            }
        }
        limits
    }
}

/// Masks secrets in every text of a JSON value.
fn mask(value: &mut serde_json::Value, key: Option<&str>, redactor: &Redactor) {
    match value {
        serde_json::Value::String(text) => {
            let redacted = redactor.value(key, text);
            if redacted.count > 0 {
                *text = redacted.text.into_owned();
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| mask(item, key, redactor)),
        serde_json::Value::Object(fields) => {
            fields.iter_mut().for_each(|(key, value)| mask(value, Some(key), redactor));
        }
        _ => {}
    }
}

/// An earlier run of the same pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastRun {
    /// Its id.
    pub run_id: String,
    /// Its result.
    pub result: String,
    /// Its trace.
    pub trace_id: String,
    /// Its start.
    pub start_time: u64,
    /// Its end.
    pub end_time: u64,
    /// Its slots.
    pub slots: u32,
    /// Number of its stages.
    pub stages: u32,
    /// Number of its spans.
    pub spans: u64,
}

/// Why a record can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The directory said no.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// There is none.
    #[error("{0} has no {RECORD}: it is no run directory, or the run ended before it began")]
    Missing(String),
    /// It is not what it should be.
    #[error("{file}:{line}:{column}: this is no record of a run: {why}")]
    Invalid {
        /// Where.
        file: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong.
        why: String,
    },
    /// Of a format that this host does not know.
    #[error("{file} has the format {found:?}; this host reads {SCHEMA:?}")]
    Schema {
        /// Where.
        file: String,
        /// What it says.
        found: String,
    },
}

impl RunRecord {
    /// A record of a run that begins.
    pub fn begin(pipeline: &Pipeline, run_id: &str, host: HostRecord, start_time: u64, trace_id: String) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            run_id: run_id.to_owned(),
            result: RUNNING.to_owned(),
            pipeline: PipelineRecord {
                name: pipeline.name.clone(),
                profile: pipeline.profile.clone(),
                file: pipeline
                    .source
                    .path
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned())
                    .unwrap_or_default(),
                sha256: sha256(pipeline.source.text.as_bytes()),
                revision: GitRevision::of(&pipeline.dir),
                stages: pipeline
                    .stages
                    .iter()
                    .map(|stage| StageRecord {
                        id: stage.id.to_string(),
                        needs: stage.needs.iter().map(|&need| pipeline.stages[need].id.to_string()).collect(),
                        trigger: (stage.trigger != Trigger::All).then(|| stage.trigger.as_str().to_owned()),
                        member_of: stage.member.as_ref().map(|member| member.of.clone()),
                        group: stage.group.clone(),
                        allow_failure: stage.allow_failure,
                    })
                    .collect(),
            },
            host,
            start_time,
            end_time: None,
            trace_id,
            spans: None,
            redaction: RedactionRecord {
                secrets: pipeline.secrets.clone(),
                rules: pipeline.redaction.clone(),
                by_name: Vec::new(),
            },
            cluster: None,
            telemetry: TelemetryRecord::default(),
            stages: StageCounts { total: pipeline.stages.len() as u32, ..StageCounts::default() },
            stage_durations: Vec::new(),
            stage_results: BTreeMap::new(),
            resumed_from: None,
            parent: None,
            fail_on: pipeline.fail_on,
            reports: Vec::new(),
            history: Vec::new(),
            baseline: None,
            evidence: None,
        }
    }

    /// Writes it to its run directory, and returns what it wrote.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn save(&self, directory: &RunDirectory) -> Result<Vec<u8>, DirectoryError> {
        let bytes = self.bytes(directory)?;
        directory.write(RECORD, &bytes)?;
        Ok(bytes)
    }

    /// The same for the record of a run that begins: its stages do not wait for the disk.
    ///
    /// # Errors
    /// Where it can't be written.
    pub(super) fn begin_in(&self, directory: &RunDirectory) -> Result<(), DirectoryError> {
        directory.write_soon(RECORD, &self.bytes(directory)?)
    }

    fn bytes(&self, directory: &RunDirectory) -> Result<Vec<u8>, DirectoryError> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| DirectoryError::Io {
            doing: "write",
            path: directory.path().join(RECORD),
            source: error.into(),
        })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads it from a run directory.
    ///
    /// # Errors
    /// Where there is none, or it is not what it should be.
    pub fn load(directory: &RunDirectory) -> Result<Self, RecordError> {
        Self::load_part(directory)
    }

    /// The same, of which only a part is wanted.
    pub(super) fn load_part<T: DeserializeOwned>(directory: &RunDirectory) -> Result<T, RecordError> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        let path = directory.path().join(RECORD).display().to_string();
        let Some(file) = directory.file(RECORD)? else {
            return Err(RecordError::Missing(directory.path().display().to_string()));
        };
        let text = std::io::read_to_string(file).map_err(|source| DirectoryError::Io {
            doing: "read",
            path: directory.path().join(RECORD),
            source,
        })?;
        let invalid = |error: serde_json::Error| RecordError::Invalid {
            file: path.clone(),
            line: error.line(),
            column: error.column(),
            why: error.to_string(),
        };
        let head: Head = serde_json::from_str(&text).map_err(invalid)?;
        if head.schema != SCHEMA {
            return Err(RecordError::Schema { file: path, found: head.schema });
        }
        serde_json::from_str(&text).map_err(invalid)
    }

    /// Whether the run ended well.
    pub fn succeeded(&self) -> bool {
        self.result == result::SUCCESS
    }
}

/// Result of a run that has none yet.
pub(crate) const RUNNING: &str = "running";
