//! A chart as text: bars of blocks, the shape of a line with its ends, or the data as a table.

use super::document::grid;
use super::page::{Look, Page};
use super::table::{self, Cell, Head};
use super::words::aside;
use crate::plugin::document::{Chart, ChartKind};
use crate::report::escape::{clip, one_line};
use crate::report::model::line;
use crate::report::plot::{Bounds, Plot, shapes};
use crate::report::values::TITLE_MAX;
use crate::units::count;

/// Series whose shapes are drawn.
const SERIES_MAX: usize = 12;
/// Bars that are drawn.
const BARS_MAX: usize = 40;
/// Blocks of the longest bar.
const BLOCKS: f64 = 24.0;
/// What the table of a heat map or of points shows.
const DATA: Bounds = Bounds { across: 8, down: 20 };

pub(super) fn draw(page: &mut Page, chart: &Chart) {
    let plot = Plot::new(chart);
    let title = one_line(&clip(&chart.title, TITLE_MAX));
    let y = one_line(&plot.y_title());
    let y = if y.is_empty() { String::new() } else { format!(": {y}") };
    page.wrapped("", "", &[(Look::Strong, format!("{title}{y}"))]);
    match chart.kind {
        ChartKind::Line => {
            let (columns, rows) = shapes(&plot, SERIES_MAX);
            grid(page, &columns, &rows, true);
            let more = chart.series.len().saturating_sub(SERIES_MAX);
            let more =
                if more > 0 { format!("{} and all points", count(more, "more line")) } else { "All points".into() };
            aside(page, &line!("{} in forensic_report.json.", more));
        }
        ChartKind::Bar => bars(page, &plot),
        ChartKind::Scatter | ChartKind::HeatMap => {
            let data = plot.data(DATA);
            if !data.rows.is_empty() {
                grid(page, &data.columns, &data.rows, true);
            }
            for left_out in data.left_out {
                aside(page, &line!("{} in forensic_report.json.", left_out));
            }
        }
    }
}

/// A bar a value, all to one scale. Those of negative values are light.
fn bars(page: &mut Page, plot: &Plot<'_>) {
    let chart = plot.chart;
    let many = chart.series.len() > 1;
    let all: Vec<(f64, &str, f64)> = chart
        .series
        .iter()
        .flat_map(|series| series.x.iter().zip(&series.y).map(move |(x, y)| (*x, &*series.name, *y)))
        .collect();
    let shown = &all[..all.len().min(BARS_MAX)];
    let most = shown.iter().map(|(.., y)| y.abs()).filter(|y| y.is_finite()).fold(0.0, f64::max);
    let bar = |y: f64| {
        let part = if most > 0.0 && y.is_finite() { y.abs() / most } else { 0.0 };
        let blocks = (part * BLOCKS).round() as usize;
        let block = if y < 0.0 { "░" } else { "█" };
        if blocks == 0 && part > 0.0 { "▏".to_owned() } else { block.repeat(blocks) }
    };
    let x_title = one_line(plot.x_title());
    let mut head = vec![Head { title: x_title, right: false }];
    if many {
        head.push(Head { title: "Series".into(), right: false });
    }
    head.push(Head { title: "Value".into(), right: true });
    head.push(Head { title: String::new(), right: false });
    let cell = |text: String, whole| Cell { text: one_line(&text), look: Look::Plain, whole };
    let rows: Vec<Vec<Cell>> = shown
        .iter()
        .map(|(x, name, y)| {
            let mut row = vec![cell(plot.x(*x), false)];
            if many {
                row.push(cell(clip(name, TITLE_MAX).into_owned(), false));
            }
            row.push(cell(plot.y(*y), true));
            row.push(cell(bar(*y), false));
            row
        })
        .collect();
    if !rows.is_empty() {
        table::draw(page, &head, &rows);
        page.gap();
    }
    if all.len() > BARS_MAX {
        aside(page, &line!("+{} in forensic_report.json.", count(all.len() - BARS_MAX, "more bar")));
    }
}
