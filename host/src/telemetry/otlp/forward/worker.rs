//! The task that sends: reads what is new, sends it, tries again when that is worth it. It runs beside the run and
//! can be stopped at any point: what it has achieved stands in [`Progress`], never only in its own variables.

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::batch::{self, Request};
use super::client::{Client, Outcome};
use super::destination::Destination;
use super::tail::{MAX_SPANS, Tail};

/// How long spans wait for others before they are sent.
const GATHER: Duration = Duration::from_secs(1);
/// First and longest pause before another try, each taken at random between its half and its whole.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A peer may ask for longer ones, up to this.
const LONGEST_WISH: Duration = Duration::from_secs(300);
/// Once the run is over: longest pause, and tries with a peer that is not there at all.
const LAST_PAUSE: Duration = Duration::from_secs(1);
const LAST_TRIES: u32 = 2;

/// What the task and the run share.
pub(super) struct Shared {
    /// Calls of `wake` since the task last read the journal.
    waiting: AtomicU64,
    /// There is something to read, or the run is over.
    news: Notify,
    progress: Mutex<Progress>,
}

/// What was achieved so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub(super) sent: u64,
    pub(super) rejected: u64,
    pub(super) requests: u64,
    /// Spans that were read from the journal, and where it was read to.
    pub(super) read: u64,
    pub(super) offset: u64,
    pub(super) last_error: Option<String>,
    /// The last error may pass: nothing was lost by it yet.
    passing: bool,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self { waiting: AtomicU64::new(0), news: Notify::new(), progress: Mutex::default() }
    }

    /// One atomic addition; the task is only told of the first span and of a full batch.
    pub(super) fn wake(&self) {
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed) + 1;
        if waiting == 1 || waiting == MAX_SPANS {
            self.news.notify_one();
        }
    }

    pub(super) fn wake_now(&self) {
        self.news.notify_one();
    }

    /// Nothing in here can be half done when a thread panics.
    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why sending ends before the journal does.
struct GivenUp;

pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) destination: Arc<Destination>,
    pub(super) resource: Arc<[(String, String)]>,
    pub(super) journal: Arc<File>,
    /// When to give up, once the run is over.
    pub(super) deadline: watch::Receiver<Option<Instant>>,
}

impl Worker {
    /// Sends until the run is over and the journal empty, or until that is hopeless.
    pub(super) async fn run(mut self) {
        let client = Client::new(&self.destination);
        let mut tail = Tail::new(self.journal.clone());
        loop {
            // Before reading: what is written from here on counts as news.
            let is_over = self.deadline.borrow().is_some();
            self.shared.waiting.store(0, Ordering::Relaxed);
            // Reading and encoding are work for a thread that may block.
            let (destination, resource) = (self.destination.clone(), self.resource.clone());
            let read = tokio::task::spawn_blocking(move || {
                let outcome = tail.next().map(|chunk| {
                    let requests = batch::requests(&chunk, &resource, &destination);
                    (chunk, requests)
                });
                (tail, outcome)
            });
            let Ok((returned, outcome)) = read.await else { return self.fail("the journal could not be read") };
            tail = returned;
            let (chunk, requests) = match outcome {
                Ok(read) => read,
                Err(error) => return self.fail(&format!("the journal could not be read: {error}")),
            };
            let requests = self.note_read(&chunk, tail.offset(), requests);
            for request in &requests {
                if self.deliver(&client, request).await.is_err() {
                    return;
                }
            }
            if chunk.more {
                continue;
            }
            if is_over {
                return;
            }
            self.gather().await;
        }
    }

    /// Waits for spans, and a little longer for enough of them.
    async fn gather(&self) {
        self.shared.news.notified().await;
        if self.deadline.borrow().is_none() && self.shared.waiting.load(Ordering::Relaxed) < MAX_SPANS {
            drop(tokio::time::timeout(GATHER, self.shared.news.notified()).await);
        }
    }

    fn note_read(
        &self,
        chunk: &super::tail::Chunk,
        offset: u64,
        requests: Result<Vec<Request>, String>,
    ) -> Vec<Request> {
        let mut progress = self.shared.progress();
        progress.read += chunk.spans + chunk.too_large;
        progress.offset = offset;
        let requests = requests.unwrap_or_else(|error| {
            progress.lost(&error);
            Vec::new()
        });
        let spans: u64 = requests.iter().map(|request| request.spans).sum();
        if chunk.too_large > 0 {
            progress.lost(&format!("{} spans are too large to be sent", chunk.too_large));
        } else if spans < chunk.spans && !requests.is_empty() {
            progress.lost(&format!("{} lines of the journal are no span, or one that was sent", chunk.spans - spans));
        }
        requests
    }

    fn fail(&self, error: &str) {
        self.shared.progress().lost(error);
    }

    /// Sends one request until it is taken or refused for good.
    async fn deliver(&mut self, client: &Client, request: &Request) -> Result<(), GivenUp> {
        let (mut tries, mut last_tries) = (0, 0);
        loop {
            self.shared.progress().requests += 1;
            let outcome = client.send(request.body.clone()).await;
            let next = self.shared.progress().note(outcome, request.spans);
            match next {
                Next::Go => return Ok(()),
                Next::Stop => return Err(GivenUp),
                Next::Again { after, answered } => {
                    tries += 1;
                    if !answered && self.deadline.borrow().is_some() {
                        last_tries += 1;
                        if last_tries > LAST_TRIES {
                            return Err(GivenUp);
                        }
                    }
                    self.pause(tries, after).await?;
                }
            }
        }
    }

    /// Waits before another try. The end of the run cuts a pause short, but not one that the peer has asked for.
    async fn pause(&mut self, tries: u32, wish: Option<Duration>) -> Result<(), GivenUp> {
        let own = jitter(FIRST_PAUSE.saturating_mul(1 << (tries - 1).min(16)).min(LONGEST_PAUSE));
        let until = Instant::now() + wish.map_or(own, |wish| wish.min(LONGEST_WISH));
        let was_over = self.deadline.borrow().is_some();
        if !was_over {
            let over = self.deadline.wait_for(Option::is_some);
            match tokio::time::timeout_at(until, over).await {
                // The pause is over, or nobody is there any more who could end the run.
                Err(_) => return Ok(()),
                Ok(Err(_)) => return Err(GivenUp),
                Ok(Ok(_)) => {}
            }
        }
        let until = match wish {
            Some(_) => until,
            None if was_over => Instant::now() + own.min(LAST_PAUSE),
            None => return Ok(()),
        };
        if self.deadline.borrow().is_some_and(|deadline| until >= deadline) {
            return Err(GivenUp);
        }
        tokio::time::sleep_until(until).await;
        Ok(())
    }
}

/// What to do after a request.
enum Next {
    Go,
    Stop,
    Again { after: Option<Duration>, answered: bool },
}

impl Progress {
    /// Takes down what became of a request with so many spans.
    fn note(&mut self, outcome: Outcome, spans: u64) -> Next {
        match outcome {
            Outcome::Accepted { rejected, message } => {
                let rejected = rejected.min(spans);
                self.sent += spans - rejected;
                self.rejected += rejected;
                match message {
                    Some(message) if rejected > 0 => self.lost(&format!("{rejected} spans were rejected: {message}")),
                    // Told though nothing was lost: the specification wants a warning.
                    Some(message) => self.lost(&format!("the spans were taken, with a warning: {message}")),
                    None if rejected > 0 => self.lost(&format!("{rejected} spans were rejected without a reason")),
                    None => self.passed(),
                }
                Next::Go
            }
            Outcome::Rejected(why) => {
                self.rejected += spans;
                self.lost(&why);
                Next::Go
            }
            Outcome::Unauthorized(why) => {
                self.rejected += spans;
                self.lost(&why);
                Next::Stop
            }
            Outcome::Retry { why, after, answered } => {
                // What has cost spans stays the reason.
                if self.last_error.is_none() || self.passing {
                    (self.last_error, self.passing) = (Some(why), true);
                }
                Next::Again { after, answered }
            }
        }
    }

    /// An error that cost spans: it is told, whatever comes later.
    fn lost(&mut self, error: &str) {
        self.last_error = Some(error.to_owned());
        self.passing = false;
    }

    /// A request went through: what only delayed it is forgotten.
    fn passed(&mut self) {
        if self.passing {
            (self.last_error, self.passing) = (None, false);
        }
    }
}

/// At random between the half and the whole, so that many hosts do not come back together. The standard library's
/// hash keys are random enough for it.
fn jitter(whole: Duration) -> Duration {
    let random = (RandomState::new().hash_one(0_u8) >> 32) as f64 / f64::from(u32::MAX);
    whole.mul_f64(0.5 + random / 2.0)
}
