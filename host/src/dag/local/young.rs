//! Attempts that have just begun: the dispatcher watches them itself, so that most that are short never need a thread.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::super::bell::Bell;
use super::Told;
use super::crew::Crew;
use super::ends::Ends;
use super::watch::{EndSignal, Seen, Watcher};
use crate::clock::UnixNanos;

/// Before a thread is asked for again that the system did not have.
const AGAIN: Duration = Duration::from_millis(100);

/// An attempt that the dispatcher watches.
pub(super) struct Young {
    pub(super) watcher: Box<Watcher>,
    pub(super) told: Told,
    pub(super) seen: Slot,
    /// When it is worth a thread: then its memory is looked at, too.
    pub(super) until: Instant,
}

/// What was noticed of an attempt by its end.
#[derive(Debug)]
pub(super) enum Noticed {
    All(Seen),
    /// It is done: what is left is to close its watcher.
    Done(Box<Watcher>),
}

impl Noticed {
    /// All of it. The process has not been collected.
    pub(super) fn all(self) -> Seen {
        match self {
            Self::All(seen) => seen,
            Self::Done(watcher) => watcher.close(false).1,
        }
    }
}

/// Where that is put before the dispatcher hears of the end.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot(Arc<Mutex<Option<Noticed>>>);

impl Slot {
    fn fill(&self, noticed: Noticed) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(noticed);
    }

    /// `None`: who watched it failed.
    pub(super) fn take(&self) -> Option<Noticed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What a young attempt needs.
pub(super) enum Need {
    Nothing,
    /// It has ended.
    Ended,
    /// It has said something.
    Heard,
}

impl Young {
    /// Has a thread of the crew watch it.
    pub(super) fn grow_up(mut self, crew: &Crew) -> io::Result<()> {
        if self.watcher.end.is_none() {
            self.watcher.end = EndSignal::of(self.watcher.pid, None).ok();
        }
        crew.run(Box::new(|| Box::new(self.run())))
    }

    /// Watches it to its end; what is returned tells of that.
    pub(super) fn run(self) -> impl FnOnce() {
        let Self { watcher, mut told, seen, .. } = self;
        let (time, what) = watcher.run();
        seen.fill(Noticed::All(what));
        move || told.tell(time)
    }

    /// It has ended. False: a thread has to end what it left.
    pub(super) fn end(&mut self) -> bool {
        let ended = self.watcher.end();
        ended.flatten().into_iter().for_each(|time| self.told.succeeded(time));
        ended.is_some()
    }

    /// Whether its end was noted.
    pub(super) fn has_ended(&self) -> bool {
        self.watcher.ended.is_some()
    }

    /// The system has no thread for it now: the dispatcher takes what it says, and goes on watching it.
    pub(super) fn stay(&mut self) {
        self.watcher.hear();
        self.until = Instant::now() + AGAIN;
    }

    /// The last of one that has ended and left nobody: whom to tell, and when that was. Comes back where its output has no end yet.
    pub(super) fn close(self) -> Result<(Told, UnixNanos), Self> {
        let Some(time) = self.watcher.is_done() else { return Err(self) };
        let Self { watcher, told, seen, .. } = self;
        seen.fill(Noticed::Done(watcher));
        Ok((told, time))
    }
}

impl std::fmt::Debug for Young {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Young").field("watcher", &self.watcher).finish_non_exhaustive()
    }
}

/// Waits; whether the bell rang, and what each of them needs. `ends` tells of those that have nothing of their own for that.
pub(super) fn wait(all: &[Young], bell: &Bell, ends: Option<&Ends>, until: Instant) -> (bool, Vec<Need>) {
    let mut files = vec![PollFd::new(bell, PollFlags::IN)];
    files.extend(ends.map(|ends| PollFd::new(ends, PollFlags::IN)));
    let mut counts = Vec::with_capacity(all.len());
    for Young { watcher, .. } in all {
        let before = files.len();
        files.extend(watcher.end.iter().map(|end| PollFd::new(end, PollFlags::IN)));
        files.extend(watcher.output().map(|file| PollFd::from_borrowed_fd(file, PollFlags::IN)));
        counts.push(files.len() - before);
    }
    let limit = Timespec::try_from(until.saturating_duration_since(Instant::now())).ok();
    if !matches!(poll(&mut files, limit.as_ref()), Ok(1..) | Err(Errno::INTR)) {
        // The time is over, or the machine is out of memory for a moment: then a thread has better ways to wait.
        return (false, counts.iter().map(|_| Need::Nothing).collect());
    }
    let mut woken = files.iter().map(|file| !file.revents().is_empty());
    let rang = woken.next() == Some(true);
    // Several that end at the same time are told of once.
    let told = ends.is_some() && woken.next() == Some(true);
    if told {
        ends.iter().for_each(|ends| ends.take());
    }
    let state = |(young, count): (&Young, usize)| {
        let mut own = woken.by_ref().take(count);
        let ended = match young.watcher.end {
            Some(_) => own.next() == Some(true),
            None => told && young.watcher.has_ended(),
        };
        let heard = own.fold(false, |any, one| any | one);
        match (ended, heard) {
            (true, _) => Need::Ended,
            (false, true) => Need::Heard,
            (false, false) => Need::Nothing,
        }
    };
    (rang, all.iter().zip(counts).map(state).collect())
}
