//! `trace export` and `trace merge`, checked by readers that are not ours.

use std::process::Command;

use crate::support::{Bench, workspace};

/// Set by `tests/run` to the `bin` folder of an environment with the packages of `tests/readers/requirements.txt`.
const READERS: &str = "READERS_PYTHON_BIN";
const FORMATS: [&str; 6] = ["otlp-jsonl", "otlp-json", "otlp-proto", "perfetto", "chrome", "csv"];
const TRACE: &str = "data/artifacts/summaries/runs/R/data/forensic_trace.json";

fn bench() -> Bench {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "exported"
        max_parallel = 2
        [stages.a]
        run = "true"
        [stages.b]
        run = "echo 'it broke: ö' >&2; exit 1"
        [stages.c]
        run = "true"
        needs = ["a", "b"]
        "#,
    );
    assert_eq!(bench.run().code, Some(1));
    bench
}

#[test]
fn every_format_tells_the_same_as_the_trace_to_an_independent_reader() {
    let bench = bench();
    for format in FORMATS {
        let ran = bench.call(&["trace", "export", TRACE, "--format", format, "--out", format]);
        assert_eq!(ran.code, Some(0), "{format}: {}", ran.stderr);
        assert!(std::fs::metadata(bench.path().join(format)).unwrap().len() > 100, "{format}");
    }
    let Some(python) = std::env::var_os(READERS) else {
        eprintln!("SKIPPED: {READERS} is not set; tests/run sets it");
        return;
    };
    let mut check = Command::new(std::path::Path::new(&python).join("python"));
    check.arg(workspace().join("tests/readers/check_exports.py")).arg(TRACE).current_dir(bench.path());
    for format in FORMATS {
        check.arg(format!("--{format}")).arg(format);
    }
    let output = check.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn merging_is_idempotent_and_in_any_order() {
    let bench = bench();
    let once = bench.call(&["trace", "merge", TRACE]);
    assert_eq!(once.code, Some(0), "{}", once.stderr);
    bench.write("once.json", &once.stdout);
    let example = workspace().join("host/src/trace/testdata/worked_example.json");
    let example = example.to_str().unwrap();
    let one = bench.call(&["trace", "merge", "once.json", example, TRACE]);
    let other = bench.call(&["trace", "merge", example, TRACE]);
    assert_eq!(one.stdout, other.stdout);
    assert!(one.stderr.contains("more than once"), "{}", one.stderr);
    let spans: Vec<serde_json::Value> = serde_json::from_str(&other.stdout).unwrap();
    assert_eq!(spans.len(), bench.trace().0.len() + 18);
}

#[test]
fn an_unknown_format_is_refused_with_those_that_there_are() {
    let bench = bench();
    let ran = bench.call(&["trace", "export", TRACE, "--format", "jaeger"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("perfetto"), "{}", ran.stderr);
}
