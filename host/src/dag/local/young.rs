//! Attempts that have just begun: the dispatcher watches them itself, so that most that are short never need a thread.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::super::bell::Bell;
use super::Told;
use super::crew::Crew;
use super::watch::{Seen, Watcher};
use crate::clock::UnixNanos;

/// An attempt that the dispatcher watches.
pub(super) struct Young {
    pub(super) watcher: Box<Watcher>,
    pub(super) told: Told,
    pub(super) seen: Arc<OnceLock<Seen>>,
    /// When it is worth a thread: then its memory is looked at, too.
    pub(super) until: Instant,
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
    pub(super) fn grow_up(self, crew: &Crew) -> io::Result<()> {
        let Self { watcher, mut told, seen, .. } = self;
        crew.run(Box::new(move || {
            let (time, what) = watcher.run();
            // The first and only one.
            let _ = seen.set(what);
            Box::new(move || told.tell(time))
        }))
    }

    /// It has ended. False: a thread has to end what it left.
    pub(super) fn end(&mut self) -> bool {
        let ended = self.watcher.end();
        ended.flatten().into_iter().for_each(|time| self.told.succeeded(time));
        ended.is_some()
    }

    /// The last of one that has ended and left nobody: whom to tell, and when that was. Comes back where its output has no end yet.
    pub(super) fn close(self) -> Result<(Told, UnixNanos), Self> {
        let Self { watcher, told, seen, until } = self;
        match watcher.close_at_once() {
            Ok((time, what)) => {
                // As above.
                let _ = seen.set(what);
                Ok((told, time))
            }
            Err(watcher) => Err(Self { watcher, told, seen, until }),
        }
    }
}

impl std::fmt::Debug for Young {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Young").field("watcher", &self.watcher).finish_non_exhaustive()
    }
}

/// Waits; whether the bell rang, and what each of them needs.
pub(super) fn wait(all: &[Young], bell: &Bell, until: Instant) -> (bool, Vec<Need>) {
    let mut files = vec![PollFd::new(bell, PollFlags::IN)];
    let mut counts = Vec::with_capacity(all.len());
    for young in all {
        let before = files.len();
        files.extend(young.watcher.files().map(|file| PollFd::from_borrowed_fd(file, PollFlags::IN)));
        counts.push(files.len() - before);
    }
    let limit = Timespec::try_from(until.saturating_duration_since(Instant::now())).ok();
    if !matches!(poll(&mut files, limit.as_ref()), Ok(1..) | Err(Errno::INTR)) {
        // The time is over, or the machine is out of memory for a moment: then a thread has better ways to wait.
        return (false, counts.iter().map(|_| Need::Nothing).collect());
    }
    let mut woken = files.iter().map(|file| !file.revents().is_empty());
    let rang = woken.next() == Some(true);
    let state = |count| {
        let ended = woken.next() == Some(true);
        let heard = woken.by_ref().take(count - 1).fold(false, |any, one| any | one);
        match (ended, heard) {
            (true, _) => Need::Ended,
            (false, true) => Need::Heard,
            (false, false) => Need::Nothing,
        }
    };
    (rang, counts.into_iter().map(state).collect())
}
