//! Section 1: how was selected, out of how many, and what that left of each cluster.

use forensic_guest_sdk::{Block, Chart, Document, KeyValue, Severity};
use forensic_plugin_kit::{Notes, json, sections, words};
use serde_json::Value;

use crate::audit::Audit;

/// Bars of a chart at most.
const BARS: usize = 60;

pub(crate) fn write(document: &mut Document, audit: &Audit<'_>, notes: &mut Notes) {
    document.heading(2, "Context");
    let (selection, path) = (audit.selection.object, audit.path);
    // The name of the mode was also written elsewhere.
    let elsewhere = audit.root.get("final_selection").and_then(|last| json::text(last, "mode"));
    let mode = json::text(selection, "selection_mode").or(elsewhere);
    if mode.is_none() {
        notes.absent("selection_mode");
    }
    let windows: Option<Vec<i64>> = notes.list(selection, &["lookbacks_used"], path).map(|windows| {
        if let Some(odd) = windows.iter().find(|value| value.as_i64().is_none()) {
            notes.odd("lookbacks_used", "a whole number", odd);
        }
        windows.iter().filter_map(Value::as_i64).collect()
    });
    let raw = notes.integer(selection, &["total_raw_symbols"], path);
    let selected = notes.integer(selection, &["total_selected"], path);
    let list = |windows: &Vec<i64>| match windows.as_slice() {
        [] => "none".to_owned(),
        windows => windows.iter().map(i64::to_string).collect::<Vec<_>>().join(", "),
    };
    document.push(Block::KeyValues(vec![
        words::timestamp("Audit timestamp", json::text(audit.root, "timestamp")),
        KeyValue::text("Selection mode", mode),
        KeyValue::number("Lookback days (the longest window)", windows.iter().flatten().max().copied(), 0),
        KeyValue::text("Lookback windows", windows.as_ref().map(list)),
        KeyValue::number("Total candidates", raw, 0),
        KeyValue::number("Selected winners", selected, 0),
    ]));
    if let (Some(total), Some(winners)) = (selected, &audit.selection.winners)
        && total != winners.len() as i64
    {
        notes
            .warn(format!("{} named, but the total selected is {total}", sections::count(winners.len(), "winner")), "");
    }
    notes.write(document);
    clusters(document, audit, notes.id());
}

fn clusters(document: &mut Document, audit: &Audit<'_>, id: &str) {
    document.heading(3, "Members and winners by cluster");
    let clusters = &audit.selection.clusters;
    if clusters.is_empty() {
        return sections::trouble(document, Severity::Warning, id, "The audit names no cluster.");
    }
    let shown = &clusters[..clusters.len().min(BARS)];
    let mut chart = Chart::bar("Members and winners", shown.iter().map(|cluster| words::cluster_label(cluster.id)))
        .with_axes("Cluster", "Symbols");
    chart.decimals = 0;
    chart.values("Members", shown.iter().map(|cluster| cluster.size.map_or(f64::NAN, |size| size as f64)));
    chart.values("Winners", shown.iter().map(|cluster| cluster.taken as f64));
    document.push(chart);
    if clusters.len() > BARS {
        document.paragraph(format!("{} not shown.", sections::count(clusters.len() - BARS, "more cluster")));
    }
}
