//! `runs list`.

use serde::Serialize;

use super::super::{Exit, Outcome};
use super::args::ListCommand;
use super::{origin, output, pipeline, result, safe, start, table, wall};
use crate::runs::{Entry, State, entries};
use crate::units::NONE;

#[derive(Serialize)]
struct List {
    schema: &'static str,
    /// Folders that were not looked into, because there were enough.
    not_looked_at: usize,
    runs: Vec<Entry>,
}

pub(super) fn list(command: &ListCommand) -> Outcome {
    let wanted = |entry: &Entry| {
        let result = match entry.state {
            State::Ended => entry.result.as_deref(),
            state => Some(state.word()),
        };
        command.pipeline.as_ref().is_none_or(|wanted| entry.pipeline.as_ref() == Some(wanted))
            && command.result.as_deref().is_none_or(|wanted| result == Some(wanted))
    };
    let max = if command.limit == 0 { usize::MAX } else { command.limit };
    let (runs, not_looked_at) = entries(&command.root, max, &wanted);
    output(command.format, &List { schema: "forensic.runs/1", not_looked_at, runs }, text)?;
    Ok(Exit::Success)
}

fn text(list: &List) -> String {
    if list.runs.is_empty() {
        return "No runs.\n".to_owned();
    }
    let rows: Vec<Vec<String>> = list.runs.iter().map(row).collect();
    let mut text = table(&["RUN", "PIPELINE", "RESULT", "START", "TOTAL>", "STAGES>", "CACHED>", ""], &rows);
    if list.not_looked_at > 0 {
        text += &format!("… {} older folders; `--limit 0` lists them all\n", list.not_looked_at);
    }
    text
}

fn row(entry: &Entry) -> Vec<String> {
    let (stages, cached) = match (&entry.stages, entry.state) {
        (None, _) => (NONE.to_owned(), NONE.to_owned()),
        (Some(counts), State::Ended) => {
            (format!("{}/{}", counts.by_result.success, counts.by_result.total), counts.by_result.cached.to_string())
        }
        (Some(counts), _) => (format!("{NONE}/{}", counts.by_result.total), NONE.to_owned()),
    };
    let remark = match &entry.problem {
        Some(problem) => safe(problem),
        None => origin(entry),
    };
    // The folder's name: it is what the other commands take.
    vec![safe(&entry.folder), pipeline(entry), result(entry), start(entry), wall(entry), stages, cached, remark]
}
