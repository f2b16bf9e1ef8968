//! `forensic_report.json`, `forensic.report/1`: all numbers unrounded, what is not finite as null, the same bytes for the
//! same input. A table's row stands on one line, so that a person can read the file, too.

use super::columns::RunJson;
use super::frame::level;
use super::health::{baseline_json, failures_json, inside_json, notes, resources_json, workers_json};
use super::{FindingCounts, ReportInput, Section, Status};
use crate::plugin::document::{
    Block, Cell, ChartKind, Column, ColumnFormat, Document, Finding, HealthDetail, KeyValue, LinkTarget, Severity,
};
use crate::trace::{Columns, Summary};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// Name and version of the format.
pub(super) const SCHEMA: &str = "forensic.report/1";

/// The whole file, with its last line break.
pub(super) fn report(input: &ReportInput<'_>, findings: FindingCounts, columns: Option<&Columns>) -> String {
    let report = Report {
        schema: SCHEMA,
        run: RunJson::of(input),
        summary: input.summary,
        trace_problem: input.trace_problem.filter(|_| input.summary.is_none()),
        baseline: baseline_json(input),
        failures: failures_json(input),
        resources: resources_json(input),
        workers: workers_json(input),
        inside: inside_json(input),
        findings,
        reports: input.sections.iter().map(section).collect(),
        notes: notes(input),
        columns,
    };
    // Keys are texts and nothing in here fails to serialise; should that change, it is a bug that a reader must see.
    serde_json::to_string_pretty(&report)
        .unwrap_or_else(|error| format!("{{\"schema\":\"{SCHEMA}\",\"error\":{:?}}}", error.to_string()))
        + "\n"
}

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    run: RunJson<'a>,
    summary: Option<&'a Summary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_problem: Option<&'a str>,
    baseline: Option<super::health::BaselineJson<'a>>,
    failures: Vec<super::health::FailureJson<'a>>,
    resources: Vec<OneLine<super::health::AttemptJson<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<super::health::WorkersJson<'a>>,
    inside: Option<super::health::InsideJson<'a>>,
    findings: FindingCounts,
    reports: Vec<SectionJson<'a>>,
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<&'a Columns>,
}

#[derive(Serialize)]
struct SectionJson<'a> {
    id: &'a str,
    plugin: PluginJson<'a>,
    status: &'static str,
    error: Option<ErrorJson<'a>>,
    on_failure: &'static str,
    fuel: u64,
    limits_hit: &'a [String],
    findings: Vec<FindingJson<'a>>,
    document: Option<DocumentJson<'a>>,
    log: Vec<LogJson<'a>>,
    log_dropped: u64,
}

#[derive(Serialize)]
struct PluginJson<'a> {
    source: &'a str,
    name: &'a str,
    version: &'a str,
    title: &'a str,
    sha256: &'a str,
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    text: &'a str,
    operator: Option<&'a str>,
    author: Option<&'a str>,
}

#[derive(Serialize)]
struct FindingJson<'a> {
    severity: &'static str,
    subject: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct LogJson<'a> {
    level: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
struct DocumentJson<'a> {
    title: &'a str,
    blocks: Vec<BlockJson<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum BlockJson<'a> {
    Heading { level: u8, text: &'a str },
    Paragraph { text: &'a str },
    Bullets { points: &'a [String] },
    Table { caption: &'a str, columns: Vec<ColumnJson<'a>>, rows: Vec<Box<RawValue>> },
    KeyValues { pairs: Vec<PairJson<'a>> },
    Callout { severity: &'static str, text: &'a str },
    Code { language: &'a str, text: &'a str },
    Chart(ChartJson<'a>),
    Links { links: Vec<LinkJson<'a>> },
    PipelineHealth { detail: &'static str },
}

#[derive(Serialize)]
struct ColumnJson<'a> {
    title: &'a str,
    format: &'static str,
    decimals: u8,
    unit: &'a str,
    signed: bool,
    align: &'static str,
}

#[derive(Serialize)]
struct PairJson<'a> {
    key: &'a str,
    value: CellJson<'a>,
    format: &'static str,
    decimals: u8,
    unit: &'a str,
}

/// A link: exactly one of `report` and `address` is not null.
#[derive(Serialize)]
struct LinkJson<'a> {
    text: &'a str,
    report: Option<&'a str>,
    address: Option<&'a str>,
}

#[derive(Serialize)]
struct ChartJson<'a> {
    title: &'a str,
    kind: &'static str,
    x_title: &'a str,
    y_title: &'a str,
    format: &'static str,
    decimals: u8,
    unit: &'a str,
    x_is_time: bool,
    labels: &'a [String],
    series: Vec<SeriesJson<'a>>,
}

#[derive(Serialize)]
struct SeriesJson<'a> {
    name: &'a str,
    x: Box<RawValue>,
    y: Box<RawValue>,
}

/// A cell: null, text, a number, or `{"severity", "text"}`.
#[derive(Serialize)]
#[serde(untagged)]
enum CellJson<'a> {
    None,
    Text(&'a str),
    Number(f64),
    Integer(i64),
    Status { severity: &'static str, text: &'a str },
}

fn section(section: &Section) -> SectionJson<'_> {
    let plugin = &section.plugin;
    SectionJson {
        id: &section.report_id,
        plugin: PluginJson {
            source: &plugin.source,
            name: &plugin.name,
            version: &plugin.version,
            title: &plugin.title,
            sha256: &plugin.digest,
        },
        status: if section.status == Status::Ok { "ok" } else { "failed" },
        error: match &section.status {
            Status::Ok => None,
            Status::Failed(failure) => Some(ErrorJson {
                text: &failure.text,
                operator: failure.operator.as_deref(),
                author: failure.author.as_deref(),
            }),
        },
        on_failure: if section.fails_run { "fail" } else { "degrade" },
        fuel: section.fuel,
        limits_hit: &section.limits_hit,
        findings: section.document.iter().flat_map(|document| &document.findings).map(finding).collect(),
        document: section.document.as_ref().map(document),
        log: section.log.iter().map(|line| LogJson { level: level(line.level), text: &line.text }).collect(),
        log_dropped: section.log_dropped,
    }
}

fn finding(finding: &Finding) -> FindingJson<'_> {
    FindingJson { severity: severity(finding.severity), subject: &finding.subject, text: &finding.text }
}

fn document(document: &Document) -> DocumentJson<'_> {
    DocumentJson { title: &document.title, blocks: document.blocks.iter().map(block).collect() }
}

fn block(block: &Block) -> BlockJson<'_> {
    match block {
        Block::Heading(heading) => BlockJson::Heading { level: heading.level, text: &heading.text },
        Block::Paragraph(text) => BlockJson::Paragraph { text },
        Block::Bullets(points) => BlockJson::Bullets { points },
        Block::Table(table) => BlockJson::Table {
            caption: &table.caption,
            columns: table.columns.iter().map(column).collect(),
            rows: table.rows.iter().map(|row| raw(&row.iter().map(cell).collect::<Vec<_>>())).collect(),
        },
        Block::KeyValues(pairs) => BlockJson::KeyValues { pairs: pairs.iter().map(pair).collect() },
        Block::Callout(callout) => BlockJson::Callout { severity: severity(callout.severity), text: &callout.text },
        Block::Code(code) => BlockJson::Code { language: &code.language, text: &code.text },
        Block::Chart(chart) => BlockJson::Chart(ChartJson {
            title: &chart.title,
            kind: match chart.kind {
                ChartKind::Line => "line",
                ChartKind::Bar => "bar",
                ChartKind::Scatter => "scatter",
                ChartKind::HeatMap => "heat-map",
            },
            x_title: &chart.x_title,
            y_title: &chart.y_title,
            format: format(chart.format),
            decimals: chart.decimals,
            unit: &chart.unit,
            x_is_time: chart.x_is_time,
            labels: &chart.labels,
            series: chart
                .series
                .iter()
                .map(|series| SeriesJson { name: &series.name, x: raw(&series.x), y: raw(&series.y) })
                .collect(),
        }),
        Block::Links(links) => BlockJson::Links {
            links: links
                .iter()
                .map(|link| {
                    let (report, address) = match &link.target {
                        LinkTarget::Report(id) => (Some(id.as_str()), None),
                        LinkTarget::Address(address) => (None, Some(address.as_str())),
                    };
                    LinkJson { text: &link.text, report, address }
                })
                .collect(),
        },
        Block::PipelineHealth(detail) => BlockJson::PipelineHealth {
            detail: match detail {
                HealthDetail::Headline => "headline",
                HealthDetail::Stages => "stages",
                HealthDetail::Full => "full",
            },
        },
    }
}

/// Compact, so that it stays on one line of the file.
pub(super) fn raw<T: Serialize>(value: &T) -> Box<RawValue> {
    to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// A row of a table that stands on one line; it is not text before it is written.
pub(super) struct OneLine<T>(pub(super) T);

impl<T: Serialize> Serialize for OneLine<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        raw(&self.0).serialize(serializer)
    }
}

fn column(column: &Column) -> ColumnJson<'_> {
    ColumnJson {
        title: &column.title,
        format: format(column.format),
        decimals: column.decimals,
        unit: &column.unit,
        signed: column.signed,
        align: if column.align_right { "right" } else { "left" },
    }
}

fn pair(pair: &KeyValue) -> PairJson<'_> {
    PairJson {
        key: &pair.key,
        value: cell(&pair.value),
        format: format(pair.format),
        decimals: pair.decimals,
        unit: &pair.unit,
    }
}

fn cell(cell: &Cell) -> CellJson<'_> {
    match cell {
        Cell::None => CellJson::None,
        Cell::Text(text) => CellJson::Text(text),
        Cell::Number(value) => CellJson::Number(*value),
        Cell::Integer(value) => CellJson::Integer(*value),
        Cell::Status(status) => CellJson::Status { severity: severity(status.severity), text: &status.text },
    }
}

fn format(format: ColumnFormat) -> &'static str {
    match format {
        ColumnFormat::Text => "text",
        ColumnFormat::Number => "number",
        ColumnFormat::Percent => "percent",
        ColumnFormat::Duration => "duration",
        ColumnFormat::Bytes => "bytes",
        ColumnFormat::Time => "time",
        ColumnFormat::Bar => "bar",
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}
