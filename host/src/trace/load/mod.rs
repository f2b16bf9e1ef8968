//! Reading a trace file: bytes in, a [`Trace`] out, with warnings for all that was repaired or left out. One
//! element at a time, so that memory holds the compact spans and never the file.
//!
//! | module | job |
//! |---|---|
//! | `reader` | the array: its punctuation, and where to go on after a broken element |
//! | `element` | one element of it into a draft of a span |
//! | `attributes` | a span's attributes, encoded |
//! | `values` | one scalar: a time, an id, a status word |
//! | `builder` | drafts into records |
//! | `link` | all records together: order, duplicates, parents, ends, stages |
//! | `workers` | which spans were made on a worker, and shifting them where that is asked for |
//!
//! What a span's attributes mean for a run belongs in `model`; this module only resolves ids, order and ends.

mod attributes;
mod builder;
mod element;
mod link;
mod reader;
mod values;
mod workers;

use super::span::{Arena, Interner, NONE, Place, Record, Span, flag};
use super::warnings::{Sort, Warnings};
use builder::Builder;
use reader::{Reader, Step};
use std::collections::HashMap;
use std::io::BufRead;

pub use workers::Aligned;

/// Most spans of one trace: indices are 32 bits.
const MAX_SPANS: usize = NONE as usize - 1;

/// Why a file could not be read as a trace. Everything less than this is a warning.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The source failed.
    #[error("cannot read the trace after {offset} bytes: {source}")]
    Io {
        /// Bytes read before.
        offset: u64,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("the trace file is empty; if the run was killed, rebuild it from the journal with `forensic-host recover`")]
    Empty,
    /// It is something else.
    #[error("{line}:{column}: this is not a trace: {found}; {advice}")]
    NotATrace {
        /// Line of the first byte that does not fit, from 1.
        line: u64,
        /// Column of it, in bytes, from 1.
        column: u64,
        /// What stands there.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// An array, but nothing in it is a span.
    #[error("{line}:{column}: no span in the trace file could be read, the first because {why}; {advice}")]
    NoSpans {
        /// Line of the first problem, from 1.
        line: u64,
        /// Column of it, in bytes, from 1.
        column: u64,
        /// The first problem.
        why: String,
        /// What to do.
        advice: &'static str,
    },
}

const WANTED: &str = "a trace is a JSON array of span objects with `name`, `start_time`, `end_time` and `span_id`, as \
                      in `data/forensic_trace.json` of a run directory";

/// A trace: all spans of one file in start order.
#[derive(Debug)]
pub struct Trace {
    pub(super) records: Vec<Record>,
    pub(super) arena: Arena,
    pub(super) keys: Interner,
    pub(super) stages: Interner,
    pub(super) origins: Interner,
    pub(super) trace_ids: Vec<u128>,
    /// Indices of the records that have an id, ordered by it.
    by_id: Vec<u32>,
    /// True if some span is the host's own: run, stage or attempt.
    pub(super) native: bool,
    /// In a trace that is not native: the spans that count as stages.
    pub(super) foreign_stages: Vec<u32>,
    /// By how much spans were shifted; empty unless that was asked for.
    pub(super) shifts: HashMap<Place, i64>,
    pub(super) warnings: Warnings,
}

impl Trace {
    /// Reads a trace: one span a line as the host writes it, or any other JSON array of spans.
    ///
    /// Reading is liberal (`DESIGN` 5): any white space and order; statuses of other writers; missing keys and
    /// parents; times as integers, decimal numbers, numeric texts (all Unix ns) or RFC 3339 text; bare `NaN`; a cut
    /// tail; broken spans in the middle. What was repaired or left out stands in [`Trace::warnings`].
    ///
    /// # Errors
    /// Where the source fails, or the text is no trace at all.
    pub fn read(source: impl BufRead) -> Result<Self, TraceError> {
        let mut reader = Reader::new(source);
        reader.open()?;
        let mut builder = Builder::new();
        let mut first_fault = None;
        let cut = loop {
            match reader.next(&mut builder)? {
                Step::Span => {}
                Step::Close => break false,
                Step::Cut => break true,
                Step::Fault(fault) => {
                    builder
                        .warnings
                        .push(Sort::Skipped, || format!("line {}: a span was left out: {}", fault.begins, fault.why));
                    first_fault.get_or_insert(fault);
                }
            }
            if builder.records.len() >= MAX_SPANS {
                builder.warnings.push(Sort::Cut, || format!("only the first {MAX_SPANS} spans were read"));
                break false;
            }
        };
        if let Some(fault) = first_fault.filter(|_| builder.records.is_empty()) {
            return Err(TraceError::NoSpans { line: fault.line, column: fault.column, why: fault.why, advice: WANTED });
        }
        if cut {
            let (line, offset, spans) = (reader.line(), reader.offset(), builder.records.len());
            builder.warnings.push(Sort::Cut, || {
                format!(
                    "the file is cut: it ends at line {line}, byte {}, without closing the array; {spans} spans were \
                     read, up to byte {offset}",
                    reader.total
                )
            });
        } else if builder.records.is_empty() {
            builder.warnings.push(Sort::Cut, || "the trace holds no spans".to_owned());
        }
        Ok(builder.finish())
    }

    /// [`Trace::read`] from memory.
    ///
    /// # Errors
    /// Where the text is no trace at all.
    pub fn from_slice(text: &[u8]) -> Result<Self, TraceError> {
        Self::read(text)
    }

    /// Number of spans.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// True if there is no span.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The span at a position in start order.
    pub fn span(&self, index: usize) -> Option<Span<'_>> {
        (index < self.records.len()).then_some(Span { trace: self, index: index as u32 })
    }

    /// All spans in start order; equal starts by span id.
    pub fn spans(&self) -> impl ExactSizeIterator<Item = Span<'_>> + DoubleEndedIterator {
        (0..self.records.len() as u32).map(|index| Span { trace: self, index })
    }

    /// The span with an id; where several traces of one file have it, one of them, always the same.
    pub fn span_by_id(&self, id: u64) -> Option<Span<'_>> {
        let at = self.by_id.partition_point(|&index| self.records[index as usize].span_id < id);
        let &index = self.by_id.get(at)?;
        (self.records[index as usize].span_id == id).then_some(Span { trace: self, index })
    }

    /// The same trace as it was before any report plugin was called: without their spans and what is below them.
    #[must_use]
    pub fn without_reports(mut self) -> Self {
        let mut kept = 0;
        let places: Vec<Option<u32>> = self
            .records
            .iter()
            .map(|record| {
                let place = (record.flags & flag::REPORT == 0).then_some(kept);
                kept += u32::from(place.is_some());
                place
            })
            .collect();
        let moved = |index: u32| places.get(index as usize).copied().flatten();
        self.records.retain(|record| record.flags & flag::REPORT == 0);
        for record in &mut self.records {
            // Nothing that is kept is below a report: the flag is inherited.
            record.parent = moved(record.parent).unwrap_or(NONE);
        }
        for list in [&mut self.by_id, &mut self.foreign_stages] {
            *list = list.iter().filter_map(|&index| moved(index)).collect();
        }
        self
    }

    /// The sum of these attributes over all spans. A key that no span has costs nothing.
    pub fn sum_of(&self, keys: &[&str]) -> u64 {
        let there = keys.iter().copied().filter(|key| self.keys.get(key).is_some());
        there.flat_map(|key| self.spans().filter_map(move |span| span.attribute(key)?.as_u64())).sum()
    }

    /// What was repaired or left out while reading, in words, bounded in number.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.texts()
    }
}
