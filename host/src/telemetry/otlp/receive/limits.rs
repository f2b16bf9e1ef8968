//! What a sender may do, and how much of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Limits of the port, for all senders together.
#[derive(Debug, Clone)]
pub struct ReceiverLimits {
    /// Largest body as it comes over the wire, bytes.
    pub wire_bytes: usize,
    /// Largest body after gzip was undone, bytes.
    pub inflated_bytes: usize,
    /// Largest encoded span, and likewise resource and scope, bytes: a decoded one can take forty times this, so it
    /// bounds memory.
    pub span_bytes: usize,
    /// Requests that are worked on at the same time. Others wait a moment and are then told to come again.
    pub requests: usize,
    /// Connections that are open at the same time. When there are more, idle ones are closed.
    pub connections: usize,
    /// The most that reading a body may take, that a request waits for its turn, and that a connection may be open
    /// without a first authorised request.
    pub io_timeout: Duration,
    /// The most that an authorised connection may be idle.
    pub idle_timeout: Duration,
    /// How long a token lives on after its attempt has ended, for what is still under way.
    pub drain: Duration,
}

impl Default for ReceiverLimits {
    fn default() -> Self {
        Self {
            wire_bytes: 4 << 20,
            inflated_bytes: 16 << 20,
            span_bytes: 1 << 20,
            requests: 64,
            connections: 512,
            io_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            // Its process is gone: only what the kernel still holds is under way.
            drain: Duration::from_millis(500),
        }
    }
}

/// What one attempt may have written.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Allowance {
    /// Number of spans.
    pub spans: u64,
    /// Their encoded size together, bytes.
    pub bytes: u64,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { spans: 100_000, bytes: 64 << 20 }
    }
}
