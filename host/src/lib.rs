//! forensic-host runs pipelines, keeps a forensic record of each run, and lets sandboxed plugins report on it.
//!
//! Data flows one way: [`pipeline`] (read, check) → [`run`] (lifecycle) → [`dag`] (scheduler, executors) →
//! [`telemetry`] (exporter, journal) → [`trace`] (read model, metrics) → [`plugin`] (sandbox) → [`report`].

mod accept;
pub mod authoring;
mod beside;
pub mod builtins;
pub mod ci;
pub mod cli;
pub mod clock;
pub mod config;
pub mod conventions;
pub mod dag;
pub mod directory;
pub mod environment;
pub mod events;
pub mod evidence;
pub mod files;
pub mod graph;
pub mod limits;
pub mod lock;
pub mod phases;
pub mod pipeline;
pub mod plan;
pub mod plugin;
pub mod redact;
pub mod registry;
pub mod report;
pub mod run;
pub mod runs;
pub mod serve;
pub mod settings;
pub mod telemetry;
pub mod trace;
mod units;
pub mod worker;
