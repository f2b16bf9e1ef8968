//! The drawing area of a chart: its size, its margins, axes, and the few shapes that charts are made of.

use super::super::markup::Html;
use super::scale::Axis;
use crate::report::escape::{clip, one_line};
use std::fmt::Write as _;

/// Size of the picture, in its own units; at its usual size on a screen one is about a pixel.
pub(crate) const WIDTH: f64 = 720.0;
pub(crate) const HEIGHT: f64 = 300.0;
/// Width of a character of an axis.
const CHARACTER: f64 = 6.4;
/// Longest text beside an axis, characters.
pub(super) const LABEL_MAX: usize = 18;

/// Where the data stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Area {
    /// With room for these texts at its left.
    pub(crate) fn beside<'a>(texts: impl Iterator<Item = &'a str>, height: f64) -> Self {
        let longest = texts.map(|text| text.chars().count().min(LABEL_MAX)).max().unwrap_or(0);
        Self { left: 14.0 + CHARACTER * longest as f64, top: 10.0, right: WIDTH - 14.0, bottom: height - 36.0 }
    }

    pub(crate) fn x(&self, part: f64) -> f64 {
        self.left + part * (self.right - self.left)
    }

    pub(crate) fn y(&self, part: f64) -> f64 {
        self.bottom - part * (self.bottom - self.top)
    }
}

/// How many characters fit into a width.
pub(super) fn characters(width: f64) -> usize {
    (width / CHARACTER).max(0.0) as usize
}

/// The lines of the y axis and its ticks.
pub(crate) fn y_axis(html: &mut Html, area: &Area, axis: &Axis) {
    let mut grid = String::new();
    for (value, _) in &axis.ticks {
        let _ = write!(grid, "M{} {}H{}", n(area.left), n(area.y(axis.at(*value))), n(area.right));
    }
    html.within("path", &[("class", "grid"), ("d", &grid)], |_| {});
    for (value, label) in &axis.ticks {
        text(html, "e", area.left - 6.0, area.y(axis.at(*value)) + 4.0, &clip(label, LABEL_MAX));
    }
}

/// The line of the x axis with ticks, and its title below.
pub(crate) fn x_axis(html: &mut Html, area: &Area, axis: &Axis, title: &str) {
    let mut line = format!("M{} {}H{}", n(area.left), n(area.bottom), n(area.right));
    for (value, _) in &axis.ticks {
        let _ = write!(line, "M{} {}v4", n(area.x(axis.at(*value))), n(area.bottom));
    }
    html.within("path", &[("class", "axis"), ("d", &line)], |_| {});
    let room = characters((area.right - area.left) / axis.ticks.len().max(1) as f64).saturating_sub(1);
    for (value, label) in &axis.ticks {
        // Close to an end, a text in the middle would be cut.
        let x = area.x(axis.at(*value));
        let label = clip(label, room.clamp(4, 24));
        let half = CHARACTER * label.chars().count() as f64 / 2.0;
        text(html, "m", x.clamp(half, (WIDTH - half).max(half)), area.bottom + 17.0, &label);
    }
    x_title(html, area, title);
}

pub(super) fn x_title(html: &mut Html, area: &Area, title: &str) {
    text(html, "m", f64::midpoint(area.left, area.right), area.bottom + 32.0, &clip(&one_line(title), 80));
}

pub(crate) fn text(html: &mut Html, class: &str, x: f64, y: f64, text: &str) {
    html.element("text", &[("class", class), ("x", &n(x)), ("y", &n(y))], text);
}

/// A number of a picture: a tenth of a pixel is enough.
pub(crate) fn n(value: f64) -> String {
    let tenths = (value * 10.0).round() / 10.0;
    format!("{}", if tenths == 0.0 { 0.0 } else { tenths })
}

/// A mark of a series; series that share a colour in someone's eyes differ in it.
pub(crate) fn marker(path: &mut String, series: usize, x: f64, y: f64) {
    let start = |path: &mut String, dx: f64, dy: f64| {
        let _ = write!(path, "M{} {}", n(x + dx), n(y + dy));
    };
    let (dx, dy, shape) = match series % 8 {
        0 => (-3.0, 0.0, "a3 3 0 1 0 6 0a3 3 0 1 0-6 0z"),
        1 => (-3.0, -3.0, "h6v6h-6z"),
        2 => (0.0, -4.0, "l4 7h-8z"),
        3 => (0.0, -4.0, "l4 4-4 4-4-4z"),
        4 => (0.0, 4.0, "l4-7h-8z"),
        5 => (-3.0, -3.0, "l6 6m0-6l-6 6"),
        6 => (-4.0, 0.0, "h8m-4-4v8"),
        _ => (-3.0, -1.0, "h6v2h-6z"),
    };
    start(path, dx, dy);
    path.push_str(shape);
}
