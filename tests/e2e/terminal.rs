//! What one sees while a pipeline runs: the real binary on a pseudo-terminal, its bytes fed to a terminal emulator.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::Value;

use crate::support::{BINARY, Bench, Ran, assert_gone, shared_cache, wait_until, workspace};

/// What a program wrote to the terminal: as bytes, and as it looks.
struct Seen {
    bytes: Vec<u8>,
    screen: vt100::Parser,
}

/// A terminal with a program that leads its session.
struct Terminal {
    child: Child,
    /// Closed by taking it, when the reader has seen that too.
    keyboard: Option<File>,
    seen: Arc<Mutex<Seen>>,
    reader: JoinHandle<()>,
}

fn n(number: u16) -> NonZeroU16 {
    number.try_into().unwrap()
}

fn window(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

/// Both ends of a new pseudo-terminal.
#[expect(unsafe_code, reason = "openpty has no safe wrapper in the crates at hand")]
fn pseudo_terminal() -> (File, OwnedFd) {
    let (mut outer, mut inner) = (-1, -1);
    let none = std::ptr::null_mut();
    // SAFETY: two valid places to write to; null means "not wanted" for the rest.
    let result = unsafe { libc::openpty(&mut outer, &mut inner, none, none.cast(), none.cast()) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: both are open, and nobody else's.
    unsafe { (File::from_raw_fd(outer), OwnedFd::from_raw_fd(inner)) }
}

impl Terminal {
    /// Runs `program` in a window of this size; standard output is the terminal too unless it is given.
    fn start(bench: &Bench, (rows, columns): (u16, u16), program: &[&str], stdout: Option<Stdio>) -> Self {
        let (outer, inner) = pseudo_terminal();
        tcsetwinsize(&outer, window(rows, columns)).unwrap();
        // The terminal's inner end must be nobody's but the program's, or its end is never seen.
        rustix::io::fcntl_setfd(&outer, rustix::io::FdFlags::CLOEXEC).unwrap();
        let end = || Stdio::from(inner.try_clone().unwrap());
        let child = Command::new("setsid")
            .arg("--ctty")
            .args(program)
            .current_dir(bench.path())
            .env("XDG_CACHE_HOME", shared_cache())
            .env("TERM", "xterm-256color")
            .env("HOST", BINARY)
            .env_remove("CI")
            .env_remove("NO_COLOR")
            .stdin(end())
            .stdout(stdout.unwrap_or_else(end))
            .stderr(end())
            .spawn()
            .unwrap();
        drop(inner);
        let screen = vt100::Parser::new(n(rows), n(columns), 10_000);
        let seen = Arc::new(Mutex::new(Seen { bytes: Vec::new(), screen }));
        let mut from = outer.try_clone().unwrap();
        rustix::io::ioctl_fionbio(&from, true).unwrap();
        let closed = Arc::downgrade(&seen);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                match from.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(read) => {
                        let Some(seen) = closed.upgrade() else { return };
                        let mut seen = seen.lock().unwrap();
                        seen.bytes.extend_from_slice(&buffer[..read]);
                        seen.screen.process(&buffer[..read]);
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        if closed.upgrade().is_none() {
                            return;
                        }
                        std::thread::sleep(std::time::Duration::from_millis(2));
                    }
                    // Linux says EIO when the last inner end is closed.
                    Err(_) => return,
                }
            }
        });
        Self { child, keyboard: Some(outer), seen, reader }
    }

    /// `run --run-id R`.
    fn run(bench: &Bench, size: (u16, u16), arguments: &[&str]) -> Self {
        let program: Vec<&str> = [BINARY, "run", "--run-id", "R"].iter().chain(arguments).copied().collect();
        Self::start(bench, size, &program, None)
    }

    fn press(&self, keys: &[u8]) {
        self.keyboard.as_ref().unwrap().write_all(keys).unwrap();
    }

    fn resize(&self, rows: u16, columns: u16) {
        self.seen.lock().unwrap().screen.screen_mut().set_size(n(rows), n(columns));
        tcsetwinsize(self.keyboard.as_ref().unwrap().as_fd(), window(rows, columns)).unwrap();
    }

    /// The rows that are used, and whether the cursor is hidden.
    fn look(&self) -> (Vec<String>, bool) {
        look(&self.seen.lock().unwrap())
    }

    fn wait(&self, what: &str, so: impl Fn(&[String]) -> bool) -> Vec<String> {
        let start = std::time::Instant::now();
        loop {
            let rows = self.look().0;
            if so(&rows) {
                return rows;
            }
            assert!(start.elapsed().as_secs() < 60, "waited for {what}:\n{}", rows.join("\n"));
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Closes the window, and leaves the program.
    fn close(mut self) -> Child {
        drop(self.keyboard.take());
        drop(self.seen);
        self.reader.join().unwrap();
        self.child
    }

    /// Waits for the end: exit code, rows, whether the cursor is hidden, all bytes.
    fn end(mut self) -> (Option<i32>, Vec<String>, bool, String) {
        let code = self.child.wait().unwrap().code();
        self.reader.join().unwrap();
        let seen = self.seen.lock().unwrap();
        let (rows, hidden) = look(&seen);
        (code, rows, hidden, String::from_utf8_lossy(&seen.bytes).into_owned())
    }
}

fn look(seen: &Seen) -> (Vec<String>, bool) {
    let screen = seen.screen.screen();
    let rows = screen.rows(0, screen.size().1.get()).map(|row| row.trim_end().to_owned()).collect::<Vec<_>>();
    let used = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |at| at + 1);
    (rows[..used].to_vec(), screen.hide_cursor())
}

fn any(rows: &[String], text: &str) -> bool {
    rows.iter().any(|row| row.contains(text))
}

/// Nothing of the live area is left, and the cursor is back.
fn assert_tidy(rows: &[String], hidden: bool) {
    assert!(!hidden, "the cursor is hidden");
    for text in ["slots", "waiting", "… and", "Ctrl-C"] {
        assert!(!any(rows, text), "{text:?} remains:\n{}", rows.join("\n"));
    }
}

#[test]
fn what_runs_is_shown_below_what_has_ended() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "shown"
        max_parallel = 4
        [stages.big]
        run = "yes garbage | head -c 5000000; printf 'garbage \\033[2J' >&2; while ! test -e go; do sleep 0.05; done"
        [stages.broken]
        run = "for i in 1 2 3 4 5 6; do echo \"line $i\" >&2; done; printf '\\033[31mred\\033[0m\\tend\\n' >&2; exit 3"
        [stages.after]
        run = "true"
        needs = ["broken"]
        [stages.quick]
        run = "true"
        "#,
    );
    let terminal = Terminal::run(&bench, (24, 80), &[]);
    let during =
        terminal.wait("the others", |rows| any(rows, "[3/4] · 1 of 4 slots") && any(rows, "] ok        quick"));
    assert!(terminal.look().1, "the cursor is in the way");
    let status = during.last().unwrap();
    assert!(status.starts_with("[3/4] · 1 of 4 slots · 1 ok · 1 failed · 1 skipped · "), "{status}");
    assert!(during[during.len() - 2].starts_with("  big  "), "{during:?}");
    let at = during.iter().position(|row| row.contains("failed    broken")).unwrap();
    let lines =
        ["│ line 3", "│ line 4", "│ line 5", "│ line 6", "│ red    end"].map(|line| format!("          {line}"));
    assert!(during.windows(5).any(|rows| rows == lines), "{during:#?}");
    assert!(any(&during, "skipped   after   (needs broken)"), "{during:#?}");
    assert!(at > 0 && !any(&during, "garbage"), "{during:#?}");

    bench.write("go", "");
    let (code, rows, hidden, _) = terminal.end();
    assert_eq!(code, Some(1));
    assert_tidy(&rows, hidden);
    assert!(any(&rows, "[4/4] ok        big"), "{rows:#?}");
    let summary = rows.iter().position(|row| row.starts_with("failure  shown  run R: 2 of 4 stages ok")).unwrap();
    assert!(rows[summary + 1].starts_with("  total duration"), "{rows:#?}");
    assert!(rows[summary - 1].is_empty() && rows[summary - 2].contains("big"), "{rows:#?}");
    assert!(rows.last().unwrap().ends_with("reports/forensic_report.md"), "{rows:#?}");
}

const STUBBORN: &str = r#"
    [pipeline]
    name = "stubborn"
    kill_grace = "10m"
    [stages.stubborn]
    run = "trap 'HANDLER' TERM; echo $$ > $FORENSIC_DATA_DIR/pid; while true; do sleep 0.1; done"
    [stages.later]
    run = "true"
    needs = ["stubborn"]
"#;

#[test]
fn the_first_ctrl_c_tells_what_the_second_does() {
    let bench = Bench::new(&STUBBORN.replace("HANDLER", "exit 1"));
    let terminal = Terminal::run(&bench, (24, 80), &[]);
    wait_until("the stage", || {
        std::fs::read_to_string(bench.run_dir().join("data/pid")).is_ok_and(|pid| !pid.is_empty())
    });
    terminal.press(b"\x03");
    let (code, rows, hidden, bytes) = terminal.end();
    assert_eq!(code, Some(130));
    assert_tidy(&rows, hidden);
    assert!(any(&rows, "stopping by SIGINT: 1 running attempt is asked to end; once more to kill"), "{rows:#?}");
    assert!(any(&rows, "cancellation  stubborn  run R"), "{rows:#?}");
    assert!(!rows.iter().any(|row| row.starts_with("killing")), "{rows:#?}\n{bytes}");
    assert_eq!(bench.trace().result("stubborn"), "cancellation");
    assert!(bench.markdown().contains("stubborn"));
}

#[test]
fn the_second_ctrl_c_kills() {
    let bench = Bench::new(&STUBBORN.replace("HANDLER", ""));
    let terminal = Terminal::run(&bench, (24, 80), &[]);
    wait_until("the stage", || {
        std::fs::read_to_string(bench.run_dir().join("data/pid")).is_ok_and(|pid| !pid.is_empty())
    });
    terminal.press(b"\x03");
    terminal.wait("the advice", |rows| any(rows, "stopping … Ctrl-C once more to kill (1 attempt; by SIGINT)"));
    terminal.press(b"\x03");
    let (code, rows, hidden, _) = terminal.end();
    assert_eq!(code, Some(130));
    assert_tidy(&rows, hidden);
    assert!(any(&rows, "killing 1 running attempt"), "{rows:#?}");
    assert!(rows.last().unwrap().ends_with("reports/forensic_report.md"), "{rows:#?}");
    assert_gone(&bench.read("data/pid"));
}

#[test]
fn a_small_window_and_one_that_changes() {
    let mut pipeline = String::from("[pipeline]\nname = \"many\"\nmax_parallel = 12\n");
    for at in 0..12 {
        let id = format!("a.stage.with.a.long.name.{at:02}");
        pipeline += &format!("[stages.\"{id}\"]\nrun = \"while ! test -e go{}; do sleep 0.05; done\"\n", at % 2);
    }
    let bench = Bench::new(&pipeline);
    let terminal = Terminal::run(&bench, (10, 40), &[]);
    let rows = terminal.wait("all", |rows| any(rows, "12 of 12 slots") && any(rows, "  … and 8 more"));
    assert!(rows.iter().filter(|row| row.contains("…")).count() >= 4 && rows.len() <= 10, "{rows:#?}");
    for (height, width) in [(6, 30), (30, 100), (3, 20), (24, 60), (10, 40)] {
        terminal.resize(height, width);
        let hidden = 12 - (usize::from(height - 1) * 2 / 3).saturating_sub(2).min(12);
        let more = format!("  … and {hidden} more");
        let rows = terminal.wait("a new drawing", |rows| {
            let more = height == 3 || if hidden > 0 && height < 20 { any(rows, &more) } else { any(rows, ".11  ") };
            more && rows.iter().filter(|row| row.starts_with("[0/12]")).count() == 1
        });
        assert_eq!(
            rows.iter().filter(|row| row.contains("more")).count(),
            usize::from(height < 20 && height > 3),
            "{rows:#?}"
        );
    }
    terminal.resize(40, 100);
    bench.write("go0", "");
    terminal.wait("half of them", |rows| any(rows, "[6/12]"));
    bench.write("go1", "");
    let (code, rows, hidden, _) = terminal.end();
    assert_eq!(code, Some(0));
    assert_tidy(&rows, hidden);
    assert_eq!(rows.iter().filter(|row| row.contains("] ok        a.stage")).count(), 12, "{rows:#?}");
}

const PATIENT: &str =
    "[pipeline]\nname = \"patient\"\n[stages.one]\nrun = \"touch there; while ! test -e go; do sleep 0.05; done\"\n";

#[test]
fn a_closed_terminal_stops_the_run_in_good_order() {
    let bench = Bench::new(PATIENT);
    let terminal = Terminal::run(&bench, (24, 80), &[]);
    terminal.wait("the stage", |rows| any(rows, "  one  "));
    assert_eq!(terminal.close().wait().unwrap().code(), Some(129));
    let trace = bench.trace();
    assert_eq!(trace.stage("one")["status_message"], "the run was stopped by SIGHUP");
    assert_eq!(trace.run()["attributes"]["cicd.pipeline.result"], "cancellation");
    assert!(bench.markdown().contains("one"));
}

#[test]
fn a_run_that_ignores_the_hangup_goes_on_without_its_terminal() {
    let bench = Bench::new(PATIENT);
    let program = ["sh", "-c", "trap '' HUP; \"$HOST\" run --run-id R; echo $? > code"];
    let terminal = Terminal::start(&bench, (24, 80), &program, None);
    terminal.wait("the stage", |rows| any(rows, "  one  "));
    let mut child = terminal.close();
    bench.write("go", "");
    child.wait().unwrap();
    assert_eq!(std::fs::read_to_string(bench.path().join("code")).unwrap(), "0\n");
    assert_eq!(bench.trace().result("one"), "success");
}

#[test]
fn ctrl_z_gives_the_terminal_back_for_a_while() {
    let bench = Bench::new(PATIENT);
    let program = ["bash", "-c", "set -m; \"$HOST\" run --run-id R; echo 'the shell is back'; read; fg"];
    let terminal = Terminal::start(&bench, (24, 80), &program, None);
    terminal.wait("the stage", |rows| any(rows, "  one  "));
    terminal.press(b"\x1a");
    let rows = terminal.wait("the shell", |rows| any(rows, "the shell is back"));
    assert_tidy(&rows, terminal.look().1);
    assert!(!any(&rows, "  one  "), "{rows:#?}");
    terminal.press(b"\n");
    terminal.wait("the stage again", |rows| any(rows, "  one  ") && any(rows, "[0/1]"));
    bench.write("go", "");
    let (code, rows, hidden, _) = terminal.end();
    assert_eq!(code, Some(0));
    assert_tidy(&rows, hidden);
    assert!(any(&rows, "[1/1] ok        one"), "{rows:#?}");
}

#[test]
fn without_a_live_view_there_are_lines_and_no_escape_sequences() {
    for (set, arguments) in [
        ("TERM=dumb", &[][..]),
        ("CI=true", &[]),
        ("X=1", &["--progress", "plain"]),
        ("X=1", &["--quiet"]),
        ("X=1", &["--progress", "none"]),
    ] {
        let bench = Bench::new("[pipeline]\nname = \"p\"\n[stages.a]\nrun = \"true\"\n[stages.b]\nrun = \"false\"\n");
        let program: Vec<&str> =
            ["env", set, "NO_COLOR=1", BINARY, "run", "--run-id", "R"].iter().chain(arguments).copied().collect();
        let (code, rows, _, bytes) = Terminal::start(&bench, (24, 80), &program, None).end();
        assert_eq!(code, Some(1));
        assert!(!bytes.contains('\x1b'), "{set} {arguments:?}: {bytes:?}");
        let told = ["ok        a", "failed    b", "failure  p"].map(|text| any(&rows, text));
        let expected = match arguments {
            ["--quiet"] => [false, true, true],
            ["--progress", "none"] => [false, false, true],
            _ => [true; 3],
        };
        assert_eq!(told, expected, "{set} {arguments:?}: {rows:#?}");
    }
}

#[test]
fn without_colours_it_is_live_all_the_same() {
    let bench = Bench::new(PATIENT);
    let program = ["env", "NO_COLOR=1", BINARY, "run", "--run-id", "R"];
    let terminal = Terminal::start(&bench, (24, 80), &program, None);
    terminal.wait("the stage", |rows| any(rows, "  one  "));
    bench.write("go", "");
    let (code, rows, hidden, bytes) = terminal.end();
    assert_eq!(code, Some(0));
    assert_tidy(&rows, hidden);
    let colour = bytes
        .split("\x1b[")
        .skip(1)
        .find(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'));
    assert_eq!(colour, None);
}

const EVENTFUL: &str = r#"
    [pipeline]
    name = "eventful"
    profile = "test"
    max_parallel = 1
    [secrets]
    env = ["NOBODY_SETS_THIS"]
    [[report]]
    id = "mine"
    plugin = "builtin:risk.report_meta"
    [stages.flaky]
    run = "if test -e tried; then exit 0; fi; touch tried; echo not yet >&2; exit 7"
    retries = { max = 1, backoff = "1ms" }
    [stages.broken]
    run = "exit 3"
    needs = ["flaky"]
    [stages.never]
    run = "true"
    needs = ["broken"]
"#;

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// `event stage` of each.
fn story(events: &[Value]) -> Vec<String> {
    let word = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    events
        .iter()
        .map(|event| format!("{} {}", word(event, "event"), word(event, "stage")).trim_end().to_owned())
        .collect()
}

/// Fields of each event, as docs/events.md lists them: `### name`, and below it a table whose rows begin with the field in code.
fn documented() -> std::collections::BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(workspace().join("docs/events.md")).unwrap();
    let mut events = std::collections::BTreeMap::new();
    let mut event = None;
    for line in text.lines() {
        if line.starts_with('#') {
            event = line.strip_prefix("### `").and_then(|rest| rest.strip_suffix('`'));
            if let Some(name) = event {
                events.insert(name.to_owned(), vec!["schema".to_owned(), "event".into(), "time".into()]);
            }
        } else if let (Some(name), Some(row)) = (event, line.strip_prefix("| `")) {
            events.get_mut(name).unwrap().push(row.split('`').next().unwrap().to_owned());
        }
    }
    events
}

/// Every event is documented, with just these fields.
fn assert_documented(events: &[Value]) {
    let documented = documented();
    for event in events {
        let name = event["event"].as_str().unwrap();
        let mut fields: Vec<String> = event.as_object().unwrap().keys().cloned().collect();
        let mut expected = documented.get(name).unwrap_or_else(|| panic!("docs/events.md has no {name}")).clone();
        fields.sort();
        expected.sort();
        assert_eq!(fields, expected, "{name}");
        assert_eq!(event["schema"], "forensic.events/1");
    }
    let times: Vec<u64> = events.iter().map(|event| event["time"].as_u64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn programs_are_told_what_happens_while_people_watch() {
    let bench = Bench::new(EVENTFUL);
    let program = [BINARY, "run", "--run-id", "R", "--format", "json"];
    let out = File::create(bench.path().join("events.jsonl")).unwrap();
    let (code, rows, hidden, bytes) = Terminal::start(&bench, (24, 80), &program, Some(out.into())).end();
    assert_eq!(code, Some(1));
    assert_tidy(&rows, hidden);
    assert!(bytes.contains("\x1b[?2026h") && any(&rows, "failed    broken"), "it was not live: {bytes}");

    let events = events(&std::fs::read_to_string(bench.path().join("events.jsonl")).unwrap());
    assert_documented(&events);
    assert_eq!(
        story(&events),
        [
            "warning",
            "run_started",
            "stage_planned flaky",
            "stage_planned broken",
            "stage_planned never",
            "attempt_started flaky",
            "attempt_failed flaky",
            "attempt_started flaky",
            "stage_ended flaky",
            "attempt_started broken",
            "stage_ended broken",
            "stage_ended never",
            "report_ended",
            "run_ended",
        ]
    );
    assert_eq!((&events[1]["pipeline"], &events[1]["profile"]), (&"eventful".into(), &"test".into()));
    assert_eq!((&events[6]["message"], &events[6]["backoff_ns"]), (&"exit code 7: not yet".into(), &1_000_000.into()));
    assert_eq!((&events[8]["result"], &events[8]["attempts"]), (&"success".into(), &2.into()));
    assert_eq!((&events[10]["result"], &events[10]["done"]), (&"failure".into(), &2.into()));
    assert_eq!((&events[11]["result"], &events[11]["message"]), (&"skip".into(), &"needs broken".into()));
    let last = events.last().unwrap();
    assert_eq!((&last["result"], &last["stages"]["total"]), (&"failure".into(), &3.into()));
    assert!(std::path::Path::new(last["report"].as_str().unwrap()).is_file());
    assert!(std::path::Path::new(last["trace"].as_str().unwrap()).is_file());
}

#[test]
fn a_stopped_run_tells_its_events_to_the_end() {
    let bench = Bench::new(&STUBBORN.replace("HANDLER", ""));
    let told = bench.path().join("events.jsonl");
    let out = File::create(&told).unwrap();
    let child = bench.command(&["run", "--run-id", "R", "--format", "json"]).stdout(out).spawn().unwrap();
    let read = || std::fs::read_to_string(&told).unwrap();
    wait_until("the stage", || {
        std::fs::read_to_string(bench.run_dir().join("data/pid")).is_ok_and(|pid| !pid.is_empty())
    });
    for event in ["stopping", "killing"] {
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        wait_until(event, || read().contains(&format!("\"event\":\"{event}\"")));
    }
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(143), "{}", ran.stderr);
    let events = events(&read());
    assert_documented(&events);
    let story = story(&events);
    assert_eq!(
        story[story.len() - 5..],
        ["stopping", "stage_ended later", "killing", "stage_ended stubborn", "run_ended"].map(str::to_owned),
    );
    let stopping = &events[events.len() - 5];
    assert_eq!((&stopping["reason"], &stopping["signal"]), (&"signal".into(), &"SIGTERM".into()));
}

#[test]
fn a_reader_of_events_that_goes_away_ends_nothing() {
    let bench = Bench::new(EVENTFUL);
    let mut child = bench.command(&["run", "--run-id", "R", "--format", "json"]).spawn().unwrap();
    drop(child.stdout.take());
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("failure  eventful  run R") && !ran.stderr.contains("not all events"),
        "{}",
        ran.stderr
    );
    assert_eq!(bench.trace().result("broken"), "failure");
}
