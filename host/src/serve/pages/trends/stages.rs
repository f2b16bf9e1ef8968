//! The stages of a pipeline in a table: which of them changed, which take how much of the time, which fail.

use std::cmp::Reverse;

use super::super::draw::{self, Column, Sorted};
use super::super::draw_trend;
use super::super::words::draw_run;
use super::steps::mark;
use super::{ID_MAX, PATH};
use crate::report::clip;
use crate::report::html::Html;
use crate::runs::{StageTrend, Step, StepKind, Trends};
use crate::serve::answer::Problem;
use crate::serve::params::Params;
use crate::units::{NONE, change, count, integer, maybe_duration, percent, signed_duration};

/// Stages of the table, unless all are asked for.
const STAGES_SHOWN: usize = 100;

/// By what the table of stages can be sorted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Change,
    Stage,
    Last,
    Share,
    Failed,
}

impl Order {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Change, "change"),
        (Self::Stage, "stage"),
        (Self::Last, "last"),
        (Self::Share, "share"),
        (Self::Failed, "failed"),
    ];

    fn of(query: &Params) -> Result<(Self, &'static str), Problem> {
        let Some(word) = query.get("sort") else { return Ok(Self::ALL[0]) };
        let words = Self::ALL.map(|(_, word)| word).join(", ");
        let found = Self::ALL.into_iter().find(|(_, name)| *name == word);
        found.ok_or_else(|| Problem::bad_request(format!("`sort` must be one of {words}")))
    }

    fn sort(self, stages: &mut [&StageTrend]) {
        // They come by change; sorting is stable.
        match self {
            Self::Change => {}
            Self::Stage => stages.sort_by(|a, b| a.id.cmp(&b.id)),
            Self::Last => stages.sort_by_key(|stage| Reverse(stage.last_ns)),
            Self::Share => stages.sort_by(|a, b| b.share.unwrap_or(-1.0).total_cmp(&a.share.unwrap_or(-1.0))),
            Self::Failed => stages.sort_by_key(|stage| Reverse(stage.failed)),
        }
    }
}

/// The table.
///
/// # Errors
/// 400 where it is to be sorted by what it can't be.
pub(super) fn stages(html: &mut Html, found: &Trends, query: &Params) -> Result<(), Problem> {
    let (order, by) = Order::of(query)?;
    html.element("h2", &[], "Stages");
    let text = "From a stage's first attempt to its end, where it was executed and succeeded. CPU time, queues and memory are not in the \
                runs' records: see the page of a run.";
    html.element("p", &[("class", "aside")], text);
    let mut sorted: Vec<&StageTrend> = found.stages.iter().collect();
    order.sort(&mut sorted);
    let shown = if query.get("all").is_some() { sorted.len() } else { STAGES_SHOWN.min(sorted.len()) };
    let columns = [
        Column::text("Stage").sorted_by("stage"),
        Column::text("Trend"),
        Column::number("Newest").sorted_by("last"),
        Column::number("Typical"),
        Column::text("Change"),
        Column::number("Difference").sorted_by("change"),
        Column::number("Relative"),
        Column::number("Share of stage time").sorted_by("share"),
        Column::number("Failed").sorted_by("failed"),
        Column::text("Lasting change"),
    ];
    draw::table(html, "Stages", &columns, Some(Sorted { path: PATH, query, by }), |html| {
        sorted.iter().take(shown).for_each(|stage| stage_row(html, found, stage, query));
    });
    let hidden = sorted.len() - shown;
    if hidden > 0 {
        html.within("p", &[], |html| {
            let all = format!("{PATH}{}", query.with(&[("all", Some("1"))]));
            draw::linked(html, &all, &format!("Show {} more", count(hidden, "stage")));
        });
    }
    if found.stages_left_out > 0 {
        let text = format!("+{} that changed less.", count(found.stages_left_out, "stage"));
        html.element("p", &[("class", "aside")], &text);
    }
    Ok(())
}

fn stage_row(html: &mut Html, found: &Trends, stage: &StageTrend, query: &Params) {
    draw::row(html, |html| {
        draw::name(html, |html| match draw::is_value(&stage.id) {
            true => {
                let one = query.with(&[("stage", Some(&stage.id)), ("sort", None), ("all", None)]);
                draw::linked(html, &format!("{PATH}{one}"), &stage.id);
            }
            false => html.text(&clip(&stage.id, ID_MAX)),
        });
        html.within("td", &[], |html| draw_trend::sparkline(html, &stage.durations_ns));
        draw::number(html, &maybe_duration(stage.last_ns));
        draw::number(html, &maybe_duration(stage.typical.map(|typical| typical.median_ns)));
        draw::change(html, stage.change, NONE);
        let both = stage.recent();
        draw::number(html, &both.map_or(NONE.into(), |(then, now)| signed_duration(then, now)));
        draw::number(html, &both.map_or(NONE.into(), |(then, now)| change(then, now)));
        draw::number(html, &percent(stage.share));
        let failed = format!("{} of {}", integer(stage.failed as u64), integer((stage.executed + stage.failed) as u64));
        html.element("td", &[("class", if stage.failed > 0 { "n bad" } else { "n" })], &failed);
        html.within("td", &[], |html| {
            let going_on = |step: &&Step| step.kind == StepKind::Lasting && step.until.is_none();
            if let Some(step) = stage.steps.iter().rev().find(going_on)
                && let Some(since) = found.runs.get(step.run)
            {
                html.element("span", &[("class", draw::tone(Some(step.change)))], mark(step.change));
                html.spaced(&format!(" {} since ", change(step.from_ns, step.to_ns)));
                draw_run(html, &since.folder);
            }
        });
    });
}
