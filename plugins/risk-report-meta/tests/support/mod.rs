//! The fixture run (made by `fixtures/generate.py`) and short ways to look at a report on it.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails here")]

use std::path::Path;

use forensic_guest_sdk::testing::MockHost;
use forensic_guest_sdk::{
    Cell, Document, HealthMetrics, PluginError, ReportPlugin, Request, RunSummary, Severity, Table,
};
use forensic_plugin_kit::testing::tables;
use risk_report_meta::ReportMeta;

/// The fixture run with a trace.
pub(crate) fn host() -> MockHost {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/run");
    let run = RunSummary {
        id: "run-1".into(),
        pipeline: "meta.full".into(),
        profile: Some("meta_test".into()),
        outcome: "success".into(),
        trace_id: "0".repeat(32),
        start_time: 1_709_294_400_000_000_000,
        end_time: 1_709_294_460_000_000_000,
        wall_ns: 60_000_000_000,
        slots: 2,
        stages: 0,
        spans: 1,
    };
    let health = HealthMetrics {
        wall_ns: 60_000_000_000,
        busy_ns: 0,
        work_ns: 0,
        useful_ns: 0,
        wasted_ns: 0,
        speedup: None,
        efficiency: None,
        cpu_use: None,
        critical_path_ns: None,
        critical_path: Vec::new(),
        max_speedup: None,
        lower_bound_ns: None,
        schedule_quality: None,
        queue_ns: None,
        warnings: Vec::new(),
    };
    MockHost::from_folder(folder).unwrap().with_trace(run, health, Vec::new())
}

/// The text of a fixture file.
pub(crate) fn file(id: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/run").join(id);
    std::fs::read_to_string(path).unwrap()
}

/// The report with a config.
pub(crate) fn try_report(host: &MockHost, config: &str) -> Result<Document, PluginError> {
    ReportMeta::render(&Request::new("meta").with_config(config), host)
}

/// The report on the fixture's two risk profiles.
pub(crate) fn report(host: &MockHost) -> Document {
    try_report(host, r#"{"meta_profile": "meta_test", "profiles": ["hrp", "min_variance"]}"#).unwrap()
}

/// The table under `title` that has the column `column`.
pub(crate) fn table<'d>(document: &'d Document, title: &str, column: &str) -> &'d Table {
    let has = |table: &&Table| table.columns.iter().any(|other| other.title == column);
    tables(document, title).into_iter().find(has).unwrap_or_else(|| panic!("{title}: no table with {column}"))
}

/// The cells of a column.
pub(crate) fn column<'d>(document: &'d Document, title: &str, column: &str) -> Vec<&'d Cell> {
    let table = table(document, title, column);
    let at = table.columns.iter().position(|other| other.title == column).unwrap();
    table.rows.iter().map(|row| &row[at]).collect()
}

/// The same as text: words, `none`, or the number.
pub(crate) fn words(document: &Document, title: &str, name: &str) -> Vec<String> {
    column(document, title, name).into_iter().map(word).collect()
}

/// A cell as text.
pub(crate) fn word(cell: &Cell) -> String {
    match cell {
        Cell::None => "none".into(),
        Cell::Text(text) => text.clone(),
        Cell::Number(number) => number.to_string(),
        Cell::Integer(number) => number.to_string(),
        Cell::Status(status) => status.text.clone(),
    }
}

/// A cell as number.
pub(crate) fn number(cell: &Cell) -> f64 {
    match cell {
        Cell::Number(number) => *number,
        Cell::Integer(number) => *number as f64,
        other => panic!("{other:?} is no number"),
    }
}

/// The findings of a severity whose text has this part.
pub(crate) fn findings<'d>(document: &'d Document, severity: Severity, part: &str) -> Vec<&'d str> {
    let fits = |finding: &&forensic_guest_sdk::Finding| finding.severity == severity && finding.text.contains(part);
    document.findings.iter().filter(fits).map(|finding| finding.text.as_str()).collect()
}
