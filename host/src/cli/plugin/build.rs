//! `plugin build`: a plugin's component, by its language's own tools.

use super::super::args::BuildCommand;
use super::super::progress::say;
use super::super::{Exit, Failure, Outcome};
use crate::authoring::{BuildError, build as build_plugin};

pub(in crate::cli) fn build(command: &BuildCommand) -> Outcome {
    let folder = command.folder.display().to_string();
    if folder != "." {
        say(format_args!("in {folder}:"));
    }
    let built =
        build_plugin(&command.folder, &mut |command| say(format_args!("$ {command}"))).map_err(
            |error| match error {
                BuildError::Project(error) => super::refuse(error),
                other => Failure::usage(other),
            },
        )?;
    let size = match built.size {
        bytes if bytes >= 1 << 20 => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
        bytes => format!("{:.1} KiB", bytes as f64 / 1024.0),
    };
    say(format_args!("built {}: {size} in {:.1} s", built.component.display(), built.time.as_secs_f64()));
    match built.refused {
        Some(why) => Err(Failure::usage(anyhow::anyhow!("it was built, but this host does not run it: {why}"))),
        None => Ok(Exit::Success),
    }
}
