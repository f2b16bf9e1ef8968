//! `runs`: lists, shows, compares and removes runs. Tables go to standard output; what is in them belongs in `crate::runs`.

mod args;
mod diff;
mod list;
mod prune;
mod show;

use serde::Serialize;

use super::args::{Common, Format};
use super::verify::safe;
use super::{Failure, Outcome, print};
use crate::runs::{Entry, State};
use crate::units::{NONE, maybe_duration, time};

pub(super) use args::RunsCommand;

pub(super) fn runs(command: &RunsCommand, common: &Common) -> Outcome {
    match command {
        RunsCommand::List(command) => list::list(command),
        RunsCommand::Show(command) => show::show(command),
        RunsCommand::Diff(command) => diff::diff(command),
        RunsCommand::Prune(command) => prune::prune(command, common),
    }
}

/// Prints a value as JSON, or as the text that is made of it.
fn output<T: Serialize>(format: Format, value: &T, text: impl FnOnce(&T) -> String) -> Result<(), Failure> {
    match format {
        Format::Json => print(&(serde_json::to_string_pretty(value).map_err(Failure::internal)? + "\n")),
        Format::Text => print(&text(value)),
    }
}

/// Columns, two spaces apart; of titles that end in `>` the cells stand right. Cells come safe for a terminal.
fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let right: Vec<bool> = titles.iter().map(|title| title.ends_with('>')).collect();
    let head: Vec<String> = titles.iter().map(|title| title.trim_end_matches('>').to_owned()).collect();
    let width = |text: &String| text.chars().count();
    let widths: Vec<usize> = (0..titles.len())
        .map(|column| rows.iter().chain([&head]).filter_map(|row| row.get(column)).map(width).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for row in [&head].into_iter().chain(rows) {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let fill = " ".repeat(widths[column].saturating_sub(width(cell)));
            line += &if right[column] { format!("{fill}{cell}") } else { format!("{cell}{fill}") };
            line += "  ";
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

/// How a run ended, or where it stands: a shape and a word.
fn result(entry: &Entry) -> String {
    let word = match entry.state {
        State::Ended => entry.result.as_deref().unwrap_or(NONE),
        state => state.word(),
    };
    let mark = match word {
        "success" => "✓",
        "running" => "▶",
        "broken" => "?",
        _ => "✗",
    };
    format!("{mark} {}", safe(word))
}

/// Pipeline and profile.
fn pipeline(entry: &Entry) -> String {
    let name = safe(entry.pipeline.as_deref().unwrap_or(NONE));
    match entry.profile.as_deref() {
        Some(profile) if !profile.is_empty() => format!("{name} ({})", safe(profile)),
        _ => name,
    }
}

fn start(entry: &Entry) -> String {
    entry.start_time.map_or_else(|| NONE.to_owned(), |start| crate::clock::utc(start, 0))
}

fn exact_start(entry: &Entry) -> String {
    entry.start_time.map_or_else(|| NONE.to_owned(), time)
}

fn wall(entry: &Entry) -> String {
    maybe_duration(entry.wall_ns)
}

/// Where a run came from.
fn origin(entry: &Entry) -> String {
    let resumed = entry.resumed_from.as_ref().map(|run| format!("resumed {}", safe(run)));
    let parent =
        entry.parent.as_ref().map(|parent| format!("stage {} of {}", safe(&parent.stage), safe(&parent.run_id)));
    resumed.into_iter().chain(parent).collect::<Vec<_>>().join(", ")
}
