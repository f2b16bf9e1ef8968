//! Spans that are sent on to the user's own endpoint, while the run goes on as if there were none.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde_json::Value;

use crate::support::{Bench, Ran, wait_until};

/// Set by `tests/run` to an environment with the packages of `tests/otlp/collector-requirements.txt`.
const COLLECTOR: &str = "COLLECTOR_VENV";

const PIPELINE: &str = "[pipeline]\nname = \"forwarded\"\nmax_parallel = 2\n[telemetry]\nforward_timeout = \"10s\"\n\
    [stages.a]\nrun = \"case $OTEL_EXPORTER_OTLP_HEADERS in *users-own*) exit 9;; esac\"\n\
    [stages.b]\nrun = \"exit 1\"\n[stages.c]\nrun = \"true\"\nneeds = [\"b\"]\n";

/// An OTLP/HTTP endpoint that takes everything, and keeps the span ids.
struct Recorder {
    port: u16,
    ids: Arc<Mutex<HashSet<String>>>,
}

/// A server that answers each connection with `serve`, in threads that end with the test's process.
fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}

/// Reads one request; its body, or nothing where the connection ended.
fn request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("post /v1/traces "), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap().trim().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    if head.contains("content-encoding: gzip") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut plain).unwrap();
        return Some(plain);
    }
    Some(body)
}

impl Recorder {
    fn start() -> Self {
        let ids = Arc::new(Mutex::new(HashSet::new()));
        let seen = Arc::clone(&ids);
        let port = listen(move |mut stream| {
            while let Some(body) = request(&mut stream) {
                let request = ExportTraceServiceRequest::decode(&body[..])
                    .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body)));
                let spans = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
                let spans = spans.flat_map(|scope| &scope.spans);
                let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                seen.lock().unwrap().extend(spans.map(|span| hex(&span.span_id)));
                if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_err() {
                    return;
                }
            }
        });
        Self { port, ids }
    }
}

/// The real collector, ended with the test.
struct Collector {
    process: Child,
    http: u16,
    grpc: u16,
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Collector {
    fn start(folder: &std::path::Path, recorder: &Recorder) -> Option<Self> {
        let Some(venv) = std::env::var_os(COLLECTOR).map(PathBuf::from) else {
            eprintln!("SKIPPED: {COLLECTOR} is not set; tests/run sets it");
            return None;
        };
        let program = venv.join("lib/python3.11/site-packages/rotel/rotel-agent");
        let libraries = Command::new(venv.join("bin/python"))
            .args(["-c", "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))"])
            .output()
            .unwrap();
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (http, grpc) = (free(), free());
        let process = Command::new(program)
            .args(["start", "--otlp-http-endpoint", &format!("127.0.0.1:{http}")])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}"), "--exporter", "otlp"])
            .args(["--otlp-exporter-endpoint", &format!("http://127.0.0.1:{}", recorder.port)])
            .args(["--otlp-exporter-protocol", "http", "--otlp-exporter-compression", "none"])
            .args(["--batch-timeout", "50ms", "--pid-file"])
            .arg(folder.join("rotel.pid"))
            .env("LD_LIBRARY_PATH", String::from_utf8(libraries.stdout).unwrap().trim())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let collector = Self { process, http, grpc };
        for port in [http, grpc] {
            wait_until("the collector to listen", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        }
        Some(collector)
    }
}

fn run(bench: &Bench, variables: &[(&str, &str)]) -> Ran {
    let mut command = bench.command(&["run", "--run-id", "R"]);
    command.envs(variables.iter().copied());
    command.env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=users-own");
    command.output().unwrap().into()
}

fn forwarded(bench: &Bench) -> Value {
    bench.json("run.json")["telemetry"]["forwarded"].clone()
}

#[test]
fn a_real_collector_gets_every_span_over_http_and_grpc() {
    for protocol in ["http/protobuf", "http/json", "grpc"] {
        let bench = Bench::new(PIPELINE);
        let recorder = Recorder::start();
        let Some(collector) = Collector::start(bench.path(), &recorder) else { return };
        let port = if protocol == "grpc" { collector.grpc } else { collector.http };
        let endpoint = format!("http://127.0.0.1:{port}");
        let ran =
            run(&bench, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)]);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        let trace = bench.trace();
        let counts = forwarded(&bench);
        assert_eq!(counts["sent"], trace.0.len() as u64, "{protocol}: {counts}");
        assert_eq!((&counts["rejected"], &counts["unsent"]), (&0.into(), &0.into()), "{counts}");
        let kept: HashSet<String> = trace.0.iter().map(|span| span["span_id"].as_str().unwrap().to_owned()).collect();
        wait_until("the collector to pass the spans on", || kept.is_subset(&recorder.ids.lock().unwrap()));
        assert!(!bench.read("run.json").contains("users-own"));
    }
}

#[test]
fn a_peer_that_is_dead_silent_or_rejects_costs_no_span_and_the_run_says_so() {
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let silent = listen(|mut stream| {
        // Takes whatever comes and never answers.
        drop(std::io::copy(&mut stream, &mut std::io::sink()));
    });
    let rejecting = listen(|mut stream| {
        while request(&mut stream).is_some() {
            if stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 4\r\n\r\nnope").is_err() {
                return;
            }
        }
    });
    for (port, fate) in [(dead, "unsent"), (silent, "unsent"), (rejecting, "rejected")] {
        let bench = Bench::new(&PIPELINE.replace("10s", "500ms"));
        let ran = run(&bench, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &*format!("http://127.0.0.1:{port}"))]);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        let trace = bench.trace();
        assert_eq!(["a", "b", "c"].map(|stage| trace.result(stage)), ["success", "failure", "skip"]);
        let counts = forwarded(&bench);
        assert_eq!(counts[fate], trace.0.len() as u64, "{counts}");
        assert!(
            ran.stderr.contains("were forwarded") && ran.stderr.contains("The trace has them all"),
            "{}",
            ran.stderr
        );
        assert!(bench.markdown().contains("were forwarded"), "the report says so too");
    }
}

#[test]
fn a_wrong_endpoint_is_told_and_the_run_goes_on() {
    let bench = Bench::new(PIPELINE);
    let ran =
        run(&bench, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grcp")]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("OTEL_EXPORTER_OTLP_") && ran.stderr.contains("not forwarded"), "{}", ran.stderr);
}
