//! An HTTP/1.1 server that writes down what it is sent and answers what the test tells it to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use prost::Message as _;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What the peer does with a request.
#[derive(Clone)]
pub(super) enum Answer {
    /// Writes this and goes on.
    Bytes(Vec<u8>),
    /// Says nothing, and keeps the connection.
    Silence,
    /// Writes the first, then the second again and again until nobody listens.
    Endless(Vec<u8>, &'static [u8], Duration),
}

#[derive(Clone, Debug)]
pub(super) struct Recorded {
    /// Request line and headers, names in lower case.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

pub(super) struct Peer {
    pub(super) address: SocketAddr,
    recorded: Arc<Mutex<Vec<Recorded>>>,
}

impl Peer {
    /// Answers the first request with the first answer, and so on; the last one holds for all others.
    pub(super) fn start(answers: Vec<Answer>) -> Self {
        Self::listen("127.0.0.1:0".parse().unwrap(), answers, None)
    }

    pub(super) fn start_at(address: SocketAddr, answers: Vec<Answer>) -> Self {
        Self::listen(address, answers, None)
    }

    pub(super) fn start_tls(answers: Vec<Answer>, config: ServerConfig) -> Self {
        Self::listen("127.0.0.1:0".parse().unwrap(), answers, Some(Arc::new(config)))
    }

    fn listen(address: SocketAddr, answers: Vec<Answer>, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let recorded = Arc::new(Mutex::new(Vec::new()));
        let shared = recorded.clone();
        // Threads end with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, shared, answers, tls) = (stream.unwrap(), shared.clone(), answers.clone(), tls.clone());
                thread::spawn(move || match tls {
                    None => serve(stream, &shared, &answers),
                    Some(config) => {
                        serve(StreamOwned::new(ServerConnection::new(config).unwrap(), stream), &shared, &answers)
                    }
                });
            }
        });
        Self { address, recorded }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn recorded(&self) -> Vec<Recorded> {
        self.recorded.lock().unwrap().clone()
    }
}

fn serve(mut stream: impl Read + Write, recorded: &Mutex<Vec<Recorded>>, answers: &[Answer]) {
    let mut buffer = Vec::new();
    loop {
        let Some(request) = read_request(&mut stream, &mut buffer) else { return };
        let number = {
            let mut recorded = recorded.lock().unwrap();
            recorded.push(request);
            recorded.len() - 1
        };
        match &answers[number.min(answers.len() - 1)] {
            Answer::Bytes(bytes) => {
                if stream.write_all(bytes).and_then(|()| stream.flush()).is_err() {
                    return;
                }
            }
            Answer::Silence => {
                // Until the other side gives up.
                drop(stream.read(&mut [0]));
                return;
            }
            Answer::Endless(head, part, pause) => {
                let mut outcome = stream.write_all(head);
                while outcome.is_ok() {
                    outcome = stream.write_all(part).and_then(|()| stream.flush());
                    thread::sleep(*pause);
                }
                return;
            }
        }
    }
}

fn read_request(stream: &mut impl Read, buffer: &mut Vec<u8>) -> Option<Recorded> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        read_more(stream, buffer)?;
    };
    let head = String::from_utf8(buffer[..end].to_vec()).ok()?;
    let mut lines: Vec<String> = head.lines().map(str::to_owned).collect();
    for line in lines.iter_mut().skip(1) {
        if let Some((name, value)) = line.split_once(':') {
            *line = format!("{}:{value}", name.to_ascii_lowercase());
        }
    }
    let length = lines.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())?;
    while buffer.len() < end + length {
        read_more(stream, buffer)?;
    }
    let body = buffer[end..end + length].to_vec();
    buffer.drain(..end + length);
    Some(Recorded { head: lines.join("\n"), body })
}

fn read_more(stream: &mut impl Read, buffer: &mut Vec<u8>) -> Option<()> {
    let mut part = [0; 65536];
    let length = stream.read(&mut part).ok().filter(|length| *length > 0)?;
    buffer.extend_from_slice(&part[..length]);
    Some(())
}

/// A whole response.
pub(super) fn response(status: &str, headers: &str, body: &[u8]) -> Answer {
    let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    Answer::Bytes(bytes)
}

pub(super) const PROTOBUF: &str = "content-type: application/x-protobuf\r\n";
pub(super) const JSON: &str = "content-type: application/json; charset=utf-8\r\n";

/// All spans taken.
pub(super) fn ok() -> Answer {
    response("200 OK", PROTOBUF, b"")
}

pub(super) fn partial(rejected: i64, message: &str) -> ExportTraceServiceResponse {
    let partial = ExportTracePartialSuccess { rejected_spans: rejected, error_message: message.to_owned() };
    ExportTraceServiceResponse { partial_success: Some(partial) }
}

pub(super) fn partial_ok(rejected: i64, message: &str) -> Answer {
    response("200 OK", PROTOBUF, &partial(rejected, message).encode_to_vec())
}
