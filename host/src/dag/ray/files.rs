//! Files that come from a node, in pieces: below the run directory and nowhere else, whole and unchanged or not at all.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Component, Path};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use sha2::{Digest as _, Sha256};

use crate::directory::is_host_file;
use crate::files::hex;
use crate::worker::protocol::FilePiece;

/// Files of one attempt that are on their way.
pub(super) struct Incoming {
    dir: Dir,
    open: HashMap<String, Arriving>,
}

struct Arriving {
    file: File,
    temporary: String,
    digest: Sha256,
    length: u64,
}

impl Incoming {
    /// Below the run directory `dir`.
    pub(super) fn new(dir: Dir) -> Self {
        Self { dir, open: HashMap::new() }
    }

    /// Takes a piece; `Some`: the file can't be had, and why.
    pub(super) fn take(&mut self, piece: &FilePiece) -> Option<String> {
        let outcome = match &piece.error {
            Some(error) => Err(io::Error::other(error.clone())),
            None => self.write(piece),
        };
        let error = outcome.err()?;
        if let Some(arriving) = self.open.remove(&piece.path) {
            // Nothing to add to the error at hand if this fails too.
            drop(self.dir.remove_file(&arriving.temporary));
        }
        Some(format!("{:?} could not be brought back: {error}", piece.path))
    }

    fn write(&mut self, piece: &FilePiece) -> io::Result<()> {
        check(&piece.path)?;
        if piece.off == 0 && !self.open.contains_key(&piece.path) {
            let arriving = self.begin(&piece.path)?;
            self.open.insert(piece.path.clone(), arriving);
        }
        let Some(arriving) = self.open.get_mut(&piece.path) else {
            return Err(io::Error::other("its beginning is missing"));
        };
        if piece.off != arriving.length {
            return Err(io::Error::other("a piece of it is missing"));
        }
        arriving.file.write_all(&piece.bytes)?;
        arriving.digest.update(&piece.bytes);
        arriving.length += piece.bytes.len() as u64;
        if !piece.eof {
            return Ok(());
        }
        let digest = hex(&arriving.digest.clone().finalize());
        if piece.sha256.as_deref() != Some(&digest) {
            return Err(io::Error::other("it is not what was sent (SHA-256)"));
        }
        set_mode(&arriving.file, piece.mode)?;
        arriving.file.sync_all()?;
        self.dir.rename(&arriving.temporary, &self.dir, &piece.path)?;
        self.open.remove(&piece.path);
        Ok(())
    }

    fn begin(&self, path: &str) -> io::Result<Arriving> {
        let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
        self.dir.create_dir_all(folder)?;
        let temporary = format!("{folder}/.{name}.{}.ray.tmp", std::process::id());
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        let file = self.dir.open_with(&temporary, &options)?.into_std();
        Ok(Arriving { file, temporary, digest: Sha256::new(), length: 0 })
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        for arriving in self.open.values() {
            drop(self.dir.remove_file(&arriving.temporary));
        }
    }
}

/// A stage's file: no path that leads elsewhere, and nothing that the host itself writes.
fn check(path: &str) -> io::Result<()> {
    let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why.to_owned()));
    if path.is_empty() || path.len() > 4096 || path.contains('\0') {
        return refuse("its path is none");
    }
    if !Path::new(path).components().all(|part| matches!(part, Component::Normal(_))) || path.contains("//") {
        return refuse("its path leads out of the run directory");
    }
    if is_host_file(path) || path.starts_with("logs/") {
        return refuse("the host writes it itself");
    }
    Ok(())
}

/// Read, write and execute only: nothing that changes who runs it.
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode((mode & 0o777) | 0o400))
}

/// Files below `data/` of the run directory, which an attempt elsewhere may want to read.
pub(super) fn data_files(dir: &Dir) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![crate::directory::DATA.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = dir.read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = format!("{folder}/{name}");
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(kind) if kind.is_file() && !is_host_file(&path) => found.push(path),
                _ => {}
            }
        }
    }
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::sha256;

    fn piece(path: &str, off: u64, bytes: &[u8], whole: Option<&[u8]>) -> FilePiece {
        FilePiece {
            path: path.into(),
            off,
            bytes: bytes.to_vec(),
            eof: whole.is_some(),
            sha256: whole.map(sha256),
            mode: 0o4755,
            error: None,
        }
    }

    fn incoming() -> (tempfile::TempDir, Incoming) {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), cap_std::ambient_authority()).unwrap();
        (folder, Incoming::new(dir))
    }

    #[test]
    fn pieces_become_a_file_that_is_whole() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, mut files) = incoming();
        assert_eq!(files.take(&piece("data/a/x.bin", 0, b"one ", None)), None);
        assert!(!folder.path().join("data/a/x.bin").exists());
        assert_eq!(files.take(&piece("data/a/x.bin", 4, b"two", Some(b"one two"))), None);
        let path = folder.path().join("data/a/x.bin");
        assert_eq!(std::fs::read(&path).unwrap(), b"one two");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o755);
        assert_eq!(data_files(&files.dir), ["data/a/x.bin"]);
    }

    #[test]
    fn what_is_changed_incomplete_or_leads_elsewhere_is_refused_and_leaves_nothing() {
        let (folder, mut files) = incoming();
        std::os::unix::fs::symlink("/tmp", folder.path().join("link")).unwrap();
        for bad in [
            piece("data/x", 0, b"one", Some(b"two")),
            piece("data/x", 3, b"one", Some(b"one")),
            piece("../x", 0, b"one", Some(b"one")),
            piece("/etc/x", 0, b"one", Some(b"one")),
            piece("link/forensic-host-test", 0, b"one", Some(b"one")),
            piece("run.json", 0, b"one", Some(b"one")),
            piece("data/forensic_trace.json", 0, b"one", Some(b"one")),
            piece("", 0, b"one", Some(b"one")),
        ] {
            assert!(files.take(&bad).is_some(), "{bad:?}");
        }
        assert_eq!(files.take(&piece("data/y", 0, b"half", None)), None);
        drop(files);
        let left: Vec<_> = std::fs::read_dir(folder.path().join("data")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
