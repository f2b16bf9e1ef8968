//! Spans into the model: what the attributes of run, stage and attempt spans say, in the host's own traces and in those of
//! other writers.

use super::told::Told;
use super::{Attempt, Remote, Run, Stage};
use crate::conventions::{attr, executor, result};
use crate::trace::load::Trace;
use crate::trace::span::{Kind, NONE, Span, Status, Value};
use crate::trace::warnings::{Sort, Warnings};
use std::collections::{HashMap, HashSet};

/// When an attempt was submitted, where that is told apart, and when it began to run. Its span begins with the first.
fn beginning(told: &Told<'_>, remote: Option<&Remote>, warnings: &mut Warnings) -> (Option<u64>, u64) {
    let (submitted, end) = (told.span.start_time(), told.span.end_time());
    let Some(started) = told.get(attr::STARTED_TIME).filter(|started| *started != Value::Null) else {
        // One that never started waited until its end.
        let never = remote.is_some_and(|remote| remote.executor == executor::RAY);
        return if never { (Some(submitted), end) } else { (None, submitted) };
    };
    let started = started.as_u64();
    let (taken, why) = match started {
        Some(started) if started < submitted => (submitted, "is before it was submitted; that was taken for it"),
        Some(started) if started > end => (end, "is after its end, which was taken for it"),
        Some(started) => return (Some(submitted), started),
        None => (submitted, "is no time; when it was submitted was taken for it"),
    };
    warnings.push(Sort::Model, || {
        let stage = told.text(attr::STAGE_ID).unwrap_or_else(|| told.span.name().to_owned());
        let number = told.number(attr::ATTEMPT).unwrap_or(0);
        format!("the start of attempt {number} of stage {stage} ({}) {why}", attr::STARTED_TIME)
    });
    (Some(submitted), taken)
}

fn attempt(span: Span<'_>, warnings: &mut Warnings) -> Attempt {
    let told = Told::by(span);
    let remote = Remote::of(&told);
    let (submitted, start) = beginning(&told, remote.as_deref(), warnings);
    Attempt {
        number: told.number(attr::ATTEMPT).unwrap_or(0),
        submitted,
        start,
        end: span.end_time(),
        result: told.result(attr::TASK_RESULT),
        exit_code: told.integer(attr::EXIT_CODE),
        signal: told.integer(attr::SIGNAL),
        error_type: told.text(attr::ERROR_TYPE),
        message: told.message(),
        cpu_user_ns: told.number(attr::CPU_USER_NS),
        cpu_system_ns: told.number(attr::CPU_SYSTEM_NS),
        peak_memory: told.number(attr::PEAK_MEMORY),
        peak_memory_is_bound: told.is_true(attr::PEAK_MEMORY_IS_BOUND),
        tree_peak_memory: told.number(attr::TREE_PEAK_MEMORY),
        tree_memory_samples: told.number(attr::TREE_MEMORY_SAMPLES),
        io_read: told.number(attr::IO_READ),
        io_written: told.number(attr::IO_WRITTEN),
        io_read_chars: told.number(attr::IO_READ_CHARS),
        io_written_chars: told.number(attr::IO_WRITTEN_CHARS),
        voluntary_switches: told.number(attr::VOLUNTARY_SWITCHES),
        involuntary_switches: told.number(attr::INVOLUNTARY_SWITCHES),
        oom_killed: told.is_true(attr::OOM_KILLED),
        backoff_ns: told.number(attr::BACKOFF_NS).unwrap_or(0),
        log_stdout: told.text(attr::LOG_STDOUT),
        log_stderr: told.text(attr::LOG_STDERR),
        waited_for_pool: told.text(attr::WAITED_FOR_POOL),
        child_run: told.text(attr::CHILD_RUN),
        escaped_processes: told.number(attr::ESCAPED_PROCESSES).unwrap_or(0),
        pid: told.number(attr::PID),
        remote,
        inferred: span.inferred(),
        span: span.index(),
    }
}

fn stage(span: Span<'_>, id: &str) -> Stage {
    let told = Told::by(span);
    Stage {
        id: id.to_owned(),
        needs: Some(told.get(attr::NEEDS).and_then(|needs| needs.as_text_list()).unwrap_or_default()),
        index: told.number(attr::STAGE_INDEX),
        result: told.result(attr::TASK_RESULT),
        attempts: Vec::new(),
        trigger: told.text(attr::TRIGGER),
        released_by: told.text(attr::RELEASED_BY),
        member_of: told.text(attr::MEMBER_OF),
        group: told.text(attr::GROUP),
        allow_failure: told.is_true(attr::ALLOW_FAILURE),
        skip_reason: told.text(attr::SKIP_REASON),
        skip_message: told.text(attr::SKIP_MESSAGE),
        cached_from: told.text(attr::CACHED_FROM),
        attempts_declared: told.number(attr::ATTEMPTS),
        ready_time: told.number(attr::READY_TIME),
        cached: told.is_true(attr::CACHED),
        saved_ns: told.number(attr::SAVED_NS),
        start: span.start_time(),
        end: span.end_time(),
        inferred: span.inferred(),
        skipped_because: told.text(attr::SKIPPED_BECAUSE),
        error_type: told.text(attr::ERROR_TYPE),
        message: told.message(),
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

pub(super) fn native(trace: &Trace) -> Run {
    let mut warnings = Warnings::default();
    let runs: Vec<Span<'_>> = trace.spans().filter(|span| span.kind() == Kind::Run).collect();
    let chosen = runs.iter().copied().find(|span| run_above(*span).is_none());
    if runs.len() > 1 {
        warnings.push(Sort::Model, || format!("the trace holds {} runs; this is about the first one", runs.len()));
    }
    let mut run = match chosen {
        Some(span) => {
            let told = Told::by(span);
            Run {
                id: told.text(attr::RUN_ID),
                pipeline: told.text(attr::PIPELINE_NAME),
                profile: told.text(attr::PROFILE),
                result: Some(told.result(attr::PIPELINE_RESULT)),
                trace_id: Some(span.trace_id_hex()),
                start: span.start_time(),
                end: span.end_time(),
                slots: told.number(attr::SLOTS),
                cores: told.number(attr::CORES),
                schedule_start: told.number(attr::SCHEDULE_START),
                error_type: told.text(attr::ERROR_TYPE),
                message: told.message(),
                inferred: span.inferred(),
                resumed_from: told.text(attr::RESUMED_FROM),
                parent_run: told.text(attr::PARENT_RUN),
                parent_stage: told.text(attr::PARENT_STAGE),
                cluster_auth: told.text(attr::CLUSTER_AUTH),
                ray_version: told.text(attr::CLUSTER_RAY_VERSION),
                span: Some(span.index()),
                ..Run::default()
            }
        }
        None => {
            warnings.push(Sort::Model, || {
                "the run's own span is missing; it was taken to last from the first start to the last time seen"
                    .to_owned()
            });
            let spans = || trace.spans().filter(|span| !span.in_report() && !span.on_worker_clock());
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
    run.outside_dispatch = outside_dispatch(trace);

    let ours = |span: &Span<'_>| run_above(*span).is_none_or(|above| Some(above) == run.span);
    // Grown from nothing, they would be moved a dozen times.
    let expected = trace.spans().filter(|span| span.kind() == Kind::Stage).count();
    let mut stages: Vec<Stage> = Vec::with_capacity(expected);
    let mut places: HashMap<u32, usize> = HashMap::with_capacity(expected);
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
        let attempts = &mut stages[place].attempts;
        if attempts.is_empty() {
            // Most stages have one, and a vector that grows begins with room for four.
            attempts.reserve_exact(1);
        }
        attempts.push(attempt(span, &mut warnings));
    }
    for stage in &mut stages {
        stage.attempts.sort_by_key(|attempt| (attempt.number, attempt.start, attempt.end));
        for (index, attempt) in (1..).zip(&mut stage.attempts) {
            if attempt.number == 0 {
                attempt.number = index;
            }
        }
        if let Some(first) = stage.attempts.first().filter(|first| first.submitted.is_some()) {
            // Its span may begin when the host gave the attempt away.
            stage.start = first.start;
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
    let stages = in_order(stages);
    check(&run, &stages, &mut warnings);
    run.stages = stages;
    run.warnings = warnings;
    run
}

/// As declared where that is known, else by start and id. Only places are sorted, and each stage is moved once: stages are large.
fn in_order(mut stages: Vec<Stage>) -> Vec<Stage> {
    let mut places: Vec<(u64, u64, u32)> =
        (0..).zip(&stages).map(|(place, stage)| (stage.index.unwrap_or(u64::MAX), stage.start, place)).collect();
    let id = |place: u32| stages.get(place as usize).map(|stage| stage.id.as_str());
    places.sort_unstable_by(|a, b| (a.0, a.1, id(a.2), a.2).cmp(&(b.0, b.1, id(b.2), b.2)));
    if places.is_sorted_by_key(|(_, _, place)| *place) {
        return stages;
    }
    places.iter().filter_map(|(_, _, place)| stages.get_mut(*place as usize).map(std::mem::take)).collect()
}

/// Counts workers' spans that the host found outside their dispatch.
fn outside_dispatch(trace: &Trace) -> u64 {
    if trace.keys.get(attr::OUTSIDE_DISPATCH).is_none() {
        return 0;
    }
    let outside = |span: &Span<'_>| span.kind() == Kind::Worker && Told::by(*span).is_true(attr::OUTSIDE_DISPATCH);
    trace.spans().filter(outside).count() as u64
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
pub(super) fn foreign(trace: &Trace) -> Run {
    let mut warnings = Warnings::default();
    let mut stages: Vec<Stage> = trace
        .foreign_stages
        .iter()
        .filter_map(|index| trace.span(*index as usize))
        .map(|span| Stage {
            needs: None,
            attempts: vec![Attempt { number: 1, ..attempt(span, &mut warnings) }],
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
        message: single_root.and_then(|span| Told::by(span).message()),
        span: single_root.map(|span| span.index()),
        ..Run::default()
    };
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
