//! The stand-in for the host: what it holds, how a test fills it, and how it answers.

use std::cell::{Cell, RefCell};
use std::io;
use std::path::Path;

use super::artifacts::Files;
use super::made::{Made, SpanMade};
use super::trace::Spans;
use crate::{
    Artifact, ArtifactError, Attribute, HealthMetrics, Host, Level, OpenSpan, RunSummary, Span, SpanPage, SpanQuery,
    SpanTimes, StageSummary, TraceError,
};

/// Stages, spans or earlier runs of one page: the host's own limit.
const PAGE_MAX: u32 = 1024;
/// Times of one page: the host's own limit.
const TIMES_MAX: u32 = 65_536;
/// Bytes of one read: the host's own limit.
const READ_MAX: u32 = 1 << 20;

/// Stands in for the host. Without a trace it says that the trace is missing, as can happen in real life.
#[derive(Debug, Default)]
pub struct MockHost {
    pub(super) trace: Option<(RunSummary, HealthMetrics)>,
    pub(super) unreadable: Option<String>,
    pub(super) stages: Vec<StageSummary>,
    pub(super) spans: Spans,
    pub(super) history: Vec<RunSummary>,
    pub(super) files: Files,
    log: RefCell<Vec<(Level, String)>>,
    made: Made,
    calls: Cell<HostCalls>,
}

/// How often a plugin called each function of the host. Reading less, and in larger pages, makes a plugin quicker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostCalls {
    /// [`Host::run`]
    pub run: u64,
    /// [`Host::health`]
    pub health: u64,
    /// [`Host::stages`], each page.
    pub stages: u64,
    /// [`Host::spans`], each page.
    pub spans: u64,
    /// [`Host::times`], each page.
    pub times: u64,
    /// [`Host::history`]
    pub history: u64,
    /// [`Host::artifacts`]
    pub artifacts: u64,
    /// [`Host::read`], each piece.
    pub read: u64,
    /// Bytes of files that were read.
    pub bytes_read: u64,
    /// [`Host::log`]
    pub log: u64,
    /// [`Host::start_span`]
    pub start_span: u64,
}

impl MockHost {
    /// A host without trace and artifacts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Grants every file below `folder`, with ids relative to it. There is no trace; see [`MockHost::from_run_dir`].
    ///
    /// # Errors
    /// Where the folder can't be read.
    pub fn from_folder(folder: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self { files: Files::below(folder.as_ref(), |_| true)?, ..Self::new() })
    }

    /// Grants one file.
    #[must_use]
    pub fn with_file(mut self, id: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(id.into(), bytes.into());
        self
    }

    /// Takes a file away.
    #[must_use]
    pub fn without_file(mut self, id: &str) -> Self {
        self.files.remove(id);
        self
    }

    /// Lists a file, and fails to read it: [`ArtifactError::Failed`] with this reason. In real life that is a file that
    /// was changed during the call, or a broken disk.
    #[must_use]
    pub fn with_read_failure(mut self, id: impl Into<String>, why: impl Into<String>) -> Self {
        self.files.fail(id.into(), why.into());
        self
    }

    /// Gives it a trace.
    #[must_use]
    pub fn with_trace(mut self, run: RunSummary, health: HealthMetrics, stages: Vec<StageSummary>) -> Self {
        (self.trace, self.stages) = (Some((run, health)), stages);
        self
    }

    /// Gives the trace these spans. To which stage one belongs, and of which kind it is, follows from its attributes
    /// `forensic.stage.id` and `forensic.kind`, and from its parents.
    #[must_use]
    pub fn with_spans(mut self, spans: Vec<Span>) -> Self {
        self.spans = Spans::new(spans);
        self
    }

    /// Gives it earlier runs, newest first.
    #[must_use]
    pub fn with_history(mut self, runs: Vec<RunSummary>) -> Self {
        self.history = runs;
        self
    }

    /// Takes the trace away: [`TraceError::Missing`].
    #[must_use]
    pub fn without_trace(mut self) -> Self {
        (self.trace, self.stages, self.spans, self.history) = Default::default();
        self
    }

    /// Makes the trace unreadable: [`TraceError::Unreadable`] with this reason.
    #[must_use]
    pub fn with_unreadable_trace(self, why: impl Into<String>) -> Self {
        Self { unreadable: Some(why.into()), ..self.without_trace() }
    }

    /// What the plugin logged.
    pub fn logged(&self) -> Vec<(Level, String)> {
        self.log.borrow().clone()
    }

    /// The spans that the plugin made of its own work, in the order in which they were started.
    pub fn spans_made(&self) -> Vec<SpanMade> {
        self.made.all()
    }

    /// How often the plugin called the host.
    pub fn calls(&self) -> HostCalls {
        self.calls.get()
    }

    fn count(&self, change: impl FnOnce(&mut HostCalls)) {
        let mut calls = self.calls.get();
        change(&mut calls);
        self.calls.set(calls);
    }

    fn no_trace(&self) -> TraceError {
        self.unreadable.clone().map_or(TraceError::Missing, TraceError::Unreadable)
    }
}

impl HostCalls {
    /// All calls together.
    pub fn total(&self) -> u64 {
        let Self { run, health, stages, spans, times, history, artifacts, read, bytes_read: _, log, start_span } = self;
        run + health + stages + spans + times + history + artifacts + read + log + start_span
    }
}

impl Host for MockHost {
    fn run(&self) -> Result<RunSummary, TraceError> {
        self.count(|calls| calls.run += 1);
        self.trace.as_ref().map(|(run, _)| run.clone()).ok_or_else(|| self.no_trace())
    }

    fn health(&self) -> Result<HealthMetrics, TraceError> {
        self.count(|calls| calls.health += 1);
        self.trace.as_ref().map(|(_, health)| health.clone()).ok_or_else(|| self.no_trace())
    }

    fn stages(&self, offset: u32, max: u32) -> Vec<StageSummary> {
        self.count(|calls| calls.stages += 1);
        self.stages.iter().skip(offset as usize).take(max.min(PAGE_MAX) as usize).cloned().collect()
    }

    fn spans(&self, query: &SpanQuery, cursor: u64, max: u32) -> SpanPage {
        self.count(|calls| calls.spans += 1);
        let (spans, next) = self.spans.page(query, cursor, max.clamp(1, PAGE_MAX) as usize);
        SpanPage { spans: spans.into_iter().cloned().collect(), next }
    }

    fn times(&self, query: &SpanQuery, cursor: u64, max: u32) -> SpanTimes {
        self.count(|calls| calls.times += 1);
        let (spans, next) = self.spans.page(query, cursor, max.clamp(1, TIMES_MAX) as usize);
        let start_times = spans.iter().map(|span| span.start_time).collect();
        SpanTimes { start_times, end_times: spans.iter().map(|span| span.end_time).collect(), next }
    }

    fn history(&self, max: u32) -> Vec<RunSummary> {
        self.count(|calls| calls.history += 1);
        self.history.iter().take(max.min(PAGE_MAX) as usize).cloned().collect()
    }

    fn artifacts(&self) -> Vec<Artifact> {
        self.count(|calls| calls.artifacts += 1);
        self.files.list()
    }

    fn read(&self, id: &str, offset: u64, len: u32) -> Result<Vec<u8>, ArtifactError> {
        let read = self.files.read(id, offset, len.min(READ_MAX));
        let bytes = read.as_ref().map_or(0, |bytes| bytes.len() as u64);
        self.count(|calls| (calls.read, calls.bytes_read) = (calls.read + 1, calls.bytes_read + bytes));
        read
    }

    fn log(&self, level: Level, text: &str) {
        self.count(|calls| calls.log += 1);
        self.log.borrow_mut().push((level, text.to_owned()));
    }

    fn start_span(&self, name: &str, attributes: &[Attribute]) -> Box<dyn OpenSpan> {
        self.count(|calls| calls.start_span += 1);
        Box::new(self.made.start(name, attributes))
    }
}
