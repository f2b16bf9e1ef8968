//! The list of runs: order, filters, pages, broken folders; thousands of runs.

use serde_json::Value;

use super::browser::Served;
use crate::support::Bench;

const PIPELINE: &str = "
    [pipeline]
    name = \"listed\"
    profile = \"p\"
    [stages.one]
    run = \"test ! -e fail\"
";

fn folders(list: &Value) -> Vec<&str> {
    list["runs"].as_array().unwrap().iter().map(|run| run["folder"].as_str().unwrap()).collect()
}

#[test]
fn runs_are_found_by_pipeline_result_id_and_time() {
    let bench = Bench::new(PIPELINE);
    assert_eq!(bench.call(&["run", "--run-id", "first"]).code, Some(0));
    bench.write("fail", "");
    assert_eq!(bench.call(&["run", "--run-id", "second"]).code, Some(1));
    bench.write("other.toml", "[pipeline]\nname = \"other <b>\"\n[stages.x]\nrun = \"true\"\n");
    assert_eq!(bench.call(&["run", "other.toml", "--run-id", "third"]).code, Some(0));
    let runs = bench.run_dir();
    let runs = runs.parent().unwrap();
    std::fs::create_dir(runs.join("empty")).unwrap();
    std::fs::create_dir(runs.join("a strange <name>")).unwrap();
    std::fs::write(runs.join("a file"), "").unwrap();
    bench.write("data/artifacts/summaries/runs/damaged/run.json", "{");
    let served = Served::start(bench.path());
    let list = |query: &str| served.get(&format!("/runs.json{query}")).json();
    let all = list("");
    assert_eq!((&all["schema"], &all["found"], &all["pages"]), (&"forensic.runs/1".into(), &6.into(), &1.into()));
    assert_eq!(folders(&all)[..3], ["third", "second", "first"]);
    let printed: Value = serde_json::from_str(&bench.call(&["runs", "list", "--format", "json"]).stdout).unwrap();
    assert_eq!(all["runs"], printed["runs"], "the same as the command line's");
    for (query, expected) in [
        ("?pipeline=listed", &["second", "first"][..]),
        ("?pipeline=other+%3Cb%3E", &["third"]),
        ("?result=failure", &["second"]),
        ("?result=success&pipeline=listed", &["first"]),
        ("?q=IR", &["third", "first"]),
        ("?q=nothing", &[]),
        ("?since=1h&q=ir", &["third", "first"]),
        ("?since=2000-01-01&q=ir", &["third", "first"]),
        ("?since=2100-01-01", &[]),
        ("?since=2100-01-01T00:00:00Z", &[]),
    ] {
        assert_eq!(folders(&list(query)), expected, "{query}");
    }
    let mut broken = folders(&list("?result=broken")).iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    broken.sort();
    assert_eq!(broken, ["a strange <name>", "damaged", "empty"]);
    let page = served.get("/?pipeline=gone%22%3E");
    assert!(page.text().contains("No run fits these filters"), "{}", page.text());
    assert!(page.text().contains("value=\"gone&quot;&gt;\" selected"), "{}", page.text());
    let page = served.get("/");
    for part in [
        "<a href=\"/runs/third\">third</a>",
        "✓ success",
        "✗ failure",
        "? broken",
        "it has no run.json",
        "a strange &lt;name&gt;",
        "other &lt;b&gt;",
        "0 of 1 ok, 1 failed",
        "name=\"a\" value=\"first\"",
        "Compare A with B",
    ] {
        assert!(page.text().contains(part), "{part}: {}", page.text());
    }
    assert!(!page.text().contains("a file"), "what is no folder is no run");
    // What changes is seen at once.
    bench.write("data/artifacts/summaries/runs/damaged/run.json", std::fs::read(runs.join("first/run.json")).unwrap());
    assert_eq!(list("")["runs"].as_array().unwrap().iter().filter(|run| run["result"] == "success").count(), 3);
    std::fs::remove_dir_all(runs.join("second")).unwrap();
    assert!(!folders(&list("")).contains(&"second"));
}

#[test]
fn a_root_without_runs_says_how_to_get_one() {
    let bench = Bench::new(PIPELINE);
    let root = bench.path().to_str().unwrap();
    let mut command = super::browser::command(bench.path(), &["--listen", "127.0.0.1:0", "--root", root]);
    command.env_remove("HOME");
    let served = Served::spawn(command);
    assert!(served.get("/").text().contains("`forensic-host run` makes one"));
    assert_eq!(served.get("/runs.json").json()["found"], 0);
}

#[test]
fn two_thousand_runs_come_in_pages() {
    const RUNS: usize = 2_000;
    let bench = Bench::new(PIPELINE);
    assert_eq!(bench.run().code, Some(0));
    let record = bench.json("run.json");
    for number in 0..RUNS - 1 {
        let mut record = record.clone();
        let id = format!("run-{number:05}");
        record["run_id"] = id.as_str().into();
        record["start_time"] = (1_000_000_000_000_000_000 + number as u64).into();
        record["end_time"] = (1_000_000_001_000_000_000 + number as u64).into();
        bench.write(&format!("data/artifacts/summaries/runs/{id}/run.json"), record.to_string());
    }
    let served = Served::start(bench.path());
    let first = served.get("/runs.json").json();
    assert_eq!((&first["found"], &first["pages"]), (&RUNS.into(), &40.into()));
    assert_eq!(folders(&first)[..3], ["R", "run-01998", "run-01997"]);
    let last = served.get("/runs.json?page=40").json();
    assert_eq!(folders(&last).last(), Some(&"run-00000"));
    assert_eq!(served.get("/?page=41").status, 404);
    let page = served.get("/?page=2&pipeline=listed");
    assert!(page.text().contains("page 2 of 40") && page.text().contains("href=\"/?pipeline=listed&amp;page=3\""));
    assert!(page.text().contains("2,000 runs, 51 to 100 of them on this page"), "{}", page.text());
    let mut seen: Vec<String> = (1..=40)
        .flat_map(|page| {
            let list = served.get(&format!("/runs.json?page={page}")).json();
            folders(&list).into_iter().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), RUNS, "each run once");
}
