//! Part 4: the formulas with their values, how many stages ran at once, the ceiling, and what would help.

use super::super::model::{Grid, Item, Items, Line, line};
use super::{Facts, StageView, id};
use crate::units::{bar, count, duration, maybe_duration, percent, ratio, share};

/// Levels of the profile; the rest becomes one row.
const LEVELS_MAX: usize = 12;
/// Stages that would help most.
const HELP_MAX: usize = 5;

pub(super) fn tell(facts: &Facts<'_>, items: &mut Items) {
    items.heading(1, line!("Parallelism"));
    if facts.summary.stages.is_empty() {
        return items.paragraph(line!("The trace holds no stage."));
    }
    items.table(formulas(facts));
    levels(facts, items);
    what_would_help(facts, items);
}

fn formulas(facts: &Facts<'_>) -> Grid {
    let s = facts.summary;
    let mut grid = Grid::new(&["Measure", "Value>", "Formula"]);
    let mut row = |name: &str, value: String, formula: String| grid.row([name.into(), value.into(), formula.into()]);
    let (wall, work) = (duration(s.wall_ns), duration(s.work_ns));
    let path = maybe_duration(s.critical_path.as_ref().map(|path| path.duration_ns));
    row("Observed speedup", ratio(s.speedup), format!("work ÷ wall = {work} ÷ {wall}"));
    row("Ceiling", ratio(s.max_speedup), format!("work ÷ critical path = {work} ÷ {path}, with unlimited slots"));
    let slots = match s.run.slots {
        None => "work ÷ (slots × wall), slots not known".into(),
        Some(0) => "observed speedup ÷ ceiling, because slots are unlimited".into(),
        Some(slots) => format!("work ÷ (slots × wall) = {work} ÷ ({slots} × {wall})"),
    };
    row("Parallelism efficiency", percent(s.efficiency), slots);
    row(
        "CPU use",
        percent(s.cpu_use),
        "CPU time ÷ (cores × wall); stands beside the speedup, which also rises under contention".into(),
    );
    row(
        "Lower bound",
        maybe_duration(s.lower_bound_ns),
        "the larger of critical path and work ÷ slots: no schedule is faster".into(),
    );
    row("Schedule quality", percent(s.schedule_quality), "lower bound ÷ wall; 100 % can't be beaten".into());
    row("Busy", duration(s.busy_ns), format!("at least one stage ran, {} of the wall", share(s.busy_ns, s.wall_ns)));
    row(
        "Idle",
        duration(s.idle.total_ns),
        format!(
            "none ran: {} before the first, {} between, {} after the last",
            duration(s.idle.lead_in_ns),
            duration(s.idle.gaps_ns),
            duration(s.idle.tail_ns)
        ),
    );
    grid
}

fn levels(facts: &Facts<'_>, items: &mut Items) {
    let s = facts.summary;
    if s.wall_ns == 0 || s.levels.len() < 2 {
        return;
    }
    let mut grid = Grid::new(&["Stages at once>", "Time>", "Share of wall"]);
    let mut row = |level: String, ns: u64| {
        grid.row([level, duration(ns), bar(ns as f64 / s.wall_ns as f64, 1)].map(Line::from));
    };
    for (level, ns) in s.levels.iter().enumerate().take(LEVELS_MAX) {
        row(level.to_string(), *ns);
    }
    if s.levels.len() > LEVELS_MAX {
        let rest = s.levels[LEVELS_MAX..].iter().fold(0, |sum: u64, ns| sum.saturating_add(*ns));
        row(format!("{LEVELS_MAX} to {}", s.levels.len() - 1), rest);
    }
    items.table(grid);
    if let Some(slots) = s.run.slots.filter(|slots| *slots > s.max_concurrency) {
        let most = count(s.max_concurrency as usize, "stage");
        items.paragraph(line!("Never more than {} ran at once, of {} slots.", most, slots));
    }
}

fn what_would_help(facts: &Facts<'_>, items: &mut Items) {
    let s = facts.summary;
    items.heading(2, line!("What would help"));
    let mut stages: Vec<&StageView<'_>> =
        facts.stages.iter().filter(|view| view.summary.drag_ns.is_some_and(|drag| drag > 0)).collect();
    stages.sort_by_key(|view| std::cmp::Reverse(view.summary.drag_ns));
    let points = stages.iter().take(HELP_MAX).map(|view| {
        let drag = view.summary.drag_ns.unwrap_or(0);
        line!(
            "**{}** can save at most {} ({} of the wall){}.",
            id(&view.summary.id),
            duration(drag),
            share(drag, s.wall_ns),
            why(view)
        )
    });
    if stages.is_empty() {
        items.paragraph(match s.critical_path {
            Some(_) => {
                line!("No single stage holds the run up: there is more than one critical path, or nothing ran.")
            }
            None => line!("What stages need is not known, so neither is what they hold up."),
        });
    } else {
        items.0.push(Item::Numbered(points.collect()));
    }
    let held = s.chain_totals.as_ref().map_or(0, |totals| totals.queue_ns);
    if held > 0 {
        let slots = s.queue.as_ref().and_then(|queue| queue.slot_ns).unwrap_or(0);
        let pools = s.queue.as_ref().and_then(|queue| queue.pool_ns).unwrap_or(0);
        let cure = match (slots > 0, pools > 0) {
            (true, true) => "more slots and larger pools can save at most that",
            (true, false) => "more slots can save at most that",
            (false, true) => "a slot was free, but not all that attempts take from pools",
            (false, false) => "a slot was free, so it is the executor's",
        };
        items.paragraph(line!("Waiting held up the end of the run for {}: {}.", duration(held), cure));
    }
    super::flow::pools(facts, items);
}

/// What the time of a critical stage consists of, as far as the numbers tell.
fn why(view: &StageView<'_>) -> String {
    let s = view.summary;
    let mut causes: Vec<String> = Vec::new();
    let attempts = view.model.map_or(&[][..], |stage| &stage.attempts);
    let executed: u64 = attempts.iter().fold(0, |sum, attempt| sum.saturating_add(attempt.duration()));
    if let Some((_, earlier)) = attempts.split_last().filter(|(_, earlier)| !earlier.is_empty()) {
        let lost: u64 = earlier.iter().fold(0, |sum, attempt| sum.saturating_add(attempt.duration()));
        let pause = s.cost_ns.saturating_sub(executed);
        let mut text = format!("{} went into {} that failed", duration(lost), count(earlier.len(), "attempt"));
        if pause > 0 {
            text.push_str(&format!(" and {} into back-off", duration(pause)));
        }
        causes.push(text);
    }
    if executed > 0 {
        // Weighted time is the whole time where nothing else ran.
        let alone = s.weighted_ns as f64 / executed as f64;
        if alone > 0.95 {
            causes.push("nothing ran beside it".into());
        }
        if let Some(cpu) = s.cpu_ns {
            let use_ = cpu as f64 / executed as f64;
            if use_ < 0.5 {
                causes.push(format!(
                    "it used a processor for {} of its time and waited for the rest",
                    percent(Some(use_))
                ));
            } else if use_ > 1.5 {
                causes.push(format!("it kept {use_:.1} cores busy"));
            } else {
                causes.push("it computed on one core".into());
            }
        }
    }
    if causes.is_empty() { String::new() } else { format!(": {}", causes.join("; ")) }
}
