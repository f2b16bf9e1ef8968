//! The sandbox: loads report plugins and calls them.
//!
//! A plugin is a WebAssembly component that some stranger may have written. What lives here takes its bytes, a
//! request and read-only inputs, and gives back a document or a sentence that says why there is none.
//!
//! - [`Engine::load`] walks bytes to a [`Plugin`]: `inspect` (size, digest, structure, versions, wishes), `grants`
//!   (what a plugin may import), `cache` with `cached` and `seen` (what was made of it before), and `compile` (machine
//!   code, made in a child process; `pace`: in what hurry). A [`Source`] may leave the bytes where they are.
//! - [`Engine::call`] walks a plugin to a [`CallReport`]: `store` (limits of one call), `meter` (counters, fuel of host
//!   calls), `host` (our imports), `wasi` (those of interpreters), `logbook`, `checks` (the document), `failure` and
//!   `trap` (what went wrong, in words).
//! - [`Artifacts`] and [`Inputs`] are all that a plugin can see.
//!
//! Nothing here reads `pipeline.toml`, draws a report or knows of the DAG, but that its compiler is none of the processes that
//! stages leave behind.

mod artifacts;
mod bindings;
mod cache;
mod cached;
mod call;
mod checks;
mod code;
mod compile;
mod config;
mod engine;
#[cfg(any(test, fuzzing))]
mod exercise;
mod failure;
mod grants;
mod host;
mod inputs;
mod inspect;
mod last_words;
mod logbook;
mod meter;
mod nesting;
mod pace;
mod producers;
mod prune;
mod seen;
mod source;
mod store;
mod telemetry;
mod trap;
mod view;
mod wasi;

pub use artifacts::{Artifact, Artifacts, GrantError};
pub use bindings::trace::RunSummary as PastRun;
pub use call::{CallReport, Request};
#[doc(hidden)]
pub use call::{call_here, call_thread};
pub(crate) use checks::fault;
pub use compile::{COMPILE_COMMAND, compile_child};
pub use engine::{Compiled, Engine, EngineError, EngineSettings, Plugin};
#[cfg(fuzzing)]
pub use exercise::host_functions;
pub use failure::{CallFailure, LoadError};
pub use inputs::{Inputs, TraceInput};
pub(crate) use inspect::inspect_known;
pub use inspect::{Inspection, Refusal, inspect};
pub use logbook::LogLine;
pub(crate) use pace::Pace;
pub use producers::Producer;
pub(crate) use seen::Stamp;
pub use source::Source;
pub use telemetry::{GuestEvent, GuestSpan, GuestSpans};
pub use trap::TrapReport;

/// Version of the report API that this host speaks: that of the WIT package.
pub const API_VERSION: &str = "0.1.0";

/// What a plugin returns, as plain types.
pub mod document {
    pub use super::bindings::forensic::report::log::Level;
    pub use super::bindings::forensic::report::types::{
        Attribute, AttributeValue, Block, Callout, Cell, Chart, ChartKind, CodeBlock, Column, ColumnFormat, Document,
        Finding, Heading, HealthDetail, KeyValue, Link, LinkTarget, PluginError, PluginInfo, Series, Severity,
        StatusCell, Table,
    };
}
