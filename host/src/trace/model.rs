//! A trace as a run: which spans are the run, its stages and their attempts, and what their attributes say. No
//! arithmetic here beyond "which came last"; formulae belong in `metrics`.

mod read;
mod remote;
mod told;

use super::load::Trace;
use super::warnings::Warnings;
use crate::conventions::{result, skip_reason};

pub use remote::Remote;

/// The trigger for which one need is enough (`forensic.stage.trigger`).
pub const ANY: &str = "any";

/// One execution of a pipeline, as a trace tells it.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Run id (`cicd.pipeline.run.id`).
    pub id: Option<String>,
    /// Pipeline name (`cicd.pipeline.name`).
    pub pipeline: Option<String>,
    /// `forensic.profile`
    pub profile: Option<String>,
    /// Result word of [`crate::conventions::result`]; from the status where the attribute is absent; `None` where
    /// the run's span is missing.
    pub result: Option<String>,
    /// 32 hexadecimal digits; `None` in an empty trace.
    pub trace_id: Option<String>,
    /// Unix ns. Without a run span: the first start.
    pub start: u64,
    /// Unix ns. Without a run span: the last timestamp seen (report spans aside).
    pub end: u64,
    /// Slots of the executor; `Some(0)` means unlimited, `None` unknown.
    pub slots: Option<u64>,
    /// Logical processors.
    pub cores: Option<u64>,
    /// When scheduling began, Unix ns.
    pub schedule_start: Option<u64>,
    /// `error.type` of the run span.
    pub error_type: Option<String>,
    /// Message of the run span.
    pub message: Option<String>,
    /// True where the run's end was not seen.
    pub inferred: bool,
    /// The run that it resumes.
    pub resumed_from: Option<String>,
    /// The run that it is a stage of.
    pub parent_run: Option<String>,
    /// Which one.
    pub parent_stage: Option<String>,
    /// How the cluster let the host in, see [`crate::conventions::cluster_auth`].
    pub cluster_auth: Option<String>,
    /// The cluster's version of Ray.
    pub ray_version: Option<String>,
    /// Workers' spans that lie outside their dispatch.
    pub outside_dispatch: u64,
    /// Position of the run span, see [`Trace::span`].
    pub span: Option<usize>,
    /// False in a trace of another writer: what stages need is unknown.
    pub has_dag: bool,
    /// In declaration order where known, else by start and id.
    pub stages: Vec<Stage>,
    pub(super) warnings: Warnings,
}

/// A node of the DAG.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// Stage id. Unique in the host's traces; in others it is the span's name, which may repeat.
    pub id: String,
    /// Ids of the stages it needs; `None` where the trace does not say.
    pub needs: Option<Vec<String>>,
    /// Position in `pipeline.toml`, from 0.
    pub index: Option<u64>,
    /// Result word of [`crate::conventions::result`]; from the status where the attribute is absent.
    pub result: String,
    /// Its processes in order; empty if cached, skipped or never started.
    pub attempts: Vec<Attempt>,
    /// Which results of its needs let it start: `all`, `any` or `always`; `None`, where the trace does not say, means `all`.
    pub trigger: Option<String>,
    /// The need whose end let it start, where one is enough.
    pub released_by: Option<String>,
    /// What the members of its matrix have in common.
    pub member_of: Option<String>,
    /// The group that it stands in.
    pub group: Option<String>,
    /// True if its failure does not fail the run.
    pub allow_failure: bool,
    /// Why it was skipped, see [`skip_reason`].
    pub skip_reason: Option<String>,
    /// The same in a sentence, where there is more to say.
    pub skip_message: Option<String>,
    /// The run that a cached result came from.
    pub cached_from: Option<String>,
    /// What `forensic.attempts` says, where it is there.
    pub attempts_declared: Option<u64>,
    /// When every need had ended, as the host saw it, Unix ns.
    pub ready_time: Option<u64>,
    /// True if the result came from an earlier run.
    pub cached: bool,
    /// What that saved, ns.
    pub saved_ns: Option<u64>,
    /// First attempt's start, or the decision, Unix ns.
    pub start: u64,
    /// Terminal time, Unix ns.
    pub end: u64,
    /// True where the end of the stage or of an attempt was not seen.
    pub inferred: bool,
    /// The need that kept it from running.
    pub skipped_because: Option<String>,
    /// `error.type`
    pub error_type: Option<String>,
    /// The error's message.
    pub message: Option<String>,
    /// Position of its span, see [`Trace::span`]; `None` if only attempts were found.
    pub span: Option<usize>,
}

/// One process of a stage. In a trace of another writer: the stage span itself.
#[derive(Clone, Debug, Default)]
pub struct Attempt {
    /// From 1.
    pub number: u64,
    /// When it was given to the executor, Unix ns by the host's clock; `None` where that was also when it started.
    pub submitted: Option<u64>,
    /// When it began to run, Unix ns by the host's clock. One that never did starts when it ends.
    pub start: u64,
    /// Unix ns.
    pub end: u64,
    /// Result word, as for stages.
    pub result: String,
    /// Exit code; `None` where a signal ended it.
    pub exit_code: Option<i64>,
    /// Signal that ended it.
    pub signal: Option<i64>,
    /// `error.type`
    pub error_type: Option<String>,
    /// The error's message.
    pub message: Option<String>,
    /// User CPU time, ns.
    pub cpu_user_ns: Option<u64>,
    /// System CPU time, ns.
    pub cpu_system_ns: Option<u64>,
    /// Largest resident set of one of its processes, bytes.
    pub peak_memory: Option<u64>,
    /// True where `peak_memory` is only an upper bound.
    pub peak_memory_is_bound: bool,
    /// Largest sum of its processes' resident sets at one moment, bytes: sampled, so a lower bound.
    pub tree_peak_memory: Option<u64>,
    /// How often they were looked at for that.
    pub tree_memory_samples: Option<u64>,
    /// Bytes fetched from storage.
    pub io_read: Option<u64>,
    /// Bytes sent to storage.
    pub io_written: Option<u64>,
    /// Bytes read through system calls, from wherever.
    pub io_read_chars: Option<u64>,
    /// Bytes written through system calls, to wherever.
    pub io_written_chars: Option<u64>,
    /// How often its processes gave up the processor by themselves.
    pub voluntary_switches: Option<u64>,
    /// How often the processor was taken from them.
    pub involuntary_switches: Option<u64>,
    /// True where the kernel killed it, or a process of it, for want of memory.
    pub oom_killed: bool,
    /// The pause before it, ns.
    pub backoff_ns: u64,
    /// Standard output, relative to the run directory.
    pub log_stdout: Option<String>,
    /// Standard error, likewise.
    pub log_stderr: Option<String>,
    /// The pool that it waited for though a slot was free.
    pub waited_for_pool: Option<String>,
    /// The run that it was, if its stage is a pipeline of its own.
    pub child_run: Option<String>,
    /// Processes of it that escaped the host's hold.
    pub escaped_processes: u64,
    /// Process id.
    pub pid: Option<u64>,
    /// Where it ran; `None`: on the host.
    pub remote: Option<Box<Remote>>,
    /// True where the end was not seen.
    pub inferred: bool,
    /// Position of its span, see [`Trace::span`].
    pub span: usize,
}

impl Run {
    /// Finds the run in a trace. Always succeeds: what is missing is `None`, empty or inferred.
    pub fn of(trace: &Trace) -> Self {
        if trace.native { read::native(trace) } else { read::foreign(trace) }
    }

    /// What does not fit together, in words, bounded in number.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.texts()
    }

    /// The first stage with an id.
    pub fn stage(&self, id: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.id == id)
    }
}

impl Stage {
    /// User and system CPU time of all attempts, ns; `None` if no attempt has any.
    pub fn cpu_ns(&self) -> Option<u64> {
        self.attempts.iter().filter_map(Attempt::cpu_ns).reduce(u64::saturating_add)
    }

    /// Largest peak memory of all attempts, bytes.
    pub fn peak_memory(&self) -> Option<u64> {
        self.attempts.iter().filter_map(|attempt| attempt.peak_memory).max()
    }

    /// Exit code of the last attempt.
    pub fn exit_code(&self) -> Option<i64> {
        self.attempts.last()?.exit_code
    }

    /// True for success, also from the cache.
    pub fn succeeded(&self) -> bool {
        self.result == result::SUCCESS
    }

    /// True if it failed, and the pipeline allows that.
    pub fn failure_is_allowed(&self) -> bool {
        self.allow_failure
            && !matches!(&*self.result, result::SUCCESS | result::SKIP | result::CANCELLATION | result::RUNNING)
    }

    /// Name of the pool that its last attempt to wait for one waited for.
    pub fn waited_for_pool(&self) -> Option<&str> {
        self.attempts.iter().rev().find_map(|attempt| attempt.waited_for_pool.as_deref())
    }

    /// Where its last attempt ran; `None`: on the host, or nowhere.
    pub fn executor(&self) -> Option<&str> {
        self.attempts.last()?.remote.as_deref().map(|remote| &*remote.executor)
    }

    /// The run that its last attempt was, if it is a pipeline of its own.
    pub fn child_run(&self) -> Option<&str> {
        self.attempts.iter().rev().find_map(|attempt| attempt.child_run.as_deref())
    }

    /// Why it did not succeed, in one line: its message, else its last attempt's, else the cause by name; `None` for
    /// stages that succeeded or were skipped without a reason.
    pub fn error(&self) -> Option<String> {
        if self.succeeded() {
            return None;
        }
        let last = self.attempts.last();
        let because = || match (self.skipped_because.as_ref(), self.skip_reason.as_deref()) {
            (Some(need), _) => Some(format!("skipped because of {need}")),
            (None, Some(skip_reason::WHEN)) => Some(self.skip_message.as_ref().map_or_else(
                || "skipped because its condition (`when`) did not hold".to_owned(),
                |message| format!("skipped by its condition (`when`): {message}"),
            )),
            (None, Some(skip_reason::SELECTION)) => Some("not selected".to_owned()),
            (None, _) => None,
        };
        (self.message.clone())
            .or_else(|| last.and_then(|attempt| attempt.message.clone()))
            .or_else(|| last.and_then(|attempt| attempt.signal).map(|signal| format!("ended by signal {signal}")))
            .or_else(|| last.and_then(|attempt| attempt.exit_code).map(|code| format!("exit code {code}")))
            .or_else(|| self.error_type.clone())
            .or_else(|| last.and_then(|attempt| attempt.error_type.clone()))
            .or_else(because)
    }
}

impl Attempt {
    /// User and system CPU time, ns; `None` if both are unknown.
    pub fn cpu_ns(&self) -> Option<u64> {
        match (self.cpu_user_ns, self.cpu_system_ns) {
            (None, None) => None,
            (user, system) => Some(user.unwrap_or(0).saturating_add(system.unwrap_or(0))),
        }
    }

    /// Nanoseconds.
    pub fn duration(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// True if it did what it should.
    pub fn succeeded(&self) -> bool {
        self.result == result::SUCCESS
    }
}
