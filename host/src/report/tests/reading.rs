//! A page as a browser reads it: `html5ever` makes the tree. Whatever no report may hold fails here.

use super::super::escape::visible;
use super::super::html::style;
use scraper::{Html, Node};
use serde_json::Value;

/// All elements that a page may have.
const ELEMENTS: &[&str] = &[
    "a",
    "article",
    "body",
    "br",
    "caption",
    "code",
    "dd",
    "desc",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "html",
    "li",
    "main",
    "meta",
    "nav",
    "ol",
    "p",
    "path",
    "pre",
    "rect",
    "script",
    "section",
    "small",
    "span",
    "strong",
    "style",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "text",
    "th",
    "thead",
    "title",
    "tr",
    "ul",
];
/// Attributes whose values are words of the host's.
const WORDS: &[&str] = &[
    "aria-hidden",
    "aria-label",
    "aria-labelledby",
    "charset",
    "class",
    "content",
    "hidden",
    "http-equiv",
    "id",
    "lang",
    "name",
    "rel",
    "role",
    "scope",
    "type",
];
/// Where the run's other files are, as seen from the file.
pub(super) const FILES: &[&str] = &["forensic_report.md", "forensic_report.json", "../data/forensic_trace.json"];
/// Attributes that hold shapes.
const SHAPES: &[&str] = &["d", "height", "viewBox", "width", "x", "y"];

/// What a reader gets: the elements without their text, and the text without spaces.
#[derive(Debug, PartialEq)]
pub(super) struct Page {
    /// Elements with their attributes, in order. Paragraphs and line breaks of texts are not in it.
    pub(super) structure: Vec<String>,
    pub(super) text: String,
    /// Where links lead.
    pub(super) links: Vec<String>,
    /// What the dashboard draws.
    pub(super) data: Option<Value>,
}

pub(super) fn squeeze(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '⏎').collect()
}

/// Reads a page and fails at anything that nobody may make.
pub(super) fn read(html: &str) -> Page {
    let parsed = Html::parse_document(html);
    assert!(parsed.errors.is_empty(), "{:?} in\n{html}", parsed.errors);
    let mut page = Page { structure: Vec::new(), text: String::new(), links: Vec::new(), data: None };
    let mut scripts = 0;
    let mut ids: Vec<&str> = Vec::new();
    for node in parsed.tree.root().descendants() {
        match node.value() {
            Node::Document | Node::Doctype(_) => {}
            Node::Text(text) => {
                let above = node.parent().and_then(|up| up.value().as_element());
                match above.map(|above| (above.name(), above.attr("type"))) {
                    Some(("style", _)) => {}
                    // One script, and it is the host's; one piece of data, and it is JSON.
                    Some(("script", Some("module"))) => {
                        assert_eq!(&**text, style::SCRIPT);
                        scripts += 1;
                    }
                    Some(("script", Some("application/json"))) => {
                        assert!(!text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) && page.data.is_none());
                        let data: Value = serde_json::from_str(text).expect("JSON");
                        is_shown(&data);
                        page.data = Some(data);
                    }
                    Some(("script", _)) => panic!("another script in\n{html}"),
                    _ => page.text.push_str(text),
                }
            }
            Node::Element(element) => {
                let name = element.name();
                assert!(ELEMENTS.contains(&name), "<{name}> in\n{html}");
                let mut told = vec![name.to_owned()];
                for (attribute, value) in element.attrs() {
                    told.push(if attribute == "href" {
                        assert!(is_address(value), "{value:?} in\n{html}");
                        page.links.push(value.to_owned());
                        "href".into()
                    } else if SHAPES.contains(&attribute) {
                        let shape = |c: char| c.is_ascii_digit() || "MLHVZahlmvz.- ".contains(c);
                        assert!(value.chars().all(shape), "{attribute}={value:?} in\n{html}");
                        attribute.into()
                    } else {
                        assert!(WORDS.contains(&attribute), "{attribute}={value:?} in\n{html}");
                        format!("{attribute}={value}")
                    });
                    if attribute == "id" {
                        ids.push(value);
                    }
                }
                if told.len() > 1 || !matches!(name, "p" | "br") {
                    page.structure.push(told.join(" "));
                }
            }
            other => panic!("{other:?} in\n{html}"),
        }
    }
    assert_eq!(scripts, 1);
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "an id stands twice in\n{html}");
    for link in page.links.iter().filter_map(|link| link.strip_prefix('#')) {
        assert!(ids.contains(&link), "#{link} leads nowhere in\n{html}");
    }
    page.text = squeeze(&page.text);
    page
}

/// Every text says all that is in it.
fn is_shown(data: &Value) {
    match data {
        Value::String(text) => assert_eq!(*text, visible(text)),
        Value::Array(values) => values.iter().for_each(is_shown),
        Value::Object(values) => values.values().for_each(is_shown),
        _ => {}
    }
}

/// A place on the page, or an address of the tests.
fn is_address(href: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~%:/?#@&=+,;".contains(c);
    let beside = href.strip_prefix("../../").and_then(|rest| rest.strip_suffix("/reports/forensic_report.html"));
    if let Some(run) = beside {
        return run.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) && !run.contains("..");
    }
    if FILES.contains(&href) {
        return true;
    }
    href.chars().all(plain)
        && (href.starts_with('#') || href.starts_with("https://a.example/") || href.starts_with("mailto:me@a.example"))
}
