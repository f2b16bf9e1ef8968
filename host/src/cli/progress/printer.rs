//! The thread that writes: lines as they come, and on a terminal the live area below them. Whoever has something to say leaves it
//! here and goes on; a terminal that is stopped or slow delays nobody but this thread.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::board::Board;
use super::draw;
use super::lines::sign_of_life;
use super::output::Output;
use super::tail::Logs;
use super::text::Line;

/// The live area is drawn at most that often.
const FRAME: Duration = Duration::from_millis(100);
/// And looked at that often where nothing happens: elapsed times change, and so may the window.
const LOOK: Duration = Duration::from_millis(250);
/// Lines that wait to be written; then, whoever has more to say waits too.
const QUEUE_MAX: usize = 20_000;
/// But no longer than that: a terminal that takes nothing any more (Ctrl-S) doesn't hold up the run.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who wants to wait no longer still waits so long for the last lines.
const GRACE: Duration = Duration::from_secs(2);

/// How to write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// With a live area.
    pub(super) live: bool,
    pub(super) colors: bool,
    /// Say that the run goes on after a silence this long. `None`: never.
    pub(super) heartbeat: Option<Duration>,
}

/// What stays on the terminal.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) line: Line,
    /// Whose last lines go below it.
    pub(super) logs: Option<Logs>,
}

/// The thread's other end.
#[derive(Debug)]
pub(super) struct Printer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What both ends see.
#[derive(Debug)]
pub(super) struct Shared {
    style: Style,
    state: Mutex<State>,
    news: Condvar,
    room: Condvar,
    output: Mutex<Output>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Said>,
    /// Lines that found no room; while there are some, nobody waits.
    dropped: usize,
    /// The run, once it has started, and when that was.
    board: Option<(Board, Instant)>,
    changed: bool,
    paused: bool,
    ended: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Printer {
    /// Starts the thread. Where there can be none, lines are written by who says them, and there is no live area.
    pub(super) fn start(output: Output, style: Style) -> Self {
        let state = Mutex::new(State::default());
        let (news, room, output) = (Condvar::new(), Condvar::new(), Mutex::new(output));
        let shared = Arc::new(Shared { style, state, news, room, output });
        let thread = std::thread::Builder::new().name("terminal".into()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.print()
        });
        Self { shared, thread: thread.ok() }
    }

    /// What the thread and signal handlers share with it.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Writes a line, soon.
    pub(super) fn say(&self, said: Said) {
        if self.thread.is_none() {
            let lines = self.shared.render(said);
            lock(&self.shared.output).lines(&lines);
            return;
        }
        let state = lock(&self.shared.state);
        let full = |state: &mut State| state.queue.len() >= QUEUE_MAX && state.dropped == 0;
        let waited = self.shared.room.wait_timeout_while(state, PATIENCE, full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        if state.queue.len() < QUEUE_MAX {
            state.queue.push_back(said);
        } else {
            state.dropped += 1;
        }
        drop(state);
        self.shared.news.notify_one();
    }

    /// The run begins.
    pub(super) fn begin(&self, board: Board) {
        lock(&self.shared.state).board = Some((board, Instant::now()));
    }

    /// Changes what is known of the run, with the time since it began.
    pub(super) fn update(&self, change: impl FnOnce(&mut Board, Duration)) {
        let mut state = lock(&self.shared.state);
        if let Some((board, start)) = &mut state.board {
            change(board, start.elapsed());
            state.changed = true;
        }
        // Not told at once: the next look is soon, and a thousand changes a second are one frame.
    }

    /// Writes what is left, and takes the live area away. Gives up when `enough` says so and nothing is taken.
    pub(super) fn finish(&mut self, enough: &dyn Fn() -> bool) {
        lock(&self.shared.state).ended = true;
        self.shared.news.notify_one();
        if let Some(thread) = self.thread.take() {
            join(thread, enough);
        }
    }
}

/// Waits for a thread that may be stuck in a write; once `enough` says so, no longer than [`GRACE`]. `None`: it is stuck, or it
/// panicked, which has been printed already.
pub(super) fn join<T>(thread: JoinHandle<T>, enough: &dyn Fn() -> bool) -> Option<T> {
    let (start, mut pause) = (Instant::now(), Duration::from_micros(50));
    while !thread.is_finished() {
        if start.elapsed() > GRACE && enough() {
            return None;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(FRAME);
    }
    thread.join().ok()
}

impl Shared {
    fn print(&self) {
        // Whatever ends this thread, the cursor comes back.
        struct TearDown<'a>(&'a Shared);
        impl Drop for TearDown<'_> {
            fn drop(&mut self) {
                lock(&self.0.output).tear_down();
            }
        }
        let _tear_down = TearDown(self);
        let (mut last_frame, mut last_said) = (None::<Instant>, Instant::now());
        loop {
            let (said, dropped, ended) = self.wait(last_frame, last_said);
            let mut lines: Vec<String> = said.into_iter().flat_map(|said| self.render(said)).collect();
            if dropped > 0 {
                lines.push(format!("… and {dropped} lines that found no room"));
            }
            if lines.is_empty() {
                lines.extend(self.heartbeat(last_said));
            }
            if !lines.is_empty() || self.style.heartbeat.is_some_and(|silence| last_said.elapsed() >= silence) {
                last_said = Instant::now();
            }
            // Held while the state is looked at: between a pause and its end, nothing is drawn.
            let mut output = lock(&self.output);
            if self.style.live {
                let area = if ended || output.is_gone() { Vec::new() } else { self.area(&output) };
                output.frame(&lines, area);
                last_frame = Some(Instant::now());
            } else {
                output.lines(&lines);
            }
            if ended {
                return;
            }
        }
    }

    /// Until there is something to write: what, how many lines found no room, and whether that is all.
    fn wait(&self, last_frame: Option<Instant>, last_said: Instant) -> (VecDeque<Said>, usize, bool) {
        let mut state = lock(&self.state);
        loop {
            let now = Instant::now();
            let too_early =
                last_frame.map(|last| (last + FRAME).saturating_duration_since(now)).filter(|wait| !wait.is_zero());
            let news = !state.queue.is_empty() || state.changed && self.style.live;
            let wait = match (too_early, self.style.live, self.style.heartbeat) {
                _ if state.ended => Duration::ZERO,
                (Some(wait), ..) => wait,
                _ if news => Duration::ZERO,
                (None, true, _) => {
                    last_frame.map_or(Duration::ZERO, |last| (last + LOOK).saturating_duration_since(now))
                }
                (None, false, Some(silence)) => (last_said + silence).saturating_duration_since(now),
                (None, false, None) => Duration::from_secs(3600),
            };
            if wait.is_zero() {
                state.changed = false;
                let queue = std::mem::take(&mut state.queue);
                self.room.notify_all();
                return (queue, std::mem::take(&mut state.dropped), state.ended);
            }
            // Changes are not told; while some are to come, they are looked for.
            let wait = if self.style.live { wait.min(FRAME) } else { wait };
            state = self.news.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn render(&self, said: Said) -> Vec<String> {
        let mut lines = vec![said.line];
        if let Some(logs) = said.logs {
            let width = if self.style.live { lock(&self.output).size().0.saturating_sub(1) } else { usize::MAX };
            lines.extend(logs.last_lines().into_iter().map(|line| line.cut(width)));
        }
        lines.iter().map(|line| line.render(self.style.colors)).collect()
    }

    fn heartbeat(&self, last_said: Instant) -> Option<String> {
        let silence = self.style.heartbeat.filter(|_| !self.style.live)?;
        let state = lock(&self.state);
        let (board, start) = state.board.as_ref().filter(|_| last_said.elapsed() >= silence && !state.ended)?;
        sign_of_life(board, start.elapsed()).map(|line| line.render(self.style.colors))
    }

    fn area(&self, output: &Output) -> Vec<String> {
        let mut state = lock(&self.state);
        match &mut *state {
            State { board: Some((board, start)), paused: false, .. } if output.in_foreground() => {
                let (width, height) = output.size();
                let lines = draw::area(board, start.elapsed(), width, height);
                lines.iter().map(|line| line.render(self.style.colors)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Takes the live area away and does something in its absence; then it comes back. Called by a thread that panics, it does
    /// not wait for the thread that writes: that may be the same.
    pub(super) fn without_area(&self, panicking: bool, work: impl FnOnce()) {
        if panicking {
            let mut output = self.output.try_lock();
            if let Ok(output) = &mut output {
                output.tear_down();
            }
            return work();
        }
        lock(&self.state).paused = true;
        lock(&self.output).tear_down();
        work();
        lock(&self.state).paused = false;
    }
}
