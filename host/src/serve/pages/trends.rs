//! `/trends`: how long a pipeline takes from run to run, where that changed, and which stages did it; with `stage`, one stage.

mod stages;
mod steps;

use super::draw::{self, Asked, Column};
use super::draw_trend::{self, Mark, Point};
use super::words::draw_run;
use super::{Area, Page};
use crate::clock::utc;
use crate::report::html::Html;
use crate::report::{Change, clip};
use crate::runs::{
    NotCompared, PipelineRuns, RUNS_DEFAULT, RUNS_MAX, StageTrend, Step, StepKind, TrendQuery, Trends, trends,
};
use crate::serve::answer::Problem;
use crate::serve::app::App;
use crate::serve::params::Params;
use crate::units::{NONE, change, count, duration, maybe_duration, percent, signed_duration};

const PATH: &str = "/trends";
/// Characters of a stage's id in a heading.
const ID_MAX: usize = 120;

/// The page.
///
/// # Errors
/// 400 and 404 where the query names what can't be, or is not there.
pub(in crate::serve) fn page(app: &App, query: &Params) -> Result<Page, Problem> {
    let runs = query.number("runs", RUNS_DEFAULT, 1..=RUNS_MAX)?;
    let entries = draw::entries(app);
    let of = match draw::asked(&entries, query)? {
        Asked::One(of) => of,
        Asked::Any(pipelines) => return Ok(draw::choice("Trends", Area::Trends, PATH, pipelines)),
    };
    let stage = query.get("stage");
    let asked = TrendQuery { pipeline: &of.pipeline, profile: of.profile.as_deref(), runs, stage };
    let found = trends(app.root(), app.timings(), entries.iter().map(|indexed| &indexed.entry), &asked);
    let name = draw::pipeline(&of.pipeline, of.profile.as_deref());
    let mut body = Html::default();
    ways(&mut body, &of, query, runs);
    let title = match (stage, found.stages.first()) {
        (None, _) => {
            total(&mut body, &found);
            stages::stages(&mut body, &found, query)?;
            format!("Trends of {name}")
        }
        (Some(id), Some(stage)) => {
            one_stage(&mut body, &found, stage);
            format!("Trends of stage {} of {name}", clip(id, ID_MAX))
        }
        (Some(id), None) => {
            let what = format!("none of the {} has a stage {:?}", count(found.runs.len(), "run"), clip(id, ID_MAX));
            return Err(Problem::not_found(what));
        }
    };
    Ok(Page::new(title, Area::Trends, body).with_json(found))
}

/// How many runs, and where else to go.
fn ways(html: &mut Html, of: &PipelineRuns, query: &Params, runs: usize) {
    draw::form(html, PATH, query, &["pipeline", "profile", "stage", "sort"], |html| {
        draw::number_field(html, "runs", "Newest runs", runs, RUNS_MAX);
    });
    html.within("p", &[("class", "tools")], |html| {
        if query.get("stage").is_some() {
            let whole = query.with(&[("stage", None)]);
            draw::linked(html, &format!("{PATH}{whole}"), "All stages");
        }
        draw::linked(html, &draw::pipeline_address("/findings", of), "Findings of this pipeline");
        draw::linked(html, &draw::pipeline_address("/compare", of), "Compare its two newest runs");
        draw::linked(html, PATH, "Other pipelines");
    });
    html.newline();
}

fn total(html: &mut Html, found: &Trends) {
    html.element("h2", &[], "Total duration");
    let Some(newest) = found.runs.last() else {
        return html.element("p", &[], "None of its runs has ended yet.");
    };
    let words = newest.judged.change.map(Change::words);
    let words = words.or(newest.not_compared.map(NotCompared::words)).unwrap_or(NONE);
    html.within("p", &[("class", "headline")], |html| {
        html.spaced("Newest run ");
        draw_run(html, &newest.folder);
        html.spaced(&format!(": {}", duration(newest.wall_ns)));
        if let Some(typical) = newest.judged.typical {
            let then = typical.median_ns;
            let by = format!("{}, {}", signed_duration(then, newest.wall_ns), change(then, newest.wall_ns));
            html.spaced(&format!(" against a median of {} ({by})", duration(then)));
        }
        html.spaced(", ");
        html.element("strong", &[("class", draw::tone(newest.judged.change))], words);
        html.spaced(".");
    });
    steps::steps(html, found, &found.steps, "The total");
    let points: Vec<Point<'_>> = found
        .runs
        .iter()
        .map(|run| Point {
            folder: &run.folder,
            start_time: run.start_time,
            ns: Some(run.wall_ns),
            mark: match run.not_compared {
                Some(NotCompared::NoSuccess) => Mark::Failed,
                Some(NotCompared::Partial | NotCompared::Unread) => Mark::Partial,
                None => Mark::of(run.judged.change),
            },
            typical: run.judged.typical,
            usual: run.judged.usual_ns,
            title: title(&run.folder, &run.result, Some(run.wall_ns), run.judged.change, run.not_compared),
        })
        .collect();
    let label = summary("Total duration", &points, &found.steps);
    figure(html, "Total duration of each run", &label, &points, &found.steps);
    let rows = found.runs.iter().rev().map(|run| Row {
        folder: &run.folder,
        start_time: run.start_time,
        result: &run.result,
        ns: Some(run.wall_ns),
        judged: run.judged,
        note: run.not_compared.map_or("", NotCompared::words),
    });
    data(html, "Total duration of each run", rows);
    if found.older > 0 {
        let text = format!("+{} that ended before these.", count(found.older, "run"));
        html.element("p", &[("class", "aside")], &text);
    }
    if found.unread > 0 {
        let text = format!(
            "The records of {} among these were not read; nothing is known of their stages.",
            count(found.unread, "run")
        );
        html.element("p", &[("class", "aside")], &text);
    }
}

/// The figure, which is followed by its data.
fn figure(html: &mut Html, caption: &str, label: &str, points: &[Point<'_>], steps: &[Step]) {
    let lasting: Vec<(usize, String)> = steps
        .iter()
        .filter(|step| step.kind == StepKind::Lasting)
        .map(|step| (step.run, format!("{} {}", steps::mark(step.change), change(step.from_ns, step.to_ns))))
        .collect();
    html.within("figure", &[], |html| {
        html.element("figcaption", &[], caption);
        draw_trend::draw(html, label, points, &lasting);
    });
}

/// The picture in one line.
fn summary(what: &str, points: &[Point<'_>], steps: &[Step]) -> String {
    let known = || points.iter().filter_map(|point| point.ns);
    let mut words = format!("{what} in {}", count(known().count(), "run"));
    if let (Some(least), Some(most), Some(last)) = (known().min(), known().max(), known().next_back()) {
        words += &format!(", from {} to {}, newest {}", duration(least), duration(most), duration(last));
    }
    let lasting = steps.iter().filter(|step| step.kind == StepKind::Lasting).count();
    words + &format!("; {}", count(lasting, "lasting change"))
}

/// A point in words.
fn title(folder: &str, result: &str, ns: Option<u64>, judged: Option<Change>, why_not: Option<NotCompared>) -> String {
    let (result, _) = draw::result(result);
    let judged = judged.map(Change::words).or(why_not.map(NotCompared::words)).unwrap_or_default();
    let comma = if judged.is_empty() { "" } else { ", " };
    format!("{folder}: {}, {result}{comma}{judged}", maybe_duration(ns))
}

/// A run in the table of a picture's data.
struct Row<'a> {
    folder: &'a str,
    start_time: u64,
    result: &'a str,
    ns: Option<u64>,
    judged: crate::runs::Judged,
    note: &'static str,
}

fn data<'a>(html: &mut Html, caption: &str, rows: impl Iterator<Item = Row<'a>>) {
    let columns = [
        Column::text("Run"),
        Column::text("Began"),
        Column::text("Result"),
        Column::number("Duration"),
        Column::text("Change"),
        Column::number("Median before"),
        Column::number("Difference"),
        Column::number("Relative"),
    ];
    html.within("details", &[], |html| {
        html.element("summary", &[], "Data");
        draw::table(html, caption, &columns, None, |html| {
            for Row { folder, start_time, result, ns, judged, note } in rows {
                draw::row(html, |html| {
                    draw::name(html, |html| draw_run(html, folder));
                    draw::cell(html, "", &utc(start_time, 0));
                    let (text, class) = draw::result(result);
                    draw::cell(html, class, &text);
                    draw::number(html, &maybe_duration(ns));
                    draw::change(html, judged.change, note);
                    let both = judged.typical.map(|typical| typical.median_ns).zip(ns);
                    draw::number(html, &maybe_duration(judged.typical.map(|typical| typical.median_ns)));
                    draw::number(html, &both.map_or(NONE.into(), |(then, now)| signed_duration(then, now)));
                    draw::number(html, &both.map_or(NONE.into(), |(then, now)| change(then, now)));
                });
            }
        });
    });
    html.newline();
}

fn one_stage(html: &mut Html, found: &Trends, stage: &StageTrend) {
    html.element("h2", &[], "Duration");
    let text = "From the stage's first attempt to its end, where it was executed and succeeded. What is typical comes from the runs before \
                that succeeded.";
    html.element("p", &[("class", "aside")], text);
    steps::steps(html, found, &stage.steps, "Its duration");
    let both = || found.runs.iter().zip(&stage.points);
    let counts = |run: &crate::runs::TrendRun| run.result == "success";
    let points: Vec<Point<'_>> = both()
        .map(|(run, point)| Point {
            folder: &run.folder,
            start_time: run.start_time,
            ns: point.duration_ns,
            mark: if counts(run) { Mark::of(point.judged.change) } else { Mark::Failed },
            typical: point.judged.typical,
            usual: point.judged.usual_ns,
            title: title(&run.folder, &run.result, point.duration_ns, point.judged.change, None),
        })
        .collect();
    let label = summary("Duration of the stage", &points, &stage.steps);
    figure(html, "Duration of the stage in each run", &label, &points, &stage.steps);
    let mut rows: Vec<Row<'_>> = both()
        .map(|(run, point)| Row {
            folder: &run.folder,
            start_time: run.start_time,
            result: point.result.as_deref().unwrap_or(NONE),
            ns: point.duration_ns,
            judged: point.judged,
            note: NONE,
        })
        .collect();
    rows.reverse();
    data(html, "Duration of the stage in each run", rows.into_iter());
    facts(html, stage);
    if let Some((run, _)) = both().rev().find(|(_, point)| point.duration_ns.is_some())
        && let Some(address) = draw::run_address(&run.folder)
    {
        html.within("p", &[], |html| html.element("a", &[("href", &address)], "The newest run that executed it"));
    }
}

fn facts(html: &mut Html, stage: &StageTrend) {
    let facts = [
        ("Executed and succeeded", count(stage.executed, "run")),
        ("Failed", count(stage.failed, "run")),
        ("Share of stage time", percent(stage.share)),
        ("Typical", maybe_duration(stage.typical.map(|typical| typical.median_ns))),
    ];
    html.within("dl", &[("class", "facts")], |html| {
        for (name, value) in facts {
            html.within("div", &[], |html| {
                html.element("dt", &[], name);
                html.element("dd", &[], &value);
            });
        }
    });
    html.newline();
}
