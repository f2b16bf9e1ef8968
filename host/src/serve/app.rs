//! What all requests share: the root folder, what was read of its runs, and pages that were drawn.

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::answer::Problem;
use super::limits::PAGES_MAX;
use super::live::Live;
use super::pages::run::Made;
use crate::directory::{RunDirectory, RunId};
use crate::runs::{Cache, FindingsKept, Index, Timings};

/// The application over one root folder. Only reads.
pub(super) struct App {
    root: PathBuf,
    index: Index,
    timings: Timings,
    findings: FindingsKept,
    drawn: Cache<Made, Bytes>,
    live: Live,
}

impl App {
    /// Over the runs below `root`.
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            index: Index::new(&root),
            timings: Timings::default(),
            findings: FindingsKept::default(),
            root,
            drawn: Cache::new(PAGES_MAX),
            live: Live::default(),
        }
    }

    /// The root folder.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The runs below it, read again only where they changed.
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// Pages of runs that were drawn.
    pub(super) fn drawn(&self) -> &Cache<Made, Bytes> {
        &self.drawn
    }

    /// Runs that are watched.
    pub(super) fn live(&self) -> &Live {
        &self.live
    }

    /// Durations of the stages of its runs, likewise.
    pub(super) fn timings(&self) -> &Timings {
        &self.timings
    }

    /// Findings of its runs, likewise.
    pub(super) fn findings(&self) -> &FindingsKept {
        &self.findings
    }

    /// Opens a run by an id from an address.
    ///
    /// # Errors
    /// 404 where there is none, or the text is no run id.
    pub(super) fn run(&self, id: &str) -> Result<RunDirectory, Problem> {
        let id = RunId::parse(id).map_err(|error| Problem::not_found(error.to_string()))?;
        self.index.open(id.as_str()).map_err(|error| Problem::not_found(error.to_string()))
    }
}
