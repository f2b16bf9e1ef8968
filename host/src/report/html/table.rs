//! Plugins' tables.

use super::document::CLOSING;
use super::markup::Html;
use super::words::{scrolled, signed, tone};
use crate::plugin::document::{Cell, Column, ColumnFormat, Severity};
use crate::report::escape::clip;
use crate::report::model::Tone;
use crate::report::values::{CELL_MAX, Format, NOT_AVAILABLE, is_cut, titled};
use crate::units::{count, integer, number};

/// Rows that are drawn.
const ROWS_MAX: usize = 1_000;
/// Columns that are drawn.
const COLUMNS_MAX: usize = 200;

/// Draws a table in `room` bytes, if its head fits, and says what is missing. `hidden`: the caption is for those who can't see what
/// stands around it.
pub(super) fn draw<'a>(
    html: &mut Html,
    caption: &str,
    hidden: bool,
    columns: &[Column],
    all: usize,
    rows: impl Iterator<Item = &'a Vec<Cell>> + Clone,
    room: usize,
) {
    let shown_columns = &columns[..columns.len().min(COLUMNS_MAX)];
    if columns.is_empty() {
        return;
    }
    let formats: Vec<Format> = shown_columns
        .iter()
        .enumerate()
        .map(|(at, column)| Format::of(column, rows.clone().filter_map(|row| row.get(at))))
        .collect();
    let (mut shown, mut cut) = (0, 0);
    let start = html.len();
    scrolled(html, |html| {
        if !caption.trim().is_empty() {
            html.element("caption", &[("class", if hidden { "vh" } else { "" })], &clip(caption, CELL_MAX));
        }
        html.within("thead", &[], |html| {
            html.within("tr", &[], |html| {
                for column in shown_columns {
                    let title = titled(&column.title, &column.unit);
                    html.element("th", &[("scope", "col"), ("class", class(column))], &title);
                }
            });
        });
        html.within("tbody", &[], |html| {
            for row in rows.take(ROWS_MAX) {
                let mut made = Html::default();
                let mut cut_here = 0;
                made.within("tr", &[], |html| {
                    for (at, (format, column)) in formats.iter().zip(shown_columns).enumerate() {
                        let value = row.get(at).unwrap_or(&Cell::None);
                        cut_here += usize::from(is_cut(value));
                        html.within("td", &[("class", class(column))], |html| cell(html, format, value));
                    }
                });
                if (html.len() - start).saturating_add(made.len() + CLOSING) > room {
                    break;
                }
                html.append(&made);
                cut += cut_here;
                html.newline();
                shown += 1;
            }
        });
    });
    let mut aside = |text: String| html.element("p", &[("class", "aside")], &text);
    if shown < all {
        aside(format!("+{} in forensic_report.json.", count(all - shown, "more row")));
    }
    if columns.len() > COLUMNS_MAX {
        let more = integer((columns.len() - COLUMNS_MAX) as u64);
        aside(format!("+{more} more columns in forensic_report.json."));
    }
    if cut > 0 {
        aside(format!("{} cut at {CELL_MAX} characters; whole in forensic_report.json.", count(cut, "cell")));
    }
}

fn class(column: &Column) -> &'static str {
    if column.align_right { "n" } else { "w" }
}

/// A cell's content.
pub(super) fn cell(html: &mut Html, format: &Format, value: &Cell) {
    let fraction = match value {
        Cell::Number(value) if value.is_finite() => Some(*value),
        Cell::Integer(value) => Some(*value as f64),
        _ => None,
    };
    match (format.format, fraction) {
        (ColumnFormat::Bar, Some(value)) => bar(html, value, &format.write(&Cell::Number(value))),
        _ => {
            let text = format.write(value);
            let class = match value {
                Cell::Status(status) => tone(match status.severity {
                    Severity::Info => Tone::Good,
                    Severity::Warning => Tone::Warning,
                    Severity::Error => Tone::Bad,
                }),
                Cell::Text(_) => return html.text(&text),
                _ if text == NOT_AVAILABLE => "na",
                _ => return html.text(&text),
            };
            html.element("span", &[("class", class)], &signed(&text));
        }
    }
}

/// A bar with its number; outside 0 to 1 it is full or empty. The text form has blocks before the number.
fn bar(html: &mut Html, value: f64, text: &str) {
    let width = number(value.clamp(0.0, 1.0) * 100.0, 1, false);
    html.within("svg", &[("class", "bar"), ("viewBox", "0 0 100 10"), ("aria-hidden", "true")], |html| {
        html.within("rect", &[("class", "t"), ("width", "100"), ("height", "10")], |_| {});
        html.within("rect", &[("class", "f"), ("width", &width), ("height", "10")], |_| {});
    });
    html.text(text.trim_start_matches(['█', '░', ' ']));
}
