//! The names below a runs folder, newest first, without opening any of them.

use std::path::Path;

use crate::clock::{nanos, utc};

/// Length of the time in a generated run id: `20261122T091600.123Z`.
const STAMP: usize = 20;

/// Names of the folders below `runs`, newest first: by the time in a generated run id, else by when the folder was last changed.
/// Hidden ones are none. Nothing where the folder can't be read.
pub(super) fn newest_first(runs: &Path) -> Vec<String> {
    let mut names: Vec<(String, String)> = std::fs::read_dir(runs)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok().filter(|name| !name.starts_with('.'))?;
            let stamp = match stamp_of(&name) {
                Some(stamp) => stamp.to_owned(),
                None => changed(&entry).unwrap_or_default(),
            };
            Some((stamp, name))
        })
        .collect();
    names.sort_unstable_by(|a, b| b.cmp(a));
    names.into_iter().map(|(_, name)| name).collect()
}

/// The time that a generated run id begins with.
fn stamp_of(name: &str) -> Option<&str> {
    let stamp = name.get(..STAMP)?;
    let fits = stamp.bytes().enumerate().all(|(at, byte)| match at {
        8 => byte == b'T',
        15 => byte == b'.',
        19 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    });
    fits.then_some(stamp)
}

/// When a folder was last changed, in the form of a stamp.
fn changed(entry: &std::fs::DirEntry) -> Option<String> {
    let changed = entry.metadata().ok()?.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    // To the nanosecond, so that runs with names of their own that follow each other quickly stay in order.
    Some(utc(nanos(changed), 9).replace(['-', ':'], ""))
}
