//! A run as JUnit XML, which Jenkins, GitLab and most other CI systems show as test results.
//!
//! There is no standard. The elements and their order are those of the schema that Jenkins' xUnit plugin ships
//! (`junit-10.xsd`), kept to what GitLab, Jenkins, Azure and Buildkite all read; `docs/ci.md` says what each does with them.
//!
//! | in the run | in the file |
//! |---|---|
//! | stage | test case of the suite `PIPELINE.stages` |
//! | its result `failure`, `timeout` | `<failure>` |
//! | its result `error`, and any unknown word | `<error>` |
//! | its result `skip`, `cancellation`; a failure that is allowed | `<skipped>` |
//! | report stage | test case of the suite `PIPELINE.reports`; `<error>` if there is no report |
//! | finding of severity `error` | test case with a `<failure>` |
//! | finding of severity `warning`, `info` | test case that passes; the text is its `<system-out>` |

use std::collections::HashMap;
use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::lines::{clip, seconds, tail};
use super::{Facts, Importance, Report, Stage};
use crate::conventions::result;
use crate::report::visible;

/// Bytes of a log's end beside the message.
const BRIEF_TAIL_MAX: usize = 4 << 10;
/// Bytes of a log's end.
const TAIL_MAX: usize = 16 << 10;
/// Characters of an attribute.
const ATTRIBUTE_MAX: usize = 500;
/// Characters of a text that is no log.
const TEXT_MAX: usize = 16 << 10;

type Xml = Writer<Vec<u8>>;

/// How a test case ended.
enum Ending {
    Passed,
    Skipped { message: String },
    Failed { message: String, kind: String, text: String },
    Broken { message: String, kind: String, text: String },
}

struct Case {
    class: String,
    name: String,
    ns: u64,
    ending: Ending,
    out: Option<String>,
    err: Option<String>,
}

struct Suite {
    name: String,
    ns: u64,
    cases: Vec<Case>,
}

impl Suite {
    fn new(name: String, ns: u64, mut cases: Vec<Case>) -> Self {
        // GitLab keeps one of several cases with the same class and name.
        let mut seen: HashMap<(String, String), usize> = HashMap::new();
        for case in &mut cases {
            let times = seen.entry((case.class.clone(), case.name.clone())).or_default();
            *times += 1;
            if *times > 1 {
                case.name = format!("{} ({times})", case.name);
            }
        }
        Self { name, ns, cases }
    }

    fn counts(&self) -> [(&'static str, usize); 4] {
        let count = |which: fn(&Ending) -> bool| self.cases.iter().filter(|case| which(&case.ending)).count();
        [
            ("tests", self.cases.len()),
            ("failures", count(|ending| matches!(ending, Ending::Failed { .. }))),
            ("errors", count(|ending| matches!(ending, Ending::Broken { .. }))),
            ("skipped", count(|ending| matches!(ending, Ending::Skipped { .. }))),
        ]
    }
}

/// The file. Well-formed XML 1.0, whatever stages and plugins said: characters that XML does not allow are made visible.
pub fn junit(facts: &Facts) -> String {
    let stages = facts.stages.iter().map(|stage| of_stage(facts, stage)).collect();
    let reports = facts.reports.iter().flat_map(|report| of_report(facts, report)).collect();
    let mut suites = vec![Suite::new(format!("{}.stages", facts.pipeline), facts.wall_ns, stages)];
    if let Some(problem) = &facts.trace_problem {
        suites[0].cases.push(Case {
            class: facts.pipeline.clone(),
            name: "trace".into(),
            ns: 0,
            ending: Ending::Broken { message: problem.clone(), kind: "trace".into(), text: String::new() },
            out: None,
            err: None,
        });
    }
    if !facts.reports.is_empty() {
        suites.push(Suite::new(format!("{}.reports", facts.pipeline), 0, reports));
    }
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Writing to memory fails only where memory does.
    let written = write(&mut xml, facts, &suites).map(|()| xml.into_inner());
    let bytes = written.unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned() + "\n"
}

fn of_stage(facts: &Facts, stage: &Stage) -> Case {
    let of = stage.group.as_ref().or(stage.member_of.as_ref());
    let message = stage.error.clone().unwrap_or_else(|| stage.result.clone());
    let mut text = message.clone();
    if stage.attempts > 1 {
        text += &format!("\n{} attempts", stage.attempts);
    }
    // GitLab shows this text and not always `system-err`; Jenkins shows both.
    match stage.tails.iter().find(|tail| !tail.lines.is_empty()) {
        Some(end) => text += &format!("\n{}", tail(end, BRIEF_TAIL_MAX)),
        None => text.extend(stage.log.iter().map(|log| format!("\nlog: {log}"))),
    }
    let kind = stage.result.clone();
    let ending = match stage.result.as_str() {
        result::SUCCESS => Ending::Passed,
        result::SKIP | result::CANCELLATION => Ending::Skipped { message },
        _ if stage.allowed => {
            Ending::Skipped { message: format!("{}, which the pipeline allows: {message}", stage.failure_words()) }
        }
        result::FAILURE | result::TIMEOUT => Ending::Failed { message, kind, text },
        _ => Ending::Broken { message, kind, text },
    };
    let out = stage.cached.then(|| match stage.saved_ns {
        Some(saved) => format!("reused from an earlier run, which saved {} s", seconds(saved)),
        None => "reused from an earlier run".to_owned(),
    });
    let tails = stage.tails.iter().filter(|tail| !tail.lines.is_empty());
    let err: String = tails.map(|end| tail(end, TAIL_MAX)).collect();
    Case {
        class: class(facts, of.map(String::as_str)),
        name: stage.id.clone(),
        ns: stage.duration_ns,
        ending,
        out,
        err: (!err.is_empty()).then_some(err),
    }
}

/// A case for the report itself, and one for each finding.
fn of_report(facts: &Facts, report: &Report) -> Vec<Case> {
    let class = class(facts, Some(&report.id));
    let ending = match &report.failure {
        None => Ending::Passed,
        Some(failure) => Ending::Broken {
            message: clip(failure, ATTRIBUTE_MAX).into_owned(),
            kind: "report".into(),
            text: failure.clone(),
        },
    };
    let mut cases = vec![Case { class: class.clone(), name: "report".into(), ns: 0, ending, out: None, err: None }];
    for finding in &report.findings {
        let about = if finding.subject.is_empty() { &finding.text } else { &finding.subject };
        let name = format!("{}: {about}", finding.importance.as_str());
        let (ending, out) = match finding.importance {
            Importance::Error => {
                let message = finding.text.clone();
                (Ending::Failed { message, kind: "finding".into(), text: finding.text.clone() }, None)
            }
            _ => (Ending::Passed, Some(format!("{}: {}", finding.importance.as_str(), finding.text))),
        };
        cases.push(Case {
            class: class.clone(),
            name: clip(&flat(&name), 200).into_owned(),
            ns: 0,
            ending,
            out,
            err: None,
        });
    }
    cases
}

/// A dot parts what Jenkins shows as package and class.
fn class(facts: &Facts, of: Option<&str>) -> String {
    of.map_or_else(|| facts.pipeline.clone(), |of| format!("{}.{of}", facts.pipeline))
}

fn write(xml: &mut Xml, facts: &Facts, suites: &[Suite]) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let mut totals = [("tests", 0), ("failures", 0), ("errors", 0), ("skipped", 0)];
    for counts in suites.iter().map(Suite::counts) {
        totals.iter_mut().zip(counts).for_each(|(total, (_, count))| total.1 += count);
    }
    // The schema knows no `skipped` here.
    let totals = attributes(&facts.pipeline, &totals[..3], facts.wall_ns);
    let root = xml.create_element("testsuites").with_attributes(pairs(&totals));
    root.write_inner_content(|xml| {
        suites.iter().enumerate().try_for_each(|(id, suite)| write_suite(xml, facts, id, suite))
    })?;
    Ok(())
}

fn write_suite(xml: &mut Xml, facts: &Facts, id: usize, suite: &Suite) -> io::Result<()> {
    let mut head = attributes(&suite.name, &suite.counts(), suite.ns);
    head.push(("id", id.to_string()));
    if let Some(time) = facts.start_time.and_then(timestamp) {
        head.push(("timestamp", time));
    }
    let report = facts.report.display().to_string();
    let told = [("run_id", &facts.run_id), ("result", &facts.result), ("report", &report)];
    xml.create_element("testsuite").with_attributes(pairs(&head)).write_inner_content(|xml| {
        xml.create_element("properties").write_inner_content(|xml| {
            told.iter().filter(|(_, value)| !value.is_empty()).try_for_each(|(name, value)| {
                let value = attribute(value);
                let property = xml.create_element("property").with_attribute(("name", *name));
                property.with_attribute(("value", value.as_str())).write_empty().map(drop)
            })
        })?;
        suite.cases.iter().try_for_each(|case| write_case(xml, case))
    })?;
    Ok(())
}

fn write_case(xml: &mut Xml, case: &Case) -> io::Result<()> {
    let head = [("classname", attribute(&case.class)), ("name", attribute(&case.name)), ("time", seconds(case.ns))];
    let element = xml.create_element("testcase").with_attributes(pairs(&head));
    if matches!(case.ending, Ending::Passed) && case.out.is_none() && case.err.is_none() {
        return element.write_empty().map(drop);
    }
    element.write_inner_content(|xml| {
        match &case.ending {
            Ending::Passed => {}
            Ending::Skipped { message } => {
                // GitLab reads the text, others the attribute.
                let short = attribute(message);
                let skipped = xml.create_element("skipped").with_attribute(("message", short.as_str()));
                skipped.write_text_content(BytesText::new(&allowed(&clip(message, TEXT_MAX))))?;
            }
            Ending::Failed { message, kind, text } => write_bad(xml, "failure", message, kind, text)?,
            Ending::Broken { message, kind, text } => write_bad(xml, "error", message, kind, text)?,
        }
        for (name, text) in [("system-out", &case.out), ("system-err", &case.err)] {
            if let Some(text) = text {
                xml.create_element(name).write_text_content(BytesText::new(&allowed(&clip(text, TEXT_MAX))))?;
            }
        }
        Ok(())
    })?;
    Ok(())
}

fn write_bad(xml: &mut Xml, name: &str, message: &str, kind: &str, text: &str) -> io::Result<()> {
    let head = [("message", attribute(message)), ("type", attribute(kind))];
    let element = xml.create_element(name).with_attributes(pairs(&head));
    if text.is_empty() {
        return element.write_empty().map(drop);
    }
    element.write_text_content(BytesText::new(&allowed(&clip(text, TEXT_MAX)))).map(drop)
}

fn attributes(name: &str, counts: &[(&'static str, usize)], ns: u64) -> Vec<(&'static str, String)> {
    let mut out = vec![("name", attribute(name))];
    out.extend(counts.iter().map(|(name, count)| (*name, count.to_string())));
    out.push(("time", seconds(ns)));
    out
}

fn pairs<'a>(attributes: &'a [(&'static str, String)]) -> impl Iterator<Item = (&'a str, &'a str)> {
    attributes.iter().map(|(name, value)| (*name, value.as_str()))
}

/// A text for an attribute, where XML reads a line break as a space.
fn attribute(text: &str) -> String {
    clip(&flat(&allowed(text)), ATTRIBUTE_MAX).into_owned()
}

fn flat(text: &str) -> String {
    text.trim_end().replace("\r\n", "\n").replace(['\n', '\r'], " ⏎ ").replace('\t', " ")
}

/// A text of characters that XML 1.0 allows; the rest is made visible, and what no one can see, too.
fn allowed(text: &str) -> String {
    let text = visible(text);
    let banned = |c: char| matches!(c, '\u{fffe}' | '\u{ffff}') || c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(banned) {
        return text.into_owned();
    }
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if banned(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
        out
    })
}

/// `2026-11-23T04:58:01`, UTC: the schema knows no zone.
fn timestamp(ns: u64) -> Option<String> {
    let time = jiff::Timestamp::from_second(i64::try_from(ns / 1_000_000_000).ok()?).ok()?;
    let text = time.to_string();
    Some(text.trim_end_matches('Z').to_owned())
}
