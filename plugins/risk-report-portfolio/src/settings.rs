//! The report stage's config.

use forensic_guest_sdk::{HealthDetail, PluginError, Request};
use forensic_plugin_kit::{Config, config};

/// All keys.
const KEYS: &[&str] = &["dir", "benchmark", "periods_per_year", "pipeline_health"];

/// The config, read and checked.
pub(crate) struct Settings {
    /// Where the sleeve's files are, below the run directory.
    pub(crate) dir: String,
    /// A column of the returns.
    pub(crate) benchmark: Option<String>,
    /// Instead of the rule on dates.
    pub(crate) periods_per_year: Option<f64>,
    /// How much of Pipeline Health to show.
    pub(crate) health: HealthDetail,
}

impl Settings {
    pub(crate) fn read(request: &Request) -> Result<Self, PluginError> {
        let config = Config::read(request, KEYS)?;
        let periods_per_year = config.number("periods_per_year")?;
        if periods_per_year.is_some_and(|periods| !(periods > 0.0 && periods.is_finite())) {
            return Err(config::invalid("`periods_per_year` must be above 0"));
        }
        let health = match config.text("pipeline_health")?.as_deref() {
            Some("headline") => HealthDetail::Headline,
            None | Some("stages") => HealthDetail::Stages,
            Some("full") => HealthDetail::Full,
            Some(other) => {
                let text = format!("`pipeline_health` must be `headline`, `stages` or `full`, not {other:?}");
                return Err(config::invalid(text));
            }
        };
        Ok(Self { dir: config.folder("dir", "data")?, benchmark: config.text("benchmark")?, periods_per_year, health })
    }
}
