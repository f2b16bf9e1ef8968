//! `--format json`: what happens, as lines of JSON on standard output. The format is documented in docs/events.md.
//!
//! A thread of its own writes, so that a reader that reads slowly delays nobody; a reader that goes away ends the writing and
//! nothing else.

use std::io::{self, Write};
use std::sync::mpsc;
use std::thread::JoinHandle;

use serde::Serialize;

use super::printer::join;
use crate::clock::{Clock, UnixNanos, nanos};
use crate::dag::{StopReason, signal_name};
use crate::events::RunEvent;
use crate::plan::{Action, RunPlan};
use crate::run::RunOutcome;

/// Name and version of the format.
const SCHEMA: &str = "forensic.events/1";

/// One line.
#[derive(Serialize)]
struct Stamped<'a> {
    schema: &'static str,
    event: &'static str,
    time: UnixNanos,
    #[serde(flatten)]
    fields: Fields<'a>,
}

/// What an event has beyond its name and time.
#[derive(Serialize)]
#[serde(untagged)]
enum Fields<'a> {
    RunStarted {
        run_id: &'a str,
        run_directory: String,
        pipeline: &'a str,
        profile: Option<&'a str>,
        stages: usize,
        reports: usize,
        slots: u32,
        resumed_from: Option<&'a str>,
        estimate_ns: Option<u64>,
    },
    StagePlanned {
        stage: &'a str,
        needs: Vec<&'a str>,
        group: Option<&'a str>,
        member_of: Option<&'a str>,
        action: &'static str,
        reason: Option<&'a str>,
        reused_from: Option<&'a str>,
        expected_ns: Option<u64>,
    },
    AttemptStarted {
        stage: &'a str,
        attempt: u32,
    },
    AttemptFailed {
        stage: &'a str,
        attempt: u32,
        message: &'a str,
        backoff_ns: u64,
    },
    StageEnded {
        stage: &'a str,
        result: &'static str,
        duration_ns: u64,
        attempts: u32,
        message: Option<&'a str>,
        log: Option<&'a str>,
        saved_ns: Option<u64>,
        allowed: bool,
        done: usize,
    },
    Stopping {
        reason: &'static str,
        signal: Option<String>,
        running: usize,
    },
    Killing {
        running: usize,
    },
    Warning {
        text: &'a str,
    },
    ReportEnded {
        report: &'a str,
        failure: Option<&'a str>,
        duration_ns: u64,
    },
    RunEnded(RunEnded<'a>),
    RunAborted {
        message: String,
    },
}

/// How the run ended.
#[derive(Serialize)]
struct RunEnded<'a> {
    run_id: &'a str,
    result: &'a str,
    run_directory: String,
    trace: String,
    report: String,
    wall_ns: Option<u64>,
    stages: crate::run::StageCounts,
    failed_reports: Vec<&'a str>,
}

impl<'a> RunEnded<'a> {
    fn of(outcome: &'a RunOutcome) -> Self {
        let failed = outcome.reported.reports.iter().filter(|report| report.failure.is_some());
        Self {
            run_id: &outcome.record.run_id,
            result: &outcome.record.result,
            run_directory: outcome.directory.display().to_string(),
            trace: outcome.directory.join(crate::directory::TRACE).display().to_string(),
            report: outcome.reported.report.display().to_string(),
            wall_ns: outcome.reported.summary.as_ref().map(|summary| summary.wall_ns),
            stages: outcome.record.stages,
            failed_reports: failed.map(|report| report.id.as_str()).collect(),
        }
    }
}

/// Writes events.
#[derive(Debug)]
pub(super) struct EventLines {
    clock: Clock,
    /// The last time that was told: times never go back.
    last: UnixNanos,
    lines: Option<mpsc::Sender<String>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl EventLines {
    /// To standard output, or elsewhere.
    pub(super) fn start(mut to: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, queue) = mpsc::channel::<String>();
        let thread = std::thread::Builder::new().name("events".into()).spawn(move || {
            for line in queue {
                to.write_all(line.as_bytes()).and_then(|()| to.flush())?;
            }
            Ok(())
        })?;
        Ok(Self { clock: Clock::start(), last: 0, lines: Some(lines), thread: Some(thread) })
    }

    /// Tells what happened.
    pub(super) fn tell(&mut self, event: &RunEvent<'_>) {
        match *event {
            RunEvent::RunStarted { run_id, directory, pipeline, plan, slots, time } => {
                let fields = Fields::RunStarted {
                    run_id,
                    run_directory: directory.display().to_string(),
                    pipeline: &pipeline.name,
                    profile: pipeline.profile.as_deref(),
                    stages: pipeline.stages.len(),
                    reports: pipeline.reports.len(),
                    slots,
                    resumed_from: plan.resumed_from.as_deref(),
                    estimate_ns: plan.estimate_ns,
                };
                self.write("run_started", Some(time), fields);
                self.plan(pipeline, plan, time);
            }
            RunEvent::AttemptStarted { stage, attempt, time } => {
                self.write("attempt_started", Some(time), Fields::AttemptStarted { stage, attempt });
            }
            RunEvent::AttemptFailed { stage, attempt, message, backoff } => {
                let fields = Fields::AttemptFailed { stage, attempt, message, backoff_ns: nanos(backoff) };
                self.write("attempt_failed", None, fields);
            }
            RunEvent::StageEnded { stage, result, duration, attempts, message, log, saved, allowed, done, time } => {
                let fields = Fields::StageEnded {
                    stage,
                    result: result.word(),
                    duration_ns: nanos(duration),
                    attempts,
                    message,
                    log,
                    saved_ns: saved.map(nanos),
                    allowed,
                    done,
                };
                self.write("stage_ended", Some(time), fields);
            }
            RunEvent::Stopping { reason, running } => {
                let (reason, signal) = match reason {
                    StopReason::Signal(signal) => ("signal", Some(signal_name(signal))),
                    StopReason::Timeout => ("timeout", None),
                    StopReason::StageFailed => ("stage_failed", None),
                    StopReason::Request => ("request", None),
                };
                self.write("stopping", None, Fields::Stopping { reason, signal, running });
            }
            RunEvent::Killing { running } => self.write("killing", None, Fields::Killing { running }),
            RunEvent::Warning { text } => self.write("warning", None, Fields::Warning { text }),
            RunEvent::ReportEnded { report, failure, duration } => {
                let fields = Fields::ReportEnded { report, failure, duration_ns: nanos(duration) };
                self.write("report_ended", None, fields);
            }
        }
    }

    fn plan(&mut self, pipeline: &crate::pipeline::Pipeline, plan: &RunPlan, time: UnixNanos) {
        for (stage, planned) in pipeline.stages.iter().zip(&plan.stages) {
            let (action, reused_from) = match &planned.action {
                Action::Run => ("run", None),
                Action::Reuse { run_id, .. } => ("reuse", Some(run_id.as_str())),
                Action::Leave => ("leave", None),
            };
            let fields = Fields::StagePlanned {
                stage: stage.id.as_str(),
                needs: stage.needs.iter().map(|&need| pipeline.stages[need].id.as_str()).collect(),
                group: stage.group.as_deref(),
                member_of: stage.member.as_ref().map(|member| member.of.as_str()),
                action,
                reason: planned.reason.as_deref(),
                reused_from,
                expected_ns: planned.expected_ns,
            };
            self.write("stage_planned", Some(time), fields);
        }
    }

    /// The run is over: the last line.
    pub(super) fn ended(&mut self, outcome: &RunOutcome) {
        self.write("run_ended", None, Fields::RunEnded(RunEnded::of(outcome)));
    }

    /// There is no complete record of the run: the last line.
    pub(super) fn aborted(&mut self, error: &dyn std::error::Error) {
        self.write("run_aborted", None, Fields::RunAborted { message: error.to_string() });
    }

    fn write(&mut self, event: &'static str, time: Option<UnixNanos>, fields: Fields<'_>) {
        let Some(lines) = &self.lines else { return };
        // The run's own clock began a little earlier; where an event has no time of its own, ours stands in.
        self.last = time.unwrap_or_else(|| self.clock.now()).max(self.last);
        let line = Stamped { schema: SCHEMA, event, time: self.last, fields };
        // Texts and numbers can always be written. A reader that went away took the other end with it.
        if let Ok(text) = serde_json::to_string(&line)
            && lines.send(text + "\n").is_err()
        {
            self.lines = None;
        }
    }

    /// Writes what is left; gives up when `enough` says so.
    ///
    /// # Errors
    /// Where lines could not be written. That nobody reads them any more is no error.
    pub(super) fn finish(&mut self, enough: &dyn Fn() -> bool) -> io::Result<()> {
        self.lines = None;
        let Some(thread) = self.thread.take() else { return Ok(()) };
        join(thread, enough).unwrap_or(Ok(())).or_else(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(error),
        })
    }
}
