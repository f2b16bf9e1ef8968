//! Who a process is, by what `/proc` tells: its parent, its group and session, and the attempt that its environment
//! says it belongs to.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::conventions::env;

/// How much of an environment is read. The kernel lets a program start with a quarter of its stack's limit, which is
/// 8 MiB almost everywhere.
const MOST_ENVIRONMENT: u64 = 8 << 20;

/// What `/proc/<pid>/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// It has ended and waits to be collected.
    pub(super) zombie: bool,
    pub(super) parent: i32,
    pub(super) group: i32,
    pub(super) session: i32,
    /// When it started, in ticks since the machine did: with the id, one of a kind.
    pub(super) start: u64,
}

/// `None`: there is no such process any more.
pub(super) fn facts(pid: i32) -> Option<Facts> {
    let mut text = [0; 1024];
    let length = File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut text).ok()?;
    parse_stat(&text[..length])
}

/// Takes `/proc/<pid>/stat` apart (proc_pid_stat(5)). The name in parentheses may hold anything, so what counts begins
/// after the last one.
fn parse_stat(text: &[u8]) -> Option<Facts> {
    let end = text.iter().rposition(|byte| *byte == b')')?;
    let mut fields = std::str::from_utf8(&text[end + 1..]).ok()?.split_ascii_whitespace();
    let zombie = matches!(fields.next()?, "Z" | "X");
    let mut number = || fields.next()?.parse::<i32>().ok();
    let (parent, group, session) = (number()?, number()?, number()?);
    // Field 22; the session was field 6.
    let start = fields.nth(15)?.parse().ok()?;
    Some(Facts { zombie, parent, group, session, start })
}

/// What an attempt's environment says of it, and so that of every process that comes from it, unless it took it away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    run: Vec<u8>,
    /// Its directory: two runs of one process can have the same id, in different places.
    directory: Vec<u8>,
    stage: Vec<u8>,
    attempt: Vec<u8>,
}

impl Marks {
    /// `None`: it names no run, has ended, or may not be asked.
    pub(super) fn of(pid: i32) -> Option<Self> {
        // With room from the start: else it is read in a dozen small pieces.
        let mut bytes = Vec::with_capacity(1 << 14);
        File::open(format!("/proc/{pid}/environ")).ok()?.take(MOST_ENVIRONMENT).read_to_end(&mut bytes).ok()?;
        Self::parse(&bytes)
    }

    fn parse(environ: &[u8]) -> Option<Self> {
        let value = |name: &str| {
            environ.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        };
        let text = |name| value(name).unwrap_or_default().to_vec();
        let run = value(env::RUN_ID)?.to_vec();
        Some(Self { run, directory: text(env::RUN_DIR), stage: text(env::STAGE_ID), attempt: text(env::ATTEMPT) })
    }

    /// Of this run, or of one that is a stage of it.
    pub(super) fn of_run(&self, run: &str, directory: &Path) -> bool {
        let same = self.run == run.as_bytes() && self.directory == directory.as_os_str().as_encoded_bytes();
        same || is_below(&self.run, run.as_bytes())
    }
}

/// An attempt, by what its processes' environment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    marks: Marks,
    /// Id of the run that this attempt is, if it is one.
    nested: Vec<u8>,
}

impl Identity {
    /// By the changes to its environment; `None`: they name no run.
    pub(super) fn of(changes: &[(Cow<'_, str>, Option<OsString>)]) -> Option<Self> {
        let value = |name: &str| {
            let (_, value) = changes.iter().rev().find(|(own, _)| own == name)?;
            Some(OsStr::as_encoded_bytes(value.as_ref()?).to_vec())
        };
        let (run, stage, attempt) = (value(env::RUN_ID)?, value(env::STAGE_ID)?, value(env::ATTEMPT)?);
        let directory = value(env::RUN_DIR).unwrap_or_default();
        let nested = [&run[..], &stage, &attempt].join(&b'.');
        Some(Self { marks: Marks { run, directory, stage, attempt }, nested })
    }

    /// Whether a process of these marks comes from the attempt, or from a run that it is.
    pub(super) fn owns(&self, marks: &Marks) -> bool {
        *marks == self.marks || marks.run == self.nested || is_below(&marks.run, &self.nested)
    }
}

/// `R.…`.
fn is_below(run: &[u8], root: &[u8]) -> bool {
    run.strip_prefix(root).is_some_and(|rest| rest.first() == Some(&b'.'))
}

/// The children of a process, whichever of its threads they count for.
pub(super) fn children(pid: i32) -> Vec<i32> {
    let mut all = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        if let Ok(file) = File::open(thread.path().join("children")) {
            all.extend(listed(&file));
        }
    }
    all
}

/// The children of a process, on a kernel that has no lists of them.
pub(super) fn children_by_search(pid: i32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    ids.filter(|other| facts(*other).is_some_and(|facts| facts.parent == pid)).collect()
}

/// The numbers in a `/proc/<pid>/task/<tid>/children`, as they are now. While other children come and go one may be
/// missing.
pub(super) fn listed(file: &File) -> Vec<i32> {
    let mut text = Vec::new();
    let mut part = [0; 4096];
    while let Ok(length @ 1..) = file.read_at(&mut part, text.len() as u64) {
        text.extend_from_slice(&part[..length]);
        // The kernel gives as many whole numbers as there is room for.
        if length < part.len() / 2 {
            break;
        }
    }
    let words = text.split(u8::is_ascii_whitespace);
    words.filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn marks_are_found_wherever_they_stand() {
        let environ = b"A=1\0FORENSIC_RUN_ID_X=no\0FORENSIC_STAGE_ID=a.b\0FORENSIC_RUN_ID=R\0FORENSIC_ATTEMPT=2\0";
        let changes = [(env::RUN_ID, "S"), (env::RUN_ID, "R"), (env::STAGE_ID, "a.b"), (env::ATTEMPT, "2")];
        let changes: Vec<_> = changes.map(|(name, value)| (Cow::from(name), Some(value.into()))).into();
        let identity = Identity::of(&changes).unwrap();
        assert!(identity.owns(&Marks::parse(environ).unwrap()));
        assert_eq!(Marks::parse(b"A=1\0FORENSIC_STAGE_ID=a.b\0"), None);
        assert_eq!(Identity::of(&changes[2..]), None);
        for (run, owned) in [("R.a.b.2", true), ("R.a.b.2.c.1", true), ("R.a.b.20", false), ("R", false), ("", false)] {
            let marks = Marks { run: run.into(), stage: b"c".into(), attempt: b"1".into(), ..Marks::default() };
            assert_eq!(identity.owns(&marks), owned, "{run}");
        }
        // One of the same name elsewhere.
        let there = Marks::parse(&[&environ[..], b"FORENSIC_RUN_DIR=/there\0"].concat()).unwrap();
        assert!(!identity.owns(&there));
        assert!(there.of_run("R", Path::new("/there")) && !there.of_run("R", Path::new("/here")));
        assert!(!there.of_run("", Path::new("/there")));
    }

    proptest! {
        #[test]
        fn a_name_can_hold_anything(name in "[ -~]{0,15}", parent in 0..9999i32, start: u64) {
            let text = format!("77 ({name}) S {parent} 11 12 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 {start} 99 9\n");
            let expected = Facts { zombie: false, parent, group: 11, session: 12, start };
            prop_assert_eq!(parse_stat(text.as_bytes()), Some(expected));
        }

        #[test]
        fn no_text_breaks_the_readers(text: Vec<u8>) {
            drop((parse_stat(&text), Marks::parse(&text)));
        }
    }
}
