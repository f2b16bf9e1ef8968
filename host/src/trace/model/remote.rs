//! What an attempt's span says of the worker that it ran on. When it ran is part of the attempt itself.

use super::told::Told;
use crate::conventions::{attr, delivery, executor, fenced};

/// An attempt that did not run on the host itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remote {
    /// Which executor ran it, `ray`.
    pub executor: String,
    /// The node's id; `None` where the attempt never started.
    pub node: Option<String>,
    /// The node's name or address, for people.
    pub node_name: Option<String>,
    /// The worker that ran it.
    pub worker: Option<String>,
    /// The worker's clock minus the host's, ns.
    pub clock_offset_ns: Option<i64>,
    /// How far from the truth that can be, ns.
    pub clock_bound_ns: Option<u64>,
    /// Spans that came from the worker.
    pub spans_received: Option<u64>,
    /// Spans that it had made and that never came.
    pub spans_lost: u64,
    /// True where nobody can say how many are lost.
    pub spans_lost_unknown: bool,
    /// Spans that were read from the worker's own file after it was lost.
    pub spans_recovered: u64,
    /// True where a lost attempt may be repeated, though its work may have been done.
    pub at_least_once: bool,
    /// The lost attempt that this one repeats.
    pub previous_attempt: Option<u64>,
    /// Whether that one had surely ended; `None` where nothing is said.
    pub previous_fenced: Option<bool>,
    /// Why the cluster could not place it for a while.
    pub pending_reason: Option<String>,
}

impl Remote {
    /// `None` for an attempt on the host.
    pub(super) fn of(told: &Told<'_>) -> Option<Box<Self>> {
        let executor = told.text(attr::EXECUTOR).filter(|executor| executor != executor::LOCAL)?;
        let fence = |word: String| match &*word {
            fenced::PROVED => Some(true),
            fenced::ASSUMED => Some(false),
            _ => None,
        };
        Some(Box::new(Self {
            executor,
            node: told.text(attr::NODE),
            node_name: told.text(attr::NODE_NAME),
            worker: told.text(attr::WORKER),
            clock_offset_ns: told.integer(attr::CLOCK_OFFSET_NS),
            clock_bound_ns: told.number(attr::CLOCK_BOUND_NS),
            spans_received: told.number(attr::SPANS_RECEIVED),
            spans_lost: told.number(attr::SPANS_LOST).unwrap_or(0),
            spans_lost_unknown: told.is_true(attr::SPANS_LOST_UNKNOWN),
            spans_recovered: told.number(attr::SPANS_RECOVERED).unwrap_or(0),
            at_least_once: told.text(attr::DELIVERY).as_deref() == Some(delivery::AT_LEAST_ONCE),
            previous_attempt: told.number(attr::PREVIOUS_ATTEMPT),
            previous_fenced: told.text(attr::PREVIOUS_FENCED).and_then(fence),
            pending_reason: told.text(attr::PENDING_REASON),
        }))
    }

    /// What people call the node: its name, else its id.
    pub fn node_label(&self) -> Option<&str> {
        self.node_name.as_deref().or(self.node.as_deref())
    }
}
