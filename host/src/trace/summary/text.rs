//! The summary for a terminal.

use super::{StageSummary, Summary, ratio};
use crate::conventions::skip_reason;
use crate::units::{bytes, duration};
use std::fmt::Write;

fn or_dash<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), show)
}

/// Text from a trace as it may go to a terminal: no control characters, none that turn the direction of writing.
fn plain(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if harmful(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The summary for a terminal: headline, numbers, chain, a row a stage, warnings. Ends with a line feed.
pub fn render_text(summary: &Summary) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_text(&mut out, summary);
    out
}

fn write_text(out: &mut String, s: &Summary) -> std::fmt::Result {
    let two = |value: Option<f64>| or_dash(value, |v| format!("{v:.2}"));
    let percent = |value: Option<f64>| or_dash(value, |v| format!("{:.2} %", v * 100.0));
    let share = |ns| percent(ratio(ns, s.wall_ns));
    let name = s.run.pipeline.as_deref().map_or_else(|| "run".to_owned(), plain);
    let id = s.run.id.as_deref().map(|id| format!(" {}", plain(id))).unwrap_or_default();
    let result = plain(s.run.result.as_deref().unwrap_or("result unknown"));
    writeln!(
        out,
        "{name}{id}: {result} in {}, {} stages, {} spans",
        duration(s.wall_ns),
        s.stages.len(),
        s.spans.count
    )?;
    let named = |text: &Option<String>| text.as_deref().map(plain);
    if let Some(from) = named(&s.run.resumed_from) {
        writeln!(out, "resumes run {from}")?;
    }
    if let Some(parent) = named(&s.run.parent_run) {
        let stage = named(&s.run.parent_stage).map_or_else(|| "a stage".to_owned(), |stage| format!("stage {stage}"));
        writeln!(out, "is {stage} of run {parent}")?;
    }
    writeln!(out)?;

    let slots = match s.run.slots {
        None => "slots unknown".to_owned(),
        Some(0) => "slots unlimited: of the highest speedup".to_owned(),
        Some(slots) => format!("of {slots} slots"),
    };
    let mut lines = vec![
        ("total duration", duration(s.wall_ns), String::new()),
        (
            "busy",
            duration(s.busy_ns),
            format!(
                "idle {}: lead-in {}, gaps {}, tail {}",
                duration(s.idle.total_ns),
                duration(s.idle.lead_in_ns),
                duration(s.idle.gaps_ns),
                duration(s.idle.tail_ns)
            ),
        ),
        ("work", duration(s.work_ns), format!("useful {}, wasted {}", duration(s.useful_ns), duration(s.wasted_ns))),
        ("observed speedup", two(s.speedup), format!("work ÷ wall; at most {}", two(s.max_speedup))),
        ("efficiency", percent(s.efficiency), slots),
        ("CPU use", percent(s.cpu_use), "of all cores".to_owned()),
    ];
    if let Some(path) = &s.critical_path {
        let names: Vec<String> = path.stages.iter().map(|id| plain(id)).collect();
        lines.push(("critical path", duration(path.duration_ns), shortened(&names)));
    } else {
        lines.push(("critical path", "–".to_owned(), String::new()));
    }
    lines.push((
        "schedule quality",
        percent(s.schedule_quality),
        or_dash(s.lower_bound_ns, |ns| format!("lower bound {}", duration(ns))),
    ));
    if let Some(queue) = &s.queue {
        let split = [queue.slot_ns, queue.dispatch_ns].map(|ns| or_dash(ns, duration));
        let pool = queue.pool_ns.map(|ns| format!(" ({} of it for pools)", duration(ns))).unwrap_or_default();
        lines.push(("queue", duration(queue.total_ns), format!("slot {}, dispatch {}{pool}", split[0], split[1])));
    }
    if let Some(t) = &s.chain_totals {
        lines.push((
            "where it went",
            String::new(),
            format!(
                "execution {} ({}), queue {}, back-off {}, overhead {}",
                duration(t.execution_ns),
                share(t.execution_ns),
                duration(t.queue_ns),
                duration(t.backoff_ns),
                duration(t.overhead_ns)
            ),
        ));
    }
    for (label, value, note) in lines {
        writeln!(out, "{}", format!("{label:<17} {value:>10}  {note}").trim_end())?;
    }

    if !s.stages.is_empty() {
        writeln!(out)?;
        let start = s.run.start_time.unwrap_or(0);
        let mut rows: Vec<[String; 10]> = vec![
            ["stage", "result", "start", "duration", "queue", "tries", "CPU", "memory", "slack", "drag"]
                .map(str::to_owned),
        ];
        for stage in &s.stages {
            let mark = if stage.critical == Some(true) { " *" } else { "" };
            rows.push([
                plain(&stage.id) + mark,
                outcome(stage),
                format!("+{}", duration(stage.start_time.saturating_sub(start))),
                duration(stage.duration_ns),
                or_dash(stage.queue_ns, duration),
                stage.attempts.to_string(),
                or_dash(stage.cpu_ns, duration),
                or_dash(stage.peak_memory_bytes, bytes),
                or_dash(stage.slack_ns, duration),
                or_dash(stage.drag_ns, duration),
            ]);
        }
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..10).map(width).collect();
        for row in &rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 | 1 => write!(line, "{cell:<width$}  ")?,
                    _ => write!(line, "{cell:>width$}  ")?,
                }
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        if s.stages.iter().any(|stage| stage.critical == Some(true)) {
            writeln!(out, "* on the critical path; drag is the most that speeding it up can save")?;
        }
        let unselected = |stage: &&StageSummary| stage.skip_reason.as_deref() == Some(skip_reason::SELECTION);
        for stage in s.stages.iter().filter(|stage| !unselected(stage)) {
            if let Some(error) = &stage.error {
                writeln!(out, "{}: {}", plain(&stage.id), plain(error))?;
            }
        }
    }
    for warning in &s.warnings {
        writeln!(out, "warning: {}", plain(warning))?;
    }
    Ok(())
}

/// The result in a few words.
fn outcome(stage: &StageSummary) -> String {
    let word = match stage.skip_reason.as_deref() {
        _ if stage.cached => return "cached".to_owned(),
        Some(skip_reason::WHEN) => "skip (when)".to_owned(),
        Some(skip_reason::SELECTION) => "not selected".to_owned(),
        _ => plain(&stage.result),
    };
    let allowed = if stage.failure_is_allowed() { " (allowed)" } else { "" };
    let inferred = if stage.inferred { " (inferred)" } else { "" };
    format!("{word}{allowed}{inferred}")
}

/// A path on one line: long ones without their middle.
fn shortened(names: &[String]) -> String {
    const ENDS: usize = 6;
    if names.len() <= 2 * ENDS {
        return names.join(" → ");
    }
    let left_out = names.len() - 2 * ENDS;
    format!("{} → ({left_out} more) → {}", names[..ENDS].join(" → "), names[names.len() - ENDS..].join(" → "))
}
