//! HTML under construction. Names of elements and attributes are the code's own literals, and all text is escaped on its
//! way in, so that nothing but this crate can make an element, an attribute or an id.

use crate::report::escape::{one_line, visible};
use std::fmt::Write as _;

/// Attributes of an element.
pub(crate) type Attributes<'a> = &'a [(&'static str, &'a str)];

/// A piece of a page. Elements are closed by whoever opened them: see [`Html::within`].
#[derive(Debug, Default)]
pub(crate) struct Html {
    out: String,
    runs: Option<&'static str>,
}

/// JSON that can stand inside a page: it holds no character that a parser of HTML or of scripts would act on.
#[derive(Clone, Debug)]
pub(crate) struct PageJson(String);

impl PageJson {
    /// Of JSON without white space between its values: what is replaced can then only stand inside a text.
    pub(crate) fn of(json: String) -> Self {
        // Begins each of the two separators, too.
        const SEPARATOR: u8 = 0xE2;
        let bytes = json.as_bytes();
        if memchr::memchr3(b'<', b'>', b'&', bytes).is_none() && memchr::memchr(SEPARATOR, bytes).is_none() {
            return Self(json);
        }
        let mut out = String::with_capacity(json.len() + json.len() / 64);
        let mut rest = json.as_str();
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let Some(c) = rest.chars().next() else { break };
            let _ = write!(out, "\\u{:04x}", u32::from(c));
            rest = &rest[c.len_utf8()..];
        }
        out.push_str(rest);
        Self(out)
    }

    /// Bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The JSON, on one line.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl Html {
    /// A piece whose links to other runs lead to pages of a server: `runs` and the run's id.
    pub(crate) fn among(runs: Option<&'static str>) -> Self {
        Self { runs, ..Self::default() }
    }

    /// Where the pages of other runs begin, if not in their files.
    pub(crate) fn runs(&self) -> Option<&'static str> {
        self.runs
    }

    /// An element around what `fill` writes.
    pub(crate) fn within(&mut self, tag: &'static str, attributes: Attributes<'_>, fill: impl FnOnce(&mut Self)) {
        self.start(tag, attributes);
        fill(self);
        let _ = write!(self.out, "</{tag}>");
    }

    /// An element of a line's text.
    pub(crate) fn element(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.within(tag, attributes, |html| html.text(text));
    }

    /// An element that can't have content.
    pub(crate) fn void(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.start(tag, attributes);
    }

    /// Text on one line; what can't be seen is shown.
    pub(crate) fn text(&mut self, text: &str) {
        self.escaped(&one_line(text));
    }

    /// Text of the host's or of [`one_line`], whose spaces count.
    pub(crate) fn spaced(&mut self, text: &str) {
        self.escaped(text);
    }

    /// Text in a `pre`, with its lines.
    pub(crate) fn lines(&mut self, text: &str) {
        // A parser takes the first line break away.
        self.out.push('\n');
        self.escaped(&visible(text));
    }

    /// A line break of the file, for people who read the source.
    pub(crate) fn newline(&mut self) {
        self.out.push('\n');
    }

    /// What another page has made.
    pub(crate) fn append(&mut self, other: &Self) {
        self.out.push_str(&other.out);
    }

    /// A style sheet, which must not hold a `<`.
    pub(crate) fn style(&mut self, css: &'static str) {
        let _ = write!(self.out, "<style>{css}</style>");
    }

    /// A module script, which must not hold `</script` or `<!--`; the bundler sees to that.
    pub(crate) fn script(&mut self, code: &'static str) {
        let _ = write!(self.out, "<script type=\"module\">{code}</script>");
    }

    /// Data for the script.
    pub(crate) fn data(&mut self, id: &'static str, json: &PageJson) {
        let _ = write!(self.out, "<script type=\"application/json\" id=\"{id}\">{}</script>", json.0);
    }

    /// Bytes.
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    /// The whole page.
    pub(crate) fn page(self) -> String {
        let mut page = self.out;
        page.insert_str(0, "<!DOCTYPE html>\n");
        page.push('\n');
        page
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
    fn json_on_a_page_is_the_same_json() {
        let value = serde_json::json!({"<!--": ["</script><script>alert(1)</script>", "]]>", "&lt;\u{2028}\u{2029}", "\\<\"\0\u{1f600}"]});
        let PageJson(json) = PageJson::of(value.to_string());
        assert!(!json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{json}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), value);
    }

    #[test]
    fn json_without_such_characters_stays_as_it_is() {
        assert_eq!(PageJson::of("[\"a → b\"]".into()).text(), "[\"a → b\"]");
        assert_eq!(PageJson::of("[\"plain\"]".into()).text(), "[\"plain\"]");
    }

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
