//! Trends, comparisons and findings as pages: what they say, where they link to, and that nobody's text is more than text.

use std::fs;

use scraper::{Html as Parsed, Selector};
use serde_json::{Value, json};

use super::{Page, compare, findings, skeleton, trends};
use crate::runs::tests::{Root, stamp};
use crate::serve::answer::Problem;
use crate::serve::app::App;
use crate::serve::params::Params;

type Make = fn(&App, &Params) -> Result<Page, Problem>;

const PAGES: [Make; 3] = [trends::page, compare::page, findings::page];

fn make(root: &Root, page: Make, query: &str) -> Result<Page, Problem> {
    page(&App::new(root.path().to_owned()), &Params::parse(query).unwrap())
}

/// A page as a browser reads it; one that has no errors, no style of its own, and no link that leads elsewhere.
fn draw(root: &Root, page: Make, query: &str) -> Parsed {
    let text = skeleton::draw(&make(root, page, query).unwrap(), None);
    let parsed = Parsed::parse_document(&text);
    assert_eq!(parsed.errors, [] as [&str; 0], "{text}");
    let all = Selector::parse("*").unwrap();
    for element in parsed.select(&all).map(|element| element.value()) {
        for (name, value) in element.attrs() {
            assert!(name != "style" && !name.starts_with("on"), "{name}={value}");
            if matches!(name, "href" | "action") {
                assert!(value.starts_with('/') && !value.starts_with("//") && value.is_ascii(), "{name}={value}");
            }
        }
        assert!(!matches!(element.name(), "script" | "iframe" | "object" | "embed" | "img" | "base"), "{element:?}");
    }
    parsed
}

fn json(root: &Root, page: Make, query: &str) -> Value {
    let page = make(root, page, query).unwrap();
    serde_json::from_slice(&page.into_json().unwrap_or_else(|problem| panic!("{problem}"))).unwrap()
}

fn texts(page: &Parsed, selector: &str) -> Vec<String> {
    let selector = Selector::parse(selector).unwrap();
    page.select(&selector).map(|element| element.text().collect::<String>().trim().to_owned()).collect()
}

fn attributes<'a>(page: &'a Parsed, selector: &str, name: &str) -> Vec<&'a str> {
    let selector = Selector::parse(selector).unwrap();
    page.select(&selector).filter_map(|element| element.value().attr(name)).collect()
}

/// Ten runs, and from the eleventh on one stage that takes three times as long; the last has failed.
fn stepped() -> Root {
    let root = Root::new();
    for number in 0..14 {
        let ms = if number < 10 { 1_000 } else { 3_000 };
        root.add(&stamp(number), 10 * number, &[("risk/a b", ms), ("b", 100)], |record| {
            if number == 13 {
                record["result"] = "failure".into();
                record["stage_results"] = json!({"failure": ["c"]});
                record["pipeline"]["stages"].as_array_mut().unwrap().push(json!({"id": "c", "needs": []}));
            }
        });
    }
    root
}

#[test]
fn trends_tell_a_step_once_and_link_to_runs_and_stages() {
    let root = stepped();
    let page = draw(&root, trends::page, "pipeline=p");
    let steps = texts(&page, "main > ul:not(.legend) > li");
    assert_eq!(steps.len(), 1);
    assert_eq!(
        steps[0],
        format!("▲ slower since run {}: +2.000 s (+181.8 %), from 1.100 s to 3.100 s, in 3 runs so far.", stamp(10))
    );
    // Each run is a point that links to it, and a row.
    let points = attributes(&page, ".plot a", "href");
    assert_eq!((points.len(), points[10]), (14, &*format!("/runs/{}", stamp(10))));
    let titles = texts(&page, ".plot a title");
    assert_eq!(titles[10], format!("{}: 3.100 s, ✓ success, ▲ slower", stamp(10)));
    assert!(titles[13].ends_with("✗ failure, did not succeed"), "{}", titles[13]);
    assert_eq!(texts(&page, "details tbody tr").len(), 14);
    assert!(attributes(&page, ".plot svg", "aria-label")[0].ends_with("newest 3.100 s; 1 lasting change"));
    // The stage that did it comes first, and has a page.
    let stages = attributes(&page, "tbody th[scope=row] a", "href");
    let stage = stages.iter().find(|href| href.contains("stage=")).unwrap();
    assert_eq!(*stage, "/trends?pipeline=p&stage=risk%2Fa%20b");
    let page = draw(&root, trends::page, stage.strip_prefix("/trends?").unwrap());
    assert_eq!(texts(&page, "h1"), ["Trends of stage risk/a b of p"]);
    assert_eq!(attributes(&page, ".plot a", "href").len(), 14);
    let found = json(&root, trends::page, "pipeline=p");
    assert_eq!((&found["schema"], &found["steps"][0]["run"]), (&json!("forensic.trends/1"), &json!(10)));
    assert_eq!(found["stages"][0]["id"], "risk/a b");
}

#[test]
fn without_a_pipeline_one_can_be_chosen() {
    let root = stepped();
    root.add(&stamp(20), 500, &[("a", 1)], |record| record["pipeline"]["profile"] = "fast & cheap".into());
    for page in [trends::page as Make, findings::page] {
        let hrefs: Vec<String> =
            attributes(&draw(&root, page, ""), "tbody th a", "href").into_iter().map(str::to_owned).collect();
        assert!(hrefs[0].ends_with("?pipeline=p&profile=fast%20%26%20cheap"), "{hrefs:?}");
        let queries: Vec<&str> = hrefs.iter().map(|href| href.split_once('?').unwrap().1).collect();
        // Either leads to its own runs, the one without a profile too.
        assert_eq!(json(&root, page, queries[0])["runs"].as_array().unwrap().len(), 1);
        assert_eq!(json(&root, page, queries[1])["runs"].as_array().unwrap().len(), 14);
        assert_eq!(json(&root, page, "")["schema"], "forensic.pipelines/1");
        assert!(draw(&Root::new(), page, "").html().contains("no run below this root folder"));
    }
}

#[test]
fn what_a_query_can_not_mean_is_told() {
    let root = stepped();
    let status = |page: Make, query: &str| make(&root, page, query).err().map(|problem| problem.status.as_u16());
    for (page, query, expected) in [
        (trends::page as Make, "pipeline=none", 404),
        (trends::page, "pipeline=p&profile=none", 404),
        (trends::page, "pipeline=p&stage=none", 404),
        (trends::page, "pipeline=p&runs=501", 400),
        (trends::page, "pipeline=p&sort=luck", 400),
        (findings::page, "pipeline=p&severity=fatal", 400),
        (findings::page, "pipeline=p&standing=up", 400),
        (findings::page, "pipeline=p&runs=0", 400),
        (compare::page, "a=none", 404),
        (compare::page, "a=..%2F..&b=.", 404),
        (compare::page, "sort=luck", 400),
    ] {
        assert_eq!(status(page, query), Some(expected), "{query}");
    }
}

#[test]
fn two_runs_are_compared_stage_by_stage() {
    let root = stepped();
    let (old, new) = (stamp(9), stamp(10));
    let page = draw(&root, compare::page, &format!("a={old}&b={new}"));
    assert_eq!(texts(&page, "h1"), [format!("{old} against {new}")]);
    let tiles = texts(&page, ".tiles .value");
    assert_eq!((tiles[0].as_str(), tiles[3].as_str()), ("1.100 s → 3.100 s", "▲ 1, ▼ 0"));
    let rows = texts(&page, "tbody tr");
    let last = |rows: &[String]| rows.iter().filter(|row| row.contains("slower") || row.contains("noise")).count();
    assert_eq!(last(&rows), 2);
    let row = rows.iter().find(|row| row.starts_with("risk/a b")).unwrap();
    assert!(row.contains("▲ slower") && row.ends_with("+2.000 s+200.0 %"), "{row}");
    // A bar goes to the right from the middle.
    assert_eq!(attributes(&page, ".diverging rect.t-slow", "x"), ["60"]);
    let back = draw(&root, compare::page, &format!("a={new}&b={old}"));
    assert_eq!(attributes(&back, ".diverging rect.t-fast", "x"), ["1"]);
    assert!(back.html().contains("Run A is the newer one"));
    assert_eq!(json(&root, compare::page, &format!("a={old}&b={new}"))["schema"], "forensic.runs-diff/1");
    // Only what differs, the result that changed first.
    let (old, new) = (stamp(12), stamp(13));
    let page = draw(&root, compare::page, &format!("a={old}&b={new}"));
    assert!(texts(&page, "tbody tr th")[0].starts_with('c'));
    let page = draw(&root, compare::page, &format!("a={old}&b={new}&only=1"));
    assert_eq!(texts(&page, "tbody tr th"), ["c"]);
    let same = draw(&root, compare::page, &format!("a={old}&b={old}&only=1"));
    assert!(same.html().contains("Both sides are the same run") && same.html().contains("No stage differs"));
}

#[test]
fn one_name_or_none_is_enough_to_compare() {
    let root = stepped();
    root.add("other", 5_000, &[("a", 1)], |record| record["pipeline"]["name"] = "q".into());
    let sides = |query: &str| {
        let found = json(&root, compare::page, query);
        ["a", "b"].map(|side| found[side]["run"]["folder"].as_str().unwrap().to_owned())
    };
    assert_eq!(sides("pipeline=p"), [stamp(12), stamp(13)]);
    assert_eq!(sides(&format!("a={}", stamp(3))), [stamp(3), stamp(4)]);
    assert_eq!(sides(&format!("b={}", stamp(3))), [stamp(2), stamp(3)]);
    assert_eq!(sides(&format!("a={}", stamp(13))), [stamp(12), stamp(13)]);
    assert_eq!(sides(&format!("b={}", stamp(0))), [stamp(0), stamp(1)]);
    // The newest of all has nothing to be compared with.
    assert!(draw(&root, compare::page, "").html().contains("There are no two runs"));
    assert!(draw(&Root::new(), compare::page, "").html().contains("There are no two runs"));
}

fn report(root: &Root, number: u64, findings: &Value) {
    let report = json!({"schema": "forensic.report/1", "reports": [{"id": "risk.report", "status": "ok", "findings": findings,
        "plugin": {"source": "x.wasm", "name": "plug"}}]});
    fs::write(root.run(&stamp(number)).join("reports/forensic_report.json"), report.to_string()).unwrap();
}

#[test]
fn findings_are_listed_with_the_runs_that_they_were_seen_in() {
    let root = stepped();
    let finding = |severity: &str, text: &str| json!({"severity": severity, "subject": "s", "text": text});
    report(&root, 12, &json!([finding("error", "old one")]));
    report(&root, 13, &json!([finding("warning", "new one"), finding("info", "new note")]));
    let page = draw(&root, findings::page, "pipeline=p");
    assert_eq!(texts(&page, "tbody th"), ["+ new", "+ new", "− gone"]);
    assert!(texts(&page, ".headline")[0].starts_with("3 findings in 2 runs: 2 new, 1 gone"));
    assert_eq!(attributes(&page, "tbody tr:nth-child(3) a", "title"), [stamp(12), stamp(12)]);
    assert!(texts(&page, "details summary").contains(&"12 runs without findings that can be read".to_owned()));
    let page = draw(&root, findings::page, "pipeline=p&severity=info&text=NOTE");
    assert_eq!(texts(&page, "tbody tr td:nth-child(4)"), ["new note"]);
    assert_eq!(json(&root, findings::page, "pipeline=p")["findings"][2]["standing"], "gone");
}

#[test]
fn nobodys_text_is_more_than_text() {
    const HOSTILE: [&str; 5] = [
        "</title><script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)> javascript:alert(1)",
        "a\u{202e}b\u{0}c\r\n\u{2028}d ' & ?x=y#z",
        "//evil.example/%2e%2e/",
        "../../../etc/passwd",
    ];
    let root = Root::new();
    let long = "ä".repeat(100_000);
    for number in 0..8 {
        let stages: Vec<(&str, u64)> =
            HOSTILE.iter().chain([&long.as_str()]).map(|id| (*id, 100 * (number + 1))).collect();
        root.add(&stamp(number), number, &stages, |record| {
            record["pipeline"]["name"] = HOSTILE[0].into();
            record["pipeline"]["profile"] = HOSTILE[1].into();
            record["run_id"] = HOSTILE[4].into();
            record["host"]["os"] = HOSTILE[number as usize % 5].into();
            record["stage_results"] = json!({HOSTILE[2]: [HOSTILE[3]]});
        });
        let finding = |text: &&str| json!({"severity": "error", "subject": text, "text": format!("{text}{number}")});
        report(&root, number, &Value::from(HOSTILE.iter().chain([&long.as_str()]).map(finding).collect::<Vec<_>>()));
    }
    // A folder whose name is no run id.
    root.add("a b<i>", 900, &[("x", 1)], |record| record["pipeline"]["name"] = HOSTILE[0].into());
    root.add("c d<i>", 901, &[("x", 1)], |record| record["pipeline"]["name"] = HOSTILE[0].into());
    for page in PAGES {
        draw(&root, page, "");
        let encode = |text: &str| crate::serve::params::encoded(text).into_owned();
        let of = format!("pipeline={}&profile={}", encode(HOSTILE[0]), encode(HOSTILE[1]));
        draw(&root, page, &of);
        for text in HOSTILE {
            for name in ["stage", "report", "text", "a", "b", "sort", "severity", "profile", "pipeline"] {
                // Refused, or drawn like any other.
                if make(&root, page, &format!("{of}&{name}={}", encode(text))).is_ok() {
                    draw(&root, page, &format!("{of}&{name}={}", encode(text)));
                }
            }
        }
        let size = skeleton::draw(&make(&root, page, &of).unwrap(), None).len();
        assert!(size < 200_000, "{size}");
    }
    let (a, b) = (stamp(0), stamp(1));
    let page = draw(&root, compare::page, &format!("a={a}&b={b}"));
    assert!(texts(&page, "tbody th").iter().any(|text| text == HOSTILE[0]));
}
