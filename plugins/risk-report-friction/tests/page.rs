//! The page as a reader gets it: pairs, decays, and what is said where a side is missing.

use forensic_guest_sdk::testing::MockHost;
use forensic_guest_sdk::{Block, Cell, Chart, Document, PluginError, ReportPlugin, Request, Table};
use forensic_plugin_kit::testing::{dump, headings, mutations, section, tables, value};
use risk_report_friction::ReportFriction;
use serde_json::{Value, json};

const RESULTS: &str = "data/tournament_results.json";
const DECAY: &str = "Return and Sharpe decay";

fn entry(annual_return: f64, sharpe: f64, windows: &[(f64, f64)]) -> Value {
    let windows: Vec<Value> = windows
        .iter()
        .enumerate()
        .map(|(at, (returns, turnover))| {
            json!({"start_date": format!("2026-0{}-01", at + 1), "returns": returns, "turnover": turnover, "sharpe": sharpe})
        })
        .collect();
    json!({
        "summary": {"annualized_return": annual_return, "avg_window_sharpe": sharpe, "avg_turnover": 0.3},
        "windows": windows,
    })
}

fn results() -> Value {
    json!({
        "meta": {"test_window": 21, "simulators": ["custom", "cvxportfolio"]},
        "results": {
            "custom": {
                "skfolio": {
                    "hrp": entry(0.12, 1.5, &[(0.010, 0.9), (0.020, 0.9)]),
                    "min_variance": entry(0.10, 1.0, &[(0.010, 0.2), (0.010, 0.2)]),
                    "max_sharpe": entry(0.30, 2.0, &[]),
                },
                "market": {"market": entry(0.08, 0.8, &[])},
            },
            "cvxportfolio": {
                "skfolio": {
                    // Lost 0.001 + 0.003 on 0.5 + 0.3 of turnover: 50 basis points.
                    "hrp": entry(0.07, 1.1, &[(0.009, 0.5), (0.017, 0.3)]),
                    "min_variance": entry(0.11, 1.2, &[(0.010, 0.0), (0.010, 0.0)]),
                    "barbell": entry(0.05, 0.5, &[]),
                },
                "market": {"market": entry(0.01, 0.1, &[])},
            },
        },
    })
}

fn host(results: &Value) -> MockHost {
    MockHost::new().with_file(RESULTS, results.to_string())
}

fn render(results: &Value) -> Document {
    ReportFriction::render(&Request::new("x"), &host(results)).expect("a page")
}

fn finding(document: &Document, part: &str) -> bool {
    document.findings.iter().any(|finding| finding.text.contains(part))
}

fn cell<'d>(table: &'d Table, profile: &str, column: &str) -> &'d Cell {
    let at = table.columns.iter().position(|found| found.title == column).expect(column);
    let row = table.rows.iter().find(|row| row[1] == profile.into());
    &row.unwrap_or_else(|| panic!("{profile}: {table:?}"))[at]
}

fn close(cell: &Cell, expected: f64) {
    assert!(matches!(cell, Cell::Number(number) if (number - expected).abs() < 1e-9), "{cell:?} is not {expected}");
}

fn charts(document: &Document) -> Vec<&Chart> {
    let charts =
        document.blocks.iter().filter_map(|block| if let Block::Chart(chart) = block { Some(chart) } else { None });
    charts.collect()
}

#[test]
fn decay_is_ideal_less_real_and_what_lost_most_comes_first() {
    let document = render(&results());
    assert_eq!(headings(&document), ["Context", DECAY, "Inputs"]);
    let table = tables(&document, DECAY)[0];
    let order: Vec<&Cell> = table.rows.iter().map(|row| &row[1]).collect();
    assert_eq!(order, [&Cell::from("hrp"), &"min_variance".into()], "baselines are left out");
    close(cell(table, "hrp", "Ann. Return (Ideal)"), 0.12);
    close(cell(table, "hrp", "Ann. Return (Real)"), 0.07);
    close(cell(table, "hrp", "Return Decay"), 0.05);
    close(cell(table, "hrp", "Sharpe Decay (mean of windows)"), 0.4);
    close(cell(table, "hrp", "Cost per turnover"), 50.0);
    assert_eq!(value(&document, "Largest for"), Some(&"skfolio / hrp".into()));
    assert!(matches!(value(&document, "Mean return decay"), Some(Cell::Number(mean)) if (mean - 0.02).abs() < 1e-12));
    let charts = charts(&document);
    assert_eq!(charts.len(), 2);
    assert_eq!(charts[0].series[1].y, [0.07, 0.11]);
    assert_eq!(charts[1].series[0].x, [0.3, 0.3]);
}

#[test]
fn dont_copy_a_stop_at_a_pair_that_only_one_side_has() {
    let document = render(&results());
    assert!(finding(&document, "Left out, for only custom has results: skfolio / max_sharpe."));
    assert!(finding(&document, "Left out, for only cvxportfolio has results: skfolio / barbell."));
    // An empty summary without windows is no result either.
    let mut results = results();
    results["results"]["cvxportfolio"]["skfolio"]["hrp"] = json!({"summary": {}, "windows": []});
    let document = render(&results);
    assert!(finding(&document, "Left out, for only custom has results: skfolio / hrp, skfolio / max_sharpe."));
}

#[test]
fn dont_copy_absent_as_zero() {
    let mut results = results();
    let summary = results["results"]["cvxportfolio"]["skfolio"]["hrp"]["summary"].as_object_mut().unwrap();
    summary.remove("annualized_return");
    summary.remove("avg_window_sharpe");
    let document = render(&results);
    let table = tables(&document, DECAY)[0];
    assert_eq!(cell(table, "hrp", "Return Decay"), &Cell::None);
    assert_eq!(cell(table, "hrp", "Sharpe Decay (mean of windows)"), &Cell::None);
    // Unknown comes last.
    assert_eq!(table.rows[1][1], "hrp".into());
    assert!(finding(&document, "N/A because the results have no annualized_return: cvxportfolio / skfolio / hrp."));
    assert!(finding(&document, "N/A because the results have no avg_window_sharpe: cvxportfolio / skfolio / hrp."));
}

#[test]
fn what_costs_do_not_explain_is_said() {
    let document = render(&results());
    assert_eq!(cell(tables(&document, DECAY)[0], "min_variance", "Doubts"), &"real beats ideal".into());
    assert!(finding(&document, "Better with costs than without, which costs do not explain: skfolio / min_variance."));
    // Nothing was traded, so there is no cost of trading.
    assert_eq!(cell(tables(&document, DECAY)[0], "min_variance", "Cost per turnover"), &Cell::None);
}

#[test]
fn other_windows_and_clipped_values_are_marked() {
    let mut results = results();
    let real = &mut results["results"]["cvxportfolio"]["skfolio"]["hrp"];
    real["windows"].as_array_mut().unwrap().pop();
    real["summary"]["annualized_return"] = json!(-0.9999);
    let document = render(&results);
    let table = tables(&document, DECAY)[0];
    let Cell::Text(doubts) = cell(table, "hrp", "Doubts") else { panic!() };
    assert!(doubts.contains("cvxportfolio clipped: annual return -99.99%"), "{doubts}");
    assert!(doubts.contains("2 windows against 1"), "{doubts}");
    assert_eq!(cell(table, "hrp", "Cost per turnover"), &Cell::None);
    assert!(finding(&document, "the decay compares different times: skfolio / hrp."));
    // As many windows that begin on other days are no counterparts.
    let mut results = self::results();
    results["results"]["cvxportfolio"]["skfolio"]["hrp"]["windows"][0]["start_date"] = json!("2025-01-01");
    assert_eq!(cell(tables(&render(&results), DECAY)[0], "hrp", "Cost per turnover"), &Cell::None);
}

#[test]
fn one_simulator_is_a_sentence_that_names_those_there_are() {
    let mut results = results();
    let real = results["results"].as_object_mut().unwrap().remove("cvxportfolio").unwrap();
    results["results"]["costs"] = real;
    let document = render(&results);
    let text = section(&document, DECAY);
    assert!(text.contains("no results of cvxportfolio. There are results of: costs, custom."), "{text}");
    assert!(finding(&document, "Insufficient data"));
    let config = r#"{"ideal": "custom", "real": "costs"}"#;
    let document = ReportFriction::render(&Request::new("x").with_config(config), &host(&results)).unwrap();
    close(cell(tables(&document, DECAY)[0], "hrp", "Return Decay"), 0.05);
    let document = render(&json!({"meta": {}, "results": {}}));
    assert!(section(&document, DECAY).contains("none at all"));
    // Both took part, with nothing in common.
    results["results"]["costs"]["skfolio"] = json!({});
    let document = ReportFriction::render(&Request::new("x").with_config(config), &host(&results)).unwrap();
    assert!(section(&document, DECAY).contains("no engine and profile has results in both custom and costs"));
    assert!(charts(&document).is_empty());
}

#[test]
fn results_are_the_main_input_and_the_config_is_checked() {
    let error = ReportFriction::render(&Request::new("x"), &MockHost::new()).unwrap_err();
    assert!(matches!(error, PluginError::MissingData(text) if text.contains(RESULTS)));
    for (config, part) in [(r#"{"simulator": "x"}"#, "`simulator`"), (r#"{"real": "custom"}"#, "are both \"custom\"")] {
        let error = ReportFriction::render(&Request::new("x").with_config(config), &host(&results())).unwrap_err();
        assert!(matches!(error, PluginError::InvalidConfig(text) if text.contains(part)), "{config}");
    }
}

#[test]
fn nothing_odd_panics() {
    for changed in mutations(&results()) {
        let _ = ReportFriction::render(&Request::new("x"), &host(&changed)).map(|document| dump(&document));
    }
}
