//! Any pipeline: the estimate keeps the bounds that every schedule keeps.

use std::path::Path;
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::pipeline::{self, Trigger};
use crate::plan::StagePlan;

/// Stages `s0`, `s1` … with these needs.
fn pipeline(needs: &[Vec<usize>]) -> Pipeline {
    let mut text = "[pipeline]\nname = \"p\"\n".to_owned();
    for index in 0..needs.len() {
        text += &format!("[stages.s{index}]\nrun = \"true\"\n");
    }
    let mut pipeline = pipeline::parse(Path::new("pipeline.toml"), text, &[]).unwrap();
    for (stage, needs) in pipeline.stages.iter_mut().zip(needs) {
        stage.needs.clone_from(needs);
    }
    pipeline
}

/// Every stage runs, in so many ns, with its rank.
fn plan(pipeline: &Pipeline, durations: &[Option<u64>]) -> RunPlan {
    let ranks = ranks(pipeline, durations);
    let stages = durations.iter().zip(ranks);
    let stages = stages.map(|(&expected_ns, rank)| StagePlan { expected_ns, rank, ..StagePlan::default() });
    RunPlan { stages: stages.collect(), ..RunPlan::default() }
}

fn wall(pipeline: &Pipeline, plan: &RunPlan, slots: u32) -> u64 {
    simulate(pipeline, plan, slots, &[]).unwrap().wall_ns
}

#[test]
fn the_longest_way_goes_first() {
    let chain = pipeline(&[vec![], vec![], vec![1], vec![2]]);
    assert_eq!(ranks(&chain, &[Some(5), Some(1), Some(5), Some(5)]), [5, 11, 10, 5]);
    let pipeline = pipeline(&[vec![], vec![], vec![]]);
    let mut plan = plan(&pipeline, &[Some(5), Some(5), Some(10)]);
    assert_eq!((wall(&pipeline, &plan, 1), wall(&pipeline, &plan, 2), wall(&pipeline, &plan, 3)), (20, 10, 10));
    // In the order of the file the long one comes last.
    plan.stages.iter_mut().for_each(|stage| stage.rank = 0);
    assert_eq!(wall(&pipeline, &plan, 2), 15);
}

#[test]
fn unknown_stages_count_as_the_median_and_nothing_known_is_no_estimate() {
    let pipeline = pipeline(&[vec![], vec![0], vec![1], vec![2]]);
    assert_eq!(ranks(&pipeline, &[None; 4]), [4 * UNKNOWN_NS, 3 * UNKNOWN_NS, 2 * UNKNOWN_NS, UNKNOWN_NS]);
    assert_eq!(simulate(&pipeline, &plan(&pipeline, &[None; 4]), 2, &[]), None);
    let some = plan(&pipeline, &[Some(10), None, Some(30), Some(20)]);
    assert_eq!(simulate(&pipeline, &some, 2, &[]), Some(Estimate { wall_ns: 80, known: 3, unknown: 1 }));
}

#[test]
fn what_is_reused_or_left_out_takes_no_time() {
    let pipeline = pipeline(&[vec![], vec![0], vec![1], vec![]]);
    let mut plan = plan(&pipeline, &[Some(100), Some(10), Some(1), Some(1_000)]);
    plan.stages[0].action = Action::Reuse { run_id: "before".into(), saved_ns: 100 };
    plan.stages[3].action = Action::Leave;
    assert_eq!(simulate(&pipeline, &plan, 2, &[]), Some(Estimate { wall_ns: 11, known: 2, unknown: 0 }));
    for stage in &mut plan.stages {
        stage.action = Action::Reuse { run_id: "before".into(), saved_ns: 1 };
    }
    assert_eq!(simulate(&pipeline, &plan, 2, &[]), Some(Estimate { wall_ns: 0, known: 0, unknown: 0 }));
}

#[test]
fn pools_and_triggers_count() {
    let mut pipeline = pipeline(&[vec![], vec![], vec![], vec![0, 1]]);
    pipeline.pools.push(pipeline::Pool { name: "gpu".into(), capacity: pipeline::Capacity::Fixed(1), bytes: false });
    for stage in &mut pipeline.stages[..3] {
        stage.resources = vec![(0, 1)];
    }
    pipeline.stages[3].trigger = Trigger::Any;
    let mut plan = plan(&pipeline, &[Some(10), Some(10), Some(10), Some(25)]);
    // One after the other for the pool; the last one begins when the first has ended.
    assert_eq!(simulate(&pipeline, &plan, 4, &[1]).unwrap().wall_ns, 35);
    assert_eq!(simulate(&pipeline, &plan, 4, &[3]).unwrap().wall_ns, 35);
    plan.stages[3].expected_ns = Some(5);
    assert_eq!(simulate(&pipeline, &plan, 4, &[1]).unwrap().wall_ns, 30);
    assert_eq!(simulate(&pipeline, &plan, 4, &[3]).unwrap().wall_ns, 15);
}

#[test]
fn a_hundred_thousand_stages_are_no_problem() {
    // Chains of ten, and each tenth link needs two neighbours too.
    let count = 100_000;
    let needs: Vec<Vec<usize>> = (0..count)
        .map(|index| match index % 10 {
            0 => vec![],
            9 if index > 20 => vec![index - 1, index - 12, index - 21],
            _ => vec![index - 1],
        })
        .collect();
    let pipeline = pipeline(&needs);
    let durations: Vec<Option<u64>> = (0..count as u64).map(|index| Some(1 + index * 7_919 % 1_000)).collect();
    let begun = Instant::now();
    let plan = plan(&pipeline, &durations);
    let wall = wall(&pipeline, &plan, 16);
    eprintln!("100,000 stages: ranks and simulation in {:?}", begun.elapsed());
    let work: u64 = durations.iter().flatten().sum();
    assert!(wall >= work / 16 && wall <= work / 16 + 10_000, "{wall} of {work}");
}

/// Stages that need some of those before them, with durations.
fn any_stages() -> impl Strategy<Value = Vec<(Vec<usize>, u64)>> {
    prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 0..4), 0u64..1_000), 1..40).prop_map(
        |stages| {
            let stages = stages.into_iter().enumerate();
            stages
                .map(|(index, (needs, ns))| {
                    let mut needs: Vec<usize> =
                        if index == 0 { vec![] } else { needs.iter().map(|need| need.index(index)).collect() };
                    needs.sort_unstable();
                    needs.dedup();
                    (needs, ns)
                })
                .collect()
        },
    )
}

proptest! {
    #[test]
    fn no_schedule_is_faster_and_none_of_ours_slower_than_graham_says(stages in any_stages(), slots in 1u32..6) {
        let (needs, durations): (Vec<Vec<usize>>, Vec<u64>) = stages.into_iter().unzip();
        let pipeline = pipeline(&needs);
        let durations: Vec<Option<u64>> = durations.into_iter().map(Some).collect();
        let plan = plan(&pipeline, &durations);
        let work: u64 = durations.iter().flatten().sum();
        // The longest way is the longest rank.
        let longest = plan.stages.iter().map(|stage| stage.rank).max().unwrap_or(0);
        let wall = wall(&pipeline, &plan, slots);
        let slots = u64::from(slots);
        prop_assert!(longest <= wall && work.div_ceil(slots) <= wall && wall <= work);
        prop_assert!(wall * slots <= work + (slots - 1) * longest, "{wall} on {slots} of {work}, {longest}");
    }

    #[test]
    fn reuse_of_what_comes_first_never_takes_longer_in_a_row(stages in any_stages(), reused in 0usize..40) {
        let (needs, durations): (Vec<Vec<usize>>, Vec<u64>) = stages.into_iter().unzip();
        let pipeline = pipeline(&needs);
        let durations: Vec<Option<u64>> = durations.into_iter().map(Some).collect();
        let mut plan = plan(&pipeline, &durations);
        let all = wall(&pipeline, &plan, 1);
        for stage in plan.stages.iter_mut().take(reused) {
            stage.action = Action::Reuse { run_id: "before".into(), saved_ns: 0 };
        }
        let left: u64 = durations.iter().skip(reused).flatten().sum();
        prop_assert_eq!(wall(&pipeline, &plan, 1), left);
        prop_assert!(left <= all);
    }
}
