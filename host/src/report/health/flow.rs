//! Where a run stands among others, and what its stages waited for beside slots: the runs it resumes or belongs to, the runs
//! that its stages are, the pools.

use super::super::model::{Items, Line, line};
use super::{Facts, id, ids};
use crate::units::{count, duration};
use std::collections::{BTreeMap, BTreeSet};

/// Runs that are listed.
const RUNS_MAX: usize = 40;
/// Pools that are named.
const POOLS_MAX: usize = 12;

/// Which run it resumes, and what that saved; whose stage it is.
pub(super) fn origin(facts: &Facts<'_>, items: &mut Items) {
    let run = &facts.summary.run;
    if let Some(from) = &run.resumed_from {
        let stages = &facts.summary.stages;
        let reused = || stages.iter().filter(|stage| stage.cached);
        let saved: u64 = reused().filter_map(|stage| stage.saved_ns).fold(0, u64::saturating_add);
        let elsewhere = reused().filter(|stage| stage.cached_from.as_ref().is_some_and(|of| of != from)).count();
        let elsewhere = match elsewhere {
            0 => String::new(),
            n => format!(" ({} of them of other runs)", crate::units::integer(n as u64)),
        };
        items.paragraph(match reused().count() {
            0 => line!("It resumes run {}: no stage's result could be reused.", Line::run(from)),
            n => line!(
                "It resumes run {}: the results of {} of {}{} were reused, which saved {}.",
                Line::run(from),
                n,
                count(stages.len(), "stage"),
                Line::host(&elsewhere),
                duration(saved)
            ),
        });
    }
    if let Some(parent) = &run.parent_run {
        let stage =
            run.parent_stage.as_deref().map_or_else(|| "a stage".into(), |stage| format!("stage {}", id(stage)));
        items.paragraph(line!("It is {} of run {}.", stage, Line::run(parent)));
    }
}

/// The runs that stages are.
pub(super) fn children(facts: &Facts<'_>, items: &mut Items) {
    let children: Vec<(&str, u64, u64, &str)> = facts
        .stages
        .iter()
        .flat_map(|view| {
            let attempts = view.model.map_or(&[][..], |stage| &stage.attempts);
            let of = attempts.len() as u64;
            attempts
                .iter()
                .filter_map(move |attempt| Some((&*view.summary.id, attempt.number, of, attempt.child_run.as_deref()?)))
        })
        .collect();
    if children.is_empty() {
        return;
    }
    items.paragraph(line!("Stages that are pipelines of their own, with the reports of their runs:"));
    let mut points: Vec<Line> = children
        .iter()
        .take(RUNS_MAX)
        .map(|(stage, number, of, run)| {
            let attempt = if *of > 1 { format!(", attempt {number}") } else { String::new() };
            line!("{}{}: run {}", id(stage), attempt, Line::run(run))
        })
        .collect();
    let more = children.len().saturating_sub(RUNS_MAX);
    if more > 0 {
        points.push(line!("*{} more in forensic_report.json*", more));
    }
    items.list(points);
}

/// What attempts waited for though a slot was free.
pub(super) fn pools(facts: &Facts<'_>, items: &mut Items) {
    let mut pools: BTreeMap<&str, (usize, BTreeSet<&str>)> = BTreeMap::new();
    for view in &facts.stages {
        for attempt in view.model.iter().flat_map(|stage| &stage.attempts) {
            if let Some(pool) = &attempt.waited_for_pool {
                let (attempts, stages) = pools.entry(pool).or_default();
                *attempts += 1;
                stages.insert(&view.summary.id);
            }
        }
    }
    if pools.is_empty() {
        return;
    }
    let mut parts: Vec<String> = pools
        .iter()
        .take(POOLS_MAX)
        .map(|(pool, (attempts, stages))| {
            let names: Vec<String> = stages.iter().map(|stage| (*stage).to_owned()).collect();
            format!("{} by {} ({})", id(pool), count(*attempts, "attempt"), ids(&names, ", ", 3))
        })
        .collect();
    if pools.len() > POOLS_MAX {
        parts.push(count(pools.len() - POOLS_MAX, "more pool"));
    }
    items.paragraph(line!("Pools that were waited for though a slot was free: {}.", parts.join("; ")));
}
