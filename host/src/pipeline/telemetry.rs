//! The table `[telemetry]`: what becomes of the spans that stages make themselves.

use std::collections::HashMap;
use std::time::Duration;

use super::include::Document;
use super::layers::unique;
use super::model::Telemetry;
use crate::config::read::{Field, Reader, Table};
use crate::limits::show_bytes;

pub(super) const KEYS: [&str; 5] = ["receive", "forward", "spans_per_attempt", "bytes_per_attempt", "forward_timeout"];

const MAX_SPANS: u64 = 10_000_000;
/// One request of a usual exporter has to fit.
const MIN_BYTES: u64 = 64 << 10;
const MAX_BYTES: u64 = 4 << 30;
/// Longer than this nobody waits for a peer at the end of a run.
const MAX_FORWARD_TIMEOUT: Duration = Duration::from_secs(600);

pub(super) fn read(reader: &mut Reader, documents: &[Document<'_>]) -> Telemetry {
    let mut telemetry = Telemetry::default();
    let mut first = HashMap::new();
    for document in documents {
        let Some(field) = document.table.get("telemetry") else { continue };
        let Some(table) = reader.table(&field, "the table `[telemetry]`") else { continue };
        reader.refuse_unknown(table, "`[telemetry]`", &KEYS);
        for field in table.fields() {
            unique(reader, &mut first, &field, "key");
        }
        read_table(reader, table, &mut telemetry);
    }
    telemetry
}

fn read_table(reader: &mut Reader, table: Table<'_>, telemetry: &mut Telemetry) {
    if let Some(value) = table.get("receive").and_then(|field| reader.boolean(&field)) {
        telemetry.receive = value;
    }
    if let Some(value) = table.get("forward").and_then(|field| reader.boolean(&field)) {
        telemetry.forward = value;
    }
    if let Some(value) = table.get("spans_per_attempt").and_then(|field| spans(reader, &field)) {
        telemetry.spans_per_attempt = value;
    }
    if let Some(value) = table.get("bytes_per_attempt").and_then(|field| bytes(reader, &field)) {
        telemetry.bytes_per_attempt = value;
    }
    if let Some(value) =
        table.get("forward_timeout").and_then(|field| reader.duration(&field, Duration::ZERO, MAX_FORWARD_TIMEOUT))
    {
        telemetry.forward_timeout = value;
    }
}

fn spans(reader: &mut Reader, field: &Field<'_>) -> Option<u64> {
    let value = reader.count(field)?;
    if !(1..=MAX_SPANS).contains(&value) {
        let draft = reader.bad_value(field, format!("expected 1 to {MAX_SPANS}"));
        draft.maybe_help((value == 0).then(|| "to take none, write `receive = false`".to_owned()));
        return None;
    }
    Some(value)
}

fn bytes(reader: &mut Reader, field: &Field<'_>) -> Option<u64> {
    let value = reader.size(field)?;
    if !(MIN_BYTES..=MAX_BYTES).contains(&value) {
        let draft =
            reader.bad_value(field, format!("{} to {} are allowed", show_bytes(MIN_BYTES), show_bytes(MAX_BYTES)));
        draft.maybe_help((value == 0).then(|| "to take none, write `receive = false`".to_owned()));
        return None;
    }
    Some(value)
}
