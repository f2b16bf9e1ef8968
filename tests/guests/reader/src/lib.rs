//! A plugin that reads every span of a trace and says how many there were: `{"records": "spans", "page": 1000}`. The benchmark
//! `plugin_call` measures with it what a record costs on its way to a guest.

use std::hint::black_box;

use forensic_guest_sdk::{
    Config, Document, Host, PluginError, PluginInfo, ReportPlugin, Request, SpanQuery, export_plugin,
};

/// The plugin.
pub struct Reader;

impl ReportPlugin for Reader {
    fn describe() -> PluginInfo {
        PluginInfo::new("bench.reader", "0.1.0", "Reads every span")
    }

    fn render(request: &Request, host: &dyn Host) -> Result<Document, PluginError> {
        let mut config = Config::read(request)?;
        let records = config.text("records", "spans")?;
        let page = config.integer("page", 1_000, 1..=u32::MAX.into())? as u32;
        config.finish()?;
        let read = match records.as_str() {
            "spans" => spans,
            "times" => times,
            other => return Err(PluginError::InvalidConfig(format!("`records` is {other:?}"))),
        };
        let mut document = Document::new("Reader");
        document.paragraph(read(host, page).to_string());
        Ok(document)
    }
}

/// Every span as a record.
fn spans(host: &dyn Host, page: u32) -> usize {
    let (mut count, mut next) = (0, Some(0));
    while let Some(cursor) = next {
        let answer = black_box(host.spans(&SpanQuery::all(), cursor, page));
        count += answer.spans.len();
        next = answer.next;
    }
    count
}

/// The times of every span, as columns.
fn times(host: &dyn Host, page: u32) -> usize {
    let (mut count, mut next) = (0, Some(0));
    while let Some(cursor) = next {
        let answer = black_box(host.times(&SpanQuery::all(), cursor, page));
        count += answer.start_times.len();
        next = answer.next;
    }
    count
}

export_plugin!(Reader);
