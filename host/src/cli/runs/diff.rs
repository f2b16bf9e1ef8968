//! `runs diff`.

use std::fmt::Write as _;

use super::super::{Exit, Failure, Outcome};
use super::args::DiffCommand;
use super::{output, result, safe, start, table, wall};
use crate::directory::RunDirectory;
use crate::report::{Change, SAMPLES_MIN};
use crate::runs::{Diff, StageDiff, StageSide, diff as compare};
use crate::units::{NONE, change, count, maybe_duration, signed_duration};

/// Stages without a flag that are shown, those that changed most.
const UNFLAGGED: usize = 10;
/// Smaller changes are not shown.
const SHOWN_NS: u64 = 1_000_000;

pub(super) fn diff(command: &DiffCommand) -> Outcome {
    let a = RunDirectory::find(&command.root, &command.a).map_err(Failure::usage)?;
    let b = RunDirectory::find(&command.root, &command.b).map_err(Failure::usage)?;
    let diff = compare(&command.root, &a, &b).map_err(Failure::usage)?;
    output(command.format, &diff, text)?;
    Ok(Exit::Success)
}

fn text(diff: &Diff) -> String {
    let Diff { a, b, .. } = diff;
    let mut text = String::new();
    for (label, side) in [("a", a), ("b", b)] {
        let run = &side.run;
        let _ = writeln!(text, "{label}  {}  {}  {}  {}", safe(&run.folder), result(run), start(run), wall(run));
    }
    text.push('\n');
    let mut line = |label: &str, rest: String| {
        let _ = writeln!(text, "{label:<10} {rest}");
    };
    if a.run.pipeline != b.run.pipeline || a.run.profile != b.run.profile {
        line("pipeline", format!("{} → {}", super::pipeline(&a.run), super::pipeline(&b.run)));
    }
    line("file", if diff.pipeline_changed { "changed" } else { "the same" }.to_owned());
    if a.commit != b.commit {
        line("commit", arrow(a.commit.as_deref(), b.commit.as_deref()));
    }
    for change in &diff.host {
        line(change.what, arrow(change.a.as_deref(), change.b.as_deref()));
    }
    if let (Some(from), Some(to)) = (a.run.wall_ns, b.run.wall_ns) {
        let judged = diff.wall.map_or("not the same work", Change::words);
        line("total", format!("{} ({}), {judged}", signed_duration(from, to), change(from, to)));
    }
    let path = |ids: &[String]| ids.iter().map(|id| safe(id)).collect::<Vec<_>>().join(" → ");
    let times = format!("{} → {}", maybe_duration(a.critical_path_ns), maybe_duration(b.critical_path_ns));
    match a.critical_path == b.critical_path {
        true => line("path", format!("{times}, the same: {}", path(&b.critical_path))),
        false => {
            line("path", times);
            line("  a", path(&a.critical_path));
            line("  b", path(&b.critical_path));
        }
    }
    for side in [a, b] {
        if let Some(problem) = &side.trace_problem {
            line("no trace", format!("{}: {}", safe(&side.run.folder), safe(problem)));
        }
    }
    text.push('\n');
    text += &stages(diff);
    if diff.noise_runs < SAMPLES_MIN {
        let runs = count(diff.noise_runs as usize, "run");
        let _ = writeln!(
            text,
            "Durations are told from noise where there are {SAMPLES_MIN} successful runs or more; there are {runs}."
        );
    }
    text
}

fn stages(diff: &Diff) -> String {
    let by = |stage: &StageDiff| stage_times(stage).map_or(0, |(a, b)| a.abs_diff(b));
    let (told, mut rest): (Vec<&StageDiff>, Vec<&StageDiff>) = diff.stages.iter().partition(|stage| stage.differs());
    rest.retain(|stage| by(stage) >= SHOWN_NS && stage.duration.is_some());
    rest.sort_by_key(|stage| std::cmp::Reverse(by(stage)));
    let rest = rest.into_iter().take(UNFLAGGED);
    let rows: Vec<Vec<String>> = told.into_iter().chain(rest).map(row).collect();
    match rows.is_empty() {
        true => format!("{}, none of which differs.\n", count(diff.stages.len(), "stage")),
        false => table(&["STAGE", "CHANGE", "A", "B", "TIME A>", "TIME B>", "DIFFERENCE>", "RELATIVE>"], &rows),
    }
}

fn stage_times(stage: &StageDiff) -> Option<(u64, u64)> {
    stage.a.as_ref()?.duration_ns.zip(stage.b.as_ref()?.duration_ns)
}

fn row(stage: &StageDiff) -> Vec<String> {
    let what = match (&stage.a, &stage.b) {
        (None, _) => "+ new",
        (_, None) => "- gone",
        _ if stage.result_changed => "● result",
        _ => stage.duration.map_or(NONE, Change::words),
    };
    let word = |side: &Option<StageSide>| side.as_ref().map_or_else(|| NONE.to_owned(), |side| safe(&side.result));
    let time = |side: &Option<StageSide>| maybe_duration(side.as_ref().and_then(|side| side.duration_ns));
    let (difference, relative) = stage_times(stage)
        .map_or_else(|| (NONE.to_owned(), NONE.to_owned()), |(a, b)| (signed_duration(a, b), change(a, b)));
    vec![
        safe(&stage.id),
        what.to_owned(),
        word(&stage.a),
        word(&stage.b),
        time(&stage.a),
        time(&stage.b),
        difference,
        relative,
    ]
}

fn arrow(a: Option<&str>, b: Option<&str>) -> String {
    format!("{} → {}", safe(a.unwrap_or(NONE)), safe(b.unwrap_or(NONE)))
}
