//! The decisions of a sleeve from discovery to optimization, from the audit that its stages wrote.

mod optimization;
mod selection;

use forensic_guest_sdk::{
    Block, Document, Host, PluginError, PluginInfo, ReportPlugin, Request, Severity, export_plugin,
};
use forensic_plugin_kit::{Config, Inputs, Notes, inputs, json, sections, words};

/// The audit of the selection: the main input.
const AUDIT: &str = "selection_audit.json";
/// The optimized weights, for what the audit does not say of the optimization.
const OPTIMIZED: &str = "portfolio_optimized_v2.json";

/// The plugin `alpha.report_decisions`.
pub struct ReportDecisions;

impl ReportPlugin for ReportDecisions {
    fn describe() -> PluginInfo {
        PluginInfo::new(
            "alpha.report_decisions",
            env!("CARGO_PKG_VERSION"),
            "The decisions of a sleeve from discovery to optimization",
        )
    }

    fn render(request: &Request, host: &dyn Host) -> Result<Document, PluginError> {
        let config = Config::read(request, &["dir"])?;
        let dir = config.folder("dir", "data")?;
        let files = Inputs::new(host);
        let unusable = |sentence: String| PluginError::MissingData(format!("{sentence}."));

        let id = inputs::join(&dir, AUDIT);
        let audit = files.json(&id).map_err(|error| unusable(error.explain()))?;
        if !audit.value.is_object() {
            return Err(unusable(format!("{id} must be an object, not {}", json::kind(&audit.value))));
        }

        let mut document = Document::new("Selection and optimization decisions");
        let mut notes = Notes::new(&id);
        let timestamp = words::timestamp("Audit timestamp", notes.text(&audit.value, &["timestamp"], ""));
        document.push(Block::KeyValues(vec![timestamp]));
        sections::not_finite(&mut document, &id, audit.not_finite);
        notes.write(&mut document);

        selection::discovery(&mut document, &audit.value, &mut notes);
        selection::merging(&mut document, &audit.value, &mut notes);
        selection::winners(&mut document, &audit.value, &mut notes);
        optimization::write(&mut document, &audit.value, &mut notes, &files, &inputs::join(&dir, OPTIMIZED));
        sections::inputs(&mut document, &files);
        Ok(document)
    }
}

/// An empty section's one sentence, which is also a finding.
fn empty(document: &mut Document, notes: &Notes, sentence: &str) {
    sections::trouble(document, Severity::Warning, notes.id(), sentence);
}

export_plugin!(ReportDecisions);
