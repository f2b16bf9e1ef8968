//! Filtered, paged access to spans, made for plugins: bounded answers, a cursor that is a plain number, nothing that
//! changes anything.

use super::load::Trace;
use super::span::{Kind, NONE, Span, Status};

/// Most spans of one page, whatever is asked for.
pub const MAX_PAGE: usize = 1024;

/// Which spans; the default is all. A span must pass every filter that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Of this stage: the stage, its attempts and all below them.
    pub stage: Option<String>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// With exactly this name.
    pub name: Option<String>,
    /// Only those with status Error.
    pub only_errors: bool,
}

/// An answer to a [`Query`].
#[derive(Debug)]
pub struct Page<'a> {
    /// In start order.
    pub spans: Vec<Span<'a>>,
    /// Where to go on; `None` at the end.
    pub next: Option<u64>,
}

impl Trace {
    /// The spans that pass `query`, from `cursor` on (0 at first, then [`Page::next`]), at most `max` and never more
    /// than [`MAX_PAGE`]. Any cursor is allowed; one beyond the end gives an empty last page. `max` 0 counts as 1, so
    /// that a walk over all pages ends.
    pub fn query(&self, query: &Query, cursor: u64, max: usize) -> Page<'_> {
        let max = max.clamp(1, MAX_PAGE);
        let mut page = Page { spans: Vec::new(), next: None };
        let stage = match &query.stage {
            None => None,
            Some(id) => match self.stages.get(id) {
                Some(stage) => Some(stage),
                None => return page,
            },
        };
        debug_assert_ne!(stage, Some(NONE));
        let first = usize::try_from(cursor).unwrap_or(usize::MAX).min(self.len());
        for span in (first..self.len()).filter_map(|index| self.span(index)) {
            let passes = stage.is_none_or(|stage| span.stage_index() == stage)
                && query.kind.is_none_or(|kind| span.kind() == kind)
                && (!query.only_errors || span.status() == Status::Error)
                && query.name.as_ref().is_none_or(|name| span.name() == name);
            if !passes {
                continue;
            }
            if page.spans.len() == max {
                page.next = Some(span.index() as u64);
                break;
            }
            page.spans.push(span);
        }
        page
    }
}
