//! What is said of attempts that the cluster failed, not the stage: the cause in plain words, and what to do about it. How
//! failures are listed belongs in `failures`, what workers did in `workers`.

use super::super::model::{Line, line};
use super::told;
use crate::conventions::error_type;
use crate::trace::Attempt;

/// Characters of a reason that the cluster gave.
const REASON_MAX: usize = 300;

/// A cause, what is said of it, and what to do.
struct Cause {
    error_type: &'static str,
    /// As the cause of a failure.
    words: &'static str,
    /// Why spans of the attempt are missing.
    because: &'static str,
    /// With marks, as for [`line!`].
    advice: &'static str,
}

const CAUSES: &[Cause] = &[
    Cause {
        error_type: error_type::WORKER_LOST,
        words: "its worker died",
        because: "its worker was killed",
        advice: "The worker process on the node died while the stage ran. The node's own logs say who ended it.",
    },
    Cause {
        error_type: error_type::WORKER_OOM,
        words: "its worker was ended for want of memory",
        because: "its worker was ended for want of memory",
        advice: "The cluster's memory monitor ended the worker, because its node ran out of memory. Give the stage \
                 `memory` in its `ray` table, so that fewer share a node, or use a larger node.",
    },
    Cause {
        error_type: error_type::NODE_LOST,
        words: "its node was lost",
        because: "its node was lost",
        advice: "The node died or could not be reached any more. What the stage had done there is unknown; a lease ends \
                 what still runs on a node that is cut off.",
    },
    Cause {
        error_type: error_type::NODE_DRAINED,
        words: "its node was taken out of the cluster",
        because: "its node was taken out of the cluster",
        advice: "The cluster was made smaller, or a spot machine was called back, while the stage ran.",
    },
    Cause {
        error_type: error_type::CLUSTER_LOST,
        words: "the cluster was lost",
        because: "the cluster was lost",
        advice: "The cluster's head, or Ray on the host's machine, stopped answering. See whether it runs, and start the run again with \
                 `--resume`.",
    },
    Cause {
        error_type: error_type::BRIDGE_LOST,
        words: "the connection to the cluster was lost",
        because: "the connection to the cluster was lost",
        advice: "The process on this machine that speaks with the cluster ended; `logs/ray-bridge.err.log` holds its last \
                 words.",
    },
    Cause {
        error_type: error_type::SUPERVISOR_LOST,
        words: "what watched it on its node was lost",
        because: "what watched it on its node was lost",
        advice: "The program that runs the stage on its node ended without a word of how the stage had ended.",
    },
    Cause {
        error_type: error_type::QUEUE_TIMEOUT,
        words: "nothing in the cluster could take it in time",
        because: "it never started",
        advice: "See whether a node has what the stage's `ray` table asks for; `queue_timeout` in `[executor]` sets how \
                 long it may wait.",
    },
];

fn cause(attempt: &Attempt) -> Option<&'static Cause> {
    let found = attempt.error_type.as_deref()?;
    CAUSES.iter().find(|cause| cause.error_type == found)
}

/// True where the cluster failed, not the stage.
pub(super) fn is_to_blame(attempt: &Attempt) -> bool {
    cause(attempt).is_some()
}

/// `its node was lost`, for the cause of a failure.
pub(super) fn words(attempt: &Attempt) -> Option<&'static str> {
    cause(attempt).map(|cause| cause.words)
}

/// Why spans of an attempt are missing.
pub(super) fn because(attempt: &Attempt) -> &'static str {
    cause(attempt).map_or("they never arrived", |cause| cause.because)
}

/// Whose fault it was, and what to do.
pub(super) fn hint(attempt: &Attempt) -> Option<Line> {
    let cause = cause(attempt)?;
    let remote = attempt.remote.as_deref();
    let place = remote.and_then(|remote| match (remote.node_label(), remote.worker.as_deref()) {
        (Some(node), Some(worker)) => Some(line!(" It ran on node {} (worker {}).", told(node, 80), told(worker, 80))),
        (Some(node), None) => Some(line!(" It was placed on node {}.", told(node, 80))),
        _ => None,
    });
    let pending = remote.and_then(|remote| remote.pending_reason.as_deref());
    let pending = pending.map(|why| line!(" The cluster said: {}.", told(why, REASON_MAX).trim_end_matches('.')));
    let repeat = match remote {
        Some(remote) if cause.error_type != error_type::QUEUE_TIMEOUT && !remote.at_least_once => {
            line!(
                " It was not repeated (at most once); `on_lost = \"retry\"` in `[executor]` repeats lost attempts, if their \
                 work may be done twice."
            )
        }
        _ => Line::default(),
    };
    Some(line!(
        "A fault of the infrastructure, not the stage's. {}{}{}{}",
        Line::fill(cause.advice, []),
        place.unwrap_or_default(),
        pending.unwrap_or_default(),
        repeat
    ))
}
