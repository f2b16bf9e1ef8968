//! Drafts into records: where spans are collected, and what a span must have to be kept. Reading text belongs in
//! `element`; what takes all spans together belongs in `link`.

use super::Trace;
use super::element::Draft;
use super::values::Time;
use crate::conventions::{attr, origin};
use crate::trace::span::{Arena, Interner, Kind, NONE, Record, bytes, flag};
use crate::trace::warnings::{Mark, Sort, Warnings};
use std::collections::HashMap;

/// Where spans are collected, with the buffers that each span uses anew.
pub(super) struct Builder {
    pub(super) trace: Trace,
    /// Ids of the keys that the loader itself looks at.
    pub(super) known: KnownKeys,
    /// Index of each trace id.
    trace_index: HashMap<u128, u32>,
    /// For each key the span that had it last: finds keys that are written twice.
    pub(super) last_span_with: Vec<u32>,
    /// The key that came first last, then for each key the one that followed it last, or [`NONE`]: spans of one writer repeat, so most
    /// keys need neither reading nor hashing.
    pub(super) next_key: Vec<u32>,
    pub(super) attributes: Vec<u8>,
    pub(super) parts: Vec<u8>,
    head: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) non_finite: u64,
    pub(super) not_utf8: u64,
    pub(super) odd_ids: u64,
}

/// What a builder has told of oddities.
pub(super) struct Told {
    warnings: Mark,
    counts: [u64; 3],
}

pub(super) struct KnownKeys {
    pub(super) kind: u32,
    pub(super) origin: u32,
    pub(super) inferred: u32,
    pub(super) stage: u32,
}

impl std::ops::Deref for Builder {
    type Target = Trace;
    fn deref(&self) -> &Trace {
        &self.trace
    }
}

impl std::ops::DerefMut for Builder {
    fn deref_mut(&mut self) -> &mut Trace {
        &mut self.trace
    }
}

/// Origin of the host's own spans, and of spans that do not say; the first two of `Trace::origins`.
const ORIGIN_HOST: (u16, &str) = (0, "host");
const ORIGIN_UNKNOWN: (u16, &str) = (1, "unknown");

impl Builder {
    pub(super) fn new() -> Self {
        let mut keys = Interner::default();
        let known = KnownKeys {
            kind: keys.intern(attr::KIND),
            origin: keys.intern(attr::ORIGIN),
            inferred: keys.intern(attr::INFERRED),
            stage: keys.intern(attr::STAGE_ID),
        };
        let mut origins = Interner::default();
        origins.intern(ORIGIN_HOST.1);
        origins.intern(ORIGIN_UNKNOWN.1);
        Self {
            trace: Trace {
                records: Vec::new(),
                arena: Arena::default(),
                keys,
                stages: Interner::default(),
                origins,
                trace_ids: Vec::new(),
                by_id: Vec::new(),
                native: false,
                shifts: HashMap::new(),
                foreign_stages: Vec::new(),
                warnings: Warnings::default(),
            },
            known,
            trace_index: HashMap::new(),
            last_span_with: Vec::new(),
            next_key: Vec::new(),
            attributes: Vec::new(),
            parts: Vec::new(),
            head: Vec::new(),
            value: Vec::new(),
            non_finite: 0,
            not_utf8: 0,
            odd_ids: 0,
        }
    }

    /// What has been told so far.
    pub(super) fn mark(&self) -> Told {
        Told { warnings: self.warnings.mark(), counts: [self.non_finite, self.not_utf8, self.odd_ids] }
    }

    /// Takes back what was told after the mark.
    pub(super) fn back_to(&mut self, mark: &Told) {
        self.warnings.back_to(&mark.warnings);
        [self.non_finite, self.not_utf8, self.odd_ids] = mark.counts;
    }

    /// Keeps a draft as a span, or says why it is none.
    pub(super) fn add(&mut self, draft: Draft<'_>) -> Result<(), String> {
        let start = match draft.start {
            Time::At(start) => start,
            Time::Missing => return Err("it has no `start_time`".to_owned()),
            Time::Unusable => return Err("its `start_time` is not a time in Unix nanoseconds".to_owned()),
        };
        if draft.name.is_none() && draft.span_id.is_none() {
            return Err("it has neither `name` nor `span_id`".to_owned());
        }
        let name = draft.name.unwrap_or_default();
        let mut flags = if draft.error { flag::ERROR } else { 0 } | if draft.inferred { flag::INFERRED } else { 0 };
        let end = match draft.end {
            Time::At(end) if end < start => {
                flags |= flag::CLAMPED;
                self.warnings.push(Sort::Time, || {
                    format!("span {name:?} ends {} ns before it starts; its duration was set to 0", start - end)
                });
                start
            }
            Time::At(end) => end,
            Time::Missing | Time::Unusable => match draft.duration_ms.filter(|ms| ms.is_finite() && *ms >= 0.0) {
                // Saturates where the product is out of range.
                Some(ms) => start.saturating_add((ms * 1e6).round() as u64),
                None => {
                    flags |= flag::NO_END | flag::INFERRED;
                    start
                }
            },
        };
        let trace_id = draft.trace_id.unwrap_or(0);
        let trace = match self.records.last() {
            Some(last) if self.trace_ids[last.trace as usize] == trace_id => last.trace,
            _ => {
                let trace_ids = &mut self.trace.trace_ids;
                *self.trace_index.entry(trace_id).or_insert_with(|| {
                    trace_ids.push(trace_id);
                    trace_ids.len() as u32 - 1
                })
            }
        };
        let from_host = draft.origin.is_none() && !matches!(draft.kind, Kind::Other | Kind::Worker);
        let by_worker = || draft.origin.is_some_and(|of| self.trace.origins.text(of.into()) == origin::WORKER);
        let is_known = from_host || (draft.kind == Kind::Worker && by_worker());
        let kind = if is_known { draft.kind } else { Kind::Other };
        self.trace.native |= matches!(kind, Kind::Run | Kind::Stage | Kind::Attempt);
        self.head.clear();
        bytes::put_bytes(&mut self.head, name.as_bytes());
        bytes::put_bytes(&mut self.head, draft.message.unwrap_or_default().as_bytes());
        bytes::put_varint(&mut self.head, draft.attributes);
        self.value.clear();
        bytes::put_varint(&mut self.value, draft.parts);
        let text = self.trace.arena.push(&[&self.head, &self.attributes, &self.value, &self.parts]);
        self.records.push(Record {
            start,
            end,
            span_id: draft.span_id.unwrap_or(0),
            parent_id: draft.parent_id.unwrap_or(0),
            text,
            trace,
            parent: NONE,
            stage: draft.stage.unwrap_or(NONE),
            origin: draft.origin.unwrap_or(if from_host { ORIGIN_HOST.0 } else { ORIGIN_UNKNOWN.0 }),
            kind,
            flags,
        });
        Ok(())
    }

    pub(super) fn finish(mut self) -> Trace {
        for (count, what) in [
            (self.non_finite, "numbers were NaN or Infinity, which JSON does not have; they were read as text"),
            (self.not_utf8, "texts were not UTF-8; what could not be read was replaced"),
            (self.odd_ids, "ids were not hexadecimal and were replaced by hashes"),
        ] {
            if count > 0 {
                self.warnings.push(Sort::Repaired, || format!("{count} {what}"));
            }
        }
        let mut trace = self.trace;
        trace.resolve();
        trace
    }
}
