//! Puts attempts on record beside the dispatcher.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, SendError, Sender};
use std::thread::{self, JoinHandle};

use super::bell::EventSender;
use super::leaving::Leaving;
use super::runner::Event;
use crate::beside::Place;
use crate::telemetry::ForensicSpanExporter;

/// Attempts that may wait to be put on record. Each holds files open; and where the thread does not get along, it has no processor.
const MOST: usize = 4;

/// A thread that puts attempts on record. All are when this is dropped.
#[derive(Debug)]
pub(super) struct Clerk {
    /// `None`: the system had no thread for it.
    desk: Option<Desk>,
    /// Those that were handed over and are not on record.
    waiting: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Desk {
    work: Sender<Leaving>,
    thread: JoinHandle<()>,
}

impl Clerk {
    /// `sender` hears what people have to know.
    pub(super) fn new(exporter: &ForensicSpanExporter, sender: &EventSender) -> Self {
        let waiting = Arc::new(AtomicUsize::new(0));
        let (work, tasks) = mpsc::channel::<Leaving>();
        let (exporter, sender, place) = (exporter.clone(), sender.clone(), Place::here());
        let done = Arc::clone(&waiting);
        let thread = thread::Builder::new().name("clerk".into()).spawn(move || {
            place.leave();
            for leaving in tasks {
                if let Some(text) = leaving.put_on_record(&exporter) {
                    // The dispatcher hears it, or has ended.
                    drop(sender.send(Event::Notice(text)));
                }
                done.fetch_sub(1, Ordering::Release);
            }
        });
        Self { desk: thread.ok().map(|thread| Desk { work, thread }), waiting }
    }

    /// Hands one over; it comes back where there is no room for it.
    pub(super) fn take(&self, leaving: Leaving) -> Option<Leaving> {
        let Some(desk) = self.desk.as_ref().filter(|_| self.waiting.load(Ordering::Acquire) < MOST) else {
            return Some(leaving);
        };
        self.waiting.fetch_add(1, Ordering::Relaxed);
        desk.work.send(leaving).err().map(|SendError(leaving)| leaving)
    }
}

impl Drop for Clerk {
    fn drop(&mut self) {
        if let Some(Desk { work, thread }) = self.desk.take() {
            drop(work);
            if let Err(panic) = thread.join()
                && !thread::panicking()
            {
                resume_unwind(panic);
            }
        }
    }
}
