//! The report: plain data in, Markdown, HTML, JSON and text out. No files are opened here, no clock is read, nothing is guessed: the
//! same input gives the same bytes.
//!
//! | module | job |
//! |---|---|
//! | `model` | the host's own words, neither Markdown nor HTML yet |
//! | `baseline` | what a run is compared with, and which changes are noise |
//! | `health` | Pipeline Health, the host's own evidence, as such words |
//! | `values`, `plot`, `links` | what plugins' cells, charts and links say, for both renderers |
//! | `escape` | text from anywhere into Markdown that only shows it |
//! | `table`, `markdown` | tables, and the host's words, into Markdown |
//! | `document` | a plugin's blocks into Markdown |
//! | `frame` | the Markdown file, and the frame around a plugin's document |
//! | `columns` | what the page's dashboard draws |
//! | `html` | all of it as one HTML page: a file, or on a server |
//! | `text` | all of it for a terminal |
//! | `json` | `forensic_report.json` |
//! | `reading` | what plugins said, back out of `forensic_report.json` |
//! | `redact` | secrets out of plugins' words |
//!
//! Two rules keep plugins honest. Their text is only ever text, and emphasis, rules and headings at the frame's own level
//! are drawn by the host alone, so that nothing in a document can look like the end of its frame or like evidence.

mod baseline;
mod columns;
mod document;
mod escape;
mod frame;
mod health;
pub(crate) mod html;
mod json;
mod links;
mod markdown;
pub(crate) mod model;
mod plot;
mod reading;
mod redact;
mod table;
#[cfg(test)]
mod tests;
pub mod text;
mod values;

pub(crate) use escape::{clip, visible};

pub(crate) use html::Home;
pub(crate) use reading::read_sections;

pub use baseline::{Baseline, Change, SAMPLES_MAX, SAMPLES_MIN, Typical};

use std::borrow::Cow;

use crate::beside::beside;
use crate::phases::within;
use crate::plugin::LogLine;
use crate::plugin::document::{Document, Severity};
use crate::trace::{Columns, Inside, Run, Summary};
use crate::units;

/// A Markdown file stays below this; what does not fit is left out and counted.
pub const MARKDOWN_MAX: usize = 900 << 10;

/// The HTML file stays below this, likewise: what is readable without a script, the data of the dashboard, and its code.
pub const HTML_MAX: usize = html::STATIC_MAX + html::DATA_MAX + html::CODE_MAX;

/// All that a report is made of.
#[derive(Clone, Copy, Debug)]
pub struct ReportInput<'a> {
    /// What `run.json` tells.
    pub record: &'a RunFacts,
    /// The metrics; `None` where the trace is missing or unreadable.
    pub summary: Option<&'a Summary>,
    /// Why there is no summary, in a sentence.
    pub trace_problem: Option<&'a str>,
    /// The run as the trace tells it: attempts with their exit codes, signals, messages and log paths.
    pub run: Option<&'a Run>,
    /// What stages told of themselves; `None` where the trace is missing.
    pub inside: Option<&'a Inside>,
    /// The run as columns, as [`Columns::of`] makes them; `None` where the trace is missing.
    pub columns: Option<&'a Columns>,
    /// The last lines of failed attempts' logs.
    pub tails: &'a [LogTail],
    /// The previous successful runs of the same pipeline.
    pub baseline: Option<&'a Baseline>,
    /// The report stages in declared order.
    pub sections: &'a [Section],
}

/// What is known of a run without its trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFacts {
    /// The run id.
    pub run_id: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// The profile.
    pub profile: Option<String>,
    /// Result word of [`crate::conventions::result`].
    pub result: Option<String>,
    /// Spans that were not kept.
    pub dropped_spans: u64,
    /// Values that were redacted.
    pub redacted_values: u64,
    /// Anything else that a reader should know, a sentence each.
    pub notes: Vec<String>,
}

/// The end of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogTail {
    /// Stage id.
    pub stage: String,
    /// Number of the attempt, from 1.
    pub attempt: u64,
    /// The file, relative to the run directory.
    pub path: String,
    /// Its last lines.
    pub lines: Vec<String>,
    /// Bytes before them.
    pub omitted_bytes: u64,
}

/// What a report stage gave.
#[derive(Clone, Debug)]
pub struct Section {
    /// Id of the report stage; names its file.
    pub report_id: String,
    /// Who made the document.
    pub plugin: PluginIdentity,
    /// How the call ended.
    pub status: Status,
    /// True where the pipeline's owner wants the run to fail with this report (`on_failure = "fail"`).
    pub fails_run: bool,
    /// Fuel that the call used.
    pub fuel: u64,
    /// The limits that it hit, a sentence each.
    pub limits_hit: Vec<String>,
    /// What the plugin logged.
    pub log: Vec<LogLine>,
    /// Log lines that did not fit.
    pub log_dropped: u64,
    /// What it returned.
    pub document: Option<Document>,
}

/// Who made a document. All but the source and the digest are the plugin's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginIdentity {
    /// `builtin:NAME`, or the path of the component.
    pub source: String,
    /// The name that it gives itself; empty if it did not come so far.
    pub name: String,
    /// Its version, likewise.
    pub version: String,
    /// What it reports, in its own words.
    pub title: String,
    /// SHA-256 of the component, hexadecimal; empty if it could not be read.
    pub digest: String,
}

/// How a plugin's call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// There is a document.
    Ok,
    /// There is none.
    Failed(Failure),
}

/// Why there is no document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub text: String,
    /// What whoever runs the pipeline can do.
    pub operator: Option<String>,
    /// What whoever wrote the plugin can do.
    pub author: Option<String>,
}

/// The report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// `forensic_report.md`, less than [`MARKDOWN_MAX`] bytes.
    pub markdown: String,
    /// `forensic_report.html`, less than [`HTML_MAX`] bytes: one file that needs nothing else.
    pub html: String,
    /// `forensic_report.json`.
    pub json: String,
    /// `reports/<report id>.md`, each less than [`MARKDOWN_MAX`] bytes: report id and text, in the order of the
    /// sections.
    pub sections: Vec<(String, String)>,
    /// Findings of all reports.
    pub findings: FindingCounts,
    /// The report for a terminal, if it was asked for: see [`text::report`].
    pub text: Option<String>,
}

/// Findings by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct FindingCounts {
    /// Severity `error`.
    pub error: usize,
    /// Severity `warning`.
    pub warning: usize,
    /// Severity `info`.
    pub info: usize,
}

impl FindingCounts {
    fn of(document: Option<&Document>) -> Self {
        let mut counts = Self::default();
        for finding in document.iter().flat_map(|document| &document.findings) {
            match finding.severity {
                Severity::Error => counts.error += 1,
                Severity::Warning => counts.warning += 1,
                Severity::Info => counts.info += 1,
            }
        }
        counts
    }

    /// `1 error, 2 warnings`, or `none`.
    fn words(self) -> String {
        let parts: Vec<String> = [(self.error, "error"), (self.warning, "warning"), (self.info, "note")]
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, word)| units::count(n, word))
            .collect();
        if parts.is_empty() { "none".into() } else { parts.join(", ") }
    }
}

/// For the fuzz target `served`: reads what plugins said back out of a `forensic_report.json`.
///
/// # Errors
/// What is wrong with it.
#[cfg(fuzzing)]
pub fn exercise_reading(json: &[u8]) -> Result<Vec<Section>, String> {
    read_sections(json, u64::MAX).map_err(|error| error.to_string())
}

/// Draws the report. Never fails: what is missing is said in its place.
pub fn render(input: &ReportInput<'_>) -> Rendered {
    let findings = findings(input.sections);
    let page = |section: &Section| (section.report_id.clone(), frame::alone(input, section));
    let columns = within("draw the columns", || columns::of(input));
    let columns = columns.as_deref();
    let texts = || {
        let sections: Vec<_> = within("draw the pages", || input.sections.iter().map(page).collect());
        let sizes: Vec<usize> = sections.iter().map(|(_, text): &(String, String)| text.len()).collect();
        let markdown = within("draw the Markdown", || frame::report(input, &sizes));
        let json = within("draw the JSON", || json::report(input, findings, columns));
        (sections, markdown, json)
    };
    let html = || within("draw the HTML", || html::report(input, columns.map(Cow::Borrowed), &Home::default()));
    // The page takes about as long as all else.
    let ((sections, markdown, json), html) = beside("draw", texts, html);
    Rendered { markdown, html, json, sections, findings, text: None }
}

/// Draws the HTML page alone, wherever it stands.
pub(crate) fn page(input: &ReportInput<'_>, home: &Home<'_>) -> String {
    html::report(input, columns::of(input), home)
}

/// What the dashboard of the page draws, on one line; `None` where there is no trace, or too much to draw.
pub(crate) fn data(input: &ReportInput<'_>) -> Option<String> {
    html::data(input, columns::of(input))
}

/// `forensic_report.json` alone.
pub(crate) fn json(input: &ReportInput<'_>) -> String {
    json::report(input, findings(input.sections), columns::of(input).as_deref())
}

/// Findings of all reports.
fn findings(sections: &[Section]) -> FindingCounts {
    let mut findings = FindingCounts::default();
    for section in sections {
        let counts = FindingCounts::of(section.document.as_ref());
        findings.error += counts.error;
        findings.warning += counts.warning;
        findings.info += counts.info;
    }
    findings
}

/// A mark and a word for a severity; never a mark alone.
fn severity(severity: Severity) -> (&'static str, &'static str) {
    match severity {
        Severity::Info => ("ℹ", "note"),
        Severity::Warning => ("⚠", "warning"),
        Severity::Error => ("❌", "error"),
    }
}

/// A heading of the host's.
fn heading(level: usize, text: &str) -> String {
    format!("{} {text}\n\n", "#".repeat(level.clamp(1, 6)))
}
