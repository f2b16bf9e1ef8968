//! Memory of an attempt's processes together, by looking now and then.
//!
//! The kernel keeps no peak for a tree of processes (a control group would, where the host may make one), so this is a
//! lower bound of the true peak, and says how often it looked.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::super::executor::TreeMemory;

/// The first look: what ends before that isn't worth one.
pub(super) const FIRST: Duration = Duration::from_millis(10);
/// Each pause is twice the one before it, up to this.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// A look at a large tree takes long; the pause is at least so many times as long, so that looking costs under 1 %.
const PAUSE_PER_COST: u32 = 100;
/// No look goes further than this many processes.
const MAX_PROCESSES: usize = 4096;

/// Bytes of a page of memory. Not from rustix, which looks for it where there is nothing under valgrind: instructions are counted
/// with that one.
#[expect(unsafe_code, reason = "the crates at hand have no other safe wrapper")]
fn page_size() -> u64 {
    // SAFETY: it takes no pointer and changes nothing.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// Looks at the resident sets of a process and its descendants.
#[derive(Debug)]
pub(super) struct TreeSampler {
    root: Pid,
    /// When to look again; `None`: this kernel doesn't tell who descends from whom.
    next: Option<Instant>,
    pause: Duration,
    pages: u64,
    samples: u32,
    path: String,
    text: Vec<u8>,
}

impl TreeSampler {
    pub(super) fn new(root: Pid) -> Self {
        let next = Instant::now().checked_add(FIRST);
        Self { root, next, pause: FIRST, pages: 0, samples: 0, path: String::new(), text: Vec::new() }
    }

    /// How long until the next look; `None`: there is none.
    pub(super) fn wait(&self) -> Option<Duration> {
        self.next.map(|next| next.saturating_duration_since(Instant::now()))
    }

    /// Looks, if it is time to, and does what else is to be done now and then: its cost counts.
    pub(super) fn tick(&mut self, also: impl FnOnce()) {
        let start = Instant::now();
        if self.next.is_none_or(|next| start < next) {
            return;
        }
        let Some(pages) = self.look() else {
            self.next = None;
            return;
        };
        also();
        if pages > 0 {
            self.pages = self.pages.max(pages);
            self.samples = self.samples.saturating_add(1);
        }
        let end = Instant::now();
        self.pause = (self.pause * 2).min(LONGEST_PAUSE).max((end - start) * PAUSE_PER_COST);
        self.next = end.checked_add(self.pause);
    }

    /// What was seen; `None` if nothing was.
    pub(super) fn result(&self) -> Option<TreeMemory> {
        let peak = self.pages * page_size();
        (self.samples > 0).then_some(TreeMemory { peak, samples: self.samples })
    }

    /// Sum of resident sets now, in pages; 0 if the root has ended. `None`: this kernel has no lists of children.
    fn look(&mut self) -> Option<u64> {
        let mut open = vec![self.root.as_raw_nonzero().get()];
        let mut sum = 0;
        let mut seen = 0;
        while let Some(process) = open.pop()
            && seen < MAX_PROCESSES
        {
            seen += 1;
            // Any of them may be gone by now.
            self.path.clear();
            let _ = write!(self.path, "/proc/{process}/");
            let folder = self.path.len();
            self.path.push_str("statm");
            sum += self.read().and_then(resident).unwrap_or(0);
            self.path.truncate(folder);
            self.path.push_str("task");
            // Each thread has the children that it started.
            for thread in fs::read_dir(&self.path).into_iter().flatten().flatten() {
                self.path.truncate(folder);
                let _ = write!(self.path, "task/{}/children", thread.file_name().display());
                match self.read() {
                    Some(text) => open.extend(pids(text)),
                    None if !fs::exists("/proc/thread-self/children").unwrap_or(true) => return None,
                    None => {}
                }
            }
        }
        Some(sum)
    }

    fn read(&mut self) -> Option<&[u8]> {
        self.text.clear();
        File::open(&self.path).ok()?.read_to_end(&mut self.text).ok()?;
        Some(&self.text)
    }
}

/// Resident pages: the second number of `/proc/<pid>/statm` (proc_pid_statm(5)).
fn resident(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The numbers in `/proc/<pid>/task/<tid>/children`.
fn pids(text: &[u8]) -> impl Iterator<Item = i32> {
    text.split(u8::is_ascii_whitespace).filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok())
}
