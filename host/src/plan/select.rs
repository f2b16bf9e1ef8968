//! Which stages the user means: `--from`, `--only`, `--force`. Patterns are ids, globs over ids (`*` stands for any characters), or
//! `group:NAME`.

use std::collections::HashSet;

use globset::GlobBuilder;

use crate::config::words::{Suggester, clip};
use crate::pipeline::Pipeline;

/// What of a pipeline is to be run, and what of it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// `--from`: these and all that depends on them run again.
    pub from: Vec<String>,
    /// `--only`: these and what they need, and nothing else; empty: everything.
    pub only: Vec<String>,
    /// `--force`: what is not reused.
    pub force: Force,
}

/// `--force`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Force {
    /// Not given.
    #[default]
    No,
    /// Nothing is reused.
    All,
    /// These aren't, and so what needs them.
    Patterns(Vec<String>),
}

/// A pattern that means no stage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SelectionError {
    option: &'static str,
    pattern: String,
    suggestion: Option<String>,
}

impl std::fmt::Display for SelectionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pattern = clip(&self.pattern);
        match self.pattern.strip_prefix(GROUP) {
            Some(group) => write!(f, "`{} {pattern}`: the pipeline has no group `{}`", self.option, clip(group))?,
            None if self.pattern.contains('*') => write!(f, "`{} {pattern}` matches no stage", self.option)?,
            None => write!(f, "`{} {pattern}`: the pipeline has no such stage", self.option)?,
        }
        match &self.suggestion {
            Some(suggestion) => write!(f, "; did you mean `{suggestion}`?"),
            None => f.write_str("; name a stage, a pattern such as `*.features`, or `group:NAME`"),
        }
    }
}

const GROUP: &str = "group:";

/// Whether each stage is meant by one of the patterns.
pub(super) fn resolve(
    pipeline: &Pipeline,
    option: &'static str,
    patterns: &[String],
) -> Result<Vec<bool>, SelectionError> {
    let mut meant = vec![false; pipeline.stages.len()];
    for pattern in patterns {
        let mut any = false;
        let mut mark = |is_meant: &dyn Fn(usize) -> bool| {
            for (_, meant) in meant.iter_mut().enumerate().filter(|(index, _)| is_meant(*index)) {
                *meant = true;
                any = true;
            }
        };
        let id = |index: usize| pipeline.stages[index].id.as_str();
        if let Some(group) = pattern.strip_prefix(GROUP) {
            mark(&|index| pipeline.stages[index].group.as_deref() == Some(group));
        } else if pattern.contains('*') {
            // Everything but the star is itself.
            let glob = globset::escape(pattern).replace("[*]", "*");
            match GlobBuilder::new(&glob).build() {
                Ok(glob) => {
                    let matcher = glob.compile_matcher();
                    mark(&|index| matcher.is_match(id(index)));
                }
                Err(_) => mark(&|_| false),
            }
        } else {
            mark(&|index| id(index) == pattern);
        }
        if !any {
            return Err(SelectionError { option, pattern: pattern.clone(), suggestion: suggest(pipeline, pattern) });
        }
    }
    Ok(meant)
}

fn suggest(pipeline: &Pipeline, pattern: &str) -> Option<String> {
    let mut suggester = Suggester::new();
    if let Some(group) = pattern.strip_prefix(GROUP) {
        let groups: HashSet<&str> = pipeline.stages.iter().filter_map(|stage| stage.group.as_deref()).collect();
        let mut groups: Vec<&str> = groups.into_iter().collect();
        groups.sort_unstable();
        return suggester.nearest(group, groups).map(|name| format!("{GROUP}{name}"));
    }
    let ids = pipeline.stages.iter().map(|stage| stage.id.as_str());
    let nearest = suggester.nearest(pattern, ids).map(str::to_owned);
    // A template's name, a sleeve: the beginning of ids.
    nearest.or_else(|| {
        let prefix = format!("{pattern}.");
        let any = pipeline.stages.iter().any(|stage| stage.id.as_str().starts_with(&prefix));
        any.then(|| format!("{prefix}*"))
    })
}

/// The stages and all that they need.
pub(super) fn with_needs(pipeline: &Pipeline, order: &[usize], mut meant: Vec<bool>) -> Vec<bool> {
    for &index in order.iter().rev() {
        if meant[index] {
            for &need in &pipeline.stages[index].needs {
                meant[need] = true;
            }
        }
    }
    meant
}
