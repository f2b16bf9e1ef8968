//! What CI systems are told of a run, in the forms that they read. Pure functions from facts to text: no file is opened here,
//! nothing is printed, no clock is read; `cli` does that.
//!
//! | module | job |
//! |---|---|
//! | [`facts`] | what a run came to, read from its `forensic_report.json` |
//! | [`lines`] | text from anywhere as log lines that no CI system obeys |
//! | [`github`] | GitHub Actions: annotations, groups, step summary, outputs |
//! | [`gitlab`] | GitLab CI: collapsible sections, a dotenv report |
//! | [`junit`] | JUnit XML, for all of them |
//!
//! Secrets are not masked through a CI system's own commands (`::add-mask::`): that would print them into the very stream that
//! must not have them, and everything here was redacted when the report was written.

pub mod facts;
pub mod github;
pub mod gitlab;
pub mod junit;
pub mod lines;
#[cfg(test)]
mod tests;

use std::ffi::OsString;

pub use facts::{Facts, Finding, Importance, Report, Stage, Tail};

/// Where the run takes place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum System {
    /// At somebody's desk.
    #[default]
    None,
    /// In a CI system that has no commands of its own here: plain lines, no colours.
    Plain,
    /// GitHub Actions, and what understands its commands (Forgejo, Gitea).
    Github,
    /// GitLab CI.
    Gitlab,
}

impl System {
    /// From the environment: `GITHUB_ACTIONS=true`, `GITLAB_CI=true`, else `CI` with anything but nothing, `0` or `false`.
    pub fn detect(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let is_true = |name| variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let ci = || {
            variable("CI").is_some_and(|value| {
                !value.is_empty() && !["0", "false"].iter().any(|no| value.eq_ignore_ascii_case(no))
            })
        };
        if is_true("GITHUB_ACTIONS") {
            Self::Github
        } else if is_true("GITLAB_CI") {
            Self::Gitlab
        } else if ci() {
            Self::Plain
        } else {
            Self::None
        }
    }

    /// Whether a CI system reads what is printed.
    pub fn is_ci(self) -> bool {
        self != Self::None
    }
}
