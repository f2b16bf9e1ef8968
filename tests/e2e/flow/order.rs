//! Triggers, conditions, priorities, pools.

use crate::flow::started;
use crate::support::Bench;

#[test]
fn any_starts_with_the_first_success_and_always_after_all_have_ended() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "triggers"
        max_parallel = 4
        [stages.fast]
        run = "true"
        [stages.slow]
        run = "until [ -e $FORENSIC_DATA_DIR/either ]; do sleep 0.02; done"
        [stages.broken]
        run = "exit 3"
        [stages.either]
        run = "touch $FORENSIC_DATA_DIR/either"
        needs = { any = ["slow", "fast"] }
        [stages.neither]
        run = "true"
        needs = { any = ["broken"] }
        [stages.cleanup]
        run = "true"
        needs = { always = ["broken", "slow", "neither"] }
        [stages.after-cleanup]
        run = "true"
        needs = ["cleanup"]
        "#,
    );
    let ran = bench.run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let trace = bench.trace();
    let results =
        ["fast", "slow", "broken", "either", "neither", "cleanup", "after-cleanup"].map(|id| trace.result(id));
    assert_eq!(results, ["success", "success", "failure", "success", "skip", "success", "success"]);
    let either = &trace.stage("either")["attributes"];
    assert_eq!(either["forensic.stage.trigger"], "any");
    assert_eq!(either["forensic.stage.released_by"], "fast");
    // `slow` waits for `either`: had that waited for both, nothing would ever have ended.
    assert_eq!(either["forensic.ready_time"], trace.stage("fast")["end_time"]);
    let cleanup = trace.stage("cleanup");
    assert_eq!(cleanup["attributes"]["forensic.stage.trigger"], "always");
    let end = |id: &str| trace.stage(id)["end_time"].as_u64().unwrap();
    assert_eq!(cleanup["attributes"]["forensic.ready_time"], end("slow").max(end("broken")).max(end("neither")));
    assert_eq!(trace.stage("neither")["attributes"]["forensic.skip_reason"], "need");
    assert_eq!(trace.stage("neither")["attributes"]["forensic.skipped_because"], "broken");
}

#[test]
fn a_condition_that_does_not_hold_skips_the_stage_and_not_what_needs_it() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "conditions"
        profile = "test"
        [stages.look]
        run = "touch $FORENSIC_DATA_DIR/signals.json; exit 7"
        allow_failure = true
        [stages.deploy]
        run = "true"
        when = { env = { DEPLOY = "yes" } }
        [stages.wanted]
        run = "true"
        env = { MINE = "1" }
        when = { env = { MINE = true, UNSET_HERE = false }, profile = ["test", "other"] }
        [stages.elsewhere]
        run = "true"
        when = { profile = ["production"] }
        [stages.found]
        run = "true"
        needs = ["look"]
        when = { exists = ["run:data/signals.json"], result = { look = "failure" } }
        [stages.lost]
        run = "true"
        needs = ["look"]
        when = { any = [{ exists = ["run:data/none"] }, { not = { exists = ["pipeline.toml"] } }] }
        [stages.last]
        run = "true"
        needs = ["deploy", "lost", "found"]
        "#,
    );
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let trace = bench.trace();
    let results = ["look", "deploy", "wanted", "elsewhere", "found", "lost", "last"].map(|id| trace.result(id));
    assert_eq!(results, ["failure", "skip", "success", "skip", "success", "skip", "success"]);
    for id in ["deploy", "elsewhere", "lost"] {
        let stage = trace.stage(id);
        assert_eq!(stage["attributes"]["forensic.skip_reason"], "when", "{id}");
        assert_eq!(stage["status"], "Success", "{id}");
    }
    let told = |id: &str| trace.stage(id)["attributes"]["forensic.skip_message"].as_str().unwrap().to_owned();
    assert!(told("deploy").contains("the variable DEPLOY does not have the value"), "{}", told("deploy"));
    assert!(!told("deploy").contains("yes"), "{}", told("deploy"));
    assert!(told("lost").contains("run:data/none is not there"), "{}", told("lost"));
    assert!(ran.stderr.contains("`when` does not hold"), "{}", ran.stderr);
}

#[test]
fn priorities_go_first_then_the_longest_way_to_the_end() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "priorities"
        max_parallel = 1
        [stages.short]
        run = "true"
        [stages.start]
        run = "true"
        [stages.middle]
        run = "true"
        needs = ["start"]
        [stages.end]
        run = "true"
        needs = ["middle"]
        [stages.urgent]
        run = "true"
        priority = 5
        [stages.never-mind]
        run = "true"
        priority = -1
        "#,
    );
    assert_eq!(bench.run().code, Some(0));
    assert_eq!(started(&bench), ["urgent", "start", "middle", "short", "end", "never-mind"]);
}

#[test]
fn a_pool_is_never_overdrawn_and_the_trace_says_who_waited_for_it() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "pools"
        max_parallel = 4
        [pools]
        gpu = 1
        ram = "4GiB"
        [stages."train.${{ matrix.n }}"]
        matrix = { n = [1, 2, 3] }
        # The folder can't be made twice: two at a time would fail.
        run = "mkdir $FORENSIC_DATA_DIR/gpu && sleep 0.1 && rmdir $FORENSIC_DATA_DIR/gpu"
        resources = { gpu = 1, ram = "1GiB" }
        [stages.beside]
        run = "true"
        "#,
    );
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let trace = bench.trace();
    let waited: Vec<bool> = ["train.1", "train.2", "train.3"]
        .map(|id| trace.attempts(id)[0]["attributes"]["forensic.waited_for_pool"] == "gpu")
        .into();
    assert_eq!(waited.iter().filter(|waited| **waited).count(), 2, "{waited:?}");
    assert!(trace.attempts("beside")[0]["attributes"]["forensic.waited_for_pool"].is_null());
}
