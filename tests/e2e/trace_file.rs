//! `forensic_trace.json`, as another program reads it.

use std::process::Command;

use crate::support::Bench;

const PIPELINE: &str = r#"
    [pipeline]
    name = "spans"
    profile = "p"
    max_parallel = 2
    [stages."first one"]
    run = "true"
"#;

#[test]
fn it_is_strict_json_one_span_a_line_with_the_keys_in_order() {
    let bench = Bench::new(&PIPELINE.replace("\"first one\"", "first"));
    assert_eq!(bench.run().code, Some(0));
    let text = bench.read("data/forensic_trace.json");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines[lines.len() - 1]), ("[", "]"));
    assert!(text.ends_with("]\n"));
    let mut starts = Vec::new();
    for line in &lines[1..lines.len() - 1] {
        let span: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(line.trim_end_matches(',')).unwrap();
        let keys: Vec<&str> = span.keys().map(String::as_str).take(9).collect();
        assert_eq!(
            keys,
            [
                "name",
                "start_time",
                "end_time",
                "duration_ms",
                "status",
                "attributes",
                "trace_id",
                "span_id",
                "parent_span_id"
            ]
        );
        let (start, end) = (span["start_time"].as_u64().unwrap(), span["end_time"].as_u64().unwrap());
        assert_eq!(span["duration_ms"].as_f64().unwrap(), (end - start) as f64 / 1e6);
        assert_eq!(span["trace_id"].as_str().unwrap().len(), 32);
        assert_eq!(span["span_id"].as_str().unwrap().len(), 16);
        starts.push(start);
    }
    assert!(starts.is_sorted());
    // Python's parser is stricter about NaN than about anything else; jq and browsers are not at hand.
    let strict = "import json,sys; json.load(open(sys.argv[1]), parse_constant=lambda c: sys.exit(c))";
    let file = bench.run_dir().join("data/forensic_trace.json");
    assert!(Command::new("python3").args(["-c", strict]).arg(file).status().unwrap().success());
    // The journal is gone when the trace is complete.
    let left: Vec<String> = std::fs::read_dir(bench.run_dir().join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, ["forensic_trace.json"]);
}

#[test]
fn spans_carry_what_the_metrics_need() {
    let bench = Bench::new(&PIPELINE.replace("\"first one\"", "first"));
    assert_eq!(bench.run().code, Some(0));
    let trace = bench.trace();
    let has = |span: &serde_json::Value, keys: &[&str]| {
        for key in keys {
            assert!(span["attributes"].get(key).is_some(), "{key} is not in {span}");
        }
    };
    let run = trace.run();
    assert!(run["parent_span_id"].is_null());
    has(
        run,
        &[
            "cicd.pipeline.name",
            "cicd.pipeline.run.id",
            "cicd.pipeline.result",
            "forensic.profile",
            "forensic.slots",
            "forensic.schedule_start_time",
        ],
    );
    assert_eq!(run["attributes"]["cicd.pipeline.name"], "spans");
    assert_eq!(run["attributes"]["cicd.pipeline.run.id"], "R");
    assert_eq!(run["attributes"]["forensic.slots"], 2);
    let stage = trace.stage("first");
    assert_eq!(stage["parent_span_id"], run["span_id"]);
    has(
        stage,
        &[
            "forensic.stage.id",
            "forensic.stage.needs",
            "cicd.pipeline.task.run.result",
            "forensic.ready_time",
            "forensic.attempts",
        ],
    );
    let [attempt] = trace.attempts("first")[..] else { panic!() };
    assert_eq!(attempt["parent_span_id"], stage["span_id"]);
    assert_eq!(attempt["start_time"], stage["start_time"]);
    assert_eq!(attempt["end_time"], stage["end_time"]);
    has(
        attempt,
        &[
            "forensic.stage.id",
            "forensic.attempt",
            "forensic.backoff_ns",
            "cicd.pipeline.task.run.result",
            "process.exit.code",
            "forensic.cpu_user_ns",
            "forensic.cpu_system_ns",
            "forensic.peak_memory_bytes",
        ],
    );
}

#[test]
fn no_environment_variable_switches_the_record_off() {
    let bench = Bench::new(&PIPELINE.replace("\"first one\"", "first"));
    let mut command = bench.command(&["run", "--run-id", "R"]);
    command
        .env("OTEL_TRACES_SAMPLER", "always_off")
        .env("OTEL_SDK_DISABLED", "true")
        .env("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1")
        .env("OTEL_SPAN_EVENT_COUNT_LIMIT", "0")
        .env("TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
    assert!(command.output().unwrap().status.success());
    let trace = bench.trace();
    assert_eq!(trace.0.len(), 3);
    assert!(trace.run()["attributes"].as_object().unwrap().len() > 5);
}

#[test]
fn a_secret_in_an_error_message_is_masked_in_trace_and_reports() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "leaky"
        [stages.leaky]
        run = "echo 'connecting to postgres://quant:hunter2secret@db/prices' >&2; echo 'RuntimeError: api_key=k3y-0f-th3-d3sk refused' >&2; exit 1"
        "#,
    );
    assert_eq!(bench.run().code, Some(1));
    for file in ["data/forensic_trace.json", "reports/forensic_report.md", "reports/forensic_report.json", "run.json"] {
        let text = bench.read(file);
        assert!(!text.contains("hunter2secret") && !text.contains("k3y-0f-th3-d3sk"), "{file}:\n{text}");
    }
    let leaky = bench.trace().stage("leaky").clone();
    assert_eq!(leaky["status_message"], "exit code 1: RuntimeError: api_key=[REDACTED] refused");
    let attempt = bench.trace().attempts("leaky")[0].clone();
    assert_eq!(attempt["attributes"]["forensic.output_redactions"], 2);
    assert!(bench.markdown().contains("connecting to"), "{}", bench.markdown());
}

#[test]
fn a_stage_in_any_script_and_with_any_output_is_recorded() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "größe 📈 \" \\ | <b>"
        [stages.noisy]
        run = 'printf "\\377\\376\\033[31mred\\007 not utf-8 \\t |\\n" >&2; exit 1'
        "#,
    );
    assert_eq!(bench.run().code, Some(1));
    let trace = bench.trace();
    assert_eq!(trace.run()["attributes"]["cicd.pipeline.name"], "größe 📈 \" \\ | <b>");
    let message = trace.stage("noisy")["status_message"].as_str().unwrap();
    assert!(message.starts_with("exit code 1: ") && message.contains("not utf-8"), "{message}");
    assert!(!message.chars().any(char::is_control));
}
