//! Compiled plugins on disk, in a folder that only we can write.
//!
//! A file is machine code, and loading it trusts it: so a file counts only if it lies in a private folder of ours,
//! is ours, and carries the digest of its content. Whatever else is found is a miss, and is replaced.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, io, process};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, MetadataExt, OpenOptions, OpenOptionsExt};
use sha2::{Digest, Sha256};

/// Ends every file, after the digest. The number is the layout's version.
const MAGIC: &[u8; 16] = b"forensic cwasm 1";
const DIGEST: usize = 32;

/// The folder.
#[derive(Debug)]
pub(super) struct Cache {
    dir: Dir,
}

/// Numbers this process's temporary files.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl Cache {
    /// Opens the folder, and makes it where it doesn't exist. The error says why it can't be used.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let io = |error: io::Error| format!("the plugin cache {shown} can't be used: {error}");
        let name =
            path.file_name().map(PathBuf::from).ok_or_else(|| format!("the plugin cache {shown} has no name"))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(io)?;
        let parent = Dir::open_ambient_dir(parent, ambient_authority()).map_err(io)?;
        match parent.create_dir_with(&name, DirBuilder::new().mode(0o700)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io(error)),
            _ => {}
        }
        let dir = cap_fs_ext::DirExt::open_dir_nofollow(&parent, &name).map_err(io)?;
        let metadata = dir.dir_metadata().map_err(io)?;
        let us = rustix::process::geteuid().as_raw();
        if metadata.uid() != us {
            return Err(format!("the plugin cache {shown} belongs to user {}, not to us ({us})", metadata.uid()));
        }
        if metadata.mode() & 0o022 != 0 {
            return Err(format!(
                "the plugin cache {shown} can be written by others (mode {:03o}): `chmod 700 {shown}`, or plugins are compiled every time",
                metadata.mode() & 0o777
            ));
        }
        Ok(Self { dir })
    }

    /// The machine code under this key; `None` where there is none, or none that can be believed.
    pub(super) fn get(&self, key: &str) -> Option<Vec<u8>> {
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No).custom_flags(libc::O_NONBLOCK);
        let file = self.dir.open_with(key, &options).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o022 != 0
        {
            return None;
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
        file.into_std().read_to_end(&mut bytes).ok()?;
        let payload = bytes.len().checked_sub(DIGEST + MAGIC.len())?;
        let (digest, magic) = bytes[payload..].split_at(DIGEST);
        if magic != MAGIC || digest != &Sha256::digest(&bytes[..payload])[..] {
            return None;
        }
        bytes.truncate(payload);
        Some(bytes)
    }

    /// Keeps machine code: whole or not at all.
    pub(super) fn put(&self, key: &str, payload: &[u8]) -> io::Result<()> {
        let temporary = format!(".{}-{}.tmp", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let written = self.write(&temporary, payload).and_then(|()| self.dir.rename(&temporary, &self.dir, key));
        if written.is_err() {
            // It is the first error that matters.
            self.dir.remove_file(&temporary).ok();
        }
        written
    }

    fn write(&self, name: &str, payload: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = self.dir.open_with(name, &options)?;
        file.write_all(payload)?;
        file.write_all(&Sha256::digest(payload))?;
        file.write_all(MAGIC)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("a/cache")).unwrap();
        (folder, cache)
    }

    #[test]
    fn what_was_put_comes_back() {
        let (folder, cache) = folder();
        assert_eq!(cache.get("key"), None);
        cache.put("key", b"machine code").unwrap();
        cache.put("key", b"other machine code").unwrap();
        assert_eq!(cache.get("key").as_deref(), Some(&b"other machine code"[..]));
        let mode = fs::metadata(folder.path().join("a/cache")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(fs::read_dir(folder.path().join("a/cache")).unwrap().count(), 1);
    }

    #[test]
    fn damaged_short_foreign_and_linked_files_are_misses() {
        let (folder, cache) = folder();
        let file = folder.path().join("a/cache/key");
        cache.put("key", b"machine code").unwrap();
        let good = fs::read(&file).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&file, &bad).unwrap();
            assert_eq!(cache.get("key"), None, "byte {at}");
            fs::write(&file, &good[..at]).unwrap();
            assert_eq!(cache.get("key"), None, "cut at {at}");
        }
        fs::write(folder.path().join("elsewhere"), &good).unwrap();
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &file).unwrap();
        assert_eq!(cache.get("key"), None);
        cache.put("key", b"machine code").unwrap();
        assert!(cache.get("key").is_some());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(cache.get("key"), None);
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let shown = path.display();
        assert_eq!(
            Cache::open(&path).unwrap_err(),
            format!(
                "the plugin cache {shown} can be written by others (mode 777): `chmod 700 {shown}`, or plugins are compiled every time"
            )
        );
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(Cache::open(&link).unwrap_err().contains("can't be used"));
    }
}
