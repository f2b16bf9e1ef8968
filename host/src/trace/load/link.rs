//! All records of a trace together: their order, duplicates, parents, missing ends and stages. What looks at one
//! span alone belongs in `builder`; what stages mean for a run, in `model`.

use super::Trace;
use crate::trace::span::{Kind, NONE, Record, Span, flag};
use crate::trace::warnings::Sort;
use std::collections::HashMap;

impl Trace {
    /// Resolves what needs all spans; called once, when the last one is in.
    pub(super) fn resolve(&mut self) {
        self.order();
        let ids = self.drop_duplicates();
        self.link(ids);
        self.mark_workers();
        self.find_missing_ends();
        self.assign_stages();
    }

    /// Start order; equal starts by id, so that the order in the file does not matter.
    pub(super) fn order(&mut self) {
        let key = |record: &Record| (record.start, record.span_id, record.end);
        if !self.records.is_sorted_by_key(key) {
            self.records.sort_by_key(key);
        }
    }

    /// Id, trace and index of the records with an id, in this order.
    pub(super) fn index_ids(&self) -> Vec<(u64, u32, u32)> {
        let mut ids: Vec<_> = (0u32..)
            .zip(&self.records)
            .filter(|(_, record)| record.span_id != 0)
            .map(|(index, record)| (record.span_id, record.trace, index))
            .collect();
        ids.sort_unstable();
        ids
    }

    /// Keeps one span of each trace and span id: one whose end was seen, then the one that ends last.
    /// Returns [`Trace::index_ids`] of what is left.
    fn drop_duplicates(&mut self) -> Vec<(u64, u32, u32)> {
        let ids = self.index_ids();
        let mut dropped: Vec<bool> = Vec::new();
        for group in ids.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).filter(|group| group.len() > 1) {
            dropped.resize(self.records.len(), false);
            let best = group.iter().map(|(_, _, index)| *index).min_by_key(|&index| {
                let record = &self.records[index as usize];
                (record.flags & flag::INFERRED != 0, std::cmp::Reverse(record.end), index)
            });
            for &(id, _, index) in group.iter().filter(|(_, _, index)| Some(*index) != best) {
                dropped[index as usize] = true;
                self.warnings.push(Sort::Duplicate, || {
                    format!("span id {id:016x} is there more than once; one of them was kept")
                });
            }
        }
        if dropped.is_empty() {
            return ids;
        }
        let mut dropped = dropped.into_iter();
        self.records.retain(|_| !dropped.next().unwrap_or(false));
        self.index_ids()
    }

    /// Finds parents, and cuts circles.
    pub(super) fn link(&mut self, ids: Vec<(u64, u32, u32)>) {
        let mut wanted: Vec<_> = (0u32..)
            .zip(&self.records)
            .filter(|(_, record)| record.parent_id != 0)
            .map(|(index, record)| (record.parent_id, record.trace, index))
            .collect();
        wanted.sort_unstable();
        // Both lists are in order, so two places that only move forward find all parents.
        let (mut any_trace, mut same_trace) = (0, 0);
        for (id, trace, child) in wanted {
            while ids.get(any_trace).is_some_and(|entry| entry.0 < id) {
                any_trace += 1;
            }
            while ids.get(same_trace).is_some_and(|entry| (entry.0, entry.1) < (id, trace)) {
                same_trace += 1;
            }
            // A worker may begin a trace of its own: an id of 64 random bits that fits is still the parent's.
            let same = ids.get(same_trace).filter(|entry| (entry.0, entry.1) == (id, trace));
            let any = ids.get(any_trace).filter(|entry| entry.0 == id);
            self.records[child as usize].parent = same.or(any).map_or(NONE, |entry| entry.2);
        }
        self.by_id = ids.into_iter().map(|(_, _, index)| index).collect();

        // Each walk towards the root ends at a span that an earlier walk saw, or in a circle of its own.
        let mut seen_by = vec![NONE; self.records.len()];
        for first in 0..self.records.len() as u32 {
            let mut at = first;
            while seen_by[at as usize] == NONE {
                seen_by[at as usize] = first;
                let parent = self.records[at as usize].parent;
                if parent == NONE {
                    break;
                }
                if seen_by[parent as usize] == first {
                    self.records[at as usize].parent = NONE;
                    let id = self.records[at as usize].span_id;
                    self.warnings.push(Sort::Parents, || {
                        format!("the parents of span {id:016x} form a circle; it was read as having none")
                    });
                    break;
                }
                at = parent;
            }
        }
    }

    /// Gives spans without an end the last sign of life: the latest end below them; a root the last time in the
    /// file (report spans aside, which come after the run). A worker's clock says nothing about the host's spans.
    fn find_missing_ends(&mut self) {
        if self.records.iter().all(|record| record.flags & flag::NO_END == 0) {
            return;
        }
        let mut children = vec![0u32; self.records.len()];
        for record in &self.records {
            if record.parent != NONE {
                children[record.parent as usize] += 1;
            }
        }
        let mut ready: Vec<u32> =
            (0..self.records.len() as u32).filter(|&index| children[index as usize] == 0).collect();
        while let Some(index) = ready.pop() {
            let Record { parent, end, kind, flags, .. } = self.records[index as usize];
            if parent == NONE {
                continue;
            }
            let above = &mut self.records[parent as usize];
            let same_clock = flags & flag::WORKER == above.flags & flag::WORKER;
            if above.flags & flag::NO_END != 0 && kind != Kind::Report && same_clock {
                above.end = above.end.max(end);
            }
            children[parent as usize] -= 1;
            if children[parent as usize] == 0 {
                ready.push(parent);
            }
        }
        let apart = |record: &Record| record.kind == Kind::Report || record.flags & flag::WORKER != 0;
        let last = self.records.iter().filter(|r| !apart(r)).map(|r| r.end).max().unwrap_or(0);
        let mut count = 0u64;
        for record in &mut self.records {
            if record.flags & flag::NO_END != 0 {
                count += 1;
                if record.parent == NONE && !apart(record) {
                    record.end = record.end.max(last);
                }
            }
        }
        self.warnings.push(Sort::Time, || format!("{count} spans have no end; the last sign of life was taken for it"));
    }

    /// The children of each root. A parent that is not in the file but has two children or more there was a root,
    /// too: writers that write in order of end write it last, where a file gets cut. One child alone of such a parent
    /// is a root itself (its parent is in someone else's trace).
    fn find_foreign_stages(&self) -> Vec<u32> {
        let is_lost = |record: &Record| record.parent == NONE && record.parent_id != 0;
        let mut orphans: HashMap<u64, u32> = HashMap::new();
        for record in self.records.iter().filter(|record| is_lost(record)) {
            *orphans.entry(record.parent_id).or_default() += 1;
        }
        let of_lost_root = |record: &Record| is_lost(record) && orphans[&record.parent_id] > 1;
        (0u32..)
            .zip(&self.records)
            .filter(|(_, record)| match record.parent {
                NONE => of_lost_root(record),
                parent => {
                    let above = &self.records[parent as usize];
                    above.parent == NONE && above.kind != Kind::Report && !of_lost_root(above)
                }
            })
            .filter(|(_, record)| record.kind != Kind::Report)
            .map(|(index, _)| index)
            .collect()
    }

    /// Gives each span the stage of the nearest span above that has one, and marks what is below report spans.
    fn assign_stages(&mut self) {
        if !self.native {
            self.foreign_stages = self.find_foreign_stages();
        }
        for at in 0..self.foreign_stages.len() {
            let index = self.foreign_stages[at];
            let name = Span { trace: self, index }.name().to_owned();
            self.records[index as usize].stage = self.stages.intern(&name);
        }
        let mut done = vec![false; self.records.len()];
        let mut path = Vec::new();
        for first in 0..self.records.len() {
            let mut at = first;
            while !done[at] {
                path.push(at);
                done[at] = true;
                match self.records[at].parent {
                    NONE => break,
                    parent => at = parent as usize,
                }
            }
            while let Some(index) = path.pop() {
                let parent = self.records[index].parent;
                let (stage, report) = match parent {
                    NONE => (NONE, 0),
                    parent => {
                        let above = &self.records[parent as usize];
                        (above.stage, above.flags & flag::REPORT)
                    }
                };
                let record = &mut self.records[index];
                record.flags |= if record.kind == Kind::Report { flag::REPORT } else { report };
                if record.stage == NONE {
                    record.stage = stage;
                }
            }
        }
    }
}
