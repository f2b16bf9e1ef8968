//! Why a run can't have its cluster. Told before any stage runs, so every message says what was tried and what to do.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::limits::show_duration;

/// There is no cluster to run on.
#[derive(Debug, thiserror::Error)]
pub enum RayError {
    /// The interpreter can't be started.
    #[error(
        "can't start the Python that speaks with Ray, {python:?}: {source}. Set `python` in [executor] to an interpreter with the \
         cluster's version of Ray, such as /path/to/venv/bin/python"
    )]
    Python {
        /// Its name.
        python: String,
        /// Why not.
        source: io::Error,
    },
    /// The bridge's own log can't be made, or one of its pipes.
    #[error("can't set up the bridge to Ray ({what}): {source}")]
    SetUp {
        /// What was done.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// The bridge says no.
    #[error("no Ray cluster: {what}{}{}{}", with_tried(.tried), with_detail(.detail), log(.last_line))]
    Refused {
        /// What is wrong.
        what: String,
        /// What was tried.
        tried: String,
        /// What Ray says.
        detail: String,
        /// The last line of its standard error.
        last_line: Option<String>,
    },
    /// The bridge says nothing.
    #[error(
        "no Ray cluster at {address:?}: nothing was heard for {}{}. Is it running (`ray status`), is this machine a part of it, and are Ray's versions \
         the same? `connect_timeout` in [executor] sets how long is waited",
        show_duration(*.after), log(.last_line)
    )]
    Silent {
        /// The cluster's address.
        address: String,
        /// How long it was waited for.
        after: Duration,
        /// The last line of its standard error.
        last_line: Option<String>,
    },
    /// The bridge ended.
    #[error("the bridge to Ray ended before it was connected ({status}){}. Its log: {}", log(.last_line), .path.display())]
    Ended {
        /// How.
        status: String,
        /// The last line of its standard error.
        last_line: Option<String>,
        /// The whole of it.
        path: PathBuf,
    },
    /// The bridge says something else.
    #[error("the bridge to Ray does not speak as it should: {0}. Please report this as a fault of forensic-host")]
    Protocol(String),
    /// Nodes can't run the pipeline's stages.
    #[error("{} of the cluster can't run stages:\n{}", if .0.len() == 1 { "a node" } else { "nodes" }, .0.join("\n"))]
    Nodes(Vec<String>),
    /// No node can run stages.
    #[error(
        "the cluster has no node that takes stages: none offers processors. Start one with `ray start --address=…`"
    )]
    NoNodes,
}

fn with_tried(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(". Tried: {text}") }
}

fn with_detail(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(". {text}") }
}

fn log(last_line: &Option<String>) -> String {
    last_line.as_ref().map_or_else(String::new, |line| format!("; the last thing it said: {line}"))
}
