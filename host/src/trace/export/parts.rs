//! A span's links, events, scope and resource out of their JSON text, liberally: the host's spelling, OTLP's and that
//! of the Python SDK's `to_json`. What can't be understood is counted, not hidden. No format's types here.

use crate::trace::span::{Part, Span};
use serde_json::{Map, Value};

/// An event of a span.
pub(super) struct Event {
    pub(super) name: String,
    /// Unix nanoseconds.
    pub(super) time: u64,
    pub(super) attributes: Map<String, Value>,
    pub(super) dropped: u32,
}

/// A link of a span.
pub(super) struct Link {
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
    pub(super) trace_state: String,
    pub(super) attributes: Map<String, Value>,
    pub(super) dropped: u32,
}

/// A scope or a resource.
pub(super) struct Origin {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) attributes: Map<String, Value>,
    pub(super) schema_url: String,
}

/// What the writer left out of a span, and what [`events`] and [`links`] could not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) attributes: u32,
    pub(super) events: u32,
    pub(super) links: u32,
}

/// The events of a span, and how many could not be read.
pub(super) fn events(span: Span<'_>) -> (Vec<Event>, u32) {
    let shift = span.shift();
    list(span, Part::Events, |event| {
        Some(Event {
            name: text(event, &["name"]),
            time: time(first(event, &["time", "timestamp", "time_unix_nano", "timeUnixNano"])?)?
                .saturating_add_signed(shift),
            attributes: attributes(event.get("attributes")),
            dropped: dropped_attributes(event),
        })
    })
}

/// The links of a span, and how many could not be read.
pub(super) fn links(span: Span<'_>) -> (Vec<Link>, u32) {
    list(span, Part::Links, |link| {
        let context = link.get("context").and_then(Value::as_object).unwrap_or(link);
        let trace_id = id(first(context, &["trace_id", "traceId"])?)?;
        Some(Link {
            trace_id,
            span_id: id(first(context, &["span_id", "spanId"])?).and_then(|id| u64::try_from(id).ok())?,
            // Python writes a list, as text: `[]`.
            trace_state: Some(text(context, &["trace_state", "traceState"])).filter(|s| s != "[]").unwrap_or_default(),
            attributes: attributes(link.get("attributes")),
            dropped: dropped_attributes(link),
        })
    })
}

/// The counts that the writer left.
pub(super) fn dropped(span: Span<'_>) -> Dropped {
    let counts = parse(span, Part::Dropped);
    let count = |what| counts.as_ref().and_then(|counts| counts.get(what)).map_or(0, count);
    Dropped { attributes: count("attributes"), events: count("events"), links: count("links") }
}

/// The text of a scope or resource part as names and attributes.
pub(super) fn origin(json: &str) -> Origin {
    let mut object = match serde_json::from_str(json) {
        Ok(Value::Object(object)) => object,
        Ok(Value::String(name)) => Map::from_iter([("name".to_owned(), Value::String(name))]),
        _ => Map::new(),
    };
    let mut origin = Origin {
        name: text(&object, &["name"]),
        version: text(&object, &["version"]),
        schema_url: text(&object, &["schema_url", "schemaUrl"]),
        attributes: Map::new(),
    };
    origin.attributes = match object.get("attributes") {
        Some(found) => attributes(Some(found)),
        None => {
            // A resource may be written as its attributes alone.
            object.retain(|key, _| !matches!(&**key, "name" | "version" | "schema_url" | "schemaUrl"));
            object
        }
    };
    origin
}

/// OTLP's number of the span kind. What says nothing is INTERNAL, as the OTLP specification wants.
pub(super) fn span_kind(span: Span<'_>) -> i32 {
    const INTERNAL: i32 = 1;
    match parse(span, Part::SpanKind) {
        Some(Value::Number(number)) => {
            number.as_i64().and_then(|n| i32::try_from(n).ok()).filter(|n| (1..=5).contains(n)).unwrap_or(INTERNAL)
        }
        Some(Value::String(word)) => {
            let word = word.rsplit('.').next().unwrap_or_default().to_ascii_uppercase();
            match word.strip_prefix("SPAN_KIND_").unwrap_or(&word) {
                "SERVER" => 2,
                "CLIENT" => 3,
                "PRODUCER" => 4,
                "CONSUMER" => 5,
                _ => INTERNAL,
            }
        }
        _ => INTERNAL,
    }
}

fn parse(span: Span<'_>, part: Part) -> Option<Value> {
    serde_json::from_str(span.part(part)?).ok()
}

fn list<T>(span: Span<'_>, part: Part, read: impl Fn(&Map<String, Value>) -> Option<T>) -> (Vec<T>, u32) {
    let items = match (span.part(part), parse(span, part)) {
        (None, _) => return (Vec::new(), 0),
        (_, Some(Value::Array(items))) => items,
        (_, other) => vec![other.unwrap_or_default()],
    };
    let read: Vec<T> = items.iter().filter_map(|item| item.as_object().and_then(&read)).collect();
    let unread = items.len() - read.len();
    (read, u32::try_from(unread).unwrap_or(u32::MAX))
}

fn first<'a>(object: &'a Map<String, Value>, keys: &[&str]) -> Option<&'a Value> {
    keys.iter().find_map(|key| object.get(*key))
}

fn text(object: &Map<String, Value>, keys: &[&str]) -> String {
    first(object, keys).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn count(value: &Value) -> u32 {
    value.as_u64().map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX))
}

fn dropped_attributes(object: &Map<String, Value>) -> u32 {
    first(object, &["dropped_attributes", "dropped_attributes_count", "droppedAttributesCount"]).map_or(0, count)
}

/// What is no object stays whole, under the key that it had.
fn attributes(value: Option<&Value>) -> Map<String, Value> {
    match value {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(map)) => map.clone(),
        Some(other) => Map::from_iter([("attributes".to_owned(), other.clone())]),
    }
}

/// Unix nanoseconds from an integer, its text, or RFC 3339.
fn time(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok().or_else(|| {
            let stamp: jiff::Timestamp = text.parse().ok()?;
            u64::try_from(stamp.as_nanosecond()).ok()
        }),
        other => other.as_u64(),
    }
}

fn id(value: &Value) -> Option<u128> {
    let text = value.as_str()?;
    u128::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok().filter(|id| *id != 0)
}
