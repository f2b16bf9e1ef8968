//! What is in the files that stages read: digests and lists, each made once for all stages that ask. May live here: reading
//! files of this machine, and knowing when what was read still holds.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use sha2::{Digest as _, Sha256};

use super::globs::{self, Links, Stamp};
use super::paths::clean;
use crate::files::hex;

const BUFFER: usize = 128 << 10;
/// A file that was written so shortly before it was read may be written again without its times telling.
const SETTLED: Duration = Duration::from_millis(50);

/// Size and SHA-256 (hexadecimal) of a file that did not change while it was read.
///
/// # Errors
/// What the file system says; `Interrupted` where it changed.
pub(super) fn digest(file: &mut impl Read, size: u64) -> io::Result<(u64, String)> {
    let mut buffer = vec![0; BUFFER.min(usize::try_from(size).unwrap_or(BUFFER).saturating_add(1))];
    let mut digest = Sha256::new();
    let mut read = 0u64;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((read, hex(&digest.finalize()))),
            Ok(count) => {
                digest.update(&buffer[..count]);
                read += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        // A file that grows as fast as it is read has no end.
        if read > size {
            return Err(changed());
        }
    }
}

/// The error of a file that changed while it was read.
pub(super) fn changed() -> io::Error {
    io::Error::other("it changed while it was read")
}

/// Content of a path: its SHA-256, or `None` where there is no regular file.
type Content = Result<Option<Arc<str>>, Arc<str>>;

struct Seen {
    checked: Instant,
    /// `None`: the times can't tell whether it changed since.
    stamp: Option<Stamp>,
    content: Content,
}

/// A list of paths, or why there is none.
type Listing = Result<Arc<[String]>, Arc<str>>;

/// Digests and lists that were made so far. Whoever asks says from which moment on an answer counts.
pub(super) struct Contents {
    /// A folder, clean, that no list has files of.
    skip: PathBuf,
    files: HashMap<OsString, Seen>,
    lists: HashMap<OsString, HashMap<String, (Instant, Listing)>>,
}

impl Contents {
    pub(super) fn new(skip: PathBuf) -> Self {
        Self { skip, files: HashMap::new(), lists: HashMap::new() }
    }

    /// SHA-256 of a file, hexadecimal; links are followed. What was looked at after `since` is not looked at again, and what has
    /// not changed is not read again.
    pub(super) fn file(&mut self, path: &Path, since: Instant) -> Content {
        let seen = self.files.get(path.as_os_str());
        if let Some(seen) = seen
            && seen.checked >= since
        {
            return seen.content.clone();
        }
        let checked = Instant::now();
        let known = seen.and_then(|seen| Some((seen.stamp?, seen.content.clone())));
        let (stamp, content) = match look(path, known) {
            Ok(Some((stamp, content))) => (stamp, Ok(Some(content))),
            Ok(None) => (None, Ok(None)),
            Err(error) => (None, Err(error.to_string().into())),
        };
        self.files.insert(path.as_os_str().to_owned(), Seen { checked, stamp, content: content.clone() });
        content
    }

    /// Files that a glob names, as paths below `folder`. A folder without a pattern names all files in it.
    pub(super) fn list(&mut self, folder: &Path, glob: &str, since: Instant) -> Listing {
        if let Some((made, listing)) = self.lists.get(folder.as_os_str()).and_then(|lists| lists.get(glob))
            && *made >= since
        {
            return listing.clone();
        }
        let made = Instant::now();
        let listing: Listing = expand(folder, glob, &self.skip).map(Arc::from).map_err(Arc::from);
        let lists = self.lists.entry(folder.as_os_str().to_owned()).or_default();
        lists.insert(glob.to_owned(), (made, listing.clone()));
        listing
    }
}

fn expand(folder: &Path, glob: &str, skip: &Path) -> Result<Vec<String>, String> {
    let (prefix, rest) = globs::split(glob);
    let base = folder.join(prefix);
    let literal = rest.is_empty();
    match std::fs::metadata(&base) {
        Ok(found) if found.is_dir() => {}
        Ok(found) if found.is_file() && literal => return Ok(vec![prefix.to_owned()]),
        Ok(_) => return Ok(Vec::new()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(format!("{} can't be read: {error}", base.display())),
    }
    let dir = Dir::open_ambient_dir(&base, ambient_authority())
        .map_err(|error| format!("{} can't be listed: {error}", base.display()))?;
    let skip = skip.strip_prefix(clean(&base)).ok().and_then(Path::to_str);
    let mut found = globs::list(&dir, rest, Links::List, skip)?;
    let prefix = prefix.trim_end_matches('/');
    if !prefix.is_empty() {
        found.iter_mut().for_each(|path| path.insert_str(0, &format!("{prefix}/")));
    }
    Ok(found)
}

/// Stamp (where it can be relied on) and SHA-256 of a regular file.
fn look(path: &Path, known: Option<(Stamp, Content)>) -> io::Result<Option<(Option<Stamp>, Arc<str>)>> {
    let missing = |kind| matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    let found = match std::fs::metadata(path) {
        Ok(found) => found,
        Err(error) if missing(error.kind()) => return Ok(None),
        // An argument that is longer than any path, or one whose folder nobody may look into: the stage can't read it either.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidFilename | io::ErrorKind::PermissionDenied) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if !found.is_file() {
        return Ok(None);
    }
    let stamp = |at: &std::fs::Metadata| {
        (at.dev(), at.ino(), at.len(), at.mtime(), at.mtime_nsec(), at.ctime(), at.ctime_nsec())
    };
    if let Some((at, Ok(Some(content)))) = known
        && at == stamp(&found)
    {
        return Ok(Some((Some(at), content)));
    }
    let mut options = File::options();
    options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    let mut file = match options.open(path) {
        Ok(file) => file,
        Err(error) if missing(error.kind()) => return Ok(None),
        Err(error) => return Err(error),
    };
    let before = file.metadata()?;
    if !before.is_file() {
        return Ok(None);
    }
    let now = SystemTime::now();
    let (size, sha256) = digest(&mut file, before.len())?;
    let after = file.metadata()?;
    if stamp(&before) != stamp(&after) || size != before.len() {
        return Err(changed());
    }
    let written = SystemTime::UNIX_EPOCH
        + Duration::from_secs(u64::try_from(after.ctime()).unwrap_or(u64::MAX >> 2))
        + Duration::from_nanos(u64::try_from(after.ctime_nsec()).unwrap_or(0));
    let settled = now.duration_since(written).is_ok_and(|age| age > SETTLED);
    Ok(Some((settled.then(|| stamp(&after)), sha256.into())))
}
