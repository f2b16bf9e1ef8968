//! The formulae of `DESIGN` 6, as pure functions over a [`Timeline`]: integers in nanoseconds, no I/O, no recursion,
//! nothing that grows with the square of the number of stages. Ratios with a zero denominator are `None`.
//!
//! | module | metrics |
//! |---|---|
//! | [`occupancy`] | busy, idle, level profile, weighted time |
//! | [`dag`] | critical path, slack, drag |
//! | [`wait`] | ready times, queue and its split |
//! | [`chain`] | observed chain |
//! | [`self_time`] | self time of spans |

pub mod chain;
pub mod dag;
pub mod occupancy;
pub mod self_time;
pub mod wait;

use super::model::{ANY, Run, Stage};
use crate::conventions::skip_reason;
use std::collections::HashMap;

/// What the formulae need of a run and nothing else. All times are Unix ns within `[start, end]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline<'a> {
    /// The run's start.
    pub start: u64,
    /// The run's end.
    pub end: u64,
    /// When scheduling began; the run's start where it is unknown.
    pub schedule_start: u64,
    /// Slots, if they are known and limited.
    pub slots: Option<u64>,
    /// In declaration order.
    pub stages: Vec<StageTimes<'a>>,
}

/// A stage of a [`Timeline`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageTimes<'a> {
    /// Decides ties.
    pub id: &'a str,
    /// Positions of the stages that it waited for: all that it needs, or of those with the trigger `any` the one that let it start.
    pub needs: Vec<usize>,
    /// In order; no interval ends before it starts.
    pub attempts: Vec<AttemptTimes>,
    /// *terminal(s)*: the last attempt's end, or the decision.
    pub terminal: u64,
    /// When the host saw it become ready: counts only where `needs` does not tell by itself.
    pub ready_seen: Option<u64>,
    /// True if its result is success.
    pub succeeded: bool,
}

/// An attempt of a [`Timeline`]: half-open `[start, end)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AttemptTimes {
    /// When it was given to an executor that starts it later; `None` where that was its start.
    pub submitted: Option<u64>,
    /// Start.
    pub start: u64,
    /// End.
    pub end: u64,
    /// The pause before it that was really made, ns: at most the time since the attempt before it.
    pub backoff: u64,
    /// True if its result is success.
    pub succeeded: bool,
    /// True if it waited for a pool though a slot was free.
    pub waited_for_pool: bool,
}

impl AttemptTimes {
    /// Nanoseconds.
    pub fn duration(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// From when on it held a slot of the host.
    pub fn slot_taken(&self) -> u64 {
        self.submitted.unwrap_or(self.start)
    }
}

impl StageTimes<'_> {
    /// *c(s)*: execution of all attempts and the back-off between them, without queue; ns.
    pub fn cost(&self) -> u64 {
        self.attempts.iter().fold(0u64, |sum, a| sum.saturating_add(a.duration()).saturating_add(a.backoff))
    }
}

impl<'a> Timeline<'a> {
    /// Takes the times out of a run. What reaches beyond the run is cut off at its ends, so that B ≤ W holds for any
    /// file; needs that are not in the run are left out.
    pub fn of(run: &'a Run) -> Self {
        let within = |time: u64| time.clamp(run.start, run.end.max(run.start));
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (index, stage) in run.stages.iter().enumerate() {
            places.entry(&stage.id).or_insert(index);
        }
        let stages = run.stages.iter().map(|stage| {
            let mut previous_end: Option<u64> = None;
            let attempts: Vec<AttemptTimes> = stage
                .attempts
                .iter()
                .map(|attempt| {
                    let (start, end) = (within(attempt.start), within(attempt.end));
                    let submitted = attempt.submitted.map(|submitted| within(submitted).min(start));
                    let began = submitted.unwrap_or(start);
                    let pause = previous_end.map_or(0, |previous| began.saturating_sub(previous));
                    previous_end = Some(end);
                    AttemptTimes {
                        submitted,
                        start,
                        end,
                        backoff: attempt.backoff_ns.min(pause),
                        succeeded: attempt.succeeded(),
                        waited_for_pool: attempt.waited_for_pool.is_some(),
                    }
                })
                .collect();
            let wanted = stage.needs.as_deref().unwrap_or_default();
            let mut needs: Vec<usize> = wanted.iter().filter_map(|need| places.get(&**need).copied()).collect();
            let mut complete = stage.needs.is_some() && needs.len() == wanted.len();
            needs.sort_unstable();
            needs.dedup();
            if let Some(released) = released_by(run, stage, &needs, &places) {
                needs = released.into_iter().collect();
                complete = false;
            }
            StageTimes {
                id: &stage.id,
                needs,
                terminal: within(attempts.iter().map(|a| a.end).max().unwrap_or(stage.end)),
                attempts,
                ready_seen: stage.ready_time.filter(|_| !complete).map(within),
                succeeded: stage.succeeded(),
            }
        });
        Timeline {
            start: run.start,
            end: run.end.max(run.start),
            schedule_start: within(run.schedule_start.unwrap_or(run.start)),
            slots: run.slots.filter(|slots| *slots > 0),
            stages: stages.collect(),
        }
    }

    /// **W**: end − start, ns.
    pub fn wall(&self) -> u64 {
        self.end - self.start
    }

    /// All attempts of all stages.
    pub fn attempts(&self) -> impl Iterator<Item = &AttemptTimes> {
        self.stages.iter().flat_map(|stage| &stage.attempts)
    }

    /// First start and last end of all attempts.
    pub fn extent(&self) -> Option<(u64, u64)> {
        let first = self.attempts().map(|a| a.start).min()?;
        Some((first, self.attempts().map(|a| a.end).max()?))
    }

    /// **T₁**: sum of all attempts' durations, failed and killed ones too, ns.
    pub fn work(&self) -> u64 {
        self.attempts().fold(0, |sum, a| sum.saturating_add(a.duration()))
    }

    /// Work of final successful attempts only: the last attempt of each stage that succeeded, ns.
    pub fn useful(&self) -> u64 {
        self.stages
            .iter()
            .filter(|stage| stage.succeeded)
            .filter_map(|stage| stage.attempts.last().filter(|last| last.succeeded))
            .fold(0, |sum, a| sum.saturating_add(a.duration()))
    }

    /// *c(s)* of each stage, ns.
    pub fn costs(&self) -> Vec<u64> {
        self.stages.iter().map(StageTimes::cost).collect()
    }

    /// What no schedule on these slots can beat: max(T∞, T₁ / N), the quotient rounded up to a whole ns (the wall is
    /// a whole number, too). T∞ alone where slots are unlimited or unknown.
    pub fn lower_bound(&self, critical_path: u64) -> u64 {
        self.slots.map_or(critical_path, |slots| critical_path.max(self.work().div_ceil(slots)))
    }
}

/// Of a stage for which one need is enough: the one that let it start, `Some(None)` if that one isn't in the trace. `None`:
/// all its needs count, as for every other stage and for one that none of its needs let start.
///
/// Where the trace does not say which it was, it's the first of its needs that succeeded (ties: id).
fn released_by(run: &Run, stage: &Stage, needs: &[usize], places: &HashMap<&str, usize>) -> Option<Option<usize>> {
    if stage.trigger.as_deref() != Some(ANY) {
        return None;
    }
    if let Some(need) = &stage.released_by {
        return Some(places.get(&**need).copied().filter(|place| needs.contains(place)));
    }
    if stage.attempts.is_empty() && !stage.cached {
        return None;
    }
    let counts = |need: &Stage| {
        let passes = need.skip_reason.as_deref() == Some(skip_reason::WHEN);
        need.succeeded() || need.failure_is_allowed() || passes
    };
    let good = needs.iter().copied().filter(|&need| counts(&run.stages[need]));
    let order = |need: &usize| (run.stages[*need].end, &*run.stages[*need].id);
    good.min_by(|a, b| order(a).cmp(&order(b))).map(Some)
}

/// `numerator / denominator`, unrounded; `None` where the denominator is zero.
pub fn ratio(numerator: u64, denominator: u64) -> Option<f64> {
    (denominator > 0).then(|| numerator as f64 / denominator as f64)
}
