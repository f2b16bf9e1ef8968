//! The start of an attempt's program, from the moment that there is a process until it has its program.

use std::cell::{Cell, RefCell};
use std::io;

use super::super::process::own_peak_memory;
use super::birth::Birth;

/// How far it has come.
#[derive(Debug)]
pub(super) struct Start {
    /// Until it is over.
    birth: RefCell<Option<Birth>>,
    /// Bytes that the process's peak is never told below: it began in the host's memory, which was no larger than this.
    floor: Cell<u64>,
    error: RefCell<Option<io::Error>>,
}

impl Start {
    pub(super) fn new(birth: Option<Birth>) -> Self {
        let start = Self { birth: RefCell::new(birth), floor: Cell::new(0), error: RefCell::new(None) };
        if start.birth.borrow().is_none() {
            start.floor.set(own_peak_memory());
        }
        start
    }

    /// Whether it is over; then it is known how it went.
    pub(super) fn look(&self) -> bool {
        if self.birth.borrow().as_ref().is_some_and(|birth| !birth.is_over()) {
            return false;
        }
        self.wait();
        true
    }

    /// Waits until it is over.
    pub(super) fn wait(&self) {
        if let Some(birth) = self.birth.borrow_mut().take() {
            *self.error.borrow_mut() = birth.end().err();
            // Not before: the host's memory may have grown meanwhile.
            self.floor.set(own_peak_memory());
        }
    }

    /// See the field.
    pub(super) fn floor(&self) -> u64 {
        self.floor.get()
    }

    /// Why it failed, once it is over.
    pub(super) fn take_error(&self) -> Option<io::Error> {
        self.error.borrow_mut().take()
    }
}
