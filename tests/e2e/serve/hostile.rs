//! Run directories that somebody made to do harm: nothing in them becomes markup, and nothing in them ends the server.

use scraper::{Html, Selector};
use serde_json::{Value, json};

use super::browser::Served;
use crate::support::Bench;

const PIPELINE: &str = "
    [pipeline]
    name = \"hostile\"
    [stages.one]
    run = \"echo '<script>alert(1)</script>' >&2; exit 1\"
";
const MARKUP: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)><!--";

/// Only what this program itself draws is an element.
fn assert_harmless(what: &str, page: &str) {
    let html = Html::parse_document(page);
    for element in ["img", "iframe", "object", "embed", "base", "link", "[onerror]", "[onclick]", "[style]"] {
        assert!(html.select(&Selector::parse(element).unwrap()).next().is_none(), "{what}: {element}");
    }
    for script in html.select(&Selector::parse("script").unwrap()) {
        let kind = script.value().attr("type");
        let text: String = script.text().collect();
        match kind {
            Some("application/json") => assert!(serde_json::from_str::<Value>(&text).is_ok(), "{what}"),
            _ => assert!(!text.contains("alert("), "{what}: {text}"),
        }
    }
    for link in html.select(&Selector::parse("a").unwrap()) {
        let href = link.value().attr("href").unwrap_or_default();
        assert!(href.starts_with(['/', '#']) || href.starts_with("https://"), "{what}: {href}");
    }
}

fn section(blocks: Value) -> Value {
    json!({
        "id": MARKUP, "status": "ok", "error": null, "on_failure": "degrade", "fuel": 1, "limits_hit": [MARKUP],
        "plugin": {"source": MARKUP, "name": MARKUP, "version": MARKUP, "title": MARKUP, "sha256": MARKUP},
        "findings": [{"severity": "error", "subject": MARKUP, "text": MARKUP}],
        "document": {"title": MARKUP, "blocks": blocks},
        "log": [{"level": "info", "text": MARKUP}], "log_dropped": 0,
    })
}

#[test]
fn nothing_in_a_run_becomes_markup() {
    let bench = Bench::new(PIPELINE);
    assert_eq!(bench.run().code, Some(1));
    let run = "data/artifacts/summaries/runs/R";
    let mut record = bench.json("run.json");
    record["pipeline"]["name"] = MARKUP.into();
    record["pipeline"]["profile"] = MARKUP.into();
    record["resumed_from"] = MARKUP.into();
    bench.write(&format!("{run}/run.json"), record.to_string());
    let trace = bench.read("data/forensic_trace.json").replace("hostile", &MARKUP.replace('"', "\\\""));
    bench.write(&format!("{run}/data/forensic_trace.json"), trace.replace("\"one\"", &format!("{MARKUP:?}")));
    let report = json!({"schema": "forensic.report/1", "reports": [section(json!([
        {"type": "paragraph", "text": MARKUP},
        {"type": "links", "links": [
            {"text": "x", "report": null, "address": "https://example.org/\"><script>alert(3)</script>"},
            {"text": "y", "report": MARKUP, "address": null},
        ]},
        {"type": "code", "language": MARKUP, "text": "</pre><script>alert(4)</script>"},
    ]))]});
    bench.write(&format!("{run}/reports/forensic_report.json"), report.to_string());
    bench.write(&format!("{run}/reports/forensic_report.html"), "<script>alert(5)</script>");
    let folder = bench.run_dir().parent().unwrap().join("<img src=x onerror=alert(6)>");
    std::fs::create_dir(&folder).unwrap();
    let served = Served::start(bench.path());
    for path in [
        "/",
        "/runs/R",
        "/?q=%3Cscript%3Ealert(7)%3C%2Fscript%3E",
        "/?since=%3Cimg+src=x%3E",
        "/runs/%3Cimg%3E",
        "/?pipeline=%22%3E%3Cimg%3E",
    ] {
        let page = served.get(path);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        assert_harmless(path, page.text());
    }
    assert!(served.get("/runs/R").text().contains("alert(1)"), "it is shown as text");
    let html = served.get("/runs/R/files/reports/forensic_report.html");
    assert_eq!(html.header("content-type"), Some("application/octet-stream"));
    assert!(html.header("content-security-policy").unwrap().starts_with("sandbox"));
}

#[test]
fn damaged_documents_are_told_and_the_rest_is_shown() {
    let bench = Bench::new(PIPELINE);
    assert_eq!(bench.run().code, Some(1));
    let report = "data/artifacts/summaries/runs/R/reports/forensic_report.json";
    let served = Served::start(bench.path());
    let with = |reports: Value| json!({"schema": "forensic.report/1", "reports": reports}).to_string();
    let series = json!([{"name": "s", "x": [1, 2, 3], "y": [1]}]);
    let chart = json!({"type": "chart", "title": "", "kind": "line", "x_title": "", "y_title": "", "format": "number",
        "decimals": 0, "unit": "", "x_is_time": false, "labels": [], "series": series});
    for (text, expected) in [
        ("{".to_owned(), "it is damaged"),
        ("[".repeat(100_000), "it is damaged"),
        (with(json!("none")), "it is damaged"),
        (with(json!([{"id": "x"}])), "it is damaged"),
        (json!({"schema": "forensic.report/9", "reports": []}).to_string(), "forensic.report/9"),
        (with(json!([section(json!([{"type": "heading", "level": 9, "text": "x"}]))])), "its level is 9"),
        (with(json!([section(json!([chart]))])), "3 x values and 1 y value"),
        (with(json!([section(json!([{"type": "table", "caption": "", "columns": [], "rows": [[1]]}]))])), "ragged"),
        (
            with(json!([section(
                json!([{"type": "links", "links": [{"text": "x", "report": null, "address": "javascript:alert(1)"}]}])
            )])),
            "neither",
        ),
    ] {
        bench.write(report, &text);
        let page = served.get("/runs/R");
        assert_eq!(page.status, 200, "{expected}");
        assert!(
            page.text().contains("can&#39;t be shown") && page.text().contains(expected),
            "{expected}: {}",
            page.text()
        );
        assert!(page.text().contains("Pipeline Health"), "{expected}");
    }
    let file = std::fs::File::create(bench.path().join(report)).unwrap();
    file.set_len(70 << 20).unwrap();
    assert_eq!(served.get("/runs/R").status, 200);
    std::fs::remove_file(bench.path().join(report)).unwrap();
    assert!(served.get("/runs/R").text().contains("forensic_report.json is missing"));
    for (name, text) in [("data/forensic_trace.json", "[{\"name\": 7}"), ("data/forensic_trace.json", "\0\0\0")] {
        bench.write(&format!("data/artifacts/summaries/runs/R/{name}"), text);
        assert_eq!(served.get("/runs/R").status, 200);
    }
    std::fs::remove_file(bench.run_dir().join("data/forensic_trace.json")).unwrap();
    assert!(served.get("/runs/R").text().contains("forensic_trace.json is missing"));
    assert_eq!(served.get("/runs/R/export/csv").status, 404);
    let (code, told) = served.stop(rustix::process::Signal::TERM);
    assert_eq!((code, told.as_str()), (Some(0), ""), "nothing of it is a fault of the server");
}
