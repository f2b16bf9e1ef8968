//! The shape of a run through the binary: what starts when, what is left out, what is reused, what shares what.

mod failures;
mod made;
mod nested;
mod order;
mod resume;

use crate::support::Bench;

/// Ids of the attempts in the order of their starts.
pub(super) fn started(bench: &Bench) -> Vec<String> {
    let mut attempts: Vec<(u64, String)> = bench
        .trace()
        .kind("attempt")
        .iter()
        .map(|span| {
            let id = span["attributes"]["forensic.stage.id"].as_str().unwrap().to_owned();
            (span["start_time"].as_u64().unwrap(), id)
        })
        .collect();
    attempts.sort();
    attempts.into_iter().map(|(_, id)| id).collect()
}
