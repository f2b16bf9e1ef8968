//! The graph of needs, as indexes: cycles, order, dependents. Nothing here recurses, and every function takes time
//! proportional to the graph (the order: times the logarithm of its width).
//!
//! `needs[i]` holds the nodes that node `i` needs, all of them below `needs.len()`.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// A knot of nodes that need each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Knot {
    /// A shortest cycle through the knot's first node, starting with it; the last needs the first.
    pub(super) cycle: Vec<usize>,
    /// Number of nodes in the knot; more than the cycle's where cycles are entangled.
    pub(super) size: usize,
}

/// All knots of more than one node (a node that needs itself alone is not one), by their first node.
pub(super) fn knots(needs: &[Vec<usize>]) -> Vec<Knot> {
    let mut component = vec![usize::MAX; needs.len()];
    let mut found = Vec::new();
    for (number, mut members) in components(needs).into_iter().enumerate() {
        members.sort_unstable();
        for member in &members {
            component[*member] = number;
        }
        found.push((number, members));
    }
    found.sort_by_key(|(_, members)| members[0]);
    let mut previous = vec![usize::MAX; needs.len()];
    found
        .into_iter()
        .map(|(number, members)| Knot {
            cycle: shortest_cycle(needs, members[0], |node| component[node] == number, &mut previous),
            size: members.len(),
        })
        .collect()
}

/// Tarjan's strongly connected components with more than one member.
fn components(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    const UNSEEN: usize = usize::MAX;
    let mut number = vec![UNSEEN; needs.len()];
    let mut low = vec![0; needs.len()];
    let mut on_stack = vec![false; needs.len()];
    let (mut stack, mut calls, mut found) = (Vec::new(), Vec::new(), Vec::new());
    let mut next_number = 0;
    for root in 0..needs.len() {
        if number[root] != UNSEEN {
            continue;
        }
        calls.push((root, 0));
        while let Some((node, edge)) = calls.pop() {
            if edge == 0 {
                number[node] = next_number;
                low[node] = next_number;
                next_number += 1;
                stack.push(node);
                on_stack[node] = true;
            }
            if let Some(&target) = needs[node].get(edge) {
                calls.push((node, edge + 1));
                if number[target] == UNSEEN {
                    calls.push((target, 0));
                } else if on_stack[target] {
                    low[node] = low[node].min(number[target]);
                }
                continue;
            }
            if let Some(&(parent, _)) = calls.last() {
                low[parent] = low[parent].min(low[node]);
            }
            if low[node] == number[node] {
                let start = stack.iter().rposition(|member| *member == node).expect("it was pushed");
                let members = stack.split_off(start);
                for member in &members {
                    on_stack[*member] = false;
                }
                if members.len() > 1 {
                    found.push(members);
                }
            }
        }
    }
    found
}

/// A shortest way from `start` along needs back to it, within its component. `previous` is scratch space.
fn shortest_cycle(
    needs: &[Vec<usize>],
    start: usize,
    within: impl Fn(usize) -> bool,
    previous: &mut [usize],
) -> Vec<usize> {
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for &target in &needs[node] {
            if target == start && node != start {
                let mut cycle = vec![node];
                let mut at = node;
                while at != start {
                    at = previous[at];
                    cycle.push(at);
                }
                cycle.reverse();
                return cycle;
            }
            if target != start && within(target) && previous[target] == usize::MAX {
                previous[target] = node;
                queue.push_back(target);
            }
        }
    }
    vec![start]
}

/// For each node those that need it, ascending.
pub(super) fn dependents<N: AsRef<[usize]>>(needs: &[N]) -> Vec<Vec<usize>> {
    let mut dependents = vec![Vec::new(); needs.len()];
    for (node, needed) in needs.iter().enumerate() {
        for &need in needed.as_ref() {
            dependents[need].push(node);
        }
    }
    dependents
}

/// Each node after all that it needs, the lowest index first where there is a choice. Nodes in or behind a cycle are
/// missing.
pub(super) fn execution_order<N: AsRef<[usize]>>(needs: &[N]) -> Vec<usize> {
    let dependents = dependents(needs);
    let mut missing: Vec<usize> = needs.iter().map(|needed| needed.as_ref().len()).collect();
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..needs.len()).filter(|node| missing[*node] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        for &dependent in &dependents[node] {
            missing[dependent] -= 1;
            if missing[dependent] == 0 {
                ready.push(Reverse(dependent));
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn knots_are_found_once_each_with_a_shortest_cycle() {
        // 0 → 1 → 2 → 0, with the short cut 1 → 0; 3 ↔ 4; 5 needs itself; 6 hangs on 0.
        let needs = vec![vec![1], vec![2, 0], vec![0], vec![4], vec![3], vec![5], vec![0]];
        assert_eq!(knots(&needs), [Knot { cycle: vec![0, 1], size: 3 }, Knot { cycle: vec![3, 4], size: 2 }]);
    }

    #[test]
    fn a_ring_of_a_million_is_no_problem() {
        let n = 1_000_000;
        let needs: Vec<Vec<usize>> = (0..n).map(|i| vec![(i + 1) % n]).collect();
        let found = knots(&needs);
        assert_eq!((found.len(), found[0].size, found[0].cycle.len()), (1, n, n));
    }

    #[test]
    fn the_order_prefers_what_was_declared_first() {
        assert_eq!(execution_order(&[vec![3], vec![], vec![0], vec![]]), [1, 3, 0, 2]);
        assert_eq!(dependents(&[vec![3], vec![], vec![0, 3], vec![]]), [vec![2], vec![], vec![], vec![0, 2]]);
    }

    proptest! {
        #[test]
        fn every_node_is_either_in_order_or_held_by_a_cycle(
            needs in (1usize..12).prop_flat_map(|n| prop::collection::vec(prop::collection::vec(0..n, 0..4), n))
        ) {
            let order = execution_order(&needs);
            let mut place = vec![None; needs.len()];
            for (at, node) in order.iter().enumerate() {
                place[*node] = Some(at);
                prop_assert!(needs[*node].iter().all(|need| place[*need].is_some_and(|before| before < at)));
            }
            let knots = knots(&needs);
            for knot in &knots {
                prop_assert!(knot.cycle.len() > 1 && knot.cycle.len() <= knot.size);
                for (i, node) in knot.cycle.iter().enumerate() {
                    prop_assert!(needs[*node].contains(&knot.cycle[(i + 1) % knot.cycle.len()]));
                    prop_assert!(place[*node].is_none());
                }
            }
            let selfish = needs.iter().enumerate().any(|(i, needs)| needs.contains(&i));
            prop_assert_eq!(order.len() == needs.len(), knots.is_empty() && !selfish);
        }
    }
}
