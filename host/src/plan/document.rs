//! A plan as data: `forensic-host plan --format json`, schema `forensic.plan/1`. May live here: the format. No secret gets in: texts
//! go through the redactor, and parts of keys stay out.

use serde::Serialize;

use super::{Action, RunPlan};
use crate::pipeline::{Capacity, Pipeline};
use crate::redact::Redactor;

/// Name and version of the format.
pub const SCHEMA: &str = "forensic.plan/1";

/// A plan. Durations are ns.
#[derive(Debug, Serialize)]
pub struct PlanDocument<'a> {
    /// `forensic.plan/1`.
    pub schema: &'static str,
    /// Name of the pipeline.
    pub pipeline: String,
    /// Its profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The run whose results are reused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_from: Option<&'a str>,
    /// How long it may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate_ns: Option<u64>,
    /// How many stages run, are reused, are left out.
    pub totals: Totals,
    /// The stages in the order of execution.
    pub stages: Vec<PlannedStage<'a>>,
    /// What the user should know, a sentence each.
    pub warnings: Vec<String>,
}

/// How many stages meet which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// They run.
    pub run: usize,
    /// Their earlier results are reused.
    pub reuse: usize,
    /// They were not asked for.
    pub leave: usize,
    /// How long those that are reused took, together.
    pub saved_ns: u64,
}

/// A stage of a plan.
#[derive(Debug, Serialize)]
pub struct PlannedStage<'a> {
    /// Its id.
    pub id: &'a str,
    /// Ids that it needs, in declared order.
    pub needs: Vec<&'a str>,
    /// `all`, `any`, `always`.
    pub trigger: &'static str,
    /// Whether a condition may still skip it.
    pub conditional: bool,
    /// `run`, `reuse`, `leave`.
    pub action: &'static str,
    /// `local` or `ray`; absent where no stage of the pipeline runs on Ray.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executor: Option<&'static str>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The run that its result comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reused_from: Option<&'a str>,
    /// How long it took there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_ns: Option<u64>,
    /// Its content key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<&'a str>,
    /// How long it takes, from earlier runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_ns: Option<u64>,
    /// Length of the longest path from its start to the end of the run.
    pub rank: u64,
    /// What it takes from pools.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<PlannedResource<'a>>,
    /// What it has in common with others of its matrix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<PlannedMember<'a>>,
    /// The group that it stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<&'a str>,
}

/// What a stage takes from a pool.
#[derive(Debug, Serialize)]
pub struct PlannedResource<'a> {
    /// The pool.
    pub pool: &'a str,
    /// How much of it.
    pub amount: u64,
    /// How much it has; absent where the machine says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
}

/// A member of a matrix.
#[derive(Debug, Serialize)]
pub struct PlannedMember<'a> {
    /// The id with the names of what varies.
    pub of: &'a str,
    /// Name and value of what varies.
    pub values: Vec<(&'a str, String)>,
}

impl Totals {
    /// Counts a plan's stages.
    pub fn of(plan: &RunPlan) -> Self {
        let mut totals = Self::default();
        for stage in &plan.stages {
            match &stage.action {
                Action::Run => totals.run += 1,
                Action::Leave => totals.leave += 1,
                Action::Reuse { saved_ns, .. } => {
                    totals.reuse += 1;
                    totals.saved_ns = totals.saved_ns.saturating_add(*saved_ns);
                }
            }
        }
        totals
    }
}

impl<'a> PlanDocument<'a> {
    /// The plan of a pipeline; `warnings` are those of whoever made the plan.
    pub fn new(pipeline: &'a Pipeline, plan: &'a RunPlan, warnings: &[String], redactor: &Redactor) -> Self {
        let clean = |text: &str| redactor.text(text).text.into_owned();
        let order = pipeline.execution_order().into_iter();
        let with_executor = pipeline.uses_ray();
        let stages = order.filter_map(|index| planned(pipeline, plan, index, with_executor, &clean)).collect();
        Self {
            schema: SCHEMA,
            pipeline: clean(&pipeline.name),
            profile: pipeline.profile.as_deref().map(clean),
            resumed_from: plan.resumed_from.as_deref(),
            estimate_ns: plan.estimate_ns,
            totals: Totals::of(plan),
            stages,
            warnings: warnings.iter().map(|text| clean(text)).collect(),
        }
    }
}

fn planned<'a>(
    pipeline: &'a Pipeline,
    plan: &'a RunPlan,
    index: usize,
    with_executor: bool,
    clean: &dyn Fn(&str) -> String,
) -> Option<PlannedStage<'a>> {
    let (stage, planned) = (pipeline.stages.get(index)?, plan.stages.get(index)?);
    let (action, reused_from, saved_ns) = match &planned.action {
        Action::Run => ("run", None, None),
        Action::Leave => ("leave", None, None),
        Action::Reuse { run_id, saved_ns } => ("reuse", Some(run_id.as_str()), Some(*saved_ns)),
    };
    let resource = |&(pool, amount): &(usize, u64)| {
        let pool = pipeline.pools.get(pool)?;
        let of = match pool.capacity {
            Capacity::Fixed(of) => Some(of),
            Capacity::Cores | Capacity::Memory => None,
        };
        Some(PlannedResource { pool: &pool.name, amount, of })
    };
    Some(PlannedStage {
        id: stage.id.as_str(),
        needs: stage.needs.iter().map(|&need| pipeline.stages[need].id.as_str()).collect(),
        trigger: stage.trigger.as_str(),
        conditional: stage.when.is_some(),
        action,
        executor: with_executor.then(|| pipeline.executor_of(stage).as_str()),
        reason: planned.reason.as_deref().map(clean),
        reused_from,
        saved_ns,
        key: planned.key.as_deref(),
        expected_ns: planned.expected_ns,
        rank: planned.rank,
        resources: stage.resources.iter().filter_map(resource).collect(),
        member: stage.member.as_ref().map(|member| PlannedMember {
            of: &member.of,
            values: member.values.iter().map(|(name, value)| (name.as_str(), clean(value))).collect(),
        }),
        group: stage.group.as_deref(),
    })
}
