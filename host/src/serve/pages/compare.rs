//! `/compare`: two runs, stage by stage. Without names: the two newest ended runs of a pipeline; with one name, that run and the one
//! after it, or before it where it is the newest.

mod stages;

use std::cmp::Reverse;
use std::sync::Arc;

use hyper::StatusCode;
use stages::Order;

use super::draw::{self, Column};
use super::words::outcome;
use super::{Area, Page};
use crate::clock::utc;
use crate::directory::TRACE;
use crate::report::html::Html;
use crate::report::{Change, SAMPLES_MIN, clip};
use crate::runs::{Diff, Entry, Indexed, Side, StageDiff, State, diff};
use crate::serve::answer::Problem;
use crate::serve::app::App;
use crate::serve::limits::TRACE_MAX;
use crate::serve::params::{Params, link};
use crate::units::{NONE, change, count, duration, maybe_duration, signed_duration};

const PATH: &str = "/compare";
/// Runs that can be chosen from a list.
const CHOICES: usize = 50;
/// Stages of a critical path that are named.
const PATH_MAX: usize = 12;

/// The page.
///
/// # Errors
/// 400 and 404 where a run is not there or can't be compared.
pub(in crate::serve) fn page(app: &App, query: &Params) -> Result<Page, Problem> {
    let entries = draw::entries(app);
    let order = Order::of(query)?;
    let mut body = Html::default();
    let Some((a, b)) = sides(&entries, query)? else {
        body.element(
            "p",
            &[],
            "There are no two runs of one pipeline that have ended. Choose two in the list of runs.",
        );
        return Ok(Page::new("Compare runs", Area::Runs, body));
    };
    let found = compared(app, &a, &b)?;
    choice(&mut body, &entries, query, &found);
    totals(&mut body, &found);
    host(&mut body, &found);
    stages::stages(&mut body, &found, query, order);
    Ok(Page::new(format!("{a} against {b}"), Area::Runs, body).with_json(found))
}

fn compared(app: &App, a: &str, b: &str) -> Result<Diff, Problem> {
    let (a, b) = (app.run(a)?, app.run(b)?);
    for side in [&a, &b] {
        let size = side.dir().symlink_metadata(TRACE).map_or(0, |file| file.len());
        if size > TRACE_MAX {
            let name = side.path().file_name().unwrap_or_default().display().to_string();
            let what = format!("the trace of run {name} is too large for this page, {} bytes", size);
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, what, "Use forensic-host runs diff."));
        }
    }
    diff(app.root(), &a, &b).map_err(|error| Problem::not_found(error.to_string()))
}

/// Which two runs are meant.
fn sides(entries: &[Arc<Indexed>], query: &Params) -> Result<Option<(String, String)>, Problem> {
    let of = |name: &str| {
        let found = entries.iter().map(|indexed| &indexed.entry).find(|entry| entry.folder == name);
        found.ok_or_else(|| Problem::not_found(format!("there is no run {:?} below this root folder", clip(name, 200))))
    };
    let names = |a: &Entry, b: &Entry| Some((a.folder.clone(), b.folder.clone()));
    match (query.get("a"), query.get("b")) {
        (Some(a), Some(b)) => Ok(names(of(a)?, of(b)?)),
        (Some(a), None) => {
            let a = of(a)?;
            let after = newer(entries, a).map(|b| (a, b));
            let pair = after.or_else(|| older(entries, a).map(|before| (before, a)));
            Ok(pair.and_then(|(a, b)| names(a, b)))
        }
        (None, Some(b)) => {
            let b = of(b)?;
            let before = older(entries, b).map(|a| (a, b));
            let pair = before.or_else(|| newer(entries, b).map(|after| (b, after)));
            Ok(pair.and_then(|(a, b)| names(a, b)))
        }
        (None, None) => {
            let wanted = |entry: &&Entry| {
                is_comparable(entry)
                    && query.get("pipeline").is_none_or(|pipeline| entry.pipeline.as_deref() == Some(pipeline))
                    && query.get("profile").is_none_or(|profile| entry.profile.as_deref() == Some(profile))
            };
            let newest = entries.iter().map(|indexed| &indexed.entry).find(wanted);
            Ok(newest.and_then(|b| names(older(entries, b)?, b)))
        }
    }
}

/// Whether a run has ended and can be named in an address.
fn is_comparable(entry: &Entry) -> bool {
    entry.state == State::Ended && draw::run_address(&entry.folder).is_some()
}

/// Ended runs of the same pipeline and profile, newest first.
fn siblings<'a>(entries: &'a [Arc<Indexed>], of: &'a Entry) -> impl DoubleEndedIterator<Item = &'a Entry> {
    entries.iter().map(|indexed| &indexed.entry).filter(|entry| {
        is_comparable(entry)
            && (&entry.pipeline, &entry.profile) == (&of.pipeline, &of.profile)
            && entry.folder != of.folder
    })
}

fn place(entry: &Entry) -> (Option<u64>, &str) {
    (entry.start_time, &entry.folder)
}

fn older<'a>(entries: &'a [Arc<Indexed>], of: &'a Entry) -> Option<&'a Entry> {
    siblings(entries, of).filter(|entry| place(entry) < place(of)).max_by_key(|entry| place(entry))
}

fn newer<'a>(entries: &'a [Arc<Indexed>], of: &'a Entry) -> Option<&'a Entry> {
    siblings(entries, of).filter(|entry| place(entry) > place(of)).min_by_key(|entry| place(entry))
}

/// Other runs to choose, and where else to go.
fn choice(html: &mut Html, entries: &[Arc<Indexed>], query: &Params, found: &Diff) {
    let (a, b) = (&found.a.run, &found.b.run);
    draw::form(html, PATH, query, &["sort", "only"], |html| {
        for (name, label, side) in [("a", "A, the earlier run", a), ("b", "B, the later run", b)] {
            let others = siblings(entries, side).take(CHOICES);
            let mut runs: Vec<&Entry> = others.chain([side]).collect();
            runs.sort_by_key(|entry| Reverse(place(entry)));
            let texts: Vec<String> = runs.iter().map(|entry| described(entry)).collect();
            let options: Vec<(&str, &str)> =
                runs.iter().map(|entry| entry.folder.as_str()).zip(texts.iter().map(String::as_str)).collect();
            draw::select(html, name, label, &options, &side.folder);
        }
    });
    if place(a) > place(b) {
        note(html, "Run A is the newer one: a plus is what the older run took more.");
    } else if a.folder == b.folder {
        note(html, "Both sides are the same run.");
    }
    if (&a.pipeline, &a.profile) != (&b.pipeline, &b.profile) {
        let of = |run: &Entry| draw::pipeline(run.pipeline.as_deref().unwrap_or(NONE), run.profile.as_deref());
        note(html, &format!("These are runs of different pipelines: {} and {}.", of(a), of(b)));
    }
    html.within("p", &[("class", "tools")], |html| {
        for (label, side) in [("Page of run A", a), ("Page of run B", b)] {
            if let Some(address) = draw::run_address(&side.folder) {
                html.element("a", &[("href", &address)], label);
            }
        }
        let swapped = query.with(&[("a", Some(&b.folder)), ("b", Some(&a.folder))]);
        draw::linked(html, &format!("{PATH}{swapped}"), "Swap them");
        let json = link("/compare.json", &[("a", &a.folder), ("b", &b.folder)]);
        draw::linked(html, &json, "Differences as JSON");
    });
    html.newline();
}

fn described(run: &Entry) -> String {
    let start = run.start_time.map_or(NONE.into(), |start| utc(start, 0));
    format!("{} · {start} · {} · {}", run.folder, draw::result(outcome(run)).0, maybe_duration(run.wall_ns))
}

fn note(html: &mut Html, text: &str) {
    html.within("div", &[("class", "callout warning")], |html| html.element("p", &[], text));
}

fn totals(html: &mut Html, found: &Diff) {
    let (a, b) = (&found.a, &found.b);
    html.element("h2", &[], "Totals");
    let walls = a.run.wall_ns.zip(b.run.wall_ns);
    let paths = a.critical_path_ns.zip(b.critical_path_ns);
    let pair =
        |pair: Option<(u64, u64)>| pair.map_or(NONE.into(), |(a, b)| format!("{} → {}", duration(a), duration(b)));
    let by = |pair: Option<(u64, u64)>| {
        pair.map_or(NONE.into(), |(a, b)| format!("{} ({})", signed_duration(a, b), change(a, b)))
    };
    let counted = |fits: &dyn Fn(&StageDiff) -> bool| found.stages.iter().filter(|stage| fits(stage)).count();
    let slower = counted(&|stage| stage.duration == Some(Change::Slower));
    let faster = counted(&|stage| stage.duration == Some(Change::Faster));
    let results = counted(&|stage| stage.result_changed);
    let (new, gone) = (counted(&|stage| stage.a.is_none()), counted(&|stage| stage.b.is_none()));
    let judged = found.wall.map_or("not the same work, so not judged", Change::words);
    html.within("dl", &[("class", "tiles")], |html| {
        let mut tile = |name: &str, value: &str, reading: &str| {
            html.within("div", &[], |html| {
                html.element("dt", &[], name);
                html.element("dd", &[("class", "value")], value);
                html.element("dd", &[("class", "reading")], reading);
            });
        };
        tile("Total duration", &pair(walls), &format!("{}, {judged}", by(walls)));
        tile("Critical path", &pair(paths), &by(paths));
        let (before, after) = (draw::result(outcome(&a.run)).0, draw::result(outcome(&b.run)).0);
        match before == after {
            true => tile("Result", &after, "the same"),
            false => tile("Result", &format!("{before} → {after}"), "changed"),
        }
        tile("Stages beyond noise", &format!("▲ {slower}, ▼ {faster}"), "slower, faster");
        tile(
            "Results changed",
            &count(results, "stage"),
            &format!("{} new, {} gone", count(new, "stage"), count(gone, "stage")),
        );
        tile("Pipeline file", if found.pipeline_changed { "changed" } else { "the same" }, &commits(a, b));
    });
    html.newline();
    critical_path(html, a, b);
    for (label, side) in [("A", a), ("B", b)] {
        if let Some(problem) = &side.trace_problem {
            note(html, &format!("Of run {label} only the record is known, not its attempts: {}.", clip(problem, 400)));
        }
    }
    if found.noise_runs < SAMPLES_MIN {
        let runs = count(found.noise_runs as usize, "run");
        let text = format!(
            "Durations are told from noise where there are {SAMPLES_MIN} successful runs or more; there are {runs}."
        );
        html.element("p", &[("class", "aside")], &text);
    }
}

fn commits(a: &Side, b: &Side) -> String {
    let short = |commit: &Option<String>| commit.as_deref().map_or(NONE.into(), |commit| clip(commit, 13).into_owned());
    match (&a.commit, &b.commit) {
        (None, None) => "no commit is known".into(),
        (a, b) if a == b => format!("commit {}", short(a)),
        (a, b) => format!("commit {} → {}", short(a), short(b)),
    }
}

fn critical_path(html: &mut Html, a: &Side, b: &Side) {
    let named = |ids: &[String]| {
        let mut names: Vec<String> = ids.iter().take(PATH_MAX).map(|id| clip(id, 60).into_owned()).collect();
        if ids.len() > PATH_MAX {
            names.push(format!("… {} more", ids.len() - PATH_MAX));
        }
        names.join(" → ")
    };
    match (a.critical_path.is_empty(), b.critical_path.is_empty()) {
        (true, true) => {}
        _ if a.critical_path == b.critical_path => {
            html.element("p", &[], &format!("Critical path, the same in both: {}", named(&a.critical_path)));
        }
        _ => {
            html.element("p", &[], &format!("Critical path in A: {}", named(&a.critical_path)));
            html.element("p", &[], &format!("Critical path in B: {}", named(&b.critical_path)));
        }
    }
}

fn host(html: &mut Html, found: &Diff) {
    html.element("h2", &[], "Host and machine");
    if found.host.is_empty() {
        return html.element("p", &[], "The same in both.");
    }
    draw::table(html, "Host and machine", &["What", "A", "B"].map(Column::text), None, |html| {
        for change in &found.host {
            draw::row(html, |html| {
                draw::name(html, |html| html.text(change.what));
                draw::cell(html, "w", change.a.as_deref().unwrap_or(NONE));
                draw::cell(html, "w", change.b.as_deref().unwrap_or(NONE));
            });
        }
    });
}
