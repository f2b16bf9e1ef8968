//! The flat shape: a row a window, as a JSON list or as CSV with the metrics as JSON text.

use serde_json::{Map, Value};

use super::model::{Basis, Entry, Summary, Window};
use super::series::{Series, Store};
use crate::table::{Records, Tally};
use crate::{Notes, json, order, stats};

/// Names where a row has none.
const DEFAULTS: [&str; 3] = ["custom", "custom", "equal_weight"];

/// One row: simulator, engine and profile, and its metrics with the row's own fields among them.
pub(super) struct Row {
    names: [String; 3],
    window: Option<i64>,
    metrics: Value,
}

/// Rows of a JSON list.
pub(super) fn from_list(list: &[Value], notes: &mut Notes) -> Vec<Row> {
    let mut rows = Vec::new();
    for (at, row) in list.iter().enumerate() {
        let parsed = match row.get("metrics") {
            Some(Value::String(text)) => json::parse(text).ok().map(|parsed| parsed.value),
            other => other.cloned(),
        };
        let Some(Value::Object(mut metrics)) = parsed else {
            notes.warn("Rows whose metrics are no object left out", format!("results[{at}]"));
            continue;
        };
        for (key, value) in row.as_object().into_iter().flatten().filter(|(key, _)| *key != "metrics") {
            metrics.entry(key).or_insert_with(|| value.clone());
        }
        let name =
            |at: usize| json::text(row, ["simulator", "engine", "profile"][at]).unwrap_or(DEFAULTS[at]).to_owned();
        let names = [name(0), name(1), name(2)];
        rows.push(Row { names, window: json::integer(row, "window"), metrics: Value::Object(metrics) });
    }
    rows
}

/// Rows of a CSV file.
///
/// # Errors
/// A sentence's end, if a column is missing.
pub(super) fn from_records(records: &Records, notes: &mut Notes) -> Result<Vec<Row>, String> {
    let [metrics] = records.expect(["metrics"])?;
    let columns = ["simulator", "engine", "profile"].map(|name| records.column(name));
    let window = records.column("window");
    let (mut broken, mut not_finite) = (Tally::default(), Tally::default());
    let mut rows = Vec::new();
    for record in &records.rows {
        let field = |column: Option<usize>| column.map(|at| record.fields[at].as_str()).filter(|text| !text.is_empty());
        let object = match json::parse(&record.fields[metrics]) {
            Ok(parsed) => {
                if parsed.not_finite > 0 {
                    not_finite.add(record.line, || "read as absent".into());
                }
                parsed.value
            }
            Err(why) => {
                broken.add(record.line, || why);
                continue;
            }
        };
        if !object.is_object() {
            broken.add(record.line, || format!("{} instead of an object", json::kind(&object)));
            continue;
        }
        let name = |at: usize| field(columns[at]).unwrap_or(DEFAULTS[at]).to_owned();
        let names = [name(0), name(1), name(2)];
        rows.push(Row { names, window: field(window).and_then(|text| text.parse().ok()), metrics: object });
    }
    for sentence in [
        broken.sentence(|count| format!("{count} whose metrics are not JSON text left out")),
        not_finite.sentence(|count| format!("{count} whose metrics hold a bare NaN or Infinity")),
    ]
    .into_iter()
    .flatten()
    {
        notes.warn(sentence, "");
    }
    Ok(rows)
}

/// Entries in the order of their first row; windows in their own order, the last row of a window counting.
pub(super) fn entries(rows: Vec<Row>, store: &mut Store<'_, '_>, notes: &mut Notes) -> Vec<Entry> {
    let mut groups: Vec<([String; 3], Vec<Row>)> = Vec::new();
    for row in rows {
        order::entry(&mut groups, row.names.clone()).push(row);
    }
    let mut entries = Vec::new();
    for (names, rows) in groups {
        let name = names.join(" / ");
        let rows = last_of_each(rows, &name, notes);
        let metrics: Vec<&Value> = rows.iter().map(|row| &row.metrics).collect();
        let windows = metrics.iter().map(|metrics| Window::read(metrics)).collect();
        let mut summary = means(&metrics);
        let series = store.find(&names);
        match series.as_ref().and_then(|series| store.performance(series, notes)) {
            Some(performance) => {
                summary.basis = Basis::Series;
                summary.days = Some(performance.days);
                summary.annual_return = Some(performance.annual_return.value);
                summary.volatility = performance.volatility.map(|clipped| clipped.value);
                summary.sharpe = performance.sharpe.map(|clipped| clipped.value);
                summary.drawdown = Some(performance.max_drawdown);
                summary.clipped = performance.clipped();
            }
            None => notes.warn("No usable return series: means over the windows stand in", &name),
        }
        let [simulator, engine, profile] = names;
        let series = series.map(Series::into_id);
        entries.push(Entry { simulator, engine, profile, summary, windows, series });
    }
    entries
}

fn last_of_each(rows: Vec<Row>, name: &str, notes: &mut Notes) -> Vec<Row> {
    let before = rows.len();
    let mut kept: Vec<Row> = Vec::with_capacity(before);
    for row in rows {
        let same = row.window.and_then(|window| kept.iter().position(|other| other.window == Some(window)));
        match same {
            Some(at) => kept[at] = row,
            None => kept.push(row),
        }
    }
    if kept.len() < before {
        notes.warn("Rows repeat a window: the last one counts", name);
    }
    order::sorted(kept, |a, b| a.window.cmp(&b.window))
}

/// Means over the windows of every metric. Nothing is known of the whole series, so its Sharpe ratio is not.
pub(super) fn means(windows: &[&Value]) -> Summary {
    let mean = |keys: &[&str]| {
        let values: Vec<f64> = windows.iter().filter_map(|window| json::number_of(window, keys)).collect();
        stats::mean(&values)
    };
    Summary {
        basis: Basis::Windows,
        window_sharpe: mean(&["sharpe"]),
        sharpe: None,
        annual_return: mean(&["annualized_return", "return"]),
        volatility: mean(&["annualized_vol", "vol"]),
        drawdown: mean(&["max_drawdown", "mdd"]),
        turnover: mean(&["turnover"]),
        days: None,
        clipped: Vec::new(),
    }
}

/// Whether a JSON value is the flat shape.
pub(super) fn is_flat(results: &Value) -> bool {
    results.is_array()
}

/// An empty object, for a file without meta.
pub(super) fn no_meta() -> Value {
    Value::Object(Map::new())
}
