//! One call of one report plugin, from the run directory and the record to a section of the report: the same for a run, for
//! a later rebuild and for an author's test.

use std::collections::HashMap;
use std::io::BufReader;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::record::{ReportRecord, RunRecord};
use crate::builtins;
use crate::directory::{DirectoryError, RunDirectory, TRACE, is_host_file};
use crate::limits::{Limits, Maxima};
use crate::phases::within;
use crate::plugin::document::{Level, PluginError};
use crate::plugin::{
    Artifacts, CallFailure, CallReport, Compiled, Engine, GrantError, GuestSpans, Inputs, LoadError, LogLine,
    PastRun as PluginPastRun, Plugin, Request, Source, Stamp, TraceInput,
};
use crate::report::{Failure, PluginIdentity, Section, Status};
use crate::trace::{Trace, summarize};

/// What became of a call.
pub(crate) struct Answer {
    /// The section of the report.
    pub(crate) section: Section,
    /// What it took; `None` where the plugin was not called.
    pub(crate) usage: Option<Usage>,
}

/// What a call took, beside its fuel, and the spans that the plugin made.
#[derive(Debug)]
pub struct Usage {
    /// Where the plugin's machine code came from.
    pub compiled: Compiled,
    /// Wall time of the call.
    pub elapsed: Duration,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Bytes that they handed out.
    pub bytes_read: u64,
    /// The most that the plugin's memories took together, in bytes.
    pub peak_memory: u64,
    /// The spans of its own work.
    pub spans: GuestSpans,
}

/// The trace as plugins see it: without the spans of report plugins, which do not exist yet in a live run.
pub(crate) fn trace_input(directory: &RunDirectory, record: &RunRecord) -> Result<TraceInput, DirectoryError> {
    Ok(match read_trace(directory)? {
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
    })
}

/// What there is of a trace.
pub(crate) enum TraceState {
    Read(Box<Trace>),
    Missing,
    Unreadable(String),
}

/// Reads the trace of a run directory.
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

/// How plugins are loaded and called.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    /// Loads the component of the report stage with this id.
    pub(crate) load: &'a (dyn Fn(&str, &Source<'_>, &Limits) -> Result<Plugin, LoadError> + Sync),
    /// Calls what was loaded.
    pub(crate) call: &'a (dyn Fn(&Plugin, Request, &Inputs, &Limits) -> CallReport + Sync),
}

/// Calls the plugin of a report stage. `component`: what it is, or why there is none.
pub(crate) fn call(
    way: Way<'_>,
    directory: &RunDirectory,
    report: &ReportRecord,
    component: Result<Source<'_>, String>,
    trace: &TraceInput,
    maxima: Maxima,
) -> Answer {
    let mut plugin = identity(report);
    let not_called = |plugin, failure| Answer { section: failed(report, plugin, failure), usage: None };
    let component = match component {
        Ok(component) => component,
        Err(text) => return not_called(plugin, Failure { text, ..Failure::default() }),
    };
    let limits = report.limits(maxima);
    let loaded = match within("load", || (way.load)(&report.id, &component, &limits)) {
        Ok(loaded) => loaded,
        Err(error) => return not_called(plugin, load_failure(&error)),
    };
    let artifacts = match within("grant files", || grant(directory, report)) {
        Ok(artifacts) => artifacts,
        Err(error) => {
            let text = format!("The plugin's artifacts can't be granted: {error}.");
            return not_called(plugin, Failure { text, ..Failure::default() });
        }
    };
    let request = Request { report_id: report.id.clone(), config: report.config.to_string() };
    let skipped: Vec<LogLine> = artifacts
        .skipped()
        .iter()
        .map(|skipped| LogLine { level: Level::Warn, text: format!("the host could not grant {skipped}") })
        .collect();
    let inputs = Inputs { trace: trace.clone(), artifacts };
    let start = Instant::now();
    let called = within("call", || (way.call)(&loaded, request, &inputs, &limits));
    let elapsed = start.elapsed();
    let CallReport { info, outcome, fuel, log, log_dropped, host_calls, bytes_read, peak_memory, spans } = called;
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
    let section = Section {
        report_id: report.id.clone(),
        plugin,
        status,
        fails_run: fails_run(report),
        fuel,
        limits_hit,
        log,
        log_dropped,
        document,
    };
    let compiled = loaded.compiled();
    Answer { section, usage: Some(Usage { compiled, elapsed, host_calls, bytes_read, peak_memory, spans }) }
}

pub(super) fn identity(report: &ReportRecord) -> PluginIdentity {
    PluginIdentity { source: report.plugin.clone(), digest: report.sha256.clone(), ..PluginIdentity::default() }
}

fn fails_run(report: &ReportRecord) -> bool {
    report.on_failure == "fail"
}

/// The section of a plugin that gave no document.
pub(super) fn failed(report: &ReportRecord, plugin: PluginIdentity, failure: Failure) -> Section {
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

/// Components that this process wrote into the run directory, by their paths below it, as they were when it had written them.
pub(super) type Written = HashMap<String, Stamp>;

/// Begins the names of components that are part of this program.
const BUILTIN: &str = "builtin:";

/// The component, where it need not be read to know its digest: it is part of this program, or this process wrote it and nobody
/// changed it since.
pub(super) fn at_hand(
    directory: &RunDirectory,
    report: &ReportRecord,
    written: Option<&Written>,
) -> Option<Source<'static>> {
    if let Some(name) = report.plugin.strip_prefix(BUILTIN) {
        return builtins::find(name).map(|builtin| Source::known(builtin.component, builtin.sha256));
    }
    let stamp = written?.get(&report.plugin)?;
    let file = directory.file(&report.plugin).ok()??.into_std();
    let unchanged = Stamp::of(&file).as_ref() == Some(stamp);
    unchanged.then(|| Source::unchanged(file, stamp.size(), report.sha256.clone()))
}

/// The component that the record names: the same bytes, or none.
pub(super) fn component(
    engine: &Engine,
    directory: &RunDirectory,
    report: &ReportRecord,
    written: Option<&Written>,
    maxima: Maxima,
) -> Result<Source<'static>, String> {
    let source = match at_hand(directory, report, written) {
        Some(source) => source,
        None if report.plugin.starts_with(BUILTIN) => {
            return Err(format!("This host has no plugin `{}`.", report.plugin));
        }
        None => {
            let unreadable =
                |why: &dyn std::fmt::Display| format!("The plugin `{}` can't be read: {why}.", report.plugin);
            let file = directory.file(&report.plugin).map_err(|error| unreadable(&error))?;
            let file = file.ok_or_else(|| unreadable(&"it is not in the run directory"))?.into_std();
            engine.source(file, &report.limits(maxima)).map_err(|error| error.to_string())?
        }
    };
    if source.sha256() == report.sha256 {
        Ok(source)
    } else {
        Err(format!(
            "The plugin `{}` is not the one of the run: its SHA-256 is {}, the record says {}. Use the version of \
             forensic-host that made the run, or restore the file.",
            report.plugin,
            source.sha256(),
            report.sha256
        ))
    }
}

/// The host's own files are never granted: the trace has an interface of its own, and reports don't feed on reports.
fn grant(directory: &RunDirectory, report: &ReportRecord) -> Result<Artifacts, GrantError> {
    Artifacts::grant(directory.dir(), &report.artifacts, is_host_file)
}

/// A refusal, with advice.
pub(crate) fn load_failure(error: &LoadError) -> Failure {
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

/// A failure, with advice.
pub(crate) fn call_failure(failure: CallFailure) -> Failure {
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
