//! Processes of this machine: groups, waiting, what they used.

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::executor::{AttemptEnd, Exit};

/// Waits until the process has ended and leaves it to be collected by [`collect`], so that its id stays taken.
pub(super) fn wait_for_end(pid: Pid) {
    while let Err(error) = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
        if error != rustix::io::Errno::INTR {
            // Not our child any more: `collect` will say so.
            return;
        }
    }
}

/// Sends a signal to a process group whose leader has not been collected. One without members left is no error.
pub(super) fn signal_group(leader: Pid, signal: Signal) {
    // The only way to fail that matters here is that nobody is left to hear it.
    let _ = kill_process_group(leader, signal);
}

/// Collects a process that has ended, with what it used. `floor`: see [`own_peak_memory`].
#[expect(unsafe_code, reason = "no safe wrapper of wait4 gives rusage without blocking on a Child")]
pub(super) fn collect(pid: Pid, floor: u64) -> io::Result<AttemptEnd> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    loop {
        // SAFETY: both pointers are to live, writable memory of the right type.
        let waited = unsafe { libc::wait4(pid.as_raw_nonzero().get(), &mut status, 0, usage.as_mut_ptr()) };
        if waited >= 0 {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // SAFETY: all zeroes is a valid `rusage`, and wait4 succeeded.
    let usage = unsafe { usage.assume_init() };
    let exit = if libc::WIFSIGNALED(status) {
        Exit::Signal(libc::WTERMSIG(status))
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    };
    let peak_memory = kibibytes(usage.ru_maxrss);
    Ok(AttemptEnd {
        exit,
        cpu_user: duration(usage.ru_utime),
        cpu_system: duration(usage.ru_stime),
        peak_memory,
        peak_memory_is_bound: peak_memory <= floor,
    })
}

/// Peak resident set of this process, bytes. A child begins as a copy of it, so the kernel never reports less
/// than this for a child, however small the program is.
#[expect(unsafe_code, reason = "getrusage has no safe wrapper in the crates at hand")]
pub(super) fn own_peak_memory() -> u64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to live, writable memory of the right type; all zeroes is a valid value.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    kibibytes(usage.ru_maxrss)
}

/// Linux reports KiB.
fn kibibytes(value: libc::c_long) -> u64 {
    u64::try_from(value).unwrap_or(0) * 1024
}

fn duration(time: libc::timeval) -> Duration {
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_usec).unwrap_or(0) * 1000)
}

/// `SIGKILL` for 9; `signal 99` for one without a name.
pub fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGILL => "SIGILL",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGALRM => "SIGALRM",
        libc::SIGTERM => "SIGTERM",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        libc::SIGSYS => "SIGSYS",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}
