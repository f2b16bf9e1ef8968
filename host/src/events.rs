//! What a run tells while it goes on: the interface between running (`dag`, `run`) and showing (`cli`).

use std::time::Duration;

use crate::dag::{StageResult, StopReason};

/// Something happened. Ids and texts are borrowed for the call.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunEvent<'a> {
    /// Scheduling begins.
    RunStarted {
        /// Number of stages.
        stages: usize,
        /// Attempts that may run at once.
        slots: u32,
    },
    /// An attempt begins.
    AttemptStarted {
        /// Stage id.
        stage: &'a str,
        /// From 1.
        attempt: u32,
    },
    /// An attempt failed, and there will be another one.
    AttemptFailed {
        /// Stage id.
        stage: &'a str,
        /// From 1.
        attempt: u32,
        /// Why.
        message: &'a str,
        /// Pause before the next one.
        backoff: Duration,
    },
    /// A stage has its result.
    StageEnded {
        /// Stage id.
        stage: &'a str,
        /// Its result.
        result: StageResult,
        /// From the first attempt's start to the end; zero if it never ran.
        duration: Duration,
        /// Number of attempts.
        attempts: u32,
        /// Why it did not succeed.
        message: Option<&'a str>,
        /// Path of its last attempt's standard error, below the run directory; only if it failed.
        log: Option<&'a str>,
        /// Stages that have their result, this one included.
        done: usize,
    },
    /// The run is being stopped.
    Stopping {
        /// Why.
        reason: StopReason,
        /// Attempts that are running.
        running: usize,
    },
    /// Something is not as it should be and does not stop the run.
    Warning {
        /// What, in a sentence.
        text: &'a str,
    },
    /// A report plugin was called.
    ReportEnded {
        /// Id of the report stage.
        report: &'a str,
        /// What went wrong, if anything.
        failure: Option<&'a str>,
        /// Time of the call.
        duration: Duration,
    },
}

/// Watches a run.
pub trait Observer {
    /// Called in the dispatcher's thread: what takes long here delays the run.
    fn on_event(&mut self, event: &RunEvent<'_>);
}

/// An observer that does nothing.
#[derive(Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn on_event(&mut self, _event: &RunEvent<'_>) {}
}
