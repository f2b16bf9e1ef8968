//! Where plugins' links lead: to pages of this run's report stages, and to addresses that show what they are. Whatever
//! else they ask for stays text.
//!
//! An address is taken if it is `https:` or `mailto:`, its host is plain ASCII (a look-alike of another alphabet has to
//! show its `xn--` form), and nobody stands before an `@` in it (`https://bank.example@evil.example`). The host is drawn
//! beside the link, so that its text can't promise another one.

use super::Section;
use crate::plugin::document::LinkTarget;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Longest address that is a link, bytes.
const ADDRESS_MAX: usize = 2_000;
/// What stays as it is in the name of a file.
const FILE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What stays as it is in an address: what is left can end neither a Markdown destination nor an attribute.
const ADDRESS: &AsciiSet = &FILE
    .remove(b'%')
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'#')
    .remove(b'@')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b',')
    .remove(b';');

/// Where a link leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// To the section at this place.
    Report(usize),
    Address {
        /// Percent-encoded: letters, digits and `-._~%:/?#@&=+,;` alone.
        href: String,
        /// What a reader should know of it: the host, or the mail address.
        place: String,
    },
}

/// `None`: the link is only text.
pub(super) fn destination(target: &LinkTarget, sections: &[Section]) -> Option<Destination> {
    match target {
        LinkTarget::Report(id) => sections.iter().position(|section| section.report_id == *id).map(Destination::Report),
        LinkTarget::Address(address) => self::address(address),
    }
}

/// The name of a report's page as a relative address.
pub(super) fn page(report_id: &str) -> String {
    format!("{}.md", utf8_percent_encode(report_id, FILE))
}

fn address(address: &str) -> Option<Destination> {
    if address.len() > ADDRESS_MAX || address.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return None;
    }
    let after = |scheme: &str| {
        let start = address.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme))?;
        address.get(start.len()..)
    };
    let (scheme, rest, place) = if let Some(rest) = after("https://") {
        let host = rest.split(['/', '?', '#']).next()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
        let named = host.starts_with(|c: char| c.is_ascii_alphanumeric()) && host.chars().all(plain);
        ("https://", rest, Some(host).filter(|_| named)?)
    } else {
        let rest = after("mailto:")?;
        let mail = rest.split('?').next()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "@.-_+".contains(c);
        ("mailto:", rest, Some(mail).filter(|mail| mail.contains('@') && mail.chars().all(plain))?)
    };
    let href = format!("{scheme}{}", utf8_percent_encode(rest, ADDRESS));
    Some(Destination::Address { href, place: place.to_ascii_lowercase() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<(String, String)> {
        match address(text)? {
            Destination::Address { href, place } => Some((href, place)),
            Destination::Report(_) => None,
        }
    }

    #[test]
    fn addresses_are_encoded_and_say_where_they_lead() {
        for (text, href, place) in [
            ("https://a.example/b?c=d&e=f#g", "https://a.example/b?c=d&e=f#g", "a.example"),
            ("HTTPS://A.example:8443", "https://A.example:8443", "a.example:8443"),
            ("https://a.example/ä(\"'<>`|)[x]", "https://a.example/%C3%A4%28%22%27%3C%3E%60%7C%29%5Bx%5D", "a.example"),
            ("https://a.example/%20", "https://a.example/%20", "a.example"),
            ("MAILTO:Me+you@a.example", "mailto:Me+you@a.example", "me+you@a.example"),
            ("mailto:me@a.example?subject=x%20y", "mailto:me@a.example?subject=x%20y", "me@a.example"),
        ] {
            assert_eq!(of(text), Some((href.to_owned(), place.to_owned())), "{text}");
        }
    }

    #[test]
    fn all_else_stays_text() {
        for text in [
            "",
            "https:",
            "https://",
            "https:///x",
            "http://a.example",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            " https://a.example",
            "https://a.example/ x",
            "https://user@a.example/",
            "https://bank.example:443@evil.example",
            "https://bänk.example",
            // A slash to browsers, the end of a user's name to others.
            "https://a.example\\@b.example",
            "https://[::1]/",
            "https://%61.example",
            "data:text/html,x",
            "mailto:",
            "mailto:a",
            "mailto:a@b.c,d@e.f\u{0}",
            "java\nscript:x",
            "\u{202e}https://a.example",
            "//a.example",
            "#top",
        ] {
            assert_eq!(of(text), None, "{text:?}");
        }
        assert_eq!(of(&format!("https://a.example/{}", "x".repeat(ADDRESS_MAX))), None);
    }

    #[test]
    fn pages_are_relative() {
        assert_eq!(page("risk.report_meta"), "risk.report_meta.md");
        assert_eq!(page("javascript:x/..\\(ä)"), "javascript%3Ax%2F..%5C%28%C3%A4%29.md");
    }
}
