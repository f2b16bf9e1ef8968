//! Where the time went inside stages, by their own spans: for each stage the steps with most time of their own.

use super::super::ReportInput;
use super::super::model::{Grid, Items, Line, line};
use super::{Facts, id};
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
pub(super) fn tell(facts: &Facts<'_>, items: &mut Items) {
    let Some(inside) = facts.input.inside.filter(|inside| !inside.stages.is_empty()) else { return };
    items.heading(1, line!("Inside the stages"));
    let before = items.size();
    items.paragraph(line!(
        "From the spans that {} sent (OTLP): the programs' own account, which enters no number above. *Total* is the \
         time of all calls of a step, *self* the part of it in which no step below it ran, *share* that part of the \
         attempt's duration. Shown are the steps with most time of their own, and what they stand in.",
        count(inside.stages.len(), "stage")
    ));
    let mut left_out = inside.stages.len();
    for stage in in_order(facts, inside).into_iter().take(STAGES_MAX) {
        if items.size() - before > PART_MAX {
            break;
        }
        one_stage(stage, items);
        left_out -= 1;
    }
    if left_out > 0 {
        items.aside(line!("{} in forensic_report.json under `inside`.", count(left_out, "more stage")));
    }
    if inside.unassigned > 0 {
        let spans = count(inside.unassigned as usize, "received span");
        items.paragraph(line!("{} named no attempt of this run and counted nowhere.", spans));
    }
}

/// The critical path first, then the longest.
fn in_order<'a>(facts: &Facts<'_>, inside: &'a Inside) -> Vec<&'a StageInside> {
    let summaries = facts.summary.stages.iter();
    let critical: HashSet<&str> = summaries.filter(|s| s.critical == Some(true)).map(|s| &*s.id).collect();
    let mut stages: Vec<&StageInside> = inside.stages.iter().collect();
    stages.sort_by_key(|stage| (!critical.contains(&*stage.stage), Reverse(stage.duration_ns)));
    stages
}

fn one_stage(stage: &StageInside, items: &mut Items) {
    let which = if stage.attempt == 1 && stage.is_last { "" } else { &format!(", attempt {}", stage.attempt) };
    items.heading(2, line!("Inside {}{}", id(&stage.stage), which));
    items.paragraph(in_words(stage));
    let shown = shown(&stage.steps);
    let mut grid = Grid::new(&["Step", "Calls>", "Total>", "Self>", "Share>", "Longest>", "Errors>"]);
    for &(at, whole) in &shown {
        let step = &stage.steps[at];
        grid.row([
            line!("{}{}", Line::host(&branch(step.depth, whole)), name(step)),
            integer(step.calls).into(),
            duration(step.total_ns).into(),
            duration(step.self_ns).into(),
            percent(step.self_share).into(),
            duration(step.max_ns).into(),
            integer(step.errors).into(),
        ]);
    }
    if stage.uncovered_ns > 0 {
        let dash = || Line::from(crate::units::NONE);
        let (time, part) = (duration(stage.uncovered_ns), share(stage.uncovered_ns, stage.duration_ns));
        grid.row([line!("*no span open*"), dash(), dash(), time.into(), part.into(), dash(), dash()]);
    }
    items.table(grid);
    let more = stage.steps.len() - shown.len();
    if more > 0 {
        let shown = shown.iter().fold(0, |sum: u64, (at, _)| sum.saturating_add(stage.steps[*at].self_ns));
        let rest = own_time(stage).saturating_sub(shown);
        let steps = count(more, "more step");
        items.aside(line!("{} in forensic_report.json, {} of self time together.", steps, duration(rest)));
    }
    let notes = notes(stage);
    if notes.size() > 0 {
        items.paragraph(line!("{}.", notes));
    }
}

/// The most important of it in a sentence.
fn in_words(stage: &StageInside) -> Line {
    let spans = count(stage.spans as usize, "span");
    let most = if let Some(step) = largest(&stage.steps).filter(|step| step.self_ns > 0) {
        let calls = if step.calls == 1 { "one call".into() } else { count(step.calls as usize, "call") };
        line!(
            "Most time of its own: **{}** with {} in {}, {} of the attempt's {}.",
            name(step),
            duration(step.self_ns),
            calls,
            percent(step.self_share),
            duration(stage.duration_ns)
        )
    } else {
        line!("No step took time of its own in the attempt's {}.", duration(stage.duration_ns))
    };
    match stage.uncovered_ns {
        0 => line!("{} Its {} cover all of the attempt.", most, spans),
        ns => line!(
            "{} No span was open for {} ({}): start-up, imports, and what is not instrumented. It sent {}.",
            most,
            duration(ns),
            share(ns, stage.duration_ns),
            spans
        ),
    }
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

/// What stands before a name. Spaces that break are no indentation.
fn branch(depth: u32, whole: bool) -> String {
    match (depth, whole) {
        (0, _) => String::new(),
        (_, true) => format!("{}└ ", "\u{a0}\u{a0}".repeat(depth.min(INDENT_MAX) as usize - 1)),
        (_, false) => format!("{}⋯ ", "\u{a0}\u{a0}".repeat(depth.min(INDENT_MAX) as usize - 1)),
    }
}

/// Programs can't write emphasis, so that this can't be imitated.
fn name(step: &Step) -> Line {
    match &step.name {
        None => line!("*other steps*"),
        Some(name) if name.trim().is_empty() => line!("*no name*"),
        Some(name) => id(name).into(),
    }
}

/// How far the numbers can be trusted, and what they leave out.
fn notes(stage: &StageInside) -> Line {
    let spans = |n: u64| count(n as usize, "span");
    let mut notes: Vec<Line> = Vec::new();
    let own = own_time(stage);
    if own > stage.covered_ns {
        notes.push(line!(
            "Steps ran side by side: self times add up to {} in {} of time",
            duration(own),
            duration(stage.covered_ns)
        ));
    }
    for (n, what) in [
        (stage.folded, line!("put together as *other steps*, because there are too many names")),
        (stage.orphans, line!("without the span above, which never arrived or belongs to another attempt")),
        (stage.adopted, line!("under a trace id of the program's own")),
        (stage.out_of_envelope, line!("reached beyond the attempt and counted up to its ends")),
        (stage.clock_skew, line!("ended before beginning and counted as 0 ms")),
    ] {
        if n > 0 {
            notes.push(line!("{} {}", spans(n), what));
        }
    }
    if !stage.is_last {
        notes.push(line!("later attempts sent no span"));
    }
    for earlier in stage.earlier.iter().rev().take(EARLIER_MAX).rev() {
        let failed = match earlier.errors {
            0 => String::new(),
            n => format!(", {} of them failed", integer(n)),
        };
        notes.push(line!("attempt {} had sent {}{}", earlier.attempt, spans(earlier.spans), failed));
    }
    if stage.earlier.len() > EARLIER_MAX {
        notes.push(line!("{} before had sent spans, too", count(stage.earlier.len() - EARLIER_MAX, "attempt")));
    }
    notes.into_iter().reduce(|before, note| line!("{}; {}", before, note)).unwrap_or_default()
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
