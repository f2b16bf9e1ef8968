//! The command line: arguments in, text or JSON out, an exit code at the end. Decides nothing about runs.
//!
//! Human output goes to standard error, data to standard output.

mod args;
mod ci;
mod completions;
mod exit;
mod explain;
mod graph;
mod init;
mod man;
mod plan;
mod plugin;
mod progress;
mod recover;
mod report;
mod run;
mod runs;
mod schema;
mod serve;
mod signals;
mod trace;
mod validate;
mod verify;
mod wit;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;

use crate::config::LoadError;
use crate::dag::heed_ends;
use crate::evidence::SigningKey;
use crate::lock::LockError;
use crate::phases::{Recording, Steps};
use crate::plugin::{COMPILE_COMMAND, compile_child};
use crate::registry::{Access, docker_config};
use crate::run::{Fetching, PluginSettings};
use crate::settings::HostSettings;
use crate::worker;
use args::{Arguments, Command, TraceCommand};
use exit::Exit;

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    heed_ends();
    // The child that compiles plugins for us; not a command for people, and the first thing looked at, because
    // it limits itself before anything else.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == COMPILE_COMMAND) {
        return compile_child();
    }
    limit_heaps(1);
    // Started by a cluster, not by people; it leaves its parent before it does anything.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == worker::COMMAND) {
        return worker::main();
    }
    let _recording = Recording::from_environment();
    let mut step = Steps::begin("read the arguments");
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors, and go to standard output.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Success };
            drop(error.print());
            return exit.into();
        }
    };
    step.next("the command");
    // The report is drawn by two threads, which would wait for each other where they share a heap.
    if matches!(arguments.command, Command::Run(_) | Command::Report(_)) {
        limit_heaps(2);
    }
    let outcome = match arguments.command {
        Command::Run(ref command) => run::run(command, &arguments.common),
        Command::Validate(ref command) => validate::validate(command, &arguments.common),
        Command::Plan(ref command) => plan::plan(command, &arguments.common),
        Command::Report(ref command) => report::report(command, &arguments.common),
        Command::Recover(ref command) => recover::recover(command, &arguments.common),
        Command::Verify(ref command) => verify::verify(command, &arguments.common),
        Command::Runs(ref command) => runs::runs(command, &arguments.common),
        Command::Serve(ref command) => serve::serve(command, &arguments.common),
        Command::Trace(TraceCommand::Summarize(ref command)) => trace::summarize(command),
        Command::Trace(TraceCommand::Export(ref command)) => trace::export(command),
        Command::Trace(TraceCommand::Merge(ref command)) => trace::merge(command, &arguments.common),
        Command::Plugin(ref command) => plugin::plugin(command, &arguments.common),
        Command::Wit(ref command) => wit::wit(command),
        Command::Graph(ref command) => graph::graph(command),
        Command::Init(ref command) => init::init(command, &arguments.common),
        Command::Schema => schema::schema(),
        Command::Completions(ref command) => completions::completions(command),
        Command::Man(ref command) => man::man(command),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            complain(&failure.error);
            failure.exit.into()
        }
    }
}

/// glibc gives every thread a heap of its own that never shrinks; a few megabytes each for threads that mostly wait. All but the first
/// grow page by page, so that a large pipeline is read slower there. To be called before there is a second thread.
fn limit_heaps(most: i32) {
    #[cfg(target_env = "gnu")]
    allocator(libc::M_ARENA_MAX, most);
    #[cfg(not(target_env = "gnu"))]
    let _ = most;
}

/// For what stays a long time: glibc keeps large blocks once some were freed, where spans come in floods two megabytes that nobody
/// uses. To give them back each time costs what is over soon too much.
fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    for setting in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        allocator(setting, 64 << 10);
    }
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "mallopt has no safe wrapper")]
fn allocator(setting: i32, value: i32) {
    // SAFETY: a plain setting of the allocator, which has a lock of its own.
    unsafe { libc::mallopt(setting, value) };
}

/// A command that could not do its work, with the exit code that says whose fault it is.
struct Failure {
    exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    /// What was asked for is wrong.
    fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Usage, error: error.into() }
    }

    /// It could not be done.
    fn internal(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Internal, error: error.into() }
    }
}

type Outcome = Result<Exit, Failure>;

/// Prints an error with its causes, each once.
fn complain(error: &anyhow::Error) {
    let mut text = format!("error: {error}");
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !last.contains(&cause) {
            text += &format!("\n  because: {cause}");
            last = cause;
        }
    }
    progress::say(format_args!("{text}"));
}

/// Prints data to standard output. A reader that has gone away (`| head`) is no error.
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::internal(error)),
        _ => Ok(()),
    }
}

/// The key to sign with, if there is one: by flag or by environment.
fn signing_key(flag: Option<&std::path::Path>) -> Result<Option<SigningKey>, Failure> {
    SigningKey::find(flag, |name| std::env::var_os(name)).map_err(Failure::usage)
}

/// Where plugins are compiled and kept: our own binary, and the user's cache folder if there is one.
fn plugin_settings() -> Result<PluginSettings, Failure> {
    let settings = host_settings()?;
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| {
            std::env::var_os("HOME").filter(|home| !home.is_empty()).map(|home| PathBuf::from(home).join(".cache"))
        })
        .map(|folder| folder.join("forensic-host"));
    let access = Access { docker_config: docker_config(|name| std::env::var_os(name)), ..Access::default() };
    Ok(PluginSettings {
        compiler: std::env::current_exe().map_err(Failure::internal)?,
        cache: cache.as_ref().map(|folder| folder.join("plugins")),
        fetching: Fetching { store: cache.map(|folder| folder.join("components")), access },
        policy: Arc::new(settings.policy().map_err(Failure::usage)?),
        limits: settings.limits,
    })
}

/// The operator's settings.
fn host_settings() -> Result<HostSettings, Failure> {
    HostSettings::find(|name| std::env::var_os(name)).map_err(|error| match error {
        LoadError::Invalid(diagnostics) => validate::refuse_file(&diagnostics, "settings file"),
        other => Failure::usage(other),
    })
}

/// The same, with the lock file of a pipeline.
fn trusting(mut plugins: PluginSettings, pipeline: &std::path::Path, locked: bool) -> Result<PluginSettings, Failure> {
    let mut policy = host_settings()?.policy().map_err(Failure::usage)?;
    policy.locked |= locked;
    policy.find_lock(pipeline).map_err(|error| match error {
        LockError::Unusable(LoadError::Invalid(diagnostics)) => validate::refuse_file(&diagnostics, "lock file"),
        other => Failure::usage(other),
    })?;
    plugins.policy = Arc::new(policy);
    Ok(plugins)
}
