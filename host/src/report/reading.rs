//! What plugins said, back out of `forensic_report.json`: so that a run's page can be drawn again without calling any plugin. The
//! other way is in `json`, and tests hold the two together.
//!
//! A run directory may come from anybody: what is read here is as little trusted as what a plugin returns, and checked likewise.

use std::io::{BufReader, Read};

use serde::Deserialize;

use super::json::SCHEMA;
use super::{Failure, PluginIdentity, Section, Status};
use crate::plugin::document::{
    Block, Callout, Cell, Chart, ChartKind, CodeBlock, Column, ColumnFormat, Document, Finding, Heading, HealthDetail,
    KeyValue, Level, Link, LinkTarget, Series, Severity, StatusCell, Table,
};
use crate::plugin::{LogLine, fault};

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadingError {
    /// It can't be read, or is no such JSON.
    #[error("it is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    /// Too large to be drawn.
    #[error("it has more than {0} bytes")]
    TooLarge(u64),
    /// Of a format that this host does not know.
    #[error("it has the format {0:?}; this host reads {SCHEMA:?}")]
    Schema(String),
    /// Something that no plugin can have returned.
    #[error("report {report}, block {block}: {why}")]
    Unsound {
        /// Id of the report stage.
        report: String,
        /// From 1.
        block: usize,
        /// What is wrong.
        why: String,
    },
}

/// The sections of a report of at most `max` bytes.
///
/// # Errors
/// [`ReadingError`].
pub(crate) fn read_sections(file: impl Read, max: u64) -> Result<Vec<Section>, ReadingError> {
    let mut counted = file.take(max + 1);
    let read: Result<ReportDoc, _> = serde_json::from_reader(BufReader::with_capacity(1 << 16, &mut counted));
    if counted.limit() == 0 {
        return Err(ReadingError::TooLarge(max));
    }
    let report = read?;
    if report.schema != SCHEMA {
        return Err(ReadingError::Schema(report.schema.chars().take(80).collect()));
    }
    let sections: Vec<Section> = report.reports.into_iter().map(Section::from).collect();
    for section in &sections {
        for (block, content) in (1..).zip(section.document.iter().flat_map(|document| &document.blocks)) {
            if let Some(why) = fault(content) {
                return Err(ReadingError::Unsound { report: section.report_id.clone(), block, why });
            }
        }
    }
    Ok(sections)
}

/// The words of the format for a type's values.
macro_rules! words {
    ($name:ident for $target:ty: $($word:ident => $value:expr),+ $(,)?) => {
        #[derive(Clone, Copy, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum $name { $($word),+ }

        impl From<$name> for $target {
            fn from(word: $name) -> Self {
                match word { $($name::$word => $value),+ }
            }
        }
    };
}

words!(SeverityWord for Severity: Info => Self::Info, Warning => Self::Warning, Error => Self::Error);
words!(LevelWord for Level: Debug => Self::Debug, Info => Self::Info, Warn => Self::Warn, Error => Self::Error);
words!(DetailWord for HealthDetail: Headline => Self::Headline, Stages => Self::Stages, Full => Self::Full);
words!(ChartWord for ChartKind:
    Line => Self::Line, Bar => Self::Bar, Scatter => Self::Scatter, HeatMap => Self::HeatMap);
words!(FormatWord for ColumnFormat:
    Text => Self::Text, Number => Self::Number, Percent => Self::Percent, Duration => Self::Duration, Bytes => Self::Bytes,
    Time => Self::Time, Bar => Self::Bar);
words!(AlignWord for bool: Left => false, Right => true);
words!(OnFailureWord for bool: Degrade => false, Fail => true);

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StatusWord {
    Ok,
    Failed,
}

#[derive(Deserialize)]
struct ReportDoc {
    schema: String,
    reports: Vec<SectionDoc>,
}

#[derive(Deserialize)]
struct SectionDoc {
    id: String,
    plugin: PluginDoc,
    status: StatusWord,
    error: Option<ErrorDoc>,
    on_failure: OnFailureWord,
    fuel: u64,
    limits_hit: Vec<String>,
    findings: Vec<FindingDoc>,
    document: Option<DocumentDoc>,
    log: Vec<LogDoc>,
    log_dropped: u64,
}

#[derive(Deserialize)]
struct PluginDoc {
    source: String,
    name: String,
    version: String,
    title: String,
    sha256: String,
}

#[derive(Default, Deserialize)]
struct ErrorDoc {
    text: String,
    operator: Option<String>,
    author: Option<String>,
}

#[derive(Deserialize)]
struct FindingDoc {
    severity: SeverityWord,
    subject: String,
    text: String,
}

#[derive(Deserialize)]
struct LogDoc {
    level: LevelWord,
    text: String,
}

#[derive(Deserialize)]
struct DocumentDoc {
    title: String,
    blocks: Vec<BlockDoc>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum BlockDoc {
    Heading { level: u8, text: String },
    Paragraph { text: String },
    Bullets { points: Vec<String> },
    Table { caption: String, columns: Vec<ColumnDoc>, rows: Vec<Vec<CellDoc>> },
    KeyValues { pairs: Vec<PairDoc> },
    Callout { severity: SeverityWord, text: String },
    Code { language: String, text: String },
    Chart(ChartDoc),
    Links { links: Vec<LinkDoc> },
    PipelineHealth { detail: DetailWord },
}

#[derive(Deserialize)]
struct ColumnDoc {
    title: String,
    format: FormatWord,
    decimals: u8,
    unit: String,
    signed: bool,
    align: AlignWord,
}

/// A number that has no point is an integer, as it was written.
#[derive(Deserialize)]
#[serde(untagged)]
enum CellDoc {
    Integer(i64),
    Number(f64),
    Text(String),
    Status { severity: SeverityWord, text: String },
    None(()),
}

#[derive(Deserialize)]
struct PairDoc {
    key: String,
    value: CellDoc,
    format: FormatWord,
    decimals: u8,
    unit: String,
}

#[derive(Deserialize)]
struct LinkDoc {
    text: String,
    report: Option<String>,
    address: Option<String>,
}

#[derive(Deserialize)]
struct ChartDoc {
    title: String,
    kind: ChartWord,
    x_title: String,
    y_title: String,
    format: FormatWord,
    decimals: u8,
    unit: String,
    x_is_time: bool,
    labels: Vec<String>,
    series: Vec<SeriesDoc>,
}

/// What was not finite is null.
#[derive(Deserialize)]
struct SeriesDoc {
    name: String,
    x: Vec<Option<f64>>,
    y: Vec<Option<f64>>,
}

impl From<SectionDoc> for Section {
    fn from(section: SectionDoc) -> Self {
        let PluginDoc { source, name, version, title, sha256 } = section.plugin;
        let findings = all(section.findings);
        let ErrorDoc { text, operator, author } = section.error.unwrap_or_default();
        Self {
            report_id: section.id,
            plugin: PluginIdentity { source, name, version, title, digest: sha256 },
            status: match section.status {
                StatusWord::Ok => Status::Ok,
                StatusWord::Failed => Status::Failed(Failure { text, operator, author }),
            },
            fails_run: section.on_failure.into(),
            fuel: section.fuel,
            limits_hit: section.limits_hit,
            log: all(section.log),
            log_dropped: section.log_dropped,
            document: section.document.map(|DocumentDoc { title, blocks }| Document {
                title,
                blocks: all(blocks),
                findings,
            }),
        }
    }
}

fn all<From, To: std::convert::From<From>>(values: Vec<From>) -> Vec<To> {
    values.into_iter().map(To::from).collect()
}

impl From<FindingDoc> for Finding {
    fn from(FindingDoc { severity, subject, text }: FindingDoc) -> Self {
        Self { severity: severity.into(), subject, text }
    }
}

impl From<LogDoc> for LogLine {
    fn from(LogDoc { level, text }: LogDoc) -> Self {
        Self { level: level.into(), text }
    }
}

impl From<BlockDoc> for Block {
    fn from(block: BlockDoc) -> Self {
        match block {
            BlockDoc::Heading { level, text } => Self::Heading(Heading { level, text }),
            BlockDoc::Paragraph { text } => Self::Paragraph(text),
            BlockDoc::Bullets { points } => Self::Bullets(points),
            BlockDoc::Table { caption, columns, rows } => {
                let rows = rows.into_iter().map(all).collect();
                Self::Table(Table { caption, columns: all(columns), rows })
            }
            BlockDoc::KeyValues { pairs } => Self::KeyValues(all(pairs)),
            BlockDoc::Callout { severity, text } => Self::Callout(Callout { severity: severity.into(), text }),
            BlockDoc::Code { language, text } => Self::Code(CodeBlock { language, text }),
            BlockDoc::Chart(chart) => Self::Chart(chart.into()),
            BlockDoc::Links { links } => Self::Links(all(links)),
            BlockDoc::PipelineHealth { detail } => Self::PipelineHealth(detail.into()),
        }
    }
}

impl From<ColumnDoc> for Column {
    fn from(ColumnDoc { title, format, decimals, unit, signed, align }: ColumnDoc) -> Self {
        Self { title, format: format.into(), decimals, unit, signed, align_right: align.into() }
    }
}

impl From<CellDoc> for Cell {
    fn from(cell: CellDoc) -> Self {
        match cell {
            CellDoc::None(()) => Self::None,
            CellDoc::Text(text) => Self::Text(text),
            CellDoc::Number(value) => Self::Number(value),
            CellDoc::Integer(value) => Self::Integer(value),
            CellDoc::Status { severity, text } => Self::Status(StatusCell { severity: severity.into(), text }),
        }
    }
}

impl From<PairDoc> for KeyValue {
    fn from(PairDoc { key, value, format, decimals, unit }: PairDoc) -> Self {
        Self { key, value: value.into(), format: format.into(), decimals, unit }
    }
}

impl From<LinkDoc> for Link {
    fn from(LinkDoc { text, report, address }: LinkDoc) -> Self {
        let target = report.map(LinkTarget::Report);
        Self { text, target: target.unwrap_or_else(|| LinkTarget::Address(address.unwrap_or_default())) }
    }
}

impl From<ChartDoc> for Chart {
    fn from(chart: ChartDoc) -> Self {
        Self {
            title: chart.title,
            kind: chart.kind.into(),
            x_title: chart.x_title,
            y_title: chart.y_title,
            format: chart.format.into(),
            decimals: chart.decimals,
            unit: chart.unit,
            x_is_time: chart.x_is_time,
            labels: chart.labels,
            series: all(chart.series),
        }
    }
}

impl From<SeriesDoc> for Series {
    fn from(SeriesDoc { name, x, y }: SeriesDoc) -> Self {
        let numbers = |values: Vec<Option<f64>>| values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();
        Self { name, x: numbers(x), y: numbers(y) }
    }
}
