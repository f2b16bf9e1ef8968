//! However much there is to tell, a Markdown file stays below its limit and says what it leaves out.

use super::super::html::{STATIC_MAX, style};
use super::super::{HTML_MAX, MARKDOWN_MAX, render};
use super::reading::read;
use super::sample::{Sample, column, document, failed_section, section};
use crate::plugin::document::*;

const MIB: usize = 1 << 20;

fn twenty_thousand_stages() -> String {
    let mut spans = vec![
        r#"{"name":"RUN","start_time":0,"end_time":90000000000000,"status":"Error","attributes":{"forensic.kind":"run","cicd.pipeline.result":"failure","forensic.slots":8},"span_id":"ffffffffffffffff"}"#
            .to_owned(),
    ];
    for i in 0..20_000u64 {
        let (start, end) = (i * 4_000_000_000, (i + 1) * 4_000_000_000 + i);
        let (status, result) = if i % 100 == 99 { ("Error", "failure") } else { ("Success", "success") };
        spans.push(format!(
            r#"{{"name":"stage.{i}","start_time":{start},"end_time":{end},"status":"{status}","attributes":{{"forensic.kind":"stage","forensic.stage.id":"stage.{i}","forensic.stage.index":{i},"forensic.stage.needs":[],"cicd.pipeline.task.run.result":"{result}"}},"span_id":"{:016x}","parent_span_id":"ffffffffffffffff"}}"#,
            2 * i + 1
        ));
        spans.push(format!(
            r#"{{"name":"true","start_time":{start},"end_time":{end},"status":"{status}","attributes":{{"forensic.kind":"attempt","forensic.stage.id":"stage.{i}","forensic.attempt":1,"cicd.pipeline.task.run.result":"{result}","process.exit.code":1,"forensic.cpu_user_ns":{i}}},"span_id":"{:016x}","parent_span_id":"{:016x}"}}"#,
            2 * i + 2,
            2 * i + 1
        ));
    }
    for i in 0..40_000u64 {
        let (stage, name) = (i % 20, "<|".repeat(100));
        let start = stage * 4_000_000_000;
        spans.push(format!(
            r#"{{"name":"{i} {name}","start_time":{start},"end_time":{},"status":"Success","attributes":{{"forensic.origin":"otlp","forensic.stage.id":"stage.{stage}","forensic.attempt":1}},"span_id":"{:016x}","parent_span_id":"{:016x}"}}"#,
            start + i,
            1_000_000 + i,
            2 * stage + 2
        ));
    }
    format!("[\n{}\n]", spans.join(",\n"))
}

/// Bytes of a page without the dashboard's data and script.
fn static_size(html: &str) -> usize {
    let data = html.split_once("id=\"data\">").and_then(|(_, rest)| rest.split_once("</script>"));
    html.len() - data.map_or(0, |(data, _)| data.len()) - style::SCRIPT.len()
}

#[test]
fn twenty_thousand_stages_fit() {
    let mut sample = Sample::of_trace(&twenty_thousand_stages());
    sample.sections = vec![section("acme.report", document(vec![Block::PipelineHealth(HealthDetail::Full)]))];
    let rendered = render(&sample.input());
    assert!(rendered.markdown.len() < MARKDOWN_MAX / 4, "{}", rendered.markdown.len());
    assert!(rendered.markdown.contains("*+19,800 more stages in forensic_report.json; "));
    assert!(rendered.markdown.contains("| stage.99 "), "failures come first");
    assert!(rendered.markdown.contains("*188 failures more in forensic_report.json"));
    assert!(rendered.markdown.contains("*19,950 more attempts in forensic_report.json under `resources`"));
    assert!(rendered.markdown.contains("*1,988 more steps in forensic_report.json"));
    assert!(rendered.markdown.contains(" more stages in forensic_report.json under `inside`"));
    assert!(rendered.json.contains("\"stage.19999\""));
    let page = read(&rendered.html).text;
    assert!(static_size(&rendered.html) < 600 << 10, "{}", static_size(&rendered.html));
    assert!(page.contains("+19,800morestagesinforensic_report.json;"));
    assert!(page.contains("188failuresmoreinforensic_report.json"));
}

/// Documents of 4 MiB, each made of one sort of block.
fn large() -> Vec<Document> {
    let text = "<b>& *long* `text` ".repeat(4 * MIB / 19);
    let line = "x\u{1b}<|".repeat(200);
    let cell = |text: &str| Cell::Text(text.into());
    let table = |rows: usize, columns: usize, text: &str| {
        Block::Table(Table {
            caption: String::new(),
            columns: vec![column("title", ColumnFormat::Text, 0, false); columns],
            rows: vec![vec![cell(text); columns]; rows],
        })
    };
    let series = |n: usize| Series { name: "s".into(), x: (0..n).map(|i| i as f64).collect(), y: vec![0.5; n] };
    let chart = |many: usize, n: usize| {
        Block::Chart(Chart {
            title: "t".into(),
            kind: ChartKind::Line,
            format: ColumnFormat::Number,
            decimals: 2,
            x_is_time: false,
            x_title: "x".into(),
            y_title: "y".into(),
            unit: "u".into(),
            labels: vec![],
            series: vec![series(n); many],
        })
    };
    let findings =
        vec![Finding { severity: Severity::Warning, subject: "s".into(), text: line.clone() }; 4 * MIB / line.len()];
    vec![
        document(vec![Block::Paragraph(text.clone())]),
        document(vec![Block::Code(CodeBlock { language: String::new(), text: "\0".repeat(4 * MIB) })]),
        document(vec![Block::Bullets(vec![line.clone(); 4 * MIB / line.len()])]),
        document(vec![table(50_000, 4, "a somewhat longer text")]),
        document(vec![table(3, 40_000, "wide")]),
        document(vec![table(200, 20, &line)]),
        document(vec![chart(1, 200_000), chart(20_000, 8)]),
        document(vec![Block::Heading(Heading { level: 1, text }); 1]),
        document(vec![Block::Callout(Callout { severity: Severity::Error, text: "`".repeat(4 * MIB) })]),
        document(vec![Block::Paragraph("x".into()); 130_000]),
        document(vec![Block::PipelineHealth(HealthDetail::Full); 130_000]),
        Document { findings, ..document(vec![Block::Paragraph("after the findings".into())]) },
    ]
}

#[test]
fn large_documents_are_cut_and_say_so() {
    let mut sample = Sample::worked();
    sample.sections = large().into_iter().enumerate().map(|(i, made)| section(&format!("r{i}"), made)).collect();
    sample.sections.push(section("small", document(vec![Block::Paragraph("the small one is whole".into())])));
    let rendered = render(&sample.input());
    assert!(rendered.markdown.len() < MARKDOWN_MAX, "{}", rendered.markdown.len());
    assert!(rendered.markdown.len() > MARKDOWN_MAX / 2, "room is used: {}", rendered.markdown.len());
    assert!(rendered.markdown.contains("the small one is whole"));
    assert!(rendered.markdown.contains("after the findings"));
    let page = read(&rendered.html);
    assert!(static_size(&rendered.html) < STATIC_MAX, "{}", static_size(&rendered.html));
    assert!(static_size(&rendered.html) > STATIC_MAX / 2, "room is used: {}", static_size(&rendered.html));
    assert!(rendered.html.len() < HTML_MAX);
    assert!(page.text.contains("thesmalloneiswhole"), "the small one is missing");
    assert!(page.text.contains("afterthefindings"), "nothing is drawn after many findings");
    let frames: Vec<&str> = rendered.html.split("<article class=\"report\"").skip(1).collect();
    assert_eq!(frames.len(), rendered.sections.len());
    for ((id, text), frame) in rendered.sections.iter().zip(frames) {
        let says_so =
            ["more row", "more point", "more column", "Cut here", "No room for", "more series", "evenly spaced"];
        let whole = ["r7", "r10", "small"].contains(&id.as_str());
        assert!(whole || says_so.iter().any(|sentence| frame.contains(sentence)), "{id} says nothing on the page");
        assert!(text.len() < MARKDOWN_MAX, "{id}: {}", text.len());
        assert!(text.ends_with(&format!("*End of report {id}.*\n\n")), "{id}");
        let says_so = ["more row", "more point", "Cut here", "No room for", "more series", "evenly spaced"];
        let whole = ["r7", "r9", "r10", "small"].contains(&id.as_str());
        let said = says_so.iter().any(|sentence| text.contains(sentence));
        assert!(
            whole || said,
            "{id} of {} bytes says nothing: {:?}",
            text.len(),
            text.chars().take(1500).collect::<String>()
        );
        assert!(rendered.markdown.contains(&format!("*End of report {id}.*")), "{id} is missing");
    }
}

#[test]
fn many_reports_fit() {
    let mut sample = Sample::worked();
    let mut broken = failed_section("acme.broken");
    broken.log[0].text = "\u{202e}".repeat(200);
    broken.log = vec![broken.log[0].clone(); 20];
    sample.sections = vec![broken; 300];
    let rendered = render(&sample.input());
    assert!(rendered.markdown.len() < MARKDOWN_MAX, "{}", rendered.markdown.len());
    assert!(rendered.markdown.contains("more reports; each has a file of its own"));
    assert_eq!(rendered.sections.len(), 300);
    assert!(static_size(&rendered.html) < STATIC_MAX, "{}", static_size(&rendered.html));
    read(&rendered.html);
}
