//! The stages of two runs in a table: what differs first.

use std::cmp::Reverse;

use super::super::draw::{self, Column, Sorted};
use super::super::draw_trend::difference;
use super::PATH;
use crate::conventions::result;
use crate::report::html::Html;
use crate::report::{Change, clip};
use crate::run::CACHED;
use crate::runs::{Diff, StageDiff, StageSide};
use crate::serve::answer::Problem;
use crate::serve::params::Params;
use crate::units::{NONE, change, count, maybe_duration, signed_duration};

/// Stages of the table, unless all are asked for.
const STAGES_SHOWN: usize = 300;
/// Stages of the table at most; all are in the JSON.
const STAGES_MAX: usize = 5_000;

/// By what the table of stages can be sorted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Results that changed, then stages that are new or gone, then what is beyond noise, then the rest.
    Kind,
    Stage,
    A,
    B,
    Difference,
    Relative,
}

impl Order {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Kind, "kind"),
        (Self::Stage, "stage"),
        (Self::A, "a"),
        (Self::B, "b"),
        (Self::Difference, "difference"),
        (Self::Relative, "relative"),
    ];

    /// The one that is asked for, with its word.
    ///
    /// # Errors
    /// 400 where there is none of that word.
    pub(super) fn of(query: &Params) -> Result<(Self, &'static str), Problem> {
        let Some(word) = query.get("sort") else { return Ok(Self::ALL[0]) };
        let words = Self::ALL.map(|(_, word)| word).join(", ");
        let found = Self::ALL.into_iter().find(|(_, name)| *name == word);
        found.ok_or_else(|| Problem::bad_request(format!("`sort` must be one of {words}")))
    }

    fn sort(self, stages: &mut [&StageDiff]) {
        let by = |stage: &StageDiff| times(stage).map(|(a, b)| a.abs_diff(b));
        let took = |side: &Option<StageSide>| side.as_ref().and_then(|side| side.duration_ns);
        let relative = |stage: &StageDiff| {
            times(stage).filter(|(a, _)| *a > 0).map_or(-1.0, |(a, b)| (b as f64 - a as f64).abs() / a as f64)
        };
        match self {
            Self::Kind => stages.sort_by_key(|stage| (kind(stage), Reverse(by(stage)))),
            Self::Stage => stages.sort_by(|x, y| x.id.cmp(&y.id)),
            Self::A => stages.sort_by_key(|stage| Reverse(took(&stage.a))),
            Self::B => stages.sort_by_key(|stage| Reverse(took(&stage.b))),
            Self::Difference => stages.sort_by_key(|stage| Reverse(by(stage))),
            Self::Relative => stages.sort_by(|x, y| relative(y).total_cmp(&relative(x))),
        }
    }
}

fn kind(stage: &StageDiff) -> u8 {
    match stage {
        _ if stage.result_changed => 0,
        StageDiff { a: None, .. } | StageDiff { b: None, .. } => 1,
        _ if stage.duration.is_some_and(Change::is_flagged) => 2,
        _ => 3,
    }
}

/// Both durations, where both were executed.
fn times(stage: &StageDiff) -> Option<(u64, u64)> {
    stage.a.as_ref()?.duration_ns.zip(stage.b.as_ref()?.duration_ns)
}

/// The table.
pub(super) fn stages(html: &mut Html, found: &Diff, query: &Params, (order, by): (Order, &str)) {
    html.element("h2", &[], "Stages");
    let only = query.get("only").is_some();
    let mut sorted: Vec<&StageDiff> = found.stages.iter().filter(|stage| !only || stage.differs()).collect();
    order.sort(&mut sorted);
    let (a, b) = (found.a.run.folder.as_str(), found.b.run.folder.as_str());
    // The links go on with the runs that are compared now, whatever becomes the newest.
    let pinned = |changes: &[(&str, Option<&str>)]| {
        let changes: Vec<(&str, Option<&str>)> =
            [("a", Some(a)), ("b", Some(b))].into_iter().chain(changes.iter().copied()).collect();
        format!("{PATH}{}", query.with(&changes))
    };
    html.within("p", &[("class", "tools")], |html| {
        let (all, differ) = (found.stages.len(), found.stages.iter().filter(|stage| stage.differs()).count());
        html.text(&format!("{}, {differ} of which differ.", count(all, "stage")));
        html.spaced(" ");
        match only {
            true => draw::linked(html, &pinned(&[("only", None)]), "Show all"),
            false => draw::linked(html, &pinned(&[("only", Some("1"))]), "Show only what differs"),
        }
        if order != Order::Kind {
            draw::linked(html, &pinned(&[("sort", None)]), "What differs first");
        }
    });
    if sorted.is_empty() {
        return html.element("p", &[], "No stage differs.");
    }
    let shown = if query.get("all").is_some() { STAGES_MAX } else { STAGES_SHOWN }.min(sorted.len());
    let most = sorted.iter().filter_map(|stage| times(stage)).map(|(a, b)| a.abs_diff(b)).max().unwrap_or(0);
    let columns = [
        Column::text("Stage").sorted_by("stage"),
        Column::text("Change"),
        Column::text("Result A"),
        Column::text("Result B"),
        Column::number("Time A").sorted_by("a"),
        Column::number("Time B").sorted_by("b"),
        Column::text("Faster ◂ ▸ slower"),
        Column::number("Difference").sorted_by("difference"),
        Column::number("Relative").sorted_by("relative"),
    ];
    draw::table(html, "Stages of both runs", &columns, Some(Sorted { path: PATH, query, by }), |html| {
        sorted.iter().take(shown).for_each(|stage| stage_row(html, stage, most));
    });
    let hidden = sorted.len() - shown;
    if hidden > 0 {
        html.within("p", &[], |html| match shown < STAGES_MAX {
            true => {
                draw::linked(html, &pinned(&[("all", Some("1"))]), &format!("Show {} more", count(hidden, "stage")))
            }
            false => html.text(&format!("+{} in the JSON.", count(hidden, "more stage"))),
        });
    }
    let text = "A bar to the right is what B took longer, to the left what it took shorter; the longest difference fills a side.";
    html.element("p", &[("class", "aside")], text);
}

fn stage_row(html: &mut Html, stage: &StageDiff, most: u64) {
    let (what, class) = match stage {
        _ if stage.result_changed => ("● result", if succeeded(&stage.b) { "good" } else { "bad" }),
        StageDiff { a: None, .. } => ("+ new", "warning"),
        StageDiff { b: None, .. } => ("- gone", "warning"),
        _ => (stage.duration.map_or(NONE, Change::words), draw::tone(stage.duration)),
    };
    draw::row(html, |html| {
        draw::name(html, |html| html.text(&clip(&stage.id, 300)));
        draw::cell(html, class, what);
        for side in [&stage.a, &stage.b] {
            let (text, class) =
                side.as_ref().map_or_else(|| (NONE.to_owned(), "na"), |side| draw::result(&side.result));
            let tries = side.as_ref().and_then(|side| side.attempts).filter(|attempts| *attempts > 1);
            let tries = tries.map_or_else(String::new, |attempts| format!(", {attempts} attempts"));
            draw::cell(html, class, &format!("{text}{tries}"));
        }
        for side in [&stage.a, &stage.b] {
            draw::number(html, &maybe_duration(side.as_ref().and_then(|side| side.duration_ns)));
        }
        let both = times(stage);
        html.within("td", &[], |html| {
            if let Some((a, b)) = both {
                difference(html, a, b, most, stage.duration);
            }
        });
        draw::number(html, &both.map_or(NONE.into(), |(a, b)| signed_duration(a, b)));
        draw::number(html, &both.map_or(NONE.into(), |(a, b)| change(a, b)));
    });
}

fn succeeded(side: &Option<StageSide>) -> bool {
    side.as_ref().is_some_and(|side| matches!(&*side.result, result::SUCCESS | CACHED))
}
