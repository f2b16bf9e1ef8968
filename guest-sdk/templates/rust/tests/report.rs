//! The report on a recorded run, without WebAssembly: `cargo test`.

use acme_slowest::Slowest;
use forensic_guest_sdk::testing::MockHost;
use forensic_guest_sdk::{Block, Cell, Document, PluginError, ReportPlugin, Request, Severity};

fn example() -> MockHost {
    MockHost::from_run_dir("tests/runs/example", &["data/*.csv"]).unwrap()
}

fn rows(document: &Document) -> Vec<&Vec<Cell>> {
    document
        .blocks
        .iter()
        .filter_map(|block| if let Block::Table(table) = block { Some(&table.rows) } else { None })
        .flatten()
        .collect()
}

#[test]
fn the_slowest_stage_comes_first_and_is_a_finding() {
    let document = Slowest::render(&Request::new("acme.slowest"), &example()).unwrap();
    let rows = rows(&document);
    assert_eq!(rows[0][0], Cell::from("train"));
    assert_eq!(rows.len(), 5 + 2, "5 stages, 2 files");
    assert_eq!(document.findings.len(), 1);
    assert_eq!((document.findings[0].severity, &*document.findings[0].subject), (Severity::Warning, "train"));
}

#[test]
fn config_says_how_many_stages_and_what_is_too_much() {
    let request = Request::new("acme.slowest").with_config(r#"{"top": 2, "warn_share": 0.9}"#);
    let document = Slowest::render(&request, &example()).unwrap();
    assert_eq!(rows(&document).len(), 2 + 2);
    assert_eq!(document.findings, []);
}

#[test]
fn a_wrong_config_is_refused_by_key() {
    for (config, key) in
        [(r#"{"top": 0}"#, "`top`"), (r#"{"warn_share": 2}"#, "`warn_share`"), (r#"{"tpo": 3}"#, "`tpo`")]
    {
        let refused = Slowest::render(&Request::new("acme.slowest").with_config(config), &example()).unwrap_err();
        assert!(matches!(&refused, PluginError::InvalidConfig(text) if text.contains(key)), "{config}: {refused:?}");
    }
}

#[test]
fn without_a_trace_the_report_says_so() {
    let document = Slowest::render(&Request::new("acme.slowest"), &MockHost::new()).unwrap();
    assert_eq!(document.findings[0].subject, "forensic_trace.json");
}
