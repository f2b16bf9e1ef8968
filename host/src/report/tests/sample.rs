//! Inputs that the tests share.

use super::super::{Baseline, Failure, LogTail, PluginIdentity, ReportInput, RunFacts, Section, Status};
use crate::plugin::LogLine;
use crate::plugin::document::*;
use crate::trace::{Run, Summary, Trace, summarize_run};

/// What a [`ReportInput`] borrows from.
#[derive(Default)]
pub(super) struct Sample {
    pub(super) record: RunFacts,
    pub(super) traced: Option<(Run, Summary)>,
    pub(super) problem: Option<String>,
    pub(super) tails: Vec<LogTail>,
    pub(super) baseline: Option<Baseline>,
    pub(super) sections: Vec<Section>,
}

impl Sample {
    pub(super) fn of_trace(json: &str) -> Self {
        let trace = Trace::from_slice(json.as_bytes()).expect("a trace");
        let run = Run::of(&trace);
        let summary = summarize_run(&trace, &run);
        Self { traced: Some((run, summary)), ..Self::default() }
    }

    /// The worked example of `DESIGN` 6.
    pub(super) fn worked() -> Self {
        let mut sample = Self::of_trace(include_str!("../../trace/testdata/worked_example.json"));
        let stages = [("A", 4_000), ("B", 2_000), ("C", 8_100), ("D", 8_000), ("G", 9_950), ("H", 3_000), ("Z", 1_000)];
        sample.baseline = Some(Baseline {
            run_id: "20251231T000000Z-before".into(),
            wall_ns: 26_150_000_000,
            stages: stages.map(|(id, ms)| (id.to_owned(), ms * 1_000_000)).to_vec(),
        });
        sample
    }

    pub(super) fn input(&self) -> ReportInput<'_> {
        ReportInput {
            record: &self.record,
            summary: self.traced.as_ref().map(|(_, summary)| summary),
            trace_problem: self.problem.as_deref(),
            run: self.traced.as_ref().map(|(run, _)| run),
            tails: &self.tails,
            baseline: self.baseline.as_ref(),
            sections: &self.sections,
        }
    }
}

pub(super) fn section(report_id: &str, document: Document) -> Section {
    Section {
        report_id: report_id.into(),
        plugin: PluginIdentity {
            source: format!("builtin:{report_id}"),
            name: report_id.into(),
            version: "0.1.0".into(),
            title: "Meta portfolio, risk and pipeline health".into(),
            digest: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".into(),
        },
        status: Status::Ok,
        fails_run: false,
        fuel: 1_234_567,
        limits_hit: vec![],
        log: vec![],
        log_dropped: 0,
        document: Some(document),
    }
}

pub(super) fn failed_section(report_id: &str) -> Section {
    Section {
        status: Status::Failed(Failure {
            text: "The plugin crashed: it panicked: index out of bounds, in acme::Report::render".into(),
            operator: Some("The run itself is not touched; this is a fault of the plugin.".into()),
            author: Some("return a `plugin-error` where an input may be bad, and keep panics for bugs.".into()),
        }),
        limits_hit: vec![
            "limit `log` (text that a plugin logs) is 64KiB; raise it with `limits.log`, up to 1MiB".into(),
        ],
        log: vec![
            LogLine { level: Level::Info, text: "reading data/sleeves.json".into() },
            LogLine { level: Level::Error, text: "index out of bounds: the len is 3 but the index is 3".into() },
        ],
        log_dropped: 2,
        document: None,
        fuel: 98_765,
        ..section(report_id, document(vec![]))
    }
}

pub(super) fn document(blocks: Vec<Block>) -> Document {
    Document { title: String::new(), blocks, findings: vec![] }
}

pub(super) fn column(title: &str, format: ColumnFormat, decimals: u8, signed: bool) -> Column {
    let align_right = !matches!(format, ColumnFormat::Text | ColumnFormat::Bar);
    Column { title: title.into(), format, decimals, signed, align_right }
}

/// One of everything.
pub(super) fn everything() -> Document {
    use ColumnFormat as F;
    let text = |text: &str| Cell::Text(text.into());
    let status = |severity, text: &str| Cell::Status(StatusCell { severity, text: text.into() });
    Document {
        title: "Meta portfolio: sleeves & risk".into(),
        blocks: vec![
            Block::PipelineHealth(HealthDetail::Headline),
            Block::Heading(Heading { level: 1, text: "Sleeves".into() }),
            Block::Paragraph(
                "Two sleeves, equal risk.\nWeights are those of the last rebalance.\n\nAll returns are net.".into(),
            ),
            Block::Bullets(vec!["long: momentum".into(), "short: carry, <2 % of NAV".into()]),
            Block::Table(Table {
                caption: "Performance by sleeve".into(),
                columns: vec![
                    column("Sleeve", F::Text, 0, false),
                    column("Status", F::Text, 0, false),
                    column("Sharpe", F::Number, 2, true),
                    column("Return", F::Percent, 1, true),
                    column("Fit time", F::Duration, 0, false),
                    column("Model", F::Bytes, 0, false),
                    column("As of", F::Time, 0, false),
                    column("Weight", F::Bar, 0, false),
                ],
                rows: vec![
                    vec![
                        text("sleeve.long"),
                        status(Severity::Info, "healthy"),
                        Cell::Number(1.234),
                        Cell::Number(0.0712),
                        Cell::Integer(1_530_000_000),
                        Cell::Integer(12_345_678),
                        Cell::Integer(1_767_225_600_000_000_000),
                        Cell::Number(0.65),
                    ],
                    vec![
                        text("sleeve.short"),
                        status(Severity::Warning, "thin data"),
                        Cell::Number(-0.4),
                        Cell::Number(-0.012),
                        Cell::Integer(42_000_000),
                        Cell::None,
                        Cell::Integer(1_767_225_600_000_000_000),
                        Cell::Number(f64::NAN),
                    ],
                ],
            }),
            Block::Heading(Heading { level: 2, text: "Settings".into() }),
            Block::KeyValues(vec![
                KeyValue { key: "profile".into(), value: text("meta_production"), format: F::Text, decimals: 0 },
                KeyValue { key: "turnover".into(), value: Cell::Number(0.183), format: F::Percent, decimals: 1 },
            ]),
            Block::Callout(Callout {
                severity: Severity::Warning,
                text: "Sleeve short has 12 days of data.\nIt counts half.".into(),
            }),
            Block::Code(CodeBlock { language: "json".into(), text: "{ \"gross\": 1.0 }\n".into() }),
            Block::Chart(Chart {
                title: "Equity".into(),
                kind: ChartKind::Line,
                x_title: "Day".into(),
                y_title: "Value".into(),
                unit: "USD".into(),
                labels: vec![],
                series: vec![
                    Series {
                        name: "long".into(),
                        x: (0..8).map(f64::from).collect(),
                        y: vec![100., 101., 99.5, 103., 104., 103.2, 106., 108.25],
                    },
                    Series {
                        name: "short".into(),
                        x: (0..8).map(f64::from).collect(),
                        y: vec![100., 99., 98., f64::NAN, 97., 97.5, 96., 95.],
                    },
                ],
            }),
            Block::Chart(Chart {
                title: "Weights".into(),
                kind: ChartKind::Bar,
                x_title: "Asset".into(),
                y_title: String::new(),
                unit: String::new(),
                labels: vec!["BTC".into(), "ETH".into()],
                series: vec![Series { name: "weight".into(), x: vec![0., 1.], y: vec![0.6, 0.4] }],
            }),
            Block::PipelineHealth(HealthDetail::Stages),
        ],
        findings: vec![
            Finding { severity: Severity::Info, subject: "sleeve.long".into(), text: "Nothing to do.".into() },
            Finding {
                severity: Severity::Error,
                subject: "sleeve.short".into(),
                text: "Drawdown of 12 % is beyond 10 %.".into(),
            },
        ],
    }
}
