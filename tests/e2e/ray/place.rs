//! Where stages run: mixed pipelines, resources and labels, what a stage finds there, and a place that nobody has.

use serde_json::Value;

use super::cluster::{Cluster, shared};
use super::trial::Trial;

/// The only attempt of a stage.
fn attempt<'a>(trace: &'a crate::support::Trace, stage: &str) -> &'a Value {
    let [attempt] = trace.attempts(stage)[..] else { panic!("not one attempt of {stage}") };
    attempt
}

#[test]
fn some_stages_run_here_and_some_there_and_they_share_the_run_directory() {
    let Some(cluster) = shared() else { return };
    let trial = Trial::new(
        cluster,
        "",
        r#"
        [environment]
        set = { SHARED = "from the pipeline" }
        [stages.here]
        run = "echo here > $FORENSIC_DATA_DIR/here"
        executor = "local"
        [stages.there]
        run = '''
        cat $FORENSIC_DATA_DIR/here - > $FORENSIC_DATA_DIR/there < /dev/null
        echo "$SHARED, $OWN"; printenv > $FORENSIC_DATA_DIR/variables; pwd; exit 0
        '''
        env = { OWN = "own" }
        needs = ["here"]
        [stages.back]
        run = "cat $FORENSIC_DATA_DIR/there"
        executor = "local"
        needs = ["there"]
        [stages.fails]
        run = "echo it broke >&2; exit 7"
        allow_failure = true
        [stages.killed]
        run = "kill -9 $$"
        allow_failure = true
        [stages.missing]
        command = ["no-such-program"]
        allow_failure = true
        "#,
    );
    assert_eq!(trial.run(), Some(0));
    let trace = trial.trace();
    let on = |stage: &str| attempt(&trace, stage)["attributes"]["forensic.executor"].as_str().unwrap_or("local");
    assert_eq!(["here", "there", "back", "fails"].map(on), ["local", "ray", "local", "ray"]);
    assert_eq!(trial.read("logs/back/1.out.log"), "here\n");
    let folder = trial.path().display();
    assert_eq!(trial.read("logs/there/1.out.log"), format!("from the pipeline, own\n{folder}\n"));
    // Nothing of Ray's is a stage's business, least of all where its token is.
    let variables = trial.told("variables");
    assert!(variables.contains("FORENSIC_STAGE_ID=there") && variables.contains("TRACEPARENT="), "{variables}");
    let rays = |line: &&str| line.starts_with("RAY_") || line.starts_with("PYTHONPATH=");
    assert_eq!(variables.lines().filter(rays).collect::<Vec<_>>(), [""; 0]);

    let there = attempt(&trace, "there");
    let attributes = &there["attributes"];
    let (start, end) = (there["start_time"].as_u64().unwrap(), there["end_time"].as_u64().unwrap());
    let started = attributes["forensic.started_time"].as_u64().unwrap();
    assert!(start <= started && started <= end, "{there}");
    assert!(
        attributes["forensic.cpu_user_ns"].is_u64() && attributes["forensic.peak_memory_bytes"].is_u64(),
        "{there}"
    );
    assert_eq!(attributes["process.exit.code"], 0, "{there}");
    assert_eq!(attributes["forensic.spans.received"], 1, "{there}");
    assert!(attributes.get("forensic.spans.lost").is_none(), "{there}");

    // What goes wrong with a stage is told as it would be here.
    let word = |stage: &str, key: &str| attempt(&trace, stage)["attributes"][key].clone();
    assert_eq!(word("fails", "process.exit.code"), 7);
    assert!(attempt(&trace, "fails")["status_message"].as_str().unwrap().contains("it broke"));
    assert_eq!(word("killed", "forensic.signal"), 9);
    assert_eq!(word("missing", "error.type"), "spawn_failed", "{}", attempt(&trace, "missing"));
    assert_eq!(trace.run()["attributes"]["forensic.cluster.auth"], "token");
    assert_eq!(trace.run()["attributes"]["forensic.cluster.ray_version"], "2.60.0");
}

/// Ids of the cluster's nodes, by a run with a stage for each zone.
fn zones(cluster: &Cluster) -> [String; 2] {
    let stage = |zone| format!("[stages.{zone}]\nrun = 'true'\nray = {{ labels = {{ zone = \"{zone}\" }} }}\n");
    let trial = Trial::new(cluster, "", &["a", "b"].map(stage).concat());
    assert_eq!(trial.run(), Some(0));
    let trace = trial.trace();
    ["a", "b"].map(|zone| attempt(&trace, zone)["attributes"]["forensic.node"].as_str().unwrap().to_owned())
}

#[test]
fn resources_and_labels_choose_the_node() {
    let Some(cluster) = shared() else { return };
    let [a, b] = zones(cluster);
    assert_ne!(a, b);
    // Four at a time may run; of the slots a node has ten.
    let alone = r#"
        run = '''
        mkdir $FORENSIC_DATA_DIR/alone || exit 9
        sleep 0.3; rmdir $FORENSIC_DATA_DIR/alone
        '''
        ray = { cpus = 0.5, memory = "64MiB", custom = { slot = 6 }, labels = { zone = "b" } }
    "#;
    // Ray says which GPUs are whose.
    let seen = "[stages.seen]\nrun = 'echo \"$CUDA_VISIBLE_DEVICES\"'\nray = { cpus = 0, gpus = 2, labels = { zone = \"a\" } }\n";
    let stages = ["x", "y", "z"].map(|stage| format!("[stages.{stage}]\n{alone}")).concat() + seen;
    let trial = Trial::new(cluster, "", &stages);
    assert_eq!(trial.run(), Some(0));
    let trace = trial.trace();
    for stage in ["x", "y", "z"] {
        assert_eq!(attempt(&trace, stage)["attributes"]["forensic.node"], b);
    }
    assert_eq!(attempt(&trace, "seen")["attributes"]["forensic.node"], a);
    assert_eq!(trial.read("logs/seen/1.out.log"), "0,1\n");
    // Waiting for Ray is told apart from waiting for a slot of the pipeline.
    let summary = &trial.json("reports/forensic_report.json")["summary"];
    assert!(summary["queue"]["dispatch_ns"].as_u64().unwrap() > 300_000_000, "{}", summary["queue"]);
}

#[test]
fn a_stage_that_no_node_can_take_says_why_and_ends_after_its_time() {
    let Some(cluster) = shared() else { return };
    let trial = Trial::new(
        cluster,
        "queue_timeout = \"8s\"",
        r#"
        [stages.label]
        run = "true"
        ray = { labels = { zone = "nowhere" } }
        [stages.much]
        run = "true"
        ray = { cpus = 1000 }
        [stages.custom]
        run = "true"
        ray = { custom = { unicorn = 1 } }
        [stages.fits]
        run = "true"
        "#,
    );
    assert_eq!(trial.run(), Some(1));
    let trace = trial.trace();
    assert_eq!(trace.result("fits"), "success");
    for (stage, word) in [("label", "nowhere"), ("much", "1000"), ("custom", "unicorn")] {
        let span = attempt(&trace, stage);
        let attributes = &span["attributes"];
        assert_eq!(attributes["error.type"], "queue_timeout", "{span}");
        assert_eq!(trace.result(stage), "error");
        let why = attributes["forensic.pending_reason"].as_str().unwrap_or_default();
        assert!(why.contains(word), "{stage}: {span}");
        assert!(attributes.get("forensic.started_time").is_none(), "{span}");
        assert!(trial.stderr().contains(word), "it is said while it waits: {}", trial.stderr());
    }
    // What never ran took no time, but for its queue.
    let summary = &trial.json("reports/forensic_report.json")["summary"];
    let stages = summary["stages"].as_array().unwrap();
    let cost = |id: &str| stages.iter().find(|stage| stage["id"] == id).unwrap()["cost_ns"].as_u64().unwrap();
    assert_eq!(cost("much"), 0, "{summary}");
}
