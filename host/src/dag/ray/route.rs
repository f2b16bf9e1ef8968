//! One attempt on the cluster, as the host sees it: what its worker's lines do to its logs, its spans and its end.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;

use super::super::executor::{Again, AttemptEvent, Fate, Fault, Finished, Hears, OutputLost};
use super::files::Incoming;
use super::lines::Failed;
use crate::clock::UnixNanos;
use crate::conventions::{attr, delivery, error_type, origin, status};
use crate::directory::LogFile;
use crate::telemetry::{ForensicSpanExporter, WorkerSender, WorkerSpan};
use crate::worker::protocol::{Channel, Ended, Started, Why};

/// A worker that was silent for so many beats may have made spans that nobody knows of.
const SILENT_BEATS: u32 = 3;

/// What became of the attempt, for the dispatcher to fetch.
pub(super) type Outcome = Arc<Mutex<Option<Finished>>>;

/// An attempt that was submitted and has not ended.
pub(super) struct Route {
    pub(super) id: String,
    pub(super) hears: Hears,
    pub(super) logs: [LogFile; 2],
    pub(super) sender: WorkerSender,
    pub(super) files: Incoming,
    pub(super) outcome: Outcome,
    pub(super) at_least_once: bool,
    /// Number of the next line.
    pub(super) next: u64,
    pub(super) started: Option<Started>,
    pub(super) pending: Option<String>,
    /// When the worker was last heard of.
    pub(super) heard: Instant,
    /// When its end was asked for by force.
    pub(super) killed: Option<Instant>,
    /// The worker's time when it last said it.
    pub(super) last_time: UnixNanos,
    /// Spans that the worker said it had made.
    pub(super) emitted: u64,
    /// Of them, those that came.
    pub(super) received: u64,
    pub(super) recovered: u64,
    pub(super) lost_output: Option<OutputLost>,
    pub(super) lost_file: Option<String>,
}

impl Route {
    /// The stage runs.
    pub(super) fn start(&mut self, time: UnixNanos, started: Started) {
        if self.started.is_some() {
            return;
        }
        self.emitted = self.emitted.max(1);
        self.last_time = started.w;
        self.sender.worker.clone_from(&started.worker);
        self.started = Some(started);
        (self.hears)(AttemptEvent::Started(time));
    }

    pub(super) fn wait(&mut self, why: String) {
        if self.pending.as_ref() != Some(&why) {
            self.pending = Some(why.clone());
            (self.hears)(AttemptEvent::Pending(why));
        }
    }

    pub(super) fn log(&mut self, channel: Channel, bytes: &[u8]) {
        let file = match channel {
            Channel::Out => &mut self.logs[0],
            Channel::Err => &mut self.logs[1],
        };
        if let Err(error) = file.write_all(bytes) {
            // A full disk must not stop the attempt.
            let lost = self.lost_output.get_or_insert_with(|| OutputLost { bytes: 0, error: error.to_string() });
            lost.bytes += bytes.len() as u64;
        }
    }

    /// Takes spans; `clock`: offset and bound of its node's clock.
    pub(super) fn spans<'s>(
        &mut self,
        spans: impl Iterator<Item = &'s str>,
        exporter: &ForensicSpanExporter,
        now: UnixNanos,
        clock: Option<(i64, u64)>,
    ) -> u64 {
        self.sender.until = now;
        self.sender.bound_ns = clock.map_or(0, |(_, bound)| bound);
        let mut new = 0;
        for span in spans {
            new += u64::from(exporter.record_from_worker(&self.sender, span) != WorkerSpan::Duplicate);
        }
        self.received += new;
        new
    }

    /// What an `ended` line means.
    pub(super) fn ended(&mut self, ended: &Ended, lease: Duration, may_repeat: bool) -> Fate {
        self.emitted = self.emitted.max(ended.emitted);
        let node = self.node_name();
        let text = ended.error.clone().unwrap_or_default();
        let fault = |cause, message: String, again| Fate::Fault(Fault { cause, message, again });
        let proved = Again { after: Duration::ZERO, fenced: true };
        match (ended.why, ended.attempt_end()) {
            (Why::Lease, _) => {
                let lease = crate::limits::show_duration(lease);
                let message = format!("its worker{node} heard nothing of the host for {lease} and ended it");
                fault(error_type::WORKER_LOST, message, may_repeat.then_some(proved))
            }
            (_, Some(mut end)) => match self.lost_file.take() {
                Some(message) => fault(error_type::INTERNAL, message, None),
                None => {
                    end.output_lost = self.lost_output.take();
                    Fate::Ended(end)
                }
            },
            (Why::SpawnError, None) => {
                let message = if text.is_empty() { format!("it could not be started{node}") } else { text };
                fault(error_type::SPAWN_FAILED, message, None)
            }
            (_, None) => {
                let why = if text.is_empty() { String::new() } else { format!(": {text}") };
                let message = format!("what watched it{node} does not say how it ended{why}");
                fault(error_type::SUPERVISOR_LOST, message, may_repeat.then_some(proved))
            }
        }
    }

    /// What a `failed` line means. `fence`: how long after its last word an attempt may still be running.
    pub(super) fn failed(&self, failed: &Failed, words: Option<&str>, fence: Duration, may_repeat: bool) -> Fault {
        let node = self.node_name();
        let (cause, what) = match failed.kind.as_str() {
            "worker_lost" => (error_type::WORKER_LOST, format!("its worker{node} was lost")),
            "worker_oom" => (error_type::WORKER_OOM, format!("the cluster ended its worker{node} for want of memory")),
            "node_lost" => (error_type::NODE_LOST, format!("the node{} was lost", self.name_alone())),
            "node_drained" => {
                (error_type::NODE_DRAINED, format!("the node{} was taken out of the cluster", self.name_alone()))
            }
            "cluster_lost" => (error_type::CLUSTER_LOST, "the cluster was lost".to_owned()),
            "supervisor_lost" => {
                (error_type::SUPERVISOR_LOST, format!("what watched it{node} ended without a word of how it had ended"))
            }
            "queue_timeout" => (error_type::QUEUE_TIMEOUT, "the cluster had no place for it in time".to_owned()),
            "cancelled" => (error_type::CANCELLED, "it was cancelled".to_owned()),
            _ => (error_type::INTERNAL, "the bridge to Ray could not run it".to_owned()),
        };
        let mut message = what;
        if let Some(error) = failed.error.as_deref().map(super::cluster::short).filter(|error| !error.is_empty()) {
            message += &format!(" ({error})");
        }
        let why = words.or(if cause == error_type::QUEUE_TIMEOUT { self.pending.as_deref() } else { None });
        if let Some(why) = why {
            message += &format!(": {why}");
        }
        let lost = matches!(
            cause,
            error_type::WORKER_LOST
                | error_type::WORKER_OOM
                | error_type::NODE_LOST
                | error_type::NODE_DRAINED
                | error_type::SUPERVISOR_LOST
        );
        let again = (lost && may_repeat).then(|| {
            let left = fence.saturating_sub(self.heard.elapsed());
            let told = failed.fence_ms.map(Duration::from_millis);
            let gone = told == Some(Duration::ZERO);
            // A node that is lost says nothing more: only time proves it. What the bridge reckons began a moment earlier.
            let by_time = !gone && matches!(cause, error_type::NODE_LOST | error_type::NODE_DRAINED);
            let after = if by_time { left } else { told.unwrap_or(left) };
            Again { after, fenced: gone || after >= left }
        });
        Fault { cause, message, again }
    }

    /// Tells the dispatcher that it is over.
    pub(super) fn finish(
        mut self,
        fate: Fate,
        time: UnixNanos,
        clock: Option<(i64, u64)>,
        beat: Duration,
        exporter: &ForensicSpanExporter,
    ) {
        let elsewhere = self.attributes(&fate, clock, beat, exporter);
        self.stand_in(time, clock, exporter);
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(Finished { fate, elsewhere });
        (self.hears)(AttemptEvent::Ended(time));
    }

    fn attributes(
        &self,
        fate: &Fate,
        clock: Option<(i64, u64)>,
        beat: Duration,
        exporter: &ForensicSpanExporter,
    ) -> Vec<KeyValue> {
        let count = |key: &'static str, value: u64| KeyValue::new(key, i64::try_from(value).unwrap_or(i64::MAX));
        let promise = if self.at_least_once { delivery::AT_LEAST_ONCE } else { delivery::AT_MOST_ONCE };
        let mut attributes = vec![KeyValue::new(attr::DELIVERY, promise)];
        attributes.extend(self.pending.clone().map(|why| KeyValue::new(attr::PENDING_REASON, why)));
        let Some(started) = &self.started else { return attributes };
        let name = |key: &'static str, text: &str| KeyValue::new(key, super::cluster::short(text));
        attributes.extend([
            name(attr::NODE, &started.node),
            name(attr::NODE_NAME, &started.node_name),
            name(attr::WORKER, &started.worker),
            KeyValue::new(attr::PID, i64::from(started.pid)),
            count(attr::SPANS_RECEIVED, self.received),
        ]);
        if let Some((offset, bound)) = clock {
            attributes.extend([KeyValue::new(attr::CLOCK_OFFSET_NS, offset), count(attr::CLOCK_BOUND_NS, bound)]);
        }
        let silent = matches!(fate, Fate::Fault(fault) if fault.cause != error_type::SPAWN_FAILED)
            && self.recovered == 0
            && self.heard.elapsed() > beat.saturating_mul(SILENT_BEATS);
        // What is known of a number that may be larger is no number.
        let lost = if silent { 0 } else { self.emitted.saturating_sub(self.received) };
        if silent {
            attributes.push(KeyValue::new(attr::SPANS_LOST_UNKNOWN, true));
        } else if lost > 0 {
            attributes.push(count(attr::SPANS_LOST, lost));
        }
        if self.recovered > 0 {
            attributes.push(count(attr::SPANS_RECOVERED, self.recovered));
        }
        exporter.count_worker(lost, silent, self.recovered);
        attributes
    }

    /// Puts something in the place of a worker's own span that never came, so that the spans below it hang where they belong. It
    /// counts as lost all the same.
    fn stand_in(&mut self, time: UnixNanos, clock: Option<(i64, u64)>, exporter: &ForensicSpanExporter) {
        let Some(started) = &self.started else { return };
        let sender = &mut self.sender;
        let span = serde_json::json!({
            "name": format!("{}#{}@{}", sender.stage, sender.attempt, started.worker),
            "trace_id": sender.trace_id,
            "span_id": started.span,
            "parent_span_id": sender.attempt_span,
            "start_time": started.w,
            "end_time": self.last_time.max(started.w),
            "status": status::ERROR,
            "status_message": "its worker was lost: it was last heard of when this ends",
            "attributes": {
                attr::ORIGIN: origin::WORKER,
                attr::WORKER: started.worker,
                attr::NODE: started.node,
                attr::INFERRED: true,
            },
        });
        sender.until = time;
        sender.bound_ns = clock.map_or(0, |(_, bound)| bound);
        // One that came is there already, and stays.
        exporter.record_for_worker(sender, &span.to_string());
    }

    /// ` on 127.0.0.3`, once it is known.
    fn node_name(&self) -> String {
        self.started
            .as_ref()
            .map_or_else(String::new, |started| format!(" on {}", super::cluster::short(&started.node_name)))
    }

    fn name_alone(&self) -> String {
        self.started.as_ref().map_or_else(
            || " that it was to run on".to_owned(),
            |started| format!(" {}", super::cluster::short(&started.node_name)),
        )
    }
}
