//! The run directory: where everything of one run is, and nothing else may go (DESIGN 4).

mod logs;

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File};

pub use self::logs::{LogFile, Logs, log_path, logs_there};
use crate::clock::{UnixNanos, utc};
use crate::evidence::SIGNATURE;
use crate::files;

/// Where runs go below the root folder.
const RUNS: &str = "summaries/runs";
/// Points to the newest run, beside `runs`.
const LATEST: &str = "latest";
/// The root folder, unless something else is said, below the folder that the command is given in.
pub const DEFAULT_ROOT: &str = "data/artifacts";
/// Threads that write files beside the caller.
const WRITERS: usize = 4;
/// Longest run id.
const MAX_ID: usize = 128;

/// Name of the record of a run.
pub const RECORD: &str = "run.json";
/// The trace, below the run directory.
pub const TRACE: &str = "data/forensic_trace.json";
/// The trace's name in the data folder.
pub const TRACE_NAME: &str = "forensic_trace.json";
/// What stages write.
pub const DATA: &str = "data";
/// Output of attempts.
pub const LOGS: &str = "logs";
/// Reports.
pub const REPORTS: &str = "reports";
/// Components that the reports were made with, where they are not part of the host.
pub const PLUGINS: &str = "plugins";

/// The folder that the runs of a root folder are in.
pub fn runs_folder(root: &Path) -> PathBuf {
    root.join(RUNS)
}

/// Name of the run below `root` that `latest` points to.
pub fn latest_run(root: &Path) -> Option<String> {
    let target = fs::read_link(root.join("summaries").join(LATEST)).ok()?;
    target.file_name()?.to_str().map(str::to_owned)
}

/// A checked run id: `[A-Za-z0-9._-]`, no leading dot, 128 characters at most.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId(String);

/// Why a text is no run id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{given:?} is no run id: {why}. A run id has letters, digits, `.`, `_` and `-`, does not begin with a dot, and is at \
     most {MAX_ID} characters long"
)]
pub struct BadRunId {
    given: String,
    why: &'static str,
}

impl RunId {
    /// A new id that sorts by time: `20261122T091600.123Z-1a2b3c4d`.
    pub fn generate(started: UnixNanos) -> Self {
        let stamp = utc(started, 3).replace(['-', ':'], "");
        let mut random = [0u8; 4];
        if rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).is_err() {
            // Unique enough: the process and the nanosecond.
            random = (std::process::id() ^ started as u32).to_be_bytes();
        }
        Self(format!("{stamp}-{}", files::hex(&random)))
    }

    /// Checks a given id.
    ///
    /// # Errors
    /// [`BadRunId`].
    pub fn parse(given: &str) -> Result<Self, BadRunId> {
        let bad = |why| Err(BadRunId { given: given.chars().take(2 * MAX_ID).collect(), why });
        if given.is_empty() {
            bad("it is empty")
        } else if given.len() > MAX_ID {
            bad("it is too long")
        } else if given.starts_with('.') {
            bad("it begins with a dot")
        } else if !given.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
            bad("it has other characters")
        } else {
            Ok(Self(given.to_owned()))
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What can go wrong with a run directory.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// There is one with this id already.
    #[error("run {id} exists already in {}: choose another `--run-id`, or leave it out", folder.display())]
    Exists {
        /// The id.
        id: RunId,
        /// The runs folder.
        folder: PathBuf,
    },
    /// There is none.
    #[error("there is no run at {}: name a run id of this root folder (see `--root`) or a run directory", .0.display())]
    Missing(PathBuf),
    /// Several begin so.
    #[error("{prefix} could be any of {} runs: {}", ids.len(), few(ids))]
    Ambiguous {
        /// What was given.
        prefix: String,
        /// The runs that begin so.
        ids: Vec<String>,
    },
    /// Neither a run id nor a folder.
    #[error(transparent)]
    BadId(#[from] BadRunId),
    /// The file system said no.
    #[error("can't {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// An open run directory. Files below it are reached through it alone.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    dir: Arc<Dir>,
}

impl RunDirectory {
    /// Makes the directory of run `id` below `root`, with its folders.
    ///
    /// # Errors
    /// Where it exists, or can't be made.
    pub fn create(root: &Path, id: &RunId) -> Result<Self, DirectoryError> {
        let runs = root.join(RUNS);
        let io = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| DirectoryError::Io { doing, path, source }
        };
        fs::create_dir_all(&runs).map_err(io("make the folder", &runs))?;
        let runs = runs.canonicalize().map_err(io("open the folder", &runs))?;
        let path = runs.join(id.as_str());
        fs::create_dir(&path).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => DirectoryError::Exists { id: id.clone(), folder: runs.clone() },
            _ => DirectoryError::Io { doing: "make the folder", path: path.clone(), source },
        })?;
        let directory = Self::open(path)?;
        for folder in [DATA, LOGS, REPORTS] {
            directory.dir.create_dir(folder).map_err(io("make the folder", &directory.path.join(folder)))?;
        }
        Ok(directory)
    }

    /// Opens an existing run directory.
    ///
    /// # Errors
    /// Where there is none.
    pub fn open(path: PathBuf) -> Result<Self, DirectoryError> {
        match Dir::open_ambient_dir(&path, ambient_authority()) {
            Ok(dir) => Ok(Self { path, dir: Arc::new(dir) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(DirectoryError::Missing(path)),
            Err(source) => Err(DirectoryError::Io { doing: "open the run directory", path, source }),
        }
    }

    /// Opens the run in the folder `name` of a runs folder, for somebody who is not trusted: a link that leads out of the runs folder
    /// is not followed.
    ///
    /// # Errors
    /// Where there is none.
    pub fn open_below(runs: &Path, name: &str) -> Result<Self, DirectoryError> {
        let path = runs.join(name);
        let opened = Dir::open_ambient_dir(runs, ambient_authority()).and_then(|runs| runs.open_dir(name));
        match opened {
            Ok(dir) => Ok(Self { path, dir: Arc::new(dir) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(DirectoryError::Missing(path)),
            Err(source) => Err(DirectoryError::Io { doing: "open the run directory", path, source }),
        }
    }

    /// Finds a run as a person names it: `latest`, a run id of `root` or the beginning of one, or the path of a run directory.
    ///
    /// # Errors
    /// Where there is none.
    pub fn find(root: &Path, name: &Path) -> Result<Self, DirectoryError> {
        if let Some(text) = name.to_str().filter(|text| !text.contains('/')) {
            let runs = root.join(RUNS);
            let path = if text == LATEST {
                root.join("summaries").join(LATEST)
            } else {
                runs.join(RunId::parse(text)?.as_str())
            };
            let path = match path.is_dir() || name.is_dir() || text == LATEST {
                true => path,
                false => beginning(&runs, text)?.unwrap_or(path),
            };
            if path.is_dir() || !name.is_dir() {
                return Self::open(path.canonicalize().unwrap_or(path));
            }
        }
        Self::open(name.canonicalize().unwrap_or_else(|_| name.to_owned()))
    }

    /// Its path, absolute where the run was made by this process.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open directory.
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// A folder below it.
    ///
    /// # Errors
    /// Where it can't be opened.
    pub fn folder(&self, name: &str) -> Result<Dir, DirectoryError> {
        self.dir.open_dir(name).map_err(|source| DirectoryError::Io {
            doing: "open the folder",
            path: self.path.join(name),
            source,
        })
    }

    /// Opens a file below it for reading; `None` if there is none. What is no regular file is refused, see [`files::open_regular`].
    ///
    /// # Errors
    /// Where there is one and it can't be opened.
    pub fn file(&self, name: &str) -> Result<Option<File>, DirectoryError> {
        match files::open_regular(&self.dir, name) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DirectoryError::Io { doing: "read", path: self.path.join(name), source }),
        }
    }

    /// Writes a file below it, whole or not at all; its folder exists.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), DirectoryError> {
        let io = |source| DirectoryError::Io { doing: "write", path: self.path.join(name), source };
        match name.rsplit_once('/') {
            Some((folder, name)) => files::write_bytes(&self.folder(folder)?, name, bytes).map_err(io),
            None => files::write_bytes(&self.dir, name, bytes).map_err(io),
        }
    }

    /// Writes a file at its top whole; the disk takes it soon. See [`files::write_soon`].
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn write_soon(&self, name: &str, bytes: &[u8]) -> Result<(), DirectoryError> {
        let io = |source| DirectoryError::Io { doing: "write", path: self.path.join(name), source };
        files::write_soon(&self.dir, name, bytes).map_err(io)
    }

    /// Writes files to a folder below it, each whole or not at all.
    ///
    /// # Errors
    /// Where one can't be written; others may be.
    pub fn write_all(&self, folder: &str, texts: &[(String, &str)]) -> Result<(), DirectoryError> {
        let dir = self.folder(folder)?;
        let io = |name: &str| {
            let path = self.path.join(folder).join(name);
            move |source| DirectoryError::Io { doing: "write", path, source }
        };
        let (dir, io) = (&dir, &io);
        let write = move |part: &[(String, &str)]| {
            part.iter().try_for_each(|(name, text)| {
                files::replace(dir, name, |file| file.write_all(text.as_bytes())).map_err(io(name))
            })
        };
        // What waits for the disk waits at the same time.
        let (first, rest) = texts.split_at(texts.len().min(1));
        thread::scope(|scope| {
            let parts = rest.chunks(rest.len().div_ceil(WRITERS).max(1));
            let start = |part| thread::Builder::new().spawn_scoped(scope, move || write(part)).map_err(|_| part);
            let others: Vec<_> = parts.map(start).collect();
            write(first)?;
            others.into_iter().try_for_each(|other| match other {
                Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                // The system has no thread for it.
                Err(part) => write(part),
            })
        })?;
        files::sync_folder(dir).map_err(io(""))
    }

    /// The output files of an attempt; none of them is there yet.
    pub fn logs(&self, stage: &str, attempt: u32) -> Logs {
        Logs::new(Arc::clone(&self.dir), stage, attempt)
    }

    /// Points `latest` to this run. Of two runs that end together the one that calls last is the latest.
    ///
    /// # Errors
    /// Where the link can't be replaced.
    pub fn mark_latest(&self) -> io::Result<()> {
        let Some((runs, name)) = self.path.parent().zip(self.path.file_name()) else { return Ok(()) };
        let Some((summaries, runs_name)) = runs.parent().zip(runs.file_name()) else { return Ok(()) };
        let temporary = summaries.join(format!(".{LATEST}.{}.{}", std::process::id(), name.display()));
        std::os::unix::fs::symlink(Path::new(runs_name).join(name), &temporary)?;
        fs::rename(&temporary, summaries.join(LATEST)).inspect_err(|_| drop(fs::remove_file(&temporary)))
    }
}

/// The only run whose id begins so; `None` where none does.
fn beginning(runs: &Path, prefix: &str) -> Result<Option<PathBuf>, DirectoryError> {
    let names = fs::read_dir(runs).into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut ids: Vec<String> = names.filter(|name| name.starts_with(prefix) && runs.join(name).is_dir()).collect();
    match ids.len() {
        0 | 1 => Ok(ids.pop().map(|id| runs.join(id))),
        _ => {
            ids.sort_unstable_by(|a, b| b.cmp(a));
            Err(DirectoryError::Ambiguous { prefix: prefix.to_owned(), ids })
        }
    }
}

/// The first of a list, for a message.
fn few(ids: &[String]) -> String {
    let more = if ids.len() > 5 { ", …" } else { "" };
    format!("{}{more}", ids[..ids.len().min(5)].join(", "))
}

/// Whether a file of the run directory, by its path below it, is written by the host itself: record, trace,
/// reports, and what stages left behind for later runs. Such a file is never an artifact.
pub fn is_host_file(path: &str) -> bool {
    path == RECORD
        || path == SIGNATURE
        || path.starts_with("reports/")
        || path.starts_with("plugins/")
        || path.starts_with("stages/")
        || path.starts_with("data/forensic_trace.")
        || path.rsplit('/').next().is_some_and(|name| name.starts_with('.'))
}
