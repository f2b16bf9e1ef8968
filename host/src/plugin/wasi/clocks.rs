//! Time as a guest sees it. The wall clock stands; the monotonic clock is the guest's own: it moves when it is read and
//! jumps when the guest sleeps, so a sleep returns at once and the same calls see the same times.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::bindings::sync::io::poll;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi_io::bindings::wasi::io::poll as waiting;

use crate::plugin::meter::cost;
use crate::plugin::store::State;
use crate::plugin::trap::Misuse;

/// What one look at the monotonic clock takes, in nanoseconds, and what it can tell apart.
const STEP: u64 = 1_000;
const SECOND: u64 = 1_000_000_000;

#[derive(Debug)]
pub(super) struct Time {
    /// Unix nanoseconds.
    wall: u64,
    own: Arc<Own>,
}

/// Atomic only because a [`Deadline`] has to be `Send`; one thread uses it.
#[derive(Debug)]
struct Own {
    now: AtomicU64,
    /// The earliest time that somebody waits for.
    next: AtomicU64,
}

/// Nobody waits.
const NEVER: u64 = u64::MAX;

impl Time {
    pub(super) fn new(wall: u64) -> Self {
        Self { wall, own: Arc::new(Own { now: AtomicU64::new(0), next: AtomicU64::new(NEVER) }) }
    }

    fn read(&self) -> u64 {
        let now = self.own.now.load(Ordering::Relaxed);
        self.own.now.store(now.saturating_add(STEP), Ordering::Relaxed);
        now
    }

    fn deadline(&self, at: u64) -> Deadline {
        // The end of time is never reached.
        Deadline { at: at.min(NEVER - 1), own: self.own.clone() }
    }

    /// Nobody waits any more.
    fn forget(&self) {
        self.own.next.store(NEVER, Ordering::Relaxed);
    }

    /// Jumps to the earliest time that was waited for since [`Time::forget`]. `false`: there is none.
    fn jump(&self) -> bool {
        let next = self.own.next.load(Ordering::Relaxed);
        if next != NEVER {
            self.own.now.fetch_max(next, Ordering::Relaxed);
        }
        next != NEVER
    }
}

/// A time to wait for.
struct Deadline {
    at: u64,
    own: Arc<Own>,
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for Deadline {
    async fn ready(&mut self) {
        poll_fn(|_| {
            if self.own.now.load(Ordering::Relaxed) >= self.at {
                return Poll::Ready(());
            }
            self.own.next.fetch_min(self.at, Ordering::Relaxed);
            Poll::Pending
        })
        .await;
    }
}

/// What a future has now, without waiting for it.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

impl wall_clock::Host for State {
    fn now(&mut self) -> Result<wall_clock::Datetime> {
        let wall = self.wasi.time.wall;
        // Less than a second fits.
        Ok(wall_clock::Datetime { seconds: wall / SECOND, nanoseconds: (wall % SECOND) as u32 })
    }

    fn resolution(&mut self) -> Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime { seconds: 0, nanoseconds: 1 })
    }
}

impl monotonic_clock::Host for State {
    fn now(&mut self) -> Result<u64> {
        Ok(self.wasi.time.read())
    }

    fn resolution(&mut self) -> Result<u64> {
        Ok(STEP)
    }

    fn subscribe_instant(&mut self, when: u64) -> Result<Resource<DynPollable>> {
        let deadline = self.table.push(self.wasi.time.deadline(when))?;
        subscribe(&mut self.table, deadline)
    }

    fn subscribe_duration(&mut self, duration: u64) -> Result<Resource<DynPollable>> {
        let now = self.wasi.time.own.now.load(Ordering::Relaxed);
        monotonic_clock::Host::subscribe_instant(self, now.saturating_add(duration))
    }
}

impl State {
    /// Polls once; where nothing is ready, jumps to when something is, and polls again.
    fn poll_now(&mut self, handles: &[u32]) -> Result<Vec<u32>> {
        self.meter.work(handles.len() as u64, cost::POLLABLE);
        for _ in 0..2 {
            self.wasi.time.forget();
            let borrowed = handles.iter().map(|&handle| Resource::new_borrow(handle)).collect();
            if let Some(ready) = now(waiting::Host::poll(&mut self.table, borrowed)) {
                return ready;
            }
            if !self.wasi.time.jump() {
                break;
            }
        }
        Err(Misuse::WaitsForEver.into())
    }
}

impl poll::Host for State {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        self.poll_now(&pollables.iter().map(Resource::rep).collect::<Vec<_>>())
    }
}

impl poll::HostPollable for State {
    fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        now(waiting::HostPollable::ready(&mut self.table, pollable)).unwrap_or(Ok(false))
    }

    fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        self.poll_now(&[pollable.rep()]).map(drop)
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        waiting::HostPollable::drop(&mut self.table, pollable)
    }
}
