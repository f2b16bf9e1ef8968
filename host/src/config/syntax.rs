//! Syntax errors of the TOML parser, in our words: what is twice, where it was first, what was probably meant.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, Error};

use super::collect::{Collector, Lines};
use super::diagnostic::MAX_LISTED;
use super::words::clip;

/// Errors after which the rest of the document is still read as it was meant, by the start of their text.
const LOCAL: [&str; 15] = [
    "duplicate key",
    "string values must be quoted",
    "invalid boolean",
    "invalid float",
    "invalid date",
    "invalid time",
    "invalid datetime",
    "invalid offset",
    "unexpected leading zero",
    "unexpected sign",
    "redundant",
    "radix must be lowercase",
    "integers with a radix",
    "extra comma",
    "missing escaped value",
];

/// Files up to this size, in bytes, are searched for syntax errors whatever they are.
const ALWAYS_SEARCHED: usize = 1 << 20;

/// A larger file with this many errors right after the first one isn't a pipeline: a table of numbers, a log.
const NOT_A_PIPELINE: usize = MAX_LISTED;

/// Parses the text. Errors come with what could be made of it nevertheless.
pub(crate) fn parse(text: &str) -> (Spanned<DeTable<'_>>, Vec<Error>) {
    let first = match DeTable::parse(text) {
        Ok(document) => return (document, Vec::new()),
        Err(first) => first,
    };
    let start = text.floor_char_boundary(first.span().map_or(0, |span| span.start).min(text.len()));
    if text.len() - start > ALWAYS_SEARCHED {
        // Tens of millions of errors would fill the memory, so a sample tells first whether there are that many.
        let cut = text.floor_char_boundary(start + ALWAYS_SEARCHED);
        let cut = text[start..cut].rfind('\n').map_or(cut, |line| start + line + 1);
        let (document, errors) = DeTable::parse_recoverable(&text[..cut]);
        if errors.len() >= NOT_A_PIPELINE {
            return (document, errors);
        }
    }
    DeTable::parse_recoverable(text)
}

/// How far back a first definition is searched, in lines.
const LOOK_BACK: usize = 500;

/// Longest line, in bytes, that is taken for a header.
const LONGEST_HEADER: usize = 4096;

/// What syntax errors mean for the checks that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Damage {
    /// There are none.
    None,
    /// Something is defined twice; every value is there.
    Repeats,
    /// Some values are not what was meant.
    Values,
    /// What follows an error may have been read as something else.
    Structure,
}

/// Records the syntax errors and tells how much the document can still be believed.
pub(crate) fn record(mistakes: &mut Collector, text: &str, errors: &[Error]) -> Damage {
    let mut damage = Damage::None;
    let repeats = OnceCell::new();
    let unclosed = errors.iter().any(|error| error.message().starts_with("unclosed array,"));
    let swallowed = errors
        .iter()
        .filter(|error| unclosed && inside_unclosed_array(error.message()))
        .map(|error| clamp(text, error.span()).start)
        .min();
    if let Some(at) = swallowed {
        // All that follows an unclosed array is taken for its elements: one error says it.
        mistakes.error(at..at, "an array is not closed").label("expected `,` or `]` before this");
        damage = Damage::Structure;
    }
    for (done, error) in errors.iter().enumerate() {
        if mistakes.is_full() {
            mistakes.count_unlisted(errors.len() - done);
            return Damage::Structure;
        }
        let at = clamp(text, error.span());
        let raw = error.message();
        if swallowed.is_some_and(|from| from <= at.start) {
            continue;
        }
        let local = LOCAL.iter().any(|start| raw.starts_with(start));
        let step = match raw {
            "duplicate key" => Damage::Repeats,
            _ if local => Damage::Values,
            _ => Damage::Structure,
        };
        damage = damage.max(step);
        if raw == "duplicate key" {
            duplicate(mistakes, text, at, repeats.get_or_init(|| (Lines::new(text), first_headers(text))));
        } else {
            other(mistakes, text, at, raw);
        }
    }
    damage
}

fn inside_unclosed_array(raw: &str) -> bool {
    raw.starts_with("missing comma between array elements") || raw.starts_with("unexpected `=` in array")
}

fn clamp(text: &str, span: Option<Range<usize>>) -> Range<usize> {
    let span = span.unwrap_or(0..0);
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.floor_char_boundary(span.end.min(text.len())).max(start);
    start..end
}

/// Where each table header stands first, by its text.
type Headers<'t> = HashMap<&'t str, usize>;

fn first_headers(text: &str) -> Headers<'_> {
    let mut headers = HashMap::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some(header) = header(line) {
            headers.entry(header).or_insert(at + (line.len() - line.trim_start().len()));
        }
        at += line.len();
    }
    headers
}

/// The header `[…]` or `[[…]]` that a line consists of, without a comment.
fn header(line: &str) -> Option<&str> {
    if line.len() > LONGEST_HEADER {
        return None;
    }
    let line = line.trim();
    line.strip_prefix('[')?;
    let end = match line.find(" #").or_else(|| line.find("\t#")) {
        Some(comment) if line[..comment].trim_end().ends_with(']') => line[..comment].trim_end().len(),
        _ => line.len(),
    };
    line[..end].ends_with(']').then_some(&line[..end])
}

fn duplicate(mistakes: &mut Collector, text: &str, at: Range<usize>, (lines, headers): &(Lines<'_>, Headers<'_>)) {
    let line = lines.around(at.start);
    let key = &text[at.clone()];
    if let Some(header) = header(&text[line.clone()]) {
        let stage = header.strip_prefix("[stages.").and_then(|rest| rest.strip_suffix(']')) == Some(key);
        let message = if stage {
            format!("stage `{}` is defined twice", clip(key.trim_matches(['"', '\''])))
        } else {
            format!("`{}` is defined twice", clip(header))
        };
        let draft = mistakes.error(at, message);
        draft.label("again here").help(if stage {
            "give each stage an id of its own, or keep one"
        } else {
            "keep one"
        });
        if let Some(first) = headers.get(header).filter(|first| **first < line.start) {
            draft.also(*first..*first + header.len(), "first here");
        }
        return;
    }
    let first = earlier_in_table(text, line.start, key);
    if first.is_none() && in_repeated_table(text, line.start, headers) {
        // The header says it already.
        return;
    }
    let draft = mistakes.error(at, format!("key `{}` appears twice", clip(key)));
    draft.label("again here").help("keep one");
    if let Some(first) = first {
        draft.also(first, "first here");
    }
}

/// The lines before `start`, last first, as far as the search goes.
fn lines_before(text: &str, start: usize) -> impl Iterator<Item = (usize, &str)> {
    let before = &text[..start];
    let mut end = before.len();
    before.split_inclusive('\n').rev().take(LOOK_BACK).map(move |line| {
        end -= line.len();
        (end, line)
    })
}

fn earlier_in_table(text: &str, start: usize, key: &str) -> Option<Range<usize>> {
    for (at, line) in lines_before(text, start) {
        if header(line).is_some() {
            return None;
        }
        let indent = line.len() - line.trim_start().len();
        if let Some(rest) = line.trim_start().strip_prefix(key)
            && rest.trim_start().starts_with('=')
        {
            return Some(at + indent..at + indent + key.len());
        }
    }
    None
}

fn in_repeated_table(text: &str, start: usize, headers: &Headers<'_>) -> bool {
    lines_before(text, start)
        .find_map(|(at, line)| header(line).map(|header| (at, header)))
        .is_some_and(|(at, header)| !header.starts_with("[[") && headers.get(header).is_some_and(|first| *first < at))
}

fn other(mistakes: &mut Collector, text: &str, at: Range<usize>, raw: &str) {
    let found = text[at.clone()].trim();
    let (what, expected) = raw.split_once(", expected ").unwrap_or((raw, ""));
    let missing_value = found.is_empty() && text[..at.start].trim_end_matches([' ', '\t']).ends_with('=');
    if what == "string values must be quoted" && missing_value {
        mistakes.error(at, "a value is missing after `=`").label("expected a value");
        return;
    }
    let draft = mistakes.error(at.clone(), what);
    match what {
        "string values must be quoted" => {
            draft.label("not a TOML value").help(format!("write it in quotes: {}", super::words::toml_text(found)));
        }
        "invalid boolean" | "invalid float" => {
            draft.label(format!("expected {expected}"));
            draft.help(format!("for text, write it in quotes: {}", super::words::toml_text(found)));
        }
        "unexpected leading zero" => {
            draft.help("numbers have no leading zeros; write it in quotes if it is text");
        }
        "missing escaped value" => {
            draft.label("unknown escape").help("write `\\\\` for a backslash, or put the text in single quotes");
        }
        _ if expected.is_empty() || expected == "nothing" => {}
        _ => {
            draft.label(format!("expected {expected}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_told_from_other_lines() {
        for (line, expected) in [
            ("[a]", Some("[a]")),
            (" [[a.b]]  # why\n", Some("[[a.b]]")),
            ("[\"a # b\"]", Some("[\"a # b\"]")),
            ("a = [1]", None),
            ("[1, 2", None),
        ] {
            assert_eq!(header(line), expected, "{line}");
        }
    }
}
