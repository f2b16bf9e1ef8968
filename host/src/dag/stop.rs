//! The wish to stop a run: from a signal, a time limit or another thread.

use std::sync::{Arc, Mutex, PoisonError};

use super::bell::EventSender;
use super::runner::Event;

/// Who wants to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// A signal, by number.
    Signal(i32),
    /// The run's time limit.
    Timeout,
    /// A stage failed, and the pipeline wants the run to end then.
    StageFailed,
    /// The program that runs the pipeline.
    Request,
}

/// A handle to stop a run. Clones are one and the same; it may be used before the run begins.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    reason: Option<StopReason>,
    kill: bool,
    runner: Option<EventSender>,
}

impl Stop {
    /// A handle that nobody has used yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// First call: start nothing more, ask what runs to end (TERM). Second call: end it (KILL).
    pub fn stop(&self, reason: StopReason) {
        let mut state = self.lock();
        if state.reason.is_some() {
            state.kill = true;
        } else {
            state.reason = Some(reason);
        }
        state.tell();
    }

    /// Why, if somebody wants to.
    pub fn requested(&self) -> Option<StopReason> {
        self.lock().reason
    }

    /// Whether somebody asked twice.
    pub fn kill_requested(&self) -> bool {
        self.lock().kill
    }

    /// From now on the runner hears of it, and at once if it was used before.
    pub(super) fn listen(&self, runner: EventSender) {
        let mut state = self.lock();
        state.runner = Some(runner);
        state.tell();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tell(&self) {
        if let (Some(reason), Some(runner)) = (self.reason, &self.runner) {
            // A runner that is gone has nothing left to stop.
            drop(runner.send(Event::Stop { reason, kill: self.kill }));
        }
    }
}
