//! One connection: serves its requests, and ends it when it is idle for too long, in the way, or the run ends.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::handler::Handler;

/// How far the receiver is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum Phase {
    Serving,
    /// What is under way is finished, nothing new is begun.
    Draining,
    /// Connections are dropped as they stand.
    Stopped,
}

/// What a connection is doing.
struct Line {
    state: Mutex<LineState>,
}

struct LineState {
    active: u32,
    trusted: bool,
    since: Instant,
}

impl Line {
    fn with<T>(&self, look: impl FnOnce(&mut LineState) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Counts a request as under way as long as it lives.
struct Active(Arc<Line>);

impl Active {
    fn new(line: &Arc<Line>) -> Self {
        line.with(|state| state.active += 1);
        Self(Arc::clone(line))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.with(|state| {
            state.active -= 1;
            state.since = Instant::now();
        });
    }
}

/// Settings of both protocols: what one connection may hold in memory.
pub(super) fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // A head larger than this is refused (431).
    builder.http1().max_buf_size(64 << 10);
    builder
        .http2()
        .max_concurrent_streams(32)
        .max_header_list_size(16 << 10)
        .initial_stream_window_size(256 << 10)
        .initial_connection_window_size(1 << 20)
        .max_send_buf_size(64 << 10);
    builder
}

/// Serves a connection to its end. `room` asks idle connections to leave.
pub(super) async fn serve(
    stream: TcpStream,
    builder: Builder<TokioExecutor>,
    handler: Arc<Handler>,
    mut phase: watch::Receiver<Phase>,
    room: Arc<Notify>,
) {
    let limits = handler.limits.clone();
    let line = Arc::new(Line { state: Mutex::new(LineState { active: 0, trusted: false, since: Instant::now() }) });
    let service = {
        let (line, phase) = (Arc::clone(&line), phase.clone());
        service_fn(move |request| {
            let active = Active::new(&line);
            let handler = Arc::clone(&handler);
            let draining = *phase.borrow() >= Phase::Draining;
            async move {
                let trust = || active.0.with(|state| state.trusted = true);
                let response = handler.answer(request, draining, trust).await;
                drop(active);
                Ok::<_, Infallible>(response)
            }
        })
    };
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut leaving = None;
    loop {
        let deadline = leaving.unwrap_or_else(|| {
            line.with(|state| match (state.active, state.trusted) {
                (0, false) => state.since + limits.io_timeout,
                (0, true) => state.since + limits.idle_timeout,
                // Requests have time limits of their own.
                _ => Instant::now() + limits.io_timeout,
            })
        });
        tokio::select! {
            // Errors are the sender's: it hung up or spoke no HTTP.
            _ = connection.as_mut() => return,
            changed = phase.changed() => {
                // The receiver is gone without a word: so is this.
                if changed.is_err() || *phase.borrow() == Phase::Stopped {
                    return;
                }
                connection.as_mut().graceful_shutdown();
                // Whoever stops the receiver sets the end.
                leaving = Some(Instant::now() + Duration::from_secs(3600));
            }
            () = room.notified(), if leaving.is_none() => {
                if line.with(|state| state.active == 0) {
                    connection.as_mut().graceful_shutdown();
                    leaving = Some(Instant::now() + limits.io_timeout);
                }
            }
            () = sleep_until(deadline) => {
                if leaving.is_some() {
                    return;
                }
                if line.with(|state| state.active == 0 && state.since + idle(state, &limits) <= Instant::now()) {
                    connection.as_mut().graceful_shutdown();
                    // Enough for a farewell, too little to begin a head and never end it.
                    leaving = Some(Instant::now() + Duration::from_secs(1));
                }
            }
        }
    }
}

fn idle(state: &LineState, limits: &super::ReceiverLimits) -> Duration {
    if state.trusted { limits.idle_timeout } else { limits.io_timeout }
}
