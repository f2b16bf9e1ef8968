//! Line charts and scatter plots.

use super::super::markup::Html;
use super::canvas::{Area, HEIGHT, marker, n, x_axis, y_axis};
use super::scale::Axis;
use super::{SERIES_MAX, class};
use crate::plugin::document::{ChartKind, Series};
use crate::report::escape::clip;
use crate::report::plot::Plot;
use crate::report::values::TITLE_MAX;
use crate::units::integer;
use std::fmt::Write as _;

/// Points of all series of a scatter plot that are drawn.
const POINTS_MAX: usize = 2_400;
/// Points of a line that goes back and forth.
const WANDERING_MAX: usize = 1_200;
/// Marks on a line.
const MARKS: usize = 12;

/// Draws the picture's content. Gives back what is left out, in a sentence; `None` where there is nothing to draw.
pub(super) fn draw(html: &mut Html, plot: &Plot<'_>) -> Option<Vec<String>> {
    let chart = plot.chart;
    let shown = &chart.series[..chart.series.len().min(SERIES_MAX)];
    let finite = || shown.iter().flat_map(points).flatten();
    let (x_low, x_high) = ends(finite().map(|(x, _)| x))?;
    let (y_low, y_high) = ends(finite().map(|(_, y)| y))?;
    let y = Axis::rounded(y_low, y_high, plot.y_format());
    let x = match (chart.x_is_time, chart.labels.is_empty()) {
        (_, false) => Axis::labels(x_low, x_high, |at| plot.x(at)),
        (true, true) => Axis::times(x_low, x_high),
        (false, true) => Axis::exact(x_low, x_high),
    };
    let area = Area::beside(y.ticks.iter().map(|(_, label)| label.as_str()), HEIGHT);
    y_axis(html, &area, &y);
    let title = match x.about.is_empty() {
        true => plot.x_title().to_owned(),
        false => format!("{} ({})", clip(plot.x_title(), TITLE_MAX), x.about),
    };
    x_axis(html, &area, &x, &title);
    let mut left_out = Vec::new();
    let all: usize = shown.iter().map(|series| series.x.len().min(series.y.len())).sum();
    let mut drawn = 0;
    for (number, series) in shown.iter().enumerate() {
        let place = |(px, py): (f64, f64)| (area.x(x.at(px)), area.y(y.at(py)));
        if chart.kind == ChartKind::Scatter {
            let points: Vec<(f64, f64)> = points(series).flatten().map(place).collect();
            let every = points.len().div_ceil((POINTS_MAX / shown.len()).max(1)).max(1);
            let mut path = String::new();
            for (px, py) in points.iter().step_by(every) {
                marker(&mut path, number, *px, *py);
                drawn += 1;
            }
            html.within("path", &[("class", &class("k", number)), ("d", &path)], |_| {});
        } else {
            let points = thinned(points(series).map(|point| point.map(place)));
            line(html, number, &points);
            drawn += points.iter().flatten().count();
        }
    }
    let finite = finite().count();
    if drawn < finite {
        left_out.push(format!(
            "Drawn from {} of {} points, {}; all in forensic_report.json.",
            integer(drawn as u64),
            integer(all as u64),
            if chart.kind == ChartKind::Scatter { "evenly spaced" } else { "the lowest and the highest at each place" }
        ));
    }
    Some(left_out)
}

/// A series' points; a gap where one is no number.
fn points(series: &Series) -> impl Iterator<Item = Option<(f64, f64)>> {
    let finite = |(x, y): (&f64, &f64)| (x.is_finite() && y.is_finite()).then_some((*x, *y));
    series.x.iter().zip(&series.y).map(finite)
}

/// The lowest and the highest.
pub(super) fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |ends, value| match ends {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

/// A line that looks the same with few points: at each pixel across the first, the lowest, the highest and the last.
/// One that goes back and forth is thinned evenly.
fn thinned(points: impl Iterator<Item = Option<(f64, f64)>>) -> Vec<Option<(f64, f64)>> {
    let points: Vec<Option<(f64, f64)>> = points.collect();
    let forward = points.iter().flatten().zip(points.iter().flatten().skip(1)).all(|(a, b)| a.0 <= b.0);
    if !forward {
        let every = points.len().div_ceil(WANDERING_MAX).max(1);
        return points.into_iter().step_by(every).collect();
    }
    let mut out = Vec::new();
    let mut column: Vec<(f64, f64)> = Vec::new();
    let mut gap_at = None;
    for point in points {
        let Some(point) = point else {
            let pixel = column.last().map(|(x, _)| x.round() as i64);
            // A second gap at the same pixel can't be seen.
            if pixel.is_none() || pixel != gap_at {
                flush(&mut column, &mut out);
                if !matches!(out.last(), None | Some(None)) {
                    out.push(None);
                }
                gap_at = pixel;
            }
            continue;
        };
        if column.first().is_some_and(|(x, _)| x.round() != point.0.round()) {
            flush(&mut column, &mut out);
        }
        column.push(point);
    }
    flush(&mut column, &mut out);
    out
}

fn flush(column: &mut Vec<(f64, f64)>, out: &mut Vec<Option<(f64, f64)>>) {
    let by_y = |a: &(usize, &(f64, f64)), b: &(usize, &(f64, f64))| a.1.1.total_cmp(&b.1.1);
    let lowest = column.iter().enumerate().min_by(by_y).map(|(at, _)| at);
    let highest = column.iter().enumerate().max_by(by_y).map(|(at, _)| at);
    if let (Some(lowest), Some(highest)) = (lowest, highest) {
        let mut kept = [0, lowest, highest, column.len() - 1];
        kept.sort_unstable();
        let mut last = None;
        for at in kept {
            if last.replace(at) != Some(at) {
                out.push(Some(column[at]));
            }
        }
    }
    column.clear();
}

fn line(html: &mut Html, number: usize, points: &[Option<(f64, f64)>]) {
    let (mut path, mut marks) = (String::new(), String::new());
    let every = (points.len() / MARKS).max(1);
    let mut open = false;
    for (at, point) in points.iter().enumerate() {
        let Some((x, y)) = *point else {
            open = false;
            continue;
        };
        let alone = !open && !matches!(points.get(at + 1), Some(Some(_)));
        let _ = write!(path, "{}{} {}{}", if open { 'L' } else { 'M' }, n(x), n(y), if alone { "h0" } else { "" });
        open = true;
        if alone || at % every == 0 {
            marker(&mut marks, number, x, y);
        }
    }
    html.within("path", &[("class", &class("l", number)), ("d", &path)], |_| {});
    html.within("path", &[("class", &class("k", number)), ("d", &marks)], |_| {});
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_keeps_its_extremes_and_its_gaps() {
        let noise = |i: usize| ((i * 7_919) % 1_000) as f64;
        let points = (0..200_000).map(|i| match i {
            77_777 => Some((i as f64 / 400.0, 5_000.0)),
            100_000..100_900 => None,
            // Gaps at every other point must not make it long.
            i if i > 150_000 && i % 2 == 0 => None,
            _ => Some((i as f64 / 400.0, noise(i))),
        });
        let out = thinned(points);
        assert!(out.len() < 5_000, "{}", out.len());
        assert!(out.contains(&Some((77_777.0 / 400.0, 5_000.0))));
        let gap = out.iter().position(Option::is_none).unwrap();
        assert!(out[gap - 1].unwrap().0 <= 250.0 && out[gap + 1].unwrap().0 > 252.0);
        assert!(out.windows(2).all(|pair| pair != [None, None]));
    }

    #[test]
    fn short_lines_are_whole() {
        let points = [Some((0.0, 1.0)), None, Some((10.0, 2.0)), Some((20.0, 0.0))];
        assert_eq!(thinned(points.into_iter()), points);
        let back = [Some((20.0, 1.0)), Some((10.0, 2.0))];
        assert_eq!(thinned(back.into_iter()), back);
    }
}
