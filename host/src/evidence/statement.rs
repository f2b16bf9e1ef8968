//! The in-toto Statement (v1, attestation framework 1.1: <https://github.com/in-toto/attestation/tree/main/spec/v1>) that a
//! signature is about: every file of the run with its digest, and a few facts of the run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry::{FileEntry, Kind};
use super::record::Record;
use crate::clock::{UnixNanos, utc};
use crate::directory::RECORD;

/// The payload type of an envelope that holds a statement.
pub(super) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// Names the predicate below. A UUID needs nobody's host and is nobody else's; the fragment says what it is.
pub const PREDICATE_TYPE: &str = "urn:uuid:5d1c3b0e-94f7-4a58-9a6e-2f8b7c41d6e3#forensic-run/v1";

/// A statement about a run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    pub(super) predicate: Predicate,
}

#[derive(Debug, Serialize, Deserialize)]
struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
}

/// What is said of the run. Times are RFC 3339 in UTC, to the nanosecond.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Predicate {
    pub(super) run_id: String,
    pub(super) trace_id: String,
    pub(super) result: String,
    pub(super) pipeline: PredicatePipeline,
    pub(super) host: PredicateHost,
    pub(super) started_on: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) finished_on: Option<String>,
    /// By the signer's own clock.
    pub(super) signed_on: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PredicatePipeline {
    name: String,
    digest: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PredicateHost {
    name: String,
    /// Of the host that ran the pipeline.
    version: String,
}

/// The first part of a statement: enough to know whether it is for us.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "_type")]
    kind: String,
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

impl Statement {
    /// About the run whose record these bytes are.
    pub(super) fn of(record: &Record, files: &[FileEntry], record_bytes: &[u8], now: UnixNanos) -> Self {
        let mut subject: Vec<_> = files
            .iter()
            .filter(|entry| entry.kind == Kind::File)
            .filter_map(|entry| Some((entry.path.clone(), entry.sha256.clone()?)))
            .collect();
        subject.push((RECORD.to_owned(), crate::files::sha256(record_bytes)));
        subject.sort_unstable();
        let sha256 = |digest: String| BTreeMap::from([("sha256".to_owned(), digest)]);
        Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject: subject.into_iter().map(|(name, digest)| Subject { name, digest: sha256(digest) }).collect(),
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: Predicate {
                run_id: record.run_id.clone(),
                trace_id: record.trace_id.clone(),
                result: record.result.clone(),
                pipeline: PredicatePipeline {
                    name: record.pipeline.name.clone(),
                    digest: sha256(record.pipeline.sha256.clone()),
                },
                host: PredicateHost { name: "forensic-host".to_owned(), version: record.host.version.clone() },
                started_on: utc(record.start_time, 9),
                finished_on: record.end_time.map(|time| utc(time, 9)),
                signed_on: utc(now, 9),
            },
        }
    }

    /// Parses a payload whose signature was checked. `None`: a statement about something else.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(payload: &[u8]) -> Result<Option<Self>, String> {
        let head: Head = serde_json::from_slice(payload).map_err(|error| format!("it holds no statement: {error}"))?;
        if head.kind != STATEMENT_TYPE || head.predicate_type != PREDICATE_TYPE {
            return Ok(None);
        }
        let statement: Self =
            serde_json::from_slice(payload).map_err(|error| format!("its statement is malformed: {error}"))?;
        let mut names: Vec<_> = statement.subject.iter().map(|subject| subject.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("its statement names {:?} twice", pair[0]));
        }
        for subject in &statement.subject {
            let digest = subject.digest.get("sha256").map(String::as_str).unwrap_or_default();
            if digest.len() != 64 || !digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(format!("its statement has no SHA-256 for {:?}", subject.name));
            }
        }
        if names.binary_search(&RECORD).is_err() {
            return Err(format!("its statement does not name {RECORD}"));
        }
        Ok(Some(statement))
    }

    /// What the files were, as far as a statement says it; sorted by path.
    pub(super) fn files(&self) -> Vec<FileEntry> {
        let mut files: Vec<_> = self
            .subject
            .iter()
            .map(|subject| FileEntry {
                sha256: subject.digest.get("sha256").cloned(),
                ..FileEntry::bare(subject.name.clone(), Kind::File)
            })
            .collect();
        files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        files
    }
}
