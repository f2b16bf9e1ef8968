//! What a sleeve's selection took, what it refused and why, and how its modes differ, from the audit that it wrote.

mod audit;
mod context;
mod modes;
mod vetoes;
mod winners;

use forensic_guest_sdk::{Document, Host, PluginError, PluginInfo, ReportPlugin, Request, export_plugin};
use forensic_plugin_kit::{Config, Inputs, Notes, inputs, json, sections};

/// The audit of the selection: the main input.
const AUDIT: &str = "selection_audit.json";

/// The plugin `alpha.report_selection`.
pub struct ReportSelection;

impl ReportPlugin for ReportSelection {
    fn describe() -> PluginInfo {
        PluginInfo::new(
            "alpha.report_selection",
            env!("CARGO_PKG_VERSION"),
            "What a sleeve's selection took, what it refused, and how its modes differ",
        )
    }

    fn render(request: &Request, host: &dyn Host) -> Result<Document, PluginError> {
        let config = Config::read(request, &["dir"])?;
        let dir = config.folder("dir", "data")?;
        let files = Inputs::new(host);
        let unusable = |sentence: String| PluginError::MissingData(format!("{sentence}."));
        let id = inputs::join(&dir, AUDIT);
        let parsed = files.json(&id).map_err(|error| unusable(error.explain()))?;
        if !parsed.value.is_object() {
            return Err(unusable(format!("{id} must be an object, not {}", json::kind(&parsed.value))));
        }

        let mut document = Document::new("Selection");
        sections::title_block(&mut document, host, Vec::new());
        sections::not_finite(&mut document, &id, parsed.not_finite);
        let mut notes = Notes::new(&id);
        let audit = audit::Audit::read(&parsed.value, &mut notes);
        context::write(&mut document, &audit, &mut notes);
        winners::write(&mut document, &audit, &notes, &files, &dir);
        winners::scores(&mut document, &audit, &mut notes);
        vetoes::write(&mut document, &audit, &mut notes);
        modes::write(&mut document, &audit, &mut notes);
        sections::inputs(&mut document, &files);
        Ok(document)
    }
}

export_plugin!(ReportSelection);
