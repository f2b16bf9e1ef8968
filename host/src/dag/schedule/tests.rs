//! Any pipeline, whatever its stages come to: each gets a result, none starts too early, no pool is overdrawn.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::pipeline::{self, Capacity, Pool};
use crate::plan::StagePlan;

/// A pipeline of stages `s0`, `s1` … with these needs and triggers.
fn pipeline(stages: &[(Vec<usize>, Trigger)]) -> Pipeline {
    let mut text = "[pipeline]\nname = \"p\"\n".to_owned();
    for index in 0..stages.len() {
        text += &format!("[stages.s{index}]\nrun = \"true\"\n");
    }
    let mut pipeline = pipeline::parse(Path::new("pipeline.toml"), text, &[]).unwrap();
    for (stage, (needs, trigger)) in pipeline.stages.iter_mut().zip(stages) {
        stage.needs.clone_from(needs);
        stage.trigger = *trigger;
    }
    pipeline
}

fn all(needs: &[usize]) -> (Vec<usize>, Trigger) {
    (needs.to_vec(), Trigger::All)
}

fn schedule(pipeline: &Pipeline) -> Schedule<'_> {
    let capacities = pipeline.pools.iter().map(|pool| match pool.capacity {
        Capacity::Fixed(amount) => amount,
        _ => unreachable!("tests say how much"),
    });
    let mut schedule = Schedule::new(pipeline, &RunPlan::run_all(pipeline), capacities.collect());
    for released in schedule.roots() {
        schedule.make_ready(released.stage);
    }
    schedule
}

fn take(schedule: &mut Schedule<'_>) -> Option<usize> {
    schedule.take_ready().map(|taken| taken.stage)
}

fn pass(schedule: &mut Schedule<'_>, stage: usize) -> Followed {
    let followed = schedule.settle(stage, StageResult::Success, Settled::Passed);
    followed.released.iter().for_each(|released| schedule.make_ready(released.stage));
    followed
}

fn fail(schedule: &mut Schedule<'_>, stage: usize) -> Followed {
    let followed = schedule.settle(stage, StageResult::Failure, Settled::Blocked);
    followed.released.iter().for_each(|released| schedule.make_ready(released.stage));
    followed
}

#[test]
fn priority_goes_before_rank_and_rank_before_declaration() {
    let mut pipeline = pipeline(&[all(&[]), all(&[]), all(&[]), all(&[])]);
    pipeline.stages[3].priority = 1;
    let mut plan = RunPlan::run_all(&pipeline);
    plan.stages[2] = StagePlan { rank: 5, ..StagePlan::default() };
    let mut schedule = Schedule::new(&pipeline, &plan, Vec::new());
    for released in schedule.roots() {
        schedule.make_ready(released.stage);
    }
    let order: Vec<usize> = std::iter::from_fn(|| take(&mut schedule)).collect();
    assert_eq!(order, [3, 2, 0, 1]);
}

#[test]
fn what_was_left_out_hides_nothing_that_was_not() {
    let pipeline = pipeline(&[all(&[]), all(&[0]), all(&[]), all(&[2])]);
    let mut schedule = Schedule::new(&pipeline, &RunPlan::run_all(&pipeline), Vec::new());
    schedule.leave(0);
    schedule.leave(1);
    assert_eq!(schedule.settle(0, StageResult::Skip, Settled::Blocked), Followed::default());
    assert_eq!(schedule.settle(1, StageResult::Skip, Settled::Blocked), Followed::default());
    assert_eq!(schedule.roots(), [Released { stage: 2, by: None }]);
}

#[test]
fn any_starts_with_the_first_success_and_is_skipped_when_none_is_left() {
    let pipeline = pipeline(&[all(&[]), all(&[]), (vec![0, 1], Trigger::Any), (vec![0, 1], Trigger::Any)]);
    let mut one = schedule(&pipeline);
    assert_eq!(fail(&mut one, 0), Followed::default());
    let followed = pass(&mut one, 1);
    assert_eq!(followed.released, [2, 3].map(|stage| Released { stage, by: Some(1) }));
    let mut none = schedule(&pipeline);
    fail(&mut none, 1);
    assert_eq!(fail(&mut none, 0).skipped, [(2, 0), (3, 0)]);
    assert_eq!(none.open(), 0);
    let mut both = schedule(&pipeline);
    assert_eq!(pass(&mut both, 0).released.len(), 2);
    assert_eq!(pass(&mut both, 1), Followed::default());
}

#[test]
fn always_starts_when_all_have_ended_however() {
    let pipeline = pipeline(&[all(&[]), all(&[0]), (vec![0, 1], Trigger::Always), all(&[2])]);
    let mut schedule = schedule(&pipeline);
    let followed = fail(&mut schedule, 0);
    assert_eq!(followed.skipped, [(1, 0)]);
    assert_eq!(followed.released, [Released { stage: 2, by: None }]);
    assert_eq!(pass(&mut schedule, 2).released, [Released { stage: 3, by: None }]);
}

#[test]
fn what_does_not_fit_is_passed_over_but_not_for_ever() {
    let mut pipeline = pipeline(&vec![all(&[]); 60]);
    pipeline.pools = vec![Pool { name: "gpu".into(), capacity: Capacity::Fixed(2), bytes: false }];
    pipeline.stages[0].resources = vec![(0, 1)];
    // The second stage wants the whole pool, all others a part of it.
    pipeline.stages[1].resources = vec![(0, 2)];
    pipeline.stages[2..].iter_mut().for_each(|stage| stage.resources = vec![(0, 1)]);
    let mut schedule = schedule(&pipeline);
    assert_eq!(take(&mut schedule), Some(0));
    let mut running = vec![0];
    let mut before = 0;
    loop {
        while let Some(taken) = schedule.take_ready() {
            if taken.stage == 1 {
                assert!(running.is_empty(), "{running:?}");
                assert_eq!(taken.waited_for, Some(0));
                assert!(before <= PASSES_MAX as usize, "{before} went before");
                return;
            }
            before += 1;
            running.push(taken.stage);
        }
        let ended = running.remove(0);
        schedule.release(ended);
        pass(&mut schedule, ended);
    }
}

#[test]
fn a_stage_that_wants_more_than_the_machine_has_gets_all_of_it() {
    let mut pipeline = pipeline(&[all(&[]), all(&[])]);
    pipeline.pools = vec![Pool { name: "cpu".into(), capacity: Capacity::Fixed(4), bytes: false }];
    pipeline.stages[1].resources = vec![(0, 64)];
    pipeline.stages[0].resources = vec![(0, 1)];
    let mut schedule = schedule(&pipeline);
    assert_eq!(take(&mut schedule), Some(0));
    assert_eq!(take(&mut schedule), None);
    schedule.release(0);
    assert_eq!(take(&mut schedule), Some(1));
}

#[derive(Clone, Debug)]
struct Case {
    stages: Vec<(Vec<usize>, Trigger)>,
    /// Whether a stage, should it run, passes.
    passes: Vec<bool>,
    takes: Vec<Vec<(usize, u64)>>,
    priorities: Vec<i32>,
    capacities: Vec<u64>,
    slots: usize,
    /// Which of the running stages ends next.
    ends: Vec<usize>,
}

fn case() -> impl Strategy<Value = Case> {
    let trigger = prop_oneof![3 => Just(Trigger::All), 1 => Just(Trigger::Any), 1 => Just(Trigger::Always)];
    let stage = (prop::collection::vec(any::<prop::sample::Index>(), 0..4), trigger, any::<bool>(), -2..3i32);
    let stage = (stage, prop::collection::vec((0usize..3, 1u64..5), 0..3));
    (
        prop::collection::vec(stage, 1..30),
        prop::collection::vec(1u64..5, 3),
        1usize..5,
        prop::collection::vec(0usize..8, 40),
    )
        .prop_map(|(drawn, capacities, slots, ends)| {
            let mut case = Case {
                stages: Vec::new(),
                passes: Vec::new(),
                takes: Vec::new(),
                priorities: Vec::new(),
                capacities,
                slots,
                ends,
            };
            for (at, ((needs, trigger, passes, priority), mut takes)) in drawn.into_iter().enumerate() {
                let mut needs: Vec<usize> =
                    if at == 0 { Vec::new() } else { needs.into_iter().map(|need| need.index(at)).collect() };
                needs.sort_unstable();
                needs.dedup();
                takes.sort_unstable();
                takes.dedup_by_key(|take| take.0);
                case.stages.push((needs, trigger));
                case.passes.push(passes);
                case.takes.push(takes);
                case.priorities.push(priority);
            }
            case
        })
}

proptest! {
    #[test]
    fn every_stage_gets_its_result_in_time(case in case()) {
        let mut pipeline = pipeline(&case.stages);
        pipeline.pools = case.capacities.iter().enumerate()
            .map(|(at, &amount)| Pool { name: format!("p{at}"), capacity: Capacity::Fixed(amount), bytes: false })
            .collect();
        for (at, stage) in pipeline.stages.iter_mut().enumerate() {
            stage.resources.clone_from(&case.takes[at]);
            stage.priority = case.priorities[at];
        }
        let mut schedule = schedule(&pipeline);
        let mut passed: Vec<Option<bool>> = vec![None; case.stages.len()];
        let (mut running, mut started, mut ends) = (Vec::new(), Vec::new(), case.ends.iter().cycle());
        loop {
            while running.len() < case.slots && let Some(taken) = schedule.take_ready() {
                let (needs, trigger) = &case.stages[taken.stage];
                let mut of = needs.iter().map(|&need| passed[need]);
                let may = match trigger {
                    Trigger::All => of.all(|one| one == Some(true)),
                    Trigger::Any => needs.is_empty() || of.any(|one| one == Some(true)),
                    Trigger::Always => of.all(|one| one.is_some()),
                };
                prop_assert!(may);
                prop_assert!(!started.contains(&taken.stage));
                started.push(taken.stage);
                running.push(taken.stage);
                for (pool, capacity) in case.capacities.iter().enumerate() {
                    let used: u64 = running.iter().flat_map(|&stage| &case.takes[stage])
                        .filter(|take| take.0 == pool).map(|take| take.1.min(*capacity)).sum();
                    prop_assert!(used <= *capacity);
                }
            }
            if running.is_empty() {
                break;
            }
            let ended = running.remove(ends.next().unwrap() % running.len());
            schedule.release(ended);
            passed[ended] = Some(case.passes[ended]);
            let followed =
                if case.passes[ended] { pass(&mut schedule, ended) } else { fail(&mut schedule, ended) };
            for (skipped, need) in followed.skipped {
                prop_assert_eq!(passed[need], Some(false));
                prop_assert!(case.stages[skipped].1 != Trigger::Always);
                passed[skipped] = Some(false);
            }
        }
        prop_assert_eq!(schedule.open(), 0);
        prop_assert!(passed.iter().all(Option::is_some));
    }
}
