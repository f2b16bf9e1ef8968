//! What is wrong with a pipeline file, where, and what to do: collected while it is read, shown as text or as JSON.
//!
//! Checks speak of byte ranges. Lines and columns are worked out once, at the end, in one walk over the text, and only
//! the lines that matter are given to the renderer: a hostile file can't make its own refusal expensive.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

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
    span: Range<usize>,
    line_span: Range<usize>,
}

/// Every mistake found in a pipeline file, by line and column; never empty.
///
/// It serialises as a list of `{severity, path, line, column, message, labels: [{line, column, message}], help: […]}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    path: PathBuf,
    text: String,
    items: Vec<Diagnostic>,
    unlisted: usize,
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

    /// The file's path as the user gave it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All of them as text for people, with the source lines; `color` adds ANSI escapes. Ends with a line break.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let path = self.path.display().to_string();
        let mut out = String::new();
        for (i, item) in self.items.iter().enumerate() {
            if i > 0 {
                out.push('\n');
            }
            out.push_str(&self.render_item(item, &path, &renderer));
            out.push('\n');
        }
        if self.unlisted > 0 {
            out.push_str(&format!("\nand {} more mistakes that are not listed\n", self.unlisted));
        }
        out
    }

    fn render_item(&self, item: &Diagnostic, path: &str, renderer: &Renderer) -> String {
        let mut group = Group::with_title(Level::ERROR.primary_title(item.message.as_str()));
        let mut corrections = Vec::new();
        for excerpt in excerpts(&item.labels) {
            let (snippet, correction) = self.excerpt(&excerpt, &item.labels[0], path);
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
        let lines = first.line_span.start..last.line_span.end;
        let annotation = |label: &'a Label, span: Range<usize>| {
            let kind = if std::ptr::eq(label, primary) { AnnotationKind::Primary } else { AnnotationKind::Context };
            let text = (!label.message.is_empty()).then_some(label.message.as_str());
            kind.span(span).label(text)
        };
        if labels.len() > 1 || lines.len() <= MAX_SHOWN_LINE {
            let mut snippet = Snippet::source(&self.text[lines.clone()]).line_start(first.line).path(path);
            for label in labels {
                let span = label.span.start - lines.start..label.span.end - lines.start;
                snippet = snippet.annotation(annotation(label, span));
            }
            return (snippet, None);
        }
        let window = window(&self.text, first);
        let before = if window.start > lines.start { "…" } else { "" };
        let after = if window.end < lines.end { "…" } else { "" };
        let shown = format!("{before}{}{after}", &self.text[window.clone()]);
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
    sorted.sort_by_key(|label| label.span.start);
    let mut groups: Vec<Vec<&Label>> = Vec::new();
    for label in sorted {
        let near = groups.last().and_then(|group| group.last()).is_some_and(|previous: &&Label| {
            let bytes = label.line_span.end - previous.line_span.start;
            label.line - previous.line <= SAME_EXCERPT && bytes <= MAX_SHOWN_LINE * (SAME_EXCERPT + 1)
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
    line: usize,
    column: usize,
    message: &'a str,
}

impl Serialize for Diagnostics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.items.len()))?;
        for item in &self.items {
            list.serialize_element(&Row {
                severity: "error",
                path: self.path.display().to_string(),
                line: item.line,
                column: item.column,
                message: &item.message,
                labels: item
                    .labels
                    .iter()
                    .map(|label| LabelRow { line: label.line, column: label.column, message: &label.message })
                    .collect(),
                help: &item.help,
            })?;
        }
        list.end()
    }
}

/// A mistake before its line is known.
#[derive(Debug)]
pub(crate) struct Draft {
    message: String,
    labels: Vec<(Range<usize>, String)>,
    help: Vec<String>,
    follows: bool,
}

impl Draft {
    fn new(at: Range<usize>, message: String) -> Self {
        Self { message, labels: vec![(at, String::new())], help: Vec::new(), follows: false }
    }

    /// Says something at the caret.
    pub(crate) fn label(&mut self, text: impl Into<String>) -> &mut Self {
        self.labels[0].1 = text.into();
        self
    }

    /// Points at another place.
    pub(crate) fn also(&mut self, at: Range<usize>, text: impl Into<String>) -> &mut Self {
        self.labels.push((at, text.into()));
        self
    }

    /// Says what to do.
    pub(crate) fn help(&mut self, text: impl Into<String>) -> &mut Self {
        self.help.push(text.into());
        self
    }

    /// Says what to do, where there is something to say.
    pub(crate) fn maybe_help(&mut self, text: Option<String>) -> &mut Self {
        self.help.extend(text);
        self
    }

    /// Says which name was probably meant.
    pub(crate) fn did_you_mean(&mut self, name: Option<&str>) -> &mut Self {
        self.maybe_help(name.map(|name| format!("did you mean `{name}`?")))
    }

    /// Marks it as a likely consequence of a syntax error, to be left out where there is one.
    pub(crate) fn may_follow_from_syntax(&mut self) -> &mut Self {
        self.follows = true;
        self
    }
}

/// Gathers mistakes.
#[derive(Debug)]
pub(crate) struct Collector {
    drafts: Vec<Draft>,
    unlisted: usize,
    spare: Draft,
}

impl Collector {
    pub(crate) fn new() -> Self {
        Self { drafts: Vec::new(), unlisted: 0, spare: Draft::new(0..0, String::new()) }
    }

    /// Records a mistake at a byte range of the text; the caller adds labels and help.
    pub(crate) fn error(&mut self, at: Range<usize>, message: impl Into<String>) -> &mut Draft {
        let draft = Draft::new(at, message.into());
        if self.is_full() {
            self.unlisted += 1;
            self.spare = draft;
            &mut self.spare
        } else {
            self.drafts.push(draft);
            self.drafts.last_mut().expect("just pushed")
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }

    /// Whether further mistakes would only be counted.
    pub(crate) fn is_full(&self) -> bool {
        self.drafts.len() >= MAX_LISTED
    }

    /// Counts mistakes that nobody will see.
    pub(crate) fn count_unlisted(&mut self, number: usize) {
        self.unlisted += number;
    }

    /// How many there are so far, to be handed to [`Self::drop_consequences`].
    pub(crate) fn mark(&self) -> usize {
        self.drafts.len()
    }

    /// Removes what was recorded after `mark` and only says again what a syntax error before it says: what is on the
    /// same line, and, where `values_lost`, what complains of something missing.
    pub(crate) fn drop_consequences(&mut self, text: &str, mark: usize, values_lost: bool) {
        let lines = Lines::new(text);
        let line = |draft: &Draft| lines.around(draft.labels[0].0.start).start;
        let broken: HashSet<usize> = self.drafts[..mark].iter().map(line).collect();
        let mut i = 0;
        self.drafts.retain(|draft| {
            i += 1;
            if i <= mark {
                return true;
            }
            !(broken.contains(&line(draft)) || (values_lost && draft.follows))
        });
    }

    /// Puts the mistakes in order and works out their lines.
    pub(crate) fn finish(mut self, path: &Path, text: String) -> Diagnostics {
        let mut places: Vec<(usize, usize, usize)> = Vec::new();
        for (i, draft) in self.drafts.iter_mut().enumerate() {
            for (j, (span, _)) in draft.labels.iter_mut().enumerate() {
                span.start = text.floor_char_boundary(span.start);
                places.push((span.start, i, j));
            }
        }
        places.sort_unstable();
        let mut items: Vec<(usize, Diagnostic)> = self
            .drafts
            .into_iter()
            .map(|draft| {
                let at = draft.labels[0].0.start;
                let labels = draft
                    .labels
                    .into_iter()
                    .map(|(span, message)| Label { line: 1, column: 1, message, span, line_span: 0..0 })
                    .collect();
                (at, Diagnostic { line: 1, column: 1, message: draft.message, labels, help: draft.help })
            })
            .collect();
        let mut walk = Walk::new(&text);
        for (at, i, j) in places {
            walk.to(at);
            let label = &mut items[i].1.labels[j];
            label.line = walk.line;
            label.column = walk.column;
            label.line_span = walk.line_span.clone();
            let end = text.floor_char_boundary(label.span.end.min(walk.line_span.end));
            label.span.end = end.max(label.span.start);
        }
        items.sort_by_key(|(at, _)| *at);
        let items = items
            .into_iter()
            .map(|(_, mut item)| {
                (item.line, item.column) = (item.labels[0].line, item.labels[0].column);
                item
            })
            .collect();
        Diagnostics { path: path.to_owned(), text, items, unlisted: self.unlisted }
    }
}

/// A walk through the text from place to place, never back.
struct Walk<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    column: usize,
    line_span: Range<usize>,
}

impl<'t> Walk<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, at: 0, line: 1, column: 1, line_span: 0..line_end(text, 0) }
    }

    fn to(&mut self, at: usize) {
        let passed = &self.text[self.at..at];
        if let Some(last) = passed.rfind('\n') {
            self.line += passed.bytes().filter(|b| *b == b'\n').count();
            let start = self.at + last + 1;
            self.column = 1 + self.text[start..at].chars().count();
            self.line_span = start..line_end(self.text, at);
        } else {
            self.column += passed.chars().count();
        }
        self.at = at;
    }
}

/// Where the line ends in which `from` is, without its line break.
fn line_end(text: &str, from: usize) -> usize {
    let end = text[from..].find('\n').map_or(text.len(), |at| from + at);
    let carriage_return = end > from && text.as_bytes()[end - 1] == b'\r';
    end - usize::from(carriage_return)
}

/// Where each line starts, for checks that ask for lines again and again.
pub(crate) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// The line in which a byte is, with its line break.
    pub(crate) fn around(&self, at: usize) -> Range<usize> {
        let next = self.starts.partition_point(|start| *start <= at);
        self.starts[next - 1]..self.starts.get(next).copied().unwrap_or(self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str, at: Range<usize>, then: impl FnOnce(&mut Draft)) -> String {
        let mut collector = Collector::new();
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
        let mut collector = Collector::new();
        for _ in 0..MAX_LISTED + 5 {
            collector.error(0..1, "no");
        }
        let all = collector.finish(Path::new("p"), "x".to_owned());
        assert_eq!((all.items().len(), all.count()), (MAX_LISTED, MAX_LISTED + 5));
        assert!(all.render(false).ends_with("and 5 more mistakes that are not listed\n"));
    }
}
