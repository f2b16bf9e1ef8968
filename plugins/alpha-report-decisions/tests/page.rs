//! The page as a reader gets it: sections, values, and what is said where there are none.

use alpha_report_decisions::ReportDecisions;
use forensic_guest_sdk::testing::MockHost;
use forensic_guest_sdk::{Cell, Document, PluginError, ReportPlugin, Request};
use forensic_plugin_kit::testing::{dump, headings, mutations, section, value};
use serde_json::{Value, json};

const AUDIT: &str = "data/selection_audit.json";
const OPTIMIZED: &str = "data/portfolio_optimized_v2.json";

fn audit() -> Value {
    serde_json::from_str(include_str!("fixtures/selection_audit.json")).expect("the fixture is JSON")
}

fn host(audit: &Value) -> MockHost {
    MockHost::new().with_file(AUDIT, audit.to_string())
}

fn with_weights(audit: &Value) -> MockHost {
    host(audit).with_file(OPTIMIZED, include_str!("fixtures/portfolio_optimized_v2.json"))
}

fn render(host: &MockHost) -> Document {
    ReportDecisions::render(&Request::new("alpha.report_decisions"), host).expect("a page")
}

#[test]
fn a_whole_audit_makes_four_stages() {
    let document = render(&host(&audit()));
    let text = dump(&document);
    let expected = include_str!("fixtures/expected.txt");
    assert!(text.starts_with(expected), "{text}");
    assert_eq!(
        headings(&document),
        [
            "Stage 1: Discovery",
            "Symbols by category",
            "Stage 2: Merging",
            "Stage 3: Selection",
            "Winners by cluster",
            "Stage 4: Optimization",
            "Profiles",
            "Inputs"
        ]
    );
    assert!(document.findings.is_empty(), "{:?}", document.findings);
    assert!(section(&document, "Inputs").contains(AUDIT));
}

#[test]
fn the_audit_is_the_main_input() {
    let error = ReportDecisions::render(&Request::new("x"), &MockHost::new()).unwrap_err();
    let PluginError::MissingData(text) = error else { panic!("{error:?}") };
    assert!(text.starts_with("data/selection_audit.json is missing"), "{text}");
    for bad in ["{", "[]", ""] {
        let error = ReportDecisions::render(&Request::new("x"), &MockHost::new().with_file(AUDIT, bad)).unwrap_err();
        assert!(matches!(error, PluginError::MissingData(text) if text.contains(AUDIT)), "{bad}");
    }
}

#[test]
fn unknown_config_keys_are_named() {
    let request = Request::new("x").with_config(r#"{"dirr": "data"}"#);
    let error = ReportDecisions::render(&request, &host(&audit())).unwrap_err();
    assert!(matches!(error, PluginError::InvalidConfig(text) if text.contains("`dirr`") && text.contains("`dir`")));
}

#[test]
fn dont_copy_another_runs_audit_from_a_shared_folder() {
    let host = MockHost::new().with_file("lakehouse/selection_audit.json", audit().to_string());
    assert!(ReportDecisions::render(&Request::new("x"), &host).is_err());
    let request = Request::new("x").with_config(r#"{"dir": "./lakehouse/"}"#);
    assert!(ReportDecisions::render(&request, &host).is_ok());
}

#[test]
fn dont_copy_only_one_generation_of_merging_names() {
    let mut audit = audit();
    audit["merging"] = json!({"total_unique_atoms": 25, "redundant_venues_merged": 5});
    let document = render(&host(&audit));
    assert_eq!(value(&document, "Unique identities"), Some(&Cell::Integer(25)));
    assert_eq!(value(&document, "Redundant symbols merged"), Some(&Cell::Integer(5)));
    assert!(document.findings.is_empty());
}

#[test]
fn dont_copy_zero_for_symbols_that_nobody_counted() {
    let mut audit = audit();
    audit["discovery"] = json!({"total_scanned_files": 9, "total_symbols_found": 0, "categories": {}});
    let document = render(&host(&audit));
    assert_eq!(value(&document, "Raw symbols found"), Some(&Cell::None));
    let text = section(&document, "Stage 1: Discovery");
    assert!(text.contains("did not count; the selection began with 30"), "{text}");
    assert!(section(&document, "Symbols by category").contains("no categories"), "{text}");
    assert_eq!(document.findings.len(), 2);
}

#[test]
fn dont_copy_an_optimization_that_nothing_writes() {
    let mut audit = audit();
    audit.as_object_mut().unwrap().remove("optimization");
    let document = render(&with_weights(&audit));
    let text = section(&document, "Stage 4: Optimization");
    for part in [
        "all of it is from data/portfolio_optimized_v2.json",
        "Regime = CRISIS",
        "Regime score = 0.91",
        "Cluster cap = 50.0%",
        "| Min Variance | 3 | Cluster 1 |",
        "| Barbell | N/A | warning:skipped: no insurance assets |",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let document = render(&host(&audit));
    let text = section(&document, "Stage 4: Optimization");
    assert!(text.contains("is missing") && text.contains("Neither file describes an optimization."), "{text}");
}

#[test]
fn dont_copy_a_crash_on_an_absent_cap_or_score() {
    let mut audit = audit();
    audit["optimization"] =
        json!({"regime": {"name": "EXPANSION"}, "profiles": {"hrp": {"assets": 3, "top_cluster": "2"}}});
    let text = section(&render(&host(&audit)), "Stage 4: Optimization");
    assert!(text.contains("Regime score = N/A\nCluster cap = N/A\n"), "{text}");
    assert!(text.contains("N/A because no file says it: the regime's score, the cluster cap."), "{text}");
    // The weights of the same run fill the gaps; what the audit says stays.
    let text = section(&render(&with_weights(&audit)), "Stage 4: Optimization");
    assert!(text.contains("Regime = EXPANSION\nRegime score = 0.91\nCluster cap = 50.0%\n"), "{text}");
    assert!(text.contains("| Hrp | 3 | Cluster 2 |"), "{text}");
}

#[test]
fn dont_copy_none_for_absent_values() {
    let document = render(&host(&json!({})));
    let text = dump(&document);
    assert!(!text.contains("None"), "{text}");
    assert_eq!(
        headings(&document),
        [
            "Stage 1: Discovery",
            "Symbols by category",
            "Stage 2: Merging",
            "Stage 3: Selection",
            "Stage 4: Optimization",
            "Inputs"
        ],
        "an empty section keeps its heading"
    );
    assert!(text.contains("Not in data/selection_audit.json, so N/A here: timestamp."), "{text}");
}

#[test]
fn wrong_types_are_sentences() {
    let document = render(&host(&json!({
        "timestamp": 5,
        "discovery": {"total_scanned_files": "nine", "total_symbols_found": 1.5, "categories": {"a": 1, "b": {"long": 1, "short": 1, "total": 3}}},
        "merging": [],
        "selection": {
            "total_selected": 5,
            "lookbacks_used": [60, "x"],
            "clusters": {"x": {"size": 1, "selected": ["A", "B", 5]}, "3": 7, "12": {"size": null, "selected": "A"}}
        },
        "optimization": "none"
    })));
    let text = dump(&document);
    for part in [
        "timestamp (a text is expected, it is a number)",
        "discovery.total_scanned_files (a whole number is expected, it is a text)",
        "Long and short do not add up to the total: b.",
        "merging (an object is expected, it is a list)",
        "Cluster ids that are no whole number come last: x.",
        "More winners than members: x.",
        "optimization (an object is expected, it is a text)",
        "| Cluster 3 | N/A | N/A |\n| Cluster 12 | N/A | N/A |\n| x | 1 | A, B |",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn contradictions_are_findings() {
    let mut audit = audit();
    audit["selection"]["total_selected"] = json!(7);
    let document = render(&host(&audit));
    assert!(document.findings[0].text.contains("name 4 winners, but the total selected is 7"));
}

#[test]
fn bare_nan_is_read_as_absent() {
    let text = audit().to_string().replace("0.734", "NaN");
    let document = render(&MockHost::new().with_file(AUDIT, text));
    assert_eq!(value(&document, "Regime score"), Some(&Cell::None));
    assert!(document.findings.iter().any(|finding| finding.text.contains("not finite")));
}

#[test]
fn nothing_odd_panics() {
    for changed in mutations(&audit()) {
        let _ = ReportDecisions::render(&Request::new("x"), &host(&changed)).map(|document| dump(&document));
    }
    let mut audit = audit();
    audit["optimization"] = json!(null);
    let weights: Value = serde_json::from_str(include_str!("fixtures/portfolio_optimized_v2.json")).unwrap();
    for changed in mutations(&weights) {
        dump(&render(&host(&audit).with_file(OPTIMIZED, changed.to_string())));
    }
}
