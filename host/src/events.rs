//! What a run tells while it goes on: the interface between running (`dag`, `run`) and showing (`cli`).

use std::path::Path;
use std::time::Duration;

use crate::clock::UnixNanos;
use crate::dag::{StageResult, StopReason};
use crate::pipeline::Pipeline;
use crate::plan::RunPlan;

/// Something happened. Ids and texts are borrowed for the call.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunEvent<'a> {
    /// Scheduling begins.
    RunStarted {
        /// The run.
        run_id: &'a str,
        /// The run directory, absolute.
        directory: &'a Path,
        /// What runs.
        pipeline: &'a Pipeline,
        /// What is going to be done with each stage.
        plan: &'a RunPlan,
        /// Attempts that may run at once.
        slots: u32,
        /// When scheduling began, Unix ns.
        time: UnixNanos,
    },
    /// An attempt begins.
    AttemptStarted {
        /// Stage id.
        stage: &'a str,
        /// From 1.
        attempt: u32,
        /// When, Unix ns.
        time: UnixNanos,
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
        /// Path of its last attempt's standard error, or of its standard output if that is all it said, below the run
        /// directory; only if it failed.
        log: Option<&'a str>,
        /// Its result came from an earlier run: the time that this saved.
        saved: Option<Duration>,
        /// It failed, and the pipeline allows that.
        allowed: bool,
        /// Stages that have their result, this one included.
        done: usize,
        /// When, Unix ns.
        time: UnixNanos,
    },
    /// The run is being stopped.
    Stopping {
        /// Why.
        reason: StopReason,
        /// Attempts that are running.
        running: usize,
    },
    /// Somebody asked a second time: what still runs is killed.
    Killing {
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
