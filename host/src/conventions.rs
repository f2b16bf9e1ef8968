//! The names that a trace is written and read with: span attributes, their closed vocabularies, and the
//! environment that a stage sees. One table, so that `telemetry` (which writes) and `trace` (which reads a
//! file that may come from anywhere) can never disagree, without either knowing the other.
//!
//! Sources: OpenTelemetry semantic conventions v1.44.0, CI/CD and process groups (release candidate) for
//! `cicd.*`, `process.*` and `error.type`; everything of our own is below `forensic.`.

/// Attribute keys of spans.
pub mod attr {
    /// Name of the pipeline (run span).
    pub const PIPELINE_NAME: &str = "cicd.pipeline.name";
    /// The run id (run span).
    pub const RUN_ID: &str = "cicd.pipeline.run.id";
    /// `RUN`, as the conventions want it (run span).
    pub const ACTION_NAME: &str = "cicd.pipeline.action.name";
    /// Result word of the run, see [`super::result`] (run span).
    pub const PIPELINE_RESULT: &str = "cicd.pipeline.result";
    /// The stage id under its conventional name (stage span).
    pub const TASK_NAME: &str = "cicd.pipeline.task.name";
    /// Unique within the run and steady across runs: the stage id (stage span).
    pub const TASK_RUN_ID: &str = "cicd.pipeline.task.run.id";
    /// Result word of a stage or an attempt, see [`super::result`].
    pub const TASK_RESULT: &str = "cicd.pipeline.task.run.result";
    /// Closed list of causes, see [`super::error_type`]; only on spans with status `Error`.
    pub const ERROR_TYPE: &str = "error.type";
    /// File name of the program that an attempt ran.
    pub const EXECUTABLE_NAME: &str = "process.executable.name";
    /// The command line of an attempt, an array of text.
    pub const COMMAND_ARGS: &str = "process.command_args";
    /// Process id of an attempt.
    pub const PID: &str = "process.pid";
    /// Exit code of an attempt; absent where a signal ended it.
    pub const EXIT_CODE: &str = "process.exit.code";
    /// Working folder of an attempt, relative to the pipeline file's folder.
    pub const WORKING_DIRECTORY: &str = "process.working_directory";

    /// Kind of a span that the host made, see [`super::kind`].
    pub const KIND: &str = "forensic.kind";
    /// Where a span that the host did not make came from, see [`super::origin`].
    pub const ORIGIN: &str = "forensic.origin";
    /// `[pipeline] profile`.
    pub const PROFILE: &str = "forensic.profile";
    /// Slots of the executor; 0 means unlimited.
    pub const SLOTS: &str = "forensic.slots";
    /// Logical processors of the machine, the `cores` of the metric CPU use.
    pub const CORES: &str = "forensic.cores";
    /// When scheduling began, after parsing and planning; Unix ns.
    pub const SCHEDULE_START: &str = "forensic.schedule_start_time";
    /// Stage id (stage and attempt spans, and spans that a stage sent).
    pub const STAGE_ID: &str = "forensic.stage.id";
    /// Ids that a stage needs, an array of text in declared order.
    pub const NEEDS: &str = "forensic.stage.needs";
    /// Position of the stage in `pipeline.toml`, from 0.
    pub const STAGE_INDEX: &str = "forensic.stage.index";
    /// Which results of its needs let a stage start: `all`, `any` or `always`; absent means `all`.
    pub const TRIGGER: &str = "forensic.stage.trigger";
    /// The need, by id, whose end let a stage with the trigger `any` start.
    pub const RELEASED_BY: &str = "forensic.stage.released_by";
    /// What the members of a matrix have in common: the id with the names of what varies in braces, `{sleeve}.ingest`.
    pub const MEMBER_OF: &str = "forensic.stage.member_of";
    /// Values that a member of a matrix stands for, an array of text `name=value`.
    pub const MEMBER_VALUES: &str = "forensic.stage.member_values";
    /// The group that a stage stands in.
    pub const GROUP: &str = "forensic.stage.group";
    /// True on a stage whose failure does not fail the run.
    pub const ALLOW_FAILURE: &str = "forensic.stage.allow_failure";
    /// The content key of a stage, 64 hexadecimal digits: what its result depends on.
    pub const STAGE_KEY: &str = "forensic.stage.key";
    /// Why a stage was run or its result reused, a sentence; only where reuse was asked for.
    pub const REUSE_REASON: &str = "forensic.stage.reuse_reason";
    /// The run that a cached stage's result came from.
    pub const CACHED_FROM: &str = "forensic.cached_from";
    /// The run that this one resumes (run span).
    pub const RESUMED_FROM: &str = "forensic.resumed_from";
    /// The run that this one is a stage of (run span); `forensic.parent.stage` says which.
    pub const PARENT_RUN: &str = "forensic.parent.run";
    /// The stage that this run is, in the run that [`PARENT_RUN`] names (run span).
    pub const PARENT_STAGE: &str = "forensic.parent.stage";
    /// Trace id of the run that [`PARENT_RUN`] names (run span).
    pub const PARENT_TRACE: &str = "forensic.parent.trace_id";
    /// Span id of the attempt that this run is (run span).
    pub const PARENT_SPAN: &str = "forensic.parent.span_id";
    /// The run that an attempt of a nested pipeline was.
    pub const CHILD_RUN: &str = "forensic.child.run";
    /// Why a stage was skipped: `need` (one failed), `when` (its condition did not hold), `selection` (it was not asked for).
    pub const SKIP_REASON: &str = "forensic.skip_reason";
    /// The same in a sentence, where there is more to say.
    pub const SKIP_MESSAGE: &str = "forensic.skip_message";
    /// Name of the pool that an attempt waited for, though a slot was free.
    pub const WAITED_FOR_POOL: &str = "forensic.waited_for_pool";
    /// When every need of a stage had ended; Unix ns; absent if that never happened.
    pub const READY_TIME: &str = "forensic.ready_time";
    /// Number of attempts of a stage.
    pub const ATTEMPTS: &str = "forensic.attempts";
    /// Which attempt of its stage this is, from 1.
    pub const ATTEMPT: &str = "forensic.attempt";
    /// The pause before an attempt, ns.
    pub const BACKOFF_NS: &str = "forensic.backoff_ns";
    /// True on a stage whose result came from an earlier run.
    pub const CACHED: &str = "forensic.cached";
    /// Time that a cached stage saved, ns.
    pub const SAVED_NS: &str = "forensic.saved_ns";
    /// Number of the signal that ended an attempt.
    pub const SIGNAL: &str = "forensic.signal";
    /// User CPU time of an attempt and the children it waited for, ns.
    pub const CPU_USER_NS: &str = "forensic.cpu_user_ns";
    /// System CPU time, likewise, ns.
    pub const CPU_SYSTEM_NS: &str = "forensic.cpu_system_ns";
    /// Largest resident set of one process of an attempt, bytes.
    pub const PEAK_MEMORY: &str = "forensic.peak_memory_bytes";
    /// True where [`PEAK_MEMORY`] is only an upper bound: a child starts its life as a copy of the host, so
    /// the kernel reports the host's own peak for anything smaller.
    pub const PEAK_MEMORY_IS_BOUND: &str = "forensic.peak_memory_is_upper_bound";
    /// Largest sum of the resident sets of an attempt's processes at one moment, bytes: sampled, so a lower bound of
    /// the true peak; pages that processes share count once for each.
    pub const TREE_PEAK_MEMORY: &str = "forensic.tree_peak_memory_bytes";
    /// How often the processes were looked at for [`TREE_PEAK_MEMORY`].
    pub const TREE_MEMORY_SAMPLES: &str = "forensic.tree_memory_samples";
    /// Bytes that an attempt's processes had fetched from storage.
    pub const IO_READ: &str = "forensic.io.read_bytes";
    /// Bytes that an attempt's processes sent to storage.
    pub const IO_WRITTEN: &str = "forensic.io.written_bytes";
    /// Bytes that an attempt's processes read through system calls, from wherever.
    pub const IO_READ_CHARS: &str = "forensic.io.read_chars";
    /// Bytes that an attempt's processes wrote through system calls, to wherever.
    pub const IO_WRITTEN_CHARS: &str = "forensic.io.written_chars";
    /// How often an attempt's processes gave up the processor by themselves, to wait.
    pub const VOLUNTARY_SWITCHES: &str = "forensic.context_switches.voluntary";
    /// How often the processor was taken from an attempt's processes.
    pub const INVOLUNTARY_SWITCHES: &str = "forensic.context_switches.involuntary";
    /// True where the kernel killed an attempt for want of memory, as far as its counters tell.
    pub const OOM_KILLED: &str = "forensic.oom_killed";
    /// How many values were redacted in an attempt's output; absent if none was.
    pub const OUTPUT_REDACTIONS: &str = "forensic.output_redactions";
    /// How many processes had left an attempt's group and were ended with it, or (run span) with the run; absent if there
    /// were none.
    pub const ESCAPED_PROCESSES: &str = "forensic.escaped_processes";
    /// True where a process that outlived the attempt still held its output open; what it wrote later is not recorded.
    pub const OUTPUT_LEFT_OPEN: &str = "forensic.output_left_open";
    /// Bytes of an attempt's output that are missing in its logs, as on a full disk.
    pub const OUTPUT_LOST: &str = "forensic.output_lost_bytes";
    /// True on a span that a stage sent under a trace id of its own.
    pub const ADOPTED: &str = "forensic.adopted";
    /// True on a span whose end was before its start; the end was set to the start.
    pub const CLOCK_SKEW: &str = "forensic.clock_skew";
    /// Path of an attempt's standard output, relative to the run directory; absent if it said nothing there.
    pub const LOG_STDOUT: &str = "forensic.log.stdout";
    /// Path of an attempt's standard error, relative to the run directory; absent if it said nothing there.
    pub const LOG_STDERR: &str = "forensic.log.stderr";
    /// True on a span whose end was not seen.
    pub const INFERRED: &str = "forensic.inferred";
    /// How many values of the span were redacted; absent if none was.
    pub const REDACTIONS: &str = "forensic.redactions";
    /// Which need, by id, kept a stage from running.
    pub const SKIPPED_BECAUSE: &str = "forensic.skipped_because";

    /// Where an attempt ran, see [`super::executor`]; absent means on the host.
    pub const EXECUTOR: &str = "forensic.executor";
    /// When a worker's word that it had started the attempt reached the host; Unix ns of the host's clock. The attempt's
    /// span starts when it was submitted. Absent on an attempt that never started, and on one that ran on the host.
    pub const STARTED_TIME: &str = "forensic.started_time";
    /// Id of the node that an attempt ran on, as the cluster names it.
    pub const NODE: &str = "forensic.node";
    /// Name or address of that node, for people.
    pub const NODE_NAME: &str = "forensic.node_name";
    /// The worker that ran an attempt: first 12 digits of the node's id, `-`, process id; names its file too.
    pub const WORKER: &str = "forensic.worker";
    /// The worker's clock minus the host's, ns, as measured for an attempt.
    pub const CLOCK_OFFSET_NS: &str = "forensic.clock_offset_ns";
    /// How far from the truth [`CLOCK_OFFSET_NS`] can be, ns.
    pub const CLOCK_BOUND_NS: &str = "forensic.clock_bound_ns";
    /// Spans of an attempt's worker that reached the host, its own span included.
    pub const SPANS_RECEIVED: &str = "forensic.spans.received";
    /// Spans that an attempt's worker said it had made and that never came; absent if there are none.
    pub const SPANS_LOST: &str = "forensic.spans.lost";
    /// True where the worker fell silent, so that nobody can say how many spans are lost.
    pub const SPANS_LOST_UNKNOWN: &str = "forensic.spans.lost_unknown";
    /// Spans of an attempt that were read from the worker's own file after it was lost.
    pub const SPANS_RECOVERED: &str = "forensic.spans.recovered";
    /// What the executor promises about how often an attempt's work runs, see [`super::delivery`].
    pub const DELIVERY: &str = "forensic.delivery";
    /// The lost attempt that this one repeats.
    pub const PREVIOUS_ATTEMPT: &str = "forensic.previous_attempt";
    /// How sure it is that the attempt before had ended when this one began, see [`super::fenced`].
    pub const PREVIOUS_FENCED: &str = "forensic.previous_fenced";
    /// Why the cluster could not place an attempt for a while, a sentence.
    pub const PENDING_REASON: &str = "forensic.pending_reason";
    /// True on a worker's span that lies outside the time of its dispatch by more than the clocks' bound.
    pub const OUTSIDE_DISPATCH: &str = "forensic.outside_dispatch";
    /// How the cluster lets one in, see [`super::cluster_auth`] (run span).
    pub const CLUSTER_AUTH: &str = "forensic.cluster.auth";
    /// Version of Ray on the cluster (run span).
    pub const CLUSTER_RAY_VERSION: &str = "forensic.cluster.ray_version";

    /// Id of a report stage (report spans).
    pub const REPORT_ID: &str = "forensic.report.id";
    /// Name that a plugin gives itself.
    pub const PLUGIN_NAME: &str = "forensic.plugin.name";
    /// Version that a plugin gives itself.
    pub const PLUGIN_VERSION: &str = "forensic.plugin.version";
    /// SHA-256 of the component, hexadecimal.
    pub const PLUGIN_DIGEST: &str = "forensic.plugin.digest";
    /// Spans that a plugin made and that were not kept, because there were too many; absent if there were none.
    pub const GUEST_SPANS_DROPPED: &str = "forensic.plugin.spans_dropped";
    /// Attributes, events and texts of a plugin's spans that were dropped or cut; absent if there were none.
    pub const GUEST_SPANS_CUT: &str = "forensic.plugin.spans_cut";
    /// Fuel that a plugin call used.
    pub const PLUGIN_FUEL: &str = "forensic.plugin.fuel";
}

/// Values of [`attr::SKIP_REASON`].
pub mod skip_reason {
    /// A need failed.
    pub const NEED: &str = "need";
    /// Its condition did not hold.
    pub const WHEN: &str = "when";
    /// It was not asked for.
    pub const SELECTION: &str = "selection";
}

/// Values of [`attr::KIND`].
pub mod kind {
    /// The run, root of the trace.
    pub const RUN: &str = "run";
    /// A stage, child of the run.
    pub const STAGE: &str = "stage";
    /// One process of a stage, child of the stage.
    pub const ATTEMPT: &str = "attempt";
    /// A call of a report plugin, child of the run and after its end.
    pub const REPORT: &str = "report";
    /// A worker's own view of an attempt, child of the attempt; times of the worker's clock.
    pub const WORKER: &str = "worker";
}

/// Values of [`attr::ORIGIN`].
pub mod origin {
    /// A stage sent it to the run's OTLP receiver.
    pub const OTLP: &str = "otlp";
    /// A plugin made it of its own work.
    pub const GUEST: &str = "guest";
    /// A worker made it of an attempt that it ran.
    pub const WORKER: &str = "worker";
}

/// Values of [`attr::EXECUTOR`].
pub mod executor {
    /// On the host itself.
    pub const LOCAL: &str = "local";
    /// On a worker of a Ray cluster.
    pub const RAY: &str = "ray";
}

/// Values of [`attr::DELIVERY`].
pub mod delivery {
    /// A lost attempt is not repeated.
    pub const AT_MOST_ONCE: &str = "at_most_once";
    /// A lost attempt may be repeated, though its work may have been done.
    pub const AT_LEAST_ONCE: &str = "at_least_once";
}

/// Values of [`attr::PREVIOUS_FENCED`].
pub mod fenced {
    /// It had ended: the worker said so, or its lease had run out.
    pub const PROVED: &str = "proved";
    /// Nobody could tell.
    pub const ASSUMED: &str = "assumed";
}

/// Values of [`attr::CLUSTER_AUTH`].
pub mod cluster_auth {
    /// Only with the cluster's token.
    pub const TOKEN: &str = "token";
    /// Anybody who reaches its ports.
    pub const NONE: &str = "none";
    /// The same, and the pipeline says that it is meant so (`allow_unauthenticated`).
    pub const ALLOWED: &str = "none_allowed";
}

/// Result words of `cicd.pipeline.result` and `cicd.pipeline.task.run.result`.
pub mod result {
    /// It did what it should.
    pub const SUCCESS: &str = "success";
    /// It ran and said no: a non-zero exit.
    pub const FAILURE: &str = "failure";
    /// It could not be run, or the host failed.
    pub const ERROR: &str = "error";
    /// It ran longer than it may.
    pub const TIMEOUT: &str = "timeout";
    /// The run was stopped.
    pub const CANCELLATION: &str = "cancellation";
    /// It never ran because a need failed.
    pub const SKIP: &str = "skip";
    /// It goes on. Never in a saved trace: only whoever looks at a run in progress is told so.
    pub const RUNNING: &str = "running";
}

/// Values of [`attr::ERROR_TYPE`], a closed list.
pub mod error_type {
    /// Non-zero exit code.
    pub const EXIT_CODE: &str = "exit_code";
    /// Ended by a signal that the host did not send.
    pub const SIGNAL: &str = "signal";
    /// Ended by the host because it ran too long.
    pub const TIMEOUT: &str = "timeout";
    /// The program could not be started.
    pub const SPAWN_FAILED: &str = "spawn_failed";
    /// The run was stopped.
    pub const CANCELLED: &str = "cancelled";
    /// A stage of the run failed (run span).
    pub const STAGE_FAILED: &str = "stage_failed";
    /// A plugin trapped, broke a limit or returned an error.
    pub const PLUGIN: &str = "plugin_failed";
    /// A fault of the host.
    pub const INTERNAL: &str = "internal";
    /// The worker process died.
    pub const WORKER_LOST: &str = "worker_lost";
    /// The cluster's memory monitor ended the worker.
    pub const WORKER_OOM: &str = "worker_oom";
    /// The node died, or was not heard of for too long.
    pub const NODE_LOST: &str = "node_lost";
    /// The node was taken out of the cluster.
    pub const NODE_DRAINED: &str = "node_drained";
    /// The cluster's head, or its part on the host's machine, did not answer any more.
    pub const CLUSTER_LOST: &str = "cluster_lost";
    /// The process that speaks with the cluster ended.
    pub const BRIDGE_LOST: &str = "bridge_lost";
    /// What watched the stage on its node ended without a word of how the stage had ended.
    pub const SUPERVISOR_LOST: &str = "supervisor_lost";
    /// Nothing in the cluster could take the attempt in time.
    pub const QUEUE_TIMEOUT: &str = "queue_timeout";
}

/// Values of the key `status` in `forensic_trace.json`.
pub mod status {
    /// success, cached, skipped.
    pub const SUCCESS: &str = "Success";
    /// failure, error, timeout, cancellation.
    pub const ERROR: &str = "Error";
}

/// Environment variables that a stage attempt sees.
pub mod env {
    /// The run id.
    pub const RUN_ID: &str = "FORENSIC_RUN_ID";
    /// The run directory, absolute.
    pub const RUN_DIR: &str = "FORENSIC_RUN_DIR";
    /// `data/` in it, absolute.
    pub const DATA_DIR: &str = "FORENSIC_DATA_DIR";
    /// The stage id.
    pub const STAGE_ID: &str = "FORENSIC_STAGE_ID";
    /// Which attempt this is, from 1.
    pub const ATTEMPT: &str = "FORENSIC_ATTEMPT";
    /// W3C trace context of the attempt's span.
    pub const TRACEPARENT: &str = "TRACEPARENT";
}
