//! One attempt: how it is started, and what its end means for its stage.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Seek, SeekFrom};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::environment::AttemptFacts;
use super::executor::{AttemptEnd, AttemptSpec, Exit, Fate, Fault, Finished, Remote};
use super::nested::resolve;
use super::process::signal_name;
use super::result::StageResult;
use super::runner::{DagRunner, Ended, Event, How, RunContext, Running, Timer, stop_text};
use super::schedule::Taken;
use super::spans;
use crate::clock::{UnixNanos, nanos};
use crate::conventions::{attr, executor, fenced};
use crate::directory::{LogFile, Logs, log_path};
use crate::events::RunEvent;
use crate::limits::show_duration;
use crate::telemetry::HostSpan;
use crate::telemetry::otlp::receive::{Admission, Sender};

/// Longest pause before an attempt, however often it has doubled.
const MAX_BACKOFF: Duration = Duration::from_secs(3600);
/// What the names of OpenTelemetry's variables begin with.
const OTEL: &str = "OTEL_";
/// How much of the end of a failed attempt's standard error is searched for its last line.
const LAST_LINE_WINDOW: u64 = 4096;
/// Longest last line that goes into a message, characters.
const LAST_LINE_MAX: usize = 500;

impl DagRunner<'_> {
    /// Starts an attempt of a stage that has a slot and what it takes of the pools.
    pub(super) fn start_attempt(&mut self, Taken { stage: index, waited_for }: Taken) {
        let context = &self.context;
        let stage = &context.pipeline.stages[index];
        let id = stage.id.as_str();
        let state = &mut self.stages[index];
        state.attempts += 1;
        let attempt = state.attempts;
        let (command, child) = resolve(&stage.command, context.nested, context.run_id.as_str(), id, attempt);
        let start = context.clock.now();
        let remote = self.executor.is_remote(stage);
        if !remote {
            self.observer.on_event(&RunEvent::AttemptStarted { stage: id, attempt, time: start });
            state.began = true;
        }
        let first = state.span.is_none();
        let stage_span = state.span.get_or_insert_with(|| {
            state.start = start;
            let attributes = spans::stage(context.pipeline, context.plan, index, state.ready, state.released_by);
            context.telemetry.unnoted(id.to_owned(), SpanKind::Internal, Some(&context.run_span), start, attributes)
        });
        let redactor = context.telemetry.exporter().redactor();
        let mut attributes = spans::attempt(id, attempt, nanos(state.backoff), &command, redactor);
        if remote {
            // From the start: whoever completes the trace of a run that was killed has to know it.
            attributes.push(KeyValue::new(attr::EXECUTOR, executor::RAY));
        }
        let mut span = context.telemetry.unnoted(
            format!("{id}#{attempt}"),
            SpanKind::Internal,
            Some(&stage_span.context()),
            start,
            attributes,
        );
        match first {
            true => context.telemetry.note_both(stage_span, &span),
            false => context.telemetry.note(&span),
        }
        if let Some(pool) = waited_for {
            span.set(KeyValue::new(attr::WAITED_FOR_POOL, context.pipeline.pools[pool].name.clone()));
        }
        if let Some(child) = child {
            span.set(KeyValue::new(attr::CHILD_RUN, child));
        }
        if let Some((previous, sure)) = state.lost_attempt.take() {
            span.set(KeyValue::new(attr::PREVIOUS_ATTEMPT, i64::from(previous)));
            let word = if sure { fenced::PROVED } else { fenced::ASSUMED };
            span.set(KeyValue::new(attr::PREVIOUS_FENCED, word));
        }
        let sender = Sender {
            stage: id.to_owned(),
            attempt,
            trace_id: span.context().trace_id().to_bytes(),
            span_id: span.context().span_id().to_bytes(),
            stage_span_id: stage_span.context().span_id().to_bytes(),
            run_span_id: context.run_span.span_id().to_bytes(),
        };
        // Without chance there are no tokens, and a stage runs without a place to send spans to. A worker elsewhere receives them
        // itself.
        let admission = context
            .receiver
            .filter(|_| !remote)
            .and_then(|(receiver, allowance)| Some((receiver.port(), receiver.admit(sender, allowance).ok()?)));
        let traceparent = span.traceparent();
        let logs = context.directory.logs(id, attempt);
        let launched = open_logs(&logs, context.telemetry.exporter().is_behind())
            .map_err(|error| format!("can't make the log files: {error}"))
            .and_then(|[stdout, stderr]| {
                let mut environment = own_environment(context, index);
                let placement = remote.then(|| Remote {
                    stage,
                    attempt,
                    traceparent: &traceparent,
                    grace: context.pipeline.kill_grace,
                });
                if !remote {
                    tell_attempt(context, index, attempt, &traceparent, admission.as_ref(), &mut environment);
                }
                let (sender, ticket) = (self.sender.clone(), self.tickets);
                let hears = Box::new(move |event| {
                    // The dispatcher outlives every attempt that it started.
                    drop(sender.send(Event::Attempt { ticket, event }));
                });
                let redactor = context.telemetry.exporter().redactor();
                let spec = AttemptSpec {
                    placement,
                    command: &command,
                    workdir: &stage.workdir,
                    env: environment,
                    stdout,
                    stderr,
                    redactor,
                };
                self.executor.launch(spec, hears).map_err(|error| redactor.text(&error.to_string()).text.into_owned())
            });
        match launched {
            Ok(process) => {
                if let Some(pid) = process.pid() {
                    span.set(KeyValue::new(attr::PID, i64::from(pid)));
                }
                let ticket = self.tickets;
                self.tickets += 1;
                let admission = admission.map(|(_, admission)| admission);
                let waiting = process.is_waiting();
                let running = Running { stage: index, attempt, span, process, logs, admission, ended_by: None };
                self.running.insert(ticket, running);
                if let Some(limit) = stage.timeout.filter(|_| !waiting) {
                    self.set_timer(limit, Timer::AttemptTimeout(ticket));
                }
            }
            Err(message) => {
                let now = self.context.clock.now();
                self.tell_attempt_end(span, StageResult::Error, None, None, now, Some(message.clone()));
                self.schedule.release(index);
                self.stage_ended(Ended {
                    stage: index,
                    result: StageResult::Error,
                    time: now,
                    message: Some(message),
                    cause: None,
                    how: How::Ran,
                });
            }
        }
    }

    /// An attempt that was waiting has started.
    pub(super) fn attempt_started(&mut self, ticket: u64, time: UnixNanos) {
        let Some(Running { stage: index, attempt, span, .. }) = self.running.get_mut(&ticket) else { return };
        let (index, attempt) = (*index, *attempt);
        span.set(KeyValue::new(attr::STARTED_TIME, i64::try_from(time).unwrap_or(i64::MAX)));
        self.context.telemetry.note(span);
        let stage = &self.context.pipeline.stages[index];
        let state = &mut self.stages[index];
        if !state.began {
            state.began = true;
            state.start = time;
        }
        self.observer.on_event(&RunEvent::AttemptStarted { stage: stage.id.as_str(), attempt, time });
        if let Some(limit) = stage.timeout {
            let late = Duration::from_nanos(self.context.clock.now().saturating_sub(time));
            self.set_timer(limit.saturating_sub(late), Timer::AttemptTimeout(ticket));
        }
    }

    /// An attempt has to wait for a place.
    pub(super) fn attempt_pending(&mut self, ticket: u64, why: &str) {
        let Some(running) = self.running.get_mut(&ticket) else { return };
        running.span.set(KeyValue::new(attr::PENDING_REASON, why.to_owned()));
        let text = format!("{}#{} waits: {why}", self.context.pipeline.stages[running.stage].id, running.attempt);
        self.observer.on_event(&RunEvent::Warning { text: &text });
    }

    /// An attempt ended: the stage is tried again or has its result.
    pub(super) fn attempt_ended(&mut self, ticket: u64, time: UnixNanos) {
        if let Some(attempt) = self.leaving.remove(&ticket) {
            return self.see_off(attempt, time);
        }
        let Some(running) = self.running.remove(&ticket) else { return };
        self.schedule.release(running.stage);
        if let Some(ended) = self.conclude(running, time) {
            self.stage_ended(ended);
        }
    }

    /// Puts an attempt's end on record. `None`: its stage is tried again.
    fn conclude(&mut self, running: Running, time: UnixNanos) -> Option<Ended> {
        let Running { stage: index, mut span, process, logs, ended_by, .. } = running;
        let stage = &self.context.pipeline.stages[index];
        let remote = process.is_waiting();
        let Finished { fate, elsewhere } = process.finish();
        elsewhere.into_iter().for_each(|attribute| span.set(attribute));
        spans::logs(logs.made()).for_each(|attribute| span.set(attribute));
        let (result, end, fault, what) = match (ended_by, fate) {
            (Some(StageResult::Timeout), fate) => {
                let limit = stage.timeout.map(show_duration).unwrap_or_default();
                (StageResult::Timeout, ended(fate), None, Some(format!("ran longer than its timeout of {limit}")))
            }
            // It was done when it was asked to stop. Of what ran elsewhere, nobody can say which was first.
            (asked, Fate::Ended(end)) if end.exit == Exit::Code(0) && !(remote && asked.is_some()) => {
                (StageResult::Success, Some(end), None, None)
            }
            (Some(_), fate) => (StageResult::Cancellation, ended(fate), None, self.stopped.map(stop_text)),
            (None, Fate::Ended(end)) => {
                let what = match end.exit {
                    Exit::Code(code) => format!("exit code {code}"),
                    Exit::Signal(signal) => format!("ended by {}", signal_name(signal)),
                };
                (StageResult::Failure, Some(end), None, Some(what))
            }
            (None, Fate::Fault(fault)) => {
                let redactor = self.context.telemetry.exporter().redactor();
                let message = redactor.text(&fault.message).text.into_owned();
                (StageResult::Error, None, Some(fault), Some(message))
            }
        };
        let message = what.map(|what| match self.last_line(index) {
            Some(line) if matches!(result, StageResult::Failure | StageResult::Timeout) => format!("{what}: {line}"),
            _ => what,
        });
        if let Some(lost) = end.as_ref().and_then(|end| end.output_lost.as_ref()) {
            self.observer.on_event(&RunEvent::Warning { text: &lost.text(&logs) });
        }
        let cause = fault.as_ref().map(|fault| fault.cause);
        self.tell_attempt_end(span, result, end.as_ref(), cause, time, message.clone());
        // The pause counts from the attempt's end, not from when the dispatcher heard of it.
        let late = Duration::from_nanos(self.context.clock.now().saturating_sub(time));
        if self.stopped.is_none()
            && let Some(Fault { again: Some(again), .. }) = fault
        {
            let state = &mut self.stages[index];
            state.lost += 1;
            state.lost_attempt = Some((state.attempts, again.fenced));
            state.backoff = again.after;
            state.backing_off = true;
            let attempt = state.attempts;
            self.set_timer(again.after.saturating_sub(late), Timer::Retry(index));
            self.observer.on_event(&RunEvent::AttemptFailed {
                stage: stage.id.as_str(),
                attempt,
                message: message.as_deref().unwrap_or(result.word()),
                backoff: again.after,
            });
        } else if self.stopped.is_none() && self.may_retry(index, result, end.as_ref()) {
            let state = &mut self.stages[index];
            let doubled = stage
                .retries
                .backoff
                .saturating_mul(1u32.checked_shl(state.attempts.saturating_sub(state.lost + 1)).unwrap_or(u32::MAX));
            state.backoff = doubled.min(MAX_BACKOFF);
            state.backing_off = true;
            let (attempt, backoff) = (state.attempts, state.backoff);
            self.set_timer(backoff.saturating_sub(late), Timer::Retry(index));
            self.observer.on_event(&RunEvent::AttemptFailed {
                stage: stage.id.as_str(),
                attempt,
                message: message.as_deref().unwrap_or(result.word()),
                backoff,
            });
        } else {
            let cause = cause.or_else(|| spans::cause(result, end.as_ref().map(|end| end.exit)));
            return Some(Ended { stage: index, result, time, message, cause, how: How::Ran });
        }
        None
    }

    fn may_retry(&self, index: usize, result: StageResult, end: Option<&AttemptEnd>) -> bool {
        let retries = &self.context.pipeline.stages[index].retries;
        let state = &self.stages[index];
        state.attempts - state.lost <= retries.max
            && matches!(result, StageResult::Failure | StageResult::Timeout)
            && match (&retries.on_exit, end.map(|end| end.exit)) {
                (None, _) => true,
                (Some(codes), Some(Exit::Code(code))) => result == StageResult::Failure && codes.contains(&code),
                (Some(_), _) => false,
            }
    }

    fn tell_attempt_end(
        &self,
        mut span: HostSpan,
        result: StageResult,
        end: Option<&AttemptEnd>,
        cause: Option<&'static str>,
        time: UnixNanos,
        message: Option<String>,
    ) {
        for attribute in spans::attempt_end(result, end) {
            span.set(attribute);
        }
        if let Some(cause) = cause.or_else(|| spans::cause(result, end.map(|end| end.exit))) {
            span.set(KeyValue::new(attr::ERROR_TYPE, cause));
        }
        span.end(time, (result != StageResult::Success).then(|| message.unwrap_or_else(|| result.word().to_owned())));
    }

    /// The last line of an attempt's standard error that says something: where a script's error message is.
    fn last_line(&self, index: usize) -> Option<String> {
        let path = log_path(self.context.pipeline.stages[index].id.as_str(), self.stages[index].attempts, "err");
        let mut file = self.context.directory.file(&path).ok()??.into_std();
        let length = file.seek(SeekFrom::End(0)).ok()?;
        file.seek(SeekFrom::Start(length.saturating_sub(LAST_LINE_WINDOW))).ok()?;
        let mut bytes = Vec::new();
        file.take(LAST_LINE_WINDOW).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let text = anstream::adapter::strip_str(&text).to_string();
        let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
        Some(line.chars().filter(|character| !character.is_control()).take(LAST_LINE_MAX).collect())
    }
}

/// What is known of how it ended, where it was ended by us.
fn ended(fate: Fate) -> Option<AttemptEnd> {
    match fate {
        Fate::Ended(end) => Some(end),
        Fate::Fault(_) => None,
    }
}

/// The files that an attempt's output goes to. `at_once`: nothing else will tell that it was started.
fn open_logs(logs: &Logs, at_once: bool) -> io::Result<[LogFile; 2]> {
    let mut files = logs.files();
    if at_once {
        for file in &mut files {
            file.open()?;
        }
    }
    Ok(files)
}

/// What the pipeline and the stage make of an attempt's environment: a value, or `None` for what it does not inherit. The
/// last of a name holds.
fn own_environment<'a>(context: &RunContext<'a>, index: usize) -> Vec<(Cow<'a, str>, Option<OsString>)> {
    let stage = &context.pipeline.stages[index];
    let mut environment: Vec<(Cow<'_, str>, Option<OsString>)> = context.environment.changes().collect();
    environment.extend(stage.env.iter().map(|(name, value)| (name.as_str().into(), Some(value.into()))));
    environment
}

/// Adds what the host itself tells an attempt.
fn tell_attempt<'a>(
    context: &RunContext<'a>,
    index: usize,
    attempt: u32,
    traceparent: &str,
    admission: Option<&(u16, Admission)>,
    environment: &mut Vec<(Cow<'a, str>, Option<OsString>)>,
) {
    let given = context.environment;
    let stage = &context.pipeline.stages[index];
    let own = |name: &str| stage.env.get(name).or_else(|| given.values().get(name)).map(OsString::from);
    // Some fifty such names are asked for, and there is hardly ever one.
    let otel = given.inherits_any(OTEL);
    let inherited = |name: &str| {
        let looked_for = otel || !name.starts_with(OTEL);
        looked_for.then(|| given.inherited(name).map(OsStr::to_owned)).flatten()
    };
    let facts = AttemptFacts {
        run_id: context.run_id.as_str(),
        directory: context.directory.path(),
        stage: stage.id.as_str(),
        attempt,
        traceparent,
        receiver: admission.map(|(port, admission)| (*port, admission.token())),
    };
    facts.tell(environment, &inherited, &own);
}
