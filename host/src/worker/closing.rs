//! What a worker still has to do when the stage has ended: the rest of the output and of the spans, the files, and the last
//! word. It may wait for the host; whoever decides does not wait for it.

use std::thread::JoinHandle;
use std::time::Duration;

use super::folder::OwnFolder;
use super::input::Checked;
use super::output::Output;
use super::protocol::{Ended, Event, Shipping, Usage, Why};
use super::ship;
use super::spans::{Emitted, Feed};
use crate::clock::UnixNanos;
use crate::dag::{AttemptEnd, Exit, signal_name};
use crate::telemetry::otlp::OtlpServices;
use crate::telemetry::otlp::receive::Admission;
use crate::telemetry::{HostSpan, RunTelemetry};

/// For spans that are under way when the stage has ended.
const RECEIVE_GRACE: Duration = Duration::from_millis(500);

/// All that a worker holds.
pub(super) struct Closing {
    pub(super) checked: Checked,
    pub(super) output: Output,
    pub(super) folder: OwnFolder,
    /// Where it takes orders; empty: nowhere.
    pub(super) control: String,
    pub(super) telemetry: RunTelemetry,
    pub(super) services: Option<OtlpServices>,
    pub(super) admission: Option<Admission>,
    /// The start of its span.
    pub(super) start: UnixNanos,
    pub(super) span: HostSpan,
    pub(super) emitted: std::sync::Arc<Emitted>,
    pub(super) feed: Feed,
    pub(super) logs: Vec<JoinHandle<()>>,
}

/// How it ended.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) time: UnixNanos,
    pub(super) why: Why,
    /// Absent if it never ran, or the system doesn't say.
    pub(super) end: Option<AttemptEnd>,
    pub(super) error: Option<String>,
}

impl Outcome {
    /// Why the worker's span is an error; `None` if it is none.
    fn message(&self) -> Option<String> {
        let exit = self.end.as_ref().map(|end| end.exit);
        match (self.why, exit) {
            (Why::Cancelled, _) => Some("it was cancelled".into()),
            (Why::Lease, _) => Some("the host was not heard of any more".into()),
            (_, Some(Exit::Code(0))) => None,
            (_, Some(Exit::Code(code))) => Some(format!("exit code {code}")),
            (_, Some(Exit::Signal(signal))) => Some(format!("ended by {}", signal_name(signal))),
            (_, None) => Some(self.error.clone().unwrap_or_else(|| "it never ran".into())),
        }
    }
}

impl Closing {
    /// Says all that is left to say. The folder stays where that could not be delivered.
    pub(super) fn close(mut self, outcome: Outcome) {
        let mut refused = 0;
        if let Some(mut services) = self.services.take() {
            if let Some(counts) = services.stop_receiving(RECEIVE_GRACE) {
                refused = counts.spans.rejected_total() + counts.spans.failed;
            }
            drop(self.admission.take());
            // Nothing is sent on from here; this ends its threads.
            services.finish(Duration::ZERO);
        }
        self.emitted.worker_ended();
        self.span.end(outcome.time, outcome.message());
        self.feed.close();
        for log in self.logs {
            // It has no reason to panic, and what it had sent is sent.
            let _ = log.join();
        }
        let job = &self.checked.job;
        if job.files == Shipping::Ship && !matches!(outcome.why, Why::Lease | Why::SpawnError) {
            ship::send(job, &self.output);
        }
        let lost = self.telemetry.exporter().ledger().failed;
        let end = outcome.end.as_ref();
        let ended = Ended {
            w: outcome.time,
            why: outcome.why,
            code: end.and_then(|end| if let Exit::Code(code) = end.exit { Some(code) } else { None }),
            signal: end.and_then(|end| if let Exit::Signal(signal) = end.exit { Some(signal) } else { None }),
            error: outcome.error,
            usage: end.map(Usage::of),
            redactions: end.map_or(0, |end| end.output_redactions),
            left_open: end.is_some_and(|end| end.output_left_open),
            escaped: end.and_then(|end| end.escaped_processes),
            emitted: self.emitted.count(),
            dropped: refused + lost,
        };
        if self.output.finish(Event::Ended(ended.clone())) {
            self.folder.remove();
        } else {
            self.folder.leave(&ended);
        }
    }
}
