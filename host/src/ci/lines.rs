//! Text from anywhere as lines of a log that no CI system obeys.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::report::visible;

/// What stands behind `##` where a log line is a command: GitHub's runner and Azure's read it anywhere in a line, TeamCity at
/// its start.
const HASHED: [&str; 3] = ["[", "vso[", "teamcity["];

/// The same text, in which nothing is a command to a CI system. Control and other invisible characters, escape sequences among
/// them, are made visible; every kind of line break becomes `\n`; a backslash breaks `::` at the start of a line, and `##[`
/// anywhere.
///
/// Why a backslash: it is seen, and it can't be undone by a comparison that ignores invisible characters. Why anywhere: GitHub's
/// runner (`src/Runner.Common/ActionCommand.cs`) trims a line before it looks for `::`, and looks for `##[` in all of it.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let text = visible(text);
    if !text.contains("::") && !text.contains("##") {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 8);
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        let command = line.trim_start();
        let (indent, mut rest) = line.split_at(line.len() - command.len());
        out.push_str(indent);
        if rest.starts_with("::") {
            out.push('\\');
        }
        while let Some(at) = rest.find("##") {
            let (before, after) = rest.split_at(at + 2);
            out.push_str(before);
            if HASHED.iter().any(|word| starts_with(after, word)) {
                out.push('\\');
            }
            // `###[`: the second of three is the first of the next two.
            rest = if after.starts_with('#') {
                out.pop();
                &rest[at + 1..]
            } else {
                after
            };
        }
        out.push_str(rest);
    }
    Cow::Owned(out)
}

fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// The first of the characters, with `…` where that is not all.
pub(super) fn clip(text: &str, characters: usize) -> Cow<'_, str> {
    match text.char_indices().nth(characters) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let kept: String = text.chars().take(characters.saturating_sub(1)).collect();
            Cow::Owned(kept + "…")
        }
    }
}

/// Seconds with three decimals, whatever the locale.
pub(super) fn seconds(ns: u64) -> String {
    let ms = ns / 1_000_000 + u64::from(ns % 1_000_000 >= 500_000);
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// The last lines of a log, with what was left out before them; at most `bytes` of text, the end of it.
pub(super) fn tail(tail: &super::Tail, bytes: usize) -> String {
    let mut first = tail.lines.len();
    let mut room = bytes;
    while first > 0 && tail.lines[first - 1].len() < room {
        first -= 1;
        room -= tail.lines[first].len() + 1;
    }
    let mut out = String::new();
    let cut = first > 0 || tail.omitted_bytes > 0;
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{}{}", if cut { "… end of " } else { "" }, tail.path);
    if first == tail.lines.len()
        && let Some(line) = tail.lines.last()
    {
        let start = line.len().saturating_sub(room);
        let start = (start..=line.len()).find(|at| line.is_char_boundary(*at)).unwrap_or(line.len());
        let _ = writeln!(out, "…{}", &line[start..]);
    }
    for line in &tail.lines[first..] {
        let _ = writeln!(out, "{line}");
    }
    out
}
