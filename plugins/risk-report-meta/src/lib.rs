//! The report on a meta portfolio: `builtin:risk.report_meta`.
//!
//! One module a section, in the order of the report: `tournament`, `sign_test`, then for each risk profile
//! `completeness`, `performance`, `allocation`; then `sleeves` with what `health` and `ledger` read.
//! Whatever is missing or bad is a sentence in its section and a finding; only a bad config stops the report.
//!
//! Config, all keys optional: `meta_profile` (text, `meta_production`), `profiles` (list of risk profiles in the order of
//! the report; without it those that have a `meta_optimized` file), `dir` (folder of the files, `data`).

mod allocation;
mod canonical;
mod completeness;
mod config;
mod ledger;
mod performance;
mod profile;
mod sign_test;
mod sleeves;
mod tournament;

use forensic_guest_sdk::{
    Document, HealthDetail, Host, KeyValue, PluginError, PluginInfo, ReportPlugin, Request, Severity, export_plugin,
};
use forensic_plugin_kit::inputs::Inputs;
use forensic_plugin_kit::sections;

use crate::config::Settings;
use crate::profile::Profile;

/// The plugin `risk.report_meta`.
pub struct ReportMeta;

impl ReportPlugin for ReportMeta {
    fn describe() -> PluginInfo {
        PluginInfo::new("risk.report_meta", env!("CARGO_PKG_VERSION"), "The report on a meta portfolio")
    }

    fn render(request: &Request, host: &dyn Host) -> Result<Document, PluginError> {
        let inputs = Inputs::new(host);
        let settings = Settings::read(request, &inputs)?;
        let profiles: Vec<Profile> =
            settings.profiles.iter().map(|name| Profile::read(name, &settings, &inputs)).collect();
        let factor = performance::annualization(&profiles);

        let mut document = Document::new("Multi-sleeve meta portfolio");
        let mut title = vec![
            KeyValue::text("Meta profile", settings.meta_profile.as_str()),
            KeyValue::text("Risk profiles", (!profiles.is_empty()).then(|| settings.profiles.join(", "))),
        ];
        title.push(KeyValue::text(
            "Annualization factor",
            factor.as_ref().map(|(factor, _)| format!("{:.0} ({})", factor.factor, factor.reason)),
        ));
        sections::title_block(&mut document, host, title);
        title_troubles(&mut document, &settings, &profiles, factor.as_ref().map_or(&[][..], |(_, others)| others));
        // The host draws a heading of its own.
        if host.run().is_err() {
            document.heading(2, "Pipeline Health");
        }
        sections::pipeline_health(&mut document, host, HealthDetail::Full);
        tournament::section(&mut document, &settings, &inputs);
        sign_test::section(&mut document, &settings, &inputs);
        for profile in &profiles {
            document.heading(2, format!("Risk profile {}", profile.name));
            completeness::origin(&mut document, profile, &settings, host);
            completeness::section(&mut document, profile);
            performance::section(&mut document, profile, factor.as_ref().map(|(factor, _)| *factor));
            allocation::sleeves(&mut document, profile);
            allocation::correlations(&mut document, profile);
            allocation::holdings(&mut document, profile);
        }
        let members = sleeves::members(&profiles);
        sleeves::data_health(&mut document, &members, &inputs);
        sleeves::anomalies(&mut document, &members, &settings.profiles, &inputs);
        sections::inputs(&mut document, &inputs);
        Ok(document)
    }
}

/// What concerns the report as a whole.
fn title_troubles(document: &mut Document, settings: &Settings, profiles: &[Profile], other_factors: &[String]) {
    let meta = &settings.meta_profile;
    if profiles.iter().all(|profile| profile.optimized.get().is_none()) {
        let text = match profiles.len() {
            0 => format!(
                "The config names no risk profiles, and no file {} is there: there is nothing to report on {meta}.",
                settings.file(&format!("meta_optimized_{meta}_<profile>.json"))
            ),
            _ => {
                format!("No risk profile of {meta} has usable optimized weights: the report shows what else there is.")
            }
        };
        sections::trouble(document, Severity::Error, meta, &text);
    } else if settings.found {
        document.paragraph("The config names no risk profiles: these are the ones that have optimized weights.");
    }
    if !other_factors.is_empty() {
        let text = format!("One annualization factor serves the whole report, though {}.", other_factors.join(", "));
        sections::trouble(document, Severity::Warning, meta, &text);
    }
}

export_plugin!(ReportMeta);
