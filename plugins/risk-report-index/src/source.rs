//! What one folder of the run holds: a tournament's leaders and its data health.

use forensic_guest_sdk::{Document, PluginError};
use forensic_plugin_kit::health::{self, Counts};
use forensic_plugin_kit::suite::{self, choice};
use forensic_plugin_kit::{InputError, Inputs, order};

/// One folder.
pub(crate) struct Source {
    /// Its path, or `run directory`.
    pub(crate) name: String,
    pub(crate) leaders: Result<Leaders, String>,
    pub(crate) health: Result<Counts, InputError>,
}

/// The best engine of each profile.
pub(crate) struct Leaders {
    pub(crate) simulator: Option<String>,
    pub(crate) rows: Vec<Leader>,
    /// Engines and profiles in all simulators.
    pub(crate) entries: usize,
    pub(crate) annualization: String,
}

/// A profile's best engine.
pub(crate) struct Leader {
    pub(crate) profile: String,
    pub(crate) engine: String,
    pub(crate) sharpe: Option<f64>,
    pub(crate) annual_return: Option<f64>,
    pub(crate) drawdown: Option<f64>,
    pub(crate) windows: usize,
    /// Basis of the numbers, and that some are clipped.
    pub(crate) basis: String,
}

impl Source {
    pub(crate) fn read(files: &Inputs<'_>, dir: &str, simulator: Option<&str>, periods: Option<f64>) -> Self {
        let name = if dir.is_empty() { "run directory".to_owned() } else { dir.to_owned() };
        Self { name, leaders: leaders(files, dir, simulator, periods), health: health::read(files, dir) }
    }
}

fn leaders(files: &Inputs<'_>, dir: &str, simulator: Option<&str>, periods: Option<f64>) -> Result<Leaders, String> {
    // What is odd about the results is the tournament's page's to say.
    let mut aside = Document::new("");
    let tournament = suite::load(files, dir, periods, &mut aside).map_err(|error| match error {
        PluginError::MissingData(text) | PluginError::InvalidConfig(text) | PluginError::Internal(text) => text,
    })?;
    let simulator = tournament.simulator(simulator);
    let entries = simulator.map(|simulator| tournament.of(simulator)).unwrap_or_default();
    let mut profiles: Vec<(&str, ())> = Vec::new();
    for entry in &entries {
        order::entry(&mut profiles, entry.profile.as_str());
    }
    let row = |(profile, ()): &(&str, ())| {
        let entry = choice::best(&entries, profile)?;
        let summary = &entry.summary;
        let clipped = if summary.clipped.is_empty() { "" } else { ", clipped" };
        Some(Leader {
            profile: entry.profile.clone(),
            engine: entry.engine.clone(),
            sharpe: summary.window_sharpe,
            annual_return: summary.annual_return,
            drawdown: summary.drawdown,
            windows: entry.windows.len(),
            basis: format!("{}{clipped}", summary.basis.text()),
        })
    };
    Ok(Leaders {
        simulator: simulator.map(str::to_owned),
        rows: profiles.iter().filter_map(row).collect(),
        entries: tournament.entries.len(),
        annualization: tournament.annualization.clone(),
    })
}
