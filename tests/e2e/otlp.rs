//! Spans that stages send: real SDKs, in Python and JavaScript, over every protocol.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::{Bench, Ran, Trace, workspace};

/// Set by `tests/run` to the `bin` folder of an environment with the packages of `tests/otlp/python/requirements.txt`.
const PYTHON: &str = "OTLP_PYTHON_BIN";
/// Set by `tests/run` to a copy of `tests/otlp/js` with its packages.
const JS: &str = "OTLP_JS_FOLDER";

fn folder(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map(PathBuf::from);
    if folder.is_none() {
        eprintln!("SKIPPED: {variable} is not set; tests/run sets it");
    }
    folder
}

fn run(bench: &Bench, variables: &[(&str, &str)]) -> Ran {
    let mut command: Command = bench.command(&["run", "--run-id", "R"]);
    command.envs(variables.iter().copied());
    command.output().unwrap().into()
}

/// The spans that a stage sent.
fn sent<'a>(trace: &'a Trace, stage: &str) -> Vec<&'a Value> {
    let of_stage = |span: &&Value| {
        span["attributes"]["forensic.origin"] == "otlp" && span["attributes"]["forensic.stage.id"] == stage
    };
    trace.0.iter().filter(of_stage).collect()
}

fn named<'a>(spans: &[&'a Value], name: &str) -> &'a Value {
    spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("no span {name}"))
}

fn check_ledger(bench: &Bench, received: u64) {
    let record = bench.json("run.json");
    let ledger = &record["telemetry"]["ledger"];
    assert_eq!(ledger["received"], received, "{ledger}");
    let count = |key: &str| ledger[key].as_u64().unwrap();
    let rejected: u64 = ledger["rejected"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    let went = count("written") + count("open") + rejected + count("duplicates") + count("failed");
    assert_eq!(count("started") + received, went, "{ledger}");
    assert_eq!(ledger["written"], record["spans"]);
}

/// What `emit.py` and `emit.mjs` have in common.
fn check_emitted(trace: &Trace, stage: &str, extra: usize) {
    let spans = sent(trace, stage);
    assert_eq!(spans.len(), 3 + extra, "{stage}");
    let attempt = trace.attempts(stage)[0];
    let parent = named(&spans, "emit.parent");
    assert_eq!(parent["parent_span_id"], attempt["span_id"], "{stage}");
    assert_eq!(parent["kind"], "SERVER");
    assert_eq!(parent["scope"]["name"], "forensic.tests.emit");
    // The JavaScript SDK asks for detectors before it hears the environment.
    let service = parent["resource"]["service.name"].as_str().unwrap();
    assert!(service == stage || service == "unknown_service:node", "{service}");
    for span in &spans {
        assert_eq!(span["trace_id"], attempt["trace_id"], "{stage}");
        assert_eq!(span["attributes"]["forensic.attempt"], 1);
        assert!(span["attributes"].get("forensic.adopted").is_none());
        let time = |span: &Value, key: &str| span[key].as_u64().unwrap();
        // JavaScript's times are whole milliseconds.
        assert!(time(span, "start_time") + 1_000_000 >= time(attempt, "start_time"), "{stage}");
        assert!(time(span, "end_time") <= time(attempt, "end_time") + 1_000_000, "{stage}");
    }
    for child in ["emit.first", "emit.second"] {
        assert_eq!(named(&spans, child)["parent_span_id"], parent["span_id"]);
    }
    let attributes = &parent["attributes"];
    assert_eq!(attributes["text"], "Grüße, 世界 🦀");
    assert_eq!(attributes["texts"], serde_json::json!(["a", "ü"]));
    assert_eq!((&attributes["bool"], &attributes["float"]), (&true.into(), &1e300.into()));
    let failed = named(&spans, "emit.second");
    assert_eq!(failed["status"], "Error");
    assert_eq!(failed["status_message"], "the second child fails on purpose");
    // Its type and message are kept although events are not.
    assert_eq!(failed["attributes"]["exception.message"], "the second child fails on purpose");
    assert!(failed.get("events").is_none() && failed["dropped"]["events"] == 1 && failed["dropped"]["links"] == 1);
}

#[test]
fn spans_of_python_stages_lie_under_their_attempt_over_http_and_grpc_and_by_adoption() {
    let Some(python) = folder(PYTHON) else { return };
    let clients = workspace().join("tests/otlp/python");
    let (python, clients) = (python.display(), clients.display());
    let bench = Bench::new(&format!(
        r#"
        [pipeline]
        name = "python"
        max_parallel = 2
        [stages.http]
        command = ["{python}/python", "{clients}/emit.py", "1500"]
        [stages.gzip]
        command = ["{python}/python", "{clients}/emit.py"]
        env = {{ OTEL_EXPORTER_OTLP_COMPRESSION = "gzip" }}
        [stages.grpc]
        command = ["{python}/python", "{clients}/emit.py", "600"]
        env = {{ OTEL_EXPORTER_OTLP_PROTOCOL = "grpc" }}
        [stages.auto]
        command = ["{python}/opentelemetry-instrument", "{python}/python", "{clients}/app.py"]
        "#
    ));
    // What a user's own settings may do to a run: nothing.
    let hostile = [
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_SDK_DISABLED", "true"),
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("http_proxy", "http://127.0.0.1:9"),
        ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/nonexistent"),
    ];
    let ran = run(&bench, &hostile);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stderr, bench.read("logs/http/1.err.log"));
    let trace = bench.trace();
    check_emitted(&trace, "http", 1500);
    check_emitted(&trace, "gzip", 0);
    check_emitted(&trace, "grpc", 600);
    let parent = *sent(&trace, "http").iter().find(|span| span["name"] == "emit.parent").unwrap();
    assert_eq!(parent["attributes"]["int"], 1u64 << 60);
    assert_eq!(parent["attributes"]["ints"], serde_json::json!([1, (1u64 << 53) + 1]));
    assert_eq!(parent["attributes"]["bytes"], "AP8Q", "bytes are base64");

    let adopted = sent(&trace, "auto");
    assert_eq!(adopted.len(), 2);
    for span in &adopted {
        assert_eq!(span["attributes"]["forensic.adopted"], true);
        assert_ne!(span["trace_id"], trace.run()["trace_id"], "ids are never rewritten");
    }
    check_ledger(&bench, 1503 + 3 + 603 + 2);
    let markdown = bench.markdown();
    for text in ["Inside the stages", "emit.parent", "emit.first", "app.main", "app.step"] {
        assert!(markdown.contains(text), "{text} is not in\n{markdown}");
    }
}

#[test]
fn spans_of_javascript_stages_lie_under_their_attempt_over_every_protocol() {
    let Some(js) = folder(JS) else { return };
    let emit = js.join("emit.mjs");
    let emit = emit.display();
    let bench = Bench::new(&format!(
        r#"
        [pipeline]
        name = "javascript"
        max_parallel = 2
        [stages.json]
        command = ["node", "{emit}", "http", "1200"]
        [stages.protobuf]
        command = ["node", "{emit}", "proto"]
        [stages.grpc]
        command = ["node", "{emit}", "grpc", "100"]
        "#
    ));
    let ran = run(&bench, &[]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stderr, bench.read("logs/json/1.err.log"));
    let trace = bench.trace();
    check_emitted(&trace, "json", 1200);
    check_emitted(&trace, "protobuf", 0);
    check_emitted(&trace, "grpc", 100);
    check_ledger(&bench, 1203 + 3 + 103);
    assert!(bench.markdown().contains("emit.parent"));
}

#[test]
fn with_debug_telemetry_events_links_and_stack_traces_are_kept() {
    let Some(python) = folder(PYTHON) else { return };
    let emit = workspace().join("tests/otlp/python/emit.py");
    let bench = Bench::new(&format!(
        "[pipeline]\nname = \"debug\"\n[stages.a]\ncommand = [\"{}/python\", \"{}\"]\n",
        python.display(),
        emit.display()
    ));
    let ran = run(&bench, &[("TV_DEBUG_TELEMETRY", "1")]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let trace = bench.trace();
    let spans = sent(&trace, "a");
    assert_eq!(named(&spans, "emit.first")["events"][0]["name"], "checkpoint");
    let second = named(&spans, "emit.second");
    assert_eq!(second["links"][0]["attributes"]["why"], "retry of");
    let event = &second["events"][0];
    assert_eq!(event["name"], "exception");
    assert!(event["attributes"]["exception.stacktrace"].as_str().unwrap().contains("ValueError"));
    assert!(second.get("dropped").is_none(), "{second}");
}

#[test]
fn the_receiver_can_be_switched_off() {
    let bench = Bench::new(
        "[pipeline]\nname = \"off\"\n[telemetry]\nreceive = false\n\
         [stages.a]\nrun = \"test -z \\\"${OTEL_EXPORTER_OTLP_ENDPOINT:-}\\\" && test -n \\\"$TRACEPARENT\\\"\"\n",
    );
    let ran = run(&bench, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn a_million_spans_go_through_in_little_memory_and_the_ledger_balances() {
    let flood = workspace().join("tests/otlp/python/flood.py");
    let mut pipeline = "[pipeline]\nname = \"flood\"\nmax_parallel = 2\n".to_owned();
    for number in 0..10 {
        pipeline += &format!("[stages.s{number}]\ncommand = [\"python3\", \"{}\", \"100000\"]\n", flood.display());
    }
    let needs: Vec<String> = (0..10).map(|number| format!("s{number}")).collect();
    // The host is the parent of its stages.
    let memory = "grep -E '^(VmHWM|RssFile):' /proc/$PPID/status";
    pipeline += &format!("[stages.memory]\nrun = \"{memory}\"\nneeds = {needs:?}\n");
    let bench = Bench::new(&pipeline);
    let ran = run(&bench, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let text = bench.read("logs/memory/1.out.log");
    let kib = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    // Without the pages of the program's own file, which are as many as the kernel likes to map at once: what is left is what
    // spans can make grow. One byte a span would be a mebibyte.
    let own = kib("VmHWM:") - kib("RssFile:");
    assert!(own < 10 << 10, "the host took {own} KiB: {text}");
    check_ledger(&bench, 1_000_000);
    let record = bench.json("run.json");
    assert_eq!(record["spans"], 1_000_000 + 1 + 2 * 11);
    // Beyond the size that a trace may have, spans keep no attributes of their own, and it is told.
    assert!(record["telemetry"]["ledger"]["dropped_attributes"].as_u64().unwrap() > 0);
    let size = std::fs::metadata(bench.run_dir().join("data/forensic_trace.json")).unwrap().len();
    assert!(size < 600 << 20, "{size} bytes");
    assert!(bench.markdown().contains("flood.step"));
}
