//! Part 3: a row for every declared stage, also for those that never started.

use super::super::escape::cell;
use super::super::heading;
use super::super::table::Table;
use super::{Facts, ID_MAX, StageView, result_words, told};
use crate::conventions::result;
use crate::units::{NONE, bytes, count, duration, integer, maybe_duration};

/// Rows of the table.
const ROWS_MAX: usize = 200;

pub(super) fn draw(facts: &Facts<'_>) -> String {
    let mut out = heading(facts.level, "Stage breakdown");
    let stages = &facts.summary.stages;
    if stages.is_empty() {
        out.push_str("The trace holds no stage.\n\n");
        return out;
    }
    let start = facts.summary.run.start_time.unwrap_or(0);
    let titles = ["Stage", "Status", "Duration>", "Start>", "Queue>", "Attempts>", "CPU>", "Peak memory>", "Critical"];
    let mut table = Table::new(&titles);
    for view in shown(&facts.stages) {
        let s = view.summary;
        let ran = s.attempts > 0;
        table.row([
            view.id_cell(),
            status(view),
            if ran { duration(s.duration_ns) } else { NONE.into() },
            if ran { format!("+{}", duration(s.start_time.saturating_sub(start))) } else { NONE.into() },
            if ran { maybe_duration(s.queue_ns) } else { NONE.into() },
            s.attempts.to_string(),
            maybe_duration(s.cpu_ns),
            peak_memory(view),
            match s.critical {
                Some(true) => "yes".into(),
                Some(false) => String::new(),
                None => NONE.into(),
            },
        ]);
    }
    out.push_str(&table.markdown());
    out.push('\n');
    let more = stages.len().saturating_sub(ROWS_MAX);
    if more > 0 {
        out.push_str(&format!(
            "*+{} more {} in forensic_report.json; shown are failures and the critical path first, then the longest.*\n\n",
            integer(more as u64),
            if more == 1 { "stage" } else { "stages" }
        ));
    }
    let inferred = facts.stages.iter().filter(|view| view.summary.inferred).count();
    if inferred > 0 {
        out.push_str(&format!(
            "≈: the end of {} was not seen; the last sign of life stands for it.\n\n",
            count(inferred, "stage")
        ));
    }
    out
}

/// At most [`ROWS_MAX`] stages in declared order: failures and the critical path first, then the longest.
fn shown<'a, 'b>(stages: &'b [StageView<'a>]) -> Vec<&'b StageView<'a>> {
    let mut order: Vec<usize> = (0..stages.len()).collect();
    if stages.len() > ROWS_MAX {
        order.sort_by_key(|&index| {
            let view = &stages[index];
            let rank = match (view.failed(), view.summary.critical) {
                (true, _) => 0,
                (_, Some(true)) => 1,
                _ => 2,
            };
            (rank, std::cmp::Reverse(view.summary.duration_ns), index)
        });
        order.truncate(ROWS_MAX);
        order.sort_unstable();
    }
    order.into_iter().map(|index| &stages[index]).collect()
}

/// A mark and a word, and what a reader asks next.
fn status(view: &StageView<'_>) -> String {
    let s = view.summary;
    let never = s.attempts == 0;
    let inferred = if s.inferred { " ≈" } else { "" };
    let text = if s.cached {
        match s.saved_ns {
            Some(saved) => format!("♻ cached (saved {})", duration(saved)),
            None => "♻ cached".into(),
        }
    } else {
        match &*s.result {
            result::SUCCESS if s.attempts > 1 => "🔁 success after retry".into(),
            result::FAILURE if out_of_memory(view) => "❌ failure (out of memory)".into(),
            result::FAILURE => match (s.exit_code, last_signal(view)) {
                (_, Some(signal)) => format!("❌ failure ({signal})"),
                (Some(code), None) => format!("❌ failure (exit {code})"),
                (None, None) => "❌ failure".into(),
            },
            result::CANCELLATION if never => "⛔ cancelled, never started".into(),
            result::SKIP => match view.model.and_then(|stage| stage.skipped_because.as_deref()) {
                Some(need) => format!("⏭ skipped (needs {})", cell(&told(need, ID_MAX))),
                None => "⏭ skipped".into(),
            },
            other => {
                let (mark, word) = result_words(Some(other));
                format!("{mark} {word}{}", if never { ", never started" } else { "" })
            }
        }
    };
    text + inferred
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
