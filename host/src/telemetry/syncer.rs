//! Has the journal written to the disk now and then, in a thread of its own: a stage never waits for a disk, and a
//! power cut costs about a second of spans at most.

use std::fs::File;
use std::sync::mpsc::{self, SyncSender};
use std::time::Duration;

use super::journal::Journal;

/// Pause between two writes to the disk.
const PAUSE: Duration = Duration::from_secs(1);
/// Stack of the thread.
const STACK: usize = 64 << 10;

/// Starts its thread with the first wish, ends it when it is dropped.
#[derive(Default)]
pub(super) struct Syncer {
    wishes: Option<SyncSender<()>>,
    /// There can be no thread: the journal is written to the disk at the end only.
    gave_up: bool,
}

impl Syncer {
    pub(super) fn wake(&mut self, journal: &Journal) {
        if self.wishes.is_none() && !self.gave_up {
            self.wishes = journal.handle().ok().and_then(start);
            self.gave_up = self.wishes.is_none();
        }
        if let Some(wishes) = &self.wishes {
            // A wish that is waiting covers this one.
            let _ = wishes.try_send(());
        }
    }
}

fn start(file: File) -> Option<SyncSender<()>> {
    let (sender, wishes) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("journal-sync".into()).stack_size(STACK);
    let spawned = thread.spawn(move || {
        // Not at once: most runs of less than a second end before it is worth anything.
        while wishes.recv().is_ok() {
            std::thread::sleep(PAUSE);
            // An error shows again, and is told, when the trace is saved.
            drop(file.sync_data());
        }
    });
    spawned.is_ok().then_some(sender)
}
