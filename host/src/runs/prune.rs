//! Which runs may go, and their removal. A run is first renamed to a hidden name, which no command takes for a run, then removed;
//! what an interrupted removal leaves behind is removed by the next one. Links are removed, never followed.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use cap_fs_ext::DirExt as _;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, PermissionsExt as _};
use serde::Serialize;

use super::entry::{Entry, State, entries, entry};
use crate::conventions::result;
use crate::directory::{RunDirectory, latest_run, runs_folder};
use crate::plan::CacheIndex;

/// Begins the name of a folder that is being removed.
const GONE: &str = ".pruned-";

/// Which runs go: those that all of it is true of.
#[derive(Clone, Debug, Default)]
pub struct Criteria {
    /// Not among the newest of those that the rest is true of.
    pub keep: Option<usize>,
    /// They began before this, Unix ns.
    pub before: Option<u64>,
    /// Of this pipeline.
    pub pipeline: Option<String>,
    /// They did not succeed.
    pub failed_only: bool,
    /// Signed ones too.
    pub signed: bool,
    /// Those too that a run that stays was resumed from or has as a nested run.
    pub referenced: bool,
    /// Folders too that are no runs, or damaged ones; when they were last changed stands for their beginning.
    pub broken: bool,
    /// Remove nothing; only tell what would be removed.
    pub dry_run: bool,
}

/// What was done, or would be.
#[derive(Debug, Serialize)]
pub struct Pruned {
    /// `forensic.runs-prune/1`
    pub schema: &'static str,
    /// Whether nothing was removed in truth.
    pub dry_run: bool,
    /// Runs that are gone, newest first.
    pub removed: Vec<Removed>,
    /// Runs that the criteria fit and that stay, newest first.
    pub kept: Vec<Kept>,
    /// Entries of the cache that led to no run, and what earlier removals had left behind.
    pub leftovers: usize,
    /// Bytes of all files that are gone; of a file with several names, each counts.
    pub bytes: u64,
}

/// A run that is gone.
#[derive(Debug, Serialize)]
pub struct Removed {
    /// Name of its folder.
    pub folder: String,
    /// What it was.
    pub state: State,
    /// Its result word.
    pub result: Option<String>,
    /// Its start, Unix ns.
    pub start_time: Option<u64>,
    /// Bytes of its files.
    pub bytes: u64,
}

/// A run that stays.
#[derive(Debug, Serialize)]
pub struct Kept {
    /// Name of its folder.
    pub folder: String,
    /// Why.
    pub why: Why,
    /// What went wrong, where it could not be removed.
    pub problem: Option<String>,
}

/// Why a run stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It goes on.
    Running,
    /// `latest` points to it.
    Latest,
    /// It is signed.
    Signed,
    /// A run that stays was resumed from it, or has it as a nested run.
    Referenced,
    /// It is a link to a folder elsewhere.
    Link,
    /// The file system said no.
    Failed,
}

/// Why nothing was pruned.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// Everything would go.
    #[error("say which runs may go: `--keep N`, `--older-than AGE`, or both")]
    NoCriterion,
    /// There is no such folder.
    #[error("can't open the runs folder {}: {source}", path.display())]
    Runs {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Removes the runs below a root folder that the criteria fit.
///
/// # Errors
/// [`PruneError`]. A run that can't be removed is none: it is among those that stay.
pub fn prune(root: &Path, criteria: &Criteria) -> Result<Pruned, PruneError> {
    if criteria.keep.is_none() && criteria.before.is_none() {
        return Err(PruneError::NoCriterion);
    }
    let path = runs_folder(root);
    let runs = Dir::open_ambient_dir(&path, ambient_authority()).map_err(|source| PruneError::Runs { path, source })?;
    let (all, _) = entries(root, usize::MAX, &|_| true);
    let chosen = choose(&runs, &all, criteria);
    let (go, mut kept) = protect(root, &runs, &all, chosen, criteria);
    let mut pruned = Pruned {
        schema: "forensic.runs-prune/1",
        dry_run: criteria.dry_run,
        removed: vec![],
        kept: vec![],
        leftovers: 0,
        bytes: 0,
    };
    for entry in go {
        match remove(root, &runs, entry, criteria.dry_run) {
            Ok(bytes) => {
                pruned.bytes += bytes;
                pruned.removed.push(Removed {
                    folder: entry.folder.clone(),
                    state: entry.state,
                    result: entry.result.clone(),
                    start_time: entry.start_time,
                    bytes,
                });
            }
            Err(NotRemoved::GoesOn) => kept.push(keep(entry, Why::Running)),
            Err(NotRemoved::Io(error)) => {
                kept.push(Kept { problem: Some(error.to_string()), ..keep(entry, Why::Failed) });
            }
        }
    }
    pruned.kept = kept;
    let (count, bytes) = leftovers(root, &runs, criteria.dry_run);
    pruned.leftovers = count;
    pruned.bytes += bytes;
    Ok(pruned)
}

/// Runs that the criteria fit, newest first.
fn choose<'a>(runs: &Dir, all: &'a [Entry], criteria: &Criteria) -> Vec<&'a Entry> {
    let began = |entry: &Entry| entry.start_time.or_else(|| changed(runs, &entry.folder)).unwrap_or(u64::MAX);
    let fits = |entry: &&Entry| {
        (criteria.broken || entry.state != State::Broken)
            && criteria.pipeline.as_ref().is_none_or(|wanted| entry.pipeline.as_ref() == Some(wanted))
            && !(criteria.failed_only && entry.result.as_deref() == Some(result::SUCCESS))
    };
    let mut fitting: Vec<&Entry> = all.iter().filter(fits).collect();
    fitting.sort_by_key(|entry| std::cmp::Reverse(began(entry)));
    let old = |entry: &&Entry| criteria.before.is_none_or(|before| began(entry) < before);
    fitting.into_iter().skip(criteria.keep.unwrap_or(0)).filter(old).collect()
}

fn changed(runs: &Dir, name: &str) -> Option<u64> {
    let modified = runs.symlink_metadata(name).ok()?.modified().ok()?.into_std();
    Some(crate::clock::nanos(modified.duration_since(std::time::UNIX_EPOCH).ok()?))
}

fn keep(entry: &Entry, why: Why) -> Kept {
    Kept { folder: entry.folder.clone(), why, problem: None }
}

/// Parts chosen runs into those that go and those that have a reason to stay.
fn protect<'a>(
    root: &Path,
    runs: &Dir,
    all: &'a [Entry],
    chosen: Vec<&'a Entry>,
    criteria: &Criteria,
) -> (Vec<&'a Entry>, Vec<Kept>) {
    let latest = latest_run(root);
    let (mut go, mut kept) = (Vec::new(), Vec::new());
    for entry in chosen {
        let link = runs.symlink_metadata(&entry.folder).is_ok_and(|metadata| metadata.is_symlink());
        let why = match entry.state {
            _ if link => Some(Why::Link),
            State::Running => Some(Why::Running),
            _ if latest.as_deref() == Some(&*entry.folder) => Some(Why::Latest),
            _ if entry.signed && !criteria.signed => Some(Why::Signed),
            _ => None,
        };
        match why {
            Some(why) => kept.push(keep(entry, why)),
            None => go.push(entry),
        }
    }
    if criteria.referenced {
        return (go, kept);
    }
    // A run that stays keeps what it came from, and that in turn what it came from.
    loop {
        let going: HashSet<&str> = go.iter().map(|entry| entry.folder.as_str()).collect();
        let staying = || all.iter().filter(|entry| !going.contains(entry.folder.as_str()));
        let origins: HashSet<&str> = staying().filter_map(|entry| entry.resumed_from.as_deref()).collect();
        let parents: HashSet<&str> = staying().filter_map(|entry| entry.run_id.as_deref()).collect();
        let referenced = |entry: &Entry| {
            entry.run_id.as_deref().is_some_and(|id| origins.contains(id))
                || entry.parent.as_ref().is_some_and(|parent| parents.contains(parent.run_id.as_str()))
        };
        let (stay, rest): (Vec<&Entry>, Vec<&Entry>) = go.iter().copied().partition(|entry| referenced(entry));
        if stay.is_empty() {
            break;
        }
        kept.extend(stay.into_iter().map(|entry| keep(entry, Why::Referenced)));
        go = rest;
    }
    (go, kept)
}

enum NotRemoved {
    GoesOn,
    Io(io::Error),
}

impl From<io::Error> for NotRemoved {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Removes a run; returns the bytes of its files.
fn remove(root: &Path, runs: &Dir, known: &Entry, dry_run: bool) -> Result<u64, NotRemoved> {
    let name = &known.folder;
    let bytes = size(&runs.open_dir_nofollow(name)?);
    if dry_run {
        return Ok(bytes);
    }
    // Between the list and now somebody may have begun to recover it, or to run it.
    if let Ok(directory) = RunDirectory::open(runs_folder(root).join(name))
        && entry(&directory).state == State::Running
    {
        return Err(NotRemoved::GoesOn);
    }
    let hidden = format!("{GONE}{name}");
    runs.rename(name, runs, &hidden)?;
    remove_all(runs, &hidden)?;
    Ok(bytes)
}

/// Removes a folder with all that is in it, also where a stage took away its own right to write.
fn remove_all(folder: &Dir, name: &str) -> io::Result<()> {
    match folder.remove_dir_all(name) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open_up(&folder.open_dir_nofollow(name)?)?;
            folder.remove_dir_all(name)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Gives the owner all rights on a folder and the folders below it.
fn open_up(folder: &Dir) -> io::Result<()> {
    folder.set_permissions(".", cap_std::fs::Permissions::from_mode(0o700))?;
    for entry in folder.entries()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&folder.open_dir_nofollow(entry.file_name())?)?;
        }
    }
    Ok(())
}

/// Bytes of the files in a folder and below it, as far as it can be read.
fn size(folder: &Dir) -> u64 {
    let entries = folder.entries().into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => folder.open_dir_nofollow(entry.file_name()).map_or(0, |below| size(&below)),
            Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |metadata| metadata.len()),
            _ => 0,
        })
        .sum()
}

/// Removes what earlier removals left behind, and entries of the cache that lead to no run. Returns their number and bytes; those of
/// the cache are not counted before they are gone.
fn leftovers(root: &Path, runs: &Dir, dry_run: bool) -> (usize, u64) {
    let (mut count, mut bytes) = (0, 0);
    for name in names(runs).into_iter().filter(|name| name.starts_with(GONE)) {
        let held = runs.open_dir_nofollow(&name).map_or(0, |folder| size(&folder));
        if dry_run || remove_all(runs, &name).is_ok() {
            (count, bytes) = (count + 1, bytes + held);
        }
    }
    if !dry_run {
        let there = |run: &str| runs.symlink_metadata(run).is_ok();
        // What can't be read stays, and does no harm: an entry is only a hint.
        count += CacheIndex::open(root).prune(&there).unwrap_or(0);
    }
    (count, bytes)
}

fn names(folder: &Dir) -> Vec<String> {
    let entries = folder.entries().into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
