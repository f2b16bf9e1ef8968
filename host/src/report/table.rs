//! A Markdown table: cells come escaped, columns are padded so that the text also reads well unrendered.

/// Widest padding of a column.
const PAD_MAX: usize = 44;
/// Tables with more rows are not padded.
const PAD_ROWS: usize = 250;

/// Where a column's cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// A table under construction.
#[derive(Clone, Debug)]
pub(super) struct Table {
    head: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows. Titles come escaped; one that ends in `>` stands right.
    pub(super) fn new(titles: &[&str]) -> Self {
        Self::with_columns(titles.iter().map(|title| match title.strip_suffix('>') {
            Some(title) => (title.to_owned(), Align::Right),
            None => ((*title).to_owned(), Align::Left),
        }))
    }

    pub(super) fn with_columns(columns: impl IntoIterator<Item = (String, Align)>) -> Self {
        Self { head: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row; missing cells are empty, surplus ones are left out.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut row: Vec<String> = cells.into_iter().take(self.head.len()).collect();
        row.resize(self.head.len(), String::new());
        self.rows.push(row);
    }

    /// The Markdown, with its last line break. No columns: nothing.
    pub(super) fn markdown(&self) -> String {
        let last = self.head.len().wrapping_sub(1);
        let pad = self.rows.len() <= PAD_ROWS;
        let widths: Vec<usize> = self
            .head
            .iter()
            .enumerate()
            .map(|(column, (title, align))| {
                // Nothing is gained by filling up the last column.
                if !pad || column == last && *align == Align::Left {
                    return 0;
                }
                let cells = self.rows.iter().map(|row| width(&row[column])).filter(|w| *w <= PAD_MAX);
                cells.max().unwrap_or(0).max(width(title).min(PAD_MAX)).max(3)
            })
            .collect();
        let mut out = String::new();
        if self.head.is_empty() {
            return out;
        }
        let titles: Vec<&str> = self.head.iter().map(|(title, _)| title.as_str()).collect();
        self.line(&titles, &widths, &mut out);
        for ((_, align), width) in self.head.iter().zip(&widths) {
            let dashes = "-".repeat((*width).max(3));
            out.push_str(match align {
                Align::Left => "| ",
                Align::Right => "|-",
            });
            out.push_str(&dashes);
            out.push(if *align == Align::Right { ':' } else { ' ' });
        }
        out.push_str("|\n");
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            self.line(&cells, &widths, &mut out);
        }
        out
    }

    fn line(&self, cells: &[&str], widths: &[usize], out: &mut String) {
        for ((cell, (_, align)), pad) in cells.iter().zip(&self.head).zip(widths) {
            let fill = pad.saturating_sub(width(cell));
            out.push_str("| ");
            if *align == Align::Right {
                out.extend(std::iter::repeat_n(' ', fill));
            }
            out.push_str(cell);
            if *align == Align::Left {
                out.extend(std::iter::repeat_n(' ', fill));
            }
            out.push(' ');
        }
        out.push_str("|\n");
    }
}

/// Columns that a terminal gives a text; near enough for padding.
fn width(text: &str) -> usize {
    text.chars()
        .map(|c| match u32::from(c) {
            0x300..=0x36F | 0xFE0F => 0,
            0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F => 2,
            0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x1F300..=0x1FAFF | 0x2705 | 0x274C | 0x26D4 => 2,
            _ => 1,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pads_and_aligns() {
        let mut table = Table::new(&["Name", "Time>", "Note"]);
        table.row(["✅ a".into(), "1.000 s".into(), "x".into()]);
        table.row(["abcdef".into(), "20 ms".into()]);
        assert_eq!(
            table.markdown(),
            "| Name   |    Time | Note |\n\
             | ------ |--------:| --- |\n\
             | ✅ a   | 1.000 s | x |\n\
             | abcdef |   20 ms |  |\n"
        );
    }
}
