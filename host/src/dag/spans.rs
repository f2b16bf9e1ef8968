//! The attributes of stage and attempt spans (DESIGN 5, table "what the metrics need").

use opentelemetry::{Array, KeyValue, StringValue, Value};

use super::executor::{AttemptEnd, Exit};
use super::schedule::StageResult;
use crate::clock::nanos;
use crate::conventions::{attr, error_type, kind};
use crate::directory::log_path;
use crate::pipeline::{Command, Pipeline};

/// What is known of a stage before it runs.
pub(super) fn stage(pipeline: &Pipeline, index: usize, ready: Option<u64>) -> Vec<KeyValue> {
    let stage = &pipeline.stages[index];
    let needs: Vec<StringValue> =
        stage.needs.iter().map(|&need| pipeline.stages[need].id.as_str().to_owned().into()).collect();
    let id = stage.id.as_str().to_owned();
    let mut attributes = vec![
        KeyValue::new(attr::KIND, kind::STAGE),
        KeyValue::new(attr::STAGE_ID, id.clone()),
        KeyValue::new(attr::TASK_NAME, id.clone()),
        KeyValue::new(attr::TASK_RUN_ID, id),
        KeyValue::new(attr::STAGE_INDEX, index as i64),
        KeyValue::new(attr::NEEDS, Value::Array(Array::String(needs))),
    ];
    if let Some(ready) = ready {
        attributes.push(KeyValue::new(attr::READY_TIME, ready as i64));
    }
    attributes
}

/// What is known of a stage when it has its result.
pub(super) fn stage_end(result: StageResult, attempts: u32) -> [KeyValue; 3] {
    [
        KeyValue::new(attr::TASK_RESULT, result.word()),
        KeyValue::new(attr::ATTEMPTS, i64::from(attempts)),
        KeyValue::new(attr::CACHED, false),
    ]
}

/// What is known of an attempt before it runs. The command line is not recorded: it may hold secrets.
pub(super) fn attempt(stage: &str, number: u32, backoff_ns: u64, command: &Command) -> Vec<KeyValue> {
    let program = match command {
        Command::Argv(argv) => argv.first().map_or("", String::as_str),
        Command::Shell(_) => "/bin/sh",
    };
    let executable = program.rsplit('/').next().unwrap_or(program).to_owned();
    vec![
        KeyValue::new(attr::KIND, kind::ATTEMPT),
        KeyValue::new(attr::STAGE_ID, stage.to_owned()),
        KeyValue::new(attr::ATTEMPT, i64::from(number)),
        KeyValue::new(attr::BACKOFF_NS, backoff_ns as i64),
        KeyValue::new(attr::EXECUTABLE_NAME, executable),
        KeyValue::new(attr::LOG_STDOUT, log_path(stage, number, "out")),
        KeyValue::new(attr::LOG_STDERR, log_path(stage, number, "err")),
    ]
}

/// What is known of an attempt when it has ended; `end` is absent if it never started.
pub(super) fn attempt_end(result: StageResult, end: Option<&AttemptEnd>) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new(attr::TASK_RESULT, result.word())];
    let Some(end) = end else { return attributes };
    attributes.push(match end.exit {
        Exit::Code(code) => KeyValue::new(attr::EXIT_CODE, i64::from(code)),
        Exit::Signal(signal) => KeyValue::new(attr::SIGNAL, i64::from(signal)),
    });
    attributes.extend([
        KeyValue::new(attr::CPU_USER_NS, nanos(end.cpu_user) as i64),
        KeyValue::new(attr::CPU_SYSTEM_NS, nanos(end.cpu_system) as i64),
        KeyValue::new(attr::PEAK_MEMORY, i64::try_from(end.peak_memory).unwrap_or(i64::MAX)),
    ]);
    if end.peak_memory_is_bound {
        attributes.push(KeyValue::new(attr::PEAK_MEMORY_IS_BOUND, true));
    }
    attributes
}

/// The cause, from the closed list; `None` for what is no error.
pub(super) fn cause(result: StageResult, exit: Option<Exit>) -> Option<&'static str> {
    match (result, exit) {
        (StageResult::Success | StageResult::Skip, _) => None,
        (StageResult::Timeout, _) => Some(error_type::TIMEOUT),
        (StageResult::Cancellation, _) => Some(error_type::CANCELLED),
        (StageResult::Failure, Some(Exit::Signal(_))) => Some(error_type::SIGNAL),
        (StageResult::Failure, _) => Some(error_type::EXIT_CODE),
        (StageResult::Error, None) => Some(error_type::SPAWN_FAILED),
        (StageResult::Error, Some(_)) => Some(error_type::INTERNAL),
    }
}
