//! What runs attempts: one trait, so that a machine and a cluster look the same to the dispatcher.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::UnixNanos;
use crate::pipeline::Command;
use crate::redact::Redactor;

/// One attempt to be run.
#[derive(Debug)]
pub struct AttemptSpec<'a> {
    /// What to run.
    pub command: &'a Command,
    /// Where.
    pub workdir: &'a Path,
    /// Changes to the inherited environment: a value to set, or `None` to take the variable away. The last of a name
    /// holds.
    pub env: Vec<(Cow<'a, str>, Option<OsString>)>,
    /// Takes standard output, redacted.
    pub stdout: File,
    /// Takes standard error, redacted.
    pub stderr: File,
    /// Takes the secrets out of both before they are written.
    pub redactor: &'a Redactor,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// What is known of an attempt that ended. What an executor can't know is `None`, never 0.
#[derive(Clone, Debug)]
pub struct AttemptEnd {
    /// How it ended.
    pub exit: Exit,
    /// User CPU time of the process and of the children it waited for.
    pub cpu_user: Duration,
    /// System CPU time, likewise.
    pub cpu_system: Duration,
    /// Largest resident set of one process, bytes.
    pub peak_memory: u64,
    /// The true peak may be lower: this is the host's own, which a child inherits at its start.
    pub peak_memory_is_bound: bool,
    /// Memory of all its processes together; `None` for an attempt that was over before the first look.
    pub tree_memory: Option<TreeMemory>,
    /// What the process and the children it waited for read and wrote.
    pub io: Option<IoBytes>,
    /// How often the process and the children it waited for left the processor.
    pub switches: Option<ContextSwitches>,
    /// Whether the kernel killed it for want of memory. `None` where that can't be told, and for a success.
    pub oom_killed: Option<bool>,
    /// How many places of its output were masked.
    pub output_redactions: u64,
    /// A process that outlived the attempt held its output open; what that wrote later is not recorded.
    pub output_left_open: bool,
    /// What could not be written to the logs.
    pub output_lost: Option<OutputLost>,
    /// How many processes had left the attempt's group and were ended with it. `None` where that can't be told.
    pub escaped_processes: Option<u64>,
}

/// Memory of an attempt's processes together, as far as looking now and then can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeMemory {
    /// Largest sum of resident sets, bytes: a lower bound of the true peak, though pages that processes share count once
    /// for each. Never below the peak of one process where that is exact.
    pub peak: u64,
    /// How often it was looked at.
    pub samples: u32,
}

/// Bytes read and written, as Linux counts them in `/proc/<pid>/io`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IoBytes {
    /// Fetched from storage.
    pub read: u64,
    /// Sent to storage, or caused to be sent: written pages count when they are made dirty.
    pub written: u64,
    /// Read through system calls, from wherever.
    pub read_chars: u64,
    /// Written through system calls, to wherever.
    pub written_chars: u64,
}

/// How often processes left the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextSwitches {
    /// By themselves, to wait for something.
    pub voluntary: u64,
    /// Because others had to run.
    pub involuntary: u64,
}

/// Output that is missing from an attempt's logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputLost {
    /// How much, as far as it can be counted.
    pub bytes: u64,
    /// The first reason.
    pub error: String,
}

/// The program could not be started.
#[derive(Debug, thiserror::Error)]
#[error("can't start {program:?}: {source}{}", advice(.source))]
pub struct LaunchError {
    /// Its name.
    pub program: String,
    /// Why not.
    pub source: io::Error,
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => ". Is it installed and in PATH?",
        io::ErrorKind::PermissionDenied => ". Is it executable (chmod +x)?",
        _ if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
            ". Raise the limit of open files (ulimit -n), or lower max_parallel"
        }
        _ => "",
    }
}

/// An attempt that runs. The dispatcher calls [`finish`](Self::finish) once, after the executor said that it ended.
pub trait RunningAttempt {
    /// Process id on this machine, if it is here.
    fn pid(&self) -> Option<u32>;
    /// Asks the attempt and its children to end.
    fn terminate(&mut self);
    /// Ends them.
    fn kill(&mut self);
    /// Collects what is left of it. Does not block.
    ///
    /// # Errors
    /// Where the system does not say how it ended.
    fn finish(self: Box<Self>) -> io::Result<AttemptEnd>;
}

/// Runs attempts.
pub trait Executor {
    /// Name, for the record.
    fn name(&self) -> &'static str;

    /// Starts an attempt; `ended` is called once, from any thread, with the time at which it ended. By then its output
    /// is in the logs, so the call can be later than that time.
    ///
    /// # Errors
    /// Where it can't be started; then `ended` is never called.
    fn launch(
        &mut self,
        spec: AttemptSpec<'_>,
        ended: Box<dyn FnOnce(UnixNanos) + Send>,
    ) -> Result<Box<dyn RunningAttempt>, LaunchError>;

    /// Ends whatever processes of the run are left; returns how many that were. Called once, when no attempt runs any
    /// more and none will be launched. Takes as long as a process may need to end.
    fn finish(&mut self) -> u64 {
        0
    }
}
