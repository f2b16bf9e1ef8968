//! forensic-host runs pipelines, keeps a forensic record of each run, and lets sandboxed plugins report on it.
//!
//! Data flows one way: `pipeline` (read, check) → [`run`] (lifecycle) → [`dag`] (scheduler, executors) →
//! [`telemetry`] (exporter, journal) → `trace` (read model, metrics) → `plugin` (sandbox) → `report`.

pub mod clock;
pub mod conventions;
pub mod files;
pub mod telemetry;
