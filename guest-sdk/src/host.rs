//! What a plugin may ask of the host: one trait, so that a test can stand in for the host.

use crate::{
    Artifact, ArtifactError, Attribute, HealthMetrics, Level, RunSummary, SpanPage, SpanQuery, SpanTimes, StageSummary,
    TraceError,
};

/// Bytes that one call of [`Host::read`] asks for at most: the host's own limit.
const READ_CHUNK: u32 = 1 << 20;
/// Stages that one call of [`Host::stages`] asks for at most: the host's own limit.
const STAGE_PAGE: u32 = 1024;

/// The host, as a plugin sees it: read-only. Inside the sandbox these are the imports of the WIT package;
/// in a test it is [`testing::MockHost`](crate::testing).
pub trait Host {
    /// The run; an error where the trace is missing or unreadable.
    fn run(&self) -> Result<RunSummary, TraceError>;
    /// The headline metrics; an error where the trace is missing or unreadable.
    fn health(&self) -> Result<HealthMetrics, TraceError>;
    /// Stages in declaration order from `offset`, at most `max` and at most 1,024.
    fn stages(&self, offset: u32, max: u32) -> Vec<StageSummary>;
    /// Spans in start order from `cursor`, at most `max` and at most 1,024.
    fn spans(&self, query: &SpanQuery, cursor: u64, max: u32) -> SpanPage;
    /// Times of spans as columns, at most `max` and at most 65,536.
    fn times(&self, query: &SpanQuery, cursor: u64, max: u32) -> SpanTimes;
    /// Earlier runs of the same pipeline, newest first.
    fn history(&self, max: u32) -> Vec<RunSummary>;
    /// Granted files, sorted by id.
    fn artifacts(&self) -> Vec<Artifact>;
    /// Bytes of a granted file from `offset`, at most `len` and at most 1 MiB; empty at the end.
    fn read(&self, id: &str, offset: u64, len: u32) -> Result<Vec<u8>, ArtifactError>;
    /// A line for whoever runs or writes the plugin.
    fn log(&self, level: Level, text: &str);
    /// Starts a span of the plugin's own work, a child of the one that was started last and has not ended. Dropping it
    /// ends it.
    fn start_span(&self, name: &str, attributes: &[Attribute]) -> Box<dyn OpenSpan>;

    /// All stages, page by page.
    fn all_stages(&self) -> Vec<StageSummary> {
        let mut all = Vec::new();
        loop {
            let page = self.stages(all.len() as u32, STAGE_PAGE);
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    }

    /// A whole granted file; `None` if it was not granted or does not exist.
    fn read_all(&self, id: &str) -> Result<Option<Vec<u8>>, String> {
        let mut bytes = Vec::new();
        loop {
            match self.read(id, bytes.len() as u64, READ_CHUNK) {
                Ok(chunk) if chunk.is_empty() => return Ok(Some(bytes)),
                Ok(chunk) => bytes.extend(chunk),
                Err(ArtifactError::NotGranted) => return Ok(None),
                Err(ArtifactError::Failed(why)) => return Err(why),
            }
        }
    }

    /// A whole granted file as text; `None` if it was not granted or does not exist.
    fn read_text(&self, id: &str) -> Result<Option<String>, String> {
        let Some(bytes) = self.read_all(id)? else { return Ok(None) };
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(format!("not UTF-8 at byte {}", error.utf8_error().valid_up_to())),
        }
    }
}

/// A span that was started by [`Host::start_span`].
pub trait OpenSpan {
    /// Sets an attribute; the same key again replaces the value.
    fn set_attribute(&self, attribute: &Attribute);
    /// Something that happened at a moment.
    fn add_event(&self, name: &str, attributes: &[Attribute]);
    /// Says that the operation failed, and why.
    fn fail(&self, message: &str);
    /// Ends it now; whatever comes later for this span has no effect.
    fn end(&self);
}

#[cfg(target_arch = "wasm32")]
pub(crate) mod wasm {
    //! The real host, behind the imports.

    use super::*;
    use crate::bindings::forensic::report::{artifacts, log, telemetry, trace};

    /// The host of this call.
    pub struct WasmHost;

    impl Host for WasmHost {
        fn run(&self) -> Result<RunSummary, TraceError> {
            trace::run()
        }
        fn health(&self) -> Result<HealthMetrics, TraceError> {
            trace::health()
        }
        fn stages(&self, offset: u32, max: u32) -> Vec<StageSummary> {
            trace::stages(offset, max)
        }
        fn spans(&self, query: &SpanQuery, cursor: u64, max: u32) -> SpanPage {
            trace::spans(query, cursor, max)
        }
        fn times(&self, query: &SpanQuery, cursor: u64, max: u32) -> SpanTimes {
            trace::times(query, cursor, max)
        }
        fn history(&self, max: u32) -> Vec<RunSummary> {
            trace::history(max)
        }
        fn artifacts(&self) -> Vec<Artifact> {
            artifacts::list()
        }
        fn read(&self, id: &str, offset: u64, len: u32) -> Result<Vec<u8>, ArtifactError> {
            artifacts::read(id, offset, len)
        }
        fn log(&self, level: Level, text: &str) {
            log::log(level, text);
        }
        fn start_span(&self, name: &str, attributes: &[Attribute]) -> Box<dyn OpenSpan> {
            Box::new(telemetry::start_span(name, attributes))
        }
    }

    impl OpenSpan for telemetry::Span {
        fn set_attribute(&self, attribute: &Attribute) {
            telemetry::Span::set_attribute(self, attribute);
        }
        fn add_event(&self, name: &str, attributes: &[Attribute]) {
            telemetry::Span::add_event(self, name, attributes);
        }
        fn fail(&self, message: &str) {
            telemetry::Span::fail(self, message);
        }
        fn end(&self) {
            telemetry::Span::end(self);
        }
    }
}
