//! `runs show`.

use std::fmt::Write as _;

use super::super::{Exit, Failure, Outcome};
use super::args::ShowCommand;
use super::{exact_start, origin, output, pipeline, result, safe, wall};
use crate::clock::Clock;
use crate::directory::RunDirectory;
use crate::runs::{FailedStage, Shown, State, show as look};
use crate::units::{count, duration, maybe_duration, percent, ratio};

pub(super) fn show(command: &ShowCommand) -> Outcome {
    let directory = RunDirectory::find(&command.root, &command.run).map_err(Failure::usage)?;
    let shown = look(&command.root, &directory).map_err(Failure::usage)?;
    output(command.format, &shown, text)?;
    Ok(Exit::Success)
}

fn text(shown: &Shown) -> String {
    let run = &shown.run;
    let mut text = String::new();
    let mut line = |label: &str, rest: String| {
        let _ = writeln!(text, "{label:<10} {rest}");
    };
    line("run", safe(run.run_id.as_deref().unwrap_or(&run.folder)));
    let hint = match run.state {
        State::Killed => "; `forensic-host recover` completes its record",
        _ => "",
    };
    line("result", format!("{}{hint}", result(run)));
    let commit = shown.commit.as_deref().map(|commit| format!(", commit {}", safe(commit))).unwrap_or_default();
    line("pipeline", format!("{}, {}{commit}", pipeline(run), safe(&shown.pipeline_file)));
    let host = &shown.host;
    let hostname = host.machine.hostname.as_deref().map(|name| format!(" on {}", safe(name))).unwrap_or_default();
    line("host", format!("forensic-host {}{hostname}, {}", safe(&host.version), count(host.slots as usize, "slot")));
    line("started", exact_start(run));
    match run.state {
        State::Ended => {
            line("total", wall(run));
            let speedup = format!("speedup {}, efficiency {}", ratio(shown.speedup), percent(shown.efficiency));
            let path: Vec<String> = shown.critical_path.iter().map(|id| safe(id)).collect();
            line("parallel", speedup);
            line("path", format!("{} {}", maybe_duration(shown.critical_path_ns), path.join(" → ")));
        }
        State::Running => {
            let now = Clock::start().now();
            line("so far", duration(now.saturating_sub(run.start_time.unwrap_or(now))));
        }
        State::Killed | State::Broken => {}
    }
    line("stages", stages(shown));
    let origin = origin(run);
    if !origin.is_empty() {
        line("from", origin);
    }
    for ancestor in &shown.ancestors {
        line("", format!("{} {}, {}", safe(&ancestor.folder), result(ancestor), exact_start(ancestor)));
    }
    if run.signed {
        line("signed", "yes; `forensic-host verify` checks it".to_owned());
    }
    line("folder", safe(&shown.path));
    if let Some(report) = &shown.report {
        line("report", format!("{}/{}", safe(&shown.path), safe(report)));
    }
    if let Some(problem) = &shown.trace_problem {
        line("no trace", safe(problem));
    }
    for stage in &shown.open {
        let verb = if run.state == State::Running { "running" } else { "was running" };
        line(verb, format!("{} (attempt {})", safe(&stage.id), stage.attempt));
    }
    for stage in &shown.slowest {
        let critical = if stage.critical == Some(true) { ", on the critical path" } else { "" };
        line("slow", format!("{:>10}  {}{critical}", duration(stage.duration_ns), safe(&stage.id)));
    }
    for stage in &shown.failed {
        failed(stage, &mut text);
    }
    let more = shown.failed_total - shown.failed.len();
    if more > 0 {
        let _ = writeln!(text, "\n… {} more that failed", count(more, "stage"));
    }
    text
}

fn stages(shown: &Shown) -> String {
    let Some(counts) = &shown.run.stages else { return String::new() };
    let total = count(counts.by_result.total as usize, "stage");
    if shown.run.state != State::Ended {
        return format!("{total}: {} running, {} not begun", shown.open.len(), shown.waiting);
    }
    let by = &counts.by_result;
    let parts = [
        (by.success - by.cached.min(by.success), "succeeded"),
        (by.cached, "cached"),
        (by.failure, "failed"),
        (by.error, "with an error"),
        (by.timeout, "timed out"),
        (by.cancellation, "cancelled"),
        (by.skip - counts.left_out.min(by.skip), "skipped"),
        (counts.left_out, "left out"),
    ];
    let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    format!("{total}: {}", parts.join(", "))
}

fn failed(stage: &FailedStage, text: &mut String) {
    let attempts = count(stage.attempts, "attempt");
    let message = stage.message.as_deref().map(|message| format!(": {}", safe(message))).unwrap_or_default();
    let _ = writeln!(text, "\n✗ {} {} ({attempts}){message}", safe(&stage.id), safe(&stage.result));
    if let Some(log) = &stage.log {
        let _ = writeln!(text, "  {}", safe(log));
    }
    for line in &stage.tail {
        let _ = writeln!(text, "  | {}", safe(line));
    }
}
