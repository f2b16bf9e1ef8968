//! Files that a stage made, on their way to the host: those that its outputs name, regular files below the run directory only,
//! and never through a link.

use std::io::{self, Read as _};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, MetadataExt as _};
use sha2::{Digest as _, Sha256};

use super::output::Output;
use super::protocol::{Event, FilePiece, Job, PIECE_MAX};
use crate::files::hex;
use crate::plan::globs::{self, Links};

/// Sends all of them.
pub(super) fn send(job: &Job, output: &Output) {
    let refuse = |path: &str, why: String| output.push(Event::File(refusal(path, why)));
    let dir = match Dir::open_ambient_dir(&job.run_dir, ambient_authority()) {
        Ok(dir) => dir,
        Err(error) => {
            let why = format!("the run directory can't be opened on its node: {error}");
            return job.outputs.iter().for_each(|glob| refuse(glob, why.clone()));
        }
    };
    let mut paths = std::collections::BTreeSet::new();
    for glob in &job.outputs {
        match expand(&dir, glob) {
            Ok(found) => paths.extend(found),
            Err(why) => refuse(glob, why),
        }
    }
    for path in paths {
        if output.is_over() {
            return;
        }
        if let Err(error) = send_file(&dir, &path, output) {
            refuse(&path, explain(&error));
        }
    }
}

fn explain(error: &io::Error) -> String {
    // Which of the two a link gives depends on what it was taken for.
    let link = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    if link || error.kind() == io::ErrorKind::NotADirectory {
        return "it is a link, or does not lie in a folder: only regular files are sent back".into();
    }
    error.to_string()
}

/// A glob as paths below `dir`; links are among them, to be refused by name.
fn expand(dir: &Dir, glob: &str) -> Result<Vec<String>, String> {
    let (prefix, rest) = globs::split(glob);
    let prefix = prefix.trim_end_matches('/');
    if rest.is_empty() {
        match globs::open_folder(dir, prefix, false) {
            // All files in a folder.
            Ok(_) => {}
            // A single file, or a link: which of them is seen when it is opened.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Ok(vec![prefix.to_owned()]),
            Err(_) => return Ok(Vec::new()),
        }
    }
    let folder = match globs::open_folder(dir, prefix, false) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(explain(&error)),
    };
    let mut found = globs::list(&folder, rest, Links::List, None)?;
    if !prefix.is_empty() {
        found.iter_mut().for_each(|path| path.insert_str(0, &format!("{prefix}/")));
    }
    Ok(found)
}

fn send_file(dir: &Dir, path: &str, output: &Output) -> io::Result<()> {
    let mut file = globs::open_file(dir, path)?;
    let mode = file.metadata()?.mode() & 0o777;
    let (mut off, mut digest) = (0, Sha256::new());
    // One piece ahead, so that the last one is known to be the last.
    let mut next = piece(&mut file)?;
    loop {
        let bytes = next;
        next = if bytes.len() < PIECE_MAX { Vec::new() } else { piece(&mut file)? };
        digest.update(&bytes);
        let (eof, length) = (next.is_empty(), bytes.len() as u64);
        let sha256 = eof.then(|| hex(&digest.clone().finalize()));
        output.push(Event::File(FilePiece { path: path.to_owned(), off, bytes, eof, sha256, mode, error: None }));
        if eof || output.is_over() {
            return Ok(());
        }
        off += length;
    }
}

fn piece(file: &mut cap_std::fs::File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.by_ref().take(PIECE_MAX as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn refusal(path: &str, why: String) -> FilePiece {
    FilePiece { path: path.to_owned(), off: 0, bytes: Vec::new(), eof: true, sha256: None, mode: 0, error: Some(why) }
}
