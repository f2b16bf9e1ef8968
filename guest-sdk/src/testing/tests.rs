//! The stand-in for the host, by what a plugin and its test see of it.

use std::fs;
use std::path::Path;

use super::golden::check;
use super::*;
use crate::{
    ArtifactError, Attribute, AttributeValue, Cell, Chart, Column, Document, HealthDetail, Host, KeyValue, Level, Link,
    Severity, Span, SpanQuery, Table, TraceError,
};

const RECORD: &str = r#"{"schema": "forensic.run/1", "pipeline": {"name": "p", "profile": null},
    "history": [{"run_id": "r0", "result": "failure", "trace_id": "aa", "start_time": 5, "end_time": 9, "slots": 2, "stages": 1, "spans": 3}]}"#;
const TRACE: &str = r#"[
{"name":"run","start_time":10,"end_time":50,"status":"Error","status_message":"bad","attributes":{"forensic.kind":"run"},"trace_id":"aa","span_id":"0000000000000001","parent_span_id":null},
{"name":"a","start_time":11,"end_time":40,"status":"Success","attributes":{"forensic.kind":"stage","forensic.stage.id":"a","n":1.5,"big":18446744073709551615,"t":["x","y"],"j":{"k":null},"b":true,"i":-3,"none":null},"trace_id":"aa","span_id":"0000000000000002","parent_span_id":"0000000000000001"},
{"name":"inside","start_time":12,"end_time":30,"status":"Error","attributes":{"forensic.origin":"otlp","forensic.kind":"run"},"trace_id":"aa","span_id":"0000000000000003","parent_span_id":"0000000000000002"},
{"name":"report","start_time":60,"end_time":70,"status":"Success","attributes":{"forensic.kind":"report"},"trace_id":"aa","span_id":"0000000000000004","parent_span_id":"0000000000000001"},
{"name":"of the report","start_time":61,"end_time":62,"status":"Success","attributes":{},"trace_id":"aa","span_id":"0000000000000005","parent_span_id":"0000000000000004"}
]"#;
const REPORT: &str = r#"{"summary": {"run": {"id": "r1", "pipeline": "p", "profile": "q", "result": "failure", "trace_id": "aa", "start_time": 10, "end_time": 50, "slots": 2},
    "wall_ns": 40, "work_ns": 29, "speedup": 0.725, "critical_path": {"duration_ns": 29, "stages": ["a"]}, "queue": {"total_ns": 1}, "warnings": ["w"],
    "stages": [{"id": "a", "result": "success", "needs": null, "attempts": 1, "start_time": 11, "end_time": 40, "duration_ns": 29, "critical": true, "exit_code": 0}]}}"#;

fn run_dir(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn whole() -> tempfile::TempDir {
    run_dir(&[
        ("run.json", RECORD),
        ("data/forensic_trace.json", TRACE),
        ("reports/forensic_report.json", REPORT),
        ("data/a.json", "{}"),
        ("data/deep/b.json", "[]"),
        ("data/.hidden.json", ""),
        ("plugins/x.json", ""),
    ])
}

#[test]
fn a_recorded_run_is_shown_as_the_sandbox_shows_it() {
    let folder = whole();
    let host = MockHost::from_run_dir(folder.path(), &["**/*.json", "*.json"]).unwrap();
    let run = host.run().unwrap();
    assert_eq!((run.id.as_str(), run.profile.as_deref(), run.outcome.as_str()), ("r1", Some("q"), "failure"));
    // Spans of report plugins, and what is below them, are not there yet in a live run.
    assert_eq!((run.wall_ns, run.slots, run.stages, run.spans), (40, 2, 1, 3));
    let health = host.health().unwrap();
    assert_eq!((health.speedup, health.critical_path_ns, health.queue_ns), (Some(0.725), Some(29), Some(1)));
    assert_eq!((health.critical_path, health.warnings), (vec!["a".to_owned()], vec!["w".to_owned()]));
    let [stage] = &host.all_stages()[..] else { panic!("one stage") };
    assert_eq!((stage.id.as_str(), stage.duration_ns, stage.critical, stage.exit_code), ("a", 29, true, Some(0)));
    let [past] = &host.history(9)[..] else { panic!("one earlier run") };
    assert_eq!((past.id.as_str(), past.pipeline.as_str(), past.wall_ns, past.spans), ("r0", "p", 4, 3));
    // Neither the host's own files nor hidden ones.
    let ids: Vec<String> = host.artifacts().into_iter().map(|artifact| artifact.id).collect();
    assert_eq!(ids, ["data/a.json", "data/deep/b.json"]);
    let narrow = MockHost::from_run_dir(folder.path(), &["data/*.json"]).unwrap();
    assert_eq!(narrow.artifacts().len(), 1, "`*` stays within a folder");
}

#[test]
fn spans_are_asked_for_by_stage_kind_name_and_failure_page_by_page() {
    let host = MockHost::from_run_dir(whole().path(), &[]).unwrap();
    let names = |query: SpanQuery| -> Vec<String> {
        host.spans(&query, 0, 9).spans.into_iter().map(|span| span.name).collect()
    };
    assert_eq!(names(SpanQuery::all()), ["run", "a", "inside"]);
    assert_eq!(names(SpanQuery { stage: Some("a".into()), ..SpanQuery::all() }), ["a", "inside"]);
    // A stage's own spans can't pose as the host's.
    assert_eq!(names(SpanQuery { kind: Some("run".into()), ..SpanQuery::all() }), ["run"]);
    assert_eq!(names(SpanQuery { failed_only: true, ..SpanQuery::all() }), ["run", "inside"]);
    assert_eq!(names(SpanQuery { name: Some("a".into()), ..SpanQuery::all() }), ["a"]);
    let page = host.spans(&SpanQuery::all(), 0, 2);
    assert_eq!((page.spans.len(), page.next), (2, Some(2)));
    let page = host.spans(&SpanQuery::all(), 2, 0);
    assert_eq!((page.spans.len(), page.next), (1, None), "0 counts as 1, so that a walk ends");
    let times = host.times(&SpanQuery::all(), 1, u32::MAX);
    assert_eq!((times.start_times, times.end_times, times.next), (vec![11, 12], vec![40, 30], None));
    let stage = host.spans(&SpanQuery { name: Some("a".into()), ..SpanQuery::all() }, 0, 1).spans.remove(0);
    let values: Vec<AttributeValue> = stage.attributes.into_iter().skip(2).map(|attribute| attribute.value).collect();
    assert_eq!(
        values,
        [
            AttributeValue::Number(1.5),
            AttributeValue::Number(18_446_744_073_709_551_615.0),
            AttributeValue::Texts(vec!["x".into(), "y".into()]),
            AttributeValue::Json(r#"{"k":null}"#.into()),
            AttributeValue::Boolean(true),
            AttributeValue::Integer(-3),
            AttributeValue::Json("null".into()),
        ]
    );
}

#[test]
fn what_is_missing_in_a_run_directory_is_told_with_the_command_that_makes_it() {
    let told = |files: &[(&str, &str)]| {
        let folder = run_dir(files);
        MockHost::from_run_dir(folder.path(), &[]).map(|_| ()).map_err(|error| error.to_string())
    };
    assert!(told(&[]).unwrap_err().contains("run.json: it is not there; this is no directory of a run"));
    assert!(told(&[("run.json", "{")]).unwrap_err().contains("run.json: EOF"));
    let trace = ("data/forensic_trace.json", TRACE);
    let without_report = told(&[("run.json", RECORD), trace]).unwrap_err();
    assert!(without_report.contains("make it with `forensic-host report /"), "{without_report}");
    let no_summary = r#"{"summary": null, "trace_problem": "the trace can't be read"}"#;
    let told = told(&[("run.json", RECORD), trace, ("reports/forensic_report.json", no_summary)]).unwrap_err();
    assert!(told.contains("the trace can't be read; make it with"), "{told}");
    // A run without a trace is one that a plugin must live with.
    let folder = run_dir(&[("run.json", RECORD)]);
    let host = MockHost::from_run_dir(folder.path(), &[]).unwrap();
    assert_eq!(host.run().unwrap_err(), TraceError::Missing);
    let error = MockHost::from_run_dir(folder.path(), &["data/[x"]).unwrap_err().to_string();
    assert!(error.contains("`data/[x` is no pattern"), "{error}");
}

#[test]
fn faults_are_put_in_on_purpose() {
    let host = MockHost::from_run_dir(whole().path(), &["data/*.json"]).unwrap();
    let host = host.with_read_failure("data/a.json", "it has changed since it was listed");
    assert_eq!(
        host.read("data/a.json", 0, 9).unwrap_err(),
        ArtifactError::Failed("it has changed since it was listed".into())
    );
    assert_eq!(host.artifacts().len(), 1);
    let host = host.with_unreadable_trace("line 3");
    assert_eq!(host.health().unwrap_err(), TraceError::Unreadable("line 3".into()));
    assert!(host.all_stages().is_empty() && host.spans(&SpanQuery::all(), 0, 9).spans.is_empty());
    assert_eq!(host.without_file("data/a.json").read("data/a.json", 0, 9).unwrap_err(), ArtifactError::NotGranted);
}

#[test]
fn what_the_plugin_did_can_be_looked_at() {
    let host = MockHost::new().with_file("a", "12345");
    let outer = host.start_span("outer", &[Attribute::integer("n", 1), Attribute::integer("n", 2)]);
    {
        let inner = host.start_span("inner", &[]);
        inner.add_event("found", &[Attribute::text("what", "x")]);
        inner.fail("no luck");
    }
    outer.set_attribute(&Attribute::integer("n", 3));
    let sibling = host.start_span("sibling", &[]);
    outer.end();
    outer.fail("too late");
    drop(sibling);
    host.log(Level::Warn, "hm");
    host.read("a", 1, 3).unwrap();
    host.read("b", 0, 3).unwrap_err();
    let made = host.spans_made();
    let shape: Vec<_> = made.iter().map(|span| (span.name.as_str(), span.parent, span.ended)).collect();
    assert_eq!(shape, [("outer", None, true), ("inner", Some(0), true), ("sibling", Some(0), true)]);
    assert_eq!((&made[0].attributes[..], &made[0].error), (&[Attribute::integer("n", 3)][..], &None));
    assert_eq!((made[1].events[0].name.as_str(), made[1].error.as_deref()), ("found", Some("no luck")));
    assert_eq!(host.logged(), [(Level::Warn, "hm".to_owned())]);
    let calls = host.calls();
    assert_eq!((calls.start_span, calls.log, calls.read, calls.bytes_read, calls.total()), (3, 1, 2, 3, 6));
}

#[test]
fn spans_made_by_hand_and_parents_in_a_circle_are_survived() {
    let span = |id: &str, parent: &str| Span {
        name: id.into(),
        span_id: id.into(),
        parent_span_id: Some(parent.into()),
        start_time: 1,
        end_time: 2,
        failed: false,
        status_message: None,
        attributes: vec![],
    };
    let host = MockHost::new().with_spans(vec![span("b", "a"), span("a", "b"), span("c", "nobody")]);
    let names: Vec<String> = host.spans(&SpanQuery::all(), 0, 9).spans.into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

fn document(value: f64) -> Document {
    let mut document = Document::new("One of each");
    let mut table = Table::new([Column::number("n", 2).with_unit("USD").signed(), Column::text("t")]);
    table.row([value.into(), Cell::status(Severity::Warning, "late")]).row([f64::NAN.into(), Cell::None]);
    let mut chart = Chart::heat_map("heat", ["x", "y"]);
    chart.values("row", [1.0, f64::INFINITY]);
    document
        .heading(1, "h")
        .paragraph("p")
        .bullets(["b"])
        .callout(Severity::Error, "c")
        .code("json", "{}")
        .key_values([KeyValue::duration("k", 5)])
        .links([Link::report("to", "other"), Link::address("out", "https://example.org")])
        .pipeline_health(HealthDetail::Headline)
        .push(table)
        .push(chart)
        .finding(Severity::Info, "s", "t");
    document
}

#[test]
fn a_golden_file_is_written_compared_and_its_difference_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("golden/one.json");
    let missing = check(&document(1.0), &path, false).unwrap_err();
    assert!(missing.contains("there is no golden file") && missing.contains("UPDATE_GOLDEN=1"), "{missing}");
    assert!(!path.exists());
    check(&document(1.0), &path, true).unwrap();
    check(&document(1.0), &path, false).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    for part in [r#""kind": "heat-map""#, r#""align": "right""#, r#""detail": "headline""#, r#""report": "other""#] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    // Another form of the same values is the same.
    fs::write(&path, text.replace("\n", "").replace("  ", "")).unwrap();
    check(&document(1.0), &path, false).unwrap();
    let differs = check(&document(1.25), &path, false).unwrap_err();
    assert!(differs.contains("-          1.0,\n+          1.25,\n"), "{differs}");
    fs::write(&path, "no JSON").unwrap();
    assert!(check(&document(1.0), &path, false).unwrap_err().contains("-no JSON"));
    check(&document(1.0), &path, true).unwrap();
    crate::assert_golden!(document(1.0), Path::new(&path));
}
