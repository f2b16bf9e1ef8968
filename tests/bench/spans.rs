//! What a span costs: captured with one write to the journal, saved as `forensic_trace.json`.
//!
//! `cargo bench --locked -p forensic-host --bench spans [-- N FOLDER OUT]`: N spans of 8 attributes (100,000) into a folder, what it
//! took as JSON into the file OUT. tests/bench/telemetry.py calls it, each time as a process of its own, so that its peak memory is
//! its own, and measures the Python SDK doing the same job beside it (tests/bench/python_sdk.py prints the same).

#![expect(clippy::unwrap_used, reason = "a benchmark that can't be run has nothing to say")]

use std::path::Path;
use std::time::Instant;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use forensic_host::clock::Clock;
use forensic_host::redact::{Redactor, Rules};
use forensic_host::telemetry::RunTelemetry;
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let count = arguments.first().map_or(100_000, |count| count.parse().unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let folder = arguments.get(1).map_or(temporary.path(), Path::new);
    let took = capture(count, folder).to_string();
    match arguments.get(2) {
        Some(out) => std::fs::write(out, took).unwrap(),
        None => println!("{took}"),
    }
}

/// Seconds of wall time and CPU since the last look, and the peak memory until now.
struct Watch {
    wall: Instant,
    cpu: f64,
}

impl Watch {
    fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu() }
    }

    fn look(&mut self) -> Value {
        let before = std::mem::replace(self, Self::start());
        let wall = self.wall.duration_since(before.wall).as_secs_f64();
        json!({ "wall_s": wall, "cpu_s": self.cpu - before.cpu, "peak_mib": peak_mib() })
    }
}

/// A run of one stage that sends spans, as a run takes them.
fn capture(count: u64, folder: &Path) -> Value {
    let dir = Dir::open_ambient_dir(folder, ambient_authority()).unwrap();
    let redactor = Redactor::new(&Rules::default()).unwrap();
    let telemetry = RunTelemetry::start(dir, "bench", redactor).unwrap();
    let clock = Clock::start();
    let mut watch = Watch::start();
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
    let captured = watch.look();
    let saved = telemetry.finish("forensic_trace.json").unwrap();
    assert_eq!(saved.spans, count);
    json!({ "capture": captured, "save": watch.look() })
}

/// CPU seconds of this process: all its threads, user and system.
fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Peak resident set, MiB.
fn peak_mib() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap() / 1024.0
}
