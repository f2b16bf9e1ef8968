//! The line of an ordinary span of the host, written straight from the SDK's data. Most spans have nothing that is masked, cut
//! or left out; for them the way over a [`Record`], with a map, a tree of values and a copy of each text, takes several times as
//! long. Whatever is special goes that way, and so the record alone says what a line looks like: this one writes the same.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry::{Array, Value};
use opentelemetry_sdk::trace::SpanData;
use serde::Serialize;

use super::caps::Caps;
use super::record::{Counts, Dropped, Record, is_own_word};
use super::scrub::STACK_TRACE;
use crate::clock::nanos;
use crate::conventions::{attr, status};
use crate::redact::Redactor;

/// Room for a line of the usual length.
const USUAL: usize = 1 << 10;

/// What a line is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// A span that ended.
    End,
    /// A span that goes on.
    Start,
}

/// The line of a span of the host's own provider, with its line break, and what is counted of it.
///
/// # Errors
/// It can't be written as JSON.
pub(super) fn line(
    span: &SpanData,
    about: About,
    caps: &Caps,
    redactor: &Redactor,
) -> serde_json::Result<(Vec<u8>, Counts)> {
    if let Some(plain) = plain(span, about, caps, redactor) {
        return Ok(plain);
    }
    let mut record = Record::of_host(span, caps, redactor);
    let line = match about {
        About::End => record.line(caps)?,
        About::Start => record.open_line()?,
    };
    Ok((line, record.counts()))
}

/// `None`: the span is a special one.
fn plain(span: &SpanData, about: About, caps: &Caps, redactor: &Redactor) -> Option<(Vec<u8>, Counts)> {
    let nothing_left_out = span.dropped_attributes_count == 0
        && span.events.dropped_count == 0
        && span.events.is_empty()
        && span.links.dropped_count == 0
        && span.links.is_empty();
    if !nothing_left_out || span.span_kind != SpanKind::Internal || span.attributes.len() > caps.attributes {
        return None;
    }
    let start = unix_nanos(span.start_time)?;
    let end = unix_nanos(span.end_time)?.max(start);
    let mut line = Line { text: Vec::with_capacity(USUAL), caps, redactor };
    line.raw(if about == About::Start { "{\"open\":{\"name\":" } else { "{\"name\":" });
    line.checked(None, &span.name, caps.name)?;
    line.raw(",\"start_time\":");
    line.json(&start)?;
    line.raw(",\"end_time\":");
    line.json(&end)?;
    line.raw(",\"duration_ms\":");
    line.json(&((end - start) as f64 / 1e6))?;
    let (status, message) = match &span.status {
        Status::Error { description } => (status::ERROR, Some(description).filter(|text| !text.is_empty())),
        Status::Ok | Status::Unset => (status::SUCCESS, None),
    };
    line.raw(",\"status\":");
    line.json(status)?;
    line.raw(",\"attributes\":{");
    let masked = line.attributes(span)?;
    line.raw("},\"trace_id\":\"");
    line.hex(&span.span_context.trace_id().to_bytes());
    line.raw("\",\"span_id\":\"");
    line.hex(&span.span_context.span_id().to_bytes());
    if span.parent_span_id == SpanId::INVALID {
        line.raw("\",\"parent_span_id\":null");
    } else {
        line.raw("\",\"parent_span_id\":\"");
        line.hex(&span.parent_span_id.to_bytes());
        line.raw("\"");
    }
    if let Some(message) = message {
        line.raw(",\"status_message\":");
        line.checked(None, message, caps.message)?;
    }
    line.raw(if about == About::Start { "}}\n" } else { "}\n" });
    if line.text.len() > caps.record {
        return None;
    }
    Some((line.text, Counts { start_time: start, masked, truncated: 0, dropped: Dropped::default() }))
}

/// A line that is being written.
struct Line<'c> {
    text: Vec<u8>,
    caps: &'c Caps,
    redactor: &'c Redactor,
}

impl Line<'_> {
    fn raw(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    fn json(&mut self, value: &(impl Serialize + ?Sized)) -> Option<()> {
        serde_json::to_writer(&mut self.text, value).ok()
    }

    fn hex(&mut self, bytes: &[u8]) {
        let digit = |half: u8| char::from_digit(half.into(), 16).map_or(0, |digit| digit as u8);
        self.text.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    }

    /// A text in which secrets are looked for; there must be none, and it must not be longer than `cap`.
    fn checked(&mut self, key: Option<&str>, text: &str, cap: usize) -> Option<()> {
        (text.len() <= cap && self.redactor.value(key, text).count == 0).then(|| self.json(text))?
    }

    /// How many places are masked, of the host's own making.
    fn attributes(&mut self, span: &SpanData) -> Option<u64> {
        let keys: Vec<&str> = span.attributes.iter().map(|pair| pair.key.as_str()).collect();
        let mut masked = 0;
        for (index, (key, pair)) in keys.iter().zip(&span.attributes).enumerate() {
            if *key == STACK_TRACE || keys[..index].contains(key) {
                return None;
            }
            if index > 0 {
                self.raw(",");
            }
            self.json(*key)?;
            self.raw(":");
            match &pair.value {
                Value::Bool(value) => self.json(value)?,
                Value::I64(value) => self.json(value)?,
                Value::F64(value) if value.is_finite() => self.json(value)?,
                Value::String(text) => self.value(key, text.as_str())?,
                Value::Array(Array::String(texts)) => {
                    self.raw("[");
                    for (index, text) in texts.iter().enumerate() {
                        if index > 0 {
                            self.raw(",");
                        }
                        self.value(key, text.as_str())?;
                    }
                    self.raw("]");
                }
                _ => return None,
            }
            match &pair.value {
                Value::I64(count) if matches!(*key, attr::REDACTIONS | attr::OUTPUT_REDACTIONS) => {
                    masked += u64::try_from(*count).ok()?;
                }
                _ => {}
            }
        }
        Some(masked)
    }

    fn value(&mut self, key: &str, text: &str) -> Option<()> {
        if is_own_word(key) { self.json(text) } else { self.checked(Some(key), text, self.caps.value) }
    }
}

/// `None`: before 1970.
fn unix_nanos(time: SystemTime) -> Option<u64> {
    time.duration_since(UNIX_EPOCH).ok().map(nanos)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use opentelemetry::trace::{Event, SpanContext, TraceFlags, TraceId, TraceState};
    use opentelemetry::{InstrumentationScope, KeyValue, StringValue};
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};
    use proptest::prelude::*;

    use super::*;
    use crate::redact::Rules;

    const SECRET: &str = "d3clared-s3cret";

    fn words() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[ -~]{0,12}",
            1 => any::<String>(),
            1 => Just(format!("see {SECRET} there")),
            1 => Just("x".repeat(5_000)),
        ]
    }

    fn keys() -> impl Strategy<Value = String> {
        let known = [attr::KIND, attr::STAGE_ID, attr::REDACTIONS, attr::OUTPUT_REDACTIONS, attr::COMMAND_ARGS];
        let odd = [STACK_TRACE, "api.token", "forensic.other", "cicd.other", "a\"b", "é"];
        prop_oneof![
            4 => prop::sample::select([&known[..], &odd[..]].concat()).prop_map(str::to_owned),
            1 => "[a-z.]{1,8}",
        ]
    }

    fn values() -> impl Strategy<Value = opentelemetry::Value> {
        prop_oneof![
            3 => words().prop_map(Value::from),
            2 => any::<i64>().prop_map(Value::from),
            1 => (0..9i64).prop_map(Value::from),
            1 => any::<bool>().prop_map(Value::from),
            1 => any::<f64>().prop_map(Value::from),
            1 => Just(Value::from(f64::NAN)),
            1 => prop::collection::vec(any::<i64>(), 0..3).prop_map(|items| Value::Array(Array::I64(items))),
            2 => prop::collection::vec(words(), 0..4).prop_map(|items| {
                Value::Array(Array::String(items.into_iter().map(StringValue::from).collect()))
            }),
        ]
    }

    prop_compose! {
        fn spans()(
            ids in any::<(u128, u64, Option<u64>)>(),
            name in words(),
            times in (0..9_000_000_000u64, 0..9_000_000_000u64),
            attributes in prop::collection::vec((keys(), values()), 0..9),
            status in prop_oneof![Just(Status::Ok), Just(Status::Unset), words().prop_map(Status::error)],
            kind in prop_oneof![9 => Just(SpanKind::Internal), 1 => Just(SpanKind::Client)],
            dropped in prop_oneof![9 => Just(0), 1 => Just(3u32)],
            event in prop::option::weighted(0.1, words()),
        ) -> SpanData {
            let (trace, span, parent) = ids;
            let (trace, span) = (TraceId::from(trace), SpanId::from(span));
            let mut events = SpanEvents::default();
            events.events.extend(event.map(|name| Event::new(name, UNIX_EPOCH, Vec::new(), 0)));
            SpanData {
                span_context: SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::default()),
                parent_span_id: parent.map_or(SpanId::INVALID, SpanId::from),
                parent_span_is_remote: false,
                span_kind: kind,
                name: name.into(),
                start_time: UNIX_EPOCH + Duration::from_nanos(times.0),
                end_time: UNIX_EPOCH + Duration::from_nanos(times.1),
                attributes: attributes.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect(),
                dropped_attributes_count: dropped,
                events,
                links: SpanLinks::default(),
                status,
                instrumentation_scope: InstrumentationScope::default(),
            }
        }
    }

    proptest! {
        #[test]
        fn the_plain_line_is_the_records(span in spans(), debug: bool) {
            let caps = Caps::new(debug);
            let redactor = Redactor::new(&Rules { secrets: vec![SECRET.into()], ..Rules::default() }).unwrap();
            if let Some((line, counts)) = plain(&span, About::End, &caps, &redactor) {
                let mut record = Record::of_host(&span, &caps, &redactor);
                prop_assert_eq!(String::from_utf8(line), String::from_utf8(record.line(&caps).unwrap()));
                prop_assert_eq!(counts, record.counts());
            }
            if let Some((line, _)) = plain(&span, About::Start, &caps, &redactor) {
                let record = Record::of_host(&span, &caps, &redactor);
                prop_assert_eq!(String::from_utf8(line), String::from_utf8(record.open_line().unwrap()));
            }
        }
    }

    #[test]
    fn a_span_of_the_host_is_plain_and_one_with_a_secret_is_not() {
        let context =
            SpanContext::new(TraceId::from(1), SpanId::from(2), TraceFlags::SAMPLED, false, TraceState::default());
        let span = |text: &'static str| SpanData {
            span_context: context.clone(),
            parent_span_id: SpanId::from(3),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: "a#1".into(),
            start_time: UNIX_EPOCH,
            end_time: UNIX_EPOCH,
            attributes: vec![KeyValue::new(attr::STAGE_ID, "a"), KeyValue::new("process.executable.name", text)],
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::error(text),
            instrumentation_scope: InstrumentationScope::default(),
        };
        let redactor = Redactor::new(&Rules { secrets: vec![SECRET.into()], ..Rules::default() }).unwrap();
        let caps = Caps::new(false);
        assert!(plain(&span("true"), About::End, &caps, &redactor).is_some());
        assert!(plain(&span(SECRET), About::End, &caps, &redactor).is_none());
        let (line, counts) = line(&span(SECRET), About::Start, &caps, &redactor).unwrap();
        assert!(line.starts_with(b"{\"open\":{") && line.ends_with(b"}}\n"));
        assert!(!String::from_utf8(line).unwrap().contains(SECRET) && counts.masked == 2);
    }
}
