//! Executive summary: the best engine of each profile.

use forensic_guest_sdk::{Chart, Column, Document, Table};
use forensic_plugin_kit::{order, sections, words};

use crate::source::{Leader, Leaders, Source};

/// Rows of the table at most.
const ROWS: usize = 200;

pub(crate) fn write(document: &mut Document, sources: &[Source]) {
    document.heading(2, "Executive summary");
    let found: Vec<(&Source, &Leaders)> =
        sources.iter().filter_map(|source| Some((source, source.leaders.as_ref().ok()?))).collect();
    let rows: Vec<(&Source, &Leaders, &Leader)> =
        found.iter().flat_map(|(source, leaders)| leaders.rows.iter().map(|row| (*source, *leaders, row))).collect();
    if rows.is_empty() {
        document.paragraph("No profile has an engine with results, so there is no leader; the guardrails say why.");
        return;
    }
    document.paragraph(
        "The engine with the highest mean Sharpe of its windows for each profile, in the simulator named. It is picked \
         after the fact, which flatters it.",
    );
    let mut table = Table::new([
        Column::text("Folder"),
        Column::text("Profile"),
        Column::text("Engine"),
        Column::text("Simulator"),
        Column::number("Sharpe (mean of windows)", 2),
        Column::percent("Ann. Return", 2),
        Column::percent("MDD", 2),
        Column::integer("Windows"),
        Column::text("Basis"),
    ]);
    for (source, leaders, row) in rows.iter().take(ROWS) {
        table.row([
            source.name.as_str().into(),
            words::title_case(&row.profile).into(),
            row.engine.as_str().into(),
            leaders.simulator.as_deref().into(),
            row.sharpe.into(),
            row.annual_return.into(),
            row.drawdown.into(),
            (row.windows as i64).into(),
            row.basis.as_str().into(),
        ]);
    }
    document.push(table);
    if rows.len() > ROWS {
        document.paragraph(format!("{} not shown.", sections::count(rows.len() - ROWS, "more row")));
    }
    chart(document, &found);
    let mut factors: Vec<(&str, Vec<&str>)> = Vec::new();
    for (source, leaders) in &found {
        order::entry(&mut factors, leaders.annualization.as_str()).push(&source.name);
    }
    for (factor, names) in factors {
        document.paragraph(format!("Annualization of {}: {factor}.", names.join(", ")));
    }
}

/// Sharpe ratios: a matrix of profiles and folders, or bars where there is one folder.
fn chart(document: &mut Document, found: &[(&Source, &Leaders)]) {
    let mut profiles: Vec<(&str, ())> = Vec::new();
    for (_, leaders) in found {
        leaders.rows.iter().for_each(|row| *order::entry(&mut profiles, row.profile.as_str()) = ());
    }
    let sharpe = |leaders: &Leaders, profile: &str| {
        leaders.rows.iter().find(|row| row.profile == profile).and_then(|row| row.sharpe).unwrap_or(f64::NAN)
    };
    let title = "Best mean Sharpe of the windows";
    if let [(_, leaders)] = found {
        let names = profiles.iter().map(|(profile, ())| words::title_case(profile));
        let mut chart = Chart::bar(title, names).with_axes("Profile", "Sharpe (mean of windows)");
        chart.values("Sharpe", profiles.iter().map(|(profile, ())| sharpe(leaders, profile)));
        document.push(chart);
        return;
    }
    let mut chart =
        Chart::heat_map(title, found.iter().map(|(source, _)| source.name.as_str())).with_axes("Folder", "Profile");
    for (profile, ()) in &profiles {
        chart.values(words::title_case(profile), found.iter().map(|(_, leaders)| sharpe(leaders, profile)));
    }
    document.push(chart);
}
