//! Where the time went inside stages, by their own spans: for each stage the steps with most time of their own.

use super::super::escape::cell;
use super::super::table::Table;
use super::super::{ReportInput, heading};
use super::{Facts, ID_MAX, id, told};
use crate::trace::inside::{EarlierAttempt, FailedStep, Inside, StageInside, Step};
use crate::units::{count, duration, integer, percent, share};
use serde::Serialize;
use serde_json::value::RawValue;
use std::cmp::Reverse;
use std::collections::HashSet;

/// Stages that are shown.
const STAGES_MAX: usize = 12;
/// Steps of a stage that are shown.
const STEPS_MAX: usize = 12;
/// Levels of indentation; deeper steps stand at the last one.
const INDENT_MAX: u32 = 10;
/// Bytes after which no further stage is shown.
const PART_MAX: usize = 96 << 10;
/// Earlier attempts that are told of.
const EARLIER_MAX: usize = 5;

/// Nothing at all where no stage sent spans.
pub(super) fn draw(facts: &Facts<'_>) -> String {
    let Some(inside) = facts.input.inside.filter(|inside| !inside.stages.is_empty()) else { return String::new() };
    let mut out = heading(facts.level, "Inside the stages");
    let all = count(inside.stages.len(), "stage");
    out.push_str(&format!(
        "From the spans that {all} sent (OTLP): the programs' own account, which enters no number above. *Total* is the \
         time of all calls of a step, *self* the part of it in which no step below it ran, *share* that part of the \
         attempt's duration. Shown are the steps with most time of their own, and what they stand in.\n\n"
    ));
    let mut left_out = inside.stages.len();
    for stage in in_order(facts, inside).into_iter().take(STAGES_MAX) {
        if out.len() > PART_MAX {
            break;
        }
        out.push_str(&one_stage(facts, stage));
        left_out -= 1;
    }
    if left_out > 0 {
        out.push_str(&format!("*{} in forensic_report.json under `inside`.*\n\n", count(left_out, "more stage")));
    }
    if inside.unassigned > 0 {
        let spans = count(inside.unassigned as usize, "received span");
        out.push_str(&format!("{spans} named no attempt of this run and counted nowhere.\n\n"));
    }
    out
}

/// The critical path first, then the longest.
fn in_order<'a>(facts: &Facts<'_>, inside: &'a Inside) -> Vec<&'a StageInside> {
    let summaries = facts.summary.stages.iter();
    let critical: HashSet<&str> = summaries.filter(|s| s.critical == Some(true)).map(|s| &*s.id).collect();
    let mut stages: Vec<&StageInside> = inside.stages.iter().collect();
    stages.sort_by_key(|stage| (!critical.contains(&*stage.stage), Reverse(stage.duration_ns)));
    stages
}

fn one_stage(facts: &Facts<'_>, stage: &StageInside) -> String {
    let which = if stage.attempt == 1 && stage.is_last { "" } else { &format!(", attempt {}", stage.attempt) };
    let mut out = heading(facts.level + 1, &format!("Inside {}{which}", id(&stage.stage)));
    out.push_str(&in_words(stage));
    let shown = shown(&stage.steps);
    let mut table = Table::new(&["Step", "Calls>", "Total>", "Self>", "Share>", "Longest>", "Errors>"]);
    for &(at, whole) in &shown {
        let step = &stage.steps[at];
        table.row([
            format!("{}{}", branch(step.depth, whole), name_cell(step)),
            integer(step.calls),
            duration(step.total_ns),
            duration(step.self_ns),
            percent(step.self_share),
            duration(step.max_ns),
            integer(step.errors),
        ]);
    }
    if stage.uncovered_ns > 0 {
        let dash = || crate::units::NONE.to_owned();
        let (time, part) = (duration(stage.uncovered_ns), share(stage.uncovered_ns, stage.duration_ns));
        table.row(["*no span open*".into(), dash(), dash(), time, part, dash(), dash()]);
    }
    out.push_str(&format!("{}\n", table.markdown()));
    let more = stage.steps.len() - shown.len();
    if more > 0 {
        let shown = shown.iter().fold(0, |sum: u64, (at, _)| sum.saturating_add(stage.steps[*at].self_ns));
        let rest = own_time(stage).saturating_sub(shown);
        let steps = count(more, "more step");
        out.push_str(&format!("*{steps} in forensic_report.json, {} of self time together.*\n\n", duration(rest)));
    }
    let notes = notes(stage);
    if !notes.is_empty() {
        out.push_str(&format!("{}.\n\n", notes.join("; ")));
    }
    out
}

/// The most important of it in a sentence.
fn in_words(stage: &StageInside) -> String {
    let mut out = String::new();
    let spans = count(stage.spans as usize, "span");
    if let Some(step) = largest(&stage.steps).filter(|step| step.self_ns > 0) {
        let calls = if step.calls == 1 { "one call".into() } else { count(step.calls as usize, "call") };
        out.push_str(&format!(
            "Most time of its own: **{}** with {} in {calls}, {} of the attempt's {}.",
            name(step),
            duration(step.self_ns),
            percent(step.self_share),
            duration(stage.duration_ns)
        ));
    } else {
        out.push_str(&format!("No step took time of its own in the attempt's {}.", duration(stage.duration_ns)));
    }
    let part = share(stage.uncovered_ns, stage.duration_ns);
    out.push_str(&match stage.uncovered_ns {
        0 => format!(" Its {spans} cover all of the attempt.\n\n"),
        ns => format!(
            " No span was open for {} ({part}): start-up, imports, and what is not instrumented. It sent {spans}.\n\n",
            duration(ns)
        ),
    });
    out
}

/// All self times, ns.
fn own_time(stage: &StageInside) -> u64 {
    stage.steps.iter().fold(0, |sum, step| sum.saturating_add(step.self_ns))
}

fn largest(steps: &[Step]) -> Option<&Step> {
    // The first of the largest.
    steps.iter().rev().max_by_key(|step| step.self_ns)
}

/// Places of at most [`STEPS_MAX`] steps in the tree's order, those with the largest self times and, as far as there is room,
/// what they stand in; and whether the step above each is shown, too.
fn shown(steps: &[Step]) -> Vec<(usize, bool)> {
    let parents = parents(steps);
    let mut order: Vec<usize> = (0..steps.len()).collect();
    order.sort_by_key(|&at| (Reverse(steps[at].self_ns), at));
    let mut chosen: HashSet<usize> = HashSet::new();
    for at in order {
        if chosen.len() == STEPS_MAX {
            break;
        }
        let room = STEPS_MAX - chosen.len();
        let up = std::iter::successors(Some(at), |at| parents[*at]).take_while(|at| !chosen.contains(at));
        let path: Vec<usize> = up.take(room + 1).collect();
        if path.len() <= room {
            chosen.extend(path);
        } else {
            chosen.insert(at);
        }
    }
    let mut chosen: Vec<usize> = chosen.into_iter().collect();
    chosen.sort_unstable();
    let has_parent = |at: usize| parents[at].is_none_or(|above| chosen.binary_search(&above).is_ok());
    chosen.iter().map(|&at| (at, has_parent(at))).collect()
}

/// Where the step above each stands.
fn parents(steps: &[Step]) -> Vec<Option<usize>> {
    let mut open: Vec<usize> = Vec::new();
    let mut parents = Vec::with_capacity(steps.len());
    for (at, step) in steps.iter().enumerate() {
        open.truncate(step.depth as usize);
        parents.push(open.last().copied());
        open.push(at);
    }
    parents
}

/// What stands before a name. Spaces that break are no indentation in Markdown.
fn branch(depth: u32, whole: bool) -> String {
    match (depth, whole) {
        (0, _) => String::new(),
        (_, true) => format!("{}└ ", "\u{a0}\u{a0}".repeat(depth.min(INDENT_MAX) as usize - 1)),
        (_, false) => format!("{}⋯ ", "\u{a0}\u{a0}".repeat(depth.min(INDENT_MAX) as usize - 1)),
    }
}

/// Programs can't write emphasis, so that this can't be imitated.
fn name(step: &Step) -> String {
    match &step.name {
        None => "*other steps*".into(),
        Some(name) if name.trim().is_empty() => "*no name*".into(),
        Some(name) => id(name),
    }
}

fn name_cell(step: &Step) -> String {
    match &step.name {
        Some(name) if !name.trim().is_empty() => cell(&told(name, ID_MAX)),
        _ => name(step),
    }
}

/// How far the numbers can be trusted, and what they leave out.
fn notes(stage: &StageInside) -> Vec<String> {
    let spans = |n: u64| count(n as usize, "span");
    let mut notes = Vec::new();
    let own = own_time(stage);
    if own > stage.covered_ns {
        notes.push(format!(
            "Steps ran side by side: self times add up to {} in {} of time",
            duration(own),
            duration(stage.covered_ns)
        ));
    }
    for (n, what) in [
        (stage.folded, "put together as *other steps*, because there are too many names"),
        (stage.orphans, "without the span above, which never arrived or belongs to another attempt"),
        (stage.adopted, "under a trace id of the program's own"),
        (stage.out_of_envelope, "reached beyond the attempt and counted up to its ends"),
        (stage.clock_skew, "ended before beginning and counted as 0 ms"),
    ] {
        if n > 0 {
            notes.push(format!("{} {what}", spans(n)));
        }
    }
    if !stage.is_last {
        notes.push("later attempts sent no span".to_owned());
    }
    for earlier in stage.earlier.iter().rev().take(EARLIER_MAX).rev() {
        let failed = match earlier.errors {
            0 => String::new(),
            n => format!(", {} of them failed", integer(n)),
        };
        notes.push(format!("attempt {} had sent {}{failed}", earlier.attempt, spans(earlier.spans)));
    }
    if stage.earlier.len() > EARLIER_MAX {
        notes.push(format!("{} before had sent spans, too", count(stage.earlier.len() - EARLIER_MAX, "attempt")));
    }
    notes
}

/// Where the attempt of a stage failed, by its own account.
pub(super) fn failed_step<'a>(input: &ReportInput<'a>, stage: &str, attempt: u64) -> Option<&'a FailedStep> {
    let stages = &input.inside?.stages;
    stages.iter().find(|inside| inside.stage == stage && inside.attempt == attempt)?.failed_step.as_ref()
}

/// All of it as data.
#[derive(Serialize)]
pub(in super::super) struct InsideJson<'a> {
    unassigned_spans: u64,
    stages: Vec<StageJson<'a>>,
}

#[derive(Serialize)]
struct StageJson<'a> {
    stage: &'a str,
    attempt: u64,
    last_attempt: bool,
    duration_ns: u64,
    covered_ns: u64,
    uncovered_ns: u64,
    spans: u64,
    errors: u64,
    folded_spans: u64,
    orphans: u64,
    adopted: u64,
    out_of_envelope: u64,
    clock_skew: u64,
    failed_step: Option<&'a FailedStep>,
    earlier_attempts: &'a [EarlierAttempt],
    steps: Vec<Box<RawValue>>,
}

/// Stages in the run's order; `None` where there is no trace.
pub(in super::super) fn inside_json<'a>(input: &ReportInput<'a>) -> Option<InsideJson<'a>> {
    let inside = input.inside?;
    let stages = inside.stages.iter().map(|stage| StageJson {
        stage: &stage.stage,
        attempt: stage.attempt,
        last_attempt: stage.is_last,
        duration_ns: stage.duration_ns,
        covered_ns: stage.covered_ns,
        uncovered_ns: stage.uncovered_ns,
        spans: stage.spans,
        errors: stage.errors,
        folded_spans: stage.folded,
        orphans: stage.orphans,
        adopted: stage.adopted,
        out_of_envelope: stage.out_of_envelope,
        clock_skew: stage.clock_skew,
        failed_step: stage.failed_step.as_ref(),
        earlier_attempts: &stage.earlier,
        steps: stage.steps.iter().map(super::super::json::raw).collect(),
    });
    Some(InsideJson { unassigned_spans: inside.unassigned, stages: stages.collect() })
}
