//! Part 2: what failed, and what its log said last.

use super::super::escape::{clip, visible};
use super::super::model::{Item, Items, Line, Tone, line};
use super::super::{LogTail, ReportInput};
use super::resources::memory_words;
use super::{Facts, ID_MAX, MESSAGE_MAX, StageView, id, ids, infrastructure, inside, result_words, told, views};
use crate::conventions::{error_type, result, skip_reason};
use crate::plugin::document::Severity;
use crate::trace::Attempt;
use crate::trace::inside::FailedStep;
use crate::units::{bytes, count, duration};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// Failures that are told in full; more are listed by name.
const FULL_MAX: usize = 12;
/// Bytes after which no further failure is told in full.
const PART_MAX: usize = 96 << 10;
/// Names in a list.
const NAMES_MAX: usize = 40;
/// Lines of a log's end.
const LINES_MAX: usize = 40;
/// Characters of such a line.
const LINE_MAX: usize = 400;
/// Retries that are listed.
const RETRIES_MAX: usize = 12;
/// Earlier attempts of a failed stage that are listed.
const EARLIER_MAX: usize = 5;

/// The same for a page, whose first line says already where nothing failed.
pub(super) fn tell_any(facts: &Facts<'_>, items: &mut Items) {
    let mut own = Items::default();
    tell(facts, &mut own);
    let nothing = |item: &Item| matches!(item, Item::Paragraph(text) if *text == line!("No stage failed."));
    if !own.0.iter().skip(1).all(nothing) {
        items.0.extend(own.0);
    }
}

pub(super) fn tell(facts: &Facts<'_>, items: &mut Items) {
    items.heading(1, line!("What failed"));
    let before = items.size();
    let failed = in_order(&facts.stages);
    let names =
        |views: &[&StageView<'_>]| -> Vec<String> { views.iter().map(|view| view.summary.id.clone()).collect() };
    let (real, allowed) = failed.split_at(failed.partition_point(|view| !view.allowed()));
    if real.is_empty() {
        items.paragraph(if allowed.is_empty() {
            line!("No stage failed.")
        } else {
            line!("No stage failed of those that must not.")
        });
    } else if real.len() > 1 {
        let all = ids(&names(real), ", ", NAMES_MAX);
        items.paragraph(line!("{} failed, the earliest first: {}.", count(real.len(), "stage"), all));
    }
    if !allowed.is_empty() {
        let all = ids(&names(allowed), ", ", NAMES_MAX);
        let stages = count(allowed.len(), "stage");
        items.paragraph(line!("{} failed as the pipeline allows (`allow_failure`): {}.", stages, all));
    }
    let run = facts.input.run;
    let stage_failed = run.and_then(|run| run.error_type.as_deref()) == Some(error_type::STAGE_FAILED);
    if let Some(message) = run.and_then(|run| run.message.as_deref()).filter(|_| failed.is_empty() || !stage_failed) {
        items.0.push(Item::Callout(Severity::Error, line!("**run**: "), told(message, MESSAGE_MAX)));
    }
    let skipped = Skipped::of(&facts.stages);
    let mut more = failed.len();
    for view in failed.iter().take(FULL_MAX) {
        if items.size() - before > PART_MAX {
            break;
        }
        failure(facts, view, &skipped.after(&view.summary.id), items);
        more -= 1;
    }
    if more > 0 {
        items.aside(line!("{} more in forensic_report.json under `failures`.", count(more, "failure")));
    }
    let cancelled: Vec<&StageView<'_>> =
        facts.stages.iter().filter(|view| view.summary.result == result::CANCELLATION).collect();
    if !cancelled.is_empty() {
        let all = ids(&names(&cancelled), ", ", NAMES_MAX);
        let many = count(cancelled.len(), "stage");
        // Not plain, so that a page has a letter in place of the mark: many fonts lack it.
        items.paragraph(line!("⛔ {} cancelled because the run was stopped: {}.", many, all).with(Tone::Quiet));
    }
    retries(facts, items);
}

/// Failed stages, the earliest failure first: it is the likeliest cause. Those that may fail come after those that may not.
fn in_order<'a, 'b>(stages: &'b [StageView<'a>]) -> Vec<&'b StageView<'a>> {
    let mut failed: Vec<&StageView<'_>> = stages.iter().filter(|view| view.failed()).collect();
    failed.sort_by_key(|view| (view.allowed(), view.summary.end_time));
    failed
}

fn failure(facts: &Facts<'_>, view: &StageView<'_>, kept: &[String], items: &mut Items) {
    let s = view.summary;
    let last = view.model.and_then(|stage| stage.attempts.last());
    let (mark, word) = match result_words(Some(&s.result)) {
        (_, word) if view.allowed() => ("⚠", format!("{word}, which is allowed")),
        told => told,
    };
    let tone = if view.allowed() { Tone::Warning } else { Tone::Bad };
    let cause = last.map_or_else(|| s.exit_code.map(|code| format!("exit code {code}")), cause);
    let cause = cause.map(|cause| format!(", {cause}")).unwrap_or_default();
    let which = match last.map_or(s.attempts, |last| last.number) {
        0 => String::new(),
        number if number >= s.attempts => format!(", attempt {number} of {}", s.attempts.max(number)),
        number => format!(", attempt {number}"),
    };
    items.heading(2, line!("{} {}: {}{}{}", mark, id(&s.id), word, cause, which).with(tone));
    let message = s.error.as_deref().or_else(|| last?.message.as_deref());
    if let Some(message) = message.filter(|message| !last.is_some_and(|last| is_told(message, last))) {
        items.0.push(Item::Text(line!(""), told(message, MESSAGE_MAX)));
    }
    if let Some(hint) = last.and_then(hint) {
        items.paragraph(hint);
    }
    failed_step(facts, view, last, items);
    let start = facts.summary.run.start_time.unwrap_or(0);
    if let Some(last) = last {
        let from = duration(last.start.saturating_sub(start));
        let cut = if last.inferred { ", its end was not seen" } else { "" };
        match last.submitted.filter(|_| last.start == last.end) {
            None => items.paragraph(line!("It started at +{} and ran for {}{}.", from, duration(last.duration()), cut)),
            Some(submitted) => {
                let from = duration(submitted.saturating_sub(start));
                let waited = duration(last.end.saturating_sub(submitted));
                items.paragraph(line!(
                    "It never started: submitted at +{}, it waited in the cluster for {}{}.",
                    from,
                    waited,
                    cut
                ));
            }
        }
    }
    let earlier = view.model.map_or(&[][..], |stage| &stage.attempts[..stage.attempts.len().saturating_sub(1)]);
    let points = earlier.iter().rev().take(EARLIER_MAX).rev();
    items.list(points.map(|attempt| line!("Attempt {}: {}.", attempt.number, ending(attempt))).collect());
    if !kept.is_empty() {
        let names = ids(kept, ", ", NAMES_MAX);
        items.paragraph(line!("It kept {} from running: {}.", count(kept.len(), "stage"), names));
    }
    let number = last.map_or(s.attempts, |last| last.number);
    let mut tail_told = false;
    for tail in facts.input.tails.iter().filter(|tail| tail.stage == s.id && tail.attempt == number) {
        tail_told = true;
        log_tail(tail, items);
    }
    if !tail_told && let Some(last) = last {
        match (path(last.log_stderr.as_deref()), path(last.log_stdout.as_deref())) {
            (Some(one), Some(other)) => items.paragraph(line!("Its log: {}, {}.", one, other)),
            (Some(one), None) | (None, Some(one)) => items.paragraph(line!("Its log: {}.", one)),
            (None, None) => {}
        }
    }
}

fn path(path: Option<&str>) -> Option<Line> {
    path.map(|path| Line::code(&told(path, 2 * ID_MAX)))
}

/// Which step failed last by the program's own account, and its message unless the log below says it.
fn failed_step(facts: &Facts<'_>, view: &StageView<'_>, last: Option<&Attempt>, items: &mut Items) {
    let stage = &view.summary.id;
    let found = last.and_then(|last| inside::failed_step(facts.input, stage, last.number).map(|step| (step, last)));
    let Some((step, last)) = found else { return };
    let tails = facts.input.tails.iter().filter(|tail| tail.stage == *stage && tail.attempt == last.number);
    let mut ends = tails.flat_map(|tail| tail.lines.iter().rev().find(|line| !line.trim().is_empty()));
    let message = step.message.as_deref().map(str::trim).filter(|message| !message.is_empty());
    let message = message.filter(|message| !ends.any(|line| line.contains(message)));
    let name = if step.name.trim().is_empty() { line!("*no name*") } else { id(&step.name).into() };
    match message {
        None => items.paragraph(line!("The last failed step among its own spans: **{}**.", name)),
        Some(message) => {
            let lead = line!("The last failed step among its own spans: **{}**: ", name);
            items.0.push(Item::Text(lead, told(message, MESSAGE_MAX)));
        }
    }
}

fn log_tail(tail: &LogTail, items: &mut Items) {
    let path = path(Some(&tail.path)).unwrap_or_default();
    if tail.lines.is_empty() {
        return items.paragraph(line!("{} is empty.", path));
    }
    let skip = tail.lines.len().saturating_sub(LINES_MAX);
    let lines: Vec<String> = tail.lines[skip..]
        .iter()
        .map(|line| clip(&visible(line.trim_end()).replace('\n', " ⏎ "), LINE_MAX).into_owned())
        .collect();
    let before = match (tail.omitted_bytes, skip) {
        (0, 0) => line!(""),
        (0, skip) => line!(" ({} before them left out)", count(skip, "line")),
        (omitted, _) => line!(" ({} before them left out)", bytes(omitted)),
    };
    items.paragraph(line!("Last lines of {}{}:", path, before));
    items.0.push(Item::Log(lines.join("\n")));
}

/// Stages that succeeded, but not at once: worth knowing, no failure.
fn retries(facts: &Facts<'_>, items: &mut Items) {
    let retried: Vec<&StageView<'_>> = facts
        .stages
        .iter()
        .filter(|view| view.summary.result == result::SUCCESS && view.summary.attempts > 1)
        .collect();
    if retried.is_empty() {
        return;
    }
    items.paragraph(line!("↻ {} succeeded only after a retry:", count(retried.len(), "stage")));
    let point = |view: &&StageView<'_>| {
        let failed = view.model.and_then(|stage| stage.attempts.iter().rev().find(|attempt| !attempt.succeeded()));
        let told =
            failed.map(|attempt| format!(", attempt {}: {}", attempt.number, ending(attempt))).unwrap_or_default();
        line!("{}: {}{}.", id(&view.summary.id), count(view.summary.attempts as usize, "attempt"), told)
    };
    let mut points: Vec<Line> = retried.iter().take(RETRIES_MAX).map(point).collect();
    let more = retried.len().saturating_sub(RETRIES_MAX);
    if more > 0 {
        points.push(line!("*{} more*", more));
    }
    items.list(points);
}

/// `failure, exit code 1, after 3.000 s: it said so`
fn ending(attempt: &Attempt) -> String {
    let (_, word) = result_words(Some(&attempt.result));
    let cause = cause(attempt).map(|cause| format!(", {cause},")).unwrap_or_default();
    let message = attempt.message.as_deref().filter(|message| !is_told(message, attempt));
    let message = message.map(|text| format!(": {}", told(text, 200).trim_end_matches('.')));
    format!("{word}{cause} after {}{}", duration(attempt.duration()), message.unwrap_or_default())
}

/// Whether a message says no more than the cause beside it.
fn is_told(message: &str, attempt: &Attempt) -> bool {
    // The cause's name, where its words stand beside it.
    if attempt.error_type.as_deref() == Some(message) && infrastructure::is_to_blame(attempt) {
        return true;
    }
    let message = message.trim().trim_end_matches('.').to_ascii_lowercase();
    let message = ["ended by ", "killed by ", "exited with "]
        .iter()
        .find_map(|start| message.strip_prefix(start))
        .unwrap_or(&message);
    let told = match (attempt.signal, attempt.exit_code) {
        (Some(signal), _) => {
            [format!("signal {signal}"), format!("signal {signal} ({})", signal_name(signal).to_ascii_lowercase())]
        }
        (None, Some(code)) => [format!("exit code {code}"), format!("code {code}")],
        (None, None) => return false,
    };
    told.iter().any(|told| told == message)
}

/// `exit code 1`, `signal 9 (SIGKILL)`, with the want of memory behind it.
fn cause(attempt: &Attempt) -> Option<String> {
    let how = ending_words(attempt);
    if !attempt.oom_killed {
        return how;
    }
    let why = if attempt.signal.is_some() {
        "killed by the kernel for want of memory"
    } else {
        "a process of it killed by the kernel for want of memory"
    };
    Some(how.map_or_else(|| why.to_owned(), |how| format!("{how}, {why}")))
}

fn ending_words(attempt: &Attempt) -> Option<String> {
    if let Some(words) = infrastructure::words(attempt) {
        return Some(words.to_owned());
    }
    match (attempt.signal, attempt.exit_code) {
        (Some(signal), _) => Some(format!("signal {signal} ({})", signal_name(signal))),
        (None, Some(code)) => Some(format!("exit code {code}")),
        (None, None) => match attempt.error_type.as_deref()? {
            error_type::SPAWN_FAILED => Some("it could not be started".into()),
            other => Some(told(other, 80)),
        },
    }
}

/// What is worth knowing about an ending that looks alike for many causes.
fn hint(attempt: &Attempt) -> Option<Line> {
    if infrastructure::is_to_blame(attempt) {
        return infrastructure::hint(attempt);
    }
    if attempt.oom_killed {
        return Some(line!("The kernel's own counters say that memory ran out{}.", memory_words(attempt)));
    }
    let text = match (attempt.signal, attempt.exit_code, attempt.error_type.as_deref()) {
        (Some(9), _, Some(error_type::SIGNAL)) => {
            "The host did not send this signal; the usual sender is the kernel, when memory runs out."
        }
        (None, Some(137), _) => {
            "137 stands for SIGKILL of a process inside; the usual sender is the kernel, when memory runs out."
        }
        (None, Some(139), _) => "139 stands for SIGSEGV of a process inside: it used memory that is not its own.",
        (None, Some(126), _) => "126 is a shell's word for: this file can't be executed.",
        (None, Some(127), _) => "127 is a shell's word for: command not found.",
        _ => return None,
    };
    Some(text.to_owned().into())
}

/// Linux names.
pub(super) fn signal_name(signal: i64) -> String {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ];
    let index = usize::try_from(signal).ok().and_then(|signal| signal.checked_sub(1));
    index.and_then(|index| NAMES.get(index)).map_or_else(|| format!("signal {signal}"), |name| format!("SIG{name}"))
}

/// Which stages were skipped because of which.
struct Skipped<'a> {
    by_need: HashMap<&'a str, Vec<&'a str>>,
}

impl<'a> Skipped<'a> {
    fn of(stages: &[StageView<'a>]) -> Self {
        let mut by_need: HashMap<&str, Vec<&str>> = HashMap::new();
        for view in stages.iter().filter(|view| view.summary.result == result::SKIP) {
            if matches!(view.summary.skip_reason.as_deref(), Some(skip_reason::WHEN | skip_reason::SELECTION)) {
                continue;
            }
            let because = view.model.and_then(|stage| stage.skipped_because.as_ref());
            let needs = view.summary.needs.as_deref().unwrap_or_default();
            for need in because.map_or(needs, std::slice::from_ref) {
                by_need.entry(need).or_default().push(&view.summary.id);
            }
        }
        Self { by_need }
    }

    /// All stages that a failure kept from running, nearest first.
    fn after(&self, failed: &str) -> Vec<String> {
        let mut seen: HashSet<&str> = HashSet::new();
        let mut found: Vec<&str> = Vec::new();
        let mut next = 0;
        let mut look = failed;
        loop {
            for id in self.by_need.get(look).into_iter().flatten() {
                if seen.insert(id) {
                    found.push(id);
                }
            }
            let Some(id) = found.get(next) else { break };
            (look, next) = (id, next + 1);
        }
        found.into_iter().map(str::to_owned).collect()
    }
}

/// A failure as data.
#[derive(Serialize)]
pub(in super::super) struct FailureJson<'a> {
    stage: &'a str,
    result: &'a str,
    attempts: u64,
    attempt: Option<u64>,
    exit_code: Option<i64>,
    signal: Option<i64>,
    signal_name: Option<String>,
    error_type: Option<&'a str>,
    message: Option<&'a str>,
    failed_step: Option<&'a FailedStep>,
    oom_killed: bool,
    /// The cluster failed, not the stage; only where it did.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    infrastructure: bool,
    /// Only where it is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    allowed: bool,
    start_time: u64,
    end_time: u64,
    log_stdout: Option<&'a str>,
    log_stderr: Option<&'a str>,
    log_tails: Vec<TailJson<'a>>,
}

#[derive(Serialize)]
struct TailJson<'a> {
    path: &'a str,
    lines: &'a [String],
    omitted_bytes: u64,
}

/// All failures, the earliest first; those that are allowed after the others.
pub(in super::super) fn failures_json<'a>(input: &ReportInput<'a>) -> Vec<FailureJson<'a>> {
    let Some(summary) = input.summary else { return Vec::new() };
    let views = views(input, summary);
    let mut tails: HashMap<&str, Vec<&LogTail>> = HashMap::new();
    for tail in input.tails {
        tails.entry(&tail.stage).or_default().push(tail);
    }
    let told = input.inside.iter().flat_map(|inside| &inside.stages);
    let steps: HashMap<(&str, u64), &FailedStep> =
        told.filter_map(|stage| Some(((&*stage.stage, stage.attempt), stage.failed_step.as_ref()?))).collect();
    in_order(&views)
        .into_iter()
        .map(|view| {
            let s = view.summary;
            let last = view.model.and_then(|stage| stage.attempts.last());
            let attempt = last.map(|last| last.number);
            let tails = tails.get(&*s.id).into_iter().flatten().filter(|tail| Some(tail.attempt) == attempt);
            FailureJson {
                stage: &s.id,
                result: &s.result,
                attempts: s.attempts,
                attempt,
                exit_code: s.exit_code,
                signal: last.and_then(|last| last.signal),
                signal_name: last.and_then(|last| last.signal).map(signal_name),
                error_type: last
                    .and_then(|last| last.error_type.as_deref())
                    .or_else(|| view.model.and_then(|stage| stage.error_type.as_deref())),
                message: s.error.as_deref(),
                failed_step: attempt.and_then(|attempt| steps.get(&(&*s.id, attempt)).copied()),
                oom_killed: last.is_some_and(|last| last.oom_killed),
                infrastructure: last.is_some_and(infrastructure::is_to_blame),
                allowed: view.allowed(),
                start_time: last.map_or(s.start_time, |last| last.start),
                end_time: last.map_or(s.end_time, |last| last.end),
                log_stdout: last.and_then(|last| last.log_stdout.as_deref()),
                log_stderr: last.and_then(|last| last.log_stderr.as_deref()),
                log_tails: tails
                    .map(|tail| TailJson { path: &tail.path, lines: &tail.lines, omitted_bytes: tail.omitted_bytes })
                    .collect(),
            }
        })
        .collect()
}
