//! What a process is born with, and what is said of one that can't be.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use super::super::kin::listed;
use super::*;

/// An executor as on a system that does not let a process start in our own way.
fn by_the_library() -> Bench {
    let mut bench = Bench::new();
    bench.executor.inherited.refuse();
    bench
}

fn argv(words: &[&str]) -> Command {
    Command::Argv(words.iter().map(|word| (*word).to_owned()).collect())
}

impl Bench {
    fn why_not(&mut self, command: &Command, env: &[(&str, &str)]) -> String {
        let out = self.folder.path().join("out");
        let env = env.iter().map(|(name, value)| (Cow::from((*name).to_owned()), Some(value.into()))).collect();
        let launched = self.try_launch(command, env, &out);
        launched.err().map_or_else(|| "it started".to_owned(), |error| error.to_string())
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

#[test]
fn what_is_no_program_is_told_by_its_reason() {
    for mut bench in [Bench::new(), by_the_library()] {
        bench.write("no-shebang", "echo hi\n", 0o755);
        bench.write("not-executable", "#!/bin/sh\n", 0o644);
        bench.write("no-interpreter", "#!/no/such/interpreter\n", 0o755);
        for (program, reason) in [
            ("./no-shebang", "Exec format error"),
            ("./not-executable", "Permission denied"),
            ("./no-interpreter", "No such file"),
            ("./not-there", "No such file"),
            ("./out/below-a-file", "Not a directory"),
            ("/", "Permission denied"),
            ("no-such-program", "No such file"),
            ("", "No such file"),
        ] {
            let error = bench.why_not(&argv(&[program]), &[]);
            assert!(error.contains(reason), "{program:?}: {error}");
        }
        let long = "x".repeat(300);
        let error = bench.why_not(&argv(&[&long]), &[]);
        assert!(error.contains("File name too long"), "{error}");
        // All is well afterwards, and nothing waits to be collected.
        assert_eq!(bench.run("true").exit, Exit::Code(0));
    }
}

#[test]
fn programs_are_looked_for_in_the_path() {
    for mut bench in [Bench::new(), by_the_library()] {
        let out = bench.folder.path().join("out");
        for command in [argv(&["sh", "-c", "echo found $0", "it"]), argv(&["/bin/sh", "-c", "echo found $0", "it"])] {
            bench.try_launch(&command, Vec::new(), &out).unwrap().finish();
            assert_eq!(bench.text("out"), "found it\n");
        }
        // The stage's own path, not the host's.
        let error = bench.why_not(&argv(&["sh", "-c", "true"]), &[("PATH", "/nowhere")]);
        assert!(error.contains("No such file"), "{error}");
    }
}

#[test]
fn a_program_that_may_not_be_run_hides_none_behind_it() {
    let mut bench = Bench::new();
    let [first, second] = ["first", "second"].map(|name| bench.folder.path().join(name));
    [&first, &second].into_iter().for_each(|folder| fs::create_dir(folder).unwrap());
    bench.write("first/it", "#!/bin/sh\necho first\n", 0o644);
    bench.executor.inherited.search_in(&["/not/there", first.to_str().unwrap(), second.to_str().unwrap()]);
    // It is not executable even for root.
    assert!(bench.why_not(&argv(&["it"]), &[]).contains("Permission denied"));
    bench.write("second/it", "#!/bin/sh\necho second\n", 0o755);
    let out = bench.folder.path().join("out");
    bench.try_launch(&argv(&["it"]), Vec::new(), &out).unwrap().finish();
    assert_eq!(bench.text("out"), "second\n");
    // An empty place is the working folder.
    bench.write("here", "#!/bin/sh\necho here\n", 0o755);
    bench.executor.inherited.search_in(&["/not/there", ""]);
    bench.try_launch(&argv(&["here"]), Vec::new(), &out).unwrap().finish();
    assert_eq!(bench.text("out"), "here\n");
}

/// Files that whoever started the tests left open for all that they start.
fn left_open() -> Vec<String> {
    let files = fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
    let is_left_open = |path: &Path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
        flags.is_some_and(|flags| i32::from_str_radix(flags.trim(), 8).unwrap() & libc::O_CLOEXEC == 0)
    };
    let names = files.filter(|file| is_left_open(&file.path())).map(|file| file.file_name().into_string().unwrap());
    names.filter(|name| name.len() > 1 || name > &"2".to_owned()).collect()
}

#[test]
fn a_process_has_three_files_and_its_own_group() {
    for mut bench in [Bench::new(), by_the_library()] {
        bench.python(
            "import os\n\
             print(os.readlink('/proc/self/fd/0'), os.getpgrp() == os.getpid(), os.getcwd())\n\
             print(*(fd for fd in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + fd)))",
        );
        let folder = bench.folder.path().canonicalize().unwrap();
        let text = bench.text("out");
        let (first, files) = text.trim_end().split_once('\n').unwrap();
        assert_eq!(first, format!("/dev/null True {}", folder.display()));
        let left_open = left_open();
        let mut files: Vec<&str> = files.split(' ').filter(|file| !left_open.iter().any(|open| open == file)).collect();
        files.sort_unstable();
        assert_eq!(files, ["0", "1", "2"]);
    }
}

#[test]
fn many_and_long_arguments_arrive() {
    let mut bench = Bench::new();
    let mut words = vec!["sh".to_owned(), "-c".into(), "echo $# ${#1}".into(), "it".into(), "y".repeat(100_000)];
    words.extend((0..20_000).map(|number| number.to_string()));
    let out = bench.folder.path().join("out");
    bench.try_launch(&Command::Argv(words), Vec::new(), &out).unwrap().finish();
    assert_eq!(bench.text("out"), "20001 100000\n");
}

/// Sends the signal to all children that the calling thread starts, from their first moment on, while `work` goes on.
fn storm(signal: Signal, work: impl FnOnce()) {
    struct Calm<'a>(&'a AtomicBool);
    impl Drop for Calm<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let children = File::open("/proc/thread-self/children").unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for child in listed(&children).into_iter().filter_map(Pid::from_raw) {
                    let _ = kill_process(child, signal);
                }
            }
        });
        // Also where the work fails.
        let _calm = Calm(&done);
        work();
    });
}

#[test]
#[expect(unsafe_code, reason = "signal-hook has it unsafe")]
fn a_handler_of_ours_never_runs_in_a_child() {
    let caught = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&caught);
    // SAFETY: the action only counts.
    let registered = unsafe {
        signal_hook::low_level::register(libc::SIGWINCH, move || {
            count.fetch_add(1, Ordering::Relaxed);
        })
    };
    registered.unwrap();
    let mut bench = Bench::new();
    storm(Signal::WINCH, || {
        for _ in 0..300 {
            assert_eq!(bench.run("true").exit, Exit::Code(0));
        }
    });
    assert_eq!(caught.load(Ordering::Relaxed), 0);
}

#[test]
fn a_signal_at_any_moment_of_the_start_is_the_attempts_end() {
    let mut bench = Bench::new();
    let out = bench.folder.path().join("out");
    storm(Signal::TERM, || {
        for _ in 0..200 {
            let live = bench.try_launch(&argv(&["/bin/sleep", "1000"]), Vec::new(), &out).unwrap();
            assert_eq!(live.finish().exit, Exit::Signal(libc::SIGTERM));
        }
    });
}
