//! A host for tests: filled by hand or from a folder, no WebAssembly in sight.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use sha2::{Digest, Sha256};

use crate::{
    Artifact, ArtifactError, Attribute, HealthMetrics, Host, Level, OpenSpan, RunSummary, SpanPage, SpanQuery,
    SpanTimes, StageSummary, TraceError,
};

/// Stands in for the host. Without a run its trace is missing, as it can be in real life.
#[derive(Debug, Default)]
pub struct MockHost {
    run: Option<RunSummary>,
    health: Option<HealthMetrics>,
    stages: Vec<StageSummary>,
    files: BTreeMap<String, Vec<u8>>,
    log: RefCell<Vec<(Level, String)>>,
}

impl MockHost {
    /// A host without trace and artifacts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Grants every file below `folder`, with ids relative to it.
    ///
    /// # Errors
    /// Where the folder can't be read.
    pub fn from_folder(folder: impl AsRef<Path>) -> io::Result<Self> {
        let mut host = Self::new();
        host.add_folder(folder.as_ref(), "")?;
        Ok(host)
    }

    fn add_folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let id = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.add_folder(&entry.path(), &format!("{id}/"))?;
            } else {
                self.files.insert(id, fs::read(entry.path())?);
            }
        }
        Ok(())
    }

    /// Grants one file.
    #[must_use]
    pub fn with_file(mut self, id: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(id.into(), bytes.into());
        self
    }

    /// Takes a file away.
    #[must_use]
    pub fn without_file(mut self, id: &str) -> Self {
        self.files.remove(id);
        self
    }

    /// Gives it a trace.
    #[must_use]
    pub fn with_trace(mut self, run: RunSummary, health: HealthMetrics, stages: Vec<StageSummary>) -> Self {
        (self.run, self.health, self.stages) = (Some(run), Some(health), stages);
        self
    }

    /// What the plugin logged.
    pub fn logged(&self) -> Vec<(Level, String)> {
        self.log.borrow().clone()
    }
}

impl Host for MockHost {
    fn run(&self) -> Result<RunSummary, TraceError> {
        self.run.clone().ok_or(TraceError::Missing)
    }
    fn health(&self) -> Result<HealthMetrics, TraceError> {
        self.health.clone().ok_or(TraceError::Missing)
    }
    fn stages(&self, offset: u32, max: u32) -> Vec<StageSummary> {
        self.stages.iter().skip(offset as usize).take(max.min(1024) as usize).cloned().collect()
    }
    fn spans(&self, _query: &SpanQuery, _cursor: u64, _max: u32) -> SpanPage {
        SpanPage { spans: Vec::new(), next: None }
    }
    fn times(&self, _query: &SpanQuery, _cursor: u64, _max: u32) -> SpanTimes {
        SpanTimes { start_times: Vec::new(), end_times: Vec::new(), next: None }
    }
    fn history(&self, _max: u32) -> Vec<RunSummary> {
        Vec::new()
    }
    fn artifacts(&self) -> Vec<Artifact> {
        self.files
            .iter()
            .map(|(id, bytes)| Artifact {
                id: id.clone(),
                size: bytes.len() as u64,
                sha256: Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
            })
            .collect()
    }
    fn read(&self, id: &str, offset: u64, len: u32) -> Result<Vec<u8>, ArtifactError> {
        let bytes = self.files.get(id).ok_or(ArtifactError::NotGranted)?;
        let rest = bytes.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
        Ok(rest[..rest.len().min(len.min(1 << 20) as usize)].to_vec())
    }
    fn log(&self, level: Level, text: &str) {
        self.log.borrow_mut().push((level, text.to_owned()));
    }
    fn start_span(&self, _name: &str, _attributes: &[Attribute]) -> Box<dyn OpenSpan> {
        Box::new(Unrecorded)
    }
}

/// A span that nobody looks at.
struct Unrecorded;

impl OpenSpan for Unrecorded {
    fn set_attribute(&self, _attribute: &Attribute) {}
    fn add_event(&self, _name: &str, _attributes: &[Attribute]) {}
    fn fail(&self, _message: &str) {}
    fn end(&self) {}
}
