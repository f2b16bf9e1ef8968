//! Starts an attempt's program: what it is, its environment, and the way it is started. What all attempts inherit is put
//! together once, not for each.

use std::ffi::{CStr, CString, OsStr, c_char};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::{iter, ptr};

use rustix::process::Pid;

use super::super::environment::Changes;
use super::birth::{Cradle, Newborn, Plan, Stillborn};
use crate::pipeline::Command;

/// Where programs are looked for if the host has no `PATH`, as the C library has it.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";
/// Bytes of the longest path, with its zero. Longer entries of `PATH` are passed over.
const LONGEST_PATH: usize = libc::PATH_MAX as usize;

/// What attempts inherit.
#[derive(Debug)]
pub(super) struct Inherited {
    variables: Variables,
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

    /// Starts it in a process group of its own, with `out` and `err` as its output.
    pub(super) fn start(
        &self,
        inherited: &mut Inherited,
        out: BorrowedFd<'_>,
        err: BorrowedFd<'_>,
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
        let workdir = CString::new(self.workdir.as_os_str().as_bytes())?;
        let arguments = self.arguments.iter().map(|text| CString::new(text.as_bytes()));
        let arguments = arguments.collect::<Result<Vec<CString>, _>>()?;
        let arguments = pointers([&*path].into_iter().chain(arguments.iter().map(|text| &**text)));
        let own = Own::of(self.changes)?;
        let environment = own.over(variables);
        if let Some(cradle) = cradle {
            let candidates = self.candidates(&path, search);
            if candidates.is_empty() {
                return Err(io::Error::from_raw_os_error(libc::ENOENT));
            }
            let paths = pointers(candidates.iter().map(|path| &**path));
            let (arguments, environment) = (&*arguments, &*environment);
            let plan = Plan { paths: &paths, arguments, environment, workdir: &workdir, files };
            match cradle.start(&plan) {
                Ok(newborn) => return Ok(newborn),
                Err(Stillborn::Failed(error)) => return Err(error),
                Err(Stillborn::Refused) => {}
            }
        }
        newborn(posix_spawn(&path, &workdir, &arguments, &environment, files)?)
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
        let child = command.stdout(out.try_clone_to_owned()?).stderr(err.try_clone_to_owned()?).spawn()?;
        newborn(i32::try_from(child.id()).map_err(io::Error::other)?)
    }
}

fn newborn(id: i32) -> io::Result<Newborn> {
    let pid = Pid::from_raw(id).ok_or_else(|| io::Error::other("no process id"))?;
    Ok(Newborn { pid, pidfd: None })
}

impl Inherited {
    /// The environment of this process.
    pub(super) fn own() -> Self {
        let path = std::env::var_os("PATH").map_or_else(|| DEFAULT_PATH.to_vec(), OsStringExt::into_vec);
        Self {
            variables: Variables::new(std::env::vars_os().map(|(name, value)| (name.into_vec(), value.into_vec()))),
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

/// An environment that most attempts take over nearly as it is.
#[derive(Debug)]
struct Variables {
    /// `NAME=value`, in their order.
    entries: Vec<CString>,
    /// Their names, ascending, each with the entry's place.
    names: Vec<(Vec<u8>, usize)>,
}

impl Variables {
    fn new(variables: impl Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        let (mut entries, mut names) = (Vec::new(), Vec::new());
        for (name, value) in variables {
            if let Ok(entry) = CString::new([&*name, &*value].join(&b'=')) {
                names.push((name, entries.len()));
                entries.push(entry);
            }
        }
        names.sort_unstable();
        Self { entries, names }
    }
}

/// What an attempt has of its own.
struct Own<'a> {
    /// Names that do not keep their inherited value, ascending, each once.
    names: Vec<&'a [u8]>,
    /// `NAME=value` and a zero, one after the other.
    text: Vec<u8>,
    /// Where they begin.
    starts: Vec<usize>,
}

impl<'a> Own<'a> {
    fn of(changes: &'a Changes<'a>) -> io::Result<Self> {
        // The last of a name holds: it is the first of its group.
        let mut last: Vec<usize> = (0..changes.len()).collect();
        last.sort_unstable_by(|&one, &other| changes[one].0.cmp(&changes[other].0).then(other.cmp(&one)));
        last.dedup_by(|next, first| changes[*next].0 == changes[*first].0);
        let mut own =
            Self { names: Vec::with_capacity(last.len()), text: Vec::with_capacity(1 << 10), starts: Vec::new() };
        for (name, value) in last.into_iter().map(|index| &changes[index]) {
            own.names.push(name.as_bytes());
            if let Some(value) = value {
                own.add(name.as_bytes(), value)?;
            }
        }
        Ok(own)
    }

    fn add(&mut self, name: &[u8], value: &OsStr) -> io::Result<()> {
        let start = self.text.len();
        self.text.extend_from_slice(name);
        self.text.push(b'=');
        self.text.extend_from_slice(value.as_bytes());
        if memchr::memchr(0, &self.text[start..]).is_some() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "data provided contains a nul byte"));
        }
        self.text.push(0);
        self.starts.push(start);
        Ok(())
    }

    /// As C has it; the pointers are into `self` and `inherited`.
    fn over(&self, inherited: &Variables) -> Vec<*const c_char> {
        let mut all: Vec<*const c_char> = inherited.entries.iter().map(|entry| entry.as_ptr()).collect();
        let mut rest = &*inherited.names;
        for name in &self.names {
            rest = &rest[rest.partition_point(|(other, _)| **other < **name)..];
            let same = rest.iter().take_while(|(other, _)| other == name);
            same.for_each(|&(_, place)| all[place] = ptr::null());
        }
        all.retain(|entry| !entry.is_null());
        all.extend(self.starts.iter().map(|&start| self.text[start..].as_ptr().cast()));
        all.push(ptr::null());
        all
    }
}

/// A list as C has it: pointers, and a null at the end.
fn pointers<'a>(texts: impl Iterator<Item = &'a CStr>) -> Vec<*const c_char> {
    texts.map(CStr::as_ptr).chain(iter::once(ptr::null())).collect()
}

/// The same by the C library, where the system does not let it be done as in [`Cradle`]. The id of the new process, which
/// leads a group of its own and has the default handling of SIGPIPE, which the host ignores.
#[expect(unsafe_code, reason = "no safe wrapper of posix_spawn takes an environment as it is")]
fn posix_spawn(
    path: &CStr,
    workdir: &CStr,
    arguments: &[*const c_char],
    environment: &[*const c_char],
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
        let (argv, envp) = (arguments.as_ptr().cast(), environment.as_ptr().cast());
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
        let pair = |text: &str| {
            let (name, value) = text.split_once('=').unwrap();
            (name.into(), value.into())
        };
        let inherited = Variables::new(["C=3", "A=1", "BB=4", "B=2", "C=5"].map(pair).into_iter());
        let changes: Changes<'_> = vec![
            ("B".into(), Some("y".into())),
            ("A".into(), Some("x".into())),
            ("A".into(), None),
            ("D".into(), None),
            ("B".into(), Some("z=".into())),
            ("AA".into(), Some("".into())),
        ];
        let own = Own::of(&changes).unwrap();
        assert_eq!(texts(&own.over(&inherited)), ["C=3", "BB=4", "C=5", "AA=", "B=z="]);
        let changes: Changes<'_> = vec![("C".into(), None)];
        assert_eq!(texts(&Own::of(&changes).unwrap().over(&inherited)), ["A=1", "BB=4", "B=2"]);
        for bad in [("A", "x\0"), ("A\0", "x")] {
            let bad: Changes<'_> = vec![(bad.0.into(), Some(bad.1.into()))];
            assert_eq!(Own::of(&bad).err().unwrap().kind(), io::ErrorKind::InvalidInput);
        }
    }

    #[expect(unsafe_code, reason = "reads the list as the kernel does")]
    fn texts(list: &[*const c_char]) -> Vec<&str> {
        let (end, list) = list.split_last().unwrap();
        assert!(end.is_null());
        // SAFETY: the pointers are to texts that end with a zero and outlive the test's use of them.
        list.iter().map(|text| unsafe { CStr::from_ptr(*text) }.to_str().unwrap()).collect()
    }
}
