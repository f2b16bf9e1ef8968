//! What a stage finds in its environment before the host tells it where it is: what is inherited, what the files of
//! `[environment] dotenv` give, and what `[environment] set` gives.
//!
//! Later wins: inherited, `dotenv` (in the order of the list), `set`, the stage's own `env`, and last what the host
//! tells a stage (`FORENSIC_…`, `TRACEPARENT`, `OTEL_…`), which is not this module's business. No variable of this
//! process is ever changed.
//!
//! May live here: where variables come from. How they are given to a process is `dag`'s.

mod dotenv;
mod standard;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::ops::Bound;
use std::path::PathBuf;

use self::standard::Names;
use crate::pipeline::{Environment, Inherit};

pub use self::dotenv::{MAX_FILE_BYTES, MAX_VARIABLE_BYTES};
pub use self::standard::STANDARD;

/// What every stage of a run finds in its environment.
///
/// Its `Debug` shows names only: values may be secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StageEnvironment {
    /// From `dotenv` and `set`.
    values: BTreeMap<String, String>,
    /// What passes of the host's own.
    inherited: BTreeMap<OsString, OsString>,
    /// What of the host's own does not pass.
    withheld: Vec<String>,
}

/// Why the environment of stages can't be made. No message holds a value.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The file can't be read.
    #[error("[environment] dotenv: can't read {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason and what to do.
        why: String,
    },
    /// A line is no assignment.
    #[error("[environment] dotenv: {}:{line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Its line, from 1; where a value has many lines, the first.
        line: usize,
        /// What is wrong and what to do.
        why: String,
    },
    /// The host was started with a variable that can't be kept from stages.
    #[error(
        "[environment] inherit: the variable {name:?} can't be kept from stages, as its name is not UTF-8; unset it \
         before the run, or set `inherit = \"all\"`"
    )]
    Unnameable {
        /// Its name.
        name: OsString,
    },
}

impl StageEnvironment {
    /// What `environment` makes of `variables`, which are the host's own, such as [`std::env::vars_os`].
    ///
    /// Reads the files of `dotenv`. Where a value there has `${NAME}`, the variable is looked up in this process's own
    /// environment first and then above it in the file.
    ///
    /// # Errors
    /// [`EnvironmentError`]: a file is missing that may not be, or has a line that is no assignment, or a variable can't
    /// be kept from stages.
    pub fn resolve(
        environment: &Environment,
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, EnvironmentError> {
        let mut resolved = Self::default();
        let names = match &environment.inherit {
            Inherit::All => None,
            Inherit::Listed(patterns) => Some(Names::new(patterns)),
        };
        for (name, value) in variables {
            if names.as_ref().is_none_or(|names| names.contains(&name)) {
                resolved.inherited.insert(name, value);
            } else {
                resolved.withheld.push(name.into_string().map_err(|name| EnvironmentError::Unnameable { name })?);
            }
        }
        resolved.withheld.sort_unstable();
        for (path, optional) in &environment.dotenv {
            resolved.values.extend(dotenv::read(path, *optional)?);
        }
        resolved.values.extend(environment.set.clone());
        Ok(resolved)
    }

    /// What `dotenv` and `set` give: by name, ascending. These are part of what a stage's result depends on, and, unlike
    /// what is inherited, the same wherever the pipeline runs.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// Changes to the host's own environment that make it that of every stage, to be followed by the stage's own `env`:
    /// a value to set, or `None` to take the variable away.
    pub fn changes(&self) -> impl Iterator<Item = (Cow<'_, str>, Option<OsString>)> {
        let withheld = self.withheld.iter().map(|name| (Cow::from(name), None));
        withheld.chain(self.values.iter().map(|(name, value)| (Cow::from(name), Some(OsString::from(value)))))
    }

    /// The value that a stage finds which sets none itself.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.values.get(name).map(OsStr::new).or_else(|| self.inherited(name))
    }

    /// Whether a name that begins like this comes from the host's own environment.
    pub(crate) fn inherits_any(&self, prefix: &str) -> bool {
        let from = (Bound::Included(OsStr::new(prefix)), Bound::Unbounded);
        let first = self.inherited.range::<OsStr, _>(from).next();
        first.is_some_and(|(name, _)| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
    }

    /// The value that comes from the host's own environment, if it passes, whatever `dotenv` and `set` give.
    pub fn inherited(&self, name: &str) -> Option<&OsStr> {
        self.inherited.get(OsStr::new(name)).map(OsString::as_os_str)
    }
}

impl fmt::Debug for StageEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageEnvironment")
            .field("values", &self.values.keys())
            .field("inherited", &self.inherited.keys())
            .field("withheld", &self.withheld)
            .finish()
    }
}
