//! Where durations changed, in sentences.

use super::super::draw;
use super::super::words::draw_run;
use crate::report::Change;
use crate::report::html::Html;
use crate::runs::{Step, StepKind, Trends};
use crate::units::{change, count, duration, signed_duration};

/// A mark for a change, beside its amount.
pub(super) fn mark(change: Change) -> &'static str {
    if change == Change::Slower { "▲" } else { "▼" }
}

/// The changes, the newest first, each in a sentence. `what` changed, or did not.
pub(super) fn steps(html: &mut Html, found: &Trends, steps: &[Step], what: &str) {
    if steps.is_empty() {
        let text = format!("{what} did not change beyond noise in these runs, as far as there were enough of them.");
        return html.element("p", &[], &text);
    }
    html.within("ul", &[], |html| {
        for step in steps.iter().rev() {
            html.within("li", &[], |html| tell(html, found, step));
            html.newline();
        }
    });
}

fn tell(html: &mut Html, found: &Trends, step: &Step) {
    let run = |html: &mut Html, at: usize| {
        if let Some(run) = found.runs.get(at) {
            draw_run(html, &run.folder);
        }
    };
    html.element("strong", &[("class", draw::tone(Some(step.change)))], step.change.words());
    match (step.kind, step.until) {
        (StepKind::Lasting, None) => {
            html.spaced(" since run ");
            run(html, step.run);
        }
        (StepKind::Lasting, Some(until)) => {
            html.spaced(" from run ");
            run(html, step.run);
            html.spaced(" to run ");
            run(html, until);
        }
        (StepKind::Outlier, until) => {
            html.spaced(" in run ");
            run(html, step.run);
            match until.filter(|until| *until != step.run) {
                None => html.spaced(" alone"),
                Some(until) => {
                    html.spaced(" and run ");
                    run(html, until);
                    html.spaced(" alone");
                }
            }
        }
        (StepKind::Newest, _) => {
            html.spaced(" in the newest run that counts, ");
            run(html, step.run);
        }
    }
    let (from, to) = (step.from_ns, step.to_ns);
    html.spaced(": ");
    html.element("strong", &[], &format!("{} ({})", signed_duration(from, to), change(from, to)));
    html.spaced(&format!(", from {} to {}", duration(from), duration(to)));
    html.spaced(&match (step.kind, step.until) {
        (StepKind::Lasting, None) => format!(", in {} so far.", count(step.runs, "run")),
        (StepKind::Lasting, Some(_)) => format!(", in {}; over since.", count(step.runs, "run")),
        (StepKind::Outlier, _) => "; the runs after it are within noise.".to_owned(),
        (StepKind::Newest, _) => "; the next run will tell whether it lasts.".to_owned(),
    });
}
