//! The frame around a plugin's document: who made it, how that went, and where it ends.

use super::document;
use super::page::{Look, Page};
use super::words::{aside, callout, heading, list, runs};
use crate::plugin::document::Severity;
use crate::report::escape::{clip, visible};
use crate::report::frame::{FAILURE_MAX, LIMITS_MAX, LOG_LINE_MAX, LOG_LINES, level, name, status};
use crate::report::model::{Line, Tone, line};
use crate::report::{Failure, FindingCounts, ReportInput, Section, Status};
use crate::units::{NONE, count, integer};

pub(super) fn draw(page: &mut Page, input: &ReportInput<'_>, section: &Section) {
    let id = or_none(&section.report_id);
    let title = section.document.as_ref().map(|document| &document.title).filter(|title| !title.trim().is_empty());
    let title = name(title.unwrap_or(&section.plugin.title));
    let title = if title.trim().is_empty() { String::new() } else { format!(": {title}") };
    heading(page, 1, &line!("Report {}{}", id.as_str(), title));
    page.wrapped("", "", &runs(&identity(section)));
    page.gap();
    limits_hit(page, section);
    if let Status::Failed(failure) = &section.status {
        failed(page, section, failure);
    }
    match &section.document {
        Some(document) if document.blocks.is_empty() && document.findings.is_empty() => {
            aside(page, &line!("The document is empty."));
        }
        Some(document) => {
            aside(page, &line!("The plugin's account, behind the bar:"));
            page.framed(true, |page| document::draw(page, document, input));
        }
        None => {}
    }
    aside(page, &line!("End of report {}.", id));
}

/// Who made it and how that went.
fn identity(section: &Section) -> Line {
    let plugin = &section.plugin;
    let limits = match section.limits_hit.len() {
        0 => String::new(),
        n => format!(", {} hit", count(n, "limit")),
    };
    let digest: String = if plugin.digest.is_empty() { NONE.into() } else { plugin.digest.chars().take(12).collect() };
    line!(
        "{}. Findings: {}. Plugin {} {} from {}, digest {}, fuel {}{}.",
        line!("**{}**", status(section)),
        FindingCounts::of(section.document.as_ref()).words(),
        or_none(&plugin.name),
        or_none(&plugin.version),
        or_none(&plugin.source),
        digest,
        integer(section.fuel),
        limits
    )
}

fn limits_hit(page: &mut Page, section: &Section) {
    if section.limits_hit.is_empty() {
        return;
    }
    let texts = section.limits_hit.iter().take(LIMITS_MAX);
    let point = |text: &String| line!("**limit hit**: {}", clip(&visible(text), LOG_LINE_MAX).as_ref());
    let points = texts.map(|text| ("⚠ ".to_owned(), runs(&point(text).with(Tone::Warning))));
    let more = section.limits_hit.len().saturating_sub(LIMITS_MAX);
    let more = (more > 0).then(|| ("- ".to_owned(), vec![(Look::Quiet, format!("{more} more"))]));
    list(page, points.chain(more));
}

fn failed(page: &mut Page, section: &Section, failure: &Failure) {
    let text = |text: &str| clip(&visible(text), FAILURE_MAX).into_owned();
    callout(page, Severity::Error, &line!("**failed**: "), &text(&failure.text));
    for (whom, advice) in [("for the operator", &failure.operator), ("for the plugin's author", &failure.author)] {
        if let Some(advice) = advice {
            callout(page, Severity::Info, &line!("**{}**: ", Line::host(whom)), &text(advice));
        }
    }
    aside(
        page,
        &if section.fails_run {
            line!("The pipeline's owner wants the run to fail with this report (`on_failure = \"fail\"`).")
        } else {
            line!("The run itself is not touched (`on_failure = \"degrade\"`).")
        },
    );
    if section.log.is_empty() {
        return;
    }
    let skip = section.log.len().saturating_sub(LOG_LINES);
    let what = match skip {
        0 => "What it logged".to_owned(),
        _ => format!("The last {LOG_LINES} of {} that it logged", count(section.log.len(), "line")),
    };
    let dropped = match section.log_dropped {
        0 => String::new(),
        n => format!(", {} dropped", integer(n)),
    };
    page.wrapped("", "", &runs(&line!("{}{}:", what, Line::host(&dropped))));
    page.framed(true, |page| {
        for line in &section.log[skip..] {
            let text = visible(&line.text).replace('\n', " ⏎ ");
            page.verbatim("", &format!("{:<5} {}", level(line.level), clip(&text, LOG_LINE_MAX)));
        }
    });
}

fn or_none(text: &str) -> String {
    if text.trim().is_empty() { NONE.into() } else { name(text) }
}
