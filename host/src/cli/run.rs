//! `run`: runs a pipeline and says how it went.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use super::args::{Common, Format, RunCommand};
use super::ci::Ci;
use super::progress::{BAD, GOOD, Level, Progress, say};
use super::{Exit, Failure, Outcome, explain, plugin_settings, signals, signing_key, trusting, validate};
use crate::beside::ahead;
use crate::conventions::result;
use crate::dag::{Neighbours, Stop, StopReason, hold_ends};
use crate::directory::{DEFAULT_ROOT, DirectoryError, RunId, TRACE};
use crate::limits::{Limits, Maxima, TABLE};
use crate::phases::Steps;
use crate::pipeline::{FailOn, Pipeline};
use crate::redact;
use crate::run::{QuantSdk, Reported, RunError, RunOptions, RunOutcome};
use crate::units::{duration, maybe_duration, percent, ratio};

pub(super) fn run(command: &RunCommand, common: &Common) -> Outcome {
    hold_ends();
    ahead("shapes", redact::prepare);
    let mut ci = Ci::of(&command.ci, true);
    let run_id = command.run_id.as_deref().map(RunId::parse).transpose().map_err(Failure::usage)?;
    let mut pipeline = validate::load(&command.pipeline)?;
    pipeline.on_failure = command.on_failure.unwrap_or(pipeline.on_failure);
    pipeline.fail_on = command.fail_on.unwrap_or(pipeline.fail_on);
    command.executor.apply(&mut pipeline)?;
    let mut step = Steps::begin("read settings and lock file");
    let mut plugins = trusting(plugin_settings()?, &command.pipeline, command.locked)?;
    for text in &command.max_limit {
        plugins.limits.maxima.set_text(text).map_err(|bad| Failure::usage(anyhow::anyhow!("--max-limit: {bad}")))?;
    }
    restrict(&mut pipeline, plugins.limits.maxima)?;
    if command.explain {
        return explain::explain(&pipeline, &plugins, command.format);
    }
    step.next("prepare to be stopped");
    let root = command.root.clone().or_else(|| pipeline.root.clone()).unwrap_or_else(|| PathBuf::from(DEFAULT_ROOT));
    let stop = Stop::new();
    signals::stop_on_signals(stop.clone()).map_err(Failure::internal)?;
    let options = RunOptions {
        root,
        run_id,
        max_parallel: command.max_parallel,
        plugins,
        signing_key: signing_key(command.sign_key.as_deref())?,
        selection: command.selection.selection(),
        resume: command.selection.resume.clone(),
        // Plugins are compiled before and after the stages.
        neighbours: Neighbours::None,
        stop,
    };
    super::give_memory_back();
    let mut progress =
        Progress::new(level(common), command.progress, command.format == Format::Json, options.stop.clone());
    step.next("the run");
    let outcome = QuantSdk::run_pipeline(&pipeline, options, &mut ci.watch(&mut progress));
    step.next("last words");
    match &outcome {
        Ok(outcome) => progress.ended(outcome),
        Err(error) => progress.aborted(error),
    }
    let outcome = outcome.map_err(|error| match error {
        RunError::Directory(DirectoryError::Exists { .. })
        | RunError::Cluster(_)
        | RunError::Component(_)
        | RunError::Environment(_)
        | RunError::Plan(_)
        | RunError::Secret(_) => Failure::usage(error),
        _ => Failure::internal(error),
    })?;
    let exit = exit_code(&outcome);

    conclude(&outcome);
    if outcome.record.succeeded() {
        tell_policy(&outcome.reported, outcome.record.fail_on);
    }
    ci.conclude(&outcome.directory, &outcome.reported.report, Some(&pipeline), exit)
}

pub(super) fn level(common: &Common) -> Level {
    match (common.quiet, common.verbose) {
        (true, _) => Level::Quiet,
        (_, true) => Level::Verbose,
        _ => Level::Normal,
    }
}

fn exit_code(outcome: &RunOutcome) -> Exit {
    let ledger = outcome.record.telemetry.ledger.as_ref();
    if ledger.is_some_and(|ledger| ledger.difference() != 0) {
        return Exit::Internal;
    }
    match (outcome.record.result.as_str(), outcome.stopped) {
        (result::CANCELLATION, Some(StopReason::Signal(signal))) => Exit::Signal(signal),
        (result::TIMEOUT, _) => Exit::Timeout,
        (result::SUCCESS, _) if violates_policy(&outcome.reported, outcome.record.fail_on) => Exit::Policy,
        (result::SUCCESS, _) => Exit::Success,
        _ => Exit::StageFailed,
    }
}

/// Holds every report stage to the host's maxima; all that want more are told at once.
fn restrict(pipeline: &mut Pipeline, maxima: Maxima) -> Result<(), Failure> {
    let mut refused = Vec::new();
    for report in &mut pipeline.reports {
        let mut limits = Limits::below(maxima);
        for row in TABLE.iter().filter(|row| report.limits.is_set(row.limit)) {
            if let Err(error) = limits.set(row.limit, report.limits.get(row.limit)) {
                refused.push(format!("report {}: {error}", report.id));
            }
        }
        report.limits = limits;
    }
    if refused.is_empty() { Ok(()) } else { Err(Failure::usage(anyhow::anyhow!(refused.join("\n  ")))) }
}

/// Whether reports make a run fail that succeeded.
pub(super) fn violates_policy(reported: &Reported, fail_on: FailOn) -> bool {
    reported.policy_failures().next().is_some() || reported.findings_that_fail(fail_on) > 0
}

/// Says what violates the policy, if anything does.
pub(super) fn tell_policy(reported: &Reported, fail_on: FailOn) {
    for report in reported.policy_failures() {
        say(format_args!("{BAD}policy{BAD:#}  report stage {} failed, and its `on_failure` is \"fail\"", report.id));
    }
    let findings = reported.findings_that_fail(fail_on);
    if findings > 0 {
        let (s, fail_on) = (if findings == 1 { "" } else { "s" }, fail_on.as_str());
        say(format_args!(
            "{BAD}policy{BAD:#}  {findings} finding{s} of severity {fail_on} or worse (`--fail-on {fail_on}`)"
        ));
    }
}

/// The last words: always printed, also after Ctrl-C.
fn conclude(outcome: &RunOutcome) {
    let record = &outcome.record;
    let style = if record.succeeded() { GOOD } else { BAD };
    let counts = &record.stages;
    let mut stages = format!("{} of {} stages ok", counts.success, counts.total);
    for (count, what) in [
        (counts.failure, "failed"),
        (counts.error, "could not be run"),
        (counts.timeout, "timed out"),
        (counts.cancellation, "stopped"),
        (counts.skip, "skipped"),
    ] {
        if count > 0 {
            stages += &format!(", {count} {what}");
        }
    }
    say(format_args!("\n{style}{}{style:#}  {}  run {}: {stages}", record.result, record.pipeline.name, record.run_id));
    if let Some(summary) = &outcome.reported.summary {
        let path = maybe_duration(summary.critical_path.as_ref().map(|path| path.duration_ns));
        say(format_args!(
            "  total duration  {}   critical path {path}   observed speedup {} of at most {}   efficiency {}",
            duration(summary.wall_ns),
            ratio(summary.speedup),
            ratio(summary.max_speedup),
            percent(summary.efficiency),
        ));
    }
    let failed = outcome.reported.reports.iter().filter(|report| report.failure.is_some()).count();
    if failed > 0 {
        say(format_args!("  {failed} of {} report stages failed: the report says why", outcome.reported.reports.len()));
    }
    let findings = outcome.reported.findings;
    if findings.error + findings.warning > 0 {
        say(format_args!("  findings        {} errors, {} warnings", findings.error, findings.warning));
    }
    for error in record.telemetry.notes().iter().filter(|note| note.starts_with("ERROR")) {
        say(format_args!("  {BAD}{error}{BAD:#}"));
    }
    say(format_args!("  trace           {}", shown(&outcome.directory.join(TRACE))));
    say(format_args!("  report          {}", shown(&outcome.reported.report)));
}

/// A path as one would type it: below the current folder without it.
fn shown(path: &std::path::Path) -> String {
    let here = std::env::current_dir().ok();
    here.and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path).display().to_string()
}

/// Whether colours make sense on standard error.
pub(super) fn colors() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
