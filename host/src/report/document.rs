//! A plugin's document into Markdown: every block drawn by the host, every text only text, nothing above the frame's
//! level, and never more than its room.

use super::escape::{cell, clip, fence, inline, paragraphs};
use super::table::{Align, Table};
use super::{ReportInput, heading, health, severity};
use crate::plugin::document::{
    Block, Cell, Chart, ChartKind, Column, ColumnFormat, Document, Finding, HealthDetail, KeyValue, Severity,
};
use crate::units::{bar, bytes, count, duration, integer, number};

/// What stands for a value that is unknown or no number.
const NOT_AVAILABLE: &str = "N/A";
/// Rows of a plugin's table.
const ROWS_MAX: usize = 1_000;
/// Characters of a cell.
const CELL_MAX: usize = 2_000;
/// Characters of a heading or a column's title.
const TITLE_MAX: usize = 200;
/// Rows of a chart's table.
const POINTS_MAX: usize = 40;
/// Series of a chart's table.
const SERIES_MAX: usize = 8;
/// A block may take this much, or half of what is left, if that is more: what follows wants room, too.
const BLOCK_MIN: usize = 16 << 10;
/// Room for the sentence that says what was left out.
const CLOSING: usize = 200;
/// Where what was left out can be found.
const ELSEWHERE: &str = "in forensic_report.json";

/// Draws findings and blocks below a frame whose heading has `level`, in at most `room` bytes.
pub(super) fn draw(document: &Document, input: &ReportInput<'_>, level: usize, room: usize) -> String {
    let mut out = String::new();
    let room = room.saturating_sub(CLOSING);
    if !document.findings.is_empty() {
        out.push_str(&findings(&document.findings, level, share(room, false)));
    }
    let mut drawn_health: Vec<HealthDetail> = Vec::new();
    let mut left_out = 0;
    for (index, block) in document.blocks.iter().enumerate() {
        let last = index + 1 == document.blocks.len();
        let room = share(room.saturating_sub(out.len()), last);
        let text = match block {
            Block::PipelineHealth(detail) if drawn_health.contains(detail) => {
                "*Pipeline Health stands above in the same detail.*\n\n".into()
            }
            // In the whole report it stands in full at the top already: a page alone holds what its plugin asked for.
            Block::PipelineHealth(detail) if level > 1 && input.summary.is_some() => {
                drawn_health.push(*detail);
                let headline = health::draw(input, HealthDetail::Headline, level + 1, true);
                headline + "*In full at the top of this report.*\n\n"
            }
            Block::PipelineHealth(detail) => {
                drawn_health.push(*detail);
                health::draw(input, *detail, level + 1, true)
            }
            Block::Heading(heading) => below(level, heading.level, &heading.text),
            Block::Paragraph(text) => fitted(text, room, |text| paragraphs(text, "")),
            Block::Bullets(points) => bullets(points, room),
            Block::Table(table) => grid(&table.caption, &table.columns, &table.rows, room),
            Block::KeyValues(pairs) => key_values(pairs, room),
            Block::Callout(callout) => fitted(&callout.text, room, |text| {
                let (mark, word) = severity(callout.severity);
                format!("> {mark} **{word}**: {}", paragraphs(text, "> "))
            }),
            Block::Code(code) => fitted(&code.text, room, |text| fence(&code.language, text).trim_end().into()),
            Block::Chart(chart) => draw_chart(chart, room),
            Block::Links(links) => bullets(&links.iter().map(|link| link.text.clone()).collect::<Vec<_>>(), room),
        };
        if text.len() <= room {
            out.push_str(&text);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        out.push_str(&format!(
            "*No room for {} of this document, which {ELSEWHERE} is whole.*\n\n",
            count(left_out, "block")
        ));
    }
    out
}

fn share(room: usize, last: bool) -> usize {
    if last { room } else { (room / 2).max(BLOCK_MIN).min(room) }
}

/// A plugin's heading: always below the frame's.
fn below(level: usize, wanted: u8, text: &str) -> String {
    let text = inline(&clip(text, TITLE_MAX));
    if text.is_empty() { String::new() } else { heading(level + usize::from(wanted.clamp(1, 4)), &text) }
}

/// A block of text, cut where it does not fit.
fn fitted(text: &str, room: usize, draw: impl Fn(&str) -> String) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    // Drawing makes texts longer, so what is longer than its room need not be drawn to know that it does not fit.
    let whole = clip(text, room);
    let drawn = draw(&whole);
    if drawn.len() + 2 <= room && whole.len() == text.len() {
        return drawn + "\n\n";
    }
    let notice = format!("\n\n*Cut here; whole {ELSEWHERE}.*\n\n");
    // First guess: all of it grows as this part has grown.
    let mut chars = whole.chars().count() * (room * 9 / 10) / drawn.len().max(1);
    while chars > 80 {
        let drawn = draw(&clip(text, chars));
        if drawn.len() + notice.len() <= room {
            return drawn + &notice;
        }
        chars = chars * 3 / 4;
    }
    // Too little room for anything of use: the caller counts what is longer than its room as left out.
    " ".repeat(room + 1)
}

fn more(n: usize, what: &str) -> String {
    format!("*+{} more {what}{} {ELSEWHERE}.*\n\n", integer(n as u64), if n == 1 { "" } else { "s" })
}

fn bullets(points: &[String], room: usize) -> String {
    let mut out = String::new();
    let mut shown = 0;
    for point in points {
        let line = format!("- {}\n", inline(point));
        if out.len() + line.len() + CLOSING > room {
            break;
        }
        out.push_str(&line);
        shown += 1;
    }
    if !points.is_empty() {
        out.push('\n');
    }
    if shown < points.len() {
        out.push_str(&more(points.len() - shown, "point"));
    }
    out
}

/// A table of at most `room` bytes; says how many rows are missing.
fn grid(caption: &str, columns: &[Column], rows: &[Vec<Cell>], room: usize) -> String {
    let mut out = String::new();
    let caption = paragraphs(&clip(caption, CELL_MAX), "");
    if !caption.is_empty() {
        out.push_str(&format!("{caption}\n\n"));
    }
    if columns.is_empty() {
        return out;
    }
    let formats: Vec<Format> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| Format::of(column, rows.iter().filter_map(|row| row.get(at))))
        .collect();
    let head = || {
        columns.iter().map(|column| {
            let align = if column.align_right { Align::Right } else { Align::Left };
            (cell(&clip(&column.title, TITLE_MAX)), align)
        })
    };
    // As many rows as fit, going by their own lengths; padding may take some more away.
    let mut size = out.len() + CLOSING;
    let mut drawn: Vec<Vec<String>> = Vec::new();
    for row in rows.iter().take(ROWS_MAX) {
        let cells = formats.iter().enumerate().map(|(at, format)| format.write(row.get(at).unwrap_or(&Cell::None)));
        let cells: Vec<String> = cells.collect();
        size += cells.iter().map(|cell| cell.len() + 3).sum::<usize>() + 2;
        if size > room {
            break;
        }
        drawn.push(cells);
    }
    let mut shown = drawn.len();
    loop {
        let mut table = Table::with_columns(head());
        drawn[..shown].iter().for_each(|row| table.row(row.iter().cloned()));
        let markdown = table.markdown();
        if out.len() + markdown.len() + CLOSING <= room || shown == 0 {
            out.push_str(&markdown);
            out.push('\n');
            break;
        }
        shown /= 2;
    }
    if shown < rows.len() {
        out.push_str(&more(rows.len() - shown, "row"));
    }
    let cut = rows[..shown].iter().flatten().filter(|cell| is_cut(cell)).count();
    if cut > 0 {
        out.push_str(&format!("*{} cut at {CELL_MAX} characters; whole {ELSEWHERE}.*\n\n", count(cut, "cell")));
    }
    out
}

fn is_cut(cell: &Cell) -> bool {
    let text = match cell {
        Cell::Text(text) => text,
        Cell::Status(status) => &status.text,
        _ => return false,
    };
    text.chars().nth(CELL_MAX).is_some()
}

fn key_values(pairs: &[KeyValue], room: usize) -> String {
    let column = |title: &str| Column {
        title: title.into(),
        format: ColumnFormat::Text,
        decimals: 0,
        unit: String::new(),
        signed: false,
        align_right: false,
    };
    // Each value has its own format, so it is written here and passed on as text that needs no escaping again.
    let mut table = Table::new(&["Key", "Value"]);
    let mut size = CLOSING;
    let mut shown = 0;
    for pair in pairs.iter().take(ROWS_MAX) {
        let format = Format::of(&Column { format: pair.format, decimals: pair.decimals, ..column("") }, [&pair.value]);
        let row = [cell(&clip(&pair.key, TITLE_MAX)), format.write(&pair.value)];
        size += row.iter().map(String::len).sum::<usize>() + 64;
        if size > room {
            break;
        }
        table.row(row);
        shown += 1;
    }
    if pairs.is_empty() {
        return String::new();
    }
    let mut out = format!("{}\n", table.markdown());
    if shown < pairs.len() {
        out.push_str(&more(pairs.len() - shown, "value"));
    }
    out
}

fn findings(findings: &[Finding], level: usize, room: usize) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| match finding.severity {
        Severity::Error => 0,
        Severity::Warning => 1,
        Severity::Info => 2,
    });
    let column = |title: &str| Column {
        title: title.into(),
        format: ColumnFormat::Text,
        decimals: 0,
        unit: String::new(),
        signed: false,
        align_right: false,
    };
    let rows: Vec<Vec<Cell>> = sorted
        .into_iter()
        .map(|finding| {
            let (mark, word) = severity(finding.severity);
            let text = |text: &str| Cell::Text(text.to_owned());
            vec![text(&format!("{mark} {word}")), text(&finding.subject), text(&finding.text)]
        })
        .collect();
    // Emphasis marks it as the host's heading.
    let head = heading(level + 1, "*Findings*");
    let room = room.saturating_sub(head.len());
    head + &grid("", &["Severity", "Subject", "Finding"].map(column), &rows, room)
}

/// How a column's cells are written.
struct Format {
    format: ColumnFormat,
    decimals: u8,
    signed: bool,
    /// Digits of the second, one choice for the whole column.
    digits: u8,
}

impl Format {
    fn of<'a>(column: &Column, cells: impl IntoIterator<Item = &'a Cell>) -> Self {
        let whole = |cell: &Cell| match cell {
            Cell::Integer(ns) => ns % 1_000_000_000 == 0,
            Cell::Number(ns) => ns % 1e9 == 0.0,
            _ => true,
        };
        let time = column.format == ColumnFormat::Time;
        let digits = if time && !cells.into_iter().all(whole) { 3 } else { 0 };
        Self { format: column.format, decimals: column.decimals, signed: column.signed, digits }
    }

    fn write(&self, value: &Cell) -> String {
        match value {
            Cell::None => NOT_AVAILABLE.into(),
            Cell::Text(text) => cell(&clip(text, CELL_MAX)),
            Cell::Status(status) => {
                let mark = match status.severity {
                    Severity::Info => "✅",
                    Severity::Warning => "⚠",
                    Severity::Error => "❌",
                };
                format!("{mark} {}", cell(&clip(&status.text, CELL_MAX)))
            }
            Cell::Number(value) if !value.is_finite() => NOT_AVAILABLE.into(),
            Cell::Number(value) => self.number(*value, None),
            Cell::Integer(value) => self.number(*value as f64, Some(*value)),
        }
    }

    /// `exact`: the same number, where it is whole.
    fn number(&self, value: f64, exact: Option<i64>) -> String {
        let sign = match (value < 0.0, self.signed && value > 0.0) {
            (true, _) => "-",
            (false, true) => "+",
            (false, false) => "",
        };
        // Saturates, which only matters for amounts that no run has.
        let amount = exact.map_or(value.abs().round() as u64, i64::unsigned_abs);
        match self.format {
            ColumnFormat::Text => exact.map_or_else(|| general(value), |value| value.to_string()),
            ColumnFormat::Number if self.decimals == 0 && exact.is_some() => format!("{sign}{amount}"),
            ColumnFormat::Number => number(value, self.decimals, self.signed),
            ColumnFormat::Percent => format!("{} %", number(value * 100.0, self.decimals, self.signed)),
            ColumnFormat::Duration => format!("{sign}{}", duration(amount)),
            ColumnFormat::Bytes => format!("{sign}{}", bytes(amount)),
            ColumnFormat::Time => {
                let time = exact.map_or(value as i128, i128::from);
                let stamp = jiff::Timestamp::from_nanosecond(time);
                stamp.map_or_else(|_| NOT_AVAILABLE.into(), |stamp| format!("{stamp:.*}", usize::from(self.digits)))
            }
            ColumnFormat::Bar => bar(value, self.decimals),
        }
    }
}

/// A number of unknown meaning: six significant digits at most.
fn general(value: f64) -> String {
    if !value.is_finite() {
        return NOT_AVAILABLE.into();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = if size == 0.0 { 0 } else { (5 - size.log10().floor() as i32).clamp(0, 9) as u8 };
    let text = number(value, decimals, false);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

/// A chart as tables: the shape of each line, then the points.
fn draw_chart(chart: &Chart, room: usize) -> String {
    let text = |text: &str| Cell::Text(text.to_owned());
    let column = |title: &str, align_right| Column {
        title: title.into(),
        format: ColumnFormat::Text,
        decimals: 0,
        unit: String::new(),
        signed: false,
        align_right,
    };
    let shown = &chart.series[..chart.series.len().min(SERIES_MAX)];
    let mut out = String::new();
    let title = inline(&clip(&chart.title, TITLE_MAX));
    let y = inline(&clip(&chart.y_title, TITLE_MAX));
    let unit = inline(&clip(&chart.unit, TITLE_MAX));
    let axis = match (y.is_empty(), unit.is_empty()) {
        (true, true) => String::new(),
        (true, false) => format!(" (in {unit})"),
        (false, true) => format!(" ({y})"),
        (false, false) => format!(" ({y}, in {unit})"),
    };
    out.push_str(&format!("Chart: {title}{axis}\n\n"));
    if chart.kind == ChartKind::Line && shown.iter().any(|series| series.y.len() > 2) {
        let titles =
            [("Series", false), ("Shape", false), ("First", true), ("Lowest", true), ("Highest", true), ("Last", true)];
        let columns = titles.map(|(title, right)| column(title, right));
        let rows: Vec<Vec<Cell>> = shown
            .iter()
            .map(|series| {
                let finite = || series.y.iter().copied().filter(|y| y.is_finite());
                let values =
                    [finite().next(), finite().reduce(f64::min), finite().reduce(f64::max), finite().next_back()];
                let values = values.map(|value| value.map_or(Cell::None, |value| text(&general(value))));
                [text(&series.name), text(&shape(&series.y))].into_iter().chain(values).collect()
            })
            .collect();
        out.push_str(&grid("", &columns, &rows, room.saturating_sub(out.len()) / 2));
    }
    let x_title = if chart.x_title.trim().is_empty() { "x" } else { &chart.x_title };
    let label = |x: f64| match chart.labels.get(x as usize) {
        Some(label) if x >= 0.0 && x.fract() == 0.0 => text(label),
        _ => text(&general(x)),
    };
    let points = shown.iter().map(|series| series.x.len().min(series.y.len())).max().unwrap_or(0);
    let picks = picked(points);
    let same_x = shown.windows(2).all(|pair| pair[0].x == pair[1].x);
    let (columns, rows): (Vec<Column>, Vec<Vec<Cell>>) = if same_x {
        let columns = shown.iter().map(|series| column(&series.name, true));
        let rows = picks.iter().map(|&at| {
            let x = shown[0].x.get(at).map_or(Cell::None, |x| label(*x));
            let values = shown.iter().map(|series| series.y.get(at).map_or(Cell::None, |y| text(&general(*y))));
            [x].into_iter().chain(values).collect()
        });
        ([column(x_title, false)].into_iter().chain(columns).collect(), rows.collect())
    } else {
        let rows = shown.iter().flat_map(|series| {
            let points = series.x.len().min(series.y.len());
            let picks = picked(points).into_iter();
            picks
                .map(|at| vec![text(&series.name), label(series.x[at]), text(&general(series.y[at]))])
                .collect::<Vec<_>>()
        });
        let y_title = if chart.y_title.trim().is_empty() { "y" } else { &chart.y_title };
        (vec![column("Series", false), column(x_title, false), column(y_title, true)], rows.collect())
    };
    if !rows.is_empty() {
        out.push_str(&grid("", &columns, &rows, room.saturating_sub(out.len())));
    }
    if points > POINTS_MAX {
        let points = integer(points as u64);
        out.push_str(&format!("*{POINTS_MAX} of {points} points, evenly spaced; all {ELSEWHERE}.*\n\n"));
    }
    if chart.series.len() > SERIES_MAX {
        out.push_str(&format!("*+{} more series {ELSEWHERE}.*\n\n", integer((chart.series.len() - SERIES_MAX) as u64)));
    }
    out
}

/// Which points are shown: all, or some evenly spaced with the first and the last.
fn picked(points: usize) -> Vec<usize> {
    if points <= POINTS_MAX {
        return (0..points).collect();
    }
    (0..POINTS_MAX).map(|i| i * (points - 1) / (POINTS_MAX - 1)).collect()
}

/// A line in 24 characters at most: `▁▃▅▇█`.
fn shape(values: &[f64]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let finite = || values.iter().copied().filter(|y| y.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let width = values.len().min(24);
    (0..width)
        .map(|i| {
            let value = values[if width == 1 { 0 } else { i * (values.len() - 1) / (width - 1) }];
            let height = if high > low { (value - low) / (high - low) } else { 0.5 };
            if value.is_finite() { BLOCKS[(height * 7.0).round().clamp(0.0, 7.0) as usize] } else { '·' }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_unknown_meaning() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-1234.5678, "-1234.57"),
            (0.000_123_456_7, "0.000123457"),
            (1e-9, "1.000e-9"),
            (123_456_789.0, "123456789"),
            (1e20, "1.000e20"),
            (f64::NAN, "N/A"),
        ] {
            assert_eq!(general(value), text);
        }
    }

    #[test]
    fn column_formats() {
        let format = |format, decimals, signed, cell: Cell| {
            let column =
                Column { title: String::new(), format, decimals, unit: String::new(), signed, align_right: true };
            Format::of(&column, [&cell]).write(&cell)
        };
        use ColumnFormat as F;
        for (written, text) in [
            (format(F::Number, 2, true, Cell::Number(1.005)), "+1.00"),
            (format(F::Number, 0, true, Cell::Integer(i64::MIN)), "-9223372036854775808"),
            (format(F::Number, 2, false, Cell::Number(f64::INFINITY)), "N/A"),
            (format(F::Percent, 1, true, Cell::Number(-0.1234)), "-12.3 %"),
            (format(F::Duration, 0, true, Cell::Integer(1_500_000_000)), "+1.500 s"),
            (format(F::Duration, 0, false, Cell::Number(-2e6)), "-2 ms"),
            (format(F::Bytes, 0, false, Cell::Integer(2048)), "2.0 KiB"),
            (format(F::Time, 0, false, Cell::Integer(0)), "1970-01-01T00:00:00Z"),
            (format(F::Time, 0, false, Cell::Integer(-1_500_000_000)), "1969-12-31T23:59:58.500Z"),
            (format(F::Time, 0, false, Cell::Number(1e300)), "N/A"),
            (format(F::Bar, 0, false, Cell::Number(0.25)), "███░░░░░░░ 25 %"),
            (format(F::Text, 0, false, Cell::Number(0.1)), "0.1"),
            (format(F::Text, 0, false, Cell::None), "N/A"),
        ] {
            assert_eq!(written, text);
        }
    }

    #[test]
    fn shapes() {
        assert_eq!(shape(&[0.0, 1.0, f64::NAN, 7.0]), "▁▂·█");
        assert_eq!(shape(&[3.0; 2]), "▅▅");
        assert_eq!(shape(&vec![1.0; 1000]).chars().count(), 24);
        assert_eq!(picked(1000).len(), POINTS_MAX);
        assert_eq!(picked(1000).last(), Some(&999));
    }
}
