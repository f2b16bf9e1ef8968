//! Processes of a run that are killed while the cluster lives on: Ray's worker, what watches the stage, the bridge, the host. Real
//! signals, and a stage with a grandchild that has left its session.

use super::cluster::shared;
use super::process::{self, kill};
use super::trial::{TREE, Trial};

/// One stage, `tree`, that would go on for ten minutes.
fn tree() -> String {
    format!("[stages.tree]\nrun = '''{TREE}'''\n")
}

#[test]
fn a_worker_that_is_killed_is_told_its_tree_ends_and_nothing_is_executed_twice() {
    let Some(cluster) = shared() else { return };
    let trial = Trial::new(cluster, "", &tree());
    let running = trial.start();
    let tree = trial.tree();
    kill(tree.worker);
    assert_eq!(running.wait(), Some(1));
    trial.assert_lost("tree", "worker_lost");
    trial.assert_gone(&tree);
    // Ray itself would try a lost task three times more.
    assert_eq!(trial.executions(), 1);
    // Its node lives: what the worker had written there was fetched, and nothing of it is lost.
    let trace = trial.trace();
    let attempt = trace.attempts("tree")[0];
    assert_eq!(attempt["attributes"]["forensic.spans.recovered"], 1, "{attempt}");
    assert!(attempt["attributes"].get("forensic.spans.lost").is_none(), "{attempt}");
    let own: Vec<_> = trace.kind("worker");
    assert_eq!((own.len(), &own[0]["parent_span_id"]), (1, &attempt["span_id"]));
    assert!(own[0]["attributes"].get("forensic.inferred").is_none(), "its own, and no stand-in: {}", own[0]);
    assert!(trial.read("reports/forensic_report.md").contains("worker"));
}

#[test]
fn a_supervisor_that_is_killed_is_no_fault_of_the_stage() {
    let Some(cluster) = shared() else { return };
    let trial = Trial::new(cluster, "", &tree());
    let running = trial.start();
    let tree = trial.tree();
    kill(tree.supervisor);
    assert_eq!(running.wait(), Some(1));
    trial.assert_lost("tree", "supervisor_lost");
    trial.until_gone(&tree);
}

#[test]
fn after_a_lost_worker_the_stage_is_tried_again_where_the_pipeline_says_so() {
    let Some(cluster) = shared() else { return };
    let again = format!("[ \"$FORENSIC_ATTEMPT\" = 2 ] && {{ echo again; exit 0; }}\n{TREE}");
    let executor = "on_lost = \"retry\"\nlost_retries = 1\nlease = \"2s\"\nbeat = \"100ms\"\nlost_after = \"20s\"";
    let trial = Trial::new(cluster, executor, &format!("[stages.tree]\nrun = '''{again}'''\n"));
    let running = trial.start();
    let tree = trial.tree();
    kill(tree.worker);
    assert_eq!(running.wait(), Some(0));
    let trace = trial.trace();
    let [first, second] = trace.attempts("tree")[..] else { panic!("{} attempts", trace.attempts("tree").len()) };
    let (first, second) = (&first["attributes"], &second["attributes"]);
    assert_eq!((&first["error.type"], &first["forensic.attempt"]), (&"worker_lost".into(), &1.into()), "{first}");
    assert_eq!(trace.result("tree"), "success");
    assert_eq!(second["forensic.delivery"], "at_least_once", "{second}");
    assert_eq!(second["forensic.previous_attempt"], 1, "{second}");
    assert_eq!(second["forensic.previous_fenced"], "proved", "{second}");
    assert_eq!(trial.read("logs/tree/2.out.log"), "again\n");
    trial.assert_gone(&tree);
}

#[test]
fn a_bridge_that_is_killed_is_told_and_leaves_nothing() {
    let Some(cluster) = shared() else { return };
    let trial = Trial::new(cluster, "", &tree());
    let running = trial.start();
    let tree = trial.tree();
    kill(running.bridge());
    assert_eq!(running.wait(), Some(1));
    trial.assert_lost("tree", "bridge_lost");
    trial.until_gone(&tree);
}

#[test]
fn a_host_that_is_killed_leaves_nothing_and_its_run_is_recovered() {
    let Some(cluster) = shared() else { return };
    let trial = Trial::new(cluster, "", &(tree() + "[stages.next]\nrun = 'true'\nneeds = [\"tree\"]\n"));
    let running = trial.start();
    let tree = trial.tree();
    let bridge = running.bridge();
    kill(running.pid());
    assert_eq!(running.wait(), None, "killed");
    trial.until_gone(&tree);
    trial.until("the end of the bridge", || !process::lives(bridge));
    assert_eq!(trial.call(&["recover", &trial.id]), Some(0));
    let trace = trial.trace();
    assert_eq!(["tree", "next"].map(|stage| trace.result(stage)), ["cancellation", "cancellation"]);
    let [attempt] = trace.attempts("tree")[..] else { panic!("{} attempts", trace.attempts("tree").len()) };
    assert_eq!(attempt["attributes"]["forensic.inferred"], true, "{attempt}");
    assert_eq!(trial.executions(), 1);
}
