//! GitLab CI: collapsible sections of a job's log, and a dotenv report that hands values to later jobs.
//!
//! A marker is `section_start:TIME:NAME`, options, a carriage return and the sequence that erases the line; names are of
//! `[A-Za-z0-9_.-]`. Text from elsewhere can't make one, because [`harmless`] leaves neither a carriage return nor an escape.

use std::fmt::Write as _;

use super::Facts;
use super::lines::{harmless, tail};

/// Bytes of a log's end in a section.
const SECTION_MAX: usize = 16 << 10;

/// Opens a section; `now`: Unix seconds. Ends with a line feed.
pub fn start(name: &str, title: &str, now: u64, collapsed: bool) -> String {
    let options = if collapsed { "[collapsed=true]" } else { "" };
    let title = harmless(title).replace('\n', " ");
    format!("section_start:{now}:{}{options}\r\u{1b}[0K{title}\n", safe(name))
}

/// Closes the section of this name.
pub fn end(name: &str, now: u64) -> String {
    format!("section_end:{now}:{}\r\u{1b}[0K\n", safe(name))
}

fn safe(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    name.chars().map(|c| if allowed(c) { c } else { '_' }).collect()
}

/// The ends of failed stages' logs, each in a collapsed section.
pub fn sections(facts: &Facts, now: u64) -> String {
    let mut out = String::new();
    for (number, stage) in facts.stages.iter().filter(|stage| stage.failed()).enumerate() {
        for (part, end_of) in stage.tails.iter().filter(|tail| !tail.lines.is_empty()).enumerate() {
            let name = format!("forensic_log_{number}_{part}");
            let title = format!("Stage {} {}: the end of {}", stage.id, stage.failure_words(), end_of.path);
            let text = tail(end_of, SECTION_MAX);
            // Writing to a String cannot fail.
            let _ = write!(out, "{}{}{}", start(&name, &title, now, true), harmless(&text), end(&name, now));
        }
    }
    out
}

/// A dotenv report (`artifacts:reports:dotenv`): `FORENSIC_RUN_ID`, `FORENSIC_RESULT`, `FORENSIC_RUN_DIRECTORY`,
/// `FORENSIC_REPORT`. GitLab takes neither quotes nor line breaks, so a value that would need them is left out.
pub fn dotenv(facts: &Facts) -> String {
    let (directory, report) = (facts.directory.display().to_string(), facts.report.display().to_string());
    let plain = |value: &str| {
        !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+:@%=,".contains(&b))
    };
    let mut out = String::new();
    for (name, value) in [
        ("FORENSIC_RUN_ID", facts.run_id.as_str()),
        ("FORENSIC_RESULT", &facts.result),
        ("FORENSIC_RUN_DIRECTORY", &directory),
        ("FORENSIC_REPORT", &report),
    ] {
        if plain(value) {
            let _ = writeln!(out, "{name}={value}");
        }
    }
    out
}
