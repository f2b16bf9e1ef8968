//! Spans on their way to the host: what the journal gets is read from its end and sent at once, so that little is missing
//! if this process or its node dies.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use serde_json::value::RawValue;

use super::output::Output;
use super::protocol::{Event, SPANS_MAX, Spans};
use crate::telemetry::ForensicSpanExporter;
use crate::telemetry::otlp::forward::Tail;

/// How many spans the worker has made.
#[derive(Debug)]
pub(super) struct Emitted {
    exporter: ForensicSpanExporter,
    /// The worker's own span goes on.
    open: AtomicBool,
}

impl Emitted {
    pub(super) fn new(exporter: ForensicSpanExporter) -> Self {
        Self { exporter, open: AtomicBool::new(true) }
    }

    /// With the worker's own from its start on, and those that could not be kept.
    pub(super) fn count(&self) -> u64 {
        let kept = self.exporter.recorded() + self.exporter.ledger().failed;
        kept + u64::from(self.open.load(Ordering::Relaxed))
    }

    /// The worker's own span has ended, and counts like any other.
    pub(super) fn worker_ended(&self) {
        self.open.store(false, Ordering::Relaxed);
    }
}

/// Sends spans until it is closed.
#[derive(Debug)]
pub(super) struct Feed {
    exporter: ForensicSpanExporter,
    thread: JoinHandle<()>,
}

impl Feed {
    pub(super) fn start(exporter: &ForensicSpanExporter, emitted: Arc<Emitted>, output: Output) -> io::Result<Self> {
        let mut tail = Tail::new(Arc::new(exporter.reader()?)).with_chunks_of(SPANS_MAX);
        let (bell, rung) = mpsc::sync_channel(1);
        exporter.wake_with(move || {
            // A ring that has not been heard stands for this one too.
            let _ = bell.try_send(());
        });
        let thread = thread::Builder::new().name("spans".into()).spawn(move || {
            let mut open = true;
            while open {
                open = rung.recv().is_ok();
                // What can't be read stays in the file.
                while let Ok(chunk) = tail.next() {
                    let spans: Vec<Box<RawValue>> = serde_json::from_slice(&chunk.text).unwrap_or_default();
                    if !spans.is_empty() {
                        output.push(Event::Spans(Spans { emitted: emitted.count(), spans }));
                    }
                    if !chunk.more {
                        break;
                    }
                }
            }
        })?;
        Ok(Self { exporter: exporter.clone(), thread })
    }

    /// Sends what is left; nothing comes any more.
    pub(super) fn close(self) {
        // Takes the bell away from the exporter.
        self.exporter.wake_with(|| ());
        // It has no reason to panic, and if it did, its spans count as lost.
        let _ = self.thread.join();
    }
}
