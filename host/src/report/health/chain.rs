//! Part 5: where the time went, seen from the stage that ended last. The segments tile the run.

use super::super::model::{Grid, Items, Line, line};
use super::{Facts, id};
use crate::trace::metrics::chain::Class;
use crate::units::{NONE, count, duration, share};

/// Segments in the table.
const SEGMENTS_MAX: usize = 40;

pub(super) fn tell(facts: &Facts<'_>, items: &mut Items) {
    let s = facts.summary;
    items.heading(1, line!("Where the time went"));
    let (Some(chain), Some(totals)) = (&s.chain, &s.chain_totals) else {
        return items.paragraph(line!("What stages need is not known, so there is no chain of what waited for what."));
    };
    let classes = [
        ("execution", totals.execution_ns),
        ("queue", totals.queue_ns),
        ("back-off", totals.backoff_ns),
        ("overhead", totals.overhead_ns),
    ];
    let parts: Vec<String> =
        classes.iter().map(|(word, ns)| format!("{word} {} ({})", duration(*ns), share(*ns, s.wall_ns))).collect();
    items.paragraph(line!("Back from the stage that ended last: {}; together the whole run.", parts.join(", ")));

    let length = |index: usize| chain[index].end_time.saturating_sub(chain[index].start_time);
    let mut order: Vec<usize> = (0..chain.len()).collect();
    if chain.len() > SEGMENTS_MAX {
        order.sort_by_key(|&index| (std::cmp::Reverse(length(index)), index));
    }
    let hidden = order.split_off(order.len().min(SEGMENTS_MAX));
    order.sort_unstable();
    let start = s.run.start_time.unwrap_or(0);
    let mut grid = Grid::new(&["Start>", "What", "Stage", "Attempt>", "Duration>", "Share>"]);
    for &index in &order {
        let segment = &chain[index];
        grid.row([
            format!("+{}", duration(segment.start_time.saturating_sub(start))).into(),
            word(segment.class).into(),
            segment.stage.as_deref().map_or_else(|| NONE.into(), id).into(),
            segment.attempt.map_or_else(|| NONE.into(), Line::from),
            duration(length(index)).into(),
            share(length(index), s.wall_ns).into(),
        ]);
    }
    items.table(grid);
    if !hidden.is_empty() {
        let sum: u64 = hidden.iter().fold(0, |sum, &index| sum.saturating_add(length(index)));
        items.aside(line!(
            "+{}, {} together, in forensic_report.json under `summary.chain`.",
            count(hidden.len(), "shorter segment"),
            duration(sum)
        ));
    }
}

fn word(class: Class) -> &'static str {
    match class {
        Class::Overhead => "overhead",
        Class::Execution => "execution",
        Class::Queue => "queue",
        Class::Backoff => "back-off",
    }
}
