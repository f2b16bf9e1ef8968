//! The example that the README runs: a meta portfolio on real prices, in Python, with every first-party plugin.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{BINARY, Bench, shared_cache, wait_until, workspace};

/// Set by `tests/run` to the `bin` folder of an environment with the example's packages.
const PYTHON: &str = "EXAMPLE_PYTHON_BIN";

#[test]
fn the_example_runs_and_its_report_holds_every_section_with_numbers() {
    let Some(python) = std::env::var_os(PYTHON) else {
        eprintln!("SKIPPED: {PYTHON} is not set; tests/run sets it");
        return;
    };
    let bench = Bench::new("");
    let output = example(&bench, &python, &["--run-id", "R"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("forensic_report.md"), "{stderr}");

    let report = bench.json("reports/forensic_report.json");
    let stages = report["summary"]["stages"].as_array().unwrap();
    assert_eq!(stages.len(), 51);
    // Without the marks that keep text from being markup.
    let markdown = bench.markdown().replace('\\', "");
    for stage in stages {
        assert_eq!(stage["result"], "success", "{stage}");
        // Members of a matrix may share a row.
        let id = stage["id"].as_str().unwrap();
        let shared = stage["member_of"].as_str().unwrap_or(id);
        assert!(markdown.contains(id) || markdown.contains(shared), "{id} has no row");
    }
    for reported in report["reports"].as_array().unwrap() {
        assert!(reported["error"].is_null(), "{}: {}", reported["id"], reported["error"]);
    }
    let reported: Vec<&str> = report["reports"].as_array().unwrap().iter().filter_map(|it| it["id"].as_str()).collect();
    assert_eq!(reported.len(), 26);
    assert_eq!(reported.last(), Some(&"risk.report_index"));
    // The entry page leads to the other pages.
    let index = bench.read("reports/risk.report_index.md");
    for id in reported.iter().filter(|id| **id != "risk.report_index") {
        assert!(index.contains(&format!("({id}.md)")), "{id} has no link in {index}");
    }
    for heading in [
        "Total duration",
        "speedup",
        "efficiency",
        "Tournament",
        "sign test",
        "Correlation",
        "Anomal",
        "Selection alpha",
        "Optimization alpha",
        "Return and Sharpe decay",
        "Executive summary",
        "Guardrails",
        "Slowest stages",
    ] {
        assert!(markdown.to_lowercase().contains(&heading.to_lowercase()), "{heading} is not in the report");
    }
    assert!(report["summary"]["speedup"].as_f64().unwrap() > 1.0);

    killed_and_resumed(&bench, &python);
    crate::ray::the_same_there(&bench);
}

/// `run example/pipeline.toml` with these arguments.
fn example(bench: &Bench, python: &OsStr, arguments: &[&str]) -> Command {
    let mut path = python.to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new(BINARY);
    command
        .arg("run")
        .arg(workspace().join("example/pipeline.toml"))
        .args(arguments)
        .current_dir(bench.path())
        .env("PATH", path)
        .env("XDG_CACHE_HOME", shared_cache())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// A run that is killed half-way and resumed ends with the same files and pages as the undisturbed run `R`, apart from ids
/// and times.
fn killed_and_resumed(bench: &Bench, python: &OsStr) {
    // A root of its own, where no cache has anything yet.
    let runs = bench.path().join("other/summaries/runs");
    let mut half = example(bench, python, &["--run-id", "H", "--root", "other"]).stderr(Stdio::null()).spawn().unwrap();
    let manifests = || std::fs::read_dir(runs.join("H/stages")).map_or(0, |folder| folder.count());
    wait_until("half of the results", || manifests() >= 20);
    half.kill().unwrap();
    half.wait().unwrap();

    let output = example(bench, python, &["--run-id", "S", "--root", "other", "--resume", "H"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let record: Value = serde_json::from_slice(&std::fs::read(runs.join("S/run.json")).unwrap()).unwrap();
    assert!(record["stages"]["cached"].as_u64().unwrap() >= 20, "{}", record["stages"]);

    let (undisturbed, resumed) = (bench.run_dir(), runs.join("S"));
    let files = files(&undisturbed, "data");
    assert_eq!(files, self::files(&resumed, "data"));
    let mut compared = 0;
    for file in files.iter().filter(|file| !file.ends_with("audit.jsonl") && !file.contains("forensic_trace")) {
        let read = |run: &Path| without_ids(&std::fs::read_to_string(run.join(file)).unwrap());
        assert_eq!(read(&undisturbed), read(&resumed), "{file}");
        compared += 1;
    }
    assert!(compared > 100, "{compared} files");
    // Pages that show nothing of the run's own times. Fuel counts each character that is read, so ids of another length
    // change it.
    let mut pages = 0;
    for page in self::files(&undisturbed, "reports") {
        let timed = ["forensic_report", "report_meta", "report_portfolio", "report_index"];
        if !page.ends_with(".md") || timed.iter().any(|name| page.contains(name)) {
            continue;
        }
        let read = |run: &Path| {
            let text = without_ids(&std::fs::read_to_string(run.join(&page)).unwrap());
            let own = |line: &&str| !line.contains("`builtin:") && !line.contains("Generated (end of the run");
            text.lines().filter(own).map(str::to_owned).collect::<Vec<_>>()
        };
        for (line, other) in read(&undisturbed).iter().zip(&read(&resumed)) {
            assert_eq!(line, other, "{page}");
        }
        assert_eq!(read(&undisturbed).len(), read(&resumed).len(), "{page}");
        pages += 1;
    }
    assert!(pages >= 15, "{pages} pages");
}

/// Files below a folder of a run, ascending.
fn files(run: &Path, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(run.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() { found.extend(files(run, &name)) } else { found.push(name) }
    }
    found.sort();
    found
}

/// The runs' ids are words of one letter; whatever else is such a word is so on both sides.
pub(crate) fn without_ids(text: &str) -> String {
    let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let masked = words.map(|word| match word.strip_prefix(['R', 'H', 'S']) {
        Some(rest) if rest.chars().all(|c| !c.is_ascii_alphanumeric()) => format!("RUN{rest}"),
        _ => word.to_owned(),
    });
    masked.collect()
}
