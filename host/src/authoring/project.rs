//! From what a person names to a component: a file, or a folder with a `plugin.toml`.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::manifest::{MANIFEST, Manifest};
use crate::config::LoadError;
use crate::limits::{Limit, show_bytes};

/// A component, and the manifest where the folder was named.
#[derive(Debug, Clone)]
pub struct Project {
    /// The component's file.
    pub file: PathBuf,
    /// Its bytes.
    pub component: Vec<u8>,
    /// What the author says of it.
    pub manifest: Option<Manifest>,
}

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The manifest has mistakes, or can't be read.
    #[error(transparent)]
    Manifest(LoadError),
    /// There is none.
    #[error(
        "{} holds no `{MANIFEST}`: name the folder of a plugin's project, or make one with `forensic-host plugin new`",
        .0.display()
    )]
    NoManifest(PathBuf),
    /// The build has not run.
    #[error("{} is not there yet: build it with `forensic-host plugin build {}`", .0.display(), .1.display())]
    NotBuilt(PathBuf, PathBuf),
    /// The file can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The file is too large to be looked at.
    #[error("{} has {}, and no host takes a component larger than {}", path.display(), show_bytes(*size), show_bytes(Limit::Component.spec().max))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What it has, in bytes.
        size: u64,
    },
}

impl Project {
    /// Reads the manifest of a folder.
    ///
    /// # Errors
    /// [`ProjectError::NoManifest`], [`ProjectError::Manifest`].
    pub fn manifest(folder: &Path) -> Result<Manifest, ProjectError> {
        Manifest::read(folder).map_err(|error| match error {
            LoadError::Unreadable { io, .. } if io.kind() == io::ErrorKind::NotFound => {
                ProjectError::NoManifest(folder.to_owned())
            }
            other => ProjectError::Manifest(other),
        })
    }

    /// Finds the component: `named` is its file, its project's folder, or the `plugin.toml` in there.
    ///
    /// # Errors
    /// [`ProjectError`].
    pub fn find(named: &Path) -> Result<Self, ProjectError> {
        let folder = if named.is_dir() {
            Some(named)
        } else if named.file_name().is_some_and(|name| name == MANIFEST) {
            Some(named.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
        } else {
            None
        };
        let Some(folder) = folder else {
            let component = read(named).map_err(|source| unreadable(named, source))??;
            return Ok(Self { file: named.to_owned(), component, manifest: None });
        };
        let manifest = Self::manifest(folder)?;
        let file = manifest.component_path();
        let component = read(&file).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ProjectError::NotBuilt(file.clone(), folder.to_owned()),
            _ => unreadable(&file, source),
        })??;
        Ok(Self { file, component, manifest: Some(manifest) })
    }
}

fn unreadable(path: &Path, source: io::Error) -> ProjectError {
    ProjectError::Unreadable { path: path.to_owned(), source }
}

fn read(path: &Path) -> io::Result<Result<Vec<u8>, ProjectError>> {
    let size = fs::metadata(path)?.len();
    if size > Limit::Component.spec().max {
        return Ok(Err(ProjectError::TooLarge { path: path.to_owned(), size }));
    }
    fs::read(path).map(Ok)
}
