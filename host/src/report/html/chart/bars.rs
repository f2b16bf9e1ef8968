//! Bar charts: one bar a value, side by side for several series.

use super::super::markup::Html;
use super::canvas::{Area, HEIGHT, characters, n, text, x_title, y_axis};
use super::lines::ends;
use super::scale::Axis;
use super::{SERIES_MAX, class};
use crate::report::escape::clip;
use crate::report::plot::Plot;
use crate::units::{count, integer};

/// Bars that are drawn.
const BARS_MAX: usize = 480;

/// As [`lines::draw`](super::lines::draw).
pub(super) fn draw(html: &mut Html, plot: &Plot<'_>) -> Option<Vec<String>> {
    let chart = plot.chart;
    let shown = &chart.series[..chart.series.len().min(SERIES_MAX)];
    let all = || shown.iter().enumerate().flat_map(|(at, s)| s.x.iter().zip(&s.y).map(move |(x, y)| (at, *x, *y)));
    let mut places: Vec<f64> = if chart.labels.is_empty() {
        all().map(|(_, x, _)| x).filter(|x| x.is_finite()).collect()
    } else {
        (0..chart.labels.len()).map(|at| at as f64).collect()
    };
    places.sort_by(f64::total_cmp);
    places.dedup();
    let known = places.len();
    places.truncate((BARS_MAX / shown.len().max(1)).max(1));
    let place = |x: f64| places.binary_search_by(|place| place.total_cmp(&x)).ok();
    let values = || all().filter(|(_, x, y)| y.is_finite() && place(*x + 0.0).is_some()).take(BARS_MAX);
    let (low, high) = ends(values().map(|(.., y)| y).chain([0.0]))?;
    values().next()?;
    let y = Axis::rounded(low, high, plot.y_format());
    let area = Area::beside(y.ticks.iter().map(|(_, label)| label.as_str()), HEIGHT);
    y_axis(html, &area, &y);
    let band = (area.right - area.left) / places.len() as f64;
    let width = (band * 0.8 / shown.len() as f64).min(60.0);
    let zero = area.y(y.at(0.0));
    let left = |at: usize| area.left + (at as f64 + 0.5) * band - width * shown.len() as f64 / 2.0;
    for (series, x, value) in values() {
        let Some(at) = place(x + 0.0) else { continue };
        let top = area.y(y.at(value));
        let (from, height) = (top.min(zero), (top - zero).abs().max(0.5));
        let attributes = [
            ("class", class("b", series)),
            ("x", n(left(at) + width * series as f64)),
            ("y", n(from)),
            ("width", n((width - 0.5).max(0.4))),
            ("height", n(height)),
        ];
        html.within("rect", &attributes.each_ref().map(|(name, value)| (*name, value.as_str())), |html| {
            let name = if shown.len() > 1 { format!(", {}", clip(&shown[series].name, 60)) } else { String::new() };
            html.element("title", &[], &format!("{}{name}: {}", clip(&plot.x(x), 60), plot.y_unit(value)));
        });
    }
    let line = format!("M{} {}H{}", n(area.left), n(zero), n(area.right));
    html.within("path", &[("class", "axis"), ("d", &line)], |_| {});
    // As many names as fit, with eight characters at least.
    let every = (60.0 / band).ceil().max(1.0) as usize;
    let room = characters(band * every as f64).saturating_sub(1).max(3);
    for (at, x) in places.iter().enumerate().step_by(every) {
        text(html, "m", area.left + (at as f64 + 0.5) * band, area.bottom + 17.0, &clip(&plot.x(*x), room));
    }
    x_title(html, &area, plot.x_title());
    let mut left_out = Vec::new();
    if places.len() < known {
        let (shown, known) = (integer(places.len() as u64), count(known, "place"));
        left_out.push(format!("Drawn for the first {shown} of {known}; all in forensic_report.json."));
    }
    Some(left_out)
}
