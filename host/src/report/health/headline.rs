//! Part 1: how it went, in one line and one small table.

use super::super::model::{Item, Items, Metric, line};
use super::{Facts, id, ids, result_tone, result_words};
use crate::conventions::{result, skip_reason};
use crate::units::{NONE, count, duration, maybe_duration, percent, ratio, share, time};

/// Stages of the critical path that the table names.
const PATH_MAX: usize = 12;

/// The line: result, total duration, observed speedup, efficiency, CPU use, critical path. A second one says which run.
pub(super) fn line(facts: &Facts<'_>, items: &mut Items) {
    let s = facts.summary;
    let result = s.run.result.as_deref().or(facts.input.record.result.as_deref());
    let (mark, word) = result_words(result);
    let retries: u64 = s.stages.iter().map(|stage| stage.attempts.saturating_sub(1)).sum();
    let retries = if retries > 0 { line!(" after {}", retries_word(retries)) } else { line!("") };
    let path = s.critical_path.as_ref().map(|path| path.duration_ns);
    let headline = line!(
        "**{} {}**{}: total duration **{}**, observed speedup (work ÷ wall) **{}**, parallelism efficiency **{}**, CPU \
         use **{}**, critical path **{}**.",
        mark,
        word,
        retries,
        duration(s.wall_ns),
        ratio(s.speedup),
        percent(s.efficiency),
        percent(s.cpu_use),
        maybe_duration(path),
    );
    items.0.push(Item::Headline(headline.with(result_tone(result))));
    let record = facts.input.record;
    let mut parts = Vec::new();
    let run = s.run.id.as_deref().unwrap_or(&record.run_id);
    parts.push(if run.is_empty() { "Run without an id".into() } else { format!("Run {}", id(run)) });
    let pipeline = s.run.pipeline.as_deref().unwrap_or(&record.pipeline);
    if !pipeline.is_empty() {
        parts.push(format!("pipeline {}", id(pipeline)));
    }
    if let Some(profile) = s.run.profile.as_deref().or(record.profile.as_deref()) {
        parts.push(format!("profile {}", id(profile)));
    }
    if let Some(start) = s.run.start_time {
        parts.push(format!("started {}", time(start)));
    }
    parts.push(stage_counts(facts));
    items.paragraph(line!("{}.", parts.join(", ")));
    super::flow::origin(facts, items);
}

fn retries_word(n: u64) -> String {
    if n == 1 { "1 retry".into() } else { format!("{n} retries") }
}

fn stage_counts(facts: &Facts<'_>) -> String {
    let stages = &facts.summary.stages;
    let plain = || stages.iter().filter(|stage| !stage.cached && !stage.failure_is_allowed());
    let of = |word: &str| plain().filter(|stage| stage.result == word).count();
    let skipped = |reason: &str| stages.iter().filter(|stage| stage.skip_reason.as_deref() == Some(reason)).count();
    let (unwanted, unselected) = (skipped(skip_reason::WHEN), skipped(skip_reason::SELECTION));
    let known = [
        (of(result::FAILURE), "failed"),
        (of(result::ERROR), "with an error"),
        (of(result::TIMEOUT), "timed out"),
        (stages.iter().filter(|stage| stage.failure_is_allowed()).count(), "failed as allowed"),
        (of(result::CANCELLATION), "cancelled"),
        (of(result::SUCCESS), "succeeded"),
        (of(result::RUNNING), "running"),
        (stages.iter().filter(|stage| stage.cached).count(), "cached"),
        (of(result::SKIP).saturating_sub(unwanted + unselected), "skipped"),
        (unwanted, "skipped by condition"),
        (unselected, "not selected"),
    ];
    let rest = stages.len().saturating_sub(known.iter().map(|(n, _)| n).sum());
    let parts: Vec<String> = known
        .into_iter()
        .chain([(rest, "with another result")])
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{n} {word}"))
        .collect();
    let total = count(stages.len(), "stage");
    if parts.is_empty() { total } else { format!("{total}: {}", parts.join(", ")) }
}

/// Each number with a sentence that says how to read it.
pub(super) fn table(facts: &Facts<'_>, items: &mut Items) {
    let s = facts.summary;
    let mut metrics = Vec::new();
    let mut row = |name: &'static str, value: String, reading: String| {
        metrics.push(Metric { name, value: value.into(), reading: reading.into() });
    };

    row("Total duration", duration(s.wall_ns), "Wall clock of the whole run, start to end.".into());
    let attempts: u64 = s.stages.iter().map(|stage| stage.attempts).sum();
    let saved: u64 = s.stages.iter().filter_map(|stage| stage.saved_ns).fold(0, u64::saturating_add);
    let mut reading = format!("Time of {} added up", count(attempts as usize, "attempt"));
    if s.wasted_ns > 0 {
        reading.push_str(&format!(
            "; {} ({}) of it in attempts that failed or were stopped",
            duration(s.wasted_ns),
            share(s.wasted_ns, s.work_ns)
        ));
    }
    if saved > 0 {
        reading.push_str(&format!("; the cache saved another {}", duration(saved)));
    }
    row("Stage work", duration(s.work_ns), reading + ".");
    let ceiling = s.max_speedup.map_or_else(
        || "How many stages ran on average.".into(),
        |_| {
            format!(
                "How many stages ran on average; no number of slots takes this pipeline beyond {}.",
                ratio(s.max_speedup)
            )
        },
    );
    row("Observed speedup", ratio(s.speedup), ceiling);
    row("Parallelism efficiency", percent(s.efficiency), efficiency_reading(facts));
    let cpu: Option<u64> = s.stages.iter().filter_map(|stage| stage.cpu_ns).reduce(u64::saturating_add);
    let cores = facts.input.run.and_then(|run| run.cores);
    let reading = match (cpu, cores) {
        (Some(cpu), Some(cores)) => {
            format!("{} of CPU time on {}, user and system.", duration(cpu), count(cores as usize, "core"))
        }
        (Some(cpu), None) => {
            format!("{} of CPU time, user and system; the number of cores is not known.", duration(cpu))
        }
        (None, _) => "No CPU time was measured.".into(),
    };
    row("CPU use", percent(s.cpu_use), reading);
    match &s.critical_path {
        Some(path) => row(
            "Critical path",
            duration(path.duration_ns),
            match path.stages.len() {
                0 => "No stage took any time.".into(),
                _ => format!(
                    "{} of the wall: {}.",
                    share(path.duration_ns, s.wall_ns),
                    ids(&path.stages, " → ", PATH_MAX)
                ),
            },
        ),
        None => row("Critical path", NONE.into(), "What stages need is not known, so neither is the path.".into()),
    }
    if let Some(queue) = &s.queue {
        let mut reading = match (queue.slot_ns, queue.dispatch_ns) {
            (Some(slot), Some(dispatch)) if queue.total_ns > 0 => {
                format!("All stages' waiting: {} for a free slot, {} to be started", duration(slot), duration(dispatch))
            }
            _ => "All stages' waiting between being ready and being started".into(),
        };
        if let Some(pool) = queue.pool_ns {
            reading.push_str(&format!(", {} of that for a pool", duration(pool)));
        }
        if let Some(totals) = s.chain_totals.as_ref().filter(|totals| totals.queue_ns > 0) {
            reading.push_str(&format!("; {} of it held up the end of the run", duration(totals.queue_ns)));
        }
        row("Waiting", duration(queue.total_ns), reading + ".");
    }
    let peaks = facts.stages.iter().filter(|view| view.summary.peak_memory_bytes.is_some());
    // The first of the largest.
    if let Some(view) = peaks.rev().max_by_key(|view| view.summary.peak_memory_bytes) {
        let value = super::stages::peak_memory(view);
        row(
            "Peak memory",
            value,
            format!("Stage {}; the largest single process of any attempt.", id(&view.summary.id)),
        );
    }
    if let Some((value, reading)) = super::baseline::metric(facts) {
        row("Against baseline", value, reading);
    }
    items.0.push(Item::Metrics(metrics));
}

fn efficiency_reading(facts: &Facts<'_>) -> String {
    let s = facts.summary;
    let idle = duration(s.idle.total_ns);
    match s.run.slots {
        None => "The number of slots is not known.".into(),
        Some(0) => format!("Slots are unlimited: the share of the ceiling that was reached; nothing ran for {idle}."),
        Some(slots) => {
            let full = s.levels.get(slots as usize).copied().unwrap_or(0);
            format!(
                "Share of {} that was used; all of them for {}, none for {idle}.",
                count(slots as usize, "slot"),
                duration(full)
            )
        }
    }
}
