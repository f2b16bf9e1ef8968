//! The HTML file: nothing in it comes from a payload but text, whatever position it stands in, and the browser is told
//! to keep it so.

use super::super::escape::visible;
use super::super::html::markup::Html;
use super::super::html::style::{self, Reach};
use super::super::{Baseline, Home, LogTail, Typical, page, render};
use super::corpus::{PAYLOADS, POSITIONS, nasty, other, place};
use super::reading::{FILES, Page, read, squeeze};
use super::sample::{Sample, document, everything, failed_section, section};
use crate::plugin::document::*;
use base64::Engine as _;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

fn drawn(position: usize, text: &str) -> Page {
    let sample = Sample { sections: vec![place(position, text), other()], ..Sample::default() };
    read(&page(&sample.input(), &Home::default()))
}

static HARMLESS: LazyLock<Vec<Page>> = LazyLock::new(|| (0..POSITIONS).map(|at| drawn(at, "harmless")).collect());

fn check(position: usize, payload: &str) {
    let hostile = drawn(position, payload);
    let expected = squeeze(&visible(payload));
    if expected.is_empty() {
        return; // An empty text isn't drawn; that nothing bad came out is enough.
    }
    let harmless = &HARMLESS[position];
    if position >= 38 {
        let links = hostile.links.iter().filter(|link| !link.starts_with('#') && !FILES.contains(&&***link)).count();
        assert!(links <= usize::from(position == 39) && !hostile.text.contains("evil.example"), "{hostile:?}");
        return;
    }
    assert!(
        hostile.structure == harmless.structure,
        "structure of {payload:?} in position {position}: {:#?} instead of {:#?}",
        hostile.structure,
        harmless.structure
    );
    assert_eq!(hostile.links, harmless.links);
    // Beside pictures texts are cut; the table of the data has them in full.
    if matches!(position, 11..=16 | 30..=35) {
        assert!(hostile.text.contains(&expected), "{payload:?} in position {position} is missing: {}", hostile.text);
    } else {
        let text = harmless.text.replace("harmless", &expected);
        assert_eq!(hostile.text, text, "text of {payload:?} in position {position}");
    }
}

#[test]
fn payloads_stay_text_in_every_position() {
    for position in 0..POSITIONS {
        for payload in PAYLOADS {
            check(position, payload);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_stays_text_in_every_position(text in nasty(), position in 0..POSITIONS) {
        check(position, &text);
    }
}

/// A run in which every text is a payload: the host's own part must stay the host's.
#[test]
fn a_hostile_trace_stays_text() {
    let drawn = |text: &dyn Fn(usize) -> String| {
        let mut spans = vec![serde_json::json!({
            "name": "RUN", "start_time": 1_000_000_000u64, "end_time": 9_000_000_000u64, "status": "Error",
            "span_id": "00000000000000ff", "status_message": text(9),
            "attributes": { "forensic.kind": "run", "cicd.pipeline.run.id": text(0), "cicd.pipeline.name": text(1),
                "cicd.pipeline.result": text(2), "forensic.profile": text(3), "forensic.slots": 2,
                "forensic.resumed_from": text(4), "forensic.parent.run": text(5), "forensic.parent.stage": text(6) },
        })];
        for index in 0..PAYLOADS.len() {
            let (id, result) = (format!("{index} {}", text(index)), if index % 3 == 0 { "skip" } else { "failure" });
            let stage = serde_json::json!({ "forensic.kind": "stage", "forensic.stage.id": id,
                "forensic.stage.index": index, "forensic.stage.needs": ["0"], "cicd.pipeline.task.run.result": result,
                "forensic.skipped_because": text(index), "forensic.skip_message": text(index),
                "forensic.skip_reason": (index % 2 == 0).then_some("when"), "forensic.cached": index % 7 == 1,
                "forensic.cached_from": text(index), "forensic.stage.member_of": format!("{} {}", index % 9, text(index % 9)) });
            let attempt = serde_json::json!({ "forensic.kind": "attempt", "forensic.stage.id": id,
                "forensic.attempt": 1, "cicd.pipeline.task.run.result": "failure", "error.type": text(index),
                "forensic.log.stderr": text(index), "forensic.log.stdout": text(index), "forensic.cpu_user_ns": 7,
                "forensic.child.run": text(index), "forensic.waited_for_pool": format!("{index:03} {}", text(index)),
                "forensic.escaped_processes": 2 });
            let step = serde_json::json!({ "forensic.origin": "otlp", "forensic.stage.id": id, "forensic.attempt": 1 });
            let number = |of: usize| format!("{:016x}", of + index);
            for (own, parent, attributes) in [
                (number(1_000), "00000000000000ff".to_owned(), stage),
                (number(5_000), number(1_000), attempt),
                (number(9_000), number(5_000), step),
            ] {
                spans.push(serde_json::json!({ "name": text(index), "start_time": 2_000_000_000u64,
                    "end_time": 8_000_000_000u64, "status": "Error", "span_id": own, "parent_span_id": parent,
                    "status_message": text(index), "attributes": attributes }));
            }
        }
        let mut sample = Sample::of_trace(&serde_json::to_string(&spans).unwrap());
        sample.baseline = Some(Baseline {
            run_id: text(23),
            wall: Typical::of(&[1]),
            stages: (0..PAYLOADS.len()).flat_map(|at| Some((text(at), Typical::of(&[5; 5])?))).collect(),
            gone: (0..PAYLOADS.len()).map(|at| text(at) + "!").collect(),
            new: (0..PAYLOADS.len()).map(text).collect(),
            partial: false,
        });
        sample.record.notes = (0..PAYLOADS.len()).map(text).collect();
        let tail = |index| LogTail {
            stage: format!("{index} {}", text(index)),
            attempt: 1,
            path: text(index),
            lines: (0..20).map(|line| text(line + index)).collect(),
            omitted_bytes: 3,
        };
        sample.tails = (0..PAYLOADS.len() - 20).map(tail).collect();
        read(&page(&sample.input(), &Home::default()))
    };
    let hostile = drawn(&|at| PAYLOADS[at % PAYLOADS.len()].to_owned());
    let harmless = drawn(&|at| format!("harmless {at}"));
    assert_eq!(hostile.structure, harmless.structure);
    assert_eq!(hostile.links, harmless.links);
    assert!(hostile.text.contains("<script>alert(1)</script>"));
}

#[test]
fn links_lead_to_https_mail_and_reports_of_this_run() {
    let kept = ["https://a.example/x?y=1&z=2", "HTTPS://a.example/", "mailto:me@a.example"];
    let refused = [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "java\nscript:alert(1)",
        "\u{1}javascript:alert(1)",
        "&#106;avascript:alert(1)",
        "javascript&colon;alert(1)",
        "javascript&#58;alert(1)",
        "javascript%3Aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "http://a.example/",
        "//a.example/",
        "https:a.example",
        "https://a.example@evil.example/",
        "https://а.example/",
        "#health",
        "risk.md",
        "",
    ];
    let link = |target: LinkTarget| Link { text: "text".into(), target };
    let address = |address: &&str| link(LinkTarget::Address((*address).into()));
    let mut links: Vec<Link> = kept.iter().chain(&refused).map(address).collect();
    links.extend(["a.report", "gone", "../a.report", "A.REPORT"].map(|id| link(LinkTarget::Report(id.into()))));
    let sample =
        Sample { sections: vec![section("a.report", document(vec![Block::Links(links)]))], ..Sample::default() };
    let rendered = render(&sample.input());
    let page = read(&rendered.html);
    let of_account: Vec<&str> = page.links.iter().map(String::as_str).skip(4).take(4).collect();
    assert_eq!(of_account, ["https://a.example/x?y=1&z=2", "https://a.example/", "mailto:me@a.example", "#report-1"]);
    assert_eq!(page.links[8..], ["forensic_report.md", "forensic_report.json", "../data/forensic_trace.json"]);
    let links = |markdown: &str| {
        use pulldown_cmark::{Event, Options, Parser, Tag};
        let links = Parser::new_ext(markdown, Options::all()).filter_map(|event| match event {
            Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.to_string()),
            _ => None,
        });
        links.collect::<Vec<_>>()
    };
    let expected = ["https://a.example/x?y=1&z=2", "https://a.example/", "mailto:me@a.example", "a.report.md"];
    assert_eq!(links(&rendered.markdown), expected);
    assert_eq!(links(&rendered.sections[0].1), expected);
    assert!(rendered.markdown.contains("- [text](https://a.example/x?y=1&amp;z=2) (`a.example`)\n"));
}

#[test]
fn the_policy_allows_one_style_sheet_and_one_script() {
    let html = page(&Sample::worked().input(), &Home::default());
    let (before, rest) = html.split_once("<style>").unwrap();
    let (css, rest) = rest.split_once("</style>").unwrap();
    let (_, rest) = rest.split_once("<script type=\"module\">").unwrap();
    let (script, rest) = rest.split_once("</script>").unwrap();
    let hash = |text: &str| base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text));
    let policy = format!(
        "default-src &#39;none&#39;; script-src &#39;sha256-{}&#39;; style-src &#39;sha256-{}&#39;; base-uri &#39;none&#39;; \
         form-action &#39;none&#39;",
        hash(script),
        hash(css)
    );
    assert!(
        before.contains(&format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">")),
        "{before}"
    );
    for never in ["<style", "@import", "expression"] {
        assert!(!css.contains(never), "{never}");
    }
    assert_eq!(css.matches("url(").count(), css.matches("url(#").count());
    // The policy stands before whatever it is about.
    assert!(!before.contains("<link") && !before.contains("<script") && html.matches("<style").count() == 1);
    assert_eq!(html.matches("<script").count(), 2);
    assert_eq!(rest, "</body></html>\n");
}

#[test]
fn on_a_server_links_and_policy_are_the_servers() {
    let mut header = Html::default();
    header.element("nav", &[("class", "pages")], "All runs");
    let mut sample = Sample::of_trace(
        r#"[{"name":"r","start_time":0,"end_time":9,"status":"Success","attributes":{"forensic.kind":"run","forensic.resumed_from":"20260101T000000Z-a","cicd.pipeline.run.id":"R"},"span_id":"01"}]"#,
    );
    sample.sections = vec![section("a.report", document(vec![Block::PipelineHealth(HealthDetail::Headline)]))];
    let home = Home {
        header: Some(&header),
        attributes: &[("data-live", "")],
        files: Some("/runs/R/files/"),
        runs: Some("/runs/"),
        reach: Reach::Origin,
    };
    let html = page(&sample.input(), &home);
    assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"en\" data-live=\"\">"));
    assert!(html.contains("<body><nav class=\"pages\">All runs</nav>"));
    for file in ["reports/forensic_report.md", "reports/forensic_report.json", "data/forensic_trace.json"] {
        assert!(html.contains(&format!("href=\"/runs/R/files/{file}\"")), "{file}");
    }
    // Above, and in the plugin's frame.
    assert_eq!(html.matches("href=\"/runs/20260101T000000Z-a\"").count(), 2);
    assert!(!html.contains("href=\"../"));
    assert!(html.contains("connect-src &#39;self&#39;; form-action &#39;self&#39;"));
    assert!(style::policy(Reach::Origin).matches("form-action").count() == 1);
}

/// What failed stands before the numbers, and the dashboard between them and the tables.
#[test]
fn people_see_failures_first() {
    let html = page(&Sample::instrumented().input(), &Home::default());
    let at = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text} is missing"));
    let order = [
        "class=\"headline",
        ">What failed<",
        "class=\"tiles\"",
        "id=\"dashboard\" hidden",
        ">Stage breakdown<",
        ">Files of this run</h2>",
    ];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])));
}

#[test]
fn the_hosts_part_is_all_there() {
    let mut sample = Sample::instrumented();
    sample.baseline = Sample::worked().baseline;
    sample.tails = vec![LogTail {
        stage: "meta.aggregation".into(),
        attempt: 2,
        path: "logs/meta.aggregation/2.err.log".into(),
        lines: vec!["loading 12 sleeves".into(), "folding".into()],
        omitted_bytes: 0,
    }];
    sample.sections = vec![section("risk.report_meta", everything()), failed_section("acme.broken")];
    let rendered = render(&sample.input());
    let page = read(&rendered.html);
    // Whatever the Markdown's part says as a cell or a word, the page says, too; marks that need a font of pictures are letters there.
    let signs = [("✅", "✓"), ("❌", "✗"), ("⏱", "✗"), ("⛔", "■"), ("⏭", "»")];
    let lettered = |text: String| signs.iter().fold(text, |text, (mark, sign)| text.replace(mark, sign));
    let (_, health) = rendered.markdown.split_once("## Pipeline Health\n").unwrap();
    let (health, _) = health.split_once("\n## Reports").unwrap();
    let told = |line: &&str| !line.contains("---") && !line.contains('\\') && !line.starts_with("| Metric ");
    for line in health.lines().filter(told) {
        for cell in line.trim_start_matches(['#', '-', '>', ' ']).split('|') {
            let cell = cell.trim().trim_start_matches(|c: char| c.is_ascii_digit() && line.contains(". **"));
            let text =
                squeeze(&cell.replace("**", "").replace(['*', '`'], "").replace("&lt;", "<").replace("&gt;", ">"));
            let text = lettered(text.trim_start_matches('.').to_owned());
            assert!(page.text.contains(&text), "{text:?} is missing");
        }
    }
    for text in ["0123456789abcdef".repeat(4).as_str(), "limithit:limit`log`", "Endofreportacme.broken.", "folding"] {
        assert!(page.text.contains(text), "{text:?} is missing");
    }
    assert_eq!(page.structure.iter().filter(|tag| tag.starts_with("h1")).count(), 1);
    let tables = page.structure.iter().filter(|tag| *tag == "table").count();
    assert_eq!(page.structure.iter().filter(|tag| tag.starts_with("caption")).count(), tables, "each has its caption");
    // One frame a report, and evidence in it where the plugin asked for some.
    assert_eq!(page.structure.iter().filter(|tag| *tag == "section class=evidence").count(), 2);
    assert_eq!(page.structure.iter().filter(|tag| tag.starts_with("article")).count(), 2);
}

#[test]
fn a_missing_trace_is_said() {
    let sample = Sample { problem: Some("There is no <trace>.".into()), ..Sample::default() };
    let page = read(&super::super::page(&sample.input(), &Home::default()));
    assert!(page.text.contains("⚠warning:Thereisno<trace>."), "{}", page.text);
}
