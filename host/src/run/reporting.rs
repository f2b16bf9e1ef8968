//! From a run directory to its report: reads the trace, calls the report plugins, draws and writes.
//!
//! A live run and a later [`rebuild`](super::rebuild) take the same way and give the same bytes. Plugins never see the spans of
//! report plugins, because in a live run those do not exist yet.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanKind};

use super::calling::{
    Answer, TraceState, Way, Written, call, call_failure, component, failed, identity, read_trace, trace_input,
};
use super::guest_spans::GuestCall;
use super::in_order::in_order;
use super::loading::Loader;
use super::record::{RUNNING, RecordError, ReportRecord, RunRecord};
use crate::beside::beside;
use crate::clock::{Clock, UnixNanos, nanos};
use crate::conventions::{attr, error_type, kind};
use crate::dag::Stop;
use crate::directory::{DirectoryError, REPORTS, RunDirectory, TRACE};
use crate::events::{Observer, RunEvent};
use crate::evidence::{SignError, VerifyError};
use crate::phases::{Steps, phase_of, within};
use crate::pipeline::FailOn;
use crate::plugin::{CallFailure, Engine, EngineError, GuestSpans, TraceInput, call_here, call_thread};
use crate::redact::{Redactor, RuleError};
use crate::report::text::Terminal;
use crate::report::{self, Failure, FindingCounts, LogTail, Rendered, ReportInput, RunFacts, Section, Status};
use crate::telemetry::RunTelemetry;
use crate::trace::{Columns, Inside, Run, Summary, Trace, inside, summarize_run};

/// Lines of a failed attempt's log that the report shows.
const TAIL_LINES: usize = 20;
/// How much of the end of a log is looked at for them.
const TAIL_BYTES: u64 = 16 << 10;
/// Failed attempts whose logs the report shows.
const TAILS: usize = 20;
/// Report stages that are called at once: each may take the memory that its limits allow.
const CALLS: usize = 2;
/// So many spans are worth a second thread.
const MANY_SPANS: usize = 1000;
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
    /// The report for a terminal, if it was asked for.
    pub text: Option<String>,
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
pub(crate) struct Called {
    pub(crate) sections: Vec<Section>,
    /// Values that were masked in their words.
    pub(crate) masked: u64,
}

/// What a run has that is going on, and a rebuild has not.
pub(super) struct Live<'a> {
    /// Where the spans of plugin calls go.
    pub(super) telemetry: &'a RunTelemetry,
    pub(super) parent: SpanContext,
    pub(super) clock: Clock,
    pub(super) stop: &'a Stop,
    pub(super) written: &'a Written,
}

/// Calls every report plugin on the trace as it is on disk now: some at once, and what they gave is taken in their order.
pub(super) fn call_plugins(
    directory: &RunDirectory,
    record: &RunRecord,
    loader: &Loader,
    redactor: &Redactor,
    live: Option<&Live<'_>>,
    observer: &mut dyn Observer,
) -> Result<Called, ReportError> {
    if record.reports.is_empty() {
        return Ok(Called::default());
    }
    loader.pace().want();
    let engine = loader.engine()?;
    let trace = within("read the trace for plugins", || trace_input(directory, record))?;
    if let Some(warning) = engine.warning() {
        observer.on_event(&RunEvent::Warning { text: warning });
    }
    let stop = live.map(|live| live.stop);
    let calls = Calls {
        directory,
        loader,
        engine: &engine,
        trace: &trace,
        redactor,
        clock: live.map(|live| live.clock),
        stop,
        written: live.map(|live| live.written),
    };
    let at_once = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(CALLS);
    // Killed, a run waits for no compiler.
    let look = || stop.filter(|stop| stop.kill_requested()).into_iter().for_each(|_| loader.pace().give_up());
    let mut called = Called { sections: Vec::with_capacity(record.reports.len()), masked: 0 };
    let mut take = |report: &ReportRecord, done: Done| called.add(report, done, live, observer);
    let work = |report: &ReportRecord| calls.call(report);
    if let Err(error) = in_order(&record.reports, at_once, call_thread, work, look, &mut take) {
        record.reports.iter().for_each(|report| take(report, calls.refused(report, &error)));
    }
    Ok(called)
}

/// What all report stages are called with.
struct Calls<'a> {
    directory: &'a RunDirectory,
    loader: &'a Loader,
    engine: &'a Engine,
    trace: &'a TraceInput,
    redactor: &'a Redactor,
    clock: Option<Clock>,
    stop: Option<&'a Stop>,
    written: Option<&'a Written>,
}

/// What one report stage came to. Times in Unix nanoseconds.
struct Done {
    answer: Answer,
    masked: u64,
    start: UnixNanos,
    /// When the call was over.
    called: UnixNanos,
    end: UnixNanos,
}

impl Calls<'_> {
    /// In a thread for calls.
    fn call(&self, report: &ReportRecord) -> Done {
        let _phase = phase_of("report stage", &report.id);
        self.done(|| {
            self.killed(report).unwrap_or_else(|| {
                let maxima = self.loader.maxima();
                let way = Way {
                    load: &|name, source, limits| self.loader.load(self.engine, name, source, limits),
                    call: &call_here,
                };
                let component = component(self.engine, self.directory, report, self.written, maxima);
                let answer = call(way, self.directory, report, component, self.trace, maxima);
                // What was being loaded then was given up.
                let late = answer.usage.is_none().then(|| self.killed(report)).flatten();
                late.unwrap_or(answer)
            })
        })
    }

    /// Asked to stop, a run still writes its report; only a second wish cuts the plugins short.
    fn killed(&self, report: &ReportRecord) -> Option<Answer> {
        self.stop.filter(|stop| stop.kill_requested()).map(|_| {
            let text = "The plugin was not called: the run was killed.".into();
            Answer { section: failed(report, identity(report), Failure { text, ..Failure::default() }), usage: None }
        })
    }

    /// Where there is no thread for it.
    fn refused(&self, report: &ReportRecord, error: &io::Error) -> Done {
        self.done(|| {
            let failure = call_failure(CallFailure::without_thread(error));
            Answer { section: failed(report, identity(report), failure), usage: None }
        })
    }

    fn done(&self, work: impl FnOnce() -> Answer) -> Done {
        let clock = self.clock.unwrap_or_else(Clock::start);
        let start = clock.now();
        let mut answer = work();
        let called = clock.now();
        let masked = answer.section.redact(self.redactor);
        Done { answer, masked, start, called, end: clock.now() }
    }
}

impl Called {
    /// Takes what a report stage came to, and tells of it.
    fn add(&mut self, report: &ReportRecord, done: Done, live: Option<&Live<'_>>, observer: &mut dyn Observer) {
        let Done { answer: Answer { section, usage }, masked, start, called, end } = done;
        let failure = match &section.status {
            Status::Ok => None,
            Status::Failed(failure) => Some(failure.text.as_str()),
        };
        observer.on_event(&RunEvent::ReportEnded {
            report: &report.id,
            failure,
            duration: Duration::from_nanos(end.saturating_sub(start)),
        });
        if let Some(live) = live {
            let mut span = live.telemetry.span(
                report.id.clone(),
                SpanKind::Internal,
                Some(&live.parent),
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
            if let Some(usage) = &usage {
                let GuestSpans { dropped, cut, .. } = usage.spans;
                for (key, count) in [(attr::GUEST_SPANS_DROPPED, dropped), (attr::GUEST_SPANS_CUT, cut)] {
                    if count > 0 {
                        span.set(KeyValue::new(key, i64::try_from(count).unwrap_or(i64::MAX)));
                    }
                }
                let parent = span.context();
                let began = called.saturating_sub(nanos(usage.elapsed)).max(start);
                let plugin = &section.plugin;
                GuestCall { telemetry: live.telemetry, parent: &parent, plugin, start: began, end: called }
                    .record(&usage.spans);
            }
            span.end(end, failure.map(str::to_owned));
        }
        self.masked += masked;
        self.sections.push(section);
    }
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
        within("write the report", || directory.write_all(REPORTS, &files))?;
        Ok(self.reported)
    }
}

/// Draws the report of a run whose trace is complete. `trace`: where it has been read already.
pub(super) fn draw(
    directory: &RunDirectory,
    record: &RunRecord,
    called: Called,
    redactor: &Redactor,
    trace: Option<TraceState>,
    note: Option<&str>,
    terminal: Option<Terminal>,
) -> Result<Drawn, ReportError> {
    let (rendered, summary) = render(directory, record, &called, redactor, trace, note, terminal)?;
    let mut files: Vec<(String, String)> =
        rendered.sections.into_iter().map(|(id, markdown)| (format!("{id}.md"), markdown)).collect();
    files.push((format!("{REPORT}.html"), rendered.html));
    files.push((format!("{REPORT}.json"), rendered.json));
    files.push((format!("{REPORT}.md"), rendered.markdown));
    let reports = called
        .sections
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
    Ok(Drawn {
        files,
        reported: Reported { report, reports, findings: rendered.findings, summary, text: rendered.text },
    })
}

/// The texts of a report, from the run directory and what the plugins gave. `trace`: where it has been read already. `terminal`: also
/// as text for this one.
pub(crate) fn render(
    directory: &RunDirectory,
    record: &RunRecord,
    called: &Called,
    redactor: &Redactor,
    trace: Option<TraceState>,
    note: Option<&str>,
    terminal: Option<Terminal>,
) -> Result<(Rendered, Option<Arc<Summary>>), ReportError> {
    let trace = match trace.map_or_else(|| within("read the trace", || read_trace(directory)), Ok)? {
        TraceState::Read(trace) => Ok(*trace),
        TraceState::Missing => Err(format!("{TRACE} is missing")),
        TraceState::Unreadable(why) => Err(format!("{TRACE} can't be read: {why}")),
    };
    let notes = note.map(str::to_owned).into_iter().collect();
    let mut step = Steps::begin("compute the metrics");
    let gathered = Gathered::of(directory, record, trace, called.masked, redactor, notes);
    let input = gathered.input(record, &called.sections);
    step.next("draw");
    let mut rendered = report::render(&input);
    rendered.text = terminal.map(|terminal| report::text::report(&input, terminal));
    Ok((rendered, gathered.summary))
}

/// All that a report is made of, beside what plugins said.
pub(crate) struct Gathered {
    summary: Option<Arc<Summary>>,
    trace_problem: Option<String>,
    run: Option<Run>,
    inside: Option<Inside>,
    columns: Option<Columns>,
    tails: Vec<LogTail>,
    facts: RunFacts,
}

impl Gathered {
    /// Of a trace, or the sentence that says why there is none. `words`: values that were masked in plugins' words. `notes`: what a
    /// reader should know first.
    pub(crate) fn of(
        directory: &RunDirectory,
        record: &RunRecord,
        trace: Result<Trace, String>,
        words: u64,
        redactor: &Redactor,
        notes: Vec<String>,
    ) -> Self {
        let (trace, trace_problem) = match trace {
            Ok(trace) => (Some(trace), None),
            Err(why) => (None, Some(why)),
        };
        let run = trace.as_ref().map(Run::of);
        let both = trace.as_ref().zip(run.as_ref());
        let metrics = || {
            let summary = both.map(|(trace, run)| Arc::new(summarize_run(trace, run)));
            let columns = both.zip(summary.as_deref());
            let columns = columns.map(|((trace, run), summary)| Columns::of(trace, run, summary));
            (summary, columns)
        };
        let told = || both.map(|(trace, run)| inside(trace, run));
        let ((summary, columns), inside) = match &trace {
            Some(trace) if trace.len() > MANY_SPANS => beside("metrics", metrics, told),
            _ => (metrics(), told()),
        };
        // Secrets in the spans were masked when they were written; logs are shown, so they are masked now.
        let (tails, masked) = run.as_ref().map(|run| log_tails(directory, run, redactor)).unwrap_or_default();
        let masked_in_spans =
            trace.as_ref().map_or(0, |trace| trace.sum_of(&[attr::REDACTIONS, attr::OUTPUT_REDACTIONS]));
        let facts = RunFacts {
            run_id: record.run_id.clone(),
            pipeline: record.pipeline.name.clone(),
            profile: record.pipeline.profile.clone(),
            result: (record.result != RUNNING).then(|| record.result.clone()),
            redacted_values: masked_in_spans + masked + words,
            notes: notes.into_iter().chain(record.telemetry.notes()).collect(),
            ..RunFacts::default()
        };
        Self { summary, trace_problem, run, inside, columns, tails, facts }
    }

    /// What the report is drawn from.
    pub(crate) fn input<'a>(&'a self, record: &'a RunRecord, sections: &'a [Section]) -> ReportInput<'a> {
        ReportInput {
            record: &self.facts,
            summary: self.summary.as_deref(),
            trace_problem: self.trace_problem.as_deref(),
            run: self.run.as_ref(),
            inside: self.inside.as_ref(),
            columns: self.columns.as_ref(),
            tails: &self.tails,
            baseline: record.baseline.as_ref(),
            sections,
        }
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
            let path = attempt.log_stderr.as_ref().or(attempt.log_stdout.as_ref())?;
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
