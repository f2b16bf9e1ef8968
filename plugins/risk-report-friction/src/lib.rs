//! What trading costs took: the same decisions in a simulator without costs and in one with them.

mod pairs;
mod table;

use forensic_guest_sdk::{
    Document, Host, KeyValue, PluginError, PluginInfo, ReportPlugin, Request, Severity, export_plugin,
};
use forensic_plugin_kit::suite::{self, choice};
use forensic_plugin_kit::{Config, Inputs, config, sections, words};

/// The plugin `risk.report_friction`.
pub struct ReportFriction;

impl ReportPlugin for ReportFriction {
    fn describe() -> PluginInfo {
        PluginInfo::new(
            "risk.report_friction",
            env!("CARGO_PKG_VERSION"),
            "What trading costs took from a sleeve's results",
        )
    }

    fn render(request: &Request, host: &dyn Host) -> Result<Document, PluginError> {
        let config = Config::read(request, &["dir", "ideal", "real", "periods_per_year"])?;
        let dir = config.folder("dir", "data")?;
        let ideal = config.text("ideal")?.unwrap_or_else(|| choice::IDEAL.into());
        let real = config.text("real")?.unwrap_or_else(|| choice::REAL.into());
        if ideal == real {
            return Err(config::invalid(format!("`ideal` and `real` are both {ideal:?}: two simulators are compared")));
        }
        let periods = suite::periods_per_year(&config)?;
        let files = Inputs::new(host);
        let mut document = Document::new("Slippage and costs");
        sections::title_block(&mut document, host, Vec::new());
        let mut tournament = suite::load(&files, &dir, periods, &mut document)?;
        let mut notes = tournament.take_notes();

        document.heading(2, "Context");
        let played = tournament.distinct(|entry| &entry.simulator);
        document.key_values([
            KeyValue::text("Ideal simulator", ideal.as_str()),
            KeyValue::text("Real simulator", real.as_str()),
            KeyValue::number("Test window (days)", tournament.meta.test, 0),
            words::timestamp("Results made", tournament.meta.generated.as_deref()),
            KeyValue::text("Shape of the results", tournament.shape),
            KeyValue::text("Annualization", tournament.annualization.as_str()),
        ]);
        notes.write(&mut document);

        document.heading(2, "Return and Sharpe decay");
        let absent: Vec<&str> = [&*ideal, &*real].into_iter().filter(|name| !played.contains(name)).collect();
        if absent.is_empty() {
            let found = pairs::find(&tournament.of(&ideal), &tournament.of(&real));
            table::write(&mut document, &found, [&ideal, &real], &mut notes);
        } else {
            let there = if played.is_empty() { "none at all".to_owned() } else { played.join(", ") };
            let sentence = format!(
                "Insufficient data: two simulators are compared, and there are no results of {}. There are results of: \
                 {there}. The config's `ideal` and `real` name the two.",
                absent.join(" and "),
            );
            sections::trouble(&mut document, Severity::Warning, notes.id(), &sentence);
        }
        sections::inputs(&mut document, &files);
        Ok(document)
    }
}

export_plugin!(ReportFriction);
