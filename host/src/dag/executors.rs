//! Both executors behind one: each stage's attempts go where its pipeline wants them.

use std::time::Instant;

use super::bell::Bell;
use super::executor::{AttemptSpec, Executor, Hears, LaunchError, RunningAttempt};
use super::local::LocalExecutor;
use super::ray::{ClusterRecord, RayExecutor};
use crate::pipeline::{ExecutorKind, Pipeline, Stage};

/// This machine, and a cluster where the pipeline uses one.
#[derive(Debug)]
pub struct Executors<'a> {
    pipeline: &'a Pipeline,
    local: LocalExecutor,
    ray: Option<RayExecutor>,
}

impl<'a> Executors<'a> {
    /// `ray`: there has to be one where [`Pipeline::uses_ray`].
    pub fn new(pipeline: &'a Pipeline, local: LocalExecutor, ray: Option<RayExecutor>) -> Self {
        Self { pipeline, local, ray }
    }

    /// What is known of the cluster by now.
    pub fn cluster(&self) -> Option<ClusterRecord> {
        self.ray.as_ref().map(RayExecutor::cluster)
    }
}

impl Executor for Executors<'_> {
    fn name(&self) -> &'static str {
        self.pipeline.executor.kind.as_str()
    }

    fn is_remote(&self, stage: &Stage) -> bool {
        self.ray.is_some() && self.pipeline.executor_of(stage) == ExecutorKind::Ray
    }

    fn listen(&mut self, tell: Box<dyn Fn(String) + Send>) {
        if let Some(ray) = &mut self.ray {
            ray.listen(tell);
        }
    }

    fn launch(&mut self, spec: AttemptSpec<'_>, hears: Hears) -> Result<Box<dyn RunningAttempt>, LaunchError> {
        match (&mut self.ray, &spec.placement) {
            (Some(ray), Some(_)) => ray.launch(spec, hears),
            _ => self.local.launch(spec, hears),
        }
    }

    fn attended(&mut self) {
        self.local.attended();
    }

    fn attend(&mut self, bell: &Bell, until: Option<Instant>) -> bool {
        self.local.attend(bell, until)
    }

    fn finish(&mut self) -> u64 {
        // The bridge first: it is a child of this process, as what stages left behind may be.
        let elsewhere = self.ray.as_mut().map_or(0, Executor::finish);
        elsewhere + self.local.finish()
    }
}
