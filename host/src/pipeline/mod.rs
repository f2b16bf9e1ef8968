//! `pipeline.toml`: read, checked in full, and turned into plain data. Nothing is run, written or planned here, and
//! nothing here knows of runs, traces or plugins' insides.
//!
//! The way through: the text is parsed into a document with byte ranges; `syntax` words what the parser found;
//! `settings`, `stages`, `reports`, `secrets` and `telemetry` turn the tables into `model` with the typed getters of
//! `read`, `units` and `names`; `graph` finds cycles; `diagnostic` gathers every mistake and shows them all.
//! A [`Pipeline`] exists only where there was none.

mod diagnostic;
mod graph;
mod model;
mod names;
mod read;
mod reports;
mod secrets;
mod settings;
mod stages;
mod syntax;
mod telemetry;
#[cfg(test)]
mod tests;
mod units;

use std::io::Read as _;
use std::path::{Path, PathBuf};

pub use diagnostic::{Diagnostic, Diagnostics, Label, MAX_LISTED};
pub use model::{
    Command, OnFailure, Pipeline, PluginSource, Redaction, ReportStage, Retries, Secrets, Source, Stage, StageId,
    Telemetry,
};

use diagnostic::Collector;
use read::{Reader, Table};
use syntax::Damage;

/// Largest pipeline file, in bytes.
pub const MAX_FILE: u64 = 64 << 20;

/// Most stages that may run at once.
pub const MAX_PARALLEL: u32 = 4096;

/// Stack for reading a document. The parser bounds nesting and dotted keys to 80 each, not their product, and freeing
/// 6,400 nested tables takes more than a thread's usual 2 MiB.
const STACK: usize = 64 << 20;

/// Why there is no pipeline.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file could not be read: does it exist, is it a file, may we read it?
    #[error("cannot read {}: {io}", path.display())]
    Unreadable {
        /// The path as given.
        path: PathBuf,
        /// The system's reason.
        #[source]
        io: std::io::Error,
    },
    /// The file is larger than [`MAX_FILE`]; it is probably not the one that was meant.
    #[error("{} is larger than {}, the most that a pipeline file may have", path.display(), crate::limits::show_bytes(MAX_FILE))]
    TooLarge {
        /// The path as given.
        path: PathBuf,
    },
    /// The file has mistakes; all of them are listed.
    #[error(transparent)]
    Invalid(#[from] Diagnostics),
}

/// Reads and checks a pipeline file. `builtins` are the names of the plugins in the binary.
///
/// # Errors
/// [`LoadError`]: the file cannot be read, is too large, or has mistakes (then all are given at once).
pub fn load(path: &Path, builtins: &[&str]) -> Result<Pipeline, LoadError> {
    let unreadable = |io| LoadError::Unreadable { path: path.to_owned(), io };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(LoadError::TooLarge { path: path.to_owned() });
    }
    let text = String::from_utf8(bytes).map_err(|error| not_utf8(path, &error))?;
    Ok(parse(path, text, builtins)?)
}

fn not_utf8(path: &Path, error: &std::string::FromUtf8Error) -> Diagnostics {
    let at = error.utf8_error().valid_up_to();
    let byte = error.as_bytes()[at];
    let mut mistakes = Collector::new();
    mistakes
        .error(at..at + '\u{fffd}'.len_utf8(), "the file is not UTF-8 text")
        .label(format!("the byte 0x{byte:02X} is not allowed here"))
        .help("save the file as UTF-8");
    mistakes.finish(path, String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Checks the text of a pipeline file. Relative paths in it, and the existence of working folders and plugins, are
/// judged from the folder of `path`, which itself need not exist.
///
/// # Errors
/// [`Diagnostics`]: every mistake in the text.
pub fn parse(path: &Path, text: String, builtins: &[&str]) -> Result<Pipeline, Diagnostics> {
    let read = || read_document(path, &text, builtins);
    let outcome = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("pipeline-reader".to_owned()).stack_size(STACK);
        match thread.spawn_scoped(scope, read) {
            Ok(handle) => handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // No thread to be had: ordinary files do with the stack that there is.
            Err(_) => read(),
        }
    });
    match outcome {
        Ok(pipeline) => Ok(Pipeline { source: Source { path: path.to_owned(), text }, ..pipeline }),
        Err(mistakes) => Err(mistakes.finish(path, text)),
    }
}

/// The pipeline with an empty source, or the mistakes.
fn read_document(path: &Path, text: &str, builtins: &[&str]) -> Result<Pipeline, Collector> {
    let mut reader = Reader::new();
    let (document, errors) = syntax::parse(text);
    let damage = syntax::record(&mut reader.mistakes, text, &errors);
    if damage == Damage::Structure {
        return Err(reader.mistakes);
    }
    let mark = reader.mistakes.mark();
    let dir = folder_of(path);
    let pipeline = root(&mut reader, Table::new(document.get_ref()), dir, builtins);
    if damage != Damage::None {
        reader.mistakes.drop_consequences(text, mark, damage == Damage::Values);
    }
    match pipeline {
        Some(pipeline) if reader.mistakes.is_empty() => Ok(pipeline),
        _ => Err(reader.mistakes),
    }
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
        stages,
        reports,
        secrets,
        redaction,
        telemetry,
        source: Source { path: PathBuf::new(), text: String::new() },
        dir,
    })
}
