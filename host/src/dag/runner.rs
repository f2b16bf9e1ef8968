//! The dispatcher: one thread, one queue of events, all state.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::ffi::OsString;
use std::io::{Read, Seek, SeekFrom};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanKind};

use super::executor::{AttemptEnd, AttemptSpec, Executor, Exit, RunningAttempt};
use super::process::{make_room_for_files, signal_name};
use super::schedule::{Schedule, StageResult};
use super::spans;
use super::stop::{Stop, StopReason};
use crate::clock::{Clock, UnixNanos, nanos};
use crate::conventions::{attr, env};
use crate::directory::{DATA, RunDirectory, RunId, log_path};
use crate::events::{Observer, RunEvent};
use crate::evidence::{KEY_PEM_VARIABLE, KEY_VARIABLE};
use crate::limits::show_duration;
use crate::pipeline::Pipeline;
use crate::plan::RunPlan;
use crate::telemetry::otlp::environment::{AttemptContext, variables};
use crate::telemetry::otlp::receive::{Admission, Allowance, Receiver, Sender};
use crate::telemetry::{HostSpan, RunTelemetry};

/// Longest pause before an attempt, however often it has doubled.
const MAX_BACKOFF: Duration = Duration::from_secs(3600);
/// How much of the end of a failed attempt's standard error is searched for its last line.
const LAST_LINE_WINDOW: u64 = 4096;
/// Longest last line that goes into a message, characters.
const LAST_LINE_MAX: usize = 500;

/// What a run gives its DAG.
#[derive(Debug)]
pub struct RunContext<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// What is to be done with its stages.
    pub plan: &'a RunPlan,
    /// Attempts that may run at once, at least 1.
    pub slots: u32,
    /// The run's clock.
    pub clock: Clock,
    /// When scheduling begins: now.
    pub schedule_start: UnixNanos,
    /// Takes the spans.
    pub telemetry: &'a RunTelemetry,
    /// Takes spans that stages send, and what one attempt may send.
    pub receiver: Option<(&'a Receiver, Allowance)>,
    /// The run's span, parent of the stages.
    pub run_span: SpanContext,
    /// Takes logs and what stages write.
    pub directory: &'a RunDirectory,
    /// The run.
    pub run_id: &'a RunId,
    /// Ends the run early.
    pub stop: Stop,
}

/// How a DAG ended.
#[derive(Debug)]
pub struct DagOutcome {
    /// Result of each stage, in declaration order.
    pub results: Vec<StageResult>,
    /// Why it ended early, if it did.
    pub stopped: Option<StopReason>,
}

/// An event for the dispatcher.
#[derive(Debug)]
pub(super) enum Event {
    /// The attempt with this ticket ended.
    Ended { ticket: u64, time: UnixNanos },
    /// Somebody wants to stop.
    Stop { reason: StopReason, kill: bool },
}

/// Runs a pipeline's stages in the order that their needs allow.
pub struct DagRunner<'a> {
    context: RunContext<'a>,
    executor: &'a mut dyn Executor,
    observer: &'a mut dyn Observer,
    schedule: Schedule,
    stages: Vec<StageState>,
    running: HashMap<u64, Running>,
    tickets: u64,
    timers: BinaryHeap<Reverse<(Instant, Timer)>>,
    events: mpsc::Receiver<Event>,
    sender: mpsc::Sender<Event>,
    stopped: Option<StopReason>,
    killed: bool,
    /// Stages with a result.
    done: usize,
}

#[derive(Default)]
struct StageState {
    /// From the first attempt on, until the result.
    span: Option<HostSpan>,
    start: UnixNanos,
    ready: Option<UnixNanos>,
    /// When it had its result.
    terminal: UnixNanos,
    attempts: u32,
    /// Before the next attempt.
    backoff: Duration,
    /// Between two attempts, waiting for a timer.
    backing_off: bool,
}

struct Running {
    stage: usize,
    span: HostSpan,
    process: Box<dyn RunningAttempt>,
    /// Its right to send spans, which ends with it.
    _admission: Option<Admission>,
    /// What the host did to end it.
    ended_by: Option<StageResult>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The attempt with this ticket has run long enough.
    AttemptTimeout(u64),
    /// It was asked to end long ago.
    Kill(u64),
    /// Time for this stage's next attempt.
    Retry(usize),
    /// The run has run long enough.
    RunTimeout,
}

impl<'a> DagRunner<'a> {
    /// A runner for one run.
    pub fn new(context: RunContext<'a>, executor: &'a mut dyn Executor, observer: &'a mut dyn Observer) -> Self {
        let (sender, events) = mpsc::channel();
        Self {
            schedule: Schedule::new(context.pipeline),
            stages: context.pipeline.stages.iter().map(|_| StageState::default()).collect(),
            context,
            executor,
            observer,
            running: HashMap::new(),
            tickets: 0,
            timers: BinaryHeap::new(),
            events,
            sender,
            stopped: None,
            killed: false,
            done: 0,
        }
    }

    /// Runs all stages to their results.
    pub fn run(mut self) -> DagOutcome {
        make_room_for_files(self.context.slots);
        self.observer.on_event(&RunEvent::RunStarted {
            run_id: self.context.run_id.as_str(),
            directory: self.context.directory.path(),
            pipeline: self.context.pipeline,
            plan: self.context.plan,
            slots: self.context.slots,
            time: self.context.schedule_start,
        });
        for (stage, state) in self.context.pipeline.stages.iter().zip(&mut self.stages) {
            if stage.needs.is_empty() {
                state.ready = Some(self.context.schedule_start);
            }
        }
        if let Some(limit) = self.context.pipeline.timeout {
            self.set_timer(limit, Timer::RunTimeout);
        }
        self.context.stop.listen(self.sender.clone());
        // A wish that came first holds before the first stage starts.
        while let Ok(event) = self.events.try_recv() {
            self.handle(event);
        }
        loop {
            while self.stopped.is_none()
                && (self.running.len() as u64) < u64::from(self.context.slots)
                && let Some(stage) = self.schedule.take_ready()
            {
                self.start_attempt(stage);
            }
            if self.schedule.open() == 0 {
                break;
            }
            match self.next_event() {
                Some(event) => self.handle(event),
                None => self.ring_timers(),
            }
        }
        DagOutcome {
            // The loop ends when no stage is open.
            results: self
                .schedule
                .into_results()
                .into_iter()
                .map(|result| result.unwrap_or(StageResult::Error))
                .collect(),
            stopped: self.stopped,
        }
    }

    /// The next event, or `None` when a timer rings first.
    fn next_event(&self) -> Option<Event> {
        let Some(Reverse((deadline, ..))) = self.timers.peek() else {
            // `self.sender` keeps the channel open.
            return self.events.recv().ok();
        };
        // `self.sender` keeps the channel open: an error is the timer.
        self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Ended { ticket, time } => self.attempt_ended(ticket, time),
            Event::Stop { reason, kill } => self.stop(reason, kill),
        }
    }

    fn set_timer(&mut self, after: Duration, timer: Timer) {
        // A deadline beyond what the clock can say never comes.
        if let Some(deadline) = Instant::now().checked_add(after) {
            self.timers.push(Reverse((deadline, timer)));
        }
    }

    fn ring_timers(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((deadline, ..))) = self.timers.peek()
            && *deadline <= now
            && let Some(Reverse((_, timer))) = self.timers.pop()
        {
            match timer {
                Timer::AttemptTimeout(ticket) => self.end_attempt(ticket, StageResult::Timeout),
                Timer::Kill(ticket) => {
                    if let Some(running) = self.running.get_mut(&ticket) {
                        running.process.kill();
                    }
                }
                Timer::Retry(stage) => {
                    if std::mem::take(&mut self.stages[stage].backing_off) {
                        self.schedule.make_ready(stage);
                    }
                }
                Timer::RunTimeout => self.stop(StopReason::Timeout, false),
            }
        }
    }

    /// Asks an attempt to end; later tells that it was the host's doing.
    fn end_attempt(&mut self, ticket: u64, why: StageResult) {
        let Some(running) = self.running.get_mut(&ticket) else { return };
        if running.ended_by.is_none() {
            running.ended_by = Some(why);
            running.process.terminate();
            self.set_timer(self.context.pipeline.kill_grace, Timer::Kill(ticket));
        }
    }

    fn stop(&mut self, reason: StopReason, kill: bool) {
        let tickets: Vec<u64> = self.running.keys().copied().collect();
        if self.stopped.is_none() {
            self.stopped = Some(reason);
            self.observer.on_event(&RunEvent::Stopping { reason, running: tickets.len() });
            let busy: Vec<usize> = self.running.values().map(|running| running.stage).collect();
            let now = self.context.clock.now();
            let waiting: Vec<usize> =
                self.schedule.open_stages().into_iter().filter(|stage| !busy.contains(stage)).collect();
            for &stage in &waiting {
                self.schedule.cancel(stage);
            }
            for stage in waiting {
                self.stages[stage].backing_off = false;
                self.tell_stage_end(stage, StageResult::Cancellation, now, Some(stop_text(reason)), None, None);
            }
            for &ticket in &tickets {
                self.end_attempt(ticket, StageResult::Cancellation);
            }
        }
        if kill && !self.killed {
            self.killed = true;
            for ticket in tickets {
                if let Some(running) = self.running.get_mut(&ticket) {
                    running.process.kill();
                }
            }
        }
    }

    fn start_attempt(&mut self, index: usize) {
        let context = &self.context;
        let stage = &context.pipeline.stages[index];
        let id = stage.id.as_str();
        let state = &mut self.stages[index];
        state.attempts += 1;
        let attempt = state.attempts;
        let start = context.clock.now();
        self.observer.on_event(&RunEvent::AttemptStarted { stage: id, attempt, time: start });
        let stage_span = state.span.get_or_insert_with(|| {
            state.start = start;
            let attributes = spans::stage(context.pipeline, index, state.ready);
            context.telemetry.span(id.to_owned(), SpanKind::Internal, Some(&context.run_span), start, attributes)
        });
        let mut span = context.telemetry.span(
            format!("{id}#{attempt}"),
            SpanKind::Internal,
            Some(&stage_span.context()),
            start,
            spans::attempt(id, attempt, nanos(state.backoff), &stage.command, context.telemetry.exporter().redactor()),
        );
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
                let path = context.directory.path();
                let mut environment: Vec<(Cow<'_, str>, Option<OsString>)> =
                    stage.env.iter().map(|(name, value)| (name.into(), Some(value.into()))).collect();
                let traceparent = span.traceparent();
                if let Some((port, admission)) = &admission {
                    let attempt = AttemptContext {
                        port: *port,
                        token: admission.token(),
                        traceparent: &traceparent,
                        tracestate: "",
                        run_id: context.run_id.as_str(),
                        stage: id,
                    };
                    let own = |name: &str| stage.env.get(name).map(OsString::from);
                    let changes = variables(&|name| std::env::var_os(name), &own, &attempt);
                    environment.extend(changes.into_iter().map(|(name, value)| (name.into(), value)));
                }
                // Whoever can read the key could sign what it likes.
                environment.extend([KEY_VARIABLE, KEY_PEM_VARIABLE].map(|name| (name.into(), None)));
                // Last, so that a stage can't be told that it is another one.
                let facts: [(&str, OsString); 6] = [
                    (env::RUN_ID, context.run_id.as_str().into()),
                    (env::RUN_DIR, path.into()),
                    (env::DATA_DIR, path.join(DATA).into()),
                    (env::STAGE_ID, id.into()),
                    (env::ATTEMPT, attempt.to_string().into()),
                    (env::TRACEPARENT, traceparent.into()),
                ];
                environment.extend(facts.into_iter().map(|(name, value)| (name.into(), Some(value))));
                let (sender, ticket) = (self.sender.clone(), self.tickets);
                let ended = Box::new(move |time| {
                    // The dispatcher outlives every attempt that it started.
                    drop(sender.send(Event::Ended { ticket, time }));
                });
                let redactor = context.telemetry.exporter().redactor();
                let spec = AttemptSpec {
                    command: &stage.command,
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
                self.stage_ended(index, StageResult::Error, now, Some(message), None);
            }
        }
    }

    fn attempt_ended(&mut self, ticket: u64, time: UnixNanos) {
        let Some(Running { stage: index, span, process, _admission, ended_by }) = self.running.remove(&ticket) else {
            return;
        };
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
            self.stage_ended(index, result, time, message, end.as_ref().map(|end| end.exit));
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

    /// A stage has its result; stages that follow may be ready or skipped.
    fn stage_ended(
        &mut self,
        index: usize,
        result: StageResult,
        time: UnixNanos,
        message: Option<String>,
        exit: Option<Exit>,
    ) {
        let skipped = self.schedule.settle(index, result);
        self.tell_stage_end(index, result, time, message, exit, None);
        if result == StageResult::Success {
            for &dependent in self.schedule.dependents(index) {
                if self.schedule.is_ready(dependent) {
                    // The latest terminal time of its needs: ends are handled in the order they are heard of,
                    // which need not be the order in which they happened.
                    let pipeline = self.context.pipeline;
                    let latest = pipeline.stages[dependent].needs.iter().map(|&need| self.stages[need].terminal).max();
                    self.stages[dependent].ready = latest;
                }
            }
        }
        for (stage, need) in skipped {
            self.tell_stage_end(stage, StageResult::Skip, time, None, None, Some(need));
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

    /// Ends the stage's span, or makes it if the stage never ran, and tells the observer.
    fn tell_stage_end(
        &mut self,
        index: usize,
        result: StageResult,
        time: UnixNanos,
        message: Option<String>,
        exit: Option<Exit>,
        kept_by: Option<usize>,
    ) {
        let context = &self.context;
        let id = context.pipeline.stages[index].id.as_str();
        let state = &mut self.stages[index];
        state.terminal = time;
        let never_ran = state.span.is_none();
        let mut span = state.span.take().unwrap_or_else(|| {
            state.start = time;
            let attributes = spans::stage(context.pipeline, index, state.ready);
            context.telemetry.span(id.to_owned(), SpanKind::Internal, Some(&context.run_span), time, attributes)
        });
        for attribute in spans::stage_end(result, state.attempts) {
            span.set(attribute);
        }
        if let Some(need) = kept_by {
            span.set(KeyValue::new(attr::SKIPPED_BECAUSE, context.pipeline.stages[need].id.as_str().to_owned()));
        }
        let is_error = !matches!(result, StageResult::Success | StageResult::Skip);
        if is_error && let Some(cause) = spans::cause(result, exit) {
            span.set(KeyValue::new(attr::ERROR_TYPE, cause));
        }
        span.end(time, is_error.then(|| message.clone().unwrap_or_else(|| result.word().to_owned())));
        let message = message.or_else(|| kept_by.map(|need| format!("needs {}", context.pipeline.stages[need].id)));
        let log = (is_error && !never_ran).then(|| log_path(id, state.attempts, "err"));
        self.done += 1;
        self.observer.on_event(&RunEvent::StageEnded {
            stage: id,
            result,
            duration: Duration::from_nanos(time.saturating_sub(state.start)),
            attempts: state.attempts,
            message: message.as_deref(),
            log: log.as_deref(),
            saved: None,
            allowed: false,
            done: self.done,
            time,
        });
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
        let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
        Some(line.chars().filter(|character| !character.is_control()).take(LAST_LINE_MAX).collect())
    }
}

fn stop_text(reason: StopReason) -> String {
    match reason {
        StopReason::Signal(signal) => format!("the run was stopped by {}", signal_name(signal)),
        StopReason::Timeout => "the run was stopped by its timeout".to_owned(),
        StopReason::Request => "the run was stopped".to_owned(),
    }
}
