//! Volatility units: symbols whose volatility rises and falls together, whatever their returns do.

use forensic_guest_sdk::{Cell, Column, Document, Severity, Table};
use forensic_plugin_kit::{notes, order, sections};

use crate::correlation::Correlations;
use crate::linkage::{Method, Tree};
use crate::model::Book;

/// Rows of a volatility.
const WINDOW: usize = 20;
/// Keeps the logarithm of a volatility of zero finite.
const FLOOR: f64 = 1e-6;
/// Units merge up to this distance.
const CUT: f64 = 0.5;
/// Most symbols: the work grows with the cube.
const SYMBOLS: usize = 300;
/// Symbols named in a row.
const NAMED: usize = 20;

pub(crate) fn write(document: &mut Document, book: &Book) {
    document.heading(2, "Volatility units");
    let Ok(returns) = &book.returns else {
        document.paragraph("Volatility units are N/A, for there are no returns.");
        return;
    };
    let mut symbols: Vec<(&str, &[f64])> = Vec::new();
    for (member, column) in book.clusters.iter().flat_map(|cluster| book.usable(cluster)) {
        if !symbols.iter().any(|(known, _)| *known == member.symbol) {
            symbols.push((member.symbol.as_str(), column));
        }
    }
    if symbols.len() > SYMBOLS {
        let sentence = format!("{} symbols are too many for volatility units: at most {SYMBOLS}.", symbols.len());
        return sections::trouble(document, Severity::Warning, &returns.id, &sentence);
    }
    let year = returns.annualization.factor.sqrt();
    let risks: Vec<Vec<f64>> = symbols.iter().map(|(_, column)| log_volatility(column, year)).collect();
    let columns: Vec<&[f64]> = risks.iter().map(Vec::as_slice).collect();
    let correlations = Correlations::of(&columns);
    // One filter: whatever has no correlation with the rest is in neither the distances nor the names.
    let kept = correlations.complete();
    let out: Vec<String> =
        (0..symbols.len()).filter(|at| !kept.contains(at)).map(|at| symbols[at].0.to_owned()).collect();
    if !out.is_empty() {
        let names = notes::some(&out);
        document.paragraph(format!("Left out, for their volatility does not vary or has too few rows: {names}."));
    }
    let distance = |one: usize, other: usize| {
        let (one, other) = (correlations.row(kept[one]), correlations.row(kept[other]));
        kept.iter().map(|at| (one[*at] - other[*at]).powi(2)).sum::<f64>().sqrt()
    };
    let Some(tree) = Tree::build(kept.len(), Method::Ward, distance).filter(|_| kept.len() > 1) else {
        document.paragraph(format!(
            "Fewer than 2 symbols have a volatility that varies, over {WINDOW} rows each; there are {} rows.",
            returns.frame.len()
        ));
        return;
    };
    let mut units: Vec<(usize, Vec<&str>)> = Vec::new();
    for (at, label) in tree.cut(CUT).into_iter().enumerate() {
        order::entry(&mut units, label).push(symbols[kept[at]].0);
    }
    draw(document, units.into_iter().map(|(_, names)| names).collect());
}

fn draw(document: &mut Document, units: Vec<Vec<&str>>) {
    let units = order::sorted(units, |a, b| b.len().cmp(&a.len()));
    let (together, alone): (Vec<_>, Vec<_>) = units.into_iter().partition(|names| names.len() > 1);
    if !together.is_empty() {
        let mut table = Table::new([Column::integer("Unit"), Column::integer("Assets"), Column::text("Symbols")]);
        for (at, names) in together.iter().enumerate() {
            table.row([Cell::Integer(at as i64 + 1), Cell::Integer(names.len() as i64), listed(names).into()]);
        }
        document.push(table);
    }
    let alone: Vec<&str> = alone.into_iter().flatten().collect();
    if !alone.is_empty() {
        document.paragraph(format!("In no unit with another: {}.", listed(&alone)));
    }
    document.paragraph(format!(
        "Logarithm of the volatility over {WINDOW} rows, correlated; Ward linkage of the rows of that matrix, cut at {CUT}."
    ));
}

fn listed(names: &[&str]) -> String {
    let shown = names[..names.len().min(NAMED)].join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// ln(sd·√year + floor) of each stretch of rows, with n; NaN where a row of it is missing.
fn log_volatility(values: &[f64], year: f64) -> Vec<f64> {
    let of = |window: &[f64]| {
        let mean = window.iter().sum::<f64>() / WINDOW as f64;
        let squares: f64 = window.iter().map(|value| (value - mean) * (value - mean)).sum();
        ((squares / WINDOW as f64).sqrt() * year + FLOOR).ln()
    };
    values.windows(WINDOW).map(of).collect()
}
