//! Writes a manifest for each stage that succeeds, beside the run: whoever schedules is never kept waiting. May live here: when a
//! manifest is written, and when not.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use cap_std::fs::Dir;

use super::index::CacheIndex;
use super::inputs::Inputs;
use super::keys::{Keys, StageKey};
use super::manifest::{Manifest, folder};
use super::outputs;
use super::parts;
use crate::clock::UnixNanos;
use crate::directory::RunDirectory;
use crate::pipeline::Pipeline;

/// Warnings that are told one by one.
const MAX_WARNINGS: usize = 20;

/// Writes manifests while a run goes on.
#[derive(Debug)]
pub struct Keeper {
    jobs: Option<Sender<Job>>,
    worker: Option<JoinHandle<Vec<String>>>,
}

#[derive(Debug)]
struct Job {
    stage: usize,
    duration_ns: u64,
    attempts: u32,
    end_time: UnixNanos,
    /// When it was told: what is looked at later is as the stage left it.
    told: Instant,
}

impl Keeper {
    /// Starts the keeper of a run. `keys` are those that the run was planned with. Costs nothing where no stage declares outputs.
    ///
    /// # Errors
    /// The folder of manifests can't be made, or the thread can't be started.
    pub fn start(
        pipeline: &Pipeline,
        keys: Keys,
        directory: &RunDirectory,
        root: &Path,
        run_id: &str,
    ) -> io::Result<Self> {
        if pipeline.stages.iter().all(|stage| stage.outputs.is_none()) {
            return Ok(Self { jobs: None, worker: None });
        }
        let worker = Worker {
            stages: folder(directory.dir())?,
            run: directory.dir().try_clone()?,
            pipeline: Arc::new(pipeline.clone()),
            keys: keys.stages,
            inputs: keys.inputs,
            root: root.to_owned(),
            index: None,
            run_id: run_id.to_owned(),
            warnings: Vec::new(),
            more_warnings: 0,
        };
        let (jobs, queue) = channel();
        let worker = thread::Builder::new().name("keeper".to_owned()).spawn(move || worker.work(&queue))?;
        Ok(Self { jobs: Some(jobs), worker: Some(worker) })
    }

    /// Tells that a stage has run and succeeded; `duration_ns` from its first attempt's start to its end. Returns at once. Not
    /// for results that were reused: [`super::restore()`] has kept those.
    pub fn succeeded(&self, stage: usize, duration_ns: u64, attempts: u32, end_time: UnixNanos) {
        if let Some(jobs) = &self.jobs {
            // Only a worker that panicked hears nothing; `finish` tells.
            let _ = jobs.send(Job { stage, duration_ns, attempts, end_time, told: Instant::now() });
        }
    }

    /// Waits until every manifest is written; what the user should know, a sentence each.
    pub fn finish(mut self) -> Vec<String> {
        drop(self.jobs.take());
        match self.worker.take().map(JoinHandle::join) {
            None => Vec::new(),
            Some(Ok(warnings)) => warnings,
            Some(Err(_)) => vec!["the thread that keeps results has panicked: some can't be reused later".to_owned()],
        }
    }
}

struct Worker {
    pipeline: Arc<Pipeline>,
    keys: Vec<StageKey>,
    inputs: Inputs,
    run: Dir,
    stages: Dir,
    root: PathBuf,
    /// Opened when first needed.
    index: Option<CacheIndex>,
    run_id: String,
    warnings: Vec<String>,
    more_warnings: usize,
}

impl Worker {
    fn work(mut self, queue: &Receiver<Job>) -> Vec<String> {
        while let Ok(job) = queue.recv() {
            if let Err(why) = self.keep(&job) {
                let Some(stage) = self.pipeline.stages.get(job.stage) else { continue };
                if self.warnings.len() < MAX_WARNINGS {
                    self.warnings.push(format!("the result of {} can't be reused later: {why}", stage.id));
                } else {
                    self.more_warnings += 1;
                }
            }
        }
        if self.more_warnings > 0 {
            self.warnings.push(format!("… and {} more results can't be reused later", self.more_warnings));
        }
        self.warnings
    }

    fn keep(&mut self, job: &Job) -> Result<(), String> {
        let pipeline = Arc::clone(&self.pipeline);
        let (Some(stage), Some(key)) = (pipeline.stages.get(job.stage), self.keys.get(job.stage)) else {
            return Ok(());
        };
        let Some(globs) = &stage.outputs else { return Ok(()) };
        if let Some(blind) = &key.blind {
            return Err(blind.clone());
        }
        let outputs = outputs::take(&self.run, &stage.workdir, &self.inputs.summaries, globs)?;
        let parts: BTreeMap<String, String> =
            key.parts.iter().map(|(label, value)| (label.as_ref().to_owned(), value.as_ref().to_owned())).collect();
        let (now, _) = self.inputs.of(&pipeline, job.stage, job.told)?;
        let inputs = |label: &str| label.starts_with(parts::INPUT);
        let planned = parts.iter().filter(|(label, _)| inputs(label));
        let planned = planned.map(|(label, value)| (label.clone(), value.clone())).collect();
        if let Some(difference) = parts::difference(&planned, &now) {
            return Err(format!("{difference} while the run went on"));
        }
        let manifest = Manifest {
            outputs,
            duration_ns: job.duration_ns,
            attempts: job.attempts.max(1),
            end_time: job.end_time,
            ..Manifest::new(&pipeline.name, &self.run_id, stage.id.as_str(), parts)
        };
        manifest.write(&self.stages).map_err(|error| format!("its manifest can't be written: {error}"))?;
        if stage.cache {
            let index = match self.index.take() {
                Some(index) => Ok(index),
                None => CacheIndex::create(&self.root),
            };
            index
                .and_then(|index| self.index.insert(index).note(&manifest.key, &self.run_id, stage.id.as_str()))
                .map_err(|error| format!("the cache can't be written, only `--resume` will find it: {error}"))?;
        }
        Ok(())
    }
}
