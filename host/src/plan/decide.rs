//! What becomes of each stage, and why: run, reuse, leave. May live here: the rules. Outputs are looked at, not read: who restores
//! them verifies them ([`super::restore()`]).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::index::CacheIndex;
use super::keys::Keys;
use super::manifest::{BadManifest, Manifest, Output, OutputPlace};
use super::outputs;
use super::parts;
use super::past::PastRun;
use super::select::{self, Force, Selection, SelectionError};
use super::{Action, RunPlan};
use crate::pipeline::{Pipeline, Stage};

/// Where earlier results are looked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources<'a> {
    /// `--resume`: for every stage.
    pub resume: Option<&'a PastRun>,
    /// For stages with `cache = true`.
    pub cache: Option<&'a CacheIndex>,
    /// The newest run of the pipeline, if any: for stages with `cache = true`, and to say what differs.
    pub latest: Option<&'a PastRun>,
}

/// What becomes of a stage.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What is done.
    pub action: Action,
    /// Why, the rest of a sentence about the stage; only where reuse was asked for, or the stage is left out.
    pub reason: Option<String>,
    /// Its content key, 64 hexadecimal digits.
    pub key: String,
    /// The result to be reused.
    pub(super) found: Option<Arc<Found>>,
}

/// A result of an earlier run.
#[derive(Debug)]
pub(super) struct Found {
    /// The run directory that has its outputs.
    pub(super) directory: PathBuf,
    /// The id of that run.
    pub(super) run_id: String,
    pub(super) manifest: Manifest,
}

impl Decision {
    /// Makes a stage run that was to be reused.
    pub(super) fn run(&mut self, reason: String) {
        self.action = Action::Run;
        self.reason = Some(reason);
        self.found = None;
    }
}

/// Decides for every stage, in declaration order. Every stage that could have been reused gets a reason. What is reused is
/// closed under needs: a stage is reused only if all that it needs is.
///
/// # Errors
/// [`SelectionError`]: a pattern means no stage.
pub fn decide(
    pipeline: &Pipeline,
    keys: &Keys,
    selection: &Selection,
    sources: Sources<'_>,
) -> Result<Vec<Decision>, SelectionError> {
    let order = pipeline.execution_order();
    let only = match selection.only.as_slice() {
        [] => vec![true; pipeline.stages.len()],
        only => select::with_needs(pipeline, &order, select::resolve(pipeline, "--only", only)?),
    };
    let from = select::resolve(pipeline, "--from", &selection.from)?;
    let forced = match &selection.force {
        Force::No => vec![false; pipeline.stages.len()],
        Force::All => vec![true; pipeline.stages.len()],
        Force::Patterns(patterns) => select::resolve(pipeline, "--force", patterns)?,
    };
    let mut search = Search { pipeline, sources, opened: None };
    let mut decisions: Vec<Decision> = keys
        .stages
        .iter()
        .map(|key| Decision { action: Action::Run, reason: None, key: key.key.text(), found: None })
        .collect();
    for index in order {
        let stage = &pipeline.stages[index];
        let verdict = if !only[index] {
            decisions[index].action = Action::Leave;
            Some(Err("is not selected by `--only`, nor needed by what is".to_owned()))
        } else if sources.resume.is_none() && !(stage.cache && (sources.cache.is_some() || sources.latest.is_some())) {
            None
        } else if forced[index] {
            Some(Err("was forced to run by `--force`".to_owned()))
        } else if from[index] {
            Some(Err("runs again because of `--from`".to_owned()))
        } else if stage.outputs.is_none() {
            Some(Err("declares no outputs: add `outputs = […]` to have it reused".to_owned()))
        } else if let Some(need) = stage.needs.iter().find(|&&need| decisions[need].found.is_none()) {
            Some(Err(format!("need {} runs again", pipeline.stages[*need].id)))
        } else if let Some(blind) = &keys.stages[index].blind {
            Some(Err(blind.clone()))
        } else {
            Some(search.find(stage, &decisions[index].key, keys, index))
        };
        let decision = &mut decisions[index];
        match verdict {
            None => {}
            Some(Err(reason)) => decision.reason = Some(reason),
            Some(Ok((found, reason))) => {
                decision.action =
                    Action::Reuse { run_id: found.manifest.run_id.clone(), saved_ns: found.manifest.duration_ns };
                decision.reason = Some(reason);
                decision.found = Some(Arc::new(found));
            }
        }
    }
    Ok(decisions)
}

/// Writes decisions into a plan, whose stages are those of the same pipeline.
pub fn fill(plan: &mut RunPlan, decisions: &[Decision], resumed: Option<&PastRun>) {
    plan.resumed_from = resumed.map(|run| run.id().to_owned());
    for (stage, decision) in plan.stages.iter_mut().zip(decisions) {
        stage.action = decision.action.clone();
        stage.reason.clone_from(&decision.reason);
        stage.key = Some(decision.key.clone());
    }
}

struct Search<'a> {
    pipeline: &'a Pipeline,
    sources: Sources<'a>,
    /// The last directory that an entry of the cache named: the next one often names the same.
    opened: Option<(PathBuf, Dir)>,
}

/// A result and why it is reused, or why there is none.
type Verdict = Result<(Found, String), String>;

impl Search<'_> {
    fn find(&mut self, stage: &Stage, key: &str, keys: &Keys, index: usize) -> Verdict {
        let resumed = self.sources.resume.map(|run| self.in_run(run, stage, key, keys, index));
        if !stage.cache {
            return resumed.unwrap_or_else(|| Err("no run is resumed".to_owned()));
        }
        let reason = match resumed {
            Some(Ok(found)) => return Ok(found),
            Some(Err(reason)) => Some(reason),
            None => None,
        };
        match self.in_cache(stage, key, keys, index) {
            Some(Ok(found)) => return Ok(found),
            // It is the same result, damaged: it was told of above, if at all.
            Some(Err(damaged)) if reason.is_none() => return Err(damaged),
            _ => {}
        }
        let same = |run: &PastRun| self.sources.resume.is_some_and(|resumed| resumed.id() == run.id());
        let latest = self.sources.latest.filter(|run| !same(run)).map(|run| self.in_run(run, stage, key, keys, index));
        match (latest, reason) {
            (Some(Ok(found)), _) => Ok(found),
            (_, Some(reason)) | (Some(Err(reason)), None) => Err(reason),
            (None, None) => Err("no earlier run has a result for its key".to_owned()),
        }
    }

    fn in_run(&self, run: &PastRun, stage: &Stage, key: &str, keys: &Keys, index: usize) -> Verdict {
        let id = run.id();
        let manifest = match Manifest::read(run.directory().dir(), stage.id.as_str()) {
            Ok(Some(manifest)) if manifest.pipeline == self.pipeline.name => manifest,
            Ok(_) => return Err(run.why_none(stage.id.as_str())),
            Err(error) => return Err(damaged(id, &error)),
        };
        if manifest.key != key {
            let what = parts::difference(&manifest.parts, &keys.stages[index].parts);
            let what = what.unwrap_or_else(|| "what its key is made of changed".to_owned());
            return Err(format!("{what} since run {id}"));
        }
        let found = Found { directory: run.directory().path().to_owned(), run_id: id.to_owned(), manifest };
        look_at(&found, run.directory().dir(), &stage.workdir)?;
        Ok((found, format!("nothing that it depends on changed since run {id}")))
    }

    /// `None` where the cache has nothing to say.
    fn in_cache(&mut self, stage: &Stage, key: &str, keys: &Keys, index: usize) -> Option<Verdict> {
        let cache = self.sources.cache?;
        let entry = cache.look_up(keys.key(index)?)?;
        // Another stage with the same key may read its own name, and so leave something else.
        if entry.stage != stage.id.as_str() {
            return None;
        }
        let directory = cache.run(&entry);
        if self.opened.as_ref().is_none_or(|(opened, _)| *opened != directory) {
            // Pruned, most likely.
            let dir = Dir::open_ambient_dir(&directory, ambient_authority()).ok()?;
            self.opened = Some((directory.clone(), dir));
        }
        let (_, dir) = self.opened.as_ref()?;
        let manifest = match Manifest::read(dir, stage.id.as_str()) {
            Ok(manifest) => manifest?,
            Err(error) => return Some(Err(damaged(&entry.run_id, &error))),
        };
        if manifest.key != key || manifest.pipeline != self.pipeline.name {
            return None;
        }
        let run_id = entry.run_id;
        let reason = format!("the cache has its result, from run {run_id}");
        let found = Found { directory, run_id, manifest };
        Some(look_at(&found, dir, &stage.workdir).map(|()| (found, reason)))
    }
}

fn damaged(run: &str, error: &BadManifest) -> String {
    format!("its manifest in run {run} can't be used: {error}")
}

/// Whether its outputs seem to be there.
fn look_at(found: &Found, run: &Dir, workdir: &Path) -> Result<(), String> {
    let in_workdir = if found.manifest.outputs.iter().any(|output| output.place == OutputPlace::Workdir) {
        Some(outputs::open(workdir).map_err(|error| format!("its working folder {}", outputs::problem(&error)))?)
    } else {
        None
    };
    for output in &found.manifest.outputs {
        let dir = match output.place {
            OutputPlace::Run => run,
            OutputPlace::Workdir => in_workdir.as_ref().unwrap_or(run),
        };
        if let Some(problem) = outputs::glance(dir, output) {
            return Err(about(output, &found.run_id, &problem));
        }
    }
    Ok(())
}

/// A sentence on an output with something wrong.
pub(super) fn about(output: &Output, run: &str, problem: &str) -> String {
    format!("output {} of run {run} {problem}", output.path)
}
