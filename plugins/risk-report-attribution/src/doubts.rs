//! Why a difference of two yearly returns may mislead: few returns, values at a limit, other windows.

use forensic_plugin_kit::suite::{Entry, Meta};
use forensic_plugin_kit::{Notes, sections};

/// Fewer returns than this are less than a year of trading days, which annualizing scales up.
const YEAR: i64 = 252;

/// Number of returns: as counted, else by the windows; `None` if neither is known.
pub(crate) fn days(entry: &Entry, meta: &Meta) -> Option<i64> {
    if let Some(days) = entry.summary.days {
        return i64::try_from(days).ok();
    }
    let windows = i64::try_from(entry.windows.len()).ok().filter(|windows| *windows > 0)?;
    let test = meta.test?;
    // Windows that overlap count once.
    let step = meta.step.filter(|step| *step > 0).map_or(test, |step| step.min(test));
    step.checked_mul(windows - 1)?.checked_add(test).filter(|days| *days > 0)
}

/// What to doubt of `entry`, alone or against `baseline`: words for its row, and sentences for the notes.
pub(crate) fn of(entry: &Entry, baseline: Option<&Entry>, meta: &Meta, notes: &mut Notes) -> String {
    let mut doubts = Vec::new();
    let name = entry.name();
    match days(entry, meta) {
        Some(days) if days < YEAR => {
            doubts.push(format!("{days} days scaled up to a year"));
            notes.warn("Returns of less than a year are scaled up to one, so a difference may be chance", &name);
        }
        Some(_) => {}
        None => doubts.push("number of days unknown".into()),
    }
    if !entry.summary.clipped.is_empty() {
        doubts.push(format!("clipped: {}", entry.summary.clipped.join(", ")));
        notes.warn("At a limit of the producer or of the formulas, so differences are too", &name);
    }
    if let Some(baseline) = baseline.filter(|baseline| baseline.windows.len() != entry.windows.len()) {
        let (own, other) = (entry.windows.len(), baseline.windows.len());
        doubts.push(format!("{} against {other}", sections::count(own, "window")));
        notes.warn(format!("Other windows than the baseline {}", baseline.name()), &name);
    }
    if entry.summary.annual_return.is_none() {
        notes.warn("N/A because the results have no annualized_return", &name);
    }
    if doubts.is_empty() { "none".to_owned() } else { doubts.join("; ") }
}
