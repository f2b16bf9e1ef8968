//! Whether a plugin runs here, and what could be better: the checks of the loader in its own order, a call without a trace,
//! and advice.

use serde::Serialize;

use super::advice;
use super::manifest::Manifest;
use crate::limits::{Limit, Limits};
use crate::plugin::document::PluginError;
use crate::plugin::{
    Artifacts, CallFailure, CallReport, Compiled, Engine, Inputs, Inspection, LoadError, Plugin, Request, TraceInput,
    inspect,
};
use crate::run::calling::{call_failure, load_failure};
use crate::units::{bytes, duration};

/// How much a remark matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// Better done otherwise.
    Warning,
    /// With this it can't run here.
    Error,
}

impl Grade {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Something to be said of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// How much it matters.
    pub grade: Grade,
    /// What it is about, in a word: `size`, `imports`, `api` …
    pub subject: &'static str,
    /// What there is to say, in a sentence or half of one.
    pub text: String,
    /// What whoever runs the pipeline can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// What whoever wrote the plugin can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}

impl Remark {
    pub(super) fn new(grade: Grade, subject: &'static str, text: impl Into<String>) -> Self {
        Self { grade, subject, text: text.into(), operator: None, author: None }
    }

    pub(super) fn for_author(mut self, advice: impl Into<String>) -> Self {
        self.author = Some(advice.into());
        self
    }

    pub(super) fn for_operator(mut self, advice: impl Into<String>) -> Self {
        self.operator = Some(advice.into());
        self
    }
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What the component says of itself; `None` where the bytes are no component.
    pub inspection: Option<Inspection>,
    /// All remarks, in the order of the checks.
    pub remarks: Vec<Remark>,
}

impl Checked {
    /// Whether this host can run it.
    pub fn runs_here(&self) -> bool {
        self.worst() < Grade::Error
    }

    /// The grade of the worst remark.
    pub fn worst(&self) -> Grade {
        self.remarks.iter().map(|remark| remark.grade).max().unwrap_or(Grade::Ok)
    }
}

/// Checks a component; `manifest` is what its author says of it, where that is known.
pub fn check(engine: &Engine, component: &[u8], manifest: Option<&Manifest>) -> Checked {
    let limits = manifest.map(|manifest| manifest.grants.limits).unwrap_or_default();
    let mut remarks = Vec::new();
    let inspection = match inspect(component, &limits) {
        Ok(inspection) => inspection,
        Err(error) => return Checked { inspection: None, remarks: vec![refusal("component", &error)] },
    };
    remarks.push(advice::size(&inspection, manifest));
    match inspection.check() {
        Err(error) => remarks.push(refusal(subject(&error), &error)),
        Ok(()) => {
            remarks.push(advice::api(&inspection));
            remarks.push(advice::imports(&inspection));
            match engine.load("plugin check", component, &limits) {
                Err(error) => remarks.push(refusal(subject(&error), &error)),
                Ok(plugin) => {
                    remarks.push(compiled(&plugin));
                    remarks.extend(without_trace(engine, &plugin, manifest, &limits));
                }
            }
        }
    }
    remarks.extend(advice::function_names(component));
    remarks.extend(manifest.iter().flat_map(|manifest| advice::grants(manifest, &inspection)));
    Checked { inspection: Some(inspection), remarks }
}

fn subject(error: &LoadError) -> &'static str {
    match error {
        LoadError::OtherApi { .. } => "api",
        LoadError::Refused(_) => "imports",
        LoadError::NotAPlugin { .. } | LoadError::OtherTypes(_) => "world",
        LoadError::TooLarge(_) => "size",
        LoadError::CompileLimit(_) | LoadError::Uncompilable(_) | LoadError::Compiler(_) => "compile",
        _ => "component",
    }
}

fn refusal(subject: &'static str, error: &LoadError) -> Remark {
    let failure = load_failure(error);
    Remark { operator: failure.operator, author: failure.author, ..Remark::new(Grade::Error, subject, failure.text) }
}

fn compiled(plugin: &Plugin) -> Remark {
    let code = bytes(plugin.code_size());
    let text = match plugin.compiled() {
        Compiled::Cached => format!("compiles; machine code of {code} is in the cache"),
        Compiled::Fresh(time) => {
            let time = duration(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
            format!("compiles, in {time}, to {code} of machine code, which is in the cache now")
        }
    };
    Remark::new(Grade::Ok, "compile", text)
}

/// A run may have no trace and no files, and a plugin has to say so instead of crashing.
fn without_trace(engine: &Engine, plugin: &Plugin, manifest: Option<&Manifest>, limits: &Limits) -> Vec<Remark> {
    let inputs = Inputs { trace: TraceInput::Missing, artifacts: Artifacts::none() };
    let request = Request {
        report_id: manifest.map_or("check", |manifest| &manifest.name).into(),
        config: manifest.map_or_else(|| "{}".into(), |manifest| manifest.config.to_string()),
    };
    let CallReport { info, outcome, peak_memory, .. } = engine.call(plugin, request, &inputs, limits);
    let mut remarks = Vec::new();
    if let Some(info) = info {
        let text = format!("{} {}: {}", info.name, info.version, info.title);
        remarks.push(Remark::new(Grade::Ok, "describe", text));
        remarks.extend(advice::info(&info, manifest));
    }
    const WITHOUT: &str = "on a run without trace and files";
    remarks.push(match outcome {
        Ok(_) => Remark::new(Grade::Ok, "render", format!("{WITHOUT} it makes a document")),
        Err(failure @ CallFailure::Plugin(PluginError::MissingData(_) | PluginError::InvalidConfig(_))) => {
            Remark::new(Grade::Ok, "render", format!("{WITHOUT} it says what it lacks: {failure}"))
        }
        Err(failure) => {
            // What can't even be started, or described, can't run with a trace either.
            let grade = if remarks.is_empty() { Grade::Error } else { Grade::Warning };
            let failure = call_failure(failure);
            let author = failure.author.unwrap_or_else(|| {
                "A run may have no trace: return `missing-data`, or a document that says so.".into()
            });
            Remark {
                operator: failure.operator,
                ..Remark::new(grade, "render", format!("{WITHOUT} it fails: {}", failure.text)).for_author(author)
            }
        }
    });
    if peak_memory > limits.get(Limit::Memory) / 4 * 3 {
        let limit = bytes(limits.get(Limit::Memory));
        let text = format!("it takes {} of {limit} before it has read anything", bytes(peak_memory));
        remarks
            .push(Remark::new(Grade::Warning, "memory", text).for_author("Ask for more in `[grants.limits] memory`."));
    }
    remarks
}
