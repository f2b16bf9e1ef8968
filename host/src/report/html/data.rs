//! What the dashboard draws, as it stands on the page: the columns with their texts shown, in bounded size.

use super::markup::PageJson;
use crate::report::escape::visible;
use crate::report::{ReportInput, columns};
use crate::trace::Columns;
use std::borrow::Cow;

/// The data of a page; what does not fit is left out in the order of what a reader misses least.
#[derive(Default)]
pub(in crate::report) struct PageData {
    /// `None` where there is no run to draw, or where not even its stages and attempts fit.
    pub(in crate::report) json: Option<PageJson>,
    /// True in the second case.
    pub(in crate::report) too_large: bool,
}

impl PageData {
    /// At most `max` bytes: spans go first, by whole attempts, then the ends of logs.
    pub(in crate::report) fn of(input: &ReportInput<'_>, columns: Option<Cow<'_, Columns>>, max: usize) -> Self {
        let Some(columns) = columns else { return Self::default() };
        let mut columns = columns.into_owned();
        for text in columns.texts_mut() {
            if let Cow::Owned(shown) = visible(text) {
                *text = shown;
            }
        }
        while let Some(json) = columns::page_data(input, &columns).map(PageJson::of) {
            let over = match json.len().checked_sub(max) {
                None | Some(0) => return Self { json: Some(json), too_large: false },
                Some(over) => over,
            };
            drop(json);
            if !columns.spans.is_empty() {
                keep_some(&mut columns, over);
            } else if !columns.tails.is_empty() {
                columns.tails.clear();
            } else {
                break;
            }
        }
        Self { json: None, too_large: true }
    }
}

/// Leaves out so many spans that about `over` bytes go, and a tenth more; at least one.
fn keep_some(columns: &mut Columns, over: usize) {
    let size = serde_json::to_string(&columns.spans).map_or(0, |json| PageJson::of(json).len());
    let share = size.saturating_sub(over) as f64 / size.max(1) as f64 * 0.9;
    let max = (columns.spans.len() as f64 * share) as usize;
    let attempts = &columns.attempts;
    let durations: Vec<u64> =
        attempts.end_ns.iter().zip(&attempts.start_ns).map(|(end, start)| end.abs_diff(*start)).collect();
    columns.spans_left_out += columns.spans.keep_longest(&durations, max);
}
