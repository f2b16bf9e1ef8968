//! What is wrong with a pipeline file and those that it is made of, where, and what to do: shown as text or as JSON.
//!
//! Only the lines that matter are given to the renderer: a hostile file can't make its own refusal expensive.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

/// Most mistakes that are listed; of the rest there is only a count.
pub const MAX_LISTED: usize = 1_000;

/// Longest line, in bytes, that is shown whole.
const MAX_SHOWN_LINE: usize = 400;

/// Labels that are at most so many lines apart share one excerpt.
const SAME_EXCERPT: usize = 4;

/// A mistake in a pipeline file. Each one keeps the pipeline from running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file that it is in, as the user gave it or as it is named from there.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, counted in characters.
    pub column: usize,
    /// What is wrong, in one line.
    pub message: String,
    /// The places concerned, the first being the mistake itself (at `line` and `column`).
    pub labels: Vec<Label>,
    /// What to do about it, a sentence each.
    pub help: Vec<String>,
}

/// A place in the file and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, counted in characters.
    pub column: usize,
    /// What is to be said; may be empty.
    pub message: String,
    /// Index of its file.
    pub(super) source: usize,
    /// In its file.
    pub(super) span: Range<usize>,
    pub(super) line_span: Range<usize>,
}

/// Every mistake found in a file and those that it is made of, by file, line and column; never empty.
///
/// It serialises as a list of `{severity, path, line, column, message, labels: [{line, column, message}], help: […]}`; a
/// label in another file than its mistake has a `path` as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    /// Path and text of each file; the first is the one that was asked for.
    pub(super) sources: Vec<(PathBuf, Arc<str>)>,
    pub(super) items: Vec<Diagnostic>,
    pub(super) unlisted: usize,
}

impl Diagnostics {
    /// The mistakes, at most [`MAX_LISTED`].
    pub fn items(&self) -> &[Diagnostic] {
        &self.items
    }

    /// How many there are, those not listed too.
    pub fn count(&self) -> usize {
        self.items.len() + self.unlisted
    }

    /// The path of the file that was asked for, as the user gave it; mistakes may be in others.
    pub fn path(&self) -> &Path {
        &self.sources[0].0
    }

    /// All of them as text for people, with the source lines; `color` adds ANSI escapes. Ends with a line break.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let paths: Vec<String> = self.sources.iter().map(|(path, _)| path.display().to_string()).collect();
        let mut out = String::new();
        for (i, item) in self.items.iter().enumerate() {
            if i > 0 {
                out.push('\n');
            }
            out.push_str(&self.render_item(item, &paths, &renderer));
            out.push('\n');
        }
        if self.unlisted > 0 {
            out.push_str(&format!("\nand {} more mistakes that are not listed\n", self.unlisted));
        }
        out
    }

    fn render_item(&self, item: &Diagnostic, paths: &[String], renderer: &Renderer) -> String {
        let mut group = Group::with_title(Level::ERROR.primary_title(item.message.as_str()));
        let mut corrections = Vec::new();
        for excerpt in excerpts(&item.labels) {
            let (snippet, correction) = self.excerpt(&excerpt, &item.labels[0], &paths[excerpt[0].source]);
            group = group.element(snippet);
            corrections.extend(correction);
        }
        let group = group.elements(item.help.iter().map(|help| Level::HELP.message(help.as_str())));
        let rendered = renderer.render(&[group]);
        corrections.iter().fold(rendered, |text, (wrong, right)| text.replacen(wrong, right, 1))
    }

    /// An excerpt of the file, and a place in its rendering that has to be put right: the renderer counts columns
    /// from the start of what it is given, which may be a window of a long line.
    fn excerpt<'a>(
        &'a self,
        labels: &[&'a Label],
        primary: &Label,
        path: &'a str,
    ) -> (Snippet<'a, Annotation<'a>>, Option<(String, String)>) {
        let (first, last) = (labels[0], labels[labels.len() - 1]);
        let text: &str = &self.sources[first.source].1;
        let lines = first.line_span.start..last.line_span.end;
        let annotation = |label: &'a Label, span: Range<usize>| {
            let kind = if std::ptr::eq(label, primary) { AnnotationKind::Primary } else { AnnotationKind::Context };
            let text = (!label.message.is_empty()).then_some(label.message.as_str());
            kind.span(span).label(text)
        };
        if labels.len() > 1 || lines.len() <= MAX_SHOWN_LINE {
            let mut snippet = Snippet::source(&text[lines.clone()]).line_start(first.line).path(path);
            for label in labels {
                let span = label.span.start - lines.start..label.span.end - lines.start;
                snippet = snippet.annotation(annotation(label, span));
            }
            return (snippet, None);
        }
        let window = window(text, first);
        let before = if window.start > lines.start { "…" } else { "" };
        let after = if window.end < lines.end { "…" } else { "" };
        let shown = format!("{before}{}{after}", &text[window.clone()]);
        let offset = |at: usize| at.clamp(window.start, window.end) - window.start + before.len();
        let span = offset(first.span.start)..offset(first.span.end);
        let place = |column: usize| format!("{path}:{}:{column}", first.line);
        let correction = (place(shown[..span.start].chars().count() + 1), place(first.column));
        let snippet = Snippet::source(shown).line_start(first.line).path(path).annotation(annotation(first, span));
        (snippet, Some(correction))
    }
}

/// The labels in groups that are shown together: the one with the mistake first, each by position.
fn excerpts(labels: &[Label]) -> Vec<Vec<&Label>> {
    let mut sorted: Vec<&Label> = labels.iter().collect();
    sorted.sort_by_key(|label| (label.source, label.span.start));
    let mut groups: Vec<Vec<&Label>> = Vec::new();
    for label in sorted {
        let near = groups.last().and_then(|group| group.last()).is_some_and(|previous: &&Label| {
            label.source == previous.source
                && label.line - previous.line <= SAME_EXCERPT
                && label.line_span.end - previous.line_span.start <= MAX_SHOWN_LINE * (SAME_EXCERPT + 1)
        });
        match groups.last_mut() {
            Some(group) if near => group.push(label),
            _ => groups.push(vec![label]),
        }
    }
    if let Some(at) = groups.iter().position(|group| group.iter().any(|label| std::ptr::eq(*label, &labels[0]))) {
        groups[..=at].rotate_right(1);
    }
    groups
}

/// The part of a long line round a label.
fn window(text: &str, label: &Label) -> Range<usize> {
    let start = label.span.start.saturating_sub(MAX_SHOWN_LINE / 8).max(label.line_span.start);
    let end = (label.span.start + MAX_SHOWN_LINE / 4).min(label.line_span.end);
    text.floor_char_boundary(start)..text.floor_char_boundary(end)
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Diagnostics {}

#[derive(Serialize)]
struct Row<'a> {
    severity: &'static str,
    path: String,
    line: usize,
    column: usize,
    message: &'a str,
    labels: Vec<LabelRow<'a>>,
    help: &'a [String],
}

#[derive(Serialize)]
struct LabelRow<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    line: usize,
    column: usize,
    message: &'a str,
}

impl Diagnostics {
    fn label_row<'a>(&self, label: &'a Label, item: &Diagnostic) -> LabelRow<'a> {
        let path = &self.sources[label.source].0;
        let path = (*path != item.path).then(|| path.display().to_string());
        LabelRow { path, line: label.line, column: label.column, message: &label.message }
    }
}

impl Serialize for Diagnostics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.items.len()))?;
        for item in &self.items {
            list.serialize_element(&Row {
                severity: "error",
                path: item.path.display().to_string(),
                line: item.line,
                column: item.column,
                message: &item.message,
                labels: item.labels.iter().map(|label| self.label_row(label, item)).collect(),
                help: &item.help,
            })?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::super::collect::{Collector, Draft};
    use super::*;

    fn one(text: &str, at: Range<usize>, then: impl FnOnce(&mut Draft)) -> String {
        let mut collector = Collector::new(text.len());
        then(collector.error(at, "this is wrong"));
        collector.finish(Path::new("p.toml"), text.to_owned()).render(false)
    }

    #[test]
    fn columns_count_characters_and_carriage_returns_are_not_shown() {
        let text = "a = 1\r\nä = \"日本\" # x\r\n";
        let at = text.find("# x").unwrap();
        let shown = one(text, at..at + 3, |draft| {
            draft.label("here");
        });
        assert_eq!(
            shown,
            "error: this is wrong\n --> p.toml:2:10\n  |\n2 | ä = \"日本\" # x\n  |            ^^^ here\n"
        );
    }

    #[test]
    fn empty_text_and_the_end_of_the_text_have_a_place() {
        assert_eq!(one("", 0..0, |_| ()), "error: this is wrong\n --> p.toml:1:1\n  |\n1 |\n  | ^\n");
        assert_eq!(one("a\n", 2..2, |_| ()), "error: this is wrong\n --> p.toml:2:1\n  |\n2 |\n  | ^\n");
    }

    #[test]
    fn distant_places_are_shown_apart_the_mistake_first() {
        let text = "first = 1\n\n\n\n\n\n\n\nsecond = 2\n";
        let at = text.find("second").unwrap();
        let shown = one(text, at..at + 6, |draft| {
            draft.label("again").also(0..5, "before").help("keep one");
        });
        assert_eq!(
            shown,
            "error: this is wrong\n --> p.toml:9:1\n  |\n9 | second = 2\n  | ^^^^^^ again\n  |\n ::: p.toml:1:1\n  |\n\
             1 | first = 1\n  | ----- before\n  |\n  = help: keep one\n"
        );
    }

    #[test]
    fn a_long_line_is_shown_in_part_with_its_true_column() {
        let text = format!("{}WRONG{}", "é".repeat(10_000), "y".repeat(10_000_000));
        let shown = one(&text, 20_000..20_005, |_| ());
        assert_eq!(
            shown,
            format!(
                "error: this is wrong\n --> p.toml:1:10001\n  |\n1 | …{}WRONG{}…\n  | {}^^^^^\n",
                "é".repeat(25),
                "y".repeat(95),
                " ".repeat(26)
            )
        );
    }

    #[test]
    fn listing_is_bounded_but_counting_is_not() {
        let mut collector = Collector::new(1);
        for i in 0..MAX_LISTED + 5 {
            collector.error(0..1, format!("no {i}"));
        }
        let all = collector.finish(Path::new("p"), "x".to_owned());
        assert_eq!((all.items().len(), all.count()), (MAX_LISTED, MAX_LISTED + 5));
        assert!(all.render(false).ends_with("and 5 more mistakes that are not listed\n"));
    }

    #[test]
    fn what_stands_in_another_file_is_shown_with_its_path() {
        let mut collector = Collector::new(6);
        let base = collector.add_source(Path::new("b.toml"), "x = 1\nyy = 2\n".into());
        collector.error(base + 6..base + 8, "this is wrong").label("again").also(0..1, "first");
        collector.error(0..1, "and this");
        let all = collector.finish(Path::new("a.toml"), "z = 1\n".to_owned());
        assert_eq!(
            all.render(false),
            "error: and this\n --> a.toml:1:1\n  |\n1 | z = 1\n  | ^\n\nerror: this is wrong\n --> b.toml:2:1\n  |\n\
             2 | yy = 2\n  | ^^ again\n  |\n ::: a.toml:1:1\n  |\n1 | z = 1\n  | - first\n"
        );
        let rows = serde_json::to_value(&all).unwrap();
        assert_eq!((&rows[1]["path"], &rows[1]["labels"][1]["path"]), (&"b.toml".into(), &"a.toml".into()));
        assert_eq!(rows[1]["labels"][0].get("path"), None);
    }

    #[test]
    fn the_same_mistake_is_told_once_and_that_of_many_with_their_number() {
        let mut collector = Collector::new(10);
        for i in 0..5 {
            collector.error(0..1, "no");
            collector.error_once("kind", 0..4, format!("bad {i}"));
        }
        collector.error_once("kind", 0..4, "x").narrow_to("b");
        collector.error(0..4, "narrow").narrow_to("c = 1");
        let all = collector.finish(Path::new("p"), "abc = 1".to_owned());
        let said: Vec<_> =
            all.items().iter().map(|item| (item.column, item.message.as_str(), item.help.join(""))).collect();
        assert_eq!(
            said,
            [
                (1, "no", String::new()),
                (1, "bad 0", "the same is wrong with 5 more that are made from this".to_owned()),
                (1, "narrow", String::new())
            ]
        );
    }
}
