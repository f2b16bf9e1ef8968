//! Lanes: which spans can share a track of a viewer. Viewers draw a track as boxes inside boxes, so on one lane two
//! spans either follow each other or one lies in the other *and is its child*: a span that merely happens to run
//! during another one must not look like a part of it.

use crate::trace::Trace;
use crate::trace::span::Span;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// A span and where it is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'a> {
    pub(super) span: Span<'a>,
    /// From 0; the run is on 0.
    pub(super) lane: u32,
}

/// All spans on their lanes, in an order in which each box comes before those in it: by start, then the longer
/// first, then the parent first.
pub(super) struct Lanes {
    order: Vec<u32>,
    /// Lane of each span, by its index.
    lanes: Vec<u32>,
    count: u32,
}

impl Lanes {
    pub(super) fn new(trace: &Trace) -> Self {
        let depths = depths(trace);
        let mut order: Vec<u32> = (0..trace.len() as u32).collect();
        let key = |&index: &u32| {
            let record = &trace.records[index as usize];
            (record.start, Reverse(record.end), depths[index as usize], index)
        };
        order.sort_unstable_by_key(key);
        let mut lanes = vec![u32::MAX; trace.len()];
        let mut open = Open::default();
        for &index in &order {
            let record = &trace.records[index as usize];
            let parent = trace.records.get(record.parent as usize).map(|_| record.parent);
            let wanted = parent.map(|parent| (parent, lanes[parent as usize])).filter(|(_, lane)| *lane != u32::MAX);
            lanes[index as usize] = open.place(Drawn { index, end: record.end }, record.start, wanted);
        }
        Self { order, lanes, count: open.stacks.len() as u32 }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The lane of a span, by its index.
    pub(super) fn lane(&self, index: usize) -> u32 {
        self.lanes[index]
    }

    /// Each span with its lane, see [`Lanes`] for the order.
    pub(super) fn placed<'a>(&'a self, trace: &'a Trace) -> impl Iterator<Item = Placed<'a>> {
        self.order
            .iter()
            .filter_map(|&index| trace.span(index as usize))
            .map(|span| Placed { span, lane: self.lane(span.index()) })
    }
}

/// What a lane is called in a viewer.
pub(super) fn name(lane: u32) -> String {
    if lane == 0 { "run".to_owned() } else { format!("lane {lane}") }
}

/// A span as a box.
#[derive(Clone, Copy)]
struct Drawn {
    index: u32,
    end: u64,
}

/// Where the placing stands: the boxes that are open on each lane.
#[derive(Default)]
struct Open {
    stacks: Vec<Vec<Drawn>>,
    /// Lanes with nothing open, as far as `busy` was looked at.
    free: BTreeSet<u32>,
    /// When the outermost box of each other lane ends.
    busy: BinaryHeap<Reverse<(u64, u32)>>,
}

impl Open {
    /// Places a box that starts at `now` (never before the last one's start): on its parent's lane, if it can be
    /// drawn inside the parent there, else on the first lane where nothing is open.
    fn place(&mut self, new: Drawn, now: u64, parent: Option<(u32, u32)>) -> u32 {
        while let Some(&Reverse((end, lane))) = self.busy.peek()
            && end <= now
        {
            self.busy.pop();
            self.stacks[lane as usize].clear();
            self.free.insert(lane);
        }
        if let Some((parent, lane)) = parent {
            let stack = &mut self.stacks[lane as usize];
            while stack.last().is_some_and(|top| top.end <= now) {
                stack.pop();
            }
            if stack.last().is_some_and(|top| top.index == parent && new.end <= top.end) {
                stack.push(new);
                return lane;
            }
        }
        let lane = self.free.pop_first().unwrap_or_else(|| {
            self.stacks.push(Vec::new());
            self.stacks.len() as u32 - 1
        });
        self.stacks[lane as usize].push(new);
        self.busy.push(Reverse((new.end, lane)));
        lane
    }
}

/// How many spans are above each one.
fn depths(trace: &Trace) -> Vec<u32> {
    let mut depths = vec![u32::MAX; trace.len()];
    let mut path = Vec::new();
    for first in 0..trace.len() {
        let mut at = first;
        let mut depth = loop {
            if depths[at] != u32::MAX {
                break depths[at];
            }
            path.push(at);
            match trace.records.get(trace.records[at].parent as usize) {
                Some(_) => at = trace.records[at].parent as usize,
                None => break u32::MAX, // a root will be 0
            }
        };
        while let Some(index) = path.pop() {
            depth = depth.wrapping_add(1);
            depths[index] = depth;
        }
    }
    depths
}
