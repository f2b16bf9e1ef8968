//! End-to-end tests: the real binary, real processes, real components, files as a user finds them.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod cancel;
mod dag;
mod example;
mod export;
mod library;
mod recover;
mod reports;
mod sandbox;
mod summarize;
mod support;
mod trace_file;
mod validate;
