//! The OTLP side of one run: a small runtime of its own, with the receiver and the forwarder on it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::forward::{Destination, Forwarded, Forwarder};
use super::receive::{Allowance, Receiver, ReceiverCounts, ReceiverLimits};
use crate::telemetry::RunTelemetry;

/// Threads that talk to sockets.
const WORKERS: usize = 1;
/// Threads that decode what stages send, and write it to the journal.
const DECODERS: usize = 2;
/// How long a thread without work is kept.
const KEEP: Duration = Duration::from_secs(2);

/// What a run wants of OTLP.
#[derive(Debug)]
pub struct OtlpSettings {
    /// Serve stages.
    pub receive: bool,
    /// What one attempt may send.
    pub allowance: Allowance,
    /// Send on to here.
    pub forward: Option<Destination>,
}

/// The OTLP side of one run.
#[derive(Debug)]
pub struct OtlpServices {
    runtime: Runtime,
    receiver: Option<Receiver>,
    allowance: Allowance,
    forwarder: Option<Forwarder>,
}

impl OtlpServices {
    /// Starts what is wanted; `None` if that is nothing. `resource` is what the host says of itself.
    ///
    /// # Errors
    /// No threads, no port on the loopback interface, or the journal can't be read.
    pub fn start(
        settings: OtlpSettings,
        telemetry: &RunTelemetry,
        resource: Vec<(String, String)>,
    ) -> io::Result<Option<Self>> {
        let OtlpSettings { receive, allowance, forward } = settings;
        if !receive && forward.is_none() {
            return Ok(None);
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .max_blocking_threads(DECODERS)
            .thread_keep_alive(KEEP)
            .thread_name("otlp")
            .enable_all()
            .build()?;
        let exporter = telemetry.exporter();
        let receiver = receive
            .then(|| Receiver::start(runtime.handle(), ReceiverLimits::default(), Arc::new(exporter.clone())))
            .transpose()?;
        let loops = |destination: &Destination| {
            receiver.as_ref().is_some_and(|receiver| destination.is_loopback_port(receiver.port()))
        };
        let forwarder = match forward.filter(|destination| !loops(destination)) {
            Some(destination) => {
                let forwarder = Forwarder::start(runtime.handle(), destination, exporter.reader()?, resource);
                let waker = forwarder.waker();
                exporter.wake_with(move || waker.wake());
                Some(forwarder)
            }
            None => None,
        };
        Ok(Some(Self { runtime, receiver, allowance, forwarder }))
    }

    /// The receiver and what an attempt may send it.
    pub fn receiver(&self) -> Option<(&Receiver, Allowance)> {
        Some((self.receiver.as_ref()?, self.allowance))
    }

    /// Takes what is under way, at most `within`, and closes the port.
    pub fn stop_receiving(&mut self, within: Duration) -> Option<ReceiverCounts> {
        Some(self.receiver.take()?.shutdown(within))
    }

    /// Sends what is left to the user's endpoint, at most `within`. Everything is in the journal now.
    pub fn finish(self, within: Duration) -> Option<Forwarded> {
        let forwarded = self.forwarder.map(|forwarder| forwarder.finish(within));
        // Nothing that still runs there is worth waiting for.
        self.runtime.shutdown_background();
        forwarded
    }
}
