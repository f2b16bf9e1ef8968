//! What plugins said, out of `forensic_report.json` again: the same as it went in.

use proptest::prelude::*;

use super::corpus::{PAYLOADS, POSITIONS, nasty, place};
use super::sample::{Sample, everything, failed_section, section};
use crate::plugin::fault;
use crate::report::{Section, json, read_sections, render};

/// The JSON report of the worked example with these sections, before and after they were read from it.
fn twice(sections: Vec<Section>) -> [String; 2] {
    let mut sample = Sample::worked();
    sample.sections = sections;
    let before = json(&sample.input());
    sample.sections = read_sections(before.as_bytes(), 64 << 20).unwrap();
    [before, json(&sample.input())]
}

/// Whether a plugin could have returned it: in some places not every text is let through.
fn is_sound(section: &Section) -> bool {
    section.document.iter().flat_map(|document| &document.blocks).all(|block| fault(block).is_none())
}

#[test]
fn every_block_is_read_as_it_was_written() {
    let mut sample = Sample::worked();
    sample.sections = vec![section("a.b", everything()), failed_section("c.d")];
    let before = render(&sample.input());
    sample.sections = read_sections(before.json.as_bytes(), 64 << 20).unwrap();
    assert_eq!(render(&sample.input()), before);
}

#[test]
fn every_text_is_read_as_it_was_written() {
    let all = (0..POSITIONS).flat_map(|position| PAYLOADS.iter().map(move |payload| place(position, payload)));
    let all: Vec<Section> = all.filter(is_sound).collect();
    assert!(all.len() > POSITIONS * PAYLOADS.len() / 2);
    let [before, after] = twice(all);
    assert_eq!(before, after);
}

#[test]
fn what_is_too_large_is_not_read() {
    let text = format!("{{\"schema\": \"forensic.report/1\", \"notes\": [{:?}], \"reports\": []}}", "x".repeat(1_000));
    assert!(read_sections(text.as_bytes(), text.len() as u64).is_ok());
    let error = read_sections(text.as_bytes(), 1_000).unwrap_err();
    assert_eq!(error.to_string(), "it has more than 1000 bytes");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_as_it_was_written(text in nasty(), position in 0..POSITIONS) {
        let section = place(position, &text);
        prop_assume!(is_sound(&section));
        let [before, after] = twice(vec![section]);
        prop_assert_eq!(before, after);
    }
}
