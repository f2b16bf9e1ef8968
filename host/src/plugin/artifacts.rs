//! The files that a plugin may read: listed once, by the host, without following a link.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, File, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use sha2::{Digest, Sha256};

use crate::files::hex;

/// The most that one `read` gives.
pub(super) const READ_MAX: u32 = 1 << 20;
/// Folders below folders that are looked into.
const DEPTH_MAX: usize = 64;
/// Files that one grant may cover.
const FILES_MAX: usize = 10_000;

/// One granted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Path below the run directory, with `/`.
    pub id: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// What makes it the same file again: device, inode, and the time of its last change.
    identity: Identity,
}

type Identity = (u64, u64, i64, i64);

/// The files of a grant. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Artifacts(Option<Arc<Granted>>);

#[derive(Debug)]
struct Granted {
    dir: Dir,
    files: BTreeMap<String, Artifact>,
    skipped: Vec<String>,
}

/// Why a grant can't be made.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// A pattern that is none.
    #[error("`{pattern}` is no pattern for artifacts: {why}")]
    Pattern {
        /// As it was written.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// The run directory can't be read.
    #[error("the run directory can't be read: {0}")]
    Unreadable(#[source] io::Error),
    /// More files than anyone wants to hand to a plugin.
    #[error("the patterns cover more than {FILES_MAX} files; narrow them")]
    TooMany,
}

impl Artifacts {
    /// No file at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// Lists the regular files below `dir` that one of `patterns` covers. `*` stays within a folder, `**` does not.
    /// Links, pipes and devices are never listed, and no folder is entered through a link. What `hidden` says of a path
    /// below `dir` is left out, whatever the patterns say.
    ///
    /// # Errors
    /// A pattern that is none or leads out of `dir`, a directory that can't be read, too many files.
    pub fn grant<P: AsRef<str>>(dir: &Dir, patterns: &[P], hidden: fn(&str) -> bool) -> Result<Self, GrantError> {
        let patterns: Vec<Pattern> =
            patterns.iter().map(|pattern| Pattern::new(pattern.as_ref())).collect::<Result<_, _>>()?;
        let mut set = GlobSetBuilder::new();
        for pattern in &patterns {
            set.add(pattern.glob.clone());
        }
        let globs =
            set.build().map_err(|error| GrantError::Pattern { pattern: String::new(), why: error.to_string() })?;
        let dir = dir.try_clone().map_err(GrantError::Unreadable)?;
        let mut walk = Walk { patterns: &patterns, globs, hidden, files: BTreeMap::new(), skipped: Vec::new() };
        if !patterns.is_empty() {
            let top = dir.try_clone().map_err(GrantError::Unreadable)?;
            walk.folder(&top, "", 0).map_err(|error| error.unwrap_or(GrantError::TooMany))?;
        }
        walk.skipped.sort();
        let Walk { files, skipped, .. } = walk;
        Ok(Self(Some(Arc::new(Granted { dir, files, skipped }))))
    }

    /// All granted files, sorted by id.
    pub fn iter(&self) -> impl Iterator<Item = &Artifact> {
        self.0.iter().flat_map(|granted| granted.files.values())
    }

    /// What a pattern covers and could not be read, and why; sorted.
    pub fn skipped(&self) -> &[String] {
        self.0.as_ref().map_or(&[], |granted| &granted.skipped)
    }

    /// A granted file.
    pub fn get(&self, id: &str) -> Option<&Artifact> {
        self.0.as_ref()?.files.get(id)
    }

    /// Bytes from `offset`, at most `len` and at most 1 MiB; empty at the end. `None` where the file isn't granted.
    ///
    /// # Errors
    /// Where it can't be read, or isn't the file any more that was listed.
    pub fn read(&self, id: &str, offset: u64, len: u32) -> Option<Result<Vec<u8>, String>> {
        let granted = self.0.as_ref()?;
        let artifact = granted.files.get(id)?;
        Some(granted.read(artifact, offset, len))
    }
}

impl Granted {
    fn read(&self, artifact: &Artifact, offset: u64, len: u32) -> Result<Vec<u8>, String> {
        let want = artifact.size.saturating_sub(offset).min(u64::from(len.min(READ_MAX)));
        let mut path = artifact.id.split('/').peekable();
        let mut dir = None;
        let open = loop {
            let name = path.next().unwrap_or_default();
            let parent = dir.as_ref().unwrap_or(&self.dir);
            if path.peek().is_none() {
                break open_file(parent, name);
            }
            dir = Some(parent.open_dir_nofollow(name).map_err(|error| error.to_string())?);
        };
        let (file, metadata) = open.map_err(|error| error.to_string())?;
        if !metadata.is_file() || metadata.len() != artifact.size || identity(&metadata) != artifact.identity {
            return Err("it has changed since it was listed".into());
        }
        let mut bytes = vec![0; usize::try_from(want).map_err(|error| error.to_string())?];
        file.into_std().read_exact_at(&mut bytes, offset).map_err(|error| error.to_string())?;
        Ok(bytes)
    }
}

/// Opens without following a link and without waiting for the other end of a pipe.
fn open_file(dir: &Dir, name: &str) -> io::Result<(File, Metadata)> {
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = dir.open_with(name, &options)?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino(), metadata.mtime(), metadata.mtime_nsec())
}

struct Pattern {
    glob: globset::Glob,
    /// The folders before the first wildcard: nothing outside of them can match.
    prefix: String,
}

impl Pattern {
    fn new(text: &str) -> Result<Self, GrantError> {
        let bad = |why: &str| GrantError::Pattern { pattern: text.to_owned(), why: why.to_owned() };
        if text.is_empty() {
            return Err(bad("it is empty"));
        }
        if text.starts_with('/') {
            return Err(bad("it is absolute; patterns start at the run directory"));
        }
        if text.split('/').any(|part| part == ".." || part == "." || part.is_empty()) {
            return Err(bad("`.`, `..` and empty names have no place in it"));
        }
        let glob =
            GlobBuilder::new(text).literal_separator(true).build().map_err(|error| bad(&error.kind().to_string()))?;
        let literal = text.find(['*', '?', '[', '{', '\\']).unwrap_or(text.len());
        let prefix = text[..literal].rfind('/').map_or("", |end| &text[..end]).to_owned();
        Ok(Self { glob, prefix })
    }

    /// Whether something below this folder can match.
    fn reaches(&self, folder: &str) -> bool {
        let below = |path: &str, top: &str| {
            top.is_empty() || path == top || path.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'))
        };
        below(folder, &self.prefix) || below(&self.prefix, folder)
    }
}

struct Walk<'a> {
    patterns: &'a [Pattern],
    globs: GlobSet,
    hidden: fn(&str) -> bool,
    files: BTreeMap<String, Artifact>,
    skipped: Vec<String>,
}

impl Walk<'_> {
    /// `Err(None)`: too many files.
    fn folder(&mut self, dir: &Dir, path: &str, depth: usize) -> Result<(), Option<GrantError>> {
        let entries = match dir.entries().and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) if depth == 0 => return Err(Some(GrantError::Unreadable(error))),
            Err(error) => {
                self.skipped.push(format!("{path}: {error}"));
                return Ok(());
            }
        };
        for entry in entries {
            // A name that isn't UTF-8 can't be an id.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let id = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                if depth >= DEPTH_MAX || !self.patterns.iter().any(|pattern| pattern.reaches(&id)) {
                    continue;
                }
                match dir.open_dir_nofollow(&name) {
                    Ok(below) => self.folder(&below, &id, depth + 1)?,
                    Err(error) => self.skipped.push(format!("{id}: {error}")),
                }
            } else if kind.is_file() && self.globs.is_match(&id) && !(self.hidden)(&id) {
                if self.files.len() >= FILES_MAX {
                    return Err(None);
                }
                match list(dir, &name, &id) {
                    Ok(Some(artifact)) => {
                        self.files.insert(id, artifact);
                    }
                    Ok(None) => {}
                    Err(error) => self.skipped.push(format!("{id}: {error}")),
                }
            }
        }
        Ok(())
    }
}

/// Reads a file once, for its digest. `None` where it turned out to be no regular file.
fn list(dir: &Dir, name: &str, id: &str) -> io::Result<Option<Artifact>> {
    let (file, metadata) = open_file(dir, name)?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut size = 0;
    // A file that grows while it is read ends where it ended when it was opened.
    let mut file = file.into_std().take(metadata.len());
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
        size += read as u64;
    }
    Ok(Some(Artifact { id: id.to_owned(), size, sha256: hex(&digest.finalize()), identity: identity(&metadata) }))
}
