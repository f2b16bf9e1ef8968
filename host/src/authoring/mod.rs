//! For authors of plugins: the folder that `plugin new` makes, and the component that `plugin build` makes of it.
//!
//! | module | job |
//! |---|---|
//! | `manifest`, `project` | read `plugin.toml` |
//! | `name` | what a plugin may be called, and what is called after it |
//! | `template` | writes the folder of a new plugin |
//! | `build` | runs a language's own tools and makes the component |
//!
//! Nothing here prints; the commands in `cli/plugin` do.

mod build;
mod manifest;
mod name;
mod project;
mod template;
#[cfg(test)]
mod tests;

pub use build::{BuildError, Built, build, missing_tools};
pub use manifest::{Language, MANIFEST, Manifest};
pub use name::{NameError, PluginName};
pub use project::{Project, ProjectError};
pub use template::{TemplateError, create};
