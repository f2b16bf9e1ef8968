//! A component as it comes to the engine: its digest, and its bytes where somebody needs them.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::LoadError;
use crate::files::sha256;

/// A component whose digest is known. With its machine code in the cache its bytes are not needed, so a file is read only
/// if they are.
#[derive(Debug)]
pub struct Source<'a> {
    sha256: Cow<'a, str>,
    size: u64,
    content: Content<'a>,
}

#[derive(Debug)]
enum Content<'a> {
    Bytes(Cow<'a, [u8]>),
    File(File),
}

impl<'a> Source<'a> {
    /// These bytes.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { sha256: sha256(bytes).into(), size: bytes.len() as u64, content: Content::Bytes(bytes.into()) }
    }

    /// These bytes, whose SHA-256 (hexadecimal) the caller computed, or the build did.
    pub fn known(bytes: impl Into<Cow<'a, [u8]>>, sha256: impl Into<Cow<'a, str>>) -> Self {
        let bytes = bytes.into();
        Self { sha256: sha256.into(), size: bytes.len() as u64, content: Content::Bytes(bytes) }
    }

    /// A file that had this SHA-256 when it was read before, and has not changed since.
    pub(crate) fn unchanged(file: File, size: u64, sha256: impl Into<Cow<'a, str>>) -> Self {
        Self { sha256: sha256.into(), size, content: Content::File(file) }
    }

    /// SHA-256 of the bytes, hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Number of bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes; of a file, if they are still those of the digest.
    pub(super) fn bytes(&self) -> Result<Cow<'_, [u8]>, LoadError> {
        let file = match &self.content {
            Content::Bytes(bytes) => return Ok(Cow::Borrowed(bytes)),
            Content::File(file) => file,
        };
        let bytes = read(file, self.size).map_err(|error| LoadError::Unreadable(error.to_string()))?;
        if sha256(&bytes) != self.sha256 {
            return Err(LoadError::Unreadable("it changed while it was looked at".into()));
        }
        Ok(bytes.into())
    }
}

/// Reads a file of that size, wherever it was read to before.
pub(super) fn read(file: &File, size: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(size).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::limits::Limits;
    use crate::plugin::{Engine, EngineSettings};

    fn engine(cache: &Path) -> Engine {
        Engine::new(EngineSettings { compiler: "/nonexistent".into(), cache: Some(cache.to_owned()) }).unwrap()
    }

    fn source(engine: &Engine, file: &Path) -> Source<'static> {
        engine.source(File::open(file).unwrap(), &Limits::default()).unwrap()
    }

    #[test]
    fn a_file_is_read_once_and_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (path, cache) = (folder.path().join("a.wasm"), folder.path().join("cache"));
        fs::write(&path, "one").unwrap();
        let unread = |source: &Source<'_>| matches!(source.content, Content::File(_));
        std::thread::sleep(Duration::from_millis(150));
        let first = source(&engine(&cache), &path);
        assert!(!unread(&first));
        if crate::plugin::Stamp::of(&File::open(&path).unwrap()).is_none() {
            return;
        }
        let second = source(&engine(&cache), &path);
        assert!(unread(&second));
        assert_eq!((first.sha256(), first.size()), (second.sha256(), second.size()));
        assert_eq!(&*second.bytes().unwrap(), b"one");

        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "two").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        let third = source(&engine(&cache), &path);
        assert!(!unread(&third));
        assert_eq!(third.sha256(), sha256(b"two"));
        // It was another one when it was opened.
        assert_eq!(
            second.bytes().unwrap_err().to_string(),
            "The plugin can't be read: it changed while it was looked at."
        );
        fs::write(&path, "2").unwrap();
        assert!(second.bytes().is_err());
    }

    #[test]
    fn without_a_cache_nothing_is_remembered() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let engine = Engine::new(EngineSettings { compiler: "/nonexistent".into(), cache: None }).unwrap();
        std::thread::sleep(Duration::from_millis(150));
        for _ in 0..2 {
            assert!(matches!(source(&engine, file.path()).content, Content::Bytes(_)));
        }
    }
}
