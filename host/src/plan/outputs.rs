//! The files that a stage leaves behind: finding them by their globs, and looking whether they are still the same. Nothing is
//! opened through a link, and only regular files count.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::contents::{changed, digest};
use super::globs::{self, Links, MAX_FILES};
use super::manifest::{Output, OutputPlace, is_own};
use super::paths::{clean, relative};
use crate::pipeline::OutputGlob;

/// Takes down what `outputs` name, ascending. What lies below `summaries`, the folder of all runs, is no output of a working folder.
///
/// # Errors
/// A sentence: one names nothing, a file can't be read, or there are too many.
pub(super) fn take(run: &Dir, workdir: &Path, summaries: &Path, outputs: &[OutputGlob]) -> Result<Vec<Output>, String> {
    let workdir = &clean(workdir);
    let summaries = summaries.starts_with(workdir).then(|| relative(workdir, summaries));
    let is_output = |place, path: &str| match place {
        OutputPlace::Run => !is_own(path),
        OutputPlace::Workdir => {
            let own = |own| path.strip_prefix(own).is_some_and(|rest: &str| rest.starts_with('/'));
            !summaries.as_deref().is_some_and(own)
        }
    };
    let mut found: BTreeSet<(OutputPlace, String)> = BTreeSet::new();
    let mut below_workdir = None;
    for output in outputs {
        let (place, glob, shown) = match output {
            OutputGlob::Run(glob) => (OutputPlace::Run, glob, format!("run:{glob}")),
            OutputGlob::Workdir(glob) => (OutputPlace::Workdir, glob, glob.clone()),
        };
        let dir = match place {
            OutputPlace::Run => run,
            OutputPlace::Workdir => open_once(&mut below_workdir, workdir)?,
        };
        let mut any = false;
        let skip = summaries.as_deref().filter(|_| place == OutputPlace::Workdir);
        for path in expand(dir, glob, skip).map_err(|why| format!("output `{shown}`: {why}"))? {
            if is_output(place, &path) {
                any = true;
                found.insert((place, path));
            }
        }
        if !any {
            return Err(format!("output `{shown}` names no file"));
        }
        if found.len() > MAX_FILES {
            return Err(format!("it has more than {MAX_FILES} outputs"));
        }
    }
    let mut taken = Vec::with_capacity(found.len());
    for (place, path) in found {
        let dir = match place {
            OutputPlace::Run => run,
            OutputPlace::Workdir => open_once(&mut below_workdir, workdir)?,
        };
        let (size, sha256) = read(dir, &path).map_err(|error| format!("output {path}: {error}"))?;
        taken.push(Output { place, path, size, sha256 });
    }
    Ok(taken)
}

fn open_once<'d>(opened: &'d mut Option<Dir>, workdir: &Path) -> Result<&'d Dir, String> {
    let dir = match opened.take() {
        Some(dir) => dir,
        None => open(workdir).map_err(|error| format!("the working folder {}: {error}", workdir.display()))?,
    };
    Ok(opened.insert(dir))
}

/// Opens a working folder.
pub(super) fn open(workdir: &Path) -> io::Result<Dir> {
    Dir::open_ambient_dir(workdir, ambient_authority())
}

/// A glob as paths below `dir`, without those below `skip`; a folder without a pattern is all files in it.
fn expand(dir: &Dir, glob: &str, skip: Option<&str>) -> Result<Vec<String>, String> {
    let (prefix, rest) = globs::split(glob);
    let prefix = prefix.trim_end_matches('/');
    if rest.is_empty() && globs::open_file(dir, prefix).is_ok() {
        return Ok(vec![prefix.to_owned()]);
    }
    let folder = match globs::open_folder(dir, prefix, false) {
        Ok(folder) => folder,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        // A link, as a file or as a folder on the way.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => return Ok(Vec::new()),
        Err(error) => return Err(error.to_string()),
    };
    let skip = skip.and_then(|skip| match prefix {
        "" => Some(skip),
        prefix => skip.strip_prefix(prefix)?.strip_prefix('/'),
    });
    let mut found = globs::list(&folder, rest, Links::Skip, skip)?;
    if !prefix.is_empty() {
        found.iter_mut().for_each(|path| path.insert_str(0, &format!("{prefix}/")));
    }
    Ok(found)
}

/// Size and SHA-256 of a file.
pub(super) fn read(dir: &Dir, path: &str) -> io::Result<(u64, String)> {
    let mut file = globs::open_file(dir, path)?;
    let before = globs::stamp(&file)?;
    let (size, sha256) = digest(&mut file, before.2)?;
    if globs::stamp(&file)? == before && size == before.2 { Ok((size, sha256)) } else { Err(changed()) }
}

/// What can be seen to be wrong with an output without reading it.
pub(super) fn glance(dir: &Dir, output: &Output) -> Option<String> {
    match globs::open_file(dir, &output.path).and_then(|file| Ok(file.metadata()?.len())) {
        Ok(size) if size == output.size => None,
        Ok(_) => Some("is damaged: it has another size".to_owned()),
        Err(error) => Some(problem(&error)),
    }
}

/// What is wrong with an output that is to stay where it is.
pub(super) fn verify(dir: &Dir, output: &Output) -> Option<String> {
    match glance(dir, output) {
        None => match read(dir, &output.path) {
            Ok((_, sha256)) if sha256 == output.sha256 => None,
            Ok(_) => Some("is damaged: it has other content".to_owned()),
            Err(error) => Some(problem(&error)),
        },
        problem => problem,
    }
}

/// An error as the rest of a sentence on a file.
pub(super) fn problem(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound { "is missing".to_owned() } else { format!("can't be read: {error}") }
}
