//! Granted files, in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use sha2::{Digest, Sha256};

use crate::{Artifact, ArtifactError};

/// The files, by id, and those that can't be read.
#[derive(Debug, Default)]
pub(super) struct Files {
    contents: BTreeMap<String, Vec<u8>>,
    failures: BTreeMap<String, String>,
}

impl Files {
    /// All files below a folder whose id is wanted. Links are followed only where a test's author put them: never into
    /// another folder.
    pub(super) fn below(folder: &Path, wanted: impl Fn(&str) -> bool) -> io::Result<Self> {
        let mut files = Self::default();
        let mut folders = vec![(folder.to_owned(), String::new())];
        while let Some((folder, prefix)) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                // A name that isn't UTF-8 can't be an id.
                let Ok(name) = entry.file_name().into_string() else { continue };
                let id = format!("{prefix}{name}");
                if entry.file_type()?.is_dir() {
                    folders.push((entry.path(), format!("{id}/")));
                } else if wanted(&id) {
                    files.contents.insert(id, fs::read(entry.path())?);
                }
            }
        }
        Ok(files)
    }

    pub(super) fn insert(&mut self, id: String, bytes: Vec<u8>) {
        self.failures.remove(&id);
        self.contents.insert(id, bytes);
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.failures.remove(id);
        self.contents.remove(id);
    }

    pub(super) fn fail(&mut self, id: String, why: String) {
        self.contents.entry(id.clone()).or_default();
        self.failures.insert(id, why);
    }

    pub(super) fn list(&self) -> Vec<Artifact> {
        let artifact = |(id, bytes): (&String, &Vec<u8>)| Artifact {
            id: id.clone(),
            size: bytes.len() as u64,
            sha256: Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        self.contents.iter().map(artifact).collect()
    }

    pub(super) fn read(&self, id: &str, offset: u64, len: u32) -> Result<Vec<u8>, ArtifactError> {
        let bytes = self.contents.get(id).ok_or(ArtifactError::NotGranted)?;
        if let Some(why) = self.failures.get(id) {
            return Err(ArtifactError::Failed(why.clone()));
        }
        let rest = bytes.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
        Ok(rest[..rest.len().min(len as usize)].to_vec())
    }
}
