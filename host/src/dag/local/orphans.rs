//! Processes that left the group of their attempt (`setsid`, a shell's job control, a daemon) or that a killed host of a
//! nested pipeline left behind: none outlives its attempt, and none stays a zombie.
//!
//! For the time of a run this process is the one that orphans among its descendants are given to
//! (`PR_SET_CHILD_SUBREAPER`, prctl(2)), so that an escaped process becomes its child as soon as the parent is gone.
//! That makes the search cheap, for one list of children is all that has to be read after an attempt, and makes it ours
//! to collect them. Several runs can live in one process, which can have children of its own: only what the
//! environment, the group, the session or the parent shows to be an attempt's is touched.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use rustix::process::{Pid, Signal, child_subreaper, getpgrp, getpid, getsid, set_child_subreaper};

use super::super::process::{collect, signal_exactly};
use super::kin::{Facts, Identity, Marks, children, children_by_search, facts, listed};

/// No search goes further than this many processes; there is always another one.
const MAX_PROCESSES: usize = 4096;

/// Whether this process may have children during a run that no attempt started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neighbours {
    /// Other code may start some, and waits for them itself: what can't be shown to be an attempt's is left alone.
    Possible,
    /// There are none but those that are there already: what can't be shown to be an attempt's, because it cleared its
    /// environment or has ended, is one's nevertheless.
    None,
}

/// Runs that want orphans, in this process.
static ADOPTERS: Mutex<Adopters> = Mutex::new(Adopters { runs: 0, before: false });
/// Attempts that have not been collected, in this process. Two of an id: one was just collected, and another got its id.
static LEADERS: Mutex<BTreeMap<i32, u32>> = Mutex::new(BTreeMap::new());
/// Held for reading from an attempt's start until it is among [`LEADERS`].
static LAUNCHING: RwLock<()> = RwLock::new(());

struct Adopters {
    runs: usize,
    /// Whether this process was given orphans before the first of them.
    before: bool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An attempt's first process, or one that this program started for itself: nobody's orphan until this is dropped.
#[derive(Debug)]
pub(crate) struct Leader(pub(super) Pid);

impl Leader {
    /// Runs `start`, which starts a process, and knows it from its first moment.
    pub(crate) fn launch<T>(start: impl FnOnce() -> std::io::Result<(Pid, T)>) -> std::io::Result<(Self, T)> {
        let _launching = LAUNCHING.read().unwrap_or_else(PoisonError::into_inner);
        let (pid, rest) = start()?;
        *locked(&LEADERS).entry(pid.as_raw_nonzero().get()).or_default() += 1;
        Ok((Self(pid), rest))
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        if let Entry::Occupied(mut leader) = locked(&LEADERS).entry(self.0.as_raw_nonzero().get()) {
            match leader.get() {
                ..=1 => drop(leader.remove()),
                _ => *leader.get_mut() -= 1,
            }
        }
    }
}

/// Whose processes are looked for.
#[derive(Clone, Debug)]
pub(super) enum Whose {
    /// An attempt's, whose first process has ended and has not been collected.
    Attempt { leader: i32, identity: Identity },
    /// Those of any attempt of the run; none runs any more.
    Run,
}

/// A process that was found and has not ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) pid: i32,
    pub(super) start: u64,
    /// It never left the attempt's group, so that it has been killed with it.
    pub(super) in_group: bool,
}

/// What one look saw.
#[derive(Debug, Default)]
pub(super) struct Sight {
    pub(super) found: Vec<Found>,
    /// Some of those that were listed had ended. Their children may have become ours after the list was read: where
    /// nothing was found, that is no proof yet.
    pub(super) changed: bool,
}

/// What one search knows from the looks before: a process that has ended has no environment to ask.
#[derive(Debug, Default)]
pub(super) struct Kin {
    /// With when they started.
    processes: HashMap<i32, u64>,
    groups: HashSet<i32>,
    sessions: HashSet<i32>,
}

impl Kin {
    fn add(&mut self, pid: i32, facts: Facts) {
        self.processes.insert(pid, facts.start);
        if facts.group != getpgrp().as_raw_nonzero().get() {
            self.groups.insert(facts.group);
        }
        if getsid(None).is_ok_and(|own| own.as_raw_nonzero().get() != facts.session) {
            self.sessions.insert(facts.session);
        }
    }

    fn has(&self, pid: i32, facts: Facts) -> bool {
        self.processes.get(&pid) == Some(&facts.start)
            || self.groups.contains(&facts.group)
            || self.sessions.contains(&facts.session)
    }
}

/// Finds orphans of a run.
#[derive(Debug)]
pub(super) struct Orphans {
    run: String,
    directory: PathBuf,
    own: i32,
    alone: bool,
    /// Children before the run, with when they started.
    before: HashMap<i32, u64>,
    /// The list of children that orphans are added to: that of this process's first thread. `None`: the kernel has none.
    list: Option<File>,
}

impl Orphans {
    /// From now on until this is dropped, orphans are given to this process. `None`: the system does not do that.
    pub(super) fn start(run: &str, directory: &Path, neighbours: Neighbours) -> Option<Self> {
        let mut adopters = locked(&ADOPTERS);
        let own = getpid();
        if adopters.runs == 0 {
            adopters.before = child_subreaper().ok()?.is_some();
            set_child_subreaper(Some(own)).ok()?;
        }
        adopters.runs += 1;
        drop(adopters);
        let id = own.as_raw_nonzero().get();
        let list = File::open(format!("/proc/self/task/{id}/children")).ok();
        let there = if list.is_some() { children(id) } else { children_by_search(id) };
        let before = there.into_iter().filter_map(|pid| Some((pid, facts(pid)?.start))).collect();
        // The first process of a container is given the orphans of others, too.
        let alone = neighbours == Neighbours::None && id != 1;
        Some(Self { run: run.to_owned(), directory: directory.to_owned(), own: id, alone, before, list })
    }

    /// Whether a search after each attempt is cheap enough.
    pub(super) fn quick(&self) -> bool {
        self.list.is_some()
    }

    /// Looks once: collects those that have ended, returns those that have not.
    pub(super) fn look(&self, whose: &Whose, kin: &mut Kin) -> Sight {
        let leader = match whose {
            Whose::Attempt { leader, .. } => Some(*leader),
            Whose::Run => None,
        };
        let mut open = Vec::new();
        let (strangers, mut changed) = self.strangers();
        for (pid, facts) in strangers {
            let by_group = Some(facts.group) == leader;
            let known = by_group || kin.has(pid, facts);
            if facts.zombie {
                if known || self.alone {
                    collect_stranger(pid);
                    changed = true;
                }
            } else if known || self.claims(whose, pid) {
                open.push((pid, facts));
            }
        }
        let mut found = Vec::new();
        while let Some((pid, facts)) = open.pop()
            && found.len() < MAX_PROCESSES
        {
            let in_group = Some(facts.group) == leader;
            if !in_group {
                kin.add(pid, facts);
            }
            found.push(Found { pid, start: facts.start, in_group });
            if self.quick() {
                let below = children(pid).into_iter().filter_map(|child| Some((child, self::facts(child)?)));
                open.extend(below.filter(|(_, facts)| facts.parent == pid && !facts.zombie));
            }
        }
        Sight { found, changed }
    }

    /// Collects what has ended while the attempt goes on.
    pub(super) fn tidy(&self, leader: i32) {
        for (pid, facts) in self.strangers().0 {
            if facts.zombie && (facts.group == leader || self.alone) {
                collect_stranger(pid);
            }
        }
    }

    /// Children that are no attempt's first process and were not there before the run, and whether others were among them
    /// that are gone already.
    fn strangers(&self) -> (Vec<(i32, Facts)>, bool) {
        let mut children = self.list.as_ref().map_or_else(|| children_by_search(self.own), listed);
        {
            let leaders = locked(&LEADERS);
            children.retain(|pid| !leaders.contains_key(pid));
        }
        let listed = children.len();
        let mut known: Vec<(i32, Facts)> = children.into_iter().filter_map(|pid| Some((pid, facts(pid)?))).collect();
        let gone = known.len() < listed;
        known.retain(|(pid, facts)| facts.parent == self.own && self.before.get(pid) != Some(&facts.start));
        (known, gone)
    }

    fn claims(&self, whose: &Whose, pid: i32) -> bool {
        let claimed = match (whose, Marks::of(pid)) {
            (Whose::Attempt { identity, .. }, Some(marks)) => identity.owns(&marks),
            (Whose::Run, Some(marks)) => self.alone || marks.of_run(&self.run, &self.directory),
            (Whose::Attempt { .. }, None) => false,
            (Whose::Run, None) => self.alone,
        };
        // Another run's attempt may have started since the list was read.
        claimed && is_stranger(pid)
    }
}

impl Drop for Orphans {
    fn drop(&mut self) {
        let mut adopters = locked(&ADOPTERS);
        adopters.runs -= 1;
        if adopters.runs == 0 && !adopters.before {
            // It could be set, so it can be taken back.
            let _ = set_child_subreaper(None);
        }
    }
}

impl Found {
    /// Sends a signal to this process, and to no other that has got its id since.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid) {
            signal_exactly(pid, signal, || facts(self.pid).is_some_and(|facts| facts.start == self.start));
        }
    }
}

/// Whether the process is certainly no attempt's first.
fn is_stranger(pid: i32) -> bool {
    let _launching = LAUNCHING.write().unwrap_or_else(PoisonError::into_inner);
    !locked(&LEADERS).contains_key(&pid)
}

fn collect_stranger(pid: i32) {
    if is_stranger(pid)
        && let Some(pid) = Pid::from_raw(pid)
    {
        // Whoever collected it before us did our work.
        drop(collect(pid));
    }
}
