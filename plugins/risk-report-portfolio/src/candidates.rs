//! The candidate universe: what the portfolio was chosen from.

use forensic_guest_sdk::{Cell, Column, Document, Severity, Table};
use forensic_plugin_kit::{InputError, Inputs, Notes, json, order, sections};
use serde_json::Value;

use crate::class::class;

/// Above these a trend is strong, or there is one.
const STRONG: f64 = 25.0;
const RISING: f64 = 15.0;

/// The candidates' file.
pub(crate) struct Candidates {
    id: String,
    read: Result<(Value, usize), InputError>,
}

impl Candidates {
    pub(crate) fn load(files: &Inputs<'_>, id: &str) -> Self {
        let read = files.json(id).and_then(|parsed| match parsed.value {
            Value::Array(_) => Ok((parsed.value, parsed.not_finite)),
            other => Err(files.unusable(id, format!("must be a list, not {}", json::kind(&other)))),
        });
        Self { id: id.to_owned(), read }
    }

    /// The candidates; `None` if the file is missing or unusable.
    pub(crate) fn rows(&self) -> Option<&[Value]> {
        self.read.as_ref().ok().and_then(|(value, _)| value.as_array()).map(Vec::as_slice)
    }

    /// Writes the section: by asset class, then by ADX, falling.
    pub(crate) fn write(&self, document: &mut Document) {
        document.heading(2, "Candidate universe");
        let not_finite = match &self.read {
            Ok((_, not_finite)) => *not_finite,
            Err(error) => {
                return sections::input_trouble(document, Severity::Warning, error, "no candidate can be shown");
            }
        };
        sections::not_finite(document, &self.id, not_finite);
        let rows = self.rows().unwrap_or_default();
        if rows.is_empty() {
            document.paragraph("The file lists no candidates.");
            return;
        }
        let mut notes = Notes::new(&self.id);
        let mut lines: Vec<(&str, Option<f64>, [Cell; 6])> = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let Some(symbol) = json::text(row, "symbol") else {
                notes.warn("Candidates without a symbol left out", format!("[{at}]"));
                continue;
            };
            let class = class(json::text(row, "market"));
            let direction = json::text(row, "direction").map(str::to_ascii_uppercase);
            let [adx, atr, close] = ["adx", "atr", "close"].map(|key| number(row, key, symbol, &mut notes));
            let range = atr.zip(close).filter(|(_, close)| *close > 0.0).map(|(atr, close)| atr / close);
            let trend = adx.map(trend);
            let cells = [symbol.into(), class.into(), direction.into(), adx.into(), range.into(), trend.into()];
            lines.push((class, adx, cells));
        }
        let lines = order::sorted(lines, |a, b| a.0.cmp(b.0).then(order::falling(a.1, b.1)));
        let mut table = Table::new([
            Column::text("Symbol"),
            Column::text("Market"),
            Column::text("Direction"),
            Column::number("ADX", 1),
            Column::percent("ATR%", 2),
            Column::text("Trend"),
        ]);
        table.rows = lines.into_iter().map(|(_, _, cells)| cells.to_vec()).collect();
        let gaps = table.rows.iter().filter(|row| row.contains(&Cell::None)).count();
        document.push(table);
        if gaps > 0 {
            let lines = sections::count(gaps, "candidate");
            document.paragraph(format!("N/A: the file does not say it, or the close is not above 0 ({lines})."));
        }
        notes.write(document);
    }
}

/// A number that may be absent, but not of another type.
fn number(row: &Value, key: &str, symbol: &str, notes: &mut Notes) -> Option<f64> {
    row.get(key).filter(|value| !value.is_null())?;
    notes.number(row, &[key], symbol)
}

fn trend(adx: f64) -> &'static str {
    match adx {
        _ if adx > STRONG => "strong",
        _ if adx > RISING => "trending",
        _ => "flat",
    }
}
