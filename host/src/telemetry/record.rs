//! The form of a span on disk: one JSON object a line, keys in a fixed order (DESIGN 5). Here from the SDK's spans;
//! from the spans that stages send in `received`.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::caps::Caps;
use super::scrub::{Scrub, float};
use crate::clock::nanos;
use crate::conventions::{attr, status};
use crate::redact::Redactor;

/// A span as it is written.
#[derive(Default, Serialize)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) start_time: u64,
    pub(super) end_time: u64,
    pub(super) duration_ms: f64,
    pub(super) status: &'static str,
    pub(super) attributes: Map<String, Json>,
    pub(super) trace_id: String,
    pub(super) span_id: String,
    pub(super) parent_span_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) scope: Map<String, Json>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) resource: Map<String, Json>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) links: Vec<Link>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) events: Vec<Event>,
    #[serde(skip_serializing_if = "Dropped::is_empty")]
    pub(super) dropped: Dropped,
    /// By attribute: how many bytes (of an array: items) are missing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) truncated: BTreeMap<String, u64>,
    /// Places that were masked; they stand in the attributes too.
    #[serde(skip)]
    pub(super) masked: u64,
}

#[derive(Serialize)]
pub(super) struct Link {
    pub(super) trace_id: String,
    pub(super) span_id: String,
    pub(super) attributes: Map<String, Json>,
}

#[derive(Serialize)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) time: u64,
    pub(super) attributes: Map<String, Json>,
}

/// What is counted of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Of the span, Unix ns.
    pub(super) start_time: u64,
    /// Places that were masked, in the span and in the output that it is about.
    pub(super) masked: u64,
    /// Places that were cut.
    pub(super) truncated: u64,
    pub(super) dropped: Dropped,
}

/// What a span had and the record has not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Dropped {
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) attributes: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) events: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) links: u64,
}

impl Dropped {
    fn is_empty(&self) -> bool {
        self.attributes + self.events + self.links == 0
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Record {
    /// A span of the host's own provider.
    pub(super) fn of_host(span: &SpanData, caps: &Caps, redactor: &Redactor) -> Self {
        let mut scrub = Scrub::new(redactor, caps, false);
        let (status, status_message) = match &span.status {
            Status::Error { description } => (status::ERROR, Some(description.as_ref())),
            Status::Ok | Status::Unset => (status::SUCCESS, None),
        };
        let mut record = Self {
            name: scrub.text("name", &span.name, caps.name).into_owned(),
            status,
            attributes: host_attributes(&mut scrub, &span.attributes, caps.attributes),
            trace_id: span.span_context.trace_id().to_string(),
            span_id: span.span_context.span_id().to_string(),
            parent_span_id: (span.parent_span_id != SpanId::INVALID).then(|| span.parent_span_id.to_string()),
            status_message: status_message
                .filter(|text| !text.is_empty())
                .map(|text| scrub.text("status_message", text, caps.message).into_owned()),
            kind: match span.span_kind {
                SpanKind::Internal => None,
                SpanKind::Client => Some("CLIENT"),
                SpanKind::Server => Some("SERVER"),
                SpanKind::Producer => Some("PRODUCER"),
                SpanKind::Consumer => Some("CONSUMER"),
            },
            ..Self::default()
        };
        // A span may come from a clock that was set back; its length is never negative.
        record.set_times(unix_nanos(span.start_time), unix_nanos(span.end_time));
        record.dropped = Dropped {
            attributes: span.dropped_attributes_count.into(),
            events: u64::from(span.events.dropped_count) + span.events.len() as u64,
            links: u64::from(span.links.dropped_count) + span.links.len() as u64,
        };
        if caps.debug {
            for event in span.events.iter().take(caps.events) {
                record.dropped.events -= 1;
                record.events.push(Event {
                    name: scrub.text("event name", &event.name, caps.name).into_owned(),
                    time: unix_nanos(event.timestamp),
                    attributes: host_attributes(&mut scrub, &event.attributes, caps.inner_attributes),
                });
            }
            for link in span.links.iter().take(caps.events) {
                record.dropped.links -= 1;
                record.links.push(Link {
                    trace_id: link.span_context.trace_id().to_string(),
                    span_id: link.span_context.span_id().to_string(),
                    attributes: host_attributes(&mut scrub, &link.attributes, caps.inner_attributes),
                });
            }
        }
        record.finish(scrub);
        record
    }

    /// Sets the three times; an end before the start becomes the start. Tells whether it was.
    pub(super) fn set_times(&mut self, start: u64, end: u64) -> bool {
        self.start_time = start;
        self.end_time = end.max(start);
        self.duration_ms = (self.end_time - start) as f64 / 1e6;
        end < start
    }

    /// Takes over what was counted on the way.
    pub(super) fn finish(&mut self, scrub: Scrub<'_>) {
        // Command lines are masked as a whole before they become an attribute.
        let before = self.attributes.get(attr::REDACTIONS).and_then(Json::as_u64).unwrap_or(0);
        self.masked = scrub.masked + before;
        self.truncated = scrub.truncated;
        self.dropped.attributes += scrub.dropped_attributes;
        if self.masked > 0 {
            self.attributes.insert(attr::REDACTIONS.to_owned(), self.masked.into());
        }
    }

    /// The line for the journal, at most `caps.record` bytes: what is largest goes first, and never what the host says.
    pub(super) fn line(&mut self, caps: &Caps) -> serde_json::Result<Vec<u8>> {
        let mut line = self.to_line()?;
        if line.len() > caps.record {
            self.dropped.events += std::mem::take(&mut self.events).len() as u64;
            self.dropped.links += std::mem::take(&mut self.links).len() as u64;
            line = self.to_line()?;
        }
        if line.len() > caps.record {
            let mut sizes: Vec<(usize, String)> = self
                .attributes
                .iter()
                .filter(|(key, _)| !is_host_key(key))
                .map(|(key, value)| (key.len() + value.to_string().len(), key.clone()))
                .collect();
            sizes.sort_unstable_by(|one, other| other.cmp(one));
            let mut excess = line.len() - caps.record;
            for (size, key) in sizes {
                self.attributes.remove(&key);
                self.truncated.remove(&key);
                self.dropped.attributes += 1;
                if size >= excess {
                    break;
                }
                excess -= size;
            }
            line = self.to_line()?;
        }
        if line.len() > caps.record {
            // Resource and scope are bounded, but a thousand marks of truncation are not.
            self.dropped.attributes += (self.resource.len() + self.scope.len()) as u64;
            (self.resource, self.scope, self.truncated) = Default::default();
            line = self.to_line()?;
        }
        Ok(line)
    }

    /// Gives up what only describes the span, for a trace that has become too large.
    pub(super) fn strip(&mut self) {
        let before = self.attributes.len() + self.resource.len();
        self.attributes.retain(|key, _| is_host_key(key));
        self.resource.clear();
        self.truncated.clear();
        self.dropped.attributes += (before - self.attributes.len()) as u64;
        self.dropped.events += std::mem::take(&mut self.events).len() as u64;
        self.dropped.links += std::mem::take(&mut self.links).len() as u64;
    }

    /// What is counted of it, as it is now.
    pub(super) fn counts(&self) -> Counts {
        let in_output = self.attributes.get(attr::OUTPUT_REDACTIONS).and_then(Json::as_u64);
        Counts {
            start_time: self.start_time,
            masked: self.masked + in_output.unwrap_or(0),
            truncated: self.truncated.len() as u64,
            dropped: self.dropped,
        }
    }

    /// The line that says that the span has started.
    pub(super) fn open_line(&self) -> serde_json::Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Open<'r> {
            open: &'r Record,
        }
        let mut line = serde_json::to_vec(&Open { open: self })?;
        line.push(b'\n');
        Ok(line)
    }

    fn to_line(&self) -> serde_json::Result<Vec<u8>> {
        let mut line = Vec::with_capacity(768);
        serde_json::to_writer(&mut line, self)?;
        line.push(b'\n');
        Ok(line)
    }
}

/// Attributes that the host itself sets, on whatever span.
fn is_host_key(key: &str) -> bool {
    is_own_word(key) || key == attr::ERROR_TYPE
}

/// Whether the texts under this key are ids and words that the host made of checked input: nothing is looked for in them.
pub(super) fn is_own_word(key: &str) -> bool {
    key.starts_with("forensic.") || key.starts_with("cicd.")
}

fn unix_nanos(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, nanos)
}

fn host_attributes(scrub: &mut Scrub<'_>, pairs: &[KeyValue], cap: usize) -> Map<String, Json> {
    scrub.attributes(pairs.iter().map(|pair| (pair.key.as_str(), &pair.value)), cap, host_value)
}

fn host_value(scrub: &mut Scrub<'_>, key: &str, value: &Value) -> Json {
    let mut text = |text: &str| -> Json { if is_own_word(key) { text.into() } else { scrub.value(key, text).into() } };
    match value {
        Value::Bool(value) => (*value).into(),
        Value::I64(value) => (*value).into(),
        Value::F64(value) => float(*value),
        Value::String(value) => text(value.as_str()),
        Value::Array(Array::Bool(values)) => values.clone().into(),
        Value::Array(Array::I64(values)) => values.clone().into(),
        Value::Array(Array::F64(values)) => values.iter().map(|value| float(*value)).collect(),
        Value::Array(Array::String(values)) => values.iter().map(|value| text(value.as_str())).collect(),
        other => text(&other.to_string()),
    }
}
