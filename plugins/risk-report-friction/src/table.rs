//! The table of decays, its charts, and what to doubt.

use forensic_guest_sdk::{Chart, Column, ColumnFormat, Document, KeyValue, Severity, Table};
use forensic_plugin_kit::{Notes, order, sections, stats};

use crate::pairs::{Pair, Pairs};

/// Basis points of 1.
const BASIS_POINTS: f64 = 10_000.0;

pub(crate) fn write(document: &mut Document, found: &Pairs<'_>, [ideal, real]: [&str; 2], notes: &mut Notes) {
    // What lost most comes first.
    let pairs = order::sorted(found.pairs.iter().collect(), |a, b| order::falling(a.return_decay, b.return_decay));
    if pairs.is_empty() {
        let sentence = format!("Insufficient data: no engine and profile has results in both {ideal} and {real}.");
        sections::trouble(document, Severity::Warning, notes.id(), &sentence);
    } else {
        headline(document, &pairs);
        draw(document, &pairs, notes);
        charts(document, &pairs);
    }
    for (simulator, names) in [(ideal, &found.only_ideal), (real, &found.only_real)] {
        for name in names {
            notes.warn(format!("Left out, for only {simulator} has results"), name);
        }
    }
    notes.write(document);
}

fn headline(document: &mut Document, pairs: &[&Pair<'_>]) {
    let decays: Vec<f64> = pairs.iter().filter_map(|pair| pair.return_decay).collect();
    let worst = pairs.first().filter(|pair| pair.return_decay.is_some());
    document.paragraph(
        "Decay is the ideal simulator's number less the real one's. Baselines are left out. Cost per turnover is what \
         a window lost on average over what it traded one way, as a share of the portfolio: all that the two do \
         differently, fees on shorts and drifting weights among it.",
    );
    document.key_values([
        KeyValue::number("Engines and profiles compared", pairs.len() as i64, 0),
        KeyValue::percent("Mean return decay", stats::mean(&decays), 2),
        KeyValue::percent("Largest return decay", worst.and_then(|pair| pair.return_decay), 2),
        KeyValue::text("Largest for", worst.map(|pair| pair.name())),
    ]);
}

fn draw(document: &mut Document, pairs: &[&Pair<'_>], notes: &mut Notes) {
    let mut table = Table::new([
        Column::text("Engine"),
        Column::text("Profile"),
        Column::percent("Ann. Return (Ideal)", 2),
        Column::percent("Ann. Return (Real)", 2),
        Column::percent("Return Decay", 2),
        Column::number("Sharpe Decay (mean of windows)", 2),
        Column::percent("Turnover (Real)", 2),
        Column::number("Cost per turnover", 1).with_unit("bps"),
        Column::integer("Windows"),
        Column::text("Basis"),
        Column::text("Doubts"),
    ]);
    for pair in pairs {
        let (ideal, real) = (pair.ideal, pair.real);
        let basis = match (ideal.summary.basis, real.summary.basis) {
            (one, other) if one == other => one.text().to_owned(),
            (one, other) => format!("{} / {}", one.text(), other.text()),
        };
        table.row([
            ideal.engine.as_str().into(),
            ideal.profile.as_str().into(),
            ideal.summary.annual_return.into(),
            real.summary.annual_return.into(),
            pair.return_decay.into(),
            pair.sharpe_decay.into(),
            real.summary.turnover.into(),
            pair.cost.map(|cost| cost * BASIS_POINTS).into(),
            (real.windows.len() as i64).into(),
            basis.into(),
            doubts(pair, notes).into(),
        ]);
    }
    document.push(table);
}

/// Words for the row, and sentences for the notes.
fn doubts(pair: &Pair<'_>, notes: &mut Notes) -> String {
    let mut doubts = Vec::new();
    let name = pair.name();
    for entry in [pair.ideal, pair.real] {
        if !entry.summary.clipped.is_empty() {
            doubts.push(format!("{} clipped: {}", entry.simulator, entry.summary.clipped.join(", ")));
            notes.warn("At a limit of the producer or of the formulas, so decays are too", entry.name());
        }
        for (what, known) in
            [("annualized_return", entry.summary.annual_return), ("avg_window_sharpe", entry.summary.window_sharpe)]
        {
            if known.is_none() {
                notes.warn(format!("N/A because the results have no {what}"), entry.name());
            }
        }
    }
    let (ideal, real) = (pair.ideal.windows.len(), pair.real.windows.len());
    if ideal != real {
        doubts.push(format!("{} against {real}", sections::count(ideal, "window")));
        notes.warn("Another number of windows in each simulator, so the decay compares different times", &name);
    }
    if pair.ideal.summary.basis != pair.real.summary.basis {
        notes.warn("The two sides have different bases", &name);
    }
    if pair.return_decay.is_some_and(|decay| decay < 0.0) {
        doubts.push("real beats ideal".into());
        notes.add(Severity::Info, "Better with costs than without, which costs do not explain", &name);
    }
    if pair.cost.is_none() {
        notes.add(
            Severity::Info,
            "Cost per turnover is N/A, for its windows lack returns, turnover or a counterpart",
            &name,
        );
    }
    if doubts.is_empty() { "none".to_owned() } else { doubts.join("; ") }
}

fn charts(document: &mut Document, pairs: &[&Pair<'_>]) {
    let gap = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let mut bars = Chart::bar("Yearly return without and with costs", pairs.iter().map(|pair| pair.name()))
        .with_axes("Engine and profile", "Yearly return")
        .with_format(ColumnFormat::Percent, 2);
    bars.values("Ideal", pairs.iter().map(|pair| gap(pair.ideal.summary.annual_return)));
    bars.values("Real", pairs.iter().map(|pair| gap(pair.real.summary.annual_return)));
    document.push(bars);
    let mut scatter = Chart::scatter("Return decay by turnover")
        .with_axes("Mean turnover of a window, one way (share of the portfolio)", "Return decay a year")
        .with_format(ColumnFormat::Percent, 2);
    let mut engines: Vec<(&str, Vec<(f64, f64)>)> = Vec::new();
    for pair in pairs {
        if let Some(point) = pair.real.summary.turnover.zip(pair.return_decay) {
            order::entry(&mut engines, pair.ideal.engine.as_str()).push(point);
        }
    }
    // One point shows nothing that the table does not.
    if engines.iter().map(|(_, points)| points.len()).sum::<usize>() > 1 {
        for (engine, points) in engines {
            scatter.points(engine, points);
        }
        document.push(scatter);
    }
}
