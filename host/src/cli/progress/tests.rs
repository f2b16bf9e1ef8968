//! The view as a whole: what stands in the window, what is written where there is none, and what programs are told.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::board::Board;
use super::draw::area;
use super::lines::{self, Columns, sign_of_life};
use super::output::Output;
use super::printer::{Printer, Said, Style};
use super::tail::Logs;
use super::testing::{expecting, members, pipeline};
use super::text::{Line, columns};
use super::*;
use crate::dag::{StageResult, StopReason};
use crate::plan::RunPlan;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn drawn(board: &mut Board, now: u64, width: usize, height: usize) -> Vec<String> {
    area(board, seconds(now), width, height).iter().map(|line| line.render(false)).collect()
}

/// Two slots; a matrix `{year}.fit` of four, `load` before it, `publish` after.
fn board() -> Board {
    let mut stages = pipeline(&[
        ("load", &[]),
        ("2021.fit", &[0]),
        ("2022.fit", &[0]),
        ("2023.fit", &[0]),
        ("2024.fit", &[0]),
        ("publish", &[1, 2, 3, 4]),
    ]);
    members(&mut stages, 1..5, "{year}.fit");
    let plan = expecting(&stages, &[Some(10), Some(40), Some(40), Some(40), None, Some(5)]);
    let mut board = Board::new(&stages, &plan, 2);
    board.attempt_started("load", 1, seconds(0));
    board
}

#[test]
fn a_run_from_its_start_to_its_end() {
    let mut board = board();
    assert_eq!(
        drawn(&mut board, 4, 80, 24),
        ["  load  4 s of about 10 s", "[0/6] · 1 of 2 slots · 5 waiting · 4 s · about 1 min 19 s left"]
    );
    assert_eq!(drawn(&mut board, 12, 80, 24)[0], "  load  12 s, usually 10 s");

    board.stage_ended("load", StageResult::Success, false, false);
    board.attempt_started("2021.fit", 1, seconds(12));
    board.attempt_started("2022.fit", 1, seconds(13));
    assert_eq!(
        drawn(&mut board, 20, 80, 24),
        [
            "  {year}.fit  2 running, 0 of 4 done",
            "    2021.fit  8 s of about 40 s",
            "    2022.fit  7 s of about 40 s",
            "[1/6] · 2 of 2 slots · 1 ok · 3 waiting · 20 s · about 1 min 11 s left",
        ]
    );

    board.attempt_failed("2021.fit", 1, "exit code 7: no\tsuch\x1b[31m file", seconds(5), seconds(21));
    board.stage_ended("2022.fit", StageResult::Failure, false, false);
    board.attempt_started("2024.fit", 1, seconds(21));
    assert_eq!(
        drawn(&mut board, 22, 80, 24)[..3],
        [
            "  {year}.fit  1 running, 1 of 4 done",
            "    2021.fit  again in 4 s (attempt 1: exit code 7: no    such file)",
            "    2024.fit  1 s",
        ]
    );
    board.attempt_started("2021.fit", 2, seconds(26));
    assert_eq!(drawn(&mut board, 27, 80, 24)[1], "    2021.fit  1 s of about 40 s, attempt 2");

    board.stage_ended("2021.fit", StageResult::Success, false, false);
    board.stage_ended("2023.fit", StageResult::Success, true, false);
    board.stage_ended("2024.fit", StageResult::Timeout, false, true);
    assert_eq!(
        drawn(&mut board, 3700, 120, 24),
        [
            "[5/6] · 0 of 2 slots · 2 ok · 1 failed · 1 failed as allowed · 1 cached · 1 waiting · 1 h 1 min · about 5 s left"
        ]
    );
    board.stage_ended("publish", StageResult::Skip, false, false);
    // Nobody is told twice.
    board.stage_ended("publish", StageResult::Success, false, false);
    assert_eq!(
        drawn(&mut board, 90_061, 120, 24),
        ["[6/6] · 2 ok · 1 failed · 1 failed as allowed · 1 cached · 1 skipped · 1 d 1 h"]
    );
}

#[test]
fn what_does_not_fit_is_counted() {
    let ids: Vec<String> = (0..200).map(|at| format!("stage.{at}")).collect();
    let stages: Vec<(&str, &[usize])> = ids.iter().map(|id| (id.as_str(), [].as_slice())).collect();
    let stages = pipeline(&stages);
    let mut board = Board::new(&stages, &RunPlan::run_all(&stages), 64);
    ids[..64].iter().for_each(|id| board.attempt_started(id, 1, seconds(0)));
    assert_eq!(
        drawn(&mut board, 75, 40, 10),
        [
            "  stage.0  1 min 15 s",
            "  stage.1  1 min 15 s",
            "  stage.2  1 min 15 s",
            "  stage.3  1 min 15 s",
            "  … and 60 more",
            "[0/200] · 64 of 64 slots · 1 min 15 s",
        ]
    );
    assert_eq!(drawn(&mut board, 75, 26, 2), ["[0/200] · 1 min 15 s"], "the most important things stay longest");
    assert_eq!(drawn(&mut board, 75, 6, 3), ["[0/2…"]);
    assert!(drawn(&mut board, 75, 40, 1).is_empty(), "a window without room");
}

#[test]
fn who_asks_to_stop_is_told_what_comes_next() {
    let mut board = board();
    board.stopping = Some(StopReason::Signal(2));
    let shown = drawn(&mut board, 4, 80, 24);
    assert_eq!(shown[1], "stopping … Ctrl-C once more to kill (1 attempt; by SIGINT)");
    assert!(!shown[2].contains("left"), "{shown:?}");
    assert_eq!(drawn(&mut board, 4, 40, 10)[1], "stopping … Ctrl-C once more to kill (1…");
    board.killing = true;
    assert_eq!(drawn(&mut board, 5, 80, 24)[1], "killing 1 attempt");
    board.stage_ended("load", StageResult::Cancellation, false, false);
    assert_eq!(drawn(&mut board, 6, 80, 24)[0], "stopped by SIGINT");
}

#[test]
fn the_forecast_is_a_second_old_at_most_and_counts_down() {
    let mut board = board();
    assert_eq!(board.left(seconds(1)), Some(Duration::from_millis(80_500)));
    assert_eq!(board.left(Duration::from_millis(1500)), Some(Duration::from_millis(80_000)));
}

proptest! {
    #[test]
    fn no_more_lines_than_fit_and_none_too_wide(
        ids in prop::collection::hash_set("[a-z](\\.?[a-z0-9]){0,30}", 1..30),
        width in 1usize..130,
        height in 1usize..40,
        deeds in prop::collection::vec((0usize..30, 0u8..6, ".{0,30}"), 0..60),
        stop in 0u8..4,
    ) {
        let ids: Vec<String> = ids.into_iter().map(|id| id.replace("..", "."))
            .collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        let stages: Vec<(&str, &[usize])> = ids.iter().map(|id| (id.as_str(), [].as_slice())).collect();
        let mut stages = pipeline(&stages);
        let half = ids.len() / 2;
        members(&mut stages, 0..half, "{表}.👩‍🚀.of");
        let mut board = Board::new(&stages, &RunPlan::run_all(&stages), 4);
        for (at, deed, text) in deeds {
            let id = &ids[at % ids.len()];
            match deed {
                0..=2 => board.attempt_started(id, u32::from(deed) + 1, seconds(at as u64)),
                3 => board.attempt_failed(id, 1, &text, seconds(60), seconds(9)),
                4 => board.stage_ended(id, StageResult::Failure, false, false),
                _ => board.stage_ended(id, StageResult::Success, true, false),
            }
        }
        board.stopping = [None, Some(StopReason::Signal(2)), Some(StopReason::Timeout), Some(StopReason::StageFailed)][usize::from(stop)];
        let shown = drawn(&mut board, 100_000, width, height);
        prop_assert!(shown.len() < height, "{shown:#?}");
        for line in &shown {
            prop_assert!(columns(line) < width && !line.chars().any(char::is_control), "{line:?}");
        }
        if width > 12 && height > 1 {
            let status = shown.last().cloned().unwrap_or_default();
            prop_assert!(status.starts_with('['), "{status:?}");
        }
    }
}

/// What is said of events on the way through [`lines::line`].
fn told(level: Level, event: &RunEvent<'_>) -> Option<String> {
    lines::line(event, level, Columns { total: 12, id: 6 }).map(|line| line.render(false))
}

fn ended<'a>(result: StageResult) -> RunEvent<'a> {
    RunEvent::StageEnded {
        stage: "a.b",
        result,
        duration: Duration::from_millis(1500),
        attempts: 1,
        message: None,
        log: None,
        saved: None,
        allowed: false,
        done: 3,
        time: 0,
    }
}

#[test]
fn each_event_has_its_line() {
    let mut cached = ended(StageResult::Success);
    let mut failed = ended(StageResult::Failure);
    let mut skipped = ended(StageResult::Skip);
    if let RunEvent::StageEnded { saved, attempts, .. } = &mut cached {
        (*saved, *attempts) = (Some(seconds(75)), 0);
    }
    if let RunEvent::StageEnded { message, attempts, log, .. } = &mut failed {
        (*message, *attempts, *log) = (Some("exit code 3: \x1b[1mno\x1b[0m 表\n"), 2, Some("data/logs/a.b/2.err.log"));
    }
    if let RunEvent::StageEnded { message, attempts, .. } = &mut skipped {
        (*message, *attempts) = (Some("needs x"), 0);
    }
    for (event, line) in [
        (&ended(StageResult::Success), "  [ 3/12] ok        a.b     1.500 s"),
        (&cached, "  [ 3/12] cached    a.b     saved 1 min 15.0 s"),
        (&failed, "  [ 3/12] failed    a.b     1.500 s, 2 attempts  (exit code 3: no 表)  data/logs/a.b/2.err.log"),
        (&skipped, "  [ 3/12] skipped   a.b     (needs x)"),
        (
            &RunEvent::AttemptFailed { stage: "a.b", attempt: 1, message: "exit code 3", backoff: seconds(2) },
            "          retry     a.b     (attempt 1: exit code 3; again in 2.000 s)",
        ),
        (
            &RunEvent::Stopping { reason: StopReason::Signal(2), running: 2 },
            "stopping by SIGINT: 2 running attempts are asked to end; once more to kill",
        ),
        (&RunEvent::Killing { running: 1 }, "killing 1 running attempt"),
        (&RunEvent::Warning { text: "look" }, "warning: look"),
    ] {
        assert_eq!(told(Level::Normal, event).as_deref(), Some(line));
    }
    assert_eq!(told(Level::Quiet, &skipped), None);
    assert!(told(Level::Quiet, &failed).is_some());
    if let RunEvent::StageEnded { allowed, .. } = &mut failed {
        *allowed = true;
    }
    assert!(told(Level::Normal, &failed).is_some_and(|line| line.contains("2 attempts, allowed  (exit")));
    assert_eq!(told(Level::Quiet, &failed), None);
    let silent = |event| told(Level::Silent, event);
    assert_eq!((silent(&failed), silent(&RunEvent::Warning { text: "x" }).as_deref()), (None, Some("warning: x")));
}

#[test]
fn the_last_lines_of_what_failed() {
    let folder = tempfile::TempDir::new().unwrap();
    let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
    let lines = || -> Vec<String> {
        let lines = Logs::new(folder.path(), "1.err.log").last_lines();
        lines.iter().map(|line| line.render(false).replace("          │ ", "")).collect()
    };
    assert!(lines().is_empty(), "no log at all");
    write("1.err.log", b"\n  \n");
    write("1.out.log", b"from standard output\n");
    assert_eq!(lines(), ["from standard output"]);
    write("1.err.log", b"1\n2\n3\n4\n5\n10 %\r 90 %\r100 %\r\n\x1b[31mred\x1b[0m \xff\x07\n\n");
    assert_eq!(lines()[..4], ["3", "4", "5", "100 %"]);
    assert!(lines()[4].starts_with("red \u{fffd}"), "{:?}", lines());
    let mut long = vec![b'x'; 1 << 20];
    long.extend_from_slice(b"\nthe end");
    write("1.err.log", &long);
    assert_eq!(lines(), ["the end"]);
    write("1.err.log", &vec![b'y'; 1 << 20]);
    assert_eq!(lines().len(), 1, "one line without end");
    // What a stage may have put there is neither followed nor waited for.
    for path in ["1.err.log", "1.out.log"] {
        std::fs::remove_file(folder.path().join(path)).unwrap();
    }
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("1.err.log")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.path().join("1.out.log"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    assert!(lines().is_empty());
}

const PLAIN: Style = Style { live: false, colors: false, heartbeat: None };

fn said(text: &str) -> Said {
    Said { line: Line::default().and(text), logs: None }
}

#[test]
fn plain_lines_come_in_order_and_all_of_them() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut printer = Printer::start(Output::to(file.as_file()), PLAIN);
    let lines: Vec<String> = (0..5000).map(|at| format!("line {at}")).collect();
    lines.iter().for_each(|line| printer.say(said(line)));
    printer.finish(&|| false);
    assert_eq!(std::fs::read_to_string(file.path()).unwrap().lines().collect::<Vec<_>>(), lines);
}

#[test]
fn a_silent_run_gives_signs_of_life() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let style = Style { heartbeat: Some(Duration::from_millis(20)), ..PLAIN };
    let mut printer = Printer::start(Output::to(file.as_file()), style);
    printer.begin(board());
    let read = || std::fs::read_to_string(file.path()).unwrap();
    while read().lines().count() < 2 {
        std::thread::sleep(Duration::from_millis(1));
    }
    printer.finish(&|| false);
    assert!(read().lines().all(|line| line == "still running: load (0 s)"), "{}", read());

    let stages: Vec<String> = (0..9).map(|at| format!("s{at}")).collect();
    let stages: Vec<(&str, &[usize])> = stages.iter().map(|id| (id.as_str(), [].as_slice())).collect();
    let stages = pipeline(&stages);
    let mut board = Board::new(&stages, &RunPlan::run_all(&stages), 9);
    assert_eq!(sign_of_life(&board, seconds(1)), None, "nothing runs");
    stages.stages.iter().for_each(|stage| board.attempt_started(stage.id.as_str(), 1, seconds(0)));
    board.attempt_failed("s1", 1, "no", seconds(200), seconds(10));
    let line = sign_of_life(&board, seconds(123)).unwrap().render(false);
    let named = "s0 (2 min 3 s), s1 (again in 1 min 27 s), s2 (2 min 3 s), s3 (2 min 3 s), s4 (2 min 3 s), and 4 more";
    assert_eq!(line, format!("still running: {named}"));
}

#[test]
fn a_reader_that_goes_away_ends_nothing() {
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    drop(reader);
    let mut printer = Printer::start(Output::to(&writer), Style { live: true, ..PLAIN });
    printer.begin(board());
    printer.say(said("nobody reads this"));
    printer.finish(&|| false);

    let (reader, writer) = rustix::pipe::pipe().unwrap();
    drop(reader);
    let mut events = EventLines::start(std::fs::File::from(writer)).unwrap();
    for _ in 0..1000 {
        events.tell(&RunEvent::Warning { text: "nobody reads this" });
    }
    events.finish(&|| false).unwrap();
}

#[test]
fn a_panic_finds_the_terminal_in_order() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut printer = Printer::start(Output::to(file.as_file()), Style { live: true, ..PLAIN });
    printer.begin(board());
    let read = || std::fs::read_to_string(file.path()).unwrap();
    while !read().contains("[0/6]") {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(read().contains("\x1b[?25l"));
    // The thread that writes may be writing just now; then the panic doesn't wait for it.
    printer.shared().without_area(false, || assert!(read().contains("\x1b[J\x1b[?25h")));
    printer.shared().without_area(true, || ());
    printer.finish(&|| false);
    let text = read();
    assert_eq!(text.matches("\x1b[?25l").count(), text.matches("\x1b[?25h").count());
    assert!(text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l"));
}

#[test]
fn a_reader_that_does_not_read_can_be_left() {
    let (_reader, writer) = rustix::pipe::pipe().unwrap();
    let mut printer = Printer::start(Output::to(&writer), PLAIN);
    let text = "x".repeat(10_000);
    // More than a pipe holds: saying it does not wait.
    (0..100).for_each(|_| printer.say(said(&text)));
    printer.finish(&|| true);
}

#[test]
fn events_are_lines_of_json_in_order() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut events = EventLines::start(file.reopen().unwrap()).unwrap();
    let mut stages = pipeline(&[("a", &[]), ("b", &[0])]);
    members(&mut stages, 0..1, "{x}");
    let mut plan = expecting(&stages, &[Some(2), None]);
    plan.resumed_from = Some("Q".into());
    let directory = Path::new("/runs/R");
    events.tell(&RunEvent::RunStarted {
        run_id: "R",
        directory,
        pipeline: &stages,
        plan: &plan,
        slots: 3,
        time: 1 << 62,
    });
    events.tell(&RunEvent::Warning { text: "two\nlines" });
    events.finish(&|| false).unwrap();
    let text = std::fs::read_to_string(file.path()).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["schema"] == "forensic.events/1"));
    let names: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["run_started", "stage_planned", "stage_planned", "warning"]);
    assert_eq!((&lines[0]["resumed_from"], &lines[0]["stages"]), (&"Q".into(), &2.into()));
    assert_eq!(lines[1]["member_of"], "{x}");
    assert_eq!(
        (&lines[1]["expected_ns"], &lines[2]["expected_ns"]),
        (&2_000_000_000_u64.into(), &serde_json::Value::Null)
    );
    assert_eq!(lines[2]["needs"], serde_json::json!(["a"]));
    assert_eq!(lines[3]["text"], "two\nlines");
    assert_eq!(lines[3]["time"], 1_u64 << 62, "times never go back");
}
