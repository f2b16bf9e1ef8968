//! The correlations as a heat map, and what each symbol earned for what risk.

use forensic_guest_sdk::{Chart, ColumnFormat, Document};
use forensic_plugin_kit::stats::Performance;
use forensic_plugin_kit::{sections, words};

use crate::correlation::Correlations;
use crate::linkage::{Method, Tree};
use crate::model::Book;

/// Symbols of the heat map.
const SYMBOLS: usize = 40;

pub(crate) fn correlations(document: &mut Document, book: &Book) {
    document.heading(2, "Correlations");
    let all: Vec<(&str, &[f64])> = book
        .clusters
        .iter()
        .flat_map(|cluster| {
            together(book.usable(cluster).iter().map(|(m, column)| (m.symbol.as_str(), *column)).collect())
        })
        .collect();
    if all.len() < 2 {
        document.paragraph(match &book.returns {
            Err(why) => format!("There is nothing to correlate: {why}."),
            Ok(_) => "There is nothing to correlate: fewer than 2 members have returns that vary.".to_owned(),
        });
        return;
    }
    let shown = &all[..all.len().min(SYMBOLS)];
    let columns: Vec<&[f64]> = shown.iter().map(|(_, column)| *column).collect();
    let correlations = Correlations::of(&columns);
    let mut chart = Chart::heat_map("Correlation of returns", shown.iter().map(|(symbol, _)| *symbol))
        .with_axes("Symbol", "Symbol");
    for (at, (symbol, _)) in shown.iter().enumerate() {
        chart.values(*symbol, correlations.row(at).iter().copied());
    }
    document.push(chart);
    document.paragraph(
        "By cluster, and within one with the nearest side by side. An empty field: the two share too few rows.",
    );
    if all.len() > shown.len() {
        document.paragraph(format!("The first {} of {} symbols.", shown.len(), all.len()));
    }
}

/// The members of a cluster, near ones side by side.
fn together<'b>(members: Vec<(&'b str, &'b [f64])>) -> Vec<(&'b str, &'b [f64])> {
    // More than are shown need no order.
    if members.len() > SYMBOLS {
        return members;
    }
    let columns: Vec<&[f64]> = members.iter().map(|(_, column)| *column).collect();
    let correlations = Correlations::of(&columns);
    let distance = |one, other| correlations.get(one, other).map_or(f64::NAN, |value| ((1.0 - value) / 2.0).sqrt());
    match Tree::build(members.len(), Method::Average, distance) {
        Some(tree) => tree.order().into_iter().map(|at| members[at]).collect(),
        None => members,
    }
}

pub(crate) fn scatter(document: &mut Document, book: &mut Book) {
    document.heading(2, "Risk and return");
    let Ok(returns) = &book.returns else {
        document.paragraph("Risk and return are N/A, for there are no returns.");
        return;
    };
    let mut chart = Chart::scatter("Return and volatility of each member, a year")
        .with_axes("Volatility (% a year)", "Return a year")
        .with_format(ColumnFormat::Percent, 2);
    let mut clipped = Vec::new();
    for cluster in &book.clusters {
        let mut points = Vec::new();
        for member in &cluster.members {
            let done = book.column(member).and_then(|column| Performance::of(column, returns.annualization.factor));
            let Some((done, volatility)) = done.and_then(|done| Some((done.clone(), done.volatility?))) else {
                continue;
            };
            points.push((volatility.value * 100.0, done.annual_return.value));
            let limits = done.clipped();
            if !limits.is_empty() {
                clipped.push(format!("{} ({})", member.symbol, limits.join(", ")));
            }
        }
        if !points.is_empty() {
            chart.points(words::cluster_label(&cluster.id), points);
        }
    }
    if chart.series.is_empty() {
        document.paragraph("No member has two returns.");
        return;
    }
    document.push(chart);
    let few = forensic_plugin_kit::stats::FEW_DAYS;
    if returns.frame.len() < few {
        let rows = sections::count(returns.frame.len(), "row");
        document.paragraph(format!("{rows} are fewer than {few}, so returns are annualized linearly."));
    }
    clipped.into_iter().for_each(|name| book.notes.warn("Clipped at a limit of the formulas", name));
    book.notes.write(document);
}
