//! A trace as a run: which spans are the run, its stages and their attempts, and what their attributes say. No
//! arithmetic here beyond "which came last"; formulae belong in `metrics`.

use super::load::Trace;
use super::span::{Kind, NONE, Span, Status};
use super::warnings::{Sort, Warnings};
use crate::conventions::{attr, result};
use std::collections::{HashMap, HashSet};

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
    /// Unix ns.
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
    /// Process id.
    pub pid: Option<u64>,
    /// True where the end was not seen.
    pub inferred: bool,
    /// Position of its span, see [`Trace::span`].
    pub span: usize,
}

impl Run {
    /// Finds the run in a trace. Always succeeds: what is missing is `None`, empty or inferred.
    pub fn of(trace: &Trace) -> Self {
        if trace.native { native(trace) } else { foreign(trace) }
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

    /// Why it did not succeed, in one line: its message, else its last attempt's, else the cause by name; `None` for
    /// stages that succeeded or were skipped without a reason.
    pub fn error(&self) -> Option<String> {
        if self.succeeded() {
            return None;
        }
        let last = self.attempts.last();
        let because = || self.skipped_because.as_ref().map(|need| format!("skipped because of {need}"));
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

fn text(span: Span<'_>, key: &str) -> Option<String> {
    // Writers set what they do not know to nothing.
    span.attribute(key)?.as_text().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn number(span: Span<'_>, key: &str) -> Option<u64> {
    span.attribute(key)?.as_u64()
}

fn integer(span: Span<'_>, key: &str) -> Option<i64> {
    span.attribute(key)?.as_i64()
}

fn is_true(span: Span<'_>, key: &str) -> bool {
    span.attribute(key).and_then(|value| value.as_bool()).unwrap_or(false)
}

fn message(span: Span<'_>) -> Option<String> {
    span.status_message().map(str::to_owned)
}

fn result_word(span: Span<'_>, key: &str) -> String {
    text(span, key).unwrap_or_else(|| {
        match span.status() {
            Status::Success => result::SUCCESS,
            Status::Error => result::FAILURE,
        }
        .to_owned()
    })
}

fn attempt(span: Span<'_>) -> Attempt {
    Attempt {
        number: number(span, attr::ATTEMPT).unwrap_or(0),
        start: span.start_time(),
        end: span.end_time(),
        result: result_word(span, attr::TASK_RESULT),
        exit_code: integer(span, attr::EXIT_CODE),
        signal: integer(span, attr::SIGNAL),
        error_type: text(span, attr::ERROR_TYPE),
        message: message(span),
        cpu_user_ns: number(span, attr::CPU_USER_NS),
        cpu_system_ns: number(span, attr::CPU_SYSTEM_NS),
        peak_memory: number(span, attr::PEAK_MEMORY),
        peak_memory_is_bound: is_true(span, attr::PEAK_MEMORY_IS_BOUND),
        tree_peak_memory: number(span, attr::TREE_PEAK_MEMORY),
        tree_memory_samples: number(span, attr::TREE_MEMORY_SAMPLES),
        io_read: number(span, attr::IO_READ),
        io_written: number(span, attr::IO_WRITTEN),
        io_read_chars: number(span, attr::IO_READ_CHARS),
        io_written_chars: number(span, attr::IO_WRITTEN_CHARS),
        voluntary_switches: number(span, attr::VOLUNTARY_SWITCHES),
        involuntary_switches: number(span, attr::INVOLUNTARY_SWITCHES),
        oom_killed: is_true(span, attr::OOM_KILLED),
        backoff_ns: number(span, attr::BACKOFF_NS).unwrap_or(0),
        log_stdout: text(span, attr::LOG_STDOUT),
        log_stderr: text(span, attr::LOG_STDERR),
        pid: number(span, attr::PID),
        inferred: span.inferred(),
        span: span.index(),
    }
}

fn stage(span: Span<'_>, id: &str) -> Stage {
    Stage {
        id: id.to_owned(),
        needs: Some(span.attribute(attr::NEEDS).and_then(|needs| needs.as_text_list()).unwrap_or_default()),
        index: number(span, attr::STAGE_INDEX),
        result: result_word(span, attr::TASK_RESULT),
        attempts: Vec::new(),
        attempts_declared: number(span, attr::ATTEMPTS),
        ready_time: number(span, attr::READY_TIME),
        cached: is_true(span, attr::CACHED),
        saved_ns: number(span, attr::SAVED_NS),
        start: span.start_time(),
        end: span.end_time(),
        inferred: span.inferred(),
        skipped_because: text(span, attr::SKIPPED_BECAUSE),
        error_type: text(span, attr::ERROR_TYPE),
        message: message(span),
        span: Some(span.index()),
    }
}

/// The nearest run span above a stage or attempt. They are one and two levels below it; a few more do no harm.
fn run_above(span: Span<'_>) -> Option<usize> {
    std::iter::successors(span.parent(), Span::parent)
        .take(8)
        .find(|above| above.kind() == Kind::Run)
        .map(|s| s.index())
}

fn native(trace: &Trace) -> Run {
    let mut warnings = Warnings::default();
    let runs: Vec<Span<'_>> = trace.spans().filter(|span| span.kind() == Kind::Run).collect();
    let chosen = runs.iter().copied().find(|span| run_above(*span).is_none());
    if runs.len() > 1 {
        warnings.push(Sort::Model, || format!("the trace holds {} runs; this is about the first one", runs.len()));
    }
    let mut run = match chosen {
        Some(span) => Run {
            id: text(span, attr::RUN_ID),
            pipeline: text(span, attr::PIPELINE_NAME),
            profile: text(span, attr::PROFILE),
            result: Some(result_word(span, attr::PIPELINE_RESULT)),
            trace_id: Some(span.trace_id_hex()),
            start: span.start_time(),
            end: span.end_time(),
            slots: number(span, attr::SLOTS),
            cores: number(span, attr::CORES),
            schedule_start: number(span, attr::SCHEDULE_START),
            error_type: text(span, attr::ERROR_TYPE),
            message: message(span),
            inferred: span.inferred(),
            span: Some(span.index()),
            ..Run::default()
        },
        None => {
            warnings.push(Sort::Model, || {
                "the run's own span is missing; it was taken to last from the first start to the last time seen"
                    .to_owned()
            });
            let spans = || trace.spans().filter(|span| !span.in_report());
            Run {
                trace_id: spans().find(|span| span.kind() != Kind::Other).map(|span| span.trace_id_hex()),
                start: spans().map(|span| span.start_time()).min().unwrap_or(0),
                end: spans().map(|span| span.end_time()).max().unwrap_or(0),
                inferred: true,
                ..Run::default()
            }
        }
    };
    run.has_dag = true;

    let ours = |span: &Span<'_>| run_above(*span).is_none_or(|above| Some(above) == run.span);
    let mut stages: Vec<Stage> = Vec::new();
    let mut places: HashMap<u32, usize> = HashMap::new();
    for span in trace.spans().filter(|span| span.kind() == Kind::Stage).filter(ours) {
        let mut key = span.stage_index();
        if key == NONE {
            // Named by its id, says the format.
            key = trace.stages.get(span.name()).unwrap_or(NONE);
        }
        let id = if key == NONE { span.name() } else { trace.stages.text(key) };
        if key != NONE && places.contains_key(&key) {
            warnings.push(Sort::Model, || format!("stage {id} is there more than once; its first span was taken"));
            continue;
        }
        if key != NONE {
            places.insert(key, stages.len());
        }
        stages.push(stage(span, id));
    }
    for span in trace.spans().filter(|span| span.kind() == Kind::Attempt).filter(ours) {
        let key = span.stage_index();
        if key == NONE {
            warnings.push(Sort::Model, || format!("attempt span {:?} names no stage and was left out", span.name()));
            continue;
        }
        let place = *places.entry(key).or_insert_with(|| {
            let id = trace.stages.text(key);
            warnings.push(Sort::Model, || {
                format!("stage {id} has attempts but no span of its own; what it needs is unknown")
            });
            stages.push(Stage { id: id.to_owned(), start: span.start_time(), inferred: true, ..Stage::default() });
            stages.len() - 1
        });
        stages[place].attempts.push(attempt(span));
    }
    for stage in &mut stages {
        stage.attempts.sort_by_key(|attempt| (attempt.number, attempt.start, attempt.end));
        for (index, attempt) in (1..).zip(&mut stage.attempts) {
            if attempt.number == 0 {
                attempt.number = index;
            }
        }
        stage.inferred |= stage.attempts.iter().any(|attempt| attempt.inferred);
        let found = stage.attempts.len() as u64;
        if let Some(declared) = stage.attempts_declared.filter(|declared| *declared != found) {
            let id = &stage.id;
            warnings.push(Sort::Model, || format!("stage {id} had {declared} attempts, but {found} are in the trace"));
        }
        if let (None, Some(last)) = (stage.span, stage.attempts.last()) {
            (stage.end, stage.result) = (last.end, last.result.clone());
        }
    }
    stages.sort_by(|a, b| {
        let key = |s: &Stage| (s.index.unwrap_or(u64::MAX), s.start);
        key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
    });
    check(&run, &stages, &mut warnings);
    run.stages = stages;
    run.warnings = warnings;
    run
}

/// Looks for what does not fit together.
fn check(run: &Run, stages: &[Stage], warnings: &mut Warnings) {
    let ids: HashSet<&str> = stages.iter().map(|stage| &*stage.id).collect();
    for stage in stages {
        for need in stage.needs.iter().flatten().filter(|need| !ids.contains(&***need)) {
            warnings.push(Sort::Model, || {
                format!("stage {} needs {need}, which is not in the trace; this need was not counted", stage.id)
            });
        }
        for attempt in &stage.attempts {
            if attempt.start < run.start || attempt.end > run.end {
                warnings.push(Sort::Model, || {
                    format!(
                        "attempt {} of stage {} reaches beyond its run; only what lies within is counted",
                        attempt.number, stage.id
                    )
                });
            }
        }
    }
}

/// A trace of another writer (`DESIGN` 6): the children of each root span are its stages, one attempt each.
fn foreign(trace: &Trace) -> Run {
    let mut stages: Vec<Stage> = trace
        .foreign_stages
        .iter()
        .filter_map(|index| trace.span(*index as usize))
        .map(|span| Stage {
            needs: None,
            attempts: vec![Attempt { number: 1, ..attempt(span) }],
            ..stage(span, span.name())
        })
        .collect();
    stages.sort_by(|a, b| (a.start, &a.id, a.end).cmp(&(b.start, &b.id, b.end)));
    let own_roots = || {
        trace
            .spans()
            .filter(|span| span.parent().is_none() && !span.in_report())
            .filter(|span| trace.foreign_stages.binary_search(&(span.index() as u32)).is_err())
    };
    let starts = own_roots().map(|span| span.start_time()).chain(stages.iter().map(|stage| stage.start));
    let ends = own_roots().map(|span| span.end_time()).chain(stages.iter().map(|stage| stage.end));
    let failed = own_roots().any(|span| span.status() == Status::Error) || stages.iter().any(|s| !s.succeeded());
    let single_root = own_roots().next().filter(|_| own_roots().count() == 1);
    let mut run = Run {
        trace_id: trace.span(0).map(|span| span.trace_id_hex()),
        start: starts.min().unwrap_or(0),
        end: ends.max().unwrap_or(0),
        result: trace.span(0).map(|_| if failed { result::FAILURE } else { result::SUCCESS }.to_owned()),
        inferred: own_roots().next().is_none() && !trace.is_empty() || own_roots().any(|span| span.inferred()),
        message: single_root.and_then(message),
        span: single_root.map(|span| span.index()),
        ..Run::default()
    };
    let mut warnings = Warnings::default();
    if !trace.is_empty() {
        warnings.push(Sort::Model, || {
            "no span of this trace is marked as run, stage or attempt: the children of each root span were taken for \
             its stages, and what needs the DAG is unknown"
                .to_owned()
        });
    }
    check(&run, &stages, &mut warnings);
    run.stages = stages;
    run.warnings = warnings;
    run
}
