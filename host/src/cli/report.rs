//! `report`: writes the report of a finished run again, from its run directory alone.

use super::args::{Common, ReportCommand};
use super::progress::{Progress, say};
use super::run::{level, tell_policy, violates_policy};
use super::{Exit, Failure, Outcome, plugin_settings, signing_key};
use crate::directory::RunDirectory;
use crate::run::rebuild;

pub(super) fn report(command: &ReportCommand, common: &Common) -> Outcome {
    let key = signing_key(command.sign_key.as_deref())?;
    let directory = RunDirectory::find(&command.root, &command.run).map_err(Failure::usage)?;
    super::recover::complete(&directory, !common.quiet, false)?;
    let (record, reported) = rebuild(&directory, &plugin_settings()?, key.as_ref(), &mut Progress::new(level(common)))
        .map_err(Failure::usage)?;
    if !common.quiet {
        say(format_args!("{}  run {}: {}", record.result, record.run_id, reported.report.display()));
    }
    let fail_on = command.fail_on.unwrap_or(record.fail_on);
    tell_policy(&reported, fail_on);
    Ok(if violates_policy(&reported, fail_on) { Exit::Policy } else { Exit::Success })
}
