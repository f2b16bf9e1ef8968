//! Section 1: the measures, and why one is absent.

use forensic_guest_sdk::{Cell, Column, Document, Table};

use crate::empty;
use crate::metrics::{Kind, METRICS, Series};
use crate::sample::Sample;

pub(crate) fn write(document: &mut Document, sample: &Sample) {
    document.heading(2, "Metrics");
    let lines = sample.lines();
    let measured: Option<Vec<(&str, Series)>> =
        lines.iter().map(|(name, values)| Some((*name, Series::new(values, sample.annualization.factor)?))).collect();
    let Some(measured) = measured else {
        let count = sample.times.len();
        return empty(document, &sample.id, &format!("Insufficient data ({count} observations)."));
    };
    let mut absent = Vec::new();
    for (kind, caption) in [(Kind::Percent, "Return and risk"), (Kind::Ratio, "Ratios")] {
        let column = |name: &str| match kind {
            Kind::Percent => Column::percent(name, 2),
            Kind::Ratio => Column::number(name, 4),
        };
        let mut columns = vec![Column::text("Metric")];
        columns.extend(measured.iter().map(|(name, _)| column(name)));
        columns.push(Column::text("Definition"));
        let mut table = Table::new(columns).with_caption(caption);
        for metric in METRICS.iter().filter(|metric| metric.kind == kind) {
            let mut row: Vec<Cell> = vec![metric.name.into()];
            for (name, series) in &measured {
                row.push(match metric.of(series) {
                    Ok(value) => value.into(),
                    Err(why) => {
                        absent.push(format!("{} of {name} is N/A: {why}", metric.name));
                        Cell::None
                    }
                });
            }
            row.push(metric.definition.into());
            table.rows.push(row);
        }
        document.push(table);
    }
    if !absent.is_empty() {
        document.bullets(absent);
    }
    document.paragraph(format!(
        "r: simple returns, n: their number, f: {} periods a year, sd: standard deviation with n−1, dd: fall of the \
         compounded curve below its peak, which starts at 1. No value is clipped; the tournament's page holds its own \
         within limits.",
        sample.annualization.factor
    ));
}
