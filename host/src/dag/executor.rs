//! What runs attempts: one trait, so that a machine and a cluster look the same to the dispatcher.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::clock::UnixNanos;
use crate::pipeline::Command;

/// One attempt to be run.
#[derive(Debug)]
pub struct AttemptSpec<'a> {
    /// What to run.
    pub command: &'a Command,
    /// Where.
    pub workdir: &'a Path,
    /// Variables beside the inherited ones; the last of a name holds.
    pub env: Vec<(&'a str, OsString)>,
    /// Takes standard output.
    pub stdout: File,
    /// Takes standard error.
    pub stderr: File,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// What is known of an attempt that ended.
#[derive(Clone, Copy, Debug)]
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
    /// Collects what is left of it.
    ///
    /// # Errors
    /// Where the system does not say how it ended.
    fn finish(self: Box<Self>) -> io::Result<AttemptEnd>;
}

/// Runs attempts.
pub trait Executor {
    /// Name, for the record.
    fn name(&self) -> &'static str;

    /// Starts an attempt; `ended` is called once, from any thread, with the time at which it ended.
    ///
    /// # Errors
    /// Where it can't be started; then `ended` is never called.
    fn launch(
        &mut self,
        spec: AttemptSpec<'_>,
        ended: Box<dyn FnOnce(UnixNanos) + Send>,
    ) -> Result<Box<dyn RunningAttempt>, LaunchError>;
}
