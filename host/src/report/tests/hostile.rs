//! Hostile text in every position of a document, read back by a real CommonMark parser with every extension on that a
//! forge might have: the structure must be that of a document with harmless text, and the text must come back whole.

use super::super::escape::visible;
use super::super::{Failure, Section, Status, frame, render};
use super::sample::{Sample, document, section};
use crate::plugin::LogLine;
use crate::plugin::document::*;
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, TextMergeStream};

const PAYLOADS: &[&str] = &[
    "# Pipeline Health",
    "## Report risk.report_meta",
    "Setext\n======",
    "Setext\n---",
    "a\n\n# b\n\n## c",
    "x ## closed ##",
    "---",
    "***",
    "_ _ _",
    "+++\ntitle = 1\n+++",
    "> quote",
    "> [!WARNING]\n> alert",
    "- point\n- point",
    "* point",
    "+ point",
    "1. one\n2. two",
    "12) twelve",
    "- [ ] task\n- [x] done",
    "    indented code",
    "\tindented code",
    "```\nfence\n```",
    "~~~\nfence\n~~~",
    "`code` ``code`` ```",
    "*em* **strong** ***both*** _em_ __strong__",
    "a_b_c __init__ _x_y_",
    "~~gone~~ ~gone~",
    "[link](https://evil.example)",
    "[link](javascript:alert(1))",
    "[ref][1]\n\n[1]: https://evil.example",
    "[1]: https://evil.example \"title\"",
    "![image](https://evil.example/track.png)",
    "<https://evil.example>",
    "https://evil.example/path?x=1&y=2#z",
    "see www.evil.example, HTTP://EVIL.example and ftp://evil.example",
    "me@evil.example mailto:me@evil.example @maintainers",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- comment -->",
    "<details><summary>x</summary>",
    "<?php x ?> <![CDATA[x]]> <!DOCTYPE x>",
    "</td></tr></table>",
    "&lt;b&gt; &amp; &copy; &#60; &#x3c; &nbsp;",
    "a | b\n--- | ---\n1 | 2",
    "| a |\n|---|\n| b |",
    "x | y \\| z \\\\| end\\",
    "title\n:-",
    "[^1] footnote\n\n[^1]: text",
    "term\n: definition",
    "$x$ $$y$$ $`z`$ cost $5 and $6",
    "\\begin \\* \\\\ \\` \\",
    "{#id .class} {{ liquid }} {% raw %}",
    "[[wiki]] [[page|text]]",
    "heading {#top}",
    "a\r\nb\rc\u{85}d\u{2028}e\u{2029}f\u{b}g\u{c}h",
    "\u{202e}desrever\u{202c} \u{2066}isolated\u{2069}",
    "zero\u{200b}width\u{200d}joined\u{feff} soft\u{ad}hyphen",
    "nul\0 bell\u{7} escape\u{1b}[31mred\u{1b}[0m c1\u{9b}31m",
    "tag\u{e0041}\u{e0042} filler\u{3164}\u{115f}",
    "https://a|b`c\\d@e",
    "`https://x`",
    "*\u{200b}*not strong*\u{200b}*",
    "*End of report risk.report_meta.*\n\n---\n\n## Pipeline Health\n\n**✅ success**: total duration **1 ms**",
    "\\u{202e}",
    "✅ PASSED 🔁 ⏎ ▁▂▃",
];

const POSITIONS: usize = 28;

/// A section with `text` in one position.
fn place(position: usize, text: &str) -> Section {
    let s = || text.to_owned();
    let x = || "x".to_owned();
    let column = |title: String| Column {
        title,
        format: ColumnFormat::Text,
        decimals: 0,
        unit: String::new(),
        signed: false,
        align_right: false,
    };
    let table = |caption, title, cell| {
        let row = vec![Cell::Text("x".into()), cell];
        Block::Table(Table { caption, columns: vec![column("x".into()), column(title)], rows: vec![row.clone(), row] })
    };
    let pair = |key, value| {
        Block::KeyValues(vec![KeyValue { key, value, format: ColumnFormat::Text, decimals: 0, unit: String::new() }])
    };
    let mut chart = Chart {
        title: x(),
        kind: ChartKind::Bar,
        format: ColumnFormat::Number,
        decimals: 2,
        x_is_time: false,
        x_title: x(),
        y_title: x(),
        unit: x(),
        labels: vec![x()],
        series: vec![Series { name: x(), x: vec![0.0], y: vec![1.0] }],
    };
    let mut made = document(vec![]);
    let block = match position {
        0 => Block::Heading(Heading { level: 1, text: s() }),
        1 => Block::Paragraph(s()),
        2 => Block::Bullets(vec![s(), x()]),
        3 => table(s(), x(), Cell::None),
        4 => table(x(), s(), Cell::None),
        5 => table(x(), x(), Cell::Text(s())),
        6 => table(x(), x(), Cell::Status(StatusCell { severity: Severity::Info, text: s() })),
        7 => pair(s(), Cell::None),
        8 => pair(x(), Cell::Text(s())),
        9 => Block::Callout(Callout { severity: Severity::Error, text: s() }),
        10 => Block::Code(CodeBlock { language: "json".into(), text: s() }),
        11..=16 => {
            *match position {
                11 => &mut chart.title,
                12 => &mut chart.x_title,
                13 => &mut chart.y_title,
                14 => &mut chart.unit,
                15 => &mut chart.labels[0],
                _ => &mut chart.series[0].name,
            } = s();
            Block::Chart(chart)
        }
        17 | 18 => {
            let (subject, text) = if position == 17 { (s(), x()) } else { (x(), s()) };
            made.findings.push(Finding { severity: Severity::Warning, subject, text });
            Block::Paragraph(x())
        }
        19 => {
            made.title = s();
            Block::Paragraph(x())
        }
        _ => Block::Paragraph(x()),
    };
    made.blocks = vec![Block::Paragraph(x()), block, Block::Paragraph(x())];
    let mut section = section("acme.report", made);
    match position {
        20 => section.report_id = s(),
        21 => section.plugin.name = s(),
        22 => section.plugin.version = s(),
        23 => section.plugin.source = s(),
        24 => section.limits_hit = vec![s()],
        25..=27 => {
            let mut failure = Failure { text: x(), operator: Some(x()), author: Some(x()) };
            match position {
                25 => failure.text = s(),
                26 => failure.author = Some(s()),
                _ => section.log = vec![LogLine { level: Level::Warn, text: s() }],
            }
            section.status = Status::Failed(failure);
            section.document = None;
        }
        _ => {}
    }
    if position == 27 {
        return section;
    }
    section.log = vec![LogLine { level: Level::Warn, text: x() }];
    section
}

/// What a reader gets: the structure without its text, and the text without spaces.
#[derive(Debug, PartialEq)]
struct Reading {
    structure: Vec<String>,
    text: String,
}

fn squeeze(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '⏎').collect()
}

/// Reads Markdown and fails at anything that a plugin must not be able to make.
fn read(markdown: &str) -> Reading {
    let options = Options::all()
        - Options::ENABLE_SMART_PUNCTUATION
        - Options::ENABLE_OLD_FOOTNOTES
        - Options::ENABLE_SUPERSCRIPT
        - Options::ENABLE_SUBSCRIPT;
    let mut structure: Vec<String> = Vec::new();
    let mut text = String::new();
    for event in TextMergeStream::new(Parser::new_ext(markdown, options)) {
        match event {
            Event::Text(part) => {
                if !structure.last().is_some_and(|tag| tag.starts_with("CodeBlock")) {
                    for word in part.split_whitespace() {
                        let links = word.contains("://")
                            || word.to_lowercase().contains("www.")
                            || word.to_lowercase().contains("mailto:")
                            || word.split('@').skip(1).any(|after| after.starts_with(char::is_alphanumeric));
                        assert!(!links, "{word:?} would be linked in\n{markdown}");
                    }
                }
                text.push_str(&part);
            }
            Event::Code(part) => text.push_str(&part),
            Event::HardBreak | Event::SoftBreak => text.push('\n'),
            Event::Start(Tag::Heading { level, id, classes, attrs }) => {
                assert!(id.is_none() && classes.is_empty() && attrs.is_empty(), "attributes in\n{markdown}");
                structure.push(format!("Heading {level}"));
            }
            Event::Start(
                tag @ (Tag::Paragraph
                | Tag::BlockQuote(None)
                | Tag::CodeBlock(_)
                | Tag::List(_)
                | Tag::Item
                | Tag::Table(_)
                | Tag::TableHead
                | Tag::TableRow
                | Tag::TableCell
                | Tag::Emphasis
                | Tag::Strong),
            ) => structure.push(format!("{tag:?}")),
            Event::End(_) => structure.push("End".into()),
            Event::Rule => structure.push("Rule".into()),
            other => panic!("{other:?} in\n{markdown}"),
        }
    }
    // Plain paragraphs may be one or several; their text is compared.
    let mut folded: Vec<String> = Vec::new();
    for tag in structure {
        if tag == "End" && folded.last().is_some_and(|last| last == "Paragraph") {
            folded.pop();
        } else {
            folded.push(tag);
        }
    }
    Reading { structure: folded, text: squeeze(&text) }
}

fn check(position: usize, payload: &str) {
    let sample = Sample::default();
    let drawn = |text: &str| {
        let mut section = place(position, text);
        // What is plain in one position must be plain beside the host's own evidence, too.
        section.plugin.title = String::new();
        read(&frame::alone(&sample.input(), &section))
    };
    let hostile = drawn(payload);
    let expected = squeeze(&visible(payload));
    if expected.is_empty() {
        return; // An empty block isn't drawn; that nothing bad came out is enough.
    }
    let harmless = drawn("harmless");
    assert!(
        hostile.structure == harmless.structure,
        "structure of {payload:?} in position {position}: {:?} instead of {:?}",
        hostile.structure.join(" "),
        harmless.structure.join(" ")
    );
    assert_eq!(
        hostile.text,
        harmless.text.replace("harmless", &expected),
        "text of {payload:?} in position {position}"
    );
}

#[test]
fn payloads_stay_text_in_every_position() {
    assert!(PAYLOADS.len() >= 60);
    for position in 0..POSITIONS {
        for payload in PAYLOADS {
            check(position, payload);
        }
    }
}

#[test]
fn a_language_is_never_more_than_a_colour() {
    for language in ["mermaid", "json\n```\n# out", "a b c", "`", "{=html}", "MATH"] {
        let block = Block::Code(CodeBlock { language: language.into(), text: "x".into() });
        let markdown = frame::alone(&Sample::default().input(), &section("acme.report", document(vec![block])));
        assert!(markdown.contains("\n```\nx\n```\n"), "{language:?}: {markdown}");
    }
}

#[test]
fn headings_stay_below_the_frame() {
    let blocks = (0..=255).map(|level| Block::Heading(Heading { level, text: "x".into() })).collect();
    let sample = Sample { sections: vec![section("acme.report", document(blocks))], ..Sample::default() };
    let markdown = render(&sample.input()).markdown;
    let (_, frame) = markdown.split_once("## Report acme.report").unwrap();
    let levels: Vec<usize> =
        frame.lines().filter(|line| line.starts_with('#')).map(|line| line.find(' ').unwrap()).collect();
    assert_eq!(levels.len(), 256);
    assert!(levels.iter().all(|level| (3..=6).contains(level)));
}

#[test]
fn emphasis_is_the_hosts() {
    // The marks of evidence inside a frame are an emphasised title and line; no plugin text comes out emphasised.
    for position in 0..POSITIONS {
        let section = place(position, "*Pipeline Health (drawn by the host from the trace)* **x** _x_ __x__");
        let markdown = frame::alone(&Sample::default().input(), &section);
        let mut depth = 0;
        for event in Parser::new_ext(&markdown, Options::all()) {
            match event {
                Event::Start(Tag::Emphasis | Tag::Strong) => depth += 1,
                Event::End(TagEnd::Emphasis | TagEnd::Strong) => depth -= 1,
                // The end of the frame names the report.
                Event::Text(text) if depth > 0 && position != 20 => assert!(!text.contains("drawn by"), "{markdown}"),
                _ => {}
            }
        }
    }
}

#[test]
fn a_hostile_trace_stays_text_in_the_hosts_own_part() {
    let mut spans = vec![serde_json::json!({
        "name": "RUN", "start_time": 1_000_000_000u64, "end_time": 9_000_000_000u64, "status": "Error", "span_id": "00000000000000ff",
        "attributes": { "forensic.kind": "run", "cicd.pipeline.run.id": PAYLOADS[25], "cicd.pipeline.name": PAYLOADS[36],
            "cicd.pipeline.result": "**x**", "forensic.profile": "a|b\n# c", "forensic.slots": 2 },
    })];
    for (index, payload) in PAYLOADS.iter().enumerate() {
        let word = if index % 3 == 0 { "skip" } else { "failure" };
        spans.push(serde_json::json!({
            "name": payload, "start_time": 2_000_000_000u64, "end_time": 8_000_000_000u64, "status": "Error",
            "span_id": format!("{:016x}", 1000 + index), "parent_span_id": "00000000000000ff", "status_message": payload,
            "attributes": { "forensic.kind": "stage", "forensic.stage.id": payload, "forensic.stage.index": index,
                "forensic.stage.needs": [PAYLOADS[(index + 1) % PAYLOADS.len()]], "cicd.pipeline.task.run.result": word,
                "forensic.skipped_because": PAYLOADS[(index + 1) % PAYLOADS.len()] },
        }));
        spans.push(serde_json::json!({
            "name": payload, "start_time": 2_000_000_000u64, "end_time": 8_000_000_000u64, "status": "Error",
            "span_id": format!("{:016x}", 5000 + index), "parent_span_id": format!("{:016x}", 1000 + index),
            "status_message": payload,
            "attributes": { "forensic.kind": "attempt", "forensic.stage.id": payload, "forensic.attempt": 1,
                "cicd.pipeline.task.run.result": "failure", "error.type": payload, "forensic.log.stderr": payload },
        }));
    }
    // Some stages tell of themselves, in such names too: six steps each, one below the other.
    for (index, payload) in PAYLOADS.iter().enumerate() {
        let (stage, parent) = (index / 6, if index % 6 == 0 { 5000 + index / 6 } else { 8000 + index - 1 });
        spans.push(serde_json::json!({
            "name": payload, "start_time": 2_000_000_001u64 + index as u64, "end_time": 8_000_000_000u64, "status": "Error",
            "span_id": format!("{:016x}", 8000 + index), "parent_span_id": format!("{parent:016x}"),
            "status_message": payload,
            "attributes": { "forensic.origin": "otlp", "forensic.stage.id": PAYLOADS[stage], "forensic.attempt": 1 },
        }));
    }
    let mut sample = Sample::of_trace(&serde_json::to_string(&spans).unwrap());
    sample.baseline = Some(super::super::Baseline {
        run_id: PAYLOADS[23].into(),
        wall_ns: 1,
        stages: PAYLOADS.iter().map(|payload| (format!("{payload}!"), 5)).collect(),
    });
    sample.record.notes = PAYLOADS.iter().map(|payload| (*payload).to_owned()).collect();
    let harmless = ["Forensic report of run", "Pipeline Health"];
    let markdown = render(&sample.input()).markdown;
    let (_, inside) = markdown.split_once("### Inside the stages\n").unwrap();
    let inside = read(inside.split_once("\n### ").unwrap().0);
    for payload in PAYLOADS.iter().filter(|payload| visible(payload).chars().count() <= 120) {
        assert!(inside.text.contains(&squeeze(&visible(payload))), "{payload:?} in {}", inside.text);
    }
    assert_eq!(inside.structure.iter().filter(|tag| *tag == "Heading h4").count(), PAYLOADS.len().div_ceil(6));
    let cells = inside.structure.iter().filter(|tag| *tag == "TableCell").count();
    let rows = inside.structure.iter().filter(|tag| *tag == "TableRow" || *tag == "TableHead").count();
    assert_eq!((rows - PAYLOADS.len().div_ceil(6) * 2, cells), (PAYLOADS.len(), rows * 7));
    let reading = read(&markdown);
    assert_eq!(reading.structure.iter().filter(|tag| *tag == "Heading h1").count(), 1);
    assert_eq!(reading.structure.iter().filter(|tag| *tag == "Heading h2").count(), 1);
    assert!(harmless.iter().all(|text| reading.text.contains(&squeeze(text))));
}

/// Texts made of what Markdown acts on.
fn nasty() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "a", "Z", "7", " ", "  ", "\n", "\n\n", "\t", "\r", "\\", "`", "``", "```", "*", "**", "_", "__", "~", "~~~",
        "[", "]", "(", ")", "!", "<", ">", "&", "&amp;", "#", "##", "|", "-", "---", "+", "=", "===", ":", "$", "$$",
        "{", "}", "^", "1.", "2)", "http://", "www.", "@", "x@y.z", "\0", "\u{1b}", "\u{202e}", "\u{200b}", "é",
        "日本", "😀", "⏎", "\u{a0}", "'", "\"", ".", ",", ";", "%", "/", "?",
    ];
    let piece = prop_oneof![4 => prop::sample::select(PIECES).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    prop::collection::vec(piece, 1..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_stays_text_in_every_position(text in nasty(), position in 0..POSITIONS) {
        check(position, &text);
    }
}
