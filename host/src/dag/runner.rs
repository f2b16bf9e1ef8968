//! The dispatcher: one thread, one queue of events, all state.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanKind};
use rustix::thread::sched_getaffinity;

use super::bell::{Bell, EventSender};
use super::clerk::Clerk;
use super::condition::Facts;
use super::executor::{AttemptEvent, Executor, RunningAttempt};
use super::process::{make_room_for_files, signal_name};
use super::result::StageResult;
use super::schedule::{Released, Schedule, Settled};
use super::spans;
use super::stop::{Stop, StopReason};
use crate::clock::{Clock, UnixNanos};
use crate::conventions::{attr, skip_reason};
use crate::directory::{Logs, RunDirectory, RunId, logs_there};
use crate::environment::StageEnvironment;
use crate::events::{Observer, RunEvent};
use crate::pipeline::{FailurePolicy, Pipeline};
use crate::plan::{Action, RunPlan};
use crate::telemetry::otlp::receive::{Admission, Allowance, Receiver};
use crate::telemetry::{HostSpan, RunTelemetry};

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
    /// What every stage finds in its environment.
    pub environment: &'a StageEnvironment,
    /// How much there is of each pool of the pipeline.
    pub pools: Vec<u64>,
    /// Hears of each stage that ran and succeeded, so that its result can be reused.
    pub keep: Option<&'a dyn Keep>,
    /// How stages that are pipelines of their own are run.
    pub nested: &'a Nested,
    /// Ends the run early.
    pub stop: Stop,
}

/// Hears of stages that ran and succeeded. Called in the dispatcher's thread: what takes long belongs elsewhere.
pub trait Keep: std::fmt::Debug {
    /// `stage`: its index; `duration_ns`: from its first attempt to its end; `end`: Unix ns.
    fn succeeded(&self, stage: usize, duration_ns: u64, attempts: u32, end: UnixNanos);
}

/// How stages that are pipelines of their own are run: by this program, as a run of their own beside this one.
#[derive(Clone, Debug)]
pub struct Nested {
    /// This program.
    pub program: PathBuf,
    /// Folder that runs go below, absolute.
    pub root: PathBuf,
    /// Further arguments of `run`.
    pub arguments: Vec<String>,
}

/// How a DAG ended.
#[derive(Debug)]
pub struct DagOutcome {
    /// Result of each stage, in declaration order.
    pub results: Vec<StageResult>,
    /// How many processes were left when the last attempt had ended, and were ended.
    pub escaped_processes: u64,
    /// Stages whose result was reused.
    pub cached: u32,
    /// Stages that failed and may.
    pub allowed: u32,
    /// Why it ended early, if it did.
    pub stopped: Option<StopReason>,
}

/// An event for the dispatcher.
#[derive(Debug)]
pub(super) enum Event {
    /// Something happened to the attempt with this ticket.
    Attempt { ticket: u64, event: AttemptEvent },
    /// The executor has something to say that is about no single attempt.
    Notice(String),
    /// Somebody wants to stop.
    Stop { reason: StopReason, kill: bool },
}

/// Runs a pipeline's stages in the order that their needs allow.
pub struct DagRunner<'a> {
    pub(super) context: RunContext<'a>,
    pub(super) executor: &'a mut dyn Executor,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) schedule: Schedule<'a>,
    pub(super) stages: Vec<StageState>,
    pub(super) running: HashMap<u64, Running>,
    pub(super) tickets: u64,
    /// Those that succeeded and are not on record yet.
    pub(super) leaving: HashMap<u64, Running>,
    /// Puts them on record, once there were any while a processor had nothing to do.
    pub(super) clerk: Option<Clerk>,
    /// That attempts can run on.
    pub(super) processors: usize,
    timers: BinaryHeap<Reverse<(Instant, Timer)>>,
    events: mpsc::Receiver<Event>,
    pub(super) sender: EventSender,
    pub(super) stopped: Option<StopReason>,
    /// Nothing more is started, and what runs may finish.
    draining: bool,
    killed: bool,
    /// Stages with a result.
    done: usize,
    cached: u32,
    allowed: u32,
}

#[derive(Default)]
pub(super) struct StageState {
    /// From the first attempt on, until the result.
    pub(super) span: Option<HostSpan>,
    pub(super) start: UnixNanos,
    pub(super) ready: Option<UnixNanos>,
    /// The need that released it, where one was enough.
    pub(super) released_by: Option<usize>,
    /// When it had its result.
    pub(super) terminal: UnixNanos,
    pub(super) attempts: u32,
    /// Of them, those that were lost and repeated.
    pub(super) lost: u32,
    /// The last of these, until it is repeated, and whether it can't be running any more by then.
    pub(super) lost_attempt: Option<(u32, bool)>,
    /// The first attempt has started; then `start` is when.
    pub(super) began: bool,
    /// Before the next attempt.
    pub(super) backoff: Duration,
    /// Between two attempts, waiting for a timer.
    pub(super) backing_off: bool,
}

pub(super) struct Running {
    pub(super) stage: usize,
    pub(super) attempt: u32,
    pub(super) span: HostSpan,
    pub(super) process: Box<dyn RunningAttempt>,
    /// What it says.
    pub(super) logs: Logs,
    /// Its right to send spans, which ends with it.
    pub(super) admission: Option<Admission>,
    /// What the host did to end it.
    pub(super) ended_by: Option<StageResult>,
}

/// A stage has its result.
pub(super) struct Ended {
    pub(super) stage: usize,
    pub(super) result: StageResult,
    pub(super) time: UnixNanos,
    pub(super) message: Option<String>,
    /// From the closed list, where the result alone does not say it.
    pub(super) cause: Option<&'static str>,
    pub(super) how: How,
}

/// What brought it about.
pub(super) enum How {
    /// It ran, or was stopped before it could.
    Ran,
    /// It ran and succeeded, and is put on record later.
    Leaves,
    /// An earlier result stands in.
    Reused { run_id: String, saved_ns: u64 },
    /// This need failed.
    Need(usize),
    /// Its condition does not hold.
    When,
    /// It was not asked for.
    Left,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
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
        let sender = EventSender { events: sender, bell: Bell::new().map(Arc::new) };
        Self {
            schedule: Schedule::new(context.pipeline, context.plan, context.pools.clone()),
            stages: context.pipeline.stages.iter().map(|_| StageState::default()).collect(),
            context,
            executor,
            observer,
            running: HashMap::new(),
            tickets: 0,
            leaving: HashMap::new(),
            clerk: None,
            processors: sched_getaffinity(None).map_or(1, |processors| processors.count() as usize),
            timers: BinaryHeap::new(),
            events,
            sender,
            stopped: None,
            draining: false,
            killed: false,
            done: 0,
            cached: 0,
            allowed: 0,
        }
    }

    /// Runs all stages to their results.
    pub fn run(mut self) -> DagOutcome {
        make_room_for_files(self.context.slots);
        if self.sender.bell.is_some() {
            self.executor.attended();
        }
        self.observer.on_event(&RunEvent::RunStarted {
            run_id: self.context.run_id.as_str(),
            directory: self.context.directory.path(),
            pipeline: self.context.pipeline,
            plan: self.context.plan,
            slots: self.context.slots,
            time: self.context.schedule_start,
        });
        if let Some(limit) = self.context.pipeline.timeout {
            self.set_timer(limit, Timer::RunTimeout);
        }
        let sender = self.sender.clone();
        // Told until the run's end.
        self.executor.listen(Box::new(move |text| drop(sender.send(Event::Notice(text)))));
        self.context.stop.listen(self.sender.clone());
        // A wish that came first holds before the first stage starts.
        while let Ok(event) = self.events.try_recv() {
            self.handle(event);
        }
        if self.stopped.is_none() {
            self.begin();
        }
        loop {
            while self.stopped.is_none()
                && (self.running.len() as u64) < u64::from(self.context.slots)
                && let Some(taken) = self.schedule.take_ready()
            {
                self.start_attempt(taken);
            }
            if self.schedule.open() == 0 && self.leaving.is_empty() {
                break;
            }
            match self.next_event() {
                Some(event) => self.handle(event),
                None => self.ring_timers(),
            }
        }
        // All are on record after this.
        drop(self.clerk.take());
        let escaped_processes = self.executor.finish();
        while let Ok(event) = self.events.try_recv() {
            if let Event::Notice(text) = event {
                self.observer.on_event(&RunEvent::Warning { text: &text });
            }
        }
        DagOutcome {
            escaped_processes,
            // The loop ends when no stage is open.
            results: self
                .schedule
                .into_results()
                .into_iter()
                .map(|result| result.unwrap_or(StageResult::Error))
                .collect(),
            cached: self.cached,
            allowed: self.allowed,
            stopped: self.stopped,
        }
    }

    /// Settles what was not asked for, and releases what needs nothing.
    fn begin(&mut self) {
        let start = self.context.schedule_start;
        let plan = self.context.plan;
        let left: Vec<usize> =
            (0..plan.stages.len()).filter(|&stage| plan.stages[stage].action == Action::Leave).collect();
        for &stage in &left {
            self.schedule.leave(stage);
        }
        for stage in left {
            let message = plan.stages[stage].reason.clone();
            let ended = Ended { stage, result: StageResult::Skip, time: start, message, cause: None, how: How::Left };
            self.stage_ended(ended);
        }
        for released in self.schedule.roots() {
            if let Some(ended) = self.released(released, start) {
                self.stage_ended(ended);
            }
        }
    }

    /// The next event, or `None` when a timer rings first.
    fn next_event(&mut self) -> Option<Event> {
        let deadline = self.timers.peek().map(|Reverse((deadline, ..))| *deadline);
        if let Some(bell) = self.sender.bell.clone() {
            loop {
                bell.listen();
                if let Ok(event) = self.events.try_recv() {
                    bell.hush(false);
                    return Some(event);
                }
                if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    bell.hush(false);
                    return None;
                }
                if !self.executor.attend(&bell, deadline) {
                    bell.hush(false);
                    break;
                }
            }
        }
        let Some(deadline) = deadline else {
            // `self.sender` keeps the channel open.
            return self.events.recv().ok();
        };
        // `self.sender` keeps the channel open: an error is the timer.
        self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Attempt { ticket, event: AttemptEvent::Started(time) } => self.attempt_started(ticket, time),
            Event::Attempt { ticket, event: AttemptEvent::Pending(why) } => self.attempt_pending(ticket, &why),
            Event::Attempt { ticket, event: AttemptEvent::Succeeded(time) } => self.make_way(ticket, time),
            Event::Attempt { ticket, event: AttemptEvent::Ended(time) } => self.attempt_ended(ticket, time),
            Event::Notice(text) => self.observer.on_event(&RunEvent::Warning { text: &text }),
            Event::Stop { reason, kill } => self.stop(reason, kill),
        }
    }

    pub(super) fn set_timer(&mut self, after: Duration, timer: Timer) {
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
        let own = |reason| matches!(reason, StopReason::Timeout | StopReason::StageFailed);
        let mut kill = kill;
        let finish_running =
            reason == StopReason::StageFailed && self.context.pipeline.on_failure == FailurePolicy::FinishRunning;
        match self.stopped {
            None => {
                self.stopped = Some(reason);
                self.draining = finish_running;
                self.observer.on_event(&RunEvent::Stopping { reason, running: self.running.len() });
                self.cancel_waiting(reason);
                if !finish_running {
                    self.end_running();
                }
            }
            Some(_) if self.draining && reason != StopReason::StageFailed => {
                self.stopped = Some(reason);
                self.draining = false;
                self.observer.on_event(&RunEvent::Stopping { reason, running: self.running.len() });
                self.end_running();
            }
            // What runs was asked to end by the host itself; now somebody asks who doesn't want to wait for it.
            Some(earlier) => kill |= own(earlier) && !own(reason),
        }
        if kill && !self.killed {
            self.killed = true;
            self.observer.on_event(&RunEvent::Killing { running: self.running.len() });
            for running in self.running.values_mut() {
                running.process.kill();
            }
        }
    }

    fn cancel_waiting(&mut self, reason: StopReason) {
        let busy: Vec<usize> = self.running.values().map(|running| running.stage).collect();
        let now = self.context.clock.now();
        let mut waiting = self.schedule.open_stages();
        waiting.retain(|stage| !busy.contains(stage));
        for &stage in &waiting {
            self.schedule.cancel(stage);
        }
        for stage in waiting {
            self.stages[stage].backing_off = false;
            let message = Some(stop_text(reason));
            self.tell_stage_end(Ended {
                stage,
                result: StageResult::Cancellation,
                time: now,
                message,
                cause: None,
                how: How::Ran,
            });
        }
    }

    fn end_running(&mut self) {
        let tickets: Vec<u64> = self.running.keys().copied().collect();
        for ticket in tickets {
            self.end_attempt(ticket, StageResult::Cancellation);
        }
    }

    /// A stage has its result; stages that follow may be ready, reused or skipped.
    pub(super) fn stage_ended(&mut self, ended: Ended) {
        let mut failed = false;
        let mut queue = VecDeque::from([ended]);
        while let Some(ended) = queue.pop_front() {
            let (stage, result, time) = (ended.stage, ended.result, ended.time);
            let may_fail = result.is_failure() && self.context.pipeline.stages[stage].allow_failure;
            failed |= result.is_failure() && !may_fail;
            self.allowed += u32::from(may_fail);
            self.cached += u32::from(matches!(ended.how, How::Reused { .. }));
            let passed = result == StageResult::Success || may_fail || matches!(ended.how, How::When);
            if let (Some(keep), StageResult::Success, How::Ran | How::Leaves) = (self.context.keep, result, &ended.how)
            {
                let state = &self.stages[stage];
                keep.succeeded(stage, time.saturating_sub(state.start), state.attempts, time);
            }
            self.tell_stage_end(ended);
            let settled = if passed { Settled::Passed } else { Settled::Blocked };
            let followed = self.schedule.settle(stage, result, settled);
            for (skipped, need) in followed.skipped {
                self.tell_stage_end(Ended {
                    stage: skipped,
                    result: StageResult::Skip,
                    time,
                    message: None,
                    cause: None,
                    how: How::Need(need),
                });
            }
            for released in followed.released {
                queue.extend(self.released(released, time));
            }
        }
        if failed && self.context.pipeline.on_failure != FailurePolicy::Continue && self.stopped.is_none() {
            self.stop(StopReason::StageFailed, false);
        }
    }

    /// A stage's needs let it start: it is ready, or has its result at once.
    fn released(&mut self, Released { stage: index, by }: Released, time: UnixNanos) -> Option<Ended> {
        let pipeline = self.context.pipeline;
        let stage = &pipeline.stages[index];
        // The latest terminal time of its needs: ends are handled in the order they are heard of, which need not be
        // the order in which they happened.
        let ready = match by {
            Some(need) => self.stages[need].terminal,
            None => stage.needs.iter().map(|&need| self.stages[need].terminal).max().unwrap_or(time),
        };
        self.stages[index].ready = Some(ready);
        self.stages[index].released_by = by;
        let unmet = stage.when.as_ref().and_then(|condition| {
            let variable = |name: &str| self.variable(index, name).map(|value| value.to_string_lossy().into_owned());
            let result = |stage: usize| self.schedule.result(stage);
            Facts { pipeline, directory: self.context.directory, variable: &variable, result: &result }.unmet(condition)
        });
        if let Some(unmet) = unmet {
            let message = Some(format!("`when` does not hold: {unmet}"));
            let how = How::When;
            return Some(Ended { stage: index, result: StageResult::Skip, time: ready, message, cause: None, how });
        }
        if let Some(Action::Reuse { run_id, saved_ns }) = self.context.plan.stages.get(index).map(|plan| &plan.action) {
            let how = How::Reused { run_id: run_id.clone(), saved_ns: *saved_ns };
            let result = StageResult::Success;
            return Some(Ended { stage: index, result, time: ready, message: None, cause: None, how });
        }
        self.schedule.make_ready(index);
        None
    }

    /// A variable of a stage's environment, as far as the pipeline and the host's own environment make it.
    pub(super) fn variable(&self, stage: usize, name: &str) -> Option<OsString> {
        let own = self.context.pipeline.stages[stage].env.get(name).map(OsString::from);
        own.or_else(|| self.context.environment.get(name).map(OsStr::to_owned))
    }

    /// Ends the stage's span, or makes it if the stage never ran.
    pub(super) fn end_stage_span(&mut self, ended: &Ended) {
        let Ended { stage: index, result, time, message, cause, how } = ended;
        let context = &self.context;
        let state = &mut self.stages[*index];
        let mut span = state.span.take().unwrap_or_else(|| {
            let attributes = spans::stage(context.pipeline, context.plan, *index, state.ready, state.released_by);
            let id = context.pipeline.stages[*index].id.as_str().to_owned();
            context.telemetry.span(id, SpanKind::Internal, Some(&context.run_span), *time, attributes)
        });
        for attribute in spans::stage_end(*result, state.attempts) {
            span.set(attribute);
        }
        match how {
            How::Ran | How::Leaves => {}
            How::Reused { run_id, saved_ns } => {
                span.set(KeyValue::new(attr::CACHED, true));
                span.set(KeyValue::new(attr::SAVED_NS, i64::try_from(*saved_ns).unwrap_or(i64::MAX)));
                span.set(KeyValue::new(attr::CACHED_FROM, run_id.clone()));
            }
            How::Need(need) => {
                span.set(KeyValue::new(attr::SKIP_REASON, skip_reason::NEED));
                span.set(KeyValue::new(attr::SKIPPED_BECAUSE, context.pipeline.stages[*need].id.as_str().to_owned()));
            }
            How::When => span.set(KeyValue::new(attr::SKIP_REASON, skip_reason::WHEN)),
            How::Left => span.set(KeyValue::new(attr::SKIP_REASON, skip_reason::SELECTION)),
        }
        let is_error = is_error(*result);
        if is_error && let Some(cause) = cause.or_else(|| spans::cause(*result, None)) {
            span.set(KeyValue::new(attr::ERROR_TYPE, cause));
        }
        if let (StageResult::Skip, Some(message)) = (result, &message) {
            let text = context.telemetry.exporter().redactor().text(message).text.into_owned();
            span.set(KeyValue::new(attr::SKIP_MESSAGE, text));
        }
        span.end(*time, is_error.then(|| message.clone().unwrap_or_else(|| result.word().to_owned())));
    }

    /// Puts the stage's end on record, if that is not to be done later, and tells the observer.
    fn tell_stage_end(&mut self, ended: Ended) {
        let state = &mut self.stages[ended.stage];
        state.terminal = ended.time;
        if !state.began {
            state.start = ended.time;
        }
        if !matches!(ended.how, How::Leaves) {
            self.end_stage_span(&ended);
        }
        let Ended { stage: index, result, time, message, how, .. } = ended;
        let context = &self.context;
        let stage = &context.pipeline.stages[index];
        let id = stage.id.as_str();
        let state = &self.stages[index];
        let saved = match how {
            How::Reused { saved_ns, .. } => Some(Duration::from_nanos(saved_ns)),
            _ => None,
        };
        let message = message.or_else(|| match how {
            How::Need(need) => Some(format!("needs {}", context.pipeline.stages[need].id)),
            _ => None,
        });
        let log = (is_error(result) && state.began)
            .then(|| logs_there(context.directory.dir(), id, state.attempts))
            .and_then(|[stdout, stderr]| stderr.or(stdout));
        self.done += 1;
        self.observer.on_event(&RunEvent::StageEnded {
            stage: id,
            result,
            duration: Duration::from_nanos(time.saturating_sub(state.start)),
            attempts: state.attempts,
            message: message.as_deref(),
            log: log.as_deref(),
            saved,
            allowed: result.is_failure() && stage.allow_failure,
            done: self.done,
            time,
        });
    }
}

fn is_error(result: StageResult) -> bool {
    !matches!(result, StageResult::Success | StageResult::Skip)
}

pub(super) fn stop_text(reason: StopReason) -> String {
    match reason {
        StopReason::Signal(signal) => format!("the run was stopped by {}", signal_name(signal)),
        StopReason::Timeout => "the run was stopped by its timeout".to_owned(),
        StopReason::StageFailed => "the run was stopped because a stage failed".to_owned(),
        StopReason::Request => "the run was stopped".to_owned(),
    }
}
