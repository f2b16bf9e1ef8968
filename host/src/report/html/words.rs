//! The host's own words ([`model`](super::super::model)) into HTML, and text from elsewhere into paragraphs.

use super::markup::Html;
use crate::plugin::document::Severity;
use crate::report::escape::visible;
use crate::report::model::{Grid, Item, Items, Line, Metric, Style, Tone, report_of};
use crate::report::severity;
use std::borrow::Cow;

/// Elements of headings; deeper ones share the last.
const HEADINGS: [&str; 6] = ["h1", "h2", "h3", "h4", "h5", "h6"];

/// Marks that need a font of pictures, and letters that every font has in their places. The word beside them stays.
const SIGNS: [(char, char); 6] = [('✅', '✓'), ('❌', '✗'), ('⏱', '✗'), ('⛔', '■'), ('⏭', '»'), ('❔', '?')];

/// The text with such a letter where it begins with a mark of the host's.
pub(super) fn signed(text: &str) -> Cow<'_, str> {
    let mut letters = text.chars();
    match letters.next().and_then(|first| SIGNS.iter().find(|(mark, _)| *mark == first)) {
        Some((_, sign)) => format!("{sign}{}", letters.as_str()).into(),
        None => text.into(),
    }
}

/// Draws items; a heading of level 0 has `level`.
pub(crate) fn draw(html: &mut Html, items: &Items, level: usize) {
    // What a table is about, for those who don't see the heading above it.
    let mut about = String::new();
    for item in &items.0 {
        match item {
            Item::Heading(below, text) => {
                about = plain(text);
                html.within(heading(level + usize::from(*below)), &[], |html| line(html, text));
            }
            Item::Headline(text) => html.within("p", &[("class", headline(text.tone))], |html| line(html, text)),
            Item::Paragraph(text) => html.within("p", &[], |html| line(html, text)),
            Item::Aside(text) => aside(html, text),
            Item::Text(lead, text) => paragraphs(html, |html| line(html, lead), text),
            Item::Callout(of, lead, text) => callout(html, *of, |html| line(html, lead), text),
            Item::List(points) => list(html, "ul", points),
            Item::Numbered(points) => list(html, "ol", points),
            Item::Table(grid) => table(html, grid, &about),
            Item::Metrics(metrics) => tiles(html, metrics),
            Item::Log(text) => html.within("pre", &[("class", "log")], |html| html.lines(text)),
        }
        html.newline();
    }
}

pub(crate) fn heading(level: usize) -> &'static str {
    HEADINGS[level.clamp(1, HEADINGS.len()) - 1]
}

/// A remark of the host's.
pub(crate) fn aside(html: &mut Html, text: &Line) {
    html.within("p", &[("class", "aside")], |html| line(html, text));
}

pub(crate) fn line(html: &mut Html, of: &Line) {
    for (at, (style, text)) in of.spans().enumerate() {
        // Text from elsewhere never begins a line that is meant some way: there the host's mark stands.
        let text = &*if at == 0 && of.tone != Tone::Plain { signed(text) } else { text.into() };
        match style {
            Style::Plain => html.spaced(text),
            Style::Strong => html.within("strong", &[], |html| html.spaced(text)),
            Style::Emphasis => html.within("em", &[], |html| html.spaced(text)),
            Style::Code => html.within("code", &[], |html| html.spaced(text)),
            Style::Run => {
                let href =
                    html.runs().map_or_else(|| format!("{}.html", report_of(text)), |runs| format!("{runs}{text}"));
                html.element("a", &[("href", &href)], text);
            }
        }
    }
}

/// Text as paragraphs: blank lines part them, other line breaks are kept. The host's `lead` stands before the first.
pub(crate) fn paragraphs(html: &mut Html, lead: impl FnOnce(&mut Html), text: &str) {
    let shown = visible(text);
    let mut parts: Vec<Vec<&str>> = vec![Vec::new()];
    for line in shown.lines().map(str::trim) {
        match parts.last_mut() {
            Some(part) if !line.is_empty() => part.push(line),
            Some(part) if !part.is_empty() => parts.push(Vec::new()),
            _ => {}
        }
    }
    if parts.len() > 1 && parts.last().is_some_and(Vec::is_empty) {
        parts.pop();
    }
    let mut lead = Some(lead);
    for part in parts {
        html.within("p", &[], |html| {
            if let Some(lead) = lead.take() {
                lead(html);
            }
            for (at, line) in part.iter().enumerate() {
                if at > 0 {
                    html.void("br", &[]);
                }
                html.text(line);
            }
        });
    }
}

pub(crate) fn callout(html: &mut Html, of: Severity, lead: impl FnOnce(&mut Html), text: &str) {
    let class = match of {
        Severity::Info => "callout note",
        Severity::Warning => "callout warning",
        Severity::Error => "callout bad",
    };
    html.within("div", &[("class", class)], |html| {
        paragraphs(
            html,
            |html| {
                html.spaced(&signed(severity(of).0));
                html.spaced(" ");
                lead(html);
            },
            text,
        );
    });
}

pub(crate) fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "",
        Tone::Good => "good",
        Tone::Warning => "warning",
        Tone::Bad => "bad",
        Tone::Quiet => "quiet",
    }
}

fn headline(of: Tone) -> &'static str {
    match of {
        Tone::Good => "headline good",
        Tone::Warning => "headline warning",
        Tone::Bad => "headline bad",
        Tone::Quiet | Tone::Plain => "headline quiet",
    }
}

fn plain(text: &Line) -> String {
    text.spans().map(|(_, text)| text).collect()
}

fn list(html: &mut Html, tag: &'static str, points: &[Line]) {
    html.within(tag, &[], |html| {
        for point in points {
            html.within("li", &[], |html| line(html, point));
        }
    });
}

/// A table of the host's. Its first column names the rows.
pub(crate) fn table(html: &mut Html, grid: &Grid, caption: &str) {
    let class = |right: bool| if right { "n" } else { "" };
    scrolled(html, |html| {
        html.element("caption", &[("class", "vh")], caption);
        html.within("thead", &[], |html| {
            html.within("tr", &[], |html| {
                for (title, right) in &grid.head {
                    html.element("th", &[("scope", "col"), ("class", class(*right))], title);
                }
            });
        });
        html.within("tbody", &[], |html| {
            for row in &grid.rows {
                html.within("tr", &[], |html| {
                    for (at, (cell, (_, right))) in row.iter().zip(&grid.head).enumerate() {
                        let class = if cell.tone == Tone::Plain { class(*right) } else { tone(cell.tone) };
                        let (tag, attributes) = match at {
                            0 => ("th", &[("scope", "row"), ("class", class)][..]),
                            _ => ("td", &[("class", class)][..]),
                        };
                        html.within(tag, attributes, |html| line(html, cell));
                    }
                });
                html.newline();
            }
        });
    });
}

/// A table in a box of its own that scrolls sideways, so that the page does not.
pub(crate) fn scrolled(html: &mut Html, fill: impl FnOnce(&mut Html)) {
    html.within("div", &[("class", "scroll")], |html| html.within("table", &[], fill));
}

fn tiles(html: &mut Html, metrics: &[Metric]) {
    html.within("dl", &[("class", "tiles")], |html| {
        for metric in metrics {
            html.within("div", &[], |html| {
                html.element("dt", &[], metric.name);
                html.within("dd", &[("class", "value")], |html| line(html, &metric.value));
                html.within("dd", &[("class", "reading")], |html| line(html, &metric.reading));
            });
        }
    });
}
