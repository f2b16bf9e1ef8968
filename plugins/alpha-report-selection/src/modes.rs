//! Section 4: the alpha scores of a symbol in each mode of the history.

use forensic_guest_sdk::{Cell, Chart, Column, Document, Table};
use forensic_plugin_kit::{Notes, sections};

use crate::audit::{Audit, Selection};

/// Modes in the table.
const MODES: usize = 8;

pub(crate) fn write(document: &mut Document, audit: &Audit<'_>, notes: &mut Notes) {
    document.heading(2, "Modes");
    let modes = audit.history.as_slice();
    if modes.len() < 2 {
        let count = sections::count(modes.len(), "mode");
        document.paragraph(format!("The audit's history has {count}; at least two are needed to compare."));
        return;
    }
    let shown = &modes[..modes.len().min(MODES)];
    let taken = |selection: &Selection<'_>| selection.winners.as_ref().map(Vec::len);
    let mut chart = Chart::bar("Winners by mode", shown.iter().map(|(mode, _)| *mode)).with_axes("Mode", "Winners");
    chart.decimals = 0;
    chart.values("Winners", shown.iter().map(|(_, mode)| taken(mode).map_or(f64::NAN, |count| count as f64)));
    document.push(chart);
    for (mode, selection) in shown {
        if taken(selection).is_none() {
            notes.warn("Modes that list neither clusters nor winners", *mode);
        }
        if selection.scores.is_none() {
            notes.warn("Modes without alpha scores", *mode);
        }
    }
    let mut symbols: Vec<&str> =
        shown.iter().filter_map(|(_, mode)| mode.scores).flat_map(|scores| scores.keys().map(String::as_str)).collect();
    symbols.sort_unstable();
    symbols.dedup();
    if symbols.is_empty() {
        document.paragraph("No mode has an alpha score.");
    } else {
        let mut columns = vec![Column::text("Symbol")];
        columns.extend(shown.iter().map(|(mode, _)| Column::number(*mode, 4)));
        let mut table = Table::new(columns).with_caption("Alpha score by mode");
        for symbol in symbols {
            let mut row: Vec<Cell> = vec![symbol.into()];
            row.extend(shown.iter().map(|(_, mode)| Cell::from(mode.score(symbol))));
            table.rows.push(row);
        }
        document.push(table);
        document.paragraph("N/A: the mode did not score the symbol.");
    }
    if modes.len() > MODES {
        document.paragraph(format!("{} not shown.", sections::count(modes.len() - MODES, "more mode")));
    }
    notes.write(document);
}
