//! What the members of a sleeve's clusters have in common: sectors, correlation, volatility, and what is inside.
//!
//! - [`linkage`] and [`correlation`] compute, and know nothing of pages;
//! - the rest reads the files and draws.

pub mod correlation;
mod details;
pub mod linkage;
mod measure;
mod model;
mod overview;
mod pictures;
mod units;

use forensic_guest_sdk::{Document, Host, KeyValue, PluginError, PluginInfo, ReportPlugin, Request, export_plugin};
use forensic_plugin_kit::{Config, Inputs, sections, suite};

/// The plugin `alpha.report_clusters`.
pub struct ReportClusters;

impl ReportPlugin for ReportClusters {
    fn describe() -> PluginInfo {
        PluginInfo::new(
            "alpha.report_clusters",
            env!("CARGO_PKG_VERSION"),
            "What the members of a sleeve's clusters have in common",
        )
    }

    fn render(request: &Request, host: &dyn Host) -> Result<Document, PluginError> {
        let config = Config::read(request, &["dir", "periods_per_year"])?;
        let dir = config.folder("dir", "data")?;
        let periods = suite::periods_per_year(&config)?;
        let files = Inputs::new(host);
        let mut document = Document::new("Clusters");
        sections::title_block(&mut document, host, Vec::new());
        let mut book = model::load(&files, &dir, periods, &mut document)?;

        let annualization = book.returns.as_ref().ok().map(|returns| returns.annualization);
        let factor = annualization.map(|found| format!("{} periods a year: {}", found.factor, found.reason));
        document.key_values([
            KeyValue::number("Clusters", book.clusters.len() as i64, 0),
            KeyValue::number("Rows of returns", book.returns.as_ref().ok().map(|found| found.frame.len() as i64), 0),
            KeyValue::text("Annualization", factor),
        ]);
        let measured = measure::all(&mut book);
        overview::write(&mut document, &book, &measured);
        book.notes.write(&mut document);
        pictures::correlations(&mut document, &book);
        pictures::scatter(&mut document, &mut book);
        units::write(&mut document, &book);
        details::write(&mut document, &book, &measured);
        sections::inputs(&mut document, &files);
        Ok(document)
    }
}

export_plugin!(ReportClusters);
