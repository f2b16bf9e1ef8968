//! Text that fits a terminal: what can't be seen is shown, width is counted in columns, lines are cut.

use std::borrow::Cow;

use anstyle::Style;
use unicode_width::UnicodeWidthChar as _;

/// What stands for what was cut off.
const ELLIPSIS: char = '…';

/// Columns that a text takes at most. Counted by character: terminals that don't join emoji draw each of them, and a line that
/// is drawn shorter than it was counted does no harm.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(wide).sum()
}

fn wide(c: char) -> usize {
    // Turns the character before it into an emoji, which may take one column more.
    if c == '\u{fe0f}' { 1 } else { c.width().unwrap_or(0) }
}

/// One line of what anybody may have written: escape sequences are taken out, everything else that a terminal would obey, or
/// not show, is made visible.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in anstream::adapter::strip_str(text.trim_end()).to_string().chars() {
        match c {
            '\t' => out.push_str("    "),
            '\r' => {}
            '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push_str(" ⏎ "),
            c if is_obeyed(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Controls, line breaks, controls of writing direction, and marks without width that hide in a text. Joiners stay: scripts
/// and emoji need them.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The beginning of a text, in at most so many columns.
pub(super) fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if columns(text) <= width {
        return Cow::Borrowed(text);
    }
    if width == 0 {
        return Cow::Borrowed("");
    }
    let mut out = head(text, width - 1).to_owned();
    out.push(ELLIPSIS);
    Cow::Owned(out)
}

/// The beginning and the end of a name, in at most so many columns: members of a matrix differ in either.
pub(super) fn squeeze(name: &str, width: usize) -> Cow<'_, str> {
    if columns(name) <= width || width < 5 {
        return cut(name, width);
    }
    let end = (width - 1) / 2;
    let tail: usize = name
        .chars()
        .rev()
        .scan(0, |used, c| {
            *used += wide(c);
            (*used <= end).then_some(c.len_utf8())
        })
        .sum();
    Cow::Owned(format!("{}{ELLIPSIS}{}", head(name, width - 1 - end), &name[name.len() - tail..]))
}

fn head(text: &str, width: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += wide(c);
        if used > width {
            return &text[..at];
        }
    }
    text
}

/// A line in parts, each with its style; holds nothing that a terminal would obey.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    parts: Vec<(Style, String)>,
}

impl Line {
    /// With one more part.
    pub(super) fn with(mut self, style: Style, text: &str) -> Self {
        self.parts.push((style, one_line(text).into_owned()));
        self
    }

    /// With one more part, without style.
    pub(super) fn and(self, text: &str) -> Self {
        self.with(Style::new(), text)
    }

    /// The beginning of it, in at most so many columns.
    pub(super) fn cut(mut self, width: usize) -> Self {
        let mut left = width;
        let total: usize = self.parts.iter().map(|(_, text)| columns(text)).sum();
        if total <= width {
            return self;
        }
        // One column for what says that it is cut, wherever that falls.
        left = left.saturating_sub(1);
        for at in 0..self.parts.len() {
            let text = &mut self.parts[at].1;
            let fits = head(text, left).len();
            if fits < text.len() || left == 0 {
                text.truncate(fits);
                if width > 0 {
                    text.push(ELLIPSIS);
                }
                self.parts.truncate(at + 1);
                break;
            }
            left -= columns(text);
        }
        self
    }

    /// As it is written to a terminal.
    pub(super) fn render(&self, colors: bool) -> String {
        let mut out = String::new();
        for (style, text) in &self.parts {
            if colors && *style != Style::new() && !text.is_empty() {
                out += &format!("{style}{text}{style:#}");
            } else {
                out += text;
            }
        }
        out.truncate(out.trim_end_matches(' ').len());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        for (text, shown) in [
            ("plain ünïcode 表 👩‍🚀", "plain ünïcode 表 👩‍🚀"),
            ("\x1b[31mred\x1b[0m\x1b]0;title\x07 end", "red end"),
            ("a\tb\r\nc", "a    b ⏎ c"),
            ("bell\x07 del\x7f", "bell\\u{7} del\\u{7f}"),
            ("\u{202e}live\u{2069}", "\\u{202e}live\\u{2069}"),
            ("line\u{2028}end\n\n", "line ⏎ end"),
        ] {
            let once = one_line(text).into_owned();
            // anstream itself drops controls that are no escape sequence; either way nothing is obeyed.
            assert_eq!(
                once.replace("\\u{7}", "").replace("\\u{7f}", ""),
                shown.replace("\\u{7}", "").replace("\\u{7f}", "")
            );
        }
    }

    #[test]
    fn names_keep_their_ends() {
        assert_eq!(squeeze("momentum.features.2023", 13), "moment…s.2023");
        assert_eq!(squeeze("表表表表表表", 7), "表…表");
        assert_eq!(squeeze("short", 5), "short");
        assert_eq!(cut("wide 表", 6), "wide …");
    }

    #[test]
    fn a_line_is_cut_across_its_parts() {
        let line = Line::default().and("one ").with(Style::new().bold(), "two ").and("three");
        assert_eq!(line.clone().cut(13).render(false), "one two three");
        assert_eq!(line.clone().cut(12).render(false), "one two thr…");
        assert_eq!(line.clone().cut(8).render(false), "one two…");
        assert_eq!(line.clone().cut(0).render(false), "");
        assert_eq!(line.cut(5).render(true), "one \x1b[1m…\x1b[0m");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_asked(texts in prop::collection::vec(".{0,12}", 0..5), width in 0usize..40) {
            let line = texts.iter().fold(Line::default(), |line, text| line.and(text));
            let shown = line.cut(width).render(false);
            prop_assert!(columns(&shown) <= width, "{shown:?} in {width}");
            prop_assert!(!shown.chars().any(is_obeyed));
        }

        #[test]
        fn no_name_is_wider_than_asked(name in "\\PC{0,30}", width in 0usize..40) {
            prop_assert!(columns(&squeeze(&name, width)) <= width);
        }
    }
}
