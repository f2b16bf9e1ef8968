//! Damaged and unusual files.

use super::*;
use crate::trace::{Part, Span, Status, TraceError, Value};
use proptest::prelude::*;
use std::io::{BufReader, Read};

fn one(text: &str) -> (Trace, Vec<String>) {
    let trace = load(&format!("[{text}]"));
    assert_eq!(trace.len(), 1, "{text}");
    let warnings = trace.warnings();
    (trace, warnings)
}

fn first(trace: &Trace) -> Span<'_> {
    trace.span(0).expect("a span")
}

#[test]
fn any_layout_gives_the_same() {
    let values: Vec<serde_json::Value> = serde_json::from_str(WORKED).expect("JSON");
    let mut indented = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"  ");
    serde::Serialize::serialize(&values, &mut serde_json::Serializer::with_formatter(&mut indented, formatter))
        .expect("JSON");
    let layouts = [
        serde_json::to_string(&values).expect("JSON"),
        String::from_utf8(indented).expect("UTF-8"),
        WORKED.replace('\n', "\r\n"),
        format!("\u{feff}{WORKED}"),
        WORKED.replace("\n]", ",\n]\n\n"),
    ];
    for text in layouts {
        assert_eq!(summary_of(&text), summary_of(WORKED), "{}", &text[..100]);
    }
}

#[test]
fn statuses() {
    let cases = [
        (r#""Success""#, Status::Success),
        (r#""UNSET""#, Status::Success),
        (r#""ok""#, Status::Success),
        (r#""Error""#, Status::Error),
        (r#""ERROR""#, Status::Error),
        (r#""StatusCode.ERROR""#, Status::Error),
        (r#"{"code":"STATUS_CODE_ERROR","message":"no"}"#, Status::Error),
        (r#"{"code":2,"message":"no"}"#, Status::Error),
        (r#"{"status_code":"UNSET"}"#, Status::Success),
        ("null", Status::Success),
        ("2", Status::Error),
    ];
    for (status, want) in cases {
        let (trace, warnings) = one(&format!(r#"{{"name":"a","start_time":1,"end_time":2,"status":{status}}}"#));
        assert_eq!(first(&trace).status(), want, "{status}");
        assert_eq!(first(&trace).status_message(), status.contains("message").then_some("no"));
        assert_eq!(warnings, [""; 0]);
    }
    let (_, warnings) = one(r#"{"name":"a","start_time":1,"status":"weird","end_time":2}"#);
    assert_eq!(warnings, [r#"status "weird" is unknown and was read as Success"#]);
}

#[test]
fn times() {
    let exact = 1_767_225_600_123_456_789u64;
    for time in [
        "1767225600123456789",
        "\"1767225600123456789\"",
        "1767225600123456789.0",
        "\"2026-01-01T00:00:00.123456789Z\"",
    ] {
        let (trace, warnings) = one(&format!(r#"{{"name":"a","start_time":{time},"end_time":{time}}}"#));
        assert_eq!((first(&trace).start_time(), first(&trace).end_time()), (exact, exact), "{time}");
        assert_eq!(warnings, [""; 0]);
    }
    let (trace, _) = one(r#"{"name":"a","start_time":1e3,"duration_ms":2.5}"#);
    assert_eq!(
        (first(&trace).start_time(), first(&trace).end_time(), first(&trace).inferred()),
        (1000, 2_501_000, false)
    );
    let (trace, warnings) = one(r#"{"name":"a","start_time":100,"end_time":40}"#);
    assert!(first(&trace).clamped() && first(&trace).duration() == 0);
    assert_eq!(warnings, [r#"span "a" ends 60 ns before it starts; its duration was set to 0"#]);
    let (trace, warnings) = one(r#"{"name":"a","start_time":100}"#);
    assert!(first(&trace).inferred());
    assert!(warnings[0].contains("1 spans have no end"));
}

#[test]
fn parts_and_repeated_keys() {
    let (trace, warnings) = one(
        r#"{"name":"a","start_time":1,"end_time":2,"unknown":[{}],"attributes":{"k":1,"x":"é\n","k":2},"kind":"SERVER",
            "events":[{"name":"boom","attributes":{"v":NaN}}],"links":[],"status_message":"why","scope":{"name":"lib"}}"#,
    );
    let span = first(&trace);
    assert_eq!(span.attributes().collect::<Vec<_>>(), [("x", Value::Text("é\n")), ("k", Value::Int(2))]);
    assert_eq!(span.attribute("k"), Some(Value::Int(2)));
    assert_eq!(span.part(Part::SpanKind), Some(r#""SERVER""#));
    assert_eq!(span.part(Part::Events), Some(r#"[{"name":"boom","attributes":{"v":"NaN"}}]"#));
    assert_eq!((span.part(Part::Links), span.part(Part::Scope)), (None, Some(r#"{"name":"lib"}"#)));
    assert_eq!(span.status_message(), Some("why"));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn a_broken_span_costs_only_itself() {
    let lines: Vec<&str> = WORKED.lines().collect();
    let damages: [fn(&str) -> String; 7] = [
        |line| line.replacen('"', "", 1),
        |line| line.strip_suffix("},").unwrap_or(line).to_owned() + ",",
        |line| line.replace('}', ""),
        |line| line[..line.len() / 2].to_owned(),
        |line| line.replace("\"start_time\":", "\"start_time\":x"),
        |line| "[".repeat(100_000) + line,
        |line| line.replace("},", "}["),
    ];
    for (number, damage) in damages.iter().enumerate() {
        let broken: Vec<String> =
            (0..).zip(&lines).map(|(at, line)| if at == 5 { damage(line) } else { (*line).to_owned() }).collect();
        for (text, place) in [(broken.join("\n"), "line 6"), (broken.concat(), "line 1")] {
            let trace = load(&text);
            let warnings = trace.warnings();
            assert!(warnings[0].starts_with(&format!("{place}: a span was left out: ")), "{number} {warnings:?}");
            // On one line a lost brace also hides where the next one begins.
            assert!(
                trace.len() == 17 || (place == "line 1" && trace.len() >= 16),
                "{number} {place} {} {warnings:?}",
                trace.len()
            );
        }
    }
}

#[test]
fn a_broken_span_in_an_indented_file() {
    let values: Vec<serde_json::Value> = serde_json::from_str(WORKED).expect("JSON");
    let text = serde_json::to_string_pretty(&values).expect("JSON");
    let at = text.find("\"duration_ms\": 2000.0").expect("B");
    let trace = load(&format!("{}!{}", &text[..at], &text[at..]));
    assert_eq!(trace.len(), 17);
    assert!(trace.warnings()[0].contains("expected a key in double quotes (at "), "{:?}", trace.warnings());
}

#[test]
fn a_cut_file_is_read_as_far_as_it_goes() {
    let ends: Vec<usize> = WORKED.match_indices("},\n").map(|(at, _)| at + 1).collect();
    for cut in (2..WORKED.len() - 3).step_by(7) {
        let trace = load(&WORKED[..cut]);
        let whole = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(trace.len(), whole, "cut at {cut}");
        let line = WORKED[..cut].matches('\n').count() + 1;
        let warning = &trace.warnings()[0];
        assert!(warning.starts_with(&format!("the file is cut: it ends at line {line}, byte {cut},")), "{warning}");
        let _ = summarize(&trace);
    }
}

#[test]
fn text_behind_the_array() {
    for (behind, spans, warning) in [
        ("x", 18, "text after the end of the array was not read"),
        ("[]", 18, "text after the end of the array was not read"),
        (
            r#",{"name":"a","start_time":1,"end_time":2}]"#,
            19,
            "the array is closed, but spans follow; they were read, too",
        ),
    ] {
        let trace = load(&format!("{WORKED}{behind}"));
        assert_eq!(trace.len(), spans);
        assert_eq!(trace.warnings(), [format!("line 21: {warning}")]);
    }
}

#[test]
fn duplicates_are_kept_once() {
    let line = WORKED.lines().nth(5).expect("a span").to_owned();
    let twice = WORKED.replacen("[\n", &format!("[\n{line}\n"), 1);
    let trace = load(&twice);
    assert_eq!(trace.len(), 18);
    assert!(trace.warnings()[0].contains("is there more than once"), "{:?}", trace.warnings());
    let mut summary = summarize(&trace);
    summary.warnings.clear();
    assert_eq!(summary, summary_of(WORKED));
}

#[test]
fn warnings_are_bounded() {
    let text = format!("[{}{{\"name\":\"a\",\"start_time\":1,\"end_time\":2}}]", r#"{"name":"b"},"#.repeat(1000));
    let warnings = load(&text).warnings();
    assert_eq!(warnings.len(), 11);
    assert_eq!(warnings[0], "line 1: a span was left out: it has no `start_time`");
    assert_eq!(warnings[10], "and 990 more like it");
}

#[test]
fn parents_in_a_circle() {
    let trace = load(
        r#"[{"name":"a","start_time":1,"end_time":2,"span_id":"1","parent_span_id":"2"},
            {"name":"b","start_time":1,"end_time":2,"span_id":"2","parent_span_id":"1"},
            {"name":"c","start_time":1,"end_time":2,"span_id":"3","parent_span_id":"3"}]"#,
    );
    assert_eq!(trace.warnings().len(), 2, "{:?}", trace.warnings());
    assert_eq!(trace.spans().filter(|span| span.parent().is_none()).count(), 2);
}

#[test]
fn files_that_are_no_trace() {
    let cases: [(&[u8], &str); 10] = [
        (
            b"",
            "the trace file is empty; if the run was killed, rebuild it from the journal with `forensic-host recover`",
        ),
        (b" \n ", "the trace file is empty"),
        (
            b"\nhello",
            "2:1: this is not a trace: it begins with `h` instead of `[`; a trace is a JSON array of span objects",
        ),
        (b"\x1f\x8b\x08", "1:1: this is not a trace: compressed data (gzip); unpack it first"),
        (b"\x00\x01", "1:1: this is not a trace: it begins with the byte 0x00 instead of `[`"),
        (b"{\"resourceSpans\":[]}", "1:1: this is not a trace: an OTLP export; give the `forensic_trace.json`"),
        (b"  {\"traceEvents\":[]}", "1:3: this is not a trace: a Chrome trace;"),
        (b"{}", "1:1: this is not a trace: an object where an array should begin;"),
        (b"[1, 2]", "1:2: no span in the trace file could be read, the first because it is not an object;"),
        (b"[\n{\"a\":1}]", "2:1: no span in the trace file could be read, the first because it has no `start_time`;"),
    ];
    for (bytes, want) in cases {
        let error = Trace::from_slice(bytes).expect_err("no trace").to_string();
        assert!(error.starts_with(want), "{error}");
    }
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("unplugged"))
    }
}

#[test]
fn a_failing_source_is_an_error() {
    let error = Trace::read(BufReader::new(WORKED.as_bytes().chain(Failing))).expect_err("unplugged");
    assert!(matches!(error, TraceError::Io { .. }));
    assert!(error.to_string().ends_with("unplugged"), "{error}");
}

/// Spans that lie across the edges of the read buffer, spans larger than it, and one over the limit.
#[test]
fn large_files_and_spans() {
    let span = |index: usize, filler: usize| {
        format!(
            "  {{\n    \"name\": \"{}\",\n    \"start_time\": {index},\n    \"end_time\": {}\n  }}",
            "x".repeat(filler),
            index + 1
        )
    };
    let mut spans: Vec<String> = (0..5000).map(|index| span(index, index % 200)).collect();
    spans.push(span(5000, 3 << 20));
    spans[2500] = spans[2500].replace("start_time\":", "start_time\"");
    spans[4000] = spans[4000].replace("    \"end_time", "end_time");
    let text = format!("[\n{}\n]", spans.join(",\n"));
    let trace = load(&text);
    assert_eq!(trace.len(), 4999);
    assert_eq!(trace.span(4998).map(|span| span.name().len()), Some(3 << 20));
    let warnings = trace.warnings();
    assert!(
        warnings[0].starts_with("line 12502: a span was left out: expected `:` after a key (at 12504:18)"),
        "{warnings:?}"
    );
    assert!(
        warnings[1].starts_with("line 20002: a span was left out: expected a key in double quotes (at 20005:1)"),
        "{warnings:?}"
    );
}

/// A hostile graph: one span in a million traces, parents in a line, a million attributes. Linear, or it hangs.
#[test]
fn hostile_shapes_are_linear() {
    let count = 50_000;
    let same_id: Vec<String> = (1..=count)
        .map(|n| format!(r#"{{"name":"a","start_time":{n},"end_time":{n},"trace_id":"{n:x}","span_id":"1","parent_span_id":"1"}}"#))
        .collect();
    let line: Vec<String> = (1..=count)
        .map(|n| {
            format!(r#"{{"name":"a","start_time":{},"span_id":"{n:x}","parent_span_id":"{:x}"}}"#, count - n, n + 1)
        })
        .collect();
    let attributes: Vec<String> = (0..count).map(|n| format!("\"k{n}\":{n}")).collect();
    for spans in [same_id, line] {
        let trace = load(&format!("[{}]", spans.join(",")));
        assert_eq!(trace.len(), count);
        let _ = summarize(&trace);
    }
    let (trace, _) =
        one(&format!(r#"{{"name":"a","start_time":1,"end_time":2,"attributes":{{{}}}}}"#, attributes.join(",")));
    assert_eq!(first(&trace).attributes().len(), count);
}

/// Everything that can be done with a trace.
fn exercise(bytes: &[u8]) {
    let Ok(trace) = Trace::from_slice(bytes) else { return };
    let summary = summarize(&trace);
    let _ = crate::trace::render_text(&summary);
    serde_json::to_string(&summary).expect("JSON");
    let _ = crate::trace::metrics::self_time::self_times(&trace);
    for span in trace.spans() {
        let _ = format!("{span:?} {:?} {:?} {:?}", span.stage(), span.part(Part::Events), span.status_message());
        for (_, value) in span.attributes() {
            let _ = (value.to_json(), value.as_text_list(), value.as_f64(), value.as_u64());
        }
        assert!(span.start_time() <= span.end_time());
    }
    assert!(summary.busy_ns <= summary.wall_ns);
    assert!(summary.warnings.len() < 120);
    if let Some(totals) = summary.chain_totals {
        assert_eq!(totals.execution_ns + totals.queue_ns + totals.backoff_ns + totals.overhead_ns, summary.wall_ns);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), array: bool) {
        exercise(&if array { [b"[", &bytes[..]].concat() } else { bytes });
    }

    #[test]
    fn arbitrary_spans_never_panic(spans in prop::collection::vec(
        "\\{\"name\":(\"[ab]\"|1|null),\"start_time\":([0-9]{1,20}|-1|\"x\"|NaN),\"end_time\":([0-9]{1,20}|null|\"7\"),\
         \"status\":(\"Error\"|\"OK\"|\\{\\}|[0-3]),\"attributes\":\\{(\"forensic.kind\":\"(run|stage|attempt|report|x)\",)?\
         (\"forensic.stage.id\":\"[ab]\",)?(\"forensic.stage.needs\":(\\[\"[ab]\"\\]|\"a\"|3),)?(\"forensic.slots\":[0-2],)?\
         (\"forensic.backoff_ns\":[0-9]{1,20},)?(\"forensic.cpu_user_ns\":[0-9]{1,20},)?(\"forensic.ready_time\":[0-9]{1,20},)?\
         (\"forensic.stage.trigger\":\"(any|always|all|x)\",)?(\"forensic.stage.released_by\":(\"[abc]\"|3),)?\
         (\"forensic.waited_for_pool\":(\"g\"|7),)?(\"forensic.stage.allow_failure\":(true|1),)?\
         \"x\":[0-9]\\},\"span_id\":\"[1-5]\",\"parent_span_id\":\"[0-5]\"\\}", 0..12)
    ) {
        exercise(format!("[{}]", spans.join(",")).as_bytes());
    }

    #[test]
    fn mutated_traces_never_panic(
        killed: bool,
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            any::<u8>().prop_map(Some), Just(None), Just(Some(b'"')), Just(Some(b'{')), Just(Some(b'}')), Just(Some(b'9')), Just(Some(b'\n'))
        ]), 1..8),
        cut in prop::option::of(any::<prop::sample::Index>())
    ) {
        let mut bytes = if killed { KILLED } else { WORKED }.as_bytes().to_vec();
        for (at, edit) in edits {
            let at = at.index(bytes.len());
            match edit {
                Some(byte) => bytes[at] = byte,
                None => drop(bytes.remove(at)),
            }
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        exercise(&bytes);
    }

    /// One changed byte costs at most the spans whose lines it touches.
    #[test]
    fn one_bad_byte_costs_little(at in 2usize..WORKED.len() - 3, byte: u8) {
        let mut bytes = WORKED.as_bytes().to_vec();
        bytes[at] = byte;
        let trace = Trace::from_slice(&bytes).expect("a trace");
        prop_assert!(trace.len() >= 16, "{} {:?}", trace.len(), trace.warnings());
    }
}

/// Found by the fuzzer: a span is read again from its beginning when it crosses the read buffer's end.
#[test]
fn a_span_across_the_buffers_end_is_warned_of_once() {
    let span = format!(
        r#"{{"name":"R","start_time":1,"status":"x","span_id":"odd","trace_id":"odd","a":"{}"}}"#,
        "y".repeat(80)
    );
    let plain = Trace::from_slice(format!("[{span}]\n").as_bytes()).unwrap().warnings();
    assert!(plain.iter().any(|warning| warning.contains("unknown")), "{plain:?}");
    for before in [10, 64, 128, 200] {
        let spaces = " ".repeat((256 << 10) - before);
        let padded = Trace::from_slice(format!("{spaces}[{span}]\n").as_bytes()).unwrap().warnings();
        assert_eq!(padded, plain, "{before} bytes before the buffer's end");
    }
    // What was odd about a span that is left out is not told: it is not in the trace.
    let left_out = Trace::from_slice(format!(r#"[{{"status":"x","name":"no time"}},{span}]"#).as_bytes()).unwrap();
    assert_eq!(left_out.warnings().iter().filter(|warning| warning.contains("unknown")).count(), 1);
}
