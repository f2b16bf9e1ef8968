//! Starts an attempt's program as the standard library does, through `posix_spawn`: the host is not copied, and nothing of ours
//! runs in the child. What all attempts inherit is put together once, not for each: that was a sixth of what a start costs.

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::ptr;

use rustix::process::Pid;

use super::super::environment::Changes;
use crate::pipeline::Command;

/// What attempts inherit.
#[derive(Debug)]
pub(super) struct Inherited {
    /// Names, with `NAME=value`.
    variables: Vec<(OsString, CString)>,
    /// What they read from: nothing. `None`: it could not be opened.
    nothing: Option<File>,
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

    /// Starts it in a process group of its own, with `out` and `err` as its output.
    pub(super) fn start(&self, inherited: &Inherited, out: BorrowedFd<'_>, err: BorrowedFd<'_>) -> io::Result<Pid> {
        let is_path = self.path.as_os_str().as_bytes().contains(&b'/');
        let own_search = !is_path && self.changes.iter().any(|(name, _)| name == "PATH");
        let id = match &inherited.nothing {
            Some(nothing) if !own_search => self.spawn(inherited, [nothing.as_fd(), out, err])?,
            // Its own `PATH` is searched, which is more than the system's call does.
            _ => self.spawn_by_library(out, err)?,
        };
        Pid::from_raw(id).ok_or_else(|| io::Error::other("no process id"))
    }

    fn spawn(&self, inherited: &Inherited, files: [BorrowedFd<'_>; 3]) -> io::Result<i32> {
        let path = CString::new(self.path.as_os_str().as_bytes())?;
        let workdir = CString::new(self.workdir.as_os_str().as_bytes())?;
        let arguments = self.arguments.iter().map(|text| CString::new(text.as_bytes()));
        let arguments = arguments.collect::<Result<Vec<CString>, _>>()?;
        let own = Own::of(self.changes)?;
        let arguments: Vec<&CStr> = [&*path].into_iter().chain(arguments.iter().map(|text| &**text)).collect();
        posix_spawn(&path, &workdir, &arguments, &own.over(inherited), files)
    }

    fn spawn_by_library(&self, out: BorrowedFd<'_>, err: BorrowedFd<'_>) -> io::Result<i32> {
        let mut command = process::Command::new(&self.path);
        command.args(&self.arguments);
        for (name, value) in self.changes {
            match value {
                Some(value) => command.env(&**name, value),
                None => command.env_remove(&**name),
            };
        }
        command.current_dir(self.workdir).stdin(Stdio::null()).process_group(0);
        let child = command.stdout(out.try_clone_to_owned()?).stderr(err.try_clone_to_owned()?).spawn()?;
        i32::try_from(child.id()).map_err(io::Error::other)
    }
}

impl Inherited {
    /// The environment of this process.
    pub(super) fn own() -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let entry = CString::new([name.as_bytes(), value.as_bytes()].join(&b'=')).ok()?;
            Some((name, entry))
        });
        Self { variables: variables.collect(), nothing: File::open("/dev/null").ok() }
    }
}

/// What an attempt has of its own.
struct Own<'a> {
    /// Names that do not keep their inherited value, or have none.
    names: HashMap<&'a [u8], Option<&'a OsStr>>,
    /// `NAME=value`.
    variables: Vec<CString>,
}

impl<'a> Own<'a> {
    fn of(changes: &'a Changes<'a>) -> io::Result<Self> {
        // The last of a name holds.
        let names: HashMap<&[u8], Option<&OsStr>> =
            changes.iter().map(|(name, value)| (name.as_bytes(), value.as_deref())).collect();
        let values = names.iter().filter_map(|(name, value)| Some((*name, (*value)?.as_bytes())));
        let variables = values.map(|(name, value)| CString::new([name, value].join(&b'=')));
        Ok(Self { variables: variables.collect::<Result<_, _>>()?, names })
    }

    fn over<'b>(&'b self, inherited: &'b Inherited) -> Vec<&'b CStr> {
        let kept = inherited.variables.iter().filter(|(name, _)| !self.names.contains_key(name.as_bytes()));
        kept.map(|(_, entry)| &**entry).chain(self.variables.iter().map(|entry| &**entry)).collect()
    }
}

/// A list as C has it: pointers, and a null at the end.
fn pointers(texts: &[&CStr]) -> Vec<*mut libc::c_char> {
    texts.iter().map(|text| text.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect()
}

/// The id of the new process, which leads a group of its own and has the default handling of SIGPIPE, which the host
/// ignores.
#[expect(unsafe_code, reason = "no safe wrapper of posix_spawn takes an environment as it is")]
fn posix_spawn(
    path: &CStr,
    workdir: &CStr,
    arguments: &[&CStr],
    environment: &[&CStr],
    files: [BorrowedFd<'_>; 3],
) -> io::Result<i32> {
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
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    let mut actions = MaybeUninit::uninit();
    let mut attributes = MaybeUninit::uninit();
    let mut default = MaybeUninit::uninit();
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
        check(libc::posix_spawn_file_actions_addchdir_np(&mut actions.0, workdir.as_ptr()))?;
        libc::sigemptyset(default.as_mut_ptr());
        libc::sigaddset(default.as_mut_ptr(), libc::SIGPIPE);
        check(libc::posix_spawnattr_setsigdefault(&mut attributes.0, default.as_ptr()))?;
        check(libc::posix_spawnattr_setpgroup(&mut attributes.0, 0))?;
        let flags = libc::POSIX_SPAWN_SETPGROUP | libc::POSIX_SPAWN_SETSIGDEF;
        check(libc::posix_spawnattr_setflags(&mut attributes.0, flags as libc::c_short))?;
        let (argv, envp) = (arguments.as_ptr(), environment.as_ptr());
        check(libc::posix_spawnp(&mut id, path.as_ptr(), &actions.0, &attributes.0, argv, envp))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_change_of_a_name_holds_and_the_rest_is_inherited() {
        let entry = |text: &str| (text.split('=').next().unwrap().into(), CString::new(text).unwrap());
        let inherited = Inherited { variables: ["A=1", "B=2", "C=3", "BB=4"].map(entry).into(), nothing: None };
        let changes: Changes<'_> = vec![
            ("A".into(), Some("x".into())),
            ("B".into(), Some("y".into())),
            ("A".into(), None),
            ("D".into(), None),
            ("B".into(), Some("z=".into())),
        ];
        let own = Own::of(&changes).unwrap();
        let mut over: Vec<&str> = own.over(&inherited).into_iter().map(|entry| entry.to_str().unwrap()).collect();
        over.sort_unstable();
        assert_eq!(over, ["B=z=", "BB=4", "C=3"]);
        let bad: Changes<'_> = vec![("A".into(), Some("x\0".into()))];
        assert_eq!(Own::of(&bad).err().unwrap().kind(), io::ErrorKind::InvalidInput);
    }
}
