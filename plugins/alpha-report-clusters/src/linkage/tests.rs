//! Against scipy's trees, and against the definition.

use super::*;
use proptest::prelude::*;
use serde_json::Value;

const SCIPY: &str = include_str!("../../tests/fixtures/linkage.json");

/// Groups of leaves, sorted.
fn groups(labels: &[usize]) -> Vec<Vec<usize>> {
    let mut groups = vec![Vec::new(); labels.iter().max().map_or(0, |most| most + 1)];
    labels.iter().enumerate().for_each(|(leaf, label)| groups[*label].push(leaf));
    groups
}

/// Place of a pair in a condensed matrix.
fn place(leaves: usize, i: usize, j: usize) -> usize {
    leaves * i - i * (i + 1) / 2 + j - i - 1
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
}

#[test]
fn trees_and_cuts_are_those_of_scipy() {
    let cases: Vec<Value> = serde_json::from_str(SCIPY).expect("the fixture");
    assert_eq!(cases.len(), 10);
    for case in cases {
        let (leaves, distances) = (case["leaves"].as_u64().expect("leaves") as usize, numbers(&case["distances"]));
        let method = if case["method"] == "ward" { Method::Ward } else { Method::Average };
        let tree = Tree::build(leaves, method, |i, j| distances[place(leaves, i, j)]).expect("a tree");
        let expected: Vec<Vec<f64>> = case["merges"].as_array().expect("merges").iter().map(numbers).collect();
        assert_eq!(tree.merges().len(), expected.len());
        for (merge, expected) in tree.merges().iter().zip(expected) {
            assert_eq!([merge.left as f64, merge.right as f64], expected[..2], "{method:?} {leaves}");
            assert!((merge.height - expected[2]).abs() < 1e-9, "{merge:?} {expected:?}");
        }
        for cut in case["cuts"].as_array().expect("cuts") {
            // A quantile may be a height itself, up to its last digit.
            let found = groups(&tree.cut(cut[0].as_f64().expect("a height") + 1e-9));
            let expected: Vec<Vec<usize>> = serde_json::from_value(cut[1].clone()).expect("groups");
            assert_eq!(found, expected, "{method:?} {leaves} at {}", cut[0]);
        }
    }
}

// By hand: 0 and 1 on a line at 0 and 1, 2 at 5. Average: (5 + 4) / 2. Ward: √((2·25 + 2·16 − 1) / 3) = √27.
#[test]
fn three_points_by_hand() {
    let at = [0.0_f64, 1.0, 5.0];
    let heights = |method| {
        let tree = Tree::build(3, method, |i, j| (at[i] - at[j]).abs()).expect("a tree");
        tree.merges().iter().map(|merge| merge.height).collect::<Vec<_>>()
    };
    assert_eq!(heights(Method::Average), [1.0, 4.5]);
    assert!((heights(Method::Ward)[1] - 27.0_f64.sqrt()).abs() < 1e-12);
}

#[test]
fn nothing_one_and_the_unknown() {
    for leaves in [0, 1] {
        let tree = Tree::build(leaves, Method::Ward, |_, _| 1.0).expect("a tree");
        assert_eq!((tree.cut(1.0), tree.order()), (vec![0; leaves], (0..leaves).collect()));
    }
    for bad in [f64::NAN, f64::INFINITY, -1.0] {
        assert_eq!(Tree::build(3, Method::Average, |i, j| if i + j == 3 { bad } else { 1.0 }), None);
    }
}

#[test]
fn equal_distances_end() {
    for method in [Method::Average, Method::Ward] {
        let tree = Tree::build(40, method, |_, _| 1.0).expect("a tree");
        assert_eq!(groups(&tree.cut(0.5)).len(), 40);
        assert_eq!(groups(&tree.cut(100.0)).len(), 1);
        assert_eq!(Tree::build(40, method, |_, _| 0.0).expect("a tree").cut(0.0), vec![0; 40]);
    }
}

/// By the definition: merge the nearest two, again and again, asking the points each time.
fn slow_heights(points: &[(f64, f64)], method: Method) -> Vec<f64> {
    let apart = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).hypot(a.1 - b.1);
    let center = |group: &[usize]| {
        let sum = group.iter().fold((0.0, 0.0), |sum, at| (sum.0 + points[*at].0, sum.1 + points[*at].1));
        (sum.0 / group.len() as f64, sum.1 / group.len() as f64)
    };
    let distance = |one: &[usize], other: &[usize]| {
        let (n, m) = (one.len() as f64, other.len() as f64);
        match method {
            Method::Average => {
                let pairs = one.iter().flat_map(|i| other.iter().map(|j| apart(points[*i], points[*j])));
                pairs.sum::<f64>() / (n * m)
            }
            Method::Ward => apart(center(one), center(other)) * (2.0 * n * m / (n + m)).sqrt(),
        }
    };
    let mut groups: Vec<Vec<usize>> = (0..points.len()).map(|at| vec![at]).collect();
    let mut heights = Vec::new();
    while groups.len() > 1 {
        let pairs = (0..groups.len()).flat_map(|i| (i + 1..groups.len()).map(move |j| (i, j)));
        let of = |pair: &(usize, usize)| distance(&groups[pair.0], &groups[pair.1]);
        let (i, j) = pairs.min_by(|a, b| of(a).total_cmp(&of(b))).expect("two groups");
        heights.push(distance(&groups[i], &groups[j]));
        let other = groups.remove(j);
        groups[i].extend(other);
    }
    heights
}

proptest! {
    #[test]
    fn heights_follow_from_the_definition(
        points in proptest::collection::vec((-10.0..10.0_f64, -10.0..10.0_f64), 2..14), ward: bool
    ) {
        let method = if ward { Method::Ward } else { Method::Average };
        let apart = |i: usize, j: usize| (points[i].0 - points[j].0).hypot(points[i].1 - points[j].1);
        let tree = Tree::build(points.len(), method, apart).expect("a tree");
        for (merge, expected) in tree.merges().iter().zip(slow_heights(&points, method)) {
            prop_assert!((merge.height - expected).abs() < 1e-6, "{} {}", merge.height, expected);
        }
    }

    #[test]
    fn cuts_nest_and_the_order_keeps_groups_together(
        distances in proptest::collection::vec(0.0..1.0_f64, 190), leaves in 1..20_usize, low in 0.0..1.0_f64, more in 0.0..1.0_f64
    ) {
        let tree = Tree::build(leaves, Method::Average, |i, j| distances[place(leaves, i, j)]).expect("a tree");
        prop_assert!(tree.merges().is_sorted_by(|a, b| a.height <= b.height));
        let (fine, coarse) = (tree.cut(low), tree.cut(low + more));
        for (i, j) in (0..leaves).flat_map(|i| (0..leaves).map(move |j| (i, j))) {
            prop_assert!(fine[i] != fine[j] || coarse[i] == coarse[j]);
        }
        let order = tree.order();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..leaves).collect::<Vec<_>>());
        let mut runs: Vec<usize> = order.iter().map(|leaf| fine[*leaf]).collect();
        runs.dedup();
        prop_assert_eq!(runs.len(), groups(&fine).len());
    }
}
