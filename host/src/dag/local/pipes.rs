//! Pipes from attempts to the host. Those of the next attempt are made when one has ended and the next has begun, not while a
//! processor waits for a start.

use std::io::{self, PipeReader, PipeWriter};
use std::sync::{Arc, Mutex, PoisonError};

/// From the standard output and from the standard error.
pub(super) type Pair = [(PipeReader, PipeWriter); 2];

/// What the next attempt finds there.
#[derive(Clone, Debug, Default)]
pub(super) struct Pipes(Arc<Mutex<Option<Pair>>>);

impl Pipes {
    /// Takes what is there, or makes new ones.
    pub(super) fn take(&self) -> io::Result<Pair> {
        let there = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        there.map_or_else(make, Ok)
    }

    /// Sees to it that there is something to take, if the system has it.
    pub(super) fn prepare(&self) {
        let mut there = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if there.is_none() {
            *there = make().ok();
        }
    }
}

fn make() -> io::Result<Pair> {
    Ok([io::pipe()?, io::pipe()?])
}
