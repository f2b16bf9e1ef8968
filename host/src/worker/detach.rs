//! How the worker gets out of the reach of whoever started it. A cluster kills the direct children and the process group of
//! its own process, at once and without asking; a stage that is killed so leaves its own children behind. So the worker starts
//! itself a second time and ends; the second one belongs to nobody and has a session of its own.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::{COMMAND, DETACHED};

/// What the stage must not see of the cluster: its variables hold ids, ports, and the path of its token.
const CLUSTER_PREFIX: &[u8] = b"RAY_";
/// Where the cluster's own process finds its Python packages, which are not the stage's.
const PYTHON_PATH: &str = "PYTHONPATH";

/// The worker's ends of the pipes to the relay.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) input: File,
    pub(super) output: File,
}

/// Starts the second process, with the same standard streams.
pub(super) fn start_detached() -> io::Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([COMMAND, DETACHED]);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(CLUSTER_PREFIX) || name == PYTHON_PATH {
            command.env_remove(name);
        }
    }
    // Nobody waits for it: that is the point.
    command.spawn().map(drop)
}

/// In the second process, before there is any thread: leaves session and process group, and no longer ends by signals that are
/// meant for others.
pub(super) fn leave() -> io::Result<()> {
    rustix::process::setsid()?;
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        // A handler that does nothing, and not the disposition to ignore: that one the stage would inherit.
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    Ok(())
}

/// In the worker itself: takes a session of its own once more, apart from its guard, and the standard streams for itself.
pub(super) fn settle() -> io::Result<Streams> {
    rustix::process::setsid()?;
    // Copies that no child inherits.
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    stdout_to_stderr()?;
    Ok(Streams { input, output })
}

/// Whatever is printed by mistake must not get between the lines of the protocol.
#[expect(unsafe_code, reason = "the crates at hand have no safe wrapper of dup2 for the standard streams")]
fn stdout_to_stderr() -> io::Result<()> {
    // SAFETY: both descriptors stay open for the life of the process, and nothing in it owns either of them.
    match unsafe { libc::dup2(libc::STDERR_FILENO, libc::STDOUT_FILENO) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
