//! Wakes the dispatcher where it waits on files and not on its queue of events.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::mpsc::{SendError, Sender};

use rustix::event::{EventfdFlags, eventfd};

use super::runner::Event;

/// Becomes readable when somebody rings it while its owner listens.
#[derive(Debug)]
pub struct Bell {
    file: OwnedFd,
    listening: AtomicBool,
}

impl Bell {
    /// `None` where the system gives none: then its owner waits on its queue alone.
    pub(super) fn new() -> Option<Self> {
        let file = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok()?;
        Some(Self { file, listening: AtomicBool::new(false) })
    }

    /// From now on it rings. What was sent before is looked for after this.
    pub(super) fn listen(&self) {
        self.listening.store(true, Ordering::Relaxed);
        // With the one below: whoever sends sees that somebody listens, or the listener sees what was sent.
        fence(Ordering::SeqCst);
    }

    /// Nobody listens any more. `rang`: it was readable.
    pub(super) fn hush(&self, rang: bool) {
        self.listening.store(false, Ordering::Relaxed);
        if rang {
            // The count is of no interest; that it was taken back already is no harm.
            let _ = rustix::io::read(&self.file, &mut [0; 8]);
        }
    }

    fn ring(&self) {
        fence(Ordering::SeqCst);
        if self.listening.load(Ordering::Relaxed) {
            // It is full only if it rings already.
            let _ = rustix::io::write(&self.file, &1u64.to_ne_bytes());
        }
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// The way to the dispatcher.
#[derive(Clone, Debug)]
pub(super) struct EventSender {
    pub(super) events: Sender<Event>,
    pub(super) bell: Option<Arc<Bell>>,
}

impl EventSender {
    pub(super) fn send(&self, event: Event) -> Result<(), SendError<Event>> {
        self.events.send(event)?;
        self.bell.iter().for_each(|bell| bell.ring());
        Ok(())
    }
}
