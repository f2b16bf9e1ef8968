//! The suite's rules for picking simulator, engine and baseline, on results as they are read from a file.

use forensic_guest_sdk::testing::MockHost;
use forensic_guest_sdk::{Document, PluginError, Request};
use forensic_plugin_kit::suite::{self, Tournament, choice};
use forensic_plugin_kit::{Config, Inputs};
use serde_json::{Value, json};

fn load(results: &Value) -> Tournament {
    let host = MockHost::new().with_file("data/tournament_results.json", results.to_string());
    suite::load(&Inputs::new(&host), "data", None, &mut Document::new("x")).expect("results")
}

fn entry(sharpe: Value) -> Value {
    json!({"summary": {"avg_window_sharpe": sharpe, "annualized_return": 0.1}, "windows": [{"sharpe": sharpe}]})
}

fn simulators(names: &[&str]) -> Tournament {
    let results: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({"e": {"hrp": entry(json!(1.0))}}))).collect();
    load(&json!({"meta": {}, "results": results}))
}

#[test]
fn the_real_simulator_comes_before_the_ideal_one() {
    for (played, expected) in [
        (&["custom", "a", "cvxportfolio"][..], Some("cvxportfolio")),
        (&["custom", "a"], Some("custom")),
        (&["z", "a"], Some("a")),
        (&[], None),
    ] {
        assert_eq!(simulators(played).simulator(None), expected, "{played:?}");
    }
    // A name in the config stays, so that the page can say that there are no results of it.
    assert_eq!(simulators(&["custom"]).simulator(Some("costs")), Some("costs"));
}

#[test]
fn the_best_engine_is_the_first_of_the_highest_and_never_a_baseline() {
    let tournament = load(&json!({"meta": {}, "results": {"custom": {
        "market": {"hrp": entry(json!(9.0))},
        "skipped": {"_status": {"skipped": true}, "hrp": entry(json!(8.0))},
        "unknown": {"hrp": entry(json!(null))},
        "negative": {"hrp": entry(json!(-1.0))},
        "first": {"hrp": entry(json!(0.0))},
        "second": {"hrp": entry(json!(0.0))},
    }}}));
    let entries = tournament.of("custom");
    assert_eq!(choice::best(&entries, "hrp").map(|entry| entry.engine.as_str()), Some("first"));
    assert_eq!(choice::engines(&entries, "hrp").len(), 4);
    assert!(choice::best(&entries, "max_sharpe").is_none());
    assert_eq!(choice::best(&entries, "hrp").map(|entry| entry.name()), Some("custom / first / hrp".into()));
}

#[test]
fn profiles_keep_their_order_and_none_goes_unseen() {
    let results = json!({"s": {"e": {"zzz": entry(json!(1.0)), "hrp": entry(json!(1.0))}}});
    assert_eq!(load(&json!({"meta": {"profiles": ["hrp", "a"]}, "results": results})).profiles(), ["hrp", "a", "zzz"]);
    let usual = load(&json!({"meta": {}, "results": results})).profiles();
    assert_eq!((usual.len(), usual[0].as_str(), usual[9].as_str()), (10, "min_variance", "zzz"));
}

#[test]
fn notes_can_be_taken_once() {
    let mut tournament = load(&json!({"results": {"s": 5}}));
    let mut document = Document::new("x");
    tournament.take_notes().write(&mut document);
    assert!(document.findings.iter().any(|finding| finding.text.contains("results.s")), "{:?}", document.findings);
    let before = document.findings.len();
    tournament.notes.write(&mut document);
    assert_eq!(document.findings.len(), before);
}

#[test]
fn periods_are_above_zero() {
    let read = |json: &str| {
        let request = Request::new("x").with_config(json);
        suite::periods_per_year(&Config::read(&request, &["periods_per_year"]).expect("an object"))
    };
    assert_eq!(read(r#"{"periods_per_year": 365}"#), Ok(Some(365.0)));
    assert_eq!(read("{}"), Ok(None));
    for bad in [r#"{"periods_per_year": 0}"#, r#"{"periods_per_year": -252}"#, r#"{"periods_per_year": "x"}"#] {
        assert!(matches!(read(bad), Err(PluginError::InvalidConfig(_))), "{bad}");
    }
}
