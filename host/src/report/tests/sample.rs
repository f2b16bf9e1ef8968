//! Inputs that the tests share.

use super::super::{Baseline, Failure, LogTail, PluginIdentity, ReportInput, RunFacts, Section, Status, Typical};
use crate::plugin::LogLine;
use crate::plugin::document::*;
use crate::trace::{Columns, Inside, Run, Summary, Trace, inside, summarize_run};
use serde_json::{Value, json};

/// What a [`ReportInput`] borrows from.
#[derive(Default)]
pub(super) struct Sample {
    pub(super) record: RunFacts,
    pub(super) traced: Option<(Run, Summary, Inside)>,
    pub(super) columns: Option<Columns>,
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
        let inside = inside(&trace, &run);
        let columns = Some(Columns::of(&trace, &run, &summary));
        Self { traced: Some((run, summary, inside)), columns, ..Self::default() }
    }

    /// [`FAILED`] with the spans that its stages sent, and with what their attempts used.
    pub(super) fn instrumented() -> Self {
        let mut spans: Vec<Value> = serde_json::from_str(FAILED).expect("JSON");
        for span in &mut spans {
            let attributes = span["attributes"].as_object_mut().expect("an object");
            let resources = match (&attributes["forensic.kind"], &attributes.get("forensic.stage.id")) {
                (Value::String(kind), Some(Value::String(stage))) if kind == "attempt" => match &**stage {
                    "sleeve.long" => {
                        json!({"forensic.tree_peak_memory_bytes": 31_000_000, "forensic.tree_memory_samples": 39,
                        "forensic.io.read_bytes": 12_345_678, "forensic.io.written_bytes": 0,
                        "forensic.io.read_chars": 45_000_000, "forensic.io.written_chars": 1_024,
                        "forensic.context_switches.voluntary": 1_234, "forensic.context_switches.involuntary": 56})
                    }
                    "meta.aggregation" if attributes["forensic.attempt"] == 2 => json!({"forensic.oom_killed": true,
                        "forensic.tree_peak_memory_bytes": 2_147_483_648u64, "forensic.tree_memory_samples": 63}),
                    _ => continue,
                },
                _ => continue,
            };
            attributes.extend(resources.as_object().expect("an object").clone());
        }
        // Parents by id, in hexadecimal.
        let attempt_2 = "a0b1c2d300000008";
        spans.extend([
            sent(1, "a0b1c2d300000003", ("sleeve.long", 1), "main", 300, 3_900),
            sent(2, "1", ("sleeve.long", 1), "load prices", 310, 1_310),
            sent(3, "2", ("sleeve.long", 1), "GET /prices", 320, 700),
            sent(4, "2", ("sleeve.long", 1), "GET /prices", 700, 1_300),
            sent(5, "1", ("sleeve.long", 1), "fit", 1_400, 3_880),
            sent(6, "5", ("sleeve.long", 1), "fold", 1_500, 2_700),
            sent(7, "5", ("sleeve.long", 1), "fold", 1_600, 2_800),
            sent(8, "a0b1c2d300000007", ("meta.aggregation", 1), "main", 4_200, 6_400),
            failed(sent(9, "8", ("meta.aggregation", 1), "load", 4_300, 6_390), "ConnectionError: refused"),
            failed(sent(10, "99", ("meta.aggregation", 2), "load", 8_000, 8_400), "ConnectionError: refused once"),
            sent(11, attempt_2, ("meta.aggregation", 2), "fold | \u{202e}<b>returns</b>", 8_400, 13_950),
            failed(sent(12, "b", ("meta.aggregation", 2), "allocate", 13_000, 13_890), "MemoryError: 1.9 GiB"),
        ]);
        Self::of_trace(&Value::Array(spans).to_string())
    }

    /// The worked example of `DESIGN` 6.
    pub(super) fn worked() -> Self {
        let mut sample = Self::of_trace(include_str!("../../trace/testdata/worked_example.json"));
        let wall = [26_150, 25_900, 26_800, 26_100, 26_400].map(|ms| ms * 1_000_000);
        // C is slower than ever, D faster, G as always; of H there is but one run.
        let stages: [(&str, &[u64]); 7] = [
            ("A", &[4_000, 3_990, 4_010, 4_000, 4_020, 3_980]),
            ("B", &[2_000, 1_500, 2_600, 1_900, 2_300]),
            ("C", &[8_100, 8_000, 8_050, 8_200, 8_150]),
            ("D", &[9_500, 9_600, 9_450, 9_550, 9_500]),
            ("F", &[5_000, 5_100, 4_900, 5_050, 4_950]),
            ("G", &[9_950, 9_900, 10_100, 9_980, 10_020]),
            ("H", &[2_900]),
        ];
        let typical = |ms: &[u64]| Typical::of(&ms.iter().map(|ms| ms * 1_000_000).collect::<Vec<_>>()).expect("some");
        sample.baseline = Some(Baseline {
            run_id: "20251231T000000Z-before".into(),
            wall: Typical::of(&wall),
            stages: stages.map(|(id, ms)| (id.to_owned(), typical(ms))).to_vec(),
            gone: vec!["Z".into()],
            new: vec!["E".into(), "S".into()],
            partial: false,
        });
        sample
    }

    pub(super) fn input(&self) -> ReportInput<'_> {
        ReportInput {
            record: &self.record,
            summary: self.traced.as_ref().map(|(_, summary, _)| summary),
            trace_problem: self.problem.as_deref(),
            run: self.traced.as_ref().map(|(run, ..)| run),
            inside: self.traced.as_ref().map(|(.., inside)| inside),
            columns: self.columns.as_ref(),
            tails: &self.tails,
            baseline: self.baseline.as_ref(),
            sections: &self.sections,
        }
    }
}

/// A run whose middle stage is killed on its second attempt, which keeps two others from running.
pub(super) const FAILED: &str = include_str!("../testdata/failed_run.trace.json");

/// A span from an attempt; times in ms after the start of [`FAILED`].
pub(super) fn sent(id: u64, parent: &str, (stage, attempt): (&str, u64), name: &str, start: u64, end: u64) -> Value {
    let at = |ms: u64| 1_767_225_600_000_000_000 + ms * 1_000_000;
    json!({"name": name, "start_time": at(start), "end_time": at(end), "status": "Success",
        "attributes": {"forensic.origin": "otlp", "forensic.stage.id": stage, "forensic.attempt": attempt},
        "trace_id": "5b8aa5a2d2c872e8321cf37308d69df2", "span_id": format!("{id:016x}"),
        "parent_span_id": format!("{parent:0>16}")})
}

pub(super) fn failed(mut span: Value, message: &str) -> Value {
    span["status"] = "Error".into();
    span["status_message"] = message.into();
    span
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
    Column { title: title.into(), format, decimals, unit: String::new(), signed, align_right }
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
                KeyValue {
                    key: "profile".into(),
                    value: text("meta_production"),
                    format: F::Text,
                    decimals: 0,
                    unit: String::new(),
                },
                KeyValue {
                    key: "turnover".into(),
                    value: Cell::Number(0.183),
                    format: F::Percent,
                    decimals: 1,
                    unit: "a day".into(),
                },
            ]),
            Block::Callout(Callout {
                severity: Severity::Warning,
                text: "Sleeve short has 12 days of data.\nIt counts half.".into(),
            }),
            Block::Code(CodeBlock { language: "json".into(), text: "{ \"gross\": 1.0 }\n".into() }),
            Block::Chart(Chart {
                title: "Equity".into(),
                kind: ChartKind::Line,
                format: ColumnFormat::Number,
                decimals: 2,
                x_is_time: false,
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
                format: ColumnFormat::Number,
                decimals: 2,
                x_is_time: false,
                x_title: "Asset".into(),
                y_title: String::new(),
                unit: String::new(),
                labels: vec!["BTC".into(), "ETH".into()],
                series: vec![Series { name: "weight".into(), x: vec![0., 1.], y: vec![0.6, 0.4] }],
            }),
            Block::Chart(Chart {
                title: "Correlation of returns".into(),
                kind: ChartKind::HeatMap,
                format: F::Number,
                decimals: 2,
                x_is_time: false,
                x_title: "Asset".into(),
                y_title: String::new(),
                unit: String::new(),
                labels: vec!["BTC".into(), "ETH".into(), "SOL".into()],
                series: vec![
                    Series { name: "BTC".into(), x: vec![0., 1., 2.], y: vec![1.0, 0.82, -0.11] },
                    Series { name: "ETH".into(), x: vec![0., 1., 2.], y: vec![0.82, 1.0, f64::NAN] },
                ],
            }),
            Block::Chart(Chart {
                title: "Slippage".into(),
                kind: ChartKind::Scatter,
                format: F::Percent,
                decimals: 1,
                x_is_time: true,
                x_title: "Fill".into(),
                y_title: "Against mid".into(),
                unit: String::new(),
                labels: vec![],
                series: vec![Series {
                    name: "fills".into(),
                    x: (0..6).map(|hour| 1_767_225_600e9 + 3_600e9 * f64::from(hour)).collect(),
                    y: vec![0.001, -0.002, 0.0005, 0.004, -0.001, 0.002],
                }],
            }),
            Block::Links(vec![
                Link {
                    text: "How weights are made".into(),
                    target: LinkTarget::Address("https://a.example/x?y=1&z=2".into()),
                },
                Link { text: "This report".into(), target: LinkTarget::Report("risk.report_meta".into()) },
                Link { text: "No such report".into(), target: LinkTarget::Report("gone".into()) },
            ]),
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
