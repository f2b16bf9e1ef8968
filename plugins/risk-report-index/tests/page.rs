//! The page as a reader gets it: leaders, checks that check, where the time went, links.

use forensic_guest_sdk::testing::MockHost;
use forensic_guest_sdk::{
    Block, Cell, Chart, Document, HealthDetail, HealthMetrics, LinkTarget, PluginError, ReportPlugin, Request,
    RunSummary, Severity, StageSummary,
};
use forensic_plugin_kit::testing::{dump, headings, mutations, section, tables, value};
use risk_report_index::ReportIndex;
use serde_json::{Value, json};

const RESULTS: &str = "data/tournament_results.json";
const HEALTH: &str = "data/data_health.json";

fn entry(sharpe: f64) -> Value {
    json!({"summary": {"annualized_return": 0.1, "avg_window_sharpe": sharpe, "max_drawdown": -0.2}, "windows": [{}]})
}

fn results() -> Value {
    json!({
        "meta": {"profiles": ["hrp", "max_sharpe"]},
        "results": {
            "custom": {"skfolio": {"hrp": entry(1.0)}, "custom": {"hrp": entry(2.0), "max_sharpe": entry(0.5)}},
            "cvxportfolio": {
                "market": {"benchmark": entry(9.0)},
                "skfolio": {"max_sharpe": entry(0.4), "hrp": entry(0.0)},
                "custom": {"hrp": entry(-1.0)},
            },
        },
    })
}

fn files() -> MockHost {
    MockHost::new().with_file(RESULTS, results().to_string()).with_file(HEALTH, r#"{"OK": 3}"#)
}

fn stage(id: &str, outcome: &str, seconds: u64) -> StageSummary {
    StageSummary {
        id: id.into(),
        outcome: outcome.into(),
        needs: Vec::new(),
        attempts: 1,
        start_time: Some(0),
        end_time: None,
        duration_ns: seconds * 1_000_000_000,
        queue_ns: None,
        slack_ns: None,
        drag_ns: None,
        critical: seconds > 5,
        cached: false,
        cpu_ns: Some(1_000_000_000),
        peak_memory_bytes: Some(1 << 20),
        exit_code: None,
        error: None,
    }
}

fn traced(host: MockHost, outcome: &str, stages: Vec<StageSummary>) -> MockHost {
    let run = RunSummary {
        id: "R7".into(),
        pipeline: "meta.full".into(),
        profile: Some("production".into()),
        outcome: outcome.into(),
        trace_id: "t".into(),
        start_time: 0,
        end_time: 10_000_000_000,
        wall_ns: 10_000_000_000,
        slots: 2,
        stages: stages.len() as u32,
        spans: 99,
    };
    let health = HealthMetrics {
        wall_ns: 10_000_000_000,
        busy_ns: 9_000_000_000,
        work_ns: 15_000_000_000,
        useful_ns: 15_000_000_000,
        wasted_ns: 0,
        speedup: Some(1.5),
        efficiency: Some(0.75),
        cpu_use: None,
        critical_path_ns: Some(8_000_000_000),
        critical_path: Vec::new(),
        max_speedup: Some(1.875),
        lower_bound_ns: None,
        schedule_quality: None,
        queue_ns: None,
        warnings: Vec::new(),
    };
    host.with_trace(run, health, stages)
}

fn healthy() -> MockHost {
    let stages = (1..=12).map(|at| stage(&format!("s{at}"), "success", at)).collect();
    traced(files(), "success", stages)
}

fn render(host: &MockHost) -> Document {
    render_with(host, "{}")
}

fn render_with(host: &MockHost, config: &str) -> Document {
    ReportIndex::render(&Request::new("risk.report_index").with_config(config), host).expect("a page")
}

/// Status and details of a guardrail.
fn guardrail(document: &Document, name: &str) -> (String, String) {
    let table = tables(document, "Guardrails")[0];
    let row = table.rows.iter().find(|row| row[0] == name.into()).unwrap_or_else(|| panic!("{name}: {table:?}"));
    let (Cell::Status(status), Cell::Text(details)) = (&row[1], &row[2]) else { panic!("{row:?}") };
    (status.text.clone(), details.clone())
}

fn charts(document: &Document) -> Vec<&Chart> {
    let blocks = document.blocks.iter();
    blocks.filter_map(|block| if let Block::Chart(chart) = block { Some(chart) } else { None }).collect()
}

#[test]
fn a_healthy_run_has_all_sections_and_passes() {
    let document = render(&healthy());
    assert_eq!(
        headings(&document),
        ["Executive summary", "Guardrails", "Pages", "Where the time went", "Slowest stages", "Artifact map", "Inputs"]
    );
    assert_eq!(value(&document, "Pipeline profile"), Some(&"production".into()));
    for (name, details) in [
        ("Trace", "readable, 99 spans"),
        ("Run", "ended with success"),
        ("Stages", "12 of 12 stages succeeded"),
        ("Data health, data", "OK 3"),
        ("Results, data", "7 results, leaders of 2 profiles"),
    ] {
        assert_eq!(guardrail(&document, name), ("PASS".into(), details.into()));
    }
    assert!(document.findings.is_empty(), "{}", dump(&document));
}

#[test]
fn the_trace_is_summed_up() {
    let document = render(&healthy());
    // The host draws total duration and speed-up from the trace itself.
    assert!(document.blocks.contains(&Block::PipelineHealth(HealthDetail::Headline)));
    assert_eq!(value(&document, "Speed-up at most"), Some(&Cell::Number(1.875)));
    assert_eq!(value(&document, "Work of all stages"), Some(&Cell::Integer(15_000_000_000)));
    let table = tables(&document, "Slowest stages")[0];
    assert_eq!(table.rows.len(), 10);
    assert_eq!((&table.rows[0][0], &table.rows[9][0]), (&"s12".into(), &"s3".into()));
    assert_eq!(table.rows[0][3], Cell::Number(1.2));
    assert!(section(&document, "Slowest stages").contains("10 of 12 stages"));
    let slowest = charts(&document)[1];
    assert_eq!((slowest.labels[0].as_str(), slowest.series[0].y[0]), ("s12", 12e9));
}

#[test]
fn leaders_are_named_with_their_simulator() {
    let document = render(&healthy());
    let table = tables(&document, "Executive summary")[0];
    let row = |at: usize| -> Vec<&Cell> { table.rows[at][1..5].iter().collect() };
    // In the order found; the market is a baseline and no leader.
    assert_eq!(row(0), [&"Max Sharpe".into(), &"skfolio".into(), &"cvxportfolio".into(), &Cell::Number(0.4)]);
    assert_eq!(table.rows.len(), 2);
    assert!(section(&document, "Executive summary").contains("picked after the fact"));
}

#[test]
fn dont_copy_cvxportfolio_where_custom_was_used() {
    let mut results = results();
    results["results"].as_object_mut().unwrap().remove("cvxportfolio");
    let document = render(&healthy().with_file(RESULTS, results.to_string()));
    let table = tables(&document, "Executive summary")[0];
    assert_eq!((&table.rows[0][3], &table.rows[0][4]), (&"custom".into(), &Cell::Number(2.0)));
    assert!(!dump(&document).contains("cvxportfolio"));
}

#[test]
fn dont_copy_a_sharpe_of_zero_as_the_worst() {
    let document = render(&healthy());
    let table = tables(&document, "Executive summary")[0];
    let hrp = table.rows.iter().find(|row| row[1] == "Hrp".into()).expect("hrp");
    assert_eq!((&hrp[2], &hrp[4]), (&"skfolio".into(), &Cell::Number(0.0)));
}

#[test]
fn dont_copy_a_pass_without_a_check() {
    // Nothing was checked where nothing is there.
    let document = render(&MockHost::new());
    for (name, status) in [
        ("Trace", "FAIL"),
        ("Run", "UNKNOWN"),
        ("Stages", "UNKNOWN"),
        ("Data health, data", "UNKNOWN"),
        ("Results, data", "FAIL"),
    ] {
        assert_eq!(guardrail(&document, name).0, status, "{name}");
    }
    assert!(!dump(&document).contains("PASS"));
    for (counts, status) in [
        (r#"{"OK": 3, "STALE": 1}"#, "FAIL"),
        (r#"{"OK": 3, "MISSING": 1}"#, "FAIL"),
        (r#"{"OK": 3, "STALE": 0, "MISSING": 0}"#, "PASS"),
        (r#"{"OK": 3, "DROPPED": 1}"#, "WARN"),
        (r#"{"DROPPED": 1}"#, "UNKNOWN"),
        ("[]", "UNKNOWN"),
        ("{", "UNKNOWN"),
    ] {
        let document = render(&healthy().with_file(HEALTH, counts));
        assert_eq!(guardrail(&document, "Data health, data").0, status, "{counts}");
        assert_eq!(document.findings.is_empty(), status == "PASS", "{counts}");
    }
    let stale = render(&healthy().with_file(HEALTH, r#"{"STALE": 1}"#));
    assert_eq!(stale.findings[0].severity, Severity::Error);
    assert_eq!(stale.findings[0].text, "Data health, data: STALE 1.");
}

#[test]
fn dont_copy_health_as_lines_of_another_file() {
    // The Markdown twin counts the same, and its text does not flow into the page.
    let text = "# Health\n\n## Summary by Status\n\n| Status | Count |\n| --- | --- |\n| OK | 2 |\n\n## INJECTED\n";
    let host = healthy().without_file(HEALTH).with_file("data/reports/selection/data_health_selected.md", text);
    let document = render(&host);
    assert_eq!(guardrail(&document, "Data health, data"), ("PASS".into(), "OK 2".into()));
    assert!(!dump(&document).contains("INJECTED"));
}

#[test]
fn stages_that_failed_were_skipped_or_repeated_are_named() {
    let mut again = stage("again", "success", 1);
    again.attempts = 3;
    let stages = vec![stage("good", "success", 1), stage("bad", "timeout", 2), stage("after", "skip", 0), again];
    let document = render(&traced(files(), "failure", stages.clone()));
    let (status, details) = guardrail(&document, "Stages");
    assert_eq!(status, "FAIL");
    assert_eq!(details, "2 of 4 stages succeeded; not successful: bad; skipped: after; more than one attempt: again");
    assert_eq!(guardrail(&document, "Run"), ("FAIL".into(), "ended with failure".into()));
    let fine = stages.into_iter().filter(|stage| stage.id != "bad").collect();
    assert_eq!(guardrail(&render(&traced(files(), "success", fine)), "Stages").0, "WARN");
    let empty = render(&traced(files(), "", Vec::new()));
    assert_eq!(guardrail(&empty, "Stages").0, "UNKNOWN");
    assert_eq!(guardrail(&empty, "Run").0, "UNKNOWN");
    assert!(section(&empty, "Where the time went").contains("The trace holds no stage."));
}

#[test]
fn dont_copy_no_index_where_another_page_breaks() {
    // Results of no use are a line of the guardrails; everything else is still there.
    for broken in ["{", "5", r#"{"results": 5}"#, r#"{"meta": {}, "results": {}}"#] {
        let document = render(&healthy().with_file(RESULTS, broken));
        assert_eq!(guardrail(&document, "Results, data").0, "FAIL", "{broken}");
        assert!(section(&document, "Executive summary").contains("there is no leader"));
        assert!(headings(&document).contains(&"Slowest stages"));
    }
    let document = render(&files());
    assert!(section(&document, "Where the time went").contains("the forensic trace is missing"));
    assert_eq!(tables(&document, "Executive summary")[0].rows.len(), 2);
}

#[test]
fn dont_copy_links_to_pages_that_may_not_exist() {
    let config = r#"{"pages": ["risk.report_meta", "risk.report_index", "alpha.report_decisions"]}"#;
    let document = render_with(&healthy(), config);
    let links =
        document.blocks.iter().find_map(|block| if let Block::Links(links) = block { Some(links) } else { None });
    let targets: Vec<&LinkTarget> = links.expect("links").iter().map(|link| &link.target).collect();
    // The host draws a link only where the run has that report stage; the page does not link to itself.
    assert_eq!(
        targets,
        [&LinkTarget::Report("risk.report_meta".into()), &LinkTarget::Report("alpha.report_decisions".into())]
    );
    assert!(section(&document, "Pages").contains("cannot tell which of these could be made"));
    assert!(section(&render(&healthy()), "Pages").contains("The config names no other page"));
}

#[test]
fn the_map_shows_only_files_that_are_there() {
    let host =
        healthy().with_file("data/returns/a.csv", "x").with_file("data/returns/b.csv", "yy").with_file("top", "z");
    let document = render(&host);
    let table = tables(&document, "Artifact map")[0];
    let rows: Vec<(&Cell, &Cell)> = table.rows.iter().map(|row| (&row[0], &row[1])).collect();
    assert_eq!(
        rows,
        [
            (&Cell::from("."), &Cell::Integer(1)),
            (&"data".into(), &Cell::Integer(2)),
            (&"data/returns".into(), &Cell::Integer(2))
        ]
    );
    assert_eq!(table.rows[2][2], Cell::Integer(3));
    assert!(section(&render(&MockHost::new()), "Artifact map").contains("No file was granted"));
}

#[test]
fn several_folders_are_one_table_and_a_matrix() {
    let mut other = results();
    other["results"]["cvxportfolio"]["skfolio"].as_object_mut().unwrap().remove("hrp");
    other["results"]["cvxportfolio"]["custom"] = json!({});
    let host = healthy().with_file("data/b/tournament_results.json", other.to_string());
    let document = render_with(&host, r#"{"dirs": ["data", "data/b", "data/none"]}"#);
    let table = tables(&document, "Executive summary")[0];
    assert_eq!(table.rows.len(), 3);
    assert_eq!(table.rows[2][0], "data/b".into());
    let chart = charts(&document)[0];
    assert_eq!(chart.labels, ["data", "data/b"]);
    let hrp = chart.series.iter().find(|series| series.name == "Hrp").expect("hrp");
    assert!(hrp.y[0] == 0.0 && hrp.y[1].is_nan(), "{:?}", hrp.y);
    assert_eq!(guardrail(&document, "Results, data/none").0, "FAIL");
    assert_eq!(guardrail(&document, "Data health, data/b").0, "UNKNOWN");
    let document = render_with(&host, r#"{"simulator": "other"}"#);
    let expected = ("FAIL".into(), "no engine has a Sharpe ratio in other".into());
    assert_eq!(guardrail(&document, "Results, data"), expected);
}

#[test]
fn the_config_is_checked() {
    for (config, part) in [
        (r#"{"page": []}"#, "`page`"),
        (r#"{"dirs": []}"#, "must name a folder"),
        (r#"{"dirs": ["../x"]}"#, "below the run directory"),
        (r#"{"dirs": ["data", "data/"]}"#, "twice"),
        (r#"{"dir": "a", "dirs": ["b"]}"#, "both set"),
        (r#"{"pages": "x"}"#, "`pages` must be a list"),
    ] {
        let request = Request::new("x").with_config(config);
        let error = ReportIndex::render(&request, &healthy()).unwrap_err();
        assert!(matches!(&error, PluginError::InvalidConfig(text) if text.contains(part)), "{config}: {error:?}");
    }
}

#[test]
fn nothing_odd_panics() {
    for changed in mutations(&results()) {
        dump(&render(&healthy().with_file(RESULTS, changed.to_string())));
    }
    for changed in mutations(&json!({"OK": 3, "STALE": 1})) {
        dump(&render(&healthy().with_file(HEALTH, changed.to_string())));
    }
}
