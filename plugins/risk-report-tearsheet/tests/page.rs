//! The page as a reader gets it: which series, which sections, and what is said where there are none.

mod support;

use forensic_guest_sdk::testing::MockHost;
use forensic_guest_sdk::{Block, Cell, Chart, ChartKind, Document, PluginError};
use forensic_plugin_kit::testing::{dump, headings, mutations, section, tables, value};
use serde_json::{Value, json};
use support::{FILE, INDEX, RESULTS, config, host, index, missing, render, results, try_render};

const SECTIONS: [&str; 7] =
    ["Series", "Metrics", "Growth and drawdown", "Monthly returns", "Annual returns", "Worst drawdowns", "Inputs"];

fn charts(document: &Document) -> Vec<&Chart> {
    let charts = document.blocks.iter().filter_map(|block| match block {
        Block::Chart(chart) => Some(chart),
        _ => None,
    });
    charts.collect()
}

fn with_series(csv: &str) -> MockHost {
    host().with_file(FILE, csv).without_file("data/returns_matrix.csv")
}

/// Days from 2024-03-04, a Monday, with these returns.
fn days(returns: &[&str]) -> String {
    let rows = returns.iter().enumerate().map(|(at, value)| format!("2024-03-{:02},{value}\n", at + 4));
    format!("date,returns\n{}", rows.collect::<String>())
}

fn invalid(config: &Value) -> String {
    match try_render(&host(), config) {
        Err(PluginError::InvalidConfig(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_full_page_has_all_sections_and_no_finding() {
    let document = render(&host(), &config("full"));
    assert_eq!(document.title, "c / d (a_b)");
    assert_eq!(headings(&document), SECTIONS);
    assert!(document.findings.is_empty(), "{:?}", document.findings);
    assert_eq!(value(&document, "Benchmark"), Some(&"SP:SPX".into()));
    let kinds: Vec<ChartKind> = charts(&document).iter().map(|chart| chart.kind).collect();
    assert_eq!(kinds, [ChartKind::Line, ChartKind::Line, ChartKind::HeatMap]);
    let growth = charts(&document)[0];
    assert!(growth.x_is_time);
    assert_eq!(growth.series.iter().map(|line| line.name.as_str()).collect::<Vec<_>>(), ["Strategy", "SP:SPX"]);
    // The line's end is the total return, and its first date the first that both have.
    let total = &tables(&document, "Metrics")[0].rows[0];
    assert_eq!(total[1], Cell::from(growth.series[0].y.last().copied()));
    assert_eq!(growth.series[0].x[0], 1_615_334_400e9);
    let used = section(&document, "Inputs");
    assert!(used.contains(FILE) && used.contains(INDEX) && !used.contains(RESULTS), "{used}");
}

#[test]
fn metrics_mode_has_the_measures_only() {
    let document = render(&host(), &config("metrics"));
    assert_eq!(headings(&document), ["Series", "Metrics", "Inputs"]);
    assert_eq!(tables(&document, "Metrics").len(), 2);
}

#[test]
fn without_a_name_the_tournaments_best_is_shown_and_named() {
    let document = render(&host(), &json!({"benchmark": "SP:SPX"}));
    // Neither the first engine, which has a lower Sharpe, nor the baseline, which has a higher one.
    assert_eq!(document.title, "c / d (a_b)");
    let Some(Cell::Text(why)) = value(&document, "Chosen") else { panic!("no reason") };
    assert_eq!(why, "the highest mean Sharpe of the windows (1.50) in the simulator a_b, picked after the fact");
    assert!(section(&document, "Inputs").contains(RESULTS));
}

#[test]
fn the_best_is_looked_for_in_the_simulator_with_costs() {
    let mut results = results();
    results["results"]["cvxportfolio"] = json!({"x": {"d": {"summary": {"avg_window_sharpe": -1.0}, "windows": []}}});
    let mut index = index();
    index["series"][0] =
        json!({"simulator": "cvxportfolio", "engine": "x", "profile": "d", "file": "returns/a_b_c_d.csv"});
    let host = host().with_file(RESULTS, results.to_string()).with_file(INDEX, index.to_string());
    assert_eq!(render(&host, &json!({})).title, "x / d (cvxportfolio)");
    // Unless the config names another.
    let text = missing(&host, &json!({"simulator": "a_b"}));
    assert!(text.contains("a_b / c / d has the best Sharpe of the tournament"), "{text}");
    let text = missing(&host, &json!({"simulator": "nobody"}));
    assert!(text.contains("mean Sharpe of its windows in the simulator nobody"), "{text}");
}

#[test]
fn main_inputs_that_are_missing_are_named() {
    let named = config("full");
    for (host, config, file) in [
        (host().without_file(FILE), &named, FILE),
        (host().without_file(INDEX), &named, INDEX),
        (host().with_file(INDEX, "{"), &named, INDEX),
        (host().with_file(FILE, "date\n"), &named, FILE),
        (host().without_file(RESULTS), &json!({}), RESULTS),
        (host().without_file(FILE), &json!({}), FILE),
        (host().with_file(INDEX, json!([index()["series"][1]]).to_string()), &json!({}), "does not list it"),
        (host().with_file(RESULTS, r#"{"results": {"a": {"market": {"market": {}}}}}"#), &json!({}), "mean Sharpe"),
    ] {
        let text = missing(&host, config);
        assert!(text.contains(file), "{file}: {text}");
    }
}

#[test]
fn wrong_config_is_refused() {
    assert!(invalid(&json!({"mode": "long"})).contains("`full` or `metrics`"));
    assert!(invalid(&json!({"serie": "x"})).contains("`serie`"));
    assert!(invalid(&json!({"series": "a_b_c_d", "simulator": "a_b"})).contains("`series` names one"));
    assert!(invalid(&json!({"periods_per_year": 0})).contains("above 0"));
    let text = invalid(&json!({"series": "nope"}));
    assert!(text.contains(INDEX) && text.contains("a_b_c_d, a_b_market_market"), "{text}");
}

#[test]
fn dont_copy_a_page_that_is_an_error_line_for_a_frame_where_a_series_is_needed() {
    let two = "date,other,returns\n2024-03-04,9,0.01\n2024-03-05,9,-0.01\n2024-03-06,9,0.02\n";
    let document = render(&with_series(two), &config("full"));
    let total = &tables(&document, "Metrics")[0].rows[0][1];
    assert!(matches!(total, Cell::Number(total) if (total - (1.01 * 0.99 * 1.02 - 1.0)).abs() < 1e-15), "{total:?}");
    let unnamed = two.replace("returns", "more");
    let document = render(&with_series(&unnamed), &config("full"));
    assert!(dump(&document).contains("has no column returns: the first one, other, is read, and 1 not."));
    assert!(missing(&with_series("date,returns\nnever,1\n"), &config("full")).contains("no rows with a date"));
}

#[test]
fn dont_copy_an_error_for_mixed_time_zones() {
    let zoned =
        "date,returns\n2024-03-04T00:00:00+00:00,0.01\n2024-03-05T02:00:00+02:00,-0.01\n2024-03-06T00:00:00Z,0.02\n";
    let matrix = "date,AMEX:SPY\n2024-03-04,0.001\n2024-03-05,0.002\n2024-03-06,0.003\n";
    let host = host().with_file(FILE, zoned).with_file("data/returns_matrix.csv", matrix);
    let document = render(&host, &json!({"series": "a_b_c_d"}));
    assert_eq!(value(&document, "Benchmark"), Some(&"AMEX:SPY".into()));
    assert_eq!(value(&document, "Observations"), Some(&Cell::Integer(3)));
    // Instants that differ are not paired, and that is said.
    let host = host.with_file(FILE, zoned.replace("T00:00:00", "T16:00:00").replace("T02:00:00", "T16:00:00"));
    let document = render(&host, &json!({"series": "a_b_c_d"}));
    assert_eq!(value(&document, "Benchmark"), Some(&Cell::None));
    assert!(document.findings[0].text.contains("shares 0 dates with the series"), "{:?}", document.findings);
}

#[test]
fn dont_copy_252_where_the_tournament_has_365() {
    let week = days(&["0.01", "-0.02", "0.03", "0.01", "-0.01", "0.02", "0.01"]);
    let document = render(&with_series(&week), &config("full"));
    let Some(Cell::Text(text)) = value(&document, "Annualization") else { panic!("no factor") };
    assert_eq!(text, "365 periods a year: there are returns on weekends");
    let sharpe = |document: &Document| match tables(document, "Metrics")[1].rows[0][1] {
        Cell::Number(number) => number,
        ref other => panic!("{other:?}"),
    };
    let set = json!({"series": "a_b_c_d", "periods_per_year": 252});
    let ratio = sharpe(&document) / sharpe(&render(&with_series(&week), &set));
    assert!((ratio - (365.0_f64 / 252.0).sqrt()).abs() < 1e-12, "{ratio}");
}

#[test]
fn dont_copy_zero_for_months_without_data() {
    let csv = "date,returns\n2023-11-30,0.1\n2024-02-01,0.2\n2024-02-02,0.0\n";
    let document = render(&with_series(csv), &config("full"));
    let chart = charts(&document)[2];
    assert_eq!(chart.series.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["2023", "2024"]);
    let known = |row: usize| chart.series[row].y.iter().map(|value| value.is_finite()).collect::<Vec<_>>();
    assert_eq!(known(0), (0..12).map(|month| month == 10).collect::<Vec<_>>());
    assert_eq!(known(1), (0..12).map(|month| month == 1).collect::<Vec<_>>());
    assert!(section(&document, "Monthly returns").contains("empty, not zero"));
}

#[test]
fn dont_copy_names_taken_apart_at_underscores() {
    // `a_b_c_d` could be read as a / b_c / d, and the other way round; the index says what it is.
    let document = render(&host(), &config("metrics"));
    assert_eq!(value(&document, "Simulator"), Some(&"a_b".into()));
    assert_eq!(value(&document, "Engine"), Some(&"c".into()));
    let mut index = index();
    index["series"][0]["simulator"] = json!("a");
    index["series"][0]["engine"] = json!("b_c");
    let document = render(&host().with_file(INDEX, index.to_string()), &config("metrics"));
    assert_eq!(document.title, "b_c / d (a)");
}

#[test]
fn dont_copy_alias_files_read_as_three_parts() {
    let host = host().with_file("data/returns/raw_pool_ew.csv", support::SERIES);
    let error = try_render(&host, &json!({"series": "raw_pool_ew"})).unwrap_err();
    assert!(matches!(error, PluginError::InvalidConfig(text) if text.contains("raw_pool_ew")));
}

#[test]
fn dont_copy_success_where_no_series_is_stored() {
    let text = missing(&host().without_file(FILE), &config("full"));
    assert_eq!(
        text,
        "data/returns/a_b_c_d.csv is missing: it was not written, or not granted to this report. It is the series of \
         c / d (a_b)."
    );
}

#[test]
fn baselines_have_no_benchmark() {
    let document = render(&host(), &json!({"series": "a_b_market_market", "benchmark": "SP:SPX"}));
    assert_eq!(value(&document, "Benchmark"), Some(&Cell::None));
    assert!(section(&document, "Series").contains("the series is a baseline itself"));
    assert!(document.findings.is_empty(), "{:?}", document.findings);
}

#[test]
fn a_benchmark_that_is_not_there_is_told_and_the_page_goes_on() {
    for (host, config, part) in [
        (host(), json!({"series": "a_b_c_d", "benchmark": "X:Y"}), "the configured X:Y is no column of"),
        (host(), json!({"series": "a_b_c_d"}), "neither AMEX:SPY nor BTCUSDT is a column of"),
        (host().without_file("data/returns_matrix.csv"), config("full"), "data/returns_matrix.csv is missing"),
    ] {
        let document = render(&host, &config);
        assert_eq!(headings(&document), SECTIONS);
        assert!(document.findings.iter().any(|finding| finding.text.contains(part)), "{:?}", document.findings);
    }
}

#[test]
fn the_benchmark_of_a_crypto_sleeve_is_its_coin() {
    let week = days(&["0.01", "-0.02", "0.03", "0.01", "-0.01", "0.02", "0.01"]);
    let matrix = week.replace("returns", "AMEX:SPY,BINANCE:BTCUSDT").replace('\n', ",0.5\n").replacen(",0.5", "", 1);
    let both = host().with_file(FILE, week).with_file("data/returns_matrix.csv", matrix);
    assert_eq!(value(&render(&both, &json!({"series": "a_b_c_d"})), "Benchmark"), Some(&"BINANCE:BTCUSDT".into()));
}

#[test]
fn little_data_is_said_and_every_heading_stays() {
    for (csv, count) in [(days(&["0.01"]), 1), (days(&["", "nan"]), 0)] {
        let document = render(&with_series(&csv), &config("full"));
        assert_eq!(headings(&document), SECTIONS);
        let text = section(&document, "Metrics");
        assert!(text.contains(&format!("Insufficient data ({count} observations).")), "{text}");
    }
}

#[test]
fn a_measure_that_is_absent_has_a_reason_and_is_not_zero() {
    let document = render(&with_series(&days(&["0.01", "0.01", "0.01"])), &config("full"));
    let text = section(&document, "Metrics");
    for part in [
        "| Sharpe | N/A |",
        "- Sharpe of Strategy is N/A: the returns do not vary",
        "- Sortino of Strategy is N/A: no return is below zero",
        "- Calmar of Strategy is N/A: there was no drawdown",
        "- CVaR 95 of Strategy is N/A: no return is below VaR",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(section(&document, "Worst drawdowns").contains("never below its peak"));
    let text = section(&render(&with_series(&days(&["-1.5", "0.5"])), &config("full")), "Metrics");
    assert!(text.contains("CAGR of Strategy is N/A: the curve fell below zero"), "{text}");
}

#[test]
fn an_open_drawdown_ends_at_the_last_date() {
    let text = section(&render(&with_series(&days(&["0.1", "-0.1", "", "0.01"])), &config("full")), "Worst drawdowns");
    assert!(
        text.contains("| 2024-03-05 | 2024-03-05 | 2024-03-07 | 3 | -10.00% | -9.10% | open at the end |"),
        "{text}"
    );
    let text = section(&render(&with_series(&days(&["-0.1", "0.5"])), &config("full")), "Worst drawdowns");
    // One date: nothing is below its own 99% quantile.
    assert!(text.contains("| 2024-03-04 | 2024-03-04 | 2024-03-04 | 1 | -10.00% | N/A | recovered |"), "{text}");
}

#[test]
fn long_series_make_short_lines_that_keep_the_extremes() {
    let mut csv = String::from("date,returns\n");
    for hour in 0..30_000_i64 {
        let at = forensic_plugin_kit::time::date_time(hour * 3600 + 60);
        csv += &format!("{at},{}\n", if hour == 15_010 { -0.5 } else { 0.00001 });
    }
    let document = render(&with_series(&csv), &config("full"));
    for line in [&charts(&document)[0].series[0], &charts(&document)[1].series[0]] {
        assert_eq!(line.y.len(), 2_000);
        assert!(line.x.is_sorted());
    }
    let fall = &charts(&document)[1].series[0];
    assert_eq!(fall.y.iter().copied().fold(0.0, f64::min), -0.5);
    assert!(section(&document, "Growth and drawdown").contains("Of 30000 dates"));
    assert_eq!(
        value(&document, "Annualization"),
        Some(&"6048 periods a year: the first two rows are at most an hour apart".into())
    );
}

#[test]
fn odd_inputs_never_panic() {
    for odd in mutations(&index()) {
        let _ = try_render(&host().with_file(INDEX, odd.to_string()), &config("full"));
    }
    for odd in mutations(&results()) {
        let _ = try_render(&host().with_file(RESULTS, odd.to_string()), &json!({}));
    }
    for csv in [
        "",
        "date,returns\n2024-03-04,1e308\n2024-03-05,1e308\n2024-03-06,-1e308\n",
        "\u{0},\n,\n",
        "a,b\n0001-01-01,1\n9999-12-31,-1\n",
    ] {
        if let Ok(document) = try_render(&with_series(csv), &config("full")) {
            assert_eq!(headings(&document), SECTIONS);
        }
    }
}
