//! The findings in a run's `forensic_report.json`, without its documents: they are passed over while it is read.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::cache::{Cache, Stamp};
use crate::directory::{REPORTS, RunDirectory};

/// Format of the file.
const SCHEMA: &str = "forensic.report/1";
/// Name of the file.
const REPORT: &str = "forensic_report.json";
/// A larger one is not read, bytes. The host's own can be larger only with very many stages or spans.
const SIZE_MAX: u64 = 32 << 20;
/// Findings of one run that are looked at.
const FINDINGS_MAX: usize = 10_000;
/// Memory for all that is kept, bytes.
const ROOM: usize = 64 << 20;

/// Findings of runs, by folder, for as long as their reports do not change.
#[derive(Debug)]
pub struct FindingsKept {
    kept: Cache<Stamp, Result<Reported, UnreadReport>>,
}

/// Why a run's findings are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnreadReport {
    /// It has no report.
    Missing,
    /// It is larger than 32 MiB.
    TooLarge,
    /// It can't be read, or has another format.
    Damaged,
}

impl UnreadReport {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Missing => "has no report",
            Self::TooLarge => "its report is larger than 32 MiB",
            Self::Damaged => "its report can't be read",
        }
    }
}

/// What a report says, as far as it is wanted.
#[derive(Debug, Deserialize)]
pub(super) struct Reported {
    schema: String,
    pub(super) reports: Vec<Section>,
    /// Findings beyond those that are looked at.
    #[serde(skip)]
    pub(super) left_out: usize,
}

#[derive(Debug, Deserialize)]
pub(super) struct Section {
    pub(super) id: String,
    pub(super) plugin: Plugin,
    pub(super) status: String,
    #[serde(default)]
    pub(super) findings: Vec<Found>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Plugin {
    #[serde(default)]
    pub(super) source: String,
    #[serde(default)]
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Found {
    pub(super) severity: FindingSeverity,
    pub(super) subject: String,
    pub(super) text: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingSeverity {
    /// Worst.
    Error,
    /// Less so.
    Warning,
    /// Good to know.
    Info,
}

impl FindingSeverity {
    /// Its word in queries and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }

    /// The one with that word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Error, Self::Warning, Self::Info].into_iter().find(|level| level.word() == word)
    }
}

impl Section {
    /// Whether the plugin came to an end, so that what it did not find is not there.
    pub(super) fn is_complete(&self) -> bool {
        self.status == "ok"
    }
}

impl Default for FindingsKept {
    fn default() -> Self {
        Self { kept: Cache::new(ROOM) }
    }
}

impl FindingsKept {
    /// Of the run in a folder below `runs`.
    pub(super) fn of(&self, runs: &Path, folder: &str) -> Arc<Result<Reported, UnreadReport>> {
        match self.known(runs, folder) {
            Ok(reported) => reported,
            Err(problem) => Arc::new(Err(problem)),
        }
    }

    fn known(&self, runs: &Path, folder: &str) -> Result<Arc<Result<Reported, UnreadReport>>, UnreadReport> {
        let directory = RunDirectory::open_below(runs, folder).map_err(|_| UnreadReport::Missing)?;
        let file = directory.file(&format!("{REPORTS}/{REPORT}")).map_err(|_| UnreadReport::Damaged)?;
        let file = file.ok_or(UnreadReport::Missing)?;
        let stamp = Stamp::of(&file).map_err(|_| UnreadReport::Damaged)?;
        if stamp.size() > SIZE_MAX {
            return Err(UnreadReport::TooLarge);
        }
        if let Some(reported) = self.kept.get(folder, &stamp) {
            return Ok(reported);
        }
        let reported = read(file.into_std());
        let bytes = reported.as_ref().map_or(0, Reported::bytes) + folder.len();
        let reported = Arc::new(reported);
        self.kept.put(folder.to_owned(), stamp, Arc::clone(&reported), bytes);
        Ok(reported)
    }
}

fn read(file: File) -> Result<Reported, UnreadReport> {
    let mut text = Vec::new();
    // One more than there may be: it may have grown.
    file.take(SIZE_MAX + 1).read_to_end(&mut text).map_err(|_| UnreadReport::Damaged)?;
    if text.len() as u64 > SIZE_MAX {
        return Err(UnreadReport::TooLarge);
    }
    let mut reported: Reported = serde_json::from_slice(&text).map_err(|_| UnreadReport::Damaged)?;
    if reported.schema != SCHEMA {
        return Err(UnreadReport::Damaged);
    }
    let mut room = FINDINGS_MAX;
    for section in &mut reported.reports {
        let shown = section.findings.len().min(room);
        reported.left_out += section.findings.len() - shown;
        section.findings.truncate(shown);
        section.findings.shrink_to_fit();
        room -= shown;
    }
    Ok(reported)
}

impl Reported {
    /// Size in memory.
    fn bytes(&self) -> usize {
        let found = |found: &Found| size_of::<Found>() + found.subject.len() + found.text.len();
        let section = |section: &Section| {
            size_of::<Section>()
                + section.id.len()
                + section.plugin.source.len()
                + section.plugin.name.len()
                + section.findings.iter().map(found).sum::<usize>()
        };
        size_of::<Self>() + self.reports.iter().map(section).sum::<usize>()
    }
}
