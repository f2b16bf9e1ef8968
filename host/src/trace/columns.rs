//! A run as columns: what a page draws, as few and as small values as it needs (`columns` of `forensic_report.json`,
//! docs/dashboard.md). The tables and how they are written belong in here, where their values come from in `make` and `spans`.
//!
//! Times are ns after `start_time`, durations ns; `None` is unknown. In JSON a column that would hold nothing is left out, all
//! columns of one table have one length, and flags are 0 or 1.

mod make;
mod spans;
#[cfg(test)]
mod tests;
mod write;

use super::metrics::chain::Class;
use serde::Serialize;

pub use spans::{NAMES_MAX, SPANS_MAX, Spans};

/// A run as columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// The run's start, Unix ns; 0 in an empty trace.
    pub start_time: u64,
    /// The run's duration, ns.
    pub wall_ns: u64,
    /// Slots of the executor; 0: unlimited.
    pub slots: Option<u64>,
    /// Logical processors.
    pub cores: Option<u64>,
    /// True where the run's end was not seen.
    pub inferred: bool,
    /// In the run's order.
    pub stages: Stages,
    /// By stage, then number.
    pub attempts: Attempts,
    /// The observed chain in order of time; empty where the DAG is unknown.
    pub chain: Chain,
    /// What instrumented stages sent.
    pub spans: Spans,
    /// Spans that are not in there, because they would be too many: those of whole attempts, the shortest first.
    pub spans_left_out: u64,
    /// The ends of failed attempts' logs; whoever has them puts them in.
    pub tails: Vec<Tail>,
}

/// Columns of the stages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stages {
    /// Stage ids.
    pub id: Vec<String>,
    /// Words of [`crate::conventions::result`].
    pub result: Vec<String>,
    /// First attempt's start or the decision.
    pub start_ns: Vec<i64>,
    /// Terminal time.
    pub end_ns: Vec<i64>,
    /// When all that it waited for had ended; `None` for stages that never came so far.
    pub ready_ns: Vec<Option<i64>>,
    /// Positions of the stages that it needs, ascending; `None` where unknown. Left out where no stage's needs are known.
    pub needs: Vec<Option<Vec<u32>>>,
    /// Execution of all attempts and the back-off between them.
    pub cost_ns: Vec<Option<u64>>,
    /// Waiting before all its attempts.
    pub queue_ns: Vec<Option<u64>>,
    /// Total float against the critical path.
    pub slack_ns: Vec<Option<u64>>,
    /// The most that speeding it up can save; only for critical stages.
    pub drag_ns: Vec<Option<u64>>,
    /// On a longest path.
    pub critical: Vec<bool>,
    /// Its result came from an earlier run.
    pub cached: Vec<bool>,
    /// What that saved.
    pub saved_ns: Vec<Option<u64>>,
    /// An end was not seen.
    pub inferred: Vec<bool>,
    /// User and system CPU time of all attempts.
    pub cpu_ns: Vec<Option<u64>>,
    /// Largest peak of its attempts.
    pub peak_memory_bytes: Vec<Option<u64>>,
    /// Of the last attempt.
    pub exit_code: Vec<Option<i64>>,
    /// Why it did not succeed.
    pub error: Vec<Option<String>>,
    /// The group that it stands in.
    pub group: Vec<Option<String>>,
    /// What the members of its matrix have in common.
    pub member_of: Vec<Option<String>>,
    /// Its failure does not fail the run.
    pub allow_failure: Vec<bool>,
    /// Words of [`crate::conventions::skip_reason`].
    pub skip_reason: Vec<Option<String>>,
    /// The run that a cached result came from.
    pub cached_from: Vec<Option<String>>,
    /// The pool that its last attempt to wait for one waited for, though a slot was free.
    pub waited_for_pool: Vec<Option<String>>,
    /// The run that its last attempt was.
    pub child_run: Vec<Option<String>>,
    /// Median of earlier successful runs; whoever has a baseline puts it in, for every stage or for none.
    pub typical_ns: Vec<Option<u64>>,
    /// Against the baseline: `slower`, `faster`, `same`; likewise.
    pub change: Vec<Option<&'static str>>,
}

/// Columns of the attempts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attempts {
    /// Position of the stage.
    pub stage: Vec<u32>,
    /// From 1.
    pub number: Vec<u64>,
    /// Words of [`crate::conventions::result`].
    pub result: Vec<String>,
    /// Start.
    pub start_ns: Vec<i64>,
    /// End.
    pub end_ns: Vec<i64>,
    /// When it began to wait for a slot: its stage was ready, or the pause before it was over. Never after its start.
    pub ready_ns: Vec<Option<i64>>,
    /// The pause before it, which begins at the end of the attempt before; 0 without one.
    pub backoff_ns: Vec<u64>,
    /// Exit code; `None` where a signal ended it.
    pub exit_code: Vec<Option<i64>>,
    /// Signal that ended it.
    pub signal: Vec<Option<i64>>,
    /// The error's message, else its type.
    pub error: Vec<Option<String>>,
    /// User CPU time.
    pub cpu_user_ns: Vec<Option<u64>>,
    /// System CPU time.
    pub cpu_system_ns: Vec<Option<u64>>,
    /// Largest resident set of one of its processes.
    pub peak_memory_bytes: Vec<Option<u64>>,
    /// Largest sum of its processes' resident sets at one moment: sampled, so a lower bound.
    pub tree_peak_memory_bytes: Vec<Option<u64>>,
    /// Fetched from storage.
    pub io_read_bytes: Vec<Option<u64>>,
    /// Sent to storage.
    pub io_written_bytes: Vec<Option<u64>>,
    /// The kernel killed it, or a process of it, for want of memory.
    pub oom: Vec<bool>,
    /// The pool that it waited for though a slot was free.
    pub waited_for_pool: Vec<Option<String>>,
    /// When it was given to an executor that started it later, between `ready_ns` and `start_ns`.
    pub submitted_ns: Vec<Option<i64>>,
    /// The worker that ran it; `None`: the host.
    pub worker: Vec<Option<String>>,
    /// Name of the node that it ran on, likewise.
    pub node: Vec<Option<String>>,
    /// Its end was not seen.
    pub inferred: Vec<bool>,
    /// Where its standard output is.
    pub stdout: Vec<Log>,
    /// Where its standard error is.
    pub stderr: Vec<Log>,
}

/// Where a log is, below the run directory.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Log {
    /// Nowhere that is known.
    #[default]
    None,
    /// `logs/<stage id>/<number>.out.log`, or `.err.log`; 1 in JSON.
    Usual,
    /// There.
    At(String),
}

/// Columns of the observed chain. Its segments tile the run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chain {
    /// What it is.
    pub class: Vec<Class>,
    /// Position of the stage; `None` for overhead.
    pub stage: Vec<Option<u32>>,
    /// Number of the attempt that ran or was waited for, from 1.
    pub attempt: Vec<Option<u64>>,
    /// Start.
    pub start_ns: Vec<i64>,
    /// End.
    pub end_ns: Vec<i64>,
}

/// The end of a failed attempt's log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tail {
    /// Position of the stage.
    pub stage: u32,
    /// Number of the attempt, from 1.
    pub attempt: u64,
    /// The file, relative to the run directory.
    pub path: String,
    /// Its last lines.
    pub lines: Vec<String>,
    /// Bytes before them.
    pub omitted_bytes: u64,
}

impl Columns {
    /// All texts in here, to be changed in place. What they mean must stay: nobody looks anything up by them.
    pub fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let Self { stages, attempts, spans, tails, .. } = self;
        let optional = [
            &mut stages.error,
            &mut stages.group,
            &mut stages.member_of,
            &mut stages.skip_reason,
            &mut stages.cached_from,
            &mut stages.waited_for_pool,
            &mut stages.child_run,
            &mut attempts.error,
            &mut attempts.waited_for_pool,
            &mut attempts.worker,
            &mut attempts.node,
        ];
        let logs = [&mut attempts.stdout, &mut attempts.stderr].into_iter().flatten().filter_map(|log| match log {
            Log::At(path) => Some(path),
            Log::None | Log::Usual => None,
        });
        let always = [&mut stages.id, &mut stages.result, &mut attempts.result, &mut spans.names];
        (always.into_iter().flatten())
            .chain(optional.into_iter().flatten().flatten())
            .chain(logs)
            .chain(tails.iter_mut().flat_map(|tail| std::iter::once(&mut tail.path).chain(&mut tail.lines)))
    }
}
