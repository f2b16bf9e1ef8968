//! How long stages waited, and for what.

use super::occupancy::Occupancy;
use super::{AttemptTimes, StageTimes, Timeline};

/// Waiting time, ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Queue {
    /// All of it.
    pub total_ns: u64,
    /// For a slot of the host: until it was submitted, for an attempt that a cluster ran; else while all slots were busy. `None`
    /// where the number of slots is unknown.
    pub slot_ns: Option<u64>,
    /// The rest: while a slot was free, and from when it was submitted to a cluster until it started there.
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
/// `held`: how many slots were held, [`Occupancy::of_slots`].
pub fn total(timeline: &Timeline<'_>, held: &Occupancy, unlimited: bool) -> Queue {
    let total_ns = by_stage(timeline).into_iter().fold(0, u64::saturating_add);
    let (slot_ns, pool_ns) = match timeline.slots {
        None => (unlimited.then_some(0), unlimited.then(|| in_pools(timeline, |from, until| until - from))),
        Some(slots) => {
            let full = held.at_least(slots);
            let all = timeline.stages.iter().flat_map(|stage| intervals(timeline, stage));
            let of_slot = |(from, to, attempt): (u64, u64, &AttemptTimes)| {
                let until = on_the_host(from, to, attempt);
                // The host gives an attempt to the cluster as soon as it has a slot and what else it waits for.
                let all_of_it = attempt.submitted.is_some() && !attempt.waited_for_pool;
                if all_of_it { until - from } else { full.within(from, until) }
            };
            let slot = all.map(of_slot).fold(0u64, u64::saturating_add);
            (Some(slot), Some(in_pools(timeline, |from, until| until - from - full.within(from, until))))
        }
    };
    let pool_ns = pool_ns.filter(|_| timeline.attempts().any(|attempt| attempt.waited_for_pool));
    Queue { total_ns, slot_ns, dispatch_ns: slot_ns.map(|slot| total_ns - slot), pool_ns }
}

/// Until when an attempt waited on the host: it was submitted, or started.
fn on_the_host(from: u64, to: u64, attempt: &AttemptTimes) -> u64 {
    attempt.slot_taken().clamp(from, to)
}

/// What attempts that waited for a pool waited, as `waited` measures an interval.
fn in_pools(timeline: &Timeline<'_>, waited: impl Fn(u64, u64) -> u64) -> u64 {
    let all = timeline.stages.iter().flat_map(|stage| intervals(timeline, stage));
    let pools = all.filter(|(_, _, attempt)| attempt.waited_for_pool);
    pools.fold(0, |sum: u64, (from, to, attempt)| sum.saturating_add(waited(from, on_the_host(from, to, attempt))))
}
