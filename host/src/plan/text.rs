//! A plan for people: `forensic-host plan`. May live here: the lines. They hold no secret: texts go through the redactor.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::document::Totals;
use super::{Action, RunPlan};
use crate::pipeline::Pipeline;
use crate::redact::Redactor;
use crate::units::{count, duration};

/// Ids longer than this don't widen their column.
const MAX_COLUMN: usize = 40;

/// The plan as lines: the stages in the order of execution, each with what is done, how long it takes, and why; then totals and
/// warnings.
pub fn render(pipeline: &Pipeline, plan: &RunPlan, warnings: &[String], redactor: &Redactor) -> String {
    let mut out = String::new();
    // Writing to a String can't fail.
    let _ = write_all(&mut out, pipeline, plan, warnings, redactor);
    out
}

fn write_all(
    out: &mut String,
    pipeline: &Pipeline,
    plan: &RunPlan,
    warnings: &[String],
    redactor: &Redactor,
) -> std::fmt::Result {
    let clean = |text: &str| redactor.text(text).text.into_owned();
    let totals = Totals::of(plan);
    write!(out, "{}", visible(&clean(&pipeline.name)))?;
    if let Some(profile) = &pipeline.profile {
        write!(out, " ({})", visible(&clean(profile)))?;
    }
    write!(out, ": {}", count(pipeline.stages.len(), "stage"))?;
    if let Some(run) = &plan.resumed_from {
        write!(out, ", resumes run {run}")?;
    }
    let on_ray = pipeline.uses_ray();
    if on_ray {
        write!(out, ", Ray at {}", visible(&clean(&pipeline.executor.ray.address)))?;
    }
    out.push_str("\n\n");
    let number = pipeline.stages.len().to_string().len();
    let ids = pipeline.stages.iter().map(|stage| stage.id.as_str().len()).max().unwrap_or(0).min(MAX_COLUMN);
    for (at, index) in pipeline.execution_order().into_iter().enumerate() {
        let (Some(stage), Some(planned)) = (pipeline.stages.get(index), plan.stages.get(index)) else { continue };
        let (action, time) = match &planned.action {
            Action::Run => ("run", planned.expected_ns.map(|ns| format!("~{}", duration(ns)))),
            Action::Reuse { saved_ns, .. } => ("reuse", Some(format!("saves {}", duration(*saved_ns)))),
            Action::Leave => ("leave", None),
        };
        write!(out, "{:>number$}  {:<ids$}  ", at + 1, stage.id.as_str())?;
        if on_ray {
            write!(out, "{:<5}  ", pipeline.executor_of(stage).as_str())?;
        }
        write!(out, "{action:<5}")?;
        match (time, &planned.reason) {
            (None, None) => {}
            (Some(time), None) => write!(out, "  {time}")?,
            (time, Some(reason)) => {
                let time = time.unwrap_or_default();
                write!(out, "  {time:<13}  {}", visible(&redactor.text(reason).text))?;
            }
        }
        if stage.when.is_some() && planned.action == Action::Run {
            out.push_str("  (if its condition holds)");
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    write!(out, "\n{} to run", totals.run)?;
    if totals.reuse > 0 {
        write!(out, ", {} reused (saves {})", totals.reuse, duration(totals.saved_ns))?;
    }
    if totals.leave > 0 {
        write!(out, ", {} left out", totals.leave)?;
    }
    if let Some(estimate) = plan.estimate_ns {
        write!(out, "; takes about {}", duration(estimate))?;
    }
    out.push('\n');
    for warning in warnings {
        writeln!(out, "warning: {}", visible(&clean(warning)))?;
    }
    Ok(())
}

/// On one line, nothing invisible: names may come from a file's names.
fn visible(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        text.chars().flat_map(|c| if c.is_control() { c.escape_debug().collect() } else { vec![c] }).collect()
    } else {
        Cow::Borrowed(text)
    }
}
