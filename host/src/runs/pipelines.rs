//! Runs by pipeline: which pipelines there are, and which of the listed runs are of one.

use std::collections::HashMap;

use serde::Serialize;

use super::entry::{Entry, State};

/// A pipeline with a profile, and its runs. Times are Unix ns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PipelineRuns {
    /// `[pipeline] name`.
    pub pipeline: String,
    /// `[pipeline] profile`.
    pub profile: Option<String>,
    /// Its runs, those too that have not ended.
    pub runs: usize,
    /// Those that have ended.
    pub ended: usize,
    /// Folder of the newest.
    pub last_run: String,
    /// When it began.
    pub last_start_time: u64,
    /// How it ended, or where it stands.
    pub last_result: String,
}

/// The pipelines of these runs, the one that ran last first. Broken runs are of none.
pub fn pipelines<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<PipelineRuns> {
    let mut found: HashMap<(&str, Option<&str>), PipelineRuns> = HashMap::new();
    for entry in entries {
        let (Some(pipeline), Some(start_time)) = (entry.pipeline.as_deref(), entry.start_time) else { continue };
        let of = found.entry((pipeline, entry.profile.as_deref())).or_insert_with(|| PipelineRuns {
            pipeline: pipeline.to_owned(),
            profile: entry.profile.clone(),
            runs: 0,
            ended: 0,
            last_run: String::new(),
            last_start_time: 0,
            last_result: String::new(),
        });
        of.runs += 1;
        of.ended += usize::from(entry.state == State::Ended);
        if (start_time, entry.folder.as_str()) >= (of.last_start_time, of.last_run.as_str()) {
            of.last_start_time = start_time;
            of.last_run.clone_from(&entry.folder);
            of.last_result = word(entry).to_owned();
        }
    }
    let mut pipelines: Vec<PipelineRuns> = found.into_values().collect();
    pipelines.sort_by(|a, b| {
        b.last_start_time
            .cmp(&a.last_start_time)
            .then_with(|| (&a.pipeline, &a.profile).cmp(&(&b.pipeline, &b.profile)))
    });
    pipelines
}

/// How a run ended, or where it stands.
fn word(entry: &Entry) -> &str {
    match entry.state {
        State::Ended => entry.result.as_deref().unwrap_or(entry.state.word()),
        state => state.word(),
    }
}

/// The ended runs of one pipeline with one profile, newest first. An empty profile is none.
pub(super) fn ended_of<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
    pipeline: &str,
    profile: Option<&str>,
) -> Vec<&'a Entry> {
    let named = |profile: Option<&'a str>| profile.unwrap_or_default();
    let mut runs: Vec<&Entry> = entries
        .into_iter()
        .filter(|entry| entry.state == State::Ended && entry.wall_ns.is_some())
        .filter(|entry| entry.pipeline.as_deref() == Some(pipeline))
        .filter(|entry| named(entry.profile.as_deref()) == profile.unwrap_or_default())
        .collect();
    runs.sort_by(|a, b| (b.start_time, &b.folder).cmp(&(a.start_time, &a.folder)));
    runs
}
