//! The verdict on each span of a request. Runs on a blocking thread.

use std::panic::{AssertUnwindSafe, catch_unwind};

use opentelemetry_proto::tonic::trace::v1::Span;

use super::SpanSink;
use super::admission::{Attempt, NotReserved, Registry};
use super::counts::{Outcome, SpanCounts, reason};
use super::decode::{Encoding, Item, Refusal, Undecodable, decode};

/// Takes what a request holds, counts it for the attempt, and returns this request's part.
pub(super) fn take(
    registry: &Registry,
    attempt: &Attempt,
    sink: &dyn SpanSink,
    span_bytes: usize,
    encoding: Encoding,
    body: &[u8],
) -> Result<SpanCounts, Undecodable> {
    // Added when it goes out of scope, so that not even a panic in between loses a count.
    let mut tally = Tally { registry, attempt, counts: SpanCounts::default() };
    decode(encoding, body, span_bytes, &mut |item| {
        let outcome = judge(registry, attempt, sink, item);
        tally.counts.count(outcome);
    })?;
    Ok(tally.counts.clone())
}

struct Tally<'a> {
    registry: &'a Registry,
    attempt: &'a Attempt,
    counts: SpanCounts,
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        self.registry.add(self.attempt, &self.counts);
    }
}

fn judge(registry: &Registry, attempt: &Attempt, sink: &dyn SpanSink, item: Item<'_>) -> Outcome {
    let Item { resource, scope, bytes, span } = item;
    let span = match span {
        Ok(span) => span,
        Err(Refusal::Malformed) => return Outcome::Rejected(reason::MALFORMED),
        Err(Refusal::TooLarge) => return Outcome::Rejected(reason::TOO_LARGE),
    };
    if !ids_are_valid(&span) {
        return Outcome::Rejected(reason::INVALID_ID);
    }
    if registry.is_host_id(&span.span_id) {
        return Outcome::Rejected(reason::HOST_ID);
    }
    let reservation = match attempt.reserve(&span.trace_id, &span.span_id, bytes as u64) {
        Ok(reservation) => reservation,
        Err(NotReserved::Duplicate) => return Outcome::Duplicate,
        Err(NotReserved::Over(reason)) => return Outcome::Rejected(reason),
    };
    // The sink is left as it was before: what it does with its own locks after a panic is its own affair.
    let accepted = catch_unwind(AssertUnwindSafe(|| sink.accept(&attempt.sender, resource, scope, span)));
    if matches!(accepted, Ok(Ok(()))) {
        Outcome::Written
    } else {
        attempt.release(&reservation);
        Outcome::Failed
    }
}

fn ids_are_valid(span: &Span) -> bool {
    let some = |id: &[u8]| id.iter().any(|&byte| byte != 0);
    span.trace_id.len() == 16
        && some(&span.trace_id)
        && span.span_id.len() == 8
        && some(&span.span_id)
        // A root has no parent, which some write as zeroes.
        && matches!(span.parent_span_id.len(), 0 | 8)
}

/// Why spans were rejected, in words for the sender's log; `None` if none was.
pub(super) fn explain(counts: &SpanCounts, attempt: &Attempt, span_bytes: usize) -> Option<String> {
    let total = counts.rejected_total();
    if total == 0 {
        return None;
    }
    let reasons: Vec<String> = counts
        .rejected
        .iter()
        .map(|(&key, count)| {
            let why = match key {
                reason::INVALID_ID => "trace id, span id or parent id is zero or has the wrong length".to_owned(),
                reason::HOST_ID => "the span id belongs to a span of the host".to_owned(),
                reason::OVER_SPANS => format!("an attempt may send {} spans", attempt.allowance.spans),
                reason::OVER_BYTES => format!("an attempt may send {} bytes of spans", attempt.allowance.bytes),
                reason::TOO_LARGE => format!("a span, a resource and a scope may have {span_bytes} bytes each"),
                _ => "the span, its resource or its scope can't be decoded".to_owned(),
            };
            format!("{count} {key} ({why})")
        })
        .collect();
    Some(format!("rejected {total} of {} spans: {}", counts.received, reasons.join("; ")))
}
