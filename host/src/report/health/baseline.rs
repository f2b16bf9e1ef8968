//! Part 6: what changed against the previous successful run of the same pipeline.

use super::super::model::{Grid, Items, line};
use super::{Facts, id, ids};
use crate::conventions::result;
use crate::units::{change, count, duration, integer, signed_duration};
use std::collections::{HashMap, HashSet};

/// Stages in the table.
const ROWS_MAX: usize = 10;
/// Smaller changes are noise.
const NOISE_NS: u64 = 1_000_000;
/// Names of new and gone stages.
const NAMES_MAX: usize = 10;

pub(super) fn tell(facts: &Facts<'_>, items: &mut Items) {
    items.heading(1, line!("Against the baseline"));
    let Some(baseline) = facts.input.baseline else {
        return items.paragraph(line!("There is no earlier successful run of this pipeline to compare with."));
    };
    let s = facts.summary;
    let caveat = match s.run.result.as_deref() {
        Some(result::SUCCESS) => line!(""),
        _ => line!(" This run did not succeed, so the two did not do the same work."),
    };
    items.paragraph(line!(
        "Total duration {} ({}): {} now, {} in run {}.{}",
        signed_duration(baseline.wall_ns, s.wall_ns),
        change(baseline.wall_ns, s.wall_ns),
        duration(s.wall_ns),
        duration(baseline.wall_ns),
        id(&baseline.run_id),
        caveat
    ));

    let before: HashMap<&str, u64> = baseline.stages.iter().map(|(id, ns)| (&**id, *ns)).collect();
    let now: HashSet<&str> = s.stages.iter().map(|stage| &*stage.id).collect();
    let mut changed: Vec<(&str, u64, u64)> = s
        .stages
        .iter()
        .filter(|stage| stage.attempts > 0)
        .filter_map(|stage| Some((&*stage.id, *before.get(&*stage.id)?, stage.duration_ns)))
        .filter(|(_, then, now)| then.abs_diff(*now) >= NOISE_NS)
        .collect();
    changed.sort_by_key(|(_, then, now)| std::cmp::Reverse(then.abs_diff(*now)));
    let mut grid = Grid::new(&["Stage", "Then>", "Now>", "Change>", "Relative>"]);
    for (stage, then, now) in changed.iter().take(ROWS_MAX) {
        let cells = [id(stage), duration(*then), duration(*now), signed_duration(*then, *now), change(*then, *now)];
        grid.row(cells.map(Into::into));
    }
    if grid.rows.is_empty() {
        items.paragraph(line!("No stage changed by a millisecond or more."));
    }
    items.table(grid);
    let more = changed.len().saturating_sub(ROWS_MAX);
    if more > 0 {
        items.aside(line!("+{} that changed less.", count(more, "stage")));
    }
    let sides = [
        (
            "new",
            s.stages
                .iter()
                .map(|stage| &stage.id)
                .filter(|id| !before.contains_key(&***id))
                .cloned()
                .collect::<Vec<_>>(),
        ),
        ("gone", baseline.stages.iter().map(|(id, _)| id).filter(|id| !now.contains(&***id)).cloned().collect()),
    ];
    for (word, names) in sides.into_iter().filter(|(_, names)| !names.is_empty()) {
        let plural = if names.len() == 1 { "stage is" } else { "stages are" };
        items.paragraph(line!(
            "{} {} {}: {}.",
            integer(names.len() as u64),
            plural,
            word,
            ids(&names, ", ", NAMES_MAX)
        ));
    }
}
