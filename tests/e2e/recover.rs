//! A run that is killed: nothing that had ended is lost, and what was open is told.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{Bench, hostile_guest, wait_until};

/// Three chains of four side by side, and one stage that needs all.
fn pipeline() -> (String, Vec<(String, Vec<String>)>) {
    let mut stages: Vec<(String, Vec<String>)> = Vec::new();
    for chain in ["a", "b", "c"] {
        for number in 1..=4 {
            let needs = if number == 1 { vec![] } else { vec![format!("{chain}{}", number - 1)] };
            stages.push((format!("{chain}{number}"), needs));
        }
    }
    stages.push(("all".into(), vec!["a4".into(), "b4".into(), "c4".into()]));
    let mut text = "[pipeline]\nname = \"killed\"\nmax_parallel = 2\n".to_owned();
    for (id, needs) in &stages {
        text += &format!("[stages.{id}]\nrun = \"echo on; sleep 0.02\"\nneeds = {needs:?}\n");
    }
    text += "[[report]]\nid = \"behave\"\nplugin = \"hostile.wasm\"\nconfig = { do = \"behave\" }\n";
    (text, stages)
}

#[test]
fn killed_at_a_hundred_moments_no_ended_span_is_lost_and_the_trace_is_complete() {
    let (text, stages) = pipeline();
    let killed = AtomicUsize::new(0);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let moment @ 0..100 = next.fetch_add(1, Ordering::Relaxed) {
                    kill_once(&text, &stages, Duration::from_millis(4 * moment as u64), &killed);
                }
            });
        }
    });
    // Some moments are before the run has a record or after its end; most are not.
    assert!(killed.load(Ordering::Relaxed) > 30, "only {} runs were killed on their way", killed.into_inner());
}

fn kill_once(text: &str, stages: &[(String, Vec<String>)], after: Duration, killed: &AtomicUsize) {
    let bench = Bench::new(text);
    bench.write("hostile.wasm", hostile_guest());
    let mut child = bench.start();
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    let record = bench.run_dir().join("run.json");
    if !record.exists() || !bench.run_dir().join("data/forensic_trace.ndjson").exists() {
        return;
    }
    killed.fetch_add(1, Ordering::Relaxed);
    // What the journal says ended, line by line, as any reader would see it.
    let journal = bench.read("data/forensic_trace.ndjson");
    let whole = journal.rfind('\n').map_or("", |end| &journal[..end]);
    let lines: Vec<serde_json::Value> = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ended: HashSet<String> = lines
        .iter()
        .filter(|line| line.get("open").is_none())
        .map(|span| span["span_id"].as_str().unwrap().to_owned())
        .collect();
    let started: HashSet<String> = lines
        .iter()
        .map(|line| &line["open"]["attributes"])
        .filter(|attributes| attributes["forensic.kind"] == "attempt")
        .map(|attributes| attributes["forensic.stage.id"].as_str().unwrap().to_owned())
        .collect();
    for entry in std::fs::read_dir(bench.run_dir().join("logs")).unwrap() {
        let stage = entry.unwrap().file_name().into_string().unwrap();
        assert!(started.contains(&stage), "{stage} has logs, and its start is not in the journal");
    }

    let recovered = bench.call(&["recover", "R"]);
    assert_eq!(recovered.code, Some(0), "{}", recovered.stderr);
    let first = bench.read("data/forensic_trace.json");
    let trace = bench.trace();
    let kept: HashSet<&str> = trace.0.iter().map(|span| span["span_id"].as_str().unwrap()).collect();
    assert!(ended.iter().all(|id| kept.contains(id.as_str())), "a span that had ended is lost");
    for (id, needs) in stages {
        let result = trace.result(id);
        assert!(["success", "cancellation"].contains(&result), "{id}: {result}");
        if started.contains(id) {
            // It started, so what it needs had succeeded.
            for need in needs {
                assert_eq!(trace.result(need), "success", "{need}, needed by {id}");
            }
        } else {
            assert_eq!((result, trace.attempts(id).len()), ("cancellation", 0), "{id} never started");
        }
    }
    let again = bench.call(&["recover", "R"]);
    assert!(again.stderr.contains("nothing to recover"), "{}", again.stderr);
    assert_eq!(bench.read("data/forensic_trace.json"), first);
    let report = bench.call(&["report", "R"]);
    assert_eq!(report.code, Some(0), "{}", report.stderr);
    assert!(bench.markdown().contains("Nothing bad was done"));
}

/// A run whose host was killed when its second stage had started and the end of its first was not on record yet. `more`: of the first.
fn killed_before_an_end_was_noted(more: &str) -> Bench {
    let bench = Bench::new(&format!(
        r#"
        [pipeline]
        name = "killed"
        [stages.first]
        run = "true"
        {more}
        [stages.second]
        run = '''
        until grep -q '"end_time".*"first"' $FORENSIC_DATA_DIR/forensic_trace.ndjson; do sleep 0.01; done
        touch $FORENSIC_DATA_DIR/on; sleep 5
        '''
        needs = ["first"]
        "#,
    ));
    let mut child = bench.start();
    wait_until("the second stage", || bench.run_dir().join("data/on").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    // The second starts before the first is put on record: a host that is killed in between leaves this.
    let text = bench.read("data/forensic_trace.ndjson");
    let is_end = |line: &serde_json::Value| line["attributes"]["forensic.stage.id"] == "first";
    let is_left = |line: &&str| !is_end(&serde_json::from_str(line).unwrap());
    let left: Vec<&str> = text.lines().filter(is_left).collect();
    assert_eq!(left.len() + 2, text.lines().count(), "an attempt and a stage");
    std::fs::write(bench.run_dir().join("data/forensic_trace.ndjson"), left.join("\n") + "\n").unwrap();
    bench
}

#[test]
fn a_stage_whose_end_was_not_noted_succeeded_if_one_that_needs_it_started() {
    let bench = killed_before_an_end_was_noted("");
    let recovered = bench.call(&["recover", "R"]);
    assert_eq!(recovered.code, Some(0), "{}", recovered.stderr);
    let trace = bench.trace();
    assert_eq!((trace.result("first"), trace.result("second")), ("success", "cancellation"));
    let started = trace.stage("second")["start_time"].as_u64().unwrap();
    for span in [trace.stage("first"), trace.attempts("first")[0]] {
        assert_eq!(span["end_time"].as_u64(), Some(started));
        assert_eq!(span["status"], "Success");
        assert_eq!(span.get("status_message"), None);
        assert_eq!(span["attributes"]["forensic.inferred"], true);
        assert_eq!(span["attributes"].get("error.type"), None);
    }
    assert_eq!(trace.stage("first")["attributes"]["forensic.attempts"], 1);
    assert_eq!(bench.json("run.json")["stages"]["success"], 1);
}

#[test]
fn of_a_stage_that_may_fail_a_start_says_nothing() {
    let bench = killed_before_an_end_was_noted("allow_failure = true");
    let recovered = bench.call(&["recover", "R"]);
    assert_eq!(recovered.code, Some(0), "{}", recovered.stderr);
    let trace = bench.trace();
    assert_eq!((trace.result("first"), trace.result("second")), ("cancellation", "cancellation"));
}

#[test]
fn a_killed_run_is_told_as_what_it_was_and_report_recovers_it() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "killed"
        max_parallel = 2
        [stages.done]
        run = "true"
        [stages.busy]
        run = "echo words; while ! [ -s $FORENSIC_RUN_DIR/logs/busy/1.out.log ]; do sleep 0.02; done; touch $FORENSIC_DATA_DIR/on; sleep 5"
        needs = ["done"]
        [stages.next]
        run = "true"
        needs = ["busy"]
        "#,
    );
    let mut child = bench.start();
    wait_until("the busy stage", || bench.run_dir().join("data/on").exists());
    let while_it_runs = bench.call(&["recover", "R"]);
    assert_eq!(while_it_runs.code, Some(2));
    assert!(while_it_runs.stderr.contains("goes on"), "{}", while_it_runs.stderr);
    child.kill().unwrap();
    child.wait().unwrap();
    // The last line of the journal is torn, as a full disk or a power cut leaves it.
    let journal = bench.run_dir().join("data/forensic_trace.ndjson");
    let mut text = std::fs::read(&journal).unwrap();
    text.extend(b"{\"name\":\"torn");
    std::fs::write(&journal, text).unwrap();

    let ran = bench.call(&["report", "R"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("recovered from the journal"), "{}", ran.stderr);
    assert!(!journal.exists());
    let trace = bench.trace();
    assert_eq!(["done", "busy", "next"].map(|stage| trace.result(stage)), ["success", "cancellation", "cancellation"]);
    let busy = trace.stage("busy");
    assert_eq!(busy["attributes"]["forensic.inferred"], true);
    assert_eq!(busy["attributes"]["forensic.attempts"], 1);
    assert_eq!(busy["status_message"], "forensic-host was killed while this ran");
    let attempt = &trace.attempts("busy")[0]["attributes"];
    assert_eq!(attempt["forensic.inferred"], true);
    assert_eq!(attempt["forensic.log.stdout"], "logs/busy/1.out.log");
    assert_eq!(attempt.get("forensic.log.stderr"), None);
    assert_eq!(trace.stage("next")["attributes"]["forensic.attempts"], 0);
    assert_eq!(trace.run()["attributes"]["cicd.pipeline.result"], "cancellation");
    let record = bench.json("run.json");
    assert_eq!(record["result"], "cancellation");
    assert_eq!((&record["stages"]["success"], &record["stages"]["cancellation"]), (&1.into(), &2.into()));
    let report = bench.markdown();
    for text in ["cancelled", "busy", "next", "inferred"] {
        assert!(report.contains(text), "{text} is not in\n{report}");
    }
}
