//! Spans folded into a call tree: those of one name below one step become one step. Bounded however many names there
//! are and however deep they lie: once a tree is full or a step stands too deep, what would be a new step is put together
//! in a step without a name, one below each step.

use super::Step;
use crate::trace::metrics::ratio;
use crate::trace::span::NONE;
use std::collections::HashMap;

/// Named steps of one tree.
const STEPS_MAX: u32 = 2_000;
/// Named steps of all trees.
const ALL_STEPS_MAX: usize = 50_000;
/// Levels of named steps: a recursion must not use up the tree.
const DEPTH_MAX: u32 = 64;
/// Characters of a step's name.
const NAME_MAX: usize = 500;

/// The trees of all attempts.
#[derive(Default)]
pub(super) struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    by_name: HashMap<(u32, &'a str), u32>,
    named: usize,
}

struct Node<'a> {
    /// [`NONE`] for roots.
    parent: u32,
    /// `None` for roots and for what was put together.
    name: Option<&'a str>,
    /// Of a root: 0.
    depth: u32,
    /// Where new names go when the tree is full.
    rest: u32,
    /// Of a root: how many named steps its tree has.
    named: u32,
    calls: u64,
    errors: u64,
    total: u64,
    self_time: u64,
    max: u64,
    first: u64,
}

/// One span, as a step counts it; times in ns.
#[derive(Clone, Copy)]
pub(super) struct Call {
    /// After the attempt's start.
    pub(super) start: u64,
    pub(super) duration: u64,
    pub(super) self_time: u64,
    pub(super) failed: bool,
}

impl<'a> Tree<'a> {
    /// A new tree.
    pub(super) fn root(&mut self) -> u32 {
        self.node(NONE, None)
    }

    fn node(&mut self, parent: u32, name: Option<&'a str>) -> u32 {
        let depth = self.nodes.get(parent as usize).map_or(0, |above| above.depth + 1);
        self.nodes.push(Node {
            parent,
            name,
            depth,
            rest: NONE,
            named: 0,
            calls: 0,
            errors: 0,
            total: 0,
            self_time: 0,
            max: 0,
            first: u64::MAX,
        });
        self.nodes.len() as u32 - 1
    }

    /// The step of a name below another one, or below the root itself.
    pub(super) fn below(&mut self, above: u32, root: u32, name: &'a str) -> u32 {
        let Node { parent, name: above_name, depth, rest, .. } = self.nodes[above as usize];
        if above_name.is_none() && parent != NONE {
            return above; // What is below what was put together is in there, too.
        }
        if let Some(&node) = self.by_name.get(&(above, name)) {
            return node;
        }
        if depth < DEPTH_MAX && self.nodes[root as usize].named < STEPS_MAX && self.named < ALL_STEPS_MAX {
            let node = self.node(above, Some(name));
            self.by_name.insert((above, name), node);
            self.nodes[root as usize].named += 1;
            self.named += 1;
            return node;
        }
        if rest != NONE {
            return rest;
        }
        let node = self.node(above, None);
        self.nodes[above as usize].rest = node;
        node
    }

    /// Counts a span.
    pub(super) fn add(&mut self, node: u32, call: Call) {
        let node = &mut self.nodes[node as usize];
        // Spans in there lie within each other: only self times add up to something.
        let total = if node.name.is_none() { call.self_time } else { call.duration };
        node.calls += 1;
        node.errors += u64::from(call.failed);
        node.total = node.total.saturating_add(total);
        node.self_time = node.self_time.saturating_add(call.self_time);
        node.max = node.max.max(call.duration);
        node.first = node.first.min(call.start);
    }

    /// When all spans are counted.
    pub(super) fn finish(self) -> Finished<'a> {
        let mut order: Vec<u32> = (0..self.nodes.len() as u32).collect();
        order.sort_unstable_by_key(|&at| {
            let node = &self.nodes[at as usize];
            (node.parent, node.name.is_none(), node.first, node.name)
        });
        Finished { nodes: self.nodes, order }
    }
}

/// Trees that no longer change.
pub(super) struct Finished<'a> {
    nodes: Vec<Node<'a>>,
    /// By parent; siblings by first start and name, what was put together last.
    order: Vec<u32>,
}

impl Finished<'_> {
    /// All steps of one tree, each before those below it; and how many spans were put together. `duration` is the
    /// attempt's.
    pub(super) fn steps(&self, root: u32, duration: u64) -> (Vec<Step>, u64) {
        let mut steps = Vec::new();
        let mut folded = 0;
        let mut left: Vec<u32> = self.below(root).rev().collect();
        while let Some(at) = left.pop() {
            let node = &self.nodes[at as usize];
            folded += if node.name.is_none() { node.calls } else { 0 };
            steps.push(Step {
                depth: node.depth - 1,
                name: node.name.map(|name| clip(name).to_owned()),
                calls: node.calls,
                errors: node.errors,
                total_ns: node.total,
                self_ns: node.self_time,
                max_ns: node.max,
                self_share: ratio(node.self_time, duration),
                first_start_ns: node.first,
            });
            left.extend(self.below(at).rev());
        }
        (steps, folded)
    }

    fn below(&self, above: u32) -> impl DoubleEndedIterator<Item = u32> {
        let parent = |at: &u32| self.nodes[*at as usize].parent;
        let from = self.order.partition_point(|at| parent(at) < above);
        let to = self.order.partition_point(|at| parent(at) <= above);
        self.order[from..to].iter().copied()
    }
}

/// The beginning of a name that is too long.
fn clip(name: &str) -> &str {
    name.char_indices().nth(NAME_MAX).map_or(name, |(at, _)| &name[..at])
}
