//! The process behind the worker: nobody outlives a worker that is killed.
//!
//! The worker ends its stage itself, unless it is killed by what can't be refused: `kill -9`, or a system without memory. So
//! before it does anything the process divides. One half becomes the worker; the other waits for its end, is given all of its
//! orphans then, and ends them. It holds the worker's standard output meanwhile, so that whoever reads there sees the end only when
//! nothing of the attempt runs any more.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{WaitOptions, getpid, set_child_subreaper, wait};

use super::INTERNAL;
use crate::dag::end_offspring;

/// A process that even KILL doesn't end, as it waits for a device, is not waited for any longer than this.
const GIVE_UP: Duration = Duration::from_secs(10);

/// Which half this process is.
pub(super) enum Half {
    Worker,
    Guard(libc::pid_t),
}

/// Divides this process, which must have no other threads yet.
#[expect(
    unsafe_code,
    reason = "there is no safe fork; a second start of the whole program would cost as much as a short stage"
)]
pub(super) fn divide() -> io::Result<Half> {
    set_child_subreaper(Some(getpid()))?;
    // SAFETY: this process has one thread, so no lock is held by anybody who is missing in the copy.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Half::Worker),
        worker => Ok(Half::Guard(worker)),
    }
}

/// Waits for the worker's end, ends what it has left, and ends as it did.
pub(super) fn stand_by(worker: libc::pid_t) -> ExitCode {
    // Whoever speaks with the worker is to see when that one is gone.
    drop(close_input());
    let code = loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get() == worker => {
                break status.exit_status().and_then(|code| u8::try_from(code).ok()).unwrap_or(INTERNAL);
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            // There are no children at all.
            Err(_) => break INTERNAL,
        }
    };
    end_offspring(GIVE_UP);
    code.into()
}

#[expect(unsafe_code, reason = "the crates at hand have no safe wrapper of dup2 for the standard streams")]
fn close_input() -> io::Result<()> {
    let null = File::open("/dev/null")?;
    // SAFETY: both descriptors are open, and nothing in this process owns standard input.
    match unsafe { libc::dup2(null.as_raw_fd(), libc::STDIN_FILENO) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
