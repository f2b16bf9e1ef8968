//! A run in progress, followed to its end.

use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use super::browser::{Events, Served};
use crate::support::{Bench, wait_until};

/// A stage that ended, one that waits for a file, one that has not begun.
const PIPELINE: &str = r#"
    [pipeline]
    name = "live"
    [stages.before]
    run = "true"
    [stages.waits]
    run = "touch waiting; while [ ! -e go ]; do sleep 0.02; done"
    needs = ["before"]
    [stages.after]
    run = "true"
    needs = ["waits"]
"#;

/// A run whose second stage runs now.
fn waiting() -> (Bench, Child, Served) {
    let bench = Bench::new(PIPELINE);
    let run = bench.start();
    wait_until("the stage to wait", || bench.path().join("waiting").exists());
    let served = Served::start(bench.path());
    (bench, run, served)
}

/// The next event `columns` that tells of the stage.
fn stage_at(events: &mut Events, id: &str) -> (serde_json::Value, usize) {
    loop {
        let (name, data) = events.next();
        assert_eq!(name, "columns", "{data}");
        let at = data["columns"]["stages"]["id"].as_array().unwrap().iter().position(|stage| stage == id);
        if let Some(at) = at {
            return (data, at);
        }
    }
}

#[test]
fn a_run_is_followed_to_its_end() {
    let (bench, mut run, served) = waiting();
    let page = served.get("/runs/R");
    assert_eq!(page.status, 200);
    let root = page.text().split_once("<html ").and_then(|(_, rest)| rest.split_once('>')).unwrap().0.to_owned();
    for address in ["data-files=\"/runs/R/files/\"", "data-runs=\"/runs/\"", "data-live=\"/runs/R/events\""] {
        assert!(root.split(' ').any(|attribute| attribute == address), "{address} is not in {root}");
    }
    assert!(page.text().contains("▸ running") && page.text().contains("This run goes on"), "{}", page.text());
    assert!(
        page.text().contains("No stage failed") && page.text().contains("1 succeeded, 1 running"),
        "{}",
        page.text()
    );
    assert_eq!(served.get("/runs.json").json()["runs"][0]["state"], "running");
    let mut watchers = [Events::of(&served, "R"), Events::of(&served, "R")];
    for events in &mut watchers {
        let (data, at) = stage_at(events, "waits");
        assert_eq!((&data["schema"], &data["run"]["id"]), (&"forensic.report/1".into(), &"R".into()));
        let stages = &data["columns"]["stages"];
        assert_eq!(data["run"]["result"], "running");
        assert_eq!(
            (&stages["result"][at], &stages["inferred"][at]),
            (&"running".into(), &1.into()),
            "it is open: {stages}"
        );
        let before = stages["id"].as_array().unwrap().iter().position(|stage| stage == "before").unwrap();
        assert_eq!((&stages["result"][before], &stages["inferred"][before]), (&"success".into(), &0.into()));
    }
    bench.write("go", "");
    assert_eq!(run.wait().unwrap().code(), Some(0));
    for events in &mut watchers {
        let end = loop {
            let (name, data) = events.next();
            if name == "end" {
                break data;
            }
            assert_eq!(name, "columns");
        };
        assert_eq!(end["state"], "ended");
    }
    let page = served.get("/runs/R");
    assert!(!page.text().contains("data-live") && page.text().contains("■ ended"), "{}", page.text());
    assert_eq!(Events::of(&served, "R").next().0, "end", "of a run that is over there is no other news");
}

#[test]
fn open_stages_last_until_now() {
    let (bench, mut run, served) = waiting();
    let mut events = Events::of(&served, "R");
    let mut end = || {
        let (data, at) = stage_at(&mut events, "waits");
        data["columns"]["start_time"].as_u64().unwrap() + data["columns"]["stages"]["end_ns"][at].as_u64().unwrap()
    };
    // Nothing is written in between.
    let (first, second) = (end(), end());
    assert!(first < second, "{first} {second}");
    bench.write("go", "");
    run.wait().unwrap();
}

#[test]
fn a_run_that_is_killed_is_told_as_such() {
    let (bench, mut run, served) = waiting();
    let mut events = Events::of(&served, "R");
    stage_at(&mut events, "waits");
    kill_process(Pid::from_child(&run), Signal::KILL).unwrap();
    run.wait().unwrap();
    let end = loop {
        let (name, data) = events.next();
        if name == "end" {
            break data;
        }
    };
    assert_eq!(end["state"], "killed");
    let page = served.get("/runs/R");
    assert!(page.text().contains("✗ killed") && page.text().contains("forensic-host recover"), "{}", page.text());
    assert!(!page.text().contains("data-live"));
    assert!(page.text().contains("1 cancelled, 1 succeeded"), "{}", page.text());
    bench.write("go", "");
    // What recover makes of it is shown at once.
    assert_eq!(bench.call(&["recover", "R"]).code, Some(0));
    assert_eq!(bench.call(&["report", "R"]).code, Some(0));
    let page = served.get("/runs/R");
    assert!(page.text().contains("■ ended"), "{}", page.text());
}

#[test]
fn only_runs_can_be_watched() {
    let bench = Bench::new(PIPELINE);
    bench.write("data/artifacts/x", "");
    let served = Served::start(bench.path());
    assert_eq!(served.get("/runs/none/events").status, 404);
}
