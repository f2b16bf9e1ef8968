//! The page as a reader gets it: sections, values, and what is said where there are none.

use alpha_report_selection::ReportSelection;
use forensic_guest_sdk::testing::MockHost;
use forensic_guest_sdk::{Cell, Document, PluginError, ReportPlugin, Request};
use forensic_plugin_kit::testing::{dump, headings, mutations, section, tables, value};
use serde_json::{Value, json};

const AUDIT: &str = "data/selection_audit.json";
const CANDIDATES: &str = "data/portfolio_candidates.json";
const SECTIONS: [&str; 7] =
    ["Context", "Members and winners by cluster", "Winners", "Alpha scores", "Vetoes", "Modes", "Inputs"];

fn audit() -> Value {
    serde_json::from_str(include_str!("fixtures/selection_audit.json")).expect("the fixture is JSON")
}

fn host(audit: &Value) -> MockHost {
    MockHost::new()
        .with_file(AUDIT, audit.to_string())
        .with_file(CANDIDATES, include_str!("fixtures/portfolio_candidates.json"))
}

fn render(host: &MockHost) -> Document {
    ReportSelection::render(&Request::new("alpha.report_selection"), host).expect("a page")
}

fn symbols(document: &Document) -> Vec<&Cell> {
    tables(document, "Winners")[0].rows.iter().map(|row| &row[0]).collect()
}

fn finding(document: &Document, part: &str) -> bool {
    document.findings.iter().any(|finding| finding.text.contains(part))
}

#[test]
fn a_whole_audit_makes_the_whole_page() {
    let document = render(&host(&audit()));
    let text = dump(&document);
    assert!(text.starts_with(include_str!("fixtures/expected.txt")), "{text}");
    assert_eq!(headings(&document), SECTIONS);
    assert!(document.findings.is_empty(), "{:?}", document.findings);
    let used = section(&document, "Inputs");
    assert!(used.contains(AUDIT) && used.contains(CANDIDATES), "{used}");
}

#[test]
fn the_audit_is_the_main_input() {
    for (host, part) in [
        (MockHost::new(), "data/selection_audit.json is missing"),
        (MockHost::new().with_file(AUDIT, "{"), "is not valid JSON"),
        (MockHost::new().with_file(AUDIT, "[]"), "must be an object, not a list"),
    ] {
        let error = ReportSelection::render(&Request::new("x"), &host).unwrap_err();
        assert!(matches!(&error, PluginError::MissingData(text) if text.contains(part)), "{error:?}");
    }
    let error =
        ReportSelection::render(&Request::new("x").with_config(r#"{"dri": "x"}"#), &host(&audit())).unwrap_err();
    assert!(matches!(error, PluginError::InvalidConfig(text) if text.contains("`dri`")));
}

#[test]
fn an_older_audit_has_the_selection_at_its_root() {
    let mut root = audit()["selection"].clone();
    root.as_object_mut().unwrap().remove("selection_mode");
    root["final_selection"] = json!({"mode": "v1"});
    let document = render(&host(&root));
    assert_eq!(value(&document, "Selection mode"), Some(&"v1".into()));
    assert_eq!(value(&document, "Total candidates"), Some(&Cell::Integer(30)));
    assert_eq!(symbols(&document).len(), 4);
    // It has no history: the heading stays, with a sentence.
    assert_eq!(headings(&document), SECTIONS);
    assert!(section(&document, "Modes").contains("history has 0 modes; at least two are needed"));
}

#[test]
fn one_mode_is_nothing_to_compare() {
    let mut audit = audit();
    audit["selection_history"].as_object_mut().unwrap().remove("v2");
    let text = section(&render(&host(&audit)), "Modes");
    assert_eq!(text, "The audit's history has 1 mode; at least two are needed to compare.\n");
}

#[test]
fn dont_copy_winners_that_nobody_writes() {
    // No `winners` in the audit: they are the union of what the clusters selected.
    let mut audit = audit();
    assert!(audit["selection"].get("winners").is_none());
    audit["selection"]["clusters"]["10"]["selected"] = json!(["AMEX:SPY", "NYSE:KO"]);
    audit["selection"]["total_selected"] = json!(5);
    let document = render(&host(&audit));
    let expected: Vec<Cell> =
        ["AMEX:GLD", "AMEX:SPY", "BINANCE:BTCUSDT", "BINANCE:ETHUSDT", "NYSE:KO"].map(Cell::from).into();
    assert_eq!(symbols(&document), expected.iter().collect::<Vec<_>>());
    // A producer that does write them adds to it, and what it says of a winner comes first.
    audit["selection"]["winners"] = json!(["NYSE:KO", {"symbol": "NYSE:PG", "sector": "Soap", "direction": "SHORT"},
        {"symbol": "AMEX:SPY", "sector": "Stocks"}, 5]);
    let document = render(&host(&audit));
    let text = section(&document, "Winners");
    assert!(text.contains("| NYSE:PG | Soap | N/A | SHORT | N/A | N/A |"), "{text}");
    assert!(text.contains("| AMEX:SPY | Stocks | etf | LONG | Cluster 1 | 0.5000 |"), "{text}");
    assert!(finding(&document, "selection.winners (a text or an object with `symbol` is expected, it is a number)"));
}

#[test]
fn dont_copy_a_ledger_that_is_passed_in_and_ignored() {
    // The ledger may be granted; the page neither reads it nor lists it as an input.
    let ledger = json!({"mode": "v9", "selection": {"selection_mode": "v9"}}).to_string();
    let document = render(&host(&audit()).with_file("data/audit.jsonl", ledger));
    assert_eq!(value(&document, "Selection mode"), Some(&"v3".into()));
    assert!(!section(&document, "Inputs").contains("audit.jsonl"));
}

#[test]
fn direction_is_long_only_where_the_symbol_is_described() {
    let document = render(&host(&audit()).without_file(CANDIDATES));
    let text = section(&document, "Winners");
    assert!(text.contains("| AMEX:SPY | N/A | N/A | N/A | Cluster 1 | 0.5000 |"), "{text}");
    assert!(finding(&document, "data/portfolio_candidates.json is missing"));
    let document = render(&host(&audit()).with_file(CANDIDATES, r#"[{"symbol": "AMEX:SPY"}]"#));
    assert!(section(&document, "Winners").contains("| AMEX:SPY | N/A | N/A | LONG |"));
    assert!(finding(&document, "does not list: AMEX:GLD, BINANCE:BTCUSDT, BINANCE:ETHUSDT."));
    let document = render(&host(&audit()).with_file(CANDIDATES, "{}"));
    assert!(finding(&document, "must be a list, not an object"));
}

#[test]
fn absent_is_not_zero() {
    let document = render(&host(&json!({"selection": {}})));
    assert_eq!(headings(&document), SECTIONS);
    for key in ["Selection mode", "Total candidates", "Selected winners", "Lookback windows"] {
        assert_eq!(value(&document, key), Some(&Cell::None), "{key}");
    }
    for part in [
        "Not in data/selection_audit.json, so N/A here: selection_mode, selection.lookbacks_used",
        "Winners are N/A: the audit lists neither clusters nor winners.",
        "Vetoes are N/A: an object by symbol is expected, and the audit has nothing.",
        "The audit names no cluster.",
        "Alpha scores are N/A",
    ] {
        assert!(finding(&document, part), "{part}: {:?}", document.findings);
    }
    let nothing = json!({"selection": {"clusters": {"1": {"size": 2, "selected": []}}, "vetoes": {}}});
    let document = render(&host(&nothing));
    assert!(section(&document, "Winners").contains("Nothing was selected."));
    assert_eq!(value(&document, "Total vetoes"), Some(&Cell::Integer(0)));
    assert!(section(&document, "Vetoes").contains("No symbol was refused."));
}

#[test]
fn contradictions_are_told() {
    let mut audit = audit();
    audit["selection"]["total_selected"] = json!(7);
    audit["selection"]["vetoes"]["AMEX:SPY"] = json!("too dear");
    audit["selection"]["vetoes"]["NYSE:X"] = json!([]);
    audit["selection"]["metrics"]["alpha_scores"]["AMEX:GLD"] = json!("high");
    let document = render(&host(&audit));
    for part in [
        "4 winners named, but the total selected is 7",
        "Refused, and among the winners: AMEX:SPY.",
        "Vetoes without a reason: NYSE:X.",
        "Alpha scores that are no finite number: AMEX:GLD.",
        "Winners without an alpha score: AMEX:GLD.",
    ] {
        assert!(finding(&document, part), "{part}: {:?}", document.findings);
    }
    assert!(section(&document, "Vetoes").contains("| AMEX:SPY | too dear |"));
}

#[test]
fn many_symbols_make_a_chart_of_the_highest() {
    let mut audit = audit();
    let scores = audit["selection"]["metrics"]["alpha_scores"].as_object_mut().unwrap();
    (0..100).for_each(|at| _ = scores.insert(format!("X:{at}"), json!(-1.0 - f64::from(at))));
    assert!(section(&render(&host(&audit)), "Alpha scores").contains("The 40 highest of 105."));
}

#[test]
fn odd_inputs_never_panic() {
    for odd in mutations(&audit()).into_iter().filter(Value::is_object) {
        assert_eq!(headings(&render(&host(&odd)))[0], "Context");
    }
    let candidates: Value = serde_json::from_str(include_str!("fixtures/portfolio_candidates.json")).unwrap();
    for odd in mutations(&candidates) {
        assert!(headings(&render(&host(&audit()).with_file(CANDIDATES, odd.to_string()))).starts_with(&SECTIONS[..3]));
    }
}
