//! What a run is going to do, before it does anything: which stages run, which results are reused, in which order, and how
//! long it may take. Computed from a [`Pipeline`] and from what earlier runs left behind; nothing is started here.
//!
//! The way through: [`compute`] makes the key of every stage from its parts, [`decide()`] compares them with what earlier runs left
//! ([`PastRun`], [`CacheIndex`]), [`fill`] writes that into the plan, [`restore()`] puts what is reused into the new run, and a
//! [`Keeper`] writes a [`Manifest`] for each stage that succeeds, for the next one. [`render`] and [`PlanDocument`] show a plan.

mod contents;
mod decide;
mod document;
mod estimate;
pub(crate) mod globs;
mod index;
mod inputs;
mod keeper;
mod keys;
mod manifest;
mod outputs;
mod parts;
mod past;
mod paths;
mod producers;
mod restore;
mod select;
#[cfg(test)]
mod tests;
mod text;

use crate::pipeline::Pipeline;
pub use decide::{Decision, Sources, decide, fill};
pub use document::{PlanDocument, PlannedMember, PlannedResource, PlannedStage, SCHEMA as PLAN_SCHEMA, Totals};
pub use estimate::{Estimate, estimate, expected, ranks, simulate};
pub use index::{CacheIndex, Entry};
pub use keeper::Keeper;
pub use keys::{KeyContext, Keys, Nested, compute};
pub use manifest::{BadManifest, Manifest, Output, OutputPlace, STAGES, path as manifest_path};
pub use parts::Key;
pub use past::{PastRun, PastRunError};
pub use restore::{Restored, restore};
pub use select::{Force, Selection, SelectionError};
pub use text::render;

/// What a run is going to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunPlan {
    /// For each stage, in declaration order.
    pub stages: Vec<StagePlan>,
    /// The run whose results are reused.
    pub resumed_from: Option<String>,
    /// How long it may take, from earlier runs, ns; `None` where nothing is known.
    pub estimate_ns: Option<u64>,
}

/// What becomes of a stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StagePlan {
    /// What is done.
    pub action: Action,
    /// Why, a sentence; only where reuse was asked for, or the stage is left out.
    pub reason: Option<String>,
    /// Its content key, 64 hexadecimal digits; `None` where nobody needs it.
    pub key: Option<String>,
    /// How long it takes, from earlier runs, ns.
    pub expected_ns: Option<u64>,
    /// Length of the longest path from its start to the end of the run, ns: who has the longest goes first.
    pub rank: u64,
}

/// What is done with a stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// It runs.
    #[default]
    Run,
    /// An earlier result stands in for it; its outputs are where they should be.
    Reuse {
        /// The run that it comes from.
        run_id: String,
        /// How long it took there, ns.
        saved_ns: u64,
    },
    /// It was not asked for.
    Leave,
}

impl RunPlan {
    /// Every stage runs, and nothing is known of earlier runs.
    pub fn run_all(pipeline: &Pipeline) -> Self {
        Self { stages: vec![StagePlan::default(); pipeline.stages.len()], ..Self::default() }
    }
}
