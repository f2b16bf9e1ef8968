//! Members of a matrix that there is nothing to say of one by one, as one row of the stage breakdown. What may matter stays a
//! row of its own: whatever failed, was cut off or tried again, lies on the critical path, or has an end that nobody saw.

use super::StageView;
use crate::conventions::{result, skip_reason};
use std::collections::HashMap;

/// Members of a matrix that all have rows of their own.
const MEMBERS_MIN: usize = 3;

/// What members that share a row have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Class {
    Succeeded,
    Cached,
    KeptByNeed,
    Unwanted,
    Unselected,
    NeverStarted,
}

/// A row of the breakdown.
pub(super) struct Row<'a, 'b> {
    /// What its members have in common; `None`: it's one stage.
    pub(super) member_of: Option<&'a str>,
    /// In declared order, never empty.
    pub(super) members: Vec<&'b StageView<'a>>,
}

/// A row a stage, or a row for members of a matrix with more than [`MEMBERS_MIN`] that ended alike. Each stands where the first
/// of its members would.
pub(super) fn rows<'a, 'b>(stages: &'b [StageView<'a>]) -> Vec<Row<'a, 'b>> {
    let mut sizes: HashMap<&str, usize> = HashMap::new();
    for of in stages.iter().filter_map(|view| view.summary.member_of.as_deref()) {
        *sizes.entry(of).or_default() += 1;
    }
    let mut rows: Vec<Row<'a, 'b>> = Vec::new();
    let mut places: HashMap<(&str, Class), usize> = HashMap::new();
    for view in stages {
        let of = view.summary.member_of.as_deref().filter(|of| sizes.get(of).is_some_and(|n| *n > MEMBERS_MIN));
        match of.zip(class(view)) {
            None => rows.push(Row { member_of: None, members: vec![view] }),
            Some(key) => match places.get(&key) {
                Some(&place) => rows[place].members.push(view),
                None => {
                    places.insert(key, rows.len());
                    rows.push(Row { member_of: Some(key.0), members: vec![view] });
                }
            },
        }
    }
    for row in rows.iter_mut().filter(|row| row.members.len() == 1) {
        row.member_of = None;
    }
    rows
}

/// `None`: it has a row of its own.
fn class(view: &StageView<'_>) -> Option<Class> {
    let s = view.summary;
    if s.critical == Some(true) || s.inferred {
        return None;
    }
    match &*s.result {
        _ if s.cached => Some(Class::Cached),
        result::SUCCESS => (s.attempts <= 1).then_some(Class::Succeeded),
        result::SKIP => Some(match s.skip_reason.as_deref() {
            Some(skip_reason::WHEN) => Class::Unwanted,
            Some(skip_reason::SELECTION) => Class::Unselected,
            _ => Class::KeptByNeed,
        }),
        result::CANCELLATION => (s.attempts == 0).then_some(Class::NeverStarted),
        _ => None,
    }
}

/// Smallest, median and largest of some amounts, as `show` writes them: `1 s / 2 s / 4 s`; one of them where all are the same.
pub(super) fn spread(mut amounts: Vec<u64>, show: impl Fn(u64) -> String) -> Option<String> {
    amounts.sort_unstable();
    let (low, high) = (*amounts.first()?, *amounts.last()?);
    let (a, b) = (amounts[(amounts.len() - 1) / 2], amounts[amounts.len() / 2]);
    let texts = [low, a.midpoint(b), high].map(show);
    if texts[0] == texts[2] { texts.into_iter().next() } else { Some(texts.join(" / ")) }
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn smallest_median_largest() {
        let text = |amounts: &[u64]| spread(amounts.to_vec(), |n| n.to_string());
        assert_eq!(text(&[]), None);
        assert_eq!(text(&[7, 7]).as_deref(), Some("7"));
        assert_eq!(text(&[9, 1, 2]).as_deref(), Some("1 / 2 / 9"));
        assert_eq!(text(&[1, 4, 8, 9]).as_deref(), Some("1 / 6 / 9"));
        assert_eq!(
            text(&[u64::MAX, u64::MAX - 2]).as_deref(),
            Some(&*format!("{0} / {1} / {2}", u64::MAX - 2, u64::MAX - 1, u64::MAX))
        );
    }
}
