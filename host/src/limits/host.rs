//! What whoever runs the host allows at most, whatever a pipeline says.

use std::time::Duration;

use super::{Maxima, Unit};

/// What compiling one plugin may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Wall time, and CPU time of the compiler's threads together.
    pub time: Duration,
    /// Address space, in bytes.
    pub memory: u64,
}

impl Default for CompileLimits {
    fn default() -> Self {
        // The largest interpreters that were measured need 30 s of CPU time and less than half of the memory; other work on
        // the same machine may slow them down several times.
        Self { time: Duration::from_secs(180), memory: 2 << 30 }
    }
}

impl CompileLimits {
    /// Keys of `[plugins.compile]`, their units, the least and the most.
    pub const KEYS: [(&'static str, Unit, u64, u64); 2] =
        [("time", Unit::Time, super::SEC, 3600 * super::SEC), ("memory", Unit::Bytes, 256 << 20, 64 << 30)];
}

/// What the file allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostLimits {
    /// `[plugins.limits]`
    pub maxima: Maxima,
    /// `[plugins.compile]`
    pub compile: CompileLimits,
}
