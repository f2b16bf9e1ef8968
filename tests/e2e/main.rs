//! End-to-end tests: the real binary, real processes, real components, files as a user finds them.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod authoring;
mod browser;
mod cancel;
mod ci;
mod dag;
mod disk;
mod environment;
mod example;
mod export;
mod flow;
mod flow_reports;
mod forward;
mod graph;
mod init;
mod library;
mod otlp;
mod ray;
mod recover;
#[path = "../../host/src/registry/tests/real_registry.rs"]
#[expect(dead_code, reason = "shared with the library's own tests")]
mod registry_server;
mod reports;
mod robust;
mod runs;
mod sandbox;
mod secrets;
mod serve;
mod shells;
mod summarize;
mod support;
mod terminal;
mod together;
mod tools;
mod trace_file;
mod trust;
mod validate;
mod verify;
mod versions;
mod wit_reference;
mod worker;
