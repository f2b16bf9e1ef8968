//! The live area as a pure function: what is known of a run, and the size of the window, into lines.

use std::collections::HashMap;
use std::time::Duration;

use anstyle::Style;

use super::board::{Active, Board, Phase};
use super::lines::stopped_by;
use super::style::{BAD, BOLD, DIM, GOOD, WARN};
use super::text::{Line, columns, squeeze};
use crate::dag::StopReason;
use crate::units::{count, integer};

/// Lines are not longer than that, however wide the window is.
const WIDTH_MAX: usize = 120;
/// The narrowest column of names.
const NAME_MIN: usize = 8;

/// The lines at the bottom of a window of `width` columns and `height` rows, at the moment `now`: running stages, and the
/// status line at the end. At most `height - 1` lines of at most `width - 1` columns each; none in a window without room.
pub(super) fn area(board: &mut Board, now: Duration, width: usize, height: usize) -> Vec<Line> {
    // A line that ends in the last column leaves the cursor where terminals disagree.
    let (width, height) = (width.saturating_sub(1).min(WIDTH_MAX), height.saturating_sub(1));
    if width == 0 || height == 0 {
        return Vec::new();
    }
    let mut last = vec![status(board, now, width)];
    if let Some(line) = stopping(board) {
        last.insert(0, line);
    }
    let from = last.len().saturating_sub(height);
    let mut last = last.split_off(from);
    // Two thirds: above, there is room for what has ended.
    let room = (height * 2 / 3).max(1).saturating_sub(last.len());
    let mut lines = tree(board, now, width, room);
    lines.append(&mut last);
    lines.into_iter().map(|line| line.cut(width)).collect()
}

enum Row<'a> {
    /// Several of a family run.
    Family {
        family: usize,
        running: usize,
    },
    Stage {
        stage: Active<'a>,
        indent: usize,
    },
}

/// Running stages in at most `room` lines, those of one family under its name.
fn tree(board: &Board, now: Duration, width: usize, room: usize) -> Vec<Line> {
    if room == 0 {
        return Vec::new();
    }
    let mut rows = rows(board);
    let total = rows.len();
    let mut hidden = 0;
    if total > room {
        hidden = rows.drain(room - 1..).filter(|row| matches!(row, Row::Stage { .. })).count();
    }
    let longest =
        rows.iter().map(|row| if let Row::Stage { stage, indent } = row { indent + columns(stage.id) } else { 0 });
    let names = longest.max().unwrap_or(0).min((width * 3 / 5).max(NAME_MIN));
    let mut lines: Vec<Line> = rows
        .into_iter()
        .map(|row| match row {
            Row::Family { family, running } => {
                let family = board.family(family);
                let (running, done, total) =
                    (integer(running as u64), integer(family.done as u64), integer(family.total as u64));
                let facts = format!("  {running} running, {done} of {total} done");
                let name = squeeze(&family.name, width.saturating_sub(2 + facts.len()).max(NAME_MIN));
                Line::default().and("  ").with(BOLD, &name).with(DIM, &facts)
            }
            Row::Stage { stage, indent } => {
                let name = squeeze(stage.id, names.saturating_sub(indent).max(1));
                let gap = (names + 2).saturating_sub(indent + columns(&name));
                let line = Line::default().and(&" ".repeat(indent)).and(&name).and(&" ".repeat(gap));
                times(line, &stage, now)
            }
        })
        .collect();
    if hidden > 0 {
        lines.push(Line::default().with(DIM, &format!("  … and {} more", integer(hidden as u64))));
    }
    lines
}

/// In the order in which they began; a family stands where its first one does.
fn rows(board: &Board) -> Vec<Row<'_>> {
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    board.active().filter_map(|stage| stage.family).for_each(|family| *sizes.entry(family).or_default() += 1);
    let mut blocks: Vec<(Option<usize>, Vec<Active<'_>>)> = Vec::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    for stage in board.active() {
        let family = stage.family.filter(|family| sizes.get(family).is_some_and(|&size| size > 1));
        match family.and_then(|family| places.get(&family).copied()) {
            Some(block) => blocks[block].1.push(stage),
            None => {
                if let Some(family) = family {
                    places.insert(family, blocks.len());
                }
                blocks.push((family, vec![stage]));
            }
        }
    }
    let mut rows = Vec::new();
    for (family, stages) in blocks {
        let indent = if family.is_some() { 4 } else { 2 };
        if let Some(family) = family {
            let running = stages.iter().filter(|stage| matches!(stage.phase, Phase::Running { .. })).count();
            rows.push(Row::Family { family, running });
        }
        rows.extend(stages.into_iter().map(|stage| Row::Stage { stage, indent }));
    }
    rows
}

fn times(line: Line, stage: &Active<'_>, now: Duration) -> Line {
    match stage.phase {
        Phase::Running { attempt, since } => {
            let elapsed = now.saturating_sub(*since);
            let mut line = line.and(&coarse(elapsed));
            match stage.expected {
                Some(expected) if expected < elapsed => {
                    line = line.with(WARN, &format!(", usually {}", coarse(expected)))
                }
                Some(expected) => line = line.with(DIM, &format!(" of about {}", coarse(expected))),
                None => {}
            }
            if *attempt > 1 { line.with(WARN, &format!(", attempt {attempt}")) } else { line }
        }
        Phase::BackingOff { attempt, until, why } => {
            let again = format!("again in {}", coarse(round_up(until.saturating_sub(now))));
            line.with(WARN, &again).with(DIM, &format!(" (attempt {attempt}: {why})"))
        }
        Phase::Waiting | Phase::Done => line,
    }
}

fn stopping(board: &Board) -> Option<Line> {
    let reason = board.stopping?;
    let (by, attempts) = (stopped_by(reason), count(board.running(), "attempt"));
    let (words, facts) = match (board.running(), reason) {
        (0, _) => return Some(Line::default().with(WARN, &format!("stopped by {by}"))),
        _ if board.killing => return Some(Line::default().with(BAD, &format!("killing {attempts}"))),
        (_, StopReason::StageFailed) => ("stopping … nothing more is started", format!(" ({attempts}; by {by})")),
        (_, StopReason::Timeout) => ("stopping … Ctrl-C to kill", format!(" ({attempts}; by {by})")),
        _ => ("stopping … Ctrl-C once more to kill", format!(" ({attempts}; by {by})")),
    };
    Some(Line::default().with(WARN, words).with(DIM, &facts))
}

/// A part of the status line: the smaller its rank, the longer it stays when the window gets narrow.
struct Part {
    rank: u8,
    style: Style,
    text: String,
}

fn status(board: &mut Board, now: Duration, width: usize) -> Line {
    let tally = board.tally;
    let (done, total) = (integer(tally.done() as u64), integer(board.total() as u64));
    let mut parts = vec![Part { rank: 0, style: BOLD, text: format!("[{done}/{total}]") }];
    let mut part = |rank, style, text| parts.push(Part { rank, style, text });
    if tally.done() < board.total() {
        part(3, Style::new(), format!("{} of {} slots", integer(board.running() as u64), integer(board.slots.into())));
    }
    for (rank, style, number, what) in [
        (5, GOOD, tally.ok, "ok"),
        (2, BAD, tally.failed, "failed"),
        (9, WARN, tally.allowed, "failed as allowed"),
        (7, GOOD, tally.cached, "cached"),
        (8, WARN, tally.skipped, "skipped"),
        (10, WARN, tally.stopped, "stopped"),
        (6, DIM, board.waiting(), "waiting"),
    ] {
        if number > 0 {
            part(rank, style, format!("{} {what}", integer(number as u64)));
        }
    }
    let (called, reports) = board.reports;
    if tally.done() == board.total() && reports > 0 {
        part(3, Style::new(), format!("report stage {} of {reports}", (called + 1).min(reports)));
    }
    part(1, Style::new(), coarse(now));
    if tally.done() < board.total()
        && board.stopping.is_none()
        && let Some(left) = board.left(now)
    {
        parts.push(Part { rank: 4, style: DIM, text: format!("about {} left", coarse(round_up(left))) });
    }
    // The least important go until the rest fits.
    while parts.len() > 1 && parts.iter().map(|part| columns(&part.text) + 3).sum::<usize>() > width + 3 {
        let least = parts.iter().enumerate().max_by_key(|(_, part)| part.rank).map_or(0, |(at, _)| at);
        parts.remove(least);
    }
    let mut line = Line::default();
    for (at, part) in parts.iter().enumerate() {
        line = line.with(DIM, ["", " · "][usize::from(at > 0)]).with(part.style, &part.text);
    }
    line
}

fn round_up(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}

/// A time that goes on: whole seconds, so that it changes once a second.
pub(super) fn coarse(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}
