//! The whole report as one page: `forensic_report.html`, a file that needs no network, and the same page on a server. All of
//! it is readable without a script. One script of the host's own adds the dashboard, from data that stands in the page; a
//! browser is told to run no other ([`style::policy`]).
//!
//! | module | job |
//! |---|---|
//! | `markup` | elements and escaped text, the only way to write any |
//! | `words` | the host's own words, and text in paragraphs |
//! | `frame` | the frame around a plugin's document |
//! | `document`, `table`, `chart` | a plugin's blocks |
//! | `data` | what the dashboard draws |
//! | `style` | the style sheet, the script and the policy |
//!
//! Names on the page (`id`) are `health`, `dashboard`, `reports`, `report-N`, `cN-M…`, `files` and `data`; none of them holds
//! anybody's text.

pub(crate) mod chart;
pub(super) mod data;
mod document;
mod frame;
pub(crate) mod markup;
pub(crate) mod style;
mod table;
pub(crate) mod words;

use super::frame::{allot, name};
use super::model::line;
use super::{ReportInput, health};
use crate::directory::{REPORTS, TRACE};
use crate::plugin::document::HealthDetail;
use crate::trace::Columns;
use crate::units::count;
use data::PageData;
use document::anchor;
pub(crate) use markup::{Attributes, Html};
use std::borrow::Cow;

use style::Reach;

/// What is readable without a script stays below this; what does not fit is left out and counted.
pub(super) const STATIC_MAX: usize = 4 << 20;
/// The dashboard's data stays below this, likewise.
pub(super) const DATA_MAX: usize = 12 << 20;
/// The script stays below this: `host/build/bundle.rs` sees to that.
pub(super) const CODE_MAX: usize = 80 << 10;
/// What one report may take.
const REPORT_MAX: usize = 1 << 20;
/// What Pipeline Health may take, so that reports have some room, too.
const HEALTH_MAX: usize = 2 << 20;
/// Room for the end of the page: its files, and the elements around data and script.
const CLOSING: usize = 3 << 10;
/// What a report is allotted beyond its size, so that what fitted once fits again.
const SLACK: usize = 4 << 10;
/// Reports that the contents name.
const CONTENTS_MAX: usize = 40;
/// More reports than that are named where one asks for it.
const CONTENTS_SHOWN: usize = 6;

/// Where a page stands. By default it is the file in the run directory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Home<'a> {
    /// What stands above its title, such as the navigation of a server.
    pub(crate) header: Option<&'a Html>,
    /// Attributes of `<html>` beside its language, from which the script learns where it is: `data-live` while the run goes on.
    pub(crate) attributes: Attributes<'a>,
    /// Where the addresses of the run's files begin, with the slash at the end: a path below the run directory follows. `None`:
    /// relative to the file's own place.
    pub(crate) files: Option<&'a str>,
    /// Where the addresses of other runs' pages begin, likewise: a run's id follows. `None`: their own files.
    pub(crate) runs: Option<&'static str>,
    /// What the page may talk to.
    pub(crate) reach: Reach,
}

impl Home<'_> {
    /// The address of a file of the run.
    fn file(&self, path: &str) -> String {
        match (self.files, path.split_once('/')) {
            (Some(files), _) => format!("{files}{path}"),
            (None, Some((REPORTS, name))) => name.to_owned(),
            (None, _) => format!("../{path}"),
        }
    }
}

/// What parts of the page are drawn from.
struct Sheet<'a> {
    input: &'a ReportInput<'a>,
    runs: Option<&'static str>,
}

impl Sheet<'_> {
    /// A piece of this page.
    fn piece(&self) -> Html {
        Html::among(self.runs)
    }
}

/// What the dashboard draws, as it stands on the page.
pub(super) fn data(input: &ReportInput<'_>, columns: Option<Cow<'_, Columns>>) -> Option<String> {
    PageData::of(input, columns, DATA_MAX).json.map(|json| json.text().to_owned())
}

/// The page: less than [`STATIC_MAX`] bytes, and the data and code of the dashboard.
pub(super) fn report(input: &ReportInput<'_>, columns: Option<Cow<'_, Columns>>, home: &Home<'_>) -> String {
    let sheet = Sheet { input, runs: home.runs };
    let data = PageData::of(input, columns, DATA_MAX);
    let record = input.record;
    let run = name(input.summary.and_then(|summary| summary.run.id.as_deref()).unwrap_or(&record.run_id));
    let title = if run.trim().is_empty() { "Forensic report".into() } else { format!("Forensic report of run {run}") };
    let attributes: Vec<_> = [("lang", "en")].iter().chain(home.attributes).copied().collect();
    let mut page = sheet.piece();
    page.within("html", &attributes, |page| {
        head(page, &title, home.reach);
        page.newline();
        page.within("body", &[], |page| {
            if let Some(header) = home.header {
                page.append(header);
                page.newline();
            }
            page.within("header", &[], |page| {
                page.element("h1", &[], &title);
                contents(page, input);
            });
            page.newline();
            page.within("main", &[], |page| {
                page.append(&pipeline_health(&sheet, &data));
                reports(page, &sheet);
                files(page, home);
            });
            page.newline();
            if let Some(json) = &data.json {
                page.data("data", json);
                page.newline();
            }
            page.script(style::SCRIPT);
        });
    });
    page.page()
}

/// The head of every page of ours.
pub(crate) fn head(page: &mut Html, title: &str, reach: Reach) {
    page.within("head", &[], |page| {
        page.void("meta", &[("charset", "utf-8")]);
        page.void("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &style::policy(reach))]);
        page.void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
        page.void("meta", &[("name", "referrer"), ("content", "no-referrer")]);
        page.element("title", &[], title);
        page.style(style::CSS);
        if reach == Reach::Origin {
            page.style(style::PAGES_CSS);
        }
    });
}

fn contents(page: &mut Html, input: &ReportInput<'_>) {
    let entry = |page: &mut Html, href: &str, text: &str| {
        page.within("li", &[], |page| page.element("a", &[("href", href)], text));
    };
    let reports = |page: &mut Html| {
        for (at, section) in input.sections.iter().take(CONTENTS_MAX).enumerate() {
            entry(page, &format!("#{}", anchor(at + 1)), &name(&section.report_id));
        }
    };
    let many = input.sections.len() > CONTENTS_SHOWN;
    page.within("nav", &[("aria-label", "Contents")], |page| {
        page.within("ul", &[], |page| {
            entry(page, "#health", "Pipeline Health");
            if !input.sections.is_empty() {
                entry(page, "#reports", "Reports");
            }
            if !many {
                reports(page);
            }
            entry(page, "#files", "Files of this run");
        });
        if many {
            page.within("details", &[], |page| {
                page.element("summary", &[], &format!("The {}", count(input.sections.len(), "report")));
                page.within("ul", &[], reports);
            });
        }
    });
}

/// All of it, or less where hostile names and messages blow it up. The dashboard's place is empty until the script fills it.
fn pipeline_health(sheet: &Sheet<'_>, data: &PageData) -> Html {
    let draw = |detail| {
        let mut html = sheet.piece();
        html.within("section", &[("id", "health")], |html| {
            let [before, stages, behind] = health::tell_page(sheet.input, detail);
            words::draw(html, &before, 2);
            if data.json.is_some() {
                html.element("div", &[("id", "dashboard"), ("hidden", "")], "");
                html.newline();
            }
            if data.too_large {
                let text = "There is no dashboard on this page, because its data would be too large; all of it is in \
                            forensic_report.json under `columns`.";
                html.element("p", &[("class", "aside")], text);
            }
            // The dashboard has a table of all stages; the script hides this one.
            html.within("div", &[("class", "plain")], |html| words::draw(html, &stages, 2));
            words::draw(html, &behind, 2);
            if detail != HealthDetail::Full {
                let text = "Pipeline Health is shortened, because it would be too large; all of it is in \
                            forensic_report.json.";
                html.element("p", &[("class", "aside")], text);
            }
        });
        html.newline();
        html
    };
    let full = draw(HealthDetail::Full);
    if full.len() <= HEALTH_MAX {
        return full;
    }
    let stages = draw(HealthDetail::Stages);
    if stages.len() <= HEALTH_MAX { stages } else { draw(HealthDetail::Headline) }
}

/// The run's other files, for whoever wants to go on with them.
fn files(page: &mut Html, home: &Home<'_>) {
    const FILES: [(&str, &str, &str); 3] = [
        ("reports/forensic_report.md", "forensic_report.md", "this report as Markdown"),
        ("reports/forensic_report.json", "forensic_report.json", "all its numbers, for programs"),
        (TRACE, "forensic_trace.json", "the trace that all of it is drawn from"),
    ];
    page.within("section", &[("id", "files")], |page| {
        page.element("h2", &[], "Files of this run");
        page.within("ul", &[], |page| {
            for (path, name, what) in FILES {
                page.within("li", &[], |page| {
                    page.element("a", &[("href", &home.file(path))], name);
                    page.spaced(": ");
                    page.text(what);
                });
            }
        });
    });
}

fn reports(page: &mut Html, sheet: &Sheet<'_>) {
    let input = sheet.input;
    if input.sections.is_empty() {
        return words::aside(page, &line!("The pipeline has no report stage."));
    }
    page.within("section", &[("id", "reports")], |page| {
        page.element("h2", &[], "Reports");
        frame::list(page, input.sections);
    });
    page.newline();
    let numbered = || input.sections.iter().zip(1..);
    let room = STATIC_MAX.saturating_sub(page.len() + CLOSING);
    let mut kept: Vec<Html> = Vec::new();
    let mut wanted: Vec<usize> = Vec::new();
    for (section, number) in numbered() {
        let made = frame::draw(sheet, section, number, REPORT_MAX);
        wanted.push(made.len() + SLACK);
        // Where all do not fit, they are drawn again, smaller: no need to hold them.
        if wanted.iter().sum::<usize>() <= room {
            kept.push(made);
        }
    }
    if kept.len() < input.sections.len() {
        let allotted = allot(&wanted, room);
        kept = Vec::new();
        let mut left = room;
        for ((section, number), allotted) in numbered().zip(allotted) {
            let made = frame::draw(sheet, section, number, allotted);
            if made.len() <= left {
                left -= made.len();
                kept.push(made);
            }
        }
    }
    kept.iter().for_each(|made| page.append(made));
    let left_out = input.sections.len() - kept.len();
    if left_out > 0 {
        let reports = count(left_out, "more report");
        words::aside(page, &line!("No room for {}; each has a Markdown file of its own beside this one.", reports));
    }
}
