//! The worker's own folder on its node: the journal of its spans lies there until the host has everything.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::protocol::{Ended, Job};
use crate::files;

/// What the folder's last file is called: the `ended` that could not be sent.
const ENDED: &str = "ended.json";
/// The socket that takes orders.
const SOCKET: &str = "control";
/// Longest path of a socket (sun_path of unix(7), less its end).
const SOCKET_MAX: usize = 107;
/// Digits that tell sockets apart which could not lie in their folder.
const DIGITS: usize = 12;
/// Other workers of the run tidy up the same parents, again and again where stages are short.
const TRIES: usize = 1000;

#[derive(Debug)]
pub(super) struct OwnFolder {
    path: PathBuf,
    /// Its parents that are the worker's own as well.
    below: usize,
    socket: Option<PathBuf>,
}

impl OwnFolder {
    /// Makes `<scratch>/<run>/<worker>/<id>`, for this user alone.
    pub(super) fn create(job: &Job) -> Result<Self, String> {
        let scratch = job.scratch.clone().unwrap_or_else(default_scratch);
        let why =
            |path: &Path, error: &io::Error| format!("the worker can't make its folder {}: {error}", path.display());
        make(&scratch).map_err(|error| why(&scratch, &error))?;
        let seen = fs::symlink_metadata(&scratch).map_err(|error| why(&scratch, &error))?;
        let user = rustix::process::geteuid().as_raw();
        if !seen.is_dir() || seen.uid() != user || seen.mode() & 0o022 != 0 {
            return Err(format!(
                "the scratch folder {} is not a folder that only user {user} can write to: remove it, or set TMPDIR for the \
                 cluster's nodes",
                scratch.display()
            ));
        }
        let parent = scratch.join(&job.run).join(&job.worker);
        let path = parent.join(&job.id);
        let mut tries = 0;
        loop {
            tries += 1;
            // A parent that goes while it is made is seen as one that is not there, or as one that is in the way.
            let again = match make(&parent) {
                Ok(()) => match DirBuilder::new().mode(0o700).create(&path) {
                    Ok(()) => break,
                    // The attempt's own: that one must not be there.
                    Err(error) => (error.kind() == io::ErrorKind::NotFound, path.as_path(), error),
                },
                Err(error) => {
                    let kinds = [io::ErrorKind::NotFound, io::ErrorKind::AlreadyExists];
                    (kinds.contains(&error.kind()), parent.as_path(), error)
                }
            };
            let (may_pass, at, error) = again;
            if !may_pass || tries >= TRIES {
                return Err(why(at, &error));
            }
        }
        let socket = [path.join(SOCKET), scratch.join(short_name(&path))];
        let socket = socket.into_iter().find(|path| path.as_os_str().len() <= SOCKET_MAX);
        Ok(Self { path, below: 2, socket })
    }

    pub(super) fn open(&self) -> io::Result<Dir> {
        Dir::open_ambient_dir(&self.path, ambient_authority())
    }

    /// Where the socket is to be; `None`: every path would be too long.
    pub(super) fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// Everything was delivered.
    pub(super) fn remove(&self) {
        self.remove_socket();
        // What stays behind is only untidy. Parents that others use are not empty.
        drop(fs::remove_dir_all(&self.path));
        for parent in self.path.ancestors().skip(1).take(self.below) {
            drop(fs::remove_dir(parent));
        }
    }

    /// Leaves it to whoever looks for it, with the last word.
    pub(super) fn leave(&self, ended: &Ended) {
        self.remove_socket();
        let written = serde_json::to_vec(ended).map_err(io::Error::from).and_then(|mut text| {
            text.push(b'\n');
            files::write_bytes(&self.open()?, ENDED, &text)
        });
        // Nobody listens who could be told.
        drop(written);
    }

    fn remove_socket(&self) {
        if let Some(socket) = &self.socket {
            drop(fs::remove_file(socket));
        }
    }
}

fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn default_scratch() -> PathBuf {
    std::env::temp_dir().join(format!("forensic-host-{}", rustix::process::geteuid().as_raw()))
}

fn short_name(path: &Path) -> String {
    let digest = files::sha256(path.as_os_str().as_encoded_bytes());
    format!("control-{}", &digest[..DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(scratch: &Path, id: &str) -> Job {
        serde_json::from_value(json!({
            "id": id, "run": "R", "stage": "a", "attempt": 1, "command": {"argv": ["true"]}, "cwd": "/", "run_dir": "/r",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "worker": "n-1", "scratch": scratch,
        }))
        .unwrap()
    }

    #[test]
    fn workers_of_a_run_don_t_get_into_each_other_s_way() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = folder.path().join("scratch");
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let scratch = &scratch;
                scope.spawn(move || {
                    let job = job(scratch, &format!("s{worker}#1"));
                    for _ in 0..2000 {
                        OwnFolder::create(&job).unwrap().remove();
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
    }

    #[test]
    fn an_attempt_has_one_worker() {
        let folder = tempfile::tempdir().unwrap();
        let job = job(&folder.path().join("scratch"), "a#1");
        let _first = OwnFolder::create(&job).unwrap();
        let why = OwnFolder::create(&job).unwrap_err();
        assert!(why.contains("a#1") && why.contains("exists"), "{why}");
    }
}
