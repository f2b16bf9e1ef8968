//! Stages that scatter processes, leave their group, stop themselves or don't listen.

use super::{assert_nothing_is_left, escaped, last};
use crate::support::{BINARY, Bench};

/// Forks twice with a session between, as daemons do, and lives in the child that nobody waits for.
const DAEMON: &str = r#"
import os, sys, time
data = os.environ["FORENSIC_DATA_DIR"]
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 3)
        variables = {} if len(sys.argv) > 1 else os.environ
        os.execve("/bin/sh", ["sh", "-c", 'echo $$ > "$1"/daemon.pid; exec sleep 1000', "sh", data], variables)
    os._exit(0)
os.wait()
while not os.path.exists(data + "/daemon.pid") or not open(data + "/daemon.pid").read():
    time.sleep(0.01)
"#;

#[test]
fn processes_that_leave_their_group_end_with_their_attempt() {
    let bench = Bench::new(&format!(
        r#"
        [pipeline]
        name = "leavers"
        max_parallel = 4
        [stages.session]
        run = "setsid sh -c 'echo up; : > $FORENSIC_DATA_DIR/up; exec sleep 1000' & until [ -f $FORENSIC_DATA_DIR/up ]; do sleep 0.01; done"
        [stages.daemon]
        command = ["python3", "daemon.py"]
        [stages.nohup]
        run = "nohup setsid sh -c ': > $FORENSIC_DATA_DIR/nohup; while :; do sleep 1; done' & until [ -f $FORENSIC_DATA_DIR/nohup ]; do sleep 0.01; done"
        [stages.jobs]
        run = "exec bash -c 'set -m; sleep 1000 & sleep 1000 & jobs -p > $FORENSIC_DATA_DIR/jobs'"
        {}"#,
        last(&["session", "daemon", "nohup", "jobs"])
    ));
    bench.write("daemon.py", DAEMON);
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stderr, bench.read("logs/last/1.err.log"));
    assert_nothing_is_left(&bench);
    let trace = bench.trace();
    for (stage, least) in [("session", 1), ("daemon", 1), ("nohup", 1), ("jobs", 2), ("last", 0)] {
        assert!(escaped(&trace, stage) >= least, "{stage}: {}", trace.attempts(stage)[0]);
    }
    assert_eq!(escaped(&trace, "last"), 0);
    assert_eq!(bench.read("logs/session/1.out.log"), "up\n");
    assert!(trace.run()["attributes"].get("forensic.escaped_processes").is_none());
}

#[test]
fn a_daemon_that_cleared_its_environment_ends_with_the_run() {
    let bench = Bench::new(
        "[pipeline]\nname = \"hidden\"\n[stages.daemon]\ncommand = [\"python3\", \"daemon.py\", \"hide\"]\n",
    );
    bench.write("daemon.py", DAEMON);
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let pid = bench.read("data/daemon.pid").trim().to_owned();
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    assert_eq!(bench.trace().run()["attributes"]["forensic.escaped_processes"], 1);
}

#[test]
fn zombies_do_not_pile_up_while_a_stage_runs() {
    // Each inner shell is gone before its child, which the host inherits.
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "zombies"
        [stages.a]
        run = """
        for n in $(seq 50); do (setsid sleep 0.01 & sleep 0.02 & exit); done
        left() { grep -l "^PPid:.$PPID$" /proc/[0-9]*/status 2> /dev/null | xargs grep -l '^State:.Z' 2> /dev/null | wc -l; }
        n=0; until [ $(left) = 0 ]; do n=$((n+1)); [ $n -lt 600 ] || exit 9; sleep 0.1; done
        """
        "#,
    );
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_nothing_is_left(&bench);
}

#[test]
fn what_a_killed_nested_host_leaves_ends_with_its_attempt() {
    let bench = Bench::new(&format!(
        r#"
        [pipeline]
        name = "outer"
        [stages.outer]
        run = "{BINARY} run inner.toml --run-id $FORENSIC_RUN_ID.outer.1 & until [ -s inner.pid ]; do sleep 0.01; done; kill -9 $!"
        {}"#,
        last(&["outer"])
    ));
    bench.write(
        "inner.toml",
        "[pipeline]\nname = \"inner\"\n[stages.busy]\nrun = \"trap '' TERM; setsid sleep 1000 & echo $$ > inner.pid; sleep 1000; sleep 1000\"\n",
    );
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stderr, bench.read("logs/last/1.err.log"));
    assert_nothing_is_left(&bench);
    assert!(escaped(&bench.trace(), "outer") >= 3, "{}", bench.trace().attempts("outer")[0]);
}

#[test]
fn a_time_limit_holds_for_those_who_stop_themselves_ignore_it_or_change_their_group() {
    let bench = Bench::new(&format!(
        r#"
        [pipeline]
        name = "deaf"
        max_parallel = 4
        kill_grace = "300ms"
        [stages.stopped]
        run = "echo before; kill -STOP $$; echo after"
        timeout = "300ms"
        [stages.deaf]
        run = "trap '' TERM; setsid sh -c 'sleep 1000' & while :; do sleep 1000; done"
        timeout = "300ms"
        [stages.mover]
        command = ["python3", "mover.py"]
        timeout = "2s"
        {}"#,
        last(&["stopped", "deaf", "mover"]).replace("needs", "#")
    ));
    // The first process joins the group of its child, so that its own group is empty.
    bench.write(
        "mover.py",
        "import os, signal, time\n\
         signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
         child = os.fork()\n\
         if child == 0:\n    os.setpgid(0, 0); time.sleep(1000)\n\
         while os.getpgid(child) != child: time.sleep(0.01)\n\
         os.setpgid(0, child)\nprint('moved', flush=True)\ntime.sleep(1000)\n",
    );
    let ran = bench.run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_nothing_is_left(&bench);
    let trace = bench.trace();
    assert_eq!(["stopped", "deaf", "mover"].map(|stage| trace.result(stage)), ["timeout"; 3]);
    assert_eq!(trace.attempts("deaf")[0]["attributes"]["forensic.signal"], 9);
    assert_eq!(bench.read("logs/mover/1.out.log"), "moved\n");
    assert!(bench.read("logs/stopped/1.out.log").starts_with("before\n"));
}

#[test]
fn two_hundred_children_end_with_their_attempt() {
    let bench = Bench::new(&format!(
        r#"
        [pipeline]
        name = "bomb"
        [stages.bomb]
        run = "for n in $(seq 100); do sleep 1000 & setsid sleep 1000 & done; echo all"
        {}"#,
        last(&["bomb"])
    ));
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stderr, bench.read("logs/last/1.err.log"));
    assert_nothing_is_left(&bench);
    assert_eq!(bench.read("logs/bomb/1.out.log"), "all\n");
}
