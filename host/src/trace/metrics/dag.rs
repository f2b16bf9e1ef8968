//! The critical path method over a DAG of costs: T∞, slack and drag. Knows nothing of when stages really ran.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What the DAG alone says about a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CriticalPath {
    /// **T∞**: longest path by cost, the wall with unlimited slots, ns.
    pub duration: u64,
    /// One longest path in order. Stages without cost pass through and are not listed. Of several longest paths the
    /// one that is found from the end by always taking the smallest id.
    pub stages: Vec<usize>,
    /// Total float of each stage against T∞, ns: LS − ES.
    pub slack: Vec<u64>,
    /// For critical stages T∞ − T∞ with c(s) = 0: the most that speeding it up can save, ns.
    pub drag: Vec<Option<u64>>,
}

impl CriticalPath {
    /// True for a stage that has a cost and lies on some longest path.
    pub fn is_critical(&self, stage: usize) -> bool {
        self.drag[stage].is_some()
    }
}

/// Computes all of it in O((V + E) log E). `None` if the needs form a circle. `id` decides ties.
///
/// **Drag** needs the longest path that avoids a stage. Put the stages in topological order: a path that avoids the
/// stage at place p has exactly one step (u → v) that jumps over p, where "before the first" and "after the last"
/// count as ends of steps; all of the path up to u lies before p and all from v on after it. So the longest avoiding
/// path is the largest EF(u) + rest(v) over the steps that jump over p, and one sweep with a heap finds it for all p.
pub fn critical_path<'a>(
    needs: &[impl AsRef<[usize]>],
    costs: &[u64],
    id: impl Fn(usize) -> &'a str,
) -> Option<CriticalPath> {
    let count = costs.len();
    let needs: Vec<&[usize]> = needs.iter().map(AsRef::as_ref).collect();
    let order = topological_order(&needs)?;

    // Earliest finish of each stage, and the longest path from its start to the end.
    let mut finish = vec![0u64; count];
    for &stage in &order {
        let start = needs[stage].iter().map(|&need| finish[need]).max().unwrap_or(0);
        finish[stage] = start.saturating_add(costs[stage]);
    }
    let start = |stage: usize| needs[stage].iter().map(|&need| finish[need]).max().unwrap_or(0);
    let mut after = vec![0u64; count];
    let mut has_successor = vec![false; count];
    for &stage in order.iter().rev() {
        let rest = after[stage].saturating_add(costs[stage]);
        for &need in needs[stage] {
            after[need] = after[need].max(rest);
            has_successor[need] = true;
        }
    }
    let rest = |stage: usize| after[stage].saturating_add(costs[stage]);
    let duration = finish.iter().copied().max().unwrap_or(0);
    let slack: Vec<u64> =
        (0..count).map(|stage| duration.saturating_sub(start(stage).saturating_add(rest(stage)))).collect();

    // Steps that jump over a place, by the place they come from.
    let mut place = vec![0; count];
    for (at, &stage) in order.iter().enumerate() {
        place[stage] = at;
    }
    let mut avoiding = vec![0u64; count];
    let mut jumps: BinaryHeap<(u64, Reverse<usize>)> = BinaryHeap::new();
    let mut successors: Vec<Vec<usize>> = vec![Vec::new(); count];
    for stage in 0..count {
        for &need in needs[stage] {
            successors[need].push(stage);
        }
        if needs[stage].is_empty() {
            jumps.push((rest(stage), Reverse(place[stage])));
        }
    }
    for (at, &stage) in order.iter().enumerate() {
        // What lands here or before no longer jumps. Only the top matters.
        while jumps.peek().is_some_and(|(_, Reverse(lands))| *lands <= at) {
            jumps.pop();
        }
        avoiding[stage] = jumps.peek().map_or(0, |(length, _)| *length);
        for &next in &successors[stage] {
            jumps.push((finish[stage].saturating_add(rest(next)), Reverse(place[next])));
        }
        if !has_successor[stage] {
            jumps.push((finish[stage], Reverse(count)));
        }
    }
    let drag = (0..count)
        .map(|stage| {
            (slack[stage] == 0 && costs[stage] > 0).then(|| costs[stage].min(duration.saturating_sub(avoiding[stage])))
        })
        .collect();

    let smallest = |stages: &mut dyn Iterator<Item = usize>| stages.min_by(|a, b| id(*a).cmp(id(*b)).then(a.cmp(b)));
    let mut stages = Vec::new();
    let mut at = smallest(&mut (0..count).filter(|&stage| finish[stage] == duration && costs[stage] > 0));
    while let Some(stage) = at {
        if costs[stage] > 0 {
            stages.push(stage);
        }
        let begins = start(stage);
        at = smallest(&mut needs[stage].iter().copied().filter(|&need| begins > 0 && finish[need] == begins));
    }
    stages.reverse();
    Some(CriticalPath { duration, stages, slack, drag })
}

/// Each stage after all it needs; `None` if there is a circle.
fn topological_order(needs: &[&[usize]]) -> Option<Vec<usize>> {
    let mut waiting: Vec<usize> = needs.iter().map(|needs| needs.len()).collect();
    let mut successors: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    for (stage, needs) in needs.iter().enumerate() {
        for &need in *needs {
            successors[need].push(stage);
        }
    }
    let mut order: Vec<usize> = (0..needs.len()).filter(|&stage| waiting[stage] == 0).collect();
    let mut next = 0;
    while let Some(&stage) = order.get(next) {
        next += 1;
        for &successor in &successors[stage] {
            waiting[successor] -= 1;
            if waiting[successor] == 0 {
                order.push(successor);
            }
        }
    }
    (order.len() == needs.len()).then_some(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|stage| format!("s{stage:06}")).collect()
    }

    fn solve(needs: &[Vec<usize>], costs: &[u64]) -> Option<CriticalPath> {
        let names = names(costs.len());
        critical_path(needs, costs, |stage| &names[stage])
    }

    #[test]
    fn circles_have_no_critical_path() {
        assert_eq!(solve(&[vec![0]], &[1]), None);
        assert_eq!(solve(&[vec![1], vec![0], vec![]], &[1, 1, 1]), None);
        assert_eq!(solve(&[], &[]), Some(CriticalPath::default()));
    }

    /// A deep chain and a dense ladder of 10,000 stages, well below the time a reader notices.
    #[test]
    fn large_graphs_are_fast_and_do_not_recurse() {
        let count = 10_000;
        let chain: Vec<Vec<usize>> = (0..count).map(|s: usize| s.checked_sub(1).into_iter().collect()).collect();
        let ladder: Vec<Vec<usize>> = (0..count).map(|s: usize| (s.saturating_sub(20)..s).collect()).collect();
        let began = std::time::Instant::now();
        for needs in [chain, ladder] {
            let path = solve(&needs, &vec![3; count]).expect("no circle");
            assert_eq!((path.duration, path.stages.len()), (30_000, count));
            assert!(path.drag.iter().all(|drag| *drag == Some(3)), "{:?}", &path.drag[..3]);
        }
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    }

    proptest! {
        /// Slack and drag by their definitions, the slow way.
        #[test]
        fn slack_and_drag_are_what_they_say(
            stages in prop::collection::vec((0u64..6, prop::collection::vec(any::<prop::sample::Index>(), 0..4)), 1..14)
        ) {
            let costs: Vec<u64> = stages.iter().map(|(cost, _)| *cost).collect();
            let needs: Vec<Vec<usize>> = stages.iter().enumerate().map(|(stage, (_, needs))| {
                let mut needs: Vec<usize> = if stage == 0 { vec![] } else { needs.iter().map(|n| n.index(stage)).collect() };
                needs.sort_unstable();
                needs.dedup();
                needs
            }).collect();
            let path = solve(&needs, &costs).expect("no circle");
            prop_assert_eq!(path.stages.iter().map(|s| costs[*s]).sum::<u64>(), path.duration);
            for pair in path.stages.windows(2) {
                prop_assert!(pair[0] < pair[1]);
            }
            for stage in 0..costs.len() {
                let with = |cost| {
                    let mut costs = costs.clone();
                    costs[stage] = cost;
                    solve(&needs, &costs).expect("no circle").duration
                };
                // One more than the slack makes the run longer, the slack does not.
                prop_assert_eq!(with(costs[stage] + path.slack[stage]), path.duration);
                prop_assert_eq!(with(costs[stage] + path.slack[stage] + 1), path.duration + 1);
                if let Some(drag) = path.drag[stage] {
                    prop_assert_eq!(drag, path.duration - with(0));
                }
                prop_assert_eq!(path.is_critical(stage), path.slack[stage] == 0 && costs[stage] > 0);
            }
            for stage in &path.stages {
                prop_assert_eq!(path.slack[*stage], 0);
            }
        }
    }
}
