//! The page as a reader gets it. The numbers of the fixture are those of pandas and scipy: `fixtures/make.py`.

use alpha_report_clusters::ReportClusters;
use forensic_guest_sdk::testing::MockHost;
use forensic_guest_sdk::{Block, Cell, Chart, ChartKind, Document, PluginError, ReportPlugin, Request};
use forensic_plugin_kit::testing::{headings, mutations, section, tables, value};
use serde_json::{Value, json};

const CLUSTERS: &str = "data/portfolio_clusters.json";
const RETURNS: &str = "data/returns_matrix.csv";
const META: &str = "data/portfolio_meta.json";
const SCORES: &str = "data/antifragility_stats.json";
const SECTIONS: [&str; 9] = [
    "Overview",
    "Correlations",
    "Risk and return",
    "Volatility units",
    "Clusters by id",
    "Cluster 1",
    "Cluster 2",
    "Cluster 10",
    "Inputs",
];

fn host() -> MockHost {
    MockHost::new()
        .with_file(CLUSTERS, include_str!("fixtures/portfolio_clusters.json"))
        .with_file(RETURNS, include_str!("fixtures/returns_matrix.csv"))
        .with_file(META, include_str!("fixtures/portfolio_meta.json"))
        .with_file(SCORES, include_str!("fixtures/antifragility_stats.json"))
}

fn expected() -> Value {
    serde_json::from_str(include_str!("fixtures/expected.json")).expect("the fixture")
}

fn with_clusters(clusters: &Value) -> MockHost {
    host().with_file(CLUSTERS, clusters.to_string())
}

fn try_render(host: &MockHost, config: &str) -> Result<Document, PluginError> {
    ReportClusters::render(&Request::new("x").with_config(config), host)
}

fn render(host: &MockHost) -> Document {
    try_render(host, "{}").expect("a page")
}

fn chart(document: &Document, kind: ChartKind) -> Option<&Chart> {
    document.blocks.iter().find_map(|block| match block {
        Block::Chart(chart) if chart.kind == kind => Some(chart),
        _ => None,
    })
}

fn finding(document: &Document, part: &str) -> bool {
    document.findings.iter().any(|finding| finding.text.contains(part))
}

#[track_caller]
fn close(cell: &Cell, expected: &Value) {
    let expected = expected.as_f64().expect("a number");
    assert!(matches!(cell, Cell::Number(number) if (number - expected).abs() < 1e-9), "{cell:?} is not {expected}");
}

#[test]
fn the_page_has_all_sections() {
    let document = render(&host());
    assert_eq!(headings(&document), SECTIONS);
    assert_eq!(value(&document, "Annualization"), Some(&"252 periods a year: daily returns, none on a weekend".into()));
    let texts: Vec<&str> = document.findings.iter().map(|finding| finding.text.as_str()).collect();
    assert_eq!(texts, ["Returns that do not vary, so in no correlation: NQ:STILL."]);
    let used = section(&document, "Inputs");
    for file in [CLUSTERS, RETURNS, META, SCORES] {
        assert!(used.contains(file), "{file}: {used}");
    }
    assert!(used.contains("No file that was looked for is missing."));
}

#[test]
fn the_overview_has_the_numbers_of_pandas_largest_first() {
    let (document, expected) = (render(&host()), expected());
    let rows = &tables(&document, "Overview")[0].rows;
    let labels: Vec<&Cell> = rows.iter().map(|row| &row[0]).collect();
    assert_eq!(labels, [&Cell::from("Cluster 1"), &"Cluster 2".into(), &"Cluster 10".into()]);
    for (row, id) in rows.iter().zip(["1", "2", "10"]) {
        close(&row[3], &expected["clusters"][id]["correlation"]);
        close(&row[4], &expected["clusters"][id]["volatility"]);
    }
    // Four of seven are Technology; of two that are one each, the first by name.
    assert_eq!((&rows[0][1], &rows[0][2]), (&"Technology".into(), &Cell::Integer(7)));
    close(&rows[0][5], &json!(4.0 / 7.0));
    assert_eq!(rows[1][1], "Energy".into());
    close(&rows[1][5], &json!(0.5));
}

#[test]
fn each_cluster_has_its_numbers_and_members() {
    let document = render(&host());
    let text = section(&document, "Cluster 1");
    for part in [
        "Size = 7",
        "Average correlation = 0.2250",
        "Volatility = 22.50%",
        "Antifragility = 0.75",
        "Markets = AMEX, NASDAQ",
        "Antifragility is the mean of the 2 of 7 members that have a score.",
        "| NQ:A | Alpha | Inc. | Technology | NASDAQ |",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(section(&document, "Cluster 2").contains("Antifragility = -0.25"));
}

#[test]
fn sub_clusters_and_volatility_units_are_those_of_scipy() {
    let (document, expected) = (render(&host()), expected());
    let names = |group: &Value| -> Vec<String> { serde_json::from_value(group.clone()).expect("names") };
    let inside: Vec<String> =
        expected["clusters"]["1"]["inside"].as_array().expect("groups").iter().map(|g| names(g).join(", ")).collect();
    assert_eq!(inside.len(), 3);
    let points = document.blocks.iter().find_map(|block| match block {
        Block::Bullets(points) => Some(points),
        _ => None,
    });
    assert_eq!(points, Some(&inside));
    assert!(section(&document, "Cluster 2").contains("not looked for in 5 members or fewer"));

    let units: Vec<Vec<String>> = expected["units"].as_array().expect("units").iter().map(names).collect();
    let (together, alone): (Vec<_>, Vec<_>) = units.into_iter().partition(|unit| unit.len() > 1);
    let table = tables(&document, "Volatility units")[0];
    let found: Vec<&Cell> = table.rows.iter().map(|row| &row[2]).collect();
    let together: Vec<Cell> = together.iter().map(|unit| unit.join(", ").into()).collect();
    assert_eq!(found, together.iter().collect::<Vec<_>>());
    let text = section(&document, "Volatility units");
    assert!(text.contains(&format!("In no unit with another: {}.", alone.concat().join(", "))), "{text}");
}

#[test]
fn the_heat_map_has_the_correlations_of_pandas_by_cluster() {
    let (document, expected) = (render(&host()), expected());
    let map = chart(&document, ChartKind::HeatMap).expect("a heat map");
    assert_eq!(map.labels.len(), 9);
    assert_eq!(map.labels[6..], ["NY:G", "NY:H", "NY:I"]);
    for (at, row) in map.series.iter().enumerate() {
        assert_eq!(row.y[at], 1.0, "a symbol with itself");
        for (name, value) in map.labels.iter().zip(&row.y) {
            close(&Cell::Number(*value), &expected["correlations"][&row.name][name]);
        }
    }
    // What correlates stands side by side.
    let mut first: Vec<&str> = map.labels[..6].iter().map(String::as_str).collect();
    let at = |name: &str| first.iter().position(|label| *label == name).expect(name);
    assert_eq!(at("NQ:E").abs_diff(at("NQ:F")), 1);
    first.sort_unstable();
    assert_eq!(first, ["NQ:A", "NQ:B", "NQ:C", "NQ:D", "NQ:E", "NQ:F"]);
}

#[test]
fn the_scatter_has_a_set_of_points_a_cluster() {
    let document = render(&host());
    let scatter = chart(&document, ChartKind::Scatter).expect("a scatter");
    let sizes: Vec<(&str, usize)> = scatter.series.iter().map(|set| (set.name.as_str(), set.x.len())).collect();
    assert_eq!(sizes, [("Cluster 1", 7), ("Cluster 2", 2), ("Cluster 10", 1)]);
    // The only member of cluster 10 is the cluster: its volatility, in percent.
    let volatility = expected()["clusters"]["10"]["volatility"].as_f64().expect("a number");
    assert!((scatter.series[2].x[0] - volatility * 100.0).abs() < 1e-9);
}

#[test]
fn the_clusters_are_the_main_input() {
    for (host, part) in [
        (host().without_file(CLUSTERS), "data/portfolio_clusters.json is missing"),
        (host().with_file(CLUSTERS, "{"), "is not valid JSON"),
        (host().with_file(CLUSTERS, "[]"), "must be an object of lists, not a list"),
    ] {
        let error = try_render(&host, "{}").unwrap_err();
        assert!(matches!(&error, PluginError::MissingData(text) if text.contains(part)), "{error:?}");
    }
    let error = try_render(&host(), r#"{"dirr": "x"}"#).unwrap_err();
    assert!(matches!(error, PluginError::InvalidConfig(text) if text.contains("`dirr`")));
}

#[test]
fn dont_copy_a_page_that_always_fails() {
    // The reference's failed on import, and took the producer of the antifragility scores with it: without any of the
    // other files there is a page still.
    let document = render(&host().without_file(RETURNS).without_file(META).without_file(SCORES));
    assert_eq!(headings(&document), SECTIONS);
    for file in [RETURNS, META, SCORES] {
        assert!(finding(&document, &format!("{file} is missing")), "{file}");
    }
    let row = &tables(&document, "Overview")[0].rows[0];
    assert_eq!(row[1..], [Cell::None, Cell::Integer(7), Cell::None, Cell::None, Cell::None]);
    assert!(
        section(&document, "Correlations")
            .contains("There is nothing to correlate: data/returns_matrix.csv is missing")
    );
    assert!(section(&document, "Cluster 1").contains("| NQ:A | N/A | N/A | N/A |"));
}

#[test]
fn dont_copy_the_entropy_of_equal_weights() {
    // It was 1.00 for every cluster; homogeneity is a share that tells them apart.
    let document = render(&host());
    let table = tables(&document, "Overview")[0];
    assert!(!table.columns.iter().any(|column| column.title.contains("ntropy")));
    assert_ne!(table.rows[0][5], table.rows[2][5]);
}

#[test]
fn dont_copy_zero_for_an_absent_score() {
    let text = section(&render(&host()), "Cluster 10");
    assert!(text.contains("Antifragility = N/A") && text.contains("N/A: no member has a score"), "{text}");
    let text = section(&render(&host().with_file(SCORES, "{}")), "Cluster 1");
    assert!(text.contains("Antifragility = N/A"), "{text}");
}

#[test]
fn dont_copy_other_filters_for_labels_than_for_the_linkage() {
    // The one that does not vary stands third of seven: with two filters, the names behind it would be one off.
    let text = section(&render(&host()), "Cluster 1");
    assert!(text.contains("- NQ:A, NQ:B, NQ:C\n- NQ:D\n- NQ:E, NQ:F\n"), "{text}");
    // The same without it.
    let without = json!({"1": ["NQ:A", "NQ:B", "NQ:C", "NQ:D", "NQ:E", "NQ:F"]});
    let alone = section(&render(&with_clusters(&without)), "Cluster 1");
    assert!(alone.contains("- NQ:A, NQ:B, NQ:C\n- NQ:D\n- NQ:E, NQ:F\n"), "{alone}");
    assert!(alone.contains("Average correlation = 0.2250"));
}

#[test]
fn a_single_member_is_one_with_itself_and_a_still_one_is_not_known() {
    let clusters = json!({"1": ["NY:I"], "2": ["NQ:STILL"], "3": ["NQ:A", "NQ:STILL"], "4": ["X:NONE"], "5": []});
    let document = render(&with_clusters(&clusters));
    let correlation = |label: &str| {
        let rows = &tables(&document, "Overview")[0].rows;
        rows.iter().find(|row| row[0] == label.into()).expect(label)[3].clone()
    };
    assert_eq!(correlation("Cluster 1"), Cell::Number(1.0));
    for label in ["Cluster 2", "Cluster 3", "Cluster 4", "Cluster 5"] {
        assert_eq!(correlation(label), Cell::None, "{label}");
    }
    assert!(finding(&document, "No column of the returns, so in no correlation and no volatility: X:NONE."));
    assert!(finding(&document, "Sector unknown, so not counted in the homogeneity: X:NONE."));
    let text = section(&document, "Overview");
    assert!(text.contains("N/A in Cluster 2, Cluster 3, Cluster 4, Cluster 5: too few members with returns"), "{text}");
    assert!(section(&document, "Cluster 5").contains("The cluster has no member."));
}

#[test]
fn near_members_are_one() {
    let mut csv = String::from("date,A,B,C,D,E,F\n");
    for day in 1..=28 {
        let value = f64::from(day % 5) * 0.01 - 0.02;
        csv += &format!("2024-02-{day:02}{}\n", format!(",{value}").repeat(6));
    }
    let clusters = json!({"1": ["A", "B", "C", "D", "E", "F"]});
    let document = render(&with_clusters(&clusters).with_file(RETURNS, csv));
    assert!(section(&document, "Cluster 1").contains("none, all members are near each other"));
    assert_eq!(value(&document, "Annualization"), Some(&"365 periods a year: there are returns on weekends".into()));
    assert!(section(&document, "Risk and return").contains("28 rows are fewer than 30"));
}

#[test]
fn sub_clusters_are_cut_at_a_distance_of_a_fifth() {
    // Two sets of three, x and x + c·z, with x and z orthogonal: their correlation is 1/√(1+c²).
    let inside = |c: f64| {
        let mut csv = String::from("date,A,B,C,D,E,F\n");
        for day in 0..28 {
            let (x, z) = ([0.01, -0.01][day % 2], [0.01, 0.01, -0.01, -0.01][day % 4]);
            let other = x + c * z;
            csv += &format!("2024-02-{:02},{x},{x},{x},{other},{other},{other}\n", day + 1);
        }
        let clusters = json!({"1": ["A", "B", "C", "D", "E", "F"]});
        section(&render(&with_clusters(&clusters).with_file(RETURNS, csv)), "Cluster 1")
    };
    // √((1 − 1/√(1+c²))/2) is 0.196 and 0.204.
    assert!(inside(0.417).contains("none, all members are near each other"));
    assert!(inside(0.437).contains("2 sub-clusters:\n- A, B, C\n- D, E, F\n"));
}

#[test]
fn a_symbol_with_too_few_rows_leaves_the_names_of_the_units_alone() {
    let cut = |(at, line): (usize, &str)| match line.split(',').collect::<Vec<_>>().as_mut_slice() {
        [_, first, ..] if at > 10 => line.replacen(*first, "", 1) + "\n",
        _ => format!("{line}\n"),
    };
    let csv: String = include_str!("fixtures/returns_matrix.csv").lines().enumerate().map(cut).collect();
    let document = render(&host().with_file(RETURNS, csv));
    let text = section(&document, "Volatility units");
    assert!(text.contains("has too few rows: NQ:A."), "{text}");
    let units: Vec<&Cell> = tables(&document, "Volatility units")[0].rows.iter().map(|row| &row[2]).collect();
    assert_eq!(units, [&Cell::from("NQ:D, NQ:E, NQ:F"), &"NQ:B, NQ:C".into(), &"NY:G, NY:H".into()]);
}

#[test]
fn metadata_may_be_a_list() {
    let meta = json!([{"symbol": "NQ:A", "sector": "Listed"}, {"symbol": "NQ:B", "sector": "N/A"}]);
    let document = render(&host().with_file(META, meta.to_string()));
    // One sector is known, and it is no seventh of the cluster: the other six are not known, and that is said.
    assert_eq!(tables(&document, "Overview")[0].rows[0][5], Cell::Number(1.0));
    assert!(finding(&document, "Sector unknown, so not counted in the homogeneity: NQ:B, NQ:STILL, NQ:C"));
    let text = section(&document, "Cluster 1");
    assert!(text.contains("| NQ:A | N/A | Listed | N/A |") && text.contains("| NQ:B | N/A | N/A | N/A |"), "{text}");
}

#[test]
fn the_factor_may_be_set() {
    let document = try_render(&host(), r#"{"periods_per_year": 1008}"#).expect("a page");
    let volatility = &expected()["clusters"]["1"]["volatility"].as_f64().expect("a number") * 2.0;
    close(&tables(&document, "Overview")[0].rows[0][4], &json!(volatility));
    assert!(matches!(try_render(&host(), r#"{"periods_per_year": -1}"#), Err(PluginError::InvalidConfig(_))));
}

#[test]
fn few_rows_have_no_volatility_units() {
    let csv = "date,NQ:A,NQ:B\n2024-03-04,0.01,0.02\n2024-03-05,0.02,0.01\n";
    let document = render(&host().with_file(RETURNS, csv));
    assert!(section(&document, "Volatility units").contains("Fewer than 2 symbols have a volatility that varies"));
}

#[test]
fn no_cluster_keeps_the_headings() {
    let document = render(&with_clusters(&json!({})));
    assert_eq!(headings(&document), [&SECTIONS[..5], &SECTIONS[8..]].concat());
    assert!(finding(&document, "The file names no cluster."));
}

#[test]
fn a_large_sleeve_is_cut_and_says_so() {
    let (mut csv, names) = (String::from("date"), (0..320).map(|at| format!("S:{at}")).collect::<Vec<_>>());
    names.iter().for_each(|name| csv += &format!(",{name}"));
    for day in 0..40_u32 {
        csv += &format!("\n2024-{:02}-{:02}", day / 20 + 1, day % 20 + 1);
        (0..320_u32).for_each(|at| csv += &format!(",0.{:04}", (at + 7) * (day + 3) * 31 % 9973));
    }
    let clusters = json!({"1": names});
    let document = render(&with_clusters(&clusters).with_file(RETURNS, csv));
    assert_eq!(chart(&document, ChartKind::HeatMap).map(|map| map.series.len()), Some(40));
    assert!(section(&document, "Correlations").contains("The first 40 of 320 symbols."));
    assert!(finding(&document, "320 symbols are too many for volatility units: at most 300."));
    assert!(section(&document, "Cluster 1").contains("120 more members not shown."));
}

#[test]
fn odd_inputs_never_panic() {
    let read = |text: &str| -> Value { serde_json::from_str(text).expect("the fixture") };
    // Few rows, for there are many pages.
    let short: String =
        include_str!("fixtures/returns_matrix.csv").lines().take(45).map(|line| format!("{line}\n")).collect();
    let host = || host().with_file(RETURNS, short.as_str());
    for odd in mutations(&read(include_str!("fixtures/portfolio_clusters.json"))).into_iter().filter(Value::is_object) {
        assert_eq!(headings(&render(&host().with_file(CLUSTERS, odd.to_string())))[0], "Overview");
    }
    for odd in mutations(&read(include_str!("fixtures/antifragility_stats.json"))) {
        assert_eq!(headings(&render(&host().with_file(SCORES, odd.to_string()))), SECTIONS);
    }
    for odd in mutations(&json!({"NQ:A": {"sector": "x", "market": "y"}, "NQ:B": {}})) {
        assert_eq!(headings(&render(&host().with_file(META, odd.to_string()))), SECTIONS);
    }
    for csv in
        ["", "date,NQ:A,NQ:B\n2024-03-04,1e308,-1e308\n2024-03-05,-1e308,1e308\n", "a\n", "date,NQ:A\n0001-01-01,\n"]
    {
        assert_eq!(headings(&render(&host().with_file(RETURNS, csv))), SECTIONS);
    }
}
