//! Odd places and users to run from.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use super::assert_nothing_is_left;
use crate::support::{BINARY, Bench, Ran, shared_cache};

const PIPELINE: &str = "[pipeline]\nname = \"place\"\n[stages.a]\nrun = \"echo out; echo err >&2\"\n";

/// A shell in the bench's folder, with the binary as `$HOST`.
fn shell(bench: &Bench, script: &str) -> Ran {
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(bench.path()).env("HOST", BINARY).env("NO_COLOR", "1");
    command.env("XDG_CACHE_HOME", shared_cache()).env("BENCH", bench.path()).stdin(Stdio::null());
    command.output().unwrap().into()
}

fn assert_recorded(bench: &Bench) {
    assert_eq!(bench.trace().result("a"), "success");
    assert_eq!((bench.read("logs/a/1.out.log"), bench.read("logs/a/1.err.log")), ("out\n".into(), "err\n".into()));
    assert!(bench.markdown().contains("place"));
    assert_nothing_is_left(bench);
}

#[test]
fn no_standard_stream_is_needed() {
    for closed in ["<&-", "<&- >&- 2>&-", ">&- 2>&-"] {
        let bench = Bench::new(PIPELINE);
        let ran = shell(&bench, &format!("\"$HOST\" run --run-id R {closed}"));
        assert_eq!(ran.code, Some(0), "{closed}: {}", ran.stderr);
        assert_recorded(&bench);
    }
}

#[test]
fn output_that_nobody_reads_stops_no_run() {
    let bench = Bench::new(PIPELINE);
    // The reader of standard error is gone before the first line.
    let ran = shell(&bench, "{ \"$HOST\" run --run-id R -v 2>&1; echo $? > code; } | true");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(bench.path().join("code")).unwrap(), "0\n");
    assert_recorded(&bench);
}

#[test]
fn a_working_directory_that_is_gone_is_no_reason_to_fail() {
    let bench = Bench::new(PIPELINE);
    let ran = shell(
        &bench,
        "mkdir gone; cd gone; rmdir ../gone; \"$HOST\" run \"$BENCH\"/pipeline.toml --run-id R --root \"$BENCH\"/data/artifacts",
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_recorded(&bench);
}

#[test]
fn a_folder_that_goes_away_during_the_run_fails_what_needs_it_and_nothing_else() {
    let bench = Bench::new(
        "[pipeline]\nname = \"place\"\nmax_parallel = 1\n[stages.a]\nrun = \"echo out; echo err >&2\"\n\
         [stages.vandal]\nrun = \"rmdir $BENCH/work/b\"\nneeds = [\"a\"]\n\
         [stages.b]\nrun = \"true\"\nworkdir = \"work/b\"\nneeds = [\"vandal\"]\n",
    );
    fs::create_dir_all(bench.path().join("work/b")).unwrap();
    let ran = shell(&bench, "cd work; \"$HOST\" run ../pipeline.toml --run-id R --root ../data/artifacts");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_recorded(&bench);
    assert_eq!(bench.trace().result("b"), "error");
    let message = bench.trace().stage("b")["status_message"].as_str().unwrap().to_owned();
    assert!(message.contains("work/b"), "does not name the folder: {message}");
}

#[test]
fn an_ordinary_user_runs_a_pipeline_in_a_tree_that_only_others_may_write() {
    let bench = Bench::new(PIPELINE);
    let (tree, own) = (bench.path().join("tree"), bench.path().join("own"));
    for folder in [&tree, &own] {
        fs::create_dir(folder).unwrap();
    }
    fs::rename(bench.path().join("pipeline.toml"), tree.join("pipeline.toml")).unwrap();
    fs::copy(BINARY, tree.join("forensic-host")).unwrap();
    for (path, mode) in [(bench.path(), 0o755), (&tree, 0o555), (&own, 0o777)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    // Somebody who may do everything has to become nobody first; others are what is wanted.
    let root = rustix::process::geteuid().is_root();
    let become_nobody = if root { "setpriv --reuid=65534 --regid=65534 --clear-groups" } else { "" };
    let script = format!(
        "cd tree && {become_nobody} sh -c '[ ! -w . ] && exec ./forensic-host run --run-id R --root ../own/artifacts' || exit $?"
    );
    let ran = shell(&bench, &format!("export HOME=\"$BENCH\"/own; unset XDG_CACHE_HOME; {script}"));
    fs::set_permissions(&tree, Permissions::from_mode(0o755)).unwrap();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    fs::create_dir_all(bench.run_dir().parent().unwrap()).unwrap();
    fs::rename(own.join("artifacts/summaries/runs/R"), bench.run_dir()).unwrap();
    assert_recorded(&bench);
    assert_eq!(fs::read_dir(&tree).unwrap().count(), 2, "something was written into the tree");
}
