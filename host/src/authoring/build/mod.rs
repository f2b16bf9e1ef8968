//! Builds a plugin's component with its language's own tools. Every command is told before it runs, so that it can be run
//! by hand.
//!
//! | module | job |
//! |---|---|
//! | `tools` | finds tools in the project, then in `PATH`, and runs them |
//! | `rust`, `python`, `javascript`, `c` | the steps of each language |

mod c;
mod javascript;
mod python;
mod rust;
mod tools;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use wasm_encoder::{ComponentSection as _, CustomSection};

use super::manifest::{Language, Manifest};
use super::project::{Project, ProjectError};
use crate::limits::Limits;
use crate::plugin::inspect;

/// The world that plugins are built for.
const WORLD: &str = "report-plugin";
/// Where in the project the WIT lies.
const WIT: &str = "wit";
/// Where in the project the steps leave what they make.
const OUT: &str = "build";
/// The custom section with the API version. The SDK for Rust writes it itself.
const API_SECTION: &str = "forensic:api";

/// What a build made.
#[derive(Debug, Clone)]
pub struct Built {
    /// The component.
    pub component: PathBuf,
    /// Its bytes.
    pub size: u64,
    /// How long it took.
    pub time: Duration,
    /// Why this host would not run it, if it would not.
    pub refused: Option<String>,
}

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The folder is no project, or its manifest has mistakes.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// A tool is not there.
    #[error("{what}. {cure}")]
    Missing {
        /// What is missing.
        what: String,
        /// What to do, with the command that installs it.
        cure: String,
    },
    /// A tool can't be started.
    #[error("can't start {program}: {source}")]
    Start {
        /// The tool.
        program: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A tool failed; it has said why.
    #[error("{program} failed ({status}): see its messages above")]
    Failed {
        /// The tool.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// What the tools made is no plugin.
    #[error("what was built is no plugin: {0}")]
    NoPlugin(String),
    /// A file of the project is not as it should be.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
}

/// Builds the project in `folder` and puts the component where its manifest says. `say` gets each command before it runs;
/// what the tools say themselves goes to standard error.
///
/// # Errors
/// What is missing, with the command that installs it; what failed.
pub fn build(folder: &Path, say: &mut dyn FnMut(&str)) -> Result<Built, BuildError> {
    let manifest = Project::manifest(folder)?;
    let start = Instant::now();
    let component = match manifest.language {
        Language::Rust => rust::build(folder, say),
        Language::Python => python::build(folder, say).and_then(|component| stamped(folder, component)),
        Language::JavaScript => javascript::build(folder, say).and_then(|component| stamped(folder, component)),
        Language::C => c::build(folder, say).and_then(|component| stamped(folder, component)),
    }?;
    finish(&manifest, &component, start)
}

/// What a build of this language needs and does not find, in words; `None` if it is all there.
pub fn missing_tools(language: Language, folder: &Path) -> Option<String> {
    let missing = match language {
        Language::Rust => rust::missing(folder),
        Language::Python => python::find(folder).err(),
        Language::JavaScript => javascript::find(folder).err(),
        Language::C => c::find().err(),
    };
    missing.map(|error| error.to_string())
}

fn finish(manifest: &Manifest, component: &[u8], start: Instant) -> Result<Built, BuildError> {
    let path = manifest.component_path();
    let inspected = inspect(component, &Limits::default());
    let refused = inspected.and_then(|inspection| inspection.check()).err().map(|error| error.to_string());
    // Under another name first: a build that is cut short leaves the last component as it was.
    let half = path.with_extension("wasm.part");
    std::fs::write(&half, component)
        .and_then(|()| std::fs::rename(&half, &path))
        .map_err(|error| file(&path, format!("it can't be written: {error}")))?;
    Ok(Built { component: path, size: component.len() as u64, time: start.elapsed(), refused })
}

/// Adds the version of the report API that the project's WIT has, so that a host that is too old can say so before it
/// compiles anything.
fn stamped(folder: &Path, mut component: Vec<u8>) -> Result<Vec<u8>, BuildError> {
    let version = api_version(folder)?;
    CustomSection { name: API_SECTION.into(), data: version.as_bytes().into() }.append_to_component(&mut component);
    Ok(component)
}

/// The version of the package in the project's WIT.
fn api_version(folder: &Path) -> Result<String, BuildError> {
    let path = folder.join(WIT).join("report.wit");
    let text = read(&path, "write the package anew with `forensic-host wit --out wit`")?;
    let text = String::from_utf8_lossy(&text);
    let version = text.lines().find_map(|line| line.trim().strip_prefix("package forensic:report@")?.strip_suffix(';'));
    let wrong = "it names no package `forensic:report@…`: write the package anew with `forensic-host wit --out wit`";
    version.map(str::to_owned).ok_or_else(|| file(&path, wrong.into()))
}

fn read(path: &Path, cure: &str) -> Result<Vec<u8>, BuildError> {
    std::fs::read(path).map_err(|error| file(path, format!("it can't be read: {error}; {cure}")))
}

fn file(path: &Path, why: String) -> BuildError {
    BuildError::File { path: path.to_owned(), why }
}
