//! Spans that were made on a worker: which they are, and the one view that shifts them. How attempts are read belongs in
//! `model`.

use super::Trace;
use crate::conventions::{attr, executor, origin};
use crate::trace::span::{Kind, NONE, Span, flag};
use std::collections::{HashMap, HashSet};

/// What [`Trace::align_workers`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aligned {
    /// Spans that were shifted.
    pub shifted: u64,
    /// Spans from workers whose clock was never compared with the host's: they stayed where they were.
    pub unknown: u64,
}

/// Stage and number of an attempt.
type AttemptKey = (u32, u64);

impl Trace {
    /// Marks the spans whose times are a worker's: the workers' own, and what attempts sent that ran there.
    pub(super) fn mark_workers(&mut self) {
        if self.keys.get(attr::EXECUTOR).is_none() && self.origins.get(origin::WORKER).is_none() {
            return;
        }
        let mut remote: HashSet<AttemptKey> = HashSet::new();
        for span in self.spans() {
            let ran_there = match span.kind() {
                Kind::Attempt => is_remote(span),
                Kind::Worker => true,
                _ => false,
            };
            if let Some(key) = attempt_key(span).filter(|_| ran_there) {
                remote.insert(key);
            }
        }
        let sent = self.origins.get(origin::OTLP);
        let marked: Vec<bool> = self
            .spans()
            .map(|span| {
                let from_stage = Some(span.origin_index() as u32) == sent;
                let from_there = || attempt_key(span).is_some_and(|key| remote.contains(&key));
                span.kind() == Kind::Worker || (from_stage && from_there())
            })
            .collect();
        for (record, _) in self.records.iter_mut().zip(marked).filter(|(_, marked)| *marked) {
            record.flags |= flag::WORKER;
        }
    }

    /// Shifts each span that was made on a worker, and its events, by what that worker's clock was ahead of the host's while
    /// the attempt ran. For looking at: what is measured is in the file as it was told, and no metric rests on it.
    pub fn align_workers(&mut self) -> Aligned {
        let mut offsets: HashMap<AttemptKey, i64> = HashMap::new();
        for span in self.spans().filter(|span| span.kind() == Kind::Attempt) {
            let offset = span.attribute(attr::CLOCK_OFFSET_NS).and_then(|value| value.as_i64());
            if let (Some(key), Some(offset)) = (attempt_key(span), offset) {
                offsets.insert(key, offset);
            }
        }
        let of = |span: Span<'_>| attempt_key(span).and_then(|key| offsets.get(&key)).copied();
        let shifts: Vec<Option<Option<i64>>> =
            self.spans().map(|span| span.on_worker_clock().then(|| of(span))).collect();
        let mut aligned = Aligned::default();
        for (record, shift) in self.records.iter_mut().zip(shifts) {
            match shift {
                None => {}
                Some(None) => aligned.unknown += 1,
                Some(Some(offset)) => {
                    let back = offset.saturating_neg();
                    record.start = record.start.saturating_add_signed(back);
                    record.end = record.end.saturating_add_signed(back);
                    *self.shifts.entry(record.text).or_default() += back;
                    aligned.shifted += 1;
                }
            }
        }
        if aligned.shifted > 0 {
            // Positions are those of the start order, so parents have to be found again; what was odd has been told.
            let told = self.warnings.mark();
            self.order();
            let ids = self.index_ids();
            self.link(ids);
            self.warnings.back_to(&told);
        }
        aligned
    }
}

fn is_remote(span: Span<'_>) -> bool {
    let ran = span.attribute(attr::EXECUTOR).and_then(|value| value.as_text());
    ran.is_some_and(|ran| !ran.is_empty() && ran != executor::LOCAL)
}

/// Which attempt a span is of, by its own word.
fn attempt_key(span: Span<'_>) -> Option<AttemptKey> {
    let number = span.attribute(attr::ATTEMPT)?.as_u64()?;
    Some((span.stage_index(), number)).filter(|(stage, _)| *stage != NONE)
}
