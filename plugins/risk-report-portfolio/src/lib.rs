//! One sleeve's portfolio: system health, clusters, risk profiles and the candidates they were chosen from.

mod book;
mod candidates;
mod class;
mod clusters;
mod exposure;
mod health;
mod market;
mod profile;
mod settings;

use forensic_guest_sdk::{Block, Document, Host, PluginError, PluginInfo, ReportPlugin, Request, export_plugin};
use forensic_plugin_kit::{Inputs, Notes, inputs, json, sections, words};
use serde_json::Value;

use crate::book::Profile;
use crate::candidates::Candidates;
use crate::market::Market;
use crate::settings::Settings;

/// The optimized weights: the main input.
const OPTIMIZED: &str = "portfolio_optimized_v2.json";
/// Returns by date and symbol.
const RETURNS: &str = "returns_matrix.csv";
/// What the portfolio was chosen from.
const CANDIDATES: &str = "portfolio_candidates.json";
/// Tail statistics by symbol.
const FRAGILITY: &str = "antifragility_stats.json";

/// The plugin `risk.report_portfolio`.
pub struct ReportPortfolio;

impl ReportPlugin for ReportPortfolio {
    fn describe() -> PluginInfo {
        PluginInfo::new(
            "risk.report_portfolio",
            env!("CARGO_PKG_VERSION"),
            "One sleeve's portfolio: health, clusters, risk profiles, candidates",
        )
    }

    fn render(request: &Request, host: &dyn Host) -> Result<Document, PluginError> {
        let settings = Settings::read(request)?;
        let files = Inputs::new(host);
        let id = inputs::join(&settings.dir, OPTIMIZED);
        let unusable = |sentence: String| PluginError::MissingData(format!("{sentence}."));
        let optimized = files.json(&id).map_err(|error| unusable(error.explain()))?;
        let root = &optimized.value;
        if !root.is_object() {
            return Err(unusable(format!("{id} must be an object, not {}", json::kind(root))));
        }

        let mut document = Document::new("Portfolio");
        let mut notes = Notes::new(&id);
        title(&mut document, host, root);
        sections::not_finite(&mut document, &id, optimized.not_finite);

        let profiles = Profile::all(root, &mut notes);
        let market = Market::load(&files, &settings, root, &profiles);
        let candidates = Candidates::load(&files, &inputs::join(&settings.dir, CANDIDATES));

        health::write(&mut document, host, &settings, root, &mut notes, &profiles, &market);
        let fragility = inputs::join(&settings.dir, FRAGILITY);
        clusters::write(&mut document, root, &mut notes, &files, &fragility, &candidates);
        if profiles.is_empty() {
            document.heading(2, "Risk profiles");
            sections::trouble(
                &mut document,
                forensic_guest_sdk::Severity::Warning,
                &id,
                "The file holds no risk profile.",
            );
        }
        for profile in &profiles {
            profile::write(&mut document, profile, &market, &mut notes);
        }
        candidates.write(&mut document);
        sections::inputs(&mut document, &files);
        Ok(document)
    }
}

/// The run, and when the weights were made.
fn title(document: &mut Document, host: &dyn Host, root: &Value) {
    let metadata = root.get("metadata").unwrap_or(&Value::Null);
    let text = |key| json::text(metadata, key);
    let mut first = Vec::new();
    if let Some(sleeve) = text("sleeve") {
        first.push(forensic_guest_sdk::KeyValue::text("Sleeve", sleeve));
    }
    sections::title_block(document, host, first);
    document.push(Block::KeyValues(vec![words::timestamp("Weights made", text("generated_at"))]));
}

export_plugin!(ReportPortfolio);
