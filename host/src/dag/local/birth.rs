//! The birth of an attempt's process: `posix_spawn` with fewer system calls. The C library's takes up the handling of all 64
//! signals in the child while the parent waits, has six questions about file limits, maps a stack for each child and
//! unmaps it again; this one does what an attempt needs, and has the process's end told (`CLONE_PIDFD`) without one more call.
//!
//! As there, the child runs in the parent's memory, on a stack of its own, while the calling thread waits until it has its
//! program or has failed (`CLONE_VM`, `CLONE_VFORK`, clone(2)). So the child may do nothing but system calls on what was
//! prepared for it: no allocation, no lock, no panic.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use rustix::process::Pid;

/// Bytes of the child's stack. What it does needs some hundred.
const STACK: usize = 32 << 10;
/// Bytes below it that nobody may touch: a page, of whatever size.
const GUARD: usize = 64 << 10;
/// What a child ends with that could not become the program; nobody sees it.
const FAILED: c_int = 127;
/// Signals have the numbers from 1 to this.
const LAST_SIGNAL: c_int = 64;
/// Signals that a handler may be set up for at any time, by whoever runs foreign machine code here.
const FAULTS: [c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP];

/// What is to be started. The lists end with a null pointer.
pub(super) struct Plan<'a> {
    /// Files that are tried as the program, in this order; at least one.
    pub(super) paths: &'a [*const c_char],
    pub(super) arguments: &'a [*const c_char],
    pub(super) environment: &'a [*const c_char],
    pub(super) workdir: &'a CStr,
    /// What it reads from, its output, its error output.
    pub(super) files: [BorrowedFd<'a>; 3],
}

/// A process that has its program.
#[derive(Debug)]
pub(super) struct Newborn {
    pub(super) pid: Pid,
    /// Tells of its end, where the kernel gave it.
    pub(super) pidfd: Option<OwnedFd>,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum Stillborn {
    /// The system does not let a process start in this way.
    Refused,
    Failed(io::Error),
}

/// What all starts need.
#[derive(Debug)]
pub(super) struct Cradle {
    stack: Stack,
    /// Signals that the child handles as the system does by itself, though the host does not.
    handled: Vec<c_int>,
}

/// What the child is told, and what it answers.
struct Orders {
    paths: *const *const c_char,
    arguments: *const *const c_char,
    environment: *const *const c_char,
    workdir: *const c_char,
    files: [c_int; 3],
    handled: *const c_int,
    handled_end: *const c_int,
    mask: libc::sigset_t,
    /// Why it failed; 0: it did not.
    error: c_int,
}

impl Cradle {
    /// `None`: there is no memory for it. Handlers of signals that are set up later, except for [`FAULTS`], are not known to
    /// it: in the moment before a child has its program they could run in it, for a signal that was sent to that child.
    pub(super) fn new() -> Option<Self> {
        let handled = (1..=LAST_SIGNAL).filter(|&signal| match handler(signal) {
            libc::SIG_IGN => false,
            libc::SIG_DFL => FAULTS.contains(&signal),
            _ => true,
        });
        // The host ignores it, and that would be inherited.
        Some(Self { stack: Stack::new()?, handled: handled.chain([libc::SIGPIPE]).collect() })
    }

    /// Starts it in a process group of its own. It ignores what the host ignores, but not SIGPIPE.
    #[expect(unsafe_code, reason = "no safe wrapper of clone shares memory")]
    pub(super) fn start(&mut self, plan: &Plan<'_>) -> Result<Newborn, Stillborn> {
        let handled = self.handled.as_ptr_range();
        let mut orders = Orders {
            paths: plan.paths.as_ptr(),
            arguments: plan.arguments.as_ptr(),
            environment: plan.environment.as_ptr(),
            workdir: plan.workdir.as_ptr(),
            files: plan.files.map(|file| file.as_raw_fd()),
            handled: handled.start,
            handled_end: handled.end,
            mask: no_signals(),
            error: 0,
        };
        let mut pidfd: c_int = -1;
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
        // SAFETY: the child keeps to what `grow_up` says. All that `orders` points to lives until the end of this function, and
        // the child has its program, or has ended, before `clone` returns. Its stack is used by nobody else, for `self` is
        // borrowed mutably. All signals are blocked before the child begins and it changes that only when none has a handler any
        // more, so that no code of ours runs in it but `grow_up`. `pidfd` is written, if at all, with a file that is ours.
        let (child, error) = unsafe {
            let mut all = MaybeUninit::uninit();
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), &mut orders.mask);
            let told = (&raw mut orders).cast();
            let child = libc::clone(grow_up, self.stack.top(), flags, told, &raw mut pidfd);
            let error = io::Error::last_os_error();
            libc::pthread_sigmask(libc::SIG_SETMASK, &orders.mask, ptr::null_mut());
            (child, error)
        };
        // SAFETY: the kernel made it for us, if it did.
        let pidfd = (child > 0 && pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd) });
        match (Pid::from_raw(child), orders.error) {
            (Some(pid), 0) if child > 0 => Ok(Newborn { pid, pidfd }),
            (Some(_), code) if child > 0 => {
                // SAFETY: the status is not asked for. Until this it is a zombie of ours, and ends at once.
                while unsafe { libc::waitpid(child, ptr::null_mut(), 0) } < 0
                    && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
                {}
                Err(Stillborn::Failed(io::Error::from_raw_os_error(code)))
            }
            _ => match error.raw_os_error() {
                // Flags, or the call, that a sandbox or an emulated kernel does not let through.
                Some(libc::EINVAL | libc::EPERM | libc::ENOSYS) => Err(Stillborn::Refused),
                _ => Err(Stillborn::Failed(error)),
            },
        }
    }
}

/// The child's whole life until it has its program, in the memory of its parent.
///
/// The order matters. All signals are blocked when it begins. First no signal has a handler any more; that is the child's own
/// affair, as only memory is shared. Then those are let through again that the program is to hear: the mask would be inherited.
/// From there on a signal does what it does by itself: it ends the child, which then has ended by that signal.
#[expect(unsafe_code, reason = "system calls, on what the parent prepared")]
extern "C" fn grow_up(told: *mut c_void) -> c_int {
    let orders = told.cast::<Orders>();
    // SAFETY: `told` is from `Cradle::start`, whose thread waits: nobody else uses what it points to. All calls are such
    // that may be made in a child of a process with threads. They change `errno`, which is the waiting thread's, too; it does
    // not count on it.
    unsafe {
        let mut handled = (*orders).handled;
        while handled != (*orders).handled_end {
            let mut action = MaybeUninit::<libc::sigaction>::zeroed();
            (*action.as_mut_ptr()).sa_sigaction = libc::SIG_DFL;
            libc::sigaction(*handled, action.as_ptr(), ptr::null_mut());
            handled = handled.add(1);
        }
        (*orders).error = become_program(orders);
        libc::_exit(FAILED)
    }
}

/// Returns only if it fails: the system's error.
///
/// # Safety
/// As in [`grow_up`], whose middle it is.
#[expect(unsafe_code, reason = "as there")]
unsafe fn become_program(orders: *const Orders) -> c_int {
    // SAFETY: as in `grow_up`.
    unsafe {
        if libc::setpgid(0, 0) < 0 {
            return last_error();
        }
        let mut files = (*orders).files;
        for file in &mut files {
            // Else it could be overwritten before it is its turn, or, being in its place, be closed at the start of the program.
            if *file < 3 {
                *file = libc::fcntl(*file, libc::F_DUPFD_CLOEXEC, 3);
                if *file < 0 {
                    return last_error();
                }
            }
        }
        let [input, output, errors] = files;
        if libc::dup2(input, 0) < 0 || libc::dup2(output, 1) < 0 || libc::dup2(errors, 2) < 0 {
            return last_error();
        }
        if libc::chdir((*orders).workdir) < 0 {
            return last_error();
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &(*orders).mask, ptr::null_mut());
        let mut path = (*orders).paths;
        let (mut error, mut denied) = (libc::ENOENT, false);
        while !(*path).is_null() {
            libc::execve(*path, (*orders).arguments, (*orders).environment);
            error = last_error();
            match error {
                libc::EACCES => denied = true,
                // Not there, or not to be reached: perhaps the next one is.
                libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT => {}
                _ => return error,
            }
            path = path.add(1);
        }
        if denied { libc::EACCES } else { error }
    }
}

#[expect(unsafe_code, reason = "`errno` as it is, without any wrapping")]
fn last_error() -> c_int {
    // SAFETY: it is always there.
    unsafe { *libc::__errno_location() }
}

#[expect(unsafe_code, reason = "the value is the system's own")]
fn no_signals() -> libc::sigset_t {
    let mut none = MaybeUninit::uninit();
    // SAFETY: the call writes all of it.
    unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        none.assume_init()
    }
}

/// How this process handles the signal.
#[expect(unsafe_code, reason = "no safe wrapper asks without changing anything")]
fn handler(signal: c_int) -> libc::sighandler_t {
    let mut now = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: nothing is changed; all zeroes is a valid `sigaction`, the system's own handling, for signals that can't be asked for.
    unsafe {
        libc::sigaction(signal, ptr::null(), now.as_mut_ptr());
        now.assume_init().sa_sigaction
    }
}

/// Memory that a child stands on, again and again.
#[derive(Debug)]
struct Stack(ptr::NonNull<c_void>);

impl Stack {
    #[expect(unsafe_code, reason = "no safe wrapper maps memory with a guard")]
    fn new() -> Option<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        // SAFETY: new memory, which nobody else uses; `Drop` gives it back, also where the second call fails.
        unsafe {
            let memory = libc::mmap(ptr::null_mut(), GUARD + STACK, libc::PROT_NONE, flags, -1, 0);
            let stack = (memory != libc::MAP_FAILED).then(|| ptr::NonNull::new(memory).map(Self)).flatten()?;
            let usable = libc::mprotect(memory.byte_add(GUARD), STACK, libc::PROT_READ | libc::PROT_WRITE) == 0;
            usable.then_some(stack)
        }
    }

    /// Where it begins: it grows downwards on all machines that Rust's standard library knows with Linux.
    fn top(&self) -> *mut c_void {
        self.0.as_ptr().wrapping_byte_add(GUARD + STACK)
    }
}

impl Drop for Stack {
    #[expect(unsafe_code, reason = "as it was mapped")]
    fn drop(&mut self) {
        // SAFETY: it was mapped by `new`, in this size, and no child lives that has no program yet.
        unsafe { libc::munmap(self.0.as_ptr(), GUARD + STACK) };
    }
}
