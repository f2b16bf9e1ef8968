//! What the pages over many runs have in common: links that are fit to be links, tables, marks with words, choices.

use super::words::draw_run;
use super::{Area, Page};
use crate::directory::RunId;
use crate::report::html::Html;
use crate::report::{Change, clip};
use crate::runs::{Indexed, PipelineRuns, pipelines};
use crate::serve::answer::Problem;
use crate::serve::app::App;
use crate::serve::limits::{QUERY_MAX, VALUE_MAX};
use crate::serve::params::{Params, link};
use crate::units::{NONE, integer};
use serde::Serialize;
use std::sync::Arc;

/// Characters of anybody's text in a cell.
const TEXT_MAX: usize = 300;

/// A column of a table.
#[derive(Clone, Copy)]
pub(super) struct Column {
    title: &'static str,
    right: bool,
    sort: Option<&'static str>,
}

impl Column {
    /// Of texts.
    pub(super) const fn text(title: &'static str) -> Self {
        Self { title, right: false, sort: None }
    }

    /// Of numbers.
    pub(super) const fn number(title: &'static str) -> Self {
        Self { title, right: true, sort: None }
    }

    /// By which the table can be sorted: the value of `sort` in the query.
    pub(super) const fn sorted_by(self, word: &'static str) -> Self {
        Self { sort: Some(word), ..self }
    }
}

/// What a table is sorted by, and the address that it stands at.
#[derive(Clone, Copy)]
pub(super) struct Sorted<'a> {
    pub(super) path: &'a str,
    pub(super) query: &'a Params,
    pub(super) by: &'a str,
}

/// A table; `fill` writes its rows.
pub(super) fn table(
    html: &mut Html,
    caption: &str,
    columns: &[Column],
    sorted: Option<Sorted<'_>>,
    fill: impl FnOnce(&mut Html),
) {
    html.within("div", &[("class", "scroll")], |html| {
        html.within("table", &[], |html| {
            html.element("caption", &[("class", "vh")], caption);
            html.within("thead", &[], |html| {
                html.within("tr", &[], |html| columns.iter().for_each(|column| head(html, column, sorted)))
            });
            html.within("tbody", &[], fill);
        });
    });
    html.newline();
}

fn head(html: &mut Html, column: &Column, sorted: Option<Sorted<'_>>) {
    let class = if column.right { "n" } else { "" };
    match column.sort.zip(sorted) {
        Some((word, sorted)) if word == sorted.by => {
            let order = if column.right { "descending" } else { "ascending" };
            html.within("th", &[("scope", "col"), ("class", class), ("aria-sort", order)], |html| {
                html.text(column.title);
                html.spaced(if column.right { " ↓" } else { " ↑" });
            });
        }
        Some((word, sorted)) => html.within("th", &[("scope", "col"), ("class", class)], |html| {
            let address = format!("{}{}", sorted.path, sorted.query.with(&[("sort", Some(word))]));
            html.element("a", &[("href", &address)], column.title);
        }),
        None => html.element("th", &[("scope", "col"), ("class", class)], column.title),
    }
}

/// A row; its first cell names it.
pub(super) fn row(html: &mut Html, fill: impl FnOnce(&mut Html)) {
    html.within("tr", &[], fill);
    html.newline();
}

/// The cell that names a row.
pub(super) fn name(html: &mut Html, fill: impl FnOnce(&mut Html)) {
    html.within("th", &[("scope", "row")], fill);
}

/// A cell of text.
pub(super) fn cell(html: &mut Html, class: &str, text: &str) {
    html.element("td", &[("class", class)], &clip(text, TEXT_MAX));
}

/// A cell of a number.
pub(super) fn number(html: &mut Html, text: &str) {
    html.element("td", &[("class", "n")], text);
}

/// A link, where its address is not longer than the server takes.
pub(super) fn linked(html: &mut Html, href: &str, text: &str) {
    let text = clip(text, TEXT_MAX);
    match href.len() <= QUERY_MAX {
        true => html.element("a", &[("href", href)], &text),
        false => html.text(&text),
    }
}

/// The address of a run's page; `None` where its folder's name can be no run id.
pub(super) fn run_address(folder: &str) -> Option<String> {
    RunId::parse(folder).ok().map(|id| format!("/runs/{id}"))
}

/// A result or a state: a mark, a word, and the class of its colour.
pub(super) fn result(word: &str) -> (String, &'static str) {
    let (mark, class) = match word {
        "success" => ("✓", "good"),
        "cached" => ("↺", "quiet"),
        "skip" | "left_out" => ("–", "quiet"),
        "running" => ("▸", "quiet"),
        "broken" => ("?", "warning"),
        _ => ("✗", "bad"),
    };
    (format!("{mark} {}", clip(&word.replace('_', " "), TEXT_MAX)), class)
}

/// The class of a change's colour.
pub(super) fn tone(change: Option<Change>) -> &'static str {
    match change {
        Some(Change::Slower) => "warning",
        Some(Change::Faster) => "good",
        Some(Change::WithinNoise | Change::Unknown) => "quiet",
        None => "na",
    }
}

/// A change as a cell.
pub(super) fn change(html: &mut Html, change: Option<Change>, otherwise: &str) {
    html.element("td", &[("class", tone(change))], change.map_or(otherwise, |change| change.words()));
}

/// A field of a form with a few values to choose from.
pub(super) fn select(html: &mut Html, name: &str, label: &str, options: &[(&str, &str)], chosen: &str) {
    html.within("label", &[], |html| {
        html.text(label);
        html.spaced(" ");
        html.within("select", &[("name", name)], |html| {
            for (value, text) in options {
                let text = clip(text, TEXT_MAX);
                match *value == chosen {
                    true => html.element("option", &[("value", value), ("selected", "selected")], &text),
                    false => html.element("option", &[("value", value)], &text),
                }
            }
        });
    });
}

/// A form that asks this server for `path`; values of `kept` names go on as they are.
pub(super) fn form(html: &mut Html, path: &str, query: &Params, kept: &[&str], fill: impl FnOnce(&mut Html)) {
    html.within("form", &[("action", path), ("method", "get"), ("class", "tools")], |html| {
        for name in kept {
            if let Some(value) = query.get(name) {
                html.void("input", &[("type", "hidden"), ("name", name), ("value", value)]);
            }
        }
        fill(html);
        html.element("button", &[("type", "submit")], "Show");
    });
    html.newline();
}

/// A field for a number of runs.
pub(super) fn number_field(html: &mut Html, name: &str, label: &str, value: usize, max: usize) {
    html.within("label", &[], |html| {
        html.text(label);
        html.spaced(" ");
        let (value, max) = (value.to_string(), max.to_string());
        html.void("input", &[("type", "number"), ("name", name), ("min", "1"), ("max", &max), ("value", &value)]);
    });
}

/// The runs that a query asks for, or the pipelines that it could.
pub(super) enum Asked {
    /// One pipeline with one profile.
    One(PipelineRuns),
    /// None, or none that there is: these are there.
    Any(Vec<PipelineRuns>),
}

/// Which pipeline is meant by `pipeline` and `profile`. Without a profile: the runs without one, else those with the only one.
///
/// # Errors
/// 404 where there is no run of it.
pub(super) fn asked(entries: &[Arc<Indexed>], query: &Params) -> Result<Asked, Problem> {
    let all = pipelines(entries.iter().map(|indexed| &indexed.entry));
    let Some(pipeline) = query.get("pipeline") else { return Ok(Asked::Any(all)) };
    let of: Vec<PipelineRuns> = all.into_iter().filter(|of| of.pipeline == pipeline).collect();
    let wanted = query.get("profile");
    let named = |of: &&PipelineRuns| of.profile.as_deref().filter(|profile| !profile.is_empty()) == wanted;
    match of.iter().find(named) {
        Some(one) => Ok(Asked::One(one.clone())),
        None if wanted.is_some() || of.is_empty() => Err(Problem::not_found(match wanted {
            Some(profile) => {
                format!(
                    "there is no run of pipeline {:?} with profile {:?}",
                    clip(pipeline, TEXT_MAX),
                    clip(profile, TEXT_MAX)
                )
            }
            None => format!("there is no run of pipeline {:?}", clip(pipeline, TEXT_MAX)),
        })),
        None if of.len() == 1 => Ok(of.into_iter().next().map_or(Asked::Any(Vec::new()), Asked::One)),
        None => Ok(Asked::Any(of)),
    }
}

/// A pipeline with its profile, in words.
pub(super) fn pipeline(name: &str, profile: Option<&str>) -> String {
    let name = clip(name, TEXT_MAX);
    match profile {
        Some(profile) if !profile.is_empty() => format!("{name} ({})", clip(profile, TEXT_MAX)),
        _ => name.into_owned(),
    }
}

/// What stands in the JSON of a page that needs a pipeline where none is named.
#[derive(Serialize)]
struct Choice {
    /// `forensic.pipelines/1`
    schema: &'static str,
    pipelines: Vec<PipelineRuns>,
}

/// What a page that needs a pipeline is where none is named: those that there are, each a link to `path` about it.
pub(super) fn choice(title: &str, area: Area, path: &str, pipelines: Vec<PipelineRuns>) -> Page {
    let mut body = Html::default();
    chooser(&mut body, path, &pipelines);
    Page::new(title, area, body).with_json(Choice { schema: "forensic.pipelines/1", pipelines })
}

fn chooser(html: &mut Html, path: &str, pipelines: &[PipelineRuns]) {
    const SHOWN: usize = 500;
    if pipelines.is_empty() {
        return html.element("p", &[], "There is no run below this root folder yet. Start one with forensic-host run.");
    }
    html.element("p", &[], "Which pipeline?");
    let columns = [
        Column::text("Pipeline"),
        Column::text("Profile"),
        Column::number("Runs"),
        Column::text("Last run"),
        Column::text("Began"),
        Column::text("Result"),
    ];
    table(html, "Pipelines", &columns, None, |html| {
        for of in pipelines.iter().take(SHOWN) {
            row(html, |html| {
                name(html, |html| {
                    linked(html, &pipeline_address(path, of), if of.pipeline.is_empty() { NONE } else { &of.pipeline });
                });
                cell(html, "", of.profile.as_deref().unwrap_or(NONE));
                number(html, &integer(of.runs as u64));
                html.within("td", &[], |html| draw_run(html, &of.last_run));
                cell(html, "", &crate::clock::utc(of.last_start_time, 0));
                let (text, class) = result(&of.last_result);
                cell(html, class, &text);
            });
        }
    });
    if pipelines.len() > SHOWN {
        let more = format!("+{} more pipelines; name one in the address.", integer((pipelines.len() - SHOWN) as u64));
        html.element("p", &[("class", "aside")], &more);
    }
}

/// Where a page about a pipeline is.
pub(super) fn pipeline_address(path: &str, of: &PipelineRuns) -> String {
    let pairs = [("pipeline", of.pipeline.as_str()), ("profile", of.profile.as_deref().unwrap_or_default())];
    // Empty values count as absent.
    let pairs: Vec<(&str, &str)> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    link(path, &pairs)
}

/// Whether a text can be a value of a query.
pub(super) fn is_value(text: &str) -> bool {
    !text.is_empty() && text.len() <= VALUE_MAX
}

/// All runs that there are.
pub(super) fn entries(app: &App) -> Vec<Arc<Indexed>> {
    app.index().entries()
}
