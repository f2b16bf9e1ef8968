//! `runs prune`.

use std::fmt::Write as _;

use super::super::args::{Common, Format};
use super::super::{Exit, Failure, Outcome};
use super::args::PruneCommand;
use super::{output, safe};
use crate::clock::{Clock, nanos, utc};
use crate::runs::{Criteria, Pruned, Why, prune as remove};
use crate::units::{bytes, count};

pub(super) fn prune(command: &PruneCommand, common: &Common) -> Outcome {
    let now = Clock::start().now();
    let criteria = Criteria {
        keep: command.keep,
        before: command.older_than.map(|age| now.saturating_sub(nanos(age))),
        pipeline: command.pipeline.clone(),
        failed_only: command.failed_only,
        signed: command.signed,
        referenced: command.referenced,
        broken: command.broken,
        dry_run: command.dry_run,
    };
    let pruned = remove(&command.root, &criteria).map_err(Failure::usage)?;
    match command.format {
        Format::Text if common.quiet => {}
        format => output(format, &pruned, text)?,
    }
    match pruned.kept.iter().filter(|run| run.why == Why::Failed).count() {
        0 => Ok(Exit::Success),
        failed => Err(Failure::internal(anyhow::anyhow!("{} could not be removed", count(failed, "run")))),
    }
}

fn text(pruned: &Pruned) -> String {
    let mut text = String::new();
    let verb = if pruned.dry_run { "would remove" } else { "removed" };
    for run in &pruned.removed {
        let result = run.result.as_deref().unwrap_or(run.state.word());
        let start = run.start_time.map(|start| format!(", {}", utc(start, 0))).unwrap_or_default();
        let _ = writeln!(text, "{verb} {} ({}{start}, {})", safe(&run.folder), safe(result), bytes(run.bytes));
    }
    for run in &pruned.kept {
        let why = match run.why {
            Why::Running => "it goes on",
            Why::Latest => "it is the latest",
            Why::Signed => "it is signed; see `--signed`",
            Why::Referenced => "a run that stays came from it; see `--referenced`",
            Why::Link => "it is a link",
            Why::Failed => "it can't be removed",
        };
        let problem = run.problem.as_deref().map(|problem| format!(": {}", safe(problem))).unwrap_or_default();
        let _ = writeln!(text, "kept {}: {why}{problem}", safe(&run.folder));
    }
    if pruned.leftovers > 0 {
        let _ = writeln!(text, "{verb} {} that led nowhere", count(pruned.leftovers, "leftover"));
    }
    let _ = writeln!(text, "{verb} {}, {}", count(pruned.removed.len(), "run"), bytes(pruned.bytes));
    text
}
