//! Spans on their way to disk: caps, marks and counts, and who may say what.

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value as V};
use opentelemetry_proto::tonic::trace::v1::{Span, Status, span::Event};
use serde_json::Value;
use tempfile::TempDir;

use super::ForensicSpanExporter;
use super::otlp::receive::{Sender, SpanSink as _};
use crate::redact::{Redactor, Rules};

const DECLARED: &str = "d3clared-s3cret";

struct Bench {
    folder: TempDir,
    exporter: ForensicSpanExporter,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        let rules = Rules { secrets: vec![DECLARED.into()], ..Rules::default() };
        let exporter = ForensicSpanExporter::create(dir, Redactor::new(&rules).unwrap()).unwrap();
        Self { folder, exporter }
    }

    fn send(&self, span: Span) {
        let sender = Sender {
            stage: "a".into(),
            attempt: 2,
            trace_id: [1; 16],
            span_id: [2; 8],
            stage_span_id: [3; 8],
            run_span_id: [4; 8],
        };
        self.exporter.accept(&sender, None, None, span).unwrap();
    }

    /// The spans of the trace, and the size of its longest line.
    fn saved(&self) -> (Vec<Value>, usize) {
        self.exporter.save("trace.json").unwrap();
        let text = std::fs::read_to_string(self.folder.path().join("trace.json")).unwrap();
        (serde_json::from_str(&text).unwrap(), text.lines().map(str::len).max().unwrap())
    }
}

fn text(text: impl Into<String>) -> Option<AnyValue> {
    Some(AnyValue { value: Some(V::StringValue(text.into())) })
}

fn pair(key: impl Into<String>, value: Option<AnyValue>) -> KeyValue {
    KeyValue { key: key.into(), value, ..KeyValue::default() }
}

fn span(number: u8, attributes: Vec<KeyValue>) -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![number; 8],
        parent_span_id: vec![2; 8],
        name: "step".into(),
        start_time_unix_nano: 1_000 + u64::from(number),
        end_time_unix_nano: 2_000,
        attributes,
        ..Span::default()
    }
}

#[test]
fn long_values_are_cut_with_a_mark_and_a_count() {
    let bench = Bench::new();
    // Cut inside a character, the whole character goes.
    bench.send(span(9, vec![pair("long", text("ö".repeat(5_000))), pair("short", text("kept"))]));
    let (spans, _) = bench.saved();
    let value = spans[0]["attributes"]["long"].as_str().unwrap();
    assert!(value.ends_with("...[truncated 5904 B]"), "{}", &value[4_000..]);
    assert_eq!(value.trim_end_matches("...[truncated 5904 B]").len(), 4 << 10);
    assert_eq!(spans[0]["truncated"]["long"], 5_904);
    assert_eq!(spans[0]["attributes"]["short"], "kept");
    assert_eq!(bench.exporter.ledger().truncations, 1);
}

#[test]
fn a_secret_is_masked_before_a_value_is_cut() {
    let bench = Bench::new();
    // It stands across the cap.
    bench.send(span(9, vec![pair("long", text("x".repeat((4 << 10) - 5) + " " + DECLARED))]));
    let (spans, _) = bench.saved();
    let text = spans[0].to_string();
    assert!(!text.contains("d3cl"), "{text}");
    assert_eq!(spans[0]["attributes"]["forensic.redactions"], 1);
}

#[test]
fn many_attributes_items_and_levels_are_left_out_and_counted() {
    let bench = Bench::new();
    let mut attributes: Vec<KeyValue> = (0..300).map(|number| pair(format!("key{number}"), text("v"))).collect();
    let items = ArrayValue { values: (0..100).map(|_| text("i").unwrap()).collect() };
    attributes.insert(0, pair("items", Some(AnyValue { value: Some(V::ArrayValue(items)) })));
    let mut deep = text("bottom");
    for _ in 0..50 {
        let list = KeyValueList { values: vec![pair("down", deep)] };
        deep = Some(AnyValue { value: Some(V::KvlistValue(list)) });
    }
    attributes.insert(0, pair("deep", deep));
    bench.send(span(9, attributes));
    let (spans, _) = bench.saved();
    let span = &spans[0];
    assert_eq!(span["dropped"]["attributes"], 302 - 256);
    assert_eq!(span["attributes"]["items"].as_array().unwrap().len(), 64);
    assert_eq!(span["truncated"]["items (items)"], 36);
    assert_eq!(span["truncated"]["deep (depth)"], 1);
    assert!(span["attributes"]["deep"].to_string().contains("nested too deep"));
    assert_eq!(span["attributes"]["forensic.stage.id"], "a", "what the host says is always there");
}

#[test]
fn a_span_never_takes_more_than_its_cap() {
    let bench = Bench::new();
    let attributes = (0..200).map(|number| pair(format!("key{number}"), text("y".repeat(4_000)))).collect();
    bench.send(span(9, attributes));
    let (spans, longest) = bench.saved();
    assert!(longest <= (64 << 10) + 1, "{longest}");
    assert!(spans[0]["dropped"]["attributes"].as_u64().unwrap() > 150);
    assert_eq!(spans[0]["attributes"]["forensic.origin"], "otlp");
}

#[test]
fn a_stage_cannot_speak_for_the_host() {
    let bench = Bench::new();
    let mut forged = span(
        9,
        vec![
            pair("forensic.kind", text("run")),
            pair("forensic.stage.id", text("other")),
            pair("forensic.inferred", text("true")),
        ],
    );
    forged.end_time_unix_nano = 0;
    forged.trace_id = vec![7; 16];
    forged.status = Some(Status { message: String::new(), code: 2 });
    let pairs = vec![pair("exception.type", text("ValueError")), pair("exception.stacktrace", text("File …"))];
    forged.events = vec![Event { name: "exception".into(), attributes: pairs, ..Event::default() }];
    bench.send(forged);
    let (spans, _) = bench.saved();
    let attributes = &spans[0]["attributes"];
    assert!(attributes.get("forensic.kind").is_none() && attributes.get("forensic.inferred").is_none());
    assert_eq!((&attributes["stage.forensic.kind"], &attributes["forensic.stage.id"]), (&"run".into(), &"a".into()));
    assert_eq!((&attributes["forensic.attempt"], &attributes["forensic.adopted"]), (&2.into(), &true.into()));
    assert_eq!((&attributes["forensic.clock_skew"], &spans[0]["duration_ms"]), (&true.into(), &0.0.into()));
    assert_eq!(attributes["exception.type"], "ValueError", "kept where events are not");
    assert_eq!((&spans[0]["status"], &spans[0]["dropped"]["events"]), (&"Error".into(), &1.into()));
    assert!(!spans[0].to_string().contains("File …"));
}

#[test]
fn what_comes_after_a_save_is_added_to_it_in_order() {
    let bench = Bench::new();
    bench.send(span(5, Vec::new()));
    bench.send(span(3, Vec::new()));
    let starts = |spans: &[Value]| spans.iter().map(|span| span["start_time"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(starts(&bench.saved().0), [1_003, 1_005]);
    bench.send(span(8, Vec::new()));
    bench.send(span(7, Vec::new()));
    assert_eq!(starts(&bench.saved().0), [1_003, 1_005, 1_007, 1_008]);
    // One that starts before what was written: everything is put in order anew.
    bench.send(span(1, Vec::new()));
    assert_eq!(starts(&bench.saved().0), [1_001, 1_003, 1_005, 1_007, 1_008]);
    assert_eq!(bench.saved().0.len(), 5, "nothing new");
}
