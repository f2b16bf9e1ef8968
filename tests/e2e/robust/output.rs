//! Stages that write much, strangely, or nothing.

use super::assert_nothing_is_left;
use crate::support::Bench;

#[test]
fn half_a_gigabyte_of_output_is_complete_and_takes_no_memory() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "flood"
        [stages.flood]
        run = "yes 'a line of output that says nothing' | head -c 536870912; echo end >&2"
        [stages.peak]
        run = "grep VmHWM /proc/$PPID/status"
        needs = ["flood"]
        "#,
    );
    let ran = bench.run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_nothing_is_left(&bench);
    let log = bench.run_dir().join("logs/flood/1.out.log");
    assert_eq!(std::fs::metadata(log).unwrap().len(), 536_870_912);
    assert_eq!(bench.read("logs/flood/1.err.log"), "end\n");
    let peak = bench.read("logs/peak/1.out.log");
    let kib: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 100_000, "{peak}");
}

#[test]
fn a_stage_that_closes_its_output_goes_on() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "silent"
        [stages.silent]
        run = "exec >&- 2>&- <&-; sleep 0.3; : > $FORENSIC_DATA_DIR/done"
        [stages.half]
        run = "echo first; exec >&-; sleep 0.2; echo second >&2; exit 4"
        "#,
    );
    let ran = bench.run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_nothing_is_left(&bench);
    assert_eq!(bench.read("data/done"), "");
    assert_eq!(bench.trace().result("silent"), "success");
    assert_eq!(bench.read("logs/half/1.out.log") + &bench.read("logs/half/1.err.log"), "first\nsecond\n");
    assert_eq!(bench.trace().stage("half")["status_message"], "exit code 4: second");
}

#[test]
fn a_stream_that_says_nothing_has_no_log() {
    let bench = Bench::new(
        r#"
        [pipeline]
        name = "silent"
        [stages.silent]
        command = ["true"]
        [stages.fails]
        command = ["false"]
        [stages.says]
        run = "echo what went wrong; exit 3"
        "#,
    );
    let ran = bench.run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let logs = bench.run_dir().join("logs");
    let mut there: Vec<_> = std::fs::read_dir(&logs).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    there.sort();
    assert_eq!(there, ["says"]);
    assert!(!logs.join("says/1.err.log").exists());
    let trace = bench.trace();
    let told = |stage: &str| {
        let attempt = &trace.attempts(stage)[0]["attributes"];
        ["forensic.log.stdout", "forensic.log.stderr"].map(|key| attempt.get(key).cloned())
    };
    assert_eq!(told("silent"), [None, None]);
    assert_eq!(told("fails"), [None, None]);
    assert_eq!(told("says"), [Some("logs/says/1.out.log".into()), None]);
    // Who looks for the reason is led to what there is.
    let line = |stage: &str| ran.stderr.lines().find(|line| line.contains(stage)).unwrap_or_default().to_owned();
    assert!(line("says").contains("logs/says/1.out.log"), "{}", ran.stderr);
    assert!(!line("fails").contains("logs/"), "{}", ran.stderr);
    assert!(bench.markdown().contains("Last lines of `logs/says/1.out.log`"), "{}", bench.markdown());
}

#[test]
fn every_script_and_bytes_that_are_none_reach_the_record() {
    let name = "日本語 العربية עברית \u{202e}dlrow 👩\u{200d}🔬 é";
    let bench = Bench::new(&format!(
        r#"
        [pipeline]
        name = "{name}"
        [stages.speaks]
        command = ["python3", "speak.py", "👩\u200d🔬 \u202E العربية"]
        "#
    ));
    // Each as a line; the last has bytes that are no UTF-8, a NUL and an escape sequence.
    bench.write(
        "speak.py",
        "import sys\nout = sys.stdout.buffer\nout.write(sys.argv[1].encode() + b'\\n')\n\
         line = b'\\xff\\xfe\\x80 half \\xe6\\x97 \\x00 \\x1b[31mred\\x1b[0m \\xe2\\x80\\xae bidi'\n\
         out.write(line + b'\\r\\n' + line)\nout.flush()\n\
         sys.stderr.buffer.write(line + b'\\n')\nsys.exit(3)\n",
    );
    let ran = bench.run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let line = b"\xff\xfe\x80 half \xe6\x97 \x00 \x1b[31mred\x1b[0m \xe2\x80\xae bidi";
    let expected = ["👩\u{200d}🔬 \u{202e} العربية\n".as_bytes(), line, b"\r\n", line].concat();
    assert_eq!(std::fs::read(bench.run_dir().join("logs/speaks/1.out.log")).unwrap(), expected);
    let trace = bench.trace();
    assert_eq!(trace.run()["attributes"]["cicd.pipeline.name"], name);
    assert_eq!(trace.attempts("speaks")[0]["attributes"]["process.command_args"][2], "👩\u{200d}🔬 \u{202e} العربية");
    let message = trace.stage("speaks")["status_message"].as_str().unwrap();
    assert!(message.starts_with("exit code 3: ") && message.contains("half"), "{message}");
    assert!(!message.contains(|c: char| c.is_control()), "{message:?}");
    // A terminal or a reader of the report must not be led astray.
    for (what, text) in [("terminal", &ran.stderr), ("report", &bench.markdown())] {
        assert!(!text.contains(['\u{1b}', '\0', '\u{202e}']), "{what}: {text:?}");
        assert!(text.contains("日本語"), "{what}: {text}");
    }
}
