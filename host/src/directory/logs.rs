//! What an attempt says: a file for each of its output streams, made when the first byte comes. Most stages are silent on at
//! least one of them, and files that nobody ever writes to take time that shows beside a small program.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cap_std::fs::{Dir, DirBuilder, OpenOptions};

use super::LOGS;

/// The streams of an attempt, as they stand in the names of its logs.
const STREAMS: [&str; 2] = ["out", "err"];

/// Path of an attempt's output below the run directory; `stream` is `out` or `err`.
pub fn log_path(stage: &str, attempt: u32, stream: &str) -> String {
    format!("{LOGS}/{stage}/{attempt}.{stream}.log")
}

/// Which of an attempt's logs are there, by the files themselves: standard output, standard error. `run`: the run directory.
pub fn logs_there(run: &Dir, stage: &str, attempt: u32) -> [Option<String>; 2] {
    STREAMS.map(|stream| Some(log_path(stage, attempt, stream)).filter(|path| run.is_file(path)))
}

/// The logs of an attempt.
#[derive(Debug)]
pub struct Logs {
    place: Arc<Place>,
}

#[derive(Debug)]
struct Place {
    dir: Arc<Dir>,
    stage: String,
    attempt: u32,
    /// Which of them are there.
    made: [AtomicBool; 2],
}

/// Takes the bytes of one output stream.
#[derive(Debug)]
pub struct LogFile {
    file: Option<File>,
    /// Where the file is to be made, and for which stream.
    place: Option<(Arc<Place>, usize)>,
}

impl Logs {
    pub(super) fn new(dir: Arc<Dir>, stage: &str, attempt: u32) -> Self {
        let made = Default::default();
        Self { place: Arc::new(Place { dir, stage: stage.to_owned(), attempt, made }) }
    }

    /// Standard output and standard error; to be asked for once.
    pub fn files(&self) -> [LogFile; 2] {
        [0, 1].map(|stream| LogFile { file: None, place: Some((Arc::clone(&self.place), stream)) })
    }

    /// The paths of both below the run directory, as a pattern.
    pub fn pattern(&self) -> String {
        log_path(&self.place.stage, self.place.attempt, "*")
    }

    /// Paths below the run directory of what is there by now: standard output, standard error.
    pub fn made(&self) -> [Option<String>; 2] {
        let Place { stage, attempt, made, .. } = &*self.place;
        let path =
            |stream: usize| made[stream].load(Ordering::Acquire).then(|| log_path(stage, *attempt, STREAMS[stream]));
        [path(0), path(1)]
    }
}

impl Place {
    fn make(&self, stream: usize) -> io::Result<File> {
        let folder = format!("{LOGS}/{}", self.stage);
        self.dir.create_dir_with(&folder, &DirBuilder::new()).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Ok(()),
            _ => Err(error),
        })?;
        let path = log_path(&self.stage, self.attempt, STREAMS[stream]);
        let file = self.dir.open_with(path, OpenOptions::new().append(true).create_new(true))?;
        self.made[stream].store(true, Ordering::Release);
        Ok(file.into_std())
    }
}

impl LogFile {
    /// Makes the file though nothing was said yet.
    ///
    /// # Errors
    /// Where it can't be made.
    pub fn open(&mut self) -> io::Result<&mut File> {
        let file = match (self.file.take(), &self.place) {
            (Some(file), _) => file,
            (None, Some((place, stream))) => place.make(*stream)?,
            (None, None) => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(self.file.insert(file))
    }
}

impl From<File> for LogFile {
    /// A file that is there.
    fn from(file: File) -> Self {
        Self { file: Some(file), place: None }
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        self.open()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{RunDirectory, RunId};
    use super::*;

    #[test]
    fn a_log_is_made_by_its_first_byte() {
        let root = tempfile::tempdir().unwrap();
        let directory = RunDirectory::create(root.path(), &RunId::parse("r").unwrap()).unwrap();
        let logs = directory.logs("a", 2);
        let [mut out, mut err] = logs.files();
        out.write_all(b"").unwrap();
        out.flush().unwrap();
        assert_eq!(logs.made(), [None, None]);
        assert!(!directory.path().join("logs/a").exists());

        err.write_all(b"oh").unwrap();
        err.write_all(b" no\n").unwrap();
        assert_eq!(logs.made(), [None, Some("logs/a/2.err.log".to_owned())]);
        out.write_all(b"x").unwrap();
        let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
        assert_eq!((read("logs/a/2.out.log"), read("logs/a/2.err.log")), ("x".into(), "oh no\n".into()));
    }

    #[test]
    fn what_is_there_already_is_not_written_to() {
        let root = tempfile::tempdir().unwrap();
        let directory = RunDirectory::create(root.path(), &RunId::parse("r").unwrap()).unwrap();
        fs::create_dir(directory.path().join("logs/a")).unwrap();
        fs::write(directory.path().join("elsewhere"), "kept").unwrap();
        std::os::unix::fs::symlink("../../elsewhere", directory.path().join("logs/a/1.out.log")).unwrap();
        let logs = directory.logs("a", 1);
        let [mut out, _] = logs.files();
        assert_eq!(out.write_all(b"x").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(logs.made(), [None, None]);
        assert_eq!(fs::read_to_string(directory.path().join("elsewhere")).unwrap(), "kept");
    }
}
