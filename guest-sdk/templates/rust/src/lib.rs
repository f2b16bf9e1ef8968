//! The report `acme.slowest`: which stages took longest, and whether one of them takes too much of the run.
//!
//! `render` is all that a report is made by. It sees the run's trace and the files it was granted through `host`, and
//! returns blocks that the host draws; the same run gives the same report.

use forensic_guest_sdk::{
    Attribute, Cell, Chart, Column, ColumnFormat, Config, Document, HealthDetail, Host, Level, PluginError, PluginInfo,
    ReportPlugin, Request, Severity, StageSummary, Table, export_plugin,
};

/// What the config of the report stage says; every key may be left out.
struct Settings {
    /// Stages in the table.
    top: usize,
    /// Share of the run, from 0 to 1, above which a stage is a finding.
    warn_share: f64,
}

impl Settings {
    fn read(request: &Request) -> Result<Self, PluginError> {
        let mut config = Config::read(request)?;
        let top = config.integer("top", 10, 1..=100)? as usize;
        let warn_share = config.number("warn_share", 0.5, 0.0..=1.0)?;
        config.finish()?; // a key that nobody asked for is an error
        Ok(Self { top, warn_share })
    }
}

/// The plugin.
pub struct Slowest;

impl ReportPlugin for Slowest {
    fn describe() -> PluginInfo {
        PluginInfo::new("acme.slowest", env!("CARGO_PKG_VERSION"), "The slowest stages of a run")
    }

    fn render(request: &Request, host: &dyn Host) -> Result<Document, PluginError> {
        let settings = Settings::read(request)?;
        let mut document = Document::new("Slowest stages");
        match host.run() {
            Ok(run) => {
                document.pipeline_health(HealthDetail::Headline);
                ranking(&mut document, host, &settings, run.wall_ns);
            }
            // A run without a trace still deserves a report that says so.
            Err(error) => {
                let why = format!("No stages to rank: {}.", error.explain());
                document.callout(Severity::Warning, &why).finding(Severity::Warning, "forensic_trace.json", why);
            }
        }
        files(&mut document, host)?;
        Ok(document)
    }
}

fn ranking(document: &mut Document, host: &dyn Host, settings: &Settings, wall_ns: u64) {
    let mut stages = host.all_stages();
    let total = stages.len();
    // A span of the plugin's own work: it shows in the run's trace, below the call of this plugin.
    let span = host.start_span("rank stages", &[Attribute::integer("stages", total as i64)]);
    stages.sort_unstable_by(|a, b| b.duration_ns.cmp(&a.duration_ns).then_with(|| a.id.cmp(&b.id)));
    stages.truncate(settings.top);
    span.end();
    host.log(Level::Info, &format!("ranked {total} stages"));

    let share = |stage: &StageSummary| (wall_ns > 0).then(|| stage.duration_ns as f64 / wall_ns as f64);
    let mut table = Table::new([
        Column::text("Stage"),
        Column::text("Result"),
        Column::duration("Duration"),
        Column::percent("Share of run", 1),
        Column::integer("Attempts"),
        Column::bytes("Peak memory"),
        Column::text("Critical"),
    ])
    .with_caption(format!("The {} slowest of {total} stages", stages.len()));
    for stage in &stages {
        let good = ["success", "skip"].contains(&&*stage.outcome);
        table.row([
            Cell::from(&*stage.id),
            Cell::status(if good { Severity::Info } else { Severity::Error }, &stage.outcome),
            Cell::from(stage.duration_ns as i64),
            Cell::from(share(stage)),
            Cell::from(i64::from(stage.attempts)),
            Cell::from(stage.peak_memory_bytes.map(|bytes| bytes as i64)),
            Cell::from(if stage.critical { "yes" } else { "no" }),
        ]);
    }
    document.push(table);

    let mut chart = Chart::bar("Duration of the slowest stages", stages.iter().map(|stage| &*stage.id))
        .with_axes("stage", "duration")
        .with_format(ColumnFormat::Duration, 0);
    chart.values("duration", stages.iter().map(|stage| stage.duration_ns as f64));
    document.push(chart);

    for stage in &stages {
        if let Some(share) = share(stage).filter(|share| *share > settings.warn_share) {
            let percent = |share: f64| (share * 100.0).round() as i64;
            let text =
                format!("It took {} % of the run; `warn_share` is {} %.", percent(share), percent(settings.warn_share));
            document.finding(Severity::Warning, &stage.id, text);
        }
    }
}

/// The files that the pipeline's owner granted with `artifacts = […]`.
fn files(document: &mut Document, host: &dyn Host) -> Result<(), PluginError> {
    document.heading(2, "Files");
    let files = host.artifacts();
    if files.is_empty() {
        document.paragraph("No file was granted, or none of them exists.");
        return Ok(());
    }
    let mut table = Table::new([Column::text("File"), Column::bytes("Size"), Column::integer("Lines")]);
    for file in files {
        let bytes = host.read_all(&file.id).map_err(PluginError::MissingData)?.unwrap_or_default();
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        table.row([Cell::from(file.id), Cell::from(file.size as i64), Cell::from(lines as i64)]);
    }
    document.push(table);
    Ok(())
}

export_plugin!(Slowest);
