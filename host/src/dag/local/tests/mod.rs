//! The local executor with real processes.

mod birth;
mod orphans;
mod output;
mod usage;

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};

use super::super::bell::Bell;
use super::{EndSignal, LocalExecutor};
use crate::clock::{Clock, UnixNanos};
use crate::dag::{AttemptEnd, AttemptEvent, AttemptSpec, Executor, Exit, Fate, LaunchError, RunningAttempt};
use crate::pipeline::Command;
use crate::redact::{Redactor, Rules};

/// A declared secret.
const SECRET: &str = "correct-horse-battery";

/// An executor and a folder for its logs.
struct Bench {
    executor: LocalExecutor,
    clock: Clock,
    redactor: Redactor,
    folder: tempfile::TempDir,
}

struct Live {
    attempt: Box<dyn RunningAttempt>,
    ended: Receiver<UnixNanos>,
}

impl Bench {
    fn new() -> Self {
        let clock = Clock::start();
        let rules = Rules { secrets: vec![SECRET.into()], ..Rules::default() };
        Self {
            executor: LocalExecutor::new(clock),
            clock,
            redactor: Redactor::new(&rules).unwrap(),
            // On a disk, where there is one: writes to memory are no I/O.
            folder: tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap(),
        }
    }

    /// As on a kernel without pidfd.
    fn without_pidfd() -> Self {
        let mut bench = Self::new();
        bench.executor.end_signal = |pid, _| EndSignal::helper(pid);
        bench
    }

    /// As where the system gives nothing that tells of a process's end.
    fn without_end_signal() -> Self {
        let mut bench = Self::new();
        bench.executor.end_signal = |_, _| Err(std::io::ErrorKind::Other.into());
        bench
    }

    fn try_launch(
        &mut self,
        command: &Command,
        env: Vec<(Cow<'_, str>, Option<OsString>)>,
        stdout: &Path,
    ) -> Result<Live, LaunchError> {
        let (told, ended) = mpsc::channel();
        let spec = AttemptSpec {
            placement: None,
            command,
            workdir: self.folder.path(),
            env,
            stdout: File::create(stdout).unwrap().into(),
            stderr: File::create(self.folder.path().join("err")).unwrap().into(),
            redactor: &self.redactor,
        };
        let attempt = self.executor.launch(
            spec,
            Box::new(move |event| match event {
                AttemptEvent::Ended(time) => told.send(time).unwrap(),
                other => panic!("{other:?} of a process that starts at once"),
            }),
        )?;
        Ok(Live { attempt, ended })
    }

    fn launch(&mut self, script: &str) -> Live {
        let out = self.folder.path().join("out");
        self.try_launch(&Command::Shell(script.into()), Vec::new(), &out).unwrap()
    }

    fn run(&mut self, script: &str) -> AttemptEnd {
        self.launch(script).finish()
    }

    fn python(&mut self, script: &str) -> AttemptEnd {
        let command = Command::Argv(vec!["python3".into(), "-c".into(), script.into()]);
        let out = self.folder.path().join("out");
        self.try_launch(&command, Vec::new(), &out).unwrap().finish()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap()
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    /// Waits until the attempt has made a file.
    fn wait_for_file(&self, name: &str) {
        while !self.folder.path().join(name).exists() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }

    /// Waits until the attempt has written this much to a log.
    fn wait_for(&self, name: &str, text: &str) {
        while !self.text(name).contains(text) {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}

/// How it ended.
fn end(attempt: Box<dyn RunningAttempt>) -> AttemptEnd {
    match attempt.finish().fate {
        Fate::Ended(end) => end,
        Fate::Fault(fault) => panic!("{fault:?}"),
    }
}

impl Live {
    fn finish(self) -> AttemptEnd {
        self.ended.recv().unwrap();
        end(self.attempt)
    }
}

#[test]
fn an_attempt_ends_with_its_exit_code_and_time() {
    for mut bench in [Bench::new(), Bench::without_pidfd(), Bench::without_end_signal()] {
        let start = bench.clock.now();
        let Live { attempt, ended } = bench.launch("sleep 0.05; echo done; exit 3");
        let time = ended.recv().unwrap();
        assert!(time >= start + 50_000_000 && time <= bench.clock.now());
        assert_eq!(end(attempt).exit, Exit::Code(3));
        assert_eq!(bench.text("out"), "done\n");
    }
}

#[test]
fn the_dispatcher_goes_on_watching_where_the_system_has_no_thread() {
    let mut bench = Bench::new();
    bench.executor.crew.refuses = true;
    bench.executor.attended();
    let bell = Bell::new().unwrap();
    // The second leaves a process that holds its output open, which has to be ended.
    for (script, code, said) in
        [("echo one; sleep 0.2; echo two; exit 3", 3, "one\ntwo\n"), ("echo one; setsid sleep 2 & exit 4", 4, "one\n")]
    {
        let live = bench.launch(script);
        let time = loop {
            match live.ended.try_recv() {
                Ok(time) => break time,
                Err(_) => assert!(bench.executor.attend(&bell, None)),
            }
        };
        assert!(time <= bench.clock.now());
        assert_eq!(end(live.attempt).exit, Exit::Code(code));
        assert_eq!(bench.text("out"), said);
    }
}

#[test]
fn attempts_use_the_same_threads_again() {
    let mut bench = Bench::new();
    let names = || {
        let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
        let ids =
            tasks.filter(|task| fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name == "watcher\n"));
        ids.count()
    };
    bench.run("true");
    let before = names();
    for _ in 0..50 {
        assert_eq!(bench.run("true").exit, Exit::Code(0));
    }
    // Other tests run at the same time, but not fifty.
    assert!(names() < before + 40, "{} threads, {before} before", names());
}

#[test]
fn a_program_that_is_not_there_is_told_and_nothing_is_left() {
    let mut bench = Bench::new();
    let out = bench.folder.path().join("out");
    let error = bench.try_launch(&Command::Argv(vec!["no-such-program".into()]), Vec::new(), &out).err().unwrap();
    assert!(error.to_string().starts_with("can't start \"no-such-program\": No such file"), "{error}");

    fs::remove_dir_all(bench.folder.path()).unwrap();
    let (out, err) = (File::create("/dev/null").unwrap(), File::create("/dev/null").unwrap());
    let (command, env) = (Command::Shell("true".into()), Vec::new());
    let workdir = bench.folder.path();
    let spec = AttemptSpec {
        placement: None,
        command: &command,
        workdir,
        env,
        stdout: out.into(),
        stderr: err.into(),
        redactor: &bench.redactor,
    };
    let error = bench.executor.launch(spec, Box::new(|_| {})).err().unwrap();
    let expected = format!("can't start \"/bin/sh\": its working folder {} is not there", workdir.display());
    assert_eq!(error.to_string(), expected);
}

#[test]
fn variables_are_set_and_taken_away() {
    let mut bench = Bench::new();
    let out = bench.folder.path().join("out");
    let env = vec![
        (Cow::from("FIRST"), Some("1".into())),
        (Cow::from("FIRST"), Some("2".into())),
        (Cow::from("SECOND"), Some("3".into())),
        (Cow::from("SECOND"), None),
        (Cow::from("CARGO_MANIFEST_DIR"), None),
    ];
    let script = Command::Shell("echo $FIRST ${SECOND-none} ${CARGO_MANIFEST_DIR-none} ${PATH:+path}".into());
    bench.try_launch(&script, env, &out).unwrap().finish();
    assert_eq!(bench.text("out"), "2 none none path\n");
}

#[test]
fn an_attempt_starts_with_default_signals_whatever_the_host_handles() {
    let noop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    signal_hook::flag::register(libc::SIGXFSZ, noop).unwrap();
    let mut bench = Bench::new();
    let mask = |line: &str| u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap();
    bench.run("exec grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status");
    let text = bench.text("out");
    let masks: Vec<u64> = text.lines().map(mask).collect();
    let [blocked, ignored, caught] = masks[..] else { panic!("{text}") };
    let bit = |signal: i32| 1u64 << (signal - 1);
    assert_eq!(blocked, 0);
    assert_eq!(ignored & (bit(libc::SIGXFSZ) | bit(libc::SIGPIPE) | bit(libc::SIGTERM)), 0, "{text}");
    assert_eq!(caught & bit(libc::SIGXFSZ), 0, "{text}");
}

#[test]
fn what_is_left_in_the_group_ends_with_the_attempt() {
    let mut bench = Bench::new();
    let end = bench.run("sleep 1000 & echo $!");
    assert_eq!(end.exit, Exit::Code(0));
    assert!(!end.output_left_open);
    let pid = bench.text("out").trim().to_owned();
    // Gone, or waiting to be collected by whoever inherited it.
    while let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) {
        if stat.contains(") Z") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

#[test]
fn a_process_is_collected_once_and_not_before_its_end() {
    let mut bench = Bench::new();
    let Live { mut attempt, ended } = bench.launch("echo up; sleep 1000");
    bench.wait_for("out", "up");
    let pid = attempt.pid().unwrap();
    attempt.terminate();
    ended.recv().unwrap();
    assert!(fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") Z"));
    assert_eq!(end(attempt).exit, Exit::Signal(libc::SIGTERM));
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}
