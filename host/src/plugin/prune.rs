//! What goes from the folder of compiled plugins: what nobody has used for long, once a day at most; and what is too much.

use std::io;
use std::time::{Duration, SystemTime};

use cap_std::fs::{Dir, Metadata, OpenOptions, OpenOptionsExt};

use super::seen;

/// All files together.
const BYTES_MAX: u64 = 2 << 30;
/// Their number, small ones too.
const FILES_MAX: usize = 10_000;
/// Since a file was last used.
const AGE_MAX: Duration = Duration::from_secs(90 * 24 * 3600);
/// How often files are looked through, and how exactly their last use is known.
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);
/// Tells by its time when files were last looked through.
pub(super) const PRUNED: &str = ".pruned";

/// Removes what is stale, unless that was done within a day.
pub(super) fn prune(dir: &Dir, now: SystemTime) -> io::Result<()> {
    if dir.symlink_metadata(PRUNED).is_ok_and(|marker| age(&marker, now) < DAY) {
        return Ok(());
    }
    dir.remove_file(PRUNED).ok();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    dir.open_with(PRUNED, &options)?;
    let mut kept = Vec::new();
    for entry in dir.entries()? {
        let entry = entry?;
        let (Ok(name), Ok(metadata)) = (entry.file_name().into_string(), entry.metadata()) else { continue };
        if metadata.is_file() && is_ours(&name) {
            kept.push(Kept { temporary: name.ends_with(".tmp"), name, size: metadata.len(), age: age(&metadata, now) });
        }
    }
    for name in stale(kept) {
        dir.remove_file(name)?;
    }
    Ok(())
}

/// How long ago a file was last used; none for a time to come.
pub(super) fn age(metadata: &Metadata, now: SystemTime) -> Duration {
    let used = metadata.modified().map(cap_std::time::SystemTime::into_std);
    used.ok().and_then(|used| now.duration_since(used).ok()).unwrap_or_default()
}

/// Names that the cache gives: a key, a record, or a temporary file.
fn is_ours(name: &str) -> bool {
    let hex = |text: &str, len| text.len() == len && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_key = name.split_once('-').is_some_and(|(digest, engine)| hex(digest, 64) && hex(engine, 16));
    is_key || name.starts_with('.') && (name.ends_with(".tmp") || name.ends_with(seen::ENDING))
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
/// longest ago, until [`BYTES_MAX`] and [`FILES_MAX`] hold.
fn stale(mut files: Vec<Kept>) -> Vec<String> {
    files.sort_by(|a, b| a.age.cmp(&b.age).then_with(|| a.name.cmp(&b.name)));
    let (mut total, mut count): (u64, usize) = (0, 0);
    files.retain(|file| {
        total = total.saturating_add(file.size);
        count += 1;
        total > BYTES_MAX || count > FILES_MAX || file.age > if file.temporary { DAY } else { AGE_MAX }
    });
    files.into_iter().map(|file| file.name).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use cap_std::ambient_authority;

    use super::*;

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
        let small: Vec<Kept> = (0..=FILES_MAX).map(|at| file(&format!("{at:06}"), 1, 0)).collect();
        assert_eq!(gone(&small), [format!("{FILES_MAX:06}")]);
        assert_eq!(gone(&[file("a", 1, u64::MAX), file("b", 2, u64::MAX)]).len(), 2);
        assert_eq!(gone(&[]), [""; 0]);
    }

    #[test]
    fn pruning_happens_once_a_day_and_touches_nothing_of_others() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        prune(&dir, SystemTime::now()).unwrap();
        let key = format!("{}-{}", "a".repeat(64), "b".repeat(16));
        let path = |name: &str| folder.path().join(name);
        for name in [key.as_str(), ".1-2.seen", "notes.txt"] {
            fs::write(path(name), "").unwrap();
        }
        let far = SystemTime::now() + 100 * DAY;
        prune(&dir, far).unwrap();
        // The marker is of today, which is long ago by then.
        assert!(!path(&key).exists() && !path(".1-2.seen").exists());
        assert!(path("notes.txt").exists() && path(PRUNED).exists());
        fs::write(path(&key), "").unwrap();
        prune(&dir, SystemTime::now()).unwrap();
        assert!(path(&key).exists());
    }
}
