//! Which plugins a pipeline runs, written down so that nothing changes unseen: the lock file beside `pipeline.toml`,
//! and signatures over components.
//!
//! What may live here: the lock's content (`model`), its text (`parse`, `write`), what differs from it (`compare`),
//! keys that are trusted (`keys`) and signatures that are checked with them (`signature`). Callers say what the
//! pipeline has now and what follows from a difference; nothing here reads a pipeline, loads a plugin or talks to a
//! registry.

mod compare;
mod keys;
mod model;
mod parse;
mod signature;
mod write;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

pub use compare::{Aspect, Change, Effect};
pub use keys::{BadKeyId, KeyId, KeysError, TrustedKeys};
pub use model::{BadSource, Lock, Locked, Source};
pub use signature::{Signature, SignatureError, Verified};

use crate::config::{LoadError, read_text};
use crate::files;

/// Name of the lock file, in the folder of `pipeline.toml`.
pub const LOCK_FILE: &str = "forensic.lock";
/// Version of its format.
pub const LOCK_VERSION: u64 = 1;
/// Largest lock file, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// There is no such file.
    #[error("there is no {}: make it with `forensic-host plugin lock`, review it and commit it", .0.display())]
    Missing(PathBuf),
    /// It can't be read, or has mistakes.
    #[error(transparent)]
    Unusable(#[from] LoadError),
    /// It can't be written.
    #[error("can't write {}: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// [`LockError`]; every mistake in the file has its line and column.
    pub fn read(path: &Path) -> Result<Self, LockError> {
        let text = read_text(path, MAX_FILE).map_err(|error| match error {
            LoadError::Unreadable { path, io } if io.kind() == io::ErrorKind::NotFound => LockError::Missing(path),
            error => error.into(),
        })?;
        Ok(Self::parse(text, path).map_err(LoadError::from)?)
    }

    /// Writes the lock file, whole or not at all.
    ///
    /// # Errors
    /// [`LockError::Unwritable`]; then the file is as it was.
    pub fn write(&self, path: &Path) -> Result<(), LockError> {
        let outcome = (|| {
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "this is no file name"))?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            files::write_bytes(&Dir::open_ambient_dir(folder, ambient_authority())?, name, self.to_toml().as_bytes())
        })();
        outcome.map_err(|source| LockError::Unwritable { path: path.to_owned(), source })
    }
}
