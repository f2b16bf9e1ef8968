//! Documents as plain text, for tests: close to the Markdown that the host draws.

use std::fmt::Write;

use forensic_guest_sdk::{Block, Cell, Column, ColumnFormat, Document, LinkTarget, Severity, Table};

/// The whole document, findings last.
pub fn dump(document: &Document) -> String {
    let mut out = format!("# {}\n", document.title);
    for block in &document.blocks {
        out.push_str(&dump_block(block));
    }
    for finding in &document.findings {
        writeln!(out, "finding {} {}: {}", severity(finding.severity), finding.subject, finding.text).ok();
    }
    out
}

/// The blocks under the heading `title`, up to the next heading of the same or a higher level.
pub fn section(document: &Document, title: &str) -> String {
    let mut level = None;
    let mut out = String::new();
    for block in &document.blocks {
        if let Block::Heading(heading) = block {
            if level.is_some_and(|level| heading.level <= level) {
                break;
            }
            if level.is_none() && heading.text == title {
                level = Some(heading.level);
                continue;
            }
        }
        if level.is_some() {
            out.push_str(&dump_block(block));
        }
    }
    out
}

/// Titles of all headings.
pub fn headings(document: &Document) -> Vec<&str> {
    let headings = document.blocks.iter().filter_map(|block| match block {
        Block::Heading(heading) => Some(heading.text.as_str()),
        _ => None,
    });
    headings.collect()
}

/// The tables under the heading `title`.
pub fn tables<'d>(document: &'d Document, title: &str) -> Vec<&'d Table> {
    let mut level = None;
    let mut tables = Vec::new();
    for block in &document.blocks {
        match block {
            Block::Heading(heading) if level.is_some_and(|level| heading.level <= level) => break,
            Block::Heading(heading) if level.is_none() && heading.text == title => level = Some(heading.level),
            Block::Table(table) if level.is_some() => tables.push(table),
            _ => {}
        }
    }
    tables
}

/// The value of a key, anywhere in the document.
pub fn value<'d>(document: &'d Document, key: &str) -> Option<&'d Cell> {
    let pairs = document.blocks.iter().filter_map(|block| match block {
        Block::KeyValues(pairs) => Some(pairs),
        _ => None,
    });
    pairs.flatten().find(|pair| pair.key == key).map(|pair| &pair.value)
}

fn dump_block(block: &Block) -> String {
    let mut out = String::new();
    match block {
        Block::Heading(heading) => {
            writeln!(out, "{} {}", "#".repeat(usize::from(heading.level) + 1), heading.text).ok()
        }
        Block::Paragraph(text) => writeln!(out, "{text}").ok(),
        Block::Bullets(points) => {
            points.iter().for_each(|point| _ = writeln!(out, "- {point}"));
            Some(())
        }
        Block::Table(table) => {
            out.push_str(&dump_table(table));
            Some(())
        }
        Block::KeyValues(pairs) => {
            for pair in pairs {
                let column = Column { format: pair.format, decimals: pair.decimals, ..Column::text(pair.key.as_str()) };
                writeln!(out, "{} = {}", pair.key, cell(&pair.value, &column)).ok();
            }
            Some(())
        }
        Block::Callout(callout) => writeln!(out, "[{}] {}", severity(callout.severity), callout.text).ok(),
        Block::Code(code) => writeln!(out, "```{}\n{}\n```", code.language, code.text).ok(),
        Block::Chart(chart) => {
            writeln!(out, "[chart {} ({})]", chart.title, chart.labels.join(", ")).ok();
            chart.series.iter().for_each(|series| _ = writeln!(out, "  {}: {:?}", series.name, series.y));
            Some(())
        }
        Block::Links(links) => {
            for link in links {
                let target = match &link.target {
                    LinkTarget::Report(id) => format!("report {id}"),
                    LinkTarget::Address(address) => address.clone(),
                };
                writeln!(out, "[{}]({target})", link.text).ok();
            }
            Some(())
        }
        Block::PipelineHealth(detail) => writeln!(out, "[pipeline health {detail:?}]").ok(),
    };
    out
}

fn dump_table(table: &Table) -> String {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut out = if table.caption.is_empty() { String::new() } else { format!("{}:\n", table.caption) };
    out.push_str(&row(table.columns.iter().map(|column| column.title.clone()).collect()));
    for cells in &table.rows {
        assert_eq!(cells.len(), table.columns.len(), "a row has as many cells as there are columns: {cells:?}");
        out.push_str(&row(cells.iter().zip(&table.columns).map(|(value, column)| cell(value, column)).collect()));
    }
    out
}

fn cell(value: &Cell, column: &Column) -> String {
    let number = match value {
        Cell::None => return "N/A".into(),
        Cell::Text(text) => return text.clone(),
        Cell::Status(status) => return format!("{}:{}", severity(status.severity), status.text),
        Cell::Number(number) if !number.is_finite() => return "N/A".into(),
        Cell::Number(number) => *number,
        Cell::Integer(number) => match column.format {
            ColumnFormat::Time => return format!("{}Z", crate::time::date_time(number.div_euclid(1_000_000_000))),
            _ => *number as f64,
        },
    };
    let sign = if column.signed && number > 0.0 { "+" } else { "" };
    let decimals = usize::from(column.decimals);
    match column.format {
        ColumnFormat::Percent => format!("{sign}{:.decimals$}%", number * 100.0),
        ColumnFormat::Number => format!("{sign}{number:.decimals$}"),
        _ => format!("{sign}{number}"),
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// Copies of `value` in each of which one member or item is something else: a plugin must live with all of them.
pub fn mutations(value: &serde_json::Value) -> Vec<serde_json::Value> {
    use serde_json::{Value, json};
    fn places(value: &Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        match value {
            Value::Object(members) => members.iter().for_each(|(key, inner)| {
                places(inner, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, inner)| places(inner, &format!("{at}/{index}"), found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    places(value, "", &mut found);
    let odd =
        [json!(null), json!(-1e300), json!(i64::MAX), json!("ä\u{0}|"), json!([[]]), json!({"": {}}), json!(true)];
    let change = |(place, odd): (&String, &Value)| {
        let mut copy = value.clone();
        if let Some(member) = copy.pointer_mut(place) {
            *member = odd.clone();
        }
        copy
    };
    found.iter().flat_map(|place| odd.iter().map(move |odd| (place, odd))).map(change).collect()
}
