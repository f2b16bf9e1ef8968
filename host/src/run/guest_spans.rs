//! Spans that a plugin made of its own work, into the run's trace: below the span of its call, marked as a guest's.

use opentelemetry::trace::{SpanContext, SpanKind};
use opentelemetry::{Array, KeyValue, StringValue, Value};

use crate::clock::nanos;
use crate::conventions::{attr, error_type, origin};
use crate::plugin::GuestSpans;
use crate::plugin::document::AttributeValue;
use crate::report::PluginIdentity;
use crate::telemetry::RunTelemetry;

/// Times in Unix nanoseconds.
pub(super) struct GuestCall<'a> {
    pub(super) telemetry: &'a RunTelemetry,
    /// The span of the call.
    pub(super) parent: &'a SpanContext,
    pub(super) plugin: &'a PluginIdentity,
    /// When it began.
    pub(super) start: u64,
    /// When it was over: nothing of it is later.
    pub(super) end: u64,
}

impl GuestCall<'_> {
    /// Records the spans of the call.
    pub(super) fn record(&self, guest: &GuestSpans) {
        let time = |since: std::time::Duration| self.start.saturating_add(nanos(since)).min(self.end);
        // A parent stands before its children, and may have ended before they began.
        let mut contexts: Vec<SpanContext> = Vec::with_capacity(guest.spans.len());
        for span in &guest.spans {
            let parent = span.parent.and_then(|index| contexts.get(index)).unwrap_or(self.parent);
            let mut attributes = vec![
                KeyValue::new(attr::ORIGIN, origin::GUEST),
                KeyValue::new(attr::PLUGIN_NAME, self.plugin.name.clone()),
                KeyValue::new(attr::PLUGIN_DIGEST, self.plugin.digest.clone()),
            ];
            attributes.extend(key_values(&span.attributes));
            let mut made =
                self.telemetry.span(span.name.clone(), SpanKind::Internal, Some(parent), time(span.start), attributes);
            for event in &span.events {
                made.add_event(event.name.clone(), time(event.at), key_values(&event.attributes).collect());
            }
            if span.error.is_some() {
                made.set(KeyValue::new(attr::ERROR_TYPE, error_type::PLUGIN));
            }
            contexts.push(made.context());
            made.end(time(span.end), span.error.clone());
        }
    }
}

fn key_values(attributes: &[(String, AttributeValue)]) -> impl Iterator<Item = KeyValue> {
    attributes.iter().map(|(key, value)| KeyValue::new(key.clone(), plain(value)))
}

fn plain(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Text(text) | AttributeValue::Json(text) => text.clone().into(),
        AttributeValue::Boolean(value) => (*value).into(),
        AttributeValue::Integer(value) => (*value).into(),
        AttributeValue::Number(value) => (*value).into(),
        AttributeValue::Texts(texts) => {
            Value::Array(Array::String(texts.iter().map(|text| StringValue::from(text.clone())).collect()))
        }
    }
}
