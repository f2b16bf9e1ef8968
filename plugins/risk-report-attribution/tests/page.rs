//! The page as a reader gets it: values, the choice of baselines and engines, and what is said where there are none.

use forensic_guest_sdk::testing::MockHost;
use forensic_guest_sdk::{Block, Cell, Chart, Document, PluginError, ReportPlugin, Request, Severity, Table};
use forensic_plugin_kit::testing::{dump, headings, mutations, section, tables, value};
use risk_report_attribution::ReportAttribution;
use serde_json::{Value, json};

const RESULTS: &str = "data/tournament_results.json";
const SELECTION: &str = "Selection alpha";
const OPTIMIZATION: &str = "Optimization alpha";

/// An entry of 24 windows, so 504 days.
fn entry(annual_return: f64, sharpe: f64) -> Value {
    let windows: Vec<Value> = (0..24).map(|at| json!({"window": at, "returns": 0.01, "sharpe": sharpe})).collect();
    json!({"summary": {"annualized_return": annual_return, "avg_window_sharpe": sharpe}, "windows": windows})
}

fn results() -> Value {
    let simulator = json!({
        "custom": {"hrp": entry(0.13, 0.9), "max_sharpe": entry(0.20, 0.5)},
        "skfolio": {"hrp": entry(0.11, 1.1), "max_sharpe": entry(0.16, 1.5)},
        "riskfolio": {"_status": {"skipped": true}, "hrp": entry(9.0, 9.0)},
        "market": {"market": entry(0.08, 0.8), "benchmark": entry(0.12, 1.0), "raw_pool_ew": entry(0.09, 0.7)},
    });
    let mut ideal = simulator.clone();
    ideal["skfolio"]["hrp"] = entry(0.5, 2.0);
    json!({
        "meta": {"train_window": 252, "test_window": 21, "step_size": 21, "profiles": ["hrp", "max_sharpe", "benchmark"]},
        "results": {"custom": ideal, "cvxportfolio": simulator},
    })
}

fn host(results: &Value) -> MockHost {
    MockHost::new().with_file(RESULTS, results.to_string())
}

fn render(results: &Value) -> Document {
    render_with(results, "{}")
}

fn render_with(results: &Value, config: &str) -> Document {
    ReportAttribution::render(&Request::new("x").with_config(config), &host(results)).expect("a page")
}

fn finding(document: &Document, part: &str) -> bool {
    document.findings.iter().any(|finding| finding.text.contains(part))
}

/// The cell of the first row that begins with `start`.
fn cell<'d>(table: &'d Table, start: &str, column: &str) -> &'d Cell {
    let at = table.columns.iter().position(|found| found.title == column).expect(column);
    let row = table.rows.iter().find(|row| row[0] == start.into());
    &row.unwrap_or_else(|| panic!("{start}: {table:?}"))[at]
}

fn close(cell: &Cell, expected: f64) {
    assert!(matches!(cell, Cell::Number(number) if (number - expected).abs() < 1e-12), "{cell:?} is not {expected}");
}

fn chart(document: &Document) -> Option<&Chart> {
    document.blocks.iter().find_map(|block| if let Block::Chart(chart) = block { Some(chart) } else { None })
}

#[test]
fn selection_is_the_filtered_universe_less_the_raw_pool() {
    let document = render(&results());
    assert_eq!(headings(&document), ["Context", SELECTION, OPTIMIZATION, "Inputs"]);
    assert_eq!(value(&document, "Simulator"), Some(&"cvxportfolio".into()));
    let table = tables(&document, SELECTION)[0];
    close(cell(table, "Raw Pool EW", "Ann. Return"), 0.09);
    close(cell(table, "Filtered EW", "Ann. Return"), 0.12);
    close(cell(table, "Filtered EW", "Selection Alpha"), 0.03);
    assert_eq!(cell(table, "Filtered EW", "Profile"), &"benchmark".into());
    assert!(table.columns[3].signed && !table.columns[2].signed);
    assert!(document.findings.iter().all(|finding| finding.severity == Severity::Info), "{}", dump(&document));
}

#[test]
fn filtered_falls_back_and_never_to_the_market_or_the_raw_pool() {
    let mut results = results();
    let market = &mut results["results"]["cvxportfolio"]["market"];
    market.as_object_mut().unwrap().remove("benchmark");
    market["zzz"] = entry(0.10, 1.0);
    let filtered = |results: &Value| {
        let document = render(results);
        tables(&document, SELECTION).first().map(|table| cell(table, "Filtered EW", "Profile").clone())
    };
    assert_eq!(filtered(&results), Some("zzz".into()));
    results["results"]["cvxportfolio"]["market"]["equal_weight"] = entry(0.11, 1.0);
    assert_eq!(filtered(&results), Some("equal_weight".into()));
    let only = json!({"market": entry(0.1, 1.0), "raw_pool_ew": entry(0.1, 1.0), "_status": {"skipped": false}});
    results["results"]["cvxportfolio"]["market"] = only;
    assert_eq!(filtered(&results), None);
}

#[test]
fn optimization_is_the_best_engine_less_the_filtered_universe() {
    let document = render(&results());
    let table = tables(&document, OPTIMIZATION)[0];
    // The order of the meta part; the baselines are no profiles.
    let order: Vec<&Cell> = table.rows.iter().map(|row| &row[0]).collect();
    assert_eq!(order, [&Cell::from("HRP"), &"MAX_SHARPE".into()]);
    assert_eq!(cell(table, "HRP", "Engine"), &"skfolio".into());
    close(cell(table, "HRP", "Opt. Alpha"), 0.11 - 0.12);
    close(cell(table, "HRP", "Over raw pool"), 0.11 - 0.09);
    close(cell(table, "MAX_SHARPE", "Opt. Alpha"), 0.16 - 0.12);
    let chart = chart(&document).expect("a chart");
    assert_eq!(chart.labels, ["hrp", "max_sharpe"]);
    assert_eq!(chart.series[0].y, [0.12 - 0.09; 2]);
    assert_eq!(chart.series[1].name, "Optimization alpha");
}

#[test]
fn dont_copy_an_engine_that_is_picked_without_a_word() {
    let document = render(&results());
    let text = section(&document, OPTIMIZATION);
    assert!(text.contains("picked after the fact, which flatters it"), "{text}");
    // The best Sharpe is not the best return, and the row shows all engines' span.
    let table = tables(&document, OPTIMIZATION)[0];
    close(cell(table, "HRP", "Lowest Alpha"), 0.11 - 0.12);
    close(cell(table, "HRP", "Highest Alpha"), 0.13 - 0.12);
    assert_eq!(cell(table, "HRP", "Engines"), &Cell::Integer(2));
    // An engine that was fixed beforehand.
    let document = render_with(&results(), r#"{"engine": "custom"}"#);
    assert_eq!(value(&document, "Engine of each profile"), Some(&"custom, set in the config".into()));
    close(cell(tables(&document, OPTIMIZATION)[0], "HRP", "Opt. Alpha"), 0.13 - 0.12);
    assert!(!dump(&document).contains("after the fact"));
    let document = render_with(&results(), r#"{"engine": "none"}"#);
    assert!(finding(&document, "their engines do not include `none`: hrp, max_sharpe."), "{}", dump(&document));
}

#[test]
fn without_a_sharpe_ratio_custom_stands_in() {
    let mut results = results();
    for engine in ["custom", "skfolio"] {
        let hrp = &mut results["results"]["cvxportfolio"][engine]["hrp"];
        hrp["summary"].as_object_mut().unwrap().remove("avg_window_sharpe");
        hrp["windows"] = json!([]);
    }
    let document = render(&results);
    assert_eq!(cell(tables(&document, OPTIMIZATION)[0], "HRP", "Engine"), &"custom".into());
    results["results"]["cvxportfolio"]["custom"].as_object_mut().unwrap().remove("hrp");
    assert!(finding(&render(&results), "Profiles left out"));
}

#[test]
fn dont_copy_an_absent_return_as_zero() {
    let mut results = results();
    let simulator = &mut results["results"]["cvxportfolio"];
    simulator["skfolio"]["hrp"]["summary"].as_object_mut().unwrap().remove("annualized_return");
    let document = render(&results);
    let table = tables(&document, OPTIMIZATION)[0];
    assert_eq!((cell(table, "HRP", "Ann. Return"), cell(table, "HRP", "Opt. Alpha")), (&Cell::None, &Cell::None));
    assert!(finding(&document, "N/A because the results have no annualized_return: cvxportfolio / skfolio / hrp."));
    // A baseline without one: no alpha at all rather than one against zero.
    let baseline = &mut results["results"]["cvxportfolio"]["market"]["benchmark"];
    baseline["summary"].as_object_mut().unwrap().remove("annualized_return");
    let document = render(&results);
    assert_eq!(cell(tables(&document, SELECTION)[0], "Filtered EW", "Selection Alpha"), &Cell::None);
    assert!(
        tables(&document, OPTIMIZATION).is_empty() && section(&document, OPTIMIZATION).contains("Insufficient data")
    );
}

#[test]
fn dont_copy_huge_alphas_of_short_or_clipped_series() {
    let mut results = results();
    let hrp = &mut results["results"]["cvxportfolio"]["skfolio"]["hrp"];
    hrp["summary"]["annualized_return"] = json!(5.0);
    hrp["windows"].as_array_mut().unwrap().truncate(3);
    let document = render(&results);
    let table = tables(&document, OPTIMIZATION)[0];
    assert_eq!(cell(table, "HRP", "Days"), &Cell::Integer(63));
    let Cell::Text(doubts) = cell(table, "HRP", "Doubts") else { panic!() };
    for part in ["63 days scaled up to a year", "clipped: annual return 500.00%", "3 windows against 24"] {
        assert!(doubts.contains(part), "{doubts}");
    }
    for part in [
        "less than a year are scaled up to one, so a difference may be chance: cvxportfolio / skfolio / hrp.",
        "At a limit of the producer or of the formulas, so differences are too: cvxportfolio / skfolio / hrp.",
        "Other windows than the baseline cvxportfolio / market / benchmark: cvxportfolio / skfolio / hrp.",
    ] {
        assert!(finding(&document, part), "{part}: {}", dump(&document));
    }
}

#[test]
fn days_are_those_of_the_series_where_there_is_one() {
    // 40 rows of a flat result: the number is counted, not guessed; windows that overlap count once.
    let rows: String = (0..40).map(|day| format!("2026-{:02}-{:02},0.001\n", 1 + day / 20, 5 + day % 20)).collect();
    let flat = |profile: &str, engine: &str| json!({"window": 0, "engine": engine, "profile": profile, "simulator": "custom", "metrics": {"sharpe": 1.0}});
    let list = [flat("raw_pool_ew", "market"), flat("benchmark", "market"), flat("hrp", "skfolio")];
    let host = host(&json!({"meta": {"test_window": 21}, "results": list}))
        .with_file("data/returns/custom_market_benchmark.csv", format!("date,returns\n{rows}"));
    let document = ReportAttribution::render(&Request::new("x"), &host).unwrap();
    let table = tables(&document, SELECTION)[0];
    assert_eq!(cell(table, "Filtered EW", "Days"), &Cell::Integer(40));
    assert_eq!(cell(table, "Raw Pool EW", "Days"), &Cell::Integer(21));
    assert_eq!(cell(table, "Filtered EW", "Basis"), &"return series".into());
    let mut overlapping = results();
    overlapping["meta"]["step_size"] = json!(5);
    let document = render(&overlapping);
    assert_eq!(cell(tables(&document, SELECTION)[0], "Filtered EW", "Days"), &Cell::Integer(23 * 5 + 21));
}

#[test]
fn a_missing_baseline_is_a_sentence_under_a_heading() {
    for (gone, what) in [("raw_pool_ew", "no raw pool"), ("benchmark", "no filtered universe")] {
        let mut results = results();
        results["results"]["cvxportfolio"]["market"].as_object_mut().unwrap().remove(gone);
        let document = render(&results);
        assert!(tables(&document, SELECTION).is_empty());
        assert!(section(&document, SELECTION).contains(what), "{}", dump(&document));
        // Without the raw pool the weights can still be judged.
        assert_eq!(tables(&document, OPTIMIZATION).is_empty(), gone == "benchmark");
        assert!(finding(&document, "Insufficient data"));
    }
    let document = render_with(&results(), r#"{"simulator": "other"}"#);
    assert!(section(&document, SELECTION).contains("the simulator other has neither"));
    let document = render(&json!({"meta": {}, "results": {}}));
    assert!(section(&document, SELECTION).contains("the results have neither"));
}

#[test]
fn the_simulator_is_the_real_one_if_it_took_part() {
    let mut results = results();
    results["results"].as_object_mut().unwrap().remove("cvxportfolio");
    let document = render(&results);
    assert_eq!(value(&document, "Simulator"), Some(&"custom".into()));
    close(cell(tables(&document, OPTIMIZATION)[0], "HRP", "Ann. Return"), 0.5);
}

#[test]
fn results_are_the_main_input_and_the_config_is_checked() {
    let error = ReportAttribution::render(&Request::new("x"), &MockHost::new()).unwrap_err();
    assert!(matches!(error, PluginError::MissingData(text) if text.contains(RESULTS)));
    for (config, part) in [(r#"{"simulators": "x"}"#, "`simulators`"), (r#"{"periods_per_year": 0}"#, "above 0")] {
        let error = ReportAttribution::render(&Request::new("x").with_config(config), &host(&results())).unwrap_err();
        assert!(matches!(error, PluginError::InvalidConfig(text) if text.contains(part)), "{config}");
    }
}

#[test]
fn nothing_odd_panics() {
    let mut small = results();
    for engine in ["custom", "skfolio", "market"] {
        for (_, entry) in small["results"]["cvxportfolio"][engine].as_object_mut().unwrap() {
            entry["windows"].as_array_mut().unwrap().truncate(1);
        }
    }
    small["results"].as_object_mut().unwrap().remove("custom");
    for changed in mutations(&small) {
        let _ = ReportAttribution::render(&Request::new("x"), &host(&changed)).map(|document| dump(&document));
    }
}
