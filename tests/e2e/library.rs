//! The library as another program uses it: many runs in one process.

use std::collections::HashSet;

use forensic_host::dag::{Neighbours, Stop, StopReason};
use forensic_host::directory::RunId;
use forensic_host::events::Silent;
use forensic_host::run::{Fetching, PluginSettings, QuantSdk, RunOptions, RunOutcome};

use crate::support::{BINARY, Bench, shared_cache};

fn run(bench: &Bench, id: &str, stop: Stop) -> RunOutcome {
    let pipeline = forensic_host::pipeline::load(&bench.path().join("pipeline.toml"), &[]).unwrap();
    let options = RunOptions {
        root: bench.path().join("data/artifacts"),
        run_id: Some(RunId::parse(id).unwrap()),
        max_parallel: None,
        plugins: PluginSettings {
            compiler: BINARY.into(),
            cache: Some(shared_cache()),
            fetching: Fetching::default(),
            limits: Default::default(),
            policy: Default::default(),
        },
        signing_key: None,
        selection: forensic_host::plan::Selection::default(),
        resume: None,
        neighbours: Neighbours::Possible,
        stop,
    };
    QuantSdk::run_pipeline(&pipeline, options, &mut Silent).unwrap()
}

#[test]
fn a_hundred_runs_at_once_each_hold_exactly_their_own_spans() {
    let bench = Bench::new(
        "[pipeline]\nname = \"many\"\nmax_parallel = 2\n[stages.a]\nrun = \"true\"\n[stages.b]\nrun = \"true\"\nneeds = [\"a\"]\n",
    );
    std::thread::scope(|scope| {
        for id in 0..100 {
            let bench = &bench;
            scope.spawn(move || run(bench, &format!("run-{id}"), Stop::new()));
        }
    });
    let mut traces = HashSet::new();
    for id in 0..100 {
        let path = bench.path().join(format!("data/artifacts/summaries/runs/run-{id}/data/forensic_trace.json"));
        let spans: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let names: Vec<&str> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["RUN many", "a", "a#1", "b", "b#1"]);
        assert_eq!(spans[0]["attributes"]["cicd.pipeline.run.id"], format!("run-{id}"));
        let ids: HashSet<&str> = spans.iter().map(|span| span["trace_id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 1);
        traces.extend(ids.into_iter().map(str::to_owned));
    }
    assert_eq!(traces.len(), 100);
}

#[test]
fn a_wish_to_stop_that_comes_first_holds() {
    let bench = Bench::new("[pipeline]\nname = \"never\"\n[stages.a]\nrun = \"touch ran\"\n");
    let stop = Stop::new();
    stop.stop(StopReason::Request);
    let outcome = run(&bench, "R", stop);
    assert_eq!(outcome.record.result, "cancellation");
    assert_eq!(bench.trace().result("a"), "cancellation");
    assert!(!bench.path().join("ran").exists());
}

#[test]
fn the_record_tells_the_history_and_the_baseline() {
    let bench = Bench::new("[pipeline]\nname = \"again\"\n[stages.a]\nrun = \"test ! -e fail\"\n");
    run(&bench, "first", Stop::new());
    bench.write("fail", "");
    run(&bench, "second", Stop::new());
    std::fs::remove_file(bench.path().join("fail")).unwrap();
    let third = run(&bench, "third", Stop::new()).record;
    let history: Vec<_> = third.history.iter().map(|past| (past.run_id.as_str(), past.result.as_str())).collect();
    assert_eq!(history, [("second", "failure"), ("first", "success")]);
    let baseline = third.baseline.unwrap();
    assert_eq!(baseline.run_id, "first");
    assert_eq!((baseline.stages[0].0.as_str(), baseline.stages[0].1.runs), ("a", 1));
    assert_eq!(baseline.wall.map(|wall| wall.runs), Some(1));
}
