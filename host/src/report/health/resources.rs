//! What attempts used of the machine: processor, memory, storage, as far as it was measured.

use super::super::ReportInput;
use super::super::json::OneLine;
use super::super::model::{Grid, Items, Line, line};
use super::{Facts, id};
use crate::trace::{Attempt, Run};
use crate::units::{NONE, bytes, count, duration, integer};
use serde::Serialize;
use std::cmp::Reverse;

/// Rows of the table.
const ROWS_MAX: usize = 50;

/// Into which the most of a resource is divided, to compare rows; times any amount it fits 128 bits.
const PARTS: u128 = 1_000_000_000_000_000_000;

/// An attempt with its stage's id.
#[derive(Clone, Copy)]
struct Row<'a> {
    stage: &'a str,
    attempt: &'a Attempt,
}

/// A column: title, what its cells say, and what the number means. Shown where an attempt has a value for it.
struct Column {
    title: &'static str,
    value: fn(&Attempt) -> Option<String>,
    meaning: &'static str,
}

const COLUMNS: &[Column] = &[
    Column {
        title: "CPU user>",
        value: |a| a.cpu_user_ns.map(duration),
        meaning: "processor time in its programs, of all processes that were waited for",
    },
    Column {
        title: "CPU system>",
        value: |a| a.cpu_system_ns.map(duration),
        meaning: "processor time in the kernel on their behalf",
    },
    Column {
        title: "Cores kept busy>",
        value: |a| {
            let cpu = a.cpu_ns().filter(|_| a.duration() > 0)?;
            Some(format!("{:.2}", cpu as f64 / a.duration() as f64))
        },
        meaning: "CPU time ÷ duration",
    },
    Column {
        title: "Peak, one process>",
        value: |a| Some(format!("{}{}", if a.peak_memory_is_bound { "≤ " } else { "" }, bytes(a.peak_memory?))),
        meaning: "most memory (resident set) that a single process held",
    },
    Column {
        title: "Peak, all processes>",
        value: |a| a.tree_peak_memory.map(|peak| format!("≥ {}", bytes(peak))),
        meaning: "the largest sum at a moment at which it was looked at, so the true peak may be \
                  higher; memory that processes share counts once for each",
    },
    Column {
        title: "Read from storage>",
        value: |a| a.io_read.map(bytes),
        meaning: "what came from a disk, not what the page cache served",
    },
    Column { title: "Written to storage>", value: |a| a.io_written.map(bytes), meaning: "what was sent to a disk" },
    Column {
        title: "Waits>",
        value: |a| a.voluntary_switches.map(integer),
        meaning: "how often its processes gave up the processor to wait (voluntary context switches)",
    },
    Column {
        title: "Preempted>",
        value: |a| a.involuntary_switches.map(integer),
        meaning: "how often the processor was taken from them (involuntary context switches)",
    },
    Column {
        title: "Out of memory",
        value: |a| a.oom_killed.then(|| "✗ killed".to_owned()),
        meaning: "killed by the kernel for want of memory",
    },
];

/// Nothing at all where nothing was measured.
pub(super) fn tell(facts: &Facts<'_>, items: &mut Items) {
    let rows = facts.input.run.map(rows).unwrap_or_default();
    if rows.is_empty() {
        return;
    }
    let columns: Vec<&Column> =
        COLUMNS.iter().filter(|column| rows.iter().any(|row| (column.value)(row.attempt).is_some())).collect();
    let mut titles = vec!["Stage", "Attempt>", "Duration>"];
    titles.extend(columns.iter().map(|column| column.title));
    let mut grid = Grid::new(&titles);
    for row in largest(&rows) {
        let empty = |column: &Column| if column.title.ends_with('>') { NONE.to_owned() } else { String::new() };
        let first = [id(row.stage), row.attempt.number.to_string(), duration(row.attempt.duration())];
        let values = columns.iter().map(|column| (column.value)(row.attempt).unwrap_or_else(|| empty(column)));
        grid.row(first.into_iter().chain(values).map(Line::from));
    }
    items.heading(1, line!("Resources"));
    items.table(grid);
    let more = rows.len().saturating_sub(ROWS_MAX);
    if more > 0 {
        items.aside(line!(
            "{} in forensic_report.json under `resources`; shown are those that took the largest part of any resource.",
            count(more, "more attempt")
        ));
    }
    let mut meanings = line!("");
    for column in &columns {
        let before = if meanings.size() == 0 { "" } else { " " };
        meanings =
            line!("{}{}*{}*: {}.", meanings, Line::host(before), column.title.trim_end_matches('>'), column.meaning);
    }
    if meanings.size() > 0 {
        items.paragraph(meanings);
    }
}

/// Attempts of which anything is known, in declared order.
fn rows(run: &Run) -> Vec<Row<'_>> {
    run.stages
        .iter()
        .flat_map(|stage| stage.attempts.iter().map(|attempt| Row { stage: &stage.id, attempt }))
        .filter(|row| row.attempt.oom_killed || amounts(row.attempt).iter().any(Option::is_some))
        .collect()
}

/// All that is measured, for comparing.
fn amounts(a: &Attempt) -> [Option<u64>; 9] {
    [
        a.cpu_ns(),
        a.peak_memory,
        a.tree_peak_memory,
        a.io_read,
        a.io_written,
        a.io_read_chars,
        a.io_written_chars,
        a.voluntary_switches,
        a.involuntary_switches,
    ]
}

/// At most [`ROWS_MAX`] rows in declared order: what the kernel killed, then those that took the largest part of the
/// most that any attempt took of a resource.
fn largest<'a, 'b>(rows: &'b [Row<'a>]) -> Vec<&'b Row<'a>> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    if rows.len() > ROWS_MAX {
        let mut most = [1; 9];
        for row in rows {
            for (most, amount) in most.iter_mut().zip(amounts(row.attempt)) {
                *most = amount.unwrap_or(0).max(*most);
            }
        }
        let part = |(amount, most): (Option<u64>, u64)| u128::from(amount.unwrap_or(0)) * PARTS / u128::from(most);
        order.sort_by_cached_key(|&at| {
            let attempt = rows[at].attempt;
            let part = amounts(attempt).into_iter().zip(most).map(part).max();
            (!attempt.oom_killed, Reverse(part), at)
        });
        order.truncate(ROWS_MAX);
        order.sort_unstable();
    }
    order.into_iter().map(|at| &rows[at]).collect()
}

/// What is known of the memory of an attempt that the kernel killed for want of it.
pub(super) fn memory_words(attempt: &Attempt) -> String {
    let one = attempt.peak_memory.map(|peak| format!("its largest process had held {}", bytes(peak)));
    let all = attempt.tree_peak_memory.map(|peak| format!("all its processes together at least {}", bytes(peak)));
    let parts: Vec<String> = one.into_iter().chain(all).collect();
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
}

#[derive(Serialize)]
pub(in super::super) struct AttemptJson<'a> {
    stage: &'a str,
    attempt: u64,
    duration_ns: u64,
    cpu_user_ns: Option<u64>,
    cpu_system_ns: Option<u64>,
    peak_memory_bytes: Option<u64>,
    peak_memory_is_upper_bound: bool,
    tree_peak_memory_bytes: Option<u64>,
    tree_memory_samples: Option<u64>,
    io_read_bytes: Option<u64>,
    io_written_bytes: Option<u64>,
    io_read_chars: Option<u64>,
    io_written_chars: Option<u64>,
    context_switches_voluntary: Option<u64>,
    context_switches_involuntary: Option<u64>,
    oom_killed: bool,
}

/// All attempts of which anything is known, each on a line.
pub(in super::super) fn resources_json<'a>(input: &ReportInput<'a>) -> Vec<OneLine<AttemptJson<'a>>> {
    let rows = input.run.map(rows).unwrap_or_default();
    rows.iter()
        .map(|Row { stage, attempt: a }| {
            OneLine(AttemptJson {
                stage,
                attempt: a.number,
                duration_ns: a.duration(),
                cpu_user_ns: a.cpu_user_ns,
                cpu_system_ns: a.cpu_system_ns,
                peak_memory_bytes: a.peak_memory,
                peak_memory_is_upper_bound: a.peak_memory_is_bound,
                tree_peak_memory_bytes: a.tree_peak_memory,
                tree_memory_samples: a.tree_memory_samples,
                io_read_bytes: a.io_read,
                io_written_bytes: a.io_written,
                io_read_chars: a.io_read_chars,
                io_written_chars: a.io_written_chars,
                context_switches_voluntary: a.voluntary_switches,
                context_switches_involuntary: a.involuntary_switches,
                oom_killed: a.oom_killed,
            })
        })
        .collect()
}
