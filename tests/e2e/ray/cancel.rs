//! Ctrl-C once and twice, and time limits, on a node that is not the host's.

use super::cluster::shared;
use super::trial::{TREE, Trial};

#[test]
fn the_first_interrupt_ends_every_stage_wherever_it_runs() {
    let Some(cluster) = shared() else { return };
    let trial = Trial::new(
        cluster,
        "",
        &format!(
            "[stages.tree]\nrun = '''{TREE}'''\n[stages.next]\nrun = 'true'\nneeds = [\"tree\"]\n\
             [stages.nowhere]\nrun = 'true'\nray = {{ custom = {{ nobody_has_this = 1 }} }}\n"
        ),
    );
    let running = trial.start();
    let tree = trial.tree();
    running.interrupt();
    assert_eq!(running.wait(), Some(130));
    trial.assert_gone(&tree);
    let trace = trial.trace();
    for stage in ["tree", "next", "nowhere"] {
        assert_eq!(trace.result(stage), "cancellation", "{}", trace.stage(stage));
    }
    let [attempt] = trace.attempts("tree")[..] else { panic!("not one attempt") };
    super::trial::assert_spans_accounted(&trace, attempt);
    assert!(trial.stderr().contains("forensic_report.md"), "{}", trial.stderr());
}

#[test]
fn the_second_interrupt_kills_what_ignores_the_first() {
    let Some(cluster) = shared() else { return };
    let stubborn = r#"
[stages.stubborn]
run = '''
trap 'echo heard > $FORENSIC_DATA_DIR/heard' TERM
sh -c 'trap "" TERM; while :; do sleep 1; done' &
echo $$ > $FORENSIC_DATA_DIR/tree
while :; do sleep 0.1; done
'''
"#;
    let trial = Trial::new(cluster, "lost_after = \"20m\"", stubborn);
    // Long enough that only the second interrupt can be what ends it.
    let text = std::fs::read_to_string(trial.path().join("pipeline.toml")).unwrap();
    trial.bench.write("pipeline.toml", text.replace("kill_grace = \"1s\"", "kill_grace = \"10m\""));
    let running = trial.start();
    let tree = trial.tree();
    running.interrupt();
    trial.until_told("heard");
    running.interrupt();
    assert_eq!(running.wait(), Some(130));
    trial.until_gone(&tree);
    assert_eq!(trial.trace().result("stubborn"), "cancellation");
}

#[test]
fn a_time_limit_holds_on_a_node_and_ends_what_does_not_listen() {
    let Some(cluster) = shared() else { return };
    let trial = Trial::new(
        cluster,
        "",
        "[stages.deaf]\nrun = '''trap '' TERM; echo up; setsid sleep 600 & while :; do sleep 1; done'''\ntimeout = \"2s\"\n",
    );
    assert_eq!(trial.run(), Some(1));
    let trace = trial.trace();
    assert_eq!(trace.result("deaf"), "timeout");
    let [attempt] = trace.attempts("deaf")[..] else { panic!("not one attempt") };
    assert_eq!(attempt["attributes"]["error.type"], "timeout", "{attempt}");
    assert_eq!(attempt["attributes"]["forensic.signal"], 9, "{attempt}");
    assert_eq!(trial.read("logs/deaf/1.out.log"), "up\n");
    assert_eq!(trial.left(), [""; 0]);
}

#[test]
fn a_stage_with_the_longest_id_can_be_cancelled_too() {
    let Some(cluster) = shared() else { return };
    // A socket's path has 107 bytes at most.
    let id = "x".repeat(128);
    let trial = Trial::new(cluster, "", &format!("[stages.{id}]\nrun = '''{TREE}'''\n"));
    let running = trial.start();
    let tree = trial.tree();
    running.interrupt();
    assert_eq!(running.wait(), Some(130));
    trial.assert_gone(&tree);
}
