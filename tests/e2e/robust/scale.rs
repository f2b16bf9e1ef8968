//! Very many stages.

use std::fmt::Write as _;

use super::assert_nothing_is_left;
use crate::support::Bench;

const STAGES: usize = 10_000;

#[test]
fn ten_thousand_stages_are_all_recorded_in_little_memory() {
    let mut pipeline = "[pipeline]\nname = \"many\"\n".to_owned();
    for number in 0..STAGES {
        // A hundred chains of a hundred.
        let needs = if number < 100 { String::new() } else { format!("needs = [\"s{}\"]\n", number - 100) };
        writeln!(pipeline, "[stages.s{number}]\ncommand = [\"/bin/true\"]\n{needs}").unwrap();
    }
    let bench = Bench::new(&pipeline);
    // What it took at most, in KiB, is known once it has been waited for.
    let measure = "import resource, subprocess, sys\n\
                   code = subprocess.call(sys.argv[1:])\n\
                   print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\nsys.exit(code)";
    let mut command = std::process::Command::new("python3");
    command.args(["-c", measure, crate::support::BINARY, "run", "--run-id", "R", "-q"]).current_dir(bench.path());
    let ran: crate::support::Ran = command.env("NO_COLOR", "1").output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_nothing_is_left(&bench);
    let trace = bench.trace();
    assert_eq!(trace.kind("stage").len(), STAGES);
    assert_eq!(trace.kind("attempt").len(), STAGES);
    assert!(trace.kind("attempt").iter().all(|attempt| attempt["attributes"]["process.exit.code"] == 0));
    let record = bench.json("run.json");
    assert_eq!(record["stages"]["success"], STAGES);
    let kib: u64 = ran.stdout.trim().parse().unwrap();
    assert!(kib < 256 << 10, "{kib} KiB");
}
