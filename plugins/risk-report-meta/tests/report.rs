//! The report on the fixture run: sections, numbers against the oracle of `fixtures/generate.py`, config.

mod support;

use forensic_guest_sdk::testing::MockHost;
use forensic_guest_sdk::{Block, ColumnFormat, Document, HealthDetail, PluginError, Severity};
use forensic_plugin_kit::testing::{dump, headings, section, value};
use support::{column, file, findings, host, number, report, table, try_report, word, words};

fn close(document: &Document, title: &str, expected: &[(&str, f64)]) {
    for (name, expected) in expected {
        let found = number(column(document, title, name)[0]);
        assert!((found - expected).abs() <= 1e-9, "{title}, {name}: {found} is not {expected}");
    }
}

#[test]
fn sections_stand_in_their_order() {
    let per_profile = ["Completeness", "Performance", "Allocation", "Sleeve correlations", "Top 10 assets"].as_slice();
    let expected = [
        &["Tournament", "Directional sign test", "Risk profile hrp"],
        per_profile,
        &["Risk profile min_variance"],
        per_profile,
        &["Data health", "Forensic anomalies", "Inputs"],
    ]
    .concat();
    let document = report(&host());
    assert_eq!(headings(&document), expected);
    assert!(document.blocks.contains(&Block::PipelineHealth(HealthDetail::Full)));
    assert_eq!(findings(&document, Severity::Error, ""), [""; 0]);
}

#[test]
fn the_title_block_takes_its_time_from_the_trace() {
    let document = report(&host());
    assert_eq!(word(value(&document, "Meta profile").unwrap()), "meta_test");
    assert_eq!(word(value(&document, "Run").unwrap()), "run-1");
    let Some(Block::KeyValues(title)) = document.blocks.first() else { panic!("no title block") };
    let generated = title.iter().find(|pair| pair.key.starts_with("Generated")).unwrap();
    assert_eq!((generated.format, number(&generated.value)), (ColumnFormat::Time, 1_709_294_460_000_000_000_f64));
    assert_eq!(word(value(&document, "Annualization factor").unwrap()), "252 (daily returns, none on a weekend)");
    assert_eq!(report(&host()), document, "the same run gives the same report");
}

#[test]
fn without_a_trace_the_rest_is_there() {
    let with = report(&host());
    let bare = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/run");
    let without = report(&MockHost::from_folder(bare).unwrap());
    assert_eq!(findings(&without, Severity::Error, "trace is missing").len(), 1);
    assert!(section(&without, "Pipeline Health").contains("can't be shown"));
    assert_eq!(headings(&without), [vec!["Pipeline Health"], headings(&with)].concat());
    assert_eq!(word(value(&without, "Run").unwrap()), "none");
}

#[test]
fn performance_and_allocation_agree_with_numpy() {
    let document = report(&host());
    close(
        &document,
        "Risk profile hrp",
        &[
            ("Sharpe", 4.102297451848096),
            ("Ann. Return", 0.29500523177069615),
            ("Ann. Volatility", 0.06352817489687246),
            ("Max Drawdown", -0.012788037893487703),
            ("Win Rate", 0.55),
            ("Total Return", 0.0418876176169829),
        ],
    );
    // Twelve days: annualized linearly.
    close(
        &document,
        "Risk profile min_variance",
        &[
            ("Sharpe", -1.2033651826657883),
            ("Ann. Return", -0.06194264999999994),
            ("Ann. Volatility", 0.05147452302003169),
            ("Max Drawdown", -0.011411845717017588),
            ("Win Rate", 0.4166666666666667),
            ("Total Return", -0.003003375074115966),
        ],
    );
    assert_eq!(words(&document, "Risk profile hrp", "Sleeve ID"), ["alpha", "be|ta", "gamma"]);
    let effective = number(value(&document, "Effective number of sleeves (1/Σw²)").unwrap());
    assert!((effective - 2.6315789473684212).abs() < 1e-12);
}

#[test]
fn correlations_are_pairwise_complete() {
    let document = report(&host());
    let matrix = table(&document, "Risk profile hrp", "Sleeve");
    let cell = |row: usize, column: usize| number(&matrix.rows[row][column + 1]);
    let expected = [(0, 1, -0.0931422138322439), (0, 2, 0.6673224120680068), (1, 2, 0.020528310915654827)];
    for (row, column, expected) in expected {
        assert!((cell(row, column) - expected).abs() < 1e-9);
        assert_eq!(cell(row, column), cell(column, row));
    }
    assert!((cell(0, 0) - 1.0).abs() < 1e-12);
}

#[test]
fn the_tournament_takes_means_and_the_worst_drawdown() {
    let document = report(&host());
    assert_eq!(words(&document, "Tournament", "Profile"), ["hrp", "min_variance"]);
    // By hand: window means are base - 0.5, base, base + 0.5 twice each, less 0.05 for the mean of both simulators.
    let near = |name: &str, row: usize, expected: f64| {
        let found = number(column(&document, "Tournament", name)[row]);
        assert!((found - expected).abs() < 1e-9, "{name}: {found}");
    };
    near("Sharpe", 0, 0.95);
    near("Ann. Return", 0, 0.095);
    near("Max Drawdown", 0, -0.06);
    near("Windows above zero", 0, 1.0);
    near("Windows above zero", 1, 4.0 / 6.0);
    near("Deviation of Sharpe", 0, (6.0_f64 * 0.25 * 2.0 / 3.0 / 5.0).sqrt());
    assert_eq!(words(&document, "Tournament", "Stability"), ["STABLE", "MIXED"]);
    assert_eq!(words(&document, "Tournament", "Windows"), ["6", "6"]);
}

#[test]
fn the_first_ten_symbols_in_file_order() {
    let document = report(&host());
    let symbols = words(&document, "Risk profile hrp", "Symbol");
    assert_eq!((symbols.len(), symbols[0].as_str()), (10, "NYSE:S00"));
    assert_eq!(words(&document, "Risk profile hrp", "Contributors")[2], "alpha, be|ta, gamma");
    let text =
        file("data/portfolio_optimized_meta_meta_test_hrp.json").replacen("\"Weight\": 0.2,", "\"Weight\": 0.01,", 1);
    let document = report(&host().with_file("data/portfolio_optimized_meta_meta_test_hrp.json", text));
    assert_eq!(findings(&document, Severity::Warning, "not in the order of falling weights").len(), 1);
}

#[test]
fn old_names_are_accepted_and_shown() {
    let document = report(&host());
    let status = words(&document, "Risk profile min_variance", "Status");
    assert_eq!(status, ["PRESENT, old name", "PRESENT, old name", "MISSING", "PRESENT, old name", "PRESENT, old name"]);
    assert_eq!(words(&document, "Risk profile hrp", "Status"), ["PRESENT"; 5]);
    assert!(
        words(&document, "Risk profile min_variance", "Path").contains(&"data/meta_returns_min_variance.csv".into())
    );
    assert_eq!(
        findings(&document, Severity::Warning, "meta_cluster_tree_meta_test_min_variance.json is missing").len(),
        1
    );
}

#[test]
fn the_sign_test_says_what_it_found() {
    let document = report(&host());
    assert_eq!(word(value(&document, "Result").unwrap()), "success");
    let text = section(&document, "Directional sign test");
    assert!(text.contains("PASSED with warnings") && text.contains("LONG in alpha, SHORT in gamma"), "{text}");
    let id = "data/directional_sign_test.json";
    for (content, part) in [
        (r#"{"errors": 2, "warnings": 0, "findings": []}"#, "found 2 errors"),
        (r#"{"warnings": 0}"#, "whether the test passed is unknown"),
        ("[", "is not valid JSON"),
    ] {
        let document = report(&host().with_file(id, content));
        assert_eq!(findings(&document, Severity::Error, part).len(), 1, "{content}");
        assert!(!section(&document, "Directional sign test").contains("PASSED"));
    }
    assert_eq!(findings(&report(&host().without_file(id)), Severity::Error, "sign_test.json is missing").len(), 1);
}

#[test]
fn inputs_are_listed_with_their_digest() {
    let document = report(&host());
    let files = words(&document, "Inputs", "File");
    assert!(files.contains(&"data/sleeves/beta/audit.jsonl".into()) && files.is_sorted());
    assert!(words(&document, "Inputs", "SHA-256").iter().all(|digest| digest.len() == 64));
    assert!(
        section(&document, "Inputs").contains("meta_cluster_tree_meta_test_min_variance.json"),
        "missing is listed"
    );
}

#[test]
fn a_bad_config_names_the_key() {
    let sentence = |config: &str| match try_report(&host(), config) {
        Err(PluginError::InvalidConfig(text)) => text,
        other => panic!("{config}: {other:?}"),
    };
    let text = sentence(r#"{"profile": ["hrp"]}"#);
    assert_eq!(text, "unknown config key `profile`: the keys are `meta_profile`, `profiles`, `dir`");
    assert!(sentence(r#"{"profiles": "hrp"}"#).contains("`profiles` must be a list"));
    assert!(sentence(r#"{"profiles": []}"#).contains("`profiles` is empty"));
    assert!(sentence(r#"{"profiles": ["../x"]}"#).contains("can't be part of a file name"));
    assert!(sentence(r#"{"dir": "/etc"}"#).contains("`dir` must be a folder below the run directory"));
}

#[test]
fn without_profiles_in_the_config_those_with_files_are_reported() {
    let document = try_report(&host(), r#"{"meta_profile": "meta_test"}"#).unwrap();
    assert_eq!(word(value(&document, "Risk profiles").unwrap()), "hrp");
    let nothing = try_report(&MockHost::new(), "{}").unwrap();
    assert_eq!(findings(&nothing, Severity::Error, "there is nothing to report on meta_production").len(), 1);
}

#[test]
fn bad_inputs_never_stop_the_report() {
    let full = headings(&report(&host())).len();
    let ids: Vec<String> = forensic_guest_sdk::Host::artifacts(&host()).into_iter().map(|file| file.id).collect();
    for id in &ids {
        for bytes in [
            &b""[..],
            b"\xff\xfe",
            b"{",
            b"[]",
            b"null",
            b"{\"weights\": [1], \"sleeves\": [1]}",
            b"a,b\n1",
            b"date,x\n,\n",
        ] {
            let document = report(&host().with_file(id.as_str(), bytes));
            assert_eq!(headings(&document).len(), full, "{id}");
            let said = document.findings.iter().any(|finding| finding.text.contains(id.as_str()));
            assert!(said || id.contains("cluster_tree"), "{id} {bytes:?}\n{}", dump(&document));
        }
        let document = report(&host().without_file(id));
        assert!(dump(&document).contains(id.as_str()), "{id} is missing and the report does not say so");
    }
}
