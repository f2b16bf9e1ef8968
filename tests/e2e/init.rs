//! A first pipeline: made, run as the program says, and never at the cost of what was there.

use std::path::Path;
use std::process::Command;

use crate::support::{BINARY, Bench};

/// Runs what `init` printed, in a shell, with the program under its own name.
fn follow(bench: &Bench, told: &str) {
    let bin = bench.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(BINARY, bin.join("forensic-host")).unwrap();
    let lines: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert!(lines[0].starts_with("cd ") && lines.len() >= 4, "{told}");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let script = format!("set -e\n{}\n", lines.join("\n"));
    let mut command = bench.command(&[]);
    let environment: Vec<_> =
        command.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect();
    command = Command::new("sh");
    let output =
        command.args(["-c", &script]).envs(environment).env("PATH", path).current_dir(bench.path()).output().unwrap();
    assert!(output.status.success(), "{}\n{}", script, String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_is_made_runs_at_once_and_is_reused_when_it_runs_again() {
    for template in ["python", "shell"] {
        let bench = Bench::new("");
        let made = bench.call(&["init", "my first", "--template", template]);
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        follow(&bench, &made.stderr);
        let folder = bench.path().join("my first");
        let ignore = std::fs::read_to_string(folder.join(".gitignore")).unwrap();
        assert!(ignore.lines().any(|line| line == "/data/artifacts/"), "{ignore}");
        let mut runs: Vec<_> = std::fs::read_dir(folder.join("data/artifacts/summaries/runs"))
            .unwrap()
            .map(|run| run.unwrap().path())
            .collect();
        runs.retain(|run| !run.is_symlink());
        runs.sort();
        let [first, second] = &runs[..] else { panic!("two runs: {runs:?}") };
        let page = |run: &Path| std::fs::read_to_string(run.join("reports/tearsheet.md")).unwrap();
        // The frame tells how the plugin fared; a finding or a value that is bad has the other mark, too.
        let told = page(first);
        assert!(told.contains("| ✅ ok ") && told.contains("Sharpe") && !told.contains('❌'), "{told}");
        let report: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(second.join("reports/forensic_report.json")).unwrap())
                .unwrap();
        let stages = report["summary"]["stages"].as_array().unwrap();
        assert_eq!(stages.len(), 5);
        let reused = |id: &str| stages.iter().find(|stage| stage["id"] == id).unwrap()["cached"] == true;
        assert!(reused("oak.prices") && reused("elm.prices") && reused("combine"), "{report:#}");
    }
}

#[test]
fn nothing_is_overwritten() {
    for there in ["pipeline.toml", "stages/combine.sh"] {
        let bench = Bench::new("");
        let folder = bench.path().join("f");
        std::fs::create_dir_all(folder.join("stages")).unwrap();
        std::fs::write(folder.join(there), "mine").unwrap();
        std::fs::write(folder.join(".gitignore"), "*.o").unwrap();
        let ran = bench.call(&["init", "f", "--template", "shell"]);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(there) && ran.stderr.contains("nothing was written"), "{}", ran.stderr);
        assert_eq!(std::fs::read_to_string(folder.join(there)).unwrap(), "mine");
        assert_eq!(std::fs::read_to_string(folder.join(".gitignore")).unwrap(), "*.o");
        assert_eq!(std::fs::read_dir(folder.join("stages")).unwrap().count(), usize::from(there.starts_with("stages")));
    }
}
