//! Charts, as tables in Markdown and as pictures on the page.

use super::super::html::style;
use super::super::{Rendered, render};
use super::reading::read;
use super::sample::{Sample, document, section};
use crate::plugin::document::*;

fn chart(kind: ChartKind, labels: &[&str], series: Vec<Series>) -> Chart {
    Chart {
        title: "t".into(),
        kind,
        x_title: "day".into(),
        y_title: "cost".into(),
        format: ColumnFormat::Number,
        decimals: 1,
        unit: "USD".into(),
        x_is_time: false,
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        series,
    }
}

fn series(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Series {
    let (x, y) = points.into_iter().unzip();
    Series { name: name.into(), x, y }
}

fn rendered(chart: Chart) -> Rendered {
    let sections = vec![section("a.report", document(vec![Block::Chart(chart)]))];
    let rendered = render(&Sample { sections, ..Sample::default() }.input());
    read(&rendered.html);
    rendered
}

/// The `d` of the paths with this class.
fn paths<'a>(html: &'a str, class: &str) -> Vec<&'a str> {
    let plot = html.split_once("<div class=\"plot\">").unwrap().1.split_once("</div>").unwrap().0;
    let start = format!("<path class=\"{class}\" d=\"");
    plot.split(&start).skip(1).map(|rest| rest.split_once('"').unwrap().0).collect()
}

#[test]
fn a_value_that_is_no_number_is_a_gap() {
    let nan = f64::NAN;
    let points = [1.0, 2.0, nan, 3.0, nan, f64::INFINITY, 4.0, 5.0].into_iter().enumerate();
    let rendered = rendered(chart(ChartKind::Line, &[], vec![series("a", points.map(|(x, y)| (x as f64, y)))]));
    let line = paths(&rendered.html, "l s0")[0];
    assert_eq!((line.matches('M').count(), line.matches('L').count(), line.matches("h0").count()), (3, 2, 1), "{line}");
    assert!(rendered.markdown.contains("| 2   | N/A |\n"), "{}", rendered.markdown);
    assert!(rendered.html.contains(
        "<desc id=\"c1-0d\">Line chart of 1 series, 8 points. day from 0 to 7; values from 1.0 USD to 5.0 USD.</desc>"
    ));
}

#[test]
fn a_heat_map_is_a_matrix_in_both() {
    let row = |name: &str, values: [f64; 3]| series(name, (0..).map(f64::from).zip(values));
    let rows = vec![row("BTC", [1.0, -0.5, f64::NAN]), row("ETH", [-0.5, 1.0, 0.0])];
    let mut made = chart(ChartKind::HeatMap, &["BTC", "ETH", "SOL"], rows);
    (made.unit, made.decimals) = (String::new(), 2);
    let rendered = rendered(made);
    let matrix = "\
| cost ╲ day |   BTC |   ETH |  SOL |
| ---------- |------:|------:|-----:|
| BTC        |  1.00 | -0.50 |  N/A |
| ETH        | -0.50 |  1.00 | 0.00 |
";
    assert!(rendered.markdown.contains(matrix), "{}", rendered.markdown);
    for cell in ["class=\"d8\"", "class=\"d2\"", "class=\"d4\"", "class=\"gap\"", "<title>BTC, ETH: -0.50</title>"] {
        assert!(rendered.html.contains(cell), "{cell} in {}", rendered.html);
    }
}

#[test]
fn times_are_written_as_dates() {
    let day = |n: f64| 1_767_225_600e9 + n * 86_400e9;
    let mut made = chart(ChartKind::Line, &[], vec![series("a", (0..5).map(|n| (day(f64::from(n)), f64::from(n))))]);
    made.x_is_time = true;
    let rendered = rendered(made);
    assert!(rendered.markdown.contains("| 2026-01-03T00:00:00Z | 2.0 |\n"), "{}", rendered.markdown);
    assert!(rendered.html.contains(">2026-01-03</text>") && rendered.html.contains(">day (UTC)</text>"));
}

#[test]
fn bars_stand_side_by_side_from_zero() {
    let both = vec![series("a", [(0.0, 2.0), (1.0, -1.0)]), series("b", [(0.0, 1.0)])];
    let rendered = rendered(chart(ChartKind::Bar, &["x", "y<b>"], both));
    assert_eq!(rendered.html.matches("<rect class=\"b s0\" x").count(), 2);
    assert_eq!(rendered.html.matches("<rect class=\"b s1\" x").count(), 1);
    assert!(rendered.html.contains("<title>y&lt;b&gt;, a: -1.0 USD</title>"), "{}", rendered.html);
}

#[test]
fn many_points_stay_few_shapes_and_keep_their_peaks() {
    let noise = |i: u32| (f64::from(i), f64::from(i.wrapping_mul(2_654_435_761) >> 16));
    let mut points: Vec<(f64, f64)> = (0..100_000).map(noise).collect();
    points[50_000].1 = 1e6;
    for kind in [ChartKind::Line, ChartKind::Scatter, ChartKind::Bar] {
        let many = vec![series("a", points.clone()); 12];
        let rendered = rendered(chart(kind, &[], many));
        assert!(rendered.html.len() < 600_000, "{kind:?}: {}", rendered.html.len());
        assert!(rendered.html.contains("+4 more series in forensic_report.json."));
        assert!(rendered.html.contains("200 of 100,000 points, evenly spaced; all in forensic_report.json."));
        assert!(rendered.html.contains("; all in forensic_report.json.</p>"), "{kind:?}");
        if kind == ChartKind::Line {
            let path = paths(&rendered.html, "l s0")[0];
            let top =
                path.split(['M', 'L']).skip(1).map(|point| point.split_once(' ').unwrap().1.parse::<f64>().unwrap());
            assert!(top.reduce(f64::min).unwrap() < 11.0, "the peak is drawn");
        }
    }
}

#[test]
fn a_chart_without_numbers_says_so() {
    for kind in [ChartKind::Line, ChartKind::Scatter, ChartKind::Bar, ChartKind::HeatMap] {
        for series in [vec![], vec![series("a", [])], vec![series("a", [(f64::NAN, 1.0)])]] {
            let rendered = rendered(chart(kind, &[], series));
            assert!(rendered.html.contains("There is no number to draw."), "{kind:?}");
        }
    }
}

#[test]
fn extremes_are_drawn() {
    let ends = [f64::MIN, f64::MAX, 0.0, f64::MIN_POSITIVE, -0.0, 1e300, 5e-324];
    let all: Vec<(f64, f64)> = ends.iter().flat_map(|x| ends.map(|y| (*x, y))).collect();
    for kind in [ChartKind::Line, ChartKind::Scatter, ChartKind::Bar] {
        for format in [ColumnFormat::Number, ColumnFormat::Duration, ColumnFormat::Bytes, ColumnFormat::Percent] {
            for x_is_time in [false, true] {
                let mut made = chart(kind, &[], vec![series("a", all.clone()), series("b", [(1.0, 1.0)])]);
                (made.format, made.x_is_time, made.decimals) = (format, x_is_time, 255);
                let html = rendered(made).html.replace(style::SCRIPT, "");
                assert!(!html.contains("NaN") && !html.contains("inf\""), "{kind:?} {format:?}");
            }
        }
    }
}
