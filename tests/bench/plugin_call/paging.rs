//! What a record costs on its way to a guest: a plugin (`tests/guests/reader`) reads all spans of a trace in pages of a size.
//! A page never has more than the host gives at once: 1,024 spans, 65,536 times.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use forensic_host::trace::{Trace, Value};
use serde_json::json;
use wasmtime::{Result, format_err};

use crate::bare::{Attribute, AttributeValue, Bare, Records, Span};
use crate::ours::{Ours, gave, of_trace};
use crate::rows::{Row, cpu};

/// Records that are asked for at once.
const PAGES: [u32; 3] = [10, 1_000, 100_000];

/// The reading plugin's component.
pub(crate) fn guest() -> Result<Vec<u8>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
    let mut guests = forensic_guest_build::build_guests(&workspace, &target, &["reader-guest"])
        .map_err(|why| format_err!("the reading plugin can't be built: {why}"))?;
    Ok(guests.remove(0))
}

/// Reads a trace of so many spans, so often.
pub(crate) fn measure(rounds: usize, spans: usize, ours: &Ours, bare: &Bare) -> Result<Vec<Row>> {
    let plugin = ours.load()?;
    let floor = bare.load(&ours.machine_code()?, false)?;
    let trace = Trace::from_slice(trace(spans).as_bytes())?;
    let records = Arc::new(Records { spans: trace.spans().map(|span| record(&span)).collect() });
    let inputs = of_trace(trace);
    let mut rows = Vec::new();
    for kind in ["spans", "times"] {
        for page in PAGES {
            let case = format!("{spans} {kind} in pages of {page}");
            let config = json!({ "records": kind, "page": page }).to_string();
            let mut with_host = Row::new(&case, page as usize, "forensic-host");
            let mut alone = Row::new(&case, page as usize, "wasmtime alone, records ready-made");
            let host = || {
                let report = ours.call(&plugin, &config, &inputs);
                gave(&report).map(|_| report.host_calls)
            };
            with_host.fact("host_calls", host()?);
            bare.call(&floor, &config, &records)?;
            for round in 0..rounds {
                let mut once = |mine: bool| -> Result<()> {
                    let (start, before) = (Instant::now(), cpu());
                    let row = if mine {
                        host()?;
                        &mut with_host
                    } else {
                        bare.call(&floor, &config, &records)?;
                        &mut alone
                    };
                    let wall = start.elapsed().as_secs_f64();
                    row.push("wall_s", wall);
                    row.push("cpu_s", cpu() - before);
                    row.push("records_per_s", spans as f64 / wall);
                    Ok(())
                };
                once(round % 2 == 0)?;
                once(round % 2 == 1)?;
            }
            rows.extend([with_host, alone]);
        }
    }
    Ok(rows)
}

/// The trace of a run with one stage that sent many spans of eight attributes.
fn trace(spans: usize) -> String {
    let start = 1_700_000_000_000_000_000_u64;
    let span = |number: usize| {
        let begin = start + number as u64 * 1_000;
        json!({
            "name": format!("step {}", number % 100),
            "start_time": begin,
            "end_time": begin + 900,
            "status": "Success",
            "attributes": {
                "forensic.origin": "otlp", "app.dataset": "prices/2026-11-22.parquet", "app.symbol": "BTC-USD",
                "app.message": "loaded a window of prices", "app.rows": number, "app.window": 256, "app.ratio": 0.25,
                "app.cached": false,
            },
            "trace_id": "0af7651916cd43dd8448eb211c80319c",
            "span_id": format!("{:016x}", number + 1),
            "parent_span_id": (number > 0).then_some("0000000000000001"),
        })
        .to_string()
    };
    format!("[\n{}\n]\n", (0..spans).map(span).collect::<Vec<_>>().join(",\n"))
}

fn record(span: &forensic_host::trace::Span<'_>) -> Span {
    let value = |value: Value<'_>| match value {
        Value::Bool(value) => AttributeValue::Boolean(value),
        Value::Int(value) => AttributeValue::Integer(value),
        Value::Text(text) => AttributeValue::Text(text.into()),
        other => AttributeValue::Number(other.as_f64().unwrap_or_default()),
    };
    Span {
        name: span.name().into(),
        span_id: span.span_id_hex(),
        parent_span_id: span.parent_span_id_hex(),
        start_time: span.start_time(),
        end_time: span.end_time(),
        failed: false,
        status_message: None,
        attributes: span.attributes().map(|(key, is)| Attribute { key: key.into(), value: value(is) }).collect(),
    }
}
