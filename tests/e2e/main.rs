//! End-to-end tests: the real binary, real processes, real components, files as a user finds them.

mod cancel;
mod dag;
mod example;
mod library;
mod reports;
mod sandbox;
mod summarize;
mod support;
mod trace_file;
mod validate;
