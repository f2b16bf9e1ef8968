//! The standings: one table a profile, best Sharpe first.

use forensic_guest_sdk::{Cell, Column, Document, Severity, Table};
use forensic_plugin_kit::suite::{Basis, Entry, Tournament};
use forensic_plugin_kit::{order, sections, words};

pub(crate) fn write(document: &mut Document, tournament: &mut Tournament) {
    let (profiles, simulators) = (tournament.profiles(), tournament.simulators());
    let mut without = Vec::new();
    let mut drawn = false;
    for profile in &profiles {
        let mut rows: Vec<&Entry> = Vec::new();
        for simulator in &simulators {
            let wanted = |entry: &&Entry| entry.profile == *profile && entry.simulator == *simulator;
            let engines =
                order::sorted(tournament.entries.iter().filter(wanted).collect(), |a, b| a.engine.cmp(&b.engine));
            rows.extend(engines.into_iter().filter(|entry| entry.has_summary()));
        }
        if rows.is_empty() {
            without.push(profile.as_str());
            continue;
        }
        let rows = order::sorted(rows, |a, b| order::falling(a.summary.window_sharpe, b.summary.window_sharpe));
        document.heading(2, format!("{} standings", words::title_case(profile)));
        draw(document, &rows);
        drawn = true;
    }
    if !drawn {
        document.heading(2, "Standings");
        let sentence = "The results hold no row of any profile.";
        sections::trouble(document, Severity::Warning, tournament.notes.id(), sentence);
    } else if !without.is_empty() && tournament.meta.profiles.is_some() {
        document.paragraph(format!("Played by the meta part, and without a row: {}.", without.join(", ")));
    }
    if !tournament.skipped.is_empty() {
        document.paragraph(format!("Engines that were skipped: {}.", tournament.skipped.join(", ")));
    }
    remarks(tournament);
    tournament.notes.write(document);
}

fn draw(document: &mut Document, rows: &[&Entry]) {
    let mut table = Table::new([
        Column::text("Engine"),
        Column::text("Simulator"),
        Column::number("Sharpe (mean of windows)", 6),
        Column::percent("Return", 2),
        Column::percent("Vol", 2),
        Column::percent("MDD", 2),
        Column::percent("Turnover", 2),
        Column::number("Sharpe (whole series)", 4),
        Column::integer("Windows"),
        Column::text("Basis"),
        Column::text("Details"),
    ]);
    for entry in rows {
        let summary = &entry.summary;
        let mark = if summary.clipped.is_empty() { "" } else { ", clipped" };
        table.row([
            entry.engine.as_str().into(),
            entry.simulator.as_str().into(),
            summary.window_sharpe.into(),
            summary.annual_return.into(),
            summary.volatility.into(),
            summary.drawdown.into(),
            summary.turnover.into(),
            summary.sharpe.into(),
            Cell::Integer(entry.windows.len() as i64),
            format!("{}{mark}", summary.basis.text()).into(),
            entry.series.as_deref().into(),
        ]);
    }
    document.push(table);
}

/// What the reader must know of the tables: gaps, limits, unlisted names.
fn remarks(tournament: &mut Tournament) {
    let notes = &mut tournament.notes;
    for entry in &tournament.entries {
        let summary = &entry.summary;
        if !entry.has_summary() {
            continue;
        }
        let name = entry.name();
        if !summary.clipped.is_empty() {
            notes.warn(
                "At a limit of the producer or of the formulas",
                format!("{name} ({})", summary.clipped.join(", ")),
            );
        }
        for (what, known) in [
            ("avg_window_sharpe", summary.window_sharpe),
            ("annualized_return", summary.annual_return),
            ("annualized_vol", summary.volatility),
            ("max_drawdown", summary.drawdown),
            ("avg_turnover", summary.turnover),
        ] {
            if known.is_none() {
                notes.warn(format!("N/A because the results have no {what}"), &name);
            }
        }
        if summary.sharpe.is_none() {
            let what = match summary.basis {
                Basis::Windows => "No Sharpe of the whole series, for there is none to compute it from",
                _ => "No Sharpe of the whole series",
            };
            notes.add(Severity::Info, what, &name);
        }
        if entry.series.is_none() {
            notes.add(Severity::Info, "Details are N/A, for no return series is known", &name);
        }
    }
    let unlisted =
        |listed: &Option<Vec<String>>, name: &String| listed.as_ref().is_some_and(|listed| !listed.contains(name));
    for entry in &tournament.entries {
        if unlisted(&tournament.meta.profiles, &entry.profile) {
            notes.warn("Profiles with results that the meta part does not list", &entry.profile);
        }
        if unlisted(&tournament.meta.simulators, &entry.simulator) {
            notes.warn("Simulators with results that the meta part does not list", &entry.simulator);
        }
    }
}
