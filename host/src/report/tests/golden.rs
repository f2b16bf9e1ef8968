//! Reports as they are meant to look. `UPDATE_GOLDEN=1` writes the files again: look at them before you commit them.

use super::super::html::style;
use super::super::render;
use super::super::{LogTail, RunFacts};
use super::sample::{FAILED, Sample, column, document, everything, failed_section, section};
use crate::plugin::document::*;
use base64::Engine as _;
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;

pub(super) fn golden(name: &str, text: &str) {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/report/testdata")).join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let line = text.lines().zip(expected.lines()).position(|(a, b)| a != b).unwrap_or(0);
    assert!(
        text == expected,
        "{} differs from line {}: `{}` instead of `{}`; UPDATE_GOLDEN=1 writes it again",
        path.display(),
        line + 1,
        text.lines().nth(line).unwrap_or_default(),
        expected.lines().nth(line).unwrap_or_default()
    );
}

/// A page without its script and style sheet, which have tests of their own.
fn without_code(html: &str) -> String {
    let mut html = html.replace(style::CSS, "…").replace(style::SCRIPT, "…");
    for code in [style::CSS, style::SCRIPT] {
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(code));
        html = html.replace(&hash, "…");
    }
    html
}

#[test]
fn the_worked_example() {
    let mut sample = Sample::worked();
    sample.sections = vec![section("risk.report_meta", everything()), failed_section("acme.broken")];
    let rendered = render(&sample.input());
    golden("worked_example.md", &rendered.markdown);
    golden("worked_example.json", &rendered.json);
    golden("worked_example.section.md", &rendered.sections[0].1);
    golden("worked_example.html", &without_code(&rendered.html));
    assert_eq!(rendered.findings.error, 1);
    assert_eq!(render(&sample.input()), rendered, "the same input gives the same bytes");
}

#[test]
fn a_failed_run() {
    let mut sample = Sample::of_trace(FAILED);
    sample.record.redacted_values = 3;
    sample.record.dropped_spans = 1;
    sample.tails = vec![
        LogTail {
            stage: "meta.aggregation".into(),
            attempt: 2,
            path: "logs/meta.aggregation/2.err.log".into(),
            lines: vec!["loading 12 sleeves".into(), "\u{1b}[31mfolding `returns` ```".into()],
            omitted_bytes: 5_120,
        },
        LogTail { stage: "meta.aggregation".into(), attempt: 1, path: "logs/no.log".into(), ..LogTail::default() },
    ];
    let rendered = render(&sample.input());
    golden("failed_run.md", &rendered.markdown);
    golden("failed_run.json", &rendered.json);
}

/// The failed run, whose stages sent spans of their own and whose resources were measured.
#[test]
fn an_instrumented_run() {
    let mut sample = Sample::instrumented();
    sample.tails = vec![LogTail {
        stage: "meta.aggregation".into(),
        attempt: 2,
        path: "logs/meta.aggregation/2.err.log".into(),
        lines: vec!["folding".into()],
        omitted_bytes: 0,
    }];
    let rendered = render(&sample.input());
    golden("instrumented_run.md", &rendered.markdown);
    golden("instrumented_run.json", &rendered.json);
}

#[test]
fn a_killed_run() {
    let sample = Sample::of_trace(include_str!("../../trace/testdata/worked_example_killed.json"));
    golden("killed_run.md", &render(&sample.input()).markdown);
}

#[test]
fn an_empty_run() {
    let sample = Sample::of_trace("[]");
    golden("empty_run.md", &render(&sample.input()).markdown);
}

#[test]
fn a_trace_of_another_writer() {
    let sample = Sample::of_trace(
        r#"[{"name":"pipeline","start_time":1000000000,"end_time":4000000000,"status":"OK","attributes":{},"span_id":"0000000000000001","parent_span_id":null},
{"name":"load","start_time":1000000000,"end_time":2500000000,"status":"OK","attributes":{},"span_id":"0000000000000002","parent_span_id":"0000000000000001"},
{"name":"fit","start_time":2000000000,"end_time":4000000000,"status":"ERROR","attributes":{},"span_id":"0000000000000003","parent_span_id":"0000000000000001"}]"#,
    );
    golden("foreign_trace.md", &render(&sample.input()).markdown);
}

#[test]
fn a_missing_trace() {
    let sample = Sample {
        record: RunFacts {
            run_id: "20260101T000000Z-lost".into(),
            pipeline: "meta.full".into(),
            result: Some("failure".into()),
            ..RunFacts::default()
        },
        problem: Some("There is no `data/forensic_trace.json`.".into()),
        sections: vec![section("risk.report_meta", everything())],
        ..Sample::default()
    };
    let rendered = render(&sample.input());
    golden("missing_trace.md", &rendered.markdown);
    assert!(rendered.json.contains("\"summary\": null"));
}

#[test]
fn a_hostile_document() {
    let text = |text: &str| Cell::Text(text.into());
    let mut made = document(vec![
        Block::Heading(Heading { level: 1, text: "Pipeline Health *(drawn by the host from the trace)*".into() }),
        Block::Paragraph(
            "**✅ success**: total duration **1 ms**\n\n---\n\n## Pipeline Health\n\n| a | b |\n|---|---|".into(),
        ),
        Block::Paragraph(
            "<script>alert(1)</script> [click](javascript:alert(1)) ![x](https://evil.example/x.png)".into(),
        ),
        Block::Bullets(vec![
            "1. https://evil.example".into(),
            "me@evil.example @maintainers".into(),
            "\u{202e}drawkcab\0".into(),
        ]),
        Block::Table(Table {
            caption: "# caption".into(),
            columns: vec![column("a|b", ColumnFormat::Text, 0, false)],
            rows: vec![vec![text("x | y\n<br>")], vec![text("end\\")]],
        }),
        Block::Code(CodeBlock { language: "mermaid".into(), text: "```\n## out\n```".into() }),
        Block::Callout(Callout { severity: Severity::Info, text: "> [!CAUTION]\n> out".into() }),
    ]);
    made.title = "*End of report*\n# x".into();
    let sample = Sample { sections: vec![section("acme.hostile", made)], ..Sample::default() };
    golden("hostile_document.md", &render(&sample.input()).sections[0].1);
}
