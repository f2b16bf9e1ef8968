//! `report`: writes the report of a finished run again, from its run directory alone, and prints it if it's asked to.

use std::fs;
use std::path::Path;

use super::args::{Common, ReportCommand, ReportFormat};
use super::ci::Ci;
use super::progress::{Progress, say};
use super::run::{level, tell_policy, violates_policy};
use super::{Exit, Failure, Outcome, plugin_settings, print, signing_key};
use crate::directory::RunDirectory;
use crate::report::text::Terminal;
use crate::run::rebuild;

pub(super) fn report(command: &ReportCommand, common: &Common) -> Outcome {
    let ci = Ci::of(&command.ci, false);
    let key = signing_key(command.sign_key.as_deref())?;
    let directory = RunDirectory::find(&command.root, &command.run).map_err(Failure::usage)?;
    super::recover::complete(&directory, !common.quiet, false)?;
    let terminal = (command.format == Some(ReportFormat::Text)).then(terminal);
    let mut progress = Progress::lines(level(common));
    let (record, reported) =
        rebuild(&directory, &plugin_settings()?, key.as_ref(), terminal, &mut progress).map_err(Failure::usage)?;
    match command.format {
        Some(ReportFormat::Text) => print(reported.text.as_deref().unwrap_or_default())?,
        Some(ReportFormat::Json) => print(&json(&reported.report)?)?,
        Some(ReportFormat::Paths) => print(&paths(&reported.report))?,
        None => {}
    }
    if !common.quiet {
        say(format_args!("{}  run {}: {}", record.result, record.run_id, reported.report.display()));
    }
    let fail_on = command.fail_on.unwrap_or(record.fail_on);
    tell_policy(&reported, fail_on);
    let exit = if violates_policy(&reported, fail_on) { Exit::Policy } else { Exit::Success };
    ci.conclude(directory.path(), &reported.report, None, exit)
}

/// Where standard output leads: as wide as `COLUMNS` says, else as the terminal is, else 80; colours as for all our output
/// (`NO_COLOR`, `CLICOLOR_FORCE`).
fn terminal() -> Terminal {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.trim().parse().ok());
    let size = || terminal_size::terminal_size_of(std::io::stdout());
    let width = columns.filter(|columns| *columns > 0).or_else(|| Some(usize::from(size()?.0.0)));
    let choice = anstream::AutoStream::choice(&std::io::stdout());
    Terminal { width: width.unwrap_or(Terminal::default().width), colour: choice != anstream::ColorChoice::Never }
}

fn json(report: &Path) -> Result<String, Failure> {
    fs::read_to_string(report.with_extension("json")).map_err(Failure::internal)
}

/// The report's own files; those of the report stages stand beside them.
fn paths(report: &Path) -> String {
    ["md", "html", "json"].map(|ending| format!("{}\n", report.with_extension(ending).display())).concat()
}
