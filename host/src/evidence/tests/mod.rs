//! Tests of the evidence: a real folder, the real functions, and what an attacker or a careless hand would do to it.

mod git;
mod inventory;
mod keys;
mod signature;
mod verify;

use std::fs;
use std::path::PathBuf;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use serde_json::{Value, json};

use super::*;
use crate::directory::RECORD;

/// The keys of RFC 8032, section 7.1, TEST 1 and TEST 2: the whole world knows them.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
";
const OTHER_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=
-----END PUBLIC KEY-----
";
const NOW: u64 = 1_795_300_000_000_000_000;

/// A run directory.
struct Run {
    folder: tempfile::TempDir,
    dir: Dir,
}

impl Run {
    /// With these files and nothing else.
    fn with(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        let run = Self { folder, dir };
        for (path, bytes) in files {
            run.write(path, bytes);
        }
        run
    }

    /// A small one that has ended and has its evidence.
    fn ended() -> Self {
        let run = Self::with(&[
            ("data/forensic_trace.json", b"[]\n"),
            ("data/a.csv", b"1,2,3\n"),
            ("data/b.csv", b"4,5,6\n"),
            ("data/empty", b""),
            ("logs/stage/1.out.log", b"hello\n"),
            ("reports/forensic_report.md", b"# Report\n"),
        ]);
        run.seal();
        run
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Takes the evidence and writes the record with it; returns its bytes.
    fn seal(&self) -> Vec<u8> {
        self.save(&Evidence::take(&self.dir, Taken::RunEnd, NOW).unwrap())
    }

    fn save(&self, evidence: &Evidence) -> Vec<u8> {
        let bytes = serde_json::to_vec_pretty(&json!({
            "schema": "forensic.run/1",
            "run_id": "run-1",
            "result": "success",
            "pipeline": { "name": "test", "sha256": "ab".repeat(32), "stages": [] },
            "host": { "version": "0.1.0", "os": "linux" },
            "start_time": NOW - 5, "end_time": NOW - 1,
            "trace_id": "0af7651916cd43dd8448eb211c80319c",
            "evidence": evidence,
        }));
        let bytes = bytes.unwrap();
        self.write(RECORD, &bytes);
        bytes
    }

    fn sign(&self) -> Signed {
        sign(&self.dir, &fs::read(self.path(RECORD)).unwrap(), &private_key(), NOW).unwrap()
    }

    /// Changes the record as an attacker does who knows how it is made.
    fn edit_record(&self, edit: impl FnOnce(&mut Value)) {
        let mut record = serde_json::from_slice(&fs::read(self.path(RECORD)).unwrap()).unwrap();
        edit(&mut record);
        self.write(RECORD, &serde_json::to_vec_pretty(&record).unwrap());
    }

    fn verify(&self) -> Verdict {
        verify(&self.dir, None).unwrap()
    }

    fn verify_signed(&self) -> Verdict {
        verify(&self.dir, Some(&public_key(PUBLIC))).unwrap()
    }
}

fn key_file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    file
}

fn private_key() -> SigningKey {
    SigningKey::load(key_file(PRIVATE).path()).unwrap()
}

fn public_key(text: &str) -> PublicKey {
    PublicKey::load(key_file(text).path()).unwrap()
}

/// `(changed, added, removed)` by path.
fn paths(verdict: &Verdict) -> (Vec<&str>, Vec<&str>, Vec<&str>) {
    (
        verdict.changed.iter().map(|change| change.path.as_str()).collect(),
        verdict.added.iter().map(|added| added.file.path.as_str()).collect(),
        verdict.removed.iter().map(|file| file.path.as_str()).collect(),
    )
}
