//! `recover`: completes the record of a run that was killed.

use super::args::{Common, RecoverCommand};
use super::progress::say;
use super::{Exit, Failure, Outcome};
use crate::directory::RunDirectory;
use crate::run;

pub(super) fn recover(command: &RecoverCommand, common: &Common) -> Outcome {
    let directory = RunDirectory::find(&command.root, &command.run).map_err(Failure::usage)?;
    complete(&directory, !common.quiet, true)?;
    Ok(Exit::Success)
}

/// Completes a run if it needs it, and says what was done. `asked`: say also that there was nothing to do.
pub(super) fn complete(directory: &RunDirectory, tell: bool, asked: bool) -> Result<(), Failure> {
    match run::recover(directory).map_err(Failure::usage)? {
        Some(recovered) if tell => say(format_args!(
            "recovered from the journal: {} spans; {} were running and are closed as interrupted, {} stages never started",
            recovered.spans, recovered.closed, recovered.never_started
        )),
        None if tell && asked => say(format_args!("the record of this run is complete: nothing to recover")),
        _ => {}
    }
    Ok(())
}
