//! Heat maps: a matrix of coloured cells, with the values in them where they fit.

use super::super::markup::Html;
use super::canvas::{Area, WIDTH, characters, n, text, x_title};
use super::lines::ends;
use crate::report::escape::clip;
use crate::report::plot::Plot;
use crate::units::{count, integer};

/// Rows and columns that are drawn.
const SIDE_MAX: usize = 40;
/// Steps of colour.
const STEPS: f64 = 9.0;

/// Colours from the lowest to the highest, or both ways from zero.
struct Colours {
    low: f64,
    high: f64,
    diverging: bool,
}

impl Colours {
    fn step(&self, value: f64) -> usize {
        let part = if self.high > self.low { (value - self.low) / (self.high - self.low) } else { 0.5 };
        (part * STEPS).floor().clamp(0.0, STEPS - 1.0) as usize
    }

    fn class(&self, step: usize) -> String {
        format!("{}{step}", if self.diverging { 'd' } else { 'q' })
    }

    /// Whether black text can be read on it.
    fn light(&self, step: usize) -> bool {
        if self.diverging { (1..=6).contains(&step) } else { step < 5 }
    }
}

/// The picture's height for so many rows.
pub(super) fn height(rows: usize) -> f64 {
    46.0 + row_height(rows) * rows.min(SIDE_MAX) as f64
}

fn row_height(rows: usize) -> f64 {
    (480.0 / rows.clamp(1, SIDE_MAX) as f64).clamp(14.0, 32.0)
}

/// As [`lines::draw`](super::lines::draw), and into `legend` some colours (as classes) with what they stand for.
pub(super) fn draw(html: &mut Html, plot: &Plot<'_>, legend: &mut Vec<(String, String)>) -> Option<Vec<String>> {
    let chart = plot.chart;
    let (rows, columns) = (chart.series.len().min(SIDE_MAX), chart.labels.len().min(SIDE_MAX));
    let shown = &chart.series[..rows];
    let column = |x: f64| Some(x as usize).filter(|at| x >= 0.0 && *at < columns);
    let cells = shown.iter().enumerate().flat_map(|(row, s)| s.x.iter().zip(&s.y).map(move |(x, y)| (row, *x, *y)));
    let mut values = vec![f64::NAN; rows * columns];
    for (row, x, y) in cells {
        if let Some(at) = column(x) {
            values[row * columns + at] = y.clamp(-1e300, 1e300);
        }
    }
    let (low, high) = ends(values.iter().copied().filter(|value| value.is_finite()))?;
    let most = low.abs().max(high.abs());
    let colours = match low < 0.0 && high > 0.0 {
        true => Colours { low: -most, high: most, diverging: true },
        false => Colours { low, high, diverging: false },
    };
    let area = Area::beside(shown.iter().map(|series| series.name.as_str()), height(rows));
    let (width, height) = ((area.right - area.left) / columns as f64, row_height(rows));
    let written: Vec<String> = values.iter().map(|value| plot.y(*value)).collect();
    let longest = written.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    let fits = longest <= characters(width) && height >= 14.0;
    for (row, series) in shown.iter().enumerate() {
        let y = area.top + height * row as f64;
        text(html, "e", area.left - 6.0, y + height / 2.0 + 4.0, &clip(&series.name, super::canvas::LABEL_MAX));
        for (at, label) in chart.labels[..columns].iter().enumerate() {
            let (x, value) = (area.left + width * at as f64, values[row * columns + at]);
            let step = colours.step(value);
            let class = if value.is_finite() { colours.class(step) } else { "gap".into() };
            let sizes = [n(x), n(y), n((width - 1.0).max(0.5)), n(height - 1.0)];
            let [nx, ny, nw, nh] = sizes.each_ref().map(String::as_str);
            let name = format!("{}, {}: ", clip(&series.name, 40), clip(label, 40));
            let attributes = [("class", class.as_str()), ("x", nx), ("y", ny), ("width", nw), ("height", nh)];
            html.within("rect", &attributes, |html| {
                let value = if value.is_finite() { plot.y_unit(value) } else { plot.y(value) };
                html.element("title", &[], &format!("{name}{value}"));
            });
            if fits && value.is_finite() {
                let class = if colours.light(step) { "on" } else { "off" };
                text(html, class, x + width / 2.0, y + height / 2.0 + 3.5, &written[row * columns + at]);
            }
        }
    }
    let bottom = area.top + height * rows as f64;
    let every = (44.0 / width).ceil().max(1.0) as usize;
    let room = characters(width * every as f64).saturating_sub(1).max(3);
    for (at, label) in chart.labels[..columns].iter().enumerate().step_by(every) {
        text(html, "m", area.left + width * (at as f64 + 0.5), bottom + 14.0, &clip(label, room));
    }
    x_title(html, &Area { bottom: bottom - 2.0, right: area.right.min(WIDTH), ..area }, &chart.x_title);
    let mut left_out = Vec::new();
    for (drawn, all, what) in [(rows, chart.series.len(), "row"), (columns, chart.labels.len(), "column")] {
        if drawn < all {
            let (drawn, all) = (integer(drawn as u64), count(all, what));
            left_out.push(format!("Drawn for the first {drawn} of {all}; all in forensic_report.json."));
        }
    }
    *legend = scale(&colours, plot);
    Some(left_out)
}

/// A few colours and what they stand for.
fn scale(colours: &Colours, plot: &Plot<'_>) -> Vec<(String, String)> {
    if colours.high <= colours.low {
        return vec![(colours.class(colours.step(colours.low)), plot.y_unit(colours.low))];
    }
    let value = |step: usize| colours.low + (colours.high - colours.low) * step as f64 / (STEPS - 1.0);
    [0, 2, 4, 6, 8].into_iter().map(|step| (colours.class(step), plot.y_unit(value(step)))).collect()
}
