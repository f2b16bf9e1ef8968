//! Who may send: a token for each attempt, and what is remembered of an attempt while its token lives.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::counts::{ReceiverCounts, SpanCounts, reason};
use super::limits::Allowance;

/// Dead tokens that are still known, so that what comes late is not mistaken for an intruder's. The oldest go first.
const REMEMBERED: usize = 1024;

/// Characters of a token: 32 bytes, hexadecimal.
const TOKEN: usize = 64;

/// Which attempt a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Stage id.
    pub stage: String,
    /// Which attempt of its stage, from 1.
    pub attempt: u32,
    /// Trace id of the run.
    pub trace_id: [u8; 16],
    /// Id of the attempt's span.
    pub span_id: [u8; 8],
    /// Id of the stage's span.
    pub stage_span_id: [u8; 8],
    /// Id of the run's span.
    pub run_span_id: [u8; 8],
}

/// An attempt's right to send. When it is dropped, it is closed.
pub struct Admission {
    pub(super) attempt: Arc<Attempt>,
    pub(super) registry: Arc<Registry>,
    pub(super) drain: Duration,
    pub(super) closed: Mutex<bool>,
}

impl Admission {
    /// The secret that the attempt's requests must bear: 64 hexadecimal digits from the system's random source.
    pub fn token(&self) -> &str {
        std::str::from_utf8(&self.attempt.token).unwrap_or_default()
    }

    /// The attempt has ended: the token lives on for [`super::ReceiverLimits::drain`], then its requests are refused
    /// and counted as late. Calling it again changes nothing.
    pub fn close(&self) {
        if std::mem::replace(&mut *lock(&self.closed), true) {
            return;
        }
        self.registry.close(&self.attempt, self.drain);
    }

    /// What this attempt has sent so far. All that its SDK was told had arrived is in it.
    pub fn counts(&self) -> SpanCounts {
        lock(&self.attempt.state).counts.clone()
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Admission {
    /// Without the token.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Admission").field("sender", &self.attempt.sender).finish_non_exhaustive()
    }
}

/// One attempt as the receiver sees it.
pub(super) struct Attempt {
    token: [u8; TOKEN],
    pub(super) sender: Sender,
    pub(super) allowance: Allowance,
    hasher: RandomState,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    dead: bool,
    /// Hashes of (trace id, span id), keyed by a secret so that nobody can make two collide. Eight bytes a span.
    seen: HashSet<u64>,
    spans: u64,
    bytes: u64,
    counts: SpanCounts,
}

/// A span that [`Attempt::reserve`] let pass, to be given back if it can't be written.
pub(super) struct Reservation {
    hash: u64,
    bytes: u64,
}

/// Why a span may not pass.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotReserved {
    Duplicate,
    Over(&'static str),
}

impl Attempt {
    /// Takes room for a span, once for each id.
    pub(super) fn reserve(&self, trace_id: &[u8], span_id: &[u8], bytes: u64) -> Result<Reservation, NotReserved> {
        let hash = self.hasher.hash_one((trace_id, span_id));
        let mut state = lock(&self.state);
        if state.seen.contains(&hash) {
            return Err(NotReserved::Duplicate);
        }
        if state.spans >= self.allowance.spans {
            return Err(NotReserved::Over(reason::OVER_SPANS));
        }
        if state.bytes.saturating_add(bytes) > self.allowance.bytes {
            return Err(NotReserved::Over(reason::OVER_BYTES));
        }
        // What was under way when the token died is still taken; nothing is remembered of it any more.
        if !state.dead {
            state.seen.insert(hash);
        }
        state.spans += 1;
        state.bytes += bytes;
        Ok(Reservation { hash, bytes })
    }

    /// Gives room back: the span was not written and will come again.
    pub(super) fn release(&self, reservation: &Reservation) {
        let mut state = lock(&self.state);
        state.seen.remove(&reservation.hash);
        state.spans -= 1;
        state.bytes -= reservation.bytes;
    }
}

/// All attempts that may send or could until lately, and the counts of all.
#[derive(Default)]
pub(super) struct Registry {
    known: Mutex<Known>,
    counts: Mutex<ReceiverCounts>,
}

#[derive(Default)]
struct Known {
    live: Vec<Arc<Attempt>>,
    /// Closed, and still heard until then. What has no time left is dead when the registry is asked the next time: a timer
    /// for each would wake a thread for every short stage.
    leaving: VecDeque<(Instant, Arc<Attempt>)>,
    dead: VecDeque<Arc<Attempt>>,
    /// Span ids that the host has given to runs, stages and attempts; no stage may use them.
    host_ids: HashSet<[u8; 8]>,
}

impl Known {
    /// Puts those away whose time is over.
    fn expire(&mut self) {
        let now = Instant::now();
        while let Some((_, attempt)) = self.leaving.pop_front_if(|(until, _)| *until <= now) {
            {
                let mut state = lock(&attempt.state);
                state.dead = true;
                state.seen = HashSet::new();
            }
            self.dead.push_back(attempt);
            if self.dead.len() > REMEMBERED {
                self.dead.pop_front();
            }
        }
    }
}

/// What a token was found to be.
pub(super) enum Bearer {
    Live(Arc<Attempt>),
    /// Its attempt has ended.
    Late(Arc<Attempt>),
    Unknown,
}

impl Registry {
    pub(super) fn admit(&self, sender: Sender, allowance: Allowance) -> io::Result<Arc<Attempt>> {
        let token = random_token()?;
        let mut known = lock(&self.known);
        known.expire();
        known.host_ids.extend([sender.span_id, sender.stage_span_id, sender.run_span_id]);
        let attempt =
            Arc::new(Attempt { token, sender, allowance, hasher: RandomState::new(), state: Mutex::default() });
        known.live.push(Arc::clone(&attempt));
        Ok(attempt)
    }

    /// Compares with every token, each in constant time and none left out, so that the time taken tells nothing.
    pub(super) fn find(&self, token: &[u8]) -> Bearer {
        let mut known = lock(&self.known);
        known.expire();
        let mut found = u64::MAX;
        let mut any = Choice::from(0);
        let leaving = known.leaving.iter().map(|(_, attempt)| attempt);
        for (index, attempt) in (0u64..).zip(known.live.iter().chain(leaving).chain(&known.dead)) {
            // Slices of other lengths are unequal; how long a token is is no secret.
            let equal = attempt.token.ct_eq(token);
            found.conditional_assign(&index, equal);
            any |= equal;
        }
        if !bool::from(any) {
            return Bearer::Unknown;
        }
        let index = usize::try_from(found).unwrap_or(usize::MAX);
        let (live, leaving) = (known.live.len(), known.leaving.len());
        let heard = known.live.get(index).or_else(|| Some(&known.leaving.get(index.checked_sub(live)?)?.1));
        if let Some(attempt) = heard {
            return Bearer::Live(Arc::clone(attempt));
        }
        known.dead.get(index - live - leaving).map_or(Bearer::Unknown, |attempt| Bearer::Late(Arc::clone(attempt)))
    }

    pub(super) fn is_host_id(&self, span_id: &[u8]) -> bool {
        lock(&self.known).host_ids.contains(span_id)
    }

    /// An attempt has ended; it is heard for `drain` more.
    fn close(&self, attempt: &Arc<Attempt>, drain: Duration) {
        let mut known = lock(&self.known);
        known.expire();
        known.live.retain(|other| !Arc::ptr_eq(other, attempt));
        // `drain` is the same for all, so the first to be closed is the first to be dead.
        known.leaving.push_back((Instant::now() + drain, Arc::clone(attempt)));
    }

    /// Adds what a request brought, to its attempt and to the whole.
    pub(super) fn add(&self, attempt: &Attempt, counts: &SpanCounts) {
        lock(&attempt.state).counts.add(counts);
        self.count(|all| all.spans.add(counts));
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut ReceiverCounts)) {
        change(&mut lock(&self.counts));
    }

    pub(super) fn counts(&self) -> ReceiverCounts {
        lock(&self.counts).clone()
    }
}

/// A panic while a lock was held leaves counts that are complete up to then: they are still worth having.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn random_token() -> io::Result<[u8; TOKEN]> {
    let mut bytes = [0u8; TOKEN / 2];
    let mut filled = 0;
    while filled < bytes.len() {
        match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(read) => filled += read,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut token = [0u8; TOKEN];
    for (pair, byte) in token.chunks_exact_mut(2).zip(bytes) {
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).map_or(b'0', |digit| digit as u8);
        pair[0] = digit(byte >> 4);
        pair[1] = digit(byte & 0xf);
    }
    Ok(token)
}
