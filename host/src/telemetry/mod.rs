//! Telemetry: what turns a run into spans, and spans into a file that survives it.
//!
//! [`RunTelemetry`] is one run's provider, with its own [`ForensicSpanExporter`]: nothing global is touched, so
//! runs in one process never see each other's spans, and no `OTEL_*` variable can switch the record off.
//! A span is serialised and appended to the run's journal in the thread that ends it: there is no queue that
//! could drop it. `forensic_trace.json` is streamed from the journal; of a run that was killed, [`Interrupted`]
//! completes it.
//!
//! What stages send comes in, and what the user wants elsewhere goes out, through [`otlp`]. The [`Ledger`] says where every
//! span went.
//!
//! May live here: exporter, journal, the form of a span on disk and its caps, OTLP. Knows nothing of how stages are run, nor of
//! plugins.

mod caps;
mod exporter;
mod glance;
mod index;
mod journal;
mod ledger;
pub mod otlp;
mod plain;
mod provider;
mod received;
mod record;
mod recovery;
mod scrub;
mod syncer;
#[cfg(test)]
mod tests;
mod workers;

pub use exporter::{ForensicSpanExporter, SaveError, Saved};
pub use glance::{Open, goes_on, journal_size, so_far};
pub use ledger::{Ledger, WorkerSpans};
pub use provider::{HostSpan, RunTelemetry};
pub use recovery::{Interrupted, Unfinished};
pub use workers::{WorkerSender, WorkerSpan};
