//! The report for a terminal: how it looks, that nothing in it is obeyed, and that it's as wide as it may be.

use super::super::escape::visible;
use super::super::text::{Terminal, report};
use super::corpus::{PAYLOADS, POSITIONS, nasty, other, place};
use super::golden::golden;
use super::sample::{FAILED, Sample, column, document, everything, failed_section, section};
use crate::plugin::document::*;
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr as _;

fn drawn(sample: &Sample, width: usize) -> String {
    report(&sample.input(), Terminal { width, colour: false })
}

/// Nothing that a terminal would obey.
fn harmless(text: &str) -> bool {
    let obeyed = |c: char| {
        c != '\n'
            && (c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
    };
    !text.contains(obeyed)
}

fn squeeze(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '⏎' | '│')).collect()
}

fn widest(text: &str) -> usize {
    text.lines().map(|line| line.width()).max().unwrap_or(0)
}

#[test]
fn as_it_is_meant_to_look() {
    let mut sample = Sample::worked();
    sample.sections = vec![section("risk.report_meta", everything()), failed_section("acme.broken")];
    golden("worked_example.txt", &drawn(&sample, 80));
    golden("worked_example.wide.txt", &drawn(&sample, 140));
    golden("failed_run.txt", &drawn(&Sample::of_trace(FAILED), 80));
    golden("flow_run.txt", &drawn(&super::flow::everything(), 100));
    for width in [40, 80, 140] {
        assert!(widest(&drawn(&sample, width)) <= width);
    }
}

#[test]
fn numbers_are_never_cut() {
    let text = drawn(&Sample::worked(), 40);
    for number in ["30.3 s", "+16.5 s", "2.000 s", "89.3 %", "26.0 s", "61.2 %"] {
        assert!(text.contains(number), "{number} is missing in\n{text}");
    }
    let wide = "12345678901234567890123456789012345678901234567890";
    let column = column("n", ColumnFormat::Number, 0, false);
    let row = vec![Cell::Text("a text that is far too long for its place".into()), Cell::Number(1e14)];
    let names = super::sample::column("name", ColumnFormat::Text, 0, false);
    let table = Table { caption: String::new(), columns: vec![names, column], rows: vec![row] };
    let sample = Sample { sections: vec![section("r", document(vec![Block::Table(table)]))], ..Sample::default() };
    let text = drawn(&sample, 40);
    assert!(text.contains("100000000000000") && text.contains('…') && !text.contains(wide), "{text}");
    assert!(widest(&text) <= 40);
}

#[test]
fn colours_only_where_there_are_any() {
    let mut sample = Sample::of_trace(FAILED);
    sample.sections = vec![section("risk.report_meta", everything())];
    let plain = drawn(&sample, 80);
    let coloured = report(&sample.input(), Terminal { width: 80, colour: true });
    assert!(!plain.contains('\u{1b}') && coloured.contains("\u{1b}[31m") && coloured.contains("\u{1b}[1m"));
    let mut stripped = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        stripped.push_str(before);
        rest = after.split_once('m').expect("a sequence of the host's").1;
    }
    stripped.push_str(rest);
    assert!(stripped == plain, "{:?}", stripped.lines().zip(plain.lines()).find(|(one, other)| one != other));
}

fn check(position: usize, payload: &str, width: usize) {
    let sample = Sample { sections: vec![place(position, payload), other()], ..Sample::default() };
    let text = drawn(&sample, width);
    assert!(harmless(&text), "{payload:?} in position {position}: {text:?}");
    assert!(widest(&text) <= width, "{payload:?} in position {position} at {width}:\n{text}");
    // No line of the plugin's stands where the host's do.
    let lines = |text: &str| text.lines().filter(|line| !line.starts_with('│')).count();
    let calm = drawn(&Sample { sections: vec![place(position, "harmless"), other()], ..Sample::default() }, width);
    if !(17..28).contains(&position) && !visible(payload).trim().is_empty() {
        assert_eq!(lines(&text), lines(&calm), "{payload:?} in position {position}:\n{text}");
    }
    // Beside tables, whose cells may be cut, the text is all there.
    if matches!(position, 0..=2 | 9 | 10 | 36) {
        let expected = squeeze(&visible(payload));
        assert!(squeeze(&text).contains(&expected), "{payload:?} in position {position}:\n{text}");
    }
}

#[test]
fn payloads_stay_text_in_every_position() {
    for position in 0..POSITIONS {
        for payload in PAYLOADS {
            check(position, payload, 80);
        }
    }
}

/// The sequences that terminals obey: titles, links, the clipboard, answers typed for the user, the screen.
#[test]
fn no_escape_sequence_reaches_the_terminal() {
    for payload in [
        "\u{1b}]0;title\u{7}",
        "\u{1b}]8;;https://evil.example\u{1b}\\x\u{1b}]8;;\u{1b}\\",
        "\u{1b}]52;c;cm0gLXJmIH4=\u{7}",
        "\u{1b}[2J\u{1b}[H\u{1b}[6n\u{1b}c",
        "\u{1b}P+q544e\u{1b}\\ \u{90}x\u{9c} \u{9b}31m",
        "a\rb\u{8}\u{8}\u{8}c\u{b}d\u{c}e",
        "\u{202e}desrever",
    ] {
        for position in 0..POSITIONS {
            check(position, payload, 60);
        }
        let mut sample = Sample::of_trace(
            &serde_json::json!([{"name": payload, "start_time": 1, "end_time": 9, "status": "Error", "status_message": payload,
                "span_id": "1", "attributes": {"forensic.kind": "run", "cicd.pipeline.run.id": payload,
                "cicd.pipeline.name": payload, "forensic.resumed_from": payload, "forensic.parent.run": payload,
                "forensic.parent.stage": payload, "cicd.pipeline.result": payload}},
                {"name": payload, "start_time": 1, "end_time": 9, "status": "Error", "status_message": payload,
                "span_id": "2", "parent_span_id": "1", "attributes": {"forensic.kind": "stage",
                "forensic.stage.id": payload, "forensic.cached_from": payload, "forensic.stage.member_of": payload,
                "forensic.stage.needs": [payload], "forensic.stage.released_by": payload, "forensic.stage.trigger": "any"}},
                {"name": payload, "start_time": 1, "end_time": 9, "status": "Error", "status_message": payload,
                "span_id": "3", "parent_span_id": "2", "attributes": {"forensic.kind": "attempt",
                "forensic.stage.id": payload, "forensic.attempt": 1, "forensic.child.run": payload,
                "forensic.waited_for_pool": payload, "forensic.log.stderr": payload, "error.type": payload,
                "forensic.escaped_processes": 1}}])
            .to_string(),
        );
        sample.record.notes = vec![payload.into()];
        sample.tails = vec![super::super::LogTail {
            stage: payload.into(),
            attempt: 1,
            path: payload.into(),
            lines: vec![payload.into()],
            omitted_bytes: 0,
        }];
        let text = drawn(&sample, 80);
        assert!(harmless(&text), "{payload:?}: {text:?}");
        assert!(text.contains("Pools that were waited for"), "{text}");
        assert!(widest(&text) <= 80, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_stays_text_and_within_the_width(text in nasty(), position in 0..POSITIONS, width in 40usize..160) {
        check(position, &text, width);
    }
}
