//! What an attempt is said to have used.

use std::fs::{self, File};
use std::sync::Arc;

use super::super::oom::OomCounters;
use super::Bench;
use crate::dag::Exit;

const MB: u64 = 1_000_000;

/// Python that holds so many MB of memory for a while.
const HOLD: &str = "import time; b = bytearray(50_000_000); b[::4096] = b'x' * len(b[::4096]); time.sleep(1)";

#[test]
fn processor_time_counts_what_children_used() {
    let mut bench = Bench::new();
    let end = bench.run("python3 -c 'sum(range(3_000_000))'; true");
    assert!(end.cpu_user.as_nanos() > 1_000_000, "{end:?}");
}

#[test]
fn io_is_counted_with_that_of_children() {
    let mut bench = Bench::new();
    let end = bench.run("dd if=/dev/zero of=file bs=1000000 count=10 conv=fsync 2>/dev/null; true");
    let io = end.io.unwrap();
    assert!(io.written_chars >= 10 * MB && io.written_chars < 11 * MB, "{io:?}");
    assert!(io.read_chars >= 10 * MB && io.read_chars < 12 * MB, "{io:?}");
    let in_memory = rustix::fs::statfs(bench.folder.path()).unwrap().f_type == libc::TMPFS_MAGIC;
    if !in_memory {
        assert!(io.written >= 10 * MB && io.written < 12 * MB, "{io:?}");
    }
}

#[test]
fn memory_of_the_tree_is_that_of_its_processes_together() {
    let mut bench = Bench::new();
    let end = bench.run(&format!("python3 -c \"{HOLD}\" & (python3 -c \"{HOLD}\"; true) & wait"));
    let tree = end.tree_memory.unwrap();
    assert!(tree.samples > 1);
    assert!(tree.peak >= 100 * MB && tree.peak < 200 * MB, "{tree:?}");
    assert!(end.peak_memory >= 50 * MB, "{end:?}");
    // The process of the tests may have been larger than one of theirs.
    assert!(end.peak_memory_is_bound || end.peak_memory < 100 * MB, "{end:?}");
}

#[test]
fn children_of_other_threads_are_found() {
    let mut bench = Bench::new();
    let script = format!(
        "import subprocess, threading\n\
         t = threading.Thread(target=lambda: subprocess.run(['python3', '-c', \"{}\"]))\n\
         t.start(); t.join()",
        HOLD.replace('"', "'")
    );
    let end = bench.python(&script);
    let tree = end.tree_memory.unwrap();
    // The parent is there too, so together they are more than the larger one.
    assert!(tree.peak >= 50 * MB, "{end:?}");
    assert!(end.peak_memory_is_bound || tree.peak > end.peak_memory + 3 * MB, "{end:?}");
}

#[test]
fn a_peak_between_two_looks_is_not_missed_if_one_process_had_it() {
    let mut bench = Bench::new();
    let end = bench.python("import time; b = bytearray(200_000_000); del b; time.sleep(0.3)");
    let tree = end.tree_memory.unwrap();
    assert!(end.peak_memory >= 200 * MB);
    assert!(end.peak_memory_is_bound || tree.peak >= end.peak_memory, "{end:?}");
}

#[test]
fn a_short_attempt_says_nothing_of_its_tree() {
    let mut bench = Bench::new();
    // On a busy machine one may last long enough to be looked at.
    assert!((0..50).any(|_| bench.run("exit 0").tree_memory.is_none()));
}

#[test]
fn waiting_is_a_voluntary_switch() {
    let mut bench = Bench::new();
    let end = bench.run("for i in 1 2 3; do sleep 0.01; done");
    assert!(end.switches.unwrap().voluntary >= 3, "{end:?}");
}

#[test]
fn a_kill_from_outside_is_no_want_of_memory() {
    let mut bench = Bench::new();
    let end = bench.run("kill -KILL $$");
    assert_eq!(end.exit, Exit::Signal(libc::SIGKILL));
    assert_eq!(end.oom_killed, Some(false));
    // Nor is a failure; and of a success nobody asks.
    assert_eq!(bench.run("exit 1").oom_killed, Some(false));
    assert_eq!(bench.run("exit 0").oom_killed, None);
}

#[test]
fn a_kill_while_the_kernel_counts_one_is_want_of_memory() {
    let mut bench = Bench::new();
    let counter = bench.folder.path().join("vmstat");
    let mut run = |script: &str| {
        fs::write(&counter, "pgfault 12345\noom_kill 3\n").unwrap();
        // New each time: a count is used again for a moment.
        bench.executor.oom = Arc::new(OomCounters::of_file(File::open(&counter).unwrap()));
        bench.run(script).oom_killed
    };
    let counted = "printf 'pgfault 12349\noom_kill 4\n' >vmstat";
    assert_eq!(run(&format!("{counted}; kill -KILL $$")), Some(true));
    // A shell says it with an exit code.
    assert_eq!(run(&format!("{counted}; sh -c 'kill -KILL $$'; exit $?")), Some(true));
    // Somebody was killed, but it need not have been this one.
    assert_eq!(run(&format!("{counted}; exit 1")), None);
    assert_eq!(run("kill -KILL $$"), Some(false));
    // Nobody counts.
    assert_eq!(run(": >vmstat; kill -KILL $$"), None);
}

#[test]
fn a_kill_by_the_host_is_never_called_want_of_memory() {
    let mut bench = Bench::new();
    let counter = bench.folder.path().join("vmstat");
    fs::write(&counter, "oom_kill 3\n").unwrap();
    bench.executor.oom = Arc::new(OomCounters::of_file(File::open(&counter).unwrap()));
    let mut live = bench.launch("echo oom_kill 4 >vmstat; echo up; sleep 1000");
    bench.wait_for("out", "up");
    live.attempt.kill();
    let end = live.finish();
    assert_eq!((end.exit, end.oom_killed), (Exit::Signal(libc::SIGKILL), None));
}
