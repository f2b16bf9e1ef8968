//! How long a run will still take: from how long its stages took in earlier runs.

use std::time::Duration;

use crate::clock::nanos;
use crate::pipeline::{Pipeline, Trigger};
use crate::plan::{Action, RunPlan};

/// The stages of a run with their needs and what is known of how long they take.
#[derive(Debug)]
pub(super) struct Forecast {
    /// Stages, each after its needs.
    order: Vec<usize>,
    /// Needs of all stages, one after the other; those of stage `i` are from `ends[i - 1]` to `ends[i]`.
    needs: Vec<usize>,
    ends: Vec<usize>,
    /// Whether one need is enough.
    any: Vec<bool>,
    /// ns; `None`: nothing is known.
    expected: Vec<Option<u64>>,
}

/// Where a stage stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has its result.
    Done,
    /// It has not begun, or waits for its next attempt; not before this pause is over.
    Waiting(Duration),
    /// It has been running for so long.
    Running(Duration),
}

impl Forecast {
    /// For a run.
    pub(super) fn new(pipeline: &Pipeline, plan: &RunPlan) -> Self {
        let mut needs = Vec::new();
        let mut ends = Vec::with_capacity(pipeline.stages.len());
        for stage in &pipeline.stages {
            needs.extend_from_slice(&stage.needs);
            ends.push(needs.len());
        }
        let expected = (0..pipeline.stages.len()).map(|at| {
            plan.stages.get(at).and_then(|stage| match stage.action {
                Action::Run => stage.expected_ns,
                Action::Reuse { .. } | Action::Leave => Some(0),
            })
        });
        Self {
            order: pipeline.execution_order(),
            needs,
            ends,
            any: pipeline.stages.iter().map(|stage| stage.trigger == Trigger::Any).collect(),
            expected: expected.collect(),
        }
    }

    /// How long a stage takes.
    pub(super) fn expected(&self, stage: usize) -> Option<Duration> {
        self.expected.get(stage).copied().flatten().filter(|&ns| ns > 0).map(Duration::from_nanos)
    }

    /// The time that is left: the longest path of what is left, or all of it spread over the slots, whichever takes longer. A
    /// stage that nothing is known of counts as an average one. `None` where less than half of what is left is known.
    /// Linear in stages and needs.
    pub(super) fn left(&self, slots: u32, standing: impl Fn(usize) -> Standing) -> Option<Duration> {
        let (mut open, mut known, mut sum) = (0u64, 0u64, 0u64);
        for (stage, expected) in self.expected.iter().enumerate() {
            if standing(stage) != Standing::Done {
                open += 1;
                if let Some(expected) = expected {
                    known += 1;
                    sum = sum.saturating_add(*expected);
                }
            }
        }
        if known * 2 < open {
            return None;
        }
        let average = sum.checked_div(known).unwrap_or(0);
        let mut ends = vec![0u64; self.expected.len()];
        let (mut longest, mut work) = (0, 0u64);
        for &stage in &self.order {
            let expected = self.expected[stage].unwrap_or(average);
            let (pause, left) = match standing(stage) {
                Standing::Done => continue,
                Standing::Waiting(pause) => (nanos(pause), expected),
                Standing::Running(elapsed) => (0, expected.saturating_sub(nanos(elapsed))),
            };
            work = work.saturating_add(left);
            let first = if stage == 0 { 0 } else { self.ends[stage - 1] };
            let needs = self.needs[first..self.ends[stage]].iter().map(|&need| ends[need]);
            let ready = if self.any[stage] { needs.min() } else { needs.max() }.unwrap_or(0);
            ends[stage] = ready.max(pause).saturating_add(left);
            longest = longest.max(ends[stage]);
        }
        Some(Duration::from_nanos(longest.max(work / u64::from(slots.max(1)))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{expecting, pipeline};
    use super::*;
    use Standing::{Done, Running, Waiting};

    const NEW: Standing = Waiting(Duration::ZERO);

    fn left(pipeline: &Pipeline, expected: &[Option<u64>], slots: u32, standing: &[Standing]) -> Option<u64> {
        let forecast = Forecast::new(pipeline, &expecting(pipeline, expected));
        forecast.left(slots, |stage| standing[stage]).map(|left| left.as_secs())
    }

    #[test]
    fn the_longest_path_or_the_work_decides() {
        // c needs a and b; d is alone.
        let four = pipeline(&[("a", &[]), ("b", &[]), ("c", &[0, 1]), ("d", &[])]);
        let expected = [Some(10), Some(20), Some(5), Some(30)];
        assert_eq!(left(&four, &expected, 4, &[NEW; 4]), Some(30));
        assert_eq!(left(&four, &expected, 2, &[NEW; 4]), Some(32), "65 s of work in two slots");
        assert_eq!(left(&four, &expected, 1, &[NEW; 4]), Some(65));
        assert_eq!(left(&four, &expected, 4, &[Done, NEW, NEW, Done]), Some(25));
        assert_eq!(left(&four, &expected, 4, &[Done; 4]), Some(0));
    }

    #[test]
    fn what_runs_has_less_left_and_never_less_than_nothing() {
        let two = pipeline(&[("a", &[]), ("b", &[0])]);
        let expected = [Some(10), Some(5)];
        let seconds = Duration::from_secs;
        assert_eq!(left(&two, &expected, 2, &[Running(seconds(4)), NEW]), Some(11));
        assert_eq!(left(&two, &expected, 2, &[Running(seconds(400)), NEW]), Some(5));
        assert_eq!(left(&two, &expected, 2, &[Waiting(seconds(60)), NEW]), Some(75), "a pause before an attempt");
    }

    #[test]
    fn nothing_is_said_of_what_is_mostly_unknown() {
        let three = pipeline(&[("a", &[]), ("b", &[0]), ("c", &[1])]);
        assert_eq!(left(&three, &[Some(9), None, None], 1, &[NEW; 3]), None);
        assert_eq!(
            left(&three, &[Some(9), Some(3), None], 1, &[NEW; 3]),
            Some(18),
            "the unknown one is an average one"
        );
        assert_eq!(left(&three, &[None; 3], 1, &[NEW; 3]), None);
        assert_eq!(left(&three, &[Some(9), None, None], 1, &[NEW, NEW, Done]), Some(18));
    }

    #[test]
    fn one_of_several_needs_may_be_enough() {
        let mut three = pipeline(&[("fast", &[]), ("slow", &[]), ("then", &[0, 1])]);
        let expected = [Some(1), Some(20), Some(30)];
        assert_eq!(left(&three, &expected, 4, &[NEW; 3]), Some(50));
        three.stages[2].trigger = Trigger::Any;
        assert_eq!(left(&three, &expected, 4, &[NEW; 3]), Some(31));
    }

    #[test]
    fn what_does_not_run_takes_no_time() {
        let two = pipeline(&[("a", &[]), ("b", &[0])]);
        let mut plan = expecting(&two, &[Some(10), Some(5)]);
        plan.stages[0].action = Action::Reuse { run_id: "R".into(), saved_ns: 10_000_000_000 };
        let forecast = Forecast::new(&two, &plan);
        assert_eq!(forecast.left(1, |_| NEW), Some(Duration::from_secs(5)));
        assert_eq!(forecast.expected(0), None);
    }
}
