//! A plugin's document into HTML: every block drawn by the host, every text only text, and never more than its room.

use super::Sheet;
use super::chart;
use super::markup::Html;
use super::table;
use super::words::{self, aside, callout, heading, paragraphs};
use crate::plugin::document::{Block, Cell, Document, Finding, HealthDetail, KeyValue, Link, Severity, StatusCell};
use crate::report::escape::clip;
use crate::report::links::{Destination, destination};
use crate::report::model::line;
use crate::report::values::{CELL_MAX, TITLE_MAX, pair, text_column};
use crate::report::{ReportInput, health, severity};
use crate::units::count;

/// A block may take this much, or half of what is left, if that is more: what follows wants room, too.
const BLOCK_MIN: usize = 64 << 10;
/// Room for what is said of blocks that do not fit.
pub(super) const CLOSING: usize = 512;
/// Characters of a text that are drawn, where there is room for them.
const TEXT_MAX: usize = 100_000;
/// What a character may become: `\u{10ffff}`.
const GROWTH: usize = 10;
/// Headings of a document stand below this one.
const LEVEL: usize = 2;

/// Draws findings and blocks in at most `room` bytes. `number` is the report's, for names on the page.
pub(super) fn draw(document: &Document, sheet: &Sheet<'_>, number: usize, room: usize) -> Html {
    let input = sheet.input;
    let mut out = Html::default();
    let room = room.saturating_sub(CLOSING);
    let mut left_out = 0;
    let mut add = |out: &mut Html, made: &Html, room: usize| {
        if made.len() <= room {
            out.append(made);
            out.newline();
        } else {
            left_out += 1;
        }
    };
    if !document.findings.is_empty() {
        let room = share(room, false);
        add(&mut out, &findings(&document.findings, room), room);
    }
    let mut drawn_health: Vec<HealthDetail> = Vec::new();
    for (index, block) in document.blocks.iter().enumerate() {
        let last = index + 1 == document.blocks.len();
        let room = share(room.saturating_sub(out.len()), last);
        let mut html = sheet.piece();
        match block {
            Block::PipelineHealth(detail) if drawn_health.contains(detail) => {
                aside(&mut html, &line!("Pipeline Health stands above in the same detail."));
            }
            Block::PipelineHealth(detail) => {
                drawn_health.push(*detail);
                evidence(&mut html, input);
            }
            Block::Heading(block) => {
                let text = clip(&block.text, TITLE_MAX);
                if !text.trim().is_empty() {
                    html.element(heading(LEVEL + usize::from(block.level.clamp(1, 4))), &[], &text);
                }
            }
            Block::Paragraph(text) => fitted(&mut html, text, room, |html, text| paragraphs(html, |_| {}, text)),
            Block::Bullets(points) => {
                list(&mut html, points, "point", room, |html, point| html.text(&clip(point, TEXT_MAX)));
            }
            Block::Table(block) => {
                let rows = block.rows.iter();
                table::draw(&mut html, &block.caption, false, &block.columns, block.rows.len(), rows, room);
            }
            Block::KeyValues(pairs) => key_values(&mut html, pairs, room),
            Block::Callout(block) => fitted(&mut html, &block.text, room, |html, text| {
                let word = |html: &mut Html| words::line(html, &line!("**{}**: ", severity(block.severity).1));
                callout(html, block.severity, word, text);
            }),
            Block::Code(block) => fitted(&mut html, &block.text, room, |html, text| {
                html.within("pre", &[], |html| html.lines(text.trim_end_matches('\n')));
            }),
            Block::Chart(block) => chart::draw(&mut html, block, &format!("c{number}-{index}")),
            Block::Links(links) => list(&mut html, links, "link", room, |html, link| draw_link(html, link, input)),
        }
        add(&mut out, &html, room);
    }
    if left_out > 0 {
        aside(
            &mut out,
            &line!(
                "No room for {} of this document, which in forensic_report.json is whole.",
                count(left_out, "block")
            ),
        );
    }
    out
}

/// The address of a report on the page.
pub(super) fn anchor(number: usize) -> String {
    format!("report-{number}")
}

fn share(room: usize, last: bool) -> usize {
    if last { room } else { (room / 2).max(BLOCK_MIN).min(room) }
}

/// The host's own part, in a frame that no plugin can make: in full it stands at the top of the page.
fn evidence(html: &mut Html, input: &ReportInput<'_>) {
    html.within("section", &[("class", "evidence")], |html| {
        words::draw(html, &health::tell(input, HealthDetail::Headline, true), LEVEL + 1);
        if input.summary.is_some() {
            html.within("p", &[("class", "aside")], |html| {
                html.element("a", &[("href", "#health")], "In full at the top of this page.");
            });
        }
    });
}

/// A block of text, cut where it does not fit.
fn fitted(html: &mut Html, text: &str, room: usize, draw: impl Fn(&mut Html, &str)) {
    if text.trim().is_empty() {
        return;
    }
    let mut made = Html::default();
    let whole = clip(text, TEXT_MAX.min(room));
    draw(&mut made, &whole);
    let mut shown = whole.len();
    if made.len() + CLOSING > room {
        let part = clip(text, (room / GROWTH).min(TEXT_MAX));
        made = Html::default();
        draw(&mut made, &part);
        shown = part.len();
    }
    html.append(&made);
    if shown < text.len() {
        aside(html, &line!("Cut here; whole in forensic_report.json."));
    }
}

fn list<T>(html: &mut Html, points: &[T], what: &str, room: usize, mut draw: impl FnMut(&mut Html, &T)) {
    let mut shown = 0;
    if !points.is_empty() {
        html.within("ul", &[], |html| {
            for point in points {
                let mut made = Html::default();
                made.within("li", &[], |html| draw(html, point));
                if html.len() + made.len() + CLOSING > room {
                    break;
                }
                html.append(&made);
                html.newline();
                shown += 1;
            }
        });
    }
    if shown < points.len() {
        aside(html, &line!("+{} in forensic_report.json.", count(points.len() - shown, &format!("more {what}"))));
    }
}

/// A link, with the place where it leads beside it.
fn draw_link(html: &mut Html, link: &Link, input: &ReportInput<'_>) {
    let text = clip(&link.text, CELL_MAX);
    match destination(&link.target, input.sections) {
        None => html.text(&text),
        Some(Destination::Report(at)) => {
            html.element("a", &[("href", &format!("#{}", anchor(at + 1)))], &text);
        }
        Some(Destination::Address { href, place }) => {
            html.element("a", &[("href", &href), ("rel", "noopener noreferrer nofollow")], &text);
            html.spaced(" (");
            html.element("code", &[], &place);
            html.spaced(")");
        }
    }
}

fn key_values(html: &mut Html, pairs: &[KeyValue], room: usize) {
    let value = |pair_: &KeyValue| match &pair_.value {
        Cell::Status(status) => {
            Cell::Status(StatusCell { severity: status.severity, text: clip(&status.text, CELL_MAX).into_owned() })
        }
        Cell::None => Cell::None,
        _ => Cell::Text(pair(pair_)),
    };
    let rows: Vec<Vec<Cell>> = pairs
        .iter()
        .take(1_001)
        .map(|pair| vec![Cell::Text(clip(&pair.key, TITLE_MAX).into_owned()), value(pair)])
        .collect();
    if !rows.is_empty() {
        let columns = ["Key", "Value"].map(|title| text_column(title, false));
        table::draw(html, "Values", true, &columns, pairs.len(), rows.iter(), room);
    }
}

fn findings(findings: &[Finding], room: usize) -> Html {
    let mut html = Html::default();
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| match finding.severity {
        Severity::Error => 0,
        Severity::Warning => 1,
        Severity::Info => 2,
    });
    // Emphasis marks it as the host's heading.
    html.within(heading(LEVEL + 1), &[], |html| html.element("em", &[], "Findings"));
    let rows: Vec<Vec<Cell>> = sorted
        .iter()
        .take(1_001)
        .map(|finding| {
            let (mark, word) = severity(finding.severity);
            [format!("{} {word}", words::signed(mark)), finding.subject.clone(), finding.text.clone()]
                .map(Cell::Text)
                .to_vec()
        })
        .collect();
    let columns = ["Severity", "Subject", "Finding"].map(|title| text_column(title, false));
    table::draw(&mut html, "Findings", true, &columns, findings.len(), rows.iter(), room);
    html
}
