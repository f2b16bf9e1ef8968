//! The SHA-256 of the running program.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use sha2::{Digest as _, Sha256};

use crate::files::hex;

/// Name of the file that remembers the digest.
const REMEMBERED: &str = "binary.sha256";

/// The SHA-256 of the running program, computed beside the run.
///
/// Some 30 MB take a processor 40 ms, twice as long as a small run. So it is computed once for a program's file, and remembered
/// in the user's cache together with all that changes when the file does: device, inode, size, times of change.
/// A thread does it while stages run. Whoever can write to the cache can run any program in our name anyway.
#[derive(Debug)]
pub struct BinaryDigest(Source);

#[derive(Debug)]
enum Source {
    Unknown,
    Remembered(String),
    Computed { thread: JoinHandle<io::Result<String>>, file: String, cache: Option<PathBuf> },
}

impl BinaryDigest {
    /// Begins. The file that runs is opened at once: it is the right one even if its path is replaced later. `cache`: a
    /// private folder of the user's.
    pub fn start(cache: Option<&Path>) -> Self {
        let opened = File::open("/proc/self/exe").or_else(|_| File::open(std::env::current_exe()?));
        let Ok(file) = opened else { return Self(Source::Unknown) };
        let Ok(metadata) = file.metadata() else { return Self(Source::Unknown) };
        let identity = identity(&metadata);
        if let Some(digest) = cache.and_then(|cache| remembered(cache, &identity)) {
            return Self(Source::Remembered(digest));
        }
        match thread::Builder::new().name("binary-digest".into()).spawn(move || sha256_of(file)) {
            Ok(thread) => Self(Source::Computed { thread, file: identity, cache: cache.map(Path::to_owned) }),
            Err(_) => Self(Source::Unknown),
        }
    }

    /// The digest, 64 hexadecimal digits; waits until it is there. `None` where the program can't be read.
    pub fn finish(self) -> Option<String> {
        match self.0 {
            Source::Unknown => None,
            Source::Remembered(digest) => Some(digest),
            Source::Computed { thread, file, cache } => {
                let digest = thread.join().ok()?.ok()?;
                if let Some(cache) = cache {
                    // If it can't be remembered it is computed again.
                    drop(remember(&cache, &file, &digest));
                }
                Some(digest)
            }
        }
    }
}

fn identity(metadata: &Metadata) -> String {
    format!(
        "{}:{}:{}:{}.{}:{}.{}",
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec()
    )
}

fn remembered(cache: &Path, identity: &str) -> Option<String> {
    let mut text = String::new();
    File::open(cache.join(REMEMBERED)).ok()?.take(1024).read_to_string(&mut text).ok()?;
    let (file, digest) = text.trim_end().split_once(' ')?;
    let is_digest = digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (file == identity && is_digest).then(|| digest.to_owned())
}

fn remember(cache: &Path, identity: &str, digest: &str) -> io::Result<()> {
    std::fs::create_dir_all(cache)?;
    let mut file = tempfile::NamedTempFile::new_in(cache)?;
    writeln!(file, "{identity} {digest}")?;
    file.persist(cache.join(REMEMBERED)).map(drop).map_err(io::Error::from)
}

fn sha256_of(mut file: File) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&digest.finalize())),
            Ok(read) => digest.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_file_and_is_remembered_for_it_alone() {
        let cache = tempfile::tempdir().unwrap();
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let expected = crate::files::sha256(&own);
        assert_eq!(BinaryDigest::start(Some(cache.path())).finish().as_deref(), Some(&*expected));
        assert!(matches!(BinaryDigest::start(Some(cache.path())).0, Source::Remembered(digest) if digest == expected));
        std::fs::write(cache.path().join(REMEMBERED), format!("1:2:3 {expected}")).unwrap();
        assert!(matches!(BinaryDigest::start(Some(cache.path())).0, Source::Computed { .. }));
        std::fs::write(cache.path().join(REMEMBERED), "nonsense").unwrap();
        assert_eq!(BinaryDigest::start(Some(cache.path())).finish().as_deref(), Some(&*expected));
    }
}
