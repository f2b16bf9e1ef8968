//! Sections of the full page: the curve, months, years, and the worst drawdowns.

use forensic_guest_sdk::{Cell, Chart, Column, ColumnFormat, Document, Table};
use forensic_plugin_kit::{order, sections, time};

use crate::sample::Sample;
use crate::{calendar, drawdowns, empty};

/// Points of a line at most: a longer one would cross the host's limit for a block, and no screen shows more.
const POINTS: usize = 2_000;
/// Drawdowns shown.
const WORST: usize = 5;
/// Years shown, the last ones.
const YEARS: usize = 60;
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// The compounded curve, and its falls below the peak.
pub(crate) fn growth(document: &mut Document, sample: &Sample) {
    document.heading(2, "Growth and drawdown");
    if sample.times.is_empty() {
        return empty(document, &sample.id, "There is no return to compound.");
    }
    let chart = |title: &str, y: &str| {
        Chart::line(title).with_axes("Date (UTC)", y).with_format(ColumnFormat::Percent, 2).over_time()
    };
    let (mut growth, mut fall) =
        (chart("Compounded return", "Return since the start"), chart("Drawdown", "Below the peak"));
    for (name, returns) in sample.lines() {
        let mut curve = 1.0;
        let compounded: Vec<f64> = returns
            .iter()
            .map(|value| {
                curve *= 1.0 + value;
                curve - 1.0
            })
            .collect();
        growth.points(name, thin(&sample.times, &compounded));
        fall.points(name, thin(&sample.times, &drawdowns::falls(returns)));
    }
    document.push(growth).push(fall);
    if sample.times.len() > POINTS {
        document.paragraph(format!(
            "Of {} dates the lines have the lowest and highest of each of {} stretches.",
            sample.times.len(),
            POINTS / 2
        ));
    }
}

/// Points of a line over time: all of them, or the lowest and highest of each stretch.
fn thin(times: &[i64], values: &[f64]) -> Vec<(f64, f64)> {
    let point = |at: usize| (times[at] as f64 * 1e9, values[at]);
    let count = times.len().min(values.len());
    if count <= POINTS {
        return (0..count).map(point).collect();
    }
    let stretches = POINTS / 2;
    let mut points = Vec::with_capacity(POINTS);
    for stretch in 0..stretches {
        let part = stretch * count / stretches..(stretch + 1) * count / stretches;
        let by_value = |a: &usize, b: &usize| values[*a].total_cmp(&values[*b]);
        let (low, high) = (part.clone().min_by(by_value), part.max_by(by_value));
        let (Some(low), Some(high)) = (low, high) else { continue };
        points.extend([low.min(high), low.max(high)].map(point));
    }
    points
}

/// A matrix of months.
pub(crate) fn months(document: &mut Document, sample: &Sample) {
    document.heading(2, "Monthly returns");
    let years = calendar::years(&sample.times, &sample.returns);
    if years.is_empty() {
        return empty(document, &sample.id, "No month has data.");
    }
    let hidden = years.len().saturating_sub(YEARS);
    let mut chart = Chart::heat_map("Return by month, compounded", MONTHS)
        .with_axes("Month (UTC)", "Year")
        .with_format(ColumnFormat::Percent, 2);
    for year in &years[hidden..] {
        chart.values(year.year.to_string(), year.months.map(|month| month.unwrap_or(f64::NAN)));
    }
    document.push(chart);
    document.paragraph("A month without data is empty, not zero. The first and the last month may be part of one.");
    hint(document, hidden);
}

/// A table of years: the EOY column of the months.
pub(crate) fn years(document: &mut Document, sample: &Sample) {
    document.heading(2, "Annual returns");
    let years = calendar::years(&sample.times, &sample.returns);
    if years.is_empty() {
        return empty(document, &sample.id, "No year has data.");
    }
    let hidden = years.len().saturating_sub(YEARS);
    let mut columns = vec![Column::integer("Year"), Column::percent("Return (EOY)", 2).signed()];
    let other = sample.benchmark.as_ref().ok();
    columns.extend(other.map(|found| Column::percent(found.name.as_str(), 2).signed()));
    columns.push(Column::integer("Observations"));
    let benchmark = other.map(|found| calendar::years(&sample.times, &found.returns));
    let mut table = Table::new(columns);
    for (at, year) in years.iter().enumerate().skip(hidden) {
        let mut row: Vec<Cell> = vec![Cell::Integer(year.year), year.total.into()];
        row.extend(benchmark.as_ref().map(|benchmark| Cell::Number(benchmark[at].total)));
        row.push(Cell::Integer(year.observations as i64));
        table.rows.push(row);
    }
    document.push(table);
    document.paragraph("Compounded over the observations of the year, which may be part of one.");
    hint(document, hidden);
}

fn hint(document: &mut Document, hidden: usize) {
    if hidden > 0 {
        document.paragraph(format!("{} before these not shown.", sections::count(hidden, "year")));
    }
}

/// The worst drawdowns of the strategy.
pub(crate) fn drawdowns(document: &mut Document, sample: &Sample) {
    document.heading(2, "Worst drawdowns");
    let all = drawdowns::find(&sample.times, &drawdowns::falls(&sample.returns));
    if all.is_empty() {
        document.paragraph(match sample.times.is_empty() {
            true => "There is no return, so no drawdown.",
            false => "The curve was never below its peak.",
        });
        return;
    }
    let count = all.len();
    let worst = order::sorted(all, |a, b| a.deepest.total_cmp(&b.deepest));
    let mut table = Table::new([
        Column::text("Start"),
        Column::text("Valley"),
        Column::text("End"),
        Column::integer("Days"),
        Column::percent("Max drawdown", 2),
        Column::percent("99% max drawdown", 2),
        Column::text("State"),
    ]);
    for one in worst.iter().take(WORST) {
        table.row([
            time::date_time(one.start).into(),
            time::date_time(one.valley).into(),
            time::date_time(one.end).into(),
            Cell::Integer(one.days),
            one.deepest.into(),
            one.without_outliers.into(),
            if one.open { "open at the end" } else { "recovered" }.into(),
        ]);
    }
    document.push(table);
    document.paragraph(format!(
        "{} in all, deepest first. A drawdown is a run of dates below the peak; days are calendar days, first and last \
         counted. 99%: the deepest without the worst hundredth of its dates, N/A where no date is left.",
        sections::count(count, "drawdown")
    ));
}
