//! `forensic_report.html`: the whole report as one file that needs no network and runs no script, and that a browser is
//! told to keep so ([`style::policy`]).
//!
//! | module | job |
//! |---|---|
//! | `markup` | elements and escaped text, the only way to write any |
//! | `words` | the host's own words, and text in paragraphs |
//! | `frame` | the frame around a plugin's document |
//! | `document`, `table`, `chart` | a plugin's blocks |
//! | `style` | the style sheet and the policy |
//!
//! Names on the page (`id`) are `health`, `reports`, `report-N` and `cN-M…`; none of them holds anybody's text.

mod chart;
mod document;
mod frame;
mod markup;
mod style;
mod table;
mod words;

use super::frame::{allot, name};
use super::model::line;
use super::{ReportInput, health};
use crate::plugin::document::HealthDetail;
use crate::units::count;
use document::anchor;
use markup::Html;

/// The file stays below this; what does not fit is left out and counted.
pub(super) const HTML_MAX: usize = 4 << 20;
/// What one report may take.
const REPORT_MAX: usize = 1 << 20;
/// What Pipeline Health may take, so that reports have some room, too.
const HEALTH_MAX: usize = 2 << 20;
/// Room for the end of the page.
const CLOSING: usize = 1 << 10;
/// What a report is allotted beyond its size, so that what fitted once fits again.
const SLACK: usize = 4 << 10;
/// Reports that the contents name.
const CONTENTS_MAX: usize = 40;

/// `forensic_report.html`, less than [`HTML_MAX`] bytes.
pub(super) fn report(input: &ReportInput<'_>) -> String {
    let record = input.record;
    let run = name(input.summary.and_then(|summary| summary.run.id.as_deref()).unwrap_or(&record.run_id));
    let title = if run.trim().is_empty() { "Forensic report".into() } else { format!("Forensic report of run {run}") };
    let mut page = Html::default();
    page.within("html", &[("lang", "en")], |page| {
        head(page, &title);
        page.newline();
        page.within("body", &[], |page| {
            page.within("header", &[], |page| {
                page.element("h1", &[], &title);
                contents(page, input);
            });
            page.newline();
            page.within("main", &[], |page| {
                page.append(&pipeline_health(input));
                reports(page, input);
            });
        });
    });
    page.page()
}

fn head(page: &mut Html, title: &str) {
    page.within("head", &[], |page| {
        page.void("meta", &[("charset", "utf-8")]);
        page.void("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &style::policy())]);
        page.void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
        page.void("meta", &[("name", "referrer"), ("content", "no-referrer")]);
        page.element("title", &[], title);
        page.style(style::CSS);
    });
}

fn contents(page: &mut Html, input: &ReportInput<'_>) {
    page.within("nav", &[("aria-label", "Contents")], |page| {
        page.within("ul", &[], |page| {
            let mut entry = |href: &str, text: &str| {
                page.within("li", &[], |page| page.element("a", &[("href", href)], text));
            };
            entry("#health", "Pipeline Health");
            if !input.sections.is_empty() {
                entry("#reports", "Reports");
            }
            for (at, section) in input.sections.iter().take(CONTENTS_MAX).enumerate() {
                entry(&format!("#{}", anchor(at + 1)), &name(&section.report_id));
            }
        });
    });
}

/// All of it, or less where hostile names and messages blow it up.
fn pipeline_health(input: &ReportInput<'_>) -> Html {
    let draw = |detail| {
        let mut html = Html::default();
        html.within("section", &[("id", "health")], |html| {
            words::draw(html, &health::tell(input, detail, false), 2);
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

fn reports(page: &mut Html, input: &ReportInput<'_>) {
    if input.sections.is_empty() {
        return words::aside(page, &line!("The pipeline has no report stage."));
    }
    page.within("section", &[("id", "reports")], |page| {
        page.element("h2", &[], "Reports");
        frame::list(page, input.sections);
    });
    page.newline();
    let numbered = || input.sections.iter().zip(1..);
    let room = HTML_MAX.saturating_sub(page.len() + CLOSING);
    let mut kept: Vec<Html> = Vec::new();
    let mut wanted: Vec<usize> = Vec::new();
    for (section, number) in numbered() {
        let made = frame::draw(input, section, number, REPORT_MAX);
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
            let made = frame::draw(input, section, number, allotted);
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
