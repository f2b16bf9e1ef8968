//! The numbers against an independent computation: `fixtures/make.py`, frozen in `fixtures/expected.json`.

mod support;

use forensic_guest_sdk::{Block, Cell, ChartKind};
use forensic_plugin_kit::testing::{section, tables};
use serde_json::Value;
use support::{EXPECTED, config, host, render};

fn expected() -> Value {
    serde_json::from_str(EXPECTED).expect("the fixture")
}

fn close(found: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().expect(what);
    assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0), "{what}: {found} is not {expected}");
}

/// Checks the column at `at` of both tables of measures.
fn measures(document: &forensic_guest_sdk::Document, at: usize, expected: &Value) {
    let tables = tables(document, "Metrics");
    let rows: Vec<&Vec<Cell>> = tables.iter().flat_map(|table| &table.rows).collect();
    assert_eq!(rows.len(), expected.as_object().expect("an object").len());
    for row in rows {
        let (Cell::Text(name), Cell::Number(value)) = (&row[0], &row[at]) else { panic!("{row:?}") };
        close(*value, &expected[name], name);
    }
}

#[test]
fn measures_are_those_of_numpy() {
    let document = render(&host().without_file("data/returns_matrix.csv"), &config("full"));
    measures(&document, 1, &expected()["alone"]);
}

#[test]
fn with_a_benchmark_only_common_dates_count() {
    let document = render(&host(), &config("full"));
    measures(&document, 1, &expected()["strategy"]);
    measures(&document, 2, &expected()["benchmark"]);
    let text = section(&document, "Series");
    assert!(text.contains("Observations = 397") && text.contains("3 dates of the series left out"), "{text}");
}

#[test]
fn months_and_years_are_those_of_pandas() {
    let document = render(&host().without_file("data/returns_matrix.csv"), &config("full"));
    let expected = expected();
    let chart = document.blocks.iter().find_map(|block| match block {
        Block::Chart(chart) if chart.kind == ChartKind::HeatMap => Some(chart),
        _ => None,
    });
    let chart = chart.expect("a heat map");
    assert_eq!((chart.labels.len(), chart.labels[11].as_str()), (12, "DEC"));
    let mut months = 0;
    for row in &chart.series {
        for (month, value) in row.y.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            let key = format!("{}-{:02}", row.name, month + 1);
            close(*value, &expected["months"][&key], &key);
            months += 1;
        }
    }
    assert_eq!(months, expected["months"].as_object().expect("months").len());
    let years = &tables(&document, "Annual returns")[0].rows;
    assert_eq!(years.len(), expected["years"].as_object().expect("years").len());
    for row in years {
        let [Cell::Integer(year), Cell::Number(value), Cell::Integer(_)] = row.as_slice() else { panic!("{row:?}") };
        close(*value, &expected["years"][year.to_string()], "year");
    }
}

#[test]
fn worst_drawdowns_are_those_of_pandas_deepest_first() {
    let document = render(&host().without_file("data/returns_matrix.csv"), &config("full"));
    let mut expected = expected()["drawdowns"].as_array().expect("a list").clone();
    assert_eq!(expected.len(), 29);
    let depth = |one: &Value| one["deepest"].as_f64().expect("a number");
    expected.sort_by(|a, b| depth(a).total_cmp(&depth(b)));
    let table = tables(&document, "Worst drawdowns")[0];
    assert_eq!(table.rows.len(), 5);
    for (row, expected) in table.rows.iter().zip(&expected) {
        for (at, key) in [(0, "start"), (1, "valley"), (2, "end")] {
            assert_eq!(row[at], expected[key].as_str().expect("a date").into());
        }
        assert_eq!(row[3], expected["days"].as_i64().into());
        let (Cell::Number(deepest), Cell::Number(usual)) = (&row[4], &row[5]) else { panic!("{row:?}") };
        close(*deepest, &expected["deepest"], "deepest");
        close(*usual, &expected["without_outliers"], "99%");
    }
    assert!(section(&document, "Worst drawdowns").contains("29 drawdowns in all"));
}
