//! Files of a run: which are shown, how they are sent, and that no address leads anywhere else.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::browser::Served;
use crate::support::Bench;

const SECRET: &str = "Zk3-9fjQ27xLmN0p";

/// A stage that prints a secret that was declared, and much else.
const PIPELINE: &str = r#"
    [pipeline]
    name = "files"
    [secrets]
    env = ["THE_KEY"]
    [stages.talks]
    run = "echo the key is $THE_KEY; seq 1 200000; printf 'no end'"
    [stages.fails]
    run = "echo bad luck >&2; exit 3"
"#;

fn bench() -> Bench {
    let bench = Bench::new(PIPELINE);
    let ran = bench.command(&["run", "--run-id", "R"]).env("THE_KEY", SECRET).output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    bench
}

/// Every file below a folder with what is in it, and where links lead.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let changed = format!("{:?}", metadata.modified().unwrap()).into_bytes();
            let content = match () {
                () if metadata.is_dir() => {
                    folders.push(path.clone());
                    Vec::new()
                }
                () if metadata.is_symlink() => path.read_link().unwrap().into_os_string().into_encoded_bytes(),
                () => std::fs::read(&path).unwrap(),
            };
            found.insert(path, [changed, content].concat());
        }
    }
    found
}

#[test]
fn files_come_whole_logs_masked_and_nothing_is_changed() {
    let bench = bench();
    let before = snapshot(bench.path());
    let mut command = super::browser::command(bench.path(), &["--listen", "127.0.0.1:0"]);
    command.env("THE_KEY", SECRET);
    let served = Served::spawn(command);
    for path in ["run.json", "data/forensic_trace.json", "reports/forensic_report.md", "reports/forensic_report.json"] {
        let answer = served.get(&format!("/runs/R/files/{path}"));
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.text(), bench.read(path), "{path}");
        assert!(answer.header("content-disposition").is_none(), "{path}");
    }
    let html = served.get("/runs/R/files/reports/forensic_report.html");
    assert_eq!(html.header("content-disposition"), Some("attachment; filename=\"forensic_report.html\""));
    assert_eq!(html.text(), bench.read("reports/forensic_report.html"));
    let log = served.get("/runs/R/files/logs/talks/1.out.log");
    let on_disk = bench.read("logs/talks/1.out.log");
    assert!(!log.text().contains(SECRET), "{}", &log.text()[..200]);
    assert!(log.text().starts_with("the key is [") && log.text().ends_with("200000\nno end"), "{}", &log.text()[..200]);
    assert_eq!(log.text().lines().skip(1).collect::<Vec<_>>(), on_disk.lines().skip(1).collect::<Vec<_>>());
    assert_eq!(served.get("/runs/R/files/logs/fails/1.err.log").text(), "bad luck\n");
    for (format, file) in [
        ("otlp-jsonl", "jsonl"),
        ("otlp-json", "json"),
        ("otlp-proto", "pb"),
        ("perfetto", "pftrace"),
        ("chrome", "json"),
        ("csv", "csv"),
    ] {
        let sent = served.get(&format!("/runs/R/export/{format}"));
        assert_eq!(sent.header("content-disposition"), Some(&*format!("attachment; filename=\"R.{format}.{file}\"")));
        let trace = bench.run_dir().join("data/forensic_trace.json");
        let printed =
            bench.command(&["trace", "export", trace.to_str().unwrap(), "--format", format]).output().unwrap();
        assert!(printed.status.success(), "{format}");
        assert!(sent.status == 200 && sent.body == printed.stdout, "{format}");
    }
    // The report that is made anew is the one that was written.
    assert_eq!(served.get("/runs/R/report.json").text(), bench.read("reports/forensic_report.json"));
    for path in ["/", "/?q=R", "/runs.json", "/runs/R", "/runs/R", "/compare?a=R&b=R", "/trends", "/findings"] {
        served.get(path);
    }
    drop(served);
    assert!(before == snapshot(bench.path()), "a file was changed");
}

#[test]
fn no_address_leads_out_of_what_is_shown() {
    let bench = bench();
    std::fs::write(bench.path().join("outside.md"), SECRET).unwrap();
    std::fs::write(bench.run_dir().join("data/private.json"), SECRET).unwrap();
    std::fs::write(bench.run_dir().join("reports/.hidden.md"), "hidden").unwrap();
    let served = Served::start(bench.path());
    let up = "%2e%2e";
    for path in [
        "../../../../../../etc/passwd".to_owned(),
        "reports/../../../../../../outside.md".to_owned(),
        format!("reports/{up}/{up}/{up}/{up}/{up}/{up}/outside.md"),
        format!("{up}/{up}/R/run.json"),
        "reports/..%2f..%2foutside.md".to_owned(),
        "reports/..%5c..%5coutside.md".to_owned(),
        "reports/%252e%252e/run.json".to_owned(),
        "reports/%c0%ae%c0%ae/run.json".to_owned(),
        "reports/forensic_report.md%00".to_owned(),
        "reports/forensic_report.md%0d%0aX: y".to_owned(),
        "//etc/passwd".to_owned(),
        "/etc/passwd".to_owned(),
        "data/private.json".to_owned(),
        "data/".to_owned(),
        "reports".to_owned(),
        "logs/talks".to_owned(),
        "logs/talks/../../run.json".to_owned(),
        "logs/../data/private.json/x.log".to_owned(),
        "pipeline.toml".to_owned(),
        format!("reports/{}.md", "x".repeat(300)),
        format!("reports/{}.md", "x".repeat(5000)),
    ] {
        let answer = served.get(&format!("/runs/R/files/{path}"));
        assert!(matches!(answer.status, 400 | 404 | 414), "{path}: {}", answer.status);
        assert!(!answer.text().contains(SECRET) && !answer.text().contains("root:"), "{path}");
    }
    for id in ["..", "%2e%2e", ".", "R%2f..", "..%2f..", "R%00", "", "%ff"] {
        assert_eq!(served.get(&format!("/runs/{id}/files/run.json")).status, 404, "{id}");
    }
}

#[test]
fn links_and_pipes_in_a_run_lead_nowhere() {
    let bench = bench();
    let run = bench.run_dir();
    std::fs::write(bench.path().join("outside.md"), SECRET).unwrap();
    let outside = bench.path().join("outside.md");
    symlink(&outside, run.join("reports/link.md")).unwrap();
    symlink("../../../../../../outside.md", run.join("reports/relative.md")).unwrap();
    symlink(bench.path(), run.join("logs/away")).unwrap();
    symlink("../reports", run.join("logs/inside")).unwrap();
    std::fs::write(run.join("reports/x.log"), "inside").unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, run.join("reports/pipe.md"), 0o600.into()).unwrap();
    // Runs that are none: a link to elsewhere, a record that is a pipe, a link as a record, a link as a trace.
    let runs = run.parent().unwrap();
    symlink(bench.path(), runs.join("away")).unwrap();
    for name in ["piped", "linked", "traced"] {
        std::fs::create_dir_all(runs.join(name).join("data")).unwrap();
    }
    rustix::fs::mkfifoat(rustix::fs::CWD, runs.join("piped/run.json"), 0o600.into()).unwrap();
    symlink(run.join("run.json"), runs.join("linked/run.json")).unwrap();
    std::fs::copy(run.join("run.json"), runs.join("traced/run.json")).unwrap();
    symlink(run.join("data/forensic_trace.json"), runs.join("traced/data/forensic_trace.json")).unwrap();
    // And one that seems to go on, whose journal is a pipe.
    let waiting = runs.join("waiting");
    std::fs::create_dir_all(waiting.join("data")).unwrap();
    let mut record: serde_json::Value = serde_json::from_slice(&std::fs::read(run.join("run.json")).unwrap()).unwrap();
    record["result"] = "running".into();
    std::fs::write(waiting.join("run.json"), record.to_string()).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, waiting.join("data/forensic_trace.ndjson"), 0o600.into()).unwrap();
    let served = Served::start(bench.path());
    for path in [
        "reports/link.md",
        "reports/relative.md",
        "reports/pipe.md",
        "logs/away/outside.log",
        "logs/away/pipeline.toml",
    ] {
        let answer = served.get(&format!("/runs/R/files/{path}"));
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        assert!(!answer.text().contains(SECRET), "{path}");
    }
    assert_eq!(
        served.get("/runs/R/files/logs/inside/x.log").text(),
        "inside",
        "a link that stays inside is a file of the run"
    );
    assert_eq!(served.get("/runs/away").status, 404);
    assert_eq!(served.get("/runs/away/files/run.json").status, 404);
    assert_eq!(served.get("/runs/piped").status, 404);
    assert_eq!(served.get("/runs/linked").status, 404);
    assert_eq!(served.get("/runs/linked/files/run.json").status, 404);
    let traced = served.get("/runs/traced");
    assert!(traced.status == 200 && !traced.text().contains("bad luck"), "{}", traced.text());
    assert_eq!(served.get("/runs/traced/files/data/forensic_trace.json").status, 404);
    assert_eq!(served.get("/runs/waiting").status, 200);
    let list = served.get("/runs.json").json();
    let state = |folder: &str| {
        let run = list["runs"].as_array().unwrap().iter().find(|run| run["folder"] == folder);
        run.unwrap()["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state("waiting"), "killed");
    let broken: Vec<&str> = list["runs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|run| run["state"] == "broken")
        .map(|run| run["folder"].as_str().unwrap())
        .collect();
    assert_eq!(broken, ["piped", "linked", "away"]);
}

#[test]
fn logs_of_a_run_whose_rules_nobody_knows_are_not_shown() {
    let bench = bench();
    bench.write("data/artifacts/summaries/runs/R/run.json", "{\"schema\": ");
    let served = Served::start(bench.path());
    let answer = served.get("/runs/R/files/logs/talks/1.out.log");
    assert_eq!(answer.status, 404);
    assert!(
        answer.text().contains("Nobody knows what is secret") && !answer.text().contains(SECRET),
        "{}",
        answer.text()
    );
}
