//! What a plugin logged, within its limits.

use super::document::Level;
use crate::limits::{Limit, Limits};

/// Ends a text that was cut.
const CUT: char = '…';
/// What a line takes beside its text: so that a million empty ones are not for nothing.
const LINE: usize = 16;
/// Lines that a failure shows.
const TAIL: usize = 10;

/// One line of a plugin's log, safe to print: control characters are escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much to care.
    pub level: Level,
    /// The text.
    pub text: String,
}

/// The log of one call. It keeps the first lines, and of the rest the last error: a panic's text comes last.
#[derive(Debug)]
pub(super) struct Logbook {
    lines: Vec<LogLine>,
    left: usize,
    line_max: usize,
    dropped: u64,
    last_error: Option<String>,
}

impl Logbook {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            lines: Vec::new(),
            left: limits.size(Limit::Log),
            line_max: limits.size(Limit::LogLine),
            dropped: 0,
            last_error: None,
        }
    }

    pub(super) fn push(&mut self, level: Level, text: &str) {
        let text = printable(text, self.line_max);
        if level == Level::Error {
            self.last_error = Some(text.clone());
        }
        // After the first line that does not fit none is kept, so that what is there has no holes.
        match self.left.checked_sub(LINE + text.len()) {
            Some(left) if self.dropped == 0 => {
                self.left = left;
                self.lines.push(LogLine { level, text });
            }
            _ => self.dropped += 1,
        }
    }

    /// The last line of level `error`, which is where a panic's text arrives.
    pub(super) fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// The last lines, for whoever reads of a failure.
    pub(super) fn tail(&self) -> Vec<LogLine> {
        self.lines[self.lines.len().saturating_sub(TAIL)..].to_vec()
    }

    /// All lines, and how many were dropped.
    pub(super) fn finish(self) -> (Vec<LogLine>, u64) {
        (self.lines, self.dropped)
    }
}

/// One line of at most `max` bytes: control characters, and those that change how others are drawn, are escaped.
pub(super) fn printable(text: &str, max: usize) -> String {
    let mut line = String::new();
    // Where the line ends if it has to be cut: the mark still fits.
    let mut room = 0;
    for char in text.chars() {
        if needs_escape(char) {
            line.extend(char.escape_default());
        } else {
            line.push(char);
        }
        if line.len() > max {
            line.truncate(room);
            line.push(CUT);
            return line;
        }
        if line.len() + CUT.len_utf8() <= max {
            room = line.len();
        }
    }
    line
}

fn needs_escape(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(log: u64, line: u64) -> Logbook {
        let mut limits = Limits::default();
        limits.set(Limit::Log, log).unwrap();
        limits.set(Limit::LogLine, line).unwrap();
        Logbook::new(&limits)
    }

    #[test]
    fn lines_are_cut_at_a_character_and_stay_within_the_limit() {
        assert_eq!(printable("0123456789abcdef", 16), "0123456789abcdef");
        assert_eq!(printable("0123456789abcdefg", 16), "0123456789abc…");
        assert_eq!(printable("ääääääääääää", 16), "ääääää…");
        assert_eq!(printable("012345678901\u{202e}4", 16), "012345678901…");
        for max in 16..40 {
            assert!(printable(&"ä\u{1b}x\n".repeat(20), max).len() <= max);
        }
    }

    #[test]
    fn control_and_direction_characters_are_escaped() {
        assert_eq!(printable("a\nb\u{1b}[31m\u{202e}c\u{0}", 99), "a\\nb\\u{1b}[31m\\u{202e}c\\u{0}");
    }

    #[test]
    fn what_does_not_fit_is_counted_and_the_last_error_is_kept() {
        let mut book = book(40 + 2 * LINE as u64, 16);
        for number in 0..10 {
            book.push(Level::Info, &format!("line number {number:03}"));
        }
        book.push(Level::Error, "the panic");
        assert_eq!(book.last_error(), Some("the panic"));
        let (lines, dropped) = book.finish();
        assert_eq!((lines.len(), dropped), (2, 9));
        assert_eq!(lines[1].text, "line number 001");
    }
}
