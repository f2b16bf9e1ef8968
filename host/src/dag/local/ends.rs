//! The ends of children, told by `SIGCHLD`. A file that stands for a process (`pidfd_open(2)`) tells of its end as well, but to make and to
//! drop one takes a short stage some microseconds more.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// The signal was not blocked before [`hold_ends`].
static HELD: AtomicBool = AtomicBool::new(false);

/// Has the system keep how children ended until they are asked for. It does not where whoever started this program ignores that,
/// because that is inherited. To be called before there is a second thread.
#[expect(unsafe_code, reason = "no safe wrapper of the call")]
pub fn heed_ends() {
    // SAFETY: no handler of ours is set, and one that somebody has set is put back.
    unsafe {
        let before = libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        if before != libc::SIG_IGN && before != libc::SIG_ERR {
            libc::signal(libc::SIGCHLD, before);
        }
    }
}

/// Has the system keep word of children that end for the run's dispatcher. For a program that calls it before it has a second
/// thread, has one run at a time, and asks for no such word itself: every thread has to block the signal, else it is lost.
pub fn hold_ends() {
    // Blocked by whoever started this program, it stays so for what the program starts.
    if let Ok(before) = block(&child_ended())
        && !has(&before, libc::SIGCHLD)
    {
        HELD.store(true, Ordering::Relaxed);
    }
}

/// The mask that a child is to have whose parent's thread has this one.
pub(super) fn of_child(mut mask: libc::sigset_t) -> libc::sigset_t {
    if HELD.load(Ordering::Relaxed) {
        remove(&mut mask, libc::SIGCHLD);
    }
    mask
}

/// Has a program that the standard library starts begin with the mask of [`of_child`]: left alone it inherits the starting thread's.
#[expect(unsafe_code, reason = "code between fork and exec")]
pub(in crate::dag) fn start_with_mask(command: &mut Command) {
    let Some(mask) = mask().ok().filter(|_| HELD.load(Ordering::Relaxed)).map(of_child) else { return };
    // SAFETY: a system call on a copy of its own is all that it does.
    unsafe {
        command.pre_exec(move || match libc::pthread_sigmask(libc::SIG_SETMASK, &mask, ptr::null_mut()) {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error)),
        });
    }
}

/// Becomes readable when a child ends.
#[derive(Debug)]
pub(super) struct Ends(OwnedFd);

impl Ends {
    /// `None`: nobody called [`hold_ends`], or the system has no room.
    pub(super) fn open() -> Option<Self> {
        HELD.load(Ordering::Relaxed).then(|| signal_file(&child_ended()).ok()).flatten().map(Self)
    }

    /// Takes word of the ends so far, which need not be as many as there were: whoever may have ended has to be looked at.
    pub(super) fn take(&self) {
        let mut word = [0; 16 * size_of::<libc::signalfd_siginfo>()];
        // There is none, or it is taken.
        let _ = rustix::io::read(&self.0, &mut word);
    }
}

impl AsFd for Ends {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[expect(unsafe_code, reason = "no safe wrapper of the call")]
fn child_ended() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the first call writes all of it.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGCHLD);
        set.assume_init()
    }
}

/// The mask of this thread.
pub(super) fn mask() -> io::Result<libc::sigset_t> {
    change_mask(ptr::null())
}

/// Returns what was blocked before.
fn block(set: &libc::sigset_t) -> io::Result<libc::sigset_t> {
    change_mask(set)
}

#[expect(unsafe_code, reason = "as above")]
fn change_mask(blocked: *const libc::sigset_t) -> io::Result<libc::sigset_t> {
    let mut before = MaybeUninit::zeroed();
    // SAFETY: `blocked` is null or points to a set that lives; all zeroes is a valid set.
    unsafe {
        match libc::pthread_sigmask(libc::SIG_BLOCK, blocked, before.as_mut_ptr()) {
            0 => Ok(before.assume_init()),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

#[expect(unsafe_code, reason = "as above")]
fn has(set: &libc::sigset_t, signal: libc::c_int) -> bool {
    // SAFETY: it is a set that lives.
    unsafe { libc::sigismember(set, signal) == 1 }
}

#[expect(unsafe_code, reason = "as above")]
fn remove(set: &mut libc::sigset_t, signal: libc::c_int) {
    // SAFETY: it is a set that lives.
    unsafe { libc::sigdelset(set, signal) };
}

#[expect(unsafe_code, reason = "as above")]
fn signal_file(set: &libc::sigset_t) -> io::Result<OwnedFd> {
    // SAFETY: it is a set that lives; a file that comes back is ours.
    unsafe {
        match libc::signalfd(-1, ptr::from_ref(set), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            ..0 => Err(io::Error::last_os_error()),
            file => Ok(OwnedFd::from_raw_fd(file)),
        }
    }
}
