//! Who won a sleeve's tournament, and what the numbers rest on.

mod fidelity;
mod leaders;
mod standings;

use forensic_guest_sdk::{
    Block, Document, Host, KeyValue, PluginError, PluginInfo, ReportPlugin, Request, export_plugin,
};
use forensic_plugin_kit::suite::{self, Tournament};
use forensic_plugin_kit::{Config, Inputs, sections, words};

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
        let config = Config::read(request, &["dir", "periods_per_year", "simulator"])?;
        let dir = config.folder("dir", "data")?;
        let simulator = config.text("simulator")?;
        let periods = suite::periods_per_year(&config)?;
        let files = Inputs::new(host);
        let mut document = Document::new("Tournament");
        sections::title_block(&mut document, host, Vec::new());
        let mut tournament = suite::load(&files, &dir, periods, &mut document)?;

        context(&mut document, host, &tournament);
        tournament.notes.write(&mut document);
        fidelity::write(&mut document, &mut tournament);
        standings::write(&mut document, &mut tournament);
        leaders::write(&mut document, &tournament, simulator.as_deref());
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

export_plugin!(ReportTournament);
