//! The report on a meta portfolio.

use forensic_guest_sdk::{Document, HealthDetail, Host, PluginError, PluginInfo, ReportPlugin, Request, export_plugin};

/// The plugin `risk.report_meta`.
pub struct ReportMeta;

impl ReportPlugin for ReportMeta {
    fn describe() -> PluginInfo {
        PluginInfo::new("risk.report_meta", env!("CARGO_PKG_VERSION"), "The report on a meta portfolio")
    }

    fn render(_request: &Request, _host: &dyn Host) -> Result<Document, PluginError> {
        let mut document = Document::new("Meta portfolio");
        document.pipeline_health(HealthDetail::Headline);
        Ok(document)
    }
}

export_plugin!(ReportMeta);
