//! Hostile text in every position of a document, read back by a real CommonMark parser with every extension on that a
//! forge might have: the structure must be that of a document with harmless text, and the text must come back whole.

use super::super::escape::visible;
use super::super::{Baseline, Typical, frame, render};
use super::corpus::{OTHER, PAYLOADS, POSITIONS, nasty, other, place};
use super::sample::{Sample, document, section};
use crate::plugin::document::*;
use proptest::prelude::*;
use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd, TextMergeStream};

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
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                assert_eq!((link_type, &*title, &*id), (LinkType::Inline, "", ""), "{dest_url} in\n{markdown}");
                let page = dest_url.strip_suffix(".md").is_some_and(|page| page == OTHER);
                assert!(page || dest_url.starts_with("https://a.example/"), "{dest_url} in\n{markdown}");
                structure.push(if page { "Link to a page".into() } else { "Link".into() });
            }
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
    let sample = Sample { sections: vec![other()], ..Sample::default() };
    let drawn = |text: &str| read(&frame::alone(&sample.input(), &place(position, text)));
    let hostile = drawn(payload);
    let expected = squeeze(&visible(payload));
    if expected.is_empty() {
        return; // An empty block isn't drawn; that nothing bad came out is enough.
    }
    if position >= 38 {
        // Targets are not drawn; what is no address is no link, and `read` has looked at the others.
        let links = hostile.structure.iter().filter(|tag| *tag == "Link").count();
        assert!(links <= usize::from(position == 39) && !hostile.text.contains("evil.example"), "{hostile:?}");
        return;
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
    assert!(PAYLOADS.len() >= 100);
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
            "cicd.pipeline.result": "**x**", "forensic.profile": "a|b\n# c", "forensic.slots": 2,
            "forensic.resumed_from": PAYLOADS[26], "forensic.parent.run": PAYLOADS[28], "forensic.parent.stage": PAYLOADS[29] },
    })];
    for (index, payload) in PAYLOADS.iter().enumerate() {
        let word = if index % 3 == 0 { "skip" } else { "failure" };
        spans.push(serde_json::json!({
            "name": payload, "start_time": 2_000_000_000u64, "end_time": 8_000_000_000u64, "status": "Error",
            "span_id": format!("{:016x}", 1000 + index), "parent_span_id": "00000000000000ff", "status_message": payload,
            "attributes": { "forensic.kind": "stage", "forensic.stage.id": payload, "forensic.stage.index": index,
                "forensic.stage.needs": [PAYLOADS[(index + 1) % PAYLOADS.len()]], "cicd.pipeline.task.run.result": word,
                "forensic.skipped_because": PAYLOADS[(index + 1) % PAYLOADS.len()],
                "forensic.skip_reason": (index % 2 == 0).then_some("when"), "forensic.skip_message": payload,
                "forensic.cached": index % 7 == 1, "forensic.cached_from": payload, "forensic.stage.member_of": PAYLOADS[index % 9] },
        }));
        spans.push(serde_json::json!({
            "name": payload, "start_time": 2_000_000_000u64, "end_time": 8_000_000_000u64, "status": "Error",
            "span_id": format!("{:016x}", 5000 + index), "parent_span_id": format!("{:016x}", 1000 + index),
            "status_message": payload,
            "attributes": { "forensic.kind": "attempt", "forensic.stage.id": payload, "forensic.attempt": 1,
                "cicd.pipeline.task.run.result": "failure", "error.type": payload, "forensic.log.stderr": payload,
                "forensic.child.run": payload, "forensic.waited_for_pool": payload, "forensic.escaped_processes": 1 },
        }));
    }
    // Some stages tell of themselves, in such names too: ten steps each, one below the other.
    for (index, payload) in PAYLOADS.iter().enumerate() {
        let (stage, parent) = (index / 10, if index % 10 == 0 { 5000 + index / 10 } else { 8000 + index - 1 });
        spans.push(serde_json::json!({
            "name": payload, "start_time": 2_000_000_001u64 + index as u64, "end_time": 8_000_000_000u64, "status": "Error",
            "span_id": format!("{:016x}", 8000 + index), "parent_span_id": format!("{parent:016x}"),
            "status_message": payload,
            "attributes": { "forensic.origin": "otlp", "forensic.stage.id": PAYLOADS[stage], "forensic.attempt": 1 },
        }));
    }
    let mut sample = Sample::of_trace(&serde_json::to_string(&spans).unwrap());
    sample.baseline = Some(Baseline {
        run_id: PAYLOADS[23].into(),
        wall: Typical::of(&[1]),
        stages: PAYLOADS.iter().flat_map(|payload| Some(((*payload).to_owned(), Typical::of(&[5; 5])?))).collect(),
        gone: PAYLOADS.iter().map(|payload| format!("{payload}!")).collect(),
        new: PAYLOADS.iter().map(|payload| (*payload).to_owned()).collect(),
        partial: false,
    });
    sample.record.notes = PAYLOADS.iter().map(|payload| (*payload).to_owned()).collect();
    let harmless = ["Forensic report of run", "Pipeline Health"];
    let markdown = render(&sample.input()).markdown;
    let (_, inside) = markdown.split_once("### Inside the stages\n").unwrap();
    let inside = read(inside.split_once("\n### ").unwrap().0);
    for payload in PAYLOADS.iter().filter(|payload| visible(payload).chars().count() <= 120) {
        assert!(inside.text.contains(&squeeze(&visible(payload))), "{payload:?} in {}", inside.text);
    }
    assert_eq!(inside.structure.iter().filter(|tag| *tag == "Heading h4").count(), PAYLOADS.len().div_ceil(10));
    let cells = inside.structure.iter().filter(|tag| *tag == "TableCell").count();
    let rows = inside.structure.iter().filter(|tag| *tag == "TableRow" || *tag == "TableHead").count();
    assert_eq!((rows - PAYLOADS.len().div_ceil(10) * 2, cells), (PAYLOADS.len(), rows * 7));
    let reading = read(&markdown);
    assert_eq!(reading.structure.iter().filter(|tag| *tag == "Heading h1").count(), 1);
    assert_eq!(reading.structure.iter().filter(|tag| *tag == "Heading h2").count(), 1);
    assert!(harmless.iter().all(|text| reading.text.contains(&squeeze(text))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_stays_text_in_every_position(text in nasty(), position in 0..POSITIONS) {
        check(position, &text);
    }
}
