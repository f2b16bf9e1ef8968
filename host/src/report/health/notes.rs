//! Part 7: how sure all this is.

use super::super::escape::inline;
use super::super::{ReportInput, heading};
use super::{Facts, told};
use crate::units::{count, integer};

/// Notes in the Markdown.
const NOTES_MAX: usize = 40;
/// Characters of one.
const NOTE_MAX: usize = 400;

pub(super) fn draw(facts: &Facts<'_>) -> String {
    heading(facts.level, "Notes") + &list(&notes(facts.input))
}

/// The notes as a list; `none` where there is nothing to say.
pub(super) fn list(notes: &[String]) -> String {
    if notes.is_empty() {
        return "None: every time was measured, nothing was dropped or redacted.\n\n".into();
    }
    let mut out = String::new();
    for note in notes.iter().take(NOTES_MAX) {
        out.push_str(&format!("- {}\n", inline(&told(note, NOTE_MAX))));
    }
    let more = notes.len().saturating_sub(NOTES_MAX);
    if more > 0 {
        out.push_str(&format!("- *{} more in forensic_report.json*\n", integer(more as u64)));
    }
    out.push('\n');
    out
}

/// Everything that a reader should know before trusting a number, as plain text.
pub(in super::super) fn notes(input: &ReportInput<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(summary) = input.summary {
        if input.run.is_some_and(|run| run.inferred) {
            notes.push("The end of the run was not seen; the last sign of life stands for it.".to_owned());
        }
        if summary.spans.inferred > 0 {
            let spans = count(summary.spans.inferred as usize, "span");
            notes.push(format!("{spans} had no end in the trace; the last sign of life stands for it (inferred)."));
        }
        let foreign: Vec<String> = summary
            .spans
            .by_origin
            .iter()
            .filter(|(origin, _)| matches!(&***origin, "otlp" | "worker" | "guest"))
            .map(|(origin, n)| format!("{} {origin}", integer(*n)))
            .collect();
        if !foreign.is_empty() {
            let where_ = match input.inside {
                Some(inside) if !inside.stages.is_empty() => "no number outside “Inside the stages” rests on",
                _ => "no number above rests on",
            };
            notes.push(format!("Spans from elsewhere, which {where_}: {}.", foreign.join(", ")));
        }
    } else {
        notes.push(input.trace_problem.unwrap_or(super::NO_TRACE).to_owned());
    }
    if input.record.dropped_spans > 0 {
        notes.push(format!("{} dropped.", were(input.record.dropped_spans, "span")));
    }
    if input.record.redacted_values > 0 {
        notes.push(format!("{} redacted before anything was stored.", were(input.record.redacted_values, "value")));
    }
    notes.extend(input.record.notes.iter().cloned());
    notes.extend(input.summary.iter().flat_map(|summary| &summary.warnings).cloned());
    notes
}

fn were(n: u64, word: &str) -> String {
    format!("{} {}", count(n as usize, word), if n == 1 { "was" } else { "were" })
}
