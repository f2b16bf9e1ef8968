//! Output of stages on its way back: all of it, in order, while the stage runs, and whatever its bytes are.

use super::cluster::shared;
use super::trial::Trial;

/// Output of every kind, always the same.
const SAY: &str = r#"
import os, sys, time
out, err = sys.stdout.buffer, sys.stderr.buffer
kind = sys.argv[1]
if kind == "much":
    line = b"%07d " + b"x" * 92 + b"\n"
    for number in range(200_000):
        out.write(line % number)
        if number % 1000 == 0:
            err.write(b"at %d\n" % number)
elif kind == "endless":
    out.write(b"no line break " * 300_000)
elif kind == "bytes":
    out.write(b"not UTF-8: \xff\xfe\x80 cut: \xe4\xb8")
    out.flush()
    out.write(b"\x96 whole; NUL: \x00; colours: \x1b[31mred\x1b[0m; return\rover\r\nlast line without an end")
    err.write("Grüße, 世界 🦀\n".encode() * 5000)
elif kind == "held":
    out.write(b"the shell left\n")
    out.flush()
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
"#;

#[test]
fn what_a_stage_says_is_the_same_as_here_byte_for_byte() {
    let Some(cluster) = shared() else { return };
    let kinds = ["much", "endless", "bytes", "held"];
    let stages =
        kinds.map(|kind| format!("[stages.{kind}]\ncommand = [\"python3\", \"say.py\", \"{kind}\"]\n")).concat();
    let there = Trial::new(cluster, "", &stages);
    let here = Trial::new(cluster, "", &stages);
    for trial in [&there, &here] {
        trial.bench.write("say.py", SAY);
    }
    assert_eq!(there.run(), Some(0));
    assert_eq!(here.call(&["run", "--run-id", &here.id, "--executor", "local"]), Some(0));
    for kind in kinds {
        for stream in ["out", "err"] {
            let log = format!("logs/{kind}/1.{stream}.log");
            let read = |trial: &Trial<'_>| std::fs::read(trial.run_dir().join(&log)).ok();
            let (there, here) = (read(&there), read(&here));
            // Not `assert_eq`: it would print 20 MB.
            let length = |log: &Option<Vec<u8>>| log.as_ref().map(Vec::len);
            assert!(there == here, "{log}: {:?} bytes there, {:?} here", length(&there), length(&here));
        }
    }
    let size = std::fs::metadata(there.run_dir().join("logs/much/1.out.log")).unwrap().len();
    assert_eq!(size, 200_000 * 101);
    assert_eq!(there.left(), [""; 0]);
}

#[test]
fn output_can_be_read_while_the_stage_runs() {
    let Some(cluster) = shared() else { return };
    let stage =
        "[stages.slow]\nrun = '''echo first; until [ -e $FORENSIC_DATA_DIR/go ]; do sleep 0.02; done; echo second'''\n";
    let trial = Trial::new(cluster, "", stage);
    let running = trial.start();
    let log = trial.run_dir().join("logs/slow/1.out.log");
    trial.until("the first line", || std::fs::read_to_string(&log).is_ok_and(|text| text == "first\n"));
    std::fs::write(trial.run_dir().join("data/go"), "").unwrap();
    assert_eq!(running.wait(), Some(0));
    assert_eq!(trial.read("logs/slow/1.out.log"), "first\nsecond\n");
}
