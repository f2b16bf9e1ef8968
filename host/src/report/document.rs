//! A plugin's document into Markdown: every block drawn by the host, every text only text, nothing above the frame's
//! level, and never more than its room.
//!
//! Links are what a links block says and `links` lets through. An address in any other text is shown as code, because
//! forges would make a link of it (`escape`); schemes that they leave alone stay words.

use super::escape::{cell, clip, code, fence, inline, paragraphs};
use super::links::{Destination, destination, page};
use super::plot::{Bounds, Plot, shapes};
use super::table::{Align, Table};
use super::values::{self, CELL_MAX, Format, TITLE_MAX, is_cut, text_column, titled};
use super::{ReportInput, heading, health, markdown, severity};
use crate::plugin::document::{
    Block, Cell, Chart, ChartKind, Column, Document, Finding, HealthDetail, KeyValue, Link, Severity,
};
use crate::units::{count, integer};

/// Rows of a plugin's table.
const ROWS_MAX: usize = 1_000;
/// What a chart's table shows.
const CHART: Bounds = Bounds { across: 8, down: 40 };
/// What a heat map's table shows.
const HEAT_MAP: Bounds = Bounds { across: 24, down: 40 };
/// A block may take this much, or half of what is left, if that is more: what follows wants room, too.
const BLOCK_MIN: usize = 16 << 10;
/// Room for the sentence that says what was left out.
const CLOSING: usize = 200;
/// Where what was left out can be found.
const ELSEWHERE: &str = "in forensic_report.json";

/// Draws findings and blocks below a frame whose heading has `level`, in at most `room` bytes.
pub(super) fn draw(document: &Document, input: &ReportInput<'_>, level: usize, room: usize) -> String {
    let mut out = String::new();
    let room = room.saturating_sub(CLOSING);
    if !document.findings.is_empty() {
        out.push_str(&findings(&document.findings, level, share(room, false)));
    }
    let mut drawn_health: Vec<HealthDetail> = Vec::new();
    let mut left_out = 0;
    for (index, block) in document.blocks.iter().enumerate() {
        let last = index + 1 == document.blocks.len();
        let room = share(room.saturating_sub(out.len()), last);
        let text = match block {
            Block::PipelineHealth(detail) if drawn_health.contains(detail) => {
                "*Pipeline Health stands above in the same detail.*\n\n".into()
            }
            // In the whole report it stands in full at the top already: a page alone holds what its plugin asked for.
            Block::PipelineHealth(detail) if level > 1 && input.summary.is_some() => {
                drawn_health.push(*detail);
                let headline = markdown::draw(&health::tell(input, HealthDetail::Headline, true), level + 1);
                headline + "*In full at the top of this report.*\n\n"
            }
            Block::PipelineHealth(detail) => {
                drawn_health.push(*detail);
                markdown::draw(&health::tell(input, *detail, true), level + 1)
            }
            Block::Heading(heading) => below(level, heading.level, &heading.text),
            Block::Paragraph(text) => fitted(text, room, |text| paragraphs(text, "")),
            Block::Bullets(points) => list(points.len(), "point", points.iter().map(|point| inline(point)), room),
            Block::Table(table) => grid(&table.caption, &table.columns, &table.rows, room),
            Block::KeyValues(pairs) => key_values(pairs, room),
            Block::Callout(callout) => fitted(&callout.text, room, |text| {
                let (mark, word) = severity(callout.severity);
                format!("> {mark} **{word}**: {}", paragraphs(text, "> "))
            }),
            Block::Code(code) => fitted(&code.text, room, |text| fence(&code.language, text).trim_end().into()),
            Block::Chart(chart) => draw_chart(chart, room),
            Block::Links(links) => list(links.len(), "link", links.iter().map(|link| draw_link(link, input)), room),
        };
        if text.len() <= room {
            out.push_str(&text);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        out.push_str(&format!(
            "*No room for {} of this document, which {ELSEWHERE} is whole.*\n\n",
            count(left_out, "block")
        ));
    }
    out
}

fn share(room: usize, last: bool) -> usize {
    if last { room } else { (room / 2).max(BLOCK_MIN).min(room) }
}

/// A plugin's heading: always below the frame's.
fn below(level: usize, wanted: u8, text: &str) -> String {
    let text = inline(&clip(text, TITLE_MAX));
    if text.is_empty() { String::new() } else { heading(level + usize::from(wanted.clamp(1, 4)), &text) }
}

/// A block of text, cut where it does not fit.
fn fitted(text: &str, room: usize, draw: impl Fn(&str) -> String) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    // Drawing makes texts longer, so what is longer than its room need not be drawn to know that it does not fit.
    let whole = clip(text, room);
    let drawn = draw(&whole);
    if drawn.len() + 2 <= room && whole.len() == text.len() {
        return drawn + "\n\n";
    }
    let notice = format!("\n\n*Cut here; whole {ELSEWHERE}.*\n\n");
    // First guess: all of it grows as this part has grown.
    let mut chars = whole.chars().count() * (room * 9 / 10) / drawn.len().max(1);
    while chars > 80 {
        let drawn = draw(&clip(text, chars));
        if drawn.len() + notice.len() <= room {
            return drawn + &notice;
        }
        chars = chars * 3 / 4;
    }
    // Too little room for anything of use: the caller counts what is longer than its room as left out.
    " ".repeat(room + 1)
}

fn more(n: usize, what: &str) -> String {
    format!("*+{} more {what}{} {ELSEWHERE}.*\n\n", integer(n as u64), if n == 1 { "" } else { "s" })
}

/// A list of at most `room` bytes.
fn list(all: usize, what: &str, points: impl Iterator<Item = String>, room: usize) -> String {
    let mut out = String::new();
    let mut shown = 0;
    for point in points {
        let line = format!("- {point}\n");
        if out.len() + line.len() + CLOSING > room {
            break;
        }
        out.push_str(&line);
        shown += 1;
    }
    if all > 0 {
        out.push('\n');
    }
    if shown < all {
        out.push_str(&more(all - shown, what));
    }
    out
}

/// A link, with the place where it leads beside it.
fn draw_link(link: &Link, input: &ReportInput<'_>) -> String {
    let text = inline(&clip(&link.text, CELL_MAX));
    match destination(&link.target, input.sections) {
        None => text,
        Some(Destination::Report(at)) => format!("[{text}]({})", page(&input.sections[at].report_id)),
        // A parser reads entities in a destination.
        Some(Destination::Address { href, place }) => {
            format!("[{text}]({}) ({})", href.replace('&', "&amp;"), code(&place))
        }
    }
}

/// A table of at most `room` bytes; says how many rows are missing.
fn grid(caption: &str, columns: &[Column], rows: &[Vec<Cell>], room: usize) -> String {
    let mut out = String::new();
    let caption = paragraphs(&clip(caption, CELL_MAX), "");
    if !caption.is_empty() {
        out.push_str(&format!("{caption}\n\n"));
    }
    if columns.is_empty() {
        return out;
    }
    let formats: Vec<Format> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| Format::of(column, rows.iter().filter_map(|row| row.get(at))))
        .collect();
    let head = || {
        columns.iter().map(|column| {
            let align = if column.align_right { Align::Right } else { Align::Left };
            (cell(&titled(&column.title, &column.unit)), align)
        })
    };
    // As many rows as fit, going by their own lengths; padding may take some more away.
    let mut size = out.len() + CLOSING;
    let mut drawn: Vec<Vec<String>> = Vec::new();
    for row in rows.iter().take(ROWS_MAX) {
        let cells =
            formats.iter().enumerate().map(|(at, format)| cell(&format.write(row.get(at).unwrap_or(&Cell::None))));
        let cells: Vec<String> = cells.collect();
        size += cells.iter().map(|cell| cell.len() + 3).sum::<usize>() + 2;
        if size > room {
            break;
        }
        drawn.push(cells);
    }
    let mut shown = drawn.len();
    loop {
        let mut table = Table::with_columns(head());
        drawn[..shown].iter().for_each(|row| table.row(row.iter().cloned()));
        let markdown = table.markdown();
        if out.len() + markdown.len() + CLOSING <= room || shown == 0 {
            out.push_str(&markdown);
            out.push('\n');
            break;
        }
        shown /= 2;
    }
    if shown < rows.len() {
        out.push_str(&more(rows.len() - shown, "row"));
    }
    let cut = rows[..shown].iter().flatten().filter(|cell| is_cut(cell)).count();
    if cut > 0 {
        out.push_str(&format!("*{} cut at {CELL_MAX} characters; whole {ELSEWHERE}.*\n\n", count(cut, "cell")));
    }
    out
}

fn key_values(pairs: &[KeyValue], room: usize) -> String {
    // Each value has its own format, so it is written here and passed on as text that needs no escaping again.
    let mut table = Table::new(&["Key", "Value"]);
    let mut size = CLOSING;
    let mut shown = 0;
    for pair in pairs.iter().take(ROWS_MAX) {
        let row = [cell(&clip(&pair.key, TITLE_MAX)), cell(&values::pair(pair))];
        size += row.iter().map(String::len).sum::<usize>() + 64;
        if size > room {
            break;
        }
        table.row(row);
        shown += 1;
    }
    if pairs.is_empty() {
        return String::new();
    }
    let mut out = format!("{}\n", table.markdown());
    if shown < pairs.len() {
        out.push_str(&more(pairs.len() - shown, "value"));
    }
    out
}

fn findings(findings: &[Finding], level: usize, room: usize) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| match finding.severity {
        Severity::Error => 0,
        Severity::Warning => 1,
        Severity::Info => 2,
    });
    let rows: Vec<Vec<Cell>> = sorted
        .into_iter()
        .map(|finding| {
            let (mark, word) = severity(finding.severity);
            let text = |text: &str| Cell::Text(text.to_owned());
            vec![text(&format!("{mark} {word}")), text(&finding.subject), text(&finding.text)]
        })
        .collect();
    // Emphasis marks it as the host's heading.
    let head = heading(level + 1, "*Findings*");
    let room = room.saturating_sub(head.len());
    head + &grid("", &["Severity", "Subject", "Finding"].map(|title| text_column(title, false)), &rows, room)
}

/// A chart as tables: the shape of each line, then the data.
fn draw_chart(chart: &Chart, room: usize) -> String {
    let plot = Plot::new(chart);
    let bounds = if chart.kind == ChartKind::HeatMap { HEAT_MAP } else { CHART };
    let title = inline(&clip(&chart.title, TITLE_MAX));
    let y = inline(&clip(&chart.y_title, TITLE_MAX));
    let unit = inline(&clip(&chart.unit, TITLE_MAX));
    let axis = match (y.is_empty(), unit.is_empty()) {
        (true, true) => String::new(),
        (true, false) => format!(" (in {unit})"),
        (false, true) => format!(" ({y})"),
        (false, false) => format!(" ({y}, in {unit})"),
    };
    let mut out = format!("Chart: {title}{axis}\n\n");
    if chart.kind == ChartKind::Line && chart.series.iter().take(bounds.across).any(|series| series.y.len() > 2) {
        let (columns, rows) = shapes(&plot, bounds.across);
        out.push_str(&grid("", &columns, &rows, room.saturating_sub(out.len()) / 2));
    }
    let data = plot.data(bounds);
    if !data.rows.is_empty() {
        out.push_str(&grid("", &data.columns, &data.rows, room.saturating_sub(out.len())));
    }
    for left_out in data.left_out {
        out.push_str(&format!("*{left_out} {ELSEWHERE}.*\n\n"));
    }
    out
}
