//! A host for tests: filled by hand, from a folder, or from the directory of a recorded run. No WebAssembly in sight, so that
//! a plugin is debugged like any other Rust code.
//!
//! - [`MockHost::from_run_dir`] is what the sandbox would show of a recorded run: a document that is made with it equals
//!   the one that the plugin's component makes of that run.
//! - [`MockHost::new`] and the `with_…` functions make what no recorded run has: a missing trace, a file that can't be read.
//! - [`assert_golden!`](crate::assert_golden) compares a document with the one that was found good.
//! - [`MockHost::logged`], [`MockHost::spans_made`] and [`MockHost::calls`] tell what the plugin did.
//!
//! Limits of the sandbox do not hold here: `forensic-host plugin test` has them.

mod artifacts;
mod golden;
mod json;
mod made;
mod mock;
mod recorded;
#[cfg(test)]
mod tests;
mod trace;

pub use golden::check_golden;
pub use json::document_json;
pub use made::{EventMade, SpanMade};
pub use mock::{HostCalls, MockHost};
pub use recorded::RunDirError;
