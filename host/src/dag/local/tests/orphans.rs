//! What leaves the group of its attempt. Other tests run in this process at the same time, with children of their own.

use std::borrow::Cow;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use super::{Bench, Live};
use crate::clock::Clock;
use crate::dag::local::orphans::Neighbours;
use crate::dag::{AttemptEnd, Executor as _, Exit, LocalExecutor};
use crate::pipeline::Command;

/// A bench whose attempts are `R-<test>`'s.
struct Run {
    bench: Bench,
    id: String,
}

impl Run {
    fn new(test: &str) -> Self {
        let (mut bench, id) = (Bench::new(), format!("R-{test}"));
        bench.executor = LocalExecutor::new(Clock::start()).with_orphans(&id, Path::new("/run"), Neighbours::Possible);
        Self { bench, id }
    }

    fn launch(&mut self, script: &str) -> Live {
        let run = [("FORENSIC_RUN_ID", &*self.id), ("FORENSIC_RUN_DIR", "/run")];
        let env = [run[0], run[1], ("FORENSIC_STAGE_ID", "a"), ("FORENSIC_ATTEMPT", "1")];
        let env = env.map(|(name, value)| (Cow::from(name), Some(value.into()))).into();
        let out = self.bench.folder.path().join("out");
        self.bench.try_launch(&Command::Shell(script.into()), env, &out).unwrap()
    }

    fn run(&mut self, script: &str) -> AttemptEnd {
        self.launch(script).finish()
    }

    fn pids_so_far(&self, name: &str) -> Vec<i32> {
        let text = fs::read_to_string(self.bench.folder.path().join(name)).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// The numbers in a file that a script wrote.
    fn pids(&self, name: &str) -> Vec<i32> {
        self.bench.text(name).split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }
}

/// Neither running nor waiting to be collected.
fn gone(pid: i32) -> bool {
    !fs::exists(format!("/proc/{pid}")).unwrap()
}

fn kill(pid: i32) {
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_process_in_a_session_of_its_own_ends_with_its_attempt() {
    let mut run = Run::new("session");
    let end = run.run("setsid sh -c 'echo $$ > pid; echo up; exec sleep 1000' & until [ -s pid ]; do sleep 0.01; done");
    assert_eq!((end.exit, end.escaped_processes), (Exit::Code(0), Some(1)));
    assert!(!end.output_left_open);
    assert_eq!(run.bench.text("out"), "up\n");
    assert!(gone(run.pids("pid")[0]));
}

#[test]
fn a_daemon_ends_with_its_attempt_though_its_parents_are_gone_and_it_ignores_what_it_can() {
    let mut run = Run::new("daemon");
    let end = run.run(
        "(trap '' TERM HUP; setsid nohup sh -c '(echo $$ >> pids; sh -c \"echo \\$PPID >> pids; echo \\$\\$ >> pids; \
         while :; do sleep 1; done\" & wait) < /dev/null > /dev/null 2>&1 & exit') & \
         until [ \"$(wc -l < pids 2> /dev/null)\" = 3 ]; do sleep 0.01; done; exit 7",
    );
    assert_eq!(end.exit, Exit::Code(7));
    assert!(end.escaped_processes.unwrap() >= 2, "{end:?}");
    assert!(run.pids("pids").into_iter().all(gone));
}

#[test]
fn a_process_that_is_asked_to_end_is_heard_to_its_last_word() {
    let mut run = Run::new("word");
    let end = run.run(
        "setsid sh -c 'trap \"seq 20000; echo bye; exit\" TERM; echo up; : > up; while :; do sleep 0.01; done' & \
         until [ -f up ]; do sleep 0.01; done",
    );
    assert!(!end.output_left_open);
    let out = run.bench.text("out");
    assert!(out.starts_with("up\n1\n") && out.ends_with("\n20000\nbye\n"), "{}", out.len());
}

#[test]
fn what_an_escaped_process_started_ends_too_though_it_knows_of_no_run() {
    let mut run = Run::new("below");
    let end = run.run(
        "setsid sh -c 'env -i setsid sh -c \"echo \\$\\$ > pid; sleep 1000 & sleep 1000\" & wait' & \
         until [ -s pid ]; do sleep 0.01; done",
    );
    assert!(end.escaped_processes.unwrap() >= 3, "{end:?}");
    assert!(gone(run.pids("pid")[0]));
}

#[test]
fn a_stopped_process_ends_too() {
    let mut run = Run::new("stopped");
    let end =
        run.run("setsid sh -c 'echo $$ > pid; kill -STOP $$; sleep 1000' & until [ -s pid ]; do sleep 0.01; done");
    assert_eq!(end.escaped_processes, Some(1));
    assert!(gone(run.pids("pid")[0]));
}

#[test]
fn what_a_killed_host_of_a_nested_run_leaves_ends_with_its_attempt() {
    let mut run = Run::new("nested");
    let end = run.run(
        "export FORENSIC_RUN_ID=$FORENSIC_RUN_ID.a.1 FORENSIC_STAGE_ID=inner; \
         setsid sh -c 'echo $$ > pid; exec sleep 1000' & until [ -s pid ]; do sleep 0.01; done; kill -9 $$",
    );
    assert_eq!((end.exit, end.escaped_processes), (Exit::Signal(9), Some(1)));
    assert!(gone(run.pids("pid")[0]));
}

#[test]
fn what_a_dying_process_leaves_while_it_is_looked_for_is_found() {
    let mut run = Run::new("race");
    // A process of many threads looks dead as soon as the first one is, and keeps its children until the last one is.
    let script = "import subprocess, threading, time\n\
                  threading.stack_size(1 << 16)\n\
                  for n in range(200): threading.Thread(target=time.sleep, args=(1000,)).start()\n\
                  child = subprocess.Popen(['sleep', '1000'], start_new_session=True)\n\
                  print(child.pid, file=open('pid', 'w'), flush=True)\n\
                  child.wait()\n";
    fs::write(run.bench.folder.path().join("threads.py"), script).unwrap();
    for _ in 0..10 {
        let end = run.run("python3 threads.py & until [ -s pid ]; do sleep 0.01; done; kill -9 $!");
        assert_eq!(end.escaped_processes, Some(1));
        assert!(gone(run.pids("pid")[0]));
        fs::remove_file(run.bench.folder.path().join("pid")).unwrap();
    }
}

#[test]
fn a_first_process_that_joined_another_group_is_asked_and_killed_too() {
    let script = "import os, signal, sys, time\n\
                  signal.signal(signal.SIGTERM, signal.SIG_IGN if len(sys.argv) > 1 else signal.SIG_DFL)\n\
                  child = os.fork()\n\
                  if child == 0:\n    os.setpgid(0, 0); time.sleep(1000)\n\
                  while os.getpgid(child) != child: time.sleep(0.01)\n\
                  os.setpgid(0, child)\nprint(child, flush=True)\ntime.sleep(1000)\n";
    for (argument, signal) in [("", libc::SIGTERM), ("deaf", libc::SIGKILL)] {
        let mut run = Run::new("mover");
        fs::write(run.bench.folder.path().join("mover.py"), script).unwrap();
        let mut live = run.launch(&format!("exec python3 mover.py {argument}"));
        while run.pids_so_far("out").is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        live.attempt.terminate();
        if signal == libc::SIGKILL {
            live.attempt.kill();
        }
        let end = live.finish();
        assert_eq!((end.exit, end.escaped_processes), (Exit::Signal(signal), Some(1)));
        assert!(gone(run.pids("out")[0]));
    }
}

#[test]
fn no_child_stays_a_zombie() {
    let mut run = Run::new("zombies");
    // Those that end before their parent waits, those that are orphans before the attempt's end, those that are killed.
    let end = run.run(
        "for n in 1 2 3 4 5; do (true & echo $! >> pids; sleep 1000 & echo $! >> pids) & done; sleep 0.2; \
         sleep 1000 & echo $! >> pids",
    );
    assert_eq!(end.escaped_processes, Some(0));
    assert_eq!(run.pids("pids").len(), 11);
    assert!(run.pids("pids").into_iter().all(gone));
}

#[test]
fn orphans_that_end_are_collected_while_the_attempt_goes_on() {
    let mut run = Run::new("tidy");
    let live = run.launch("for n in 1 2 3; do (true & echo $! >> pids); done; : > done; sleep 1000");
    run.bench.wait_for_file("done");
    while !run.pids("pids").into_iter().all(gone) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let mut live = live;
    live.attempt.kill();
    live.finish();
}

#[test]
fn two_hundred_children_that_scatter_are_all_ended() {
    let mut run = Run::new("scatter");
    let end = run.run(
        "for n in $(seq 100); do setsid sleep 1000 & echo $! >> group; done; \
         for n in $(seq 100); do sleep 1000 & echo $! >> group; done; \
         while [ $(pgrep -fc '^sleep 1000$') -lt 200 ]; do sleep 0.05; done",
    );
    assert!((50..=100).contains(&end.escaped_processes.unwrap()), "{end:?}");
    assert!(run.pids("group").into_iter().all(gone));
}

#[test]
fn what_is_not_the_attempts_is_left_alone() {
    let mut run = Run::new("mine");
    let mut other = Run::new("other");
    let mut own = std::process::Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
    let theirs = other.launch("setsid sh -c 'echo $$ > pid; exec sleep 1000' & wait");
    while other.pids_so_far("pid").is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    // Of the same run, but another stage's: ends with the run at the latest.
    let end = run.run(
        "FORENSIC_STAGE_ID=b setsid sh -c 'echo $$ > pid; exec sleep 1000' > /dev/null 2>&1 & \
         until [ -s pid ]; do sleep 0.01; done",
    );
    assert_eq!(end.escaped_processes, Some(0));
    let left = run.pids("pid")[0];
    assert!(!gone(left));
    assert_eq!(run.bench.executor.finish(), 1);
    assert!(gone(left));
    assert_eq!(run.bench.executor.finish(), 0);

    assert!(!gone(other.pids("pid")[0]));
    assert_eq!(own.try_wait().unwrap(), None);
    own.kill().unwrap();
    own.wait().unwrap();
    let mut theirs = theirs;
    theirs.attempt.kill();
    assert_eq!(theirs.finish().escaped_processes, Some(1));
}

#[test]
fn without_a_run_nothing_is_looked_for() {
    let mut bench = Bench::new();
    let end = bench.run("setsid sleep 1000 > /dev/null 2>&1 & echo $!");
    assert_eq!(end.escaped_processes, None);
    kill(bench.text("out").trim().parse().unwrap());
}
