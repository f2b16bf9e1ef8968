//! How a stage ended.

use crate::conventions::result;

/// Result of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageResult {
    /// It did what it should, or its result was reused.
    Success,
    /// It ended with an error.
    Failure,
    /// It could not be run.
    Error,
    /// It ran too long.
    Timeout,
    /// The run was stopped before it ended.
    Cancellation,
    /// It never ran: a need failed, its condition did not hold, or it was not asked for.
    Skip,
}

impl StageResult {
    /// The word of the conventions.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => result::SUCCESS,
            Self::Failure => result::FAILURE,
            Self::Error => result::ERROR,
            Self::Timeout => result::TIMEOUT,
            Self::Cancellation => result::CANCELLATION,
            Self::Skip => result::SKIP,
        }
    }

    /// Whether it ended otherwise than it should.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failure | Self::Error | Self::Timeout)
    }
}
