//! The local executor: one process group an attempt, measured from outside.
//!
//! Each attempt has a thread beside it (`watch`, `crew`), which passes its output through the redaction filter into the logs
//! (`pipes`, `stream`), looks at its memory (`memory`) and notices its end. What it leaves behind in its group ends with it, and so
//! does what left the group (`orphans`, `kin`, `ending`); only then does the dispatcher hear of it. The command itself is
//! never wrapped. It starts beside the host (`spawn`, `variables`, `birth`), which learns later how that went (`start`). In its
//! first milliseconds, as long as it is silent, the dispatcher watches it itself (`young`, `ends`): a short stage never costs a thread's
//! waking up.
//!
//! May live here: what is special to processes of this machine. System calls on one process are in `dag::process`.

mod birth;
mod crew;
mod ending;
mod ends;
mod kin;
mod memory;
mod offspring;
mod oom;
mod orphans;
mod pipes;
mod spawn;
mod start;
mod stream;
#[cfg(test)]
mod tests;
mod variables;
mod watch;
mod young;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use self::birth::{Birth, Newborn};
use self::crew::Crew;
use self::ending::Ending;
use self::ends::Ends;
pub(super) use self::ends::start_with_mask;
pub use self::ends::{heed_ends, hold_ends};
use self::kin::Identity;
use self::memory::{FIRST, TreeSampler};
pub(crate) use self::offspring::end_offspring;
use self::oom::OomCounters;
pub(crate) use self::orphans::Leader;
pub use self::orphans::Neighbours;
use self::orphans::{Orphans, Whose};
use self::pipes::{Pair, Pipes};
use self::spawn::{Inherited, Program};
use self::start::Start;
use self::stream::Stream;
use self::watch::{EndSignal, Seen, Watcher};
use self::young::{Need, Noticed, Slot, Young};
use super::bell::Bell;
use super::executor::{
    AttemptEnd, AttemptEvent, AttemptSpec, Executor, Exit, Fate, Fault, Finished, Hears, LaunchError, OutputLost,
    Remains, RunningAttempt, TreeMemory,
};
use super::process::{collect, signal_attempt, signal_group, wait_for_end};
use crate::clock::{Clock, UnixNanos};
use crate::conventions::error_type;

/// Attempts that the dispatcher watches itself at the same time; with more, looking at them all would take its time.
const MOST_YOUNG: usize = 8;
/// How often it is looked whether the output of one that has ended has its end, too.
const PAUSE: Duration = Duration::from_micros(500);
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
    inherited: Inherited,
    pipes: Pipes,
    /// Somebody calls `attend`.
    attended: bool,
    /// Tells of those that the dispatcher watches itself.
    ends: Option<Ends>,
    young: Vec<Young>,
    /// Those that have ended, until their output has.
    closing: Vec<Young>,
    /// Starts that may go on.
    starts: Vec<Rc<Start>>,
    /// The second is what the process's start gave.
    end_signal: fn(Pid, Option<OwnedFd>) -> io::Result<EndSignal>,
}

impl LocalExecutor {
    /// `clock` is the run's.
    pub fn new(clock: Clock) -> Self {
        let oom = Arc::new(OomCounters::open());
        Self {
            clock,
            oom,
            crew: Crew::default(),
            orphans: None,
            inherited: Inherited::own(),
            pipes: Pipes::default(),
            attended: false,
            ends: None,
            young: Vec::new(),
            closing: Vec::new(),
            starts: Vec::new(),
            end_signal: EndSignal::of,
        }
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
        let fail = |source| LaunchError { program: spawn::name(spec.command), source };
        let oom_before = self.oom.before();
        let program = Program::of(spec.command, spec.workdir, &spec.env);
        let is_young = self.attended && self.young.len() < MOST_YOUNG;
        let with_file = !is_young || self.ends.is_none();
        let (leader, (pidfd, birth, pipes)) =
            match Leader::launch(|| start(&program, &mut self.inherited, &self.pipes, with_file)) {
                Ok(started) => started,
                Err(source) => return Err(fail(explain(source, spec.workdir))),
            };
        let pid = leader.0;
        let start = Rc::new(Start::new(birth));
        if is_young {
            self.starts.push(Rc::clone(&start));
        } else {
            // Nobody looks after it later, and no thread is to take the host's memory for the attempt's.
            start.wait();
            if let Some(error) = start.take_error() {
                wait_for_end(pid);
                drop(collect(pid));
                return Err(fail(explain(error, spec.workdir)));
            }
        }
        let seen = Slot::default();
        let end = with_file.then(|| (self.end_signal)(pid, pidfd).ok()).flatten();
        let [(out, to_out), (err, to_err)] = pipes;
        let streams = [Stream::new(out, spec.redactor, spec.stdout), Stream::new(err, spec.redactor, spec.stderr)];
        let orphans = self.orphans.as_ref().filter(|orphans| orphans.quick()).map(Arc::clone);
        let orphans = orphans.and_then(|orphans| Some((orphans, Identity::of(&spec.env)?)));
        let watcher = Box::new(Watcher {
            pid,
            end,
            streams,
            ends: Some([to_out, to_err]),
            tree: TreeSampler::new(pid),
            clock: self.clock,
            oom: Arc::clone(&self.oom),
            oom_before,
            orphans,
            ended: None,
            ending: None,
        });
        let told = Told { hears: Some(hears), pid, clock: self.clock };
        let young = Young { watcher, told, seen: seen.clone(), until: Instant::now() + FIRST };
        if is_young {
            self.young.push(young);
        } else if let Err(error) = young.grow_up(&self.crew) {
            // Without a watcher nobody would ever know that it ended.
            start.wait();
            signal_group(pid, Signal::KILL);
            wait_for_end(pid);
            drop(collect(pid));
            return Err(fail(error));
        }
        let (program, workdir) = (spawn::name(spec.command), spec.workdir.to_owned());
        Ok(Box::new(LocalAttempt { leader, start, program, workdir, killed: false, seen, pipes: self.pipes.clone() }))
    }

    fn attended(&mut self) {
        self.attended = true;
        self.ends = Ends::open();
    }

    fn attend(&mut self, bell: &Bell, until: Option<Instant>) -> bool {
        if self.young.is_empty() && self.closing.is_empty() {
            return false;
        }
        self.starts.retain(|start| !start.look());
        if self.close_ended(bell) {
            return true;
        }
        let again = (!self.closing.is_empty()).then(|| Instant::now() + PAUSE);
        let Some(until) = self.young.iter().map(|young| young.until).chain(until).chain(again).min() else {
            return true;
        };
        let (rang, states) = young::wait(&self.young, bell, self.ends.as_ref(), until);
        bell.hush(rang);
        let is_old = |young: &Young| young.until <= Instant::now();
        for (mut young, state) in std::mem::take(&mut self.young).into_iter().zip(states) {
            match state {
                Need::Ended if young.end() => self.closing.push(young),
                Need::Ended | Need::Heard => self.grow_up(young),
                Need::Nothing if is_old(&young) => self.grow_up(young),
                Need::Nothing => self.young.push(young),
            }
        }
        true
    }

    fn finish(&mut self) -> u64 {
        self.orphans.take().map_or(0, |orphans| Ending::start(orphans, Whose::Run).finish())
    }
}

impl LocalExecutor {
    /// Tells of those that have ended and whose output has; whether there were any.
    fn close_ended(&mut self, bell: &Bell) -> bool {
        let mut closed = Vec::new();
        for young in std::mem::take(&mut self.closing) {
            match young.close() {
                Ok(end) => closed.push(end),
                // Until it has its program, what starts holds all of the host's files, and so the output of others open.
                Err(young) if !self.starts.is_empty() => self.closing.push(young),
                Err(young) => self.grow_up(young),
            }
        }
        if closed.is_empty() {
            return false;
        }
        // Whom they are told need not be woken.
        bell.hush(false);
        closed.into_iter().for_each(|(mut told, time)| told.tell(time));
        true
    }

    fn grow_up(&mut self, mut young: Young) {
        // No thread is to take the host's memory for the attempt's.
        self.starts.drain(..).for_each(|start| start.wait());
        match self.crew.reserve(1) {
            // There is one for it.
            Ok(()) => drop(young.grow_up(&self.crew)),
            // The system has none now. The end of one that has ended takes some seconds at most.
            Err(_) if young.has_ended() => young.run()(),
            Err(_) => {
                young.stay();
                self.young.push(young);
            }
        }
    }
}

/// What is held of a process that has started: what tells of its end, if the start gave that, its start as far as that goes
/// on, and its output streams.
type Held = (Option<OwnedFd>, Option<Birth>, Pair);

/// Starts it, with a pipe from each of its output streams. From here on the process is known by its id alone: the
/// dispatcher collects it.
fn start(program: &Program<'_>, inherited: &mut Inherited, pipes: &Pipes, with_file: bool) -> io::Result<(Pid, Held)> {
    let [out, err] = pipes.take()?;
    let Newborn { pid, pidfd, birth } = program.start(inherited, out.1.as_fd(), err.1.as_fd(), with_file)?;
    Ok((pid, (pidfd, birth, [out, err])))
}

/// Tells the dispatcher of the end, even if the watcher fails: else it would wait for ever.
struct Told {
    hears: Option<Hears>,
    pid: Pid,
    clock: Clock,
}

impl Told {
    fn succeeded(&mut self, time: UnixNanos) {
        self.hears.iter_mut().for_each(|hears| hears(AttemptEvent::Succeeded(time)));
    }

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
fn explain(source: io::Error, workdir: &Path) -> io::Error {
    if source.kind() == io::ErrorKind::NotFound && !workdir.is_dir() {
        return io::Error::other(format!("its working folder {} is not there", workdir.display()));
    }
    source
}

struct LocalAttempt {
    leader: Leader,
    start: Rc<Start>,
    /// What it was to run, and where.
    program: String,
    workdir: PathBuf,
    /// We sent KILL.
    killed: bool,
    /// Filled before the dispatcher hears of the end.
    seen: Slot,
    /// For whoever comes after it.
    pipes: Pipes,
}

/// One that has ended and has not been collected.
struct EndedAttempt {
    leader: Leader,
    /// Why it could not be started.
    error: Option<io::Error>,
    /// Its peak memory is never told below this; see [`Start`].
    floor: u64,
    program: String,
    workdir: PathBuf,
    killed: bool,
    seen: Slot,
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

    fn leave(self: Box<Self>) -> Remains {
        let Self { leader, start, program, workdir, killed, seen, pipes } = *self;
        // It has ended, so its start has.
        start.wait();
        let ended =
            EndedAttempt { leader, error: start.take_error(), floor: start.floor(), program, workdir, killed, seen };
        Box::new(move || {
            let finished = ended.finish();
            pipes.prepare();
            finished
        })
    }
}

impl EndedAttempt {
    fn finish(mut self) -> Finished {
        let error = self.error.take();
        let end = self.end();
        let fault = |cause, message| Fate::Fault(Fault { cause, message, again: None });
        let fate = match (error, end) {
            (Some(error), _) => {
                let error = LaunchError { source: explain(error, &self.workdir), program: self.program };
                fault(error_type::SPAWN_FAILED, error.to_string())
            }
            (None, Ok(end)) => Fate::Ended(end),
            (None, Err(error)) => fault(error_type::INTERNAL, format!("the system does not say how it ended: {error}")),
        };
        Finished { fate, elsewhere: Vec::new() }
    }

    fn end(&self) -> io::Result<AttemptEnd> {
        let seen = self.seen.take().map(Noticed::all);
        let end = collect(self.leader.0)?;
        let seen = seen.unwrap_or_else(|| Seen {
            lost: Some(OutputLost { bytes: 0, error: "the thread that writes the logs failed".into() }),
            ..Seen::default()
        });
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
            output_lost: seen.lost,
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
