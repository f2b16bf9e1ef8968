//! The shared cluster reference: what each cluster is, how fragile, and where else its symbols trade.

use forensic_guest_sdk::{Cell, Column, Document, Severity, Table};
use forensic_plugin_kit::{Inputs, Notes, json, order, sections, stats, words};
use serde_json::Value;

use crate::book::known;
use crate::candidates::Candidates;

/// Above these a cluster is fragile, or so-so.
const FRAGILE: f64 = 1.2;
const SO_SO: f64 = 0.8;
/// Exchanges that a cell names.
const NAMED: usize = 2;

pub(crate) fn write(
    document: &mut Document,
    root: &Value,
    notes: &mut Notes,
    files: &Inputs<'_>,
    fragility_id: &str,
    candidates: &Candidates,
) {
    document.heading(2, "Shared cluster reference");
    let registry = notes.object(root, &["cluster_registry"], "").and_then(Value::as_object);
    let Some(registry) = registry.filter(|registry| !registry.is_empty()) else {
        notes.write(document);
        let sentence = "The file registers no cluster, so there is no reference to show.";
        return sections::trouble(document, Severity::Warning, notes.id(), sentence);
    };
    let scores = fragility(document, files, fragility_id);
    let mut table = Table::new([
        Column::text("Cluster"),
        Column::text("Primary Sector"),
        Column::integer("Size"),
        Column::text("Lead Asset"),
        Column::number("Fragility", 2),
        Column::text("Level"),
        Column::text("Implementation Alts"),
    ]);
    let by_id = |a: &&String, b: &&String| words::id_order(a).cmp(&words::id_order(b));
    for id in order::sorted(registry.keys().collect(), by_id) {
        if words::id_order(id).0 {
            notes.warn("Cluster ids that are no whole number come last", id);
        }
        let path = format!("cluster_registry.{id}");
        let entry = &registry[id];
        let sector = notes.text(entry, &["primary_sector"], &path).filter(|sector| known(sector));
        let symbols: Option<Vec<&str>> =
            notes.list(entry, &["symbols"], &path).map(|list| list.iter().filter_map(Value::as_str).collect());
        let size = symbols.as_ref().map(|symbols| symbols.len() as i64);
        let symbols = symbols.unwrap_or_default();
        let found: Vec<f64> =
            scores.iter().filter(|(symbol, _)| symbols.contains(&symbol.as_str())).map(|(_, score)| *score).collect();
        let score = stats::mean(&found);
        table.row([
            words::cluster_label(id).into(),
            sector.into(),
            size.into(),
            symbols.first().copied().into(),
            score.into(),
            score.map(level).into(),
            alternatives(&symbols, candidates),
        ]);
    }
    let unscored = !scores.is_empty() && table.rows.iter().any(|row| row[4] == Cell::None);
    document.push(table);
    if unscored {
        document.paragraph("Fragility is N/A where none of a cluster's symbols has a score.");
    }
    if candidates.rows().is_none() {
        document.paragraph("Implementation alternatives are N/A: there are no usable candidates to take them from.");
    }
    notes.write(document);
}

fn level(score: f64) -> Cell {
    match score {
        _ if score > FRAGILE => Cell::status(Severity::Error, "fragile"),
        _ if score > SO_SO => Cell::status(Severity::Warning, "so-so"),
        _ => Cell::status(Severity::Info, "robust"),
    }
}

/// Scores by symbol; without the file, why.
fn fragility(document: &mut Document, files: &Inputs<'_>, id: &str) -> Vec<(String, f64)> {
    let mut scores = Vec::new();
    let parsed = match files.json(id) {
        Ok(parsed) => parsed,
        Err(error) => {
            sections::input_trouble(document, Severity::Warning, &error, "fragility is N/A");
            return scores;
        }
    };
    sections::not_finite(document, id, parsed.not_finite);
    let mut notes = Notes::new(id);
    match &parsed.value {
        Value::Array(list) => {
            for (at, record) in list.iter().enumerate() {
                let Some(symbol) = notes.text(record, &["Symbol"], &format!("[{at}]")) else { continue };
                if let Some(score) = notes.number(record, &["Fragility_Score"], symbol) {
                    scores.push((symbol.to_owned(), score));
                }
            }
        }
        other => notes.odd("the file", "a list", other),
    }
    notes.write(document);
    scores
}

/// Exchanges where the cluster's symbols also trade: the first two, and how many more.
fn alternatives(symbols: &[&str], candidates: &Candidates) -> Cell {
    let Some(rows) = candidates.rows() else { return Cell::None };
    let mut exchanges: Vec<&str> = rows
        .iter()
        .filter(|row| json::text(row, "symbol").is_some_and(|symbol| symbols.contains(&symbol)))
        .flat_map(|row| json::list(row, "implementation_alternatives"))
        .filter_map(|alternative| json::text(alternative, "symbol"))
        .filter_map(|symbol| symbol.split(':').next())
        .collect();
    exchanges.sort_unstable();
    exchanges.dedup();
    let named = exchanges[..exchanges.len().min(NAMED)].join(", ");
    match exchanges.len() {
        0 => "-".into(),
        count if count <= NAMED => named.into(),
        count => format!("{named} (+{})", count - NAMED).into(),
    }
}
