//! The example that the README runs: a meta portfolio on real prices, in Python, with every first-party plugin.

use std::process::Stdio;

use crate::support::{BINARY, Bench, shared_cache, workspace};

/// Set by `tests/run` to the `bin` folder of an environment with the example's packages.
const PYTHON: &str = "EXAMPLE_PYTHON_BIN";

#[test]
fn the_example_runs_and_its_report_holds_every_section_with_numbers() {
    let Some(python) = std::env::var_os(PYTHON) else {
        eprintln!("SKIPPED: {PYTHON} is not set; tests/run sets it");
        return;
    };
    let bench = Bench::new("");
    let example = workspace().join("example/pipeline.toml");
    let mut path = python;
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let output = std::process::Command::new(BINARY)
        .args(["run", example.to_str().unwrap(), "--run-id", "R"])
        .current_dir(bench.path())
        .env("PATH", path)
        .env("XDG_CACHE_HOME", shared_cache())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("forensic_report.md"), "{stderr}");

    let report = bench.json("reports/forensic_report.json");
    let stages = report["summary"]["stages"].as_array().unwrap();
    assert_eq!(stages.len(), 51);
    let markdown = bench.markdown();
    for stage in stages {
        assert_eq!(stage["result"], "success", "{stage}");
        // Markdown may escape an underscore.
        let id = stage["id"].as_str().unwrap();
        assert!(markdown.contains(id) || markdown.contains(&id.replace('_', "\\_")), "{id} has no row");
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
}
