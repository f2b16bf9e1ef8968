//! The spans that stages sent, as columns: at most so many, and whole attempts at a time, because a part of an attempt would
//! look like all of it.

use crate::trace::inside::{Assigned, assign};
use crate::trace::load::Trace;
use crate::trace::model::{Attempt, Run};
use crate::trace::span::{NONE, Span, Status};
use std::cmp::Reverse;
use std::collections::HashMap;

/// Spans that columns hold.
pub const SPANS_MAX: usize = 250_000;
/// Bytes of their names.
pub const NAMES_MAX: usize = 4 << 20;
/// Characters of a name; what is longer is cut, and ends with an ellipsis.
const NAME_MAX: usize = 500;

/// Columns of spans, by attempt, then start, then the longest first. Each stands after its parent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    /// The names, each once.
    pub names: Vec<String>,
    /// Position in `names`.
    pub name: Vec<u32>,
    /// Position of the attempt.
    pub attempt: Vec<u32>,
    /// Position of the parent; -1 where it never arrived, belongs to another attempt or began later.
    pub parent: Vec<i32>,
    /// ns after the run's start, as the stage's clock told.
    pub start_ns: Vec<i64>,
    /// ns.
    pub duration_ns: Vec<u64>,
    /// Status Error.
    pub error: Vec<bool>,
}

impl Spans {
    /// Those of a run, and how many had no room. The longest attempts are kept first.
    pub(super) fn of(trace: &Trace, run: &Run) -> (Self, u64) {
        let Some(Assigned { attempt_of, sent, .. }) = assign(trace, run) else { return Default::default() };
        let attempts: Vec<&Attempt> = run.stages.iter().flat_map(|stage| &stage.attempts).collect();
        let durations: Vec<u64> = attempts.iter().map(|attempt| attempt.duration()).collect();
        let spans: Vec<u64> = sent.iter().map(|sent| sent.spans).collect();
        let kept = longest(&durations, &spans, SPANS_MAX);
        let mut of: Vec<u32> = (0..trace.len() as u32)
            .filter(|&index| kept.get(attempt_of[index as usize] as usize).copied().unwrap_or(false))
            .collect();
        let span = |index: u32| Span { trace, index };
        let parent = |index: u32| {
            let above = span(index).parent()?.index();
            (attempt_of[above] == attempt_of[index as usize]).then_some(above as u32)
        };
        // A parent stands before a child that is as long, whatever their ids.
        let depth = depths(&of, trace.len(), &parent);
        of.sort_unstable_by_key(|&index| {
            let span = span(index);
            let order = (attempt_of[index as usize], span.start_time(), Reverse(span.duration()));
            (order, depth[index as usize], span.span_id(), index)
        });
        drop(depth);
        let mut place: Vec<u32> = vec![NONE; trace.len()];
        let mut columns = Self::default();
        let mut names: HashMap<&str, u32> = HashMap::new();
        for (at, &index) in (0..).zip(&of) {
            let span = span(index);
            let name = clip(span.name());
            columns.name.push(*names.entry(name).or_insert_with(|| {
                let cut = if name.len() < span.name().len() { "…" } else { "" };
                columns.names.push(format!("{name}{cut}"));
                columns.names.len() as u32 - 1
            }));
            let before = parent(index).map(|above| place[above as usize]).filter(|above| *above != NONE);
            columns.parent.push(before.map_or(-1, |above| above as i32));
            columns.attempt.push(attempt_of[index as usize]);
            columns.start_ns.push(super::make::since(run.start, span.start_time()));
            columns.duration_ns.push(span.duration());
            columns.error.push(span.status() == Status::Error);
            place[index as usize] = at;
        }
        let mut left_out = spans.iter().sum::<u64>() - columns.len() as u64;
        while columns.names.iter().map(String::len).sum::<usize>() > NAMES_MAX {
            left_out += columns.keep_longest(&durations, columns.len() / 2);
        }
        (columns, left_out)
    }

    /// Number of spans.
    pub fn len(&self) -> usize {
        self.name.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.name.is_empty()
    }

    /// Leaves out the spans of the shortest attempts until at most `max` are left; returns how many. `durations`: of all
    /// attempts, ns.
    pub fn keep_longest(&mut self, durations: &[u64], max: usize) -> u64 {
        let before = self.len();
        let mut spans = vec![0; durations.len()];
        self.attempt.iter().for_each(|&attempt| spans[attempt as usize] += 1);
        let kept = longest(durations, &spans, max);
        let stays: Vec<bool> = self.attempt.iter().map(|&attempt| kept[attempt as usize]).collect();
        let places = places(&stays);
        let mut used = vec![false; self.names.len()];
        for (&name, _) in self.name.iter().zip(&stays).filter(|(_, stays)| **stays) {
            used[name as usize] = true;
        }
        let names = self::places(&used);
        retain(&mut self.names, &used);
        retain(&mut self.name, &stays);
        retain(&mut self.attempt, &stays);
        retain(&mut self.parent, &stays);
        retain(&mut self.start_ns, &stays);
        retain(&mut self.duration_ns, &stays);
        retain(&mut self.error, &stays);
        self.name.iter_mut().for_each(|name| *name = names[*name as usize]);
        // Of one attempt all stay or none.
        self.parent.iter_mut().filter(|parent| **parent >= 0).for_each(|at| *at = places[*at as usize] as i32);
        (before - self.len()) as u64
    }
}

/// Which attempts' spans have room, the longest attempts first; one that has too many is passed over.
fn longest(durations: &[u64], spans: &[u64], max: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..durations.len()).collect();
    order.sort_by_key(|&attempt| Reverse(durations[attempt]));
    let mut room = max as u64;
    let mut kept = vec![false; durations.len()];
    for attempt in order {
        kept[attempt] = spans[attempt] <= room;
        room -= if kept[attempt] { spans[attempt] } else { 0 };
    }
    kept
}

/// How many parents each of some spans has within its attempt.
fn depths(of: &[u32], all: usize, parent: &impl Fn(u32) -> Option<u32>) -> Vec<u32> {
    let mut depth: Vec<u32> = vec![NONE; all];
    let mut path: Vec<u32> = Vec::new();
    for &first in of {
        let mut at = first;
        let mut above = loop {
            match depth[at as usize] {
                NONE => path.push(at),
                known => break known + 1,
            }
            match parent(at) {
                Some(next) => at = next,
                None => break 0,
            }
        };
        while let Some(next) = path.pop() {
            depth[next as usize] = above;
            above += 1;
        }
    }
    depth
}

/// Where each place is once only those that stay are there.
fn places(stays: &[bool]) -> Vec<u32> {
    let mut next = 0;
    let place = |stays: &bool| {
        let place = next;
        next += u32::from(*stays);
        place
    };
    stays.iter().map(place).collect()
}

fn retain<T>(column: &mut Vec<T>, stays: &[bool]) {
    let mut stays = stays.iter();
    column.retain(|_| stays.next().copied().unwrap_or(false));
}

/// The beginning of a name that is too long.
fn clip(name: &str) -> &str {
    name.char_indices().nth(NAME_MAX).map_or(name, |(at, _)| &name[..at])
}
