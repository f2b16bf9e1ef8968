//! One attempt: how it is started, and what its end means for its stage.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::environment::AttemptFacts;
use super::executor::{AttemptEnd, AttemptSpec, Exit};
use super::nested::resolve;
use super::process::signal_name;
use super::result::StageResult;
use super::runner::{DagRunner, Ended, Event, How, RunContext, Running, Timer, stop_text};
use super::schedule::Taken;
use super::spans;
use crate::clock::{UnixNanos, nanos};
use crate::conventions::attr;
use crate::directory::log_path;
use crate::events::RunEvent;
use crate::limits::show_duration;
use crate::telemetry::HostSpan;
use crate::telemetry::otlp::receive::{Admission, Sender};

/// Longest pause before an attempt, however often it has doubled.
const MAX_BACKOFF: Duration = Duration::from_secs(3600);
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
        self.observer.on_event(&RunEvent::AttemptStarted { stage: id, attempt, time: start });
        let stage_span = state.span.get_or_insert_with(|| {
            state.start = start;
            let attributes = spans::stage(context.pipeline, context.plan, index, state.ready, state.released_by);
            context.telemetry.span(id.to_owned(), SpanKind::Internal, Some(&context.run_span), start, attributes)
        });
        let mut span = context.telemetry.span(
            format!("{id}#{attempt}"),
            SpanKind::Internal,
            Some(&stage_span.context()),
            start,
            spans::attempt(id, attempt, nanos(state.backoff), &command, context.telemetry.exporter().redactor()),
        );
        if let Some(pool) = waited_for {
            span.set(KeyValue::new(attr::WAITED_FOR_POOL, context.pipeline.pools[pool].name.clone()));
        }
        if let Some(child) = child {
            span.set(KeyValue::new(attr::CHILD_RUN, child));
        }
        let sender = Sender {
            stage: id.to_owned(),
            attempt,
            trace_id: span.context().trace_id().to_bytes(),
            span_id: span.context().span_id().to_bytes(),
            stage_span_id: stage_span.context().span_id().to_bytes(),
            run_span_id: context.run_span.span_id().to_bytes(),
        };
        // Without chance there are no tokens, and a stage runs without a place to send spans to.
        let admission = context
            .receiver
            .and_then(|(receiver, allowance)| Some((receiver.port(), receiver.admit(sender, allowance).ok()?)));
        let launched = context
            .directory
            .create_logs(id, attempt)
            .map_err(|error| format!("can't make the log files: {error}"))
            .and_then(|(stdout, stderr)| {
                let environment = environment(context, index, attempt, &span.traceparent(), admission.as_ref());
                let (sender, ticket) = (self.sender.clone(), self.tickets);
                let ended = Box::new(move |time| {
                    // The dispatcher outlives every attempt that it started.
                    drop(sender.send(Event::Ended { ticket, time }));
                });
                let redactor = context.telemetry.exporter().redactor();
                let spec = AttemptSpec {
                    command: &command,
                    workdir: &stage.workdir,
                    env: environment,
                    stdout,
                    stderr,
                    redactor,
                };
                self.executor.launch(spec, ended).map_err(|error| redactor.text(&error.to_string()).text.into_owned())
            });
        match launched {
            Ok(process) => {
                if let Some(pid) = process.pid() {
                    span.set(KeyValue::new(attr::PID, i64::from(pid)));
                }
                let ticket = self.tickets;
                self.tickets += 1;
                let admission = admission.map(|(_, admission)| admission);
                let running = Running { stage: index, span, process, _admission: admission, ended_by: None };
                self.running.insert(ticket, running);
                if let Some(limit) = stage.timeout {
                    self.set_timer(limit, Timer::AttemptTimeout(ticket));
                }
            }
            Err(message) => {
                let now = self.context.clock.now();
                self.tell_attempt_end(span, StageResult::Error, None, now, Some(message.clone()));
                self.schedule.release(index);
                self.stage_ended(Ended {
                    stage: index,
                    result: StageResult::Error,
                    time: now,
                    message: Some(message),
                    exit: None,
                    how: How::Ran,
                });
            }
        }
    }

    /// An attempt ended: the stage is tried again or has its result.
    pub(super) fn attempt_ended(&mut self, ticket: u64, time: UnixNanos) {
        let Some(Running { stage: index, span, process, _admission, ended_by }) = self.running.remove(&ticket) else {
            return;
        };
        self.schedule.release(index);
        let stage = &self.context.pipeline.stages[index];
        let (result, end, message) = match process.finish() {
            Err(error) => (StageResult::Error, None, Some(format!("the system does not say how it ended: {error}"))),
            Ok(end) => {
                let (result, what) = match (ended_by, end.exit) {
                    (Some(StageResult::Timeout), _) => {
                        let limit = stage.timeout.map(show_duration).unwrap_or_default();
                        (StageResult::Timeout, Some(format!("ran longer than its timeout of {limit}")))
                    }
                    // It was done when it was asked to stop.
                    (_, Exit::Code(0)) => (StageResult::Success, None),
                    (Some(_), _) => (StageResult::Cancellation, self.stopped.map(stop_text)),
                    (None, Exit::Code(code)) => (StageResult::Failure, Some(format!("exit code {code}"))),
                    (None, Exit::Signal(signal)) => {
                        (StageResult::Failure, Some(format!("ended by {}", signal_name(signal))))
                    }
                };
                let message = what.map(|what| match self.last_line(index) {
                    Some(line) if result != StageResult::Cancellation => format!("{what}: {line}"),
                    _ => what,
                });
                (result, Some(end), message)
            }
        };
        if let Some(lost) = end.as_ref().and_then(|end| end.output_lost.as_ref()) {
            let log = log_path(stage.id.as_str(), self.stages[index].attempts, "*");
            let text = format!("{} bytes of output are missing in {log}: {}", lost.bytes, lost.error);
            self.observer.on_event(&RunEvent::Warning { text: &text });
        }
        self.tell_attempt_end(span, result, end.as_ref(), time, message.clone());
        if self.stopped.is_none() && self.may_retry(index, result, end.as_ref()) {
            let state = &mut self.stages[index];
            let doubled =
                stage.retries.backoff.saturating_mul(1u32.checked_shl(state.attempts - 1).unwrap_or(u32::MAX));
            state.backoff = doubled.min(MAX_BACKOFF);
            state.backing_off = true;
            let (attempt, backoff) = (state.attempts, state.backoff);
            // The pause counts from the attempt's end, not from when the dispatcher heard of it.
            let late = Duration::from_nanos(self.context.clock.now().saturating_sub(time));
            self.set_timer(backoff.saturating_sub(late), Timer::Retry(index));
            self.observer.on_event(&RunEvent::AttemptFailed {
                stage: stage.id.as_str(),
                attempt,
                message: message.as_deref().unwrap_or(result.word()),
                backoff,
            });
        } else {
            let exit = end.as_ref().map(|end| end.exit);
            self.stage_ended(Ended { stage: index, result, time, message, exit, how: How::Ran });
        }
    }

    fn may_retry(&self, index: usize, result: StageResult, end: Option<&AttemptEnd>) -> bool {
        let retries = &self.context.pipeline.stages[index].retries;
        self.stages[index].attempts <= retries.max
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
        time: UnixNanos,
        message: Option<String>,
    ) {
        for attribute in spans::attempt_end(result, end) {
            span.set(attribute);
        }
        if let Some(cause) = spans::cause(result, end.map(|end| end.exit)) {
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

/// What an attempt finds in its environment beyond what it inherits: a value, or `None` for what it does not inherit. The
/// last of a name holds.
fn environment<'a>(
    context: &RunContext<'a>,
    index: usize,
    attempt: u32,
    traceparent: &str,
    admission: Option<&(u16, Admission)>,
) -> Vec<(Cow<'a, str>, Option<OsString>)> {
    let given = context.environment;
    let stage = &context.pipeline.stages[index];
    let mut environment: Vec<(Cow<'_, str>, Option<OsString>)> = given.changes().collect();
    environment.extend(stage.env.iter().map(|(name, value)| (name.as_str().into(), Some(value.into()))));
    let own = |name: &str| stage.env.get(name).or_else(|| given.values().get(name)).map(OsString::from);
    let inherited = |name: &str| given.inherited(name).map(OsStr::to_owned);
    let facts = AttemptFacts {
        run_id: context.run_id.as_str(),
        directory: context.directory.path(),
        stage: stage.id.as_str(),
        attempt,
        traceparent,
        receiver: admission.map(|(port, admission)| (*port, admission.token())),
    };
    facts.tell(&mut environment, &inherited, &own);
    environment
}
