//! Compiled plugins on disk, in a folder that only we can write.
//!
//! A file is machine code, and loading it trusts it: so a file counts only if it lies in a private folder of ours,
//! is ours, and carries the digest of its content. Whatever else is found is a miss, and is replaced.
//!
//! What nobody has used for long is removed, once a day at most; so is what is too much.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use std::{fs, io, process};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};
use sha2::{Digest, Sha256};

/// Ends every file, after the digest. The number is the layout's version.
const MAGIC: &[u8; 16] = b"forensic cwasm 1";
const DIGEST: usize = 32;
/// All files together.
const BYTES_MAX: u64 = 2 << 30;
/// Since a file was last used.
const AGE_MAX: Duration = Duration::from_secs(90 * 24 * 3600);
/// How often files are looked through, and how exactly their last use is known.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Tells by its time when files were last looked through.
const PRUNED: &str = ".pruned";

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
        cache.prune(SystemTime::now()).ok();
        Ok(cache)
    }

    /// The machine code under this key; `None` where there is none, or none that can be believed.
    pub(super) fn get(&self, key: &str) -> Option<Vec<u8>> {
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No).custom_flags(libc::O_NONBLOCK);
        let mut file = self.dir.open_with(key, &options).ok()?.into_std();
        let metadata = Metadata::from_file(&file).ok()?;
        if !metadata.is_file() || metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o022 != 0
        {
            return None;
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
        file.read_to_end(&mut bytes).ok()?;
        let payload = bytes.len().checked_sub(DIGEST + MAGIC.len())?;
        let (digest, magic) = bytes[payload..].split_at(DIGEST);
        if magic != MAGIC || digest != &Sha256::digest(&bytes[..payload])[..] {
            return None;
        }
        bytes.truncate(payload);
        if age(&metadata, SystemTime::now()) > DAY {
            let omit = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
            let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
            // A file that seems unused goes too early, at worst.
            futimens(&file, &Timestamps { last_access: omit, last_modification: now }).ok();
        }
        Some(bytes)
    }

    /// Removes what is stale, unless that was done within a day.
    fn prune(&self, now: SystemTime) -> io::Result<()> {
        if self.dir.symlink_metadata(PRUNED).is_ok_and(|marker| age(&marker, now) < DAY) {
            return Ok(());
        }
        self.dir.remove_file(PRUNED).ok();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        self.dir.open_with(PRUNED, &options)?;
        let mut kept = Vec::new();
        for entry in self.dir.entries()? {
            let entry = entry?;
            let (Ok(name), Ok(metadata)) = (entry.file_name().into_string(), entry.metadata()) else { continue };
            if metadata.is_file() && is_ours(&name) {
                kept.push(Kept {
                    temporary: name.starts_with('.'),
                    name,
                    size: metadata.len(),
                    age: age(&metadata, now),
                });
            }
        }
        for name in stale(kept) {
            self.dir.remove_file(name)?;
        }
        Ok(())
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

/// How long ago a file was last used; none for a time to come.
fn age(metadata: &Metadata, now: SystemTime) -> Duration {
    let used = metadata.modified().map(cap_std::time::SystemTime::into_std);
    used.ok().and_then(|used| now.duration_since(used).ok()).unwrap_or_default()
}

/// Names that this module gives: a key, or a temporary file.
fn is_ours(name: &str) -> bool {
    let hex = |text: &str, len| text.len() == len && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_key = name.split_once('-').is_some_and(|(digest, engine)| hex(digest, 64) && hex(engine, 16));
    is_key || name.starts_with('.') && name.ends_with(".tmp")
}

/// A file of the cache.
#[derive(Debug, Clone)]
struct Kept {
    name: String,
    temporary: bool,
    size: u64,
    age: Duration,
}

/// What goes: temporary files that nobody writes any more, what was not used for [`AGE_MAX`], and of the rest what was used
/// longest ago, until [`BYTES_MAX`] holds.
fn stale(mut files: Vec<Kept>) -> Vec<String> {
    files.sort_by(|a, b| a.age.cmp(&b.age).then_with(|| a.name.cmp(&b.name)));
    let mut total: u64 = 0;
    files.retain(|file| {
        total = total.saturating_add(file.size);
        total > BYTES_MAX || file.age > if file.temporary { DAY } else { AGE_MAX }
    });
    files.into_iter().map(|file| file.name).collect()
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
        let names = fs::read_dir(folder.path().join("a/cache")).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.filter(|name| name != PRUNED).collect::<Vec<_>>(), ["key"]);
    }

    #[test]
    fn old_files_and_the_longest_unused_go() {
        let day = 24 * 3600;
        let file = |name: &str, days: u64, size: u64| Kept {
            name: name.into(),
            temporary: name.starts_with('.'),
            size,
            age: Duration::from_secs(days * day),
        };
        let gone = |files: &[Kept]| stale(files.to_vec());
        let giga = 1 << 30;
        assert_eq!(
            gone(&[file("old", 91, 1), file("young", 90, 1), file(".a.tmp", 2, 1), file(".b.tmp", 1, 1)]),
            [".a.tmp", "old"]
        );
        assert_eq!(gone(&[file("c", 3, giga), file("a", 1, giga), file("b", 2, giga)]), ["c"]);
        assert_eq!(gone(&[file("a", 1, 3 * giga), file("b", 2, 1)]), ["a", "b"]);
        assert_eq!(gone(&[file("a", 1, u64::MAX), file("b", 2, u64::MAX)]).len(), 2);
        assert_eq!(gone(&[]), [""; 0]);
    }

    #[test]
    fn pruning_happens_once_a_day_and_touches_nothing_of_others() {
        let (folder, cache) = folder();
        let key = format!("{}-{}", "a".repeat(64), "b".repeat(16));
        let path = |name: &str| folder.path().join("a/cache").join(name);
        cache.put(&key, b"machine code").unwrap();
        fs::write(path("notes.txt"), "").unwrap();
        let far = SystemTime::now() + 100 * DAY;
        cache.prune(far).unwrap();
        // The marker is of today, which is long ago by then.
        assert!(!path(&key).exists() && path("notes.txt").exists() && path(PRUNED).exists());
        cache.put(&key, b"machine code").unwrap();
        cache.prune(SystemTime::now()).unwrap();
        assert!(path(&key).exists());
    }

    #[test]
    fn a_hit_is_a_use() {
        let (folder, cache) = folder();
        cache.put("key", b"machine code").unwrap();
        let file = fs::File::options().write(true).open(folder.path().join("a/cache/key")).unwrap();
        file.set_modified(SystemTime::now() - 80 * DAY).unwrap();
        assert!(cache.get("key").is_some());
        let age = SystemTime::now().duration_since(file.metadata().unwrap().modified().unwrap()).unwrap_or_default();
        assert!(age < DAY, "{age:?}");
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
