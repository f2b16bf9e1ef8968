//! HTML under construction. Names of elements and attributes are the code's own literals, and all text is escaped on its
//! way in, so that nothing but this crate can make an element, an attribute or an id.

use crate::report::escape::{one_line, visible};
use std::fmt::Write as _;

/// Attributes of an element.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

/// A piece of a page. Elements are closed by whoever opened them: see [`Html::within`].
#[derive(Debug, Default)]
pub(super) struct Html {
    out: String,
}

impl Html {
    /// An element around what `fill` writes.
    pub(super) fn within(&mut self, tag: &'static str, attributes: Attributes<'_>, fill: impl FnOnce(&mut Self)) {
        self.start(tag, attributes);
        fill(self);
        let _ = write!(self.out, "</{tag}>");
    }

    /// An element of a line's text.
    pub(super) fn element(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.within(tag, attributes, |html| html.text(text));
    }

    /// An element that can't have content.
    pub(super) fn void(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.start(tag, attributes);
    }

    /// Text on one line; what can't be seen is shown.
    pub(super) fn text(&mut self, text: &str) {
        self.escaped(&one_line(text));
    }

    /// Text of the host's or of [`one_line`], whose spaces count.
    pub(super) fn spaced(&mut self, text: &str) {
        self.escaped(text);
    }

    /// Text in a `pre`, with its lines.
    pub(super) fn lines(&mut self, text: &str) {
        // A parser takes the first line break away.
        self.out.push('\n');
        self.escaped(&visible(text));
    }

    /// A line break of the file, for people who read the source.
    pub(super) fn newline(&mut self) {
        self.out.push('\n');
    }

    /// What another page has made.
    pub(super) fn append(&mut self, other: &Self) {
        self.out.push_str(&other.out);
    }

    /// A style sheet, which must not hold a `<`.
    pub(super) fn style(&mut self, css: &'static str) {
        let _ = write!(self.out, "<style>{css}</style>");
    }

    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    pub(super) fn page(self) -> String {
        format!("<!DOCTYPE html>\n{}\n", self.out)
    }

    fn start(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        let _ = write!(self.out, "<{tag}");
        for (name, value) in attributes {
            let _ = write!(self.out, " {name}=\"");
            self.escaped(&visible(value));
            self.out.push('"');
        }
        self.out.push('>');
    }

    fn escaped(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            self.out.push_str(&rest[..at]);
            self.out.push_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            });
            rest = &rest[at + 1..];
        }
        self.out.push_str(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_everywhere() {
        let mut html = Html::default();
        html.within("p", &[("class", "a\"b'<>&\0")], |html| html.text("<b>R&amp;D</b>\r\n\"'\u{202e}"));
        html.within("pre", &[], |html| html.lines("\n<x>"));
        assert_eq!(
            html.out,
            "<p class=\"a&quot;b&#39;&lt;&gt;&amp;\\u{0}\">&lt;b&gt;R&amp;amp;D&lt;/b&gt; ⏎ &quot;&#39;\\u{202e}</p>\
             <pre>\n\n&lt;x&gt;</pre>"
        );
    }
}
