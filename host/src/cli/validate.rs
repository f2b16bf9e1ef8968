//! `validate`: checks a pipeline and runs nothing.

use std::io::Write as _;

use super::args::{Common, Format, ValidateCommand};
use super::progress::say;
use super::run::colors;
use super::{Exit, Failure, Outcome, print};
use crate::builtins;
use crate::pipeline::{self, Diagnostics, ExecutorKind, LoadError, Pipeline};
use crate::units::count;

pub(super) fn validate(command: &ValidateCommand, common: &Common) -> Outcome {
    match pipeline::load(&command.pipeline, &builtins::names()) {
        Ok(pipeline) => {
            match command.format {
                Format::Json => print("[]\n")?,
                Format::Text if !common.quiet => {
                    say(format_args!(
                        "{}: {} is valid: {}, {}{}",
                        command.pipeline.display(),
                        pipeline.name,
                        count(pipeline.stages.len(), "stage"),
                        count(pipeline.reports.len(), "report stage"),
                        executor(&pipeline),
                    ));
                    for warning in pipeline.placement_warnings() {
                        say(format_args!("warning: {warning}"));
                    }
                }
                Format::Text => {}
            }
            // The program ends here: giving back each piece of 100,000 stages would take time for nothing.
            std::mem::forget(pipeline);
            Ok(Exit::Success)
        }
        Err(LoadError::Invalid(diagnostics)) if command.format == Format::Json => {
            let text = serde_json::to_string_pretty(&diagnostics).map_err(Failure::internal)?;
            print(&(text + "\n"))?;
            Ok(Exit::Usage)
        }
        Err(error) => Err(refuse(error)),
    }
}

/// Where stages run, if not all of them here.
fn executor(pipeline: &Pipeline) -> String {
    let ray = pipeline.stages.iter().filter(|stage| pipeline.executor_of(stage) == ExecutorKind::Ray).count();
    match pipeline.stages.len() - ray {
        _ if ray == 0 => String::new(),
        0 => format!("; on Ray ({})", pipeline.executor.ray.address),
        local => format!("; {ray} on Ray ({}), {local} on this machine", pipeline.executor.ray.address),
    }
}

/// Loads a pipeline, or prints all that is wrong with it.
pub(super) fn load(path: &std::path::Path) -> Result<Pipeline, Failure> {
    pipeline::load(path, &builtins::names()).map_err(refuse)
}

fn refuse(error: LoadError) -> Failure {
    match error {
        LoadError::Invalid(diagnostics) => refuse_file(&diagnostics, "pipeline"),
        other => Failure::usage(other),
    }
}

/// Prints all that is wrong with a file; `what` it is.
pub(super) fn refuse_file(diagnostics: &Diagnostics, what: &str) -> Failure {
    if super::ci::reads_along() {
        super::ci::print_log(&diagnostics.render(false));
    } else {
        drop(write!(std::io::stderr(), "{}", diagnostics.render(colors())));
    }
    let count = diagnostics.count();
    Failure::usage(anyhow::anyhow!(
        "the {what} has {count} mistake{}; nothing was run",
        if count == 1 { "" } else { "s" }
    ))
}
