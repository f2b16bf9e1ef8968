//! From a run directory to its report: reads the trace, calls the report plugins, draws and writes.
//!
//! A live run and a later [`rebuild`](super::rebuild) take the same way and give the same bytes. Plugins never see the spans of
//! report plugins, because in a live run those do not exist yet.

use std::borrow::Cow;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanKind};

use super::record::{RUNNING, RecordError, ReportRecord, RunRecord};
use super::sdk::PluginSettings;
use crate::builtins;
use crate::clock::Clock;
use crate::conventions::{attr, error_type, kind};
use crate::dag::Stop;
use crate::directory::{DirectoryError, REPORTS, RunDirectory, TRACE, is_host_file};
use crate::events::{Observer, RunEvent};
use crate::evidence::{SignError, VerifyError};
use crate::files::sha256;
use crate::pipeline::FailOn;
use crate::plugin::document::{Level, PluginError};
use crate::plugin::{
    Artifacts, CallFailure, CallReport, Engine, EngineError, EngineSettings, GrantError, Inputs, LoadError, LogLine,
    PastRun as PluginPastRun, Request, TraceInput,
};
use crate::redact::{Redactor, RuleError};
use crate::report::{
    self, Baseline, Failure, FindingCounts, LogTail, PluginIdentity, ReportInput, RunFacts, Section, Status,
};
use crate::telemetry::RunTelemetry;
use crate::trace::{Run, Summary, Trace, inside, summarize};

/// Lines of a failed attempt's log that the report shows.
const TAIL_LINES: usize = 20;
/// How much of the end of a log is looked at for them.
const TAIL_BYTES: u64 = 16 << 10;
/// Failed attempts whose logs the report shows.
const TAILS: usize = 20;
/// Name of the whole report, without its ending.
const REPORT: &str = "forensic_report";

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The run directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The record of the run.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The sandbox could not be set up.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The redaction rules do not work.
    #[error(transparent)]
    Redaction(#[from] RuleError),
    /// A new report would make the signature false.
    #[error(
        "the run is signed, and the report would change (another version of forensic-host made it): give `--sign-key` to sign the new one too"
    )]
    Signed,
    /// The evidence can't be looked at.
    #[error(transparent)]
    Evidence(#[from] VerifyError),
    /// The new report can't be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// What the reports came to.
#[derive(Clone, Debug, Default)]
pub struct Reported {
    /// Path of `forensic_report.md`.
    pub report: PathBuf,
    /// One for each report stage.
    pub reports: Vec<ReportOutcome>,
    /// Findings of all plugins.
    pub findings: FindingCounts,
    /// The metrics, where there is a trace.
    pub summary: Option<Arc<Summary>>,
}

/// What a report stage came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportOutcome {
    /// Its id.
    pub id: String,
    /// What went wrong, if anything.
    pub failure: Option<String>,
    /// Whether the pipeline's owner wants the run to fail with it.
    pub fails_run: bool,
}

/// What the report plugins gave.
#[derive(Default)]
pub(super) struct Called {
    sections: Vec<Section>,
    /// Values that were masked in their words.
    masked: u64,
}

/// Where the spans of plugin calls go; a rebuild makes none.
pub(super) struct Spans<'a> {
    pub(super) telemetry: &'a RunTelemetry,
    pub(super) parent: SpanContext,
    pub(super) clock: Clock,
}

/// Calls every report plugin on the trace as it is on disk now.
pub(super) fn call_plugins(
    directory: &RunDirectory,
    record: &RunRecord,
    plugins: &PluginSettings,
    redactor: &Redactor,
    spans: Option<&Spans<'_>>,
    stop: Option<&Stop>,
    observer: &mut dyn Observer,
) -> Result<Called, ReportError> {
    if record.reports.is_empty() {
        return Ok(Called::default());
    }
    let mut masked = 0;
    let engine = Engine::new(EngineSettings { compiler: plugins.compiler.clone(), cache: plugins.cache.clone() })?;
    let trace = match read_trace(directory)? {
        TraceState::Read(trace) => {
            let trace = trace.without_reports();
            TraceInput::Available {
                summary: Arc::new(summarize(&trace)),
                history: past_runs(record),
                trace: Arc::new(trace),
            }
        }
        TraceState::Missing => TraceInput::Missing,
        TraceState::Unreadable(why) => TraceInput::Unreadable(why),
    };
    if let Some(warning) = engine.warning() {
        observer.on_event(&RunEvent::Warning { text: warning });
    }
    let mut sections = Vec::with_capacity(record.reports.len());
    for report in &record.reports {
        let clock = spans.map_or_else(Clock::start, |spans| spans.clock);
        let start = clock.now();
        // Asked to stop, a run still writes its report; only a second wish cuts the plugins short.
        let mut section = if stop.is_some_and(Stop::kill_requested) {
            let failure =
                Failure { text: "The plugin was not called: the run was killed.".into(), ..Failure::default() };
            failed(report, identity(report), failure)
        } else {
            call(&engine, directory, report, &trace)
        };
        masked += section.redact(redactor);
        let end = clock.now();
        let failure = match &section.status {
            Status::Ok => None,
            Status::Failed(failure) => Some(failure.text.as_str()),
        };
        observer.on_event(&RunEvent::ReportEnded {
            report: &report.id,
            failure,
            duration: Duration::from_nanos(end.saturating_sub(start)),
        });
        if let Some(spans) = spans {
            let mut span = spans.telemetry.span(
                report.id.clone(),
                SpanKind::Internal,
                Some(&spans.parent),
                start,
                vec![
                    KeyValue::new(attr::KIND, kind::REPORT),
                    KeyValue::new(attr::REPORT_ID, report.id.clone()),
                    KeyValue::new(attr::PLUGIN_NAME, section.plugin.name.clone()),
                    KeyValue::new(attr::PLUGIN_VERSION, section.plugin.version.clone()),
                    KeyValue::new(attr::PLUGIN_DIGEST, section.plugin.digest.clone()),
                    KeyValue::new(attr::PLUGIN_FUEL, i64::try_from(section.fuel).unwrap_or(i64::MAX)),
                ],
            );
            if failure.is_some() {
                span.set(KeyValue::new(attr::ERROR_TYPE, error_type::PLUGIN));
            }
            span.end(end, failure.map(str::to_owned));
        }
        sections.push(section);
    }
    Ok(Called { sections, masked })
}

/// A report that is drawn and not yet written.
pub(super) struct Drawn {
    /// File name and text.
    files: Vec<(String, String)>,
    reported: Reported,
}

impl Drawn {
    /// Paths below the run directory, with their texts.
    pub(super) fn paths(&self) -> Vec<(String, &str)> {
        self.files.iter().map(|(name, text)| (format!("{REPORTS}/{name}"), text.as_str())).collect()
    }

    /// Writes it.
    pub(super) fn write(self, directory: &RunDirectory) -> Result<Reported, ReportError> {
        let files: Vec<(String, &str)> = self.files.iter().map(|(name, text)| (name.clone(), text.as_str())).collect();
        directory.write_all(REPORTS, &files)?;
        Ok(self.reported)
    }
}

/// Draws the report of a run whose trace is complete.
pub(super) fn draw(
    directory: &RunDirectory,
    record: &RunRecord,
    Called { sections, masked: words }: Called,
    redactor: &Redactor,
    note: Option<&str>,
) -> Result<Drawn, ReportError> {
    let (trace, trace_problem) = match read_trace(directory)? {
        TraceState::Read(trace) => (Some(trace), None),
        TraceState::Missing => (None, Some(format!("{TRACE} is missing"))),
        TraceState::Unreadable(why) => (None, Some(format!("{TRACE} can't be read: {why}"))),
    };
    let summary = trace.as_deref().map(|trace| Arc::new(summarize(trace)));
    let run = trace.as_deref().map(Run::of);
    let inside = trace.as_deref().zip(run.as_ref()).map(|(trace, run)| inside(trace, run));
    // Secrets in the spans were masked when they were written; logs are shown, so they are masked now.
    let (tails, masked) = run.as_ref().map(|run| log_tails(directory, run, redactor)).unwrap_or_default();
    let masked_in_spans: u64 = trace
        .iter()
        .flat_map(|trace| trace.spans())
        .flat_map(|span| [attr::REDACTIONS, attr::OUTPUT_REDACTIONS].map(|key| span.attribute(key)?.as_u64()))
        .flatten()
        .sum();
    let baseline = record.baseline.as_ref().map(|baseline| Baseline {
        run_id: baseline.run_id.clone(),
        wall_ns: baseline.wall_ns,
        stages: baseline.stages.clone(),
    });
    let facts = RunFacts {
        run_id: record.run_id.clone(),
        pipeline: record.pipeline.name.clone(),
        profile: record.pipeline.profile.clone(),
        result: (record.result != RUNNING).then(|| record.result.clone()),
        redacted_values: masked_in_spans + masked + words,
        notes: note.map(str::to_owned).into_iter().chain(record.telemetry.notes()).collect(),
        ..RunFacts::default()
    };
    let rendered = report::render(&ReportInput {
        record: &facts,
        summary: summary.as_deref(),
        trace_problem: trace_problem.as_deref(),
        run: run.as_ref(),
        inside: inside.as_ref(),
        tails: &tails,
        baseline: baseline.as_ref(),
        sections: &sections,
    });
    let mut files: Vec<(String, String)> =
        rendered.sections.into_iter().map(|(id, markdown)| (format!("{id}.md"), markdown)).collect();
    files.push((format!("{REPORT}.json"), rendered.json));
    files.push((format!("{REPORT}.md"), rendered.markdown));
    let reports = sections
        .into_iter()
        .map(|section| ReportOutcome {
            failure: match section.status {
                Status::Ok => None,
                Status::Failed(failure) => Some(failure.text),
            },
            fails_run: section.fails_run,
            id: section.report_id,
        })
        .collect();
    let report = directory.path().join(REPORTS).join(format!("{REPORT}.md"));
    Ok(Drawn { files, reported: Reported { report, reports, findings: rendered.findings, summary } })
}

pub(super) enum TraceState {
    Read(Box<Trace>),
    Missing,
    Unreadable(String),
}

pub(super) fn read_trace(directory: &RunDirectory) -> Result<TraceState, DirectoryError> {
    Ok(match directory.file(TRACE)? {
        None => TraceState::Missing,
        Some(file) => match Trace::read(BufReader::with_capacity(1 << 18, file)) {
            Ok(trace) => TraceState::Read(Box::new(trace)),
            Err(error) => TraceState::Unreadable(error.to_string()),
        },
    })
}

fn past_runs(record: &RunRecord) -> Arc<[PluginPastRun]> {
    record
        .history
        .iter()
        .map(|past| PluginPastRun {
            id: past.run_id.clone(),
            pipeline: record.pipeline.name.clone(),
            profile: record.pipeline.profile.clone(),
            outcome: past.result.clone(),
            trace_id: past.trace_id.clone(),
            start_time: past.start_time,
            end_time: past.end_time,
            wall_ns: past.end_time.saturating_sub(past.start_time),
            slots: past.slots,
            stages: past.stages,
            spans: past.spans,
        })
        .collect()
}

fn call(engine: &Engine, directory: &RunDirectory, report: &ReportRecord, trace: &TraceInput) -> Section {
    let mut plugin = identity(report);
    let component = match component(directory, report) {
        Ok(component) => component,
        Err(text) => return failed(report, plugin, Failure { text, ..Failure::default() }),
    };
    let limits = report.limits();
    let loaded = match engine.load(&report.id, &component, &limits) {
        Ok(loaded) => loaded,
        Err(error) => return failed(report, plugin, load_failure(&error)),
    };
    let artifacts = match grant(directory, report) {
        Ok(artifacts) => artifacts,
        Err(error) => {
            let text = format!("The plugin's artifacts can't be granted: {error}.");
            return failed(report, plugin, Failure { text, ..Failure::default() });
        }
    };
    let request = Request { report_id: report.id.clone(), config: report.config.to_string() };
    let skipped: Vec<LogLine> = artifacts
        .skipped()
        .iter()
        .map(|skipped| LogLine { level: Level::Warn, text: format!("the host could not grant {skipped}") })
        .collect();
    let inputs = Inputs { trace: trace.clone(), artifacts };
    let CallReport { info, outcome, fuel, log, log_dropped, .. } = engine.call(&loaded, request, &inputs, &limits);
    let log = [skipped, log].concat();
    if let Some(info) = info {
        (plugin.name, plugin.version, plugin.title) = (info.name, info.version, info.title);
    }
    let mut limits_hit = Vec::new();
    if log_dropped > 0 {
        limits_hit.push(limits.exceeded(crate::limits::Limit::Log, None));
    }
    let (status, document) = match outcome {
        Ok(document) => (Status::Ok, Some(document)),
        Err(failure) => {
            if let CallFailure::Limit { message, .. } = &failure {
                limits_hit.push(message.clone());
            }
            (Status::Failed(call_failure(failure)), None)
        }
    };
    Section {
        report_id: report.id.clone(),
        plugin,
        status,
        fails_run: fails_run(report),
        fuel,
        limits_hit,
        log,
        log_dropped,
        document,
    }
}

fn identity(report: &ReportRecord) -> PluginIdentity {
    PluginIdentity { source: report.plugin.clone(), digest: report.sha256.clone(), ..PluginIdentity::default() }
}

fn fails_run(report: &ReportRecord) -> bool {
    report.on_failure == "fail"
}

fn failed(report: &ReportRecord, plugin: PluginIdentity, failure: Failure) -> Section {
    Section {
        report_id: report.id.clone(),
        plugin,
        status: Status::Failed(failure),
        fails_run: fails_run(report),
        fuel: 0,
        limits_hit: Vec::new(),
        log: Vec::new(),
        log_dropped: 0,
        document: None,
    }
}

/// The component that the record names: the same bytes, or none.
fn component(directory: &RunDirectory, report: &ReportRecord) -> Result<Cow<'static, [u8]>, String> {
    let name = report.plugin.strip_prefix("builtin:");
    let builtin = name.and_then(builtins::find);
    let bytes = match (name, builtin) {
        (Some(_), Some(builtin)) => Cow::Borrowed(builtin.component),
        (Some(_), None) => return Err(format!("This host has no plugin `{}`.", report.plugin)),
        (None, _) => {
            let unreadable =
                |why: &dyn std::fmt::Display| format!("The plugin `{}` can't be read: {why}.", report.plugin);
            let file = directory.file(&report.plugin).map_err(|error| unreadable(&error))?;
            let mut bytes = Vec::new();
            file.ok_or_else(|| unreadable(&"it is not in the run directory"))?
                .read_to_end(&mut bytes)
                .map_err(|error| unreadable(&error))?;
            Cow::Owned(bytes)
        }
    };
    let digest = builtin.map_or_else(|| sha256(&bytes), |builtin| builtin.sha256.to_owned());
    if digest == report.sha256 {
        Ok(bytes)
    } else {
        Err(format!(
            "The plugin `{}` is not the one of the run: its SHA-256 is {digest}, the record says {}. Use the version of \
             forensic-host that made the run, or restore the file.",
            report.plugin, report.sha256
        ))
    }
}

/// The host's own files are never granted: the trace has an interface of its own, and reports don't feed on reports.
fn grant(directory: &RunDirectory, report: &ReportRecord) -> Result<Artifacts, GrantError> {
    Artifacts::grant(directory.dir(), &report.artifacts, is_host_file)
}

fn load_failure(error: &LoadError) -> Failure {
    let (operator, author) = match error {
        LoadError::Refused(_) => (
            "Run it only if you know why it wants this: this host grants no such thing.",
            "Build it for a target without these imports; the SDK needs none of them.",
        ),
        LoadError::OtherApi { .. } => (
            "Ask for a version of the plugin for this host, or use a newer host.",
            "Build it against the WIT package that `forensic-host wit` of this host prints.",
        ),
        LoadError::OtherTypes(_) | LoadError::NotAPlugin { .. } => (
            "Ask its author for a build against this host's report API.",
            "Build it against the WIT package that `forensic-host wit` prints.",
        ),
        _ => return Failure { text: error.to_string(), ..Failure::default() },
    };
    Failure { text: error.to_string(), operator: Some(operator.into()), author: Some(author.into()) }
}

fn call_failure(failure: CallFailure) -> Failure {
    match failure {
        CallFailure::Trap(trap) => {
            let advice = format!(" {} For its author: {}", trap.operator, trap.author);
            let text = trap.to_string();
            Failure {
                text: text.strip_suffix(&advice).unwrap_or(&text).to_owned(),
                operator: Some(trap.operator.clone()),
                author: Some(trap.author.clone()),
            }
        }
        CallFailure::Plugin(PluginError::InvalidConfig(_)) => Failure {
            text: failure.to_string(),
            operator: Some("Correct `config` of this report stage in the pipeline.".into()),
            author: None,
        },
        CallFailure::Plugin(PluginError::MissingData(_)) => Failure {
            text: failure.to_string(),
            operator: Some("See that a stage writes it, and that `artifacts` of this report stage covers it.".into()),
            author: None,
        },
        CallFailure::BadDocument { .. } => Failure {
            text: failure.to_string(),
            operator: Some("Tell its author.".into()),
            author: Some("See the rules for documents in types.wit, which `forensic-host wit` prints.".into()),
        },
        other => Failure { text: other.to_string(), ..Failure::default() },
    }
}

/// The ends of failed attempts' logs, first those of the attempts that decided their stage's result.
fn log_tails(directory: &RunDirectory, run: &Run, redactor: &Redactor) -> (Vec<LogTail>, u64) {
    let mut masked = 0;
    let mut failed: Vec<_> = run
        .stages
        .iter()
        .flat_map(|stage| stage.attempts.iter().map(move |attempt| (stage, attempt)))
        .filter(|(_, attempt)| !attempt.succeeded())
        .collect();
    failed.sort_by_key(|(stage, attempt)| attempt.number != stage.attempts.len() as u64);
    let tails = failed
        .into_iter()
        .take(TAILS)
        .filter_map(|(stage, attempt)| {
            let path = attempt.log_stderr.as_ref()?;
            // What is not there, or not readable, has no last lines.
            let (lines, omitted_bytes, count) = last_lines(directory, path, redactor).ok()??;
            masked += count as u64;
            Some(LogTail { stage: stage.id.clone(), attempt: attempt.number, path: path.clone(), lines, omitted_bytes })
        })
        .collect();
    (tails, masked)
}

/// The last lines, the bytes before them, and how many values in the looked-at part were masked.
fn last_lines(
    directory: &RunDirectory,
    path: &str,
    redactor: &Redactor,
) -> io::Result<Option<(Vec<String>, u64, usize)>> {
    let Some(file) = directory.file(path).map_err(io::Error::other)? else { return Ok(None) };
    let mut file = file.into_std();
    let length = file.seek(SeekFrom::End(0))?;
    let start = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let end = bytes.iter().rposition(|byte| !byte.is_ascii_whitespace()).map_or(0, |last| last + 1);
    let Some(shown) = bytes.get(..end).filter(|shown| !shown.is_empty()) else { return Ok(None) };
    let from = shown
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| **byte == b'\n')
        .nth(TAIL_LINES - 1)
        .map_or(0, |(newline, _)| newline + 1);
    let mut filter = redactor.lines();
    let mut text = filter.push(&shown[from..]);
    text.extend(filter.push(b"\n"));
    let masked = filter.count();
    text.extend(filter.finish());
    let text = String::from_utf8_lossy(&text);
    Ok(Some((text.lines().map(str::to_owned).collect(), start + from as u64, masked)))
}

impl Reported {
    /// Report stages that failed where the pipeline's owner wants the run to fail with them.
    pub fn policy_failures(&self) -> impl Iterator<Item = &ReportOutcome> {
        self.reports.iter().filter(|report| report.fails_run && report.failure.is_some())
    }

    /// How many findings are as severe as that or worse.
    pub fn findings_that_fail(&self, fail_on: FailOn) -> usize {
        let FindingCounts { error, warning, info } = self.findings;
        match fail_on {
            FailOn::Never => 0,
            FailOn::Error => error,
            FailOn::Warning => error + warning,
            FailOn::Info => error + warning + info,
        }
    }
}
