//! End-to-end tests: the real binary, real processes, real components, files as a user finds them.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod authoring;
mod cancel;
mod dag;
mod disk;
mod example;
mod export;
mod forward;
mod library;
mod otlp;
mod recover;
#[path = "../../host/src/registry/tests/real_registry.rs"]
#[expect(dead_code, reason = "shared with the library's own tests")]
mod registry_server;
mod reports;
mod sandbox;
mod secrets;
mod summarize;
mod support;
mod together;
mod tools;
mod trace_file;
mod trust;
mod validate;
mod verify;
mod versions;
mod wit_reference;
