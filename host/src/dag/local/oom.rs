//! Whether the kernel killed an attempt for want of memory, from its counters.
//!
//! It tells nobody whom it killed (its log is for the administrator), it only counts: per control group, and for the
//! machine. A counter that did not rise is proof that it killed nobody; one that rose is evidence, no more.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Pid;

/// How old a count may be that stands for the time before an attempt: reading the machine's costs as much as a small
/// process start.
const FRESH: Duration = Duration::from_millis(100);

/// The counters, open for reading.
#[derive(Debug)]
pub(super) struct OomCounters {
    /// Of the host's own control group (version 2) and all below it, where attempts begin.
    group: Option<(String, File)>,
    /// Of the machine.
    machine: Option<File>,
    last: Mutex<Option<(Instant, OomCount)>>,
}

/// How many processes were killed for want of memory until some moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OomCount {
    group: Option<u64>,
    machine: Option<u64>,
}

impl OomCounters {
    pub(super) fn open() -> Self {
        let group = || {
            let path = group_path(&fs::read_to_string("/proc/self/cgroup").ok()?)?.to_owned();
            let folder = group_folder(&fs::read_to_string("/proc/self/mountinfo").ok()?, &path)?;
            Some((path, File::open(folder.join("memory.events")).ok()?))
        };
        Self { group: group(), machine: File::open("/proc/vmstat").ok(), last: Mutex::new(None) }
    }

    /// Counts that a test writes.
    #[cfg(test)]
    pub(super) fn of_file(machine: File) -> Self {
        Self { group: None, machine: Some(machine), last: Mutex::new(None) }
    }

    /// The count before an attempt that is about to start.
    pub(super) fn before(&self) -> OomCount {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match *last {
            Some((time, count)) if time.elapsed() < FRESH => count,
            _ => {
                let count = self.read();
                *last = Some((Instant::now(), count));
                count
            }
        }
    }

    /// Whether a counter that the process was under has risen since `before`. The process has ended and has not been
    /// collected. `None`: there is no such counter.
    pub(super) fn rose(&self, before: OomCount, pid: Pid) -> Option<bool> {
        let now = self.read();
        // The next attempt must not be taken for this one's.
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), now));
        if let (Some(before), Some(now), Some((own, _))) = (before.group, now.group, &self.group)
            && let Ok(text) = fs::read_to_string(format!("/proc/{pid}/cgroup"))
            && group_path(&text).is_some_and(|path| Path::new(path).starts_with(own))
        {
            return Some(now > before);
        }
        Some(now.machine? > before.machine?)
    }

    fn read(&self) -> OomCount {
        let count = |file: &File| counter(&read_all(file)?);
        OomCount {
            group: self.group.as_ref().and_then(|(_, file)| count(file)),
            machine: self.machine.as_ref().and_then(count),
        }
    }
}

/// A file that is written anew for each reader.
fn read_all(file: &File) -> Option<String> {
    let mut text = Vec::new();
    let mut part = [0; 4096];
    loop {
        match file.read_at(&mut part, text.len() as u64).ok()? {
            0 => return String::from_utf8(text).ok(),
            length => text.extend_from_slice(&part[..length]),
        }
    }
}

/// The line `oom_kill <number>`, which `memory.events` and `/proc/vmstat` share.
fn counter(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

/// The group of version 2 in `/proc/<pid>/cgroup` (cgroups(7)).
fn group_path(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::"))
}

/// Where a group's files are: `mountinfo` tells which part of the tree is mounted where (proc_pid_mountinfo(5)).
fn group_folder(mountinfo: &str, group: &str) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        if !system.starts_with("cgroup2 ") {
            return None;
        }
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        Some(Path::new(point).join(Path::new(group).strip_prefix(root).ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_the_line_of_its_name() {
        assert_eq!(counter("low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 1\n"), Some(2));
        assert_eq!(counter("nr_free_pages 5\noom_kill_disable 4\n"), None);
    }

    #[test]
    fn a_group_is_found_below_its_mount() {
        let mountinfo = "24 23 0:22 / /proc rw - proc proc rw\n\
            41 31 0:38 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
        let group = group_path("1:name=systemd:/x\n0::/user.slice/session.scope\n").unwrap();
        let folder = group_folder(mountinfo, group).unwrap();
        assert_eq!(folder, Path::new("/sys/fs/cgroup/user.slice/session.scope"));
        // Only a part of the tree is mounted, as in a container without a namespace of its own.
        let part = "41 31 0:38 /docker/1f /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(group_folder(part, "/docker/1f/a").unwrap(), Path::new("/sys/fs/cgroup/a"));
        assert_eq!(group_folder(part, "/elsewhere"), None);
    }
}
