//! A plugin's document as text: every block drawn by the host, every text only text.

use super::chart;
use super::page::{Look, Page};
use super::table::{self, Cell, Head};
use super::words::{self, aside, callout, list, look, paragraphs};
use crate::plugin::document::{
    Block, Cell as Value, Column, Document, Finding, HealthDetail, KeyValue, Link, Severity,
};
use crate::report::escape::{clip, one_line, visible};
use crate::report::links::{Destination, destination};
use crate::report::model::{Line, line};
use crate::report::values::{self, CELL_MAX, Format, TITLE_MAX, titled};
use crate::report::{ReportInput, health, severity};
use crate::units::count;

/// Rows of a table, points of a list.
const ROWS_MAX: usize = 200;
/// Columns of a table.
const COLUMNS_MAX: usize = 40;
/// Characters of a text.
const TEXT_MAX: usize = 20_000;
/// Headings of a document stand below this one.
const LEVEL: usize = 1;

/// Draws findings and blocks.
pub(super) fn draw(page: &mut Page, document: &Document, input: &ReportInput<'_>) {
    if !document.findings.is_empty() {
        findings(page, &document.findings);
    }
    let mut drawn_health = false;
    for block in &document.blocks {
        match block {
            Block::PipelineHealth(_) if drawn_health => {}
            Block::PipelineHealth(_) => {
                drawn_health = true;
                page.framed(false, |page| {
                    words::draw(page, &health::tell(input, HealthDetail::Headline, true), LEVEL + 1);
                    if input.summary.is_some() {
                        aside(page, &line!("In full at the top of this report."));
                    }
                });
            }
            Block::Heading(block) => {
                let text = clip(&block.text, TITLE_MAX);
                if !text.trim().is_empty() {
                    words::heading(page, LEVEL + usize::from(block.level.clamp(1, 4)), &Line::from(text.as_ref()));
                }
            }
            Block::Paragraph(text) => fitted(page, text, |page, text| paragraphs(page, "", "", Vec::new(), text)),
            Block::Bullets(points) => {
                let shown = points.iter().take(ROWS_MAX).map(|point| one_line(&clip(point, TEXT_MAX)));
                list(page, shown.map(|point| ("- ".to_owned(), vec![(Look::Plain, point)])));
                more(page, points.len(), ROWS_MAX, "point");
            }
            Block::Table(block) => {
                if !block.caption.trim().is_empty() {
                    paragraphs(page, "", "", Vec::new(), &clip(&block.caption, CELL_MAX));
                }
                grid(page, &block.columns, &block.rows, false);
            }
            Block::KeyValues(pairs) => key_values(page, pairs),
            Block::Callout(block) => {
                let lead = line!("**{}**: ", severity(block.severity).1);
                fitted(page, &block.text, |page, text| callout(page, block.severity, &lead, text));
            }
            Block::Code(block) => fitted(page, &block.text, |page, text| {
                page.verbatim("    ", visible(text).trim_end_matches('\n'));
                page.gap();
            }),
            Block::Chart(block) => chart::draw(page, block),
            Block::Links(links) => {
                let shown = links.iter().take(ROWS_MAX).map(|link| link_words(link, input));
                list(page, shown.map(|link| ("- ".to_owned(), vec![(Look::Plain, link)])));
                more(page, links.len(), ROWS_MAX, "link");
            }
        }
    }
}

fn fitted(page: &mut Page, text: &str, draw: impl FnOnce(&mut Page, &str)) {
    if text.trim().is_empty() {
        return;
    }
    let shown = clip(text, TEXT_MAX);
    draw(page, &shown);
    if shown.len() < text.len() {
        aside(page, &line!("Cut here; whole in forensic_report.json."));
    }
}

fn more(page: &mut Page, all: usize, shown: usize, what: &str) {
    if all > shown {
        aside(page, &line!("+{} in forensic_report.json.", count(all - shown, &format!("more {what}"))));
    }
}

/// A link, with the place where it leads beside it.
fn link_words(link: &Link, input: &ReportInput<'_>) -> String {
    let text = one_line(&clip(&link.text, CELL_MAX));
    match destination(&link.target, input.sections) {
        None => text,
        Some(Destination::Report(at)) => {
            format!("{text} (report {})", one_line(&clip(&input.sections[at].report_id, TITLE_MAX)))
        }
        Some(Destination::Address { href, .. }) => format!("{text} ({href})"),
    }
}

/// A table. `numbers`: what stands right is a number, though it comes as text.
pub(super) fn grid(page: &mut Page, columns: &[Column], rows: &[Vec<Value>], numbers: bool) {
    let shown = &columns[..columns.len().min(COLUMNS_MAX)];
    let rows_shown = &rows[..rows.len().min(ROWS_MAX)];
    let head: Vec<Head> = shown
        .iter()
        .map(|column| Head { title: one_line(&titled(&column.title, &column.unit)), right: column.align_right })
        .collect();
    let formats: Vec<Format> = shown
        .iter()
        .enumerate()
        .map(|(at, column)| Format::of(column, rows.iter().filter_map(|row| row.get(at))))
        .collect();
    let cell = |row: &Vec<Value>, at: usize| {
        let value = row.get(at).unwrap_or(&Value::None);
        Cell {
            text: one_line(&formats[at].write(value)),
            look: match value {
                Value::Status(status) if status.severity == Severity::Info => Look::Good,
                Value::Status(status) => look(status.severity),
                _ => Look::Plain,
            },
            whole: matches!(value, Value::Number(_) | Value::Integer(_)) || numbers && shown[at].align_right,
        }
    };
    let cells: Vec<Vec<Cell>> =
        rows_shown.iter().map(|row| (0..shown.len()).map(|at| cell(row, at)).collect()).collect();
    table::draw(page, &head, &cells);
    page.gap();
    more(page, rows.len(), ROWS_MAX, "row");
    more(page, columns.len(), COLUMNS_MAX, "column");
}

fn key_values(page: &mut Page, pairs: &[KeyValue]) {
    let cell = |text: String, whole| Cell { text: one_line(&text), look: Look::Plain, whole };
    let rows: Vec<Vec<Cell>> = pairs
        .iter()
        .take(ROWS_MAX)
        .map(|pair| {
            let whole = matches!(pair.value, Value::Number(_) | Value::Integer(_)) && pair.unit.trim().is_empty();
            vec![cell(clip(&pair.key, TITLE_MAX).into_owned(), false), cell(values::pair(pair), whole)]
        })
        .collect();
    if !rows.is_empty() {
        let head = ["Key", "Value"].map(|title| Head { title: title.into(), right: false });
        table::draw(page, &head, &rows);
        page.gap();
        more(page, pairs.len(), ROWS_MAX, "value");
    }
}

/// The heading is the host's, so it stands before the bar.
fn findings(page: &mut Page, findings: &[Finding]) {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| match finding.severity {
        Severity::Error => 0,
        Severity::Warning => 1,
        Severity::Info => 2,
    });
    page.framed(false, |page| words::heading(page, LEVEL + 1, &line!("Findings")));
    for finding in sorted.iter().take(ROWS_MAX) {
        let (mark, word) = severity(finding.severity);
        let subject = one_line(&clip(&finding.subject, TITLE_MAX));
        let subject = if subject.is_empty() { String::new() } else { format!(" {subject}") };
        let lead = vec![(look(finding.severity), format!("{mark} {word}")), (Look::Plain, format!("{subject}: "))];
        paragraphs(page, "", "  ", lead, &clip(&finding.text, TEXT_MAX));
    }
    more(page, findings.len(), ROWS_MAX, "finding");
}
