//! Renders a recorded run: the plugin in its sandbox, with what its manifest asks for, and the page as a report has it.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Deserialize;
use serde_json::{Value, json};

use super::golden::pretty;
use super::manifest::Manifest;
use crate::directory::{DirectoryError, RunDirectory};
use crate::limits::Maxima;
use crate::plugin::{Engine, LogLine, Source};
use crate::report::{Section, Status};
use crate::run::calling::{Way, call, trace_input};
use crate::run::{Called, ReportError, ReportRecord, RunRecord, Usage, gather_again, render as render_report};

/// Where a project keeps its recorded runs.
const RUNS: &str = "tests/runs";

/// What a plugin makes of a recorded run.
#[derive(Debug)]
pub struct Rendering {
    /// The page, as in `reports/<id>.md` of a run. Digest and fuel are left out, because they change with every build.
    pub markdown: String,
    /// The document as JSON, in the words of `forensic_report.json`; the error where there is none.
    pub document: String,
    /// The section: how it went, the log, the limits that were hit.
    pub section: Section,
    /// Fuel that the call used.
    pub fuel: u64,
    /// What the call took; `None` where the plugin was not called.
    pub usage: Option<Usage>,
}

/// Why a recorded run can't be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RecordedError {
    /// The run directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The record or the report.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The report is not what it should be: our own fault.
    #[error("the report of the recorded run can't be taken apart: {0}")]
    Shape(#[from] serde_json::Error),
}

/// The recorded runs of a project, by name, sorted: the folders in `tests/runs`.
///
/// # Errors
/// Where the folder is there and can't be read.
pub fn recorded_runs(project: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let folder = project.join(RUNS);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut runs = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| !name.starts_with('.'));
        if let Some(name) = name.filter(|_| path.is_dir()) {
            runs.push((name.to_owned(), path.clone()));
        }
    }
    runs.sort();
    Ok(runs)
}

/// Calls the plugin on a recorded run and draws its section. What the manifest asks for is granted.
///
/// # Errors
/// [`RecordedError`]; a plugin that fails is none: the page says so.
pub fn render(
    engine: &Engine,
    manifest: &Manifest,
    component: &[u8],
    run: PathBuf,
) -> Result<Rendering, RecordedError> {
    let directory = RunDirectory::open(run)?;
    let record = RunRecord::load(&directory).map_err(ReportError::from)?;
    let grants = &manifest.grants;
    let component = Source::of(component);
    let report = ReportRecord {
        source: None,
        signed_by: None,
        id: manifest.name.clone(),
        plugin: manifest.component.display().to_string(),
        sha256: component.sha256().to_owned(),
        artifacts: grants.artifacts.clone(),
        config: manifest.config.clone(),
        limits: grants.asked.iter().map(|limit| (limit.spec().key.to_owned(), grants.limits.get(*limit))).collect(),
        on_failure: "degrade".into(),
    };
    let trace = trace_input(&directory, &record)?;
    let way = Way {
        load: &|name, source, limits| engine.load_source(name, source, limits),
        call: &|plugin, request, inputs, limits| engine.call(plugin, request, inputs, limits),
    };
    let answer = call(way, &directory, &report, Ok(component), &trace, Maxima::default());
    let mut section = answer.section;
    // The same on every machine: whatever the author's environment holds is no part of a test.
    let (redactor, _) = gather_again(&record.redaction, std::iter::empty()).map_err(ReportError::from)?;
    let masked = section.redact(&redactor);
    let fuel = std::mem::take(&mut section.fuel);
    section.plugin.digest = String::new();
    let mut called = Called { sections: vec![section], masked };
    let (rendered, _) = render_report(&directory, &record, &called, &redactor, None, None, None)?;
    let markdown = rendered.sections.into_iter().map(|(_, markdown)| markdown).collect();
    let section = called.sections.remove(0);
    Ok(Rendering { markdown, document: document(&rendered.json, &section)?, section, fuel, usage: answer.usage })
}

/// The document out of `forensic_report.json`, with its findings.
fn document(report: &str, section: &Section) -> Result<String, serde_json::Error> {
    #[derive(Deserialize)]
    struct Report {
        reports: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        document: Option<Value>,
        findings: Value,
    }
    let report: Report = serde_json::from_str(report)?;
    let entry = report.reports.into_iter().next();
    let value = match (entry, &section.status) {
        (Some(Entry { document: Some(mut document), findings }), _) => {
            document["findings"] = findings;
            document
        }
        (_, Status::Failed(failure)) => json!({ "error": failure.text }),
        _ => Value::Null,
    };
    Ok(pretty(&value))
}

impl Rendering {
    /// Why there is no document, if there is none.
    pub fn failure(&self) -> Option<&str> {
        match &self.section.status {
            Status::Ok => None,
            Status::Failed(failure) => Some(&failure.text),
        }
    }

    /// What the plugin logged.
    pub fn log(&self) -> &[LogLine] {
        &self.section.log
    }
}
