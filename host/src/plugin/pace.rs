//! How urgent machine code is: whoever wants it tells whoever has it compiled, at any time.

use std::sync::atomic::{AtomicU8, Ordering};

/// Only ever goes up.
#[derive(Debug)]
pub(crate) struct Pace(AtomicU8);

const AHEAD: u8 = 0;
const WANTED: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Pace {
    /// Nobody waits yet: compiling takes one processor and lets others go first, however long that takes, and its failures are
    /// not remembered, because it was others who may have had all the memory.
    pub(crate) fn ahead() -> Self {
        Self(AtomicU8::new(AHEAD))
    }

    /// Somebody waits from now on.
    pub(crate) fn want(&self) {
        self.0.fetch_max(WANTED, Ordering::Relaxed);
    }

    /// Nobody waits any more: what is being compiled is ended.
    pub(crate) fn give_up(&self) {
        self.0.store(GIVEN_UP, Ordering::Relaxed);
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.0.load(Ordering::Relaxed) == GIVEN_UP
    }

    pub(super) fn is_ahead(&self) -> bool {
        self.0.load(Ordering::Relaxed) == AHEAD
    }
}

/// Somebody waits.
impl Default for Pace {
    fn default() -> Self {
        Self(AtomicU8::new(WANTED))
    }
}
