//! `--explain`: what a pipeline grants to whom, before anything runs.

use std::fmt::Write as _;

use serde::Serialize;

use super::args::Format;
use super::progress::say;
use super::{Exit, Failure, Outcome, print};
use crate::limits::TABLE;
use crate::pipeline::{OnFailure, Pipeline, ReportStage};
use crate::plugin::{Inspection, inspect_known};
use crate::run::{Component, PluginSettings};

/// One report stage, as it would be called.
#[derive(Serialize)]
struct Explained {
    report: String,
    source: String,
    sha256: String,
    size: u64,
    api: Option<String>,
    /// Why it would not be loaded.
    problem: Option<String>,
    imports: Vec<String>,
    artifacts: Vec<String>,
    config_keys: Vec<String>,
    limits: Vec<ExplainedLimit>,
    on_failure: &'static str,
    trust: String,
}

/// A limit that the pipeline sets.
#[derive(Serialize)]
struct ExplainedLimit {
    key: &'static str,
    value: String,
    default: String,
    what: &'static str,
}

/// Prints what each report stage gets; runs nothing.
pub(super) fn explain(pipeline: &Pipeline, plugins: &PluginSettings, format: Format) -> Outcome {
    let mut all = Vec::with_capacity(pipeline.reports.len());
    let mut exit = Exit::Success;
    let (components, told) = plugins.components(pipeline).map_err(Failure::usage)?;
    told.iter().for_each(|text| say(format_args!("warning: {text}")));
    for (report, checked) in pipeline.reports.iter().zip(&components) {
        let explained = of(report, &checked.component, checked.trust.to_string());
        if explained.problem.is_some() {
            exit = Exit::Usage;
        }
        all.push(explained);
    }
    let text = match format {
        Format::Json => serde_json::to_string_pretty(&all).map_err(Failure::internal)? + "\n",
        Format::Text => words(pipeline, &all),
    };
    print(&text)?;
    Ok(exit)
}

fn of(report: &ReportStage, component: &Component, trust: String) -> Explained {
    let inspected = inspect_known(&component.bytes, &component.sha256, &report.limits);
    let problem = match &inspected {
        Ok(inspection) => inspection.check().err(),
        Err(error) => Some(error.clone()),
    };
    let (api, imports) = match inspected {
        Ok(Inspection { api, imports, .. }) => (api, imports),
        Err(_) => (None, Vec::new()),
    };
    let limits = TABLE.iter().filter(|row| report.limits.is_set(row.limit)).map(|row| ExplainedLimit {
        key: row.key,
        value: row.unit.show(report.limits.get(row.limit)),
        default: row.unit.show(row.default),
        what: row.what,
    });
    Explained {
        report: report.id.clone(),
        source: component.source.clone(),
        sha256: component.sha256.clone(),
        size: component.bytes.len() as u64,
        api,
        problem: problem.map(|error| error.to_string()),
        imports,
        artifacts: report.artifacts.clone(),
        config_keys: report.config.as_object().map(|config| config.keys().cloned().collect()).unwrap_or_default(),
        limits: limits.collect(),
        on_failure: match report.on_failure {
            OnFailure::Degrade => "degrade",
            OnFailure::Fail => "fail",
        },
        trust,
    }
}

fn words(pipeline: &Pipeline, all: &[Explained]) -> String {
    let mut out = String::new();
    let count = all.len();
    let s = if count == 1 { "" } else { "s" };
    let _ = writeln!(
        out,
        "{}: {count} report stage{s}. No plugin gets files, network, environment or clock.",
        pipeline.name
    );
    for one in all {
        let api = one.api.as_deref().unwrap_or("unknown");
        let _ = writeln!(out, "\n{}", one.report);
        let _ = writeln!(out, "  plugin      {}", one.source);
        let _ = writeln!(out, "  digest      sha256:{}, {} bytes, report API {api}", one.sha256, one.size);
        let _ = writeln!(out, "  trust       {}", one.trust);
        let _ = writeln!(out, "  may call    {}", list(&interfaces(&one.imports), "nothing"));
        let _ = writeln!(out, "  may read    {}", list(&one.artifacts, "no file"));
        let _ = writeln!(out, "  is told     {}", list(&one.config_keys, "no config"));
        let limits: Vec<String> = one
            .limits
            .iter()
            .map(|limit| format!("{} {} (default {})", limit.key, limit.value, limit.default))
            .collect();
        let _ = writeln!(out, "  limits      {}", list(&limits, "as by default (docs/plugins.md)"));
        let fails = if one.on_failure == "fail" {
            "the run fails (exit code 4)"
        } else {
            "the report says so, the run goes on"
        };
        let _ = writeln!(out, "  on failure  {fails}");
        if let Some(problem) = &one.problem {
            let _ = writeln!(out, "  PROBLEM     {problem}");
        }
    }
    out
}

/// The imports without package and version, WASI as one.
fn interfaces(imports: &[String]) -> Vec<String> {
    let mut names: Vec<String> = imports
        .iter()
        .filter_map(|import| match import.split_once('/') {
            Some((package, _)) if package.starts_with("wasi:") => {
                Some("WASI (locked: no files, network, clock)".to_owned())
            }
            Some((_, name)) => Some(name.split('@').next().unwrap_or(name).to_owned()).filter(|name| name != "types"),
            None => Some(import.clone()),
        })
        .collect();
    names.dedup();
    names
}

fn list(words: &[String], none: &str) -> String {
    if words.is_empty() { none.to_owned() } else { words.join(", ") }
}
