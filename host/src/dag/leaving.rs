//! Attempts that succeeded and are not on record yet: what waited for them starts first.
//!
//! Putting an end on record takes about as long as a start. If that were done first, a processor would be idle meanwhile: what ran
//! on it has ended, what is to run next has not begun. So an attempt that is known to have succeeded, and that left nobody
//! behind, makes way: its slot is free, its stage has its result, whoever listens is told. Only the spans of both end
//! later, with all that the system tells of it: by the dispatcher where all processors have attempts to run, else by a thread of its
//! own ([`Clerk`]), for which there is a processor. A host that is killed in between leaves spans that are open, which need not
//! tell a lie: whoever completes its trace knows that a stage succeeded by those that started because of it (`run::recover`).

use super::clerk::Clerk;
use super::executor::{Fate, Finished, Remains};
use super::result::StageResult;
use super::runner::{DagRunner, Ended, How, Running};
use super::spans;
use crate::clock::UnixNanos;
use crate::directory::Logs;
use crate::events::RunEvent;
use crate::telemetry::otlp::receive::Admission;
use crate::telemetry::{ForensicSpanExporter, HostSpan};

impl DagRunner<'_> {
    /// An attempt succeeded: what waited for that can start.
    pub(super) fn make_way(&mut self, ticket: u64, time: UnixNanos) {
        // Where it was asked to end, or is one of the last, its end is looked at as a whole.
        if self.stopped.is_some() || self.running.get(&ticket).is_none_or(|running| running.ended_by.is_some()) {
            return;
        }
        if let Some(attempt) = self.running.remove(&ticket) {
            let stage = attempt.stage;
            self.schedule.release(stage);
            self.leaving.insert(ticket, attempt);
            let result = StageResult::Success;
            self.stage_ended(Ended { stage, result, time, message: None, cause: None, how: How::Leaves });
        }
    }

    /// Puts one on record, or has that done.
    pub(super) fn see_off(&mut self, attempt: Running, time: UnixNanos) {
        let Running { stage, span, process, logs, admission, .. } = attempt;
        let state = &mut self.stages[stage];
        let leaving = Leaving {
            span,
            stage_span: state.span.take(),
            attempts: state.attempts,
            logs,
            _admission: admission,
            remains: process.leave(),
            time,
        };
        let exporter = self.context.telemetry.exporter();
        let beside = !self.running.is_empty() && self.running.len() < self.processors;
        let left = match beside {
            true => self.clerk.get_or_insert_with(|| Clerk::new(exporter, &self.sender)).take(leaving),
            false => Some(leaving),
        };
        if let Some(text) = left.and_then(|leaving| leaving.put_on_record(exporter)) {
            self.observer.on_event(&RunEvent::Warning { text: &text });
        }
    }
}

/// An attempt that made way, with all that is to be put on record of it and its stage.
pub(super) struct Leaving {
    span: HostSpan,
    stage_span: Option<HostSpan>,
    /// Attempts of the stage.
    attempts: u32,
    logs: Logs,
    /// Its right to send spans, which ends with it.
    _admission: Option<Admission>,
    remains: Remains,
    time: UnixNanos,
}

impl Leaving {
    /// Returns what people have to know of it.
    pub(super) fn put_on_record(self, exporter: &ForensicSpanExporter) -> Option<String> {
        exporter.together(|| {
            let Self { mut span, stage_span, attempts, logs, remains, time, .. } = self;
            let result = StageResult::Success;
            let Finished { fate, elsewhere } = remains();
            let end = match fate {
                Fate::Ended(end) => Some(end),
                // The system told how it ended, and then gave it to somebody else: only what it used is not known.
                Fate::Fault(_) => None,
            };
            elsewhere.into_iter().chain(spans::logs(logs.made())).for_each(|attribute| span.set(attribute));
            spans::attempt_end(result, end.as_ref()).into_iter().for_each(|attribute| span.set(attribute));
            span.end(time, None);
            if let Some(mut span) = stage_span {
                spans::stage_end(result, attempts).into_iter().for_each(|attribute| span.set(attribute));
                span.end(time, None);
            }
            end?.output_lost.map(|lost| lost.text(&logs))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use opentelemetry::trace::SpanKind;

    use super::super::bell::EventSender;
    use super::super::executor::{AttemptEnd, ContextSwitches, Exit, Fault, OutputLost};
    use super::super::runner::Event;
    use super::*;
    use crate::directory::{DATA, RunDirectory, RunId, TRACE_NAME};
    use crate::redact::{Redactor, Rules};
    use crate::telemetry::RunTelemetry;

    fn end(output_lost: Option<OutputLost>) -> AttemptEnd {
        AttemptEnd {
            exit: Exit::Code(0),
            cpu_user: Duration::from_millis(2),
            cpu_system: Duration::ZERO,
            peak_memory: 0,
            peak_memory_is_bound: true,
            tree_memory: None,
            io: None,
            switches: Some(ContextSwitches { voluntary: 1, involuntary: 0 }),
            oom_killed: None,
            output_redactions: 0,
            output_left_open: false,
            output_lost,
            escaped_processes: Some(0),
        }
    }

    #[test]
    fn a_clerk_puts_all_on_record_before_it_goes_and_passes_on_what_people_have_to_know() {
        let root = tempfile::tempdir().unwrap();
        let directory = RunDirectory::create(root.path(), &RunId::parse("R").unwrap()).unwrap();
        let redactor = Redactor::new(&Rules::default()).unwrap();
        let telemetry = RunTelemetry::start(directory.folder(DATA).unwrap(), "R", redactor).unwrap();
        let (events, heard) = mpsc::channel();
        let clerk = Clerk::new(telemetry.exporter(), &EventSender { events, bell: None });
        let fate = |index: u64| match index % 3 {
            0 => Fate::Ended(end(None)),
            1 => Fate::Ended(end(Some(OutputLost { bytes: 7, error: "no room".into() }))),
            _ => Fate::Fault(Fault { cause: "internal", message: "nobody knows".into(), again: None }),
        };
        let attempts = 40;
        for fate in (0..attempts).map(fate) {
            let span = |name: &'static str| telemetry.span(name, SpanKind::Internal, None, 1, Vec::new());
            let leaving = Leaving {
                span: span("a#1"),
                stage_span: Some(span("a")),
                attempts: 1,
                logs: directory.logs("a", 1),
                _admission: None,
                remains: Box::new(|| Finished { fate, elsewhere: Vec::new() }),
                time: 5,
            };
            // One for which it has no room is the dispatcher's again.
            if let Some(left) = clerk.take(leaving) {
                left.put_on_record(telemetry.exporter());
            }
        }
        drop(clerk);
        assert_eq!(telemetry.finish(TRACE_NAME).unwrap().spans, 2 * attempts);
        let told = heard.try_iter().map(|event| match event {
            Event::Notice(text) => text,
            other => panic!("{other:?}"),
        });
        let expected = "7 bytes of output are missing in logs/a/1.*.log: no room";
        assert!(told.take(1).eq([expected]), "one of the first two was handed over");

        let text = std::fs::read_to_string(directory.path().join(DATA).join(TRACE_NAME)).unwrap();
        let spans: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        for span in &spans {
            assert_eq!((span["end_time"].as_u64(), span["status"].as_str()), (Some(5), Some("Success")), "{span}");
            assert_eq!(span["attributes"]["cicd.pipeline.task.run.result"], "success", "{span}");
        }
        let known = spans.iter().filter(|span| span["attributes"]["forensic.cpu_user_ns"] == 2_000_000);
        assert_eq!(known.count(), 27, "of the others only the result is known");
    }
}
