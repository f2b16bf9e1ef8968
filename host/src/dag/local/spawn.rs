//! Starts an attempt's program: what it is, its environment, and the way it is started. What all attempts inherit is put
//! together once, not for each.

use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io;
use std::iter;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::rc::Rc;

use rustix::process::Pid;

use super::super::environment::Changes;
use super::birth::{Cradle, Newborn, Plan, Stillborn};
use super::ends;
use super::variables::{List, Variables};
use crate::pipeline::Command;

/// Where programs are looked for if the host has no `PATH`, as the C library has it.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";
/// Bytes of the longest path, with its zero. Longer entries of `PATH` are passed over.
const LONGEST_PATH: usize = libc::PATH_MAX as usize;

/// What attempts inherit.
#[derive(Debug)]
pub(super) struct Inherited {
    variables: Rc<Variables>,
    /// Folders in which programs are looked for, in this order. Empty: the working folder.
    search: Vec<Vec<u8>>,
    /// What they read from: nothing. `None`: it could not be opened.
    nothing: Option<File>,
    cradle: Option<Cradle>,
}

/// What is to be started.
pub(super) struct Program<'a> {
    /// A path, or a name that is looked for in `PATH`.
    path: PathBuf,
    arguments: Vec<&'a OsStr>,
    workdir: &'a Path,
    changes: &'a Changes<'a>,
}

impl<'a> Program<'a> {
    pub(super) fn of(command: &'a Command, workdir: &'a Path, changes: &'a Changes<'a>) -> Self {
        let (path, arguments) = match command {
            Command::Argv(argv) => {
                let (program, arguments) = argv.split_first().map_or(("", [].as_slice()), |(p, a)| (p.as_str(), a));
                // A path with a slash is meant from the stage's working folder.
                let path = if program.contains('/') { workdir.join(program) } else { PathBuf::from(program) };
                (path, arguments.iter().map(OsStr::new).collect())
            }
            Command::Shell(text) => (PathBuf::from("/bin/sh"), vec![OsStr::new("-c"), OsStr::new(text)]),
            // The dispatcher hands over the command line of this program instead.
            Command::Pipeline(path) => (path.clone(), Vec::new()),
        };
        Self { path, arguments, workdir, changes }
    }

    /// Starts it in a process group of its own, with `out` and `err` as its output; `with_file`: with one that tells of its end, if
    /// that comes with the start.
    pub(super) fn start(
        &self,
        inherited: &mut Inherited,
        out: BorrowedFd<'_>,
        err: BorrowedFd<'_>,
        with_file: bool,
    ) -> io::Result<Newborn> {
        let own_search = !self.is_path() && self.changes.iter().any(|(name, _)| name == "PATH");
        let Inherited { variables, search, nothing: Some(nothing), cradle } = inherited else {
            return self.spawn_by_library(out, err);
        };
        if own_search {
            // Its own `PATH` is searched, which is more than the ways below do.
            return self.spawn_by_library(out, err);
        }
        let files = [nothing.as_fd(), out, err];
        let path = CString::new(self.path.as_os_str().as_bytes())?;
        let paths = self.candidates(&path, search);
        if paths.is_empty() {
            return Err(io::Error::from_raw_os_error(libc::ENOENT));
        }
        let rest = self.arguments.iter().map(|text| CString::new(text.as_bytes()));
        let arguments = iter::once(Ok(path)).chain(rest).collect::<Result<_, _>>()?;
        let mut plan = Box::new(Plan {
            paths: List::new(paths),
            arguments: List::new(arguments),
            environment: List::environment(variables, self.changes)?,
            workdir: CString::new(self.workdir.as_os_str().as_bytes())?,
        });
        if let Some(cradle) = cradle {
            match cradle.start(*plan, files, with_file) {
                Ok(newborn) => return Ok(newborn),
                Err(Stillborn::Failed(error)) => return Err(error),
                Err(Stillborn::Refused(refused)) => plan = refused,
            }
        }
        newborn(posix_spawn(&plan, files)?)
    }

    fn is_path(&self) -> bool {
        self.path.as_os_str().as_bytes().contains(&b'/')
    }

    /// Where the program may be, in the order in which `execvp` looks for it.
    fn candidates(&self, path: &CStr, search: &[Vec<u8>]) -> Vec<CString> {
        let name = path.to_bytes();
        match (self.is_path(), name) {
            (true, _) => vec![path.to_owned()],
            (false, b"") => Vec::new(),
            (false, name) => {
                let place = |folder: &Vec<u8>| {
                    let slash: &[u8] = if folder.is_empty() { b"" } else { b"/" };
                    // What comes from the environment has no zero in it.
                    CString::new([folder, slash, name].concat()).ok()
                };
                search.iter().filter(|folder| folder.len() < LONGEST_PATH).filter_map(place).collect()
            }
        }
    }

    fn spawn_by_library(&self, out: BorrowedFd<'_>, err: BorrowedFd<'_>) -> io::Result<Newborn> {
        let mut command = process::Command::new(&self.path);
        command.args(&self.arguments);
        for (name, value) in self.changes {
            match value {
                Some(value) => command.env(&**name, value),
                None => command.env_remove(&**name),
            };
        }
        command.current_dir(self.workdir).stdin(Stdio::null()).process_group(0);
        ends::start_with_mask(&mut command);
        let child = command.stdout(out.try_clone_to_owned()?).stderr(err.try_clone_to_owned()?).spawn()?;
        newborn(i32::try_from(child.id()).map_err(io::Error::other)?)
    }
}

fn newborn(id: i32) -> io::Result<Newborn> {
    let pid = Pid::from_raw(id).ok_or_else(|| io::Error::other("no process id"))?;
    Ok(Newborn { pid, pidfd: None, birth: None })
}

impl Inherited {
    /// The environment of this process.
    pub(super) fn own() -> Self {
        let path = std::env::var_os("PATH").map_or_else(|| DEFAULT_PATH.to_vec(), OsStringExt::into_vec);
        Self {
            variables: Rc::new(Variables::new(
                std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec())),
            )),
            search: path.split(|byte| *byte == b':').map(<[u8]>::to_vec).collect(),
            nothing: File::open("/dev/null").ok(),
            cradle: Cradle::new(),
        }
    }
}

#[cfg(test)]
impl Inherited {
    /// As where the system does not let a process be started in our own way.
    pub(super) fn refuse(&mut self) {
        self.cradle = None;
    }

    pub(super) fn search_in(&mut self, folders: &[&str]) {
        self.search = folders.iter().map(|folder| folder.as_bytes().to_vec()).collect();
    }
}

/// The same by the C library, where the system does not let it be done as in [`Cradle`]. The id of the new process, which
/// leads a group of its own and has the default handling of SIGPIPE, which the host ignores.
#[expect(unsafe_code, reason = "no safe wrapper of posix_spawn takes an environment as it is")]
fn posix_spawn(plan: &Plan, files: [BorrowedFd<'_>; 3]) -> io::Result<i32> {
    struct Actions(libc::posix_spawn_file_actions_t);
    impl Drop for Actions {
        fn drop(&mut self) {
            // SAFETY: it was initialised before it came in here.
            unsafe { libc::posix_spawn_file_actions_destroy(&mut self.0) };
        }
    }
    struct Attributes(libc::posix_spawnattr_t);
    impl Drop for Attributes {
        fn drop(&mut self) {
            // SAFETY: as above.
            unsafe { libc::posix_spawnattr_destroy(&mut self.0) };
        }
    }
    let check = |code: libc::c_int| if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) };
    let mut actions = MaybeUninit::uninit();
    let mut attributes = MaybeUninit::uninit();
    let mut default = MaybeUninit::uninit();
    let mask = ends::of_child(ends::mask()?);
    let mut id = 0;
    // SAFETY: what is initialised is taken as such only if that succeeded, and destroyed once. All pointers are to memory that
    // lives until the end of this function; the lists end with a null pointer, the texts with a zero. `posix_spawnp` does
    // not return before the child has its program or has failed, and does not write to the texts.
    unsafe {
        check(libc::posix_spawn_file_actions_init(actions.as_mut_ptr()))?;
        let mut actions = Actions(actions.assume_init());
        check(libc::posix_spawnattr_init(attributes.as_mut_ptr()))?;
        let mut attributes = Attributes(attributes.assume_init());
        for (number, file) in (0..).zip(files) {
            check(libc::posix_spawn_file_actions_adddup2(&mut actions.0, file.as_raw_fd(), number))?;
        }
        check(libc::posix_spawn_file_actions_addchdir_np(&mut actions.0, plan.workdir.as_ptr()))?;
        libc::sigemptyset(default.as_mut_ptr());
        libc::sigaddset(default.as_mut_ptr(), libc::SIGPIPE);
        check(libc::posix_spawnattr_setsigdefault(&mut attributes.0, default.as_ptr()))?;
        check(libc::posix_spawnattr_setpgroup(&mut attributes.0, 0))?;
        check(libc::posix_spawnattr_setsigmask(&mut attributes.0, &mask))?;
        let flags = libc::POSIX_SPAWN_SETPGROUP | libc::POSIX_SPAWN_SETSIGDEF | libc::POSIX_SPAWN_SETSIGMASK;
        check(libc::posix_spawnattr_setflags(&mut attributes.0, flags as libc::c_short))?;
        let (argv, envp) = (plan.arguments.as_ptr().cast(), plan.environment.as_ptr().cast());
        // The name that it is called by is its first argument.
        let path = *plan.arguments.as_ptr();
        check(libc::posix_spawnp(&mut id, path, &actions.0, &attributes.0, argv, envp))?;
    }
    Ok(id)
}

/// The program's name, for messages.
pub(super) fn name(command: &Command) -> String {
    match command {
        Command::Argv(argv) => argv.first().cloned().unwrap_or_default(),
        Command::Shell(_) => "/bin/sh".to_owned(),
        Command::Pipeline(path) => path.display().to_string(),
    }
}
