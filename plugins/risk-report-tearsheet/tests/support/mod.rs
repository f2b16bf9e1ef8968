//! A sleeve with one series of 400 days, its benchmark and a tournament.
#![allow(dead_code, reason = "each test file uses a part")]

use forensic_guest_sdk::testing::MockHost;
use forensic_guest_sdk::{Document, PluginError, ReportPlugin, Request};
use risk_report_tearsheet::ReportTearsheet;
use serde_json::{Value, json};

pub(crate) const SERIES: &str = include_str!("../fixtures/series.csv");
pub(crate) const MATRIX: &str = include_str!("../fixtures/returns_matrix.csv");
pub(crate) const EXPECTED: &str = include_str!("../fixtures/expected.json");
pub(crate) const FILE: &str = "data/returns/a_b_c_d.csv";
pub(crate) const INDEX: &str = "data/returns/index.json";
pub(crate) const RESULTS: &str = "data/tournament_results.json";

/// Two engines and a baseline; the series is of the second engine. The names hold `_` on purpose.
pub(crate) fn results() -> Value {
    let of = |sharpe: f64| json!({"summary": {"avg_window_sharpe": sharpe, "annualized_return": 0.1}, "windows": []});
    json!({"meta": {"simulators": ["a_b"], "profiles": ["d"]}, "results": {"a_b": {
        "other": {"d": of(1.0)}, "c": {"d": of(1.5)}, "market": {"market": of(9.0)}}}})
}

pub(crate) fn index() -> Value {
    json!({"series": [
        {"name": "a_b_c_d", "file": "returns/a_b_c_d.csv", "simulator": "a_b", "engine": "c", "profile": "d"},
        {"name": "a_b_market_market", "simulator": "a_b", "engine": "market", "profile": "market"},
    ]})
}

pub(crate) fn host() -> MockHost {
    MockHost::new()
        .with_file(FILE, SERIES)
        .with_file("data/returns/a_b_market_market.csv", SERIES)
        .with_file("data/returns_matrix.csv", MATRIX)
        .with_file(INDEX, index().to_string())
        .with_file(RESULTS, results().to_string())
}

/// The usual config, in this mode.
pub(crate) fn config(mode: &str) -> Value {
    json!({"series": "a_b_c_d", "benchmark": "SP:SPX", "mode": mode})
}

pub(crate) fn try_render(host: &MockHost, config: &Value) -> Result<Document, PluginError> {
    ReportTearsheet::render(&Request::new("x").with_config(config.to_string()), host)
}

pub(crate) fn render(host: &MockHost, config: &Value) -> Document {
    try_render(host, config).expect("a page")
}

/// The sentence of a missing main input.
pub(crate) fn missing(host: &MockHost, config: &Value) -> String {
    match try_render(host, config) {
        Err(PluginError::MissingData(text)) => text,
        other => panic!("{:?}", other.map(|document| document.title)),
    }
}
