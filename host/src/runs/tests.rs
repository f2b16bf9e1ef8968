//! Folders of runs as they are found: whole, damaged, foreign, old.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::directory::{RunDirectory, runs_folder};
use crate::report::Change;

const SECOND: u64 = 1_000_000_000;

/// A root folder with runs that were never run.
pub(crate) struct Root {
    folder: TempDir,
}

impl Root {
    pub(crate) fn new() -> Self {
        let root = Self { folder: TempDir::new().unwrap() };
        fs::create_dir_all(runs_folder(root.path())).unwrap();
        root
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn run(&self, id: &str) -> PathBuf {
        runs_folder(self.path()).join(id)
    }

    /// A run of pipeline `p` that began at `start` s and whose stages took so many ms, changed by `edit`.
    pub(crate) fn add(&self, id: &str, start: u64, stages: &[(&str, u64)], edit: impl FnOnce(&mut Value)) {
        let folder = self.run(id);
        for below in ["data", "logs", "reports"] {
            fs::create_dir_all(folder.join(below)).unwrap();
        }
        let total: u64 = stages.iter().map(|(_, ms)| ms * 1_000_000).sum();
        let durations: Vec<Value> = stages.iter().map(|(id, ms)| json!([id, ms * 1_000_000])).collect();
        let declared: Vec<Value> = stages.iter().map(|(id, _)| json!({"id": id, "needs": []})).collect();
        let counts = json!({"total": stages.len(), "success": stages.len(), "failure": 0, "error": 0, "timeout": 0,
            "cancellation": 0, "skip": 0});
        let mut record = json!({"schema": "forensic.run/1", "run_id": id, "result": "success",
            "pipeline": {"name": "p", "profile": null, "file": "pipeline.toml", "sha256": "00", "stages": declared},
            "host": {"version": "0.1.0", "os": "linux", "arch": "x86_64", "cores": 2, "executor": "local", "slots": 2},
            "start_time": start * SECOND, "end_time": start * SECOND + total, "trace_id": "00", "spans": 1, "stages": counts,
            "stage_durations": durations, "reports": [], "history": []});
        edit(&mut record);
        fs::write(folder.join("run.json"), serde_json::to_vec_pretty(&record).unwrap()).unwrap();
    }

    /// So many runs, a second apart, of 50 stages of 100 ms each and with the list of files that such a run leaves; `edit` has the
    /// number of each.
    pub(crate) fn add_many(&self, runs: u64, edit: impl Fn(u64, &mut Value)) {
        let ids: Vec<String> = (0..50).map(|index| format!("stage.number.{index}")).collect();
        let stages: Vec<(&str, u64)> = ids.iter().map(|id| (id.as_str(), 100)).collect();
        let file = |index: usize| {
            json!({"path": format!("logs/stage.number.{index}/1.out.log"), "kind": "file", "size": 1234,
                "sha256": "0".repeat(64)})
        };
        let files: Vec<Value> = (0..150).map(file).collect();
        for number in 0..runs {
            let id = format!("20260101T{:02}{:02}{:02}.000Z-00000000", number / 3600, number / 60 % 60, number % 60);
            self.add(&id, number, &stages, |record| {
                record["evidence"] = json!({"taken": "run_end", "time": 1, "by": "x", "files": files});
                edit(number, record);
            });
        }
    }

    fn history(&self) -> History {
        let query = Query { pipeline: "p", profile: None, before: None, except: None };
        History::read(&runs_folder(self.path()), &query)
    }

    fn names(&self) -> Vec<String> {
        let (entries, _) = entries(self.path(), usize::MAX, &|_| true);
        entries.into_iter().map(|entry| entry.folder).collect()
    }

    fn open(&self, id: &str) -> RunDirectory {
        RunDirectory::open(self.run(id)).unwrap()
    }
}

pub(crate) fn stamp(number: u64) -> String {
    format!("20260101T0000{:02}.000Z-00000000", number)
}

#[test]
fn the_baseline_is_what_executed_stages_of_successful_runs_took() {
    let root = Root::new();
    for number in 0..12 {
        root.add(&stamp(number), number, &[("a", 100 + number), ("b", 1_000)], |_| {});
    }
    root.add(&stamp(20), 20, &[("a", 9_999)], |record| record["result"] = "failure".into());
    root.add(&stamp(21), 21, &[("b", 2_000)], |record| {
        record["stage_results"] = json!({"cached": ["a"], "skip": ["d"]})
    });
    root.add(&stamp(22), 22, &[("a", 9_999)], |record| record["pipeline"]["name"] = "other".into());
    root.add(&stamp(23), 23, &[("a", 9_999)], |record| record["pipeline"]["profile"] = "other".into());
    fs::create_dir(root.run("empty")).unwrap();
    root.add("damaged", 24, &[], |record| record["stages"] = Value::Null);
    let history = root.history();
    let baseline = history.baseline(&["a", "b", "c"]).unwrap();
    assert_eq!(baseline.run_id, stamp(21));
    // The ten newest that executed it: 102 to 111.
    let [(a, of_a), (b, of_b)] = &baseline.stages[..] else { panic!("{baseline:?}") };
    assert_eq!((a.as_str(), of_a.runs, of_a.min_ns, of_a.max_ns), ("a", 10, 102_000_000, 111_000_000));
    assert_eq!((b.as_str(), of_b.runs, of_b.max_ns), ("b", 10, 2_000_000_000));
    // The run that reused a result has no total.
    assert_eq!(baseline.wall.map(|wall| (wall.runs, wall.max_ns)), Some((10, 1_111_000_000)));
    assert_eq!((baseline.new, baseline.gone), (vec!["c".to_owned()], vec!["d".to_owned()]));
    // A stage that succeeded tells how long it takes, also where its run failed.
    assert_eq!(history.typical_stages()["a"].max_ns, 9_999_000_000);
    assert_eq!(history.past_runs(2)[1].run_id, stamp(20));
    assert_eq!(History::default().baseline(&["a"]), None);
}

#[test]
fn a_run_is_compared_with_earlier_ones_only() {
    let root = Root::new();
    for number in 0..3 {
        root.add(&stamp(number), number, &[("a", 100)], |_| {});
    }
    let own = stamp(1);
    let query = Query { pipeline: "p", profile: None, before: Some(2 * SECOND), except: Some(&own) };
    let past = History::read(&runs_folder(root.path()), &query).past_runs(9);
    assert_eq!(past.iter().map(|run| run.run_id.as_str()).collect::<Vec<_>>(), [stamp(0)]);
}

#[test]
fn a_thousand_past_runs_are_read_quickly() {
    let root = Root::new();
    // Every other run is of somebody else.
    root.add_many(1_000, |number, record| {
        if number % 2 == 1 {
            record["pipeline"]["name"] = "other".into();
        }
    });
    let begun = std::time::Instant::now();
    let history = root.history();
    let took = begun.elapsed();
    assert_eq!(history.past_runs(99).len(), 30);
    assert_eq!(history.typical_stages().len(), 50);
    let query = Query { pipeline: "none", profile: None, before: None, except: None };
    let begun = std::time::Instant::now();
    let none = History::read(&runs_folder(root.path()), &query);
    assert_eq!(none.past_runs(9).len(), 0);
    eprintln!("history of 1,000 runs of 50 stages: {took:?}; none of them ours: {:?}", begun.elapsed());
    let begun = std::time::Instant::now();
    assert_eq!(root.names().len(), 1_000);
    eprintln!("list of all of them: {:?}", begun.elapsed());
}

#[test]
fn broken_folders_are_told_as_such_and_hidden_ones_not_at_all() {
    let root = Root::new();
    root.add("good", 5, &[("a", 1)], |_| {});
    root.add("newer", 6, &[("a", 1)], |record| record["schema"] = "forensic.run/9".into());
    fs::create_dir(root.run("empty")).unwrap();
    fs::create_dir(root.run("torn")).unwrap();
    fs::write(root.run("torn").join("run.json"), "{\"schema\"").unwrap();
    fs::create_dir(root.run(".pruned-x")).unwrap();
    fs::write(runs_folder(root.path()).join("file"), "").unwrap();
    let (entries, rest) = entries(root.path(), 99, &|_| true);
    assert_eq!((entries.len(), rest), (4, 0));
    let problem = |name: &str| entries.iter().find(|entry| entry.folder == name).unwrap().problem.clone();
    assert_eq!(problem("good"), None);
    assert!(problem("newer").unwrap().contains("forensic.run/9"));
    assert!(problem("empty").unwrap().contains("no run.json"));
    assert!(problem("torn").unwrap().contains("damaged"));
}

#[test]
fn two_runs_differ_in_stages_results_and_durations() {
    let root = Root::new();
    for number in 0..6 {
        root.add(&stamp(number), number, &[("a", 1_000 + number), ("b", 1_000), ("c", 10)], |_| {});
    }
    root.add(&stamp(7), 7, &[("a", 2_000), ("b", 1_001), ("d", 5)], |record| {
        record["result"] = "failure".into();
        record["stage_results"] = json!({"failure": ["c"]});
        record["pipeline"]["sha256"] = "11".into();
        record["pipeline"]["stages"].as_array_mut().unwrap().push(json!({"id": "c", "needs": []}));
        record["host"]["slots"] = 4.into();
    });
    let found = diff(root.path(), &root.open(&stamp(5)), &root.open(&stamp(7))).unwrap();
    assert!(found.pipeline_changed);
    assert_eq!(found.host, [HostChange { what: "slots", a: Some("2".into()), b: Some("4".into()) }]);
    let stage = |id: &str| found.stages.iter().find(|stage| stage.id == id).unwrap();
    assert_eq!(stage("a").duration, Some(Change::Slower));
    assert_eq!((stage("b").duration, stage("b").differs()), (Some(Change::WithinNoise), false));
    assert_eq!((stage("c").result_changed, stage("c").duration), (true, None));
    assert!(stage("d").a.is_none() && stage("d").differs());
    // The other way round the new one is gone.
    let back = diff(root.path(), &root.open(&stamp(7)), &root.open(&stamp(5))).unwrap();
    assert!(back.stages.iter().any(|stage| stage.id == "d" && stage.b.is_none()));
    // Without a run that says how much they vary nothing is flagged.
    let alone = diff(&root.path().join("elsewhere"), &root.open(&stamp(5)), &root.open(&stamp(7))).unwrap();
    assert_eq!((alone.noise_runs, alone.stages[0].duration), (0, Some(Change::Unknown)));
}

#[test]
fn pruning_needs_a_criterion_and_keeps_what_is_needed() {
    let root = Root::new();
    let criteria = |keep| Criteria { keep: Some(keep), ..Criteria::default() };
    for number in 0..6 {
        root.add(&stamp(number), number, &[("a", 1)], |record| {
            if number == 5 {
                record["resumed_from"] = stamp(3).into();
            }
            if number == 3 {
                record["resumed_from"] = stamp(1).into();
            }
        });
    }
    fs::write(root.run(&stamp(2)).join("run.intoto.jsonl"), "{}").unwrap();
    fs::create_dir(root.run("broken")).unwrap();
    std::os::unix::fs::symlink(format!("runs/{}", stamp(0)), root.path().join("summaries/latest")).unwrap();
    assert!(matches!(
        prune(root.path(), &Criteria { failed_only: true, ..Criteria::default() }),
        Err(PruneError::NoCriterion)
    ));
    let dry = prune(root.path(), &Criteria { dry_run: true, ..criteria(1) }).unwrap();
    assert_eq!(root.names().len(), 7);
    let pruned = prune(root.path(), &criteria(1)).unwrap();
    let removed = |pruned: &Pruned| pruned.removed.iter().map(|run| run.folder.clone()).collect::<Vec<_>>();
    assert_eq!(removed(&dry), removed(&pruned));
    assert_eq!((dry.bytes, pruned.removed.len()), (pruned.bytes, 1));
    let why = |name: &str| pruned.kept.iter().find(|run| run.folder == name).map(|run| run.why);
    assert_eq!(removed(&pruned), [stamp(4)]);
    assert_eq!(why(&stamp(3)), Some(Why::Referenced));
    assert_eq!(why(&stamp(1)), Some(Why::Referenced));
    assert_eq!(why(&stamp(2)), Some(Why::Signed));
    assert_eq!(why(&stamp(0)), Some(Why::Latest));
    let all = Criteria { referenced: true, signed: true, broken: true, ..criteria(0) };
    let pruned = prune(root.path(), &all).unwrap();
    assert_eq!((pruned.removed.len(), root.names()), (5, vec![stamp(0)]));
}

#[test]
fn pruning_follows_no_link_and_ends_what_an_earlier_one_began() {
    let root = Root::new();
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("precious"), "x").unwrap();
    root.add("old", 1, &[("a", 1)], |_| {});
    std::os::unix::fs::symlink(outside.path(), root.run("old").join("data/link")).unwrap();
    std::os::unix::fs::symlink(outside.path(), root.run("linked")).unwrap();
    fs::create_dir_all(root.run(".pruned-half/data")).unwrap();
    fs::write(root.run(".pruned-half/data/x"), "12345").unwrap();
    let read_only = root.run("old").join("data/cache");
    fs::create_dir(&read_only).unwrap();
    fs::write(read_only.join("file"), "123").unwrap();
    fs::set_permissions(&read_only, std::os::unix::fs::PermissionsExt::from_mode(0o500)).unwrap();
    let criteria = Criteria { keep: Some(0), broken: true, ..Criteria::default() };
    let pruned = prune(root.path(), &criteria).unwrap();
    assert_eq!(pruned.removed.len(), 1, "{pruned:?}");
    assert_eq!((pruned.kept[0].why, pruned.leftovers), (Why::Link, 1));
    assert!(outside.path().join("precious").exists());
    assert!(!root.run("old").exists() && !root.run(".pruned-half").exists() && !root.run(".pruned-old").exists());
}

#[test]
fn a_run_without_a_result_is_running_or_killed() {
    let root = Root::new();
    root.add("R", 1, &[("a", 1)], |record| {
        record["result"] = "running".into();
        record["end_time"] = Value::Null;
    });
    // Without a journal, what has changed just now may be a run that lists its files.
    assert_eq!(entry(&root.open("R")).state, State::Running);
    let journal = root.run("R").join("data/forensic_trace.ndjson");
    fs::write(&journal, "").unwrap();
    assert_eq!(entry(&root.open("R")).state, State::Killed);
    let file = fs::File::open(&journal).unwrap();
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_eq!(entry(&root.open("R")).state, State::Running);
    let all = Criteria { keep: Some(0), ..Criteria::default() };
    assert_eq!(prune(root.path(), &all).unwrap().kept[0].why, Why::Running);
    drop(file);
    assert_eq!(prune(root.path(), &all).unwrap().removed.len(), 1);
}

/// Makes a record look as if it had been there for a minute: younger ones are read each time.
fn age(root: &Root, id: &str) {
    let file = fs::File::options().append(true).open(root.run(id).join("run.json")).unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(60)).unwrap();
}

fn indexed(index: &Index) -> Vec<(String, State)> {
    index.entries().iter().map(|run| (run.entry.folder.clone(), run.entry.state)).collect()
}

#[test]
fn an_index_reads_what_changed_and_nothing_else() {
    let root = Root::new();
    let index = Index::new(root.path());
    assert!(index.entries().is_empty());
    for (id, start) in [("a", 1), ("b", 2)] {
        root.add(id, start, &[("s", 5)], |_| {});
        age(&root, id);
    }
    let first = index.entries();
    assert_eq!(indexed(&index), [("b".into(), State::Ended), ("a".into(), State::Ended)]);
    let second = index.entries();
    assert!(std::sync::Arc::ptr_eq(&first[0], &second[0]), "what has not changed is the same entry");
    root.add("b", 2, &[("s", 5), ("t", 7)], |_| {});
    let third = index.entries();
    assert!(!std::sync::Arc::ptr_eq(&second[0], &third[0]) && std::sync::Arc::ptr_eq(&second[1], &third[1]));
    assert_eq!(third[0].entry.stages.unwrap().by_result.total, 2);
    fs::write(root.run("a").join("run.json"), "{").unwrap();
    fs::remove_dir_all(root.run("b")).unwrap();
    fs::create_dir(root.run("empty")).unwrap();
    fs::write(root.run("a file"), "").unwrap();
    let mut left = indexed(&index);
    left.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(left, [("a".into(), State::Broken), ("empty".into(), State::Broken)]);
    root.add("a", 1, &[("s", 5)], |_| {});
    assert!(indexed(&index).contains(&("a".into(), State::Ended)), "what was repaired is whole again");
}

#[test]
fn an_index_does_not_trust_a_record_that_is_young() {
    let root = Root::new();
    let index = Index::new(root.path());
    root.add("a", 1, &[("s", 5)], |_| {});
    let before = index.entries();
    // Of the same size, and within the time that a file system tells apart.
    let path = root.run("a").join("run.json");
    let changed = fs::metadata(&path).unwrap().modified().unwrap();
    let text = fs::read_to_string(&path).unwrap().replace("\"p\"", "\"q\"");
    fs::write(&path, text).unwrap();
    fs::File::options().append(true).open(&path).unwrap().set_modified(changed).unwrap();
    assert_eq!(before[0].entry.pipeline.as_deref(), Some("p"));
    assert_eq!(index.entries()[0].entry.pipeline.as_deref(), Some("q"));
}

#[test]
fn an_index_follows_no_link_out_of_its_folder() {
    let root = Root::new();
    let elsewhere = Root::new();
    elsewhere.add("a", 1, &[("s", 5)], |_| {});
    std::os::unix::fs::symlink(elsewhere.run("a"), root.run("away")).unwrap();
    root.add("b", 2, &[("s", 5)], |_| {});
    std::os::unix::fs::symlink("b", root.run("inside")).unwrap();
    let index = Index::new(root.path());
    let mut states = indexed(&index);
    states.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(states, [("away".into(), State::Broken), ("b".into(), State::Ended), ("inside".into(), State::Ended)]);
    assert!(index.open("away").is_err() && index.open("../runs/b").is_err() && index.open("b").is_ok());
}
