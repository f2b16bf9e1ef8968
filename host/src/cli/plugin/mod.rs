//! `plugin`: for those who write report plugins, and those who look at them before they run them.

mod build;
mod check;
mod inspect;
mod lock;
mod new;
mod precompile;
mod push;
mod test;

use std::path::Path;

use super::args::{Common, PluginCommand};
use super::{Failure, Outcome, plugin_settings};
use crate::authoring::{Manifest, Project, ProjectError};
use crate::config::LoadError;
use crate::plugin::Engine;

pub(super) fn plugin(command: &PluginCommand, common: &Common) -> Outcome {
    match command {
        PluginCommand::New(command) => new::new(command),
        PluginCommand::Build(command) => build::build(command),
        PluginCommand::Check(command) => check::check(command),
        PluginCommand::Inspect(command) => inspect::inspect(command),
        PluginCommand::Test(command) => test::test(command),
        PluginCommand::Precompile(command) => precompile::precompile(command),
        PluginCommand::Lock(command) => lock::lock(command, common),
        PluginCommand::Push(command) => push::run(command, common),
    }
}

/// The component that is named, or all that keeps it from being read.
fn find(named: &Path) -> Result<Project, Failure> {
    Project::find(named).map_err(refuse)
}

/// The manifest of a folder, or all that is wrong with it.
fn manifest(folder: &Path) -> Result<Manifest, Failure> {
    Project::manifest(folder).map_err(refuse)
}

fn refuse(error: ProjectError) -> Failure {
    match error {
        ProjectError::Manifest(LoadError::Invalid(diagnostics)) => {
            drop(std::io::Write::write_all(
                &mut std::io::stderr(),
                diagnostics.render(super::run::colors()).as_bytes(),
            ));
            let count = diagnostics.count();
            let s = if count == 1 { "" } else { "s" };
            Failure::usage(anyhow::anyhow!("{} has {count} mistake{s}", diagnostics.path().display()))
        }
        other => Failure::usage(other),
    }
}

/// An engine with the user's cache.
fn engine() -> Result<Engine, Failure> {
    let settings = plugin_settings()?;
    let engine = settings.engine().map_err(Failure::internal)?;
    if let Some(warning) = engine.warning() {
        super::progress::say(format_args!("warning: {warning}"));
    }
    Ok(engine)
}

/// A stranger's text for a terminal, on one line: no control characters, and none that turn the direction of writing.
fn visible(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
    };
    text.chars().map(|c| if harmful(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The same with its line breaks.
fn visible_lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}
