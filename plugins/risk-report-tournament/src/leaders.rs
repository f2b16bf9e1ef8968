//! The leaders: the best engine of each profile in one simulator, and its mean window return by regime.

use forensic_guest_sdk::{Cell, Column, Document, Severity, Table};
use forensic_plugin_kit::suite::{Entry, Tournament, choice};
use forensic_plugin_kit::{order, sections, stats, words};

/// Baselines, which come first.
const BASELINES: [&str; 3] = ["market", "benchmark", "raw_pool_ew"];
/// Columns of regimes at most.
const REGIMES: usize = 12;

pub(crate) fn write(document: &mut Document, tournament: &Tournament, simulator: Option<&str>) {
    document.heading(2, "Leaders and regimes");
    let Some(simulator) = tournament.simulator(simulator) else {
        document.paragraph("No simulator has results, so there is no leader.");
        return;
    };
    let in_simulator = tournament.of(simulator);
    let mut lines: Vec<&Entry> =
        BASELINES.iter().filter_map(|profile| choice::baseline(&in_simulator, profile)).collect();
    let mut profiles: Vec<&str> = in_simulator.iter().map(|entry| entry.profile.as_str()).collect();
    profiles.sort_unstable();
    profiles.dedup();
    lines.extend(profiles.into_iter().filter_map(|profile| choice::best(&in_simulator, profile)));
    if lines.is_empty() {
        document.paragraph(format!("No profile has results in the simulator {simulator}."));
        return;
    }
    document.paragraph(format!(
        "Simulator {simulator}. The engine of each profile is the one with the highest mean Sharpe of its windows, \
         picked after the fact; the last columns are mean returns of its windows by regime.",
    ));
    draw(document, &lines, tournament.notes.id());
}

fn draw(document: &mut Document, lines: &[&Entry], id: &str) {
    let mut regimes: Vec<&str> =
        lines.iter().flat_map(|entry| &entry.windows).filter_map(|window| window.regime.as_deref()).collect();
    regimes.sort_unstable();
    regimes.dedup();
    let hidden = regimes.len().saturating_sub(REGIMES);
    regimes.truncate(REGIMES);
    let mut columns = vec![
        Column::text("Profile"),
        Column::text("Engine"),
        Column::number("Sharpe (mean of windows)", 2),
        Column::percent("Return", 2),
    ];
    columns.extend(regimes.iter().map(|regime| Column::percent(*regime, 4)));
    let mut table = Table::new(columns);
    let mut unnamed = 0;
    for entry in lines {
        let mut returns: Vec<(&str, Vec<f64>)> = Vec::new();
        for window in &entry.windows {
            match window.regime.as_deref().zip(window.returns) {
                Some((regime, value)) => order::entry(&mut returns, regime).push(value),
                None => unnamed += 1,
            }
        }
        let mut cells: Vec<Cell> = vec![
            words::title_case(&entry.profile).into(),
            entry.engine.as_str().into(),
            entry.summary.window_sharpe.into(),
            entry.summary.annual_return.into(),
        ];
        cells.extend(regimes.iter().map(|regime| {
            let values = returns.iter().find(|(name, _)| name == regime).map(|(_, values)| values.as_slice());
            Cell::from(values.and_then(stats::mean))
        }));
        table.row(cells);
    }
    document.push(table);
    if regimes.is_empty() {
        sections::trouble(
            document,
            Severity::Info,
            id,
            "No window names its regime, so there are no returns by regime.",
        );
    } else if unnamed > 0 {
        let windows = sections::count(unnamed, "window");
        sections::trouble(
            document,
            Severity::Warning,
            id,
            &format!("{windows} without a regime or a return not counted."),
        );
    }
    if hidden > 0 {
        document.paragraph(format!("{} not shown.", sections::count(hidden, "more regime")));
    }
}
