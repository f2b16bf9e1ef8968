//! Where this program itself spends its time: its phases, as spans of the trace's own format.
//!
//! A run's trace tells of the stages and the calls of plugins. What the program does before, between and after them is told here:
//! for benchmarks, and for whoever makes it faster. Where nobody asks, a phase costs one look at a flag.
//!
//! [`VARIABLE`] names a folder: each process leaves `<pid>.json` there when it ends by itself, which `trace summarize` and
//! `trace export` read as any trace. Nothing of the user's gets into it but the ids of report stages.

use std::cell::Cell;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::json;

use crate::clock::{Clock, UnixNanos};
use crate::conventions::attr;

/// Names the folder, which has to be there; empty or unset: nothing is collected.
pub const VARIABLE: &str = "FORENSIC_HOST_PHASES";

static ON: AtomicBool = AtomicBool::new(false);
static NEXT: AtomicU64 = AtomicU64::new(1);
static CLOCK: OnceLock<Clock> = OnceLock::new();
static ENDED: Mutex<Vec<Phase>> = Mutex::new(Vec::new());

thread_local! {
    /// The innermost open phase of this thread; 0: none.
    static INNERMOST: Cell<u64> = const { Cell::new(0) };
}

/// A phase that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// From 1, in the order of their starts.
    pub id: u64,
    /// The phase that it is a part of; 0: none.
    pub parent: u64,
    /// What is done in it.
    pub name: &'static str,
    /// What it is done for, such as the id of a report stage; may be empty.
    pub of: String,
    /// When it began.
    pub start: UnixNanos,
    /// When it ended.
    pub end: UnixNanos,
}

/// A phase that goes on until this is dropped, in the thread that began it.
#[derive(Debug)]
#[must_use = "the phase ends when this is dropped"]
pub struct Open(Option<Phase>, PhantomData<*const ()>);

/// Begins a phase.
pub fn phase(name: &'static str) -> Open {
    phase_of(name, "")
}

/// Begins a phase that is `of` something.
pub fn phase_of(name: &'static str, of: &str) -> Open {
    let begin = || {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let parent = INNERMOST.replace(id);
        let start = CLOCK.get().map_or(0, Clock::now);
        Phase { id, parent, name, of: of.to_owned(), start, end: start }
    };
    Open(ON.load(Ordering::Relaxed).then(begin), PhantomData)
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(mut phase) = self.0.take() else { return };
        phase.end = CLOCK.get().map_or(0, Clock::now);
        INNERMOST.set(phase.parent);
        ENDED.lock().unwrap_or_else(PoisonError::into_inner).push(phase);
    }
}

/// Does something as a phase.
pub fn within<T>(name: &'static str, work: impl FnOnce() -> T) -> T {
    let _phase = phase(name);
    work()
}

/// Phases that follow each other: the next one begins where the last one ends.
#[derive(Debug)]
pub struct Steps(Option<Open>);

impl Steps {
    /// The first.
    pub fn begin(name: &'static str) -> Self {
        Self(Some(phase(name)))
    }

    /// The next.
    pub fn next(&mut self, name: &'static str) {
        // Ended first: else the next one would be a part of it.
        drop(self.0.take());
        self.0 = Some(phase(name));
    }
}

/// The innermost open phase of this thread, for [`enter`].
pub fn innermost() -> u64 {
    INNERMOST.get()
}

/// In a thread that works for another one: what it does is part of that one's phase.
pub fn enter(phase: u64) {
    INNERMOST.set(phase);
}

/// Collects phases from now on, or no longer.
pub fn collect(wanted: bool) {
    CLOCK.get_or_init(Clock::start);
    ON.store(wanted, Ordering::Relaxed);
}

/// Takes those that have ended, in the order of their starts.
pub fn take() -> Vec<Phase> {
    let mut phases = std::mem::take(&mut *ENDED.lock().unwrap_or_else(PoisonError::into_inner));
    phases.sort_unstable_by_key(|phase| phase.id);
    phases
}

/// Collects, as one phase around all others, until it is dropped; then it leaves the file.
#[derive(Debug)]
pub struct Recording {
    folder: PathBuf,
    whole: Option<Open>,
}

impl Recording {
    /// Begins, if the environment asks for it.
    pub fn from_environment() -> Option<Self> {
        let folder = std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty())?;
        collect(true);
        Some(Self { folder: folder.into(), whole: Some(phase("forensic-host")) })
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        drop(self.whole.take());
        let pid = std::process::id();
        // Who asked finds no file there, and knows.
        drop(std::fs::write(self.folder.join(format!("{pid}.json")), spans(&take(), pid, peak_memory())));
    }
}

/// The largest resident set of this process, bytes. Unlike `getrusage` it leaves out what the process was before it became this program.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?;
    Some(kib.trim().parse::<u64>().ok()? << 10)
}

/// The phases as `forensic_trace.json` has spans.
fn spans(phases: &[Phase], pid: u32, peak_memory: Option<u64>) -> String {
    let started = phases.iter().map(|phase| phase.start).min().unwrap_or_default();
    let trace = format!("{started:016x}{pid:016x}");
    let span = |phase: &Phase| {
        let mut attributes = json!({ "process.pid": pid });
        if phase.parent == 0 {
            attributes[attr::PEAK_MEMORY] = json!(peak_memory);
        }
        if !phase.of.is_empty() {
            attributes["forensic.phase.of"] = json!(phase.of);
        }
        let parent = (phase.parent > 0).then(|| format!("{:016x}", phase.parent));
        let duration_ms = phase.end.saturating_sub(phase.start) as f64 / 1e6;
        json!({
            "name": phase.name, "start_time": phase.start, "end_time": phase.end, "duration_ms": duration_ms, "status": "Success",
            "attributes": attributes, "trace_id": trace, "span_id": format!("{:016x}", phase.id), "parent_span_id": parent,
        })
        .to_string()
    };
    format!("[\n{}\n]\n", phases.iter().map(span).collect::<Vec<_>>().join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Trace;

    #[test]
    fn phases_nest_follow_each_other_and_are_a_trace() {
        assert!(phase("nobody asked").0.is_none());
        collect(true);
        {
            let _whole = phase("whole: test");
            let mut steps = Steps::begin("first: test");
            steps.next("second: test");
            let here = innermost();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    enter(here);
                    within("elsewhere: test", || ());
                });
            });
            drop(phase_of("of: test", "a report"));
        }
        collect(false);
        // Other tests may have had phases meanwhile.
        let phases: Vec<Phase> = take().into_iter().filter(|phase| phase.name.ends_with(": test")).collect();
        let name_of = |id| phases.iter().find(|phase| phase.id == id).map(|phase| phase.name);
        let nesting: Vec<_> = phases.iter().map(|phase| (phase.name, name_of(phase.parent))).collect();
        assert_eq!(
            nesting,
            [
                ("whole: test", None),
                ("first: test", Some("whole: test")),
                ("second: test", Some("whole: test")),
                ("elsewhere: test", Some("second: test")),
                ("of: test", Some("second: test")),
            ]
        );
        assert!(phases.iter().all(|phase| phase.start <= phase.end));

        let trace = Trace::from_slice(spans(&phases, 7, None).as_bytes()).unwrap();
        assert_eq!((trace.len(), trace.warnings().len()), (5, 0));
        let of: Vec<_> = trace.spans().filter_map(|span| span.attribute("forensic.phase.of")?.as_text()).collect();
        assert_eq!(of, ["a report"]);
    }
}
