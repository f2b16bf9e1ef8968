//! What was received, and what became of it: every span is counted exactly once.

use std::collections::BTreeMap;

/// Why a span was rejected: the keys of [`SpanCounts::rejected`].
pub mod reason {
    /// Trace id or span id is all zeroes or has the wrong length, or the parent's id has the wrong length.
    pub const INVALID_ID: &str = "invalid_id";
    /// The span claims to be one that the host itself makes.
    pub const HOST_ID: &str = "host_id";
    /// The attempt has sent as many spans as it may.
    pub const OVER_SPANS: &str = "over_spans";
    /// The attempt has sent as many bytes as it may.
    pub const OVER_BYTES: &str = "over_bytes";
    /// The span, its resource or its scope is larger than a span may be.
    pub const TOO_LARGE: &str = "too_large";
    /// The span, its resource or its scope could not be decoded, while the request around it could.
    pub const MALFORMED: &str = "malformed";
}

/// Spans that were received. `received = written + failed + duplicates + rejected` always holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanCounts {
    /// Spans that came with a valid token, repeated ones too.
    pub received: u64,
    /// Given to the sink, which took them.
    pub written: u64,
    /// Given to the sink, which could not write them.
    pub failed: u64,
    /// Seen before, by trace id and span id, from the same attempt: senders repeat what was not confirmed to them.
    pub duplicates: u64,
    /// Refused, by [`reason`].
    pub rejected: BTreeMap<&'static str, u64>,
    /// Came after the token had died. **Not** part of `received`: nothing of them was looked at.
    pub late: u64,
}

impl SpanCounts {
    /// All that were rejected, for whatever reason.
    pub fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Whether every received span was counted once.
    pub fn is_balanced(&self) -> bool {
        self.received == self.written + self.failed + self.duplicates + self.rejected_total()
    }

    pub(super) fn count(&mut self, outcome: Outcome) {
        self.received += 1;
        match outcome {
            Outcome::Written => self.written += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Duplicate => self.duplicates += 1,
            Outcome::Rejected(reason) => *self.rejected.entry(reason).or_default() += 1,
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.written += other.written;
        self.failed += other.failed;
        self.duplicates += other.duplicates;
        self.late += other.late;
        for (reason, count) in &other.rejected {
            *self.rejected.entry(reason).or_default() += count;
        }
    }
}

/// What became of one span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Written,
    Failed,
    Duplicate,
    Rejected(&'static str),
}

/// All that the receiver has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceiverCounts {
    /// Spans of all attempts together.
    pub spans: SpanCounts,
    /// Requests whose head was read, whatever became of them.
    pub requests: u64,
    /// Answered with an error of the sender's: wrong path, method, type, size or content.
    pub bad_requests: u64,
    /// Without a valid token, those with a dead one too.
    pub unauthorized_requests: u64,
    /// With a token whose attempt had ended.
    pub late_requests: u64,
    /// Told to come again: too many at once, the sink failed, or the run was ending.
    pub deferred_requests: u64,
    /// Still worked on when [`super::Receiver::shutdown`] stopped waiting: their spans may be missing here.
    pub unfinished_requests: u64,
    /// Metric data points that were accepted and not kept.
    pub metric_points: u64,
    /// Log records that were accepted and not kept.
    pub log_records: u64,
}
