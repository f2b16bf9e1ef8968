//! Whether a stage's `when` holds, and if not, in words.

use crate::directory::RunDirectory;
use crate::pipeline::{Condition, EnvTest, Pipeline, Place};

use super::result::StageResult;

/// What conditions are about.
pub(super) struct Facts<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) directory: &'a RunDirectory,
    /// A variable of the stage's environment.
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
    /// Result of a stage, if it has one yet.
    pub(super) result: &'a dyn Fn(usize) -> Option<StageResult>,
}

impl Facts<'_> {
    /// `None`: it holds. Else what does not, such as `DEPLOY is not "1"`; values of variables are never told.
    pub(super) fn unmet(&self, condition: &Condition) -> Option<String> {
        match condition {
            Condition::All(all) => all.iter().find_map(|one| self.unmet(one)),
            Condition::Any(any) => {
                let unmet: Option<Vec<String>> = any.iter().map(|one| self.unmet(one)).collect();
                unmet
                    .map(|unmet| if unmet.is_empty() { "`any` has no choice".to_owned() } else { unmet.join(", and ") })
            }
            Condition::Not(inner) => self.unmet(inner).is_none().then(|| format!("not wanted: {}", met(self, inner))),
            Condition::Env(name, test) => {
                let value = (self.variable)(name);
                let set = value.as_deref().is_some_and(|value| !value.is_empty());
                match test {
                    EnvTest::Is(wanted) => (value.as_deref() != Some(wanted))
                        .then(|| format!("the variable {name} does not have the value")),
                    EnvTest::Set(true) => (!set).then(|| format!("the variable {name} is not set")),
                    EnvTest::Set(false) => set.then(|| format!("the variable {name} is set")),
                }
            }
            Condition::Profile(profiles) => {
                let profile = self.pipeline.profile.as_deref();
                let holds = profile.is_some_and(|profile| profiles.iter().any(|wanted| wanted == profile));
                (!holds).then(|| format!("the profile is {}", profile.unwrap_or("not set")))
            }
            Condition::Exists(place) => {
                let (there, shown) = match place {
                    Place::Host(path) => (path.exists(), path.display().to_string()),
                    Place::Run(path) => (self.directory.dir().exists(path), format!("run:{path}")),
                };
                (!there).then(|| format!("{shown} is not there"))
            }
            Condition::Result(stage, wanted) => {
                let word = (self.result)(*stage).map(StageResult::word);
                let id = &self.pipeline.stages[*stage].id;
                (word != Some(wanted)).then(|| format!("the result of {id} is {}", word.unwrap_or("not known yet")))
            }
        }
    }
}

/// A condition that holds, in words.
fn met(facts: &Facts<'_>, condition: &Condition) -> String {
    match condition {
        Condition::All(all) => all.iter().map(|one| met(facts, one)).collect::<Vec<_>>().join(", and "),
        Condition::Any(any) => {
            any.iter().find(|one| facts.unmet(one).is_none()).map_or_else(String::new, |one| met(facts, one))
        }
        Condition::Not(inner) => facts.unmet(inner).unwrap_or_default(),
        Condition::Env(name, EnvTest::Is(_)) => format!("the variable {name} has the value"),
        Condition::Env(name, EnvTest::Set(true)) => format!("the variable {name} is set"),
        Condition::Env(name, EnvTest::Set(false)) => format!("the variable {name} is not set"),
        Condition::Profile(_) => format!("the profile is {}", facts.pipeline.profile.as_deref().unwrap_or("not set")),
        Condition::Exists(Place::Host(path)) => format!("{} is there", path.display()),
        Condition::Exists(Place::Run(path)) => format!("run:{path} is there"),
        Condition::Result(stage, word) => format!("the result of {} is {word}", facts.pipeline.stages[*stage].id),
    }
}
