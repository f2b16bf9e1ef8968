//! Puts the outputs of reused stages into a new run, before anything is scheduled. Every file is verified; a result of which one
//! is not what it was is given up, and its stage runs. Nothing is written outside the run directory or through a link, and no
//! file there is replaced.

use std::io::{self, Seek as _};
use std::path::Path;

use cap_std::fs::{Dir, File, OpenOptions, OpenOptionsExt as _, Permissions, PermissionsExt as _};
use rustix::fs::{RenameFlags, renameat_with};

use super::Action;
use super::contents::digest;
use super::decide::{Decision, Found, about};
use super::globs;
use super::index::CacheIndex;
use super::manifest::{self, Output, OutputPlace};
use super::outputs;
use crate::directory::RunDirectory;
use crate::pipeline::Pipeline;

/// What restoring came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Results that are reused.
    pub stages: usize,
    /// Files that were put into the run directory.
    pub files: usize,
    /// Their size together, bytes.
    pub bytes: u64,
    /// What the user should know, a sentence each.
    pub warnings: Vec<String>,
}

/// Restores the results that `decisions` reuse into the run directory `into` of run `run_id` and verifies those that stay where
/// they are. What can't be had is decided anew: its stage and all that depends on it run, with the reason. The manifests go along,
/// so that the new run can be resumed without the old one.
pub fn restore(
    pipeline: &Pipeline,
    decisions: &mut [Decision],
    into: &RunDirectory,
    root: &Path,
    run_id: &str,
) -> Restored {
    let mut restored = Restored::default();
    let mut places = Places { into: into.dir(), from: None, stages: None, index: None };
    for index in pipeline.execution_order() {
        let Some(found) = decisions[index].found.clone() else { continue };
        let stage = &pipeline.stages[index];
        let again = stage.needs.iter().find(|&&need| decisions[need].found.is_none());
        let outcome = match again {
            Some(&need) => Err(format!("need {} runs again", pipeline.stages[need].id)),
            None => places.restore(&found, &stage.workdir),
        };
        match outcome {
            Ok((files, bytes)) => {
                restored.stages += 1;
                restored.files += files;
                restored.bytes += bytes;
                if stage.cache
                    && let Err(error) = places.note(root, &found, run_id)
                {
                    restored.warnings.push(format!("the cache can't be written: {error}"));
                }
            }
            Err(reason) => {
                if again.is_none() {
                    restored.warnings.push(format!("{} runs, though its result was to be reused: {reason}", stage.id));
                }
                decisions[index].run(reason);
            }
        }
    }
    debug_assert!(
        decisions
            .iter()
            .all(|decision| { decision.found.is_some() == matches!(decision.action, Action::Reuse { .. }) })
    );
    restored
}

struct Places<'a> {
    into: &'a Dir,
    /// The run directory that was used last.
    from: Option<(std::path::PathBuf, Dir)>,
    stages: Option<Dir>,
    index: Option<CacheIndex>,
}

impl Places<'_> {
    /// Restores a result, whole or not at all; how many files were put there, and their size.
    fn restore(&mut self, found: &Found, workdir: &Path) -> Result<(usize, u64), String> {
        let run = found.run_id.as_str();
        if self.from.as_ref().is_none_or(|(path, _)| *path != found.directory) {
            let dir =
                outputs::open(&found.directory).map_err(|error| format!("run {run} {}", outputs::problem(&error)))?;
            self.from = Some((found.directory.clone(), dir));
        }
        let (in_workdir, in_run): (Vec<&Output>, Vec<&Output>) =
            found.manifest.outputs.iter().partition(|output| output.place == OutputPlace::Workdir);
        if !in_workdir.is_empty() {
            let dir =
                outputs::open(workdir).map_err(|error| format!("its working folder {}", outputs::problem(&error)))?;
            for output in in_workdir {
                if let Some(problem) = outputs::verify(&dir, output) {
                    return Err(about(output, run, &problem));
                }
            }
        }
        let (mut put, mut bytes) = (Vec::new(), 0);
        let outcome = self.put_all(&in_run, &mut put, &mut bytes, found);
        if outcome.is_err() {
            // The stage runs: it must not find half of an earlier result.
            for path in put.iter().copied() {
                let (folder, name) = globs::parent(path);
                // One that stays is told of by nobody, and does no more harm than a file that another stage left.
                let _ = globs::open_folder(self.into, folder, false).and_then(|folder| folder.remove_file(name));
            }
        }
        outcome.map(|()| (put.len(), bytes))
    }

    fn put_all<'o>(
        &mut self,
        outputs: &[&'o Output],
        put: &mut Vec<&'o str>,
        bytes: &mut u64,
        found: &Found,
    ) -> Result<(), String> {
        let Some((_, from)) = &self.from else { return Ok(()) };
        for output in outputs {
            match put_file(from, self.into, output) {
                Ok(true) => {
                    put.push(&output.path);
                    *bytes += output.size;
                }
                Ok(false) => {}
                Err(problem) => return Err(about(output, &found.run_id, &problem)),
            }
        }
        let stages = match self.stages.take() {
            Some(stages) => Ok(stages),
            None => manifest::folder(self.into),
        };
        stages
            .and_then(|stages| found.manifest.write(self.stages.insert(stages)))
            .map_err(|error| format!("its manifest can't be written: {error}"))
    }

    /// The newest run that has a result is the likeliest to stay.
    fn note(&mut self, root: &Path, found: &Found, run_id: &str) -> io::Result<()> {
        let index = match self.index.take() {
            Some(index) => index,
            None => CacheIndex::create(root)?,
        };
        self.index.insert(index).note(&found.manifest.key, run_id, &found.manifest.stage)
    }
}

/// Copies a file and verifies the copy; false where the same one was there already. The error is the rest of a sentence.
fn put_file(from: &Dir, into: &Dir, output: &Output) -> Result<bool, String> {
    if let Some(problem) = outputs::glance(from, output) {
        return Err(problem);
    }
    let mut source = globs::open_file(from, &output.path).map_err(|error| outputs::problem(&error))?.into_std();
    let (folder, name) = globs::parent(&output.path);
    let folder = globs::open_folder(into, folder, true).map_err(|error| format!("can't be put there: {error}"))?;
    let temporary = format!(".restore.{}.tmp", std::process::id());
    let outcome =
        copy(&mut source, &folder, &temporary, output).and_then(|()| place(&folder, &temporary, name, output));
    if !matches!(outcome, Ok(true)) {
        // Moved away where it was placed.
        drop(folder.remove_file(&temporary));
    }
    outcome
}

fn copy(source: &mut std::fs::File, folder: &Dir, temporary: &str, output: &Output) -> Result<(), String> {
    let why = |error: io::Error| format!("can't be copied: {error}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&source.metadata().map_err(why)?.permissions()) & 0o777;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    let mut copy = folder.open_with(temporary, &options).map_err(why)?.into_std();
    // Shares the blocks where the file system can; no more than was promised, however the file grows.
    io::copy(&mut io::Read::take(source, output.size.saturating_add(1)), &mut copy).map_err(why)?;
    copy.rewind().map_err(why)?;
    // Of the copy: it is what the run will have.
    match digest(&mut copy, output.size) {
        Ok((size, sha256)) if size == output.size && sha256 == output.sha256 => {}
        Ok(_) => return Err("is damaged: it has other content".to_owned()),
        Err(error) => return Err(format!("is damaged: {error}")),
    }
    File::from_std(copy).set_permissions(Permissions::from_mode(mode)).map_err(why)
}

/// Gives the copy its name, unless there is a file of that name.
fn place(folder: &Dir, temporary: &str, name: &str, output: &Output) -> Result<bool, String> {
    match renameat_with(folder, temporary, folder, name, RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(true),
        Err(rustix::io::Errno::EXIST) => {}
        // A file system that doesn't know this way.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => match folder.hard_link(temporary, folder, name) {
            Ok(()) => {
                drop(folder.remove_file(temporary));
                return Ok(true);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("can't be put there: {error}")),
        },
        Err(error) => return Err(format!("can't be put there: {}", io::Error::from(error))),
    }
    match outputs::read(folder, name) {
        Ok((size, sha256)) if size == output.size && sha256 == output.sha256 => Ok(false),
        _ => Err("can't be put there: another stage's result has a file of this name with other content".to_owned()),
    }
}
