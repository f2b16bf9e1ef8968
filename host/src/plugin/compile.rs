//! Compiling, in a process of its own.
//!
//! A component of 1.6 kB can make a compiler take gigabytes and abort, and no setting of the compiler stops it. So
//! our own executable compiles in a child, under limits that the child sets for itself before it reads a byte.

use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt as _, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal};
use wasmtime::Engine;

use super::LoadError;
use super::config::config;
use super::pace::Pace;
use crate::dag::Leader;
use crate::limits::{CompileLimits, show_bytes, show_duration};

/// The hidden subcommand that ends in [`compile_child`].
pub const COMPILE_COMMAND: &str = "__compile-plugin";

/// How the child is told its limits: address space in bytes, CPU seconds; and how far it steps back (nice(2)).
const ADDRESS_SPACE: &str = "FORENSIC_COMPILE_ADDRESS_SPACE";
const CPU_SECONDS: &str = "FORENSIC_COMPILE_CPU_SECONDS";
const NICE: &str = "FORENSIC_COMPILE_NICE";
/// Threads of the compiler, and how far it steps back: with somebody waiting, and beside the stages of a run.
const WANTED: (&str, &str) = ("2", "0");
const AHEAD: (&str, &str) = ("1", "10");
/// How often it is looked whether somebody waits.
const LOOK: Duration = Duration::from_millis(20);
/// What is read of the child's standard error.
const STDERR_MAX: u64 = 64 << 10;
/// Machine code that is taken: many times what the largest component allowed makes.
const CODE_MAX: u64 = 1 << 30;

/// The compile child's whole life: a component on standard input, machine code on standard output, an error text on
/// standard error. The executable calls it for [`COMPILE_COMMAND`], before it does anything else.
pub fn compile_child() -> ExitCode {
    match confine().map_err(|error| error.to_string()).and_then(|()| compile_stdin()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprint!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Limits that hold for the rest of this process's life, and the wish to end with its parent.
fn confine() -> io::Result<()> {
    let defaults = CompileLimits::default();
    let told = |name: &str, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let limit =
        |resource, value| rustix::process::setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) });
    limit(Resource::As, told(ADDRESS_SPACE, defaults.memory))?;
    limit(Resource::Cpu, told(CPU_SECONDS, cpu_seconds(&defaults)))?;
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    let nice = std::env::var(NICE).ok().and_then(|text| text.parse().ok()).filter(|nice| *nice > 0);
    // Also of the threads that this one starts.
    nice.map_or(Ok(()), |nice| rustix::process::setpriority_process(None, nice))?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(())
}

/// `setrlimit` counts whole seconds.
fn cpu_seconds(limits: &CompileLimits) -> u64 {
    limits.time.as_secs().max(1)
}

fn compile_stdin() -> Result<(), String> {
    let mut component = Vec::new();
    io::stdin().lock().read_to_end(&mut component).map_err(|error| format!("can't read the component: {error}"))?;
    // The stack is no part of the code.
    let engine = Engine::new(&config(512 << 10)).map_err(|error| format!("{error:#}"))?;
    let code = engine.precompile_component(&component).map_err(|error| format!("{error:#}"))?;
    io::stdout().lock().write_all(&code).map_err(|error| format!("can't write the machine code: {error}"))
}

/// Has `compiler` compile a component.
pub(super) fn compile(
    compiler: &Path,
    component: &[u8],
    limits: &CompileLimits,
    pace: &Pace,
) -> Result<Vec<u8>, LoadError> {
    let (threads, nice) = if pace.is_ahead() { AHEAD } else { WANTED };
    let mut command = Command::new(compiler);
    command
        .arg(COMPILE_COMMAND)
        // The terminal's wish to stop is for the run, which goes on to its report; and with the host the child ends, too.
        .process_group(0)
        .env_clear()
        .env("RAYON_NUM_THREADS", threads)
        .env(NICE, nice)
        .env(ADDRESS_SPACE, limits.memory.to_string())
        .env(CPU_SECONDS, cpu_seconds(limits).to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // Stages may be running: it is none of the processes that they leave behind.
    let started = Leader::launch(|| command.spawn().map(|child| (Pid::from_child(&child), child)));
    let (_known, mut child) =
        started.map_err(|error| LoadError::Compiler(format!("can't start {}: {error}", compiler.display())))?;
    let talk = talk(&mut child, component, limits.time, pace).map_err(|error| LoadError::Compiler(error.to_string()));
    if talk.is_err() {
        // It may have ended by itself.
        child.kill().ok();
    }
    let status = child.wait().map_err(|error| LoadError::Compiler(error.to_string()))?;
    if pace.is_given_up() {
        return Err(LoadError::Compiler("it was ended, because nobody waits for it any more".into()));
    }
    talk?.judge(status, limits)
}

/// What came out of the child.
struct Talk {
    code: Vec<u8>,
    stderr: Vec<u8>,
    timed_out: bool,
}

/// Feeds the child and reads it, for at most so long since somebody waits. Where that is over, or nobody waits any more, the
/// child is killed, and the threads end with its pipes.
fn talk(child: &mut Child, component: &[u8], time: Duration, pace: &Pace) -> io::Result<Talk> {
    let missing = || io::Error::other("the compile child has no pipes");
    let mut stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let stderr = child.stderr.take().ok_or_else(missing)?;
    let (done, finished) = mpsc::channel();
    thread::scope(|scope| {
        // A child that ends early closes its pipe: its exit status says more than our write error.
        scope.spawn(move || stdin.write_all(component).ok());
        let stderr = scope.spawn(move || read(stderr, STDERR_MAX));
        let stdout = scope.spawn(move || {
            let code = read(stdout, CODE_MAX);
            done.send(()).ok();
            code
        });
        let mut waited_since = (!pace.is_ahead()).then(Instant::now);
        let mut timed_out = false;
        while finished.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            if waited_since.is_none() && !pace.is_ahead() {
                waited_since = Some(Instant::now());
            }
            timed_out = waited_since.is_some_and(|since| since.elapsed() >= time);
            if timed_out || pace.is_given_up() {
                child.kill().ok();
                break;
            }
        }
        let join = |thread: thread::ScopedJoinHandle<'_, io::Result<Vec<u8>>>| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a reader of the compile child panicked")))
        };
        Ok(Talk { code: join(stdout)?, stderr: join(stderr)?, timed_out })
    })
}

fn read(pipe: impl Read, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe.take(max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Talk {
    fn judge(self, status: ExitStatus, limits: &CompileLimits) -> Result<Vec<u8>, LoadError> {
        let advice =
            |key: &str| format!("whoever runs the host raises that with `plugin.compile.{key}` in forensic-host.toml");
        if self.timed_out {
            let time = show_duration(limits.time);
            return Err(LoadError::CompileLimit(format!("it took longer than {time}; {}", advice("time"))));
        }
        if status.success() {
            return Ok(self.code);
        }
        let stderr = String::from_utf8_lossy(&self.stderr);
        let memory = format!("it needed more than {} of memory; {}", show_bytes(limits.memory), advice("memory"));
        let time = format!("it took more than {} seconds of CPU time; {}", cpu_seconds(limits), advice("time"));
        Err(match status.signal().and_then(Signal::from_named_raw) {
            Some(Signal::XCPU | Signal::KILL) => LoadError::CompileLimit(time),
            Some(Signal::ABORT) if stderr.contains("memory allocation of") => LoadError::CompileLimit(memory),
            // A compiler that can't get memory may also panic, or be refused a thread.
            Some(Signal::ABORT | Signal::SEGV | Signal::BUS) => {
                LoadError::Compiler(format!("it ended with {status}: {stderr}"))
            }
            _ if status.code() == Some(1) => LoadError::Uncompilable(stderr.trim().to_owned()),
            _ => LoadError::Compiler(format!("it ended with {status}: {stderr}")),
        })
    }
}
