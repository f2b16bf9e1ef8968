//! The host's own words ([`model`](super::model)) into Markdown.

use super::escape::{cell_of, fence, line_of, literal, paragraphs};
use super::model::{Item, Items, Line, Metric, Style, report_of};
use super::table::{Align, Table};
use super::{heading, severity};

/// Draws items; a heading of level 0 has `level`.
pub(super) fn draw(items: &Items, level: usize) -> String {
    let mut out = String::new();
    for item in &items.0 {
        match item {
            Item::Heading(below, line) => out.push_str(&heading(level + usize::from(*below), &inline(line))),
            Item::Headline(line) | Item::Paragraph(line) => out.push_str(&format!("{}\n\n", inline(line))),
            Item::Aside(line) => out.push_str(&format!("*{}*\n\n", inline(line))),
            Item::Text(lead, text) => out.push_str(&format!("{}{}\n\n", inline(lead), paragraphs(text, ""))),
            Item::Callout(of, lead, text) => {
                let lead = if lead.size() == 0 { String::new() } else { inline(lead) };
                out.push_str(&format!("> {} {lead}{}\n\n", severity(*of).0, paragraphs(text, "> ")));
            }
            Item::List(points) => {
                points.iter().for_each(|point| out.push_str(&format!("- {}\n", inline(point))));
                out.push('\n');
            }
            Item::Numbered(points) => {
                let numbered = (1..).zip(points);
                numbered.for_each(|(n, point)| out.push_str(&format!("{n}. {}\n", inline(point))));
                out.push('\n');
            }
            Item::Table(grid) => {
                let align = |right| if right { Align::Right } else { Align::Left };
                let head = grid.head.iter().map(|(title, right)| ((*title).to_owned(), align(*right)));
                let mut table = Table::with_columns(head);
                grid.rows.iter().for_each(|row| table.row(row.iter().map(cell)));
                out.push_str(&format!("{}\n", table.markdown()));
            }
            Item::Metrics(metrics) => out.push_str(&format!("{}\n", metric_table(metrics).markdown())),
            Item::Log(text) => out.push_str(&format!("{}\n", fence("text", text))),
        }
    }
    out
}

fn metric_table(metrics: &[Metric]) -> Table {
    let mut table = Table::new(&["Metric", "Value>", "Reading"]);
    metrics.iter().for_each(|metric| table.row([metric.name.into(), cell(&metric.value), cell(&metric.reading)]));
    table
}

/// A line where a block may begin.
pub(super) fn inline(line: &Line) -> String {
    spans(line, true)
}

fn cell(line: &Line) -> String {
    spans(line, false)
}

fn spans(line: &Line, start: bool) -> String {
    let mut out = String::new();
    for (style, text) in line.spans() {
        let mark = match style {
            Style::Plain => "",
            Style::Strong => "**",
            Style::Emphasis => "*",
            Style::Code => {
                literal(text, &mut out);
                continue;
            }
            Style::Run => {
                out.push_str(&format!("[{}]({}.md)", cell_of(text), report_of(text)));
                continue;
            }
        };
        let text = if start && out.is_empty() && mark.is_empty() { line_of(text) } else { cell_of(text) };
        out.push_str(mark);
        out.push_str(&text);
        out.push_str(mark);
    }
    out
}
