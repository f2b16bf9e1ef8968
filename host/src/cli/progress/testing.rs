//! Pipelines and plans for the tests of this module.

use std::fmt::Write as _;

use crate::pipeline::{Member, Pipeline};
use crate::plan::RunPlan;

/// A pipeline of stages with these ids and needs (indexes).
pub(super) fn pipeline(stages: &[(&str, &[usize])]) -> Pipeline {
    let mut text = String::from("[pipeline]\nname = \"p\"\n");
    for (id, needs) in stages {
        let needs: Vec<&str> = needs.iter().map(|&need| stages[need].0).collect();
        writeln!(text, "[stages.\"{id}\"]\nrun = \"true\"\nneeds = {needs:?}").unwrap();
    }
    crate::pipeline::parse(&std::env::temp_dir().join("pipeline.toml"), text, &[]).unwrap()
}

/// A plan that expects the stages to take so many seconds.
pub(super) fn expecting(pipeline: &Pipeline, seconds: &[Option<u64>]) -> RunPlan {
    let mut plan = RunPlan::run_all(pipeline);
    for (stage, seconds) in plan.stages.iter_mut().zip(seconds) {
        stage.expected_ns = seconds.map(|seconds| seconds * 1_000_000_000);
    }
    plan
}

/// Makes these stages members of one matrix.
pub(super) fn members(pipeline: &mut Pipeline, stages: std::ops::Range<usize>, of: &str) {
    for stage in &mut pipeline.stages[stages] {
        stage.member = Some(Member { of: of.to_owned(), values: Vec::new() });
    }
}
