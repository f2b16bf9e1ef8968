//! What happened, in a line each: the same words on a terminal and in a file.

use std::time::Duration;

use super::Level;
use super::board::{Board, Phase};
use super::draw::coarse;
use super::style::{BAD, DIM, GOOD, WARN};
use super::text::{Line, columns};
use crate::clock::nanos;
use crate::dag::{StageResult, StopReason, signal_name};
use crate::events::RunEvent;
use crate::pipeline::Pipeline;
use crate::plan::{Action, RunPlan};
use crate::units::{count, duration};

/// Columns of the counter and what stands in its place.
const COUNTER: usize = 9;
/// Ids are padded to the longest one, and to no more than that.
const NAME_MAX: usize = 32;
/// How many running stages a sign of life names.
const NAMED_MAX: usize = 5;
/// Of how many stages it is said why they run again.
const CAUSES_MAX: usize = 10;

/// How wide the columns are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Columns {
    /// Stages of the run.
    pub(super) total: usize,
    /// Of the longest id.
    pub(super) id: usize,
}

/// What is said of an event, if anything.
pub(super) fn line(event: &RunEvent<'_>, level: Level, columns: Columns) -> Option<Line> {
    let normal = matches!(level, Level::Normal | Level::Verbose);
    let verbose = level == Level::Verbose;
    let blank = " ".repeat(COUNTER);
    match *event {
        RunEvent::RunStarted { pipeline, slots, plan, .. } if normal => {
            let mut text = format!("{}, {slots} at a time", count(pipeline.stages.len(), "stage"));
            if let Some(run) = &plan.resumed_from {
                text += &format!(", resuming run {run}");
            }
            let reused = plan.stages.iter().filter(|stage| matches!(stage.action, Action::Reuse { .. })).count();
            if reused > 0 {
                text += &format!(", {} reused", count(reused, "result"));
            }
            Some(Line::default().with(DIM, &text))
        }
        RunEvent::AttemptStarted { stage, attempt, .. } if verbose => {
            Some(Line::default().with(DIM, &format!("{blank} start     {stage} (attempt {attempt})")))
        }
        RunEvent::AttemptFailed { stage, attempt, message, backoff } if normal => {
            let facts =
                format!("     {}  (attempt {attempt}: {message}; again in {})", padded(stage, columns), show(backoff));
            Some(Line::default().and(&blank).and(" ").with(WARN, "retry").and(&facts))
        }
        RunEvent::StageEnded { .. } => stage_ended(event, level, columns),
        RunEvent::Stopping { reason, running } if level != Level::Silent => {
            let by = stopped_by(reason);
            let text = match (running, reason) {
                (0, _) => format!(" by {by}"),
                (_, StopReason::StageFailed) => {
                    format!(" by {by}: nothing more is started, {} to go", count(running, "attempt"))
                }
                _ => format!(" by {by}: {} to end; once more to kill", asked(running)),
            };
            Some(Line::default().with(WARN, "stopping").and(&text))
        }
        RunEvent::Killing { running } if level != Level::Silent => {
            Some(Line::default().with(BAD, "killing").and(&format!(" {}", count(running, "running attempt"))))
        }
        RunEvent::Warning { text } => Some(Line::default().with(WARN, "warning").and(": ").and(text)),
        RunEvent::ReportEnded { report, failure: Some(failure), .. } if level != Level::Silent => {
            Some(Line::default().and(&blank).and(" ").with(BAD, "report").and(&format!("    {report}: {failure}")))
        }
        RunEvent::ReportEnded { report, duration, .. } if verbose => {
            let facts = format!("    {}  {}", padded(report, columns), show(duration));
            Some(Line::default().and(&blank).and(" ").with(GOOD, "report").and(&facts))
        }
        _ => None,
    }
}

/// Why stages run whose results could have been reused, where a run is resumed: those that run only because of others are left
/// out, and `plan` tells of all.
pub(super) fn again(pipeline: &Pipeline, plan: &RunPlan) -> Vec<Line> {
    let line = |text: &str| Line::default().with(DIM, &format!("{} again     {text}", " ".repeat(COUNTER)));
    if plan.resumed_from.is_none() {
        return Vec::new();
    }
    let because_of_others =
        |index: usize| pipeline.stages[index].needs.iter().any(|&need| plan.stages[need].action == Action::Run);
    let causes = plan.stages.iter().enumerate().filter(|(_, stage)| stage.action == Action::Run);
    let mut causes = causes.filter_map(|(index, stage)| Some((index, stage.reason.as_deref()?)));
    let mut lines: Vec<Line> = causes
        .by_ref()
        .filter(|(index, _)| !because_of_others(*index))
        .take(CAUSES_MAX)
        .map(|(index, reason)| line(&format!("{}: {reason}", pipeline.stages[index].id)))
        .collect();
    let more = causes.filter(|(index, _)| !because_of_others(*index)).count();
    if more > 0 {
        lines.push(line(&format!("… and {more} more")));
    }
    lines
}

fn stage_ended(event: &RunEvent<'_>, level: Level, columns: Columns) -> Option<Line> {
    let RunEvent::StageEnded { stage, result, duration, attempts, message, log, saved, allowed, done, .. } = *event
    else {
        return None;
    };
    let (style, word) = match result {
        StageResult::Success if saved.is_some() => (GOOD, "cached"),
        StageResult::Success => (GOOD, "ok"),
        StageResult::Failure => (BAD, "failed"),
        StageResult::Error => (BAD, "error"),
        StageResult::Timeout => (BAD, "timeout"),
        StageResult::Cancellation => (WARN, "stopped"),
        StageResult::Skip => (WARN, "skipped"),
    };
    let told = match level {
        Level::Silent => false,
        Level::Quiet => result.is_failure() && !allowed,
        Level::Normal | Level::Verbose => true,
    };
    if !told {
        return None;
    }
    let mut facts: Vec<String> = Vec::new();
    if let Some(saved) = saved {
        facts.push(format!("saved {}", show(saved)));
    } else if attempts > 0 {
        facts.push(show(duration));
    }
    if attempts > 1 {
        facts.push(format!("{attempts} attempts"));
    }
    if allowed && result.is_failure() {
        facts.push("allowed".into());
    }
    let width = columns.total.to_string().len();
    let counter = format!("[{done:>width$}/{}]", columns.total);
    let mut line = Line::default()
        .and(&format!("{counter:>COUNTER$} "))
        .with(if allowed && result.is_failure() { WARN } else { style }, &format!("{word:<9}"))
        .and(&format!(" {}  {}", padded(stage, columns), facts.join(", ")));
    if let Some(message) = message {
        line = line.and(&format!("{}({})", if facts.is_empty() { "" } else { "  " }, message.trim()));
    }
    Some(if let Some(log) = log { line.with(DIM, &format!("  {log}")) } else { line })
}

/// That the run still goes on, when nothing else has been said for long.
pub(super) fn sign_of_life(board: &Board, now: Duration) -> Option<Line> {
    let mut active = board.active();
    let mut named: Vec<String> = active
        .by_ref()
        .take(NAMED_MAX)
        .map(|stage| match stage.phase {
            Phase::Running { since, .. } => format!("{} ({})", stage.id, coarse(now.saturating_sub(*since))),
            Phase::BackingOff { until, .. } => {
                format!("{} (again in {})", stage.id, coarse(until.saturating_sub(now)))
            }
            Phase::Waiting | Phase::Done => stage.id.to_owned(),
        })
        .collect();
    let more = active.count();
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    (!named.is_empty()).then(|| Line::default().with(DIM, &format!("still running: {}", named.join(", "))))
}

/// Who stops the run, for people.
pub(super) fn stopped_by(reason: StopReason) -> String {
    match reason {
        StopReason::Signal(signal) => signal_name(signal),
        StopReason::Timeout => "the run's timeout".into(),
        StopReason::StageFailed => "the failure of a stage".into(),
        StopReason::Request => "request".into(),
    }
}

fn asked(running: usize) -> String {
    format!("{} {} asked", count(running, "running attempt"), if running == 1 { "is" } else { "are" })
}

fn padded(id: &str, widths: Columns) -> String {
    let missing = widths.id.min(NAME_MAX).saturating_sub(columns(id));
    format!("{id}{}", " ".repeat(missing))
}

fn show(time: Duration) -> String {
    duration(nanos(time))
}
