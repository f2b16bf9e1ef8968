//! `plugin lock`: writes down which plugins a pipeline runs and what they get, for `run --locked` to hold on to.

use super::super::args::{Common, PluginLockCommand};
use super::super::progress::say;
use super::super::{Exit, Failure, Outcome, plugin_settings, validate};
use crate::lock::{Lock, LockError};
use crate::pipeline::ReportStage;
use crate::plugin::{Artifacts, Engine, Inputs, Request, Source, TraceInput};
use crate::run::{Checked, Component, as_locked, lock_path};

pub(super) fn lock(command: &PluginLockCommand, common: &Common) -> Outcome {
    let pipeline = validate::load(&command.pipeline)?;
    let path = lock_path(&command.pipeline);
    let plugins = plugin_settings()?;
    let engine = plugins.engine().map_err(Failure::internal)?;
    let before = match Lock::read(&path) {
        Ok(lock) => lock,
        Err(LockError::Missing(_)) => Lock::default(),
        Err(error) => return Err(Failure::usage(error)),
    };
    let mut plugins_now = Vec::with_capacity(pipeline.reports.len());
    for report in &pipeline.reports {
        let component = plugins.fetching.resolve(report).map_err(Failure::usage)?;
        let (name, version) = describe(&engine, report, &component)?;
        let Checked { component, trust } =
            plugins.judge(report, component, Some((&name, &version))).map_err(Failure::usage)?;
        let locked = as_locked(report, &component, trust.signed_by, &path, name, version).map_err(Failure::usage)?;
        plugins_now.push(locked);
    }
    let lock = Lock::new(plugins_now);
    let changes = before.compare(lock.plugins());
    if command.check {
        changes.iter().for_each(|change| say(format_args!("{change}")));
        return Ok(if changes.is_empty() { Exit::Success } else { Exit::Usage });
    }
    lock.write(&path).map_err(Failure::usage)?;
    if !common.quiet {
        changes.iter().for_each(|change| say(format_args!("{change}")));
        let count = lock.plugins().len();
        say(format_args!("{}: {count} plugin{} locked", path.display(), if count == 1 { "" } else { "s" }));
        say(format_args!("commit it, and run with `forensic-host run --locked {}`", command.pipeline.display()));
    }
    Ok(Exit::Success)
}

/// Name and version as the plugin says them: it is called without a trace and without files, and what it makes of that
/// doesn't matter.
fn describe(engine: &Engine, report: &ReportStage, component: &Component) -> Result<(String, String), Failure> {
    let failed = |why: String| Failure::usage(anyhow::anyhow!("report {}: {why}", report.id));
    let source = Source::known(&*component.bytes, &*component.sha256);
    let plugin = engine.load_source(&report.id, &source, &report.limits).map_err(|error| failed(error.to_string()))?;
    let request = Request { report_id: report.id.clone(), config: report.config.to_string() };
    let inputs = Inputs { trace: TraceInput::Missing, artifacts: Artifacts::none() };
    let called = engine.call(&plugin, request, &inputs, &report.limits);
    match (called.info, called.outcome) {
        (Some(info), _) => Ok((info.name, info.version)),
        (None, Err(failure)) => Err(failed(failure.to_string())),
        (None, Ok(_)) => Err(failed("it does not say what it is".to_owned())),
    }
}
