//! The end of everything that descends from this process, for one whose own children watched over something and were killed.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, getpid, wait};

use super::super::process::signal_exactly;
use super::kin::{children, children_by_search, facts};

/// How often it is looked whether all of them are gone.
const LOOK: Duration = Duration::from_millis(5);

/// Kills and collects all descendants of this process, which has to be the one that orphans are given to, until there are none
/// or `patience` is over. For a process with nothing else to do: it collects every child.
pub(crate) fn end_offspring(patience: Duration) {
    let own = getpid().as_raw_nonzero().get();
    let start = Instant::now();
    loop {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => break,
                // There are none.
                Err(_) => return,
            }
        }
        if start.elapsed() > patience {
            return;
        }
        for (pid, start) in descendants(own) {
            if let Some(id) = Pid::from_raw(pid) {
                signal_exactly(id, Signal::KILL, || facts(pid).is_some_and(|facts| facts.start == start));
            }
        }
        sleep(LOOK);
    }
}

/// Those that have not ended, with when they started.
fn descendants(own: i32) -> Vec<(i32, u64)> {
    let below = |pid| {
        let listed = children(pid);
        // A kernel without lists of children has an empty one for everybody.
        if listed.is_empty() && pid == own { children_by_search(pid) } else { listed }
    };
    let mut open = below(own);
    let mut found = Vec::new();
    while let Some(pid) = open.pop() {
        open.extend(below(pid));
        found.extend(facts(pid).filter(|facts| !facts.zombie).map(|facts| (pid, facts.start)));
    }
    found
}
