//! A disk that is full, for a while or for good, and a folder that can't be written: nothing that ended is lost, or the
//! run says loudly what is.
//!
//! A small file system of its own needs a mount, which an ordinary user may make in a namespace of its own. Where even that
//! is forbidden these tests can't run, and fail saying so.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{BINARY, Bench, Ran};

/// Runs a shell script in which `$DISK` is a file system of `size` and `host` is the binary; what it leaves in
/// `$DISK/artifacts` is copied to `kept` in the bench's folder.
fn on_a_small_disk(bench: &Bench, size: &str, script: &str) -> Ran {
    let whole = format!(
        "set -u; DISK=\"$PWD/disk\"; export DISK; mkdir -p \"$DISK\"; mount -t tmpfs -o size={size} tmpfs \"$DISK\" || exit 99\n\
         host() {{ '{BINARY}' \"$@\"; }}\n{script}\ncode=$?\ncp -r \"$DISK\"/artifacts kept 2> /dev/null\nexit $code\n"
    );
    let unshare = ["--user", "--map-root-user", "--mount", "sh", "-c", &whole];
    let output = Command::new("unshare")
        .args(unshare)
        .current_dir(bench.path())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .expect("unshare (util-linux) is needed for a disk that can be full");
    let ran = Ran::from(output);
    assert_ne!(ran.code, Some(99), "this machine forbids the mount that a full disk needs: {}", ran.stderr);
    ran
}

fn kept(bench: &Bench, name: &str) -> Option<String> {
    std::fs::read_to_string(bench.path().join("kept/summaries/runs/R").join(name)).ok()
}

fn trace(bench: &Bench) -> Vec<Value> {
    serde_json::from_str(&kept(bench, "data/forensic_trace.json").expect("a trace")).expect("strict JSON")
}

fn names(spans: &[Value], kind: &str) -> Vec<String> {
    let of_kind = |span: &&Value| span["attributes"]["forensic.kind"] == kind;
    spans.iter().filter(of_kind).map(|span| span["name"].as_str().unwrap().to_owned()).collect()
}

/// Waits until the end of `before` is in the journal: this may be when what waited for it has started.
const NOTED: &str =
    r#"until grep -q '"end_time".*"before"' $FORENSIC_DATA_DIR/forensic_trace.ndjson; do sleep 0.01; done"#;
const FILL: &str = "cat /dev/zero > $DISK/fill 2> /dev/null; true";

#[test]
fn a_disk_that_is_full_for_a_while_costs_nothing() {
    let bench = Bench::new(&format!(
        "[pipeline]\nname = \"tight\"\nmax_parallel = 1\n\
         [stages.before]\nrun = \"true\"\n\
         [stages.fill]\nrun = \"{FILL}\"\nneeds = [\"before\"]\n\
         [stages.during]\nrun = \"true\"\nneeds = [\"fill\"]\n\
         [stages.free]\nrun = \"rm $DISK/fill\"\nneeds = [\"during\"]\n\
         [stages.after]\nrun = \"true\"\nneeds = [\"free\"]\n"
    ));
    let ran = on_a_small_disk(&bench, "4m", "host run --run-id R --root \"$DISK\"/artifacts");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let spans = trace(&bench);
    assert_eq!(names(&spans, "stage"), ["before", "fill", "during", "free", "after"]);
    assert_eq!(names(&spans, "attempt").len(), 5);
    let record: Value = serde_json::from_str(&kept(&bench, "run.json").unwrap()).unwrap();
    let ledger = &record["telemetry"]["ledger"];
    assert_eq!((&ledger["failed"], &ledger["written"]), (&0.into(), &record["spans"]), "{ledger}");
    assert_eq!(kept(&bench, "data/forensic_trace.ndjson"), None);
}

#[test]
fn a_disk_that_stays_full_fails_the_run_loudly_and_recover_completes_it() {
    let mut pipeline = format!(
        "[pipeline]\nname = \"full\"\nmax_parallel = 1\n\
         [stages.before]\nrun = \"true\"\n\
         [stages.fill]\nrun = '''{NOTED}; {FILL}'''\nneeds = [\"before\"]\n"
    );
    // More than fits into what is left of the journal's last page.
    let during: Vec<String> = (0..10).map(|number| format!("during{number}")).collect();
    for stage in &during {
        pipeline += &format!("[stages.{stage}]\nrun = \"true\"\nneeds = [\"fill\"]\n");
    }
    let bench = Bench::new(&pipeline);
    let ran = on_a_small_disk(
        &bench,
        "4m",
        "host run --run-id R --root \"$DISK\"/artifacts; echo \"exit $?\"\n\
         rm \"$DISK\"/fill; host recover R --root \"$DISK\"/artifacts",
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("exit 70"), "{}\n{}", ran.stdout, ran.stderr);
    // What is safe, what is lost by name, and what to do.
    for text in ["spans that ended are safe in the journal", "LOST", "during1#1", "more", "forensic-host recover"] {
        assert!(ran.stderr.contains(text), "{text} is not in\n{}", ran.stderr);
    }
    let spans = trace(&bench);
    let mut stages = names(&spans, "stage");
    // One that began last stands at the same time as those that never did.
    stages.sort_unstable();
    let expected: Vec<&str> = ["before"].into_iter().chain(during.iter().map(String::as_str)).chain(["fill"]).collect();
    assert_eq!(stages, expected, "every stage has its span, at least as one that was interrupted");
    let last = spans.iter().find(|span| span["name"] == "during9").unwrap();
    assert!(last["status_message"].as_str().unwrap().contains("could not be recorded"), "{last}");
    let inferred = |name: &str| {
        let stage = spans.iter().find(|span| span["name"] == name && span["attributes"]["forensic.kind"] == "stage");
        stage.unwrap()["attributes"].get("forensic.inferred").is_some()
    };
    assert!(!inferred("before"));
}

#[test]
fn a_place_that_cannot_be_written_is_refused_before_anything_runs() {
    let bench = Bench::new("[pipeline]\nname = \"readonly\"\n[stages.a]\nrun = \"touch ran\"\n");
    let ran = on_a_small_disk(
        &bench,
        "4m",
        "mount -o remount,ro \"$DISK\" && host run --run-id R --root \"$DISK\"/artifacts",
    );
    assert_eq!(ran.code, Some(70), "{}", ran.stderr);
    assert!(ran.stderr.contains("Read-only file system") && ran.stderr.contains("artifacts"), "{}", ran.stderr);
    assert!(!bench.path().join("ran").exists());
}

#[test]
fn a_data_folder_that_a_stage_takes_away_fails_the_run_loudly() {
    let bench = Bench::new(
        "[pipeline]\nname = \"gone\"\n[stages.vandal]\nrun = \"mv $FORENSIC_DATA_DIR $FORENSIC_RUN_DIR/elsewhere; : > $FORENSIC_RUN_DIR/data\"\n",
    );
    let ran = bench.run();
    // The folder is open, so the trace goes where the folder went.
    let moved = bench.run_dir().join("elsewhere/forensic_trace.json");
    let spans: Vec<Value> = serde_json::from_slice(&std::fs::read(moved).unwrap()).unwrap();
    assert_eq!(names(&spans, "stage"), ["vandal"]);
    assert_eq!(ran.code, Some(70), "{}", ran.stderr);
    assert!(ran.stderr.contains("data"), "{}", ran.stderr);
}
