//! One return series of a sleeve, measured: ratios, months, years and drawdowns, beside its benchmark.
//!
//! - [`metrics`], [`calendar`] and [`drawdowns`] compute, and know nothing of pages;
//! - the rest picks the series and draws.

mod benchmark;
pub mod calendar;
mod chosen;
pub mod drawdowns;
mod history;
mod measures;
pub mod metrics;
mod sample;

use forensic_guest_sdk::{Document, Host, PluginError, PluginInfo, ReportPlugin, Request, Severity, export_plugin};
use forensic_plugin_kit::{Config, Inputs, config, sections, suite};

/// The plugin `risk.report_tearsheet`.
pub struct ReportTearsheet;

/// The config, read and checked.
struct Settings {
    dir: String,
    /// Name in the index; the tournament's best if absent.
    series: Option<String>,
    /// Where the best is looked for; the suite's usual one if absent.
    simulator: Option<String>,
    /// A column of the returns matrix.
    benchmark: Option<String>,
    periods_per_year: Option<f64>,
    /// Months, years and drawdowns too.
    full: bool,
}

impl Settings {
    fn read(request: &Request) -> Result<Self, PluginError> {
        let config = Config::read(request, &["dir", "series", "simulator", "mode", "benchmark", "periods_per_year"])?;
        let full = match config.text("mode")?.as_deref() {
            None | Some("full") => true,
            Some("metrics") => false,
            Some(other) => return Err(config::invalid(format!("`mode` must be `full` or `metrics`, not {other:?}"))),
        };
        let (series, simulator) = (config.text("series")?, config.text("simulator")?);
        if series.is_some() && simulator.is_some() {
            return Err(config::invalid("`simulator` says where the best series is looked for; `series` names one"));
        }
        Ok(Self {
            dir: config.folder("dir", "data")?,
            series,
            simulator,
            benchmark: config.text("benchmark")?,
            periods_per_year: suite::periods_per_year(&config)?,
            full,
        })
    }
}

impl ReportPlugin for ReportTearsheet {
    fn describe() -> PluginInfo {
        PluginInfo::new(
            "risk.report_tearsheet",
            env!("CARGO_PKG_VERSION"),
            "One return series, measured: ratios, months, years and drawdowns",
        )
    }

    fn render(request: &Request, host: &dyn Host) -> Result<Document, PluginError> {
        let settings = Settings::read(request)?;
        let files = Inputs::new(host);
        let mut document = Document::new(String::new());
        sections::title_block(&mut document, host, Vec::new());
        let chosen = chosen::choose(&files, &settings, &mut document)?;
        document.title = chosen.title();
        let sample = sample::load(&files, &settings, &chosen, &mut document)?;
        sample::context(&mut document, &chosen, &sample);

        measures::write(&mut document, &sample);
        if settings.full {
            history::growth(&mut document, &sample);
            history::months(&mut document, &sample);
            history::years(&mut document, &sample);
            history::drawdowns(&mut document, &sample);
        }
        sections::inputs(&mut document, &files);
        Ok(document)
    }
}

/// An empty section's one sentence, which is also a finding.
fn empty(document: &mut Document, subject: &str, sentence: &str) {
    sections::trouble(document, Severity::Warning, subject, sentence);
}

export_plugin!(ReportTearsheet);
