//! Part 7: how sure all this is.

use super::super::ReportInput;
use super::super::model::{Items, Line, line};
use super::{Facts, told};
use crate::units::{count, integer};

/// Notes that are shown.
const NOTES_MAX: usize = 40;
/// Characters of one.
const NOTE_MAX: usize = 400;

pub(super) fn tell(facts: &Facts<'_>, items: &mut Items) {
    items.heading(1, line!("Notes"));
    list(&notes(facts.input), items);
}

/// The notes as a list; `None` where there is nothing to say.
pub(super) fn list(notes: &[String], items: &mut Items) {
    if notes.is_empty() {
        return items.paragraph(line!("None: every time was measured, nothing was dropped or redacted."));
    }
    let mut points: Vec<Line> = notes.iter().take(NOTES_MAX).map(|note| told(note, NOTE_MAX).into()).collect();
    let more = notes.len().saturating_sub(NOTES_MAX);
    if more > 0 {
        points.push(line!("*{} more in forensic_report.json*", integer(more as u64)));
    }
    items.list(points);
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
    let stages = input.run.iter().flat_map(|run| &run.stages);
    for (stage, attempt) in stages.flat_map(|stage| stage.attempts.iter().map(move |attempt| (stage, attempt))) {
        if attempt.escaped_processes > 0 {
            notes.push(format!(
                "Attempt {} of stage {} left {} outside its process group, ended together with the attempt.",
                attempt.number,
                super::id(&stage.id),
                match attempt.escaped_processes {
                    1 => "1 process".to_owned(),
                    n => format!("{} processes", integer(n)),
                },
            ));
        }
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
