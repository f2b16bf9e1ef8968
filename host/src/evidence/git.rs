//! Which commit a folder's repository stood at, read from `.git` without running git. What `git status` would say is not
//! known: files may differ from the commit.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Longest file that is read whole.
const MAX_FILE: u64 = 4 << 10;
/// Bytes of `packed-refs` that are looked through.
const MAX_PACKED: u64 = 4 << 20;
/// Symbolic references that are followed.
const MAX_HOPS: usize = 5;

/// The commit that `HEAD` named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitRevision {
    /// 40 or 64 hexadecimal digits.
    pub commit: String,
    /// The reference that `HEAD` pointed to, such as `refs/heads/main`; none where it was detached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl GitRevision {
    /// Of the repository that `folder` lies in; `None` where there is none, or where it is kept in another way than as
    /// plain files.
    pub fn of(folder: &Path) -> Option<Self> {
        let folder = folder.canonicalize().ok()?;
        let (root, git) = folder
            .ancestors()
            .map(|above| (above, above.join(".git")))
            .find(|(_, git)| git.symlink_metadata().is_ok())?;
        // In a worktree and in a submodule `.git` is a file that names the folder.
        let git = if git.is_dir() { git } else { root.join(small(&git)?.strip_prefix("gitdir:")?.trim()) };
        let common = small(&git.join("commondir")).map_or_else(|| git.clone(), |common| git.join(common.trim()));
        let head = small(&git.join("HEAD"))?;
        let Some(mut name) = symbolic(&head).map(str::to_owned) else {
            return Some(Self { commit: commit(&head)?, reference: None });
        };
        let reference = Some(name.clone());
        for _ in 0..MAX_HOPS {
            if !is_plain(&name) {
                return None;
            }
            match small(&git.join(&name)).or_else(|| small(&common.join(&name))) {
                None => return Some(Self { commit: packed(&common.join("packed-refs"), &name).ok()??, reference }),
                Some(text) => match symbolic(&text) {
                    Some(next) => name = next.to_owned(),
                    None => return Some(Self { commit: commit(&text)?, reference }),
                },
            }
        }
        None
    }
}

fn symbolic(text: &str) -> Option<&str> {
    text.strip_prefix("ref:").map(str::trim)
}

/// A name that leads to no other folder.
fn is_plain(name: &str) -> bool {
    name.starts_with("refs/") && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

fn commit(text: &str) -> Option<String> {
    let text = text.trim();
    (matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| text.to_ascii_lowercase())
}

/// The text of a small regular file.
fn small(path: &PathBuf) -> Option<String> {
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    fs::File::open(path).ok()?.take(MAX_FILE).read_to_string(&mut text).ok()?;
    Some(text)
}

fn packed(path: &Path, name: &str) -> io::Result<Option<String>> {
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    for line in BufReader::new(fs::File::open(path)?.take(MAX_PACKED)).lines() {
        let line = line?;
        if let Some((id, _)) = line.split_once(' ').filter(|(_, found)| *found == name) {
            return Ok(commit(id));
        }
    }
    Ok(None)
}
