//! How a risk profile spreads its weight: over sleeves, over symbols, and how alike the sleeves are.

use forensic_guest_sdk::{Block, Cell, Document, KeyValue, Severity};
use forensic_plugin_kit::json;
use forensic_plugin_kit::order::sorted;
use forensic_plugin_kit::sections::{As, table, trouble};
use forensic_plugin_kit::stats::{effective_number, pearson};

use crate::profile::{Profile, Weight};

/// Symbols that the table of holdings shows.
const TOP: usize = 10;
/// Sleeves that the correlation matrix shows at most.
const MATRIX: usize = 40;

pub(crate) fn sleeves(document: &mut Document, profile: &Profile) {
    document.heading(3, "Allocation");
    let Some(optimized) = profile.optimized.get() else {
        document.paragraph(format!("N/A: it needs {} (see Completeness).", profile.optimized.id));
        return;
    };
    let weights = optimized.weights.iter().collect();
    let weights = sorted(weights, |left: &&Weight, right: &&Weight| right.weight.total_cmp(&left.weight));
    let engine = json::text(&optimized.metadata, "engine");
    let mut table = table(&[("Sleeve ID", As::Text), ("Weight", As::Percent(2)), ("Engine", As::Text)]);
    for weight in &weights {
        let engine = json::text(&weight.entry, "Engine").or(engine);
        table.rows.push(vec![weight.symbol.as_str().into(), weight.weight.into(), engine.into()]);
    }
    let values: Vec<f64> = weights.iter().map(|weight| weight.weight).collect();
    document.push(table).push(Block::KeyValues(vec![
        KeyValue::number("Effective number of sleeves (1/Σw²)", effective_number(&values), 2),
        KeyValue::percent("Sum of weights", values.iter().sum::<f64>(), 2),
    ]));
    if engine.is_none() {
        let text = format!("{} does not say which engine made the weights: N/A.", profile.optimized.id);
        trouble(document, Severity::Warning, &profile.optimized.id, &text);
    }
}

pub(crate) fn correlations(document: &mut Document, profile: &Profile) {
    document.heading(3, "Sleeve correlations");
    let Some(frame) = profile.returns.get() else {
        document.paragraph(format!("N/A: it needs {} (see Completeness).", profile.returns.id));
        return;
    };
    let shown = &frame.columns[..frame.columns.len().min(MATRIX)];
    let mut columns = vec![("Sleeve", As::Text)];
    columns.extend(shown.iter().map(|column| (column.name.as_str(), As::Number(2))));
    let mut table = table(&columns);
    let mut undefined = 0;
    for row in shown {
        let mut cells = vec![Cell::from(row.name.as_str())];
        cells.extend(shown.iter().map(|column| {
            let correlation = pearson(&row.values, &column.values);
            undefined += usize::from(correlation.is_none());
            Cell::from(correlation)
        }));
        table.rows.push(cells);
    }
    document.push(table);
    document
        .paragraph("Pearson's correlation of the sleeves' returns, for each pair over the rows where both are known.");
    if undefined > 0 {
        let text =
            format!("{}: {undefined} cells are N/A, for lack of common rows or of variation.", profile.returns.id);
        trouble(document, Severity::Warning, &profile.returns.id, &text);
    }
    if frame.columns.len() > MATRIX {
        document.paragraph(format!("The first {MATRIX} of {} sleeves are shown.", frame.columns.len()));
    }
}

pub(crate) fn holdings(document: &mut Document, profile: &Profile) {
    document.heading(3, "Top 10 assets");
    let Some(holdings) = profile.holdings.get() else {
        document.paragraph(format!("N/A: it needs {} (see Completeness).", profile.holdings.id));
        return;
    };
    let mut table = table(&[
        ("Rank", As::Number(0)),
        ("Symbol", As::Text),
        ("Total Weight", As::Percent(2)),
        ("Contributors", As::Text),
        ("Market", As::Text),
        ("Net Weight", As::SignedPercent(2)),
        ("Direction", As::Text),
    ]);
    for (rank, weight) in (1_i64..).zip(holdings.weights.iter().take(TOP)) {
        let contributors: Vec<&str> =
            json::list(&weight.entry, "Contributors").iter().filter_map(|value| value.as_str()).collect();
        let text = |key| Cell::from(json::text(&weight.entry, key));
        table.rows.push(vec![
            rank.into(),
            weight.symbol.as_str().into(),
            weight.weight.into(),
            if contributors.is_empty() { Cell::None } else { contributors.join(", ").into() },
            text("Market"),
            json::number(&weight.entry, "Net_Weight").into(),
            text("Direction"),
        ]);
    }
    document.push(table);
    if holdings.weights.len() > TOP {
        document.paragraph(format!("The first {TOP} of {} symbols, in the order of the file.", holdings.weights.len()));
    }
    if !holdings.weights.is_sorted_by(|left, right| left.weight >= right.weight) {
        let text =
            format!("{} is not in the order of falling weights, so these may not be the largest.", profile.holdings.id);
        trouble(document, Severity::Warning, &profile.holdings.id, &text);
    }
}
