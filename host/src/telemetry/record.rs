//! The form of a span on disk: one JSON object a line, keys in a fixed order (DESIGN 5). Secrets are masked here,
//! before anything is written.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;
use serde::Serialize;
use serde_json::{Map, Number, Value as Json};

use crate::clock::nanos;
use crate::conventions::{attr, status};
use crate::redact::Redactor;

/// A span as it is written.
#[derive(Serialize)]
pub(super) struct Record<'a> {
    name: Cow<'a, str>,
    pub(super) start_time: u64,
    end_time: u64,
    duration_ms: f64,
    status: &'static str,
    attributes: Map<String, Json>,
    trace_id: String,
    span_id: String,
    parent_span_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_message: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<Event<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    dropped: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct Link {
    trace_id: String,
    span_id: String,
    attributes: Map<String, Json>,
}

#[derive(Serialize)]
struct Event<'a> {
    name: Cow<'a, str>,
    time: u64,
    attributes: Map<String, Json>,
}

impl<'a> Record<'a> {
    /// `debug`: keep events and links too (`TV_DEBUG_TELEMETRY=1`); else only their number is kept.
    pub(super) fn new(span: &'a SpanData, debug: bool, redactor: &Redactor) -> Self {
        let mut mask = Mask { redactor, masked: 0 };
        let start_time = unix_nanos(span.start_time);
        // A span may come from a clock that was set back; its length is never negative.
        let end_time = unix_nanos(span.end_time).max(start_time);
        let (status, status_message) = match &span.status {
            Status::Error { description } => {
                (status::ERROR, Some(description.as_ref()).filter(|text| !text.is_empty()).map(|text| mask.text(text)))
            }
            Status::Ok | Status::Unset => (status::SUCCESS, None),
        };
        let mut record = Self {
            name: mask.text(&span.name),
            start_time,
            end_time,
            duration_ms: (end_time - start_time) as f64 / 1e6,
            status,
            attributes: mask.attributes(&span.attributes),
            trace_id: span.span_context.trace_id().to_string(),
            span_id: span.span_context.span_id().to_string(),
            parent_span_id: (span.parent_span_id != SpanId::INVALID).then(|| span.parent_span_id.to_string()),
            status_message,
            kind: match span.span_kind {
                SpanKind::Internal => None,
                SpanKind::Client => Some("CLIENT"),
                SpanKind::Server => Some("SERVER"),
                SpanKind::Producer => Some("PRODUCER"),
                SpanKind::Consumer => Some("CONSUMER"),
            },
            links: Vec::new(),
            events: Vec::new(),
            dropped: BTreeMap::new(),
        };
        let mut dropped = |what, count: u64| {
            if count > 0 {
                record.dropped.insert(what, count);
            }
        };
        dropped("attributes", span.dropped_attributes_count.into());
        let omitted = |kept: usize| if debug { 0 } else { kept as u64 };
        dropped("events", u64::from(span.events.dropped_count) + omitted(span.events.len()));
        dropped("links", u64::from(span.links.dropped_count) + omitted(span.links.len()));
        if debug {
            record.events = span
                .events
                .iter()
                .map(|event| Event {
                    name: mask.text(&event.name),
                    time: unix_nanos(event.timestamp),
                    attributes: mask.attributes(&event.attributes),
                })
                .collect();
            record.links = span
                .links
                .iter()
                .map(|link| Link {
                    trace_id: link.span_context.trace_id().to_string(),
                    span_id: link.span_context.span_id().to_string(),
                    attributes: mask.attributes(&link.attributes),
                })
                .collect();
        }
        if mask.masked > 0 {
            record.attributes.insert(attr::REDACTIONS.to_owned(), mask.masked.into());
        }
        record
    }
}

fn unix_nanos(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, nanos)
}

/// Masks secrets and counts them.
struct Mask<'r> {
    redactor: &'r Redactor,
    masked: usize,
}

impl Mask<'_> {
    fn text<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        let redacted = self.redactor.text(text);
        self.masked += redacted.count;
        redacted.text
    }

    /// Where a key was set twice the last value holds: the SDK keeps both.
    fn attributes(&mut self, pairs: &[KeyValue]) -> Map<String, Json> {
        pairs.iter().map(|pair| (pair.key.as_str().to_owned(), self.json(pair.key.as_str(), &pair.value))).collect()
    }

    fn value(&mut self, key: &str, text: &str) -> Json {
        // Ids and words that the host made of checked input: nothing is looked for in them.
        if key.starts_with("forensic.") || key.starts_with("cicd.") {
            return text.into();
        }
        let redacted = self.redactor.value(Some(key), text);
        self.masked += redacted.count;
        redacted.text.into()
    }

    fn json(&mut self, key: &str, value: &Value) -> Json {
        match value {
            Value::Bool(value) => (*value).into(),
            Value::I64(value) => (*value).into(),
            Value::F64(value) => float(*value),
            Value::String(value) => self.value(key, value.as_str()),
            Value::Array(Array::Bool(values)) => values.clone().into(),
            Value::Array(Array::I64(values)) => values.clone().into(),
            Value::Array(Array::F64(values)) => values.iter().map(|value| float(*value)).collect(),
            Value::Array(Array::String(values)) => values.iter().map(|value| self.value(key, value.as_str())).collect(),
            other => self.value(key, &other.to_string()),
        }
    }
}

/// JSON has no word for a number that is not finite: `"NaN"`, `"inf"`, `"-inf"` as text.
fn float(value: f64) -> Json {
    Number::from_f64(value).map_or_else(|| value.to_string().into(), Json::Number)
}
