//! Which span belongs to which attempt: the one question that folding and drawing share.

use crate::conventions::attr;
use crate::trace::load::Trace;
use crate::trace::model::Run;
use crate::trace::span::{NONE, Status};
use std::collections::HashMap;

/// `forensic.origin` of spans that came through the run's OTLP receiver.
const ORIGIN: &str = "otlp";

/// The spans that a run's attempts sent.
pub(in crate::trace) struct Assigned {
    /// For each span of the trace its attempt, counted through all stages in the run's order; [`NONE`] for spans that no
    /// attempt sent.
    pub(in crate::trace) attempt_of: Vec<u32>,
    /// For each attempt, counted likewise, what it sent.
    pub(in crate::trace) sent: Vec<Sent>,
    /// Received spans that name no attempt of this run.
    pub(in crate::trace) unassigned: u64,
}

/// How much an attempt sent.
#[derive(Clone, Copy, Default)]
pub(in crate::trace) struct Sent {
    /// Spans.
    pub(in crate::trace) spans: u64,
    /// Those with status Error.
    pub(in crate::trace) errors: u64,
}

/// Assigns received spans by the stage and the attempt that the receiver wrote on them, also those under a trace id of the
/// stage's own. `None` where the trace tells no run of ours, or nothing was received.
pub(in crate::trace) fn assign(trace: &Trace, run: &Run) -> Option<Assigned> {
    let origin = trace.origins.get(ORIGIN).filter(|_| run.has_dag)? as usize;
    let mut known: HashMap<(u32, u64), u32> = HashMap::new();
    let mut sent: Vec<Sent> = Vec::new();
    for stage in &run.stages {
        let id = trace.stages.get(&stage.id);
        for attempt in &stage.attempts {
            if let Some(id) = id {
                known.insert((id, attempt.number), sent.len() as u32);
            }
            sent.push(Sent::default());
        }
    }
    let mut unassigned = 0;
    let mut attempt_of: Vec<u32> = vec![NONE; trace.len()];
    for span in trace.spans().filter(|span| span.origin_index() == origin && !span.in_report()) {
        let number = span.attribute(attr::ATTEMPT).and_then(|number| number.as_u64());
        let Some(&attempt) = number.and_then(|number| known.get(&(span.stage_index(), number))) else {
            unassigned += 1;
            continue;
        };
        attempt_of[span.index()] = attempt;
        sent[attempt as usize].spans += 1;
        sent[attempt as usize].errors += u64::from(span.status() == Status::Error);
    }
    Some(Assigned { attempt_of, sent, unassigned })
}
