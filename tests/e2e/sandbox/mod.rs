//! The sandbox, through real components: what a hostile plugin does, and what its operator reads. Here: one engine,
//! the hostile plugin, and short ways to call it.
//!
//! | module | what |
//! |---|---|
//! | `determinism` | an honest call, and that it is always the same |
//! | `seen` | what a plugin sees of a run |
//! | `limits` | fuel, time, memory, stack, host calls, reading, logs |
//! | `documents` | documents that are too large or make no sense |
//! | `crashes` | panics, traps and refusals, in words |
//! | `loading` | what is no plugin, or wants more than it gets |
//! | `cache` | compiled plugins on disk |
//! | `artifacts` | which files are granted and read |
//! | `floods` | whatever a guest can do too often |
//! | `wasi` | what interpreters are given, and that it never waits and is always the same |
//! | `by_hand` | plugins in WebAssembly text: what Rust guests can't do |

mod artifacts;
mod by_hand;
mod cache;
mod crashes;
mod determinism;
mod documents;
mod floods;
mod limits;
mod loading;
mod seen;
mod wasi;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use forensic_host::limits::{Limit, Limits};
use forensic_host::plugin::document::{Block, Document};
use forensic_host::plugin::{
    Artifacts, CallFailure, CallReport, Engine, EngineSettings, GrantError, Inputs, Plugin, Request, TraceInput,
};
use tempfile::TempDir;

use crate::support::{BINARY, hostile_guest};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

fn engine_with(cache: Option<PathBuf>) -> Engine {
    Engine::new(EngineSettings { compiler: BINARY.into(), cache }).unwrap()
}

/// One engine and one cache for all tests that don't look at them.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<(Engine, TempDir)> = OnceLock::new();
    &ENGINE
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            (engine_with(Some(folder.path().join("cache"))), folder)
        })
        .0
}

fn plugin() -> &'static Plugin {
    static PLUGIN: OnceLock<Plugin> = OnceLock::new();
    PLUGIN.get_or_init(|| engine().load("hostile", hostile_guest(), &Limits::default()).unwrap())
}

fn limits(changes: &[(Limit, u64)]) -> Limits {
    let mut limits = Limits::default();
    for (limit, value) in changes {
        limits.set(*limit, *value).unwrap();
    }
    limits
}

fn nothing() -> Inputs {
    Inputs { trace: TraceInput::Missing, artifacts: Artifacts::none() }
}

fn request(deed: &str) -> Request {
    Request { report_id: "test".into(), config: format!(r#"{{"do": "{deed}"}}"#) }
}

fn run(deed: &str, changes: &[(Limit, u64)]) -> CallReport {
    engine().call(plugin(), request(deed), &nothing(), &limits(changes))
}

/// The failure of a deed, and its text.
fn failure(deed: &str, changes: &[(Limit, u64)]) -> (CallFailure, String) {
    let failure = run(deed, changes).outcome.unwrap_err();
    let text = failure.to_string();
    (failure, text)
}

fn assert_limit(deed: &str, changes: &[(Limit, u64)], limit: Limit, text: &str) {
    let (failure, said) = failure(deed, changes);
    assert_eq!(said, text, "{deed}");
    assert!(matches!(failure, CallFailure::Limit { limit: hit, .. } if hit == limit), "{deed}: {failure:?}");
}

fn paragraphs(document: &Document) -> Vec<&str> {
    document
        .blocks
        .iter()
        .filter_map(|block| if let Block::Paragraph(text) = block { Some(&**text) } else { None })
        .collect()
}

fn granted(folder: &Path, patterns: &[&str]) -> Result<Artifacts, GrantError> {
    Artifacts::grant(&Dir::open_ambient_dir(folder, ambient_authority()).unwrap(), patterns, |_| false)
}
