//! What a run is going to do, worked out from the pipeline and from what earlier runs left behind: used by a run before it
//! starts anything, and by `plan`, which starts nothing.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;

use super::calling::{TraceState, read_trace};
use super::secrets::{SecretError, gather};
use crate::builtins;
use crate::directory::{DATA, RunDirectory, RunId, runs_folder};
use crate::environment::{EnvironmentError, StageEnvironment};
use crate::evidence::HostFacts;
use crate::pipeline::{self, Capacity, Pipeline};
use crate::plan::{
    self, CacheIndex, Decision, Force, KeyContext, Keys, PastRun, PastRunError, Restored, RunPlan, Selection,
    SelectionError, Sources,
};
use crate::redact::{Redactor, RuleError};
use crate::runs::{History, Query};
use crate::telemetry::goes_on;
use crate::trace::Run;

/// What a plan is made from.
#[derive(Debug)]
pub struct PlanOptions<'a> {
    /// Folder that runs go below.
    pub root: &'a Path,
    /// Which stages are wanted.
    pub selection: &'a Selection,
    /// The run whose results are to be reused.
    pub resume: Option<&'a Path>,
    /// Id of the new run, where it is known.
    pub run_id: Option<&'a RunId>,
    /// Attempts that may run at once.
    pub slots: u32,
    /// How much there is of each pool.
    pub pools: &'a [u64],
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A pattern means no stage.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The run can't be resumed.
    #[error("{error}{}", advice(*.implied))]
    Past {
        /// Why not.
        error: PastRunError,
        /// Nobody named it.
        implied: bool,
    },
    /// It has not ended.
    #[error("can't resume run {0}: it is still going on; wait for its end, or stop it")]
    GoesOn(String),
    /// Whether it has ended can't be told.
    #[error("can't resume run {0}: its journal can't be looked at: {1}")]
    Journal(String, io::Error),
}

/// A plan and what it takes to carry it out.
#[derive(Debug)]
pub struct Planned {
    /// What is going to be done.
    pub plan: RunPlan,
    /// What the user should know, a sentence each.
    pub warnings: Vec<String>,
    /// Nothing, where no stage's result can be reused now or later.
    pub(super) reuse: Option<Reuse>,
    history: History,
}

#[derive(Debug)]
pub(super) struct Reuse {
    pub(super) keys: Keys,
    decisions: Vec<Decision>,
    resumed: Option<PastRun>,
}

/// Plans a run. Reads inputs and earlier runs; writes nothing.
///
/// # Errors
/// [`PlanError`].
pub fn plan_run(
    pipeline: &Pipeline,
    options: &PlanOptions<'_>,
    environment: &StageEnvironment,
    redactor: &Redactor,
) -> Result<Planned, PlanError> {
    let selection = options.selection;
    let resume = options.resume.or_else(|| (!selection.from.is_empty()).then_some(Path::new("latest")));
    let resumed = resume.map(|name| find(pipeline, options, name)).transpose()?;
    let mut plan = RunPlan::run_all(pipeline);
    let mut warnings = pipeline.placement_warnings();
    let wanted = resumed.is_some() || !selection.only.is_empty() || selection.force != Force::No;
    let reuse = if wanted || pipeline.stages.iter().any(|stage| stage.outputs.is_some()) {
        let keys = plan::compute(&KeyContext {
            pipeline,
            environment: environment.values(),
            redactor,
            root: options.root,
            nested: &nested,
        });
        warnings.extend(keys.warnings.iter().cloned());
        let cached = pipeline.stages.iter().any(|stage| stage.cache);
        let index = cached.then(|| CacheIndex::open(options.root));
        let latest =
            cached.then(|| PastRun::open(options.root, Path::new("latest"), pipeline, options.run_id).ok()).flatten();
        let sources = Sources { resume: resumed.as_ref(), cache: index.as_ref(), latest: latest.as_ref() };
        let decisions = plan::decide(pipeline, &keys, selection, sources)?;
        plan::fill(&mut plan, &decisions, resumed.as_ref());
        Some(Reuse { keys, decisions, resumed })
    } else {
        None
    };
    let query = Query { pipeline: &pipeline.name, profile: pipeline.profile.as_deref(), before: None, except: None };
    let history = History::read(&runs_folder(options.root), &query);
    plan::estimate(pipeline, &mut plan, &history, options.slots, options.pools);
    Ok(Planned { plan, warnings, reuse, history })
}

impl Planned {
    /// Puts what is reused into the new run. What can't be had runs after all.
    pub(super) fn restore(
        &mut self,
        pipeline: &Pipeline,
        options: &PlanOptions<'_>,
        directory: &RunDirectory,
        run_id: &RunId,
    ) -> Restored {
        let Some(reuse) = &mut self.reuse else { return Restored::default() };
        let restored = plan::restore(pipeline, &mut reuse.decisions, directory, options.root, run_id.as_str());
        plan::fill(&mut self.plan, &reuse.decisions, reuse.resumed.as_ref());
        plan::estimate(pipeline, &mut self.plan, &self.history, options.slots, options.pools);
        restored
    }
}

/// How much there is of each pool of a pipeline on this machine.
pub fn pool_sizes(pipeline: &Pipeline, cores: u32) -> Vec<u64> {
    let sizes = pipeline.pools.iter().map(|pool| match pool.capacity {
        Capacity::Fixed(amount) => amount,
        Capacity::Cores => u64::from(cores),
        Capacity::Memory => {
            let facts = HostFacts::collect();
            facts.memory_bytes.into_iter().chain(facts.memory_limit_bytes).min().unwrap_or(0)
        }
    });
    // What a machine does not tell must not keep a stage from running for ever.
    sizes.map(|size| if size == 0 { u64::MAX } else { size }).collect()
}

fn find(pipeline: &Pipeline, options: &PlanOptions<'_>, name: &Path) -> Result<PastRun, PlanError> {
    let implied = options.resume.is_none();
    let run = PastRun::open(options.root, name, pipeline, options.run_id)
        .map_err(|error| PlanError::Past { error, implied })?;
    let data = run.directory().folder(DATA).map_err(|error| PlanError::Past { error: error.into(), implied })?;
    match goes_on(&data) {
        Ok(Some(true)) => return Err(PlanError::GoesOn(run.id().to_owned())),
        Ok(_) => {}
        Err(error) => return Err(PlanError::Journal(run.id().to_owned(), error)),
    }
    let results = results(run.directory());
    Ok(run.with_results(results))
}

fn advice(implied: bool) -> &'static str {
    if implied { "; `--from` reuses what an earlier run left behind: name one with `--resume RUN`" } else { "" }
}

/// How the stages of a run ended; empty where the run was killed and not completed yet.
fn results(directory: &RunDirectory) -> BTreeMap<String, String> {
    match read_trace(directory) {
        Ok(TraceState::Read(trace)) => {
            Run::of(&trace).stages.into_iter().map(|stage| (stage.id, stage.result)).collect()
        }
        _ => BTreeMap::new(),
    }
}

/// Reads a nested pipeline for the key of its stage.
fn nested(path: &Path) -> Result<plan::Nested, String> {
    let pipeline = pipeline::load(path, &builtins::names()).map_err(|error| error.to_string())?;
    let environment =
        StageEnvironment::resolve(&pipeline.environment, std::env::vars_os()).map_err(|error| error.to_string())?;
    let declared = gather(&pipeline, environment.values(), std::env::vars_os()).map_err(|error| error.to_string())?;
    let redactor = declared.redactor().map_err(|error| error.to_string())?;
    Ok(plan::Nested { pipeline, environment: environment.values().clone(), redactor })
}

/// What `plan` shows.
#[derive(Debug)]
pub struct Preview {
    /// What a run would do.
    pub plan: RunPlan,
    /// What the user should know, a sentence each.
    pub warnings: Vec<String>,
    /// Masks what nobody should see of it.
    pub redactor: Redactor,
}

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// See there.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// See there.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// See there.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The rules for secrets can't be used.
    #[error(transparent)]
    Rule(#[from] RuleError),
}

/// Plans a run as it would be planned now, and starts nothing.
///
/// # Errors
/// [`PreviewError`].
pub fn preview(
    pipeline: &Pipeline,
    root: &Path,
    selection: &Selection,
    resume: Option<&Path>,
    max_parallel: Option<u32>,
) -> Result<Preview, PreviewError> {
    let environment = StageEnvironment::resolve(&pipeline.environment, std::env::vars_os())?;
    let redactor = gather(pipeline, environment.values(), std::env::vars_os())?.redactor()?;
    let cores = cores();
    let slots = max_parallel.or(pipeline.max_parallel).unwrap_or(cores).max(1);
    let pools = pool_sizes(pipeline, cores);
    let options = PlanOptions { root, selection, resume, run_id: None, slots, pools: &pools };
    let Planned { plan, warnings, .. } = plan_run(pipeline, &options, &environment, &redactor)?;
    Ok(Preview { plan, warnings, redactor })
}

/// Logical processors of this machine.
pub(super) fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get) as u32
}
