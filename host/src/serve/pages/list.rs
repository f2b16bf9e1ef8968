//! The list of runs, newest first: filters, pages, two to be compared.

use std::collections::BTreeSet;
use std::sync::Arc;

use hyper::StatusCode;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::words::{draw_outcome, draw_run, outcome};
use super::{Area, Page};
use crate::clock::{Clock, nanos, utc};
use crate::directory::RunId;
use crate::report::html::Html;
use crate::runs::{Counts, Entry, Indexed, State};
use crate::serve::answer::Problem;
use crate::serve::app::App;
use crate::serve::limits::LIST_PAGE;
use crate::serve::params::Params;
use crate::units::{NONE, count, integer, maybe_duration};

/// What the filter for results offers.
const RESULTS: [&str; 8] = ["success", "failure", "error", "timeout", "cancellation", "running", "killed", "broken"];
/// Pipelines that the filter offers by name.
const PIPELINES_MAX: usize = 200;
/// Characters of a broken folder's problem.
const PROBLEM_MAX: usize = 300;

/// What is asked for.
struct Filter<'q> {
    pipeline: Option<&'q str>,
    result: Option<&'q str>,
    text: Option<&'q str>,
    since: Option<u64>,
}

/// `/runs.json`: as `forensic-host runs list --format json`, and which part of the whole it is.
#[derive(Serialize)]
struct List {
    schema: &'static str,
    /// Runs of all pages.
    found: usize,
    /// From 1.
    page: usize,
    pages: usize,
    not_looked_at: usize,
    runs: Vec<Entry>,
}

impl<'q> Filter<'q> {
    fn of(query: &'q Params) -> Result<Self, Problem> {
        Ok(Self {
            pipeline: query.get("pipeline"),
            result: query.get("result"),
            text: query.get("q"),
            since: query.get("since").map(since).transpose()?,
        })
    }

    fn fits(&self, entry: &Entry) -> bool {
        self.pipeline.is_none_or(|wanted| entry.pipeline.as_deref() == Some(wanted))
            && self.result.is_none_or(|wanted| outcome(entry) == wanted)
            && self.text.is_none_or(|wanted| contains(&entry.folder, wanted))
            && self.since.is_none_or(|since| entry.start_time.is_some_and(|start| start >= since))
    }
}

/// Whatever the letters' case.
fn contains(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(&wanted.to_lowercase())
}

/// Unix ns of a date, a time, or so long ago: `2026-11-23`, `2026-11-23T08:00:00Z`, `7d`.
fn since(text: &str) -> Result<u64, Problem> {
    let text = text.trim();
    let time = match text.parse::<Date>() {
        Ok(date) => date.to_zoned(TimeZone::UTC).ok().map(|midnight| midnight.timestamp()),
        Err(_) => text.parse::<jiff::Timestamp>().ok(),
    };
    if let Some(time) = time {
        return Ok(u64::try_from(time.as_nanosecond()).unwrap_or(0));
    }
    let ago = humantime::parse_duration(text).map_err(|_| {
        Problem::bad_request(format!(
            "`since` is {text:?}, and should be a date such as 2026-11-23, or an age such as 7d or 12h"
        ))
    })?;
    Ok(Clock::start().now().saturating_sub(nanos(ago)))
}

/// The page.
pub(in crate::serve) fn page(app: &App, query: &Params) -> Result<Page, Problem> {
    let filter = Filter::of(query)?;
    let all = app.index().entries();
    let found: Vec<&Arc<Indexed>> = all.iter().filter(|run| filter.fits(&run.entry)).collect();
    let pages = found.len().div_ceil(LIST_PAGE).max(1);
    let number = query.number("page", 1, 1..=usize::MAX)?;
    if number > pages {
        let what = format!("there is no page {number}: there are {pages}");
        return Err(Problem::new(StatusCode::NOT_FOUND, what, "Begin with the first page."));
    }
    let shown: Vec<&Entry> =
        found.iter().skip((number - 1) * LIST_PAGE).take(LIST_PAGE).map(|run| &run.entry).collect();
    let mut body = Html::default();
    form(&mut body, query, &all);
    let many = if found.len() == all.len() { String::new() } else { format!(" of {}", integer(all.len() as u64)) };
    let from = (number - 1) * LIST_PAGE + 1;
    let range = match shown.len() {
        0 => String::new(),
        few if few == found.len() => String::new(),
        few => format!(", {from} to {} of them on this page", from + few - 1),
    };
    body.element("p", &[("class", "aside")], &format!("{}{many}{range}.", count(found.len(), "run")));
    if all.is_empty() {
        let folder = app.index().folder().display().to_string();
        body.element("p", &[], &format!("There is no run in {folder} yet: `forensic-host run` makes one."));
    } else if shown.is_empty() {
        body.element("p", &[], "No run fits these filters.");
    } else {
        table(&mut body, &shown);
    }
    turn(&mut body, query, number, pages);
    let runs = shown.into_iter().cloned().collect();
    let list = List { schema: "forensic.runs/1", found: found.len(), page: number, pages, not_looked_at: 0, runs };
    Ok(Page::new("Runs", Area::Runs, body).with_json(list))
}

fn form(html: &mut Html, query: &Params, all: &[Arc<Indexed>]) {
    let names: BTreeSet<&str> = all.iter().filter_map(|run| run.entry.pipeline.as_deref()).take(100_000).collect();
    let asked = |name: &str| query.get(name).unwrap_or_default();
    html.within(
        "form",
        &[("method", "get"), ("action", "/"), ("class", "tools filters"), ("role", "search")],
        |html| {
            // One that is not offered is still asked for.
            let names: BTreeSet<&str> = names.into_iter().take(PIPELINES_MAX).chain(query.get("pipeline")).collect();
            choice(html, "Pipeline", "pipeline", asked("pipeline"), &mut names.into_iter());
            choice(html, "Result", "result", asked("result"), &mut RESULTS.into_iter());
            field(html, "Run id has", "q", asked("q"), "part of an id");
            field(html, "Since", "since", asked("since"), "7d or 2026-11-23");
            html.element("button", &[("type", "submit")], "Filter");
            html.element("a", &[("href", "/")], "All");
        },
    );
    html.newline();
}

fn choice(html: &mut Html, label: &str, name: &'static str, chosen: &str, words: &mut dyn Iterator<Item = &str>) {
    html.within("label", &[], |html| {
        html.text(label);
        html.spaced(" ");
        html.within("select", &[("name", name)], |html| {
            html.element("option", &[("value", "")], "any");
            for word in words {
                match word == chosen {
                    true => html.element("option", &[("value", word), ("selected", "")], word),
                    false => html.element("option", &[("value", word)], word),
                }
            }
        });
    });
}

fn field(html: &mut Html, label: &str, name: &'static str, value: &str, hint: &str) {
    html.within("label", &[], |html| {
        html.text(label);
        html.spaced(" ");
        let size = "16";
        html.void(
            "input",
            &[("type", "text"), ("name", name), ("value", value), ("placeholder", hint), ("size", size)],
        );
    });
}

fn table(html: &mut Html, runs: &[&Entry]) {
    html.within("form", &[("method", "get"), ("action", "/compare")], |html| {
        html.within("div", &[("class", "scroll")], |html| {
            html.within("table", &[("class", "runs")], |html| {
                html.element("caption", &[("class", "vh")], "Runs, newest first");
                html.within("thead", &[], |html| {
                    html.within("tr", &[], |html| {
                        for (title, class) in [
                            ("A", ""),
                            ("B", ""),
                            ("Run", ""),
                            ("Result", ""),
                            ("Pipeline", ""),
                            ("Profile", ""),
                            ("Start (UTC)", ""),
                            ("Duration", "n"),
                            ("Stages", ""),
                            ("Belongs to", ""),
                        ] {
                            html.element("th", &[("scope", "col"), ("class", class)], title);
                        }
                    });
                });
                html.within("tbody", &[], |html| runs.iter().for_each(|run| row(html, run)));
            });
        });
        html.within("p", &[], |html| {
            html.element("button", &[("type", "submit")], "Compare A with B");
        });
    });
    html.newline();
}

fn row(html: &mut Html, run: &Entry) {
    let cell = |html: &mut Html, text: &str| html.element("td", &[], text);
    html.within("tr", &[], |html| {
        for (side, label) in [("a", "A"), ("b", "B")] {
            html.within("td", &[], |html| {
                if run.state != State::Broken && RunId::parse(&run.folder).is_ok() {
                    let label = format!("{} as {label}", run.folder);
                    let attributes =
                        [("type", "radio"), ("name", side), ("value", &*run.folder), ("aria-label", &*label)];
                    html.void("input", &attributes);
                }
            });
        }
        html.within("th", &[("scope", "row")], |html| match run.state {
            State::Broken => html.text(&run.folder),
            _ => draw_run(html, &run.folder),
        });
        if let Some(problem) = &run.problem {
            html.within("td", &[], |html| draw_outcome(html, run));
            html.within("td", &[("colspan", "2")], |html| html.text("not readable as a run"));
            let problem: String = problem.chars().take(PROBLEM_MAX).collect();
            html.within("td", &[("colspan", "4")], |html| html.text(&problem));
            return;
        }
        // Beside its name: a phone shows only the first columns at once.
        html.within("td", &[], |html| draw_outcome(html, run));
        cell(html, run.pipeline.as_deref().unwrap_or(NONE));
        cell(html, run.profile.as_deref().unwrap_or(NONE));
        cell(html, &run.start_time.map_or_else(|| NONE.to_owned(), |start| utc(start, 0)));
        html.element("td", &[("class", "n")], &maybe_duration(run.wall_ns));
        cell(html, &run.stages.map_or_else(|| NONE.to_owned(), |counts| stages(&counts, run.state)));
        html.within("td", &[], |html| origin(html, run));
    });
    html.newline();
}

/// `7 of 9 ok (1 cached), 1 failed, 1 skipped`.
fn stages(counts: &Counts, state: State) -> String {
    let by = &counts.by_result;
    if state != State::Ended {
        return count(by.total as usize, "stage");
    }
    let cached = if by.cached > 0 { format!(" ({} cached)", by.cached) } else { String::new() };
    let mut text = format!("{} of {} ok{cached}", by.success, by.total);
    for (number, word) in [
        (by.failure, "failed"),
        (by.error, "could not run"),
        (by.timeout, "timed out"),
        (by.cancellation, "stopped"),
        (by.skip, "skipped"),
    ] {
        if number > 0 {
            text += &format!(", {number} {word}");
        }
    }
    text
}

/// The run that it resumed, and the one whose stage it was.
fn origin(html: &mut Html, run: &Entry) {
    if let Some(resumed) = &run.resumed_from {
        html.spaced("resumed ");
        draw_run(html, resumed);
    }
    if let Some(parent) = &run.parent {
        html.spaced(if run.resumed_from.is_some() { ", stage " } else { "stage " });
        html.text(&parent.stage);
        html.spaced(" of ");
        draw_run(html, &parent.run_id);
    }
    if run.signed {
        html.spaced(if run.resumed_from.is_some() || run.parent.is_some() { ", signed" } else { "signed" });
    }
}

/// The way to the other pages of the list.
fn turn(html: &mut Html, query: &Params, number: usize, pages: usize) {
    if pages == 1 {
        return;
    }
    html.within("nav", &[("aria-label", "Pages of the list")], |html| {
        html.within("ul", &[], |html| {
            let mut entry = |to: Option<usize>, text: &str| {
                html.within("li", &[], |html| match to {
                    Some(to) => {
                        let to = to.to_string();
                        html.element("a", &[("href", &format!("/{}", query.with(&[("page", Some(&to))])))], text);
                    }
                    None => html.text(text),
                });
            };
            entry((number > 1).then_some(1), "Newest");
            entry((number > 1).then_some(number - 1), "Newer");
            entry(None, &format!("page {number} of {pages}"));
            entry((number < pages).then_some(number + 1), "Older");
            entry((number < pages).then_some(pages), "Oldest");
        });
    });
}
