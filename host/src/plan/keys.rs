//! The content key of every stage: what its result depends on. May live here: which parts a key has. How parts become a key is
//! [`super::parts`]'s, what is in files [`super::contents`]'s.
//!
//! No secret goes in, not even as a digest: a short one could be guessed from it. A variable whose name says that it is secret
//! counts as being there, whatever its value; other texts count as the redactor leaves them. A command in which something is
//! masked can't tell one result from another, so its stage is never reused.
//!
//! Where a stage runs (`executor`, `ray`, `[executor]`) is no part: it changes neither what runs nor what it is given. A result
//! from a cluster is used again here, and the other way round.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::inputs::Inputs;
use super::parts::{self, Key, Part};
use super::paths::{clean, relative};
use crate::pipeline::{Command, OutputGlob, Pipeline, Stage};
use crate::redact::{MARK, Redactor};

/// More needs than this count together, in one part.
const MANY_NEEDS: usize = 1_000;
/// Nested pipelines are followed this deep.
const MAX_NESTED: usize = 8;
/// Warnings that are told one by one.
const MAX_WARNINGS: usize = 20;
/// A value that any redactor takes for a secret where its name says so.
const PROBE: &str = "kT9vQ2mX7pLz4RwB";

/// What keys are computed from.
pub struct KeyContext<'a> {
    /// The stages.
    pub pipeline: &'a Pipeline,
    /// What `[environment]` sets for all stages: `dotenv` and `set`. A stage's own `env` wins.
    pub environment: &'a BTreeMap<String, String>,
    /// The run's redactor.
    pub redactor: &'a Redactor,
    /// The root folder that runs go below: nothing in its `summaries` is an input.
    pub root: &'a Path,
    /// Reads a nested pipeline; the error is a sentence.
    pub nested: &'a dyn Fn(&Path) -> Result<Nested, String>,
}

/// A nested pipeline and what its own `[environment]`, `[secrets]` and `[redaction]` say.
pub struct Nested {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// See [`KeyContext::environment`].
    pub environment: BTreeMap<String, String>,
    /// See [`KeyContext::redactor`].
    pub redactor: Redactor,
}

/// The keys of a pipeline's stages, and what was learnt on the way.
pub struct Keys {
    /// In declaration order.
    pub(super) stages: Vec<StageKey>,
    pub(super) inputs: Inputs,
    /// What the user should know, a sentence each.
    pub warnings: Vec<String>,
}

impl Keys {
    /// The key of a stage, by its place in the pipeline.
    pub fn key(&self, stage: usize) -> Option<Key> {
        self.stages.get(stage).map(|stage| stage.key)
    }

    /// The parts of a stage's key, label and value, ascending.
    pub fn parts(&self, stage: usize) -> impl Iterator<Item = (&str, &str)> {
        self.stages
            .get(stage)
            .into_iter()
            .flat_map(|stage| stage.parts.iter())
            .map(|(label, value)| (&**label, &**value))
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("stages", &self.stages.len())
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// One stage's key.
pub(super) struct StageKey {
    pub(super) key: Key,
    /// Ascending by label.
    pub(super) parts: Vec<Part>,
    /// Why equal keys don't mean equal results, a sentence.
    pub(super) blind: Option<String>,
}

/// Computes the keys of all stages. Files are read, each once; nothing is written.
pub fn compute(context: &KeyContext<'_>) -> Keys {
    compute_at(context, 0)
}

fn compute_at(context: &KeyContext<'_>, depth: usize) -> Keys {
    let pipeline = context.pipeline;
    let inputs = Inputs::new(pipeline, context.root);
    let declared = pipeline.secrets.env.iter().map(String::as_str).collect();
    let mut work = Work {
        context,
        depth,
        declared,
        since: Instant::now(),
        inputs,
        shared: Vec::new(),
        names: HashMap::new(),
        values: HashMap::new(),
        workdirs: HashMap::new(),
        labels: [parts::COMMAND, parts::OUTPUTS, parts::WORKDIR].map(Arc::from),
        warnings: Vec::new(),
        more_warnings: 0,
    };
    work.shared = context.environment.iter().map(|(name, value)| (name.as_str(), work.variable(name, value))).collect();
    let mut stages: Vec<Option<StageKey>> = pipeline.stages.iter().map(|_| None).collect();
    for index in pipeline.execution_order() {
        stages[index] = Some(work.stage(index, &stages));
    }
    let Work { mut inputs, mut warnings, more_warnings, .. } = work;
    inputs.forget_names();
    if more_warnings > 0 {
        warnings.push(format!("… and {more_warnings} more such warnings"));
    }
    // Every index is in the order.
    Keys { stages: stages.into_iter().flatten().collect(), inputs, warnings }
}

struct Work<'a> {
    context: &'a KeyContext<'a>,
    depth: usize,
    declared: HashSet<&'a str>,
    since: Instant,
    inputs: Inputs,
    /// Parts of what is set for all stages.
    shared: Vec<(&'a str, Part)>,
    /// Label of each variable's name, and whether it says that the value is secret.
    names: HashMap<&'a str, (Arc<str>, bool)>,
    /// Value of each variable that was seen.
    values: HashMap<(&'a str, &'a str), Arc<str>>,
    workdirs: HashMap<&'a OsStr, Arc<str>>,
    /// [`parts::COMMAND`], [`parts::OUTPUTS`], [`parts::WORKDIR`].
    labels: [Arc<str>; 3],
    warnings: Vec<String>,
    more_warnings: usize,
}

impl<'a> Work<'a> {
    fn stage(&mut self, index: usize, known: &[Option<StageKey>]) -> StageKey {
        let context = self.context;
        let stage = &context.pipeline.stages[index];
        let mut parts: Vec<Part> = Vec::with_capacity(4 + self.shared.len() + stage.env.len() + stage.needs.len());
        // In the order of labels, as far as possible: then there is little to sort.
        let mut blind = self.command(stage, &mut parts);
        if stage.env.is_empty() {
            parts.extend(self.shared.iter().map(|(_, part)| part.clone()));
        } else {
            let own = |name: &str| stage.env.contains_key(name);
            parts.extend(self.shared.iter().filter(|(name, _)| !own(name)).map(|(_, part)| part.clone()));
            for (name, value) in &stage.env {
                parts.push(self.variable(name, value));
            }
        }
        match self.inputs.of(context.pipeline, index, self.since) {
            Ok((found, unmatched)) => {
                parts.extend(found);
                for glob in unmatched {
                    self.warn(format!("{}: the input `{glob}` names no file", stage.id));
                }
            }
            Err(why) => blind = blind.or(Some(format!("its inputs are not known: {why}"))),
        }
        needs(context.pipeline, stage, known, &mut parts);
        let [_, outputs, workdir] = &self.labels;
        let (outputs, workdir) = (Arc::clone(outputs), Arc::clone(workdir));
        if let Some(globs) = &stage.outputs {
            parts.push((outputs, outputs_text(globs).into()));
        }
        parts.push((workdir, self.workdir(&stage.workdir)));
        parts.sort_by(|(one, _), (two, _)| one.cmp(two));
        let key = parts::key(parts.iter().map(|(label, value)| (&**label, &**value)));
        StageKey { key, parts, blind }
    }

    /// Adds what it runs; says why that is not known, if so.
    fn command(&mut self, stage: &'a Stage, parts: &mut Vec<Part>) -> Option<String> {
        const MASKED: &str = "its command holds what counts as a secret, so that a change of it could not be noticed: pass it in a \
                              variable of `[secrets] env`, or allow it in `[redaction] allow_patterns`";
        let redactor = self.context.redactor;
        match &stage.command {
            Command::Argv(argv) => {
                let (argv, masked) = redactor.args(argv);
                parts.push((Arc::clone(&self.labels[0]), parts::text(&json(&argv)).into()));
                (masked > 0).then(|| MASKED.to_owned())
            }
            Command::Shell(text) => {
                let done = redactor.text(text);
                parts.push((parts::RUN.into(), parts::text(&done.text).into()));
                (done.count > 0).then(|| MASKED.to_owned())
            }
            Command::Pipeline(file) => {
                let path = relative(&self.inputs.dir, &clean(file));
                parts.push((parts::PIPELINE.into(), parts::text(&path).into()));
                // Only who can be reused needs to know; reading it takes time.
                stage.outputs.as_ref()?;
                match self.nested(file) {
                    Ok(stages) => {
                        parts.push((parts::PIPELINE_STAGES.into(), stages.into()));
                        None
                    }
                    Err(why) => Some(why),
                }
            }
        }
    }

    /// The keys of a nested pipeline's stages as one text.
    fn nested(&self, file: &Path) -> Result<String, String> {
        if self.depth == MAX_NESTED {
            return Err(format!("its pipeline is nested more than {MAX_NESTED} deep"));
        }
        let Nested { pipeline, environment, redactor } = (self.context.nested)(file)
            .map_err(|why| format!("its pipeline {} can't be read: {why}", file.display()))?;
        let context = KeyContext {
            pipeline: &pipeline,
            environment: &environment,
            redactor: &redactor,
            root: self.context.root,
            nested: self.context.nested,
        };
        let keys = compute_at(&context, self.depth + 1);
        let blind =
            keys.stages.iter().zip(&pipeline.stages).find_map(|(key, stage)| Some((key.blind.as_ref()?, stage)));
        if let Some((why, stage)) = blind {
            return Err(format!("of stage {} in its pipeline: {why}", stage.id));
        }
        let all: Vec<(&str, String)> = pipeline
            .stages
            .iter()
            .zip(&keys.stages)
            .map(|(stage, key)| (stage.id.as_str(), key.key.to_string()))
            .collect();
        Ok(parts::key(all.iter().map(|(id, key)| (*id, key.as_str()))).to_string())
    }

    fn variable(&mut self, name: &'a str, value: &'a str) -> Part {
        let redactor = self.context.redactor;
        // Asked without its value: whether a value looks like a secret must not change with the value.
        let secret = || self.declared.contains(name) || redactor.secret_by_name(name, PROBE);
        let (label, secret) =
            self.names.entry(name).or_insert_with(|| (format!("{}{name}", parts::ENV).into(), secret())).clone();
        if let Some(text) = self.values.get(&(name, value)) {
            return (label, Arc::clone(text));
        }
        let text = if secret {
            MARK.to_owned()
        } else {
            let done = redactor.value(Some(name), value);
            if done.text == MARK && value != MARK {
                self.warn(format!(
                    "the value of the variable {name} counts as a secret by its looks: results are reused although it \
                     changes; `[redaction] allow_keys = [\"{name}\"]` lets it count"
                ));
            }
            parts::text(&done.text)
        };
        let text: Arc<str> = text.into();
        self.values.insert((name, value), Arc::clone(&text));
        (label, text)
    }

    fn workdir(&mut self, workdir: &'a Path) -> Arc<str> {
        let dir = &self.inputs.dir;
        let text = self
            .workdirs
            .entry(workdir.as_os_str())
            .or_insert_with(|| parts::text(&relative(dir, &clean(workdir))).into());
        Arc::clone(text)
    }

    fn warn(&mut self, text: String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(text);
        } else {
            self.more_warnings += 1;
        }
    }
}

fn needs(pipeline: &Pipeline, stage: &Stage, known: &[Option<StageKey>], parts: &mut Vec<Part>) {
    let keys = stage.needs.iter().map(|&need| {
        // A need stands before who needs it.
        let key = known[need].as_ref().map(|need| need.key.text()).unwrap_or_default();
        (pipeline.stages[need].id.as_str(), key)
    });
    if stage.needs.len() <= MANY_NEEDS {
        parts.extend(keys.map(|(id, key)| (format!("{}{id}", parts::NEED).into(), key.into())));
    } else {
        let mut keys: Vec<_> = keys.collect();
        keys.sort_unstable();
        let all = parts::key(keys.iter().map(|(id, key)| (*id, key.as_str())));
        parts.push((parts::NEEDS.into(), all.to_string().into()));
    }
}

fn outputs_text(outputs: &[OutputGlob]) -> String {
    let globs: Vec<String> = outputs
        .iter()
        .map(|output| match output {
            OutputGlob::Workdir(glob) => glob.clone(),
            OutputGlob::Run(glob) => format!("run:{glob}"),
        })
        .collect();
    parts::text(&json(&globs))
}

/// An array of texts, so that no two look alike.
fn json(texts: &[String]) -> String {
    // Texts can always be written.
    serde_json::to_string(texts).unwrap_or_default()
}
