//! Tests of the lock and of signatures: real files, and signatures by the real `minisign` and `openssl`.

mod compare;
mod file;
mod signatures;

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::pipeline::OnFailure;
use crate::registry::{Digest, Reference};

const NAME: &str = "forensic.lock";

fn digest(of: &str) -> Digest {
    Digest::of(of.as_bytes())
}

/// A plugin from a file.
fn from_file(report: &str) -> Locked {
    Locked {
        report: report.to_owned(),
        name: "acme-risk".to_owned(),
        version: "1.4.0".to_owned(),
        source: "plugins/acme.wasm".parse().unwrap(),
        manifest: None,
        sha256: digest("component"),
        api: "0.1.0".to_owned(),
        interfaces: vec!["forensic:report/types@0.1.0".to_owned(), "forensic:report/trace@0.1.0".to_owned()],
        artifacts: vec!["data/*.json".to_owned()],
        limits: BTreeMap::from([("memory".to_owned(), "128MiB".to_owned())]),
        on_failure: OnFailure::Degrade,
        signed_by: Some("minisign:0123456789ABCDEF".parse().unwrap()),
    }
}

/// A plugin from a registry.
fn from_registry(report: &str) -> Locked {
    let reference = Reference::parse("oci://registry.example/acme/risk:1.4.0").unwrap();
    Locked { source: Source::Oci(reference), manifest: Some(digest("manifest")), ..from_file(report) }
}

fn parse(text: &str) -> Result<Lock, String> {
    Lock::parse(text.to_owned(), Path::new(NAME)).map_err(|error| error.to_string())
}
