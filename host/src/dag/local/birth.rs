//! The birth of an attempt's process: `posix_spawn` with fewer system calls, and beside the host instead of in its place. The C
//! library's takes up the handling of all 64 signals in the child while the parent waits, has six questions about file limits,
//! maps a stack for each child and unmaps it again; this one does what an attempt needs, and, where it is asked to, has the process's
//! end told (`CLONE_PIDFD`) without one more call.
//!
//! As there, the child runs in the parent's memory until it has its program (`CLONE_VM`, clone(2)), on a stack of its own. But the
//! parent goes on meanwhile: a word in memory tells when the child has left it (`CLONE_CHILD_CLEARTID`). So all that the child
//! reads has to stay where it is until then, which [`Birth`] sees to. And the child may do nothing but system calls, made
//! without the C library, whose `errno` belongs to the thread that goes on: no allocation, no lock, no panic.

use std::cell::RefCell;
use std::ffi::{CString, c_char, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use rustix::process::Pid;
use rustix::thread::futex::{self, Timespec};
use syscalls::{Errno, Sysno, syscall};

use super::super::process::ended_well;
use super::ends;
use super::variables::{Environment, List};

/// Bytes of the child's stack. What it does needs some hundred.
const STACK: usize = 32 << 10;
/// Bytes below it that nobody may touch: a page, of whatever size.
const GUARD: usize = 64 << 10;
/// Between two looks whether it has ended.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
/// What a child ends with that could not become the program; nobody sees it.
const FAILED: c_int = 127;
/// Signals have the numbers from 1 to this.
const LAST_SIGNAL: c_int = 64;
/// Bytes of the kernel's own set of signals.
const SIGNAL_SET: usize = 8;
/// Signals that a handler may be set up for at any time, by whoever runs foreign machine code here.
const FAULTS: [c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP];

/// What is to be started.
#[derive(Debug)]
pub(super) struct Plan {
    /// Files that are tried as the program, in this order; at least one.
    pub(super) paths: List<Vec<CString>>,
    pub(super) arguments: List<Vec<CString>>,
    pub(super) environment: List<Environment>,
    pub(super) workdir: CString,
}

/// A process that has its program, or is about to become it.
#[derive(Debug)]
pub(super) struct Newborn {
    pub(super) pid: Pid,
    /// Tells of its end, where that was asked for and the kernel gave it.
    pub(super) pidfd: Option<OwnedFd>,
    /// Until it is known whether it has its program. `None`: it has.
    pub(super) birth: Option<Birth>,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum Stillborn {
    /// The system does not let a process start in this way.
    Refused(Box<Plan>),
    Failed(io::Error),
}

/// Those that no child stands on.
type Stacks = Rc<RefCell<Vec<Stack>>>;

/// What all starts need.
#[derive(Debug)]
pub(super) struct Cradle {
    stacks: Stacks,
    /// Signals that the child handles as the system does by itself, though the host does not.
    handled: Rc<[c_int]>,
    /// The calling thread has to wait until the child has its program.
    patient: bool,
}

/// What the child is told, and what it answers.
#[derive(Debug)]
struct Orders {
    plan: Plan,
    files: [c_int; 3],
    handled: Rc<[c_int]>,
    mask: libc::sigset_t,
    /// The kernel makes it 0 when the child has left our memory.
    pending: AtomicU32,
    /// The error that kept it from becoming the program; 0: none did.
    error: AtomicI32,
}

/// The time from a process's first moment until it has left our memory: it has its program, or has failed.
#[derive(Debug)]
pub(super) struct Birth {
    pid: Pid,
    orders: Rc<Orders>,
    /// What it stands on; taken at the end.
    stack: Option<Stack>,
    stacks: Stacks,
}

impl Birth {
    pub(super) fn is_over(&self) -> bool {
        self.orders.pending.load(Ordering::Acquire) == 0
    }

    fn wait(&self) {
        // Of one that was ended by a signal that leaves a core, older kernels do not tell.
        while !self.is_over() && ended_well(self.pid).is_none() {
            // Interrupted, or over by now: it is looked again.
            let _ = futex::wait(&self.orders.pending, futex::Flags::empty(), 1, Some(&LOOK));
        }
    }

    /// Waits until it is over.
    ///
    /// # Errors
    /// What kept it from becoming the program. It has ended then, or does so at once, and is to be collected.
    pub(super) fn end(self) -> io::Result<()> {
        self.wait();
        match self.orders.error.load(Ordering::Acquire) {
            0 => Ok(()),
            code => Err(io::Error::from_raw_os_error(code)),
        }
    }
}

impl Drop for Birth {
    fn drop(&mut self) {
        // The child stands on the stack, and reads the orders.
        self.wait();
        give_back(&self.stacks, self.stack.take());
    }
}

fn give_back(stacks: &Stacks, stack: Option<Stack>) {
    stacks.borrow_mut().extend(stack);
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
        let handled = handled.chain([libc::SIGPIPE]).collect();
        // valgrind, by which our instructions are counted, knows no child in our memory beside which we go on.
        let patient = std::env::var_os("LD_PRELOAD")
            .is_some_and(|libraries| memchr::memmem::find(libraries.as_bytes(), b"vgpreload").is_some());
        Some(Self { stacks: Rc::new(RefCell::new(vec![Stack::new()?])), handled, patient })
    }

    /// Starts it in a process group of its own. It ignores what the host ignores, but not SIGPIPE. `files`: what it reads from,
    /// its output, its error output. `with_file`: with one that tells of its end.
    #[expect(unsafe_code, reason = "no safe wrapper of clone shares memory")]
    pub(super) fn start(
        &mut self,
        plan: Plan,
        files: [BorrowedFd<'_>; 3],
        with_file: bool,
    ) -> Result<Newborn, Stillborn> {
        let free = self.stacks.borrow_mut().pop();
        let Some(stack) = free.or_else(Stack::new) else {
            return Err(Stillborn::Failed(io::ErrorKind::OutOfMemory.into()));
        };
        let mask = block();
        let orders = Rc::new(Orders {
            plan,
            files: files.map(|file| file.as_raw_fd()),
            handled: Rc::clone(&self.handled),
            mask: ends::of_child(mask),
            pending: AtomicU32::new(1),
            error: AtomicI32::new(0),
        });
        let mut pidfd: c_int = -1;
        let way = if self.patient { libc::CLONE_VFORK } else { libc::CLONE_CHILD_CLEARTID };
        let file = if with_file { libc::CLONE_PIDFD } else { 0 };
        let flags = libc::CLONE_VM | way | file | libc::SIGCHLD;
        // SAFETY: the child keeps to what `grow_up` says. All that it reads belongs to `orders`, which lives until the child has left
        // our memory, as the kernel says by `pending`; its stack is used by nobody else. All signals that have a handler are
        // blocked before it begins, and it changes that only when none has one any more, so that no code of ours runs in it but
        // `grow_up`. `pidfd` is written, if at all, with a file that is ours.
        let (child, error) = unsafe {
            let told = Rc::as_ptr(&orders).cast_mut().cast();
            let (nothing, pending) = (ptr::null_mut::<c_void>(), orders.pending.as_ptr());
            let child = libc::clone(grow_up, stack.top(), flags, told, &raw mut pidfd, nothing, pending);
            let error = io::Error::last_os_error();
            libc::pthread_sigmask(libc::SIG_SETMASK, &mask, ptr::null_mut());
            (child, error)
        };
        let Some(pid) = Pid::from_raw(child).filter(|_| child > 0) else {
            give_back(&self.stacks, Some(stack));
            return Err(match (error.raw_os_error(), Rc::into_inner(orders)) {
                // Flags, or the call, that a sandbox or an emulated kernel does not let through.
                (Some(libc::EINVAL | libc::EPERM | libc::ENOSYS), Some(orders)) => {
                    Stillborn::Refused(Box::new(orders.plan))
                }
                _ => Stillborn::Failed(error),
            });
        };
        if self.patient {
            // The call came back when it had its program.
            orders.pending.store(0, Ordering::Release);
        }
        // SAFETY: the kernel made it for us, if it did.
        let pidfd = (pidfd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(pidfd) });
        let birth = Birth { pid, orders, stack: Some(stack), stacks: Rc::clone(&self.stacks) };
        Ok(Newborn { pid, pidfd, birth: Some(birth) })
    }
}

/// The child's whole life until it has its program, in the memory of its parent.
///
/// The order matters. All signals that may have a handler are blocked when it begins. First no signal has one any more; that is
/// the child's own affair, as only memory is shared. Then those are let through again that the program is to hear: the mask
/// would be inherited. From there on a signal does what it does by itself: it ends the child, which then has ended by that signal.
#[expect(unsafe_code, reason = "system calls, on what the parent prepared")]
extern "C" fn grow_up(told: *mut c_void) -> c_int {
    // SAFETY: `told` is from `Cradle::start`: it stays until this process has left the memory, and is only read meanwhile, but for
    // what is atomic.
    let orders = unsafe { &*told.cast::<Orders>() };
    let error = become_program(orders);
    orders.error.store(error.into_raw(), Ordering::Release);
    loop {
        // SAFETY: it ends this process alone.
        let _ = unsafe { syscall!(Sysno::exit_group, FAILED) };
    }
}

/// Returns only if it fails: the system's error.
fn become_program(orders: &Orders) -> Errno {
    match prepare(orders) {
        Ok(()) => execute(&orders.plan),
        Err(error) => error,
    }
}

#[expect(unsafe_code, reason = "as above")]
fn prepare(orders: &Orders) -> Result<(), Errno> {
    // All zeroes: what the system does by itself, for all that `sigaction` may be.
    let default = [0u64; 8];
    // SAFETY: the calls change this process alone, and read what `orders` holds.
    unsafe {
        for &signal in &*orders.handled {
            syscall!(Sysno::rt_sigaction, signal, default.as_ptr(), 0, SIGNAL_SET)?;
        }
        syscall!(Sysno::setpgid, 0, 0)?;
        let mut files = orders.files;
        for file in &mut files {
            // Else it could be overwritten before it is its turn, or, being in its place, be closed at the start of the program.
            if *file < 3 {
                *file = syscall!(Sysno::fcntl, *file, libc::F_DUPFD_CLOEXEC, 3)? as c_int;
            }
        }
        for (place, file) in (0..).zip(files) {
            syscall!(Sysno::dup3, file, place, 0)?;
        }
        syscall!(Sysno::chdir, orders.plan.workdir.as_ptr())?;
        syscall!(Sysno::rt_sigprocmask, libc::SIG_SETMASK, &raw const orders.mask, 0, SIGNAL_SET)?;
    }
    Ok(())
}

/// Returns only if it fails.
#[expect(unsafe_code, reason = "as above")]
fn execute(plan: &Plan) -> Errno {
    let (arguments, environment) = (plan.arguments.as_ptr(), plan.environment.as_ptr());
    let (mut error, mut denied) = (Errno::ENOENT, false);
    let mut path: *const *const c_char = plan.paths.as_ptr();
    // SAFETY: the lists end with a null pointer, and hold texts that end with a zero.
    unsafe {
        while !(*path).is_null() {
            if let Err(why) = syscall!(Sysno::execve, *path, arguments, environment) {
                error = why;
            }
            match error {
                Errno::EACCES => denied = true,
                // Not there, or not to be reached: perhaps the next one is.
                Errno::ENOENT | Errno::ENOTDIR | Errno::ESTALE | Errno::ENODEV | Errno::ETIMEDOUT => {}
                _ => return error,
            }
            path = path.add(1);
        }
    }
    if denied { Errno::EACCES } else { error }
}

/// Blocks all signals that may have a handler; returns what was blocked before. Not `SIGCHLD` without one: the kernel forgets it, but
/// for each child that ends while the first thread blocks it another thread would be woken.
#[expect(unsafe_code, reason = "no safe wrapper of the call")]
fn block() -> libc::sigset_t {
    let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::zeroed());
    // SAFETY: the first call writes all of `all`; all zeroes is a valid set.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        if handler(libc::SIGCHLD) == libc::SIG_DFL {
            libc::sigdelset(all.as_mut_ptr(), libc::SIGCHLD);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr());
        before.assume_init()
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
