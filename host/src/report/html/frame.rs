//! The frame around a plugin's document on the page: who made it, how that went, and where it ends.

use super::Sheet;
use super::document::{self, anchor};
use super::markup::Html;
use super::words::{self, aside, callout};
use crate::plugin::document::Severity;
use crate::report::escape::{clip, visible};
use crate::report::frame::{FAILURE_MAX, LIMITS_MAX, LIST_MAX, LOG_LINE_MAX, LOG_LINES, level, name, status};
use crate::report::model::{Grid, Item, Items, Line, Tone, line};
use crate::report::{Failure, FindingCounts, Section, Status};
use crate::units::{NONE, count, integer};

/// The list of reports.
pub(super) fn list(html: &mut Html, sections: &[Section]) {
    let mut grid = Grid::new(&["Report", "Status", "Findings", "Plugin", "Digest", "Fuel>"]);
    for section in sections.iter().take(LIST_MAX) {
        let plugin = &section.plugin;
        let named = format!("{} {}", or_none(&plugin.name), or_none(&plugin.version));
        grid.row([
            or_none(&section.report_id).into(),
            state(section),
            FindingCounts::of(section.document.as_ref()).words().into(),
            named.into(),
            digest(&plugin.digest, 12),
            integer(section.fuel).into(),
        ]);
    }
    words::table(html, &grid, "Reports");
    if sections.len() > LIST_MAX {
        aside(html, &line!("+{} in forensic_report.json.", count(sections.len() - LIST_MAX, "more report")));
    }
}

/// One plugin's document in its frame, in at most `room` bytes (and never less than the frame itself). `number` counts
/// the reports from 1.
pub(super) fn draw(sheet: &Sheet<'_>, section: &Section, number: usize, room: usize) -> Html {
    let mut head = Html::default();
    let title = section.document.as_ref().map(|document| &document.title).filter(|title| !title.trim().is_empty());
    let title = name(title.unwrap_or(&section.plugin.title));
    head.within("h2", &[], |html| {
        html.spaced("Report ");
        html.text(&or_none(&section.report_id));
        if !title.trim().is_empty() {
            html.spaced(" ");
            html.element("small", &[], &title);
        }
    });
    identity(&mut head, section);
    words::draw(&mut head, &limits_hit(section), 2);
    if let Status::Failed(failure) = &section.status {
        failed(&mut head, section, failure);
    }
    let mut html = Html::default();
    html.within("article", &[("class", "report"), ("id", &anchor(number))], |html| {
        html.append(&head);
        if let Some(document) = &section.document {
            html.element("p", &[("class", "whose")], "The host drew all above. What follows is the plugin's account:");
            html.within("div", &[("class", "account")], |html| {
                if document.blocks.is_empty() && document.findings.is_empty() {
                    aside(html, &line!("The document is empty."));
                } else {
                    html.append(&document::draw(document, sheet, number, room.saturating_sub(head.len() + 1_024)));
                }
            });
        }
        html.within("footer", &[], |html| {
            html.spaced("End of report ");
            html.text(&or_none(&section.report_id));
            html.spaced(".");
        });
    });
    html.newline();
    html
}

/// Who made it and how that went.
fn identity(html: &mut Html, section: &Section) {
    let plugin = &section.plugin;
    let limits = if section.limits_hit.is_empty() { "none".into() } else { section.limits_hit.len().to_string() };
    let source = if plugin.source.trim().is_empty() { NONE.into() } else { Line::code(&name(&plugin.source)) };
    let facts: [(&str, Line); 8] = [
        ("Plugin", or_none(&plugin.name).into()),
        ("Version", or_none(&plugin.version).into()),
        ("Status", state(section)),
        ("Findings", FindingCounts::of(section.document.as_ref()).words().into()),
        ("Fuel", integer(section.fuel).into()),
        ("Limits hit", limits.into()),
        ("Source", source),
        ("SHA-256", digest(&plugin.digest, 64)),
    ];
    html.within("dl", &[("class", "facts")], |html| {
        for (word, value) in &facts {
            html.within("div", &[], |html| {
                html.element("dt", &[], word);
                html.within("dd", &[("class", words::tone(value.tone))], |html| words::line(html, value));
            });
        }
    });
}

fn limits_hit(section: &Section) -> Items {
    let limits = section.limits_hit.iter().take(LIMITS_MAX);
    let mut points: Vec<Line> =
        limits.map(|text| line!("⚠ **limit hit**: {}", clip(&visible(text), LOG_LINE_MAX).into_owned())).collect();
    let more = section.limits_hit.len().saturating_sub(LIMITS_MAX);
    if more > 0 {
        points.push(line!("*{} more*", more));
    }
    let mut items = Items::default();
    items.list(points);
    items
}

fn failed(html: &mut Html, section: &Section, failure: &Failure) {
    let parts = [
        ("failed", Some(&failure.text)),
        ("for the operator", failure.operator.as_ref()),
        ("for the plugin's author", failure.author.as_ref()),
    ];
    for (at, (word, text)) in parts.into_iter().enumerate() {
        let Some(text) = text else { continue };
        let severity = if at == 0 { Severity::Error } else { Severity::Info };
        let lead = line!("**{}**: ", word);
        // An empty message still says that it failed.
        let shown = clip(&visible(text), FAILURE_MAX).into_owned();
        let shown = if shown.trim().is_empty() { NONE.to_owned() } else { shown };
        callout(html, severity, |html| words::line(html, &lead), &shown);
    }
    let mut items = Items::default();
    items.paragraph(if section.fails_run {
        line!("The pipeline's owner wants the run to fail with this report (`on_failure = \"fail\"`).")
    } else {
        line!("The run itself is not touched (`on_failure = \"degrade\"`).")
    });
    let skip = section.log.len().saturating_sub(LOG_LINES);
    if !section.log.is_empty() {
        let lines: Vec<String> = section.log[skip..]
            .iter()
            .map(|line| {
                let text = visible(&line.text).replace('\n', " ⏎ ");
                format!("{:<5} {}", level(line.level), clip(&text, LOG_LINE_MAX))
            })
            .collect();
        let dropped = match section.log_dropped {
            0 => String::new(),
            n => format!(", {} dropped", integer(n)),
        };
        items.paragraph(match skip {
            0 => line!("What it logged{}:", dropped),
            _ => line!("The last {} of {} that it logged{}:", LOG_LINES, count(section.log.len(), "line"), dropped),
        });
        items.0.push(Item::Log(lines.join("\n")));
    }
    words::draw(html, &items, 2);
}

fn state(section: &Section) -> Line {
    let tone = match (&section.status, section.document.is_some()) {
        (Status::Ok, true) => Tone::Good,
        (Status::Ok, false) => Tone::Warning,
        (Status::Failed(_), _) => Tone::Bad,
    };
    Line::from(status(section)).with(tone)
}

fn digest(digest: &str, digits: usize) -> Line {
    if digest.is_empty() { NONE.into() } else { Line::code(&digest.chars().take(digits).collect::<String>()) }
}

fn or_none(text: &str) -> String {
    if text.trim().is_empty() { NONE.into() } else { name(text) }
}
