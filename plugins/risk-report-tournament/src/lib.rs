//! Who won a sleeve's tournament, and what the numbers rest on.

mod fidelity;
mod flat;
mod leaders;
mod model;
mod nested;
mod series;
mod source;
mod standings;

use forensic_guest_sdk::{
    Block, Document, Host, KeyValue, PluginError, PluginInfo, ReportPlugin, Request, export_plugin,
};
use forensic_plugin_kit::{Config, Inputs, config, sections, words};

use crate::model::{Entry, Tournament};

/// The plugin `risk.report_tournament`.
pub struct ReportTournament;

impl ReportPlugin for ReportTournament {
    fn describe() -> PluginInfo {
        PluginInfo::new(
            "risk.report_tournament",
            env!("CARGO_PKG_VERSION"),
            "Who won a sleeve's tournament, by profile, engine and simulator",
        )
    }

    fn render(request: &Request, host: &dyn Host) -> Result<Document, PluginError> {
        let config = Config::read(request, &["dir", "periods_per_year"])?;
        let dir = config.folder("dir", "data")?;
        let periods = config.number("periods_per_year")?;
        if periods.is_some_and(|periods| !(periods > 0.0 && periods.is_finite())) {
            return Err(config::invalid("`periods_per_year` must be above 0"));
        }
        let files = Inputs::new(host);
        let mut document = Document::new("Tournament");
        sections::title_block(&mut document, host, Vec::new());
        let mut tournament = source::load(&files, &dir, periods, &mut document)?;

        context(&mut document, host, &tournament);
        tournament.notes.write(&mut document);
        fidelity::write(&mut document, &mut tournament);
        standings::write(&mut document, &mut tournament);
        leaders::write(&mut document, &mut tournament);
        sections::inputs(&mut document, &files);
        Ok(document)
    }
}

/// How the tournament was played.
fn context(document: &mut Document, host: &dyn Host, tournament: &Tournament) {
    document.heading(2, "Context");
    let meta = &tournament.meta;
    let list = |names: Vec<&str>| if names.is_empty() { None } else { Some(names.join(", ")) };
    document.push(Block::KeyValues(vec![
        KeyValue::text("Run ID", host.run().ok().map(|run| run.id)),
        KeyValue::number("Train window (days)", meta.train, 0),
        KeyValue::number("Test window (days)", meta.test, 0),
        KeyValue::number("Step size (days)", meta.step, 0),
        KeyValue::text("Simulators", list(tournament.distinct(|entry| &entry.simulator))),
        KeyValue::text("Engines", list(tournament.distinct(|entry| &entry.engine))),
        words::timestamp("Results made", meta.generated.as_deref()),
        KeyValue::text("Shape of the results", tournament.shape),
        KeyValue::text("Annualization", tournament.annualization.as_str()),
    ]));
    if host.run().is_err() {
        document.paragraph("The run ID is N/A because the trace is missing or unreadable.");
    }
}

impl Tournament {
    /// Distinct names, sorted.
    fn distinct<'t>(&'t self, of: impl Fn(&'t Entry) -> &'t String) -> Vec<&'t str> {
        let mut names: Vec<&str> = self.entries.iter().map(|entry| of(entry).as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

export_plugin!(ReportTournament);
