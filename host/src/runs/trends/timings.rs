//! What records tell of stages, kept in memory: of many runs it would take too long to read them for each question.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::cache::{Cache, Stamp};
use super::super::past::{self, Past};
use crate::directory::{RECORD, RunDirectory};

/// Memory for all of it, bytes: 2,000 runs of 50 stages take six megabytes.
const ROOM: usize = 64 << 20;
/// Bytes of one record that are read, its list of files aside. That of a run of 100,000 stages has about twenty megabytes.
const RECORD_MAX: u64 = 64 << 20;
/// Names of stages that are held once for all runs; beyond, those that no run needs any more are dropped.
const NAMES_MAX: usize = 200_000;

/// Stage durations and results of runs, by folder, for as long as their records do not change.
#[derive(Debug)]
pub struct Timings {
    /// `None`: damaged or too large.
    kept: Cache<Stamp, Option<Timed>>,
    names: Mutex<HashSet<Arc<str>>>,
}

/// What one record tells. Durations in ns.
#[derive(Debug)]
pub(super) struct Timed {
    pipeline: String,
    profile: Option<String>,
    /// It executed all of its stages: nothing reused, nothing left out.
    pub(super) whole: bool,
    pub(super) succeeded: bool,
    pub(super) stages: Vec<(Arc<str>, Outcome)>,
    /// Size of the record as far as it was read.
    pub(super) bytes: u64,
}

/// What became of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was executed and succeeded, in so many ns.
    Took(u64),
    /// A result word, `cached` or `left_out`.
    Other(Arc<str>),
}

impl Timed {
    pub(super) fn is_of(&self, pipeline: &str, profile: Option<&str>) -> bool {
        self.pipeline == pipeline && self.profile.as_deref() == profile
    }
}

impl Default for Timings {
    fn default() -> Self {
        Self { kept: Cache::new(ROOM), names: Mutex::new(HashSet::new()) }
    }
}

impl Timings {
    /// Of the run in a folder below `runs`. `None`: it has not ended, or its record can't be read.
    pub(super) fn of(&self, runs: &Path, folder: &str) -> Arc<Option<Timed>> {
        let opened = || {
            let file = RunDirectory::open_below(runs, folder).ok()?.file(RECORD).ok()??;
            Some((Stamp::of(&file).ok()?, file))
        };
        let Some((stamp, file)) = opened() else { return Arc::default() };
        if let Some(timed) = self.kept.get(folder, &stamp) {
            return timed;
        }
        let timed = self.read(file.into_std());
        let bytes = timed.as_ref().map_or(0, |timed| timed.stages.len() * size_of::<(Arc<str>, Outcome)>());
        let timed = Arc::new(timed);
        self.kept.put(folder.to_owned(), stamp, Arc::clone(&timed), bytes + size_of::<Timed>() + folder.len());
        timed
    }

    fn read(&self, record: File) -> Option<Timed> {
        let (past, bytes) = past::read(record, None, RECORD_MAX)?;
        (past.is_readable() && past.end_time.is_some()).then(|| self.timed(past, bytes))
    }

    fn timed(&self, past: Past, bytes: u64) -> Timed {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() > NAMES_MAX {
            names.retain(|name| Arc::strong_count(name) > 1);
        }
        let mut name = |text: &str| match names.get(text) {
            Some(name) => Arc::clone(name),
            None => {
                let name: Arc<str> = Arc::from(text);
                names.insert(Arc::clone(&name));
                name
            }
        };
        let (whole, succeeded) = (past.is_whole(), past.succeeded());
        let mut stages: Vec<(Arc<str>, Outcome)> =
            past.stage_durations.iter().map(|(id, ns)| (name(id), Outcome::Took(*ns))).collect();
        for (word, ids) in &past.stage_results {
            let word = name(word);
            stages.extend(ids.iter().map(|id| (name(id), Outcome::Other(Arc::clone(&word)))));
        }
        let (pipeline, profile) = past.into_pipeline();
        Timed { pipeline, profile, whole, succeeded, stages, bytes }
    }
}
