//! A server of its own for a test, and a client that can say anything.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::BINARY;

/// A running server; killed where a test ends without stopping it.
pub(super) struct Served {
    child: Child,
    pub(super) port: u16,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// The command, not started, listening on a free port.
pub(super) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .arg("serve")
        .args(arguments)
        .current_dir(folder)
        .env_remove("FORENSIC_HOST_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Served {
    /// Serves the default root below `folder`.
    pub(super) fn start(folder: &Path) -> Self {
        Self::spawn(command(folder, &["--listen", "127.0.0.1:0"]))
    }

    pub(super) fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim_end().trim_end_matches('/').rsplit(':').next().and_then(|port| port.parse().ok());
        assert!(line.starts_with("serving ") && line.contains(" at http://"), "{line:?}");
        Self { child, port: port.unwrap() }
    }

    /// Connects and sends these bytes.
    pub(super) fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// Sends a request line and headers.
    pub(super) fn ask(&self, line: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        read(self.send(&(request + "\r\n")), line.starts_with("HEAD"))
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[("Host", "localhost")])
    }

    /// Sends it a signal and gives its exit code and standard error.
    pub(super) fn stop(mut self, signal: rustix::process::Signal) -> (Option<i32>, String) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
        let code = self.child.wait().unwrap().code();
        let mut told = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        (code, told)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads one answer to the end of the connection.
pub(super) fn read(mut stream: impl Read, head_only: bool) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|part| part == b"\r\n\r\n").unwrap_or_else(|| {
        panic!("no answer: {:?}", String::from_utf8_lossy(&bytes));
    });
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let rest = bytes.split_off(end + 4);
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if chunked && !head_only { unchunk(&rest) } else { rest };
    Answer { status, headers, body }
}

/// The body out of its chunks; that the last one is there tells that it is whole.
fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|part| part == b"\r\n").expect("the body was cut");
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        rest = &rest[end + 2..];
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}

/// Reads server-sent events.
pub(super) struct Events(BufReader<TcpStream>);

impl Events {
    pub(super) fn of(served: &Served, run: &str) -> Self {
        let stream = served.send(&format!("GET /runs/{run}/events HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        let mut events = Self(BufReader::new(stream));
        let head = events.until_blank();
        assert!(
            head[0].contains("200") && head.iter().any(|line| line == "content-type: text/event-stream"),
            "{head:?}"
        );
        events
    }

    fn until_blank(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended after {lines:?}");
            let line = line.trim_end_matches(['\r', '\n']).to_owned();
            if line.is_empty() && !lines.is_empty() {
                return lines;
            }
            lines.push(line);
        }
    }

    /// The next event: its name and data.
    pub(super) fn next(&mut self) -> (String, serde_json::Value) {
        loop {
            let lines = self.until_blank();
            let field = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if let Some((event, data)) = field("event:").zip(field("data:")) {
                return (event.to_owned(), serde_json::from_str(data).unwrap());
            }
        }
    }
}
