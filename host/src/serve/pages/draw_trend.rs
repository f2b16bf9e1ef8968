//! Durations over runs as a picture: a point a run, the band of what was usual, and the places where it changed. SVG without a
//! script: a point is a link to its run and says in its title what it is.

use std::fmt::Write as _;

use super::draw::run_address;
use crate::clock::utc;
use crate::plugin::document::ColumnFormat;
use crate::report::html::Html;
use crate::report::html::chart::canvas::{Area, HEIGHT, WIDTH, marker, n, text, x_axis, y_axis};
use crate::report::html::chart::scale::Axis;
use crate::report::{Change, Typical};
use crate::units::duration;

/// Points of a sparkline.
const SPARKS: usize = 60;
/// Size of a sparkline, in its own units.
const SPARK: (f64, f64) = (120.0, 22.0);

/// How a point looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// It counts, and is as usual or nobody knows what is.
    Usual,
    /// It counts, and is beyond noise.
    Slower,
    /// The same.
    Faster,
    /// It does not count: results were reused, or stages left out.
    Partial,
    /// It does not count: the run did not succeed.
    Failed,
}

impl Mark {
    /// All of them with the words of the legend.
    const ALL: [(Self, &'static str); 5] = [
        (Self::Usual, "as usual, or too few runs to say"),
        (Self::Slower, "slower, beyond noise"),
        (Self::Faster, "faster, beyond noise"),
        (Self::Partial, "not compared: reused or left out stages"),
        (Self::Failed, "not compared: did not succeed"),
    ];

    /// Of a duration that counts.
    pub(super) fn of(change: Option<Change>) -> Self {
        match change {
            Some(Change::Slower) => Self::Slower,
            Some(Change::Faster) => Self::Faster,
            _ => Self::Usual,
        }
    }

    fn counts(self) -> bool {
        !matches!(self, Self::Partial | Self::Failed)
    }

    /// Shape (see [`marker`]) and class.
    fn look(self) -> (usize, &'static str) {
        match self {
            Self::Usual => (0, "k s0"),
            Self::Slower => (2, "k t-slow"),
            Self::Faster => (4, "k t-fast"),
            Self::Partial => (1, "k t-part"),
            Self::Failed => (5, "k t-fail"),
        }
    }
}

/// One run of a picture.
pub(super) struct Point<'a> {
    /// Its folder.
    pub(super) folder: &'a str,
    /// Its start, Unix ns.
    pub(super) start_time: u64,
    /// What is drawn, ns; nothing where it has no duration.
    pub(super) ns: Option<u64>,
    /// How.
    pub(super) mark: Mark,
    /// What was typical then.
    pub(super) typical: Option<Typical>,
    /// Between which durations all is usual.
    pub(super) usual: Option<(u64, u64)>,
    /// What it is, in words.
    pub(super) title: String,
}

/// Draws it, if there is anything to draw. `steps`: places where the durations changed for good, with a few words.
pub(super) fn draw(html: &mut Html, label: &str, points: &[Point<'_>], steps: &[(usize, String)]) {
    let Some(most) = points.iter().filter_map(|point| point.ns).max() else {
        return html.element("p", &[("class", "aside")], "There is no duration to draw.");
    };
    let y = Axis::rounded(0.0, most as f64, ColumnFormat::Duration);
    let x = Axis::labels(-0.5, points.len() as f64 - 0.5, |at| date(points, at));
    let area = Area::beside(y.ticks.iter().map(|(_, label)| label.as_str()), HEIGHT);
    let (across, up) = (|at: usize| area.x(x.at(at as f64)), |ns: u64| area.y(y.at(ns as f64)));
    let view = format!("0 0 {WIDTH} {HEIGHT}");
    html.within("div", &[("class", "plot trend")], |html| {
        html.within("svg", &[("viewBox", &*view), ("role", "group"), ("aria-label", label)], |html| {
            y_axis(html, &area, &y);
            x_axis(html, &area, &x, "Runs by their start, UTC");
            let half = (across(1) - across(0)).abs() / 2.0;
            let band = band(points, |at| (across(at) - half, across(at) + half), up);
            html.within("path", &[("class", "t-band"), ("d", &band)], |_| {});
            let middle = middle(points, |at| (across(at) - half, across(at) + half), up);
            html.within("path", &[("class", "t-mid"), ("d", &middle)], |_| {});
            for (at, words) in steps {
                // A step is between two runs.
                let place = across(*at) - half;
                let line = format!("M{} {}V{}", n(place), n(area.top), n(area.bottom));
                html.within("path", &[("class", "t-step"), ("d", &line)], |_| {});
                // Where the run's own mark is not, which would hide it: at the top, or at the foot.
                let is_low = points
                    .get(*at)
                    .and_then(|point| point.ns)
                    .is_some_and(|ns| up(ns) > f64::midpoint(area.top, area.bottom));
                let height = if is_low { area.top + 9.0 } else { area.bottom - 6.0 };
                let (class, place) = if place > WIDTH * 0.8 { ("e", place - 4.0) } else { ("", place + 4.0) };
                text(html, class, place, height, words);
            }
            html.within("path", &[("class", "l s0"), ("d", &line(points, across, up))], |_| {});
            for (at, point) in points.iter().enumerate() {
                if let Some(ns) = point.ns {
                    mark(html, point, across(at), up(ns));
                }
            }
        });
    });
    legend(html, points);
}

fn mark(html: &mut Html, point: &Point<'_>, x: f64, y: f64) {
    let (shape, class) = point.mark.look();
    let mut path = String::new();
    marker(&mut path, shape, x, y);
    let draw = |html: &mut Html| {
        html.element("title", &[], &point.title);
        // Easier to hit than the mark itself.
        html.within("circle", &[("class", "t-hit"), ("cx", &n(x)), ("cy", &n(y)), ("r", "7")], |_| {});
        html.within("path", &[("class", class), ("d", &path)], |_| {});
    };
    match run_address(point.folder) {
        Some(address) => html.within("a", &[("href", &address)], draw),
        None => html.within("g", &[], draw),
    }
}

/// The points that count, joined.
fn line(points: &[Point<'_>], across: impl Fn(usize) -> f64, up: impl Fn(u64) -> f64) -> String {
    let mut path = String::new();
    for (at, point) in points.iter().enumerate().filter(|(_, point)| point.mark.counts()) {
        if let Some(ns) = point.ns {
            let _ = write!(path, "{}{} {}", if path.is_empty() { 'M' } else { 'L' }, n(across(at)), n(up(ns)));
        }
    }
    path
}

/// A box a run: nothing is drawn between two runs that nobody knows.
fn band(points: &[Point<'_>], across: impl Fn(usize) -> (f64, f64), up: impl Fn(u64) -> f64) -> String {
    let mut path = String::new();
    for (at, point) in points.iter().enumerate() {
        if let Some((low, high)) = point.usual {
            let ((left, right), (top, bottom)) = (across(at), (up(high), up(low)));
            let _ = write!(path, "M{} {}H{}V{}H{}z", n(left), n(top), n(right), n(bottom), n(left));
        }
    }
    path
}

fn middle(points: &[Point<'_>], across: impl Fn(usize) -> (f64, f64), up: impl Fn(u64) -> f64) -> String {
    let mut path = String::new();
    for (at, point) in points.iter().enumerate() {
        if let Some(typical) = point.typical {
            let (left, right) = across(at);
            let _ = write!(path, "M{} {}H{}", n(left), n(up(typical.median_ns)), n(right));
        }
    }
    path
}

/// Day and time of a run's start; years where it takes years.
fn date(points: &[Point<'_>], at: f64) -> String {
    const DAYS_300: u64 = 300 * 86_400 * 1_000_000_000;
    let times = || points.iter().map(|point| point.start_time);
    let long = times().max().unwrap_or(0) - times().min().unwrap_or(0) > DAYS_300;
    let time = points.get(at as usize).map_or_else(String::new, |point| utc(point.start_time, 0));
    let part = if long { time.get(..10) } else { time.get(5..16) };
    part.unwrap_or_default().replace('T', " ")
}

fn legend(html: &mut Html, points: &[Point<'_>]) {
    html.within("ul", &[("class", "legend trend")], |html| {
        let there = |mark: Mark| points.iter().any(|point| point.ns.is_some() && point.mark == mark);
        for (mark, words) in Mark::ALL.into_iter().filter(|(mark, _)| there(*mark)) {
            let (shape, class) = mark.look();
            let mut path = String::new();
            marker(&mut path, shape, 20.0, 8.0);
            entry(html, class, &path, words);
        }
        if points.iter().any(|point| point.usual.is_some()) {
            entry(html, "t-band", "M0 2H40V14H0z", "usual: within noise of the runs before");
        }
        if points.iter().any(|point| point.typical.is_some()) {
            entry(html, "t-mid", "M0 8H40", "their median");
        }
    });
    html.newline();
}

fn entry(html: &mut Html, class: &str, path: &str, words: &str) {
    html.within("li", &[], |html| {
        html.within("svg", &[("viewBox", "0 0 40 16"), ("aria-hidden", "true")], |html| {
            html.within("path", &[("class", class), ("d", path)], |_| {});
        });
        html.text(words);
    });
}

/// Durations as a line in a table's cell, from 0 to the longest; the newest is marked.
pub(super) fn sparkline(html: &mut Html, durations: &[Option<u64>]) {
    let known: Vec<u64> = durations.iter().flatten().copied().collect();
    let (Some(least), Some(most)) = (known.iter().min(), known.iter().max()) else { return };
    // The longest of each few: what stands out must not get lost.
    let every = known.len().div_ceil(SPARKS).max(1);
    let shown: Vec<u64> = known.rchunks(every).rev().filter_map(|few| few.iter().max().copied()).collect();
    let (width, height) = SPARK;
    let x = |at: usize| 3.0 + (width - 6.0) * (at as f64 / (shown.len().max(2) - 1) as f64);
    let y = |ns: u64| height - 3.0 - (height - 6.0) * (ns as f64 / (*most).max(1) as f64);
    let mut path = String::new();
    for (at, ns) in shown.iter().enumerate() {
        let _ = write!(path, "{}{} {}", if at == 0 { 'M' } else { 'L' }, n(x(at)), n(y(*ns)));
    }
    let label = format!("{} durations from {} to {}", known.len(), duration(*least), duration(*most));
    let view = format!("0 0 {width} {height}");
    html.within("svg", &[("viewBox", &*view), ("class", "spark"), ("role", "img"), ("aria-label", &label)], |html| {
        html.within("path", &[("class", "l s0"), ("d", &path)], |_| {});
        if let Some(last) = shown.last() {
            let mut mark = String::new();
            marker(&mut mark, 0, x(shown.len() - 1), y(*last));
            html.within("path", &[("class", "k s0"), ("d", &mark)], |_| {});
        }
    });
}

/// A difference as a bar from the middle: to the right where it is longer, to the left where it is shorter. `most`: what fills a side.
pub(super) fn difference(html: &mut Html, from: u64, to: u64, most: u64, change: Option<Change>) {
    const HALF: f64 = 60.0;
    let length = (HALF - 1.0) * from.abs_diff(to) as f64 / most.max(1) as f64;
    let left = if to >= from { HALF } else { HALF - length };
    let class = match change {
        Some(Change::Slower) => "t-slow",
        Some(Change::Faster) => "t-fast",
        _ => "t-noise",
    };
    html.within("svg", &[("viewBox", "0 0 120 12"), ("class", "diverging"), ("aria-hidden", "true")], |html| {
        let (left, length) = (n(left), n(length));
        html.within("rect", &[("class", class), ("x", &left), ("y", "2"), ("width", &length), ("height", "8")], |_| {});
        html.within("path", &[("class", "axis"), ("d", "M60 0V12")], |_| {});
    });
}
