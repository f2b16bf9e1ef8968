//! The spans of a trace as the host hands them out: in start order, without those of report plugins, each with its kind and
//! its stage.

use std::collections::{HashMap, HashSet};

use crate::{AttributeValue, Span, SpanQuery};

/// Attributes that the host reads, too.
const KIND: &str = "forensic.kind";
const ORIGIN: &str = "forensic.origin";
const STAGE: &str = "forensic.stage.id";
/// Kinds that a query may ask for.
const KINDS: [&str; 4] = ["run", "stage", "attempt", REPORT];
const REPORT: &str = "report";

/// The spans.
#[derive(Debug, Default)]
pub(super) struct Spans(Vec<Placed>);

#[derive(Debug)]
struct Placed {
    span: Span,
    kind: Option<String>,
    stage: Option<String>,
}

impl Spans {
    /// Puts spans in order, and works out kinds and stages.
    pub(super) fn new(mut spans: Vec<Span>) -> Self {
        spans.sort_by(|a, b| (a.start_time, &a.span_id, a.end_time).cmp(&(b.start_time, &b.span_id, b.end_time)));
        let by_id: HashMap<&str, usize> =
            spans.iter().enumerate().map(|(index, span)| (span.span_id.as_str(), index)).collect();
        let above = |index: usize| {
            let mut seen = HashSet::new();
            let parent = |index: &usize| spans[*index].parent_span_id.as_deref().and_then(|id| by_id.get(id).copied());
            // Parents in a circle are broken files; a walk still has to end.
            std::iter::successors(Some(index), parent).take_while(|index| seen.insert(*index)).collect::<Vec<_>>()
        };
        let places: Vec<(bool, Option<String>)> = (0..spans.len())
            .map(|index| {
                let line = above(index);
                let reported = line.iter().any(|&index| kind(&spans[index]) == Some(REPORT));
                let stage = line.iter().find_map(|&index| text(&spans[index], STAGE));
                (reported, stage.map(str::to_owned))
            })
            .collect();
        let placed = spans.into_iter().zip(places).filter(|(_, (reported, _))| !reported);
        Self(placed.map(|(span, (_, stage))| Placed { kind: kind(&span).map(str::to_owned), stage, span }).collect())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Spans from `cursor` that pass, and where to go on.
    pub(super) fn page(&self, query: &SpanQuery, cursor: u64, max: usize) -> (Vec<&Span>, Option<u64>) {
        let passes = |placed: &Placed| {
            query.stage.as_ref().is_none_or(|stage| placed.stage.as_ref() == Some(stage))
                && query.kind.as_ref().is_none_or(|kind| placed.kind.as_ref() == Some(kind))
                && query.name.as_ref().is_none_or(|name| placed.span.name == *name)
                && (!query.failed_only || placed.span.failed)
        };
        let first = usize::try_from(cursor).unwrap_or(usize::MAX).min(self.0.len());
        let mut passing = (first..self.0.len()).filter(|index| passes(&self.0[*index]));
        let page: Vec<&Span> = passing.by_ref().take(max).map(|index| &self.0[index].span).collect();
        (page, passing.next().map(|index| index as u64))
    }
}

/// What the host says a span is; others can't say it of themselves.
fn kind(span: &Span) -> Option<&str> {
    let kind = text(span, KIND)?;
    (KINDS.contains(&kind) && text(span, ORIGIN).is_none()).then_some(kind)
}

fn text<'s>(span: &'s Span, key: &str) -> Option<&'s str> {
    span.attributes.iter().find(|attribute| attribute.key == key).and_then(|attribute| match &attribute.value {
        AttributeValue::Text(text) => Some(text.as_str()),
        _ => None,
    })
}
