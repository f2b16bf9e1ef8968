//! The DAG: schedules stages, runs their attempts, and makes a span of each.
//!
//! [`DagRunner`] is a dispatcher: one thread holds all state and takes one event after the other (an attempt
//! ended, a timer rang, somebody wants to stop), so there is one story of what happened. An [`Executor`] runs
//! attempts and reports to the dispatcher only. What happened is told twice: as spans to `telemetry`, and as
//! [`RunEvent`](crate::events::RunEvent)s to an
//! [`Observer`](crate::events::Observer) (the terminal).
//!
//! May live here: scheduling, executors, process handling. Knows nothing of reports.

mod attempt;
mod bell;
mod clerk;
mod condition;
mod environment;
mod executor;
mod executors;
mod leaving;
mod local;
mod nested;
mod process;
mod ray;
mod result;
mod runner;
mod schedule;
mod spans;
mod stop;

pub use bell::Bell;
pub(crate) use environment::{AttemptFacts, Changes};
pub use executor::{
    Again, AttemptEnd, AttemptEvent, AttemptSpec, ContextSwitches, Executor, Exit, Fate, Fault, Finished, Hears,
    IoBytes, LaunchError, OutputLost, Remains, Remote, RunningAttempt, TreeMemory,
};
pub use executors::Executors;
pub(crate) use local::{Leader, end_offspring};
pub use local::{LocalExecutor, Neighbours, heed_ends, hold_ends};
pub use process::signal_name;
#[doc(hidden)]
pub use ray::read_all as read_bridge_lines;
pub use ray::{BRIDGE_LOG, ClusterRecord, NodeRecord, RayError, RayExecutor, RaySettings};
pub use result::StageResult;
pub use runner::{DagOutcome, DagRunner, Keep, Nested, RunContext};
pub(crate) use schedule::{Released, Schedule, Settled};
pub use stop::{Stop, StopReason};
