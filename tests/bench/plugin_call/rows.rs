//! Rows of measurements: one a tool and case, each measure with a value for every round.

use std::collections::BTreeMap;
use std::path::Path;

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value, json};
use wasmtime::Result;

/// One row.
pub(crate) struct Row {
    case: String,
    size: usize,
    tool: &'static str,
    /// By name; the name ends with the unit.
    measures: BTreeMap<&'static str, Vec<f64>>,
    facts: Map<String, Value>,
}

impl Row {
    pub(crate) fn new(case: impl Into<String>, size: usize, tool: &'static str) -> Self {
        Self { case: case.into(), size, tool, measures: BTreeMap::new(), facts: Map::new() }
    }

    /// What one more round gave.
    pub(crate) fn push(&mut self, measure: &'static str, value: f64) {
        self.measures.entry(measure).or_default().push(value);
    }

    /// What is the same in every round.
    pub(crate) fn fact(&mut self, name: &str, value: impl Into<Value>) {
        self.facts.insert(name.into(), value.into());
    }

    /// The middle of all rounds.
    pub(crate) fn median(&self, measure: &str) -> Option<f64> {
        Some(median(self.measures.get(measure)?.clone()))
    }

    fn json(&self) -> Value {
        let mut row = json!({ "case": self.case, "size": self.size, "tool": self.tool });
        for (name, values) in &self.measures {
            row[name] = json!(values);
        }
        for (name, value) in &self.facts {
            row[name] = value.clone();
        }
        row
    }
}

/// Writes all rows.
pub(crate) fn write(file: &Path, rounds: usize, rows: &[Row]) -> Result<()> {
    let rows: Vec<Value> = rows.iter().map(Row::json).collect();
    std::fs::write(file, serde_json::to_vec(&json!({ "rounds": rounds, "rows": rows }))?)?;
    Ok(())
}

/// Prints the medians of some measures, a line a row.
pub(crate) fn print(rows: &[Row], measures: &[&str]) {
    let first = rows.iter().map(|row| row.case.len()).max().unwrap_or(0);
    let second = rows.iter().map(|row| row.tool.len()).max().unwrap_or(0);
    let shown = rows.iter().filter(|row| measures.iter().any(|measure| row.measures.contains_key(*measure)));
    println!(
        "\n{:first$}  {:second$}  {}",
        "",
        "",
        measures.iter().map(|title| format!("{title:>15}")).collect::<String>()
    );
    for row in shown {
        let cell = |measure| row.median(measure).map_or("–".to_owned(), |value| format!("{value:.1}"));
        let cells: String = measures.iter().map(|measure| format!("{:>15}", cell(measure))).collect();
        println!("{:first$}  {:second$}  {cells}", row.case, row.tool);
    }
}

/// The middle one; 0 of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Processor seconds of this process, all its threads.
pub(crate) fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
