//! What a document must be before anyone draws it.

use super::document::{Block, Cell, Chart, ChartKind, Document, KeyValue, Link, LinkTarget, PluginInfo, Table};
use super::failure::CallFailure;
use crate::limits::{Limit, Limits};

/// What a value takes beside its text: so that a million empty cells are not for nothing.
const VALUE: u64 = 8;
/// What a block takes beside its content.
const BLOCK: u64 = 32;
/// What is shown of a plugin's text in a message.
const SHOWN: usize = 64;
/// The lowest level of a heading.
const HEADING_MAX: u8 = 4;

/// `wasmtime` counts what crosses the border in units of the host's own types; none is more than four times as large
/// as what is counted here, so whatever keeps to the document limit gets across.
pub(super) fn hostcall_fuel(limits: &Limits) -> usize {
    limits.size(Limit::Document).saturating_mul(4).saturating_add(256 << 10)
}

/// Checks what `describe` returned.
pub(super) fn info(info: &PluginInfo, limits: &Limits) -> Result<(), CallFailure> {
    let size = text(&info.name) + text(&info.version) + text(&info.title);
    within(limits, Limit::Block, size, || "what `describe` returned: ".into())
}

/// Checks a document: its size, and whatever its types can't say.
pub(super) fn document(document: &Document, limits: &Limits) -> Result<(), CallFailure> {
    let mut total = text(&document.title);
    for finding in &document.findings {
        total += BLOCK + text(&finding.subject) + text(&finding.text);
    }
    let sizes: Vec<u64> = document.blocks.iter().map(block_size).collect();
    total += sizes.iter().sum::<u64>();
    within(limits, Limit::Document, total, String::new)?;
    for (number, (block, size)) in document.blocks.iter().zip(sizes).enumerate() {
        let number = number + 1;
        within(limits, Limit::Block, size, || format!("block {number}, a {}: ", kind(block)))?;
        if let Some(why) = fault(block) {
            return Err(CallFailure::BadDocument { block: number, kind: kind(block), why });
        }
    }
    Ok(())
}

fn within(limits: &Limits, limit: Limit, size: u64, place: impl Fn() -> String) -> Result<(), CallFailure> {
    if size <= limits.get(limit) {
        return Ok(());
    }
    Err(CallFailure::limit(limits, limit, Some(size), &place()))
}

fn kind(block: &Block) -> &'static str {
    match block {
        Block::Heading(_) => "heading",
        Block::Paragraph(_) => "paragraph",
        Block::Bullets(_) => "list of bullets",
        Block::Table(_) => "table",
        Block::KeyValues(_) => "list of key-values",
        Block::Callout(_) => "callout",
        Block::Code(_) => "code block",
        Block::Chart(_) => "chart",
        Block::Links(_) => "list of links",
        Block::PipelineHealth(_) => "pipeline-health block",
    }
}

/// What is wrong with a block that its types can't say.
pub(crate) fn fault(block: &Block) -> Option<String> {
    match block {
        Block::Heading(heading) if !(1..=HEADING_MAX).contains(&heading.level) => {
            Some(format!("its level is {}, and levels go from 1 to {HEADING_MAX}", heading.level))
        }
        Block::Table(table) => {
            let columns = table.columns.len();
            let row = table.rows.iter().position(|row| row.len() != columns)?;
            Some(format!(
                "row {} is ragged: {} for {}",
                row + 1,
                count(table.rows[row].len(), "cell"),
                count(columns, "column")
            ))
        }
        Block::Chart(chart) => chart_fault(chart),
        Block::Links(links) => links.iter().find_map(link_fault),
        _ => None,
    }
}

fn chart_fault(chart: &Chart) -> Option<String> {
    chart.series.iter().find_map(|series| {
        let name = || super::logbook::printable(&series.name, SHOWN);
        if series.x.len() != series.y.len() {
            let (x, y) = (count(series.x.len(), "x value"), count(series.y.len(), "y value"));
            return Some(format!("series {:?} has {x} and {y}", name()));
        }
        let named = chart.kind == ChartKind::HeatMap || chart.kind == ChartKind::Bar && !chart.labels.is_empty();
        // NaN and fractions are no numbers of labels either.
        let is_label = |x: f64| x >= 0.0 && x.fract() == 0.0 && x < chart.labels.len() as f64;
        let stray = series.x.iter().copied().find(|&x| named && !is_label(x))?;
        let labels = count(chart.labels.len(), "label");
        Some(format!("series {:?} has a value at {stray}, and the chart has {labels}, counted from 0", name()))
    })
}

fn link_fault(link: &Link) -> Option<String> {
    if link.text.trim().is_empty() {
        return Some("one of them has no text".into());
    }
    let LinkTarget::Address(address) = &link.target else { return None };
    let scheme = |wanted: &str| address.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted));
    if !scheme("https://") && !scheme("mailto:") {
        let shown = super::logbook::printable(address, SHOWN);
        return Some(format!("the address {shown:?} is neither `https://…` nor `mailto:…`"));
    }
    let stray = address.chars().find(|letter| letter.is_control() || letter.is_whitespace())?;
    Some(format!("the address of {:?} holds {stray:?}", super::logbook::printable(&link.text, SHOWN)))
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn block_size(block: &Block) -> u64 {
    BLOCK
        + match block {
            Block::Heading(heading) => text(&heading.text),
            Block::Paragraph(paragraph) => text(paragraph),
            Block::Bullets(bullets) => texts(bullets),
            Block::Table(table) => table_size(table),
            Block::KeyValues(pairs) => pairs.iter().map(pair_size).sum(),
            Block::Callout(callout) => text(&callout.text),
            Block::Code(code) => text(&code.language) + text(&code.text),
            Block::Chart(chart) => chart_size(chart),
            Block::Links(links) => links.iter().map(link_size).sum(),
            Block::PipelineHealth(_) => 0,
        }
}

fn table_size(table: &Table) -> u64 {
    let columns: u64 = table.columns.iter().map(|column| VALUE + text(&column.title) + text(&column.unit)).sum();
    let rows: u64 = table.rows.iter().map(|row| VALUE + row.iter().map(cell_size).sum::<u64>()).sum();
    text(&table.caption) + columns + rows
}

fn pair_size(pair: &KeyValue) -> u64 {
    VALUE + text(&pair.key) + cell_size(&pair.value) + text(&pair.unit)
}

fn cell_size(cell: &Cell) -> u64 {
    match cell {
        Cell::None | Cell::Number(_) | Cell::Integer(_) => VALUE,
        Cell::Text(content) => text(content),
        Cell::Status(status) => VALUE + text(&status.text),
    }
}

fn chart_size(chart: &Chart) -> u64 {
    let series: u64 = chart
        .series
        .iter()
        .map(|series| 2 * VALUE + text(&series.name) + VALUE * (series.x.len() + series.y.len()) as u64)
        .sum();
    text(&chart.title) + text(&chart.x_title) + text(&chart.y_title) + text(&chart.unit) + texts(&chart.labels) + series
}

fn link_size(link: &Link) -> u64 {
    let (LinkTarget::Report(target) | LinkTarget::Address(target)) = &link.target;
    VALUE + text(&link.text) + text(target)
}

fn texts(texts: &[String]) -> u64 {
    texts.iter().map(|content| text(content)).sum()
}

fn text(content: &str) -> u64 {
    VALUE + content.len() as u64
}

#[cfg(test)]
mod tests {
    use super::super::document::{Column, ColumnFormat, Heading, Series};
    use super::*;

    fn checked(blocks: Vec<Block>) -> String {
        let made = Document { title: "t".into(), blocks, findings: vec![] };
        document(&made, &Limits::default()).map_or_else(|failure| failure.to_string(), |()| "good".into())
    }

    fn chart(x: usize, y: usize) -> Block {
        let series = Series { name: "cost\n".into(), x: vec![0.0; x], y: vec![0.0; y] };
        Block::Chart(Chart {
            title: String::new(),
            kind: ChartKind::Line,
            x_title: String::new(),
            y_title: String::new(),
            format: ColumnFormat::Number,
            decimals: 0,
            x_is_time: false,
            unit: String::new(),
            labels: vec![],
            series: vec![series],
        })
    }

    fn table(columns: usize, cells: usize, rows: usize) -> Block {
        let column = Column {
            title: String::new(),
            format: ColumnFormat::Number,
            decimals: 0,
            unit: String::new(),
            signed: false,
            align_right: true,
        };
        Block::Table(Table {
            caption: String::new(),
            columns: vec![column; columns],
            rows: vec![vec![Cell::Number(0.0); cells]; rows],
        })
    }

    #[test]
    fn what_the_types_cannot_say_is_checked() {
        assert_eq!(checked(vec![chart(3, 3), table(2, 2, 2)]), "good");
        assert_eq!(
            checked(vec![chart(3, 4)]),
            r#"The plugin made a bad document: block 1 is a chart, and series "cost\\n" has 3 x values and 4 y values."#
        );
        assert_eq!(
            checked(vec![table(2, 2, 1), table(2, 1, 1)]),
            "The plugin made a bad document: block 2 is a table, and row 1 is ragged: 1 cell for 2 columns."
        );
        for level in [0, 5, 255] {
            assert_eq!(
                checked(vec![Block::Heading(Heading { level, text: String::new() })]),
                format!(
                    "The plugin made a bad document: block 1 is a heading, and its level is {level}, and levels go from 1 to 4."
                )
            );
        }
    }

    #[test]
    fn empty_values_count_too() {
        assert_eq!(
            checked(vec![table(0, 0, 200_000)]),
            "The plugin was stopped: block 1, a table: limit `block` (one block of the document) is 1MiB, 1600040B asked for; \
             raise it with `limits.block`, up to 16MiB."
        );
    }
}
