//! For authors of plugins: the folder that `plugin new` makes, the component that `plugin build` makes of it, whether that
//! runs here and what could be better, and how it renders recorded runs.
//!
//! | module | job |
//! |---|---|
//! | `manifest` | reads `plugin.toml` |
//! | `name` | what a plugin may be called, and what is called after it |
//! | `template` | writes the folder of a new plugin |
//! | `build` | runs a language's own tools and makes the component |
//! | `project` | finds the component that a person names by file or folder |
//! | `world` | which of the worlds a component fits |
//! | `check` | what is good, wrong or better done otherwise, in remarks |
//! | `advice` | the remarks that need no sandbox |
//! | `recorded` | renders a recorded run in the sandbox |
//! | `golden` | compares with what was rendered before |
//!
//! Nothing here prints; the commands in `cli/plugin` do.

mod advice;
mod build;
mod check;
mod golden;
mod manifest;
mod name;
mod project;
mod recorded;
mod template;
#[cfg(test)]
mod template_tests;
#[cfg(test)]
mod tests;
mod world;

pub use advice::has_function_names;
pub use build::{BuildError, Built, build, missing_tools};
pub use check::{Checked, Grade, Remark, check};
pub use golden::{Comparison, Golden};
pub use manifest::{Grants, Language, MANIFEST, Manifest};
pub use name::{NameError, PluginName};
pub use project::{Project, ProjectError};
pub use recorded::{RecordedError, Rendering, recorded_runs, render};
pub use template::{TemplateError, create};
pub use world::World;
