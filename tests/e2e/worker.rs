//! The worker that a cluster's node runs, driven over pipes as the relay drives it: real stages, real signals, real cuts.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use forensic_host::worker::protocol::{Channel, Ended, Event, LOG_MAX, Line, PIECE_MAX, Started, Why};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{BINARY, wait_until};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const ATTEMPT: &str = "b7ad6b7169203331";
const SECRET: &str = "hunter2-hunter2";
/// In the environment of everything that comes from one worker.
const MARK: &str = "WORKER_TEST_MARK";

/// A node: a run directory and a scratch folder.
struct Node {
    folder: TempDir,
    mark: String,
}

impl Node {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = TempDir::new().unwrap();
        for name in ["run/data", "scratch"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let mark = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self { folder, mark }
    }

    fn run_dir(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    fn scratch(&self) -> PathBuf {
        self.folder.path().join("scratch")
    }

    /// A job for a shell.
    fn job(&self, shell: &str) -> Value {
        json!({
            "id": "a#1", "run": "R", "stage": "a", "attempt": 1, "command": {"shell": shell},
            "cwd": self.run_dir(), "run_dir": self.run_dir(), "env": {"OWN": "set", "OTEL_BSP_SCHEDULE_DELAY": "7"},
            "unset": ["UNWANTED"], "traceparent": format!("00-{TRACE}-{ATTEMPT}-01"), "grace_ms": 300,
            "rules": {"secrets": [SECRET]}, "receive": {"spans": 100, "bytes": 1_000_000}, "node": "0123456789abcdef",
            "node_name": "127.0.0.1", "worker": "0123456789ab-77", "lease_ms": 60_000, "scratch": self.scratch(),
        })
    }

    fn start(&self, first_line: &str) -> Worker {
        let mut child = Command::new(BINARY)
            .arg("worker")
            .env(MARK, &self.mark)
            .env("RAY_AUTH_TOKEN_PATH", "/ray")
            .env("PYTHONPATH", "/ray")
            .env("UNWANTED", "there")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(format!("{first_line}\n").as_bytes()).unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        // The first process only starts the second.
        assert!(child.wait().unwrap().success());
        Worker { stdin: Some(stdin), stdout: BufReader::new(stdout), stderr, next: 0, said: Said::default() }
    }

    /// Runs a job to its end.
    fn run(&self, job: &Value) -> Said {
        let mut worker = self.start(&job.to_string());
        worker.until_end();
        let said = worker.said;
        assert!(said.ended.is_some());
        self.wait_for_nobody();
        // Everything was delivered.
        assert_eq!(std::fs::read_dir(self.scratch()).unwrap().count(), 0);
        said
    }

    /// Waits until nothing lives that came from a worker of this node.
    fn wait_for_nobody(&self) {
        wait_until("everything of the worker to be gone", || self.alive().is_empty());
    }

    fn alive(&self) -> Vec<String> {
        let mark = format!("{MARK}={}", self.mark);
        let has_mark = |process: &Path| {
            let environ = std::fs::read(process.join("environ")).unwrap_or_default();
            environ.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())
        };
        let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        processes.filter(|path| has_mark(path)).map(|path| path.display().to_string()).collect()
    }

    /// The folder that a worker left behind.
    fn left(&self) -> PathBuf {
        self.scratch().join("R/0123456789ab-77/a#1")
    }

    fn left_ended(&self) -> Ended {
        serde_json::from_slice(&std::fs::read(self.left().join("ended.json")).unwrap()).unwrap()
    }
}

/// A worker at work, and what it has said.
struct Worker {
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    stderr: ChildStderr,
    next: u64,
    said: Said,
}

#[derive(Default)]
struct Said {
    started: Option<Started>,
    out: Vec<u8>,
    err: Vec<u8>,
    spans: Vec<Value>,
    beats: usize,
    /// Path, content and error of each file.
    files: Vec<(String, Vec<u8>, Option<String>)>,
    ended: Option<Ended>,
    text: String,
}

impl Said {
    fn ended(&self) -> &Ended {
        self.ended.as_ref().unwrap()
    }

    fn started(&self) -> &Started {
        self.started.as_ref().unwrap()
    }

    fn out(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }

    fn span(&self, name: &str) -> &Value {
        self.spans
            .iter()
            .find(|span| span["name"] == name)
            .unwrap_or_else(|| panic!("no span {name}: {:?}", self.spans))
    }

    /// Of what was emitted nothing is missing.
    fn check_spans(&self) {
        let ids: HashSet<&str> = self.spans.iter().map(|span| span["span_id"].as_str().unwrap()).collect();
        assert_eq!((ids.len() as u64, self.spans.len() as u64), (self.ended().emitted, self.ended().emitted));
    }
}

impl Worker {
    /// Takes a line; false at the end.
    fn take(&mut self) -> bool {
        let mut text = String::new();
        if self.stdout.read_line(&mut text).unwrap() == 0 {
            return false;
        }
        assert!(text.len() <= 1 << 20 && self.said.ended.is_none());
        let line = Line::read(text.as_bytes()).unwrap();
        assert_eq!((line.id.as_str(), line.n), ("a#1", self.next), "{text}");
        self.next += 1;
        let said = &mut self.said;
        said.text += &text;
        match line.event {
            Event::Started(started) => {
                assert_eq!(line.n, 0);
                said.started = Some(started);
            }
            Event::Log(log) => {
                assert!((1..=LOG_MAX).contains(&log.bytes.len()));
                if log.s == Channel::Out { &mut said.out } else { &mut said.err }.extend(log.bytes);
            }
            Event::Spans(spans) => {
                said.spans.extend(spans.spans.iter().map(|span| serde_json::from_str::<Value>(span.get()).unwrap()));
            }
            Event::Beat(beat) => {
                assert!(beat.emitted >= 1);
                said.beats += 1;
            }
            Event::File(piece) => {
                assert!(piece.bytes.len() <= PIECE_MAX);
                if piece.off == 0 {
                    said.files.push((piece.path.clone(), Vec::new(), piece.error));
                }
                let (path, content, error) = said.files.last_mut().unwrap();
                assert_eq!((&*path, content.len() as u64), (&piece.path, piece.off));
                content.extend(piece.bytes);
                assert_eq!(piece.sha256.is_some(), piece.eof && error.is_none());
                if let Some(sha256) = piece.sha256 {
                    assert_eq!(sha256, forensic_host::files::sha256(content));
                }
            }
            Event::Ended(ended) => said.ended = Some(ended),
            Event::Unknown => panic!("{text}"),
        }
        true
    }

    fn until_end(&mut self) {
        while self.take() {}
    }

    fn until(&mut self, what: &str, so: impl Fn(&Said) -> bool) {
        while !so(&self.said) {
            assert!(self.take(), "it ended before {what}: {}", self.said.text);
        }
    }

    fn until_ready(&mut self) {
        self.until("it was ready", |said| said.out.windows(6).any(|part| part == b"ready\n"));
    }

    fn order(&mut self, line: &str) {
        self.stdin.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn control(&self, force: bool) {
        let path = &self.said.started().control;
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        let line = format!("{{\"t\":\"cancel\",\"force\":{force}}}\n");
        UnixStream::connect(path).unwrap().write_all(line.as_bytes()).unwrap();
    }
}

#[test]
fn an_attempt_is_told_of_from_its_start_to_its_end() {
    let node = Node::new();
    let mut job = node.job(
        "pwd; env; grep SigIgn /proc/self/status; echo to err >&2; test -t 0 || cat; kill -TERM $PPID; sleep 0.3; exit 3",
    );
    job["beat_ms"] = 20.into();
    let said = node.run(&job);
    let (started, ended) = (said.started(), said.ended());
    assert_eq!((started.node.as_str(), started.worker.as_str()), ("0123456789abcdef", "0123456789ab-77"));
    assert_eq!((ended.why, ended.code, ended.signal, &ended.error), (Why::Exit, Some(3), None, &None));
    assert!(ended.w >= started.w && said.beats > 0 && started.pid > 0);
    let usage = ended.attempt_end().unwrap();
    assert!(usage.peak_memory > 0 && usage.io.is_some() && usage.switches.is_some());
    assert_eq!((ended.escaped, ended.left_open, ended.dropped), (Some(0), false, 0));
    assert_eq!(said.err, b"to err\n");
    let out = said.out();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], node.run_dir().display().to_string());
    let run_dir = node.run_dir().display().to_string();
    for line in [
        "FORENSIC_RUN_ID=R".to_owned(),
        format!("FORENSIC_RUN_DIR={run_dir}"),
        format!("FORENSIC_DATA_DIR={run_dir}/data"),
        "FORENSIC_STAGE_ID=a".to_owned(),
        "FORENSIC_ATTEMPT=1".to_owned(),
        format!("TRACEPARENT=00-{TRACE}-{}-01", started.span),
        "OTEL_SERVICE_NAME=a".to_owned(),
        "OTEL_BSP_SCHEDULE_DELAY=7".to_owned(),
        "OWN=set".to_owned(),
    ] {
        assert!(lines.contains(&line.as_str()), "{line} is not in\n{out}");
    }
    for name in ["RAY_", "PYTHONPATH=", "UNWANTED="] {
        assert!(!lines.iter().any(|line| line.starts_with(name)), "{out}");
    }
    // HUP, INT and TERM end the stage though they don't end the worker.
    let ignored = lines.iter().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    assert_eq!(u64::from_str_radix(ignored.trim(), 16).unwrap() & 0b100_0000_0000_0011, 0);

    said.check_spans();
    let span = said.span("a#1@0123456789ab-77");
    assert_eq!((&span["span_id"], &span["parent_span_id"]), (&json!(started.span), &json!(ATTEMPT)));
    assert_eq!((&span["trace_id"], &span["status"]), (&json!(TRACE), &json!("Error")));
    assert_eq!((&span["start_time"], &span["end_time"]), (&json!(started.w), &json!(ended.w)));
    assert_eq!(
        span["attributes"],
        json!({
            "forensic.kind": "worker", "forensic.origin": "worker", "forensic.stage.id": "a", "forensic.attempt": 1,
            "forensic.worker": "0123456789ab-77", "forensic.node": "0123456789abcdef",
        })
    );
}

#[test]
fn output_comes_byte_for_byte_whatever_it_is() {
    let node = Node::new();
    let said = node.run(&node.job(
        r"printf 'a\000\377\376b\n'; head -c 1048576 /dev/zero | tr '\0' x; echo; printf 'no end' ; printf '\303' >&2",
    ));
    let expected = [&b"a\0\xff\xfeb\n"[..], &vec![b'x'; 1 << 20], b"\nno end"].concat();
    assert!(said.out == expected, "{} bytes", said.out.len());
    assert_eq!(said.err, b"\xc3");
}

/// Sends a span as a stage would.
fn post(variables: &Path, name: &str, parent: &str) {
    let text = std::fs::read_to_string(variables).unwrap();
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap();
    let address = value("OTEL_EXPORTER_OTLP_ENDPOINT").strip_prefix("http://").unwrap();
    let token = value("OTEL_EXPORTER_OTLP_HEADERS").strip_prefix("authorization=Bearer%20").unwrap();
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": TRACE, "spanId": "00000000000000aa", "parentSpanId": parent, "name": name, "kind": 1,
        "startTimeUnixNano": "1", "endTimeUnixNano": "2",
        "attributes": [{"key": "note", "value": {"stringValue": format!("it is {SECRET}")}}],
    }]}]}]})
    .to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn spans_of_the_stage_arrive_while_it_runs_and_no_secret_leaves_the_node() {
    let node = Node::new();
    let shell = format!(
        "echo the word is {SECRET}; env > data/env; echo ready; while [ ! -e data/go ]; do sleep 0.02; done; printf %s {SECRET}"
    );
    let mut worker = node.start(&node.job(&shell).to_string());
    worker.until_ready();
    let span = worker.said.started().span.clone();
    post(&node.run_dir().join("data/env"), "work", &span);
    worker.until("the span arrived", |said| !said.spans.is_empty());
    std::fs::write(node.run_dir().join("data/go"), "").unwrap();
    worker.until_end();
    let said = worker.said;
    let work = said.span("work");
    assert_eq!((&work["parent_span_id"], &work["trace_id"]), (&json!(span), &json!(TRACE)));
    let attributes = &work["attributes"];
    assert_eq!(
        [&attributes["forensic.origin"], &attributes["forensic.stage.id"], &attributes["note"]],
        ["otlp", "a", "it is [REDACTED]"]
    );
    said.check_spans();
    assert_eq!(said.ended().redactions, 2);
    assert_eq!(said.out(), "the word is [REDACTED]\nready\n[REDACTED]");
    assert!(!said.text.contains(SECRET));
    node.wait_for_nobody();
}

#[test]
fn a_cancel_ends_what_does_not_want_to_end_and_signals_to_the_worker_do_nothing() {
    let node = Node::new();
    let mut worker = node.start(&node.job("trap '' TERM; echo ready; while :; do sleep 1; done").to_string());
    worker.until_ready();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", worker.said.started().pid)).unwrap();
    let parent = stat.rsplit(") ").next().unwrap().split(' ').nth(1).unwrap().to_owned();
    for signal in ["-TERM", "-INT", "-HUP"] {
        assert!(Command::new("kill").args([signal, &parent]).status().unwrap().success());
    }
    worker.control(false);
    worker.until_end();
    let ended = worker.said.ended();
    assert_eq!((ended.why, ended.code, ended.signal), (Why::Cancelled, None, Some(9)));
    worker.said.check_spans();
    assert_eq!(worker.said.span("a#1@0123456789ab-77")["status_message"], "it was cancelled");
    node.wait_for_nobody();
}

#[test]
fn what_a_worker_leaves_that_was_killed_is_gone_before_its_output_ends() {
    let node = Node::new();
    let job = node.job(
        "trap '' TERM; sleep 600 & setsid sleep 600 & (setsid sleep 600 &) ; echo ready; while :; do sleep 1; done",
    );
    let mut worker = node.start(&job.to_string());
    worker.until_ready();
    let id = worker.said.started().pid;
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let parent = stat.rsplit(") ").next().unwrap().split(' ').nth(1).unwrap().to_owned();
    assert!(Command::new("kill").args(["-KILL", &parent]).status().unwrap().success());
    worker.until_end();
    assert!(worker.said.ended.is_none(), "nobody was left to say it");
    // The one who ended the others may be about to end itself.
    assert!(node.alive().len() <= 1, "{:?}", node.alive());
    node.wait_for_nobody();
}

#[test]
fn a_cancel_is_soft_unless_it_is_forced() {
    for (force, signal) in [(false, 15), (true, 9)] {
        let node = Node::new();
        let mut job =
            node.job("trap 'echo asked; trap - TERM; kill -TERM $$' TERM; echo ready; while :; do sleep 0.05; done");
        job["grace_ms"] = 60_000.into();
        let mut worker = node.start(&job.to_string());
        worker.until_ready();
        // Either way.
        if force {
            worker.control(true);
        } else {
            worker.order(r#"{"t":"cancel"}"#);
        }
        worker.until_end();
        let said = &worker.said;
        assert_eq!((said.ended().why, said.ended().signal), (Why::Cancelled, Some(signal)));
        assert_eq!(said.out().contains("asked"), !force);
        node.wait_for_nobody();
    }
}

/// A stage with a child in its group and one that left it and takes no TERM.
const FAMILY: &str = "setsid sh -c 'trap \"\" TERM; touch data/away; while :; do sleep 1; done' & sleep 600 & \
                      until [ -e data/away ]; do sleep 0.01; done; echo ready; ";

#[test]
fn without_the_relay_nothing_is_left_alive_and_the_record_waits_in_the_folder() {
    for cut_output in [false, true] {
        let node = Node::new();
        let shell =
            format!("{FAMILY}{}", if cut_output { "while :; do echo x; sleep 0.05; done" } else { "sleep 600" });
        let mut worker = node.start(&node.job(&shell).to_string());
        worker.until_ready();
        let span = worker.said.started().span.clone();
        assert!(node.alive().len() >= 4);
        let Worker { stdin, stdout, .. } = worker;
        // Either pipe tells that the relay is gone.
        let (_stdin, _stdout) = if cut_output {
            drop(stdout);
            (stdin, None)
        } else {
            drop(stdin);
            (None, Some(stdout))
        };
        node.wait_for_nobody();
        let ended = node.left_ended();
        assert_eq!((ended.why, ended.emitted), (Why::Lease, 1));
        assert!(ended.escaped >= Some(1));
        let journal = std::fs::read_to_string(node.left().join("forensic_trace.ndjson")).unwrap();
        let last: Value = serde_json::from_str(journal.lines().last().unwrap()).unwrap();
        assert_eq!((&last["span_id"], &last["status"]), (&json!(span), &json!("Error")));
        assert_eq!(std::fs::metadata(node.left()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn the_lease_ends_a_stage_whose_output_nobody_reads() {
    let node = Node::new();
    let mut job = node.job(&format!("{FAMILY}touch data/runs; yes"));
    job["lease_ms"] = 1500.into();
    let worker = node.start(&job.to_string());
    // Both pipes stay open all the time.
    wait_until("the stage", || node.run_dir().join("data/runs").exists());
    node.wait_for_nobody();
    assert_eq!((node.left_ended().why, node.left_ended().signal), (Why::Lease, Some(15)));
    drop(worker);
}

#[test]
fn a_lease_that_is_renewed_does_not_end() {
    let node = Node::new();
    let mut job = node.job("echo ready; sleep 3");
    job["lease_ms"] = 1000.into();
    let mut worker = node.start(&job.to_string());
    worker.until_ready();
    let mut stdin = worker.stdin.take().unwrap();
    // Until the pipe breaks, when the worker is gone.
    let leases = std::thread::spawn(move || {
        while stdin.write_all(b"{\"t\":\"lease\"}\n").is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    });
    worker.until_end();
    leases.join().unwrap();
    assert_eq!((worker.said.ended().why, worker.said.ended().code), (Why::Exit, Some(0)));
}

#[test]
fn a_job_that_can_t_be_read_or_started_is_refused_in_one_line() {
    let node = Node::new();
    let mut worker = node.start(r#"{"id":"a#1","command":"hunter2"}"#);
    worker.until_end();
    let ended = worker.said.ended();
    assert_eq!((ended.why, worker.next), (Why::SpawnError, 1));
    assert!(ended.error.as_ref().unwrap().contains("a field is missing"), "{ended:?}");
    assert!(!worker.said.text.contains("hunter2"));

    let mut worker = node.start("no job");
    worker.until_end();
    assert_eq!(worker.next, 0);
    let mut stderr = String::new();
    worker.stderr.read_to_string(&mut stderr).unwrap();
    assert!(stderr.contains("the job can't be read: it is no JSON"), "{stderr}");
    node.wait_for_nobody();

    // The second process says so by its exit code, too.
    let mut second = Command::new(BINARY)
        .args(["worker", "--detached"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    second.stdin.take().unwrap().write_all(b"[]\n").unwrap();
    assert_eq!(second.wait_with_output().unwrap().status.code(), Some(2));

    let mut job = node.job("");
    job["command"] = json!({"argv": ["/nonexistent/program", SECRET]});
    let said = node.run(&job);
    let ended = said.ended();
    assert_eq!((ended.why, ended.code, ended.signal), (Why::SpawnError, None, None));
    assert!(said.started.is_none() && ended.usage.is_none());
    assert!(ended.error.as_ref().unwrap().contains("/nonexistent/program"), "{ended:?}");
    said.check_spans();
    assert_eq!(said.span("a#1@0123456789ab-77")["status"], "Error");
}

#[test]
fn a_scratch_folder_that_others_can_write_to_is_refused() {
    let node = Node::new();
    std::fs::set_permissions(node.scratch(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let mut worker = node.start(&node.job("touch data/ran").to_string());
    worker.until_end();
    assert_eq!(worker.said.ended().why, Why::SpawnError);
    assert!(worker.said.ended().error.as_ref().unwrap().contains("scratch folder"));
    assert!(!node.run_dir().join("data/ran").exists());
    node.wait_for_nobody();
}

#[test]
fn outputs_are_sent_back_and_never_through_a_link() {
    let node = Node::new();
    let outside = TempDir::new().unwrap();
    std::fs::write(outside.path().join("x.json"), "outside").unwrap();
    let outside_path = outside.path().display();
    let mut job = node.job(&format!(
        "printf '{{}}' > data/x.json; : > data/empty.json; ln -s {outside_path}/x.json data/link.json; echo no > data/x.txt; \
         ln -s {outside_path} away; mkfifo data/pipe; head -c 1200000 /dev/urandom > big.bin; mkdir -p all/in; echo 1 > all/in/a; \
         chmod 750 big.bin"
    ));
    job["files"] = "ship".into();
    job["outputs"] = json!(["data/*.json", "big.bin", "away/x.json", "away/*", "data/pipe", "all", "none/*"]);
    let said = node.run(&job);
    assert_eq!(said.ended().code, Some(0), "{}", String::from_utf8_lossy(&said.err));
    let (sent, refused): (Vec<_>, Vec<_>) = said.files.iter().partition(|(_, _, error)| error.is_none());
    let sent: Vec<&str> = sent
        .iter()
        .map(|(path, content, _)| {
            assert_eq!(&std::fs::read(node.run_dir().join(path)).unwrap(), content);
            path.as_str()
        })
        .collect();
    assert_eq!(sent, ["all/in/a", "big.bin", "data/empty.json", "data/x.json"]);
    let mut refused: Vec<&str> = refused.iter().map(|(path, _, _)| path.as_str()).collect();
    refused.sort_unstable();
    assert_eq!(refused, ["away/*", "away/x.json", "data/link.json", "data/pipe"]);
    assert!(!said.text.contains("b3V0c2lkZQ"), "what lies outside was sent");
    assert!(said.text.contains("\"mode\":488"), "0750 of big.bin");
}

#[test]
fn a_clock_can_be_shifted_for_tests() {
    let node = Node::new();
    let mut second = Command::new(BINARY)
        .args(["worker", "--detached"])
        .env("FORENSIC_TEST_CLOCK_SKEW_NS", "-3600000000000")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = second.stdin.take().unwrap();
    stdin.write_all(format!("{}\n", node.job("env")).as_bytes()).unwrap();
    let stdout = second.stdout.take().unwrap();
    let lines: Vec<Line> =
        BufReader::new(stdout).lines().map(|line| Line::read(line.unwrap().as_bytes()).unwrap()).collect();
    drop(stdin);
    assert!(second.wait().unwrap().success());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let Event::Started(started) = &lines[0].event else { panic!("{lines:?}") };
    let Event::Ended(ended) = &lines.last().unwrap().event else { panic!("{lines:?}") };
    for time in [started.w, ended.w] {
        assert!((time + 3_500_000_000_000..time + 3_700_000_000_000).contains(&now));
    }
    let said_skew = lines.iter().any(|line| match &line.event {
        Event::Log(log) => String::from_utf8_lossy(&log.bytes).contains("CLOCK_SKEW"),
        _ => false,
    });
    assert!(!said_skew);
}
