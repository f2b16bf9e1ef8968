//! A run of a small pipeline whose bridge is a script of the test.

use std::sync::{Arc, Mutex};

use serde_json::Value as Json;

use crate::clock::Clock;
use crate::conventions::attr;
use crate::dag::ray::{RayError, RayExecutor, RaySettings};
use crate::dag::{DagRunner, Executors, LocalExecutor, Nested, RunContext, StageResult, Stop, StopReason};
use crate::directory::{RunDirectory, RunId};
use crate::environment::StageEnvironment;
use crate::events::{Observer, RunEvent};
use crate::pipeline::{self, Pipeline};
use crate::plan::RunPlan;
use crate::redact::{Redactor, Rules};
use crate::telemetry::RunTelemetry;

/// What every script begins with.
const HELPERS: &str = r##"
import json, sys, time, base64, threading
n = {}
def raw(text):
    sys.stdout.write(text + "\n"); sys.stdout.flush()
def say(t, **fields):
    raw(json.dumps({"t": t, **fields}))
def word(t, id, **fields):
    say(t, id=id, n=n.setdefault(id, 0), **fields); n[id] += 1
def ready(**more):
    say("ready", **{**dict(proto=1, ray="2.60.0", python="3.11.7", auth="token", nodes=[dict(node="ab"*28, name="127.0.0.3",
        head=False, arch=None, total={"CPU": 2.0}, labels={}, offset_ns=1000, bound_ns=10, shared=True, worker="x", problem=None)]), **more})
def started(id):
    word("started", id, w=1, node="ab"*28, node_name="127.0.0.3", worker="abababababab-7", pid=42, span="00f067aa0ba902b7", control="/c")
def log(id, text, s="out"):
    word("log", id, s=s, b64=base64.b64encode(text.encode()).decode())
USAGE = dict(cpu_user_ns=1, cpu_system_ns=2, peak_memory=3, peak_memory_is_bound=False)
def ended(id, code=0, why="exit", emitted=1, **more):
    word("ended", id, **{**dict(w=2, why=why, code=code, signal=None, error=None, usage=USAGE, redactions=0, left_open=False,
        escaped=0, emitted=emitted, dropped=0), **more})
def worker_span(job, span="00f067aa0ba902b7"):
    _, trace, parent, _ = job["traceparent"].split("-")
    return {"name": job["id"] + "@abababababab-7", "start_time": 5, "end_time": 6, "duration_ms": 0.0, "status": "Success",
        "attributes": {"forensic.origin": "worker", "forensic.kind": "worker"}, "trace_id": trace, "span_id": span, "parent_span_id": parent}
def orders():
    for line in sys.stdin:
        yield json.loads(line)
hello = next(orders())
"##;

pub(super) struct Ran {
    pub(super) results: Vec<StageResult>,
    /// What the observer heard.
    pub(super) told: Vec<String>,
    pub(super) spans: Vec<Json>,
    /// Gone when it is dropped.
    pub(super) _folder: tempfile::TempDir,
    pub(super) directory: RunDirectory,
    pub(super) ledger: crate::telemetry::Ledger,
}

impl Ran {
    pub(super) fn span(&self, name: &str) -> &Json {
        self.spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("no {name}: {:#?}", self.spans))
    }

    pub(super) fn attribute(&self, span: &str, key: &str) -> Json {
        self.span(span)["attributes"].get(key).cloned().unwrap_or(Json::Null)
    }

    /// The error's type and message of a span.
    pub(super) fn error(&self, span: &str) -> (String, String) {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        (text(&self.attribute(span, attr::ERROR_TYPE)), text(&self.span(span)["status_message"]))
    }

    pub(super) fn has_told(&self, part: &str) -> bool {
        self.told.iter().any(|text| text.contains(part))
    }

    pub(super) fn file(&self, path: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(path)).unwrap()
    }
}

#[derive(Default)]
struct Hearing {
    told: Arc<Mutex<Vec<String>>>,
    /// Stops the run when this attempt has started.
    stop_at: Option<(String, Stop)>,
}

impl Observer for Hearing {
    fn on_event(&mut self, event: &RunEvent<'_>) {
        let text = match event {
            RunEvent::AttemptStarted { stage, attempt, .. } => format!("start {stage}#{attempt}"),
            RunEvent::AttemptFailed { stage, attempt, message, .. } => format!("again {stage}#{attempt}: {message}"),
            RunEvent::Warning { text } => format!("warning: {text}"),
            RunEvent::StageEnded { stage, result, message, .. } => format!("end {stage} {result:?} {message:?}"),
            _ => return,
        };
        if let Some((at, stop)) = &self.stop_at
            && *at == text
        {
            stop.stop(StopReason::Request);
        }
        self.told.lock().unwrap().push(text);
    }
}

/// A pipeline of these stages on Ray.
pub(super) fn pipeline(executor: &str, stages: &str) -> Pipeline {
    let text =
        format!("[pipeline]\nname = \"p\"\nkill_grace = \"200ms\"\n[executor]\nkind = \"ray\"\n{executor}\n{stages}");
    pipeline::parse(std::path::Path::new("pipeline.toml"), text, &[]).unwrap_or_else(|error| panic!("{error:?}"))
}

pub(super) fn run(pipeline: &Pipeline, script: &str) -> Result<Ran, RayError> {
    run_until(pipeline, script, None)
}

/// `stop_at`: what is heard when the run is stopped.
pub(super) fn run_until(pipeline: &Pipeline, script: &str, stop_at: Option<&str>) -> Result<Ran, RayError> {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::start();
    let run_id = RunId::generate(clock.started());
    let directory = RunDirectory::create(folder.path(), &run_id).unwrap();
    let redactor = Redactor::new(&Rules { secrets: vec!["correct-horse-battery".into()], ..Rules::default() }).unwrap();
    let data = directory.folder("data").unwrap();
    let telemetry = RunTelemetry::start(data, run_id.as_str(), redactor).unwrap();
    let run_span = telemetry.span("RUN p", opentelemetry::trace::SpanKind::Server, None, clock.started(), Vec::new());
    let ray = RayExecutor::start(RaySettings {
        pipeline,
        run_id: run_id.as_str(),
        trace_id: &run_span.context().trace_id().to_string(),
        directory: &directory,
        clock,
        exporter: telemetry.exporter().clone(),
        rules: Rules::default(),
        receive: None,
        program: "/nowhere/forensic-host".into(),
        sha256: None,
        bridge: Some(vec!["python3".into(), "-c".into(), format!("{HELPERS}{script}")]),
    })?;
    let mut executor = Executors::new(pipeline, LocalExecutor::new(clock), Some(ray));
    let stop = Stop::new();
    let mut hearing = Hearing { stop_at: stop_at.map(|at| (at.to_owned(), stop.clone())), ..Hearing::default() };
    let told = Arc::clone(&hearing.told);
    let plan = RunPlan::run_all(pipeline);
    let environment = StageEnvironment::default();
    let nested = Nested { program: "/nowhere".into(), root: folder.path().to_owned(), arguments: Vec::new() };
    let context = RunContext {
        pipeline,
        plan: &plan,
        slots: 4,
        clock,
        schedule_start: clock.now(),
        telemetry: &telemetry,
        receiver: None,
        run_span: run_span.context(),
        directory: &directory,
        run_id: &run_id,
        environment: &environment,
        pools: Vec::new(),
        keep: None,
        nested: &nested,
        stop,
    };
    let dag = DagRunner::new(context, &mut executor, &mut hearing).run();
    run_span.end(clock.now(), None);
    let exporter = telemetry.exporter().clone();
    telemetry.finish("forensic_trace.json").unwrap();
    let trace = std::fs::read(directory.path().join("data/forensic_trace.json")).unwrap();
    let told = told.lock().unwrap().clone();
    Ok(Ran {
        results: dag.results,
        told,
        spans: serde_json::from_slice(&trace).unwrap(),
        _folder: folder,
        directory,
        ledger: exporter.ledger(),
    })
}
