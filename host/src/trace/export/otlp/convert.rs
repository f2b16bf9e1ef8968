//! Spans of a trace into OTLP's messages, batch by batch.

use super::Limits;
use super::messages::{
    AnyValue, ArrayValue, Event, KeyValue, KeyValueList, Link, Resource, ResourceSpans, Scope, ScopeSpans, Span,
    Status, TracesData, Value,
};
use crate::conventions::{attr, result};
use crate::trace::export::{MAX_DEPTH, parts};
use crate::trace::span::{self, Kind, Part};
use crate::trace::{Run, Trace};
use prost::Message;
use serde_json::Value as Json;

/// `service.name` of a host's trace; also the scope of its spans.
const HOST: &str = "forensic-host";
/// What the conventions want where nobody knows who made a span.
const UNKNOWN: &str = "unknown_service";
/// Stands in for ids that a foreign trace does not have: OTLP forbids 0, and receivers reject it.
const MADE_UP: u64 = 0xf0f0_f0f0_0000_0000;

/// The batches of a trace.
pub(crate) struct Batches<'a> {
    trace: &'a Trace,
    next: usize,
    /// The resource of spans that have none of their own.
    resource: Resource,
    /// The trace id of spans that have none.
    trace_id: u128,
    limits: Limits,
    /// A span that the last batch had no room for.
    held: Option<(span::Span<'a>, Span)>,
}

impl<'a> Batches<'a> {
    /// What the file alone tells: spans without a resource get the one of its run.
    pub(super) fn new(trace: &'a Trace) -> Self {
        Self::of(trace, run_resource(trace), Limits::EXPORT)
    }

    /// Of a part of a run's spans: those without a resource get this one, given as its attributes.
    pub(crate) fn with_resource(trace: &'a Trace, resource: &[(String, String)], limits: Limits) -> Self {
        let attribute = |(key, value): &(String, String)| key_value(key, Value::Text(value.clone()).into());
        Self::of(trace, Resource { attributes: resource.iter().map(attribute).collect() }, limits)
    }

    fn of(trace: &'a Trace, resource: Resource, limits: Limits) -> Self {
        let id = trace.trace_ids.iter().copied().find(|id| *id != 0).unwrap_or(MADE_UP.into());
        Self { trace, next: 0, resource, trace_id: id, limits, held: None }
    }

    fn next_span(&mut self) -> Option<(span::Span<'a>, Span)> {
        self.held.take().or_else(|| {
            let span = self.trace.span(self.next)?;
            self.next += 1;
            Some((span, self.convert(span)))
        })
    }

    fn convert(&self, span: span::Span<'a>) -> Span {
        let own_id = match span.span_id() {
            // Keeps clear of the ids of others with certainty only where they are random, as they should be.
            0 => MADE_UP + span.index() as u64 + 1,
            id => id,
        };
        let trace_id = if span.trace_id() == 0 { self.trace_id } else { span.trace_id() };
        let (events, unread_events) = parts::events(span);
        let (links, unread_links) = parts::links(span);
        let dropped = parts::dropped(span);
        Span {
            trace_id: trace_id.to_be_bytes().to_vec(),
            span_id: own_id.to_be_bytes().to_vec(),
            parent_span_id: span.parent_span_id().map(|id| id.to_be_bytes().to_vec()).unwrap_or_default(),
            name: span.name().to_owned(),
            kind: parts::span_kind(span),
            start_time_unix_nano: span.start_time(),
            end_time_unix_nano: span.end_time(),
            attributes: span.attributes().map(|(key, value)| key_value(key, attribute(value))).collect(),
            dropped_attributes_count: dropped.attributes,
            events: events
                .into_iter()
                .map(|event| Event {
                    time_unix_nano: event.time,
                    name: event.name,
                    attributes: key_values(event.attributes),
                    dropped_attributes_count: event.dropped,
                })
                .collect(),
            dropped_events_count: dropped.events.saturating_add(unread_events),
            links: links
                .into_iter()
                .map(|link| Link {
                    trace_id: link.trace_id.to_be_bytes().to_vec(),
                    span_id: link.span_id.to_be_bytes().to_vec(),
                    trace_state: link.trace_state,
                    attributes: key_values(link.attributes),
                    dropped_attributes_count: link.dropped,
                })
                .collect(),
            dropped_links_count: dropped.links.saturating_add(unread_links),
            status: status(span),
        }
    }
}

impl Iterator for Batches<'_> {
    type Item = TracesData;

    fn next(&mut self) -> Option<TracesData> {
        let mut groups = Groups::default();
        let (mut spans, mut bytes) = (0, 0);
        while spans < self.limits.spans {
            let Some((span, converted)) = self.next_span() else { break };
            bytes += converted.encoded_len();
            if spans > 0 && bytes > self.limits.bytes {
                self.held = Some((span, converted));
                break;
            }
            spans += 1;
            groups.add(span, converted, &self.resource);
        }
        (spans > 0).then_some(TracesData { resource_spans: groups.resource_spans })
    }
}

/// Spans of one batch, those of one resource and scope together, in order of their first span.
#[derive(Default)]
struct Groups<'a> {
    resource_spans: Vec<ResourceSpans>,
    /// For each of them its resource part, and the scopes of its `scope_spans`.
    keys: Vec<(Option<&'a str>, Vec<ScopeKey<'a>>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ScopeKey<'a> {
    Host,
    None,
    Part(&'a str),
}

impl<'a> Groups<'a> {
    fn add(&mut self, span: span::Span<'a>, converted: Span, run: &Resource) {
        let resource = span.part(Part::Resource);
        let at = self.keys.iter().position(|(key, _)| *key == resource).unwrap_or_else(|| {
            let (resource_message, schema_url) = match resource.map(parts::origin) {
                Some(origin) => (Resource { attributes: key_values(origin.attributes) }, origin.schema_url),
                None => (run.clone(), String::new()),
            };
            self.resource_spans.push(ResourceSpans {
                resource: Some(resource_message),
                scope_spans: Vec::new(),
                schema_url,
            });
            self.keys.push((resource, Vec::new()));
            self.keys.len() - 1
        });
        let scopes = &mut self.keys[at].1;
        let scope_spans = &mut self.resource_spans[at].scope_spans;
        let key = match span.part(Part::Scope) {
            Some(part) => ScopeKey::Part(part),
            None if span.kind() == Kind::Other => ScopeKey::None,
            None => ScopeKey::Host,
        };
        let at = scopes.iter().position(|other| *other == key).unwrap_or_else(|| {
            let (scope, schema_url) = match key {
                ScopeKey::None => (None, String::new()),
                ScopeKey::Host => (Some(Scope { name: HOST.to_owned(), ..Scope::default() }), String::new()),
                ScopeKey::Part(part) => {
                    let origin = parts::origin(part);
                    let attributes = key_values(origin.attributes);
                    (Some(Scope { name: origin.name, version: origin.version, attributes }), origin.schema_url)
                }
            };
            scope_spans.push(ScopeSpans { scope, spans: Vec::new(), schema_url });
            scopes.push(key);
            scopes.len() - 1
        });
        scope_spans[at].spans.push(converted);
    }
}

/// A host's trace says so; who made another's is unknown.
fn run_resource(trace: &Trace) -> Resource {
    let run = trace.native.then(|| Run::of(trace));
    let name = if run.is_some() { HOST } else { UNKNOWN };
    let mut attributes = vec![key_value("service.name", Value::Text(name.to_owned()).into())];
    if let Some(id) = run.and_then(|run| run.id) {
        attributes.push(key_value("service.instance.id", Value::Text(id).into()));
    }
    Resource { attributes }
}

/// `Ok` is what the host itself has checked; of other spans the file only says that they are no errors.
fn status(span: span::Span<'_>) -> Option<Status> {
    const OK: i32 = 1;
    const ERROR: i32 = 2;
    let checked = || {
        let key = if span.kind() == Kind::Run { attr::PIPELINE_RESULT } else { attr::TASK_RESULT };
        span.kind() != Kind::Other && span.attribute(key).is_none_or(|value| value.as_text() == Some(result::SUCCESS))
    };
    let code = match span.status() {
        span::Status::Error => ERROR,
        span::Status::Success if checked() => OK,
        span::Status::Success => 0,
    };
    let message = span.status_message().unwrap_or_default().to_owned();
    (code != 0 || !message.is_empty()).then_some(Status { message, code })
}

fn key_value(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value) }
}

fn key_values(map: serde_json::Map<String, Json>) -> Vec<KeyValue> {
    map.into_iter().map(|(key, value)| KeyValue { key, value: Some(any_value(value, MAX_DEPTH)) }).collect()
}

fn attribute(value: span::Value<'_>) -> AnyValue {
    match value {
        span::Value::Int(value) => Value::Int(value).into(),
        span::Value::Bool(value) => Value::Bool(value).into(),
        span::Value::Text(text) => Value::Text(text.to_owned()).into(),
        span::Value::Number(digits) if is_large(digits) => Value::Text(digits.to_owned()).into(),
        other => any_value(other.to_json(), MAX_DEPTH),
    }
}

/// A whole number of more than 63 bits: its digits are kept, not something near it.
fn is_large(digits: &str) -> bool {
    digits != "-0" && digits.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit())
}

/// A JSON value; below `depth` as its text.
fn any_value(value: Json, depth: usize) -> AnyValue {
    match value {
        Json::Null => AnyValue { value: None },
        Json::Bool(value) => Value::Bool(value).into(),
        Json::String(text) => Value::Text(text).into(),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Value::Int(value).into(),
            (None, Some(value)) if number.is_f64() && value.is_finite() => Value::Double(value).into(),
            // Whole, but more than 63 bits.
            _ => Value::Text(number.to_string()).into(),
        },
        container if depth == 0 => Value::Text(container.to_string()).into(),
        Json::Array(items) => {
            let values = items.into_iter().map(|item| any_value(item, depth - 1)).collect();
            Value::Array(ArrayValue { values }).into()
        }
        Json::Object(map) => {
            let values = map
                .into_iter()
                .map(|(key, value)| KeyValue { key, value: Some(any_value(value, depth - 1)) })
                .collect();
            Value::Map(KeyValueList { values }).into()
        }
    }
}

impl From<Value> for AnyValue {
    fn from(value: Value) -> Self {
        Self { value: Some(value) }
    }
}
