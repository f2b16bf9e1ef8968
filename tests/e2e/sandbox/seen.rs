//! What a plugin sees of a run: the trace, the summary, the past, granted files.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use forensic_host::limits::Limits;
use forensic_host::plugin::{Artifacts, Inputs, TraceInput};
use forensic_host::trace::{Trace, summarize};

use super::{engine, granted, paragraphs, plugin, request, run};

const TRACE: &str = r#"[
{"name":"run","start_time":0,"end_time":4000,"duration_ms":0.004,"status":"Error","attributes":{"forensic.kind":"run","cicd.pipeline.name":"p","cicd.pipeline.run.id":"r1","cicd.pipeline.result":"failure","forensic.slots":1,"forensic.schedule_start_time":0},"trace_id":"0123456789abcdef0123456789abcdef","span_id":"0000000000000001","parent_span_id":null},
{"name":"a","start_time":1000,"end_time":3000,"duration_ms":0.002,"status":"Error","attributes":{"forensic.kind":"stage","forensic.stage.id":"a","forensic.stage.needs":[],"cicd.pipeline.task.run.result":"failure","forensic.attempts":1,"n":1.5,"t":["x","y"],"j":{"k":null},"b":true},"trace_id":"0123456789abcdef0123456789abcdef","span_id":"0000000000000002","parent_span_id":"0000000000000001"},
{"name":"a","start_time":1000,"end_time":3000,"duration_ms":0.002,"status":"Error","attributes":{"forensic.kind":"attempt","forensic.stage.id":"a","forensic.attempt":1,"cicd.pipeline.task.run.result":"failure","process.exit.code":3},"trace_id":"0123456789abcdef0123456789abcdef","span_id":"0000000000000003","parent_span_id":"0000000000000002"}
]"#;

pub(super) fn seen_inputs(folder: &Path) -> Inputs {
    fs::write(folder.join("b.txt"), "bee").unwrap();
    fs::write(folder.join("a.txt"), "").unwrap();
    let trace = Trace::from_slice(TRACE.as_bytes()).unwrap();
    let summary = summarize(&trace);
    let history = [(&summary).into()].into();
    Inputs {
        trace: TraceInput::Available { trace: Arc::new(trace), summary: Arc::new(summary), history },
        artifacts: granted(folder, &["*.txt"]).unwrap(),
    }
}

#[test]
fn a_plugin_sees_the_trace_and_granted_files() {
    let folder = tempfile::tempdir().unwrap();
    let report = engine().call(plugin(), request("look"), &seen_inputs(folder.path()), &Limits::default());
    assert!(report.host_calls > 10 && report.bytes_read > 500, "{report:?}");
    let document = report.outcome.unwrap();
    let text = paragraphs(&document).join("\n");
    assert_eq!(text, include_str!("sandbox_look.txt").trim_end());
}

#[test]
fn a_missing_and_an_unreadable_trace_are_told_to_the_plugin() {
    let missing = run("look", &[]).outcome.unwrap();
    assert_eq!(paragraphs(&missing)[0], "run: Err(TraceError::Missing)");
    let inputs = Inputs { trace: TraceInput::Unreadable("line 3".into()), artifacts: Artifacts::none() };
    let unreadable = engine().call(plugin(), request("look"), &inputs, &Limits::default()).outcome.unwrap();
    assert_eq!(paragraphs(&unreadable)[1], r#"health: Err(TraceError::Unreadable("line 3"))"#);
}
