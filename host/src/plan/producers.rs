//! Which stages write which files of their working folders: what a stage gets from what it needs is covered by their keys, and
//! what it writes itself is no input.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use globset::GlobMatcher;

use super::globs;
use super::paths::{clean, relative};
use crate::pipeline::{OutputGlob, Pipeline};

/// Declared outputs in working folders.
#[derive(Default)]
pub(super) struct Producers {
    /// By the folder, or the file, that the glob begins with: stages, and the rest of the glob.
    by_base: HashMap<PathBuf, Vec<(usize, String)>>,
    /// The folders of those, up to the root; made when first needed.
    above: OnceLock<HashSet<PathBuf>>,
    /// Compiled when first needed: most never are.
    matchers: Mutex<HashMap<String, Option<Arc<GlobMatcher>>>>,
}

impl Producers {
    pub(super) fn of(pipeline: &Pipeline) -> Self {
        let mut by_base: HashMap<PathBuf, Vec<(usize, String)>> = HashMap::new();
        for (index, stage) in pipeline.stages.iter().enumerate() {
            for output in stage.outputs.iter().flatten() {
                if let OutputGlob::Workdir(glob) = output {
                    let (prefix, rest) = globs::split(glob);
                    by_base.entry(clean(&stage.workdir.join(prefix))).or_default().push((index, rest.to_owned()));
                }
            }
        }
        Self { by_base, ..Self::default() }
    }

    /// Whether stage `index`, or one that it needs, however far back, writes this file.
    pub(super) fn covers(&self, pipeline: &Pipeline, index: usize, file: &Path) -> bool {
        if self.by_base.is_empty() {
            return false;
        }
        let writers: HashSet<usize> = file
            .ancestors()
            .filter_map(|base| Some((base, self.by_base.get(base)?)))
            .flat_map(|(base, globs)| {
                let below = relative(base, file);
                globs.iter().filter(move |(_, rest)| self.matches(rest, &below)).map(|(stage, _)| *stage)
            })
            .collect();
        !writers.is_empty() && (writers.contains(&index) || needs_any(pipeline, index, &writers))
    }

    /// Whether any stage may write what a glob that begins with this path names.
    pub(super) fn may_write(&self, base: &Path) -> bool {
        let above = || self.by_base.keys().flat_map(|base| base.ancestors()).map(Path::to_owned).collect();
        !self.by_base.is_empty()
            && (self.above.get_or_init(above).contains(base)
                || base.ancestors().any(|above| self.by_base.contains_key(above)))
    }

    fn matches(&self, rest: &str, below: &str) -> bool {
        // A file by its name, or everything in a folder.
        if rest.is_empty() {
            return true;
        }
        let mut matchers = self.matchers.lock().unwrap_or_else(PoisonError::into_inner);
        if !matchers.contains_key(rest) {
            matchers.insert(rest.to_owned(), globs::matcher(rest).ok().map(Arc::new));
        }
        matchers.get(rest).is_some_and(|matcher| matcher.as_ref().is_some_and(|matcher| matcher.is_match(below)))
    }
}

fn needs_any(pipeline: &Pipeline, index: usize, wanted: &HashSet<usize>) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![index];
    while let Some(stage) = open.pop() {
        for &need in &pipeline.stages[stage].needs {
            if wanted.contains(&need) {
                return true;
            }
            if seen.insert(need) {
                open.push(need);
            }
        }
    }
    false
}
