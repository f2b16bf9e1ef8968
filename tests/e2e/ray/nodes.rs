//! Nodes that die, memory that runs out, the head that is killed. Each has a node or a cluster of its own to break.

use serde_json::json;

use super::cluster::{fragile, node, victim};
use super::trial::{TREE, Trial};

/// One stage, `tree`, on the node that has this resource.
fn tree_on(resource: &str) -> String {
    format!("[stages.tree]\nrun = '''{TREE}'''\nray = {{ cpus = 0, custom = {{ {resource} = 1 }} }}\n")
}

#[test]
fn a_node_that_dies_is_told_and_leaves_nothing() {
    let Some(mut fragile) = fragile() else { return };
    let cluster = fragile.cluster();
    let nodes = cluster.add([victim("first"), victim("second")]);
    // All of the node; only the process that Ray knows the node by.
    for ((ip, what), resource) in nodes.iter().zip(["start", "raylet"]).zip(["first", "second"]) {
        let trial = Trial::new(cluster, "", &tree_on(resource));
        let running = trial.start();
        let tree = trial.tree();
        cluster.kill(ip, what);
        assert_eq!(running.wait(), Some(1), "{what}");
        trial.assert_lost("tree", "node_lost");
        let trace = trial.trace();
        assert_eq!(trace.attempts("tree")[0]["attributes"]["forensic.node_name"], *ip);
        trial.until_gone(&tree);
        assert_eq!(trial.executions(), 1);
    }
    cluster.remove(&nodes);
}

#[test]
fn a_node_that_leaves_in_good_order_is_not_called_lost() {
    let Some(mut fragile) = fragile() else { return };
    let cluster = fragile.cluster();
    let nodes = cluster.add([victim("leaves")]);
    let trial = Trial::new(cluster, "", &tree_on("leaves"));
    let running = trial.start();
    let tree = trial.tree();
    cluster.retire(&nodes[0]);
    assert_eq!(running.wait(), Some(1));
    trial.assert_lost("tree", "node_drained");
    trial.until_gone(&tree);
    assert_eq!(trial.executions(), 1);
    cluster.remove(&nodes);
}

#[test]
fn a_stage_that_takes_too_much_memory_is_ended_by_ray_and_told_so() {
    let Some(mut fragile) = fragile() else { return };
    let cluster = fragile.cluster();
    // The monitor looks at all of the machine: what is used now, and a part more.
    let read = std::fs::read_to_string("/proc/meminfo").unwrap();
    let kib = |name: &str| -> f64 {
        let line = read.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let (total, used) = (kib("MemTotal:"), kib("MemTotal:") - kib("MemAvailable:"));
    let more = 700.0 * 1024.0;
    let threshold = format!("{:.4}", ((used + more) / total).min(0.98));
    let env = json!({ "RAY_memory_usage_threshold": threshold, "RAY_memory_monitor_refresh_ms": "100" });
    let nodes = cluster.add([node(0, &json!({ "small": 1 }), &json!({}), &env)]);
    // It writes to 2 GiB of memory, whose pages are there only then, and stays.
    let greedy = format!(
        "[stages.greedy]\nrun = '''setsid sleep 600 & exec python3 -c 'import time; x = bytearray(b\"x\") * {}; time.sleep(600)' '''\n\
         ray = {{ cpus = 0, custom = {{ small = 1 }} }}\n",
        2u64 << 30
    );
    let trial = Trial::new(cluster, "", &greedy);
    assert_eq!(trial.run(), Some(1));
    trial.assert_lost("greedy", "worker_oom");
    trial.until("the end of every process of the run", || trial.left().is_empty());
    cluster.remove(&nodes);
}

#[test]
fn with_its_head_the_whole_cluster_is_lost() {
    let Some(mut fragile) = fragile() else { return };
    let cluster = fragile.cluster();
    cluster.add([victim("only")]);
    let trial = Trial::new(cluster, "", &tree_on("only"));
    let running = trial.start();
    let tree = trial.tree();
    cluster.kill(cluster.head(), "gcs_server");
    assert_eq!(running.wait(), Some(1));
    trial.assert_lost("tree", "cluster_lost");
    trial.until_gone(&tree);
    trial.until("the end of all supervisors", || cluster.supervisors().is_empty());
    drop(trial);
    fragile.stop();
}

#[test]
fn a_cluster_that_lets_anybody_in_gets_a_warning_that_can_be_silenced() {
    let Some(mut fragile) = fragile() else { return };
    let nodes = [node(2, &json!({}), &json!({}), &json!({}))];
    let cluster = fragile.fresh(json!({ "token": false, "nodes": nodes }));
    let stage = "[stages.a]\nrun = 'true'\n";
    let trial = Trial::new(cluster, "", stage);
    assert_eq!(trial.run(), Some(0));
    assert!(trial.stderr().contains("lets anybody in"), "{}", trial.stderr());
    assert!(trial.stderr().contains("allow_unauthenticated"), "how to silence it: {}", trial.stderr());
    assert_eq!(trial.trace().run()["attributes"]["forensic.cluster.auth"], "none");
    assert!(trial.read("reports/forensic_report.md").contains("without authentication"), "it is in the report");
    drop(trial);
    let trial = Trial::new(cluster, "allow_unauthenticated = true", stage);
    assert_eq!(trial.run(), Some(0));
    assert!(!trial.stderr().contains("lets anybody in"), "{}", trial.stderr());
    drop(trial);
    fragile.stop();
}
