//! GitHub Actions: annotations, groups of log lines, the step summary, step outputs.
//!
//! Commands go to standard error, so that standard output stays data: GitHub's documentation speaks of standard output, its
//! runner reads both streams alike (`src/Runner.Worker/Handlers/ScriptHandler.cs`: one `OutputManager` for each, both with the
//! same command manager). Escaping is that of the toolkit (`packages/core/src/command.ts`).

use std::fmt::Write as _;

use super::lines::{clip, harmless, tail};
use super::{Facts, Importance, Stage};

/// Annotations of a kind that GitHub shows for a step; it drops the rest without a word.
const SHOWN: usize = 10;
/// Characters of a title.
const TITLE_MAX: usize = 200;
/// Characters of a message.
const MESSAGE_MAX: usize = 4_000;
/// Bytes of a log's end in a message.
const TAIL_MAX: usize = 2_000;
/// Bytes of a log's end in a group of its own.
const GROUP_MAX: usize = 16 << 10;
/// GitHub takes 1,024 KiB of summary a step and drops the whole of a larger one; other commands of the step want room, too.
pub const SUMMARY_MAX: usize = 900 << 10;
/// Room for what is said of what was left out.
const CLOSING: usize = 512;

/// A message beside the log, on the run's page.
struct Annotation {
    importance: Importance,
    title: String,
    message: String,
}

impl Annotation {
    fn command(&self) -> String {
        let word = match self.importance {
            Importance::Error => "error",
            Importance::Warning => "warning",
            Importance::Info => "notice",
        };
        let title = harmless(&self.title);
        let message = harmless(self.message.trim_end());
        format!("::{word} title={}::{}", property(&clip(&title, TITLE_MAX)), data(&clip(&message, MESSAGE_MAX)))
    }
}

/// The failed stages, failed reports and findings of a run as annotations, a line each, the worst first. Of each kind at most
/// ten; the tenth counts those that are left out.
pub fn annotations(facts: &Facts) -> Vec<String> {
    let mut all: Vec<Annotation> = facts.stages.iter().filter(|stage| stage.failed()).map(of_stage).collect();
    if let Some(problem) = &facts.trace_problem {
        let title = "The run has no readable trace".to_owned();
        all.push(Annotation { importance: Importance::Error, title, message: problem.clone() });
    }
    for report in &facts.reports {
        if let Some(failure) = &report.failure {
            let importance = if report.fails_run { Importance::Error } else { Importance::Warning };
            let title = format!("Report {} failed", report.id);
            all.push(Annotation { importance, title, message: failure.clone() });
        }
    }
    for (report, finding) in facts.findings() {
        let about = if finding.subject.is_empty() { String::new() } else { format!(": {}", finding.subject) };
        let title = format!("{}{about}", report.id);
        all.push(Annotation { importance: finding.importance, title, message: finding.text.clone() });
    }
    [Importance::Error, Importance::Warning, Importance::Info]
        .into_iter()
        .flat_map(|importance| {
            let of_kind: Vec<&Annotation> = all.iter().filter(|note| note.importance == importance).collect();
            let kept = if of_kind.len() > SHOWN { SHOWN - 1 } else { of_kind.len() };
            let more = of_kind.len() - kept;
            let rest = (more > 0).then(|| Annotation {
                importance,
                title: format!("{more} more"),
                message: format!("GitHub shows {SHOWN} annotations of a kind; the report has these {more}, too."),
            });
            of_kind[..kept].iter().copied().chain(&rest).map(Annotation::command).collect::<Vec<_>>()
        })
        .collect()
}

fn of_stage(stage: &Stage) -> Annotation {
    let allowed = if stage.allowed { ", which the pipeline allows" } else { "" };
    let mut message = stage.error.clone().unwrap_or_else(|| stage.result.clone());
    if stage.attempts > 1 {
        let _ = write!(message, " ({} attempts)", stage.attempts);
    }
    match stage.tails.iter().find(|tail| !tail.lines.is_empty()) {
        Some(end) => {
            let _ = write!(message, "\n{}", tail(end, TAIL_MAX));
        }
        None => {
            if let Some(log) = &stage.log {
                let _ = write!(message, "\nlog: {log}");
            }
        }
    }
    Annotation {
        importance: if stage.allowed { Importance::Warning } else { Importance::Error },
        title: format!("Stage {} {}{allowed}", stage.id, stage.failure_words()),
        message,
    }
}

/// The ends of failed stages' logs, each folded away in a group; ends with a line feed where there are any.
pub fn groups(facts: &Facts) -> String {
    let mut out = String::new();
    for stage in facts.stages.iter().filter(|stage| stage.failed()) {
        for end in stage.tails.iter().filter(|tail| !tail.lines.is_empty()) {
            let title = format!("Stage {} {}: the end of {}", stage.id, stage.failure_words(), end.path);
            let _ =
                write!(out, "::group::{}\n{}::endgroup::\n", data(&harmless(&title)), harmless(&tail(end, GROUP_MAX)));
        }
    }
    out
}

/// What goes to the end of the file that `GITHUB_STEP_SUMMARY` names: Pipeline Health and the list of reports, of
/// `forensic_report.md`. Where that does not fit `room` bytes, whole sections are left out from the end, and named. `where_` the
/// whole report is.
pub fn summary(markdown: &str, room: usize, where_: &str) -> String {
    let sections = sections(markdown);
    let mut out = String::new();
    let mut left_out: Vec<String> = Vec::new();
    let (mut frames, mut full) = (0_usize, false);
    for section in &sections {
        if section.frame {
            frames += 1;
        } else if full || out.len() + section.text.len() + CLOSING > room {
            full = true;
            left_out.push(section.title.to_owned());
        } else {
            out.push_str(section.text);
        }
    }
    let mut closing = String::new();
    if !left_out.is_empty() {
        let named = clip(&left_out.join(", "), CLOSING / 4).into_owned();
        let _ = write!(closing, "No room in this summary for: {}. ", harmless(&named).replace('\n', " "));
    }
    let shown = clip(where_, CLOSING / 4).replace(['`', '\n', '\r'], "?");
    let what = if frames > 0 { "The reports themselves are" } else { "The whole report is" };
    let _ = writeln!(closing, "{what} in `{shown}` of the job's workspace.");
    if out.len() + closing.len() + 2 > room {
        return String::new();
    }
    if !out.is_empty() && !out.ends_with("\n\n") {
        out.push_str(if out.ends_with('\n') { "\n" } else { "\n\n" });
    }
    out + &closing
}

/// A part of the report.
struct Section<'a> {
    title: &'a str,
    text: &'a str,
    /// It is a plugin's document: not in the summary.
    frame: bool,
}

/// The report, cut before each heading of levels 1 to 3 outside code; what is behind the list of reports is frames.
fn sections(markdown: &str) -> Vec<Section<'_>> {
    let mut cuts = vec![(0, "the report", false)];
    let mut fence: Option<(char, usize)> = None;
    let mut at = 0;
    let (mut listed, mut frames) = (false, false);
    for line in markdown.split_inclusive('\n') {
        let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'));
        let run = mark.map_or(0, |mark| line.chars().take_while(|c| *c == mark).count());
        match (fence, mark) {
            (Some((open, length)), Some(mark)) if mark == open && run >= length && line.trim_end().len() == run => {
                fence = None;
            }
            (None, Some(mark)) if run >= 3 => fence = Some((mark, run)),
            (None, _) => {
                let level = line.chars().take_while(|c| *c == '#').count();
                if (1..=3).contains(&level) && line[level..].starts_with(' ') {
                    let title = line[level..].trim();
                    frames |= listed && level <= 2;
                    listed |= level == 2 && title == "Reports";
                    cuts.push((at, title, frames));
                }
            }
            _ => {}
        }
        at += line.len();
    }
    let ends = cuts.iter().skip(1).map(|cut| cut.0).chain([markdown.len()]).collect::<Vec<_>>();
    let parts = cuts.into_iter().zip(ends);
    parts
        .map(|((start, title, frame), end)| Section { title, text: &markdown[start..end], frame })
        .filter(|section| !section.text.is_empty())
        .collect()
}

/// What goes to the end of the file that `GITHUB_OUTPUT` names: `run_id`, `result`, `run_directory`, `report`. `delimiter`: text
/// that nobody can foresee; a value that holds it is left out.
pub fn outputs(facts: &Facts, delimiter: &str) -> String {
    let mut out = String::new();
    let (directory, report) = (facts.directory.display().to_string(), facts.report.display().to_string());
    for (name, value) in
        [("run_id", &facts.run_id), ("result", &facts.result), ("run_directory", &directory), ("report", &report)]
    {
        if !value.is_empty() && !value.contains(delimiter) {
            let _ = writeln!(out, "{name}<<{delimiter}\n{value}\n{delimiter}");
        }
    }
    out
}

/// The message of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
