//! One test for each defect of the reference's meta report (numbers of the audit, section E), to show it is mended.

mod support;

use std::fmt::Write;

use forensic_guest_sdk::testing::MockHost;
use forensic_guest_sdk::{Block, Severity};
use forensic_plugin_kit::testing::{dump, section};
use support::{column, file, findings, host, number, report, table, words};

const ALPHA: &str = "data/sleeves/alpha/audit.jsonl";
const GAMMA: &str = "data/sleeves/gamma/audit.jsonl";

/// A ledger without hashes: one successful simulation for each metrics object.
fn ledger(metrics: &[&str]) -> String {
    let start = r#"{"type": "action", "status": "success", "step": "backtest_simulate", "context": {"window_index": "#;
    let line = |(window, metrics)| {
        format!("{start}{window}, \"profile\": \"hrp\"}}, \"outcome\": {{\"metrics\": {metrics}}}}}\n")
    };
    metrics.iter().enumerate().map(line).collect()
}

#[test]
fn d38_a_failed_part_shows_in_the_report_and_as_a_finding() {
    let document = report(&host().with_file("data/meta_optimized_meta_test_hrp.json", "{"));
    let sentences = findings(&document, Severity::Error, "meta_optimized_meta_test_hrp.json is not valid JSON");
    assert_eq!(sentences.len(), 1);
    assert!(section(&document, "Risk profile hrp").contains(sentences[0]), "the page itself says so");
}

#[test]
fn d39_a_profile_without_weights_keeps_its_section() {
    let document = report(&host().without_file("data/meta_optimized_meta_test_hrp.json"));
    let text = section(&document, "Risk profile hrp");
    assert!(
        text.contains("MISSING") && text.contains("N/A: it needs data/meta_optimized_meta_test_hrp.json"),
        "{text}"
    );
    assert!(!table(&document, "Risk profile hrp", "Symbol").rows.is_empty(), "what is there is shown");
    assert_eq!(findings(&document, Severity::Error, "meta_optimized_meta_test_hrp.json is missing").len(), 1);

    let neither = host()
        .without_file("data/meta_optimized_meta_test_hrp.json")
        .without_file("data/meta_optimized_min_variance.json");
    let document = report(&neither);
    assert_eq!(
        findings(&document, Severity::Error, "No risk profile of meta_test has usable optimized weights").len(),
        1
    );
    assert_eq!(words(&document, "Data health", "Sleeve").len(), 3);
}

#[test]
fn d40_anomalies_are_sorted_before_they_are_cut() {
    // 260 windows with a Sharpe of 11 in the first sleeve, the extreme in the last.
    let many = ledger(&[r#"{"sharpe": 11.0, "annualized_vol": 0.1}"#; 260]);
    let document = report(&host().with_file(ALPHA, many).with_file(GAMMA, ledger(&[r#"{"sharpe": 99.0}"#])));
    let sharpes = column(&document, "Forensic anomalies", "Sharpe");
    assert_eq!((sharpes.len(), number(sharpes[0]), number(sharpes[1])), (10, 99.0, 12.0));
    assert!(section(&document, "Forensic anomalies").contains("262 anomalies in all; the 10 most extreme are shown"));
}

#[test]
fn d41_a_bad_line_or_number_is_counted_and_the_scan_goes_on() {
    let mut text =
        ledger(&[r#"{"sharpe": "high"}"#, r#"{"sharpe": NaN, "annualized_vol": 3.0}"#, r#"{"sharpe": "77.5"}"#, "{}"]);
    text.insert_str(0, "{\"torn\n");
    text.push_str(&ledger(&[r#"{"sharpe": 42.0}"#]));
    let document = report(&host().with_file(ALPHA, text));
    let sharpes = words(&document, "Forensic anomalies", "Sharpe");
    assert_eq!(sharpes[..3], ["77.5", "42", "12"], "and the window that is flagged for its volatility");
    assert!(sharpes.contains(&"none".into()));
    let said =
        |part: &str| assert_eq!(findings(&document, Severity::Warning, part).len(), 1, "{part}\n{}", dump(&document));
    said("1 line can't be read as a JSON object");
    said("2 lines with a metric that is no finite number, which is N/A here (the first: line 2, sharpe is \"high\")");
    said("1 line with a window that has neither Sharpe nor volatility (the first: line 5");
    assert_eq!(words(&document, "Forensic anomalies", "Bad lines"), ["1", "0", "0"]);
    assert_eq!(words(&document, "Forensic anomalies", "Bad numbers"), ["2", "0", "0"]);
}

#[test]
fn d42_once_a_report_for_its_own_profiles_and_with_the_volatility() {
    let document = report(&host());
    let headings = forensic_plugin_kit::testing::headings(&document);
    for title in ["Data health", "Forensic anomalies"] {
        assert_eq!(headings.iter().filter(|heading| **heading == title).count(), 1);
    }
    // Strictly beyond the limits; a window of the profile barbell (Sharpe 50) is counted apart.
    assert_eq!(words(&document, "Forensic anomalies", "Sharpe"), ["-99", "12", "11", "1"]);
    assert_eq!(words(&document, "Forensic anomalies", "Ann. Vol")[3], "2.5");
    assert_eq!(words(&document, "Forensic anomalies", "Profile"), ["hrp", "none", "hrp", "hrp"]);
    assert!(section(&document, "Forensic anomalies").contains("1 window of other risk profiles beyond the limits"));
    assert_eq!(words(&document, "Data health", "Profiles"), ["hrp, min_variance"; 3]);
}

#[test]
fn d43_health_goes_by_parsed_status() {
    let document = report(&host());
    assert_eq!(words(&document, "Data health", "Health"), ["HEALTHY", "DEGRADED", "UNKNOWN"]);
    assert_eq!(words(&document, "Data health", "Assets by status"), ["OK 12", "OK 4, STALE 1", "DROPPED 1"]);
    let without = report(&host().without_file("data/sleeves/alpha/data_health.json"));
    assert_eq!(words(&without, "Data health", "Health")[0], "UNKNOWN", "absent is not healthy");
    assert_eq!(findings(&without, Severity::Warning, "alpha/data_health.json is missing").len(), 1);
}

#[test]
fn d44_stability_and_engine_are_read_from_the_data() {
    let document = report(&host());
    assert_eq!(words(&document, "Tournament", "Stability"), ["STABLE", "MIXED"]);
    assert_eq!(words(&document, "Risk profile hrp", "Engine"), ["skfolio"; 3]);
    let negative = file("data/tournament_results.csv").replace(r#"""sharpe"": "#, r#"""sharpe"": -"#).replace("--", "");
    let document = report(&host().with_file("data/tournament_results.csv", negative));
    assert_eq!(words(&document, "Tournament", "Stability")[0], "UNSTABLE");
    let id = "data/meta_optimized_meta_test_hrp.json";
    let document = report(&host().with_file(id, file(id).replace("\"engine\": \"skfolio\",", "")));
    assert_eq!(words(&document, "Risk profile hrp", "Engine"), ["none"; 3]);
}

#[test]
fn d45_tournament_rows_without_a_number_are_counted_and_no_profile_vanishes() {
    let id = "data/tournament_results.csv";
    let text = file(id).replace(r#"{""sharpe"": 0.5,"#, r#"{""sharpe"": NaN,"#);
    assert_ne!(text, file(id));
    let document = report(&host().with_file(id, text));
    assert_eq!(findings(&document, Severity::Warning, "of 12 rows of hrp have no finite Sharpe").len(), 1);
    assert_eq!(findings(&document, Severity::Warning, "bare NaN or Infinity").len(), 1);

    let python = "window,engine,profile,simulator,metrics\n0,custom,hrp,custom,\"{'sharpe': 1.0}\"\n";
    let document = report(&host().with_file(id, python));
    assert_eq!(words(&document, "Tournament", "Profile"), ["hrp", "min_variance"]);
    assert_eq!(words(&document, "Tournament", "Sharpe"), ["none", "none"]);
    assert_eq!(findings(&document, Severity::Warning, "text of a Python dict, not JSON").len(), 1);
    assert_eq!(findings(&document, Severity::Warning, "no usable rows for hrp, min_variance").len(), 1);
}

#[test]
fn d46_one_set_of_formulas_and_clipped_values_are_marked() {
    let mut csv = String::from("date,alpha,be|ta,gamma\n");
    (1..=28).for_each(|day| writeln!(csv, "2024-02-{day:02},0.05,0.04,0.0{}", day % 9).unwrap());
    (1..=9).for_each(|day| writeln!(csv, "2024-03-{day:02},0.05,0.04,0.03").unwrap());
    let document = report(&host().with_file("data/meta_returns_meta_test_hrp.csv", csv));
    let text = &words(&document, "Risk profile hrp", "Clipped")[0];
    assert!(text.contains("Sharpe clipped from") && text.contains("annual return clipped from"), "{text}");
    assert_eq!(number(column(&document, "Risk profile hrp", "Sharpe")[0]), 5.0);
    assert_eq!(number(column(&document, "Risk profile hrp", "Ann. Return")[0]), 5.0);
    assert_eq!(findings(&document, Severity::Warning, "hrp: Sharpe clipped").len(), 1);
    // One factor for the report, though only this file has weekends.
    assert_eq!(findings(&document, Severity::Warning, "though min_variance alone would have 252").len(), 1);
    assert!(section(&document, "Risk profile min_variance").contains("annualization factor 365"));
    assert_eq!(words(&report(&host()), "Risk profile hrp", "Clipped"), ["none"]);
}

#[test]
fn d47_a_pipe_in_an_id_stays_in_its_cell() {
    let document = report(&host());
    for (title, name) in [("Risk profile hrp", "Sleeve ID"), ("Risk profile hrp", "Sleeve"), ("Data health", "Sleeve")]
    {
        let table = table(&document, title, name);
        assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
        assert!(words(&document, title, name).contains(&"be|ta".into()), "{title}: text is text, the host escapes it");
    }
}

#[test]
fn d48_a_run_path_outside_the_run_directory_is_not_followed() {
    for path in ["/data/sleeves/alpha", "../other/data/sleeves/alpha", "data/../../x", "data/sleeves/alpha/../../.."] {
        let mut host = host().with_file("../other/data/sleeves/alpha/data_health.json", "{\"OK\": 1}");
        for id in ["data/meta_manifest_meta_test_hrp.json", "data/meta_manifest_min_variance.json"] {
            host = host.with_file(id, file(id).replace("data/sleeves/alpha", path));
        }
        let document = report(&host);
        assert_eq!(
            findings(&document, Severity::Error, "is not below the run directory and was not followed").len(),
            1,
            "{path}"
        );
        assert_eq!(words(&document, "Data health", "Health")[0], "UNKNOWN");
        assert_eq!(words(&document, "Forensic anomalies", "Hash chain")[0], "none");
        assert!(!words(&document, "Inputs", "File").iter().any(|id| id.contains("alpha/")));
    }
}

#[test]
fn d49_what_upstream_did_not_write_is_an_error() {
    let mut bare: MockHost = host();
    for id in [
        "data/meta_manifest_meta_test_hrp.json",
        "data/meta_manifest_min_variance.json",
        "data/portfolio_optimized_meta_meta_test_hrp.json",
    ] {
        bare = bare.without_file(id);
    }
    let document = report(&bare);
    assert_eq!(findings(&document, Severity::Error, "is missing").len(), 3);
    assert!(section(&document, "Data health").contains("N/A: no manifest names the sleeves"));
    assert!(section(&document, "Risk profile hrp").contains("N/A: it needs data/portfolio_optimized_meta"));
    // A file of another run, profile or meta portfolio does not pass for this one's.
    let id = "data/meta_optimized_meta_test_hrp.json";
    let document = report(&host().with_file(id, file(id).replace("\"run-1\"", "\"run-0\"")));
    assert_eq!(findings(&document, Severity::Warning, "says run_id run-0, and this report is on run-1").len(), 1);
}

#[test]
fn d50_each_file_is_read_once_and_drawn() {
    let document = report(&host());
    let charts: Vec<_> = document
        .blocks
        .iter()
        .filter_map(|block| if let Block::Chart(chart) = block { Some(chart) } else { None })
        .collect();
    assert_eq!(charts.len(), 2);
    let growth = charts[0].series[0].y.last().unwrap();
    assert!((growth - 1.041_887_617_616_983).abs() < 1e-12, "the last point is the total return");
    assert!(charts[0].labels.len() == charts[0].series[0].y.len() && charts[0].labels[0] == "2024-01-02");
}

#[test]
fn a_broken_hash_chain_is_an_error() {
    let good = report(&host());
    assert_eq!(words(&good, "Forensic anomalies", "Hash chain"), ["VERIFIED"; 3]);
    let text = file(ALPHA);
    let lines: Vec<&str> = text.lines().collect();
    let cases = [
        (text.replacen("\"sharpe\": -99.0", "\"sharpe\": -9.0", 1), "line 7, its hash is not that of its content"),
        (text.replacen("1e-05", "1e-5", 1), "line 3, its hash is not that of its content"),
        ([&lines[..2], &lines[3..]].concat().join("\n"), "line 3, its prev_hash is not the hash of the line before it"),
        (lines[1..].join("\n"), "line 1, it is the first and not the genesis line"),
        (text.replacen(lines[4], "", 1), "its prev_hash is not the hash"),
        (text.replacen(lines[4], "not JSON", 1), "line 5, is not valid JSON"),
        (text.replacen(lines[4], "{}", 1), "line 5, it has no hash"),
    ];
    for (tampered, part) in cases {
        let document = report(&host().with_file(ALPHA, tampered));
        assert_eq!(words(&document, "Forensic anomalies", "Hash chain"), ["BROKEN", "VERIFIED", "VERIFIED"]);
        assert_eq!(findings(&document, Severity::Error, part).len(), 1, "{part}\n{}", dump(&document));
    }
    let cut = report(&host().with_file(ALPHA, &text[..text.len() - 20]));
    assert_eq!(words(&cut, "Forensic anomalies", "Hash chain")[0], "CUT");
    let bare = report(&host().with_file(ALPHA, ledger(&["{}"])));
    assert_eq!(words(&bare, "Forensic anomalies", "Hash chain")[0], "none");
    assert_eq!(findings(&bare, Severity::Warning, "no line has a hash").len(), 1);
}
