//! Section 3: who was refused, and why.

use forensic_guest_sdk::{Cell, Column, Document, KeyValue, Severity, Table};
use forensic_plugin_kit::{Notes, json, order, sections};
use serde_json::Value;

use crate::audit::Audit;

pub(crate) fn write(document: &mut Document, audit: &Audit<'_>, notes: &mut Notes) {
    document.heading(2, "Vetoes");
    let vetoes = match audit.selection.object.get("vetoes") {
        Some(Value::Object(vetoes)) => vetoes,
        other => {
            let found = other.map_or("nothing", json::kind);
            let sentence = format!("Vetoes are N/A: an object by symbol is expected, and the audit has {found}.");
            return sections::trouble(document, Severity::Warning, notes.id(), &sentence);
        }
    };
    document.key_values([KeyValue::number("Total vetoes", vetoes.len() as i64, 0)]);
    if vetoes.is_empty() {
        document.paragraph("No symbol was refused.");
        return;
    }
    let mut table = Table::new([Column::text("Symbol"), Column::text("Reason")]);
    let by_symbol = |a: &(&String, &Value), b: &(&String, &Value)| a.0.cmp(b.0);
    for (symbol, reasons) in order::sorted(vetoes.iter().collect(), by_symbol) {
        let reason = reason(reasons);
        if reason.is_none() {
            notes.warn("Vetoes without a reason", symbol);
        }
        if audit.selection.winners.iter().flatten().any(|winner| winner.symbol == symbol) {
            notes.warn("Refused, and among the winners", symbol);
        }
        table.row([symbol.as_str().into(), Cell::from(reason)]);
    }
    document.push(table);
    notes.write(document);
}

/// All reasons, from a list or from one text.
fn reason(reasons: &Value) -> Option<String> {
    let one = std::slice::from_ref(reasons);
    let texts = reasons.as_array().map_or(one, Vec::as_slice).iter().filter_map(Value::as_str).map(str::trim);
    let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}
