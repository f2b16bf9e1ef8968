//! Attempts that succeeded and are not on record yet: what waited for them starts first.
//!
//! Putting an end on record takes about as long as a start. If that were done first, a processor would be idle meanwhile: what ran
//! on it has ended, what is to run next has not begun. So an attempt that is known to have succeeded, and that left nobody
//! behind, makes way: its slot is free, its stage has its result, whoever listens is told. Only the spans of both end
//! later, with all that the system tells of it. A host that is killed in between leaves spans that are open, which need not
//! tell a lie: whoever completes its trace knows that a stage succeeded by those that started because of it (`run::recover`).

use super::result::StageResult;
use super::runner::{DagRunner, Ended, How, Running};
use crate::clock::UnixNanos;

impl DagRunner<'_> {
    /// An attempt succeeded: what waited for that can start.
    pub(super) fn make_way(&mut self, ticket: u64, time: UnixNanos) {
        // Where it was asked to end, or is one of the last, its end is looked at as a whole.
        if self.stopped.is_some() || self.running.get(&ticket).is_none_or(|running| running.ended_by.is_some()) {
            return;
        }
        if let Some(attempt) = self.running.remove(&ticket) {
            let stage = attempt.stage;
            self.schedule.release(stage);
            self.leaving.insert(ticket, attempt);
            let result = StageResult::Success;
            self.stage_ended(Ended { stage, result, time, message: None, cause: None, how: How::Leaves });
        }
    }

    /// Puts one on record.
    pub(super) fn see_off(&mut self, attempt: Running, time: UnixNanos) {
        let telemetry = self.context.telemetry;
        telemetry.together(|| {
            if let Some(ended) = self.conclude(attempt, time, true) {
                self.end_stage_span(&ended);
            }
        });
    }
}
