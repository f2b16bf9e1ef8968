//! Files below an open folder that a glob names. May live here: how a glob is split and matched, and the walk. What the files
//! are for, and what is in them, is not known here.

use std::io;
use std::path::Path;

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir, File, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use globset::{GlobBuilder, GlobMatcher};

/// One handle is open for each level.
const MAX_DEPTH: usize = 64;
/// The most entries of folders that one glob may look at.
const MAX_LOOKED_AT: usize = 1_000_000;
/// The most files that one glob may name.
pub(super) const MAX_FILES: usize = 100_000;

/// What makes a part of a path a pattern.
const META: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];

/// The leading folders of a glob that are no pattern, and the rest: `a/b/*.c` is `a/b` and `*.c`. Without any pattern in it
/// there is no rest.
pub(crate) fn split(glob: &str) -> (&str, &str) {
    match glob.find(META) {
        None => (glob, ""),
        Some(first) => match glob[..first].rfind('/') {
            None => ("", glob),
            Some(slash) => (&glob[..slash], &glob[slash + 1..]),
        },
    }
}

/// A matcher in which `*` doesn't cross a `/`.
pub(super) fn matcher(glob: &str) -> Result<GlobMatcher, String> {
    GlobBuilder::new(glob)
        .literal_separator(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| format!("the pattern `{glob}` can't be used: {}", error.kind()))
}

/// How many folders deep a match can lie.
fn depth(rest: &str) -> usize {
    if rest.contains("**") || rest.contains('{') { MAX_DEPTH } else { rest.matches('/').count() }
}

/// Whether links to files count as files.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// They are listed: whoever reads them follows them.
    List,
    /// They are passed over.
    Skip,
}

/// Files below `folder` that match `rest`, a pattern (empty: all of them), as paths below it, ascending. Folders behind links are
/// never looked into, nor is `skip`, a path below `folder`; names that aren't text are an error, since they can't be written down.
pub(crate) fn list(folder: &Dir, rest: &str, links: Links, skip: Option<&str>) -> Result<Vec<String>, String> {
    let (matcher, depth) = match rest {
        "" => (None, MAX_DEPTH),
        rest => (Some(matcher(rest)?), depth(rest)),
    };
    let mut walk = Walk { matcher, links, skip, looked_at: 0, found: Vec::new() };
    walk.folder(folder, "", depth)?;
    walk.found.sort_unstable();
    Ok(walk.found)
}

struct Walk<'a> {
    matcher: Option<GlobMatcher>,
    links: Links,
    skip: Option<&'a str>,
    looked_at: usize,
    found: Vec<String>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Dir, prefix: &str, depth: usize) -> Result<(), String> {
        let why =
            |error: io::Error| format!("{} can't be listed: {error}", if prefix.is_empty() { "." } else { prefix });
        for entry in folder.entries().map_err(why)? {
            let entry = entry.map_err(why)?;
            self.looked_at += 1;
            if self.looked_at > MAX_LOOKED_AT {
                return Err(format!("it looks at more than {MAX_LOOKED_AT} files"));
            }
            let kind = entry.file_type().map_err(why)?;
            let name = entry.file_name();
            let path = name.to_str().map(|name| format!("{prefix}{name}"));
            if kind.is_dir() {
                // What can't match below it needn't have a name that is text.
                if depth > 0 {
                    let path = path.ok_or_else(|| not_text(prefix))?;
                    if self.skip == Some(path.as_str()) {
                        continue;
                    }
                    let below = match folder.open_dir_nofollow(&name) {
                        Ok(below) => below,
                        // Gone since it was listed.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                        Err(error) => return Err(format!("{path} can't be listed: {error}")),
                    };
                    self.folder(&below, &format!("{path}/"), depth - 1)?;
                }
            } else if kind.is_file() || (kind.is_symlink() && self.links == Links::List) {
                let matches = |text: &Path| self.matcher.as_ref().is_none_or(|matcher| matcher.is_match(text));
                match path {
                    Some(path) if matches(Path::new(&path)) => self.found.push(path),
                    None if matches(&Path::new(prefix).join(&name)) => return Err(not_text(prefix)),
                    _ => {}
                }
                if self.found.len() > MAX_FILES {
                    return Err(format!("it names more than {MAX_FILES} files"));
                }
            }
        }
        Ok(())
    }
}

fn not_text(folder: &str) -> String {
    format!("a name in {} is not UTF-8 text", if folder.is_empty() { "its folder" } else { folder })
}

/// Opens a folder below `dir` without following a link; the empty path is `dir` itself.
pub(crate) fn open_folder(dir: &Dir, path: &str, create: bool) -> io::Result<Dir> {
    let mut at = dir.try_clone()?;
    for name in path.split('/').filter(|name| !name.is_empty() && *name != ".") {
        if name == ".." {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it leaves its folder"));
        }
        at = match at.open_dir_nofollow(name) {
            Err(error) if create && error.kind() == io::ErrorKind::NotFound => {
                at.create_dir(name).or_else(|error| match error.kind() {
                    io::ErrorKind::AlreadyExists => Ok(()),
                    _ => Err(error),
                })?;
                at.open_dir_nofollow(name)?
            }
            other => other?,
        };
    }
    Ok(at)
}

/// Folder and name of a path.
pub(super) fn parent(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Opens a regular file below `dir` without following a link and without waiting for a pipe.
///
/// # Errors
/// `NotFound`; `InvalidInput` where it is no regular file; what the file system says.
pub(crate) fn open_file(dir: &Dir, path: &str) -> io::Result<File> {
    let (folder, name) = parent(path);
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    let file = open_folder(dir, folder, false)?.open_with(name, &options)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
    }
}

/// What changes when a file is written to or replaced.
pub(super) type Stamp = (u64, u64, u64, i64, i64, i64, i64);

/// The stamp of an open file.
pub(super) fn stamp(file: &File) -> io::Result<Stamp> {
    let at = file.metadata()?;
    Ok((at.dev(), at.ino(), at.len(), at.mtime(), at.mtime_nsec(), at.ctime(), at.ctime_nsec()))
}
