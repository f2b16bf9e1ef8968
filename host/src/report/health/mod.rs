//! Pipeline Health: what the host saw of the run, drawn from the trace alone, in the order in which a reader asks.
//! How did it go; what failed; which stage; what did it use; how parallel; where did the time go, also
//! inside stages; compared with what; how sure is this.

mod baseline;
mod chain;
mod failures;
mod headline;
mod inside;
mod notes;
mod parallelism;
mod resources;
mod stages;

pub(super) use failures::{FailureJson, failures_json};
pub(super) use inside::{InsideJson, inside_json};
pub(super) use notes::notes;
pub(super) use resources::resources_json;

use super::escape::{cell, clip, inline, paragraphs, visible};
use super::{ReportInput, heading};
use crate::conventions::result;
use crate::plugin::document::HealthDetail;
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
    /// Heading level of a part.
    level: usize,
}

/// Draws Pipeline Health; its title is a heading of `level`, its parts stand one level deeper. `framed`: inside a
/// plugin's frame, where the title says who drew it.
pub(super) fn draw(input: &ReportInput<'_>, detail: HealthDetail, level: usize, framed: bool) -> String {
    // Plugins can't write emphasis, so this can't be imitated.
    let title = if framed { "Pipeline Health *(drawn by the host from the trace)*" } else { "Pipeline Health" };
    let mut out = heading(level, title);
    let Some(summary) = input.summary else {
        out.push_str(&without_trace(input));
        return out;
    };
    let facts = Facts { input, summary, stages: views(input, summary), level: level + 1 };
    out.push_str(&headline::line(&facts));
    if detail == HealthDetail::Headline {
        return out;
    }
    out.push_str(&headline::table(&facts));
    if detail == HealthDetail::Stages {
        out.push_str(&stages::draw(&facts));
        return out;
    }
    let parts: &[fn(&Facts<'_>) -> String] = if framed {
        // Short, because the report around the frame has the rest.
        &[failures::draw, stages::draw, parallelism::draw, chain::draw, baseline::draw, notes::draw]
    } else {
        &[
            failures::draw,
            stages::draw,
            resources::draw,
            parallelism::draw,
            chain::draw,
            inside::draw,
            baseline::draw,
            notes::draw,
        ]
    };
    for part in parts {
        out.push_str(&part(&facts));
    }
    out
}

fn without_trace(input: &ReportInput<'_>) -> String {
    let problem = input.trace_problem.unwrap_or(NO_TRACE);
    let (mark, word) = result_words(input.record.result.as_deref());
    let mut out = format!(
        "**{mark} {word}** according to `run.json`; **no metrics**, because there is no trace to draw them from.\n\n\
         > ⚠ **warning**: {}\n\n",
        paragraphs(&told(problem, MESSAGE_MAX), "> ")
    );
    out.push_str(
        "Durations, stages, speedup, efficiency and critical path come from `data/forensic_trace.json` and from nothing \
         else. After a crash, `forensic-host recover` rebuilds it from the journal.\n\n",
    );
    let notes: Vec<String> = notes::notes(input).into_iter().filter(|note| note != problem).collect();
    if !notes.is_empty() {
        out.push_str(&notes::list(&notes));
    }
    out
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
        Some(other) => ("❔", inline(&told(other, 40))),
        None => ("❔", "result unknown".into()),
    }
}

impl StageView<'_> {
    /// Whether it ran and did not do what it should.
    fn failed(&self) -> bool {
        !matches!(&*self.summary.result, result::SUCCESS | result::SKIP | result::CANCELLATION)
    }

    /// The id as a cell.
    fn id_cell(&self) -> String {
        cell(&told(&self.summary.id, ID_MAX))
    }
}

/// At most `max` characters as they are shown, so that a text of invisible ones can't grow.
fn told(text: &str, max: usize) -> String {
    clip(&visible(text), max).into_owned()
}

/// An id inside a sentence.
fn id(text: &str) -> String {
    inline(&told(text, ID_MAX))
}

/// Ids in a sentence, at most `max` of them: `A → B → … 3 more`.
fn ids(all: &[String], separator: &str, max: usize) -> String {
    let shown: Vec<String> = all.iter().take(max).map(|text| id(text)).collect();
    let more = all.len().saturating_sub(max);
    let more = if more > 0 { format!("{separator}… {more} more") } else { String::new() };
    format!("{}{more}", shown.join(separator))
}
