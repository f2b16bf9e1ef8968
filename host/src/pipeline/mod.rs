//! `pipeline.toml`: read, checked in full, and turned into plain data. Nothing is run, written or planned here, and
//! nothing here knows of runs, traces or plugins' insides.
//!
//! The way through: [`crate::config`] parses the text into a document with byte ranges; `settings`, `stages`, `reports`,
//! `secrets` and `telemetry` turn its tables into `model` with the typed getters of `config` and the rules of `names`;
//! `graph` finds cycles; `config` gathers every mistake and shows them all.
//! A [`Pipeline`] exists only where there was none.

mod graph;
mod model;
mod names;
mod reports;
mod secrets;
mod settings;
mod stages;
mod telemetry;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::config;
use crate::config::read::{Reader, Table};
pub use crate::config::{Diagnostic, Diagnostics, Label, LoadError, MAX_LISTED};
pub use model::{
    Capacity, Command, Condition, EnvTest, Environment, FailOn, FailurePolicy, Inherit, Member, OnFailure, OutputGlob,
    Pipeline, Place, PluginSource, Pool, Redaction, ReportStage, Retries, Secrets, Source, Stage, StageId, Telemetry,
    Trigger,
};

pub(crate) use names::{id_problem, repaired_id};
pub(crate) use reports::{read_globs, read_limits};

/// Largest pipeline file, in bytes.
pub const MAX_FILE: u64 = 64 << 20;

/// Most stages that may run at once.
pub const MAX_PARALLEL: u32 = 4096;

/// Reads and checks a pipeline file. `builtins` are the names of the plugins in the binary.
///
/// # Errors
/// [`LoadError`]: the file cannot be read, is too large, or has mistakes (then all are given at once).
pub fn load(path: &Path, builtins: &[&str]) -> Result<Pipeline, LoadError> {
    let text = config::read_text(path, MAX_FILE)?;
    Ok(parse(path, text, builtins)?)
}

/// Checks the text of a pipeline file. Relative paths in it, and the existence of working folders and plugins, are
/// judged from the folder of `path`, which itself need not exist.
///
/// # Errors
/// [`Diagnostics`]: every mistake in the text.
pub fn parse(path: &Path, text: String, builtins: &[&str]) -> Result<Pipeline, Diagnostics> {
    let (pipeline, text) =
        config::parse(path, text, |reader, document| root(reader, document, folder_of(path), builtins))?;
    Ok(Pipeline { source: Source { path: path.to_owned(), text }, ..pipeline })
}

/// Folder of a file, absolute, without `.` parts; links are left alone.
fn folder_of(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.parent().map(Path::to_owned).unwrap_or(absolute)
}

/// A path of the file, made absolute, without `.` parts.
fn below(dir: &Path, text: &str) -> PathBuf {
    dir.join(text).components().collect()
}

fn root(reader: &mut Reader, document: Table<'_>, dir: PathBuf, builtins: &[&str]) -> Option<Pipeline> {
    const TABLES: [&str; 6] = ["pipeline", "stages", "report", "secrets", "redaction", "telemetry"];
    let mistyped = reader.refuse_unknown(document, "the pipeline file", &TABLES);
    let settings = settings::read(reader, document, &dir, mistyped.contains(&"pipeline"));
    let stages = match document.get("stages") {
        Some(field) => stages::read(reader, &field, &dir),
        None => Vec::new(),
    };
    let reports = match document.get("report") {
        Some(field) => reports::read(reader, &field, &dir, builtins),
        None => Vec::new(),
    };
    let secrets = document.get("secrets").map(|field| secrets::read(reader, &field, &dir)).unwrap_or_default();
    let redaction = document.get("redaction").map(|field| secrets::read_rules(reader, &field)).unwrap_or_default();
    let telemetry = document.get("telemetry").map(|field| telemetry::read(reader, &field)).unwrap_or_default();
    let settings = settings?;
    Some(Pipeline {
        name: settings.name,
        profile: settings.profile,
        max_parallel: settings.max_parallel,
        root: settings.root,
        timeout: settings.timeout,
        kill_grace: settings.kill_grace,
        fail_on: settings.fail_on,
        on_failure: FailurePolicy::default(),
        pools: Vec::new(),
        environment: Environment::default(),
        stages,
        reports,
        secrets,
        redaction,
        telemetry,
        source: Source { path: PathBuf::new(), text: String::new() },
        included: Vec::new(),
        dir,
    })
}
