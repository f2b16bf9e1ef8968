//! Many runs: what lies below a root folder, read with little effort and never trusted. A folder that is no run, a record that
//! is damaged or of another version, a run that goes on: each is told as what it is, and none is in the way of the others.
//!
//! | module | job |
//! |---|---|
//! | `folder` | the names below `runs`, newest first |
//! | `history` | earlier runs of one pipeline: typical durations, for the baseline and for estimates |
//! | `entry` | a run as a row of a list: what it is, how far it came |
//! | `show` | one run, as one wants to see it without a browser |
//! | `diff` | what differs between two runs |
//! | `prune` | which runs may go, and their removal |
//!
//! Nothing in here writes to a run, and only `prune` removes any.

mod diff;
mod entry;
mod folder;
mod history;
mod journal;
mod prune;
mod show;
#[cfg(test)]
mod tests;

pub use diff::{Diff, HostChange, Side, StageDiff, StageSide, diff};
pub use entry::{Counts, Entry, State, entries, entry};
pub use history::{History, Query};
pub use prune::{Criteria, Kept, PruneError, Pruned, Removed, Why, prune};
pub use show::{FailedStage, RunningStage, Shown, SlowStage, show};
