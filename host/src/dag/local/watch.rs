//! The thread beside each attempt: passes its output on, looks at its memory, and notices its end.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

use super::super::executor::{IoBytes, OutputLost, TreeMemory};
use super::super::process::{ended_well, has_ended, io_bytes, signal_group, wait_for_end};
use super::ending::Ending;
use super::kin::Identity;
use super::memory::TreeSampler;
use super::oom::{OomCount, OomCounters};
use super::orphans::{Orphans, Whose};
use super::stream::Stream;
use crate::clock::{Clock, UnixNanos};

/// After an attempt's end, a process that left its group may still hold its output open. It is heard until it has been
/// silent for so long,
const QUIET: Duration = Duration::from_millis(250);
/// and no longer than this, however much it says.
const LINGER: Duration = Duration::from_secs(1);
/// Stack of a thread that only waits.
const HELPER_STACK: usize = 64 << 10;

/// How often it is looked whether a process has ended of which nothing tells.
const LOOK: Duration = Duration::from_millis(10);
/// Before a wait that failed is tried again.
const BREATHER: Duration = Duration::from_millis(10);

/// Becomes readable, or is hung up, when a process ends.
#[derive(Debug)]
pub(super) enum EndSignal {
    /// The kernel's own (Linux 5.3).
    Pidfd(OwnedFd),
    /// A pipe whose other end a thread holds that waits for the process: a sandbox may forbid the call.
    Helper(PipeReader),
}

impl EndSignal {
    /// `given`: what came with the process.
    pub(super) fn of(pid: Pid, given: Option<OwnedFd>) -> io::Result<Self> {
        let file = given.map_or_else(|| pidfd_open(pid, PidfdFlags::empty()), Ok);
        file.map(Self::Pidfd).or_else(|_| Self::helper(pid))
    }

    pub(super) fn helper(pid: Pid) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        thread::Builder::new().name("waiter".into()).stack_size(HELPER_STACK).spawn(move || {
            wait_for_end(pid);
            drop(writer);
        })?;
        Ok(Self::Helper(reader))
    }
}

impl AsFd for EndSignal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Pidfd(file) => file.as_fd(),
            Self::Helper(file) => file.as_fd(),
        }
    }
}

/// What is watched.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) pid: Pid,
    /// What tells of its end. `None`: the ends of all children are told to whoever watches it; or nothing does, and it is looked.
    pub(super) end: Option<EndSignal>,
    pub(super) streams: [Stream; 2],
    /// Our own copies of where it writes to, until it has ended: the end of a pipe would wake the watcher twice more.
    pub(super) ends: Option<[PipeWriter; 2]>,
    pub(super) tree: TreeSampler,
    pub(super) clock: Clock,
    pub(super) oom: Arc<OomCounters>,
    /// Before the attempt began.
    pub(super) oom_before: OomCount,
    /// Finds what left the attempt's group, and by what.
    pub(super) orphans: Option<(Arc<Orphans>, Identity)>,
    /// When it had ended, and what was seen by then.
    pub(super) ended: Option<(UnixNanos, Seen)>,
    /// The end of what left the group.
    pub(super) ending: Option<Ending>,
}

/// What was seen of an attempt from its start to its end.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) tree: Option<TreeMemory>,
    pub(super) io: Option<IoBytes>,
    /// The system says that it succeeded.
    pub(super) well: bool,
    /// Whether the kernel killed somebody for want of memory meanwhile; not asked for after a success.
    pub(super) oom_rose: Option<bool>,
    pub(super) redactions: u64,
    pub(super) left_open: bool,
    pub(super) lost: Option<OutputLost>,
    /// Processes that had left the group and were ended.
    pub(super) escaped: Option<u64>,
}

impl Watcher {
    /// Returns when the attempt has ended and all its output is written; the time is that of its end. The process has
    /// not been collected then.
    pub(super) fn run(mut self: Box<Self>) -> (UnixNanos, Seen) {
        let mut buffer = Vec::new();
        let leader = self.pid.as_raw_nonzero().get();
        if self.ended.is_none() {
            while self.wait(true, self.tree.wait(), &mut buffer) != Woken::End {
                self.tree.tick(|| self.orphans.iter().for_each(|(orphans, _)| orphans.tidy(leader)));
            }
            self.note_end();
        }
        let left_open = !self.drain(&mut buffer);
        self.close(left_open)
    }

    /// Takes what it has said.
    pub(super) fn hear(&mut self) {
        self.wait(false, Some(Duration::ZERO), &mut Vec::new());
    }

    /// Notes that it has ended. `None`: it left processes behind, which a thread has to end; else when that was, if it succeeded
    /// and all that it said is in the logs.
    pub(super) fn end(&mut self) -> Option<Option<UnixNanos>> {
        self.note_end();
        let is_alone = self.ending.as_ref().is_none_or(|ending| ending.wait().is_none());
        let said_all = || self.streams_are(|now| (now - PollFlags::HUP).is_empty());
        is_alone.then(|| self.ended.as_ref().filter(|(_, seen)| seen.well && said_all()).map(|(time, _)| *time))
    }

    /// Of an attempt whose end was noted: when that was, if its output has its end, too, so that
    /// [`close`](Self::close) does not wait.
    pub(super) fn is_done(&self) -> Option<UnixNanos> {
        self.ended.as_ref().filter(|_| self.is_silent()).map(|(time, _)| *time)
    }

    /// What becomes readable when it says something.
    pub(super) fn output(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.streams.iter().filter_map(Stream::source)
    }

    /// It has ended, or is no child of ours any more.
    pub(super) fn has_ended(&self) -> bool {
        has_ended(self.pid)
    }

    /// Whether both streams have ended and hold nothing.
    fn is_silent(&self) -> bool {
        self.streams_are(|now| now == PollFlags::HUP)
    }

    /// Whether both streams, as far as they are open, are so now.
    fn streams_are(&self, so: impl Fn(PollFlags) -> bool) -> bool {
        let open = self.streams.iter().filter_map(Stream::source);
        let mut files: Vec<PollFd<'_>> = open.map(|source| PollFd::from_borrowed_fd(source, PollFlags::IN)).collect();
        poll(&mut files, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok()
            && files.iter().all(|file| so(file.revents()))
    }

    /// It has ended: looks at what it leaves, and ends that.
    fn note_end(&mut self) {
        let time = self.clock.now();
        let leader = self.pid.as_raw_nonzero().get();
        self.ends = None;
        // What a stage leaves behind in its group ends with it. The leader is not collected yet, so the group's id can't
        // belong to anybody else.
        signal_group(self.pid, Signal::KILL);
        let mut seen = Seen { tree: self.tree.result(), ..Seen::default() };
        let well = ended_well(self.pid);
        seen.well = well == Some(true);
        if well == Some(false) {
            seen.oom_rose = self.oom.rose(self.oom_before, self.pid);
        }
        self.ending = self.orphans.take().map(|(orphans, identity)| {
            // What left the group as well: what its parents are is seen when these have ended.
            Ending::start(orphans, Whose::Attempt { leader, identity })
        });
        self.ended = Some((time, seen));
    }

    /// Waits for what is being ended, and writes the rest of the output.
    pub(super) fn close(self, left_open: bool) -> (UnixNanos, Seen) {
        let (time, seen) = self.ended.unwrap_or_else(|| (self.clock.now(), Seen::default()));
        // It is not collected yet, so that the system still knows.
        let io = io_bytes(self.pid);
        let mut seen = Seen { io, left_open, escaped: self.ending.map(Ending::finish), ..seen };
        for stream in self.streams {
            let end = stream.finish();
            seen.redactions += end.redactions;
            seen.lost = match (seen.lost, end.lost) {
                (Some(first), Some(second)) => {
                    Some(OutputLost { bytes: first.bytes + second.bytes, error: first.error })
                }
                (first, second) => first.or(second),
            };
        }
        (time, seen)
    }

    /// Reads to the end of both streams; false if somebody still holds one open. What is being ended is heard until then.
    fn drain(&mut self, buffer: &mut Vec<u8>) -> bool {
        let mut ending = self.ending.take();
        let is_done = self.drain_during(&mut ending, buffer);
        self.ending = ending;
        is_done
    }

    fn drain_during(&mut self, ending: &mut Option<Ending>, buffer: &mut Vec<u8>) -> bool {
        let end = Instant::now();
        let mut last = end;
        while self.streams.iter().any(|stream| stream.source().is_some()) {
            let next_look = ending.as_ref().and_then(Ending::wait);
            let quiet = if next_look.is_some() { LINGER } else { QUIET };
            let deadline = (last + quiet).min(end + LINGER);
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                self.streams.iter_mut().for_each(|stream| stream.cut(buffer));
                return false;
            }
            if self.wait(false, Some(next_look.map_or(rest, |look| look.min(rest))), buffer) == Woken::Output {
                last = Instant::now();
            }
            ending.iter_mut().for_each(Ending::tick);
        }
        true
    }

    /// Waits until something happens or the time is over; takes what there is of output, unless it is the end.
    fn wait(&mut self, for_end: bool, limit: Option<Duration>, buffer: &mut Vec<u8>) -> Woken {
        let mut ready = [false; 2];
        {
            let mut files = Vec::with_capacity(3);
            let told = self.end.as_ref().filter(|_| for_end);
            files.extend(told.map(|end| PollFd::new(end, PollFlags::IN)));
            let looks = for_end && told.is_none();
            let limit = if looks { Some(limit.map_or(LOOK, |limit| limit.min(LOOK))) } else { limit };
            let open = self.streams.iter().filter_map(Stream::source);
            files.extend(open.map(|source| PollFd::from_borrowed_fd(source, PollFlags::IN)));
            let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
            let polled = poll(&mut files, limit.as_ref());
            if looks && self.has_ended() {
                return Woken::End;
            }
            match polled {
                Ok(0) | Err(Errno::INTR) => return Woken::Nothing,
                Ok(_) => {}
                Err(_) => {
                    // The machine is out of memory for a moment.
                    thread::sleep(BREATHER);
                    return Woken::Nothing;
                }
            }
            let mut woken = files.iter().map(|file| !file.revents().is_empty());
            if told.is_some() && woken.next() == Some(true) {
                return Woken::End;
            }
            for (ready, _) in ready.iter_mut().zip(&self.streams).filter(|(_, stream)| stream.source().is_some()) {
                *ready = woken.next() == Some(true);
            }
        }
        for (stream, _) in self.streams.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            stream.pass(buffer);
        }
        Woken::Output
    }
}

/// Why a wait was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Woken {
    /// The process has ended.
    End,
    /// Output was taken, or a stream ended.
    Output,
    /// The time is over, or there was a signal.
    Nothing,
}
