//! The DAG runner through the binary: order, failure, retries, time limits, what stages see.

use crate::support::{BINARY, Bench, assert_gone};

#[test]
fn a_diamond_runs_in_order_and_every_stage_sees_where_it_is() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "diamond"
        profile = "test"
        max_parallel = 2
        [stages.a]
        run = "env | grep -E '^(FORENSIC_|TRACEPARENT)' | sort > $FORENSIC_DATA_DIR/a.env; pwd > $FORENSIC_DATA_DIR/a.cwd"
        [stages.b]
        run = "cd $FORENSIC_DATA_DIR; test -f a.env || exit 1; touch b.on; i=0; until [ -f c.on ]; do i=$((i+1)); [ $i -lt 600 ] || exit 2; sleep 0.05; done"
        needs = ["a"]
        [stages.c]
        run = "cd $FORENSIC_DATA_DIR; test -f a.env || exit 1; touch c.on; i=0; until [ -f b.on ]; do i=$((i+1)); [ $i -lt 600 ] || exit 2; sleep 0.05; done"
        needs = ["a"]
        [stages.d]
        command = ["./say", "two words", "$HOME"]
        workdir = "tools"
        needs = ["b", "c"]
        "#,
    );
    bench.write("tools/say", "#!/bin/sh\nfor word; do echo \"[$word]\"; done; echo oops >&2\n");
    std::fs::set_permissions(bench.path().join("tools/say"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    // `b` and `c` wait for each other: they succeed only side by side.
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(bench.read("logs/d/1.out.log"), "[two words]\n[$HOME]\n");
    assert_eq!(bench.read("logs/d/1.err.log"), "oops\n");
    assert_eq!(bench.read("data/a.cwd").trim(), bench.path().canonicalize().unwrap().to_str().unwrap());

    let trace = bench.trace();
    let [attempt] = trace.attempts("a")[..] else { panic!() };
    let run_dir = bench.run_dir().canonicalize().unwrap();
    let expected = format!(
        "FORENSIC_ATTEMPT=1\nFORENSIC_DATA_DIR={dir}/data\nFORENSIC_RUN_DIR={dir}\nFORENSIC_RUN_ID=R\n\
         FORENSIC_STAGE_ID=a\nTRACEPARENT=00-{}-{}-01\n",
        attempt["trace_id"].as_str().unwrap(),
        attempt["span_id"].as_str().unwrap(),
        dir = run_dir.display(),
    );
    assert_eq!(bench.read("data/a.env"), expected);

    let time = |stage: &str, key: &str| trace.stage(stage)[key].as_u64().unwrap();
    assert!(time("d", "start_time") >= time("b", "end_time").max(time("c", "end_time")));
    let ready = trace.stage("d")["attributes"]["forensic.ready_time"].as_u64().unwrap();
    assert_eq!(ready, time("b", "end_time").max(time("c", "end_time")));
}

/// Runs the pipeline by a program that does something to its own handling of signals first.
fn run_after(bench: &Bench, deed: &str) -> std::process::ExitStatus {
    let mut command = std::process::Command::new("python3");
    let script = format!("import os, signal, sys; {deed}; os.execv(sys.argv[1], sys.argv[1:])");
    command.args(["-c", &script, BINARY, "run", "--run-id", "R", "--quiet"]);
    command.current_dir(bench.path()).stderr(std::process::Stdio::null()).status().unwrap()
}

#[test]
fn stages_start_with_the_signals_that_the_host_was_started_with() {
    // The second is started by the standard library: its own PATH is searched.
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "signals"
        [stages.a]
        command = ["/bin/grep", "SigBlk", "/proc/self/status"]
        [stages.b]
        command = ["grep", "SigBlk", "/proc/self/status"]
        env = { PATH = "/usr/bin:/bin" }
        needs = ["a"]
        "#,
    );
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for stage in ["a", "b"] {
        assert_eq!(bench.read(&format!("logs/{stage}/1.out.log")), "SigBlk:\t0000000000000000\n");
    }
    std::fs::remove_dir_all(bench.run_dir()).unwrap();

    // Where it can't hear of children's ends by a signal, it hears of them otherwise.
    let status = run_after(&bench, "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])");
    assert!(status.success());
    assert_eq!(bench.read("logs/a/1.out.log"), "SigBlk:\t0000000000010000\n");
}

#[test]
fn how_stages_end_is_known_where_whoever_started_the_host_ignores_it() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "ignored"
        [stages.a]
        run = "exit 7"
        "#,
    );
    let status = run_after(&bench, "signal.signal(signal.SIGCHLD, signal.SIG_IGN)");
    assert_eq!(status.code(), Some(1));
    let trace = bench.trace();
    assert_eq!(
        (trace.result("a"), trace.attempts("a")[0]["attributes"]["process.exit.code"].as_i64()),
        ("failure", Some(7))
    );
}

#[test]
fn what_needs_a_failed_stage_is_skipped_and_the_rest_is_finished() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "failing"
        max_parallel = 1
        [stages.bad]
        run = "echo working; echo 'Traceback: no' >&2; echo 'ValueError: boom' >&2; exit 3"
        [stages.after]
        run = "true"
        needs = ["bad"]
        [stages.after-that]
        run = "true"
        needs = ["after"]
        [stages.good]
        run = "true"
        [stages.good-too]
        run = "true"
        needs = ["good"]
        [stages.killed]
        run = "kill -9 $$"
        [stages.missing]
        command = ["no-such-program"]
        "#,
    );
    let ran = bench.run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let trace = bench.trace();
    let results =
        ["bad", "after", "after-that", "good", "good-too", "killed", "missing"].map(|stage| trace.result(stage));
    assert_eq!(results, ["failure", "skip", "skip", "success", "success", "failure", "error"]);

    let bad = trace.stage("bad");
    assert_eq!(bad["status"], "Error");
    assert_eq!(bad["status_message"], "exit code 3: ValueError: boom");
    assert_eq!(bad["attributes"]["error.type"], "exit_code");
    assert_eq!(trace.attempts("bad")[0]["attributes"]["process.exit.code"], 3);
    assert_eq!(trace.stage("after-that")["status"], "Success");
    assert_eq!(trace.stage("after-that")["attributes"]["forensic.skipped_because"], "after");
    assert_eq!(trace.attempts("killed")[0]["attributes"]["forensic.signal"], 9);
    assert_eq!(trace.attempts("killed")[0]["attributes"]["error.type"], "signal");
    assert_eq!(trace.stage("missing")["attributes"]["error.type"], "spawn_failed");
    assert!(trace.stage("missing")["status_message"].as_str().unwrap().contains("\"no-such-program\""));
    assert_eq!(trace.run()["attributes"]["cicd.pipeline.result"], "failure");
    assert_eq!(trace.run()["status_message"], "3 of 7 stages failed");

    let report = bench.markdown();
    for text in ["ValueError: boom", "SIGKILL", "after-that", "no-such-program"] {
        assert!(report.contains(text), "{text} is not in\n{report}");
    }
}

#[test]
fn a_stage_is_tried_again_after_a_doubling_pause_and_only_on_the_exit_codes_it_names() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "retries"
        [stages.third-time]
        run = '[ "$FORENSIC_ATTEMPT" = 3 ] || exit 75'
        retries = { max = 5, backoff = "50ms", on_exit = [75] }
        [stages.other-code]
        run = "exit 1"
        retries = { max = 5, backoff = "50ms", on_exit = [75] }
        [stages.never]
        run = "exit 1"
        retries = { max = 1, backoff = "10ms" }
        "#,
    );
    assert_eq!(bench.run().code, Some(1));
    let trace = bench.trace();
    assert_eq!(trace.result("third-time"), "success");
    assert_eq!(trace.stage("third-time")["status"], "Success");
    assert_eq!(trace.stage("third-time")["attributes"]["forensic.attempts"], 3);
    let attempts = trace.attempts("third-time");
    let field = |key: &str| attempts.iter().map(|span| span["attributes"][key].clone()).collect::<Vec<_>>();
    assert_eq!(field("forensic.backoff_ns"), [0, 50_000_000, 100_000_000]);
    assert_eq!(field("cicd.pipeline.task.run.result"), ["failure", "failure", "success"]);
    assert_eq!(attempts[0]["status"], "Error");
    for pair in attempts.windows(2) {
        let pause = pair[1]["start_time"].as_u64().unwrap() - pair[0]["end_time"].as_u64().unwrap();
        assert!(pause >= pair[1]["attributes"]["forensic.backoff_ns"].as_u64().unwrap());
    }
    assert_eq!(trace.attempts("other-code").len(), 1);
    assert_eq!(trace.attempts("never").len(), 2);
    assert_eq!(trace.result("never"), "failure");
}

#[test]
fn a_stage_that_runs_too_long_is_ended_with_its_whole_group_even_if_it_ignores_term() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "timeouts"
        max_parallel = 2
        kill_grace = "200ms"
        [stages.polite]
        run = "sleep 600 & echo $! > $FORENSIC_DATA_DIR/polite.pid; wait"
        timeout = "200ms"
        [stages.stubborn]
        run = "trap '' TERM; sleep 600 & echo $! > $FORENSIC_DATA_DIR/stubborn.pid; while true; do sleep 600; done"
        timeout = "200ms"
        [stages.leaver]
        run = "sleep 600 & echo $! > $FORENSIC_DATA_DIR/leaver.pid"
        "#,
    );
    let ran = bench.run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let trace = bench.trace();
    assert_eq!(["polite", "stubborn", "leaver"].map(|stage| trace.result(stage)), ["timeout", "timeout", "success"]);
    assert_eq!(trace.stage("polite")["status_message"], "ran longer than its timeout of 200ms");
    for stage in ["polite", "stubborn", "leaver"] {
        assert_gone(&bench.read(&format!("data/{stage}.pid")));
    }
}

#[test]
fn the_timeout_of_the_run_stops_it_and_is_told_apart() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "too long"
        timeout = "300ms"
        max_parallel = 1
        [stages.first]
        run = "sleep 600"
        [stages.second]
        run = "true"
        "#,
    );
    assert_eq!(bench.run().code, Some(3));
    let trace = bench.trace();
    assert_eq!(trace.run()["attributes"]["cicd.pipeline.result"], "timeout");
    assert_eq!(["first", "second"].map(|stage| trace.result(stage)), ["cancellation", "cancellation"]);
    assert!(trace.attempts("second").is_empty());
}

#[test]
fn cpu_time_and_memory_of_an_attempt_are_its_own() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "usage"
        [stages.big]
        command = ["python3", "-c", "x = bytearray(200_000_000); [i*i for i in range(2_000_000)]"]
        [stages.small]
        command = ["/bin/true"]
        "#,
    );
    assert_eq!(bench.run().code, Some(0));
    let trace = bench.trace();
    let big = &trace.attempts("big")[0]["attributes"];
    let peak = big["forensic.peak_memory_bytes"].as_u64().unwrap();
    assert!((200_000_000..400_000_000).contains(&peak), "{peak}");
    assert!(big.get("forensic.peak_memory_is_upper_bound").is_none());
    assert!(big["forensic.cpu_user_ns"].as_u64().unwrap() > 10_000_000);
    // Smaller than the host itself: only a bound can be known.
    let small = &trace.attempts("small")[0]["attributes"];
    assert_eq!(small["forensic.peak_memory_is_upper_bound"], true);
    assert!(bench.markdown().contains('≤'));
}

#[test]
fn a_pipeline_without_stages_is_a_success() {
    let bench = Bench::new("[pipeline]\nname = \"nothing\"\n");
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(bench.trace().0.len(), 1);
    assert!(bench.markdown().contains("Total duration"));
}

#[test]
fn an_existing_run_is_never_overwritten_and_latest_points_to_the_newest() {
    let bench = Bench::new("[pipeline]\nname = \"twice\"\n[stages.a]\nrun = \"true\"\n");
    assert_eq!(bench.run().code, Some(0));
    let first = bench.read("data/forensic_trace.json");
    let again = bench.run();
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("run R exists already"), "{}", again.stderr);
    assert_eq!(bench.read("data/forensic_trace.json"), first);

    let other = bench.call(&["run", "--run-id", "S"]);
    assert_eq!(other.code, Some(0), "{}", other.stderr);
    let latest = bench.path().join("data/artifacts/summaries/latest");
    assert_eq!(std::fs::read_link(latest).unwrap().to_str(), Some("runs/S"));
    for bad in ["../escaped", ".hidden", "a/b", "", "x y", &"x".repeat(129)] {
        let ran = bench.call(&["run", "--run-id", bad]);
        assert_eq!(ran.code, Some(2), "{bad:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("is no run id"), "{bad:?}: {}", ran.stderr);
    }
}

#[test]
fn what_an_attempt_used_is_told_and_labelled() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "used"
        [stages.hungry]
        run = "head -c 10000000 /dev/zero > $FORENSIC_DATA_DIR/big; sync $FORENSIC_DATA_DIR/big; python3 -c 'import time; x = bytearray(60 << 20); time.sleep(0.4)' & python3 -c 'import time; x = bytearray(60 << 20); time.sleep(0.4)'; wait; kill -SEGV $$"
        "#,
    );
    assert_eq!(bench.run().code, Some(1));
    let trace = bench.trace();
    let used = &trace.attempts("hungry")[0]["attributes"];
    let number = |key: &str| used[key].as_u64().unwrap_or_else(|| panic!("{key}: {used}"));
    assert!(number("forensic.io.written_chars") >= 10_000_000, "{used}");
    let one = number("forensic.peak_memory_bytes");
    assert!((60 << 20..110 << 20).contains(&one), "of one process: {one}");
    let all = number("forensic.tree_peak_memory_bytes");
    assert!(all > 110 << 20 && number("forensic.tree_memory_samples") > 1, "of all processes: {all}");
    assert!(number("forensic.context_switches.voluntary") > 0);
    assert_eq!(number("forensic.signal"), 11);
    assert_eq!(used["forensic.oom_killed"], false);
    assert_eq!(used["process.command_args"][0], "/bin/sh");
    let markdown = bench.markdown();
    assert!(markdown.contains("### Resources") && markdown.contains("SIGSEGV"), "{markdown}");
}
