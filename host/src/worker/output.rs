//! What goes out over standard output: a short queue of events, and the thread that makes lines of them. Whoever has something
//! to say waits for room, so that a stage which writes faster than the host reads is slowed down like by any pipe. When the
//! host is given up, the queue takes everything and keeps nothing, so that nobody waits any more.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::protocol::{Event, Line};

/// Bytes that wait.
const ROOM: usize = 256 << 10;
/// How long the last line may take that is being written when the reader is given up.
const MOMENT: Duration = Duration::from_millis(100);
/// What an event weighs beside its text.
const BASE: usize = 256;

/// The queue; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Output(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Event>,
    bytes: usize,
    /// The first event is in the queue, or was: until then the others wait.
    begun: bool,
    /// One that was taken from the queue is being written.
    writing: bool,
    /// The last event is in the queue, or was.
    closed: bool,
    /// Nobody will read any more.
    abandoned: bool,
    /// Something will never be written.
    missing: bool,
}

impl Output {
    /// Starts the thread that writes lines about `id` to `to`; `broken` is called if that can't be done any more.
    pub(super) fn start(mut id: String, mut to: File, broken: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let output = Self::default();
        let shared = output.clone();
        thread::Builder::new().name("output".into()).spawn(move || {
            let mut n = 0;
            while let Some(event) = shared.take() {
                let line = Line { id, n, event };
                let written = line.write().map_err(io::Error::from).and_then(|text| to.write_all(&text));
                if written.is_err() {
                    shared.lock().missing = true;
                    shared.abandon();
                    return broken();
                }
                (id, n) = (line.id, n + 1);
                shared.lock().writing = false;
                shared.0.changed.notify_all();
            }
        })?;
        Ok(output)
    }

    /// Says the first thing, before whatever was said already: the stage may be quicker than the one who tells of its start.
    pub(super) fn begin(&self, event: Event) {
        let mut state = self.lock();
        if !state.closed && !state.abandoned {
            state.bytes += size(&event);
            state.queue.push_front(event);
            state.begun = true;
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// Says something, in its turn.
    pub(super) fn push(&self, event: Event) {
        drop(self.put(self.room_for(&event), event));
    }

    /// Says something only if nothing waits.
    pub(super) fn offer(&self, event: Event) {
        let state = self.lock();
        if state.queue.is_empty() && !state.writing {
            drop(self.put(state, event));
        }
    }

    /// Says the last thing and waits until it is written; false if that never happens.
    pub(super) fn finish(&self, event: Event) -> bool {
        let mut state = self.put(self.room_for(&event), event);
        state.closed = true;
        // Of what could not be begun, the end is the first thing.
        state.begun = true;
        self.0.changed.notify_all();
        while !state.missing && (state.writing || !state.queue.is_empty()) {
            if state.abandoned {
                // A reader that leaves after the last line may be seen to be gone before that line is known to be written.
                let waited = self.0.changed.wait_timeout(state, MOMENT).unwrap_or_else(PoisonError::into_inner);
                state = waited.0;
                state.missing |= state.writing && waited.1.timed_out();
            } else {
                state = self.wait(state);
            }
        }
        !state.missing
    }

    /// Nobody waits for the reader any more.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.abandoned = true;
        state.missing |= !state.closed || !state.queue.is_empty();
        state.queue.clear();
        drop(state);
        self.0.changed.notify_all();
    }

    /// Whether the last word was said, or nobody listens.
    pub(super) fn is_over(&self) -> bool {
        let state = self.lock();
        state.closed || state.abandoned
    }

    fn room_for(&self, event: &Event) -> MutexGuard<'_, State> {
        let size = size(event);
        let mut state = self.lock();
        while state.bytes > 0 && state.bytes + size > ROOM && !state.abandoned {
            state = self.wait(state);
        }
        state
    }

    fn put<'s>(&self, mut state: MutexGuard<'s, State>, event: Event) -> MutexGuard<'s, State> {
        if !state.closed && !state.abandoned {
            state.bytes += size(&event);
            state.queue.push_back(event);
            self.0.changed.notify_all();
        }
        state
    }

    /// The next event; `None` if there will be none.
    fn take(&self) -> Option<Event> {
        let mut state = self.lock();
        loop {
            if state.abandoned {
                return None;
            }
            if state.begun
                && let Some(event) = state.queue.pop_front()
            {
                state.bytes = state.bytes.saturating_sub(size(&event));
                state.writing = true;
                drop(state);
                self.0.changed.notify_all();
                return Some(event);
            }
            if state.begun && state.closed {
                return None;
            }
            state = self.wait(state);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(event: &Event) -> usize {
    BASE + match event {
        Event::Log(log) => log.bytes.len(),
        Event::File(piece) => piece.bytes.len(),
        Event::Spans(spans) => spans.spans.iter().map(|span| span.get().len()).sum(),
        Event::Started(_) | Event::Beat(_) | Event::Ended(_) | Event::Unknown => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::os::fd::OwnedFd;
    use std::sync::mpsc;

    use super::*;
    use crate::worker::protocol::{Channel, Log};

    /// An output that has begun with an event that is not looked at.
    fn begun(to: File, broken: impl FnOnce() + Send + 'static) -> Output {
        let output = Output::start("a#1".into(), to, broken).unwrap();
        output.begin(Event::Unknown);
        output
    }

    fn log(length: usize) -> Event {
        Event::Log(Log { s: Channel::Out, bytes: vec![b'x'; length] })
    }

    #[test]
    fn lines_are_numbered_and_a_slow_reader_gets_all_of_them() {
        let (reader, writer) = io::pipe().unwrap();
        let output = begun(OwnedFd::from(writer).into(), || ());
        let pusher = output.clone();
        let pushing = thread::spawn(move || {
            (0..100).for_each(|_| pusher.push(log(20 << 10)));
            pusher.finish(Event::Unknown)
        });
        let mut count = 0;
        for line in BufReader::new(reader).lines().take(102) {
            let line = Line::read(line.unwrap().as_bytes()).unwrap();
            assert_eq!((line.id.as_str(), line.n), ("a#1", count));
            count += 1;
        }
        assert!(pushing.join().unwrap());
        assert_eq!(count, 102);
        assert!(output.is_over());
    }

    #[test]
    fn the_start_is_told_first_however_late() {
        let (reader, writer) = io::pipe().unwrap();
        let output = Output::start("a#1".into(), OwnedFd::from(writer).into(), || ()).unwrap();
        output.push(log(1));
        output.begin(Event::Unknown);
        assert!(output.finish(Event::Unknown));
        let events: Vec<Event> = BufReader::new(reader)
            .lines()
            .take(3)
            .map(|line| Line::read(line.unwrap().as_bytes()).unwrap().event)
            .collect();
        assert!(matches!(events[..], [Event::Unknown, Event::Log(_), Event::Unknown]), "{events:?}");
    }

    #[test]
    fn nobody_waits_for_a_reader_that_was_given_up() {
        let (mut reader, writer) = io::pipe().unwrap();
        let output = begun(OwnedFd::from(writer).into(), || ());
        let pusher = output.clone();
        let pushing = thread::spawn(move || {
            (0..100).for_each(|_| pusher.push(log(20 << 10)));
            pusher.finish(Event::Unknown)
        });
        // The pipe is full, as nobody reads; something of a line has come.
        reader.read_exact(&mut [0; 10]).unwrap();
        output.abandon();
        assert!(!pushing.join().unwrap());
    }

    #[test]
    fn a_reader_that_left_is_told_of_once() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let (sender, told) = mpsc::channel();
        let output = begun(OwnedFd::from(writer).into(), move || sender.send(()).unwrap());
        output.push(log(1));
        told.recv().unwrap();
        assert!(told.recv().is_err());
        assert!(!output.finish(Event::Unknown));
    }
}
