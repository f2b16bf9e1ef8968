//! What a guest can do too often: each flood ends at its limit or by fuel, at the same point twice, and takes no room.

use std::sync::Arc;
use std::time::Duration;

use forensic_host::limits::{Limit, Limits};
use forensic_host::plugin::document::AttributeValue;
use forensic_host::plugin::{Artifacts, Inputs, TraceInput};
use forensic_host::trace::{Trace, summarize};

use super::{MIB, engine, failure, limits, paragraphs, plugin, request, run};

#[test]
fn a_million_log_lines_end_at_the_limit_on_host_calls() {
    let report = run("log-calls", &[]);
    assert_eq!(
        report.outcome.unwrap_err().to_string(),
        "The plugin was stopped: limit `host_calls` (calls of host functions) is 1000000; raise it with `limits.host_calls`, \
         up to 100000000."
    );
    assert_eq!(report.host_calls, 1_000_000);
    // Empty lines take room, too: there is an end to them.
    assert!(
        report.log.len() < 5_000 && report.log.len() as u64 + report.log_dropped == 1_000_000,
        "{}",
        report.log.len()
    );
}

#[test]
fn host_calls_cost_fuel() {
    let few = [(Limit::Fuel, 10_000_000)];
    for deed in ["log-calls", "flood-calls"] {
        let report = run(deed, &few);
        let said = report.outcome.as_ref().unwrap_err().to_string();
        assert!(said.contains("limit `fuel` (fuel of the call) is 10000000"), "{said}");
        assert!(report.host_calls > 5_000 && report.host_calls < 10_000, "{}", report.host_calls);
        assert_eq!(run(deed, &few), report);
    }
}

/// A trace of so many spans; the first one has these attributes.
fn spans(count: usize, attributes: &str) -> Inputs {
    let span = |number: usize, attributes: &str| {
        format!(
            r#"{{"name":"s","start_time":{number},"end_time":{number},"duration_ms":0,"status":"Success","attributes":{{{attributes}}},"trace_id":"0123456789abcdef0123456789abcdef","span_id":"{:016x}","parent_span_id":null}}"#,
            number + 1
        )
    };
    let spans: Vec<String> = (0..count).map(|number| span(number, if number == 0 { attributes } else { "" })).collect();
    let trace = Trace::from_slice(format!("[{}]", spans.join(",\n")).as_bytes()).unwrap();
    let summary = summarize(&trace);
    let trace = TraceInput::Available { trace: Arc::new(trace), summary: Arc::new(summary), history: [].into() };
    Inputs { trace, artifacts: Artifacts::none() }
}

#[test]
fn a_search_is_paid_for_by_what_it_looks_at() {
    let calls = |spans: &Inputs| {
        let report = engine().call(plugin(), request("searches"), spans, &limits(&[(Limit::Fuel, 100_000_000)]));
        assert!(report.outcome.unwrap_err().to_string().contains("limit `fuel`"));
        report.host_calls
    };
    let (few, many) = (calls(&spans(10, "")), calls(&spans(10_000, "")));
    assert!(few > 10_000 && many < 250, "{few} {many}");
}

#[test]
fn asking_for_memory_is_paid_for_even_if_it_is_refused() {
    let report = run("grow", &[]);
    let said = report.outcome.unwrap_err().to_string();
    assert!(said.contains("limit `fuel` (fuel of the call) is 5000000000"), "{said}");
    assert!(report.peak_memory < 2 * MIB);
}

#[test]
fn spans_of_the_guest_are_kept_up_to_their_limits_and_counted() {
    let report = run("spans", &[]);
    assert!(report.outcome.is_ok(), "{:?}", report.outcome);
    let spans = report.spans;
    assert_eq!((spans.spans.len(), spans.dropped), (256, 100_000 - 256));
    let first = &spans.spans[0];
    let keys: Vec<&str> = first.attributes.iter().map(|(key, _)| &**key).collect();
    assert_eq!((&*first.name, keys, first.events.len()), ("span 0", vec!["text", "guest.forensic.kind"], 3));
    assert_eq!(first.attributes[0].1, AttributeValue::Text("x".repeat(256)));
    assert!(first.error.is_none() && first.start <= first.end && first.end < Duration::from_secs(600));
    // The text of a span, and those of its events.
    assert_eq!(spans.cut, 256 * 4);
}

#[test]
fn a_guest_that_never_lets_go_of_handles_is_stopped() {
    let (_, said) = failure("kept-spans", &[]);
    assert_eq!(
        said,
        "The plugin was stopped: limit `spans` (spans of the guest) is 256; raise it with `limits.spans`, up to 10000."
    );
    assert_eq!(run("kept-spans", &[]).spans.spans.len(), 256);
}

#[test]
fn an_attribute_of_any_depth_hurts_nobody() {
    let deep = |levels: usize| format!(r#""deep":{}{}"#, "[".repeat(levels), "]".repeat(levels));
    let inputs = spans(1, &deep(100));
    let report = engine().call(plugin(), request("look"), &inputs, &Limits::default());
    let document = report.outcome.unwrap();
    let text = paragraphs(&document).join("\n");
    assert!(text.contains(&format!("Json(\"{}{}\")", "[".repeat(100), "]".repeat(100))), "{text}");
    // Far deeper than any stack: the reader takes it as text, or leaves it out and says so.
    let text = format!(
        r#"[{{"name":"s","start_time":0,"end_time":1,"duration_ms":0,"status":"Success","attributes":{{{}}},"trace_id":"0123456789abcdef0123456789abcdef","span_id":"0000000000000001","parent_span_id":null}}]"#,
        deep(200_000)
    );
    if let Ok(trace) = Trace::from_slice(text.as_bytes()) {
        let summary = summarize(&trace);
        let trace = TraceInput::Available { trace: Arc::new(trace), summary: Arc::new(summary), history: [].into() };
        let inputs = Inputs { trace, artifacts: Artifacts::none() };
        assert!(engine().call(plugin(), request("look"), &inputs, &Limits::default()).outcome.is_ok());
    }
}
