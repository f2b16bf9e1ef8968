//! Pipeline Health: what the host saw of the run, drawn from the trace alone, in the order in which a reader asks.
//! How did it go; what failed; which stage; what did it use; on which workers; how parallel; where did the time go, also
//! inside stages; compared with what; how sure is this.

mod baseline;
mod chain;
mod failures;
mod flow;
mod fold;
mod headline;
mod infrastructure;
mod inside;
mod notes;
mod parallelism;
mod resources;
mod stages;
mod workers;

pub(super) use baseline::{BaselineJson, against_baseline, baseline_json};
pub(super) use failures::{FailureJson, failures_json};
pub(super) use inside::{InsideJson, inside_json};
pub(super) use notes::notes;
pub(super) use resources::{AttemptJson, resources_json};
pub(super) use workers::{WorkersJson, workers_json};

use super::ReportInput;
use super::escape::{clip, visible};
use super::model::{Item, Items, Line, Tone, line};
use crate::conventions::result;
use crate::plugin::document::{HealthDetail, Severity};
use crate::trace::summary::StageSummary;
use crate::trace::{Stage, Summary};
use std::collections::HashMap;

/// Characters of an id that are shown.
const ID_MAX: usize = 120;
/// Why there is nothing to draw, where nobody says more.
const NO_TRACE: &str = "The trace is missing.";
/// Characters of a message that are shown.
const MESSAGE_MAX: usize = 2_000;

/// A stage with its attempts.
#[derive(Clone, Copy)]
struct StageView<'a> {
    summary: &'a StageSummary,
    model: Option<&'a Stage>,
}

/// What the parts draw from.
struct Facts<'a> {
    input: &'a ReportInput<'a>,
    summary: &'a Summary,
    stages: Vec<StageView<'a>>,
}

/// A part of Pipeline Health.
type Part = fn(&Facts<'_>, &mut Items);

/// Tells Pipeline Health for the page, its title included: what stands before the dashboard, the stages, and what follows.
/// What failed comes before the numbers, because people look before they read.
pub(super) fn tell_page(input: &ReportInput<'_>, detail: HealthDetail) -> [Items; 3] {
    let mut parts = <[Items; 3]>::default();
    let [before, stages, behind] = &mut parts;
    before.heading(0, line!("Pipeline Health"));
    let Some(summary) = input.summary else {
        without_trace(input, before);
        return parts;
    };
    let facts = Facts { input, summary, stages: views(input, summary) };
    let numbers = |facts: &Facts<'_>, items: &mut Items| {
        items.heading(1, line!("In numbers"));
        headline::table(facts, items);
    };
    let (first, rest): (&[Part], &[Part]) = match detail {
        HealthDetail::Headline => (&[headline::line], &[]),
        HealthDetail::Stages => (&[headline::line, numbers], &[]),
        HealthDetail::Full => (
            &[headline::line, failures::tell_any, numbers],
            &[
                resources::tell,
                workers::tell,
                parallelism::tell,
                chain::tell,
                inside::tell,
                baseline::tell,
                notes::tell,
            ],
        ),
    };
    for part in first {
        part(&facts, before);
    }
    if detail != HealthDetail::Headline {
        stages::tell(&facts, stages);
    }
    rest.iter().for_each(|part| part(&facts, behind));
    parts
}

/// Tells Pipeline Health, its title included. `framed`: inside a plugin's frame, where the title says whose words these
/// are.
pub(super) fn tell(input: &ReportInput<'_>, detail: HealthDetail, framed: bool) -> Items {
    let mut items = Items::default();
    // Plugins can't write emphasis, so this can't be imitated.
    let title =
        if framed { line!("Pipeline Health *(drawn by the host from the trace)*") } else { line!("Pipeline Health") };
    items.heading(0, title);
    let Some(summary) = input.summary else {
        without_trace(input, &mut items);
        return items;
    };
    let facts = Facts { input, summary, stages: views(input, summary) };
    let parts: &[Part] = match (detail, framed) {
        (HealthDetail::Headline, _) => &[headline::line],
        (HealthDetail::Stages, _) => &[headline::line, headline::table, stages::tell],
        // Short, because the report around the frame has the rest.
        (HealthDetail::Full, true) => &[
            headline::line,
            headline::table,
            failures::tell,
            stages::tell,
            parallelism::tell,
            chain::tell,
            baseline::tell,
            notes::tell,
        ],
        (HealthDetail::Full, false) => &[
            headline::line,
            headline::table,
            failures::tell,
            stages::tell,
            resources::tell,
            workers::tell,
            parallelism::tell,
            chain::tell,
            inside::tell,
            baseline::tell,
            notes::tell,
        ],
    };
    parts.iter().for_each(|part| part(&facts, &mut items));
    items
}

fn without_trace(input: &ReportInput<'_>, items: &mut Items) {
    let problem = input.trace_problem.unwrap_or(NO_TRACE);
    let (mark, word) = result_words(input.record.result.as_deref());
    let line = line!(
        "**{} {}** according to `run.json`; **no metrics**, because there is no trace to draw them from.",
        mark,
        word
    );
    items.0.push(Item::Headline(line.with(result_tone(input.record.result.as_deref()))));
    items.0.push(Item::Callout(Severity::Warning, line!("**warning**: "), told(problem, MESSAGE_MAX)));
    items.paragraph(line!(
        "Durations, stages, speedup, efficiency and critical path come from `data/forensic_trace.json` and from nothing \
         else. After a crash, `forensic-host recover` rebuilds it from the journal."
    ));
    let notes: Vec<String> = notes::notes(input).into_iter().filter(|note| note != problem).collect();
    if !notes.is_empty() {
        notes::list(&notes, items);
    }
}

/// Each stage of the summary with the model's stage: by position, or by id where the two do not match.
fn views<'a>(input: &ReportInput<'a>, summary: &'a Summary) -> Vec<StageView<'a>> {
    let models: &[Stage] = input.run.map_or(&[], |run| &run.stages);
    let aligned = models.len() == summary.stages.len() && models.iter().zip(&summary.stages).all(|(m, s)| m.id == s.id);
    let by_id: HashMap<&str, &Stage> =
        if aligned { HashMap::new() } else { models.iter().rev().map(|stage| (&*stage.id, stage)).collect() };
    let find = |index: usize, id: &str| if aligned { models.get(index) } else { by_id.get(id).copied() };
    let all = summary.stages.iter().enumerate();
    all.map(|(index, summary)| StageView { summary, model: find(index, &summary.id) }).collect()
}

/// A mark and a word for the result of a run.
fn result_words(word: Option<&str>) -> (&'static str, String) {
    match word {
        Some(result::SUCCESS) => ("✅", "success".into()),
        Some(result::FAILURE) => ("❌", "failure".into()),
        Some(result::ERROR) => ("❌", "error".into()),
        Some(result::TIMEOUT) => ("⏱", "timeout".into()),
        Some(result::CANCELLATION) => ("⛔", "cancelled".into()),
        Some(result::SKIP) => ("⏭", "skipped".into()),
        Some(result::RUNNING) => ("▸", "running".into()),
        Some(other) => ("❔", told(other, 40)),
        None => ("❔", "result unknown".into()),
    }
}

/// How a result is meant.
fn result_tone(word: Option<&str>) -> Tone {
    match word {
        Some(result::SUCCESS) => Tone::Good,
        Some(result::FAILURE | result::ERROR | result::TIMEOUT) => Tone::Bad,
        Some(result::CANCELLATION) => Tone::Warning,
        _ => Tone::Quiet,
    }
}

impl StageView<'_> {
    /// Whether it ran and did not do what it should.
    fn failed(&self) -> bool {
        !matches!(&*self.summary.result, result::SUCCESS | result::SKIP | result::CANCELLATION | result::RUNNING)
    }

    /// Whether it failed and the pipeline allows that.
    fn allowed(&self) -> bool {
        self.summary.failure_is_allowed()
    }

    /// The id as a cell.
    fn id_cell(&self) -> Line {
        id(&self.summary.id).into()
    }
}

/// At most `max` characters as they are shown, so that a text of invisible ones can't grow.
fn told(text: &str, max: usize) -> String {
    clip(&visible(text), max).into_owned()
}

/// An id.
fn id(text: &str) -> String {
    told(text, ID_MAX)
}

/// Ids in a sentence, at most `max` of them: `A → B → … 3 more`.
fn ids(all: &[String], separator: &str, max: usize) -> String {
    let shown: Vec<String> = all.iter().take(max).map(|text| id(text)).collect();
    let more = all.len().saturating_sub(max);
    let more = if more > 0 { format!("{separator}… {more} more") } else { String::new() };
    format!("{}{more}", shown.join(separator))
}
