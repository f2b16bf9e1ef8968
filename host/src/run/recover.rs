//! Completes the record of a run that was killed, from its journal: what was running is closed as interrupted at the
//! last sign of life, and stages that never started have their spans too.

use std::collections::HashMap;
use std::io;

use serde_json::{Map, Value};

use super::record::{RUNNING, RecordError, RunRecord, StageCounts};
use crate::clock::Clock;
use crate::conventions::{attr, error_type, kind, result};
use crate::directory::{DATA, DirectoryError, RunDirectory, TRACE_NAME, logs_there};
use crate::evidence::{Evidence, SIGNATURE, Taken};
use crate::files::sha256;
use crate::run::calling::{TraceState, read_trace};
use crate::telemetry::{Interrupted, Unfinished};
use crate::trace::Run;

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Spans of the trace.
    pub spans: u64,
    /// Spans that were open and were closed as interrupted.
    pub closed: usize,
    /// Stages that never started.
    pub never_started: usize,
}

/// Why a run can't be recovered.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The run directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The record of the run.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It is not over.
    #[error("run {0} goes on: another forensic-host is running it")]
    GoesOn(String),
    /// The journal can't be read or completed.
    #[error("can't complete the journal of run {run}: {source}")]
    Journal {
        /// The run.
        run: String,
        /// Why not.
        source: io::Error,
    },
    /// A run is signed at its end, so it can't have been killed.
    #[error(
        "run {0} has a signature and a record that says that it did not end: the record was changed; see `forensic-host verify`"
    )]
    Signed(String),
    /// There is nothing to recover from.
    #[error("run {0} left neither a trace nor a journal: it ended before it began")]
    Nothing(String),
}

/// Completes a run that was killed. `None` where it is complete already; so a second call changes nothing.
///
/// # Errors
/// [`RecoverError`].
pub fn recover(directory: &RunDirectory) -> Result<Option<Recovered>, RecoverError> {
    let mut record = RunRecord::load(directory)?;
    let failed = |run: &str| {
        let run = run.to_owned();
        move |source: io::Error| match source.kind() {
            io::ErrorKind::WouldBlock => RecoverError::GoesOn(run),
            _ => RecoverError::Journal { run, source },
        }
    };
    let journal = Interrupted::open(directory.folder(DATA)?).map_err(failed(&record.run_id))?;
    let mut recovered = Recovered::default();
    match journal {
        None if record.result != RUNNING => return Ok(None),
        None | Some(_) if directory.dir().symlink_metadata(SIGNATURE).is_ok() => {
            return Err(RecoverError::Signed(record.run_id));
        }
        None => {}
        Some(journal) => recovered = complete(journal, &record, directory).map_err(failed(&record.run_id))?,
    }
    let TraceState::Read(trace) = read_trace(directory)? else { return Err(RecoverError::Nothing(record.run_id)) };
    recovered.spans = trace.len() as u64;
    record.spans = Some(recovered.spans);
    if record.result == RUNNING {
        let run = Run::of(&trace);
        record.result = run.result.clone().unwrap_or_else(|| result::CANCELLATION.to_owned());
        record.end_time = Some(run.end);
        record.stages = StageCounts {
            cached: run.stages.iter().map(|stage| u32::from(stage.cached)).sum(),
            ..StageCounts::of_words(run.stages.iter().map(|stage| stage.result.as_str()))
        };
        super::outcomes::of_trace(&mut record, &run);
    }
    let evidence = Evidence::take(directory.dir(), Taken::Recovery, Clock::start().now());
    record.evidence = Some(evidence.map_err(failed(&record.run_id))?);
    record.save(directory)?;
    Ok(Some(recovered))
}

/// Closes what is open, adds what never began, writes the trace.
fn complete(mut journal: Interrupted, record: &RunRecord, directory: &RunDirectory) -> io::Result<Recovered> {
    let last = journal.last_sign_of_life().max(record.start_time);
    let mut open = journal.take_open();
    let closed = open.len();
    let passed = passed(&journal, &open);
    let run = open.iter().position(|span| is_kind(span, kind::RUN)).map(|at| open.remove(at));
    // Parents last: of spans that start together, the one that ends last comes first in the trace.
    for mut span in open.into_iter().rev() {
        span.set(attr::INFERRED, true);
        let work = is_kind(&span, kind::STAGE) || is_kind(&span, kind::ATTEMPT);
        let stage = span.attribute(attr::STAGE_ID).and_then(Value::as_str);
        let passed = stage.filter(|_| work).and_then(|stage| passed.get(stage).copied());
        if passed.is_none() {
            span.set(attr::ERROR_TYPE, error_type::CANCELLED);
        }
        if work {
            span.set(attr::TASK_RESULT, if passed.is_some() { result::SUCCESS } else { result::CANCELLATION });
        }
        if is_kind(&span, kind::STAGE) {
            let id = span.attribute(attr::STAGE_ID).cloned();
            let attempts = journal.spans().filter(|other| {
                text(other, attr::KIND) == Some(kind::ATTEMPT) && attribute(other, attr::STAGE_ID) == id.as_ref()
            });
            let attempts = attempts.count();
            span.set(attr::ATTEMPTS, attempts);
            span.set(attr::CACHED, false);
        }
        if is_kind(&span, kind::ATTEMPT)
            && let Some((stage, attempt)) = attempt_of(&span)
        {
            let [stdout, stderr] = logs_there(directory.dir(), &stage, attempt);
            for (key, path) in [(attr::LOG_STDOUT, stdout), (attr::LOG_STDERR, stderr)] {
                path.into_iter().for_each(|path| span.set(key, path));
            }
        }
        match passed {
            Some(time) => span.end_well(time),
            None => span.end(last, "forensic-host was killed while this ran"),
        }
        journal.close(span)?;
    }
    let mut recovered = Recovered { closed, ..Recovered::default() };
    if let Some(mut run) = run {
        recovered.never_started = add_never_started(&mut journal, record, directory, &run, last)?;
        run.set(attr::INFERRED, true);
        run.set(attr::PIPELINE_RESULT, result::CANCELLATION);
        run.set(attr::ERROR_TYPE, error_type::CANCELLED);
        run.end(last, "forensic-host was killed");
        journal.close(run)?;
    }
    journal.finish(TRACE_NAME)?;
    Ok(recovered)
}

/// Stages that others needed which had started, each with the first such start, Unix ns: they had succeeded by then, whether or not
/// the host still came to note that.
fn passed(journal: &Interrupted, open: &[Unfinished]) -> HashMap<String, u64> {
    let mut passed = HashMap::new();
    for span in journal.spans().chain(open.iter().map(Unfinished::fields)) {
        // One that never began has an end, and no attempts; of one that goes on they are not known yet.
        let began = attribute(span, attr::ATTEMPTS).is_none_or(|attempts| attempts.as_u64() > Some(0));
        let by_all = text(span, attr::KIND) == Some(kind::STAGE) && attribute(span, attr::TRIGGER).is_none();
        let start = span.get("start_time").and_then(Value::as_u64).filter(|_| began && by_all);
        let needs = attribute(span, attr::NEEDS).and_then(Value::as_array);
        for (need, start) in needs.into_iter().flatten().filter_map(|need| need.as_str().zip(start)) {
            passed.entry(need.to_owned()).and_modify(|first| *first = start.min(*first)).or_insert(start);
        }
    }
    // Of one that may fail, others start whichever way it ended.
    for span in open.iter().filter(|span| span.attribute(attr::ALLOW_FAILURE).is_some()) {
        if let Some(stage) = span.attribute(attr::STAGE_ID).and_then(Value::as_str) {
            passed.remove(stage);
        }
    }
    passed
}

fn add_never_started(
    journal: &mut Interrupted,
    record: &RunRecord,
    directory: &RunDirectory,
    run: &Unfinished,
    last: u64,
) -> io::Result<usize> {
    let ended: HashMap<String, (bool, u64)> = journal
        .spans()
        .filter(|span| text(span, attr::KIND) == Some(kind::STAGE))
        .filter_map(|span| {
            let success = text(span, attr::TASK_RESULT) == Some(result::SUCCESS);
            Some((text(span, attr::STAGE_ID)?.to_owned(), (success, span.get("end_time")?.as_u64()?)))
        })
        .collect();
    let schedule_start = run.attribute(attr::SCHEDULE_START).and_then(Value::as_u64);
    let mut added = 0;
    for (index, stage) in record.pipeline.stages.iter().enumerate().rev() {
        if ended.contains_key(&stage.id) {
            continue;
        }
        let needs: Option<Vec<u64>> = stage
            .needs
            .iter()
            .map(|need| ended.get(need).filter(|(success, _)| *success).map(|(_, end)| *end))
            .collect();
        let ready = needs.and_then(|ends| ends.into_iter().max().or(schedule_start));
        // Made of what is known, so that recovering twice gives the same id.
        let id = sha256(format!("{}/{}", record.trace_id, stage.id).as_bytes());
        let mut span = Unfinished::never_begun(&stage.id, last, &record.trace_id, id[..16].to_owned(), run.span_id());
        span.set(attr::KIND, kind::STAGE);
        for key in [attr::STAGE_ID, attr::TASK_NAME, attr::TASK_RUN_ID] {
            span.set(key, stage.id.as_str());
        }
        span.set(attr::STAGE_INDEX, index);
        span.set(attr::NEEDS, stage.needs.clone());
        span.set(attr::TASK_RESULT, result::CANCELLATION);
        span.set(attr::ATTEMPTS, 0);
        span.set(attr::CACHED, false);
        for (key, value) in
            [(attr::TRIGGER, &stage.trigger), (attr::MEMBER_OF, &stage.member_of), (attr::GROUP, &stage.group)]
        {
            if let Some(value) = value {
                span.set(key, value.as_str());
            }
        }
        if stage.allow_failure {
            span.set(attr::ALLOW_FAILURE, true);
        }
        if let Some(ready) = ready.filter(|_| stage.trigger.is_none()) {
            span.set(attr::READY_TIME, ready);
        }
        span.set(attr::ERROR_TYPE, error_type::CANCELLED);
        if logs_there(directory.dir(), &stage.id, 1).iter().any(Option::is_some) {
            // The disk was full, say: its output has a place, its spans had none.
            span.set(attr::INFERRED, true);
            span.end(last, "this stage was started, and what became of it could not be recorded");
        } else {
            span.end(last, "forensic-host was killed before this stage could start");
            added += 1;
        }
        journal.close(span)?;
    }
    Ok(added)
}

/// Stage and number of an attempt.
fn attempt_of(span: &Unfinished) -> Option<(String, u32)> {
    let stage = span.attribute(attr::STAGE_ID)?.as_str()?.to_owned();
    let number = span.attribute(attr::ATTEMPT)?.as_u64()?;
    Some((stage, u32::try_from(number).ok()?))
}

fn is_kind(span: &Unfinished, kind: &str) -> bool {
    span.attribute(attr::KIND).and_then(Value::as_str) == Some(kind)
}

fn attribute<'a>(span: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    span.get("attributes")?.get(key)
}

fn text<'a>(span: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    attribute(span, key)?.as_str()
}
