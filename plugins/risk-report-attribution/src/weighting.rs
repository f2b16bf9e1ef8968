//! Optimization alpha: what each profile's weights added to equal weights on the same assets.

use forensic_guest_sdk::{Cell, Chart, Column, ColumnFormat, Document, Severity, Table};
use forensic_plugin_kit::suite::Entry;
use forensic_plugin_kit::{Notes, sections};

use crate::doubts;
use crate::selection::Baselines;
use crate::view::View;

/// A profile and the engine that stands for it.
struct Line<'t> {
    entry: &'t Entry,
    alpha: Option<f64>,
    /// Lowest and highest of all its engines.
    range: Option<(f64, f64)>,
    engines: usize,
}

pub(crate) fn write(document: &mut Document, view: &View<'_>, baselines: &Baselines, notes: &mut Notes) {
    document.heading(2, "Optimization alpha");
    let Some(filtered) = baselines.filtered else {
        let sentence =
            format!("Insufficient data: {} no yearly return of the filtered universe to compare with.", view.has());
        sections::trouble(document, Severity::Warning, notes.id(), &sentence);
        return;
    };
    let mut without: Vec<String> = Vec::new();
    let mut lines = Vec::new();
    for profile in view.tournament.profiles() {
        let engines = view.engines(&profile);
        let Some(entry) = view.chosen(&profile) else {
            if !engines.is_empty() {
                without.push(profile);
            }
            continue;
        };
        let returns = engines.iter().filter_map(|entry| entry.summary.annual_return);
        let range = returns.fold(None, |range: Option<(f64, f64)>, value| {
            let (low, high) = range.unwrap_or((value, value));
            Some((low.min(value), high.max(value)))
        });
        let range = range.map(|(low, high)| (low - filtered, high - filtered));
        let alpha = entry.summary.annual_return.map(|value| value - filtered);
        lines.push(Line { entry, alpha, range, engines: engines.len() });
    }
    if lines.is_empty() {
        let sentence = format!("Insufficient data: {} no engine with results for any profile.", view.has());
        sections::trouble(document, Severity::Warning, notes.id(), &sentence);
    } else {
        draw(document, view, baselines, &lines, notes);
    }
    if !without.is_empty() {
        let who =
            view.engine.map_or("an engine with a Sharpe ratio or `custom`".to_owned(), |engine| format!("`{engine}`"));
        notes.warn(format!("Profiles left out, for their engines do not include {who}"), without.join(", "));
    }
    notes.write(document);
}

fn draw(document: &mut Document, view: &View<'_>, baselines: &Baselines, lines: &[Line<'_>], notes: &mut Notes) {
    let whose = match view.engine {
        Some(engine) => format!("the engine {engine}"),
        None => "each profile's engine".to_owned(),
    };
    let picked = match view.engine {
        Some(_) => "The",
        None => {
            "The engine is the one with the highest mean Sharpe of its windows, picked after the fact, which flatters \
             it: the"
        }
    };
    document.paragraph(format!(
        "Yearly return of {whose} less that of the filtered universe in equal parts. {picked} last columns span all \
         engines of a profile.",
    ));
    let meta = &view.tournament.meta;
    let baseline = view.filtered();
    let mut table = Table::new([
        Column::text("Profile"),
        Column::text("Engine"),
        Column::percent("Ann. Return", 2),
        Column::percent("Opt. Alpha", 2).signed(),
        Column::percent("Over raw pool", 2).signed(),
        Column::percent("Lowest Alpha", 2).signed(),
        Column::percent("Highest Alpha", 2).signed(),
        Column::integer("Engines"),
        Column::integer("Windows"),
        Column::integer("Days"),
        Column::text("Basis"),
        Column::text("Doubts"),
    ]);
    for line in lines {
        let entry = line.entry;
        table.row([
            entry.profile.to_uppercase().into(),
            entry.engine.as_str().into(),
            entry.summary.annual_return.into(),
            line.alpha.into(),
            line.alpha.zip(baselines.selection).map(|(weights, selection)| weights + selection).into(),
            line.range.map(|(low, _)| low).into(),
            line.range.map(|(_, high)| high).into(),
            Cell::Integer(line.engines as i64),
            Cell::Integer(entry.windows.len() as i64),
            doubts::days(entry, meta).into(),
            entry.summary.basis.text().into(),
            doubts::of(entry, baseline, meta, notes).into(),
        ]);
    }
    document.push(table);
    let mut chart =
        Chart::bar("What selection and weighting added", lines.iter().map(|line| line.entry.profile.as_str()))
            .with_axes("Profile", "Yearly return")
            .with_format(ColumnFormat::Percent, 2);
    if let Some(selection) = baselines.selection {
        chart.values("Selection alpha", lines.iter().map(|_| selection));
    }
    chart.values("Optimization alpha", lines.iter().map(|line| line.alpha.unwrap_or(f64::NAN)));
    document.push(chart);
}
