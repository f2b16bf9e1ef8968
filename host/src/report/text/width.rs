//! How many columns of a terminal a text takes, and where it is cut.

use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of a text.
pub(super) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The most columns that a character can add to a text. The selector of emoji makes a narrow character before it wide.
fn most(c: char) -> usize {
    if c == '\u{fe0f}' { 1 } else { UnicodeWidthChar::width(c).unwrap_or(1) }
}

/// A text in at most `max` columns, the last of them `…` if some of it is missing.
pub(super) fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    let (start, _) = part(text, max.saturating_sub(1));
    let start = if max < 2 { "" } else { start };
    Cow::Owned(format!("{start}…"))
}

/// The longest start of at most `max` columns (one character at least), and the rest.
pub(super) fn part(text: &str, max: usize) -> (&str, &str) {
    let mut columns = 0;
    for (at, c) in text.char_indices() {
        columns += most(c);
        if columns > max && at > 0 {
            return text.split_at(at);
        }
    }
    (text, "")
}

/// Adds spaces up to `columns`, before a text that stands right.
pub(super) fn padded(text: &str, columns: usize, right: bool) -> String {
    let fill = " ".repeat(columns.saturating_sub(width(text)));
    if right { fill + text } else { text.to_owned() + &fill }
}
