//! The dashboard's data: in `forensic_report.json` as it is, on the page as it is shown, and never too large.

use super::super::html::{DATA_MAX, data::PageData, style};
use super::super::{Home, LogTail, json, page, render};
use super::corpus::PAYLOADS;
use super::reading::read;
use super::sample::{Sample, sent};
use serde_json::Value;
use serde_json::json as value;
use std::fmt::Write as _;

/// A run of `stages` in layers of 100, each needing two of the layer before, and `spans` of each stage's own. Stages are named as
/// people name them.
pub(super) fn large(stages: u64, spans: u64) -> String {
    let name = |i: u64| format!("sleeve.{}.fold_{:05}", ["momentum", "carry", "value", "trend"][i as usize % 4], i);
    let (second, start) = (1_000_000_000, 1_767_225_600_000_000_000u64);
    let end = start + (stages / 100 + 2) * 10 * second;
    let mut out = format!(
        r#"[{{"name":"RUN","start_time":{start},"end_time":{end},"status":"Success","attributes":{{"forensic.kind":"run","cicd.pipeline.result":"success","forensic.slots":100,"forensic.cores":64}},"span_id":"ffffffffffffffff"}}"#
    );
    for i in 0..stages {
        let id = name(i);
        let (layer, jitter) = (i / 100, i * 7_919_317 % 3_000_000_000);
        let from = start + layer * 10 * second + i * 137_931 % 99_000_000;
        let to = from + 6 * second + jitter;
        let needs = match layer {
            0 => "[]".to_owned(),
            _ => format!(r#"["{}","{}"]"#, name(i - 100), name(i - 100 + 1)),
        };
        let _ = write!(
            out,
            r#",
{{"name":"{id}","start_time":{from},"end_time":{to},"status":"Success","attributes":{{"forensic.kind":"stage","forensic.stage.id":"{id}","forensic.stage.index":{i},"forensic.stage.needs":{needs},"forensic.stage.member_of":"sleeve.fold","cicd.pipeline.task.run.result":"success","forensic.attempts":1}},"span_id":"1{i:015x}","parent_span_id":"ffffffffffffffff"}},
{{"name":"python3","start_time":{from},"end_time":{to},"status":"Success","attributes":{{"forensic.kind":"attempt","forensic.stage.id":"{id}","forensic.attempt":1,"cicd.pipeline.task.run.result":"success","process.exit.code":0,"forensic.cpu_user_ns":{},"forensic.cpu_system_ns":{},"forensic.peak_memory_bytes":{},"forensic.tree_peak_memory_bytes":{},"forensic.io.read_bytes":{},"forensic.io.written_bytes":{},"forensic.log.stdout":"logs/{id}/1.out.log","forensic.log.stderr":"logs/{id}/1.err.log"}},"span_id":"2{i:015x}","parent_span_id":"1{i:015x}"}}"#,
            jitter,
            jitter / 7,
            (20 << 20) + i * 4_096,
            (30 << 20) + i * 4_096,
            i * 4_096,
            i * 8_192,
        );
        for s in 0..spans {
            let at = from + s * (to - from) / spans;
            let _ = write!(
                out,
                r#",
{{"name":"step {}","start_time":{at},"end_time":{},"status":"Success","attributes":{{"forensic.origin":"otlp","forensic.stage.id":"{id}","forensic.attempt":1}},"span_id":"{:016x}","parent_span_id":"2{i:015x}"}}"#,
                s % 40,
                at + 17_000_003,
                (3 << 60) + i * spans + s,
            );
        }
    }
    out + "\n]\n"
}

fn data_of(html: &str) -> Value {
    read(html).data.expect("data")
}

#[test]
fn ten_thousand_stages_stay_below_five_megabytes() {
    let sample = Sample::of_trace(&large(10_000, 0));
    let rendered = render(&sample.input());
    assert!(rendered.html.len() + bundle_room() < 5_000_000, "{}", rendered.html.len());
    let data = data_of(&rendered.html);
    assert_eq!(data["columns"]["stages"]["id"].as_array().map(Vec::len), Some(10_000));
    assert_eq!(data["columns"]["attempts"]["stdout"][9_999], 1);
}

/// What the dashboard's code may still grow.
fn bundle_room() -> usize {
    (80 << 10) - style::SCRIPT.len() - style::CSS.len()
}

#[test]
fn the_file_and_the_page_tell_the_same() {
    let mut sample = Sample::instrumented();
    sample.baseline = Sample::worked().baseline;
    sample.tails = vec![
        LogTail {
            stage: "meta.aggregation".into(),
            attempt: 2,
            path: "logs/x.log".into(),
            lines: vec!["folding".into()],
            omitted_bytes: 7,
        },
        LogTail { stage: "no such stage".into(), ..LogTail::default() },
    ];
    let rendered = render(&sample.input());
    assert_eq!(rendered.json, json(&sample.input()));
    assert_eq!(rendered.html, page(&sample.input(), &Home::default()));
    let file: Value = serde_json::from_str(&rendered.json).unwrap();
    let page = data_of(&rendered.html);
    assert_eq!(page["schema"], file["schema"]);
    assert_eq!(page["run"], file["run"]);
    let mut columns = file["columns"].clone();
    // The one text in the sample that can't all be seen.
    for name in columns["spans"]["names"].as_array_mut().unwrap() {
        *name = name.as_str().unwrap().replace('\u{202e}', "\\u{202e}").into();
    }
    assert_eq!(page["columns"], columns);
    assert_ne!(columns, file["columns"], "the file has the text as it is");
    assert_eq!(
        columns["tails"],
        value!([{"stage": 2, "attempt": 2, "path": "logs/x.log", "lines": ["folding"], "omitted_bytes": 7}])
    );
    // Each column stands on a line of its own.
    assert!(rendered.json.contains("\n      \"id\": [\"sleeve.long\","), "{}", rendered.json);
}

#[test]
fn the_baseline_stands_beside_the_stages() {
    let rendered = render(&Sample::worked().input());
    let stages = &data_of(&rendered.html)["columns"]["stages"];
    let s = 1_000_000_000u64;
    assert_eq!(
        stages["typical_ns"],
        value!([
            4 * s,
            2 * s,
            8_100_000_000u64,
            9_500_000_000u64,
            null,
            5 * s,
            9_980_000_000u64,
            2_900_000_000u64,
            null
        ])
    );
    assert_eq!(stages["change"], value!(["same", "same", "slower", "faster", null, null, "same", null, null]));
}

#[test]
fn without_a_trace_there_is_no_dashboard() {
    let sample = Sample { problem: Some("It is gone.".into()), ..Sample::default() };
    let html = page(&sample.input(), &Home::default());
    assert_eq!(read(&html).data, None);
    assert!(!html.contains("id=\"dashboard\"") && !html.contains("There is no dashboard"));
}

/// Names that would end the element, or mislead: none of them does, and all of them are told whole.
#[test]
fn hostile_names_stay_inside_the_data() {
    let more = [
        "</script><script>alert(1)</script>",
        "<!-- <script>",
        "--!>",
        "]]>",
        "\u{2028}\u{2029}",
        "\\u003c/script\\u003e",
        "\u{0}\u{1b}\u{7f}",
        "\"}]}",
    ];
    for text in PAYLOADS.iter().chain(&more) {
        let mut spans: Vec<Value> = serde_json::from_str(&large(2, 0)).unwrap();
        for span in &mut spans {
            span["status_message"] = (*text).into();
            let attributes = span["attributes"].as_object_mut().unwrap();
            for key in [
                "forensic.stage.member_of",
                "forensic.stage.group",
                "forensic.log.stdout",
                "cicd.pipeline.name",
                "forensic.profile",
            ] {
                attributes.insert(key.into(), (*text).into());
            }
            for key in ["cicd.pipeline.run.id", "forensic.stage.id", "cicd.pipeline.task.run.result"] {
                attributes.insert(key.into(), format!("x{text}").into());
            }
        }
        let mut own = sent(7, "0", ("", 1), text, 1, 2);
        own["attributes"]["forensic.stage.id"] = format!("x{text}").into();
        spans.push(own);
        let mut sample = Sample::of_trace(&Value::Array(spans).to_string());
        sample.tails = vec![LogTail {
            stage: format!("x{text}"),
            attempt: 1,
            path: (*text).into(),
            lines: vec![(*text).into()],
            omitted_bytes: 0,
        }];
        let data = data_of(&page(&sample.input(), &Home::default()));
        let shown = super::super::escape::visible(text).into_owned();
        assert_eq!(data["run"]["id"], format!("x{shown}"));
        assert_eq!(data["columns"]["stages"]["id"], value!([format!("x{shown}")]));
        assert_eq!(data["columns"]["spans"]["names"], value!([shown]));
        assert_eq!(data["columns"]["tails"][0]["lines"], value!([shown]));
    }
}

#[test]
fn what_does_not_fit_leaves_in_order() {
    let mut sample = Sample::of_trace(&large(40, 50));
    sample.tails = vec![LogTail {
        stage: "sleeve.carry.fold_00001".into(),
        attempt: 1,
        lines: vec!["<".repeat(1_000)],
        ..LogTail::default()
    }];
    let input = sample.input();
    let columns = || super::super::columns::of(&input);
    let of = |max: usize| PageData::of(&input, columns(), max);
    let whole = of(usize::MAX).json.expect("data").len();
    let mut before = (usize::MAX, true);
    let mut seen = std::collections::BTreeSet::new();
    for max in (0..=whole).rev().step_by(997) {
        let made = of(max);
        let Some(json) = &made.json else {
            assert!(made.too_large);
            seen.insert("nothing");
            continue;
        };
        assert!(json.len() <= max && !made.too_large);
        let mut html = super::super::html::markup::Html::default();
        html.data("data", json);
        let page = html.page();
        let text = page.split_once("id=\"data\">").and_then(|(_, rest)| rest.split_once("</script>")).unwrap().0;
        let data: Value = serde_json::from_str(text).unwrap();
        let columns = &data["columns"];
        let spans = columns["spans"]["name"].as_array().map_or(0, Vec::len);
        assert_eq!(spans as u64 + columns["spans_left_out"].as_u64().unwrap_or(0), 2_000);
        assert_eq!(spans % 50, 0, "whole attempts");
        let tails = columns.get("tails").is_some();
        assert!(tails || spans == 0, "spans go first");
        assert!(spans <= before.0 && (before.1 || !tails));
        before = (spans, tails);
        seen.insert(match (spans, tails) {
            (2_000, _) => "all",
            (0, true) => "no spans",
            (0, false) => "no tails",
            _ => "some spans",
        });
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["all", "no spans", "no tails", "nothing", "some spans"]);
}

/// Ids of a megabyte each: the page has no dashboard, says so, and stays small.
#[test]
fn ids_of_a_megabyte_do_not_fit() {
    let mut spans: Vec<Value> = serde_json::from_str(&large(15, 0)).unwrap();
    for span in &mut spans {
        if let Some(id) = span["attributes"].get_mut("forensic.stage.id") {
            *id = format!("{}{}", id.as_str().unwrap(), "<".repeat(1 << 20)).into();
        }
    }
    let sample = Sample::of_trace(&Value::Array(spans).to_string());
    let html = page(&sample.input(), &Home::default());
    assert!(html.len() < DATA_MAX, "{}", html.len());
    let read = read(&html);
    assert_eq!(read.data, None);
    assert!(read.text.contains("Thereisnodashboardonthispage"));
    assert!(!html.contains("id=\"dashboard\""));
}

/// `cargo test --release -p forensic-host --lib -- --ignored --nocapture sizes`: what a page costs.
#[test]
#[ignore = "prints sizes and times, checks nothing"]
fn sizes() {
    use crate::trace::{Columns, Run, Trace, summarize_run};
    use std::time::Instant;
    for (stages, spans) in [(100, 0), (10_000, 0), (100, 1_000), (100, 10_000)] {
        let text = large(stages, spans);
        let trace = Trace::from_slice(text.as_bytes()).unwrap();
        let run = Run::of(&trace);
        let summary = summarize_run(&trace, &run);
        let start = Instant::now();
        let columns = Columns::of(&trace, &run, &summary);
        let made = start.elapsed();
        drop((text, trace, run, summary));
        let sample = Sample::of_trace(&large(stages, spans));
        let start = Instant::now();
        let rendered = render(&sample.input());
        let drawn = start.elapsed();
        let without = Sample { columns: None, ..sample };
        let start = Instant::now();
        let plain = render(&without.input());
        println!(
            "{stages} stages with {spans} spans each: html {} ({} without data), json {} ({}), Columns::of {made:.1?} \
             ({} spans kept), render {drawn:.1?} ({:.1?} without)",
            rendered.html.len(),
            plain.html.len(),
            rendered.json.len(),
            plain.json.len(),
            columns.spans.len(),
            start.elapsed(),
        );
    }
}
