//! The local executor: one process group an attempt, measured from outside.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{self, Stdio};
use std::thread;

use rustix::process::{Pid, Signal};

use super::executor::{AttemptEnd, AttemptSpec, Executor, LaunchError, RunningAttempt};
use super::process::{collect, own_peak_memory, signal_group, wait_for_end};
use crate::clock::{Clock, UnixNanos};
use crate::pipeline::Command;

/// Stack of a thread that waits for a process: it does nothing else.
const WAITER_STACK: usize = 64 << 10;

/// Runs attempts as processes of this machine.
#[derive(Debug)]
pub struct LocalExecutor {
    clock: Clock,
}

impl LocalExecutor {
    /// `clock` is the run's.
    pub fn new(clock: Clock) -> Self {
        Self { clock }
    }
}

impl Executor for LocalExecutor {
    fn name(&self) -> &'static str {
        "local"
    }

    fn launch(
        &mut self,
        spec: AttemptSpec<'_>,
        ended: Box<dyn FnOnce(UnixNanos) + Send>,
    ) -> Result<Box<dyn RunningAttempt>, LaunchError> {
        let (program, mut command) = match spec.command {
            Command::Argv(argv) => {
                let (program, arguments) = argv.split_first().map_or(("", [].as_slice()), |(p, a)| (p.as_str(), a));
                // A path with a slash is meant from the stage's working folder.
                let path = if program.contains('/') { spec.workdir.join(program) } else { PathBuf::from(program) };
                let mut command = process::Command::new(path);
                command.args(arguments);
                (program.to_owned(), command)
            }
            Command::Shell(text) => {
                let mut command = process::Command::new("/bin/sh");
                command.arg("-c").arg(text);
                ("/bin/sh".to_owned(), command)
            }
        };
        let fail = |source| LaunchError { program: program.clone(), source };
        command
            .current_dir(spec.workdir)
            .envs(spec.env)
            .stdin(Stdio::null())
            .stdout(spec.stdout)
            .stderr(spec.stderr)
            .process_group(0);
        let child = command.spawn().map_err(fail)?;
        // After the start: the copy of the host that the child began as can't have been larger than this.
        let floor = own_peak_memory();
        // From here on the process is known by its id alone: the dispatcher collects it.
        let pid = i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| fail(io::Error::other("no process id")))?;
        let clock = self.clock;
        let waiter = thread::Builder::new().name("waiter".into()).stack_size(WAITER_STACK).spawn(move || {
            wait_for_end(pid);
            ended(clock.now());
        });
        if let Err(error) = waiter {
            // Without a waiter nobody would ever know that it ended.
            signal_group(pid, Signal::KILL);
            drop(collect(pid, floor));
            return Err(fail(error));
        }
        Ok(Box::new(LocalAttempt { pid, floor }))
    }
}

struct LocalAttempt {
    pid: Pid,
    floor: u64,
}

impl RunningAttempt for LocalAttempt {
    fn pid(&self) -> Option<u32> {
        u32::try_from(self.pid.as_raw_nonzero().get()).ok()
    }

    fn terminate(&mut self) {
        signal_group(self.pid, Signal::TERM);
        // A stopped process takes no TERM before it goes on.
        signal_group(self.pid, Signal::CONT);
    }

    fn kill(&mut self) {
        signal_group(self.pid, Signal::KILL);
    }

    fn finish(self: Box<Self>) -> io::Result<AttemptEnd> {
        // What a stage leaves behind in its group ends with it. The leader is not collected yet, so the group's
        // id can't belong to anybody else.
        signal_group(self.pid, Signal::KILL);
        collect(self.pid, self.floor)
    }
}
