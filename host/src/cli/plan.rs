//! `plan`: says what a run would do, and does none of it.

use std::path::PathBuf;

use super::args::{Common, Format, PlanCommand};
use super::progress::say;
use super::{Exit, Failure, Outcome, print, validate};
use crate::directory::DEFAULT_ROOT;
use crate::plan::{PlanDocument, render};
use crate::run::{Preview, preview};

pub(super) fn plan(command: &PlanCommand, _common: &Common) -> Outcome {
    let mut pipeline = validate::load(&command.pipeline)?;
    command.executor.apply(&mut pipeline)?;
    let root = command.root.clone().or_else(|| pipeline.root.clone()).unwrap_or_else(|| PathBuf::from(DEFAULT_ROOT));
    let selection = command.selection.selection();
    let resume = command.selection.resume.as_deref();
    let Preview { plan, warnings, redactor } =
        preview(&pipeline, &root, &selection, resume, command.max_parallel).map_err(Failure::usage)?;
    match command.format {
        Format::Text => {
            print(&render(&pipeline, &plan, &warnings, &redactor))?;
        }
        Format::Json => {
            let document = PlanDocument::new(&pipeline, &plan, &warnings, &redactor);
            let text = serde_json::to_string_pretty(&document).map_err(Failure::internal)?;
            print(&(text + "\n"))?;
            for warning in &warnings {
                say(format_args!("warning: {warning}"));
            }
        }
    }
    // The program ends here: of 100,000 stages, giving back each piece would take longer than printing them.
    std::mem::forget((pipeline, plan, warnings, selection));
    Ok(Exit::Success)
}
