//! Stages 1 to 3: what was found, what was merged, what was selected.

use forensic_guest_sdk::{Block, Cell, Column, Document, KeyValue, Table};
use forensic_plugin_kit::{Notes, json, order, words};
use serde_json::Value;

use crate::empty;

/// Where a section is absent, its numbers are read from this.
const NOTHING: &Value = &Value::Null;

/// Stage 1: files and symbols, and symbols by category.
///
/// The producer may leave the counting out: it then writes no category, and 0 symbols. A zero beside selected
/// symbols is no count.
pub(crate) fn discovery(document: &mut Document, audit: &Value, notes: &mut Notes) {
    document.heading(2, "Stage 1: Discovery");
    let discovery = notes.object(audit, &["discovery"], "").unwrap_or(NOTHING);
    let (mut files, mut symbols, mut categories) = (None, None, None);
    if discovery.is_object() {
        files = notes.integer(discovery, &["total_scanned_files"], "discovery");
        symbols = notes.integer(discovery, &["total_symbols_found"], "discovery");
        categories = notes.object(discovery, &["categories"], "discovery").and_then(Value::as_object);
    }
    let counted = categories.is_some_and(|categories| !categories.is_empty());
    if symbols == Some(0) && !counted {
        symbols = None;
        let raw = audit.get("selection").and_then(|selection| json::integer(selection, "total_raw_symbols"));
        let known = raw.map_or_else(String::new, |raw| format!("; the selection began with {raw}"));
        notes.warn(
            format!("Raw symbols are N/A: the file says 0 and has no category, so discovery did not count{known}"),
            "",
        );
    }
    document.push(Block::KeyValues(vec![
        KeyValue::number("Files scanned", files, 0),
        KeyValue::number("Raw symbols found", symbols, 0),
    ]));
    notes.write(document);

    document.heading(3, "Symbols by category");
    let Some(categories) = categories.filter(|_| counted) else {
        return empty(document, notes, "Discovery wrote no categories, so there is nothing to break down.");
    };
    let mut table = Table::new([
        Column::text("Category"),
        Column::integer("Long"),
        Column::integer("Short"),
        Column::integer("Total"),
    ]);
    for (name, counts) in categories {
        let path = format!("discovery.categories.{name}");
        let [long, short, total] = ["long", "short", "total"].map(|key| notes.integer(counts, &[key], &path));
        if let (Some(long), Some(short), Some(total)) = (long, short, total)
            && i128::from(long) + i128::from(short) != i128::from(total)
        {
            notes.warn("Long and short do not add up to the total", name);
        }
        table.row([name.as_str().into(), long.into(), short.into(), total.into()]);
    }
    document.push(table);
    notes.write(document);
}

/// Stage 2: symbols that are the same asset. Both generations of names are read.
pub(crate) fn merging(document: &mut Document, audit: &Value, notes: &mut Notes) {
    document.heading(2, "Stage 2: Merging");
    let Some(merging) = notes.object(audit, &["merging"], "") else {
        notes.write(document);
        return empty(document, notes, "The audit says nothing about merging.");
    };
    let unique = notes.integer(merging, &["total_unique_identities", "total_unique_atoms"], "merging");
    let merged = notes.integer(merging, &["redundant_symbols_merged", "redundant_venues_merged"], "merging");
    document.push(Block::KeyValues(vec![
        KeyValue::number("Unique identities", unique, 0),
        KeyValue::number("Redundant symbols merged", merged, 0),
    ]));
    document.paragraph("Redundant symbols stay known as implementation alternatives.");
    notes.write(document);
}

/// Stage 3: who won in each cluster.
pub(crate) fn winners(document: &mut Document, audit: &Value, notes: &mut Notes) {
    document.heading(2, "Stage 3: Selection");
    let Some(selection) = notes.object(audit, &["selection"], "") else {
        notes.write(document);
        return empty(document, notes, "The audit says nothing about the selection.");
    };
    let total = notes.integer(selection, &["total_selected"], "selection");
    let lookbacks: Option<Vec<String>> = notes.list(selection, &["lookbacks_used"], "selection").map(|list| {
        let number = |value: &Value| value.as_i64().map(|days| days.to_string());
        list.iter()
            .filter_map(|value| {
                let known = number(value);
                if known.is_none() {
                    notes.odd("selection.lookbacks_used", "a whole number", value);
                }
                known
            })
            .collect()
    });
    let lookbacks = lookbacks.map(|days| if days.is_empty() { "none".to_owned() } else { days.join(", ") });
    document.push(Block::KeyValues(vec![
        KeyValue::text("Lookbacks (bars)", lookbacks),
        KeyValue::number("Total selected", total, 0),
    ]));
    notes.write(document);

    document.heading(3, "Winners by cluster");
    let clusters = notes.object(selection, &["clusters"], "selection").and_then(Value::as_object);
    let Some(clusters) = clusters.filter(|clusters| !clusters.is_empty()) else {
        notes.write(document);
        return empty(document, notes, "The audit names no cluster, so no winner can be shown.");
    };
    let mut table = Table::new([Column::text("Cluster"), Column::integer("Size"), Column::text("Selected winners")]);
    let mut named = 0;
    let mut all_known = true;
    let by_id = |a: &&String, b: &&String| words::id_order(a).cmp(&words::id_order(b));
    for id in order::sorted(clusters.keys().collect(), by_id) {
        if words::id_order(id).0 {
            notes.warn("Cluster ids that are no whole number come last", id);
        }
        let path = format!("selection.clusters.{id}");
        let size = notes.integer(&clusters[id], &["size"], &path);
        let selected = notes.list(&clusters[id], &["selected"], &path);
        all_known &= selected.is_some();
        let mut symbols = Vec::new();
        for symbol in selected.unwrap_or_default() {
            match symbol.as_str() {
                Some(symbol) => symbols.push(symbol),
                None => notes.odd(&format!("{path}.selected"), "a text", symbol),
            }
        }
        named += selected.map_or(0, <[Value]>::len);
        if size.is_some_and(|size| (symbols.len() as i64) > size) {
            notes.warn("More winners than members", words::cluster_label(id));
        }
        let cell = match (selected, symbols.is_empty()) {
            (None, _) => Cell::None,
            (Some(_), true) => "none".into(),
            (Some(_), false) => symbols.join(", ").into(),
        };
        table.row([words::cluster_label(id).into(), size.into(), cell]);
    }
    if let Some(total) = total.filter(|total| all_known && *total != named as i64) {
        notes.warn(format!("The clusters name {named} winners, but the total selected is {total}"), "");
    }
    document.push(table);
    notes.write(document);
}
