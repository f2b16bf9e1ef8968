//! The dashboard and the server's pages in a real browser: one test for each suite of `tests/browser`, the types of the front end,
//! and the tests of its modules. `tests/run` installs what they need.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::support::{BINARY, hostile_guest, shared_cache, workspace};

/// Set by `tests/run` to a folder with the packages of `tests/browser/packages`.
const FOLDER: &str = "BROWSER_FOLDER";
/// A suite that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(600);
/// One browser at a time: two would only share the processors.
static BROWSER: Mutex<()> = Mutex::new(());

/// The packages, where `tests/run` puts them.
fn packages() -> PathBuf {
    let folder = std::env::var_os(FOLDER).map_or_else(|| workspace().join("target/browser"), PathBuf::from);
    let help = "tests/run installs it, or: apt-get install chromium nodejs npm; \
                cp tests/browser/packages/*.json target/browser/; npm ci --prefix target/browser";
    assert!(folder.join("node_modules/puppeteer-core").is_dir(), "no packages in {}: {help}", folder.display());
    let version = Command::new("node").arg("--version").output();
    assert!(version.is_ok_and(|output| output.status.success()), "node can't be run: {help}");
    folder
}

/// Runs a program to its end, a group of its own, so that a browser that hangs goes with it.
fn finish(what: &str, command: &mut Command) {
    let output = TempDir::new().unwrap();
    let path = output.path().join("output");
    let file = std::fs::File::create(&path).unwrap();
    command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file).process_group(0);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{what}: {error}"));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if start.elapsed() > PATIENCE {
            let group = Pid::from_child(&child);
            // Asked first, because the browser is a group of its own, which node ends when it is asked to end.
            let _ = kill_process_group(group, Signal::TERM);
            std::thread::sleep(Duration::from_secs(3));
            let _ = kill_process_group(group, Signal::KILL);
            child.wait().unwrap();
            break None;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
    match status {
        Some(status) => assert!(status.success(), "{what}: {status}\n{text}"),
        None => panic!("{what} did not end within {PATIENCE:?}\n{text}"),
    }
}

/// `node --test` over these files, with the binary under test.
fn node(what: &str, files: &[PathBuf], variables: &[(&str, &Path)]) {
    let packages = packages();
    let _turn = BROWSER.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new("node");
    command
        .args(["--test", "--test-reporter=spec"])
        .args(files)
        .env(FOLDER, packages)
        .env("FORENSIC_HOST", BINARY)
        .env("XDG_CACHE_HOME", shared_cache())
        .envs(variables.iter().copied());
    finish(what, &mut command);
}

fn suite(name: &str, variables: &[(&str, &Path)]) {
    node(name, &[workspace().join(format!("tests/browser/{name}.test.mjs"))], variables);
}

#[test]
fn the_browser_suites_see_what_must_not_happen() {
    suite("support", &[]);
}

#[test]
fn the_report_is_whole_with_and_without_its_script() {
    suite("report", &[]);
}

#[test]
fn the_dashboard_does_what_a_reader_asks_for() {
    suite("dashboard", &[]);
}

#[test]
fn no_text_of_a_run_becomes_anything_but_text_in_a_browser() {
    let folder = TempDir::new().unwrap();
    let guest = folder.path().join("hostile.wasm");
    std::fs::write(&guest, hostile_guest()).unwrap();
    suite("hostile", &[("HOSTILE_GUEST", &guest)]);
}

#[test]
fn a_dashboard_of_ten_thousand_stages_and_one_of_a_hundred_thousand_spans_work() {
    suite("big", &[]);
}

#[test]
fn the_servers_pages_work_in_a_browser() {
    suite("serve", &[]);
}

#[test]
fn the_front_end_type_checks() {
    let compiler = packages().join("node_modules/typescript/bin/tsc");
    let project = workspace().join("tests/browser/tsconfig.json");
    finish("tsc", Command::new("node").arg(compiler).arg("--project").arg(project));
}

#[test]
fn the_front_ends_units_pass() {
    let folder = workspace().join("tests/browser/unit");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    assert!(files.len() > 3, "{files:?}");
    node("units", &files, &[]);
}
