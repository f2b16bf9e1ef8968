//! The attributes of stage and attempt spans (DESIGN 5, table "what the metrics need").

use opentelemetry::{Array, KeyValue, StringValue, Value};

use super::executor::{AttemptEnd, Exit};
use super::result::StageResult;
use crate::clock::nanos;
use crate::conventions::{attr, error_type, kind};
use crate::pipeline::{Command, Pipeline, Trigger};
use crate::plan::RunPlan;
use crate::redact::Redactor;

/// What is known of a stage before it runs. `released_by`: the need that did, where one was enough.
pub(super) fn stage(
    pipeline: &Pipeline,
    plan: &RunPlan,
    index: usize,
    ready: Option<u64>,
    released_by: Option<usize>,
) -> Vec<KeyValue> {
    let stage = &pipeline.stages[index];
    let name = |stage: usize| pipeline.stages[stage].id.as_str().to_owned();
    let needs: Vec<StringValue> = stage.needs.iter().map(|&need| name(need).into()).collect();
    let id = stage.id.as_str().to_owned();
    let mut attributes = vec![
        KeyValue::new(attr::KIND, kind::STAGE),
        KeyValue::new(attr::STAGE_ID, id.clone()),
        KeyValue::new(attr::TASK_NAME, id.clone()),
        KeyValue::new(attr::TASK_RUN_ID, id),
        KeyValue::new(attr::STAGE_INDEX, index as i64),
        KeyValue::new(attr::NEEDS, Value::Array(Array::String(needs))),
    ];
    if stage.trigger != Trigger::All {
        attributes.push(KeyValue::new(attr::TRIGGER, stage.trigger.as_str()));
    }
    attributes.extend(released_by.map(|need| KeyValue::new(attr::RELEASED_BY, name(need))));
    if let Some(member) = &stage.member {
        let values = member.values.iter().map(|(name, value)| format!("{name}={value}").into()).collect();
        attributes.push(KeyValue::new(attr::MEMBER_OF, member.of.clone()));
        attributes.push(KeyValue::new(attr::MEMBER_VALUES, Value::Array(Array::String(values))));
    }
    attributes.extend(stage.group.clone().map(|group| KeyValue::new(attr::GROUP, group)));
    if stage.allow_failure {
        attributes.push(KeyValue::new(attr::ALLOW_FAILURE, true));
    }
    if let Some(plan) = plan.stages.get(index) {
        attributes.extend(plan.key.clone().map(|key| KeyValue::new(attr::STAGE_KEY, key)));
        attributes.extend(plan.reason.clone().map(|reason| KeyValue::new(attr::REUSE_REASON, reason)));
    }
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

/// What is known of an attempt before it runs; secrets in its command line are masked.
pub(super) fn attempt(
    stage: &str,
    number: u32,
    backoff_ns: u64,
    command: &Command,
    redactor: &Redactor,
) -> Vec<KeyValue> {
    let (argv, masked) = match command {
        Command::Argv(argv) => redactor.args(argv),
        Command::Shell(text) => redactor.args(&["/bin/sh".into(), "-c".into(), text.clone()]),
        Command::Pipeline(path) => redactor.args(&[path.display().to_string()]),
    };
    let program = argv.first().map_or("", String::as_str);
    let executable = program.rsplit('/').next().unwrap_or(program).to_owned();
    let mut attributes = vec![
        KeyValue::new(attr::KIND, kind::ATTEMPT),
        KeyValue::new(attr::STAGE_ID, stage.to_owned()),
        KeyValue::new(attr::ATTEMPT, i64::from(number)),
        KeyValue::new(attr::BACKOFF_NS, backoff_ns as i64),
        KeyValue::new(attr::EXECUTABLE_NAME, executable),
    ];
    if masked > 0 {
        attributes.push(KeyValue::new(attr::REDACTIONS, masked as i64));
    }
    let argv = argv.into_iter().map(StringValue::from).collect();
    attributes.push(KeyValue::new(attr::COMMAND_ARGS, Value::Array(Array::String(argv))));
    attributes
}

/// Where an attempt's output is, as far as it said anything.
pub(super) fn logs([stdout, stderr]: [Option<String>; 2]) -> impl Iterator<Item = KeyValue> {
    let logs = [(attr::LOG_STDOUT, stdout), (attr::LOG_STDERR, stderr)];
    logs.into_iter().filter_map(|(key, path)| Some(KeyValue::new(key, path?)))
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
        count(attr::PEAK_MEMORY, end.peak_memory),
    ]);
    if end.peak_memory_is_bound {
        attributes.push(KeyValue::new(attr::PEAK_MEMORY_IS_BOUND, true));
    }
    if let Some(tree) = end.tree_memory {
        attributes.push(count(attr::TREE_PEAK_MEMORY, tree.peak));
        attributes.push(count(attr::TREE_MEMORY_SAMPLES, tree.samples.into()));
    }
    if let Some(io) = end.io {
        attributes.extend([
            count(attr::IO_READ, io.read),
            count(attr::IO_WRITTEN, io.written),
            count(attr::IO_READ_CHARS, io.read_chars),
            count(attr::IO_WRITTEN_CHARS, io.written_chars),
        ]);
    }
    if let Some(switches) = end.switches {
        attributes.push(count(attr::VOLUNTARY_SWITCHES, switches.voluntary));
        attributes.push(count(attr::INVOLUNTARY_SWITCHES, switches.involuntary));
    }
    attributes.extend(end.oom_killed.map(|oom| KeyValue::new(attr::OOM_KILLED, oom)));
    if end.output_redactions > 0 {
        attributes.push(count(attr::OUTPUT_REDACTIONS, end.output_redactions));
    }
    let escaped = end.escaped_processes.filter(|escaped| *escaped > 0);
    attributes.extend(escaped.map(|escaped| count(attr::ESCAPED_PROCESSES, escaped)));
    if end.output_left_open {
        attributes.push(KeyValue::new(attr::OUTPUT_LEFT_OPEN, true));
    }
    attributes.extend(end.output_lost.as_ref().map(|lost| count(attr::OUTPUT_LOST, lost.bytes)));
    attributes
}

/// An attribute that counts; OpenTelemetry has no unsigned numbers.
fn count(key: &'static str, value: u64) -> KeyValue {
    KeyValue::new(key, i64::try_from(value).unwrap_or(i64::MAX))
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
