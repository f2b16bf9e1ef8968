//! Risk fidelity: whether a portfolio's volatility follows from how concentrated it is.

use forensic_guest_sdk::{Cell, Column, Document, Severity, Table};
use forensic_plugin_kit::suite::{Tournament, Window};
use forensic_plugin_kit::{order, sections, stats};

/// More windows than this are needed.
const FEW: usize = 5;
/// Below this the volatility does not hang on concentration.
const LOOSE: f64 = 0.3;

struct Line<'t> {
    engine: &'t str,
    profile: &'t str,
    correlation: Option<f64>,
    windows: usize,
    covered: Option<f64>,
    partial: bool,
}

pub(crate) fn write(document: &mut Document, tournament: &mut Tournament) {
    document.heading(2, "Risk fidelity");
    let mut pools: Vec<((&str, &str), Vec<&Window>)> = Vec::new();
    for entry in tournament.entries.iter().filter(|entry| !entry.is_baseline()) {
        order::entry(&mut pools, (entry.engine.as_str(), entry.profile.as_str())).extend(&entry.windows);
    }
    let (mut lines, mut few) = (Vec::new(), Vec::new());
    let mut gaps: Vec<(&'static str, String)> = Vec::new();
    for ((engine, profile), windows) in order::sorted(pools, |a, b| a.0.cmp(&b.0)) {
        let name = format!("{engine} / {profile}");
        let without_vol = windows.iter().filter(|window| window.vol.is_none()).count();
        let without_weights = windows.iter().filter(|window| window.weights.is_none()).count();
        if without_vol > 0 {
            gaps.push(("Windows without vol left out of the risk fidelity", format!("{name} ({without_vol})")));
        }
        if without_weights > 0 {
            gaps.push(("Windows without weights left out of the risk fidelity", format!("{name} ({without_weights})")));
        }
        let usable: Vec<(f64, &[f64], &Window)> =
            windows.iter().filter_map(|window| Some((window.vol?, window.weights.as_deref()?, *window))).collect();
        if usable.len() <= FEW {
            few.push(format!("{name} ({})", usable.len()));
            continue;
        }
        let vol: Vec<f64> = usable.iter().map(|(vol, _, _)| *vol).collect();
        let hhi: Vec<f64> =
            usable.iter().map(|(_, weights, _)| weights.iter().map(|weight| weight * weight).sum()).collect();
        let covered: Vec<f64> = usable.iter().map(|(_, weights, _)| weights.iter().sum()).collect();
        let partial =
            usable.iter().any(|(_, weights, window)| window.assets.is_some_and(|assets| assets > weights.len() as i64));
        let correlation = stats::pearson(&vol, &hhi);
        lines.push(Line {
            engine,
            profile,
            correlation,
            windows: usable.len(),
            covered: stats::mean(&covered),
            partial,
        });
    }
    // By strength, rising; unknown last.
    let weakness = |line: &Line<'_>| line.correlation.map(|correlation| -correlation.abs());
    let lines = order::sorted(lines, |a, b| order::falling(weakness(a), weakness(b)));
    if lines.is_empty() {
        let sentence = format!("No engine and profile has more than {FEW} windows with volatility and weights.");
        sections::trouble(document, Severity::Info, tournament.notes.id(), &sentence);
    } else {
        draw(document, &lines);
    }
    if !few.is_empty() {
        document.paragraph(format!("Left out, with {FEW} usable windows or fewer: {}.", few.join(", ")));
    }
    for (what, name) in gaps {
        tournament.notes.warn(what, name);
    }
    tournament.notes.write(document);
}

fn draw(document: &mut Document, lines: &[Line<'_>]) {
    let mut table = Table::new([
        Column::text("Engine"),
        Column::text("Profile"),
        Column::number("Vol-HHI Corr", 4),
        Column::text("Fidelity"),
        Column::integer("Windows"),
        Column::percent("Weight covered", 1),
    ]);
    for line in lines {
        let fidelity = |correlation: f64| if correlation.abs() < LOOSE { "High (Structural)" } else { "Standard" };
        table.row([
            line.engine.into(),
            line.profile.into(),
            line.correlation.into(),
            line.correlation.map(fidelity).into(),
            Cell::Integer(line.windows as i64),
            line.covered.into(),
        ]);
    }
    document.push(table);
    if lines.iter().any(|line| line.partial) {
        document.paragraph(
            "HHI is the sum of squared weights of the assets that a window lists, the first five at most. Windows \
             here hold more, so it is a lower bound; \"Weight covered\" is the mean weight that it sees.",
        );
    }
    if lines.iter().any(|line| line.correlation.is_none()) {
        document.paragraph("N/A: volatility or HHI is the same in all windows, so there is no correlation.");
    }
}
