//! OTLP, in and out: what stages send to the run, and what the run sends on to the user's own collector.
//!
//! May live here: the receiver on loopback, the environment that leads a stage's SDK to it, forwarding. What a received
//! span becomes on disk is the exporter's business.

pub mod environment;
pub mod forward;
pub mod receive;
mod services;

pub use services::{OtlpServices, OtlpSettings};
