//! The whole file, and the frame around each plugin's document: who made it, how that went, and where it ends.

use super::document;
use super::escape::{clip, code, fence, inline, paragraphs, visible};
use super::table::Table;
use super::{FindingCounts, MARKDOWN_MAX, ReportInput, Section, Status, heading, health, markdown};
use crate::plugin::document::{HealthDetail, Level};
use crate::units::{NONE, count, integer};

/// Characters of a name, a version, a title.
const NAME_MAX: usize = 120;
/// Characters of a failure's text.
pub(super) const FAILURE_MAX: usize = 4_000;
/// Lines of a failed plugin's log.
pub(super) const LOG_LINES: usize = 10;
/// Characters of such a line.
pub(super) const LOG_LINE_MAX: usize = 500;
/// Limits that are listed.
pub(super) const LIMITS_MAX: usize = 10;
/// Rows of the list of reports.
pub(super) const LIST_MAX: usize = 100;
/// Room for what is said of reports that do not fit.
const CLOSING: usize = 1 << 10;
/// What Pipeline Health may take at most, so that reports have some room, too.
const HEALTH_MAX: usize = MARKDOWN_MAX - (128 << 10);

/// `forensic_report.md`. `alone`: what each section takes in a file of its own.
pub(super) fn report(input: &ReportInput<'_>, alone: &[usize]) -> String {
    let record = input.record;
    let run = input.summary.and_then(|summary| summary.run.id.as_deref()).unwrap_or(&record.run_id);
    let title = if run.is_empty() { String::new() } else { format!(" of run {}", inline(&name(run))) };
    let mut out = heading(1, &format!("Forensic report{title}"));
    out.push_str(&pipeline_health(input));
    if input.sections.is_empty() {
        out.push_str("*The pipeline has no report stage.*\n");
        return out;
    }
    out.push_str(&list(input.sections));
    let room = MARKDOWN_MAX.saturating_sub(out.len() + CLOSING);
    // Headings are one level deeper here, so a frame wants a little more than it took alone.
    let wanted: Vec<usize> = alone.iter().map(|size| size + size / 8 + CLOSING).collect();
    let mut left_out = 0;
    for (section, allotted) in input.sections.iter().zip(allot(&wanted, room)) {
        let text = frame(input, section, 2, allotted);
        if out.len() + text.len() + CLOSING <= MARKDOWN_MAX {
            out.push_str(&text);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        out.push_str(&format!(
            "*No room for {}; each has a file of its own beside this one.*\n",
            count(left_out, "more report")
        ));
    }
    out
}

/// All of it, or less where hostile names and messages blow it up.
fn pipeline_health(input: &ReportInput<'_>) -> String {
    let draw = |detail| markdown::draw(&health::tell(input, detail, false), 2);
    let full = draw(HealthDetail::Full);
    if full.len() <= HEALTH_MAX {
        return full;
    }
    let stages = draw(HealthDetail::Stages);
    let short = if stages.len() <= HEALTH_MAX { stages } else { draw(HealthDetail::Headline) };
    short + "*Pipeline Health is shortened, because it would be too large; all of it is in forensic_report.json.*\n\n"
}

/// `reports/<report id>.md`.
pub(super) fn alone(input: &ReportInput<'_>, section: &Section) -> String {
    frame(input, section, 1, MARKDOWN_MAX - 1)
}

/// Parts `room` among texts of these sizes: the small ones get what they want, the large ones equal shares of the rest.
pub(super) fn allot(sizes: &[usize], room: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&index| sizes[index]);
    let mut allotted = vec![0; sizes.len()];
    let mut left = room;
    for (done, &index) in order.iter().enumerate() {
        allotted[index] = sizes[index].min(left / (order.len() - done));
        left -= allotted[index];
    }
    allotted
}

/// The list of reports, before their frames.
fn list(sections: &[Section]) -> String {
    let mut out = heading(2, "Reports");
    let mut table = Table::new(&["Report", "Status", "Findings", "Plugin", "Digest", "Fuel>"]);
    for section in sections.iter().take(LIST_MAX) {
        let plugin = &section.plugin;
        table.row([
            shown(&section.report_id),
            status(section),
            FindingCounts::of(section.document.as_ref()).words(),
            format!("{} {}", shown(&plugin.name), shown(&plugin.version)).trim().to_owned(),
            digest(&plugin.digest),
            integer(section.fuel),
        ]);
    }
    out.push_str(&table.markdown());
    out.push('\n');
    if sections.len() > LIST_MAX {
        out.push_str(&format!("*+{} in forensic_report.json.*\n\n", count(sections.len() - LIST_MAX, "more report")));
    }
    out
}

/// One plugin's document in its frame, in at most `room` bytes (and never less than the frame itself).
fn frame(input: &ReportInput<'_>, section: &Section, level: usize, room: usize) -> String {
    let id = inline(&name(&section.report_id));
    let title = section.document.as_ref().map(|document| &document.title).filter(|title| !title.trim().is_empty());
    let title = title.unwrap_or(&section.plugin.title);
    let title = if title.trim().is_empty() { String::new() } else { format!(": {}", inline(&name(title))) };
    let mut out = String::new();
    if level > 1 {
        out.push_str("---\n\n");
    }
    out.push_str(&heading(level, &format!("Report {id}{title}")));
    if level == 1 {
        out.push_str(&of_run(input));
    }
    out.push_str(&identity(section));
    out.push_str(&limits_hit(section));
    if let Status::Failed(failure) = &section.status {
        out.push_str(&failed(section, failure));
    }
    let end = format!("*End of report {id}.*\n\n");
    let room = room.saturating_sub(out.len() + end.len());
    match &section.document {
        Some(document) if document.blocks.is_empty() && document.findings.is_empty() => {
            out.push_str("*The document is empty.*\n\n");
        }
        Some(document) => out.push_str(&document::draw(document, input, level, room)),
        None => {}
    }
    out.push_str(&end);
    out
}

fn of_run(input: &ReportInput<'_>) -> String {
    let run = input.summary.and_then(|summary| summary.run.id.as_deref()).unwrap_or(&input.record.run_id);
    let pipeline = input.summary.and_then(|summary| summary.run.pipeline.as_deref()).unwrap_or(&input.record.pipeline);
    let parts: Vec<String> = [("run", run), ("pipeline", pipeline)]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(word, text)| format!("{word} {}", inline(&name(text))))
        .collect();
    if parts.is_empty() { String::new() } else { format!("Of {}.\n\n", parts.join(", ")) }
}

/// Who made it and how that went.
fn identity(section: &Section) -> String {
    let plugin = &section.plugin;
    let mut table =
        Table::new(&["Plugin", "Version", "Digest", "Status", "Fuel>", "Limits hit>", "Findings", "Source"]);
    table.row([
        shown(&plugin.name),
        shown(&plugin.version),
        digest(&plugin.digest),
        status(section),
        integer(section.fuel),
        if section.limits_hit.is_empty() { "none".into() } else { section.limits_hit.len().to_string() },
        FindingCounts::of(section.document.as_ref()).words(),
        code(&name(&plugin.source)),
    ]);
    let words = if section.document.is_some() {
        "*The host drew this table; what follows, up to the end of this report, is the plugin's account.*\n\n"
    } else {
        ""
    };
    format!("{}\n{words}", table.markdown())
}

fn limits_hit(section: &Section) -> String {
    if section.limits_hit.is_empty() {
        return String::new();
    }
    let mut out: String = section
        .limits_hit
        .iter()
        .take(LIMITS_MAX)
        .map(|text| format!("- ⚠ **limit hit**: {}\n", inline(&clip(&visible(text), LOG_LINE_MAX))))
        .collect();
    let more = section.limits_hit.len().saturating_sub(LIMITS_MAX);
    if more > 0 {
        out.push_str(&format!("- *{more} more*\n"));
    }
    out + "\n"
}

fn failed(section: &Section, failure: &super::Failure) -> String {
    let text = |text: &str| paragraphs(&clip(&visible(text), FAILURE_MAX), "> ");
    let mut out = format!("> ❌ **failed**: {}\n", text(&failure.text));
    for (whom, advice) in [("for the operator", &failure.operator), ("for the plugin's author", &failure.author)] {
        if let Some(advice) = advice {
            out.push_str(&format!(">\n> **{whom}**: {}\n", text(advice)));
        }
    }
    out.push_str(if section.fails_run {
        "\nThe pipeline's owner wants the run to fail with this report (`on_failure = \"fail\"`).\n\n"
    } else {
        "\nThe run itself is not touched (`on_failure = \"degrade\"`).\n\n"
    });
    let skip = section.log.len().saturating_sub(LOG_LINES);
    if !section.log.is_empty() {
        let lines: Vec<String> = section.log[skip..]
            .iter()
            .map(|line| {
                let text = visible(&line.text).replace('\n', " ⏎ ");
                format!("{:<5} {}", level(line.level), clip(&text, LOG_LINE_MAX))
            })
            .collect();
        let dropped = match section.log_dropped {
            0 => String::new(),
            n => format!(", {} dropped", integer(n)),
        };
        let what = match skip {
            0 => "What it logged".to_owned(),
            _ => format!("The last {LOG_LINES} of {} that it logged", count(section.log.len(), "line")),
        };
        out.push_str(&format!("{what}{dropped}:\n\n{}\n", fence("text", &lines.join("\n"))));
    }
    out
}

/// A mark and a word.
pub(super) fn status(section: &Section) -> String {
    match (&section.status, section.document.is_some()) {
        (Status::Ok, true) => "✅ ok".into(),
        (Status::Ok, false) => "⚠ ok, but no document".into(),
        (Status::Failed(_), _) => "❌ failed".into(),
    }
}

/// Word of a log level.
pub(super) fn level(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

/// The first twelve digits.
fn digest(digest: &str) -> String {
    if digest.is_empty() { NONE.into() } else { code(&digest.chars().take(12).collect::<String>()) }
}

/// At most [`NAME_MAX`] characters.
pub(super) fn name(text: &str) -> String {
    clip(&visible(text), NAME_MAX).into_owned()
}

fn shown(text: &str) -> String {
    if text.trim().is_empty() { NONE.into() } else { super::escape::cell(&name(text)) }
}

#[cfg(test)]
mod tests {
    use super::allot;

    #[test]
    fn small_texts_leave_room_for_large_ones() {
        assert_eq!(allot(&[10, 1000, 20, 1000], 230), [10, 100, 20, 100]);
        assert_eq!(allot(&[10, 20], 100), [10, 20]);
        assert_eq!(allot(&[], 5), Vec::<usize>::new());
    }
}
