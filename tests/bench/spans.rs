//! What a span costs: captured with one write to the journal, saved as `forensic_trace.json`, read back with all metrics;
//! beside the Python SDK doing the same job in the same run.
//!
//! `OTLP_PYTHON_BIN=target/venv/otlp/bin cargo bench --locked -p forensic-host --bench spans [-- N…]`; default 100,000 and
//! 1,000,000 spans. Each job is a process of its own, so that its peak memory is its own. Times are CPU seconds.

#![expect(clippy::unwrap_used, reason = "a benchmark that can't be run has nothing to say")]

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::Command;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use forensic_host::clock::Clock;
use forensic_host::redact::{Redactor, Rules};
use forensic_host::telemetry::RunTelemetry;
use forensic_host::trace::{Trace, summarize};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use serde_json::{Value, json};

const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.first().map(String::as_str) {
        Some("capture") => return capture(arguments[1].parse().unwrap(), Path::new(&arguments[2])),
        Some("read") => return read(Path::new(&arguments[1])),
        _ => {}
    }
    let python = std::env::var_os("OTLP_PYTHON_BIN").map(|bin| Path::new(&bin).join("python"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/bench/python_sdk.py");
    let mut counts: Vec<u64> = arguments.iter().map(|count| count.parse().unwrap()).collect();
    if counts.is_empty() {
        counts = vec![100_000, 1_000_000];
    }
    for count in counts {
        let mut ours = Vec::new();
        let mut theirs = Vec::new();
        // One after the other, so that both see the same machine.
        for _ in 0..ROUNDS {
            let folder = tempfile::tempdir().unwrap();
            let mut one = job(Command::new(std::env::current_exe().unwrap())
                .args(["capture", &count.to_string()])
                .arg(folder.path()));
            let file = folder.path().join("forensic_trace.json");
            let back = job(Command::new(std::env::current_exe().unwrap()).arg("read").arg(&file));
            one["read"] = back["read"].clone();
            one["read_peak"] = back["peak"].clone();
            ours.push(one);
            if let Some(python) = &python {
                let file = folder.path().join("python.json");
                theirs.push(job(Command::new(python).arg(&script).arg(count.to_string()).arg(file)));
            }
        }
        println!("{count} spans of 8 attributes, medians of {ROUNDS} (CPU)");
        println!("| step | forensic-host | Python SDK | ratio |\n|---|---|---|---|");
        for (key, title) in [("capture", "capture"), ("save", "save"), ("read", "read, with all metrics")] {
            let (mine, peer) = (median(&ours, key), median(&theirs, key));
            let per = 1e6 / count as f64;
            println!(
                "| {title} | {mine:.2} s, {:.2} µs a span | {peer:.2} s, {:.2} µs a span | {:.1} |",
                mine * per,
                peer * per,
                peer / mine
            );
        }
        let mib = |jobs: &[Value], key| median(jobs, key) / f64::from(1 << 20);
        println!(
            "| peak memory | {:.0} MiB writing, {:.0} MiB reading | {:.0} MiB | |\n",
            mib(&ours, "peak"),
            mib(&ours, "read_peak"),
            mib(&theirs, "peak")
        );
    }
}

fn job(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn median(jobs: &[Value], key: &str) -> f64 {
    let mut values: Vec<f64> = jobs.iter().map(|job| job[key].as_f64().unwrap()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn capture(count: u64, folder: &Path) {
    let dir = Dir::open_ambient_dir(folder, ambient_authority()).unwrap();
    let redactor = Redactor::new(&Rules::default()).unwrap();
    let telemetry = RunTelemetry::start(dir, "bench", redactor).unwrap();
    let clock = Clock::start();
    let began = cpu();
    // The shape of a real trace: a run, a stage, its attempt, and what the stage itself sent.
    let kind = |kind: &'static str| KeyValue::new("forensic.kind", kind);
    let stage = || KeyValue::new("forensic.stage.id", "a");
    let run = telemetry.span("RUN bench", SpanKind::Server, None, clock.now(), vec![kind("run")]);
    let parent = Some(run.context());
    let of_stage = telemetry.span("a", SpanKind::Internal, parent.as_ref(), clock.now(), vec![kind("stage"), stage()]);
    let parent = Some(of_stage.context());
    let attributes = vec![kind("attempt"), stage(), KeyValue::new("forensic.attempt", 1)];
    let attempt = telemetry.span("a#1", SpanKind::Internal, parent.as_ref(), clock.now(), attributes);
    let parent = attempt.context();
    let tracer = opentelemetry::trace::TracerProvider::tracer(telemetry.provider(), "bench");
    for number in 3..count {
        use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _};
        let context = opentelemetry::Context::new().with_remote_span_context(parent.clone());
        let mut span = tracer.start_with_context(format!("step {}", number % 100), &context);
        span.set_attributes([
            KeyValue::new("forensic.origin", "otlp"),
            KeyValue::new("app.dataset", "prices/2026-11-22.parquet"),
            KeyValue::new("app.symbol", "BTC-USD"),
            KeyValue::new("app.message", "loaded a window of prices"),
            KeyValue::new("app.rows", number as i64),
            KeyValue::new("app.window", 256),
            KeyValue::new("app.ratio", 0.25),
            KeyValue::new("app.cached", false),
        ]);
        span.end();
    }
    for span in [attempt, of_stage, run] {
        span.end(clock.now(), None);
    }
    let captured = cpu();
    let saved = telemetry.finish("forensic_trace.json").unwrap();
    assert_eq!(saved.spans, count);
    println!("{}", json!({ "capture": captured - began, "save": cpu() - captured, "peak": peak() }));
}

fn read(file: &Path) {
    let began = cpu();
    let trace = Trace::read(BufReader::with_capacity(1 << 18, File::open(file).unwrap())).unwrap();
    let summary = summarize(&trace);
    assert!(summary.spans.count > 0);
    println!("{}", json!({ "read": cpu() - began, "peak": peak() }));
}

/// CPU seconds of this process, in hundredths: user and system.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// Peak resident set, bytes.
fn peak() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() << 10
}
