//! The public keys that the host's owner trusts: minisign's and OpenSSL's, from files and folders.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::evidence::PublicKey;

/// No public key's file is nearly as long.
const MAX_FILE: u64 = 64 << 10;
/// Files of a folder that are keys, by their end: minisign's and OpenSSL's.
const ENDS: [&str; 2] = ["pub", "pem"];
/// Most keys.
const MAX_KEYS: usize = 1_000;
/// Bytes of a minisign key: algorithm, id, key.
const MINISIGN_PUBLIC: usize = 42;

const MINISIGN: &str = "minisign:";
const ED25519: &str = "ed25519:";

/// Which key: `minisign:` and 16 digits, as minisign prints its key ids, or `ed25519:` and
/// [`PublicKey::key_id`]'s 64 digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(String);

/// A text that is no key id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key id is `minisign:` with 16 digits 0-9 A-F or `ed25519:` with 64 digits 0-9 a-f")]
pub struct BadKeyId;

impl KeyId {
    /// `id`: as it stands in minisign's files.
    pub(super) fn minisign(id: [u8; 8]) -> Self {
        Self(format!("{MINISIGN}{:016X}", u64::from_le_bytes(id)))
    }

    fn ed25519(key: &PublicKey) -> Self {
        Self(format!("{ED25519}{}", key.key_id()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = BadKeyId;

    /// # Errors
    /// [`BadKeyId`].
    fn from_str(text: &str) -> Result<Self, BadKeyId> {
        let is = |prefix: &str, length: usize, allowed: fn(u8) -> bool| {
            text.strip_prefix(prefix).is_some_and(|id| id.len() == length && id.bytes().all(allowed))
        };
        let known = is(MINISIGN, 16, |byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
            || is(ED25519, 64, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if known { Ok(Self(text.to_owned())) } else { Err(BadKeyId) }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why the trusted keys can't be used. Nothing is trusted then.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file or folder can't be read.
    #[error("can't read the trusted key {}: {source}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is no public key.
    #[error("{}: {why}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What it is instead, and what to do.
        why: String,
    },
    /// A folder has no keys.
    #[error("{}: no trusted key in this folder: put minisign's `NAME.pub` or OpenSSL's `NAME.pem` there", .0.display())]
    Empty(PathBuf),
    /// Two different keys have one id.
    #[error("{}: another trusted key has the id {id}, too: remove one of them", path.display())]
    Ambiguous {
        /// The later file.
        path: PathBuf,
        /// The id.
        id: KeyId,
    },
    /// There are too many.
    #[error("more than {MAX_KEYS} trusted keys: name a folder with fewer")]
    TooMany,
}

/// Keys whose signatures count.
#[derive(Default)]
pub struct TrustedKeys {
    pub(super) minisign: Vec<(KeyId, [u8; MINISIGN_PUBLIC], minisign_verify::PublicKey)>,
    pub(super) ed25519: Vec<(KeyId, PublicKey)>,
}

impl fmt::Debug for TrustedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TrustedKeys").field(&self.ids()).finish()
    }
}

impl TrustedKeys {
    /// Reads public keys. Of a folder, all files that end in `.pub` or `.pem`, by name; every one must be a key, so
    /// that a damaged one doesn't vanish unseen.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn load(paths: &[PathBuf]) -> Result<Self, KeysError> {
        let mut keys = Self::default();
        for path in paths {
            if path.is_dir() {
                let files = key_files(path).map_err(|source| KeysError::Unreadable { path: path.clone(), source })?;
                if files.is_empty() {
                    return Err(KeysError::Empty(path.clone()));
                }
                files.iter().try_for_each(|file| keys.add(file))?;
            } else {
                keys.add(path)?;
            }
        }
        Ok(keys)
    }

    /// Whether nothing is trusted, because no path was given.
    pub fn is_empty(&self) -> bool {
        self.minisign.is_empty() && self.ed25519.is_empty()
    }

    /// The ids of all keys.
    pub fn ids(&self) -> Vec<&KeyId> {
        self.minisign.iter().map(|(id, ..)| id).chain(self.ed25519.iter().map(|(id, _)| id)).collect()
    }

    fn add(&mut self, path: &Path) -> Result<(), KeysError> {
        if self.minisign.len() + self.ed25519.len() >= MAX_KEYS {
            return Err(KeysError::TooMany);
        }
        let unusable = |why: String| KeysError::Unusable { path: path.to_owned(), why };
        let text = read(path).map_err(|source| KeysError::Unreadable { path: path.to_owned(), source })?;
        let text = String::from_utf8(text).map_err(|_| unusable(format!("this is no text: {HOW}")))?;
        if text.contains("-----BEGIN ") {
            // Read again, by the one place that knows what PEM files can be.
            let key = PublicKey::load(path).map_err(|error| unusable(without_path(&error.to_string(), path)))?;
            let id = KeyId::ed25519(&key);
            if self.ed25519.iter().all(|(known, _)| *known != id) {
                self.ed25519.push((id, key));
            }
            return Ok(());
        }
        let bytes = minisign_bytes(&text).map_err(|why| unusable(format!("{why}: {HOW}")))?;
        let key = minisign_verify::PublicKey::from_base64(&BASE64_STANDARD.encode(bytes))
            .map_err(|error| unusable(format!("this is no minisign key ({error}): {HOW}")))?;
        let mut id = [0; 8];
        id.copy_from_slice(&bytes[2..10]);
        let id = KeyId::minisign(id);
        match self.minisign.iter().find(|(known, ..)| *known == id) {
            None => self.minisign.push((id, bytes, key)),
            // The same key in two files.
            Some((_, known, _)) if *known == bytes => {}
            Some(_) => return Err(KeysError::Ambiguous { path: path.to_owned(), id }),
        }
        Ok(())
    }
}

const HOW: &str = "give minisign's public key (`minisign -G` writes it) or an Ed25519 public key in PEM (`openssl pkey \
                   -pubout`)";

/// The bytes of a minisign public key: a file of two lines, or the second one alone.
fn minisign_bytes(text: &str) -> Result<[u8; MINISIGN_PUBLIC], &'static str> {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let line = if first.starts_with("untrusted comment:") { lines.next().unwrap_or_default() } else { first };
    let bytes = BASE64_STANDARD.decode(line.trim()).map_err(|_| "this is no public key")?;
    if bytes.len() > MINISIGN_PUBLIC && bytes.starts_with(b"Ed") {
        return Err("this is a secret key or a signature, not a public key");
    }
    bytes.try_into().map_err(|_| "this is no public key")
}

fn key_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().and_then(|end| end.to_str()).is_some_and(|end| ENDS.contains(&end)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads a small file.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// An error's text without the path that it begins with.
fn without_path(text: &str, path: &Path) -> String {
    text.strip_prefix(&format!("{}: ", path.display())).unwrap_or(text).to_owned()
}
