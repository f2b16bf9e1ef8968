//! Exports against the trace that they were made from. That other readers understand them, too, is checked outside, by
//! `tests/readers/check_exports.py`.

use super::lanes::Lanes;
use super::*;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::collections::HashMap;

const WORKED: &str = include_str!("../testdata/worked_example.json");
/// Everything that a span can carry, in the host's spelling and in others'.
const RICH: &str = include_str!("rich.json");

fn load(text: &str) -> Trace {
    Trace::from_slice(text.as_bytes()).unwrap()
}

fn exported(text: &str, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    export(&load(text), format, &mut out).unwrap();
    out
}

fn exported_json(text: &str, format: Format) -> Json {
    serde_json::from_slice(&exported(text, format)).unwrap()
}

/// The spans of an OTLP document by name.
fn otlp_spans(document: &Json) -> HashMap<&str, &Json> {
    let list = |value: &'_ Json, key: &str| value[key].as_array().unwrap().len();
    let mut spans = HashMap::new();
    for resource in document["resourceSpans"].as_array().unwrap() {
        assert!(list(resource, "scopeSpans") > 0);
        for scope in resource["scopeSpans"].as_array().unwrap() {
            for span in scope["spans"].as_array().unwrap() {
                spans.insert(span["name"].as_str().unwrap(), span);
            }
        }
    }
    spans
}

fn many(count: usize, name: &str) -> String {
    let line =
        |i: usize| format!(r#"{{"name":"{name}","start_time":{i},"end_time":{},"span_id":"{:x}"}}"#, i + 1, i + 1);
    format!("[{}]", (0..count).map(line).collect::<Vec<_>>().join(",\n"))
}

#[test]
fn names_are_read_back() {
    for format in Format::ALL {
        assert_eq!(format.as_str().parse(), Ok(format));
    }
    assert_eq!(
        "otlp".parse::<Format>().unwrap_err().to_string(),
        "\"otlp\" is no export format; there are otlp-jsonl, otlp-json, otlp-proto, perfetto, chrome, csv"
    );
}

#[test]
fn otlp_json_follows_the_protobuf_mapping() {
    let document = exported_json(RICH, Format::OtlpJson);
    let spans = otlp_spans(&document);
    assert_eq!(spans.len(), 5);
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    assert_eq!(
        *spans["python"],
        json!({
            "traceId": "5b8aa5a2d2c872e8321cf37308d69df2", "spanId": "0000000000000003",
            "parentSpanId": "0000000000000002", "name": "python", "kind": 3,
            "startTimeUnixNano": "1767225600000000002", "endTimeUnixNano": "1767225601000000001",
            "attributes": [
                {"key": "forensic.kind", "value": {"stringValue": "attempt"}},
                {"key": "forensic.attempt", "value": {"intValue": "1"}},
                {"key": "large", "value": {"intValue": "9007199254740993"}},
                text("larger", "18446744073709551615"),
                {"key": "ratio", "value": {"doubleValue": 0.1}},
                {"key": "minus", "value": {"doubleValue": -0.0}},
                text("huge", "1e999"),
                {"key": "yes", "value": {"boolValue": true}},
                {"key": "nothing", "value": {}},
                {"key": "list", "value": {"arrayValue": {"values": [
                    {"intValue": "1"}, {"stringValue": "é\n"}, {"kvlistValue": {"values": [
                        {"key": "k", "value": {"arrayValue": {"values": []}}},
                    ]}},
                ]}}},
            ],
            "droppedAttributesCount": 2,
            "events": [
                {"timeUnixNano": "1767225600500000000", "name": "exception",
                 "attributes": [text("exception.type", "ValueError")]},
                {"timeUnixNano": "1767225600500000001", "name": "as Python writes it", "droppedAttributesCount": 1},
            ],
            // One that the writer left out, one that is no event.
            "droppedEventsCount": 2,
            "links": [
                {"traceId": "0000000000000000000000000000000a", "spanId": "000000000000000b",
                 "attributes": [text("why", "retry")]},
                {"traceId": "0000000000000000000000000000000c", "spanId": "000000000000000d", "traceState": "a=b"},
            ],
            "droppedLinksCount": 3,
            "status": {"message": "no such file", "code": 2},
        })
    );
    assert_eq!(spans["RUN rich"]["status"], json!({"code": 1}));
    assert_eq!(spans["skipped"].get("status"), None, "not checked, so unset");
}

#[test]
fn otlp_groups_by_resource_and_scope() {
    let document = exported_json(RICH, Format::OtlpJson);
    let groups: Vec<(String, String, usize)> = document["resourceSpans"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|r| r["scopeSpans"].as_array().unwrap().iter().map(move |s| (r, s)))
        .map(|(r, s)| {
            (r["resource"]["attributes"].to_string(), s["scope"].to_string(), s["spans"].as_array().unwrap().len())
        })
        .collect();
    let run = r#"[{"key":"service.name","value":{"stringValue":"forensic-host"}},{"key":"service.instance.id","value":{"stringValue":"run-1"}}]"#;
    let own = r#"[{"key":"service.name","value":{"stringValue":"train"}}]"#;
    assert_eq!(
        groups,
        [
            (run.to_owned(), r#"{"name":"forensic-host"}"#.to_owned(), 4),
            (own.to_owned(), r#"{"name":"torch","version":"2.0"}"#.to_owned(), 1)
        ]
    );
}

#[test]
fn otlp_of_another_writer_does_not_claim_to_be_the_hosts() {
    let document = exported_json(r#"[{"name":"a","start_time":1,"end_time":2}]"#, Format::OtlpJson);
    let resource = &document["resourceSpans"][0]["resource"]["attributes"];
    assert_eq!(*resource, json!([{"key": "service.name", "value": {"stringValue": "unknown_service"}}]));
    let span = otlp_spans(&document)["a"].clone();
    let digits = |key: &str| u128::from_str_radix(span[key].as_str().unwrap(), 16).unwrap();
    assert!(digits("traceId") != 0 && digits("spanId") != 0, "receivers reject ids that are 0");
}

#[test]
fn otlp_lines_hold_a_thousand_spans() {
    let text = String::from_utf8(exported(&many(2_500, "n"), Format::OtlpJsonl)).unwrap();
    let counts: Vec<usize> = text
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).unwrap())
        .map(|line| line["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().len())
        .collect();
    assert_eq!(counts, [1_000, 1_000, 500]);
}

#[test]
fn otlp_batches_are_bounded_in_bytes() {
    let text = String::from_utf8(exported(&many(100, &"n".repeat(1 << 18)), Format::OtlpJsonl)).unwrap();
    assert!(text.lines().all(|line| line.len() < 5 << 20));
}

#[test]
fn deep_values_become_text() {
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let text = format!(r#"[{{"name":"a","start_time":1,"end_time":2,"attributes":{{"deep":{deep}}}}}]"#);
    let document = exported_json(&text, Format::OtlpJson).to_string();
    assert_eq!(document.matches("arrayValue").count(), MAX_DEPTH);
    assert!(document.contains(&format!("\"{}1{}\"", "[".repeat(84), "]".repeat(84))));
}

#[test]
fn chrome_times_are_exact_and_relative() {
    let document = exported_json(RICH, Format::Chrome);
    let events = document["traceEvents"].as_array().unwrap();
    let python = events.iter().find(|event| event["name"] == "python").unwrap();
    assert_eq!((&python["ts"], &python["dur"]), (&json!(0.002), &json!(999_999.999)));
    assert_eq!(python["cat"], "attempt");
    assert_eq!(python["args"]["status_message"], "no such file");
    assert_eq!(python["args"]["attributes"]["list"], json!([1, "é\n", {"k": []}]));
    assert_eq!(events.iter().filter(|event| event["ph"] == "i").count(), 2);
    assert_eq!(document["otherData"]["zero_unix_nano"], "1767225600000000000");
}

#[test]
fn parallel_stages_get_lanes_of_their_own() {
    let trace = load(WORKED);
    let lanes = Lanes::new(&trace);
    assert_eq!(lanes.count(), 3, "C waits to try again, beside D and E, in two slots");
    for span in trace.spans().filter(|span| span.kind() == crate::trace::Kind::Attempt) {
        assert_eq!(lanes.lane(span.index()), lanes.lane(span.parent().unwrap().index()), "an attempt is in its stage");
    }
}

#[test]
fn csv_has_the_spans() {
    let bytes = exported(RICH, Format::Csv);
    let mut table = csv::Reader::from_reader(&bytes[..]);
    let header = table.headers().unwrap().clone();
    assert_eq!(&header.iter().collect::<Vec<_>>()[..3], ["name", "start_time", "end_time"]);
    let rows: Vec<HashMap<String, String>> = table.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 5);
    let row = rows.iter().find(|row| row["name"] == "python").unwrap();
    let columns = ["duration_ms", "stage", "attempt", "kind", "result", "status", "parent_span_id"];
    let values = columns.map(|key| &*row[key]);
    assert_eq!(values, ["999.999999", "s,\"1\"", "1", "attempt", "", "Error", "0000000000000002"]);
    let attributes: Json = serde_json::from_str(&row["attributes"]).unwrap();
    assert_eq!(attributes["list"], json!([1, "é\n", {"k": []}]));
    let lines = bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty());
    assert!(lines.into_iter().all(|line| line.ends_with(b"\r")), "RFC 4180 wants CRLF");
}

#[test]
fn empty_traces_and_failing_writers() {
    for format in Format::ALL {
        exported("[]", format);
        assert_eq!(exported(RICH, format), exported(RICH, format));
        let mut full = [0; 100];
        assert!(export(&load(RICH), format, &mut &mut full[..]).is_err(), "{format}");
    }
}

proptest! {
    /// On one lane spans follow each other or lie in a span above them.
    #[test]
    fn lanes_nest(spans in proptest::collection::vec((0u64..20, 0u64..20, 0usize..40), 1..40)) {
        let lines: Vec<String> = spans
            .iter()
            .enumerate()
            .map(|(i, (start, length, parent))| format!(
                r#"{{"name":"n","start_time":{start},"end_time":{},"span_id":"{:x}","parent_span_id":"{:x}"}}"#,
                start + length, i + 1, parent % spans.len() + 1,
            ))
            .collect();
        let trace = load(&format!("[{}]", lines.join(",")));
        let lanes = Lanes::new(&trace);
        for a in trace.spans() {
            for b in trace.spans().filter(|b| b.index() != a.index()) {
                let both = lanes.lane(a.index()) == lanes.lane(b.index());
                let overlap = a.start_time().max(b.start_time()) < a.end_time().min(b.end_time());
                if both && overlap {
                    let is_above = |a: Span<'_>, b: Span<'_>| {
                        std::iter::successors(b.parent(), |span| span.parent()).any(|above| above.index() == a.index())
                            && a.start_time() <= b.start_time() && b.end_time() <= a.end_time()
                    };
                    prop_assert!(is_above(a, b) || is_above(b, a), "{:?} {:?}", a, b);
                }
            }
        }
        for format in Format::ALL {
            export(&trace, format, &mut Vec::new()).unwrap();
        }
    }
}
