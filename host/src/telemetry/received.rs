//! The form on disk of spans that stages send: whose they are is said by the token they came with, never by what they
//! say of themselves.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{self as otlp, status::StatusCode};
use serde_json::{Map, Value as Json};

use super::caps::Caps;
use super::exporter::ForensicSpanExporter;
use super::otlp::receive::{Sender, SpanSink};
use super::record::{Dropped, Event, Link, Record};
use super::scrub::{Scrub, float};
use crate::conventions::{attr, origin, status};
use crate::files::hex;
use crate::redact::Redactor;

/// The attributes that the host sets are below this; a stage's own of such a name get another in front.
const HOST_PREFIX: &str = "forensic.";
const STAGE_PREFIX: &str = "stage.";

impl SpanSink for ForensicSpanExporter {
    fn accept(
        &self,
        sender: &Sender,
        resource: Option<&Resource>,
        scope: Option<&InstrumentationScope>,
        span: otlp::Span,
    ) -> io::Result<()> {
        self.record_received(record(sender, resource, scope, &span, self.caps(), self.redactor()))
    }
}

fn record(
    sender: &Sender,
    resource: Option<&Resource>,
    scope: Option<&InstrumentationScope>,
    span: &otlp::Span,
    caps: &Caps,
    redactor: &Redactor,
) -> Record {
    let mut scrub = Scrub::new(redactor, caps, true);
    let failed = span.status.as_ref().filter(|status| status.code == StatusCode::Error as i32);
    let mut record = Record {
        name: scrub.text("name", &span.name, caps.name).into_owned(),
        status: if failed.is_some() { status::ERROR } else { status::SUCCESS },
        status_message: failed
            .filter(|status| !status.message.is_empty())
            .map(|status| scrub.text("status_message", &status.message, caps.message).into_owned()),
        attributes: attributes(&mut scrub, &span.attributes, caps.attributes),
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_span_id: (!span.parent_span_id.is_empty()).then(|| hex(&span.parent_span_id)),
        kind: match span.kind {
            2 => Some("SERVER"),
            3 => Some("CLIENT"),
            4 => Some("PRODUCER"),
            5 => Some("CONSUMER"),
            _ => None,
        },
        scope: scope.map(|scope| scope_object(&mut scrub, scope)).unwrap_or_default(),
        resource: resource
            .map(|resource| attributes(&mut scrub, &resource.attributes, caps.inner_attributes))
            .unwrap_or_default(),
        dropped: Dropped {
            attributes: span.dropped_attributes_count.into(),
            events: u64::from(span.dropped_events_count) + span.events.len() as u64,
            links: u64::from(span.dropped_links_count) + span.links.len() as u64,
        },
        ..Record::default()
    };
    let skewed = record.set_times(span.start_time_unix_nano, span.end_time_unix_nano);
    if caps.debug {
        events_and_links(&mut record, &mut scrub, span);
    } else {
        keep_exception(&mut record, &mut scrub, span);
    }
    let adopted = span.trace_id != sender.trace_id;
    let mut set = |key: &str, value: Json| {
        record.attributes.insert(key.to_owned(), value);
    };
    set(attr::ORIGIN, origin::OTLP.into());
    set(attr::STAGE_ID, sender.stage.as_str().into());
    set(attr::ATTEMPT, sender.attempt.into());
    if adopted {
        set(attr::ADOPTED, true.into());
    }
    if skewed {
        set(attr::CLOCK_SKEW, true.into());
    }
    record.finish(scrub);
    record
}

fn events_and_links(record: &mut Record, scrub: &mut Scrub<'_>, span: &otlp::Span) {
    let caps = scrub.caps;
    for event in span.events.iter().take(caps.events) {
        record.dropped.events -= 1;
        record.events.push(Event {
            name: scrub.text("event name", &event.name, caps.name).into_owned(),
            time: event.time_unix_nano,
            attributes: attributes(scrub, &event.attributes, caps.inner_attributes),
        });
    }
    for link in span.links.iter().take(caps.events) {
        record.dropped.links -= 1;
        record.links.push(Link {
            trace_id: hex(&link.trace_id),
            span_id: hex(&link.span_id),
            attributes: attributes(scrub, &link.attributes, caps.inner_attributes),
        });
    }
}

/// An exception's type and message are kept even where events are not: as attributes of the span, under the names that
/// they have in the event.
fn keep_exception(record: &mut Record, scrub: &mut Scrub<'_>, span: &otlp::Span) {
    let Some(event) = span.events.iter().rev().find(|event| event.name == "exception") else { return };
    for pair in &event.attributes {
        if matches!(pair.key.as_str(), "exception.type" | "exception.message")
            && !record.attributes.contains_key(&pair.key)
        {
            let value = any(scrub, &pair.key, &pair.key, pair.value.as_ref(), 0);
            record.attributes.insert(pair.key.clone(), value);
        }
    }
}

fn scope_object(scrub: &mut Scrub<'_>, scope: &InstrumentationScope) -> Map<String, Json> {
    let mut object = Map::new();
    for (key, text) in [("name", &scope.name), ("version", &scope.version)] {
        if !text.is_empty() {
            object.insert(key.into(), scrub.text(key, text, scrub.caps.name).into());
        }
    }
    if !scope.attributes.is_empty() {
        object.insert("attributes".into(), attributes(scrub, &scope.attributes, scrub.caps.inner_attributes).into());
    }
    object
}

fn attributes(scrub: &mut Scrub<'_>, pairs: &[KeyValue], cap: usize) -> Map<String, Json> {
    let mut attributes = scrub.attributes(
        pairs.iter().map(|pair| (pair.key.as_str(), pair.value.as_ref())),
        cap,
        |scrub, key, value| any(scrub, key, key, value, 0),
    );
    let forged: Vec<String> = attributes.keys().filter(|key| key.starts_with(HOST_PREFIX)).cloned().collect();
    for key in forged {
        if let Some(value) = attributes.remove(&key) {
            attributes.insert(format!("{STAGE_PREFIX}{key}"), value);
        }
    }
    attributes
}

/// A value under the name `key` within the attribute `label`.
fn any(scrub: &mut Scrub<'_>, label: &str, key: &str, value: Option<&AnyValue>, depth: usize) -> Json {
    use any_value::Value as V;
    if depth > scrub.caps.depth {
        *scrub.truncated.entry(format!("{label} (depth)")).or_default() += 1;
        return "[nested too deep]".into();
    }
    match value.and_then(|value| value.value.as_ref()) {
        None => Json::Null,
        Some(V::StringValue(text)) => scrub.inner_value(label, key, text).into(),
        Some(V::BoolValue(value)) => (*value).into(),
        Some(V::IntValue(value)) => (*value).into(),
        Some(V::DoubleValue(value)) => float(*value),
        // Cut before it is encoded: what follows is not looked at.
        Some(V::BytesValue(bytes)) => {
            scrub.inner_value(label, key, &BASE64.encode(&bytes[..bytes.len().min(super::caps::HARD_CUT)])).into()
        }
        Some(V::ArrayValue(array)) => {
            scrub.items(label, &array.values).iter().map(|item| any(scrub, label, key, Some(item), depth + 1)).collect()
        }
        Some(V::KvlistValue(list)) => {
            let mut object = Map::new();
            for pair in scrub.items(label, &list.values) {
                let name = scrub.text("attribute name", &pair.key, scrub.caps.name).into_owned();
                let value = any(scrub, label, &pair.key, pair.value.as_ref(), depth + 1);
                object.insert(name, value);
            }
            object.into()
        }
        // An index into a table that only profiles have.
        Some(V::StringValueStrindex(_)) => Json::Null,
    }
}
