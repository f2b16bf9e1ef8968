//! Lists a run directory and reads each file once, in bounded memory. Folders are walked by handle and nothing is opened
//! through a link, so whatever stages left behind, nothing outside the directory is read and no pipe is waited for.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir, Metadata, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use sha2::{Digest as _, Sha256};

use super::entry::{FileEntry, Kind, name_text};
use super::signature::SIGNATURE;
use crate::beside::Place;
use crate::directory::RECORD;
use crate::files::hex;
use crate::phases;

/// A file that changes while it is read is read this often.
const TRIES: usize = 3;
/// One handle is open for each level.
const MAX_DEPTH: usize = 128;
/// Files that wait for the second thread; each may hold its folder open.
const WAITING: usize = 64;
/// Bytes after which a second thread is worth its start; a file costs as much as [`FILE_COST`] bytes.
const ALONE: u64 = 4 << 20;
const FILE_COST: u64 = 32 << 10;
const BUFFER: usize = 128 << 10;
/// SHA-256 of nothing.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Every file below `dir` except, at its top, the record of the run and its signature; sorted bytewise by path.
///
/// # Errors
/// Where `dir` itself can't be listed. What can't be read below it has an entry that says why.
pub fn inventory(dir: &Dir) -> io::Result<Vec<FileEntry>> {
    let mut entries = list(dir, &|_| true)?;
    entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

/// [`inventory`], while `work` writes the folder `later` at the top of `dir`, and that alone: the folder is read when all else is
/// read and `work` is done. Where the system has no thread for it, all is read then.
///
/// # Errors
/// As there.
pub(super) fn inventory_beside<T>(dir: &Dir, later: &str, work: impl FnOnce() -> T) -> (io::Result<Vec<FileEntry>>, T) {
    let phase = phases::innermost();
    let place = Place::here();
    thread::scope(|scope| {
        let early = thread::Builder::new().name("evidence".into()).spawn_scoped(scope, move || {
            place.leave();
            phases::enter(phase);
            phases::within("take the evidence of what is written", || list(dir, &|name| name != later))
        });
        thread::yield_now();
        let made = work();
        let entries = match early {
            Ok(thread) => phases::within("take the evidence", || {
                let mut entries = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                entries.extend(list(dir, &|name| name == later)?);
                entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
                Ok(entries)
            }),
            Err(_) => phases::within("take the evidence", || inventory(dir)),
        };
        (entries, made)
    })
}

/// The same in no order, of those names alone at the top of `dir` that `wanted` wants.
fn list(dir: &Dir, wanted: &dyn Fn(&OsStr) -> bool) -> io::Result<Vec<FileEntry>> {
    let helpers = thread::available_parallelism().map_or(1, NonZeroUsize::get) - 1;
    let root = Arc::new(dir.try_clone()?);
    thread::scope(|scope| {
        let mut helper = None;
        let start = || {
            let (jobs, queue) = sync_channel(WAITING);
            helper = Some(scope.spawn(move || work(&queue)));
            jobs
        };
        let start = (helpers > 0).then_some(start);
        let mut walk = Walk { wanted, jobs: None, start, spent: 0, reader: Reader::default() };
        let walked = walk.folder(&root, "", 0);
        // The helper ends when nobody can give it more.
        drop(walk.jobs.take());
        let mut entries = std::mem::take(&mut walk.reader.entries);
        drop(walk);
        if let Some(helper) = helper {
            entries.extend(helper.join().map_err(|_| io::Error::other("a thread that read files has panicked"))?);
        }
        walked?;
        Ok(entries)
    })
}

/// One entry as it is now; `None` if there is none. `path` has plain names only.
pub(super) fn look(dir: &Dir, path: &str) -> Option<FileEntry> {
    let mut reader = Reader::default();
    let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
    match dir.open_dir(folder) {
        Ok(folder) => reader.read(&folder, OsStr::new(name), path.to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => reader.entries.push(FileEntry::bare(path.to_owned(), Kind::File).problem(error.to_string())),
    }
    reader.entries.pop()
}

/// Opens a regular file without following a link and without waiting for a pipe.
///
/// # Errors
/// `NotFound`; `InvalidInput` where it is no regular file; what the file system says.
pub(super) fn open_regular(dir: &Dir, name: &OsStr) -> io::Result<cap_std::fs::File> {
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    let file = dir.open_with(name, &options)?;
    match kind(&file.metadata()?) {
        Kind::File => Ok(file),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
    }
}

/// A file that waits to be read.
struct Job {
    folder: Arc<Dir>,
    name: OsString,
    path: String,
}

fn work(queue: &Receiver<Job>) -> Vec<FileEntry> {
    let mut reader = Reader::default();
    while let Ok(job) = queue.recv() {
        reader.read(&job.folder, &job.name, job.path);
    }
    reader.entries
}

struct Walk<'a, S> {
    /// Names at the top.
    wanted: &'a dyn Fn(&OsStr) -> bool,
    jobs: Option<SyncSender<Job>>,
    start: Option<S>,
    spent: u64,
    reader: Reader,
}

impl<S: FnOnce() -> SyncSender<Job>> Walk<'_, S> {
    fn folder(&mut self, folder: &Arc<Dir>, prefix: &str, depth: usize) -> io::Result<()> {
        for entry in folder.entries()? {
            let entry = entry?;
            let name = entry.file_name();
            if depth == 0 && (name == RECORD || name == SIGNATURE || !(self.wanted)(&name)) {
                continue;
            }
            let path = format!("{prefix}{}", name_text(name.as_bytes()));
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.file(Job { folder: Arc::clone(folder), name, path });
                continue;
            }
            let problem = if depth == MAX_DEPTH {
                format!("it lies more than {MAX_DEPTH} folders deep")
            } else {
                // What can't be listed to its end is told: its files are not known.
                let listed = folder
                    .open_dir_nofollow(&name)
                    .and_then(|below| self.folder(&Arc::new(below), &format!("{path}/"), depth + 1));
                match listed {
                    Ok(()) => continue,
                    Err(error) => error.to_string(),
                }
            };
            self.reader.entries.push(FileEntry::bare(path, Kind::Folder).problem(problem));
        }
        Ok(())
    }

    fn file(&mut self, job: Job) {
        if self.spent > ALONE
            && let Some(start) = self.start.take()
        {
            self.jobs = Some(start());
        }
        let job = match &self.jobs {
            None => job,
            Some(jobs) => match jobs.try_send(job) {
                Ok(()) => return,
                Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => job,
            },
        };
        self.reader.read(&job.folder, &job.name, job.path);
        self.spent += FILE_COST + self.reader.entries.last().and_then(|entry| entry.size).unwrap_or_default();
    }
}

#[derive(Default)]
struct Reader {
    buffer: Vec<u8>,
    entries: Vec<FileEntry>,
}

impl Reader {
    /// Reads one entry of a folder. What is gone by now is no entry.
    fn read(&mut self, folder: &Dir, name: &OsStr, path: String) {
        let mut problem = "it changed while it was read".to_owned();
        for _ in 0..TRIES {
            let metadata = match folder.symlink_metadata(name) {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return,
                Err(error) => {
                    problem = error.to_string();
                    break;
                }
            };
            match kind(&metadata) {
                Kind::File => {}
                Kind::Symlink => match folder.read_link_contents(name) {
                    Ok(target) => {
                        let target = Some(name_text(target.as_os_str().as_bytes()));
                        return self.entries.push(FileEntry { target, ..FileEntry::bare(path, Kind::Symlink) });
                    }
                    Err(_) => continue,
                },
                // It was none when its folder was listed.
                Kind::Folder => continue,
                kind => return self.entries.push(FileEntry::bare(path, kind)),
            }
            match self.hash(folder, name, &metadata) {
                Ok(Some((size, sha256))) => {
                    let bare = FileEntry::bare(path, Kind::File);
                    return self.entries.push(FileEntry { size: Some(size), sha256: Some(sha256), ..bare });
                }
                Ok(None) => {}
                Err(error) => problem = error.to_string(),
            }
        }
        self.entries.push(FileEntry::bare(path, Kind::File).problem(problem));
    }

    /// Size and SHA-256; `None` where the file is not the one that was looked at, or was written to meanwhile.
    fn hash(&mut self, folder: &Dir, name: &OsStr, seen: &Metadata) -> io::Result<Option<(u64, String)>> {
        if seen.len() == 0 && seen.blocks() == 0 {
            // Most logs: there is nothing to read.
            return Ok(Some((0, EMPTY.to_owned())));
        }
        let mut file = open_regular(folder, name)?;
        let before = file.metadata()?;
        if (before.dev(), before.ino()) != (seen.dev(), seen.ino()) {
            return Ok(None);
        }
        self.buffer.resize(BUFFER, 0);
        let mut digest = Sha256::new();
        let mut size = 0u64;
        loop {
            match file.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(read) => {
                    digest.update(&self.buffer[..read]);
                    size += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            // A file that grows as fast as it is read has no end.
            if size > before.len() {
                return Ok(None);
            }
        }
        let after = file.metadata()?;
        let still = state(&before) == state(&after) && size == before.len();
        Ok(still.then(|| (size, hex(&digest.finalize()))))
    }
}

/// What changes when a file is written to.
fn state(metadata: &Metadata) -> (u64, i64, i64, i64, i64) {
    (metadata.len(), metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec())
}

/// The kind of an entry by its mode.
fn kind(metadata: &Metadata) -> Kind {
    use rustix::fs::FileType;
    match FileType::from_raw_mode(metadata.mode()) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::CharacterDevice => Kind::CharacterDevice,
        _ => Kind::Other,
    }
}
