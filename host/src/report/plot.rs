//! A chart as both renderers read it: what its axes say, and its data as a table of bounded size.

use super::escape::clip;
use super::values::{Format, NOT_AVAILABLE, TITLE_MAX, text_column, titled};
use crate::plugin::document::{Cell, Chart, ChartKind, Column, ColumnFormat, Series};
use crate::units::{count, integer};

/// How much of a chart's data a table shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Series, or columns of a heat map.
    pub(super) across: usize,
    /// Points of a series, or rows of a heat map.
    pub(super) down: usize,
}

/// A chart's data as a table.
pub(super) struct Data {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// What is left out, in sentences without their end.
    pub(super) left_out: Vec<String>,
}

/// A chart with its formats.
pub(super) struct Plot<'a> {
    pub(super) chart: &'a Chart,
    y: Format,
    x: Format,
}

impl<'a> Plot<'a> {
    pub(super) fn new(chart: &'a Chart) -> Self {
        let format = match chart.format {
            ColumnFormat::Text | ColumnFormat::Time | ColumnFormat::Bar => ColumnFormat::Number,
            format => format,
        };
        let times = chart.series.iter().flat_map(|series| &series.x);
        let x = if chart.x_is_time {
            let column = Column { format: ColumnFormat::Time, ..text_column("", false) };
            // One fraction of a second is enough for all to show theirs.
            let odd = times.copied().find(|x| x % 1e9 != 0.0).map(Cell::Number);
            Format::of(&column, odd.as_ref())
        } else {
            Format::new(ColumnFormat::Text, 0)
        };
        Self { chart, y: Format::new(format, chart.decimals), x }
    }

    /// A y value without its unit.
    pub(super) fn y(&self, value: f64) -> String {
        self.y.number(value)
    }

    /// A y value with its unit.
    pub(super) fn y_unit(&self, value: f64) -> String {
        let unit = self.chart.unit.trim();
        if unit.is_empty() { self.y(value) } else { format!("{} {}", self.y(value), clip(unit, TITLE_MAX)) }
    }

    /// How y values are written.
    pub(super) fn y_format(&self) -> ColumnFormat {
        self.y.format
    }

    /// An x value: its label, a date, or a number.
    pub(super) fn x(&self, value: f64) -> String {
        match self.label(value) {
            Some(label) => clip(label, TITLE_MAX).into_owned(),
            None => self.x.number(value),
        }
    }

    fn label(&self, value: f64) -> Option<&'a str> {
        let is_label = value >= 0.0 && value.fract() == 0.0;
        self.chart.labels.get(value as usize).filter(|_| is_label).map(String::as_str)
    }

    pub(super) fn x_title(&self) -> &'a str {
        or(&self.chart.x_title, "x")
    }

    /// The y axis with its unit; empty where neither is known.
    pub(super) fn y_title(&self) -> String {
        titled(&self.chart.y_title, &self.chart.unit)
    }

    /// A picture in words: `Line chart of 2 series, 16 points`.
    pub(super) fn words(&self) -> String {
        let series = &self.chart.series;
        let points: usize = series.iter().map(|series| series.x.len().min(series.y.len())).sum();
        let kind = match self.chart.kind {
            ChartKind::Line => "Line chart",
            ChartKind::Bar => "Bar chart",
            ChartKind::Scatter => "Scatter plot",
            ChartKind::HeatMap => {
                let (rows, columns) = (count(series.len(), "row"), count(self.chart.labels.len(), "column"));
                return format!("Heat map of {rows} and {columns}");
            }
        };
        format!("{kind} of {} series, {}", integer(series.len() as u64), count(points, "point"))
    }

    /// The data within bounds.
    pub(super) fn data(&self, bounds: Bounds) -> Data {
        if self.chart.kind == ChartKind::HeatMap { self.matrix(bounds) } else { self.points(bounds) }
    }

    fn matrix(&self, bounds: Bounds) -> Data {
        let chart = self.chart;
        let across = chart.labels.len().min(bounds.across);
        let corner = match (chart.y_title.trim(), chart.x_title.trim()) {
            ("", "") => "Row".to_owned(),
            (y, "") => y.to_owned(),
            ("", x) => format!("Row ╲ {x}"),
            (y, x) => format!("{y} ╲ {x}"),
        };
        let columns = chart.labels[..across].iter().map(|label| text_column(label, true));
        let columns = [text_column(&corner, false)].into_iter().chain(columns).collect();
        let rows = chart.series.iter().take(bounds.down).map(|series| {
            let mut row = vec![Cell::Text(NOT_AVAILABLE.into()); across];
            for (&x, &y) in series.x.iter().zip(&series.y) {
                if x >= 0.0
                    && let Some(cell) = row.get_mut(x as usize)
                {
                    *cell = Cell::Text(self.y(y));
                }
            }
            row.insert(0, Cell::Text(series.name.clone()));
            row
        });
        let mut left_out = Vec::new();
        for (all, shown, what) in
            [(chart.labels.len(), across, "more column"), (chart.series.len(), bounds.down, "more row")]
        {
            if all > shown {
                left_out.push(format!("+{}", count(all - shown, what)));
            }
        }
        Data { columns, rows: rows.collect(), left_out }
    }

    fn points(&self, bounds: Bounds) -> Data {
        let shown = &self.chart.series[..self.chart.series.len().min(bounds.across)];
        let length = |series: &Series| series.x.len().min(series.y.len());
        let points = shown.iter().map(length).max().unwrap_or(0);
        let text = |text: &str| Cell::Text(text.to_owned());
        let same_x = shown.windows(2).all(|pair| pair[0].x == pair[1].x);
        let (columns, rows): (Vec<Column>, Vec<Vec<Cell>>) = if same_x {
            let names = shown.iter().map(|series| text_column(&series.name, true));
            let rows = picked(points, bounds.down).into_iter().map(|at| {
                let x = shown[0].x.get(at).map_or(Cell::None, |x| Cell::Text(self.x(*x)));
                let values = shown.iter().map(|series| series.y.get(at).map_or(Cell::None, |y| Cell::Text(self.y(*y))));
                [x].into_iter().chain(values).collect()
            });
            ([text_column(self.x_title(), false)].into_iter().chain(names).collect(), rows.collect())
        } else {
            let rows = shown.iter().flat_map(|series| {
                let row =
                    |at: usize| vec![text(&series.name), text(&self.x(series.x[at])), text(&self.y(series.y[at]))];
                picked(length(series), bounds.down).into_iter().map(row).collect::<Vec<_>>()
            });
            let titles = [("Series", false), (self.x_title(), false), (or(&self.chart.y_title, "y"), true)];
            (titles.map(|(title, right)| text_column(title, right)).to_vec(), rows.collect())
        };
        let mut left_out = Vec::new();
        if points > bounds.down {
            left_out.push(format!("{} of {} points, evenly spaced; all", bounds.down, integer(points as u64)));
        }
        if self.chart.series.len() > shown.len() {
            left_out.push(format!("+{} more series", integer((self.chart.series.len() - shown.len()) as u64)));
        }
        Data { columns, rows, left_out }
    }
}

/// The shape of a line with its first, lowest, highest and last value.
pub(super) fn shapes(plot: &Plot<'_>, series_max: usize) -> (Vec<Column>, Vec<Vec<Cell>>) {
    let titles =
        [("Series", false), ("Shape", false), ("First", true), ("Lowest", true), ("Highest", true), ("Last", true)];
    let text = |text: &str| Cell::Text(text.to_owned());
    let rows = plot.chart.series.iter().take(series_max).map(|series| {
        let finite = || series.y.iter().copied().filter(|y| y.is_finite());
        let values = [finite().next(), finite().reduce(f64::min), finite().reduce(f64::max), finite().next_back()];
        let values = values.map(|value| value.map_or(Cell::None, |value| text(&plot.y(value))));
        [text(&series.name), text(&shape(&series.y))].into_iter().chain(values).collect()
    });
    (titles.map(|(title, right)| text_column(title, right)).to_vec(), rows.collect())
}

fn or<'a>(title: &'a str, other: &'a str) -> &'a str {
    if title.trim().is_empty() { other } else { title }
}

/// Which points are shown: all, or some evenly spaced with the first and the last.
fn picked(points: usize, max: usize) -> Vec<usize> {
    if points <= max {
        return (0..points).collect();
    }
    (0..max).map(|i| i * (points - 1) / (max - 1).max(1)).collect()
}

/// A line in 24 characters at most: `▁▃▅▇█`.
fn shape(values: &[f64]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let finite = || values.iter().copied().filter(|y| y.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let width = values.len().min(24);
    (0..width)
        .map(|i| {
            let value = values[if width == 1 { 0 } else { i * (values.len() - 1) / (width - 1) }];
            let height = if high > low { (value - low) / (high - low) } else { 0.5 };
            if value.is_finite() { BLOCKS[(height * 7.0).round().clamp(0.0, 7.0) as usize] } else { '·' }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_lines() {
        assert_eq!(shape(&[0.0, 1.0, f64::NAN, 7.0]), "▁▂·█");
        assert_eq!(shape(&[3.0; 2]), "▅▅");
        assert_eq!(shape(&vec![1.0; 1000]).chars().count(), 24);
        assert_eq!(picked(1000, 40).len(), 40);
        assert_eq!(picked(1000, 40).last(), Some(&999));
    }

    #[test]
    fn a_heat_map_is_a_matrix() {
        let row = |name: &str, x: &[f64], y: &[f64]| Series { name: name.into(), x: x.to_vec(), y: y.to_vec() };
        let chart = Chart {
            title: "t".into(),
            kind: ChartKind::HeatMap,
            x_title: "to".into(),
            y_title: "from".into(),
            format: ColumnFormat::Percent,
            decimals: 0,
            unit: String::new(),
            x_is_time: false,
            labels: ["a", "b", "c"].map(str::to_owned).to_vec(),
            series: vec![row("a", &[2.0, 0.0], &[0.25, f64::NAN]), row("b", &[1.0], &[1.0]), row("c", &[], &[])],
        };
        let data = Plot::new(&chart).data(Bounds { across: 2, down: 2 });
        let titles: Vec<&str> = data.columns.iter().map(|column| &*column.title).collect();
        assert_eq!(titles, ["from ╲ to", "a", "b"]);
        let text = |row: &[Cell]| -> Vec<String> { row.iter().map(|cell| format!("{cell:?}")).collect() };
        assert_eq!(text(&data.rows[1]), [r#"Cell::Text("b")"#, r#"Cell::Text("N/A")"#, r#"Cell::Text("100 %")"#]);
        assert_eq!(data.left_out, ["+1 more column", "+1 more row"]);
    }
}
