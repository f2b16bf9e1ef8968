//! Compares a run directory with its evidence and its signature.

use cap_std::fs::Dir;
use serde::Serialize;

use super::diff::{Added, Against, Change, Differences};
use super::entry::FileEntry;
use super::inventory::inventory;
use super::key::PublicKey;
use super::record::{RUNNING, Record};
use super::signature::{SignatureState, check, read_regular};
use super::{Rewrite, Taken};
use crate::clock::UnixNanos;
use crate::directory::RECORD;

/// The record of a run with a million files has some 300 MB.
const MAX_RECORD: u64 = 1 << 30;

/// There is a signature, so there was evidence once, unless somebody put the file there.
const NO_EVIDENCE: &str = "it has no evidence, though there is a signature: it was changed, or the run has not ended";

/// What became of a run directory.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// Nothing of what was asked is wrong.
    pub intact: bool,
    /// The run, where that is known: from the record, else from a valid signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The record itself.
    pub record: RecordState,
    /// The signature itself.
    pub signature: SignatureState,
    /// Files that were compared.
    pub files: usize,
    /// Their bytes in all.
    pub bytes: u64,
    /// Files that are not what they were.
    pub changed: Vec<Change>,
    /// Files that were not there.
    pub added: Vec<Added>,
    /// Files that are gone.
    pub removed: Vec<FileEntry>,
    /// Files that could not be read when the evidence was taken: nothing can be said of them.
    pub unverified: Vec<FileEntry>,
    /// What the host itself wrote anew after the run.
    pub rewrites: Vec<Rewrite>,
}

/// What can be said of `run.json`.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RecordState {
    /// It has evidence.
    Ok {
        /// When in the run's life it was taken.
        taken: Taken,
        /// Unix ns.
        time: UnixNanos,
        /// The program that took it.
        by: String,
    },
    /// It can't be used.
    Problem {
        /// Why.
        why: String,
    },
}

/// Why nothing can be said at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is no record and no signature.
    #[error("there is no {RECORD} here: this is no run directory, or its record was removed")]
    Missing,
    /// The run has not ended, or was killed.
    #[error(
        "run {0} has no evidence, because it has not ended: wait for it, or, if it was killed, use `forensic-host recover`"
    )]
    Unfinished(String),
    /// The run ended without evidence.
    #[error("run {run} has no evidence: it was made by forensic-host {version}, which took none")]
    NoEvidence {
        /// The run.
        run: String,
        /// Version of its host.
        version: String,
    },
    /// The directory can't be read.
    #[error("can't list the run directory: {0}")]
    Io(#[from] std::io::Error),
}

/// Reads every file of a run directory and compares it with the evidence in `run.json`, and with the signature where `key`
/// is given; then a missing signature is a failure too.
///
/// # Errors
/// Where there is nothing to compare with.
pub fn verify(dir: &Dir, key: Option<&PublicKey>) -> Result<Verdict, VerifyError> {
    // Read once: what is compared with the signature is what is used.
    let bytes = read_regular(dir, RECORD, MAX_RECORD);
    let (signature, statements) = check(dir, key);
    let record = match &bytes {
        Ok(Some(bytes)) => Record::parse(bytes),
        Ok(None) if signature == SignatureState::Absent => return Err(VerifyError::Missing),
        Ok(None) => Err("it was removed".to_owned()),
        Err(error) => Err(format!("it can't be read: {error}")),
    };
    let unsigned = signature == SignatureState::Absent;
    let record = match record {
        Ok(record) if record.evidence.is_none() && unsigned => {
            return Err(match record.result == RUNNING {
                true => VerifyError::Unfinished(record.run_id),
                false => VerifyError::NoEvidence { run: record.run_id, version: record.host.version },
            });
        }
        record => record,
    };

    let found = inventory(dir)?;
    let mut differences = Differences::default();
    let run_id = match (&record, &signature) {
        (Ok(record), _) => Some(record.run_id.clone()),
        (Err(_), SignatureState::Valid { run_id, .. }) => Some(run_id.clone()),
        _ => None,
    };
    let (record, rewrites) = match record.map(|record| record.evidence) {
        Ok(Some(evidence)) => {
            differences.compare(&evidence.files, &found, Against::Record);
            (RecordState::Ok { taken: evidence.taken, time: evidence.time, by: evidence.by }, evidence.rewrites)
        }
        Ok(None) => (RecordState::Problem { why: NO_EVIDENCE.to_owned() }, Vec::new()),
        Err(why) => (RecordState::Problem { why }, Vec::new()),
    };
    let (files, size) = (found.len(), found.iter().filter_map(|entry| entry.size).sum());
    // The one that was signed with this record; else the newest, and the record differs from it.
    let own = bytes.ok().flatten().map(|bytes| FileEntry::of_bytes(RECORD, &bytes));
    let signed: Vec<_> = statements.iter().map(|statement| statement.files()).collect();
    let fits = |files: &&Vec<FileEntry>| {
        let digest = own.as_ref().and_then(|own| own.sha256.as_ref());
        files.iter().any(|entry| entry.path == RECORD && entry.sha256.as_ref() == digest)
    };
    if let Some(expected) = signed.iter().rev().find(fits).or(signed.last()) {
        let mut found = found;
        found.extend(own);
        differences.compare(expected, &found, Against::Signature);
    }
    differences.settle();

    let Differences { changed, added, removed, unverified } = differences;
    let signature_fails = match &signature {
        SignatureState::Valid { .. } => false,
        SignatureState::Absent => key.is_some(),
        SignatureState::NotChecked { .. } => false,
        SignatureState::UnknownKey { .. } | SignatureState::Invalid { .. } => true,
    };
    let intact = matches!(record, RecordState::Ok { .. })
        && !signature_fails
        && changed.is_empty()
        && added.is_empty()
        && removed.is_empty();
    Ok(Verdict { intact, run_id, record, signature, files, bytes: size, changed, added, removed, unverified, rewrites })
}
