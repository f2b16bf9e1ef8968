//! The host's own words ([`model`](super::super::model)) as text, and text from elsewhere in paragraphs.

use super::page::{Look, Page, Runs};
use super::table::{self, Cell, Head};
use super::width::{padded, width};
use crate::plugin::document::Severity;
use crate::report::escape::visible;
use crate::report::model::{Grid, Item, Items, Line, Metric, Style, Tone};
use crate::report::severity;

/// What is drawn below headings, by their level; deeper ones share the last.
const RULES: [&str; 3] = ["═", "─", "┄"];

/// Draws items; a heading of level 0 has `level`, which counts from 0.
pub(super) fn draw(page: &mut Page, items: &Items, level: usize) {
    for item in &items.0 {
        match item {
            Item::Heading(below, text) => heading(page, level + usize::from(*below), text),
            Item::Headline(text) | Item::Paragraph(text) => {
                page.wrapped("", "", &runs(text));
                page.gap();
            }
            Item::Aside(text) => aside(page, text),
            Item::Text(lead, text) => paragraphs(page, "", "", runs(lead), text),
            Item::Callout(of, lead, text) => callout(page, *of, lead, text),
            Item::List(points) => list(page, points.iter().map(|point| ("- ".to_owned(), runs(point)))),
            Item::Numbered(points) => {
                list(page, (1..).zip(points).map(|(n, point)| (format!("{n}. "), runs(point))));
            }
            Item::Table(grid) => {
                self::grid(page, grid);
                page.gap();
            }
            Item::Metrics(metrics) => {
                self::metrics(page, metrics);
                page.gap();
            }
            Item::Log(text) => {
                page.verbatim("    ", &visible(text));
                page.gap();
            }
        }
    }
}

pub(super) fn heading(page: &mut Page, level: usize, text: &Line) {
    page.gap();
    let runs: Runs = runs(text).into_iter().map(|(_, text)| (Look::Strong, text)).collect();
    page.wrapped("", "", &runs);
    let columns = runs.iter().map(|(_, text)| width(text)).sum::<usize>().clamp(1, page.width());
    page.line(&[(Look::Quiet, RULES[level.min(RULES.len() - 1)].repeat(columns))]);
    page.gap();
}

/// A remark of the host's.
pub(super) fn aside(page: &mut Page, text: &Line) {
    let runs: Runs = runs(text).into_iter().map(|(_, text)| (Look::Quiet, text)).collect();
    page.wrapped("", "", &runs);
    page.gap();
}

pub(super) fn list(page: &mut Page, points: impl Iterator<Item = (String, Runs)>) {
    for (start, runs) in points {
        page.wrapped(&start, &" ".repeat(width(&start)), &runs);
    }
    page.gap();
}

/// Text as paragraphs: blank lines part them, other line breaks are kept. The host's `lead` stands before the first.
pub(super) fn paragraphs(page: &mut Page, first: &str, rest: &str, lead: Runs, text: &str) {
    let shown = visible(text);
    let mut lead = Some(lead);
    let mut start = first;
    let mut parted = false;
    for line in shown.lines().map(str::trim) {
        if line.is_empty() {
            parted = lead.is_none();
            continue;
        }
        if std::mem::take(&mut parted) {
            page.gap();
        }
        let mut runs = lead.take().unwrap_or_default();
        runs.push((Look::Plain, line.to_owned()));
        page.wrapped(start, rest, &runs);
        start = rest;
    }
    if let Some(lead) = lead.filter(|lead| !lead.is_empty()) {
        page.wrapped(first, rest, &lead);
    }
    page.gap();
}

pub(super) fn callout(page: &mut Page, of: Severity, lead: &Line, text: &str) {
    let look = look(of);
    let mut before: Runs = vec![(look, format!("{} ", severity(of).0))];
    before.extend(runs(lead).into_iter().map(|(_, text)| (look, text)));
    paragraphs(page, "", "  ", before, text);
}

/// How a severity looks.
pub(super) fn look(of: Severity) -> Look {
    match of {
        Severity::Info => Look::Plain,
        Severity::Warning => Look::Warning,
        Severity::Error => Look::Bad,
    }
}

/// A line's parts with their looks.
pub(super) fn runs(line: &Line) -> Runs {
    let tone = toned(line.tone);
    let look = |style| match (tone, style) {
        (Look::Plain, Style::Strong) => Look::Strong,
        _ => tone,
    };
    line.spans().map(|(style, text)| (look(style), text.to_owned())).collect()
}

fn toned(tone: Tone) -> Look {
    match tone {
        Tone::Plain => Look::Plain,
        Tone::Good => Look::Good,
        Tone::Warning => Look::Warning,
        Tone::Bad => Look::Bad,
        Tone::Quiet => Look::Quiet,
    }
}

fn plain(line: &Line) -> String {
    line.spans().map(|(_, text)| text).collect()
}

/// A table of the host's.
pub(super) fn grid(page: &mut Page, grid: &Grid) {
    let head: Vec<Head> =
        grid.head.iter().map(|(title, right)| Head { title: (*title).to_owned(), right: *right }).collect();
    let cell = |(line, right): (&Line, bool)| {
        let text = plain(line);
        // A bar has its number behind it.
        let whole = right || text.starts_with(['█', '░']);
        Cell { text, look: toned(line.tone), whole }
    };
    let rows: Vec<Vec<Cell>> = grid
        .rows
        .iter()
        .map(|row| row.iter().zip(grid.head.iter().map(|(_, right)| *right)).map(cell).collect())
        .collect();
    table::draw(page, &head, &rows);
}

/// Numbers below each other, each with its sentence beside it, or below where there is little room.
fn metrics(page: &mut Page, metrics: &[Metric]) {
    let names = metrics.iter().map(|metric| width(metric.name)).max().unwrap_or(0);
    let values = metrics.iter().map(|metric| width(&plain(&metric.value))).max().unwrap_or(0);
    let indent = names + values + 4;
    for metric in metrics {
        let start = [
            (Look::Plain, padded(metric.name, names + 2, false)),
            (Look::Strong, padded(&plain(&metric.value), values, true)),
        ];
        let reading = runs(&metric.reading);
        if indent * 2 <= page.width() {
            // The words of a line are set apart by one space, so the start is one word with no-break spaces.
            let start = start.map(|(look, text)| (look, text.replace(' ', "\u{a0}")));
            let runs: Runs = start.into_iter().chain([(Look::Plain, "\u{a0} ".into())]).chain(reading).collect();
            page.wrapped("", &" ".repeat(indent), &runs);
        } else {
            page.line(&start);
            page.wrapped("    ", "    ", &reading);
        }
    }
}
