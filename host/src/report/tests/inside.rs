//! What stages told of themselves, and what attempts used, as a reader meets it.

use super::super::{LogTail, render};
use super::sample::{FAILED, Sample, document, failed, section, sent};
use crate::plugin::document::{Block, HealthDetail};
use serde_json::Value;

const LONG: (&str, u64) = ("sleeve.long", 1);
const LONG_ATTEMPT: &str = "a0b1c2d300000003";

fn markdown(spans: impl IntoIterator<Item = Value>) -> String {
    let mut all: Vec<Value> = serde_json::from_str(FAILED).unwrap();
    all.extend(spans);
    render(&Sample::of_trace(&Value::Array(all).to_string()).input()).markdown
}

fn part<'a>(markdown: &'a str, title: &str) -> &'a str {
    let (_, part) = markdown.split_once(title).unwrap_or_else(|| panic!("{title} in {markdown}"));
    part.split_once("\n### ").map_or(part, |(part, _)| part)
}

#[test]
fn without_spans_there_is_no_such_part() {
    assert!(!markdown([]).contains("Inside the stages"));
}

#[test]
fn plugins_documents_do_not_repeat_it() {
    let mut sample = Sample::instrumented();
    sample.sections = vec![section("acme.report", document(vec![Block::PipelineHealth(HealthDetail::Full)]))];
    let rendered = render(&sample.input());
    for title in ["# Inside the stages\n", "# Resources\n"] {
        assert_eq!(rendered.markdown.matches(title).count(), 1);
        assert!(!rendered.sections[0].1.contains(title));
    }
}

#[test]
fn steps_below_what_is_left_out_are_marked() {
    // A chain of twenty, of which only the last takes time, and fifteen small ones beside it.
    let chain = (1..=20).map(|n| {
        let parent = if n == 1 { LONG_ATTEMPT.to_owned() } else { format!("{:x}", n - 1) };
        sent(n, &parent, LONG, &format!("level {n}"), 100, 2_100)
    });
    let small =
        (1..=15).map(|n| sent(100 + n, LONG_ATTEMPT, LONG, &format!("small {n}"), 2_200 + n * 10, 2_205 + n * 10));
    let markdown = markdown(chain.chain(small));
    let part = part(&markdown, "### Inside the stages\n");
    assert!(part.contains("⋯ level 20 "), "{part}");
    assert!(!part.contains("level 19 "));
    assert!(part.contains("**level 20** with 2.000 s in one call, 50.3 % of the attempt's 3.980 s."));
    assert_eq!(part.matches("| small ").count(), 11);
    assert!(part.contains("*23 more steps in forensic_report.json, 20 ms of self time together.*"), "{part}");
}

#[test]
fn a_step_without_a_name_can_not_be_imitated() {
    let names = ["", "*no span open*", "*other steps*"];
    let spans = (1..).zip(names).map(|(n, name)| sent(n, LONG_ATTEMPT, LONG, name, 100 * n, 100 * n + 90));
    let markdown = markdown(spans);
    assert!(markdown.contains("| *no name* ") && markdown.contains("| \\*other steps\\* "), "{markdown}");
    assert_eq!(markdown.matches("| *no span open* ").count(), 1);
}

#[test]
fn a_message_that_the_log_ends_with_is_not_repeated() {
    let attempt = "a0b1c2d300000008";
    let mut all: Vec<Value> = serde_json::from_str(FAILED).unwrap();
    all.push(failed(sent(1, attempt, ("meta.aggregation", 2), "fold", 8_000, 9_000), "ValueError: no weights"));
    let mut sample = Sample::of_trace(&Value::Array(all).to_string());
    let told = |sample: &Sample| part(&render(&sample.input()).markdown, "### What failed\n").to_owned();
    assert!(told(&sample).contains("among its own spans: **fold**: ValueError: no weights\n"));
    sample.tails = vec![LogTail {
        stage: "meta.aggregation".into(),
        attempt: 2,
        path: "logs/x".into(),
        lines: vec!["Traceback:".into(), "builtins.ValueError: no weights".into(), " ".into()],
        omitted_bytes: 0,
    }];
    assert!(told(&sample).contains("among its own spans: **fold**.\n"));
    sample.tails[0].lines.push("bye".into());
    assert!(told(&sample).contains("among its own spans: **fold**: ValueError: no weights\n"));
}

#[test]
fn a_process_inside_was_killed_for_want_of_memory() {
    let mut spans: Vec<Value> = serde_json::from_str(FAILED).unwrap();
    for span in &mut spans {
        if span["span_id"] == "a0b1c2d300000008" {
            let attributes = span["attributes"].as_object_mut().unwrap();
            attributes.remove("forensic.signal");
            attributes.insert("process.exit.code".into(), 1.into());
            attributes.insert("forensic.oom_killed".into(), true.into());
        }
    }
    let markdown = render(&Sample::of_trace(&Value::Array(spans).to_string()).input()).markdown;
    let heading =
        "meta.aggregation: failure, exit code 1, a process of it killed by the kernel for want of memory, attempt 2";
    assert!(markdown.contains(heading), "{markdown}");
    assert!(markdown.contains("that memory ran out: its largest process had held 85.8 MiB."));
    assert!(markdown.contains("| ❌ failure (out of memory) "));
}

#[test]
fn the_largest_consumers_are_shown() {
    let attempt = |n: u64, key: &str, amount: u64| {
        let mut span = sent(10_000 + n, "0", ("x", n), "python3", 100, 200);
        let stage = format!("more.{n:03}");
        span["attributes"] =
            serde_json::json!({"forensic.kind": "attempt", "forensic.stage.id": stage, "forensic.attempt": 1});
        span["attributes"][key] = amount.into();
        span
    };
    let mut spans: Vec<Value> = (0..60).map(|n| attempt(n, "forensic.cpu_user_ns", 1 + n)).collect();
    spans.push(attempt(60, "forensic.io.written_bytes", 5));
    spans.push(attempt(61, "forensic.oom_killed", 0));
    spans[61]["attributes"]["forensic.oom_killed"] = true.into();
    let markdown = markdown(spans);
    let part = part(&markdown, "### Resources\n");
    assert_eq!(part.lines().filter(|line| line.starts_with("| ")).count(), 52, "{part}");
    // 62 and the five of the sample, which took more.
    assert!(part.contains("*17 more attempts in forensic_report.json under `resources`"), "{part}");
    for shown in ["sleeve.audit", "more.060", "more.061", "more.059"] {
        assert!(part.contains(shown), "{shown} in {part}");
    }
    assert!(!part.contains("more.000"));
    assert!(!part.contains("Preempted"), "nobody measured that");
}
