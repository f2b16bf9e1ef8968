//! Words for messages: a user's text made short and visible, and the name that was probably meant.

use std::borrow::Cow;

/// Most characters of a user's text that are repeated in a message.
const MAX_SHOWN: usize = 60;
/// The longest word that a meant name is sought for.
const MAX_WORD: usize = 128;

/// A user's text for a message: short, on one line, nothing invisible.
pub(crate) fn clip(text: &str) -> Cow<'_, str> {
    let long = text.chars().nth(MAX_SHOWN).is_some();
    if !long && !text.contains(|c: char| c.is_control()) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    for c in text.chars().take(MAX_SHOWN) {
        if c.is_control() {
            shown.extend(c.escape_debug());
        } else {
            shown.push(c);
        }
    }
    if long {
        shown.push('…');
    }
    Cow::Owned(shown)
}

/// A user's text as a TOML basic string, for advice that can be pasted.
pub(crate) fn toml_text(text: &str) -> String {
    format!("\"{}\"", clip(text).replace('\\', "\\\\").replace('"', "\\\""))
}

/// Finds the name that was meant. It has a budget, so that a file with thousands of wrong names and thousands of
/// right ones is still refused in no time.
pub(crate) struct Suggester {
    comparisons_left: usize,
}

impl Suggester {
    pub(crate) fn new() -> Self {
        Self { comparisons_left: 400_000 }
    }

    /// The candidate nearest to `word`, if one is near enough; the earlier one of two.
    pub(crate) fn nearest<'a>(&mut self, word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let length = word.chars().count();
        if length == 0 || length > MAX_WORD {
            return None;
        }
        let within = (length / 3).max(1);
        let mut best: Option<(usize, &'a str)> = None;
        for candidate in candidates {
            if candidate == word || candidate.len().abs_diff(word.len()) > within.max(2) {
                continue;
            }
            if self.comparisons_left == 0 {
                break;
            }
            self.comparisons_left -= 1;
            let distance = if candidate.eq_ignore_ascii_case(word) { 0 } else { strsim::osa_distance(candidate, word) };
            if distance <= within && best.is_none_or(|(least, _)| distance < least) {
                best = Some((distance, candidate));
            }
        }
        best.map(|(_, candidate)| candidate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_wins_and_far_ones_do_not() {
        let names = ["sleeve.long", "sleeve.short", "meta"];
        let mut suggester = Suggester::new();
        assert_eq!(suggester.nearest("sleeve.shrot", names), Some("sleeve.short"));
        assert_eq!(suggester.nearest("META", names), Some("meta"));
        assert_eq!(suggester.nearest("portfolio", names), None);
        assert_eq!(suggester.nearest("", names), None);
    }

    #[test]
    fn shown_text_is_short_and_visible() {
        assert_eq!(clip("a\nb\0"), "a\\nb\\0");
        assert_eq!(clip(&"x".repeat(70)).chars().count(), MAX_SHOWN + 1);
    }
}
