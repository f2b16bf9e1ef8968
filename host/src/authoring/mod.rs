//! For authors of plugins: what stands in `plugin.toml`, whether a component runs here and what could be better, and how it
//! renders recorded runs.
//!
//! | module | job |
//! |---|---|
//! | `manifest` | reads `plugin.toml` |
//! | `project` | finds the component that a person names by file or folder |
//! | `world` | which of the worlds a component fits |
//! | `check` | what is good, wrong or better done otherwise, in remarks |
//! | `advice` | the remarks that need no sandbox |
//! | `recorded` | renders a recorded run in the sandbox |
//! | `golden` | compares with what was rendered before |
//!
//! Nothing here prints; the commands in `cli/plugin` do.

mod advice;
mod check;
mod golden;
mod manifest;
mod project;
mod recorded;
#[cfg(test)]
mod tests;
mod world;

pub use advice::has_function_names;
pub use check::{Checked, Grade, Remark, check};
pub use golden::{Comparison, Golden};
pub use manifest::{Grants, Language, MANIFEST, Manifest};
pub use project::{Project, ProjectError};
pub use recorded::{RecordedError, Rendering, recorded_runs, render};
pub use world::World;
