//! The signature of a run: a bundle (JSON lines of DSSE envelopes, in-toto attestation framework 1.1, `bundle.md`) beside
//! `run.json`.

use std::ffi::OsStr;
use std::io::{self, Read as _};

use cap_std::fs::Dir;
use serde::Serialize;

use super::dsse::{Envelope, EnvelopeError};
use super::inventory::open_regular;
use super::key::{PublicKey, SigningKey};
use super::record::{RUNNING, Record};
use super::statement::{PAYLOAD_TYPE, Statement};
use crate::clock::UnixNanos;
use crate::files;

/// Name of the signature's file in the run directory; the suffix is the one that the framework asks for.
pub const SIGNATURE: &str = "run.intoto.jsonl";
/// A million files have a bundle of some 200 MB.
const MAX_BUNDLE: u64 = 256 << 20;

/// What was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Id of the key.
    pub key_id: String,
    /// Files that the signature names, the record among them.
    pub subjects: usize,
}

/// Why a run was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The record is none, or has no evidence yet.
    #[error("can't sign the run: {0}")]
    Record(String),
    /// The file can't be written.
    #[error("can't write the signature {SIGNATURE}: {0}")]
    Io(#[from] io::Error),
}

/// Signs a run: `record` holds the bytes of `run.json` as they were just written, with the evidence in them. An earlier
/// signature stays in the file, before the new one. `now`: Unix ns.
///
/// # Errors
/// Where the record has no evidence, or the signature can't be written.
pub fn sign(dir: &Dir, record: &[u8], key: &SigningKey, now: UnixNanos) -> Result<Signed, SignError> {
    let parsed = Record::parse(record).map_err(SignError::Record)?;
    let evidence = match &parsed.evidence {
        Some(evidence) if parsed.result != RUNNING => evidence,
        _ => return Err(SignError::Record("its record has no evidence yet".to_owned())),
    };
    let statement = Statement::of(&parsed, &evidence.files, record, now);
    let payload = serde_json::to_vec(&statement).map_err(io::Error::from)?;
    let line = serde_json::to_vec(&Envelope::seal(key, PAYLOAD_TYPE, &payload)).map_err(io::Error::from)?;
    // What stands there and is no bundle is replaced: nothing vouches for it.
    let mut bytes = read(dir)
        .ok()
        .flatten()
        .filter(|earlier| earlier.split(|&byte| byte == b'\n').any(|line| envelope(line).is_some()))
        .unwrap_or_default();
    if bytes.last().is_some_and(|&last| last != b'\n') {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(&line);
    bytes.push(b'\n');
    files::write_bytes(dir, SIGNATURE, &bytes)?;
    let subjects = statement.files().len();
    Ok(Signed { key_id: key.key_id(), subjects })
}

/// What can be said of the signature itself. Whether the files are those that were signed is told as changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SignatureState {
    /// There is none.
    Absent,
    /// There is one, and no key to check it with.
    NotChecked {
        /// Ids that it names; nobody vouches for them.
        key_ids: Vec<String>,
    },
    /// Signed by the key.
    Valid {
        /// Id of the key.
        key_id: String,
        /// The run that was signed.
        run_id: String,
        /// When, by the signer's clock: RFC 3339, UTC.
        signed_on: String,
    },
    /// Signed, but by other keys only.
    UnknownKey {
        /// Ids that it names; nobody vouches for them.
        key_ids: Vec<String>,
    },
    /// It proves nothing.
    Invalid {
        /// Why.
        why: String,
    },
}

/// Checks the bundle. With a valid signature there are the statements that the key signed about a run, oldest first.
pub(super) fn check(dir: &Dir, key: Option<&PublicKey>) -> (SignatureState, Vec<Statement>) {
    let invalid = |why: String| (SignatureState::Invalid { why }, Vec::new());
    let bytes = match read(dir) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return (SignatureState::Absent, Vec::new()),
        Err(error) => return invalid(error.to_string()),
    };
    // Lines that are no envelopes, and envelopes for others, are to be ignored.
    let envelopes: Vec<Envelope> = bytes.split(|&byte| byte == b'\n').filter_map(envelope).collect();
    if envelopes.is_empty() {
        return invalid("the file holds no DSSE envelope".to_owned());
    }
    let all_ids = || {
        let mut ids: Vec<String> = envelopes.iter().flat_map(Envelope::key_ids).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let Some(key) = key else { return (SignatureState::NotChecked { key_ids: all_ids() }, Vec::new()) };
    let mut statements = Vec::new();
    let mut problem = None;
    let mut others = false;
    for envelope in &envelopes {
        // The order of the specification: decode, check the signature, then the type, then parse.
        match envelope.open(key) {
            Ok(_) if envelope.payload_type != PAYLOAD_TYPE => {
                let found = &envelope.payload_type;
                problem = Some(format!("what was signed is of type {found:?}, not {PAYLOAD_TYPE:?}"));
            }
            Ok(payload) => match Statement::parse(&payload) {
                Ok(Some(statement)) => statements.push(statement),
                Ok(None) => problem = Some("what was signed is no statement about a run of forensic-host".to_owned()),
                Err(why) => problem = Some(why),
            },
            Err(EnvelopeError::OtherKeys(_)) => others = true,
            Err(error) => problem = Some(error.to_string()),
        }
    }
    statements.sort_by(|a, b| a.predicate.signed_on.cmp(&b.predicate.signed_on));
    let state = match (statements.last(), problem) {
        (Some(newest), _) => SignatureState::Valid {
            key_id: key.key_id(),
            run_id: newest.predicate.run_id.clone(),
            signed_on: newest.predicate.signed_on.clone(),
        },
        (None, None) if others => SignatureState::UnknownKey { key_ids: all_ids() },
        (None, problem) => SignatureState::Invalid { why: problem.unwrap_or_default() },
    };
    (state, statements)
}

fn envelope(line: &[u8]) -> Option<Envelope> {
    serde_json::from_slice(line).ok()
}

fn read(dir: &Dir) -> io::Result<Option<Vec<u8>>> {
    read_regular(dir, SIGNATURE, MAX_BUNDLE)
}

/// The bytes of a regular file at the top of the run directory; `None` if there is nothing of that name.
///
/// # Errors
/// Where it is something else, too long or unreadable.
pub(super) fn read_regular(dir: &Dir, name: &str, max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match open_regular(dir, OsStr::new(name)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {max} bytes")));
    }
    Ok(Some(bytes))
}
