//! What the dashboard draws: the columns of the trace, with what only the report has beside it, and which run they are of.

use super::ReportInput;
use super::escape::visible;
use super::health::against_baseline;
use super::json::SCHEMA;
use crate::trace::Columns;
use crate::trace::columns::Tail;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::HashMap;

/// With the baseline and the ends of logs: a copy where there are any. `None` where there is no trace.
pub(super) fn of<'a>(input: &ReportInput<'a>) -> Option<Cow<'a, Columns>> {
    let columns = input.columns?;
    if input.tails.is_empty() && input.baseline.zip(input.summary).is_none() {
        return Some(Cow::Borrowed(columns));
    }
    let mut columns = columns.clone();
    if let Some((baseline, summary)) = input.baseline.zip(input.summary) {
        against_baseline(baseline, summary, &mut columns.stages);
    }
    if !input.tails.is_empty() {
        let places: HashMap<&str, u32> = (0..).zip(&columns.stages.id).map(|(at, id)| (&**id, at)).collect();
        let tail = |tail: &super::LogTail| {
            Some(Tail {
                stage: *places.get(&*tail.stage)?,
                attempt: tail.attempt,
                path: tail.path.clone(),
                lines: tail.lines.clone(),
                omitted_bytes: tail.omitted_bytes,
            })
        };
        columns.tails = input.tails.iter().filter_map(tail).collect();
    }
    Some(Cow::Owned(columns))
}

/// The dashboard's data, compact: what a page holds of this file, with texts as they are shown. `None` where it can't be written.
pub(super) fn page_data(input: &ReportInput<'_>, columns: &Columns) -> Option<String> {
    serde_json::to_string(&PageData { schema: SCHEMA, run: RunJson::of(input).shown(), columns }).ok()
}

#[derive(Serialize)]
struct PageData<'a> {
    schema: &'static str,
    run: RunJson<'a>,
    columns: &'a Columns,
}

/// Which run it is.
#[derive(Serialize)]
pub(super) struct RunJson<'a> {
    id: Cow<'a, str>,
    pipeline: Cow<'a, str>,
    profile: Option<Cow<'a, str>>,
    result: Option<Cow<'a, str>>,
    dropped_spans: u64,
    redacted_values: u64,
}

impl<'a> RunJson<'a> {
    pub(super) fn of(input: &ReportInput<'a>) -> Self {
        let record = input.record;
        let run = input.summary.map(|summary| &summary.run);
        Self {
            id: run.and_then(|run| run.id.as_deref()).unwrap_or(&record.run_id).into(),
            pipeline: run.and_then(|run| run.pipeline.as_deref()).unwrap_or(&record.pipeline).into(),
            profile: run.and_then(|run| run.profile.as_deref()).or(record.profile.as_deref()).map(Cow::from),
            result: run.and_then(|run| run.result.as_deref()).or(record.result.as_deref()).map(Cow::from),
            dropped_spans: record.dropped_spans,
            redacted_values: record.redacted_values,
        }
    }

    /// What can't be seen is shown.
    fn shown(self) -> Self {
        let show = |text: Cow<'a, str>| Cow::Owned(visible(&text).into_owned());
        Self {
            id: show(self.id),
            pipeline: show(self.pipeline),
            profile: self.profile.map(show),
            result: self.result.map(show),
            ..self
        }
    }
}
