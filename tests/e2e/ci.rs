//! What a CI system is told of a run, with the variables that it sets.

use std::path::Path;

use crate::support::{Bench, Ran, hostile_guest};

/// A stage that fails with words that are commands to GitHub, one that may not run for it, and a report with a finding.
fn pipeline() -> Bench {
    let bench = Bench::new(
        "[pipeline]\nname = \"ci\"\n\
         [stages.good]\nrun = 'true'\n\
         [stages.bad]\nrun = '''echo '::error title=pwned::x' >&2; echo 'see ##[group]y' >&2; exit 3'''\n\
         [stages.after]\nrun = 'true'\nneeds = [\"bad\"]\n\
         [[report]]\nid = \"finds\"\nplugin = \"hostile.wasm\"\nconfig = { do = \"find\" }\n\
         [[report]]\nid = \"lost\"\nplugin = \"hostile.wasm\"\nconfig = { do = \"error\" }\n",
    );
    bench.write("hostile.wasm", hostile_guest());
    bench
}

fn github(bench: &Bench, arguments: &[&str]) -> Ran {
    let mut command = bench.command(arguments);
    command.env("GITHUB_ACTIONS", "true").env("CI", "true").env("CLICOLOR_FORCE", "1").env_remove("NO_COLOR");
    command.env("GITHUB_STEP_SUMMARY", bench.path().join("summary.md"));
    command.env("GITHUB_OUTPUT", bench.path().join("output"));
    command.output().unwrap().into()
}

/// Lines that GitHub's runner obeys.
fn obeyed(text: &str) -> Vec<&str> {
    text.split(['\n', '\r']).filter(|line| line.trim_start().starts_with("::") || line.contains("##[")).collect()
}

#[test]
fn github_gets_annotations_a_summary_and_outputs_and_standard_output_stays_data() {
    let bench = pipeline();
    bench.write("summary.md", "# Said before\n");
    let ran = github(&bench, &["run", "--run-id", "R", "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let printed: serde_json::Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(printed["run_id"], "R");
    assert!(!ran.stderr.contains('\u{1b}'), "{:?}", ran.stderr);

    let commands = obeyed(&ran.stderr);
    let starts = [
        "::group::Stage bad failed: the end of logs/",
        "::endgroup::",
        "::error title=Stage bad failed::",
        "::warning title=Report lost failed::",
        "::warning title=finds%3A stage a::It could be better.",
    ];
    assert_eq!(commands.len(), starts.len(), "{commands:#?}");
    for (command, start) in commands.iter().zip(starts) {
        assert!(command.starts_with(start), "{command}");
    }
    assert!(commands[2].contains("\\::error title=pwned::x%0Asee ##\\[group]y"), "{}", commands[2]);
    assert!(ran.stderr.contains("\n\\::error title=pwned::x\nsee ##\\[group]y\n::endgroup::\n"), "{}", ran.stderr);

    let summary = std::fs::read_to_string(bench.path().join("summary.md")).unwrap();
    assert!(summary.starts_with("# Said before\n# Forensic report of run R\n"), "{summary}");
    assert!(summary.contains("### What failed") && summary.contains("## Reports"), "{summary}");
    assert!(!summary.contains("## Report finds"), "{summary}");

    let output = std::fs::read_to_string(bench.path().join("output")).unwrap();
    let mut lines = output.lines();
    let delimiter = lines.next().unwrap().strip_prefix("run_id<<").unwrap().to_owned();
    assert!(delimiter.len() > 32, "{delimiter}");
    assert_eq!(lines.next(), Some("R"));
    assert_eq!(lines.next(), Some(&*delimiter));
    let report = bench.run_dir().join("reports/forensic_report.md").canonicalize().unwrap();
    let told = output.lines().find(|line| line.ends_with("forensic_report.md")).unwrap();
    assert_eq!(Path::new(told).canonicalize().unwrap(), report);

    // A second time, another delimiter; and nothing at all where nobody asked.
    github(&bench, &["run", "--run-id", "R2"]);
    let output = std::fs::read_to_string(bench.path().join("output")).unwrap();
    assert_eq!(output.matches(&delimiter).count(), 8);
    let ran = github(&bench, &["run", "--run-id", "R3", "--ci", "none"]);
    assert!(obeyed(&ran.stderr).is_empty(), "{}", ran.stderr);
    assert!(!std::fs::read_to_string(bench.path().join("output")).unwrap().contains("R3"));
}

#[test]
fn a_summary_that_cannot_be_written_is_a_warning() {
    let bench = pipeline();
    let mut command = bench.command(&["run", "--ci", "github"]);
    command.env("GITHUB_STEP_SUMMARY", bench.path());
    let ran: Ran = command.output().unwrap().into();
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("warning: can't write to GITHUB_STEP_SUMMARY"), "{}", ran.stderr);
}

#[test]
fn gitlab_gets_sections_junit_and_a_dotenv_report() {
    let bench = pipeline();
    let mut command =
        bench.command(&["run", "--run-id", "R", "--junit", "out/junit.xml", "--ci-dotenv", "out/forensic.env"]);
    let ran: Ran = command.env("GITLAB_CI", "true").env("CI", "true").output().unwrap().into();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let names: Vec<String> = ran
        .stderr
        .split("section_")
        .skip(1)
        .map(|marker| {
            let mut parts = marker.split(['\r', ':', '[']);
            let (what, time, name) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
            assert!(time.parse::<u64>().unwrap() > 1_700_000_000, "{marker}");
            format!("{what} {name}")
        })
        .collect();
    let expected = ["forensic_run", "forensic_reports", "forensic_log_0_0"];
    assert_eq!(names, expected.map(|name| [format!("start {name}"), format!("end {name}")]).concat());

    let dotenv = std::fs::read_to_string(bench.path().join("out/forensic.env")).unwrap();
    assert!(dotenv.starts_with("FORENSIC_RUN_ID=R\nFORENSIC_RESULT=failure\n"), "{dotenv}");
    let xml = std::fs::read_to_string(bench.path().join("out/junit.xml")).unwrap();
    for part in [
        "<testsuite name=\"ci.stages\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\"",
        "<testsuite name=\"ci.reports\" tests=\"3\" failures=\"0\" errors=\"1\" skipped=\"0\"",
        "<testcase classname=\"ci\" name=\"bad\"",
        "see ##[group]y",
        "<testcase classname=\"ci.finds\" name=\"warning: stage a\" time=\"0.000\">",
    ] {
        assert!(xml.contains(part), "{part} in\n{xml}");
    }

    // The same file, from the run directory alone.
    let again = bench.call(&["report", "R", "--junit", "again.xml"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(std::fs::read_to_string(bench.path().join("again.xml")).unwrap(), xml);
}

#[test]
fn a_junit_file_that_cannot_be_written_fails_a_run_that_did_well() {
    let bench = Bench::new("[pipeline]\nname = \"ok\"\n[stages.a]\nrun = 'true'\n");
    bench.write("file", "");
    let ran = bench.call(&["run", "--junit", "file/junit.xml"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("can't write file/junit.xml"), "{}", ran.stderr);
    assert!(ran.stderr.contains("1 of 1 stages ok"), "{}", ran.stderr);
}

#[test]
fn mistakes_in_a_pipeline_are_no_commands_either() {
    let bench = Bench::new("[pipeline]\nname = \"##[error]x\"\n::error::y\n");
    let mut command = bench.command(&["validate"]);
    let ran: Ran = command.env("GITHUB_ACTIONS", "true").output().unwrap().into();
    assert_eq!(ran.code, Some(2));
    assert!(obeyed(&ran.stderr).is_empty(), "{}", ran.stderr);
    assert!(ran.stderr.contains("::error::y"), "{}", ran.stderr);
    // At a desk it is shown as it is.
    let mut command = bench.command(&["run"]);
    let ran: Ran = command.output().unwrap().into();
    assert!(ran.stderr.contains("3 | ::error::y"), "{}", ran.stderr);
}
