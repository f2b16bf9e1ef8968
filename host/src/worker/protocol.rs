//! What a worker and the host say to each other: a job and its lease go in, lines about the attempt come out, one JSON object a
//! line in both directions.
//!
//! May live here: the form of the lines, and reading and writing them. Both sides use these types, so that they can't disagree.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::clock::nanos;
use crate::dag::{AttemptEnd, ContextSwitches, Exit, IoBytes, TreeMemory};
use crate::redact::Rules;
use crate::telemetry::otlp::receive::Allowance;

/// The version of this protocol.
pub const PROTO: u32 = 1;
/// Longest line in either direction, with its line break, bytes.
pub const LINE_MAX: usize = 1 << 20;
/// Most output in a `log` line, bytes before base64.
pub const LOG_MAX: usize = 32 << 10;
/// Most of a file in a `file` line, bytes before base64.
pub const PIECE_MAX: usize = 512 << 10;
/// Most text of spans in a `spans` line, bytes, unless a single span is larger.
pub const SPANS_MAX: usize = 256 << 10;

/// One attempt that a worker is to run: its first line of input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// `<stage>#<attempt>`.
    pub id: String,
    /// The run id.
    pub run: String,
    /// The stage id.
    pub stage: String,
    /// Which attempt of its stage, from 1.
    pub attempt: u32,
    /// What to run.
    pub command: JobCommand,
    /// Where, absolute.
    pub cwd: PathBuf,
    /// The run directory as the worker sees it, absolute.
    pub run_dir: PathBuf,
    /// Variables that the pipeline and the stage set.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Variables of the Ray worker that the stage must not see.
    #[serde(default)]
    pub unset: Vec<String>,
    /// The attempt's span, which becomes the parent of the worker's.
    pub traceparent: String,
    /// From TERM to KILL.
    #[serde(default = "default_grace")]
    pub grace_ms: u64,
    /// Globs below `run_dir` of the files to send back; only where files are shipped.
    #[serde(default)]
    pub outputs: Vec<String>,
    /// How the worker comes by files.
    #[serde(default)]
    pub files: Shipping,
    /// What to mask in output and spans. Holds secrets.
    #[serde(default)]
    pub rules: Rules,
    /// What the stage may send by OTLP; `None`: it is given no address to send to.
    #[serde(default)]
    pub receive: Option<Allowance>,
    /// Events and links of spans are kept.
    #[serde(default)]
    pub debug: bool,

    /// Id of the Ray node. This and what follows is added by the relay on the node.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// Address of the Ray node.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node_name: String,
    /// First 12 digits of the node id, `-`, process id of the Ray worker.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub worker: String,
    /// After so long without a `lease` line the stage is ended; 0: there is no lease.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lease_ms: u64,
    /// How often the worker says that it lives; 0: never.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub beat_ms: u64,
    /// Folder on the node for the worker's own folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch: Option<PathBuf>,
}

fn default_grace() -> u64 {
    2000
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// What to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobCommand {
    /// A program and its arguments.
    Argv(Vec<String>),
    /// A text for `/bin/sh -c`.
    Shell(String),
}

/// How a worker comes by files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shipping {
    /// The run directory is on a file system that all nodes share.
    #[default]
    Shared,
    /// Files are brought along and sent back.
    Ship,
}

/// A line that a worker reads after its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Order {
    /// The host still takes what the worker says.
    Lease,
    /// End the stage.
    Cancel {
        /// At once, without a chance to put its things in order.
        #[serde(default)]
        force: bool,
    },
    /// Of a later version of the protocol.
    #[serde(other)]
    Unknown,
}

/// A line that a worker writes.
#[derive(Debug)]
pub struct Line {
    /// Whose: `<stage>#<attempt>`.
    pub id: String,
    /// Counts the lines of an attempt from 0, without gaps.
    pub n: u64,
    /// What it says.
    pub event: Event,
}

/// What a worker says.
#[derive(Debug)]
pub enum Event {
    /// The stage runs.
    Started(Started),
    /// It wrote something.
    Log(Log),
    /// Spans ended.
    Spans(Spans),
    /// The worker lives.
    Beat(Beat),
    /// A piece of a file.
    File(FilePiece),
    /// The stage has ended; nothing follows.
    Ended(Ended),
    /// Of a later version of the protocol.
    Unknown,
}

/// The stage runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Started {
    /// When, by the worker's clock, Unix ns.
    pub w: u64,
    /// Id of the Ray node.
    pub node: String,
    /// Its address.
    pub node_name: String,
    /// See [`Job::worker`].
    pub worker: String,
    /// Process id of the stage on its node.
    pub pid: u32,
    /// Id of the worker's span.
    pub span: String,
    /// Path of the socket on the node that takes `cancel`; empty where there is none.
    pub control: String,
}

/// Which of a stage's two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Output, redacted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Log {
    /// Which stream.
    pub s: Channel,
    /// What was written, at most [`LOG_MAX`].
    #[serde(rename = "b64", with = "base64_text")]
    pub bytes: Vec<u8>,
}

/// Spans that ended, in the form that they have in a trace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spans {
    /// Spans that the worker has made so far; its own counts from its start.
    pub emitted: u64,
    /// The spans, each a JSON object.
    pub spans: Vec<Box<RawValue>>,
}

/// The worker lives.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Beat {
    /// As in [`Spans`].
    pub emitted: u64,
    /// The worker's clock, Unix ns.
    pub w: u64,
}

/// A piece of a file that the stage made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FilePiece {
    /// Below the run directory, with `/`, checked by nobody: the host has to.
    pub path: String,
    /// Where in the file it begins.
    pub off: u64,
    /// The piece, at most [`PIECE_MAX`].
    #[serde(rename = "b64", with = "base64_text")]
    pub bytes: Vec<u8>,
    /// It is the last one.
    pub eof: bool,
    /// Of the whole file, hexadecimal; with the last piece.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Permissions.
    #[serde(default)]
    pub mode: u32,
    /// The file can't be sent, and why; then there is no piece and `eof` holds. What came of it before is to be thrown away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Why an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// By itself.
    Exit,
    /// It was cancelled.
    Cancelled,
    /// The worker heard nothing of the host any more.
    Lease,
    /// It could not be started, or the job is wrong.
    SpawnError,
    /// A word of a later version of the protocol.
    #[serde(other)]
    Unknown,
}

/// The end of an attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ended {
    /// When, by the worker's clock, Unix ns.
    pub w: u64,
    /// Why.
    pub why: Why,
    /// Exit code; absent where a signal ended it or it never ran.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What went wrong, without secrets.
    pub error: Option<String>,
    /// What it used; absent if it never ran.
    pub usage: Option<Usage>,
    /// Places of its output that were masked.
    #[serde(default)]
    pub redactions: u64,
    /// A process that outlived it held its output open.
    #[serde(default)]
    pub left_open: bool,
    /// Processes that had left its group and were ended; absent where that can't be told.
    #[serde(default)]
    pub escaped: Option<u64>,
    /// As in [`Spans`].
    pub emitted: u64,
    /// Spans that the worker could not keep.
    #[serde(default)]
    pub dropped: u64,
}

/// What an attempt used. What the node can't tell is absent, never 0.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Usage {
    /// User CPU time, ns.
    pub cpu_user_ns: u64,
    /// System CPU time, ns.
    pub cpu_system_ns: u64,
    /// Largest resident set of one process, bytes.
    pub peak_memory: u64,
    /// That is only an upper bound.
    pub peak_memory_is_bound: bool,
    /// Largest sum of the resident sets of all its processes that was seen, bytes.
    #[serde(default)]
    pub tree_peak: Option<u64>,
    /// How often it was looked at.
    #[serde(default)]
    pub tree_samples: Option<u32>,
    /// Bytes read and written.
    #[serde(default)]
    pub io: Option<IoBytes>,
    /// How often it left the processor.
    #[serde(default)]
    pub switches: Option<ContextSwitches>,
    /// Whether the kernel killed it for want of memory.
    #[serde(default)]
    pub oom_killed: Option<bool>,
}

impl Usage {
    /// What an executor said of an attempt.
    pub fn of(end: &AttemptEnd) -> Self {
        Self {
            cpu_user_ns: nanos(end.cpu_user),
            cpu_system_ns: nanos(end.cpu_system),
            peak_memory: end.peak_memory,
            peak_memory_is_bound: end.peak_memory_is_bound,
            tree_peak: end.tree_memory.map(|tree| tree.peak),
            tree_samples: end.tree_memory.map(|tree| tree.samples),
            io: end.io,
            switches: end.switches,
            oom_killed: end.oom_killed,
        }
    }
}

impl Ended {
    /// Of an attempt that never ran.
    pub fn refused(w: u64, error: String) -> Self {
        Self {
            w,
            why: Why::SpawnError,
            code: None,
            signal: None,
            error: Some(error),
            usage: None,
            redactions: 0,
            left_open: false,
            escaped: None,
            emitted: 0,
            dropped: 0,
        }
    }

    /// The same in the words of an executor; `None` if the stage never ran.
    pub fn attempt_end(&self) -> Option<AttemptEnd> {
        let usage = self.usage?;
        let exit = match (self.code, self.signal) {
            (Some(code), _) => Exit::Code(code),
            (None, Some(signal)) => Exit::Signal(signal),
            (None, None) => return None,
        };
        let tree_memory =
            usage.tree_peak.map(|peak| TreeMemory { peak, samples: usage.tree_samples.unwrap_or_default() });
        Some(AttemptEnd {
            exit,
            cpu_user: Duration::from_nanos(usage.cpu_user_ns),
            cpu_system: Duration::from_nanos(usage.cpu_system_ns),
            peak_memory: usage.peak_memory,
            peak_memory_is_bound: usage.peak_memory_is_bound,
            tree_memory,
            io: usage.io,
            switches: usage.switches,
            oom_killed: usage.oom_killed,
            output_redactions: self.redactions,
            output_left_open: self.left_open,
            output_lost: None,
            escaped_processes: self.escaped,
        })
    }
}

impl Line {
    /// Reads a line, with or without its line break.
    ///
    /// # Errors
    /// It is no line of a worker.
    pub fn read(line: &[u8]) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            t: String,
            id: String,
            n: u64,
        }
        // In two steps: what serde holds back to look at the tag first can't hold the text of spans as it is.
        let Head { t, id, n } = serde_json::from_slice(line)?;
        let event = match t.as_str() {
            "started" => Event::Started(serde_json::from_slice(line)?),
            "log" => Event::Log(serde_json::from_slice(line)?),
            "spans" => Event::Spans(serde_json::from_slice(line)?),
            "beat" => Event::Beat(serde_json::from_slice(line)?),
            "file" => Event::File(serde_json::from_slice(line)?),
            "ended" => Event::Ended(serde_json::from_slice(line)?),
            _ => Event::Unknown,
        };
        Ok(Self { id, n, event })
    }

    /// The line with its line break.
    ///
    /// # Errors
    /// As JSON has it.
    pub fn write(&self) -> serde_json::Result<Vec<u8>> {
        match &self.event {
            Event::Started(event) => self.text("started", event),
            Event::Log(event) => self.text("log", event),
            Event::Spans(event) => self.text("spans", event),
            Event::Beat(event) => self.text("beat", event),
            Event::File(event) => self.text("file", event),
            Event::Ended(event) => self.text("ended", event),
            Event::Unknown => self.text("unknown", &()),
        }
    }

    fn text<T: Serialize>(&self, t: &'static str, event: &T) -> serde_json::Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Whole<'l, T> {
            t: &'static str,
            id: &'l str,
            n: u64,
            #[serde(flatten)]
            event: &'l T,
        }
        let mut line = serde_json::to_vec(&Whole { t, id: &self.id, n: self.n, event })?;
        line.push(b'\n');
        Ok(line)
    }
}

/// Bytes as base64 (RFC 4648, with padding).
mod base64_text {
    use std::borrow::Cow;

    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text.as_bytes()).map_err(D::Error::custom)
    }
}
