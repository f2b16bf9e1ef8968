//! The port and its life: starting, accepting, ending.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout_at};

use super::SpanSink;
use super::admission::{Admission, Registry, Sender};
use super::connection::{self, Phase};
use super::counts::ReceiverCounts;
use super::handler::Handler;
use super::limits::{Allowance, ReceiverLimits};
use crate::accept::accept;

/// An OTLP receiver on a loopback port of its own. Dropping it ends it at once; [`Receiver::shutdown`] lets what is
/// under way arrive.
pub struct Receiver {
    port: u16,
    runtime: Handle,
    limits: ReceiverLimits,
    registry: Arc<Registry>,
    phase: watch::Sender<Phase>,
    requests: Arc<Semaphore>,
    connections: Arc<Semaphore>,
}

impl Receiver {
    /// Opens a port of the system's choice on 127.0.0.1 and serves it on `runtime`, which needs its I/O and time
    /// drivers. Accepted spans go to `sink`.
    ///
    /// # Errors
    /// No port can be opened.
    pub fn start(runtime: &Handle, limits: ReceiverLimits, sink: Arc<dyn SpanSink>) -> io::Result<Self> {
        let listener = StdListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let registry = Arc::new(Registry::default());
        let handler = Arc::new(Handler::new(limits.clone(), Arc::clone(&registry), sink));
        let requests = Arc::clone(&handler.requests);
        let connections = Arc::new(Semaphore::new(limits.connections));
        let (phase, watched) = watch::channel(Phase::Serving);
        runtime.spawn(serve(listener, handler, Arc::clone(&connections), watched));
        Ok(Self { port, runtime: runtime.clone(), limits, registry, phase, requests, connections })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets an attempt send, until its [`Admission`] is closed.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn admit(&self, sender: Sender, allowance: Allowance) -> io::Result<Admission> {
        Ok(Admission {
            attempt: self.registry.admit(sender, allowance)?,
            registry: Arc::clone(&self.registry),
            drain: self.limits.drain,
            closed: Mutex::new(false),
        })
    }

    /// What was received so far. A request that is being worked on is not in it yet.
    pub fn counts(&self) -> ReceiverCounts {
        self.registry.counts()
    }

    /// Closes the port, lets requests that are under way end for at most `within`, and gives the final counts. Blocks:
    /// not to be called on the runtime's own threads.
    pub fn shutdown(self, within: Duration) -> ReceiverCounts {
        let (done, wait) = mpsc::channel();
        let deadline = Instant::now() + within;
        let _ = self.phase.send(Phase::Draining);
        let (connections, requests) = (Arc::clone(&self.connections), Arc::clone(&self.requests));
        let all = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
        let (lines, places) = (all(self.limits.connections), all(self.limits.requests));
        self.runtime.spawn(async move {
            let _ = timeout_at(deadline, connections.acquire_many(lines)).await;
            // A sender that hung up may have left its request behind.
            let _ = timeout_at(deadline, requests.acquire_many(places)).await;
            let _ = done.send(());
        });
        // The runtime may be gone, then nobody will answer.
        let _ = wait.recv_timeout(within + Duration::from_millis(500));
        let _ = self.phase.send(Phase::Stopped);
        let mut counts = self.counts();
        counts.unfinished_requests = (self.limits.requests.saturating_sub(self.requests.available_permits())) as u64;
        counts
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Receiver").field("port", &self.port).finish_non_exhaustive()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.phase.send(Phase::Stopped);
    }
}

async fn serve(
    listener: TcpListener,
    handler: Arc<Handler>,
    connections: Arc<Semaphore>,
    mut phase: watch::Receiver<Phase>,
) {
    let builder = connection::builder();
    let watched = phase.clone();
    let serve = |stream, room| connection::serve(stream, builder.clone(), Arc::clone(&handler), watched.clone(), room);
    tokio::select! {
        () = accept(&listener, &connections, serve) => {}
        _ = phase.changed() => {}
    }
}
