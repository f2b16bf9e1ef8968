//! The page as a reader gets it: sections, values, and what is said where there are none.

use forensic_guest_sdk::testing::MockHost;
use forensic_guest_sdk::{
    Block, Cell, ColumnFormat, Document, HealthDetail, HealthMetrics, PluginError, ReportPlugin, Request, RunSummary,
    Severity,
};
use forensic_plugin_kit::testing::{dump, headings, mutations, section, tables, value};
use risk_report_portfolio::ReportPortfolio;
use serde_json::{Value, json};

const OPTIMIZED: &str = "data/portfolio_optimized_v2.json";
const RETURNS: &str = "data/returns_matrix.csv";
const CANDIDATES: &str = "data/portfolio_candidates.json";
const FRAGILITY: &str = "data/antifragility_stats.json";
/// 2026-02-13 18:05:00 UTC.
const END: u64 = 1_771_005_900_000_000_000;

fn folder() -> MockHost {
    MockHost::from_folder(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).expect("the fixtures")
}

fn traced(host: MockHost) -> MockHost {
    let run = RunSummary {
        id: "R1".into(),
        pipeline: "atomic".into(),
        profile: None,
        outcome: "success".into(),
        trace_id: "0".repeat(32),
        start_time: END - 5_000_000_000,
        end_time: END,
        wall_ns: 5_000_000_000,
        slots: 2,
        stages: 1,
        spans: 3,
    };
    let health = HealthMetrics {
        wall_ns: 0,
        busy_ns: 0,
        work_ns: 0,
        useful_ns: 0,
        wasted_ns: 0,
        speedup: None,
        efficiency: None,
        cpu_use: None,
        critical_path_ns: None,
        critical_path: Vec::new(),
        max_speedup: None,
        lower_bound_ns: None,
        schedule_quality: None,
        queue_ns: None,
        warnings: Vec::new(),
    };
    host.with_trace(run, health, Vec::new())
}

fn optimized() -> Value {
    serde_json::from_str(include_str!("fixtures/data/portfolio_optimized_v2.json")).expect("the fixture")
}

fn with_weights(weights: &Value) -> MockHost {
    folder().with_file(OPTIMIZED, weights.to_string())
}

fn configured(host: &MockHost, config: &str) -> Document {
    ReportPortfolio::render(&Request::new("x").with_config(config), host).expect("a page")
}

fn render(host: &MockHost) -> Document {
    configured(host, "{}")
}

fn close(document: &Document, key: &str, expected: f64) {
    let found = value(document, key);
    assert!(matches!(found, Some(Cell::Number(number)) if (number - expected).abs() < 1e-9), "{key}: {found:?}");
}

fn finding(document: &Document, part: &str) -> bool {
    document.findings.iter().any(|finding| finding.text.contains(part))
}

#[test]
fn all_sections_in_order() {
    let document = render(&traced(folder()));
    assert_eq!(
        headings(&document),
        [
            "System health",
            "Shared cluster reference",
            "Min Variance profile",
            "Risk buckets",
            "Asset classes",
            "Bonds",
            "Equities",
            "Barbell profile",
            "Candidate universe",
            "Inputs",
        ]
    );
    let text = dump(&document);
    let expected = include_str!("fixtures/expected.txt");
    assert!(text.starts_with(expected), "{text}");
    for id in [OPTIMIZED, RETURNS, CANDIDATES, FRAGILITY] {
        assert!(section(&document, "Inputs").contains(id), "{id}");
    }
}

// The numbers are from numpy, on tests/fixtures/data/returns_matrix.csv:
//   R = columns of the assets, w = net weights {AAA: .4, BBB: -.25, CCC: .2, DDD: .15}, b = AMEX:SPY
//   C[i, j] = np.cov(R[ok, i], R[ok, j])[0, 1] with ok = rows where both are known; vol = sqrt(w @ C @ w * 252)
//   p = np.nansum(R * w, axis=1); rows where b and at least one asset are known (28 of 30)
//   beta = np.cov(p, b)[0, 1] / np.cov(p, b)[1, 1]; correlation = np.corrcoef(p, b)[0, 1]
#[test]
fn risk_numbers_agree_with_numpy() {
    let document = render(&folder());
    close(&document, "Volatility (annualized)", 0.063_184_747_407_386_03);
    close(&document, "Beta (AMEX:SPY)", 0.375_284_486_906_082_1);
    close(&document, "Correlation (AMEX:SPY)", 0.767_289_588_344_618_5);
    assert_eq!(value(&document, "Bars in common (AMEX:SPY)"), Some(&Cell::Integer(28)));
    close(&document, "Gross weight", 1.0);
    close(&document, "Net weight", 0.5);
    // The same recipe with 365 instead of 252.
    let document = configured(&folder(), r#"{"periods_per_year": 365}"#);
    close(&document, "Volatility (annualized)", 0.076_042_855_275_807_31);
}

#[test]
fn dont_copy_a_short_hedge_that_adds_risk() {
    // With Weight instead of Net_Weight the same recipe gives these larger numbers.
    let mut weights = optimized();
    for asset in weights["profiles"]["min_variance"]["assets"].as_array_mut().unwrap() {
        asset["Net_Weight"] = json!(asset["Net_Weight"].as_f64().unwrap().abs());
        asset["Direction"] = json!("LONG");
    }
    let document = render(&with_weights(&weights));
    close(&document, "Volatility (annualized)", 0.108_679_008_678_775_83);
    close(&document, "Beta (AMEX:SPY)", 0.669_456_484_929_768_8);
    close(&document, "Correlation (AMEX:SPY)", 0.824_907_460_902_609_2);
    assert!(finding(&document, "AGGRESSIVE BETA: 0.67 to AMEX:SPY"));
    assert!(!finding(&render(&folder()), "AGGRESSIVE"));
}

#[test]
fn a_missing_net_weight_is_taken_from_the_direction() {
    let mut weights = optimized();
    for asset in weights["profiles"]["min_variance"]["assets"].as_array_mut().unwrap() {
        asset.as_object_mut().unwrap().remove("Net_Weight");
    }
    weights["profiles"]["min_variance"]["assets"].as_array_mut().unwrap().pop();
    weights["profiles"]["min_variance"]["assets"][3]["Weight"] = json!(0.15);
    let document = render(&with_weights(&weights));
    close(&document, "Volatility (annualized)", 0.063_184_747_407_386_03);
    assert!(finding(&document, "No Net_Weight: taken from Weight and Direction"));
}

#[test]
fn dont_copy_a_trace_sought_where_nobody_writes_it() {
    let document = render(&traced(folder()));
    assert!(document.blocks.contains(&Block::PipelineHealth(HealthDetail::Stages)));
    let full = configured(&traced(folder()), r#"{"pipeline_health": "full"}"#);
    assert!(full.blocks.contains(&Block::PipelineHealth(HealthDetail::Full)));
    // Without a trace the page says so and goes on.
    let document = render(&folder());
    assert!(finding(&document, "the forensic trace is missing"));
    assert!(!document.blocks.iter().any(|block| matches!(block, Block::PipelineHealth(_))));
    assert_eq!(headings(&document).len(), 10);
}

#[test]
fn dont_copy_healthy_and_zero_without_data() {
    let document = render(&folder().without_file(RETURNS));
    assert!(matches!(value(&document, "Data integrity"), Some(Cell::Status(status)) if status.text == "UNKNOWN"));
    for key in
        ["Lookback (bars)", "Annualization", "Volatility (annualized)", "Beta (benchmark)", "Correlation (benchmark)"]
    {
        assert_eq!(value(&document, key), Some(&Cell::None), "{key}");
    }
    assert!(finding(&document, "returns_matrix.csv is missing"));
    let text = section(&document, "Min Variance profile");
    assert!(
        text.contains("N/A because of: volatility, beta and correlation: data/returns_matrix.csv can't be used."),
        "{text}"
    );
    // Unreadable is no better than absent.
    let document = render(&folder().with_file(RETURNS, "date\n"));
    assert!(finding(&document, "data/returns_matrix.csv needs a date column"));
    // An empty profile has no numbers either.
    let mut weights = optimized();
    weights["profiles"] = json!({"hrp": {"assets": [], "clusters": []}});
    let document = render(&with_weights(&weights));
    assert!(matches!(value(&document, "Data integrity"), Some(Cell::Status(status)) if status.text == "UNKNOWN"));
    for key in ["Volatility (annualized)", "Gross weight", "Sector diversity", "Top 3 concentration"] {
        assert_eq!(value(&document, key), Some(&Cell::None), "{key}");
    }
    let text = section(&document, "Hrp profile");
    assert!(
        text.contains("The profile has no risk buckets.") && text.contains("The profile holds no assets."),
        "{text}"
    );
}

#[test]
fn data_integrity_counts_the_first_profile() {
    let mut weights = optimized();
    weights["profiles"]["min_variance"]["assets"][1]["Symbol"] = json!("NASDAQ:GONE");
    let document = render(&with_weights(&weights));
    let found = value(&document, "Data integrity");
    assert!(matches!(found, Some(Cell::Status(status)) if status.text == "DEGRADED (4/5 aligned)"), "{found:?}");
    assert!(finding(&document, "cover 3 of 4 assets; without returns or weight: NASDAQ:GONE."));
}

#[test]
fn dont_copy_252_and_spy_for_crypto() {
    let mut weights = json!({"profiles": {"hrp": {"assets": [
        {"Symbol": "BINANCE:ETHUSDT", "Weight": 1, "Net_Weight": 1, "Direction": "LONG", "Cluster_ID": "1", "Market": "BINANCE"}
    ], "clusters": []}}});
    let day = |at: i64| forensic_plugin_kit::time::date(at * 86_400);
    let mut returns = String::from("date,AMEX:SPY,BINANCE:BTCUSDT,BINANCE:ETHUSDT\n");
    for at in 0..30 {
        let value = f64::from([3, -1, 4, 1, -5][at % 5]) / 100.0;
        returns += &format!("{},0.001,{value},{}\n", day(20_000 + at as i64), value * 2.0);
    }
    let host = with_weights(&weights).with_file(RETURNS, returns.clone());
    let document = render(&host);
    assert_eq!(value(&document, "Annualization"), Some(&"365 periods a year: there are returns on weekends".into()));
    close(&document, "Beta (BINANCE:BTCUSDT)", 2.0);
    close(&document, "Correlation (BINANCE:BTCUSDT)", 1.0);
    // A configured benchmark wins, also if it does not move; one that is not there is no zero.
    let document = configured(&host, r#"{"benchmark": "AMEX:SPY"}"#);
    assert_eq!(value(&document, "Beta (AMEX:SPY)"), Some(&Cell::None));
    assert!(finding(&document, "the benchmark does not move"));
    let document = configured(&host, r#"{"benchmark": "AMEX:QQQ"}"#);
    assert!(finding(&document, "Beta and correlation are N/A: the configured benchmark AMEX:QQQ is no column"));
    // What the weights' file states comes before the default.
    weights["metadata"] = json!({"benchmark": "AMEX:SPY"});
    let document = render(&with_weights(&weights).with_file(RETURNS, returns));
    assert_eq!(value(&document, "Benchmark"), Some(&"AMEX:SPY".into()));
}

#[test]
fn too_few_bars_are_no_beta() {
    let text = include_str!("fixtures/data/returns_matrix.csv");
    let short: Vec<&str> = text.lines().take(20).collect();
    let document = render(&folder().with_file(RETURNS, short.join("\n")));
    assert_eq!(value(&document, "Beta (AMEX:SPY)"), Some(&Cell::None));
    assert!(finding(&document, "19 bars in common with the benchmark, at least 20 are needed"));
}

#[test]
fn dont_copy_top_three_in_file_order() {
    // The file's first three buckets hold 0.3005; the largest three hold 0.4 + 0.3 + 0.25.
    close(&render(&folder()), "Top 3 concentration", 0.95);
}

#[test]
fn dont_copy_a_bar_that_is_full_at_a_quarter() {
    let document = render(&folder());
    let buckets = tables(&document, "Risk buckets")[0];
    assert_eq!((buckets.columns[3].format, &buckets.rows[2][3]), (ColumnFormat::Bar, &Cell::Number(0.4)));
    let equities = tables(&document, "Equities")[0];
    assert_eq!((equities.columns[4].format, &equities.rows[1][4]), (ColumnFormat::Bar, &Cell::Number(0.25)));
}

#[test]
fn dont_copy_a_skipped_profile_that_looks_empty() {
    let text = section(&render(&folder()), "Barbell profile");
    assert_eq!(text, "[warning] Barbell was skipped, so it has no weights: no insurance assets.\n");
}

#[test]
fn dont_copy_links_to_files_that_lie_elsewhere() {
    let text = dump(&render(&folder()));
    assert!(!text.contains("](") && !text.contains("research/"), "{text}");
}

#[test]
fn dont_copy_na_as_a_sector() {
    // AAA (0.40, Technology), BBB (0.25, Energy), CCC (0.20, N/A) reach 80%: two sectors, not three.
    let document = render(&folder());
    assert_eq!(value(&document, "Sector diversity"), Some(&Cell::Integer(2)));
    let reference = &tables(&document, "Shared cluster reference")[0].rows;
    assert_eq!(reference[1][1], Cell::None);
    let buckets = &tables(&document, "Risk buckets")[0].rows;
    assert_eq!((&buckets[0][7], &buckets[1][7]), (&Cell::None, &"Energy, Utilities".into()));
}

#[test]
fn dont_copy_escaping_and_local_time() {
    // Text stays text, for the host escapes it; times are nanoseconds, which the host writes in UTC.
    let document = render(&traced(folder()));
    assert_eq!(tables(&document, "Equities")[0].rows[2][1], "C | C".into());
    assert_eq!(value(&document, "Generated (end of the run, UTC)"), Some(&Cell::Integer(END as i64)));
    assert_eq!(value(&document, "Weights made (UTC)"), Some(&Cell::Integer(1_771_005_600_000_000_000)));
}

#[test]
fn other_inputs_may_be_absent() {
    let document = render(&folder().without_file(CANDIDATES).without_file(FRAGILITY));
    assert!(
        finding(&document, "antifragility_stats.json is missing")
            && finding(&document, "portfolio_candidates.json is missing")
    );
    let reference = &tables(&document, "Shared cluster reference")[0].rows;
    assert!(reference.iter().all(|row| row[4..] == [Cell::None, Cell::None, Cell::None]));
    assert!(section(&document, "Candidate universe").contains("no candidate can be shown"));
    let empty = render(&folder().with_file(CANDIDATES, "[]"));
    assert_eq!(section(&empty, "Candidate universe"), "The file lists no candidates.\n");
}

#[test]
fn the_weights_are_the_main_input() {
    for host in
        [folder().without_file(OPTIMIZED), folder().with_file(OPTIMIZED, "{"), folder().with_file(OPTIMIZED, "3")]
    {
        let error = ReportPortfolio::render(&Request::new("x"), &host).unwrap_err();
        assert!(matches!(error, PluginError::MissingData(text) if text.contains(OPTIMIZED)));
    }
}

#[test]
fn the_config_is_checked() {
    for (config, part) in [
        (r#"{"bench": 1}"#, "`bench`: the keys are `dir`, `benchmark`, `periods_per_year`, `pipeline_health`"),
        (r#"{"periods_per_year": 0}"#, "above 0"),
        (r#"{"pipeline_health": "some"}"#, "`headline`, `stages` or `full`"),
        (r#"{"dir": "../x"}"#, "below the run directory"),
    ] {
        let error = ReportPortfolio::render(&Request::new("x").with_config(config), &folder()).unwrap_err();
        assert!(matches!(&error, PluginError::InvalidConfig(text) if text.contains(part)), "{config}: {error:?}");
    }
}

#[test]
fn wrong_types_are_sentences() {
    let weights = json!({
        "profiles": {
            "a": {"assets": [
                {"Symbol": "NASDAQ:AAA"},
                {"Symbol": "NYSE:BBB", "Weight": "x", "Net_Weight": [], "Direction": 5, "Cluster_ID": {}, "Market": 3},
                {"Weight": 1}, 7, null
            ], "clusters": [{"Gross_Weight": null}, 5, {"Cluster_Label": 3, "Gross_Weight": 1.5, "Net_Weight": "-1"}]},
            "b": 5,
            "c": {"assets": {}, "clusters": null, "meta": []}
        },
        "cluster_registry": {"x": {"symbols": "A"}, "2": null, "1": {"symbols": [1, "NASDAQ:AAA"], "primary_sector": 3}},
        "optimization": [],
        "metadata": 3
    });
    let host = with_weights(&weights)
        .with_file(
            CANDIDATES,
            r#"[1, {"symbol": "A", "adx": "x", "implementation_alternatives": 5}, {"symbol": "B:C", "adx": NaN}]"#,
        )
        .with_file(FRAGILITY, r#"[1, {"Symbol": "NASDAQ:AAA", "Fragility_Score": "x"}, {"Fragility_Score": 1}]"#);
    let document = render(&host);
    for part in [
        "Assets without a Symbol left out: profiles.a.assets[2]",
        "profiles.a NYSE:BBB.Weight (a finite number is expected, it is a text)",
        "Cluster ids that are no whole number come last: x.",
        "Candidates without a symbol left out: [0].",
        "is not finite read as absent",
    ] {
        assert!(finding(&document, part), "{part}: {}", dump(&document));
    }
    assert!(
        document
            .findings
            .iter()
            .all(|finding| finding.severity != Severity::Error || finding.subject.contains("trace"))
    );
    for bad in ["{}", r#"{"profiles": []}"#, r#"{"profiles": {}, "cluster_registry": []}"#] {
        let document = render(&folder().with_file(OPTIMIZED, bad));
        assert!(section(&document, "Risk profiles").contains("holds no risk profile"), "{bad}");
    }
    let document = render(&folder().with_file(CANDIDATES, "{}").with_file(FRAGILITY, "{}"));
    assert!(finding(&document, "portfolio_candidates.json must be a list, not an object"));
}

#[test]
fn nothing_odd_panics() {
    for id in [OPTIMIZED, CANDIDATES, FRAGILITY] {
        let bytes = forensic_guest_sdk::Host::read_all(&folder(), id).unwrap().unwrap();
        for changed in mutations(&serde_json::from_slice(&bytes).unwrap()) {
            let host = folder().with_file(id, changed.to_string());
            let _ = ReportPortfolio::render(&Request::new("x"), &host).map(|document| dump(&document));
        }
    }
    for bad in [
        "",
        "date",
        "date,A\nx,y\n",
        "date,AMEX:SPY\n2026-01-01,inf\n",
        "\u{feff},\n,\n",
        "date,NASDAQ:AAA\n2026-01-01,1\n",
    ] {
        dump(&render(&folder().with_file(RETURNS, bad)));
    }
}
