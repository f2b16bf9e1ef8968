//! `plugin`: for authors of plugins.

mod build;
mod new;

use super::Outcome;
use super::args::PluginCommand;

pub(super) fn plugin(command: &PluginCommand) -> Outcome {
    match command {
        PluginCommand::New(command) => new::new(command),
        PluginCommand::Build(command) => build::build(command),
    }
}
