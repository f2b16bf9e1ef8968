//! `pipeline.toml`: read, checked in full, and turned into plain data. Nothing is run, written or planned here, and
//! nothing here knows of runs, traces or plugins' insides.
//!
//! The way through: [`crate::config`] parses the text into a document with byte ranges; `include` adds the documents that it
//! includes. `layers` finds what stages, templates and groups say, `vary` and `lists` what stages are made from, `stage` reads
//! their keys once (`text` their placeholders, `needs`, `when`, `retries`, `pools`), and `stages` makes each of them, with
//! `places` for files and `nested` for pipelines in pipelines; `graph` finds cycles. `settings`, `environment`, `reports`,
//! `secrets`, `telemetry` and `executor` read the other tables. `config` gathers every mistake and shows them all.
//! A [`Pipeline`] exists only where there was none.

mod environment;
mod executor;
mod files;
mod graph;
mod include;
mod layers;
mod lists;
mod model;
mod names;
mod needs;
mod nested;
mod places;
mod pools;
mod reports;
mod retries;
mod secrets;
mod settings;
mod stage;
mod stages;
mod telemetry;
#[cfg(test)]
mod tests;
mod text;
mod vary;
mod when;

use std::path::{Path, PathBuf};

use crate::config;
use crate::config::read::Reader;
pub use crate::config::{Diagnostic, Diagnostics, Label, LoadError, MAX_LISTED};
use crate::phases::Steps;
pub use executor::{
    BadAddress, ExecutorConfig, ExecutorKind, Files, OnLost, Placement, RAY_WINDOW, RayConfig, WorkerSource,
    address_problem,
};
use files::Folder;
use include::{Document, Parsed, Texts};
pub use model::{
    Capacity, Command, Condition, EnvTest, Environment, FailOn, FailurePolicy, Inherit, Member, OnFailure, OutputGlob,
    Pipeline, Place, PluginSource, Pool, Redaction, ReportStage, Retries, Secrets, Source, Stage, StageId, Telemetry,
    Trigger,
};
use text::Names;

pub(crate) use names::{id_problem, repaired_id};
pub(crate) use reports::{read_globs, read_limits};

/// Largest pipeline file, in bytes.
pub const MAX_FILE: u64 = 64 << 20;

/// Most stages that may run at once.
pub const MAX_PARALLEL: u32 = 4096;

/// Most stages that can be made from one, by a matrix or a list.
pub const MAX_MEMBERS: usize = 100_000;

/// Most stages of a pipeline, those of the pipelines that its stages run included.
pub const MAX_STAGES: usize = 200_000;

/// JSON Schema (draft 2020-12) of `pipeline.toml`, for editors.
pub const SCHEMA: &str = include_str!("schema.json");

/// Reads and checks a pipeline file. `builtins` are the names of the plugins in the binary.
///
/// # Errors
/// [`LoadError`]: the file cannot be read, is too large, or has mistakes (then all are given at once).
pub fn load(path: &Path, builtins: &[&str]) -> Result<Pipeline, LoadError> {
    let mut step = Steps::begin("read the pipeline file");
    let text = config::read_text(path, MAX_FILE)?;
    step.next("check the pipeline");
    Ok(parse(path, text, builtins)?)
}

/// Checks the text of a pipeline file. Relative paths in it, and the existence of working folders and plugins, are
/// judged from the folder of `path`, which itself need not exist.
///
/// # Errors
/// [`Diagnostics`]: every mistake in the text.
pub fn parse(path: &Path, text: String, builtins: &[&str]) -> Result<Pipeline, Diagnostics> {
    let ((pipeline, included), text) = config::parse(path, text, |reader, table| {
        let document = Document { table, folder: Folder::of(path, path) };
        let pipeline = root(reader, &mut files::Files::new(path, builtins), document, path, 0)?;
        Some((pipeline, sources(reader)))
    })?;
    Ok(Pipeline { source: Source { path: path.to_owned(), text }, included, ..pipeline })
}

/// The files beyond the first, as they were read.
fn sources(reader: &Reader) -> Vec<Source> {
    reader.mistakes.further().map(|(path, text)| Source { path: path.to_owned(), text: text.to_owned() }).collect()
}

/// A path of the file, made absolute, without `.` parts.
fn below(dir: &Path, text: &str) -> PathBuf {
    dir.join(text).components().collect()
}

/// Tables of a pipeline file.
const TABLES: [&str; 12] = [
    "include",
    "pipeline",
    "pools",
    "environment",
    "templates",
    "groups",
    "stages",
    "report",
    "secrets",
    "redaction",
    "telemetry",
    "executor",
];

/// Reads a pipeline whose file starts at `base`, and all that it leads to.
fn root(
    reader: &mut Reader,
    files: &mut files::Files<'_>,
    document: Document<'_>,
    path: &Path,
    base: usize,
) -> Option<Pipeline> {
    let (texts, parsed) = (Texts::new(), Parsed::new());
    let documents = include::read(reader, files, document, path, &texts, &parsed);
    let mut mistyped = Vec::new();
    for (number, document) in documents.iter().enumerate() {
        let unknown = reader.refuse_unknown(document.table, "the pipeline file", &TABLES);
        if number == 0 {
            mistyped = unknown;
        } else if let Some(field) = document.table.get("pipeline") {
            let draft = reader.mistakes.error(field.key_at, "an included file has no `[pipeline]`");
            draft.label("only the pipeline file itself has it").help("move what it says there");
        }
    }
    let dir = documents[0].folder.dir.clone();
    let settings = settings::read(reader, documents[0].table, &dir, mistyped.contains(&"pipeline"), base);
    let names = Names {
        pipeline: settings.as_ref().map(|settings| settings.name.as_str()),
        profile: settings.as_ref().map_or(Some("x"), |settings| settings.profile.as_deref()),
        ..Names::default()
    };
    let pools = pools::read(reader, &documents);
    let environment = environment::read(reader, &documents, &names);
    let stages = stages::read(reader, files, &documents, &pools, &names);
    let reports = reports::read(reader, &documents, files.builtins);
    let secrets = secrets::read(reader, &documents);
    let redaction = secrets::read_rules(reader, &documents);
    let telemetry = telemetry::read(reader, &documents);
    let executor = executor::table::read(reader, &documents);
    let settings = settings?;
    let pipeline = Pipeline {
        name: settings.name,
        profile: settings.profile,
        max_parallel: settings.max_parallel,
        root: settings.root,
        timeout: settings.timeout,
        kill_grace: settings.kill_grace,
        fail_on: settings.fail_on,
        on_failure: settings.on_failure,
        pools,
        environment,
        stages,
        reports,
        secrets,
        redaction,
        telemetry,
        executor: executor.config.clone(),
        source: Source { path: PathBuf::new(), text: String::new() },
        included: Vec::new(),
        dir,
    };
    let table = documents[0].table.get("pipeline").and_then(|field| reader.table(&field, "the table `[pipeline]`"));
    let grace = table.and_then(|table| table.get("kill_grace"));
    executor.check(reader, pipeline.uses_ray(), pipeline.kill_grace, grace);
    Some(pipeline)
}
