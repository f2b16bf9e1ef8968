//! The ledger: where every span that the run knows of went.
//!
//! started + received = written + open + rejected + duplicates + failed. A difference is an error, and says so.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::otlp::receive::ReceiverCounts;

/// What happened to the spans of a run, as `run.json` keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Spans that the host started.
    pub started: u64,
    /// Spans that came from elsewhere, whatever became of them.
    pub received: u64,
    /// Spans in the trace.
    pub written: u64,
    /// Spans that the host started and that have not ended.
    pub open: u64,
    /// Spans that were refused, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Spans that came again.
    pub duplicates: u64,
    /// Spans that ended and could not be written.
    pub failed: u64,
    /// Requests that came with a token whose attempt was over; how many spans they held is not known.
    pub late_requests: u64,
    /// Requests that were still worked on when the run ended; their spans may be missing.
    pub unfinished_requests: u64,
    /// Metric points and log records that stages sent; they are no part of a trace.
    pub ignored: u64,
    /// Values that were masked, in spans and in the output of stages.
    pub redactions: u64,
    /// Texts that were cut to their cap.
    pub truncations: u64,
    /// Attributes that spans had and the trace has not.
    pub dropped_attributes: u64,
    /// Events, likewise: without `TV_DEBUG_TELEMETRY=1` all of them.
    pub dropped_events: u64,
    /// Links, likewise.
    pub dropped_links: u64,
    /// Spans of workers elsewhere; absent where all attempts ran on the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<WorkerSpans>,
}

/// What became of the spans that workers elsewhere made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkerSpans {
    /// Attempts that ran there.
    pub attempts: u64,
    /// Spans that came, those that came twice included.
    pub received: u64,
    /// Spans that workers said they had made and that never came.
    pub lost: u64,
    /// Attempts of which nobody can say how many spans are lost.
    pub lost_unknown: u64,
    /// Of those that came: read from a worker's own file after the worker was lost.
    pub recovered: u64,
}

impl Ledger {
    /// Adds what the receiver counted. What it gave to the exporter and the exporter could not keep is counted there.
    pub fn add_received(&mut self, counts: &ReceiverCounts) {
        self.received += counts.spans.received;
        self.duplicates += counts.spans.duplicates;
        self.failed += counts.spans.failed;
        for (reason, count) in &counts.spans.rejected {
            *self.rejected.entry((*reason).to_owned()).or_default() += count;
        }
        self.late_requests += counts.late_requests;
        self.unfinished_requests += counts.unfinished_requests;
        self.ignored += counts.metric_points + counts.log_records;
    }

    /// Spans that came in less spans that are accounted for: 0, or something is wrong.
    pub fn difference(&self) -> i128 {
        let rejected: u64 = self.rejected.values().sum();
        let came = i128::from(self.started) + i128::from(self.received);
        let went = [self.written, self.open, rejected, self.duplicates, self.failed];
        came - went.into_iter().map(i128::from).sum::<i128>()
    }

    /// What a reader of the report should know; empty if nothing is missing.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut note = |count: u64, text: String| {
            if count > 0 {
                notes.push(text);
            }
        };
        note(self.failed, format!("LOST: {} that had ended could not be written.", spans(self.failed)));
        let workers = self.workers.unwrap_or_default();
        note(workers.lost, format!("LOST: {} of workers never came to the host.", spans(workers.lost)));
        let attempts = if workers.lost_unknown == 1 { "attempt" } else { "attempts" };
        note(
            workers.lost_unknown,
            format!("LOST: of {} lost {attempts} nobody can say how many spans are missing.", workers.lost_unknown),
        );
        note(
            workers.recovered,
            format!("{} recovered from files of workers that were lost.", spans_were(workers.recovered)),
        );
        note(self.open, format!("{} never ended.", spans(self.open)));
        for (reason, count) in &self.rejected {
            note(*count, format!("{} from stages refused: {}.", spans_were(*count), reason.replace('_', " ")));
        }
        note(self.duplicates, format!("{} received more than once and kept once.", spans_were(self.duplicates)));
        let requests = if self.late_requests == 1 { "request" } else { "requests" };
        note(
            self.late_requests,
            format!(
                "{} {requests} with spans came after the attempt had ended, too late to be kept.",
                self.late_requests
            ),
        );
        note(
            self.unfinished_requests,
            format!(
                "Requests with spans that could not be finished before the run ended: {}.",
                self.unfinished_requests
            ),
        );
        note(self.truncations, format!("{} cut to the longest that is kept.", texts_were(self.truncations)));
        note(self.dropped_attributes, format!("Attributes left out: {}.", self.dropped_attributes));
        let both = self.dropped_events + self.dropped_links;
        note(both, format!("Span events and links left out: {both} (TV_DEBUG_TELEMETRY=1 keeps them)."));
        if self.difference() != 0 {
            notes.push(format!(
                "ERROR: the ledger of spans does not balance (difference {}): started {} + received {} is not written {} + open {} + \
                 rejected {} + duplicates {} + failed {}. Please report this as a fault of forensic-host.",
                self.difference(),
                self.started,
                self.received,
                self.written,
                self.open,
                self.rejected.values().sum::<u64>(),
                self.duplicates,
                self.failed,
            ));
        }
        notes
    }
}

fn spans(count: u64) -> String {
    format!("{count} {}", if count == 1 { "span" } else { "spans" })
}

fn spans_were(count: u64) -> String {
    format!("{} {}", spans(count), if count == 1 { "was" } else { "were" })
}

fn texts_were(count: u64) -> String {
    if count == 1 { "1 text was".into() } else { format!("{count} texts were") }
}
