//! One run's tracer provider, and the spans that the host itself makes.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io;
use std::time::Duration;

use cap_std::fs::Dir;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    Sampler, SdkTracer, SdkTracerProvider, Span as SdkSpan, SpanData, SpanLimits, SpanProcessor,
};

use super::exporter::Ended;
use super::{ForensicSpanExporter, SaveError, Saved};
use crate::clock::{UnixNanos, system_time};
use crate::conventions::{attr, kind as span};
use crate::redact::Redactor;

/// Explicit, so that `OTEL_SPAN_*_LIMIT` can't take attributes from the record.
const LIMITS: SpanLimits = SpanLimits {
    max_events_per_span: 128,
    max_attributes_per_span: 256,
    max_links_per_span: 128,
    max_attributes_per_event: 128,
    max_attributes_per_link: 128,
};

thread_local! {
    /// Spans that ended in this thread and are to be recorded together.
    static TOGETHER: RefCell<Option<Vec<Ended>>> = const { RefCell::new(None) };
}

/// The telemetry of one run: a provider of its own that writes to the run's exporter only. Dropping it ends it.
#[derive(Debug)]
pub struct RunTelemetry {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    exporter: ForensicSpanExporter,
}

impl RunTelemetry {
    /// Starts the telemetry of run `run_id`, with its files in `folder`.
    ///
    /// # Errors
    /// Where the journal can't be created.
    pub fn start(folder: Dir, run_id: &str, redactor: Redactor) -> io::Result<Self> {
        Ok(Self::with_exporter(ForensicSpanExporter::create(folder, redactor)?, run_id))
    }

    /// The same with an exporter at hand.
    pub fn with_exporter(exporter: ForensicSpanExporter, run_id: &str) -> Self {
        let provider = SdkTracerProvider::builder()
            // Explicit, so that `OTEL_TRACES_SAMPLER` can't switch the record off.
            .with_sampler(Sampler::AlwaysOn)
            .with_span_limits(LIMITS)
            .with_resource(
                Resource::builder_empty()
                    .with_attributes(Self::resource(run_id).into_iter().map(|(key, value)| KeyValue::new(key, value)))
                    .build(),
            )
            .with_span_processor(ForensicProcessor(exporter.clone()))
            .build();
        let tracer = provider.tracer("forensic-host");
        Self { provider, tracer, exporter }
    }

    /// What the host says of itself where it makes spans: resource attributes.
    pub fn resource(run_id: &str) -> Vec<(String, String)> {
        [
            ("service.name", "forensic-host"),
            ("service.version", env!("CARGO_PKG_VERSION")),
            ("service.instance.id", run_id),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
    }

    /// The provider, for code that makes spans of its own in this run.
    pub fn provider(&self) -> &SdkTracerProvider {
        &self.provider
    }

    /// Where the spans go.
    pub fn exporter(&self) -> &ForensicSpanExporter {
        &self.exporter
    }

    /// Starts a span at `start`; without a parent it is the root of a new trace. The start of a run, a stage or an attempt
    /// is noted in the journal.
    pub fn span(
        &self,
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        parent: Option<&SpanContext>,
        start: UnixNanos,
        attributes: Vec<KeyValue>,
    ) -> HostSpan {
        let noted = attributes.iter().any(|pair| {
            pair.key.as_str() == attr::KIND && matches!(&*pair.value.as_str(), span::RUN | span::STAGE | span::ATTEMPT)
        });
        let span = self.unnoted(name, kind, parent, start, attributes);
        if noted {
            self.note(&span);
        }
        span
    }

    /// The same for one whose start is to be noted together with that of another: see [`note_both`](Self::note_both).
    pub(crate) fn unnoted(
        &self,
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        parent: Option<&SpanContext>,
        start: UnixNanos,
        attributes: Vec<KeyValue>,
    ) -> HostSpan {
        let context =
            parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent.clone()));
        let builder = SpanBuilder::from_name(name)
            .with_kind(kind)
            .with_start_time(system_time(start))
            .with_attributes(attributes);
        HostSpan { span: self.tracer.build_with_context(builder, &context) }
    }

    /// Notes in the journal what is known of a span that goes on.
    pub fn note(&self, span: &HostSpan) {
        self.exporter.note_starts(span.span.exported_data());
    }

    /// The same of two, with one write.
    pub(crate) fn note_both(&self, first: &HostSpan, second: &HostSpan) {
        self.exporter.note_starts([first, second].into_iter().filter_map(|span| span.span.exported_data()));
    }

    /// Saves what was recorded so far as `name`; see [`ForensicSpanExporter::save`].
    ///
    /// # Errors
    /// As there.
    pub fn save(&self, name: &str) -> Result<Saved, SaveError> {
        self.exporter.save(name)
    }

    /// Ends the provider and saves a last time; see [`ForensicSpanExporter::finish`].
    ///
    /// # Errors
    /// As there.
    pub fn finish(self, name: &str) -> Result<Saved, SaveError> {
        // Our processor holds nothing back, so its shutdown can't fail; a second one would be our own fault.
        drop(self.provider.shutdown());
        self.exporter.finish(name)
    }
}

impl ForensicSpanExporter {
    /// Records the host's spans that end in this thread during `work` with one write.
    pub(crate) fn together<T>(&self, work: impl FnOnce() -> T) -> T {
        let outer = TOGETHER.replace(Some(Vec::new()));
        let done = work();
        if let Some(spans) = TOGETHER.replace(outer) {
            // Counted there, and told by `save`.
            drop(self.record_all(spans));
        }
        done
    }
}

/// A span that the host makes, with times of the run's clock. It is recorded by [`HostSpan::end`].
#[derive(Debug)]
pub struct HostSpan {
    span: SdkSpan,
}

impl HostSpan {
    /// Its identity, for children and for `TRACEPARENT`.
    pub fn context(&self) -> SpanContext {
        self.span.span_context().clone()
    }

    /// W3C trace context of this span, as a child process reads it from `TRACEPARENT`.
    pub fn traceparent(&self) -> String {
        let context = self.span.span_context();
        format!("00-{}-{}-01", context.trace_id(), context.span_id())
    }

    /// Sets an attribute; the last value of a key holds.
    pub fn set(&mut self, attribute: KeyValue) {
        self.span.set_attribute(attribute);
    }

    /// Adds an event, which the trace keeps only where events are kept at all.
    pub fn add_event(&mut self, name: String, at: UnixNanos, attributes: Vec<KeyValue>) {
        self.span.add_event_with_timestamp(name, system_time(at), attributes);
    }

    /// Ends it at `end`: with an error's text, or well.
    pub fn end(mut self, end: UnixNanos, error: Option<String>) {
        // Once only: the SDK keeps the first of two errors by comparing their texts.
        self.span.set_status(error.map_or(Status::Ok, Status::error));
        self.span.end_with_timestamp(system_time(end));
    }
}

/// Hands each span to the exporter in the thread that ends it. The SDK's own processors have a queue that
/// drops or a lock that a panic poisons.
#[derive(Debug)]
struct ForensicProcessor(ForensicSpanExporter);

impl SpanProcessor for ForensicProcessor {
    fn on_start(&self, _span: &mut SdkSpan, _context: &Context) {
        self.0.count_start();
    }

    fn on_end(&self, span: SpanData) {
        if let Ok(ended) = self.0.ended(&span) {
            let alone = TOGETHER.with_borrow_mut(|spans| match spans {
                Some(spans) => {
                    spans.push(ended);
                    None
                }
                None => Some(ended),
            });
            // Counted there, and told by `save`.
            alone.into_iter().for_each(|ended| drop(self.0.record_all(vec![ended])));
        }
        if span.attributes.iter().any(|pair| pair.key.as_str() == attr::TASK_NAME) {
            self.0.sync_soon();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}
