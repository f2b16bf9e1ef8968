//! Real files in a temporary folder: a pipeline's folder, a root folder, and runs whose stages write what they should.

mod formats;
mod keys;
mod reuse;
mod selection;
mod shown;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::directory::{RunDirectory, RunId};
use crate::pipeline::{OutputGlob, Pipeline, parse};
use crate::redact::{Redactor, Rules};

/// The result of one made-up run.
struct Ran {
    directory: RunDirectory,
    decisions: Vec<Decision>,
    restored: Restored,
    warnings: Vec<String>,
}

impl Ran {
    fn reason(&self, pipeline: &Pipeline, stage: &str) -> String {
        self.decisions[pipeline.stage_index(stage).unwrap()].reason.clone().unwrap_or_default()
    }

    /// Ids of stages that were reused.
    fn reused<'p>(&self, pipeline: &'p Pipeline) -> Vec<&'p str> {
        let stages = pipeline.stages.iter().zip(&self.decisions);
        stages.filter(|(_, d)| matches!(d.action, Action::Reuse { .. })).map(|(stage, _)| stage.id.as_str()).collect()
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.directory.path().join(path)).unwrap()
    }
}

struct World {
    temp: TempDir,
}

impl World {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("work")).unwrap();
        Self { temp }
    }

    fn dir(&self) -> PathBuf {
        self.temp.path().join("work")
    }

    fn root(&self) -> PathBuf {
        self.dir().join("artifacts")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.dir().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A pipeline of `id <- need need`; each stage writes `run:data/<id>.txt`, its command reads `<id>.py`.
    fn pipeline(&self, stages: &[&str]) -> Pipeline {
        let mut text = "[pipeline]\nname = \"demo\"\n".to_owned();
        for stage in stages {
            let (id, needs) = stage.split_once("<-").unwrap_or((stage, ""));
            let needs: Vec<String> = needs.split_whitespace().map(|need| format!("{need:?}")).collect();
            let id = id.trim();
            text.push_str(&format!(
                "[stages.\"{id}\"]\ncommand = [\"python3\", \"{id}.py\"]\nneeds = [{}]\n",
                needs.join(", ")
            ));
        }
        let mut pipeline = parse(&self.dir().join("pipeline.toml"), text, &[]).unwrap();
        for stage in &mut pipeline.stages {
            stage.outputs = Some(vec![OutputGlob::Run(format!("data/{}.txt", stage.id))]);
            let script = self.dir().join(format!("{}.py", stage.id));
            if !script.exists() {
                fs::write(script, format!("script of {}", stage.id)).unwrap();
            }
        }
        pipeline
    }

    fn keys(&self, pipeline: &Pipeline) -> Keys {
        self.keys_with(pipeline, &BTreeMap::new(), &Rules::default())
    }

    fn keys_with(&self, pipeline: &Pipeline, environment: &BTreeMap<String, String>, rules: &Rules) -> Keys {
        compute(&KeyContext {
            pipeline,
            environment,
            redactor: &Redactor::new(rules).unwrap(),
            root: &self.root(),
            nested: &|path| Err(format!("{} is not expected here", path.display())),
        })
    }

    fn past(&self, pipeline: &Pipeline, id: &str) -> PastRun {
        PastRun::open(&self.root(), Path::new(id), pipeline, None).unwrap()
    }

    /// Makes a run: decides, restores, and has the stages that run write their outputs (`<id> of <run>`); `fails` don't.
    fn run(&self, pipeline: &Pipeline, id: &str, resume: Option<&str>, selection: &Selection, fails: &[&str]) -> Ran {
        let keys = self.keys(pipeline);
        let resume = resume.map(|id| self.past(pipeline, id));
        let index = CacheIndex::open(&self.root());
        let sources = Sources { resume: resume.as_ref(), cache: Some(&index), latest: None };
        let mut decisions = decide(pipeline, &keys, selection, sources).unwrap();
        let directory = RunDirectory::create(&self.root(), &RunId::parse(id).unwrap()).unwrap();
        let record = format!(r#"{{"run_id":"{id}","pipeline":{{"name":{:?}}},"files":[1,2]}}"#, pipeline.name);
        fs::write(directory.path().join("run.json"), record).unwrap();
        let restored = restore(pipeline, &mut decisions, &directory, &self.root(), id);
        let keeper = Keeper::start(pipeline, keys, &directory, &self.root(), id).unwrap();
        let mut failed: Vec<usize> = Vec::new();
        for stage in pipeline.execution_order() {
            let name = pipeline.stages[stage].id.as_str();
            if decisions[stage].action != Action::Run
                || pipeline.stages[stage].needs.iter().any(|need| failed.contains(need))
            {
                continue;
            }
            fs::create_dir_all(directory.path().join("logs").join(name)).unwrap();
            if fails.contains(&name) {
                failed.push(stage);
                continue;
            }
            for output in pipeline.stages[stage].outputs.iter().flatten() {
                let path = match output {
                    OutputGlob::Run(path) => directory.path().join(path),
                    OutputGlob::Workdir(path) => pipeline.stages[stage].workdir.join(path),
                };
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, format!("{name} of {id}")).unwrap();
            }
            keeper.succeeded(stage, 1_000 + stage as u64, 2, 77);
        }
        Ran { directory, decisions, restored, warnings: keeper.finish() }
    }
}

fn all() -> Selection {
    Selection::default()
}
