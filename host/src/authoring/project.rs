//! A plugin's project. A stand-in with the interface of helper X's reader: to be replaced by it.
#![allow(missing_docs, reason = "to be replaced")]

use std::path::Path;

use super::manifest::Manifest;

pub struct Project;

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ProjectError(String);

impl Project {
    pub fn manifest(folder: &Path) -> Result<Manifest, ProjectError> {
        Manifest::read(folder).map_err(|why| ProjectError(format!("{}: {why}", folder.display())))
    }
}
