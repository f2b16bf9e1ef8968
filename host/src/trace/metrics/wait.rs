//! How long stages waited, and for what.

use super::occupancy::Occupancy;
use super::{AttemptTimes, StageTimes, Timeline};

/// Waiting time, ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Queue {
    /// All of it.
    pub total_ns: u64,
    /// While all slots were busy; `None` where the number of slots is unknown.
    pub slot_ns: Option<u64>,
    /// While a slot was free.
    pub dispatch_ns: Option<u64>,
    /// The part of it in which attempts waited for a pool; `None` where none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool_ns: Option<u64>,
}

/// *ready(s)*: the latest terminal time of what it waited for, or `schedule_start`. Where some need is not in the trace, and
/// where one need was enough, what the host saw (`forensic.ready_time`) if that is later.
pub fn ready(timeline: &Timeline<'_>, stage: &StageTimes<'_>) -> u64 {
    let needs = stage.needs.iter().map(|&need| timeline.stages[need].terminal).max();
    let computed = needs.unwrap_or(timeline.schedule_start);
    stage.ready_seen.map_or(computed, |seen| seen.max(computed))
}

/// *queue(s, a)* of each attempt as `(from, to, attempt)`: from ready to the start for the first, else from the end of
/// the attempt before and its back-off. An attempt that started earlier than that (possible in traces of other
/// writers) did not wait.
pub fn intervals<'a>(
    timeline: &Timeline<'_>,
    stage: &'a StageTimes<'_>,
) -> impl DoubleEndedIterator<Item = (u64, u64, &'a AttemptTimes)> + ExactSizeIterator {
    let ready = ready(timeline, stage);
    stage.attempts.iter().enumerate().map(move |(index, attempt)| {
        let from = match index {
            0 => ready,
            _ => stage.attempts[index - 1].end.saturating_add(attempt.backoff),
        };
        (from.min(attempt.start), attempt.start, attempt)
    })
}

/// Queue of each stage, all its attempts together, ns.
pub fn by_stage(timeline: &Timeline<'_>) -> Vec<u64> {
    let of_stage = |stage| intervals(timeline, stage).fold(0u64, |sum, (from, to, _)| sum.saturating_add(to - from));
    timeline.stages.iter().map(of_stage).collect()
}

/// Queue of the whole run. `unlimited` says that slots are known to have no limit: then nothing ever waited for one.
pub fn total(timeline: &Timeline<'_>, occupancy: &Occupancy, unlimited: bool) -> Queue {
    let total_ns = by_stage(timeline).into_iter().fold(0, u64::saturating_add);
    let (slot_ns, pool_ns) = match timeline.slots {
        None => (unlimited.then_some(0), unlimited.then(|| in_pools(timeline, |from, to| to - from))),
        Some(slots) => {
            let full = occupancy.at_least(slots);
            let all = timeline.stages.iter().flat_map(|stage| intervals(timeline, stage));
            let slot = all.fold(0u64, |sum, (from, to, _)| sum.saturating_add(full.within(from, to)));
            (Some(slot), Some(in_pools(timeline, |from, to| to - from - full.within(from, to))))
        }
    };
    let pool_ns = pool_ns.filter(|_| timeline.attempts().any(|attempt| attempt.waited_for_pool));
    Queue { total_ns, slot_ns, dispatch_ns: slot_ns.map(|slot| total_ns - slot), pool_ns }
}

/// What attempts that waited for a pool waited, as `waited` measures an interval.
fn in_pools(timeline: &Timeline<'_>, waited: impl Fn(u64, u64) -> u64) -> u64 {
    let all = timeline.stages.iter().flat_map(|stage| intervals(timeline, stage));
    let pools = all.filter(|(_, _, attempt)| attempt.waited_for_pool);
    pools.fold(0, |sum: u64, (from, to, _)| sum.saturating_add(waited(from, to)))
}
