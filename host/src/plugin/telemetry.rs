//! Spans of a plugin's own work: collected during the call with the host's clock, and handed over after it.
//!
//! A plugin can't see times, ids or the trace that its spans end in, and it can't say that a span is anybody's but its
//! own: attributes with the host's prefixes are renamed.

use std::time::{Duration, Instant};

use wasmtime::component::Resource;

use super::bindings::telemetry;
use super::bindings::types::{Attribute, AttributeValue};
use super::meter::{Exceeded, cost};
use super::store::State;
use super::view::Weight;
use crate::limits::{Limit, Limits};

/// Events of one span that are kept, as in OpenTelemetry's default span limits, halved.
const EVENTS_MAX: usize = 64;
/// Names of attributes that only the host may use, and what comes before them where a guest does.
const HOST_PREFIXES: [&str; 2] = ["forensic.", "cicd."];
const GUEST_PREFIX: &str = "guest.";

/// A span that a plugin made.
#[derive(Debug, Clone, PartialEq)]
pub struct GuestSpan {
    /// Its name, cut to the limit.
    pub name: String,
    /// Index of the guest span that it belongs to; `None`: the plugin's call.
    pub parent: Option<usize>,
    /// Since the call began.
    pub start: Duration,
    /// Since the call began; the end of the call where the plugin did not end it.
    pub end: Duration,
    /// Within the limits.
    pub attributes: Vec<(String, AttributeValue)>,
    /// What happened during it.
    pub events: Vec<GuestEvent>,
    /// Why it failed, where the plugin says that it did.
    pub error: Option<String>,
}

/// An event of a [`GuestSpan`].
#[derive(Debug, Clone, PartialEq)]
pub struct GuestEvent {
    /// Its name, cut to the limit.
    pub name: String,
    /// Since the call began.
    pub at: Duration,
    /// Within the limits.
    pub attributes: Vec<(String, AttributeValue)>,
}

/// The spans of one call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GuestSpans {
    /// In the order in which they were started: a parent stands before its children.
    pub spans: Vec<GuestSpan>,
    /// Spans that were not kept, because there were too many.
    pub dropped: u64,
    /// Attributes and events that were not kept, and texts that were cut.
    pub cut: u64,
}

/// What a handle of a guest stands for: a span that is kept, or one that is not.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Handle(Option<usize>);

/// Collects the spans of a call.
#[derive(Debug)]
pub(super) struct Recorder {
    begin: Instant,
    kept: GuestSpans,
    ended: Vec<bool>,
    /// Spans that have not ended, the latest last.
    open: Vec<usize>,
    spans_max: usize,
    attributes_max: usize,
    bytes_max: usize,
}

impl Recorder {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            begin: Instant::now(),
            kept: GuestSpans::default(),
            ended: Vec::new(),
            open: Vec::new(),
            spans_max: limits.size(Limit::Spans),
            attributes_max: limits.size(Limit::SpanAttributes),
            bytes_max: limits.size(Limit::SpanAttributeBytes),
        }
    }

    /// The spans; those that are open end now.
    pub(super) fn finish(mut self) -> GuestSpans {
        let now = self.begin.elapsed();
        for index in self.open {
            self.kept.spans[index].end = now;
        }
        self.kept
    }

    fn start(&mut self, name: &str, attributes: Vec<Attribute>) -> Handle {
        let now = self.begin.elapsed();
        if self.kept.spans.len() >= self.spans_max {
            self.kept.dropped += 1;
            return Handle(None);
        }
        let index = self.kept.spans.len();
        let span = GuestSpan {
            name: self.text(name),
            parent: self.open.last().copied(),
            start: now,
            end: now,
            attributes: self.attributes(attributes),
            events: Vec::new(),
            error: None,
        };
        self.kept.spans.push(span);
        self.ended.push(false);
        self.open.push(index);
        Handle(Some(index))
    }

    fn end(&mut self, handle: &Handle) {
        let Some(index) = handle.0 else { return };
        if !std::mem::replace(&mut self.ended[index], true) {
            self.kept.spans[index].end = self.begin.elapsed();
            self.open.retain(|open| *open != index);
        }
    }

    /// The span of a handle, while it can be changed.
    fn live(&self, handle: &Handle) -> Option<usize> {
        handle.0.filter(|index| !self.ended[*index])
    }

    fn set(&mut self, index: usize, attribute: Attribute) {
        let (key, value) = self.attribute(attribute);
        let attributes = &mut self.kept.spans[index].attributes;
        if let Some(known) = attributes.iter_mut().find(|(known, _)| *known == key) {
            known.1 = value;
        } else if attributes.len() < self.attributes_max {
            attributes.push((key, value));
        } else {
            self.kept.cut += 1;
        }
    }

    fn event(&mut self, index: usize, name: &str, attributes: Vec<Attribute>) {
        if self.kept.spans[index].events.len() >= EVENTS_MAX {
            self.kept.cut += 1;
            return;
        }
        let at = self.begin.elapsed();
        let event = GuestEvent { name: self.text(name), at, attributes: self.attributes(attributes) };
        self.kept.spans[index].events.push(event);
    }

    fn attributes(&mut self, given: Vec<Attribute>) -> Vec<(String, AttributeValue)> {
        let mut kept: Vec<(String, AttributeValue)> = Vec::with_capacity(given.len().min(self.attributes_max));
        for attribute in given {
            let (key, value) = self.attribute(attribute);
            if let Some(known) = kept.iter_mut().find(|(known, _)| *known == key) {
                known.1 = value;
            } else if kept.len() < self.attributes_max {
                kept.push((key, value));
            } else {
                self.kept.cut += 1;
            }
        }
        kept
    }

    fn attribute(&mut self, Attribute { key, value }: Attribute) -> (String, AttributeValue) {
        let is_host = HOST_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
        let key = if is_host { format!("{GUEST_PREFIX}{key}") } else { key };
        let value = match value {
            AttributeValue::Text(text) => AttributeValue::Text(self.text(&text)),
            // JSON that is cut is JSON no more.
            AttributeValue::Json(text) if text.len() > self.bytes_max => AttributeValue::Text(self.text(&text)),
            AttributeValue::Texts(texts) => {
                self.kept.cut += texts.len().saturating_sub(self.attributes_max) as u64;
                AttributeValue::Texts(texts.iter().take(self.attributes_max).map(|text| self.text(text)).collect())
            }
            other => other,
        };
        (self.text(&key), value)
    }

    fn text(&mut self, text: &str) -> String {
        if text.len() <= self.bytes_max {
            return text.to_owned();
        }
        self.kept.cut += 1;
        text[..text.floor_char_boundary(self.bytes_max)].to_owned()
    }
}

impl State {
    /// Pays for what the guest hands in.
    fn takes(&mut self, text: &str, attributes: &[Attribute]) {
        self.meter.take_in(text.len());
        self.meter.work(attributes.iter().map(Weight::weight).sum(), cost::BYTE);
    }

    /// Counts a call and finds the span that may still be changed.
    fn live(&mut self, span: &Resource<Handle>) -> wasmtime::Result<Option<usize>> {
        self.meter.call()?;
        Ok(self.spans.live(self.table.get(span)?))
    }
}

impl telemetry::Host for State {
    fn start_span(&mut self, name: String, attributes: Vec<Attribute>) -> wasmtime::Result<Resource<Handle>> {
        self.meter.call()?;
        self.takes(&name, &attributes);
        let handle = self.spans.start(&name, attributes);
        // The only way to fill the table is to hold on to handles.
        self.table.push(handle).map_err(|_| Exceeded { limit: Limit::Spans, asked: None }.into())
    }
}

impl telemetry::HostSpan for State {
    fn set_attribute(&mut self, span: Resource<Handle>, attribute: Attribute) -> wasmtime::Result<()> {
        self.takes("", std::slice::from_ref(&attribute));
        if let Some(index) = self.live(&span)? {
            self.spans.set(index, attribute);
        }
        Ok(())
    }

    fn add_event(&mut self, span: Resource<Handle>, name: String, attributes: Vec<Attribute>) -> wasmtime::Result<()> {
        self.takes(&name, &attributes);
        if let Some(index) = self.live(&span)? {
            self.spans.event(index, &name, attributes);
        }
        Ok(())
    }

    fn fail(&mut self, span: Resource<Handle>, message: String) -> wasmtime::Result<()> {
        self.takes(&message, &[]);
        if let Some(index) = self.live(&span)? {
            let message = self.spans.text(&message);
            self.spans.kept.spans[index].error = Some(message);
        }
        Ok(())
    }

    fn end(&mut self, span: Resource<Handle>) -> wasmtime::Result<()> {
        self.meter.call()?;
        self.spans.end(self.table.get(&span)?);
        Ok(())
    }

    fn drop(&mut self, span: Resource<Handle>) -> wasmtime::Result<()> {
        let handle = self.table.delete(span)?;
        self.spans.end(&handle);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(key: &str, value: &str) -> Attribute {
        Attribute { key: key.into(), value: AttributeValue::Text(value.into()) }
    }

    fn recorder(changes: &[(Limit, u64)]) -> Recorder {
        let mut limits = Limits::default();
        for (limit, value) in changes {
            limits.set(*limit, *value).unwrap();
        }
        Recorder::new(&limits)
    }

    #[test]
    fn spans_nest_below_the_last_open_one_in_any_order_of_ends() {
        let mut recorder = recorder(&[]);
        let outer = recorder.start("outer", vec![]);
        let first = recorder.start("first", vec![]);
        recorder.start("left open", vec![]);
        recorder.end(&first);
        recorder.end(&first);
        recorder.start("below what is open", vec![]);
        recorder.end(&outer);
        let GuestSpans { spans, dropped, cut } = recorder.finish();
        assert_eq!(spans.iter().map(|span| span.parent).collect::<Vec<_>>(), [None, Some(0), Some(1), Some(2)]);
        assert!(spans.iter().all(|span| span.start <= span.end));
        assert!(spans[2].end >= spans[0].end, "it ended with the call");
        assert_eq!((dropped, cut), (0, 0));
    }

    #[test]
    fn everything_is_capped_and_counted() {
        let mut recorder = recorder(&[(Limit::Spans, 1), (Limit::SpanAttributes, 2), (Limit::SpanAttributeBytes, 4)]);
        let span = recorder.start("naïve name", vec![text("a", "1"), text("b", "2"), text("c", "3"), text("a", "4")]);
        assert!(recorder.start("more", vec![]).0.is_none());
        let index = recorder.live(&span).unwrap();
        recorder.set(index, text("d", "5"));
        recorder.set(index, text("b", "6"));
        for _ in 0..EVENTS_MAX + 3 {
            recorder.event(index, "e", vec![]);
        }
        let GuestSpans { spans, dropped, cut } = recorder.finish();
        assert_eq!(spans[0].name, "naï");
        assert_eq!(spans[0].attributes, [text("a", "4"), text("b", "6")].map(|pair| (pair.key, pair.value)));
        assert_eq!(spans[0].events.len(), EVENTS_MAX);
        assert_eq!((dropped, cut), (1, 1 + 1 + 1 + 3));
    }

    #[test]
    fn a_guest_cannot_use_the_hosts_names() {
        let mut recorder = recorder(&[]);
        recorder.start("s", vec![text("forensic.kind", "stage"), text("cicd.pipeline.result", "success")]);
        let keys: Vec<String> = recorder.finish().spans[0].attributes.iter().map(|(key, _)| key.clone()).collect();
        assert_eq!(keys, ["guest.forensic.kind", "guest.cicd.pipeline.result"]);
    }
}
