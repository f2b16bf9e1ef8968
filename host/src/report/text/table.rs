//! Tables, aligned by the columns that their cells take. Texts are cut where a table would be too wide; numbers never are. What still
//! doesn't fit stands below, with the first column again.

use super::page::{Look, Page};
use super::width::{cut, padded, part, width};

/// Columns between two.
const GAP: usize = 2;
/// Less than that is not left of a text.
const TEXT_MIN: usize = 8;
/// What is left of one, where a table takes more than one part anyway.
const TEXT_READABLE: usize = 24;
/// Lines of a title.
const TITLE_LINES: usize = 3;

/// A column's head.
pub(super) struct Head {
    pub(super) title: String,
    /// Its cells stand right.
    pub(super) right: bool,
}

/// A cell: one line.
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) look: Look,
    /// It is never cut.
    pub(super) whole: bool,
}

/// Nothing where there is no column.
pub(super) fn draw(page: &mut Page, head: &[Head], rows: &[Vec<Cell>]) {
    let room = page.width();
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    let (wanted, least): (Vec<usize>, Vec<usize>) = head
        .iter()
        .enumerate()
        .map(|(column, head)| {
            let title = head.title.split(' ').map(width).max().unwrap_or(0).max(1);
            let wanted = cells(column).map(|cell| width(&cell.text)).max().unwrap_or(0).max(title);
            let whole = cells(column).filter(|cell| cell.whole).map(|cell| width(&cell.text)).max().unwrap_or(0);
            (wanted.min(room.max(whole)), whole.max(wanted.min(TEXT_MIN)))
        })
        .unzip();
    // Where not all fits in one, there is room to leave texts more than the least.
    let readable = || least.iter().zip(&wanted).map(|(least, wanted)| (*wanted).min(TEXT_READABLE).max(*least));
    let bands = match bands(&least, room) {
        bands if bands.len() > 1 => self::bands(&readable().collect::<Vec<_>>(), room),
        bands => bands,
    };
    for (at, band) in bands.into_iter().enumerate() {
        if at > 0 {
            page.gap();
        }
        let widths = fitted(&band, &wanted, &least, room);
        titles(page, head, &band, &widths);
        for row in rows {
            let mut runs: Vec<(Look, String)> = Vec::new();
            for (at, (&column, &columns)) in band.iter().zip(&widths).enumerate() {
                let empty = Cell { text: String::new(), look: Look::Plain, whole: false };
                let cell = row.get(column).unwrap_or(&empty);
                let text = if cell.whole { cell.text.as_str().into() } else { cut(&cell.text, columns) };
                let before = if at > 0 { " ".repeat(GAP) } else { String::new() };
                runs.push((Look::Plain, before));
                runs.push((cell.look, padded(&text, columns, head[column].right)));
            }
            page.line(&runs);
        }
    }
}

/// Which columns stand beside each other: as many as can, the first one in all.
fn bands(least: &[usize], room: usize) -> Vec<Vec<usize>> {
    let mut bands: Vec<Vec<usize>> = Vec::new();
    let mut used = 0;
    for (column, columns) in least.iter().enumerate() {
        match bands.last_mut() {
            Some(band) if used + GAP + columns <= room || band.len() == 1 && band[0] == 0 => {
                band.push(column);
                used += GAP + columns;
            }
            None => {
                bands.push(vec![column]);
                used = *columns;
            }
            Some(_) => {
                bands.push(vec![0, column]);
                used = least[0] + GAP + columns;
            }
        }
    }
    bands
}

/// How wide each column is: what it wants, or less, the widest first.
fn fitted(band: &[usize], wanted: &[usize], least: &[usize], room: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = band.iter().map(|&column| wanted[column]).collect();
    let mut total = widths.iter().sum::<usize>() + GAP * band.len().saturating_sub(1);
    while total > room {
        let shrinkable = (0..band.len()).filter(|&at| widths[at] > least[band[at]]);
        let Some(widest) = shrinkable.max_by_key(|&at| widths[at]) else { break };
        widths[widest] -= 1;
        total -= 1;
    }
    widths
}

/// The titles, each in as many lines as it takes, and a rule below.
fn titles(page: &mut Page, head: &[Head], band: &[usize], widths: &[usize]) {
    let wrapped: Vec<Vec<String>> =
        band.iter().zip(widths).map(|(&column, columns)| title(&head[column].title, *columns)).collect();
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
    for line in 0..height {
        let mut text = String::new();
        for (at, (&column, lines)) in band.iter().zip(&wrapped).enumerate() {
            let line = (line + lines.len()).checked_sub(height).and_then(|line| lines.get(line));
            text.push_str(&" ".repeat(if at > 0 { GAP } else { 0 }));
            text.push_str(&padded(line.map_or("", |line| line), widths[at], head[column].right));
        }
        page.line(&[(Look::Strong, text)]);
    }
    let rule: Vec<String> = widths.iter().map(|columns| "─".repeat(*columns)).collect();
    page.line(&[(Look::Quiet, rule.join(&" ".repeat(GAP)))]);
}

fn title(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let Some(line) = lines.last_mut() else { break };
        if !line.is_empty() && width(line) + 1 + width(word) <= columns {
            line.push(' ');
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(String::new());
        }
        let mut rest = word;
        while !rest.is_empty() && lines.len() <= TITLE_LINES + 1 {
            let (start, after) = part(rest, columns);
            if let Some(line) = lines.last_mut() {
                line.push_str(start);
            }
            rest = after;
            if !rest.is_empty() {
                lines.push(String::new());
            }
        }
    }
    if lines.len() > TITLE_LINES {
        lines.truncate(TITLE_LINES);
        if let Some(last) = lines.last_mut() {
            let (start, _) = part(last, columns.saturating_sub(1).max(1));
            *last = cut(&format!("{start}……"), columns).into_owned();
        }
    }
    lines
}
