//! What evidence needs of `run.json`, read from its bytes.

use serde::Deserialize;

use super::Evidence;

/// The formats of a record that are read here.
pub(super) const SCHEMAS: [&str; 1] = ["forensic.run/1"];
/// Result of a run that has none yet.
pub(super) const RUNNING: &str = "running";

#[derive(Debug, Deserialize)]
pub(super) struct Record {
    pub(super) schema: String,
    pub(super) run_id: String,
    pub(super) result: String,
    pub(super) pipeline: Pipeline,
    pub(super) host: Host,
    pub(super) trace_id: String,
    pub(super) start_time: u64,
    pub(super) end_time: Option<u64>,
    pub(super) evidence: Option<Evidence>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pipeline {
    pub(super) name: String,
    pub(super) sha256: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Host {
    pub(super) version: String,
}

impl Record {
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let record: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("it is no record of a run: {error}"))?;
        if !SCHEMAS.contains(&record.schema.as_str()) {
            return Err(format!("it has the format {:?}; this host reads {:?}", record.schema, SCHEMAS[0]));
        }
        let files = record.evidence.as_ref().map(|evidence| evidence.files.as_slice()).unwrap_or_default();
        if let Some(pair) = files.windows(2).find(|pair| pair[0].path >= pair[1].path) {
            return Err(format!("its list of files is not in order, or names one twice, at {:?}", pair[1].path));
        }
        Ok(record)
    }
}
