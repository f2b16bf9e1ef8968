//! The thread that reads what the bridge says, and does it.

use std::io::BufReader;
use std::process::ChildStdout;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use super::super::executor::{Fate, Fault};
use super::lines::{Failed, Got, Order, PROTO, Ready, Recovered, Refused, Said, next_line};
use super::process::{ending, plain};
use super::shared::{Shared, State};
use crate::conventions::error_type;
use crate::worker::protocol::{Event, Line};

/// How long the bridge may take to end when it has closed its output.
const ENDING: Duration = Duration::from_secs(2);
/// Nonsense of a bridge is told so often.
const NONSENSE_MAX: u32 = 5;

/// What came first.
pub(super) enum First {
    Ready(Box<Ready>),
    Refused(Refused),
    /// Something else.
    Nonsense(String),
    /// Nothing at all.
    End,
}

/// Reads until the bridge's output ends.
pub(super) struct Reader {
    shared: Arc<Shared>,
    lines: BufReader<ChildStdout>,
    /// Until it was told of the first line.
    first: Option<SyncSender<First>>,
    nonsense: u32,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, lines: BufReader<ChildStdout>, first: SyncSender<First>) -> Self {
        Self { shared, lines, first: Some(first), nonsense: 0 }
    }

    pub(super) fn run(mut self) {
        let mut line = Vec::new();
        loop {
            match next_line(&mut self.lines, &mut line) {
                Ok(Got::Line) => match Said::read(&line) {
                    Ok(said) => self.take(said),
                    Err(error) => self.nonsense(&format!("a line is not what it should be: {error}")),
                },
                Ok(Got::TooLong) => self.nonsense("a line is too long"),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(Got::End) | Err(_) => break,
            }
        }
        self.ended();
    }

    fn nonsense(&mut self, what: &str) {
        if self.first(|| First::Nonsense(what.to_owned())) {
            return;
        }
        self.nonsense += 1;
        if self.nonsense <= NONSENSE_MAX {
            self.shared.notice(format!("the bridge to Ray does not speak as it should: {what}"));
        }
    }

    /// Tells of the first line, once.
    fn first(&mut self, what: impl FnOnce() -> First) -> bool {
        let Some(first) = self.first.take() else { return false };
        // Whoever asked may not wait any more.
        drop(first.send(what()));
        true
    }

    fn take(&mut self, said: Said) {
        let redactor = self.shared.exporter.redactor().clone();
        match said {
            Said::Ready(ready) if ready.proto != PROTO => {
                let what = format!("it speaks version {}, this host {PROTO}", ready.proto);
                self.nonsense(&what);
            }
            Said::Ready(ready) => drop(self.first(|| First::Ready(ready))),
            Said::Refused(refused) => drop(self.first(|| First::Refused(refused))),
            Said::Pending { id, why } => {
                let why = plain(&why, &redactor).unwrap_or_else(|| "the cluster has no place for it".to_owned());
                if let Some(route) = self.shared.lock().live.get_mut(&id) {
                    route.wait(why);
                }
            }
            Said::Failed(failed) => {
                let words = failed.detail.as_deref().and_then(|detail| plain(detail, &redactor));
                self.failed(&failed, words.as_deref());
            }
            Said::Recovered(recovered) => self.recovered(&recovered),
            Said::Node(news) => {
                let mut state = self.shared.lock();
                if let Some(text) = state.cluster.node(&news, &redactor) {
                    state.notice(text);
                }
            }
            Said::Clock(news) => self.shared.lock().cluster.clock(&news),
            Said::Warn(text) => {
                if let Some(text) = plain(&text, &redactor) {
                    self.shared.notice(text);
                }
            }
            Said::Worker(line) => self.worker(line),
            Said::Queued | Said::Bye | Said::Unknown => {}
        }
    }

    fn worker(&mut self, line: Line) {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        let state = &mut *state;
        let now = shared.settings.clock.now();
        let Some(route) = state.live.get_mut(&line.id) else {
            return late(state, &line.id, matches!(line.event, Event::Ended(_)));
        };
        if line.n < route.next {
            // It came before, and what it says was done.
            let text = format!("a line of {} came twice and was left out (fault of the bridge)", line.id);
            return state.notice(text);
        }
        let missing = line.n - route.next;
        route.next = line.n + 1;
        route.heard = Instant::now();
        let id = line.id.clone();
        let mut notices = Vec::new();
        if missing > 0 {
            notices.push(format!(
                "{missing} lines of {id} are missing between worker and host: output or spans may be incomplete. Please report this as a fault \
                 of forensic-host"
            ));
        }
        let clock = route.started.as_ref().and_then(|started| state.cluster.offset(&started.node));
        let mut end = None;
        match line.event {
            Event::Started(started) => route.start(now, started),
            Event::Log(log) => route.log(log.s, &log.bytes),
            Event::Spans(spans) => {
                route.emitted = route.emitted.max(spans.emitted);
                route.spans(spans.spans.iter().map(|span| span.get()), &shared.exporter, now, clock);
            }
            Event::Beat(beat) => {
                route.emitted = route.emitted.max(beat.emitted);
                route.last_time = route.last_time.max(beat.w);
            }
            Event::File(piece) => {
                if let Some(why) = route.files.take(&piece) {
                    notices.push(format!("{id}: the file {why}"));
                    route.lost_file.get_or_insert_with(|| format!("the file {why}"));
                }
            }
            Event::Ended(ended) => end = Some(ended),
            Event::Unknown => {}
        }
        if let Some(ended) = end
            && let Some(mut route) = state.live.remove(&id)
        {
            let may_repeat = shared.may_repeat(state, &route.sender.stage);
            let fate = route.ended(&ended, shared.settings.config.lease, may_repeat);
            shared.finish(state, route, fate);
        }
        notices.into_iter().for_each(|text| state.notice(text));
    }

    fn recovered(&mut self, recovered: &Recovered) {
        let mut state = self.shared.lock();
        let state = &mut *state;
        let Some(route) = state.live.get_mut(&recovered.id) else { return };
        let clock = route.started.as_ref().and_then(|started| state.cluster.offset(&started.node));
        let now = self.shared.settings.clock.now();
        let spans = recovered.spans.iter().map(|span| span.get());
        route.recovered += route.spans(spans, &self.shared.exporter, now, clock);
    }

    fn failed(&mut self, failed: &Failed, words: Option<&str>) {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        let state = &mut *state;
        let Some(route) = state.live.remove(&failed.id) else { return late(state, &failed.id, true) };
        let may_repeat = shared.may_repeat(state, &route.sender.stage);
        let settings = &shared.settings;
        let fault = route.failed(failed, words, settings.config.fence(settings.grace), may_repeat);
        shared.finish(state, route, Fate::Fault(fault));
    }

    /// The bridge's output has ended: so has it, or it soon will.
    fn ended(&mut self) {
        self.first(|| First::End);
        let bridge = &self.shared.bridge;
        let status = bridge.wait(ENDING).or_else(|| bridge.kill());
        let last = bridge.last_words().map_or_else(String::new, |line| format!("; its last word: {line}"));
        let mut state = self.shared.lock();
        let state = &mut *state;
        let why = format!("the bridge to Ray ended ({}){last}", ending(status));
        state.gone = Some(why.clone());
        for (_, route) in std::mem::take(&mut state.live) {
            let fault = Fault { cause: error_type::BRIDGE_LOST, message: why.clone(), again: None };
            self.shared.finish(state, route, Fate::Fault(fault));
        }
    }
}

/// A line of an attempt that is over.
fn late(state: &mut State, id: &str, is_result: bool) {
    if is_result && state.done.contains(id) {
        let text =
            format!("a second result of {} came and was left out: the first one holds", super::cluster::short(id));
        state.notice(text);
    }
}

/// Asks for an attempt's end.
pub(super) fn cancel(shared: &Shared, id: &str, force: bool) {
    shared.bridge.say(&Order::Cancel { id, force });
}
