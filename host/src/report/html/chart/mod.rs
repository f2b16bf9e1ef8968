//! Charts as pictures: SVG made of plain shapes, with what they show in words, a legend and a table of the data. Colours
//! are told apart by people with any sight of colour, and never stand alone: series differ in dashes and marks, too.

mod bars;
pub(crate) mod canvas;
mod heat;
mod lines;
pub(crate) mod scale;

use super::markup::Html;
use crate::plugin::document::{Chart, ChartKind};
use crate::report::escape::{clip, one_line};
use crate::report::plot::{Bounds, Plot};
use crate::report::values::TITLE_MAX;
use crate::units::integer;
use canvas::{HEIGHT, WIDTH, marker};

/// Series that are drawn.
const SERIES_MAX: usize = 8;
/// What the table of the data shows.
const DATA: Bounds = Bounds { across: SERIES_MAX, down: 200 };
/// What a heat map's table shows.
const MATRIX: Bounds = Bounds { across: 40, down: 40 };

/// Draws a chart. `id` is the host's and names the chart on the page.
pub(crate) fn draw(html: &mut Html, chart: &Chart, id: &str) {
    let plot = Plot::new(chart);
    html.within("figure", &[], |html| {
        html.within("figcaption", &[], |html| {
            let title = clip(&chart.title, TITLE_MAX);
            html.text(if title.trim().is_empty() { "Chart" } else { &title });
            let y_title = plot.y_title();
            if !y_title.trim().is_empty() {
                html.spaced(" ");
                html.element("span", &[("class", "unit")], &y_title);
            }
        });
        let mut content = Html::default();
        let mut scale = Vec::new();
        let left_out = match chart.kind {
            ChartKind::Line | ChartKind::Scatter => lines::draw(&mut content, &plot),
            ChartKind::Bar => bars::draw(&mut content, &plot),
            ChartKind::HeatMap => heat::draw(&mut content, &plot, &mut scale),
        };
        match left_out {
            None => html.element("p", &[("class", "aside")], "There is no number to draw."),
            Some(left_out) => {
                picture(html, &plot, &content, id);
                legend(html, chart, &scale);
                for sentence in left_out {
                    html.element("p", &[("class", "aside")], &sentence);
                }
            }
        }
        if chart.kind != ChartKind::HeatMap && chart.series.len() > SERIES_MAX {
            let more = integer((chart.series.len() - SERIES_MAX) as u64);
            html.element("p", &[("class", "aside")], &format!("+{more} more series in forensic_report.json."));
        }
        data(html, &plot);
    });
}

fn picture(html: &mut Html, plot: &Plot<'_>, content: &Html, id: &str) {
    let height = match plot.chart.kind {
        ChartKind::HeatMap => heat::height(plot.chart.series.len()),
        _ => HEIGHT,
    };
    let (title, desc) = (format!("{id}t"), format!("{id}d"));
    let attributes = [
        ("viewBox", &*format!("0 0 {WIDTH} {height}")),
        ("role", "img"),
        ("aria-labelledby", &*format!("{title} {desc}")),
    ];
    html.within("div", &[("class", "plot")], |html| {
        html.within("svg", &attributes, |html| {
            html.element("title", &[("id", &title)], &clip(&plot.chart.title, TITLE_MAX));
            html.element("desc", &[("id", &desc)], &words(plot));
            html.append(content);
        });
    });
}

/// What the picture shows, for those who don't see it.
fn words(plot: &Plot<'_>) -> String {
    let all = || plot.chart.series.iter().take(SERIES_MAX).flat_map(|series| series.x.iter().zip(&series.y));
    let finite = || all().filter(|(x, y)| x.is_finite() && y.is_finite());
    let mut words = plot.words();
    if let (Some((x0, x1)), Some((y0, y1))) =
        (lines::ends(finite().map(|(x, _)| *x)), lines::ends(finite().map(|(_, y)| *y)))
    {
        let across = if plot.chart.kind == ChartKind::HeatMap {
            String::new()
        } else {
            format!(" {} from {} to {};", one_line(plot.x_title()), plot.x(x0), plot.x(x1))
        };
        words.push_str(&format!(".{across} values from {} to {}.", plot.y_unit(y0), plot.y_unit(y1)));
    }
    words
}

fn class(kind: &str, series: usize) -> String {
    format!("{kind} s{}", series % SERIES_MAX)
}

fn legend(html: &mut Html, chart: &Chart, scale: &[(String, String)]) {
    if scale.is_empty() && chart.series.len() < 2 && chart.series.iter().all(|series| series.name.trim().is_empty()) {
        return;
    }
    html.within("ul", &[("class", "legend")], |html| {
        for (class, text) in scale {
            html.within("li", &[], |html| {
                swatch(html, |html| {
                    html.within("rect", &[("class", class), ("width", "40"), ("height", "16")], |_| {})
                });
                html.text(text);
            });
        }
        let series = chart.series.iter().take(SERIES_MAX).enumerate();
        for (number, series) in series.filter(|_| scale.is_empty()) {
            html.within("li", &[], |html| {
                swatch(html, |html| match chart.kind {
                    ChartKind::Bar => {
                        let class = class("b", number);
                        html.within("rect", &[("class", &class), ("width", "40"), ("height", "16")], |_| {});
                    }
                    _ => {
                        if chart.kind == ChartKind::Line {
                            html.within("path", &[("class", &class("l", number)), ("d", "M0 8H40")], |_| {});
                        }
                        let mut mark = String::new();
                        marker(&mut mark, number, 20.0, 8.0);
                        html.within("path", &[("class", &class("k", number)), ("d", &mark)], |_| {});
                    }
                });
                let name = clip(&series.name, TITLE_MAX);
                html.text(if name.trim().is_empty() { "no name" } else { &name });
            });
        }
    });
}

fn swatch(html: &mut Html, fill: impl FnOnce(&mut Html)) {
    html.within("svg", &[("viewBox", "0 0 40 16"), ("aria-hidden", "true")], fill);
}

fn data(html: &mut Html, plot: &Plot<'_>) {
    let data = plot.data(if plot.chart.kind == ChartKind::HeatMap { MATRIX } else { DATA });
    if data.rows.is_empty() {
        return;
    }
    html.within("details", &[], |html| {
        html.element("summary", &[], "Data");
        let caption = clip(&plot.chart.title, TITLE_MAX);
        super::table::draw(html, &caption, true, &data.columns, data.rows.len(), data.rows.iter(), usize::MAX);
        for sentence in data.left_out {
            html.element("p", &[("class", "aside")], &format!("{sentence} in forensic_report.json."));
        }
    });
}
