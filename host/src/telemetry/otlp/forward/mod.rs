//! Forwarding of a run's spans to the user's own OTLP endpoint.
//!
//! The run's journal is the queue: each span that has ended is a line of it, masked and bounded already. A task reads
//! what is new and sends it in batches. The threads that record spans never wait for it; a slow peer costs no span
//! and no memory, because what it has not taken yet is in the file.
//!
//! | module | job |
//! |---|---|
//! | `environment`, `tls` | `OTEL_EXPORTER_OTLP_*` into a [`Destination`] |
//! | `destination` | where to, and how |
//! | `tail` | new lines of the journal |
//! | `batch` | lines into requests |
//! | `client` | one request over HTTP or gRPC, and what became of it |
//! | `worker` | when to send, and when to try again |
//!
//! Receiving belongs beside this folder; what spans look like in OTLP, in [`crate::trace::export`].

mod batch;
mod client;
mod destination;
mod environment;
mod tail;
#[cfg(test)]
mod tests;
mod tls;
mod worker;

use std::fs::File;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

pub use destination::Destination;
pub use environment::ConfigError;
pub(crate) use tail::Tail;
use worker::{Shared, Worker};

/// How much longer than its limit [`Forwarder::finish`] may wait for a runtime that does not answer.
const GRACE: Duration = Duration::from_millis(250);
/// Longer is as good as for ever, and no clock overflows.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// Sends a run's spans while it goes on. Dropped without [`finish`](Self::finish), it stops where it is.
pub struct Forwarder {
    shared: Arc<Shared>,
    destination: Arc<Destination>,
    journal: Arc<File>,
    deadline: watch::Sender<Option<Instant>>,
    done: Receiver<()>,
    task: AbortHandle,
}

/// Tells a [`Forwarder`] of spans, from any thread, also when it is gone.
#[derive(Clone)]
pub struct Waker(Arc<Shared>);

/// What became of a run's spans. `sent + rejected + unsent` is the number of spans in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwarded {
    /// Where to; see [`Destination::describe`].
    pub destination: String,
    /// Spans that the peer has taken.
    pub sent: u64,
    /// Spans that it has refused for good.
    pub rejected: u64,
    /// The others: time was over, or there was nobody to take them. Those of a last request without an answer may
    /// have arrived all the same.
    pub unsent: u64,
    /// Requests that were made, failed ones too.
    pub requests: u64,
    /// Why spans were rejected or not sent, the last reason; also what else the peer complained about.
    pub last_error: Option<String>,
}

impl Forwarder {
    /// Starts sending the spans in `journal`, from its beginning, to `destination`. The file is only read, at places
    /// of our own, so it may share its position with others. `resource` is what the host says of itself, for spans
    /// that have no resource of their own.
    pub fn start(
        runtime: &tokio::runtime::Handle,
        destination: Destination,
        journal: File,
        resource: Vec<(String, String)>,
    ) -> Self {
        let (shared, destination, journal) = (Arc::new(Shared::new()), Arc::new(destination), Arc::new(journal));
        let (deadline, mut over) = watch::channel(None);
        let (report, done) = mpsc::channel();
        let worker = Worker {
            shared: shared.clone(),
            destination: destination.clone(),
            resource: resource.into(),
            journal: journal.clone(),
            deadline: over.clone(),
        };
        let task = runtime.spawn(async move {
            let give_up = async {
                let deadline = over.wait_for(Option::is_some).await.ok().and_then(|deadline| *deadline);
                if let Some(deadline) = deadline {
                    tokio::time::sleep_until(deadline).await;
                }
            };
            tokio::select! {
                () = worker.run() => {}
                () = give_up => {}
            }
            // Nobody listens if finishing took too long.
            let _ = report.send(());
        });
        let task = task.abort_handle();
        Self { shared, destination, journal, deadline, done, task }
    }

    /// Says that there may be new spans in the journal. An atomic addition; call it after each span, or each few.
    /// Spans are sent when 512 calls have come together, or after a second.
    pub fn wake(&self) {
        self.shared.wake();
    }

    /// What calls [`wake`](Self::wake) for those who do not own the forwarder.
    pub fn waker(&self) -> Waker {
        Waker(self.shared.clone())
    }

    /// Sends what is left: everything is in the journal now. Gives up after `within`, sooner where waiting is of no
    /// use: where nobody listens, or where the peer wants to be asked again only later. Blocks, so it must not be
    /// called in a task of the runtime; it returns in time even if that runtime is stuck.
    pub fn finish(self, within: Duration) -> Forwarded {
        let within = within.min(LONGEST);
        self.deadline.send_replace(Some(Instant::now() + within));
        self.shared.wake_now();
        // An error says that the task is gone, or that it has not come to an end: what it has done counts.
        let _ = self.done.recv_timeout(within + GRACE);
        self.task.abort();
        let progress = self.shared.progress().clone();
        // What can't be read can't be counted.
        let unread = tail::count(&self.journal, progress.offset).unwrap_or(0);
        let unsent = (progress.read + unread).saturating_sub(progress.sent + progress.rejected);
        let unexplained = || (unsent > 0).then(|| "the time to send them was over".to_owned());
        Forwarded {
            destination: self.destination.describe(),
            sent: progress.sent,
            rejected: progress.rejected,
            unsent,
            requests: progress.requests,
            last_error: progress.last_error.or_else(unexplained),
        }
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forwarder").field("destination", &self.destination).finish_non_exhaustive()
    }
}

impl Waker {
    /// See [`Forwarder::wake`].
    pub fn wake(&self) {
        self.0.wake();
    }
}

impl std::fmt::Debug for Waker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waker").finish_non_exhaustive()
    }
}
