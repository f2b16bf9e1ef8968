//! `/findings`: what plugins found in the runs of a pipeline, and since when.

use super::draw::{self, Asked, Column};
use super::words::draw_run;
use super::{Area, Page};
use crate::clock::utc;
use crate::report::clip;
use crate::report::html::Html;
use crate::runs::{
    FINDING_RUNS_DEFAULT, FINDING_RUNS_MAX, FindingSeverity, FindingTrend, Findings, FindingsQuery, PipelineRuns,
    Standing, UnreadReport, findings,
};
use crate::serve::answer::Problem;
use crate::serve::app::App;
use crate::serve::params::Params;
use crate::units::{NONE, count, integer};

const PATH: &str = "/findings";
/// Findings of the table.
const SHOWN: usize = 500;
/// Runs whose findings are not known that are named.
const UNREAD_SHOWN: usize = 20;
/// Characters of a finding.
const TEXT_MAX: usize = 1_000;

/// The page.
///
/// # Errors
/// 400 and 404 where the query names what can't be, or is not there.
pub(in crate::serve) fn page(app: &App, query: &Params) -> Result<Page, Problem> {
    let runs = query.number("runs", FINDING_RUNS_DEFAULT, 1..=FINDING_RUNS_MAX)?;
    let severity = word(query, "severity", &["error", "warning", "info"], FindingSeverity::of_word)?;
    let standing = word(query, "standing", &Standing::ALL.map(Standing::word), Standing::of_word)?;
    let entries = draw::entries(app);
    let of = match draw::asked(&entries, query)? {
        Asked::One(of) => of,
        Asked::Any(pipelines) => return Ok(draw::choice("Findings", Area::Findings, PATH, pipelines)),
    };
    let asked = FindingsQuery {
        pipeline: &of.pipeline,
        profile: of.profile.as_deref(),
        runs,
        severity,
        report: query.get("report"),
        text: query.get("text"),
        standing,
    };
    let found = findings(app.root(), app.findings(), entries.iter().map(|indexed| &indexed.entry), &asked);
    let mut body = Html::default();
    filters(&mut body, &of, query, &found, runs);
    told(&mut body, &found);
    table(&mut body, &found);
    runs_without(&mut body, &found);
    let title = format!("Findings of {}", draw::pipeline(&of.pipeline, of.profile.as_deref()));
    Ok(Page::new(title, Area::Findings, body).with_json(found))
}

/// A value of the query that has to be one of a few words.
fn word<T>(query: &Params, name: &str, words: &[&str], of: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
    let Some(word) = query.get(name) else { return Ok(None) };
    let wrong = || Problem::bad_request(format!("`{name}` must be one of {}", words.join(", ")));
    of(word).map(Some).ok_or_else(wrong)
}

fn filters(html: &mut Html, of: &PipelineRuns, query: &Params, found: &Findings, runs: usize) {
    draw::form(html, PATH, query, &["pipeline", "profile"], |html| {
        draw::number_field(html, "runs", "Newest runs", runs, FINDING_RUNS_MAX);
        let severities = [("", "any"), ("error", "error"), ("warning", "warning"), ("info", "note")];
        draw::select(html, "severity", "Severity", &severities, query.get("severity").unwrap_or_default());
        let standings = Standing::ALL.map(|standing| (standing.word(), standing.word()));
        let standings: Vec<(&str, &str)> = [("", "any")].into_iter().chain(standings).collect();
        draw::select(html, "standing", "Standing", &standings, query.get("standing").unwrap_or_default());
        let chosen = query.get("report").unwrap_or_default();
        let known = found.reports.iter().map(String::as_str).filter(|report| draw::is_value(report));
        let mut reports: Vec<(&str, &str)> = [("", "any")].into_iter().chain(known.map(|id| (id, id))).collect();
        if !reports.iter().any(|(value, _)| *value == chosen) {
            reports.push((chosen, chosen));
        }
        draw::select(html, "report", "Report", &reports, chosen);
        html.within("label", &[], |html| {
            html.spaced("Text ");
            let text = query.get("text").unwrap_or_default();
            html.void("input", &[("type", "search"), ("name", "text"), ("value", text)]);
        });
    });
    html.within("p", &[("class", "tools")], |html| {
        draw::linked(html, &draw::pipeline_address(PATH, of), "All of its findings");
        draw::linked(html, &draw::pipeline_address("/trends", of), "Trends of this pipeline");
        draw::linked(html, PATH, "Other pipelines");
    });
    html.newline();
}

/// How many stand how, in one line.
fn told(html: &mut Html, found: &Findings) {
    let read = found.runs.iter().filter(|run| run.problem.is_none()).count();
    let by = |standing: Standing| found.findings.iter().filter(|finding| finding.standing == standing).count();
    let parts: Vec<String> = Standing::ALL
        .into_iter()
        .map(|standing| (by(standing), standing))
        .filter(|(n, _)| *n > 0)
        .map(|(n, standing)| format!("{} {}", integer(n as u64), standing.word()))
        .collect();
    let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    let older = if found.older > 0 {
        format!(" (of {})", integer((found.older + found.runs.len()) as u64))
    } else {
        String::new()
    };
    let text = format!("{} in {}{older}{parts}.", count(found.total, "finding"), count(read, "run"));
    html.element("p", &[("class", "headline")], &text);
    if found.unread > 0 {
        let text = format!("+{} in reports that have too many of them.", count(found.unread, "more finding"));
        html.element("p", &[("class", "aside")], &text);
    }
}

fn table(html: &mut Html, found: &Findings) {
    if found.findings.is_empty() {
        return html.element("p", &[], "No finding is like that.");
    }
    let columns = [
        Column::text("Standing"),
        Column::text("Severity"),
        Column::text("Subject"),
        Column::text("Finding"),
        Column::text("Report"),
        Column::text("Plugin"),
        Column::text("First seen"),
        Column::text("Last seen"),
        Column::number("Runs"),
    ];
    draw::table(html, "Findings", &columns, None, |html| {
        found.findings.iter().take(SHOWN).for_each(|finding| row(html, found, finding));
    });
    if found.total > SHOWN {
        let more = found.total - SHOWN.min(found.findings.len());
        html.element("p", &[("class", "aside")], &format!("+{}; narrow the filters.", count(more, "more finding")));
    }
    let text = "New: no earlier run of these has it. Returned: the run before did not have it. Unchecked: its report failed or was not made \
                in the newest run. Gone: the newest run does not have it any more. Runs: those that have it, of those whose report came to \
                an end.";
    html.element("p", &[("class", "aside")], text);
}

fn row(html: &mut Html, found: &Findings, finding: &FindingTrend) {
    let (standing, class) = match finding.standing {
        Standing::New => ("+ new", "warning"),
        Standing::Returned => ("↻ returned", "warning"),
        Standing::Standing => ("= standing", ""),
        Standing::Unchecked => ("? unchecked", "quiet"),
        Standing::Gone => ("− gone", "good"),
    };
    let (severity, tone) = match finding.severity {
        FindingSeverity::Error => ("✗ error", "bad"),
        FindingSeverity::Warning => ("⚠ warning", "warning"),
        FindingSeverity::Info => ("ℹ note", ""),
    };
    draw::row(html, |html| {
        draw::name(html, |html| html.element("span", &[("class", class)], standing));
        draw::cell(html, tone, severity);
        draw::cell(html, "w", if finding.subject.is_empty() { NONE } else { &finding.subject });
        html.element("td", &[("class", "w")], &clip(&finding.text, TEXT_MAX));
        draw::cell(html, "", &finding.report);
        draw::cell(html, "", &finding.plugin);
        for at in [finding.first_run, finding.last_run] {
            html.within("td", &[], |html| {
                if let Some(run) = found.runs.get(at) {
                    match draw::run_address(&run.folder) {
                        Some(address) => {
                            // The time below the date: eight columns are as many as a screen has room for.
                            let start = utc(run.start_time, 0).replace('T', " ");
                            html.element("a", &[("href", &address), ("title", &run.folder)], &start);
                        }
                        None => html.text(&clip(&run.folder, 200)),
                    }
                }
            });
        }
        draw::number(html, &format!("{} of {}", finding.runs, finding.of_runs));
    });
}

/// Runs whose findings are not known, and why.
fn runs_without(html: &mut Html, found: &Findings) {
    let unread: Vec<(&str, UnreadReport)> =
        found.runs.iter().rev().filter_map(|run| Some((run.folder.as_str(), run.problem?))).collect();
    if unread.is_empty() {
        return;
    }
    html.within("details", &[], |html| {
        html.element("summary", &[], &format!("{} without findings that can be read", count(unread.len(), "run")));
        html.within("ul", &[], |html| {
            for (folder, problem) in unread.iter().take(UNREAD_SHOWN) {
                html.within("li", &[], |html| {
                    draw_run(html, folder);
                    html.spaced(&format!(": {}", problem.words()));
                });
            }
        });
        if unread.len() > UNREAD_SHOWN {
            let text = format!("+{}", count(unread.len() - UNREAD_SHOWN, "more run"));
            html.element("p", &[("class", "aside")], &text);
        }
    });
}
