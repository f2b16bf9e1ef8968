//! Part 3: a row for every declared stage, also for those that never started; one for members of a matrix that ended alike.

use super::super::model::{Grid, Items, Line, Tone, line};
use super::fold::{self, Row};
use super::{Facts, ID_MAX, StageView, result_tone, result_words, told};
use crate::conventions::{result, skip_reason};
use crate::units::{NONE, bytes, count, duration, integer, maybe_duration};

/// A stage whose condition did not hold.
const UNWANTED: &str = "⏭ skipped (`when` did not hold)";
/// Characters of a message in a cell.
const MESSAGE_MAX: usize = 200;
/// Rows of the table.
const ROWS_MAX: usize = 200;

pub(super) fn tell(facts: &Facts<'_>, items: &mut Items) {
    items.heading(1, line!("Stage breakdown"));
    let stages = &facts.summary.stages;
    if stages.is_empty() {
        return items.paragraph(line!("The trace holds no stage."));
    }
    let start = facts.summary.run.start_time.unwrap_or(0);
    let titles = ["Stage", "Status", "Duration>", "Start>", "Queue>", "Attempts>", "CPU>", "Peak memory>", "Critical"];
    let mut grid = Grid::new(&titles);
    let rows = fold::rows(&facts.stages);
    let shown = shown(&rows);
    for row in &shown {
        grid.row(match row.member_of {
            None => cells(row.members[0], start),
            Some(of) => folded(of, &row.members, start),
        });
    }
    items.table(grid);
    let more = stages.len() - shown.iter().map(|row| row.members.len()).sum::<usize>();
    if more > 0 {
        items.aside(line!(
            "+{} more {} in forensic_report.json; shown are failures and the critical path first, then the longest.",
            integer(more as u64),
            if more == 1 { "stage" } else { "stages" }
        ));
    }
    let folded = || shown.iter().filter(|row| row.member_of.is_some());
    if folded().next().is_some() {
        items.aside(line!(
            "{} stand in {} marked ×: members of a matrix that ended alike, none of them failed, tried again or critical. Of \
             their durations and queues these are smallest / median / largest; start is that of the first, attempts and CPU \
             are sums, peak memory is the largest. Each by itself is in forensic_report.json.",
            count(folded().map(|row| row.members.len()).sum(), "stage"),
            count(folded().count(), "row")
        ));
    }
    let inferred = facts.stages.iter().filter(|view| view.summary.inferred).count();
    if inferred > 0 {
        items.paragraph(line!(
            "≈: the end of {} was not seen; the last sign of life stands for it.",
            count(inferred, "stage")
        ));
    }
    super::flow::children(facts, items);
}

/// The row of one stage.
fn cells(view: &StageView<'_>, start: u64) -> Vec<Line> {
    let s = view.summary;
    let ran = |text: String| if s.attempts > 0 { text.into() } else { NONE.into() };
    let pool = s.waited_for_pool.as_deref().map(|pool| format!(" (pool {})", told(pool, ID_MAX))).unwrap_or_default();
    vec![
        view.id_cell(),
        status(view).with(tone(view)),
        ran(duration(s.duration_ns)),
        ran(format!("+{}", duration(s.start_time.saturating_sub(start)))),
        ran(maybe_duration(s.queue_ns) + &pool),
        s.attempts.into(),
        maybe_duration(s.cpu_ns).into(),
        peak_memory(view).into(),
        match s.critical {
            Some(true) => "yes".into(),
            Some(false) => Line::default(),
            None => NONE.into(),
        },
    ]
}

/// The row of members that ended alike.
fn folded(of: &str, members: &[&StageView<'_>], start: u64) -> Vec<Line> {
    let all = || members.iter().map(|view| view.summary);
    let ran = || all().filter(|s| s.attempts > 0);
    let sum = |amounts: &mut dyn Iterator<Item = u64>| amounts.reduce(u64::saturating_add);
    let or_none = |text: Option<String>| Line::from(text.unwrap_or_else(|| NONE.into()));
    let first = ran().map(|s| s.start_time).min();
    let largest = members.iter().max_by_key(|view| view.summary.peak_memory_bytes);
    vec![
        line!("{} × {}", told(of, ID_MAX), members.len()),
        folded_status(members).with(tone(members[0])),
        or_none(fold::spread(ran().map(|s| s.duration_ns).collect(), duration)),
        or_none(first.map(|first| format!("+{}", duration(first.saturating_sub(start))))),
        or_none(fold::spread(ran().filter_map(|s| s.queue_ns).collect(), duration)),
        all().map(|s| s.attempts).fold(0, u64::saturating_add).into(),
        or_none(sum(&mut all().filter_map(|s| s.cpu_ns)).map(duration)),
        largest.map_or_else(|| NONE.into(), |view| peak_memory(view)).into(),
        if all().all(|s| s.critical.is_none()) { NONE.into() } else { Line::default() },
    ]
}

/// At most [`ROWS_MAX`] rows in declared order: failures and the critical path first, then the longest.
fn shown<'a, 'b, 'c>(rows: &'c [Row<'a, 'b>]) -> Vec<&'c Row<'a, 'b>> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    if rows.len() > ROWS_MAX {
        order.sort_by_cached_key(|&index| {
            let members = &rows[index].members;
            let rank = match (members[0].failed(), members[0].summary.critical) {
                (true, _) => 0,
                (_, Some(true)) => 1,
                _ => 2,
            };
            (rank, std::cmp::Reverse(members.iter().map(|view| view.summary.duration_ns).max()), index)
        });
        order.truncate(ROWS_MAX);
        order.sort_unstable();
    }
    order.into_iter().map(|index| &rows[index]).collect()
}

/// A mark and a word, and what a reader asks next.
fn status(view: &StageView<'_>) -> Line {
    let s = view.summary;
    let inferred = if s.inferred { " ≈" } else { "" };
    if s.cached {
        let from = s.cached_from.as_deref().map_or_else(Line::default, |run| line!(", from run {}", Line::run(run)));
        let saved = s.saved_ns.map(|saved| format!(" (saved {})", duration(saved))).unwrap_or_default();
        return line!("♻ cached{}{}{}", Line::host(&saved), from, Line::host(inferred));
    }
    let never = s.attempts == 0;
    let allowed = view.allowed();
    let mark = if allowed { "⚠" } else { "❌" };
    let text = match &*s.result {
        result::SUCCESS if s.attempts > 1 => "↻ success after retry".into(),
        result::FAILURE if out_of_memory(view) => format!("{mark} failure (out of memory)"),
        result::FAILURE => match (s.exit_code, last_signal(view)) {
            (_, Some(signal)) => format!("{mark} failure ({signal})"),
            (Some(code), None) => format!("{mark} failure (exit {code})"),
            (None, None) => format!("{mark} failure"),
        },
        result::RUNNING => "▸ running".into(),
        result::CANCELLATION if never => "⛔ cancelled, never started".into(),
        result::SKIP => match (s.skip_reason.as_deref(), skipped_because(view)) {
            (Some(skip_reason::WHEN), _) => match &s.skip_message {
                Some(message) => format!("⏭ skipped (`when`: {})", told(message, MESSAGE_MAX)),
                None => UNWANTED.into(),
            },
            (Some(skip_reason::SELECTION), _) => "⏭ not selected".into(),
            (_, Some(need)) => format!("⏭ skipped (needs {})", told(need, ID_MAX)),
            (_, None) => "⏭ skipped".into(),
        },
        other => {
            let (mark, word) = result_words(Some(other));
            let mark = if allowed { "⚠" } else { mark };
            format!("{mark} {word}{}", if never { ", never started" } else { "" })
        }
    };
    Line::from(text + if allowed { ", allowed" } else { "" } + inferred)
}

fn skipped_because<'a>(view: &StageView<'a>) -> Option<&'a str> {
    view.model.and_then(|stage| stage.skipped_because.as_deref())
}

/// The same of members that ended alike.
fn folded_status(members: &[&StageView<'_>]) -> Line {
    let s = members[0].summary;
    if s.cached {
        let saved = members.iter().filter_map(|view| view.summary.saved_ns).fold(0, u64::saturating_add);
        let mut runs: Vec<&str> = members.iter().filter_map(|view| view.summary.cached_from.as_deref()).collect();
        runs.sort_unstable();
        runs.dedup();
        let from = match *runs {
            [] => Line::default(),
            [run] => line!(", from run {}", Line::run(run)),
            _ => line!(", from {}", count(runs.len(), "run")),
        };
        return line!("♻ cached (saved {}){}", duration(saved), from);
    }
    let mut needs: Vec<&str> = members.iter().filter_map(|view| skipped_because(view)).collect();
    let first = needs.first().copied();
    needs.sort_unstable();
    needs.dedup();
    let others = needs.len().saturating_sub(1);
    match first {
        Some(need) if others > 0 => {
            line!("⏭ skipped (needs {} and {})", told(need, ID_MAX), count(others, "other"))
        }
        _ if members.iter().any(|view| view.summary.skip_message != s.skip_message) => UNWANTED.into(),
        _ => status(members[0]),
    }
}

fn tone(view: &StageView<'_>) -> Tone {
    match result_tone(Some(&view.summary.result)) {
        Tone::Good if view.summary.attempts > 1 => Tone::Warning,
        Tone::Bad if view.allowed() => Tone::Warning,
        tone => tone,
    }
}

/// Whether the kernel killed its last attempt for want of memory.
fn out_of_memory(view: &StageView<'_>) -> bool {
    view.model.and_then(|stage| stage.attempts.last()).is_some_and(|last| last.oom_killed)
}

fn last_signal(view: &StageView<'_>) -> Option<String> {
    let signal = view.model?.attempts.last()?.signal?;
    Some(super::failures::signal_name(signal))
}

/// `812 MiB`, `≤ 20 MiB` where it is only an upper bound.
pub(super) fn peak_memory(view: &StageView<'_>) -> String {
    let Some(peak) = view.summary.peak_memory_bytes else { return NONE.into() };
    let mut attempts =
        view.model.iter().flat_map(|stage| &stage.attempts).filter(|a| a.peak_memory == Some(peak)).peekable();
    let bound = attempts.peek().is_some() && attempts.all(|attempt| attempt.peak_memory_is_bound);
    if bound { format!("≤ {}", bytes(peak)) } else { bytes(peak) }
}
