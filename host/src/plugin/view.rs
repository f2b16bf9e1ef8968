//! The read model in the words of the WIT: pages of plain records.

use super::bindings::trace::{
    HealthMetrics, RunSummary, Span, SpanPage, SpanQuery, SpanTimes, StageSummary, TraceError,
};
use super::bindings::types::{Attribute, AttributeValue};
use super::inputs::TraceInput;
use crate::trace::{self, Kind, Query, Status, Summary, Trace, Value};

/// Stages or spans of one page.
const PAGE_MAX: usize = 1024;
/// Times of one page.
const TIMES_MAX: usize = 65_536;
/// What the text of one page may take: attributes can be long. A page ends early there, after one span at least.
const PAGE_BYTES: u64 = 4 << 20;
/// What a record counts beside its text, about.
const RECORD: u64 = 64;

impl TraceInput {
    fn parts(&self) -> Result<(&Trace, &Summary), TraceError> {
        match self {
            Self::Available { trace, summary, .. } => Ok((trace, summary)),
            Self::Missing => Err(TraceError::Missing),
            Self::Unreadable(why) => Err(TraceError::Unreadable(why.clone())),
        }
    }

    pub(super) fn run(&self) -> Result<RunSummary, TraceError> {
        self.parts().map(|(_, summary)| summary.into())
    }

    pub(super) fn health(&self) -> Result<HealthMetrics, TraceError> {
        self.parts().map(|(_, summary)| summary.into())
    }

    pub(super) fn stages(&self, offset: u32, max: u32) -> Vec<StageSummary> {
        let Ok((_, summary)) = self.parts() else { return Vec::new() };
        summary.stages.iter().skip(offset as usize).take(PAGE_MAX.min(max as usize)).map(StageSummary::from).collect()
    }

    /// A page, and how many spans were looked at for it.
    pub(super) fn spans(&self, query: &SpanQuery, cursor: u64, max: u32) -> (SpanPage, u64) {
        let empty = (SpanPage { spans: Vec::new(), next: None }, 0);
        let Ok((trace, _)) = self.parts() else { return empty };
        let Some(query) = read_query(query) else { return empty };
        let page = trace.query(&query, cursor, PAGE_MAX.min(max as usize));
        let seen = looked_at(trace, cursor, page.next);
        let mut answer = SpanPage { spans: Vec::with_capacity(page.spans.len()), next: page.next };
        let mut bytes = 0;
        for span in page.spans {
            let record = Span::from(&span);
            bytes += record.weight();
            if bytes > PAGE_BYTES && !answer.spans.is_empty() {
                answer.next = Some(span.index() as u64);
                break;
            }
            answer.spans.push(record);
        }
        (answer, seen)
    }

    /// The same.
    pub(super) fn times(&self, query: &SpanQuery, cursor: u64, max: u32) -> (SpanTimes, u64) {
        let mut times = SpanTimes { start_times: Vec::new(), end_times: Vec::new(), next: None };
        let mut seen = 0;
        let Ok((trace, _)) = self.parts() else { return (times, seen) };
        let Some(query) = read_query(query) else { return (times, seen) };
        let max = TIMES_MAX.min(max as usize).max(1);
        times.next = Some(cursor);
        while let (Some(cursor), left @ 1..) = (times.next, max - times.start_times.len()) {
            let page = trace.query(&query, cursor, left.min(PAGE_MAX));
            seen += looked_at(trace, cursor, page.next);
            times.start_times.extend(page.spans.iter().map(trace::Span::start_time));
            times.end_times.extend(page.spans.iter().map(trace::Span::end_time));
            times.next = page.next;
        }
        (times, seen)
    }

    pub(super) fn history(&self, max: u32) -> Vec<RunSummary> {
        match self {
            Self::Available { history, .. } => history.iter().take(PAGE_MAX.min(max as usize)).cloned().collect(),
            _ => Vec::new(),
        }
    }
}

/// Spans between the cursor and where the next page begins, or the end.
fn looked_at(trace: &Trace, cursor: u64, next: Option<u64>) -> u64 {
    next.unwrap_or(trace.len() as u64).saturating_sub(cursor)
}

/// `None` where no span can match.
fn read_query(query: &SpanQuery) -> Option<Query> {
    let kind = match query.kind.as_deref() {
        None => None,
        Some(word) => {
            let kinds = [Kind::Run, Kind::Stage, Kind::Attempt, Kind::Report];
            Some(kinds.into_iter().find(|kind| kind.as_str() == Some(word))?)
        }
    };
    Some(Query { stage: query.stage.clone(), kind, name: query.name.clone(), only_errors: query.failed_only })
}

impl From<&Summary> for RunSummary {
    fn from(summary: &Summary) -> Self {
        let run = &summary.run;
        Self {
            id: run.id.clone().unwrap_or_default(),
            pipeline: run.pipeline.clone().unwrap_or_default(),
            profile: run.profile.clone(),
            outcome: run.result.clone().unwrap_or_default(),
            trace_id: run.trace_id.clone().unwrap_or_default(),
            start_time: run.start_time.unwrap_or_default(),
            end_time: run.end_time.unwrap_or_default(),
            wall_ns: summary.wall_ns,
            slots: small(run.slots.unwrap_or_default()),
            stages: small(summary.stages.len() as u64),
            spans: summary.spans.count,
        }
    }
}

impl From<&Summary> for HealthMetrics {
    fn from(summary: &Summary) -> Self {
        let path = summary.critical_path.as_ref();
        Self {
            wall_ns: summary.wall_ns,
            busy_ns: summary.busy_ns,
            work_ns: summary.work_ns,
            useful_ns: summary.useful_ns,
            wasted_ns: summary.wasted_ns,
            speedup: summary.speedup,
            efficiency: summary.efficiency,
            cpu_use: summary.cpu_use,
            critical_path_ns: path.map(|path| path.duration_ns),
            critical_path: path.map(|path| path.stages.clone()).unwrap_or_default(),
            max_speedup: summary.max_speedup,
            lower_bound_ns: summary.lower_bound_ns,
            schedule_quality: summary.schedule_quality,
            queue_ns: summary.queue.as_ref().map(|queue| queue.total_ns),
            warnings: summary.warnings.clone(),
        }
    }
}

impl From<&trace::summary::StageSummary> for StageSummary {
    fn from(stage: &trace::summary::StageSummary) -> Self {
        Self {
            id: stage.id.clone(),
            outcome: stage.result.clone(),
            needs: stage.needs.clone().unwrap_or_default(),
            attempts: small(stage.attempts),
            start_time: Some(stage.start_time),
            end_time: Some(stage.end_time),
            duration_ns: stage.duration_ns,
            queue_ns: stage.queue_ns,
            slack_ns: stage.slack_ns,
            drag_ns: stage.drag_ns,
            critical: stage.critical.unwrap_or_default(),
            cached: stage.cached,
            cpu_ns: stage.cpu_ns,
            peak_memory_bytes: stage.peak_memory_bytes,
            exit_code: stage.exit_code.and_then(|code| code.try_into().ok()),
            error: stage.error.clone(),
        }
    }
}

impl From<&trace::Span<'_>> for Span {
    fn from(span: &trace::Span<'_>) -> Self {
        let attributes = span.attributes();
        Self {
            name: span.name().to_owned(),
            span_id: span.span_id_hex(),
            parent_span_id: span.parent_span_id_hex(),
            start_time: span.start_time(),
            end_time: span.end_time(),
            failed: span.status() == Status::Error,
            status_message: span.status_message().map(str::to_owned),
            attributes: attributes.map(|(key, value)| Attribute { key: key.to_owned(), value: value.into() }).collect(),
        }
    }
}

impl From<Value<'_>> for AttributeValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Json("null".into()),
            Value::Bool(value) => Self::Boolean(value),
            Value::Int(value) => Self::Integer(value),
            // A number that no float holds stays as it was written.
            Value::Number(text) => value.as_f64().map_or_else(|| Self::Json(text.to_owned()), Self::Number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Json(text) => match serde_json::from_str(text) {
                Ok(texts) => Self::Texts(texts),
                Err(_) => Self::Json(text.to_owned()),
            },
        }
    }
}

fn small(number: u64) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}

/// What a record counts against the limit on bytes read.
pub(super) trait Weight {
    fn weight(&self) -> u64;
}

impl<T: Weight> Weight for [T] {
    fn weight(&self) -> u64 {
        self.iter().map(T::weight).sum()
    }
}

impl Weight for String {
    fn weight(&self) -> u64 {
        self.len() as u64
    }
}

impl<T: Weight> Weight for Option<T> {
    fn weight(&self) -> u64 {
        self.as_ref().map_or(0, T::weight)
    }
}

impl Weight for RunSummary {
    fn weight(&self) -> u64 {
        RECORD + self.id.weight() + self.pipeline.weight() + self.profile.weight() + self.trace_id.weight()
    }
}

impl Weight for HealthMetrics {
    fn weight(&self) -> u64 {
        2 * RECORD + self.critical_path.weight() + self.warnings.weight()
    }
}

impl Weight for StageSummary {
    fn weight(&self) -> u64 {
        2 * RECORD + self.id.weight() + self.needs.weight() + self.error.weight()
    }
}

impl Weight for Span {
    fn weight(&self) -> u64 {
        RECORD + self.name.weight() + self.status_message.weight() + self.attributes.weight()
    }
}

impl Weight for Attribute {
    fn weight(&self) -> u64 {
        let value = match &self.value {
            AttributeValue::Text(text) | AttributeValue::Json(text) => text.weight(),
            AttributeValue::Texts(texts) => texts.weight(),
            AttributeValue::Boolean(_) | AttributeValue::Integer(_) | AttributeValue::Number(_) => 0,
        };
        16 + self.key.weight() + value
    }
}

impl Weight for SpanTimes {
    fn weight(&self) -> u64 {
        16 * self.start_times.len() as u64
    }
}

impl Weight for super::Artifact {
    fn weight(&self) -> u64 {
        RECORD + self.id.weight() + self.sha256.weight()
    }
}
