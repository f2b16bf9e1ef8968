//! Processes of this machine, as `/proc` shows them: who is whose, and what is left of a run. No names are guessed: a run's
//! processes carry its id in their environment, a supervisor is its stage's parent, and a Ray worker holds the other end of its
//! supervisor's pipe.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// Every process.
pub(super) fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// A process's command line, with spaces.
pub(super) fn command(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ").trim_end().to_owned()
}

/// Whether a process was started with this `NAME=VALUE`. A zombie has no variables any more.
pub(super) fn has_variable(pid: u32, variable: &str) -> bool {
    let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environ.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
}

/// Who started a process, or took it over.
pub(super) fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The Ray worker that a supervisor speaks with.
pub(super) fn ray_worker(supervisor: u32) -> u32 {
    let pipe = fs::read_link(format!("/proc/{supervisor}/fd/0")).unwrap();
    assert!(pipe.to_str().unwrap().starts_with("pipe:"), "standard input of {supervisor} is {}", pipe.display());
    let holds = |pid: &u32| {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        descriptors.flatten().any(|descriptor| fs::read_link(descriptor.path()).is_ok_and(|target| target == pipe))
    };
    let found: Vec<u32> = all().filter(|pid| *pid != supervisor).filter(holds).collect();
    // What Ray runs says so; there may be more of ours at the same pipe.
    let ray: Vec<u32> = found.iter().copied().filter(|pid| command(*pid).starts_with("ray::")).collect();
    let [worker] = ray[..] else {
        let told: Vec<_> = found.iter().map(|pid| (pid, command(*pid))).collect();
        panic!("not one process speaks with {supervisor}: {told:?}");
    };
    worker
}

/// Sends SIGKILL.
pub(super) fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

/// Sends a signal.
pub(super) fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

/// It is there, and no zombie.
pub(super) fn lives(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|text| !text.contains(") Z "))
}
