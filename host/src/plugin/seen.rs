//! Digests of files that were read before, so that a large file need not be read again to know what is in it.
//!
//! A record says: in this boot, the file with this stamp had this SHA-256. It counts for a file whose times the kernel of this
//! machine keeps, and only if the file had been left alone for a while when it was read: what is written in the same tick of
//! the clock could not be told apart by its times (git calls that "racy"). Whatever else is found is a miss.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

/// Ends the names of records.
pub(super) const ENDING: &str = ".seen";
/// No record is longer, in bytes.
pub(super) const LENGTH_MAX: u64 = 512;
/// Begins each record. The number is the layout's version.
const MAGIC: &str = "forensic seen 1";
/// Names this boot.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
/// A file that was changed so shortly before may change again without its times telling: many ticks of the slowest kernel.
const SETTLED: Duration = Duration::from_millis(100);
/// File systems (statfs(2)) whose times come from this machine's kernel, and whose files stay as they are while they are
/// mapped, even if another process removes them: ext2 to ext4, XFS, Btrfs, tmpfs, overlayfs, F2FS, ZFS, bcachefs.
const LOCAL: [u32; 8] =
    [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0xf2f5_2010, 0x2fc1_2fc1, 0xca45_1a4e];

/// What a digest is of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// The whole of a component's file.
    Component,
    /// A file of the cache, without its end.
    Code,
}

/// Changes when a file does: the kernel sets `ctime` at each change, and nobody can set it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    dev: u64,
    ino: u64,
    size: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
}

impl Stamp {
    /// The stamp of an open file; `None` where its times don't tell that it changed: it lies on another machine or in a file
    /// system of a program, its times have whole seconds only, or it is no regular file.
    pub(crate) fn of(file: &File) -> Option<Self> {
        let system = rustix::fs::fstatfs(file).ok()?.f_type;
        if !u32::try_from(system).is_ok_and(|system| LOCAL.contains(&system)) {
            return None;
        }
        let at = file.metadata().ok()?;
        (at.is_file() && at.ctime_nsec() != 0).then(|| Self {
            dev: at.dev(),
            ino: at.ino(),
            size: at.len(),
            mtime: (at.mtime(), at.mtime_nsec()),
            ctime: (at.ctime(), at.ctime_nsec()),
        })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether a change after `now` gives another stamp.
    pub(super) fn settled(&self, now: SystemTime) -> bool {
        let (Ok(seconds), Ok(nanos)) = (u64::try_from(self.ctime.0), u32::try_from(self.ctime.1)) else { return false };
        let changed = SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos));
        changed.and_then(|changed| now.duration_since(changed).ok()).is_some_and(|age| age > SETTLED)
    }

    /// Name of the record of this file: the next one of the same file takes its place.
    pub(super) fn name(&self) -> String {
        format!(".{:x}-{:x}{ENDING}", self.dev, self.ino)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dev, ino, size, mtime, ctime } = self;
        write!(f, "{dev}:{ino}:{size}:{}.{:09}:{}.{:09}", mtime.0, mtime.1, ctime.0, ctime.1)
    }
}

/// What a record begins with, up to its digest.
#[derive(Debug)]
pub(super) struct Record(String);

impl Record {
    /// Of a file, in this boot; `None` where the system doesn't name its boots. After a crash a file may not hold what was
    /// written to it: so nothing is taken over from one boot to the next.
    pub(super) fn of(kind: Kind, stamp: &Stamp) -> Option<Self> {
        static ID: OnceLock<Option<String>> = OnceLock::new();
        let boot = ID.get_or_init(|| std::fs::read_to_string(BOOT).ok()).as_ref()?;
        Some(Self::in_boot(kind, stamp, boot.trim()))
    }

    fn in_boot(kind: Kind, stamp: &Stamp, boot: &str) -> Self {
        let kind = match kind {
            Kind::Component => "component",
            Kind::Code => "code",
        };
        Self(format!("{MAGIC} {kind} {boot} {stamp} "))
    }

    /// The digest that a record has for this file, hexadecimal.
    pub(super) fn read(&self, record: &[u8]) -> Option<String> {
        let digest = record.strip_prefix(self.0.as_bytes())?.strip_suffix(b"\n")?;
        let is_digest = digest.len() == 64 && digest.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_digest.then(|| std::str::from_utf8(digest).ok().map(str::to_owned))?
    }

    /// The whole record.
    pub(super) fn with(&self, digest: &str) -> String {
        format!("{}{digest}\n", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::FileExt as _;

    use proptest::prelude::*;

    use super::*;

    fn stamp() -> Stamp {
        Stamp { dev: 1, ino: 2, size: 3, mtime: (4, 5), ctime: (6, 7) }
    }

    #[test]
    fn a_record_counts_for_its_stamp_its_kind_and_its_boot_alone() {
        let record = Record::in_boot(Kind::Component, &stamp(), "b").with(&"ab".repeat(32));
        assert_eq!(record, format!("forensic seen 1 component b 1:2:3:4.000000005:6.000000007 {}\n", "ab".repeat(32)));
        let read = |kind, stamp: Stamp, boot: &str| Record::in_boot(kind, &stamp, boot).read(record.as_bytes());
        assert_eq!(read(Kind::Component, stamp(), "b"), Some("ab".repeat(32)));
        assert_eq!(read(Kind::Code, stamp(), "b"), None);
        assert_eq!(read(Kind::Component, stamp(), "c"), None);
        for other in [
            Stamp { dev: 9, ..stamp() },
            Stamp { ino: 9, ..stamp() },
            Stamp { size: 9, ..stamp() },
            Stamp { mtime: (4, 9), ..stamp() },
            Stamp { ctime: (6, 9), ..stamp() },
        ] {
            assert_eq!(read(Kind::Component, other, "b"), None);
        }
        assert!((record.len() as u64) < LENGTH_MAX / 2);
    }

    proptest! {
        #[test]
        fn what_is_no_record_is_a_miss(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..400, to: u8) {
            let record = Record::in_boot(Kind::Code, &stamp(), "b");
            prop_assert_eq!(record.read(&bytes), None);
            let whole = record.with(&"07".repeat(32)).into_bytes();
            prop_assert_eq!(record.read(&whole[..at % whole.len()]), None);
            let mut changed = whole.clone();
            let at = at % whole.len();
            changed[at] = to;
            // Another digest is one too: nobody but us writes records.
            let read = record.read(&changed);
            prop_assert!(read.is_none() || read == record.read(&whole) || at >= record.0.len());
            prop_assert_eq!(record.read(&[&whole[..], b"\n"].concat()), None);
        }
    }

    #[test]
    fn every_change_of_a_file_gives_another_stamp_even_if_its_size_and_mtime_are_put_back() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"one").unwrap();
        let Some(before) = Stamp::of(&file) else { return };
        assert_eq!(Stamp::of(&file), Some(before));
        std::thread::sleep(SETTLED);
        let modified = file.metadata().unwrap().modified().unwrap();
        file.write_all_at(b"two", 0).unwrap();
        file.set_modified(modified).unwrap();
        let after = Stamp::of(&file).unwrap();
        assert_eq!((after.size, after.mtime), (before.size, before.mtime));
        assert_ne!(after, before);
    }

    #[test]
    fn a_file_that_just_changed_is_not_settled() {
        let at = |seconds, nanos| Stamp { ctime: (seconds, nanos), ..stamp() };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10);
        assert!(at(9, 800_000_000).settled(now));
        assert!(!at(9, 950_000_000).settled(now) && !at(11, 1).settled(now));
        assert!(!at(-1, 1).settled(now) && !at(i64::MAX, 1).settled(now) && !at(1, -1).settled(now));
    }

    #[test]
    fn what_has_no_times_of_its_own_has_no_stamp() {
        assert_eq!(Stamp::of(&File::open("/proc/self/stat").unwrap()), None);
        assert_eq!(Stamp::of(&File::open("/dev/null").unwrap()), None);
    }
}
