//! The page as a reader gets it: both shapes of the results, values, and what is said where there are none.

use forensic_guest_sdk::testing::MockHost;
use forensic_guest_sdk::{Cell, Document, PluginError, ReportPlugin, Request, Table};
use forensic_plugin_kit::testing::{dump, headings, mutations, section, tables, value};
use risk_report_tournament::ReportTournament;
use serde_json::{Value, json};

const RESULTS: &str = "data/tournament_results.json";
const CSV: &str = "data/tournament_results.csv";
const META: &str = "data/tournament_meta.json";

fn results() -> Value {
    serde_json::from_str(include_str!("fixtures/nested/tournament_results.json")).expect("the fixture")
}

fn nested(results: &Value) -> MockHost {
    MockHost::new().with_file(RESULTS, results.to_string())
}

fn without_series() -> MockHost {
    MockHost::new()
        .with_file(CSV, include_str!("fixtures/flat/tournament_results.csv"))
        .with_file(META, include_str!("fixtures/flat/tournament_meta.json"))
}

fn flat() -> MockHost {
    without_series()
        .with_file("data/returns/index.json", include_str!("fixtures/flat/returns/index.json"))
        .with_file("data/returns/a_b.csv", include_str!("fixtures/flat/returns/a_b.csv"))
}

fn render(host: &MockHost) -> Document {
    ReportTournament::render(&Request::new("x"), host).expect("a page")
}

fn finding(document: &Document, part: &str) -> bool {
    document.findings.iter().any(|finding| finding.text.contains(part))
}

/// The cell of the first row whose first cells are `start`.
fn cell<'d>(table: &'d Table, start: &[&str], column: &str) -> &'d Cell {
    let at = table.columns.iter().position(|found| found.title == column).expect(column);
    let texts: Vec<Cell> = start.iter().map(|text| Cell::from(*text)).collect();
    &table.rows.iter().find(|row| row.starts_with(&texts)).unwrap_or_else(|| panic!("{start:?}: {table:?}"))[at]
}

fn close(cell: &Cell, expected: f64) {
    assert!(matches!(cell, Cell::Number(number) if (number - expected).abs() < 1e-9), "{cell:?} is not {expected}");
}

#[test]
fn nested_results_make_all_sections() {
    let document = render(&nested(&results()));
    assert_eq!(
        headings(&document),
        [
            "Context",
            "Risk fidelity",
            "Min Variance standings",
            "Hrp standings",
            "Benchmark standings",
            "Leaders and regimes",
            "Inputs",
        ]
    );
    let text = dump(&document);
    assert!(text.contains("without a row: barbell."), "{text}");
    assert!(text.contains("Engines that were skipped: riskfolio (custom)."), "{text}");
    assert_eq!(value(&document, "Train window (days)"), Some(&Cell::Integer(252)));
    let hrp = tables(&document, "Hrp standings")[0];
    // Best mean Sharpe of the windows first; both simulators in one table.
    let order: Vec<&Cell> = hrp.rows.iter().map(|row| &row[1]).collect();
    assert_eq!(order, [&"cvxportfolio".into(), &Cell::from("custom"), &"custom".into()]);
    close(cell(hrp, &["skfolio", "cvxportfolio"], "Sharpe (mean of windows)"), 1.384925);
    close(cell(hrp, &["skfolio", "custom"], "Sharpe (mean of windows)"), 0.305975);
    close(cell(hrp, &["custom", "custom"], "Return"), 0.1);
    assert_eq!(cell(hrp, &["custom", "custom"], "Windows"), &Cell::Integer(6));
}

// numpy on the fixture: vol and HHI = sum(Weight ** 2 for top_assets) of the windows of both simulators,
// np.corrcoef(vol, hhi)[0, 1]; "Weight covered" is np.mean of sum(Weight).
#[test]
fn risk_fidelity_pools_simulators() {
    let document = render(&nested(&results()));
    let table = tables(&document, "Risk fidelity")[0];
    close(cell(table, &["skfolio", "hrp"], "Vol-HHI Corr"), 0.249_264_300_441_043_4);
    close(cell(table, &["skfolio", "hrp"], "Weight covered"), 0.92745);
    assert_eq!(cell(table, &["skfolio", "hrp"], "Windows"), &Cell::Integer(8));
    assert_eq!(cell(table, &["skfolio", "hrp"], "Fidelity"), &"High (Structural)".into());
    close(cell(table, &["skfolio", "min_variance"], "Vol-HHI Corr"), 0.619_782_539_273_287_1);
    assert_eq!(cell(table, &["skfolio", "min_variance"], "Fidelity"), &"Standard".into());
    // Weakest first, unknown last; baselines list no assets and are not in it.
    let order: Vec<&Cell> = table.rows.iter().map(|row| &row[1]).collect();
    assert_eq!(order, [&Cell::from("hrp"), &"min_variance".into(), &"hrp".into()]);
}

#[test]
fn few_windows_are_left_out_of_the_fidelity() {
    let mut results = results();
    results["results"]["cvxportfolio"] = json!({});
    let text = section(&render(&nested(&results)), "Risk fidelity");
    assert!(text.contains("Left out, with 5 usable windows or fewer: skfolio / hrp (4)."), "{text}");
}

#[test]
fn dont_copy_only_one_shape_and_an_always_empty_page() {
    // CSV and meta, as the producer writes them.
    let document = render(&flat());
    assert_eq!(value(&document, "Shape of the results"), Some(&"flat: CSV with a row a window".into()));
    assert_eq!(tables(&document, "Hrp standings")[0].rows.len(), 2);
    // The same rows as a JSON list, with the metrics as an object or as text.
    let row = |window: i64| {
        json!({"window": window, "engine": "custom", "profile": "hrp", "simulator": "custom",
        "metrics": {"sharpe": 1.0, "return": 0.01}})
    };
    let mut text = row(1);
    text["metrics"] = json!("{\"sharpe\": 2.0}");
    let document = render(&nested(&json!({"meta": {}, "results": [row(0), text]})));
    close(cell(tables(&document, "Hrp standings")[0], &["custom"], "Sharpe (mean of windows)"), 1.5);
    // A JSON file that is of no use does not hide the CSV.
    let document = render(&flat().with_file(RESULTS, "{"));
    assert!(finding(&document, "data/tournament_results.csv is read instead"));
}

// numpy on tests/fixtures/flat: np.mean over the three windows of each metric.
#[test]
fn flat_rows_without_a_series_are_means_of_windows() {
    let document = render(&without_series());
    let table = tables(&document, "Hrp standings")[0];
    close(cell(table, &["custom"], "Sharpe (mean of windows)"), 2.595_233_333_333_333_3);
    close(cell(table, &["custom"], "Return"), 0.072_366_666_666_666_66);
    close(cell(table, &["custom"], "Vol"), 0.234_433_333_333_333_35);
    close(cell(table, &["custom"], "MDD"), -0.030_033_333_333_333_332);
    close(cell(table, &["custom"], "Turnover"), 0.2989);
    assert_eq!(cell(table, &["custom"], "Basis"), &"means of windows".into());
    assert_eq!(cell(table, &["custom"], "Sharpe (whole series)"), &Cell::None);
    assert!(finding(&document, "No usable return series: means over the windows stand in"));
}

// numpy on returns/a_b.csv (40 days with weekends, one missing, so n = 39 and the factor is 365):
//   (np.prod(1 + r)) ** (365 / n) - 1, r.std(ddof=1) * 365 ** .5, r.mean() / r.std(ddof=1) * 365 ** .5, and the
//   minimum of curve / np.maximum.accumulate(curve) - 1 with curve = [1, *np.cumprod(1 + r)].
#[test]
fn flat_rows_with_a_series_are_computed_from_it() {
    let document = render(&flat());
    let table = tables(&document, "Hrp standings")[0];
    close(cell(table, &["skfolio"], "Return"), 0.883_858_128_312_983_2);
    close(cell(table, &["skfolio"], "Vol"), 0.199_313_105_099_064_55);
    close(cell(table, &["skfolio"], "MDD"), -0.038_831_473_561_592_89);
    close(cell(table, &["skfolio"], "Turnover"), 0.219_633_333_333_333_33);
    assert_eq!(cell(table, &["skfolio"], "Basis"), &"return series".into());
    let annualization = Some(&Cell::from("365 periods a year: there are returns on weekends"));
    assert_eq!(value(&document, "Annualization"), annualization);
}

#[test]
fn dont_copy_one_name_for_two_sharpes() {
    let document = render(&flat());
    let table = tables(&document, "Hrp standings")[0];
    close(cell(table, &["skfolio"], "Sharpe (mean of windows)"), 1.092_666_666_666_666_7);
    close(cell(table, &["skfolio"], "Sharpe (whole series)"), 3.277_867_367_287_276_2);
    // A stored mean that is none is a finding.
    let mut results = results();
    results["results"]["custom"]["skfolio"]["hrp"]["summary"]["avg_window_sharpe"] = json!(0.5);
    let document = render(&nested(&results));
    assert!(finding(
        &document,
        "avg_window_sharpe is not the mean of the windows' Sharpe ratios: custom / skfolio / hrp."
    ));
}

#[test]
fn dont_copy_an_hhi_of_five_assets_without_saying_so() {
    let text = section(&render(&nested(&results())), "Risk fidelity");
    assert!(text.contains("it is a lower bound"), "{text}");
    let mut results = results();
    for simulator in ["custom", "cvxportfolio"] {
        for engines in results["results"][simulator].as_object_mut().unwrap().values_mut() {
            for profile in engines.as_object_mut().unwrap().values_mut() {
                for window in profile["windows"].as_array_mut().into_iter().flatten() {
                    window["n_assets"] = json!(5);
                }
            }
        }
    }
    assert!(!section(&render(&nested(&results)), "Risk fidelity").contains("lower bound"));
}

#[test]
fn dont_copy_standard_for_no_correlation() {
    let document = render(&nested(&results()));
    let table = tables(&document, "Risk fidelity")[0];
    let constant = cell(table, &["custom", "hrp"], "Vol-HHI Corr");
    assert_eq!((constant, cell(table, &["custom", "hrp"], "Fidelity")), (&Cell::None, &Cell::None));
    assert!(section(&document, "Risk fidelity").contains("N/A: volatility or HHI is the same in all windows"));
}

#[test]
fn dont_copy_a_stop_at_a_window_without_vol() {
    let mut results = results();
    results["results"]["custom"]["skfolio"]["min_variance"]["windows"][0].as_object_mut().unwrap().remove("vol");
    results["results"]["custom"]["skfolio"]["min_variance"]["windows"][1]["vol"] = json!("NaN");
    let document = render(&nested(&results));
    assert!(finding(&document, "Windows without vol left out of the risk fidelity: skfolio / min_variance (2)."));
    assert!(section(&document, "Risk fidelity").contains("skfolio / min_variance (5)"));
}

#[test]
fn dont_copy_broken_details() {
    // The index keeps the three names apart; a file name is never taken apart.
    let document = render(&flat());
    let table = tables(&document, "Hrp standings")[0];
    assert_eq!(cell(table, &["skfolio"], "Details"), &"data/returns/a_b.csv".into());
    assert_eq!(cell(table, &["custom"], "Details"), &Cell::None);
    assert!(finding(&document, "Details are N/A, for no return series is known: custom / custom / hrp."));
    // Without an index both orders of names are looked for.
    for name in ["custom_skfolio_hrp", "skfolio_custom_hrp"] {
        let id = format!("data/returns/{name}.csv");
        let host = without_series().with_file(&id, include_str!("fixtures/flat/returns/a_b.csv"));
        let document = render(&host);
        assert_eq!(cell(tables(&document, "Hrp standings")[0], &["skfolio"], "Details"), &id.as_str().into());
    }
}

#[test]
fn one_factor_for_the_whole_page() {
    let request = Request::new("x").with_config(r#"{"periods_per_year": 252}"#);
    let document = ReportTournament::render(&request, &flat()).unwrap();
    close(
        cell(tables(&document, "Hrp standings")[0], &["skfolio"], "Vol"),
        0.199_313_105_099_064_55 * (252.0_f64 / 365.0).sqrt(),
    );
    assert_eq!(value(&document, "Annualization"), Some(&"252 periods a year: set in the config".into()));
    let mut index: Value = serde_json::from_str(include_str!("fixtures/flat/returns/index.json")).unwrap();
    let other = json!({"simulator": "custom", "engine": "custom", "profile": "hrp", "name": "weekdays"});
    index["series"].as_array_mut().unwrap().push(other);
    let host = flat()
        .with_file("data/returns/index.json", index.to_string())
        .with_file("data/returns/weekdays.csv", "date,returns\n2026-01-05,0.01\n2026-01-06,-0.01\n");
    assert!(finding(
        &render(&host),
        "Series with other dates than the 252 periods a year of the first: data/returns/a_b.csv."
    ));
}

#[test]
fn clipped_values_are_marked() {
    let document = render(&nested(&results()));
    let table = tables(&document, "Min Variance standings")[0];
    assert_eq!(cell(table, &["skfolio"], "Basis"), &"as stored, clipped".into());
    assert!(finding(&document, "custom / skfolio / min_variance (annual return 500.00%)"));
}

// numpy on the fixture: np.mean of the windows' returns by regime.
#[test]
fn leaders_prefer_cvxportfolio_and_name_the_engine() {
    let document = render(&nested(&results()));
    let text = section(&document, "Leaders and regimes");
    assert!(text.contains("Simulator cvxportfolio.") && text.contains("picked after the fact"), "{text}");
    let table = tables(&document, "Leaders and regimes")[0];
    assert_eq!(cell(table, &["Hrp"], "Engine"), &"skfolio".into());
    close(cell(table, &["Hrp"], "CALM"), 0.051205);
    close(cell(table, &["Hrp"], "CRISIS"), 0.02118);
    let request = Request::new("x").with_config(r#"{"simulator": "custom"}"#);
    let document = ReportTournament::render(&request, &nested(&results())).unwrap();
    assert!(section(&document, "Leaders and regimes").contains("Simulator custom."));
    let mut results = results();
    results["results"].as_object_mut().unwrap().remove("cvxportfolio");
    let document = render(&nested(&results));
    let table = tables(&document, "Leaders and regimes")[0];
    assert_eq!(table.rows[0][0], "Benchmark".into());
    // 0.3935 beats 0.3060, a tie goes to the first.
    assert_eq!(cell(table, &["Hrp"], "Engine"), &"custom".into());
    results["results"]["custom"]["custom"]["hrp"]["summary"]["avg_window_sharpe"] = json!(0.305975);
    assert_eq!(
        cell(tables(&render(&nested(&results)), "Leaders and regimes")[0], &["Hrp"], "Engine"),
        &"skfolio".into()
    );
}

#[test]
fn unlisted_names_do_not_go_unseen() {
    let mut results = results();
    results["meta"]["profiles"] = json!(["hrp"]);
    results["meta"]["simulators"] = json!(["custom"]);
    let document = render(&nested(&results));
    assert!(headings(&document).contains(&"Min Variance standings"));
    assert!(finding(&document, "Profiles with results that the meta part does not list: min_variance, benchmark."));
    assert!(finding(&document, "Simulators with results that the meta part does not list: cvxportfolio."));
    // Without meta the nine profiles are looked for, and the context is N/A with a reason.
    results.as_object_mut().unwrap().remove("meta");
    let document = render(&nested(&results));
    assert_eq!(value(&document, "Test window (days)"), Some(&Cell::None));
    assert!(finding(&document, "No `meta` in data/tournament_results.json"));
}

#[test]
fn results_are_the_main_input() {
    let host = MockHost::new();
    let error = ReportTournament::render(&Request::new("x"), &host).unwrap_err();
    let PluginError::MissingData(text) = error else { panic!("{error:?}") };
    assert!(text.contains(RESULTS) && text.contains(CSV), "{text}");
    for bad in ["{", "5", "{}", r#"{"results": 5}"#] {
        let error = ReportTournament::render(&Request::new("x"), &MockHost::new().with_file(RESULTS, bad)).unwrap_err();
        assert!(matches!(error, PluginError::MissingData(text) if text.contains(RESULTS)), "{bad}");
    }
    let error =
        ReportTournament::render(&Request::new("x"), &MockHost::new().with_file(CSV, "a,b\n1,2\n")).unwrap_err();
    assert!(matches!(error, PluginError::MissingData(text) if text.contains("lacks the columns metrics")));
}

#[test]
fn the_config_is_checked() {
    for (config, part) in [(r#"{"directory": "x"}"#, "`directory`"), (r#"{"periods_per_year": -1}"#, "above 0")] {
        let error = ReportTournament::render(&Request::new("x").with_config(config), &flat()).unwrap_err();
        assert!(matches!(error, PluginError::InvalidConfig(text) if text.contains(part)), "{config}");
    }
}

#[test]
fn wrong_types_are_sentences() {
    let host = nested(&json!({
        "meta": {"train_window": "x", "profiles": 5, "simulators": [1, "s"]},
        "results": {"s": {"e": {"hrp": 5, "max_sharpe": {"summary": {"annualized_return": "x", "sharpe": null}, "windows": [5, {}]},
            "barbell": {}, "adaptive": {"windows": [{"sharpe": 1.0, "regime": 5, "top_assets": [5]}]}}, "f": 7}, "t": []}
    }));
    let document = render(&host);
    for part in [
        "meta.train_window (a whole number is expected, it is a text)",
        "results.s.f (an object is expected, it is a number)",
        "Neither a summary nor a window: s / e / barbell.",
        "No stored summary: means over the windows stand in: s / e / adaptive.",
        "N/A because the results have no avg_window_sharpe: s / e / max_sharpe.",
    ] {
        assert!(finding(&document, part), "{part}: {}", dump(&document));
    }
    let empty = render(&nested(&json!({"meta": {}, "results": {}})));
    assert!(section(&empty, "Standings").contains("no row of any profile"));
    assert!(section(&empty, "Leaders and regimes").contains("no leader"));
    let rows =
        "window,engine,profile,simulator,metrics\n0,e,hrp,s,{'a': 1}\n1,e,hrp,s,[]\n1,,,,\"{\"\"sharpe\"\": NaN}\"\n";
    let document = render(&MockHost::new().with_file(CSV, rows));
    assert!(finding(&document, "2 lines whose metrics are not JSON text left out"), "{}", dump(&document));
    assert!(finding(&document, "a bare NaN or Infinity"));
    // The row without names counts as custom, custom, equal_weight.
    assert!(headings(&document).contains(&"Equal Weight standings"));
}

#[test]
fn nothing_odd_panics() {
    // Two windows of one engine are enough to be odd in.
    let mut results = results();
    let mut hrp = results["results"]["custom"]["skfolio"]["hrp"].take();
    hrp["windows"].as_array_mut().unwrap().truncate(2);
    results["results"] = json!({"custom": {"skfolio": {"_status": {"skipped": false}, "hrp": hrp}}});
    for changed in mutations(&results) {
        let _ = ReportTournament::render(&Request::new("x"), &nested(&changed)).map(|document| dump(&document));
    }
    let list = json!({"meta": {"profiles": ["hrp"]}, "results": [
        {"window": 0, "engine": "e", "profile": "hrp", "simulator": "s", "metrics": {"sharpe": 1.0, "regime": "R"}}
    ]});
    for changed in mutations(&list) {
        let _ = ReportTournament::render(&Request::new("x"), &nested(&changed)).map(|document| dump(&document));
    }
    for (id, text) in [
        (META, include_str!("fixtures/flat/tournament_meta.json")),
        ("data/returns/index.json", include_str!("fixtures/flat/returns/index.json")),
    ] {
        for changed in mutations(&serde_json::from_str(text).unwrap()) {
            dump(&render(&flat().with_file(id, changed.to_string())));
        }
    }
}
