//! What earned a sleeve's return: selecting the assets, or weighting them?

mod doubts;
mod selection;
mod view;
mod weighting;

use forensic_guest_sdk::{Document, Host, KeyValue, PluginError, PluginInfo, ReportPlugin, Request, export_plugin};
use forensic_plugin_kit::{Config, Inputs, sections, suite, words};

use crate::view::View;

/// The plugin `risk.report_attribution`.
pub struct ReportAttribution;

impl ReportPlugin for ReportAttribution {
    fn describe() -> PluginInfo {
        PluginInfo::new(
            "risk.report_attribution",
            env!("CARGO_PKG_VERSION"),
            "Selection or weighting: what earned a sleeve's return",
        )
    }

    fn render(request: &Request, host: &dyn Host) -> Result<Document, PluginError> {
        let config = Config::read(request, &["dir", "simulator", "engine", "periods_per_year"])?;
        let dir = config.folder("dir", "data")?;
        let (simulator, engine) = (config.text("simulator")?, config.text("engine")?);
        let periods = suite::periods_per_year(&config)?;
        let files = Inputs::new(host);
        let mut document = Document::new("Alpha attribution");
        sections::title_block(&mut document, host, Vec::new());
        let mut tournament = suite::load(&files, &dir, periods, &mut document)?;
        let mut notes = tournament.take_notes();

        let view = View::new(&tournament, simulator.as_deref(), engine.as_deref());
        context(&mut document, &view);
        notes.write(&mut document);
        let baselines = selection::write(&mut document, &view, &mut notes);
        weighting::write(&mut document, &view, &baselines, &mut notes);
        sections::inputs(&mut document, &files);
        Ok(document)
    }
}

/// What the page looks at, and how the numbers were made.
fn context(document: &mut Document, view: &View<'_>) {
    document.heading(2, "Context");
    let meta = &view.tournament.meta;
    let picked = match view.engine {
        Some(engine) => format!("{engine}, set in the config"),
        None => "the highest mean Sharpe of its windows, picked after the fact".into(),
    };
    document.key_values([
        KeyValue::text("Simulator", view.simulator),
        KeyValue::text("Engine of each profile", picked),
        KeyValue::number("Test window (days)", meta.test, 0),
        KeyValue::number("Step size (days)", meta.step, 0),
        words::timestamp("Results made", meta.generated.as_deref()),
        KeyValue::text("Shape of the results", view.tournament.shape),
        KeyValue::text("Annualization", view.tournament.annualization.as_str()),
    ]);
}

export_plugin!(ReportAttribution);
