//! Processes of this machine: groups, waiting, what they used.

use std::fs::File;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::time::Duration;

use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, WaitId, WaitIdOptions, getpgid, getrlimit, kill_process,
    kill_process_group, pidfd_open, pidfd_send_signal, setrlimit, waitid,
};

use super::executor::{ContextSwitches, Exit, IoBytes};

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

/// Sends a signal to an attempt's group, and to its first process, which has not been collected, where that has joined
/// another group.
pub(super) fn signal_attempt(leader: Pid, signal: Signal) {
    signal_group(leader, signal);
    if getpgid(Some(leader)).is_ok_and(|group| group != leader) {
        // As above.
        let _ = kill_process(leader, signal);
    }
}

/// Sends a signal to a process that may end, and be collected by others, at any time: `same` says whether the id still is
/// that of the process which is meant, and is asked after the kernel has bound the id to one.
pub(super) fn signal_exactly(pid: Pid, signal: Signal, same: impl Fn() -> bool) {
    // That it is gone, or another user's, is nothing that could be changed here.
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(file) if same() => drop(pidfd_send_signal(file, signal)),
        Ok(_) | Err(rustix::io::Errno::SRCH) => {}
        // A sandbox may forbid the call.
        Err(_) if same() => drop(kill_process(pid, signal)),
        Err(_) => {}
    }
}

/// What the system tells when it gives up a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Collected {
    pub(super) exit: Exit,
    pub(super) cpu_user: Duration,
    pub(super) cpu_system: Duration,
    pub(super) peak_memory: u64,
    pub(super) switches: ContextSwitches,
}

/// Collects a process that has ended, with what it and the children it waited for used.
///
/// # Errors
/// `WouldBlock` for one that still runs; what the system says for one that is no child of ours.
#[expect(unsafe_code, reason = "no safe wrapper of wait4 gives rusage without blocking on a Child")]
pub(super) fn collect(pid: Pid) -> io::Result<Collected> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are to live, writable memory of the right type.
    let waited = unsafe { libc::wait4(pid.as_raw_nonzero().get(), &mut status, libc::WNOHANG, usage.as_mut_ptr()) };
    match waited {
        0 => return Err(io::ErrorKind::WouldBlock.into()),
        ..0 => return Err(io::Error::last_os_error()),
        _ => {}
    }
    // SAFETY: all zeroes is a valid `rusage`, and wait4 succeeded.
    let usage = unsafe { usage.assume_init() };
    let exit = if libc::WIFSIGNALED(status) {
        Exit::Signal(libc::WTERMSIG(status))
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    };
    let count = |value| u64::try_from(value).unwrap_or(0);
    Ok(Collected {
        exit,
        cpu_user: duration(usage.ru_utime),
        cpu_system: duration(usage.ru_stime),
        peak_memory: kibibytes(usage.ru_maxrss),
        switches: ContextSwitches { voluntary: count(usage.ru_nvcsw), involuntary: count(usage.ru_nivcsw) },
    })
}

/// Whether a process that has ended, and has not been collected, ended well. `None`: it goes on, or is no child of ours.
pub(super) fn ended_well(pid: Pid) -> Option<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    let status = waitid(WaitId::Pid(pid), options).ok()??;
    Some(status.exit_status() == Some(0))
}

/// Whether a process that has not been collected has ended, or is no child of ours.
pub(super) fn has_ended(pid: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    !matches!(waitid(WaitId::Pid(pid), options), Ok(None) | Err(rustix::io::Errno::INTR))
}

/// What a process and the children it waited for read and wrote; also of one that has ended and has not been collected.
/// `None` where the kernel doesn't count, or doesn't tell us.
pub(super) fn io_bytes(pid: Pid) -> Option<IoBytes> {
    let mut text = [0; 512];
    let length = File::open(format!("/proc/{pid}/io")).ok()?.read(&mut text).ok()?;
    parse_io(&text[..length])
}

/// Reads `/proc/<pid>/io`: lines such as `rchar: 1234` (proc_pid_io(5)).
fn parse_io(text: &[u8]) -> Option<IoBytes> {
    let text = std::str::from_utf8(text).ok()?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?;
        line.parse().ok()
    };
    Some(IoBytes {
        read: field("read_bytes")?,
        written: field("write_bytes")?,
        read_chars: field("rchar")?,
        written_chars: field("wchar")?,
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

/// Files that are open beside those of attempts: journal, receiver, plugins.
const OTHER_FILES: u64 = 640;
/// Files that an attempt holds open: its process, both ends of two pipes, two logs, and one while it starts.
const ATTEMPT_FILES: u64 = 8;

/// Raises the soft limit of open files to what `slots` attempts need, as far as the hard limit allows. Where it does not,
/// the attempt that finds no room says so.
pub(super) fn make_room_for_files(slots: u32) {
    let limit = getrlimit(Resource::Nofile);
    let wanted = OTHER_FILES + ATTEMPT_FILES * u64::from(slots);
    if limit.current.is_some_and(|current| current < wanted) {
        let current = Some(limit.maximum.map_or(wanted, |maximum| wanted.min(maximum)));
        let _ = setrlimit(Resource::Nofile, Rlimit { current, ..limit });
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn io_counters_are_found_by_name(counts: [u64; 7]) {
            let [rchar, wchar, syscr, syscw, read, written, cancelled] = counts;
            let text = format!(
                "rchar: {rchar}\nwchar: {wchar}\nsyscr: {syscr}\nsyscw: {syscw}\nread_bytes: {read}\n\
                 write_bytes: {written}\ncancelled_write_bytes: {cancelled}\n"
            );
            let expected = IoBytes { read, written, read_chars: rchar, written_chars: wchar };
            prop_assert_eq!(parse_io(text.as_bytes()), Some(expected));
            // A counter that is missing is not taken for 0.
            prop_assert_eq!(parse_io(text.replace("\nwrite_bytes", "\nother").as_bytes()), None);
        }

        #[test]
        fn no_text_breaks_the_reader(text: Vec<u8>) {
            prop_assert_eq!(parse_io(&text), None);
        }
    }
}
