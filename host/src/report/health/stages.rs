//! Part 3: a row for every declared stage, also for those that never started.

use super::super::model::{Grid, Items, Line, Tone, line};
use super::{Facts, ID_MAX, StageView, result_tone, result_words, told};
use crate::conventions::result;
use crate::units::{NONE, bytes, count, duration, integer, maybe_duration};

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
    for view in shown(&facts.stages) {
        let s = view.summary;
        let ran = |text: String| if s.attempts > 0 { text.into() } else { NONE.into() };
        grid.row([
            view.id_cell(),
            Line::from(status(view)).with(tone(view)),
            ran(duration(s.duration_ns)),
            ran(format!("+{}", duration(s.start_time.saturating_sub(start)))),
            ran(maybe_duration(s.queue_ns)),
            s.attempts.into(),
            maybe_duration(s.cpu_ns).into(),
            peak_memory(view).into(),
            match s.critical {
                Some(true) => "yes".into(),
                Some(false) => Line::default(),
                None => NONE.into(),
            },
        ]);
    }
    items.table(grid);
    let more = stages.len().saturating_sub(ROWS_MAX);
    if more > 0 {
        items.aside(line!(
            "+{} more {} in forensic_report.json; shown are failures and the critical path first, then the longest.",
            integer(more as u64),
            if more == 1 { "stage" } else { "stages" }
        ));
    }
    let inferred = facts.stages.iter().filter(|view| view.summary.inferred).count();
    if inferred > 0 {
        items.paragraph(line!(
            "≈: the end of {} was not seen; the last sign of life stands for it.",
            count(inferred, "stage")
        ));
    }
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
                Some(need) => format!("⏭ skipped (needs {})", told(need, ID_MAX)),
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

fn tone(view: &StageView<'_>) -> Tone {
    match result_tone(Some(&view.summary.result)) {
        Tone::Good if view.summary.attempts > 1 => Tone::Warning,
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
