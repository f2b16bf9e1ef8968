//! The exporter: takes finished spans and puts them in the run's journal.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cap_std::fs::Dir;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::journal::Journal;
use super::record::Record;
use crate::redact::{Redactor, Rules};

/// Set to exactly `1`, events and links are kept too.
const DEBUG_VARIABLE: &str = "TV_DEBUG_TELEMETRY";
/// The journal, beside the trace, until the trace is complete.
pub(super) const JOURNAL: &str = "forensic_trace.ndjson";

/// Keeps every span of one run and saves them as `forensic_trace.json`.
///
/// Clones share one journal. It keeps what it is given: sampling is the provider's business, and the one that
/// [`RunTelemetry`](super::RunTelemetry) builds samples everything.
#[derive(Clone)]
pub struct ForensicSpanExporter {
    shared: Arc<Mutex<Shared>>,
    debug: bool,
    redactor: Redactor,
}

struct Shared {
    journal: Journal,
    line: Vec<u8>,
    /// The first error, and how many spans it and later ones cost.
    failed: Option<(String, u64)>,
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
    #[error("can't write the trace: {0}")]
    Write(#[from] io::Error),
    /// The file is written, but spans that should be in it could not be recorded.
    #[error("{lost} spans could not be recorded, the first because: {why}")]
    Lost {
        /// How many.
        lost: u64,
        /// The first error.
        why: String,
    },
}

impl ForensicSpanExporter {
    /// An exporter with its journal in `folder`.
    ///
    /// # Errors
    /// Where the journal can't be created, for example because another run's is there.
    pub fn create(folder: Dir) -> io::Result<Self> {
        let redactor = Redactor::new(&Rules::default()).map_err(io::Error::other)?;
        let journal = Journal::create(folder, JOURNAL)?;
        Ok(Self {
            shared: Arc::new(Mutex::new(Shared { journal, line: Vec::new(), failed: None })),
            debug: std::env::var_os(DEBUG_VARIABLE).is_some_and(|value| value == "1"),
            redactor,
        })
    }

    /// Records one finished span, in the calling thread.
    ///
    /// # Errors
    /// Where it could not be written. It is counted, and [`save`](Self::save) will say so.
    pub fn record(&self, span: &SpanData) -> io::Result<()> {
        let record = Record::new(span, self.debug, &self.redactor);
        let mut guard = self.lock();
        let shared = &mut *guard;
        shared.line.clear();
        let outcome = serde_json::to_writer(&mut shared.line, &record).map_err(io::Error::from).and_then(|()| {
            shared.line.push(b'\n');
            shared.journal.append(record.start_time, &shared.line)
        });
        if let Err(error) = &outcome {
            let failed = shared.failed.get_or_insert_with(|| (error.to_string(), 0));
            failed.1 += 1;
        }
        outcome
    }

    /// Notes in the journal that a span has started, for whoever has to find out what a killed run was doing. One
    /// that can't be noted is not counted: its end will be.
    pub(super) fn note_start(&self, span: &SpanData) {
        #[derive(serde::Serialize)]
        struct Open<'a> {
            open: Record<'a>,
        }
        let mut guard = self.lock();
        let shared = &mut *guard;
        shared.line.clear();
        if serde_json::to_writer(&mut shared.line, &Open { open: Record::new(span, self.debug, &self.redactor) })
            .is_ok()
        {
            shared.line.push(b'\n');
            drop(shared.journal.append_start(&shared.line));
        }
    }

    /// Spans recorded so far.
    pub fn recorded(&self) -> u64 {
        self.lock().journal.len() as u64
    }

    /// Saves all spans so far as `name` beside the journal: strict JSON, one span a line, in start order,
    /// atomically. May be called again when there are more.
    ///
    /// # Errors
    /// Where the file can't be written, or spans were lost before.
    pub fn save(&self, name: &str) -> Result<Saved, SaveError> {
        let mut shared = self.lock();
        let spans = shared.journal.save(name)?;
        match &shared.failed {
            Some((why, lost)) => Err(SaveError::Lost { lost: *lost, why: why.clone() }),
            None => Ok(Saved { spans }),
        }
    }

    /// Saves a last time and, only if that worked, removes the journal.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub fn finish(&self, name: &str) -> Result<Saved, SaveError> {
        let saved = self.save(name)?;
        self.lock().journal.remove()?;
        Ok(saved)
    }

    /// A panic in another thread while it held the lock leaves the journal at a line's end or in a line that
    /// [`Journal::append`] steps over: go on.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SpanExporter for ForensicSpanExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let mut outcome = Ok(());
        for span in &batch {
            if let Err(error) = self.record(span) {
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
