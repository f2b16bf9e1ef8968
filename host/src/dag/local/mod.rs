//! The local executor: one process group an attempt, measured from outside.
//!
//! Each attempt has a thread beside it (`watch`, `crew`), which passes its output through the redaction filter into the logs
//! (`stream`), looks at its memory (`memory`) and notices its end. What it leaves behind in its group ends with it, and so
//! does what left the group (`orphans`, `kin`, `ending`); only then does the dispatcher hear of it. The command itself is
//! never wrapped.
//!
//! May live here: what is special to processes of this machine. System calls on one process are in `dag::process`.

mod crew;
mod ending;
mod kin;
mod memory;
mod offspring;
mod oom;
mod orphans;
mod stream;
#[cfg(test)]
mod tests;
mod watch;

use std::io::{self, PipeReader, PipeWriter};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread;

use rustix::process::{Pid, Signal};

use self::crew::Crew;
use self::ending::Ending;
use self::kin::Identity;
pub(crate) use self::offspring::end_offspring;
use self::oom::OomCounters;
pub use self::orphans::Neighbours;
use self::orphans::{Leader, Orphans, Whose};
use self::stream::Stream;
use self::watch::{EndSignal, Seen, Watcher};
use super::executor::{
    AttemptEnd, AttemptEvent, AttemptSpec, Executor, Exit, Fate, Fault, Finished, Hears, LaunchError, OutputLost,
    RunningAttempt, TreeMemory,
};
use super::process::{collect, own_peak_memory, signal_attempt, signal_group, wait_for_end};
use crate::clock::{Clock, UnixNanos};
use crate::conventions::error_type;
use crate::pipeline::Command;

/// What a shell exits with when what it ran was killed: 128 and the signal's number.
const SHELL_KILLED: i32 = 128 + libc::SIGKILL;

/// Runs attempts as processes of this machine.
#[derive(Debug)]
pub struct LocalExecutor {
    clock: Clock,
    oom: Arc<OomCounters>,
    crew: Crew,
    /// Until the run's end.
    orphans: Option<Arc<Orphans>>,
    end_signal: fn(Pid) -> io::Result<EndSignal>,
}

impl LocalExecutor {
    /// `clock` is the run's.
    pub fn new(clock: Clock) -> Self {
        let oom = Arc::new(OomCounters::open());
        Self { clock, oom, crew: Crew::default(), orphans: None, end_signal: EndSignal::of }
    }

    /// Also ends processes that leave the group of their attempt, from now until [`Executor::finish`]. They are known by
    /// what attempts have to find in their environment: `run_id` as `FORENSIC_RUN_ID`, `directory` as `FORENSIC_RUN_DIR`, and
    /// `FORENSIC_STAGE_ID` and `FORENSIC_ATTEMPT`. Where the system does not give a process the orphans among its descendants, they go on.
    #[must_use]
    pub fn with_orphans(mut self, run_id: &str, directory: &Path, neighbours: Neighbours) -> Self {
        self.orphans = Orphans::start(run_id, directory, neighbours).map(Arc::new);
        self
    }
}

impl Executor for LocalExecutor {
    fn name(&self) -> &'static str {
        "local"
    }

    fn launch(&mut self, spec: AttemptSpec<'_>, hears: Hears) -> Result<Box<dyn RunningAttempt>, LaunchError> {
        let (program, command) = prepare(&spec);
        let fail = |source| LaunchError { program, source };
        let oom_before = self.oom.before();
        let (leader, [out, err]) = match Leader::launch(|| start(command)) {
            Ok(started) => started,
            Err(source) => return Err(fail(explain(source, &spec))),
        };
        let pid = leader.0;
        // After the start: the copy of the host that the child began as can't have been larger than this.
        let floor = own_peak_memory();
        let seen = Arc::new(OnceLock::new());
        let watched = (self.end_signal)(pid).and_then(|end| {
            let streams = [Stream::new(out, spec.redactor, spec.stdout), Stream::new(err, spec.redactor, spec.stderr)];
            let orphans = self.orphans.as_ref().filter(|orphans| orphans.quick()).map(Arc::clone);
            let orphans = orphans.and_then(|orphans| Some((orphans, Identity::of(&spec.env)?)));
            let oom = Arc::clone(&self.oom);
            let watcher = Watcher { pid, end, streams, clock: self.clock, oom, oom_before, orphans };
            let (mut told, seen) = (Told { hears: Some(hears), pid, clock: self.clock }, Arc::clone(&seen));
            self.crew.run(Box::new(move || {
                let (time, what) = watcher.run();
                // The first and only one.
                let _ = seen.set(what);
                Box::new(move || told.tell(time))
            }))
        });
        if let Err(error) = watched {
            // Without a watcher nobody would ever know that it ended.
            signal_group(pid, Signal::KILL);
            wait_for_end(pid);
            drop(collect(pid));
            return Err(fail(error));
        }
        Ok(Box::new(LocalAttempt { leader, floor, killed: false, seen }))
    }

    fn finish(&mut self) -> u64 {
        self.orphans.take().map_or(0, |orphans| Ending::start(orphans, Whose::Run).finish())
    }
}

/// The program's name, and what starts it.
fn prepare(spec: &AttemptSpec<'_>) -> (String, process::Command) {
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
        // The dispatcher hands over the command line of this program instead.
        Command::Pipeline(path) => (path.display().to_string(), process::Command::new(path)),
    };
    for (name, value) in &spec.env {
        match value {
            Some(value) => command.env(&**name, value),
            None => command.env_remove(&**name),
        };
    }
    // Nothing here needs code in the child, so that the standard library starts it without copying the host.
    command.current_dir(spec.workdir).stdin(Stdio::null()).process_group(0);
    (program, command)
}

/// Starts it, with a pipe from each of its output streams. From here on the process is known by its id alone: the
/// dispatcher collects it.
fn start(mut command: process::Command) -> io::Result<(Pid, [PipeReader; 2])> {
    let (out, err): ((PipeReader, PipeWriter), (PipeReader, PipeWriter)) = (io::pipe()?, io::pipe()?);
    let child = command.stdout(out.1).stderr(err.1).spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    // `command` holds our copies of the ends to write to: they are closed here.
    Ok((pid.ok_or_else(|| io::Error::other("no process id"))?, [out.0, err.0]))
}

/// Tells the dispatcher of the end, even if the watcher fails: else it would wait for ever.
struct Told {
    hears: Option<Hears>,
    pid: Pid,
    clock: Clock,
}

impl Told {
    fn tell(&mut self, time: UnixNanos) {
        if let Some(mut hears) = self.hears.take() {
            hears(AttemptEvent::Ended(time));
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if self.hears.is_some() && thread::panicking() {
            wait_for_end(self.pid);
            signal_group(self.pid, Signal::KILL);
            self.tell(self.clock.now());
        }
    }
}

/// The system does not say which of the two files is missing.
fn explain(source: io::Error, spec: &AttemptSpec<'_>) -> io::Error {
    if source.kind() == io::ErrorKind::NotFound && !spec.workdir.is_dir() {
        return io::Error::other(format!("its working folder {} is not there", spec.workdir.display()));
    }
    source
}

struct LocalAttempt {
    leader: Leader,
    floor: u64,
    /// We sent KILL.
    killed: bool,
    /// Set before the dispatcher hears of the end.
    seen: Arc<OnceLock<Seen>>,
}

impl RunningAttempt for LocalAttempt {
    fn pid(&self) -> Option<u32> {
        u32::try_from(self.leader.0.as_raw_nonzero().get()).ok()
    }

    fn terminate(&mut self) {
        signal_attempt(self.leader.0, Signal::TERM);
        // A stopped process takes no TERM before it goes on.
        signal_attempt(self.leader.0, Signal::CONT);
    }

    fn kill(&mut self) {
        self.killed = true;
        signal_attempt(self.leader.0, Signal::KILL);
    }

    fn finish(self: Box<Self>) -> Finished {
        let fate = self.end().map_or_else(
            |error| {
                let message = format!("the system does not say how it ended: {error}");
                Fate::Fault(Fault { cause: error_type::INTERNAL, message, again: None })
            },
            Fate::Ended,
        );
        Finished { fate, elsewhere: Vec::new() }
    }
}

impl LocalAttempt {
    fn end(&self) -> io::Result<AttemptEnd> {
        let end = collect(self.leader.0)?;
        let failed = Seen {
            lost: Some(OutputLost { bytes: 0, error: "the thread that writes the logs failed".into() }),
            ..Seen::default()
        };
        let seen = self.seen.get().unwrap_or(&failed);
        let peak_memory_is_bound = end.peak_memory <= self.floor;
        let one = if peak_memory_is_bound { 0 } else { end.peak_memory };
        Ok(AttemptEnd {
            exit: end.exit,
            cpu_user: end.cpu_user,
            cpu_system: end.cpu_system,
            peak_memory: end.peak_memory,
            peak_memory_is_bound,
            tree_memory: seen.tree.map(|tree| TreeMemory { peak: tree.peak.max(one), ..tree }),
            io: seen.io,
            switches: Some(end.switches),
            oom_killed: seen.oom_rose.and_then(|rose| was_oom(rose, end.exit, self.killed)),
            output_redactions: seen.redactions,
            output_left_open: seen.left_open,
            output_lost: seen.lost.clone(),
            escaped_processes: seen.escaped,
        })
    }
}

/// `rose`: the kernel killed somebody for want of memory while the attempt ran. `killed`: the host sent KILL.
fn was_oom(rose: bool, exit: Exit, killed: bool) -> Option<bool> {
    let by_kill = matches!(exit, Exit::Signal(libc::SIGKILL) | Exit::Code(SHELL_KILLED));
    match rose {
        false => Some(false),
        true if by_kill && !killed => Some(true),
        // It may have been another process, or a child whose death the attempt took for a failure.
        true => None,
    }
}
