//! The invariants of `DESIGN` 6 and `facts` 3.6, over random runs, from file to summary.

use super::simulator::{Plan, SimRun, Stage, plan, simulate};
use super::*;
use crate::trace::metrics::chain::Class;
use proptest::prelude::*;

fn tiles(summary: &Summary) -> bool {
    let chain = summary.chain.as_ref().expect("a chain");
    let mut at = summary.run.start_time.expect("a start");
    for segment in chain {
        if segment.start_time != at
            || segment.end_time <= at
            || segment.stage.is_none() != (segment.class == Class::Overhead)
        {
            return false;
        }
        at = segment.end_time;
    }
    at == summary.run.end_time.expect("an end")
}

/// The parts of a summary that only depend on what took time.
fn essence(s: &Summary) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        (s.wall_ns, s.makespan_ns, s.busy_ns, s.idle, s.work_ns, s.useful_ns, s.speedup, s.efficiency, s.cpu_use),
        (s.levels.clone(), s.critical_path.clone(), s.lower_bound_ns, s.queue, s.chain_totals, s.chain.clone()),
        s.warnings.clone(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn invariants(plan in plan()) {
        let run = simulate(&plan);
        let s = summary_of(&run.text());
        prop_assert_eq!(&s.warnings, &Vec::<String>::new());
        let (w, b, t1) = (s.wall_ns, s.busy_ns, s.work_ns);
        prop_assert!(b <= w);
        prop_assert!(b <= t1 && t1 <= s.max_concurrency * b);
        prop_assert!(plan.slots == 0 || s.max_concurrency <= plan.slots);
        prop_assert_eq!(s.idle.total_ns, w - b);
        prop_assert_eq!(s.idle.lead_in_ns + s.idle.gaps_ns + s.idle.tail_ns, s.idle.total_ns);
        prop_assert_eq!(s.levels.iter().sum::<u64>(), w);
        prop_assert_eq!(s.levels[1..].iter().sum::<u64>(), b);
        prop_assert_eq!((0u64..).zip(&s.levels).map(|(level, ns)| level * ns).sum::<u64>(), t1);
        prop_assert_eq!(s.useful_ns + s.wasted_ns, t1);
        prop_assert_eq!(s.stages.iter().map(|stage| stage.weighted_ns).sum::<u64>(), b);

        let path = s.critical_path.as_ref().expect("a path");
        prop_assert!(path.duration_ns <= s.makespan_ns);
        prop_assert!(s.lower_bound_ns.expect("a bound") <= w);
        let row = |id: &String| s.stages.iter().find(|stage| stage.id == *id).expect("a stage");
        prop_assert_eq!(path.stages.iter().map(|id| row(id).cost_ns).sum::<u64>(), path.duration_ns);
        for id in &path.stages {
            prop_assert_eq!((row(id).slack_ns, row(id).critical), (Some(0), Some(true)));
        }
        for stage in &s.stages {
            prop_assert!(stage.slack_ns.expect("slack") <= path.duration_ns);
            prop_assert!(stage.drag_ns.unwrap_or(0) <= stage.cost_ns);
        }

        prop_assert!(tiles(&s), "{:?}", s.chain);
        let totals = s.chain_totals.expect("totals");
        prop_assert_eq!(totals.execution_ns + totals.queue_ns + totals.backoff_ns + totals.overhead_ns, w);
        let queue = s.queue.expect("queue");
        prop_assert_eq!(queue.slot_ns.zip(queue.dispatch_ns).map(|(slot, dispatch)| slot + dispatch), Some(queue.total_ns));
        prop_assert_eq!(s.stages.iter().filter_map(|stage| stage.queue_ns).sum::<u64>(), queue.total_ns);
        let in_pools = run.stages.iter().any(|stage| stage.pool && !stage.attempts.is_empty());
        prop_assert_eq!(queue.pool_ns.is_some(), in_pools);
        prop_assert!(queue.pool_ns.unwrap_or(0) <= queue.dispatch_ns.unwrap_or(0));
        for ratio in [s.efficiency, s.schedule_quality].into_iter().flatten() {
            prop_assert!((0.0..=1.0 + 1e-12).contains(&ratio), "{}", ratio);
        }
        // Nothing is NaN or infinite: those would be null in JSON, and only None may be.
        for ratio in [s.speedup, s.efficiency, s.cpu_use, s.max_speedup, s.schedule_quality].into_iter().flatten() {
            prop_assert!(ratio.is_finite());
        }
    }

    /// What a stage waited for, by the simulator's own account: of those for which one need is enough, that one alone.
    #[test]
    fn only_what_let_a_stage_start_counts(plan in plan()) {
        let run = simulate(&plan);
        let s = summary_of(&run.text());
        let waited_for = |stage: &Stage| stage.released_by.map_or_else(|| stage.needs.clone(), |need| vec![need]);
        let mut finish = vec![0; run.stages.len()];
        for (index, stage) in run.stages.iter().enumerate() {
            let needs = waited_for(stage);
            let start = needs.iter().map(|&need| finish[need]).max().unwrap_or(0);
            let cost: u64 = stage.attempts.iter().map(|a| a.end - a.start + a.backoff).sum();
            finish[index] = start + cost;
            let Some(first) = stage.attempts.first() else { continue };
            let ready = needs.iter().map(|&need| run.stages[need].end).max().unwrap_or(run.schedule_start);
            prop_assert_eq!(stage.ready, Some(ready));
            let between: u64 = stage.attempts.windows(2).map(|pair| pair[1].start - pair[0].end - pair[1].backoff).sum();
            prop_assert_eq!(s.stages[index].queue_ns, Some(first.start - ready + between));
        }
        prop_assert_eq!(s.critical_path.as_ref().map(|path| path.duration_ns), Some(finish.into_iter().max().unwrap_or(0)));
        // Two stages that follow each other on the chain do so because the second waited for the first.
        let place = |id: &Option<String>| run.stages.iter().position(|stage| Some(&stage.id) == id.as_ref());
        let on_chain: Vec<usize> = s.chain.iter().flatten().filter_map(|segment| place(&segment.stage)).collect();
        for pair in on_chain.windows(2).filter(|pair| pair[0] != pair[1]) {
            let (mut reached, mut next) = (waited_for(&run.stages[pair[1]]), 0);
            // Through stages that took no time.
            while let Some(&need) = reached.get(next) {
                if run.stages[need].attempts.iter().all(|a| a.start == a.end) {
                    let more = waited_for(&run.stages[need]);
                    reached.extend(more.into_iter().filter(|more| !reached.contains(more)).collect::<Vec<_>>());
                }
                next += 1;
            }
            prop_assert!(reached.contains(&pair[0]), "{:?}", pair);
        }
    }

    #[test]
    fn order_in_the_file_changes_nothing(plan in plan(), seed: u64) {
        let run = simulate(&plan);
        let mut spans = run.spans();
        let mut seed = seed | 1;
        for at in (1..spans.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            spans.swap(at, (seed >> 33) as usize % (at + 1));
        }
        prop_assert_eq!(summary_of(&run.text()), summary_of(&format!("[{}]", spans.join(","))));
    }

    #[test]
    fn a_time_shift_changes_nothing(plan in plan(), shift in 0u64..1 << 60) {
        let run = simulate(&plan);
        let mut before = summary_of(&run.text());
        let after = summary_of(&run.map_times(|time| time + shift, 1).text());
        for time in [&mut before.run.start_time, &mut before.run.end_time] {
            *time = time.map(|time| time + shift);
        }
        for stage in &mut before.stages {
            stage.start_time += shift;
            stage.end_time += shift;
        }
        for segment in before.chain.iter_mut().flatten() {
            segment.start_time += shift;
            segment.end_time += shift;
        }
        prop_assert_eq!(before, after);
    }

    #[test]
    fn scaling_scales(plan in plan(), scale in 2u64..1000) {
        let run = simulate(&plan);
        let (s, scaled) = (summary_of(&run.text()), summary_of(&run.map_times(|time| time * scale, scale).text()));
        let numbers = |s: &Summary| {
            let mut all = vec![s.wall_ns, s.makespan_ns, s.busy_ns, s.work_ns, s.useful_ns, s.idle.lead_in_ns, s.idle.gaps_ns];
            all.extend(&s.levels);
            all.push(s.critical_path.as_ref().expect("a path").duration_ns);
            let (queue, totals) = (s.queue.expect("queue"), s.chain_totals.expect("totals"));
            all.extend([queue.total_ns, queue.slot_ns.unwrap_or(0)]);
            all.extend([totals.execution_ns, totals.queue_ns, totals.backoff_ns, totals.overhead_ns]);
            all.extend(s.stages.iter().flat_map(|s| [s.cost_ns, s.duration_ns, s.queue_ns.unwrap_or(0), s.slack_ns.unwrap_or(0), s.drag_ns.unwrap_or(0)]));
            all
        };
        prop_assert_eq!(numbers(&s).iter().map(|n| n * scale).collect::<Vec<_>>(), numbers(&scaled));
        prop_assert_eq!(&s.critical_path.as_ref().expect("a path").stages, &scaled.critical_path.as_ref().expect("a path").stages);
        // Weighted time and T₁ / N are rounded to whole ns.
        for (a, b) in s.stages.iter().zip(&scaled.stages) {
            prop_assert!((a.weighted_ns * scale).abs_diff(b.weighted_ns) <= scale);
        }
        prop_assert!((s.lower_bound_ns.expect("a bound") * scale).abs_diff(scaled.lower_bound_ns.expect("a bound")) <= scale);
    }

    /// A stage without cost, cached or skipped, as a leaf and between stages.
    #[test]
    fn a_zero_stage_changes_nothing(plan in plan(), needs in prop::collection::vec(any::<bool>(), 16), before: prop::sample::Index) {
        // Cancelled stages without attempts have a decision of their own; nothing can come after them.
        let run = simulate(&Plan { cancel_at: None, ..plan });
        let insert = |needs: Vec<usize>, before: Option<usize>| -> SimRun {
            let mut run = run.clone();
            let end = needs.iter().map(|&need| run.stages[need].end).max().unwrap_or(run.schedule_start);
            let index = run.stages.len();
            run.stages.push(Stage { id: "zz".into(), needs, ready: Some(end), attempts: vec![], result: "success", end, cached: true,
                trigger: "all", released_by: None, skip_reason: None, allow_failure: false, pool: false });
            if let Some(stage) = before {
                run.stages[stage].needs.push(index);
            }
            run
        };
        let base = essence(&summary_of(&run.text()));
        let leaf = (0..run.stages.len()).filter(|&stage| needs[stage]).collect();
        if !run.stages.is_empty() {
            prop_assert_eq!(&essence(&summary_of(&insert(leaf, None).text())), &base);
            let stage = before.index(run.stages.len());
            let some = run.stages[stage].needs.iter().copied().filter(|&need| needs[need]).collect();
            prop_assert_eq!(&essence(&summary_of(&insert(some, Some(stage)).text())), &base);
        }
    }

    /// Weighted time against its definition, one nanosecond after the other.
    #[test]
    fn weighted_time_is_what_it_says(plan in plan()) {
        let run = simulate(&plan);
        let s = summary_of(&run.text());
        let mut want = vec![0.0; run.stages.len()];
        for ns in run.start..run.end {
            let runs = |stage: &Stage| stage.attempts.iter().filter(|a| a.start <= ns && ns < a.end).count();
            let running: usize = run.stages.iter().map(runs).sum();
            for (share, stage) in want.iter_mut().zip(&run.stages) {
                *share += if running > 0 { runs(stage) as f64 / running as f64 } else { 0.0 };
            }
        }
        for (stage, want) in s.stages.iter().zip(want) {
            prop_assert!((stage.weighted_ns as f64 - want).abs() < 1.0 + 1e-6);
        }
    }
}
