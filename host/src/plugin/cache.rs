//! Compiled plugins on disk, in a folder that only we can write, and the digests of files that were read before (`seen`).
//!
//! A file is machine code, and loading it trusts it: so a file counts only if it lies in a private folder of ours,
//! is ours, and carries the digest of its content. Whatever else is found is a miss, and is replaced. The digest is computed
//! once for a file and boot, or each day at least, and at each load where the times of files don't tell of changes.
//!
//! What nobody has used for long is removed (`prune`).

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;
use std::{fs, io, process};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};

use super::cached::{self, Found, Parts};
use super::inspect::Facts;
use super::prune::{DAY, age, prune};
use super::seen::{self, Kind, Record, Stamp};
use crate::files::hex;

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
        let cache = Self { dir };
        // Old files cost room, and nothing else.
        prune(&cache.dir, SystemTime::now()).ok();
        Ok(cache)
    }

    /// The machine code under this key; `None` where there is none, or none that can be believed.
    pub(super) fn get(&self, key: &str) -> Option<Found> {
        let (file, metadata) = self.own(key)?;
        let now = SystemTime::now();
        if age(&metadata, now) > DAY {
            let omit = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
            let today = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
            // A file that seems unused goes too early, at worst. Its stamp is another one now, so its digest is computed again.
            futimens(&file, &Timestamps { last_access: omit, last_modification: today }).ok();
        }
        let stamp = Stamp::of(&file);
        let parts = Parts::of(&file)?;
        let Some(stamp) = stamp else { return parts.read(&file) };
        let digest = hex(&parts.digest);
        if self.recall(Kind::Code, &stamp).as_ref() != Some(&digest) {
            if !parts.verify(&file).ok()? {
                return None;
            }
            self.remember(Kind::Code, &file, &stamp, now, &digest);
        }
        parts.map(file)
    }

    /// The digest that a file with this stamp had.
    pub(super) fn recall(&self, kind: Kind, stamp: &Stamp) -> Option<String> {
        let mut record = Vec::new();
        self.own(&stamp.name())?.0.take(seen::LENGTH_MAX).read_to_end(&mut record).ok()?;
        Record::of(kind, stamp)?.read(&record)
    }

    /// Remembers the digest of a file that was read since `then`, if it is certain that it would tell had it changed since.
    pub(super) fn remember(&self, kind: Kind, file: &File, stamp: &Stamp, then: SystemTime, digest: &str) {
        if !stamp.settled(then) || Stamp::of(file).as_ref() != Some(stamp) {
            return;
        }
        let Some(record) = Record::of(kind, stamp) else { return };
        // What isn't remembered is computed again.
        self.keep(&stamp.name(), |file| file.write_all(record.with(digest).as_bytes())).ok();
    }

    /// Opens a file that nobody else can have written.
    fn own(&self, name: &str) -> Option<(File, Metadata)> {
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No).custom_flags(libc::O_NONBLOCK);
        let file = self.dir.open_with(name, &options).ok()?.into_std();
        let metadata = Metadata::from_file(&file).ok()?;
        let ours =
            metadata.is_file() && metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0;
        ours.then_some((file, metadata))
    }

    /// Keeps machine code: whole or not at all.
    pub(super) fn put(&self, key: &str, facts: &Facts, code: &[u8]) -> io::Result<()> {
        self.keep(key, |file| cached::write(file, facts, code))
    }

    fn keep(&self, name: &str, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        let temporary = format!(".{}-{}.tmp", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let written = self
            .dir
            .open_with(&temporary, &options)
            .and_then(|file| write(&mut file.into_std()))
            .and_then(|()| self.dir.rename(&temporary, &self.dir, name));
        if written.is_err() {
            // It is the first error that matters.
            self.dir.remove_file(&temporary).ok();
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::super::prune::PRUNED;
    use super::*;

    fn folder() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("a/cache")).unwrap();
        (folder, cache)
    }

    fn facts() -> Facts {
        serde_json::from_str(r#"{"size": 7, "api": "0.1.0", "imports": ["a"], "exports": [], "producers": []}"#)
            .unwrap()
    }

    fn put(cache: &Cache, key: &str) {
        cache.put(key, &facts(), b"machine code").unwrap();
    }

    fn get(cache: &Cache, key: &str) -> Option<Vec<u8>> {
        let Found { facts: found, code } = cache.get(key)?;
        assert_eq!(found, facts());
        Some(code.read().unwrap())
    }

    #[test]
    fn what_was_put_comes_back() {
        let (folder, cache) = folder();
        assert_eq!(get(&cache, "key"), None);
        put(&cache, "key");
        cache.put("key", &facts(), b"other machine code").unwrap();
        assert_eq!(get(&cache, "key").as_deref(), Some(&b"other machine code"[..]));
        let mode = fs::metadata(folder.path().join("a/cache")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let names = fs::read_dir(folder.path().join("a/cache")).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.filter(|name| name != PRUNED).collect::<Vec<_>>(), ["key"]);
    }

    #[test]
    fn a_hit_is_a_use() {
        let (folder, cache) = folder();
        put(&cache, "key");
        let file = fs::File::options().write(true).open(folder.path().join("a/cache/key")).unwrap();
        file.set_modified(SystemTime::now() - 80 * DAY).unwrap();
        assert!(get(&cache, "key").is_some());
        let age = SystemTime::now().duration_since(file.metadata().unwrap().modified().unwrap()).unwrap_or_default();
        assert!(age < DAY, "{age:?}");
    }

    #[test]
    fn damaged_short_foreign_and_linked_files_are_misses() {
        let (folder, cache) = folder();
        let file = folder.path().join("a/cache/key");
        put(&cache, "key");
        let good = fs::read(&file).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&file, &bad).unwrap();
            assert_eq!(get(&cache, "key"), None, "byte {at}");
            fs::write(&file, &good[..at]).unwrap();
            assert_eq!(get(&cache, "key"), None, "cut at {at}");
        }
        fs::write(folder.path().join("elsewhere"), &good).unwrap();
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &file).unwrap();
        assert_eq!(get(&cache, "key"), None);
        put(&cache, "key");
        assert!(get(&cache, "key").is_some());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(get(&cache, "key"), None);
    }

    /// What lies under `key`, with its stamp; `None` where files of the temporary folder have none.
    fn stamped(folder: &tempfile::TempDir) -> Option<(File, Stamp)> {
        let file = File::open(folder.path().join("a/cache/key")).unwrap();
        let stamp = Stamp::of(&file)?;
        Some((file, stamp))
    }

    #[test]
    fn a_digest_is_computed_once_for_a_file_and_again_when_it_changes() {
        let (folder, cache) = folder();
        put(&cache, "key");
        let Some((file, stamp)) = stamped(&folder) else { return };
        std::thread::sleep(Duration::from_millis(150));
        assert!(get(&cache, "key").is_some());
        let digest = cache.recall(Kind::Code, &stamp).unwrap();
        assert_eq!(digest, hex(&Parts::of(&file).unwrap().digest));
        assert_eq!(cache.recall(Kind::Component, &stamp), None);

        let modified = file.metadata().unwrap().modified().unwrap();
        let path = folder.path().join("a/cache/key");
        let mut bad = fs::read(&path).unwrap();
        bad[3] ^= 1;
        fs::write(&path, &bad).unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_eq!(get(&cache, "key"), None);
        // What is remembered is believed: the digest is not computed.
        let (file, stamp) = stamped(&folder).unwrap();
        cache.remember(Kind::Code, &file, &stamp, SystemTime::now() + DAY, &digest);
        assert_eq!(get(&cache, "key").as_deref(), Some(&b"maciine code"[..]));
    }

    #[test]
    fn records_that_are_damaged_or_that_others_could_write_are_misses() {
        let (folder, cache) = folder();
        put(&cache, "key");
        let Some((file, stamp)) = stamped(&folder) else { return };
        let digest = "ab".repeat(32);
        let remember = || cache.remember(Kind::Component, &file, &stamp, SystemTime::now() + DAY, &digest);
        let recall = || cache.recall(Kind::Component, &stamp);
        let record = folder.path().join("a/cache").join(stamp.name());
        remember();
        assert_eq!(recall(), Some(digest.clone()));
        let good = fs::read(&record).unwrap();
        for bad in [&good[..good.len() - 1], &good[..40], b"", &[0; 300], &[b'a'; 4096]] {
            fs::write(&record, bad).unwrap();
            assert_eq!(recall(), None);
        }
        remember();
        fs::set_permissions(&record, fs::Permissions::from_mode(0o620)).unwrap();
        assert_eq!(recall(), None);
        fs::rename(&record, folder.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &record).unwrap();
        assert_eq!(recall(), None);
        fs::remove_file(&record).unwrap();
        cache.remember(Kind::Component, &file, &stamp, SystemTime::now() - DAY, &digest);
        assert_eq!(recall(), None);
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
