//! The entry page of a run: what came of it, whether its data can be trusted, where the time went, and what to read.

mod guardrails;
mod pages;
mod source;
mod summary;
mod timing;

use forensic_guest_sdk::{Document, Host, PluginError, PluginInfo, ReportPlugin, Request, export_plugin};
use forensic_plugin_kit::{Config, Inputs, config, inputs, sections, suite};

use crate::source::Source;

/// The plugin `risk.report_index`.
pub struct ReportIndex;

impl ReportPlugin for ReportIndex {
    fn describe() -> PluginInfo {
        PluginInfo::new(
            "risk.report_index",
            env!("CARGO_PKG_VERSION"),
            "The entry page: leaders, guardrails, where the time went, all pages",
        )
    }

    fn render(request: &Request, host: &dyn Host) -> Result<Document, PluginError> {
        let config = Config::read(request, &["dir", "dirs", "pages", "simulator", "periods_per_year"])?;
        let dirs = folders(&config)?;
        let pages = config.texts("pages")?.unwrap_or_default();
        let simulator = config.text("simulator")?;
        let periods = suite::periods_per_year(&config)?;
        let files = Inputs::new(host);

        let mut document = Document::new("Overview");
        sections::title_block(&mut document, host, Vec::new());
        // A broken sleeve is a line here and never the end of the page that leads to all others.
        let sources: Vec<Source> =
            dirs.iter().map(|dir| Source::read(&files, dir, simulator.as_deref(), periods)).collect();
        summary::write(&mut document, &sources);
        guardrails::write(&mut document, host, &sources);
        pages::write(&mut document, &pages, &request.report_id);
        timing::write(&mut document, host);
        pages::artifacts(&mut document, host);
        sections::inputs(&mut document, &files);
        Ok(document)
    }
}

/// The folders of the sleeves: `dirs`, or `dir` alone, or `data`.
fn folders(config: &Config) -> Result<Vec<String>, PluginError> {
    let Some(list) = config.texts("dirs")? else { return Ok(vec![config.folder("dir", "data")?]) };
    if config.text("dir")?.is_some() {
        return Err(config::invalid("`dir` and `dirs` are both set: `dirs` alone names several folders"));
    }
    let mut folders: Vec<String> = Vec::new();
    for text in list {
        let folder = inputs::below_run(&text)
            .ok_or_else(|| config::invalid(format!("`dirs` must be folders below the run directory, not {text:?}")))?;
        if folders.contains(&folder) {
            return Err(config::invalid(format!("`dirs` names {folder:?} twice")));
        }
        folders.push(folder);
    }
    if folders.is_empty() { Err(config::invalid("`dirs` must name a folder")) } else { Ok(folders) }
}

export_plugin!(ReportIndex);
