//! Part 6: what changed against earlier successful runs of the same pipeline.

use super::super::ReportInput;
use super::super::baseline::{Baseline, Change, SAMPLES_MIN, Typical};
use super::super::json::OneLine;
use super::super::model::{Grid, Items, Line, Tone, line};
use super::{Facts, id, ids};
use crate::conventions::result;
use crate::trace::Summary;
use crate::trace::columns::Stages;
use crate::trace::summary::StageSummary;
use crate::units::{change, count, duration, integer, signed_duration};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::HashMap;

/// Stages in the table that are not beyond noise; those beyond come first, and there are more of them.
const ROWS_MAX: usize = 10;
/// Stages in the table that are beyond noise.
const FLAGGED_MAX: usize = 50;
/// Smaller changes are not shown.
const SHOWN_NS: u64 = 1_000_000;
/// Names of new and gone stages.
const NAMES_MAX: usize = 10;

/// A stage that was executed here and in earlier runs.
struct Compared<'a> {
    id: &'a str,
    typical: Typical,
    now_ns: u64,
    change: Change,
}

/// Stages that succeeded here and before, in the order of the run.
fn compared<'a>(baseline: &Baseline, summary: &'a Summary) -> Vec<Compared<'a>> {
    let before: HashMap<&str, Typical> = baseline.stages.iter().map(|(id, typical)| (&**id, *typical)).collect();
    let executed = |stage: &&StageSummary| stage.attempts > 0 && stage.result == result::SUCCESS && !stage.cached;
    let stages = summary.stages.iter().filter(executed);
    stages
        .filter_map(|stage| {
            let typical = *before.get(&*stage.id)?;
            let now_ns = stage.duration_ns;
            Some(Compared { id: &stage.id, typical, now_ns, change: typical.judge(now_ns) })
        })
        .collect()
}

/// Puts what a baseline knows into columns of stages: the median of each stage that earlier runs executed, and what this run's
/// amounts to.
pub(in super::super) fn against_baseline(baseline: &Baseline, summary: &Summary, stages: &mut Stages) {
    let typical: HashMap<&str, u64> = baseline.stages.iter().map(|(id, of)| (&**id, of.median_ns)).collect();
    let judged: HashMap<&str, Change> =
        compared(baseline, summary).into_iter().map(|stage| (stage.id, stage.change)).collect();
    let word = |id: &String| match judged.get(&**id)? {
        Change::Slower => Some("slower"),
        Change::Faster => Some("faster"),
        Change::WithinNoise => Some("same"),
        Change::Unknown => None,
    };
    stages.typical_ns = stages.id.iter().map(|id| typical.get(&**id).copied()).collect();
    stages.change = stages.id.iter().map(word).collect();
}

/// The total's comparison: with what, and what it amounts to. `Err`: why there is none, a sentence.
fn total(baseline: &Baseline, summary: &Summary) -> Result<(Typical, Change), &'static str> {
    let Some(typical) = baseline.wall else {
        return Err("No earlier successful run executed all its stages, so there is no total to compare with.");
    };
    if summary.run.result.as_deref() != Some(result::SUCCESS) {
        return Err("This run did not succeed, so its total is not compared.");
    }
    if baseline.partial || summary.stages.iter().any(|stage| stage.cached) {
        return Err("This run reused earlier results or left stages out, so its total is not compared.");
    }
    Ok((typical, typical.judge(summary.wall_ns)))
}

/// The row of the headline's table: value and reading.
pub(super) fn metric(facts: &Facts<'_>) -> Option<(String, String)> {
    let s = facts.summary;
    let (typical, judged) = total(facts.input.baseline?, s).ok()?;
    let verdict = match judged {
        Change::Unknown => "too few to tell a change from noise".to_owned(),
        judged => judged.words().to_owned(),
    };
    let reading = format!("{} against {}: {verdict}.", change(typical.median_ns, s.wall_ns), median_words(&typical));
    Some((signed_duration(typical.median_ns, s.wall_ns), reading))
}

/// `the median of 7 runs, 26.2 s`
fn median_words(typical: &Typical) -> String {
    match typical.runs {
        1 => format!("the only earlier run, {}", duration(typical.median_ns)),
        runs => format!("the median of {runs} runs, {}", duration(typical.median_ns)),
    }
}

/// `25.9 s to 26.8 s`
fn range(typical: &Typical) -> String {
    match typical.min_ns == typical.max_ns {
        true => duration(typical.min_ns),
        false => format!("{} to {}", duration(typical.min_ns), duration(typical.max_ns)),
    }
}

fn tone(judged: Change) -> Tone {
    match judged {
        Change::Slower => Tone::Warning,
        Change::Faster => Tone::Good,
        Change::WithinNoise | Change::Unknown => Tone::Quiet,
    }
}

pub(super) fn tell(facts: &Facts<'_>, items: &mut Items) {
    items.heading(1, line!("Against the baseline"));
    let Some(baseline) = facts.input.baseline else {
        return items.paragraph(line!("There is no earlier successful run of this pipeline to compare with."));
    };
    let s = facts.summary;
    let newest = format!("The newest earlier run that succeeded is {}.", id(&baseline.run_id));
    match total(baseline, s) {
        Err(why) => items.paragraph(line!("{} {}", why, newest)),
        Ok((typical, judged)) => {
            let line = line!(
                "Total duration **{}** ({}), {}: {} now, against {} ({}). {}",
                signed_duration(typical.median_ns, s.wall_ns),
                change(typical.median_ns, s.wall_ns),
                judged.words(),
                duration(s.wall_ns),
                median_words(&typical),
                range(&typical),
                newest
            );
            items.paragraph(line.with(tone(judged)));
        }
    }
    stages(&compared(baseline, s), items);
    for (word, names) in [("new", &baseline.new), ("gone", &baseline.gone)] {
        if names.is_empty() {
            continue;
        }
        let plural = if names.len() == 1 { "stage is" } else { "stages are" };
        items.paragraph(line!("{} {} {}: {}.", integer(names.len() as u64), plural, word, ids(names, ", ", NAMES_MAX)));
    }
}

/// The stages that changed most, those beyond noise first.
fn stages(compared: &[Compared<'_>], items: &mut Items) {
    if compared.is_empty() {
        return items.paragraph(line!("No stage that was executed here was executed in an earlier successful run."));
    }
    let by = |stage: &Compared<'_>| stage.typical.median_ns.abs_diff(stage.now_ns);
    let mut changed: Vec<&Compared<'_>> =
        compared.iter().filter(|stage| stage.change.is_flagged() || by(stage) >= SHOWN_NS).collect();
    changed.sort_by_key(|stage| (!stage.change.is_flagged(), Reverse(by(stage))));
    let flagged = changed.iter().filter(|stage| stage.change.is_flagged()).count();
    let shown = flagged.clamp(ROWS_MAX, FLAGGED_MAX);
    let mut grid = Grid::new(&["Stage", "Change", "Median>", "Range", "Runs>", "Now>", "Difference>", "Relative>"]);
    for stage in changed.iter().take(shown) {
        let Compared { typical, now_ns, change: judged, .. } = stage;
        let then = typical.median_ns;
        grid.row([
            id(stage.id).into(),
            Line::from(judged.words()).with(tone(*judged)),
            duration(then).into(),
            range(typical).into(),
            integer(typical.runs.into()).into(),
            duration(*now_ns).into(),
            signed_duration(then, *now_ns).into(),
            change(then, *now_ns).into(),
        ]);
    }
    if grid.rows.is_empty() {
        items.paragraph(line!("No stage changed by a millisecond or more."));
    }
    items.table(grid);
    let more = changed.len().saturating_sub(shown);
    if more > 0 {
        items.aside(line!("+{} that changed less.", count(more, "stage")));
    }
    if compared.iter().any(|stage| stage.change == Change::Unknown) {
        items.aside(line!(
            "Changes are told from noise where there are {} earlier runs or more.",
            integer(SAMPLES_MIN.into())
        ));
    }
}

/// The comparison in `forensic_report.json`.
#[derive(Serialize)]
pub(crate) struct BaselineJson<'a> {
    run_id: &'a str,
    /// `null` where no earlier run has a total.
    wall: Option<ComparedJson<'a>>,
    /// Why the total is not compared.
    wall_problem: Option<&'static str>,
    /// All stages with earlier executions, a line each; `now_ns` and `change` are null where this run has none that succeeded.
    stages: Vec<OneLine<ComparedJson<'a>>>,
    new: &'a [String],
    gone: &'a [String],
}

#[derive(Serialize)]
struct ComparedJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(flatten)]
    typical: Typical,
    noise_ns: Option<u64>,
    now_ns: Option<u64>,
    change: Option<Change>,
}

pub(crate) fn baseline_json<'a>(input: &ReportInput<'a>) -> Option<BaselineJson<'a>> {
    let baseline = input.baseline?;
    let compared = input.summary.map(|summary| compared(baseline, summary)).unwrap_or_default();
    let compared: HashMap<&str, &Compared<'_>> = compared.iter().map(|stage| (stage.id, stage)).collect();
    let total = input.summary.map(|summary| (summary.wall_ns, total(baseline, summary)));
    Some(BaselineJson {
        run_id: &baseline.run_id,
        wall: baseline.wall.map(|typical| ComparedJson {
            id: None,
            typical,
            noise_ns: typical.noise_ns(),
            now_ns: total.map(|(now, _)| now),
            change: total.and_then(|(_, judged)| Some(judged.ok()?.1)),
        }),
        wall_problem: total.and_then(|(_, judged)| judged.err()),
        stages: baseline
            .stages
            .iter()
            .map(|(id, typical)| {
                let stage = compared.get(&**id);
                OneLine(ComparedJson {
                    id: Some(id),
                    typical: *typical,
                    noise_ns: typical.noise_ns(),
                    now_ns: stage.map(|stage| stage.now_ns),
                    change: stage.map(|stage| stage.change),
                })
            })
            .collect(),
        new: &baseline.new,
        gone: &baseline.gone,
    })
}
