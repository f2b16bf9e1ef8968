//! Exit codes, part of the interface (DESIGN 11).

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Everything is well.
    Success,
    /// A stage failed.
    StageFailed,
    /// A run directory is not what the run left behind.
    NotIntact,
    /// A plugin does not give what its golden files hold.
    Differs,
    /// Wrong usage or configuration.
    Usage,
    /// The run ran into its timeout.
    Timeout,
    /// Findings or a report stage failed the policy.
    Policy,
    /// Our own fault.
    Internal,
    /// Stopped by this signal.
    Signal(i32),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::StageFailed | Exit::NotIntact | Exit::Differs => 1,
            Exit::Usage => 2,
            Exit::Timeout => 3,
            Exit::Policy => 4,
            Exit::Internal => 70,
            Exit::Signal(signal) => 128u8.saturating_add(u8::try_from(signal).unwrap_or(0)),
        })
    }
}
