//! Shows a run on standard error as it goes on: one line an event, never garbled by the stages' own output,
//! which goes to files.

use std::io::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use crate::clock::nanos;
use crate::dag::{StageResult, StopReason, signal_name};
use crate::events::{Observer, RunEvent};
use crate::units::duration;

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Quiet,
    Normal,
    Verbose,
}

pub(super) struct Progress {
    level: Level,
    stages: usize,
}

impl Progress {
    pub(super) fn new(level: Level) -> Self {
        Self { level, stages: 0 }
    }
}

/// A line on standard error; a terminal that went away is no reason to stop.
pub(super) fn say(text: std::fmt::Arguments<'_>) {
    drop(writeln!(anstream::stderr().lock(), "{text}"));
}

fn show(time: Duration) -> String {
    duration(nanos(time))
}

pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();

impl Observer for Progress {
    fn on_event(&mut self, event: &RunEvent<'_>) {
        match *event {
            RunEvent::RunStarted { pipeline, slots, .. } => {
                let stages = pipeline.stages.len();
                self.stages = stages;
                if self.level != Level::Quiet {
                    say(format_args!("{DIM}{stages} stages, {slots} at a time{DIM:#}"));
                }
            }
            RunEvent::AttemptStarted { stage, attempt, .. } if self.level == Level::Verbose => {
                say(format_args!("{DIM}{:>9} start     {stage} (attempt {attempt}){DIM:#}", ""));
            }
            RunEvent::AttemptFailed { stage, attempt, message, backoff } if self.level != Level::Quiet => {
                say(format_args!(
                    "{:>9} {WARN}retry{WARN:#}     {stage} (attempt {attempt}: {message}; again in {})",
                    "",
                    show(backoff)
                ));
            }
            RunEvent::StageEnded { stage, result, duration, attempts, message, log, done, .. } => {
                let (style, word) = match result {
                    StageResult::Success => (GOOD, "ok"),
                    StageResult::Failure => (BAD, "failed"),
                    StageResult::Error => (BAD, "error"),
                    StageResult::Timeout => (BAD, "timeout"),
                    StageResult::Cancellation => (WARN, "stopped"),
                    StageResult::Skip => (WARN, "skipped"),
                };
                if self.level == Level::Quiet
                    && matches!(result, StageResult::Success | StageResult::Skip | StageResult::Cancellation)
                {
                    return;
                }
                let width = self.stages.to_string().len();
                let counter = format!("[{done:>width$}/{}]", self.stages);
                let time = if attempts == 0 { String::new() } else { format!("  {}", show(duration)) };
                let tries = if attempts > 1 { format!(", {attempts} attempts") } else { String::new() };
                let message = message.map(|message| format!("  ({message})")).unwrap_or_default();
                say(format_args!("{counter:>9} {style}{word:<9}{style:#} {stage}{time}{tries}{message}"));
                if let Some(log) = log {
                    say(format_args!("{:>9} {DIM}          log: {log}{DIM:#}", ""));
                }
            }
            RunEvent::Stopping { reason, running } => {
                let why = match reason {
                    StopReason::Signal(signal) => signal_name(signal),
                    StopReason::Timeout => "the run's timeout".into(),
                    StopReason::StageFailed => "the failure of a stage".into(),
                    StopReason::Request => "request".into(),
                };
                say(format_args!(
                    "{WARN}stopping{WARN:#} by {why}: {running} running attempts are asked to end; once more to kill them"
                ));
            }
            RunEvent::Warning { text } => say(format_args!("{WARN}warning{WARN:#}: {text}")),
            RunEvent::ReportEnded { report, failure, duration } => match failure {
                Some(failure) => say(format_args!("{:>9} {BAD}report{BAD:#}    {report}: {failure}", "")),
                None if self.level == Level::Verbose => {
                    say(format_args!("{:>9} {GOOD}report{GOOD:#}    {report}  {}", "", show(duration)));
                }
                None => {}
            },
            _ => {}
        }
    }
}
