//! What stages, users and machines do to a run that nobody would do on purpose: afterwards no process is left, every
//! line of output is in the logs, and the record says what happened.

mod output;
mod places;
mod processes;
mod scale;
mod signals;

use std::fs;

use crate::support::{Bench, Trace};

/// Processes that say they are of a run below the bench's folder. Zombies say nothing any more.
fn left(bench: &Bench) -> Vec<String> {
    let folder = bench.path().to_str().unwrap().as_bytes();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().into_string().ok()?.parse::<u32>().ok());
    let of_bench = |pid: &u32| {
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut variables = environ.split(|byte| *byte == 0);
        variables.any(|entry| {
            entry
                .strip_prefix(b"FORENSIC_RUN_DIR=")
                .is_some_and(|value| value.windows(folder.len()).any(|w| w == folder))
        })
    };
    let told = |pid| format!("{pid}: {}", fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default());
    ids.filter(of_bench).map(told).collect()
}

fn assert_nothing_is_left(bench: &Bench) {
    let left = left(bench);
    assert!(left.is_empty(), "{left:?}");
}

/// A stage that fails if the host has a child beside it: none of those before it may be left, not even as a zombie.
const LAST: &str = r#"
    [stages.last]
    run = "for stat in /proc/[0-9]*/stat; do set -- $(sed 's/(.*)/x/' $stat 2> /dev/null); [ \"$4\" = $PPID ] && [ $1 != $$ ] && echo \"$1 $3\" >&2 && left=1; done; [ -z \"$left\" ]"
"#;

/// [`LAST`] after these stages.
fn last(needs: &[&str]) -> String {
    format!("{LAST}    needs = {needs:?}\n")
}

/// How many processes a stage's only attempt left in groups of their own.
fn escaped(trace: &Trace, stage: &str) -> u64 {
    let [attempt] = trace.attempts(stage)[..] else { panic!("not one attempt of {stage}") };
    attempt["attributes"].get("forensic.escaped_processes").map_or(0, |count| count.as_u64().unwrap())
}
