//! The threads that watch attempts. One that is free takes the next attempt: a new thread for each would cost a tenth of
//! a short stage's whole start.

use std::io;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Stack of a watcher: the filter's rules run on it.
const STACK: usize = 1 << 20;

type Work = Box<dyn FnOnce() -> Box<dyn FnOnce() + Send> + Send>;

/// Threads without work, each by the way to give it some. They end with this.
#[derive(Default)]
pub(super) struct Crew {
    free: Arc<Mutex<Vec<Sender<Task>>>>,
    /// As where the system has no more threads.
    #[cfg(test)]
    pub(super) refuses: bool,
}

struct Task {
    work: Work,
    /// The way to the thread itself, for the list of free ones.
    home: Sender<Task>,
}

impl std::fmt::Debug for Crew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crew").finish_non_exhaustive()
    }
}

impl Crew {
    /// Has a thread do `work`, and what that returns once the thread counts as free again.
    ///
    /// # Errors
    /// Where a new thread is needed and the system has none.
    pub(super) fn run(&self, work: Work) -> io::Result<()> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(home) = free else { return self.hire(work) };
        // A thread that waits for work is there.
        match home.send(Task { work, home: home.clone() }) {
            Ok(()) => Ok(()),
            Err(mpsc::SendError(task)) => self.hire(task.work),
        }
    }

    /// Sees to it that so many threads are free, so that as many calls of [`run`](Self::run) can't fail.
    pub(super) fn reserve(&self, threads: usize) -> io::Result<()> {
        #[cfg(test)]
        if self.refuses {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).len();
        (free..threads).try_for_each(|_| {
            let home = self.thread(|_| None)?;
            self.free.lock().unwrap_or_else(PoisonError::into_inner).push(home);
            Ok(())
        })
    }

    fn hire(&self, work: Work) -> io::Result<()> {
        self.thread(|home| Some(Task { work, home: home.clone() })).map(drop)
    }

    /// A new thread, and the way to it. `first`: what it begins with.
    fn thread(&self, first: impl FnOnce(&Sender<Task>) -> Option<Task>) -> io::Result<Sender<Task>> {
        let (home, tasks) = mpsc::channel();
        let free = Arc::downgrade(&self.free);
        let first = first(&home);
        thread::Builder::new().name("watcher".into()).stack_size(STACK).spawn(move || {
            let mut next = first.or_else(|| tasks.recv().ok());
            while let Some(Task { work, home }) = next {
                let last = work();
                match free.upgrade() {
                    Some(free) => free.lock().unwrap_or_else(PoisonError::into_inner).push(home),
                    None => drop(home),
                }
                last();
                next = tasks.recv().ok();
            }
        })?;
        Ok(home)
    }
}
