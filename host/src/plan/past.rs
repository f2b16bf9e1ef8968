//! An earlier run as a source of results. May live here: what is to be known of it to reuse from it.

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::globs;
use crate::directory::{DirectoryError, LOGS, RECORD, RunDirectory, RunId};
use crate::pipeline::Pipeline;

/// The most bytes that are read of a run's record.
const MAX_RECORD: u64 = 1 << 30;

/// A run whose results may be reused.
#[derive(Debug)]
pub struct PastRun {
    directory: RunDirectory,
    id: String,
    results: BTreeMap<String, String>,
}

/// Why a run can't be resumed.
#[derive(Debug, thiserror::Error)]
pub enum PastRunError {
    /// There is none.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Its record can't be read.
    #[error("can't resume {}: its record {RECORD} can't be read: {why}", path.display())]
    Record {
        /// The run directory.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// It is of another pipeline.
    #[error(
        "can't resume run {run}: it is a run of the pipeline {found:?}, not of {wanted:?}; name a run of this pipeline"
    )]
    OtherPipeline {
        /// The run.
        run: String,
        /// Its pipeline.
        found: String,
        /// The pipeline at hand.
        wanted: String,
    },
    /// It is the new run itself.
    #[error("run {0} can't resume itself: choose another `--run-id`")]
    Itself(String),
}

#[derive(Deserialize)]
struct Record {
    run_id: String,
    pipeline: RecordPipeline,
}

#[derive(Deserialize)]
struct RecordPipeline {
    name: String,
}

impl PastRun {
    /// Finds a run as a person names it (see [`RunDirectory::find`]) and checks that it is one of this pipeline. `own` is the id
    /// of the new run, where it is known.
    ///
    /// # Errors
    /// [`PastRunError`].
    pub fn open(root: &Path, name: &Path, pipeline: &Pipeline, own: Option<&RunId>) -> Result<Self, PastRunError> {
        let directory = RunDirectory::find(root, name)?;
        let bad = |why: String| PastRunError::Record { path: directory.path().to_owned(), why };
        let file = globs::open_file(directory.dir(), RECORD).map_err(|error| bad(error.to_string()))?;
        let record: Record = serde_json::from_reader(BufReader::with_capacity(1 << 16, file.take(MAX_RECORD)))
            .map_err(|error| bad(error.to_string()))?;
        RunId::parse(&record.run_id).map_err(|error| bad(error.to_string()))?;
        if record.pipeline.name != pipeline.name {
            return Err(PastRunError::OtherPipeline {
                run: record.run_id,
                found: record.pipeline.name,
                wanted: pipeline.name.clone(),
            });
        }
        if own.is_some_and(|own| own.as_str() == record.run_id) {
            return Err(PastRunError::Itself(record.run_id));
        }
        Ok(Self { directory, id: record.run_id, results: BTreeMap::new() })
    }

    /// Tells how its stages ended, id and result word, as its trace says: reasons are better with it.
    #[must_use]
    pub fn with_results(mut self, results: BTreeMap<String, String>) -> Self {
        self.results = results;
        self
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its directory.
    pub fn directory(&self) -> &RunDirectory {
        &self.directory
    }

    /// Why there is no manifest of a stage.
    pub(super) fn why_none(&self, stage: &str) -> String {
        let run = &self.id;
        let started = || self.directory.dir().is_dir(format!("{LOGS}/{stage}"));
        match self.results.get(stage).map(String::as_str) {
            Some(crate::conventions::result::SUCCESS) => {
                format!("succeeded in run {run}, but declared no outputs there or did not leave them")
            }
            Some(crate::conventions::result::SKIP) => format!("was skipped in run {run}"),
            Some(word) => format!("did not succeed in run {run} ({word})"),
            None if started() => format!("did not succeed in run {run}, or its outputs were not kept"),
            None => format!("did not run in run {run}"),
        }
    }
}
