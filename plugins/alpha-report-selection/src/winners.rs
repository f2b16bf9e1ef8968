//! Section 2: who was taken. What the audit does not say of a winner comes from the candidates.

use forensic_guest_sdk::{Chart, Column, ColumnFormat, Document, Severity, Table};
use forensic_plugin_kit::{InputError, Inputs, Notes, inputs, json, order, sections, words};
use serde_json::Value;

use crate::audit::{Audit, Winner};

/// Sector, asset class and direction of each candidate.
const CANDIDATES: &str = "portfolio_candidates.json";
/// Direction of a candidate that is described and names none.
const USUAL: &str = "LONG";
/// Bars of the chart.
const BARS: usize = 40;

pub(crate) fn write(document: &mut Document, audit: &Audit<'_>, notes: &Notes, files: &Inputs<'_>, dir: &str) {
    document.heading(2, "Winners");
    let empty = |document: &mut Document, sentence: &str| {
        sections::trouble(document, Severity::Warning, notes.id(), sentence);
    };
    let Some(winners) = &audit.selection.winners else {
        return empty(document, "Winners are N/A: the audit lists neither clusters nor winners.");
    };
    if winners.is_empty() {
        return empty(document, "Nothing was selected.");
    }
    let id = inputs::join(dir, CANDIDATES);
    let candidates = candidates(files, &id, document);
    let mut unknown = Notes::new(&id);
    let mut table = Table::new([
        Column::text("Symbol"),
        Column::text("Sector"),
        Column::text("Asset class"),
        Column::text("Direction"),
        Column::text("Cluster"),
        Column::number("Alpha score", 4),
    ]);
    let by_symbol = |a: &&Winner<'_>, b: &&Winner<'_>| a.symbol.cmp(b.symbol);
    for winner in order::sorted(winners.iter().collect(), by_symbol) {
        let record = candidates.iter().find(|record| json::text(record, "symbol") == Some(winner.symbol));
        let described = record.is_some() || winner.facts.is_object();
        let fact = |key| json::text(winner.facts, key).or_else(|| json::text(record?, key));
        let direction = fact("direction").or(described.then_some(USUAL));
        if !described && !candidates.is_empty() {
            unknown.warn(format!("Sector, class and direction are N/A, for {id} does not list"), winner.symbol);
        }
        table.row([
            winner.symbol.into(),
            fact("sector").into(),
            fact("asset_class").into(),
            direction.into(),
            winner.cluster.map(words::cluster_label).into(),
            audit.selection.score(winner.symbol).into(),
        ]);
    }
    document.push(table);
    unknown.write(document);
    document.paragraph(format!("A candidate that names no direction is {USUAL}."));
}

fn candidates(files: &Inputs<'_>, id: &str, document: &mut Document) -> Vec<Value> {
    let so = "sector, asset class and direction are N/A where the audit does not say them";
    let read = files.json(id).and_then(|parsed| match parsed.value {
        Value::Array(records) => Ok(records),
        other => Err(files.unusable(id, format!("must be a list, not {}", json::kind(&other)))),
    });
    read.unwrap_or_else(|error: InputError| {
        sections::input_trouble(document, Severity::Warning, &error, so);
        Vec::new()
    })
}

/// The alpha scores of winners and of those who were not taken, highest first.
pub(crate) fn scores(document: &mut Document, audit: &Audit<'_>, notes: &mut Notes) {
    let winners = audit.selection.winners.as_deref().unwrap_or_default();
    document.heading(3, "Alpha scores");
    let Some(scores) = audit.selection.scores else {
        let sentence = "Alpha scores are N/A: the audit has none for this selection.";
        return sections::trouble(document, Severity::Warning, notes.id(), sentence);
    };
    let known: Vec<(&str, f64)> =
        scores.keys().filter_map(|name| Some((name.as_str(), audit.selection.score(name)?))).collect();
    for name in scores.keys().filter(|name| audit.selection.score(name).is_none()) {
        notes.warn("Alpha scores that are no finite number", name);
    }
    let ranked = order::sorted(known, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    let (shown, total) = (ranked.len().min(BARS), ranked.len());
    let ranked = &ranked[..shown];
    let won = |name: &str| winners.iter().any(|winner| winner.symbol == name);
    let of = |taken: bool| ranked.iter().map(move |(name, score)| if won(name) == taken { *score } else { f64::NAN });
    let mut chart = Chart::bar("Alpha score", ranked.iter().map(|(name, _)| *name))
        .with_axes("Symbol, highest score first", "Alpha score")
        .with_format(ColumnFormat::Number, 4);
    chart.values("Taken", of(true));
    if ranked.iter().any(|(name, _)| !won(name)) {
        chart.values("Not taken", of(false));
    }
    document.push(chart);
    if total > shown {
        document.paragraph(format!("The {shown} highest of {total}."));
    }
    let without = winners.iter().filter(|winner| audit.selection.score(winner.symbol).is_none());
    for winner in without {
        notes.warn("Winners without an alpha score", winner.symbol);
    }
    notes.write(document);
}
