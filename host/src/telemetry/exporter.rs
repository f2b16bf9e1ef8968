//! The exporter: takes finished spans and puts them in the run's journal.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cap_std::fs::Dir;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::caps::Caps;
use super::journal::{Journal, Lost};
use super::ledger::Ledger;
use super::plain::{self, About};
use super::record::{Counts, Record};
use super::syncer::Syncer;
use super::workers::Workers;
use crate::redact::Redactor;

/// Set to exactly `1`, events and links are kept too.
const DEBUG_VARIABLE: &str = "TV_DEBUG_TELEMETRY";
/// The journal, beside the trace, until the trace is complete.
pub(super) const JOURNAL: &str = "forensic_trace.ndjson";
/// Names of lost spans that are told.
const NAMES: usize = 10;

/// Keeps every span of one run and saves them as `forensic_trace.json`.
///
/// Clones share one journal. It keeps what it is given: sampling is the provider's business, and the one that
/// [`RunTelemetry`](super::RunTelemetry) builds samples everything.
#[derive(Clone)]
pub struct ForensicSpanExporter {
    shared: Arc<Mutex<Shared>>,
    caps: Arc<Caps>,
    redactor: Redactor,
}

pub(super) struct Shared {
    pub(super) journal: Journal,
    syncer: Syncer,
    pub(super) ledger: Ledger,
    /// What comes from workers elsewhere.
    pub(super) workers: Workers,
    /// Spans of the host that ended.
    ended: u64,
    /// The first error of a write.
    failed: Option<String>,
    /// Names of spans that are lost, the first of them.
    lost: Vec<String>,
    /// Tells whoever reads the journal along.
    waker: Option<Box<dyn Fn() + Send>>,
}

/// A span of the host that ended and is to be recorded.
pub(super) struct Ended {
    line: Vec<u8>,
    counts: Counts,
}

/// What [`ForensicSpanExporter::save`] wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Spans in the file.
    pub spans: u64,
}

/// Why the trace is not, or not wholly, on disk.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The file could not be written.
    #[error(
        "can't write the trace: {source}. {kept} spans that ended are safe in the journal data/{JOURNAL}{}. Make room, or make the folder writable, \
         then complete the trace with `forensic-host recover`",
        lost_clause(*.lost, .names)
    )]
    Write {
        /// Why not.
        #[source]
        source: io::Error,
        /// Spans in the journal.
        kept: u64,
        /// Spans that could not be put there.
        lost: u64,
        /// Names of the first of them.
        names: Vec<String>,
    },
    /// The file is written, but spans that should be in it could not be recorded.
    #[error("LOST: {lost} spans that had ended could not be recorded ({}), the first because: {why}", list(.names, *.lost))]
    Lost {
        /// How many.
        lost: u64,
        /// Names of the first of them.
        names: Vec<String>,
        /// The first error.
        why: String,
    },
}

fn lost_clause(lost: u64, names: &[String]) -> String {
    if lost == 0 { String::new() } else { format!("; {lost} more are LOST ({})", list(names, lost)) }
}

fn list(names: &[String], of: u64) -> String {
    let more = of.saturating_sub(names.len() as u64);
    names.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}

impl ForensicSpanExporter {
    /// An exporter with its journal in `folder`.
    ///
    /// # Errors
    /// Where the journal can't be created, for example because another run's is there.
    pub fn create(folder: Dir, redactor: Redactor) -> io::Result<Self> {
        let debug = std::env::var_os(DEBUG_VARIABLE).is_some_and(|value| value == "1");
        Self::with_detail(folder, redactor, debug)
    }

    /// The same; `debug`: events and links are kept, whatever the environment says.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn with_detail(folder: Dir, redactor: Redactor, debug: bool) -> io::Result<Self> {
        let workers = Workers::new(folder.try_clone()?);
        let journal = Journal::create(folder, JOURNAL)?;
        Ok(Self {
            shared: Arc::new(Mutex::new(Shared {
                journal,
                syncer: Syncer::default(),
                ledger: Ledger::default(),
                workers,
                ended: 0,
                failed: None,
                lost: Vec::new(),
                waker: None,
            })),
            caps: Arc::new(Caps::new(debug)),
            redactor,
        })
    }

    /// What masks secrets in this run.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    pub(super) fn caps(&self) -> &Caps {
        &self.caps
    }

    /// Records one finished span of the host, in the calling thread.
    ///
    /// # Errors
    /// Where it could not be written. It is kept in memory if there is room, else counted as lost; [`save`](Self::save)
    /// tries again and says what is lost.
    pub fn record(&self, span: &SpanData) -> io::Result<()> {
        self.record_all(vec![self.ended(span)?])
    }

    /// A finished span of the host, as it will be recorded.
    pub(super) fn ended(&self, span: &SpanData) -> io::Result<Ended> {
        let (line, counts) = plain::line(span, About::End, &self.caps, &self.redactor)?;
        Ok(Ended { line, counts })
    }

    /// Records several with one write; else as [`record`](Self::record).
    pub(super) fn record_all(&self, spans: Vec<Ended>) -> io::Result<()> {
        let mut shared = self.lock();
        shared.ended += spans.len() as u64;
        shared.put_all(spans)
    }

    /// Records a span that came from elsewhere. One that waits for room on the disk is no error: its sender need not
    /// send it again.
    ///
    /// # Errors
    /// It can't be written as JSON.
    pub(super) fn record_received(&self, mut record: Record) -> io::Result<()> {
        let mut line = record.line(&self.caps)?;
        let mut shared = self.lock();
        if shared.journal.bytes() + line.len() as u64 > self.caps.file {
            record.strip();
            line = record.line(&self.caps)?;
        }
        // What is lost for it is counted.
        drop(shared.put(&record, line));
        Ok(())
    }

    /// Notes in the journal, with one write, that spans have started, for whoever has to find out what a killed run was
    /// doing. One that can't be noted is not lost: its end will be written.
    pub(super) fn note_starts(&self, spans: impl IntoIterator<Item = SpanData>) {
        let mut lines = Vec::new();
        for span in spans {
            if let Ok((line, _)) = plain::line(&span, About::Start, &self.caps, &self.redactor) {
                if lines.is_empty() { lines = line } else { lines.extend(line) }
            }
        }
        drop(self.lock().journal.append_start(&lines));
    }

    /// Whether spans wait for room on the disk, so that the journal does not tell what has started.
    pub fn is_behind(&self) -> bool {
        self.lock().journal.is_behind()
    }

    /// Counts a span of the host that started.
    pub(super) fn count_start(&self) {
        self.lock().ledger.started += 1;
    }

    /// Has the journal written to the disk soon, by a thread of its own, so that little is lost with the power.
    pub(super) fn sync_soon(&self) {
        let mut guard = self.lock();
        let shared = &mut *guard;
        shared.syncer.wake(&shared.journal);
    }

    /// Has `waker` called after every span that is in the journal. It must not block, nor ask the exporter anything.
    pub(crate) fn wake_with(&self, waker: impl Fn() + Send + 'static) {
        self.lock().waker = Some(Box::new(waker));
    }

    /// The journal, for reading along.
    ///
    /// # Errors
    /// Where it can't be opened.
    pub(crate) fn reader(&self) -> io::Result<File> {
        self.lock().journal.reader()
    }

    /// Spans recorded so far.
    pub fn recorded(&self) -> u64 {
        self.lock().journal.len()
    }

    /// What happened to the spans so far, as far as the exporter sees it.
    pub fn ledger(&self) -> Ledger {
        let shared = self.lock();
        let mut ledger = shared.ledger.clone();
        ledger.workers = shared.workers.counts;
        ledger.written = shared.journal.len();
        ledger.open = ledger.started.saturating_sub(shared.ended);
        ledger
    }

    /// Saves all spans so far as `name` beside the journal: strict JSON, one span a line, in start order,
    /// atomically. May be called again when there are more. Until [`finish`](Self::finish) what a power cut leaves is the journal.
    ///
    /// # Errors
    /// Where the file can't be written, or spans were lost before.
    pub fn save(&self, name: &str) -> Result<Saved, SaveError> {
        self.lock().save(name, Journal::save_for_now)
    }

    /// Saves a last time and, only if that worked, removes the journal.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub fn finish(&self, name: &str) -> Result<Saved, SaveError> {
        let mut shared = self.lock();
        let saved = shared.save(name, Journal::save);
        let held = shared.journal.take_held();
        shared.lose(held);
        match (saved, shared.failure()) {
            (Err(SaveError::Write { source, kept, .. }), _) => {
                Err(SaveError::Write { source, kept, lost: shared.ledger.failed, names: shared.lost.clone() })
            }
            (Ok(_) | Err(SaveError::Lost { .. }), Some(lost)) => {
                // Everything that the journal holds is in the trace.
                drop(shared.journal.remove());
                Err(lost)
            }
            (Err(lost), None) => Err(lost),
            (Ok(saved), None) => match shared.journal.remove() {
                Ok(()) => Ok(saved),
                Err(source) => Err(shared.write_error(source)),
            },
        }
    }

    /// A panic in another thread while it held the lock leaves the journal at a line's end or in a line that
    /// [`Journal::append`] steps over: go on.
    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    pub(super) fn put(&mut self, record: &Record, line: Vec<u8>) -> io::Result<()> {
        self.put_counted(record.counts(), line)
    }

    fn put_counted(&mut self, counts: Counts, line: Vec<u8>) -> io::Result<()> {
        self.put_all(vec![Ended { line, counts }])
    }

    fn put_all(&mut self, spans: Vec<Ended>) -> io::Result<()> {
        let ledger = &mut self.ledger;
        for Ended { counts, .. } in &spans {
            ledger.redactions += counts.masked;
            ledger.truncations += counts.truncated;
            ledger.dropped_attributes += counts.dropped.attributes;
            ledger.dropped_events += counts.dropped.events;
            ledger.dropped_links += counts.dropped.links;
        }
        let lines = spans.into_iter().map(|span| (span.counts.start_time, span.line)).collect();
        let appended = self.journal.append_all(lines).map_err(|(error, lost)| {
            self.failed.get_or_insert_with(|| error.to_string());
            self.lose(lost);
            error
        });
        if let Some(waker) = &self.waker {
            waker();
        }
        appended
    }

    fn lose(&mut self, lost: Vec<Lost>) {
        self.ledger.failed += lost.len() as u64;
        for Lost { line } in lost {
            if self.lost.len() < NAMES
                && let Ok(serde_json::Value::Object(span)) = serde_json::from_slice(&line)
                && let Some(serde_json::Value::String(name)) = span.get("name")
            {
                self.lost.push(name.clone());
            }
        }
    }

    fn failure(&self) -> Option<SaveError> {
        let why = self.failed.clone().unwrap_or_default();
        (self.ledger.failed > 0).then(|| SaveError::Lost { lost: self.ledger.failed, names: self.lost.clone(), why })
    }

    fn write_error(&self, source: io::Error) -> SaveError {
        SaveError::Write { source, kept: self.journal.len(), lost: self.ledger.failed, names: self.lost.clone() }
    }

    fn save(&mut self, name: &str, write: fn(&mut Journal, &str) -> io::Result<u64>) -> Result<Saved, SaveError> {
        match write(&mut self.journal, name) {
            Err(source) => Err(self.write_error(source)),
            Ok(spans) => self.failure().map_or(Ok(Saved { spans }), Err),
        }
    }
}

impl SpanExporter for ForensicSpanExporter {
    /// For whoever registers the exporter with a processor of the SDK: such spans count as received.
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let mut outcome = Ok(());
        for span in &batch {
            let line = plain::line(span, About::End, &self.caps, &self.redactor);
            let written = line.map_err(io::Error::from).and_then(|(line, counts)| {
                let mut shared = self.lock();
                shared.ledger.received += 1;
                shared.put_counted(counts, line)
            });
            if let Err(error) = written {
                outcome = Err(OTelSdkError::InternalFailure(error.to_string()));
            }
        }
        outcome
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl fmt::Debug for ForensicSpanExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForensicSpanExporter").field("recorded", &self.recorded()).finish_non_exhaustive()
    }
}
