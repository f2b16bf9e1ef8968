//! The life of a run: [`QuantSdk::run_pipeline`] makes the run directory, starts the telemetry, runs the DAG,
//! saves the trace, calls the report plugins and writes the report. [`rebuild`] writes the same report again
//! from the run directory alone.
//!
//! May live here: the order of things, and `run.json`, the record of a run. What is done in each step lives in
//! the modules that it calls.

pub(crate) mod calling;
mod components;
mod guest_spans;
mod history;
mod in_order;
mod loading;
mod outcomes;
mod parent;
mod planning;
mod rebuild;
mod record;
mod recover;
mod reporting;
mod sdk;
mod secrets;
mod trust;

pub use calling::Usage;
pub use components::{Component, ComponentError, Fetching};
pub use parent::Parent;
pub use planning::{PlanError, PlanOptions, Planned, Preview, PreviewError, plan_run, pool_sizes, preview};
pub use rebuild::rebuild;
pub(crate) use record::{CACHED, LEFT_OUT, RUNNING, SCHEMA as RECORD_SCHEMA};
pub use record::{
    HostRecord, PastRun, PipelineRecord, RecordError, RedactionRecord, ReportRecord, RunRecord, StageCounts,
    StageRecord, TelemetryRecord,
};
pub use recover::{RecoverError, Recovered, recover};
pub(crate) use reporting::{Called, Gathered, render};
pub use reporting::{ReportError, ReportOutcome, Reported};
pub use sdk::{PluginSettings, QuantSdk, RunError, RunOptions, RunOutcome};
pub(crate) use secrets::gather_again;
pub use secrets::{Origin, SecretError, SecretProblem};
pub(crate) use trust::as_locked;
pub use trust::{Checked, Trust, TrustPolicy, lock_path};
