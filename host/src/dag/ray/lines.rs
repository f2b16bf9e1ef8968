//! What the host and the bridge say to each other: one JSON object a line, both ways. A worker's own lines, which the bridge passes
//! on unchanged, are those of [`worker::protocol`](crate::worker::protocol).
//!
//! May live here: the form of the lines, and reading them from a pipe in bounded memory.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::worker::protocol::{Job, LINE_MAX, Line};

/// The version of this protocol.
pub(super) const PROTO: u32 = 1;

/// A line to the bridge.
#[derive(Debug, Serialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub(super) enum Order<'a> {
    /// The first one.
    Hello(Box<Hello<'a>>),
    /// Run an attempt.
    Submit { id: &'a str, need: Need<'a>, queue_timeout_ms: u64, inputs: Vec<String>, job: Box<Job> },
    /// End an attempt.
    Cancel { id: &'a str, force: bool },
    /// The run is over.
    Stop { deadline_ms: u64 },
}

/// What the bridge is told of the run.
#[derive(Debug, Serialize)]
pub(super) struct Hello<'a> {
    pub(super) proto: u32,
    pub(super) run: &'a str,
    pub(super) trace: &'a str,
    pub(super) worker: Program<'a>,
    pub(super) address: &'a str,
    pub(super) token_file: Option<&'a Path>,
    pub(super) connect_timeout_ms: u64,
    pub(super) beat_ms: u64,
    pub(super) lease_ms: u64,
    pub(super) grace_ms: u64,
    pub(super) window: u32,
    pub(super) lost_after_ms: u64,
    pub(super) files: &'a str,
    pub(super) ship_dir: &'a Path,
    pub(super) run_dir: &'a Path,
}

/// The program that watches over an attempt on its node.
#[derive(Debug, Serialize)]
pub(super) struct Program<'a> {
    /// On this machine if it is to be shipped, else on every node.
    pub(super) path: &'a Path,
    pub(super) sha256: Option<&'a str>,
    /// It is sent to the nodes.
    pub(super) ship: bool,
}

/// What an attempt needs of a node.
#[derive(Debug, Serialize)]
pub(super) struct Need<'a> {
    pub(super) cpus: f64,
    pub(super) gpus: f64,
    pub(super) memory: u64,
    pub(super) custom: &'a BTreeMap<String, f64>,
    pub(super) labels: &'a BTreeMap<String, String>,
}

impl Order<'_> {
    /// The line with its line break.
    pub(super) fn line(&self) -> serde_json::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }
}

/// A line from the bridge.
#[derive(Debug)]
pub(super) enum Said {
    /// It is connected.
    Ready(Box<Ready>),
    /// It can't be.
    Refused(Refused),
    /// An attempt waits for its place.
    Queued,
    /// There is none for it, and why.
    Pending { id: String, why: String },
    /// An attempt was lost, or could not be run.
    Failed(Box<Failed>),
    /// Spans that a lost worker's own file had.
    Recovered(Recovered),
    /// A node came or went.
    Node(NodeNews),
    /// A clock was measured.
    Clock(ClockNews),
    /// Something is not as it should be.
    Warn(String),
    /// It ends.
    Bye,
    /// A worker's own line.
    Worker(Line),
    /// Of a later version.
    Unknown,
}

/// The cluster as the bridge found it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Ready {
    pub(super) proto: u32,
    pub(super) ray: String,
    pub(super) python: String,
    pub(super) auth: String,
    #[serde(default)]
    pub(super) nodes: Vec<Node>,
}

/// A node as the bridge found it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Node {
    pub(super) node: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) head: bool,
    #[serde(default)]
    pub(super) arch: Option<String>,
    #[serde(default)]
    pub(super) total: BTreeMap<String, f64>,
    #[serde(default)]
    pub(super) offset_ns: Option<i64>,
    #[serde(default)]
    pub(super) bound_ns: Option<u64>,
    #[serde(default)]
    pub(super) shared: Option<bool>,
    #[serde(default)]
    pub(super) problem: Option<String>,
}

/// Why the bridge is not connected.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Refused {
    pub(super) what: String,
    #[serde(default)]
    pub(super) tried: String,
    #[serde(default)]
    pub(super) detail: String,
}

/// Why an attempt has no end of its own.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Failed {
    pub(super) id: String,
    pub(super) kind: String,
    #[serde(default)]
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) detail: Option<String>,
    #[serde(default)]
    pub(super) fence_ms: Option<u64>,
}

/// What a lost worker's own file had.
#[derive(Debug, Deserialize)]
pub(super) struct Recovered {
    pub(super) id: String,
    #[serde(default)]
    pub(super) spans: Vec<Box<RawValue>>,
}

/// A node came or went.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct NodeNews {
    pub(super) node: String,
    #[serde(default)]
    pub(super) name: String,
    pub(super) alive: bool,
    #[serde(default)]
    pub(super) why: Option<String>,
}

/// A clock was measured.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ClockNews {
    pub(super) node: String,
    pub(super) offset_ns: i64,
    pub(super) bound_ns: u64,
}

impl Said {
    /// Reads a line, with or without its line break.
    ///
    /// # Errors
    /// It is no line of the bridge.
    pub(super) fn read(line: &[u8]) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            t: String,
        }
        #[derive(Deserialize)]
        struct Pending {
            id: String,
            #[serde(default)]
            why: String,
        }
        #[derive(Deserialize)]
        struct Warn {
            text: String,
        }
        let Head { t } = serde_json::from_slice(line)?;
        Ok(match t.as_str() {
            "ready" => Self::Ready(serde_json::from_slice(line)?),
            "refused" => Self::Refused(serde_json::from_slice(line)?),
            "queued" => Self::Queued,
            "pending" => {
                let Pending { id, why } = serde_json::from_slice(line)?;
                Self::Pending { id, why }
            }
            "failed" => Self::Failed(serde_json::from_slice(line)?),
            "recovered" => Self::Recovered(serde_json::from_slice(line)?),
            "node" => Self::Node(serde_json::from_slice(line)?),
            "clock" => Self::Clock(serde_json::from_slice(line)?),
            "warn" => Self::Warn(serde_json::from_slice::<Warn>(line)?.text),
            "bye" => Self::Bye,
            "started" | "log" | "spans" | "beat" | "file" | "ended" => Self::Worker(Line::read(line)?),
            _ => Self::Unknown,
        })
    }
}

/// What came of reading a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// A whole line, in the buffer.
    Line,
    /// A line that is longer than any may be; it was read over.
    TooLong,
    /// There is nothing more.
    End,
}

/// Reads the next line into `line`, never more than a line may have.
pub(super) fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Got> {
    line.clear();
    let mut long = false;
    loop {
        let room = LINE_MAX + 1 - line.len();
        let read = reader.by_ref().take(room as u64).read_until(b'\n', line)?;
        if line.last() == Some(&b'\n') {
            return Ok(if long || line.len() > LINE_MAX { Got::TooLong } else { Got::Line });
        }
        if read < room {
            return Ok(Got::End);
        }
        long = true;
        line.clear();
    }
}

/// Any bytes as what a bridge prints: no panic, and how many lines of it were understood. For fuzzing.
#[doc(hidden)]
pub fn read_all(mut bytes: &[u8]) -> usize {
    let mut line = Vec::new();
    let mut understood = 0;
    while let Ok(got) = next_line(&mut bytes, &mut line) {
        match got {
            Got::Line => understood += usize::from(Said::read(&line).is_ok()),
            Got::TooLong => {}
            Got::End => break,
        }
    }
    understood
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn word() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("ready"),
            Just("refused"),
            Just("queued"),
            Just("pending"),
            Just("failed"),
            Just("recovered"),
            Just("node"),
            Just("clock"),
            Just("warn"),
            Just("bye"),
            Just("started"),
            Just("log"),
            Just("spans"),
            Just("beat"),
            Just("file"),
            Just("ended"),
            Just("later")
        ]
        .prop_map(str::to_owned)
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes: Vec<u8>) {
            read_all(&bytes);
        }

        #[test]
        fn no_object_breaks_the_reader(t in word(), keys in proptest::collection::btree_map("[a-z_0-9]{1,8}", "[ -~]{0,12}", 0..8)) {
            let mut object = serde_json::to_value(keys).unwrap();
            object["t"] = t.into();
            let mut line = object.to_string().into_bytes();
            line.push(b'\n');
            prop_assert!(read_all(&line) <= 1);
        }

        #[test]
        fn lines_come_out_as_they_went_in(lines in proptest::collection::vec("[ -~]{0,40}", 0..20)) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let mut reader = text.as_bytes();
            let mut line = Vec::new();
            for expected in &lines {
                prop_assert_eq!(next_line(&mut reader, &mut line).unwrap(), Got::Line);
                prop_assert_eq!(&line[..line.len() - 1], expected.as_bytes());
            }
            prop_assert_eq!(next_line(&mut reader, &mut line).unwrap(), Got::End);
        }
    }

    #[test]
    fn a_line_without_end_takes_no_more_memory_than_a_line() {
        let mut text = vec![b'x'; 3 * LINE_MAX];
        text.extend(b"\n{\"t\":\"bye\"}\n");
        let mut reader = text.as_slice();
        let mut line = Vec::new();
        assert_eq!(next_line(&mut reader, &mut line).unwrap(), Got::TooLong);
        assert!(line.capacity() <= 2 * (LINE_MAX + 1));
        assert_eq!(next_line(&mut reader, &mut line).unwrap(), Got::Line);
        assert!(matches!(Said::read(&line).unwrap(), Said::Bye));
    }

    #[test]
    fn a_word_of_a_later_version_is_read_over() {
        assert!(matches!(Said::read(br#"{"t":"weather","sunny":true}"#).unwrap(), Said::Unknown));
        assert!(Said::read(br#"{"t":"failed"}"#).is_err());
        assert!(Said::read(b"Traceback (most recent call last):").is_err());
    }
}
