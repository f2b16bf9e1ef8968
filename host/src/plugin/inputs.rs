//! All that a plugin can see: the trace as the read model has it, and the files that it was granted.

use std::sync::Arc;

use super::artifacts::Artifacts;
use super::bindings::trace::RunSummary;
use crate::trace::{Summary, Trace};

/// What a call is given. Cheap to clone; nothing in it can be changed by a plugin.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The run's trace.
    pub trace: TraceInput,
    /// The granted files.
    pub artifacts: Artifacts,
}

/// The trace, or why there is none.
#[derive(Debug, Clone)]
pub enum TraceInput {
    /// It was read.
    Available {
        /// All spans.
        trace: Arc<Trace>,
        /// What was computed from them.
        summary: Arc<Summary>,
        /// Earlier runs of the same pipeline, newest first.
        history: Arc<[RunSummary]>,
    },
    /// There is no trace file.
    Missing,
    /// There is one, and it can't be read; says why.
    Unreadable(String),
}

impl Inputs {
    /// Id and end of the run, for those who may know nothing else of it; empty and 0 without a trace.
    pub(super) fn run_and_end(&self) -> (&str, u64) {
        match &self.trace {
            TraceInput::Available { summary, .. } => {
                (summary.run.id.as_deref().unwrap_or_default(), summary.run.end_time.unwrap_or_default())
            }
            TraceInput::Missing | TraceInput::Unreadable(_) => ("", 0),
        }
    }
}
