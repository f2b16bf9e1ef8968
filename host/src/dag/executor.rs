//! What runs attempts: one trait, so that a machine and a cluster look the same to the dispatcher.
//!
//! An attempt is *submitted* with [`Executor::launch`], it *starts* then or later ([`AttemptEvent::Started`]), and it ends
//! once ([`AttemptEvent::Ended`]). What became of it is its [`Fate`]: it ended, and how is known, or there was a [`Fault`], which
//! is never the stage's own doing.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use serde::{Deserialize, Serialize};

use super::bell::Bell;
use crate::clock::UnixNanos;
use crate::directory::{LogFile, Logs};
use crate::pipeline::{Command, Stage};
use crate::redact::Redactor;

/// One attempt to be run.
#[derive(Debug)]
pub struct AttemptSpec<'a> {
    /// What it needs where it runs elsewhere; `None`: on this machine.
    pub placement: Option<Remote<'a>>,
    /// What to run.
    pub command: &'a Command,
    /// Where.
    pub workdir: &'a Path,
    /// Changes to the inherited environment: a value to set, or `None` to take the variable away. The last of a name
    /// holds. What the host itself tells an attempt is among them only on this machine; elsewhere the worker tells it.
    pub env: Vec<(Cow<'a, str>, Option<OsString>)>,
    /// Takes standard output, redacted.
    pub stdout: LogFile,
    /// Takes standard error, redacted.
    pub stderr: LogFile,
    /// Takes the secrets out of both before they are written.
    pub redactor: &'a Redactor,
}

/// What an attempt that runs elsewhere is told and asked for.
#[derive(Debug)]
pub struct Remote<'a> {
    /// Its stage.
    pub stage: &'a Stage,
    /// From 1.
    pub attempt: u32,
    /// W3C trace context of its span.
    pub traceparent: &'a str,
    /// From TERM to KILL.
    pub grace: Duration,
}

/// What an executor tells of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptEvent {
    /// One that was waiting has started.
    Started(UnixNanos),
    /// One that is waiting can't start yet, and why, in a sentence.
    Pending(String),
    /// It ended and succeeded, and left neither processes nor output behind: what waited for it can start. [`Ended`](Self::Ended)
    /// follows with the same time. Not every executor tells it, nor of every success.
    Succeeded(UnixNanos),
    /// It ended: once, and nothing comes after it. Its output is in the logs by then, so it can be told later than that.
    Ended(UnixNanos),
}

/// Hears of an attempt, in any thread.
pub type Hears = Box<dyn FnMut(AttemptEvent) + Send>;

/// What became of an attempt.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub fate: Fate,
    /// What else is to be said of one that ran elsewhere: attributes of its span.
    pub elsewhere: Vec<KeyValue>,
}

/// Collects what is left of an attempt that has ended.
pub type Remains = Box<dyn FnOnce() -> Finished + Send>;

/// How an attempt ended.
#[derive(Debug)]
pub enum Fate {
    /// By itself or by us, and it is known how.
    Ended(AttemptEnd),
    /// Otherwise: it could not be started, or where it ran was lost.
    Fault(Fault),
}

/// Why an attempt has no end of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From the closed list [`error_type`](crate::conventions::error_type).
    pub cause: &'static str,
    /// In a sentence.
    pub message: String,
    /// Another attempt may follow.
    pub again: Option<Again>,
}

/// A new attempt after one that was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// Not before: until then the lost one may still be running.
    pub after: Duration,
    /// Then it certainly isn't any more.
    pub fenced: bool,
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

impl OutputLost {
    /// A sentence for people. `logs`: where it should be.
    pub fn text(&self, logs: &Logs) -> String {
        format!("{} bytes of output are missing in {}: {}", self.bytes, logs.pattern(), self.error)
    }
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

/// An attempt that runs. The dispatcher calls [`leave`](Self::leave) or [`finish`](Self::finish), once, after the executor said that it ended.
pub trait RunningAttempt {
    /// Process id on this machine, if it is here.
    fn pid(&self) -> Option<u32>;
    /// It was submitted and starts later, which [`AttemptEvent::Started`] tells.
    fn is_waiting(&self) -> bool {
        false
    }
    /// Asks the attempt and its children to end.
    fn terminate(&mut self);
    /// Ends them.
    fn kill(&mut self);
    /// It has ended: what is left to be done, which any thread can do. It does not block.
    fn leave(self: Box<Self>) -> Remains;
    /// Does that at once.
    fn finish(self: Box<Self>) -> Finished {
        self.leave()()
    }
}

/// Runs attempts.
pub trait Executor {
    /// Name, for the record.
    fn name(&self) -> &'static str;

    /// Whether the attempts of a stage run on another machine, or could: the receiver of this one is not for them.
    fn is_remote(&self, _stage: &Stage) -> bool {
        false
    }

    /// From now on `tell` hears what there is to say that is about no single attempt, a sentence each, from any thread.
    fn listen(&mut self, _tell: Box<dyn Fn(String) + Send>) {}

    /// Starts an attempt, or has it started when there is room; `hears` is told what happens to it.
    ///
    /// # Errors
    /// Where it can't be started; then `hears` is never called.
    fn launch(&mut self, spec: AttemptSpec<'_>, hears: Hears) -> Result<Box<dyn RunningAttempt>, LaunchError>;

    /// From now on the caller waits for attempts by [`attend`](Self::attend), as long as that has something to wait for.
    fn attended(&mut self) {}

    /// Watches over attempts that have just started, in the caller's thread, until one of them has ended or is old enough for
    /// a thread of its own, the bell rings, or it is `until`. False, at once: there are none.
    fn attend(&mut self, _bell: &Bell, _until: Option<Instant>) -> bool {
        false
    }

    /// Ends whatever processes of the run are left; returns how many that were. Called once, when no attempt runs any
    /// more and none will be launched. Takes as long as a process may need to end.
    fn finish(&mut self) -> u64 {
        0
    }
}
