//! Text from anywhere (plugins, traces, logs) into Markdown that shows it and nothing else.
//!
//! Two steps, so that each can be checked alone: [`visible`] turns what can't be seen into what can (control, bidi and
//! zero-width characters become `\u{..}`), then every character that CommonMark, GFM or a forge's additions (tables,
//! footnotes, alerts, math, autolinks, mentions) would act on is escaped. The escaping is as small as it can be:
//! `risk.optimize_meta` stays as it is, because a report is also read in a pager.

use std::borrow::Cow;

/// Languages that a fence may name. Forges draw some others (`mermaid`, `math`, `geojson`, `suggestion`), with links.
const LANGUAGES: &[&str] = &[
    "bash",
    "c",
    "console",
    "cpp",
    "csv",
    "diff",
    "go",
    "ini",
    "java",
    "javascript",
    "js",
    "json",
    "jsonl",
    "log",
    "lua",
    "make",
    "py",
    "python",
    "r",
    "rust",
    "sh",
    "sql",
    "text",
    "toml",
    "ts",
    "typescript",
    "txt",
    "wat",
    "wit",
    "xml",
    "yaml",
];

/// Shows what can't be seen. Every kind of line break becomes `\n`; tabs stay.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    // Nearly every text: no look at each character.
    if text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t' | b'\n')) {
        return Cow::Borrowed(text);
    }
    if !text.chars().any(|c| is_invisible(c) || is_line_break(c) && c != '\n') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\r' && chars.peek() == Some(&'\n') {
            continue;
        } else if is_line_break(c) {
            out.push('\n');
        } else if is_invisible(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Characters that would be obeyed, or not seen: controls, bidi controls, zero-width, fillers, tags.
fn is_invisible(c: char) -> bool {
    if c.is_control() {
        return c != '\t' && !is_line_break(c);
    }
    matches!(u32::from(c),
        0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
        | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0E | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB
        | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

/// Text inside a line: a heading, a point, a paragraph's line. Line breaks become ` ⏎ `.
pub(super) fn inline(text: &str) -> String {
    escape(&one_line(text), true)
}

/// Text in a table's cell. An empty cell is legal.
pub(super) fn cell(text: &str) -> String {
    escape(&one_line(text), false)
}

/// Text that is one line already, where a block may begin.
pub(super) fn line_of(text: &str) -> String {
    escape(text, true)
}

/// Text that is one line already, elsewhere. Spaces at its ends stay.
pub(super) fn cell_of(text: &str) -> String {
    escape(text, false)
}

/// Text as code: paths, ids, digests.
pub(super) fn code(text: &str) -> String {
    let mut out = String::new();
    literal(&one_line(text), &mut out);
    out
}

/// Text as paragraphs: blank lines part them, other line breaks are kept as hard breaks. Every line begins with
/// `prefix`, such as `"> "`.
pub(super) fn paragraphs(text: &str, prefix: &str) -> String {
    let shown = visible(text);
    let mut out = String::with_capacity(shown.len() + 16);
    let mut blank = false;
    for line in shown.lines().map(clean) {
        if line.is_empty() {
            blank = !out.is_empty();
            continue;
        }
        if blank {
            out.push_str(&format!("\n{}\n{prefix}", prefix.trim_end()));
        } else if !out.is_empty() {
            out.push_str(&format!("\\\n{prefix}"));
        }
        blank = false;
        out.push_str(&escape(&line, true));
    }
    out
}

/// A fenced block; the fence is longer than any run of backticks inside.
pub(super) fn fence(language: &str, text: &str) -> String {
    let shown = visible(text);
    let mut longest = 2;
    let mut run = 0;
    for c in shown.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let ticks = "`".repeat(longest + 1);
    let language = language.to_ascii_lowercase();
    let language = LANGUAGES.iter().find(|known| **known == language).unwrap_or(&"");
    format!("{ticks}{language}\n{}\n{ticks}\n", shown.trim_end_matches('\n'))
}

/// At most `max` characters, the last of them `…` if some are missing.
pub(crate) fn clip(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.chars().take(max.saturating_sub(1)).chain(['…']).collect()),
    }
}

/// What [`inline`] and [`cell`] show: [`visible`] text on one line, with ` ⏎ ` for its line breaks.
pub(super) fn one_line(text: &str) -> String {
    let shown = visible(text);
    if !shown.contains(['\n', '\t']) {
        return shown.trim().to_owned();
    }
    let lines: Vec<Cow<'_, str>> = shown.lines().map(clean).filter(|line| !line.is_empty()).collect();
    lines.join(" ⏎ ")
}

/// A line without what Markdown would take for indentation, and with tabs as spaces.
fn clean(line: &str) -> Cow<'_, str> {
    let line = line.trim();
    if line.contains('\t') { Cow::Owned(line.replace('\t', " ")) } else { Cow::Borrowed(line) }
}

/// Escapes one line. `start`: it stands where a block could begin.
fn escape(line: &str, start: bool) -> String {
    let mut out = String::with_capacity(line.len() + line.len() / 8);
    let mut rest = line;
    let mut first = start;
    while !rest.is_empty() {
        let space = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        let (spaces, tail) = rest.split_at(space);
        out.push_str(spaces);
        let end = tail.find(char::is_whitespace).unwrap_or(tail.len());
        let (word, tail) = tail.split_at(end);
        if would_be_linked(word) {
            literal(word, &mut out);
        } else {
            escape_word(word, first, &mut out);
        }
        first = false;
        rest = tail;
    }
    out
}

/// What forges make links of without being asked: addresses, hosts, mail, mentions. An escape does not stop them (they
/// look for these in the text that the parser has made), a code span does.
fn would_be_linked(word: &str) -> bool {
    if word.contains("://") || word.contains('@') && word != "@" {
        return true;
    }
    let has = |needle: &[u8]| word.as_bytes().windows(needle.len()).any(|part| part.eq_ignore_ascii_case(needle));
    has(b"www.") || has(b"mailto:") || has(b"xmpp:")
}

/// A word as code spans; what would act inside one stands between them as an entity. So does the bracket of `]:`:
/// in the text of a link at a line's start it would make a definition, and those are looked for before code spans.
pub(super) fn literal(word: &str, out: &mut String) {
    let acts = |at: usize, c: char| matches!(c, '`' | '|' | '\\') || c == ']' && word[at + 1..].starts_with(':');
    let span = |text: &str, out: &mut String| {
        if !text.is_empty() {
            out.push('`');
            out.push_str(text);
            out.push('`');
        }
    };
    let mut start = 0;
    for (at, c) in word.char_indices().filter(|(at, c)| acts(*at, *c)) {
        span(&word[start..at], out);
        out.push_str(&format!("&#{};", u32::from(c)));
        start = at + c.len_utf8();
    }
    span(&word[start..], out);
}

fn escape_word(word: &str, first: bool, out: &mut String) {
    // `-`, `+`, `---`, `===`, `:--`: a list, a rule, an underline, a table's second row, front matter.
    if first && word.chars().all(|c| matches!(c, '-' | '+' | '=' | ':')) {
        out.push('\\');
        out.push_str(word);
        return;
    }
    // `1.` and `1)`: a numbered list.
    if first
        && let Some(number) = word.strip_suffix(['.', ')'])
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
    {
        out.push_str(&format!("{number}\\{}", &word[number.len()..]));
        return;
    }
    let mut before: Option<char> = None;
    // Whether the underscores around here stand inside a word, where they do nothing.
    let mut quiet_underscores = false;
    for (at, c) in word.char_indices() {
        let after = word[at + c.len_utf8()..].chars().next();
        match c {
            '\\' => out.push_str(if after.is_none_or(|c| c.is_ascii_punctuation()) { "\\\\" } else { "\\" }),
            '*' | '`' | '[' | ']' | '~' | '$' | '{' | '}' => {
                out.push('\\');
                out.push(c);
            }
            // Parsers differ on `\\|`.
            '|' => out.push_str(if before == Some('\\') { "&#124;" } else { "\\|" }),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' if after.is_some_and(|c| c.is_ascii_alphanumeric() || c == '#') => out.push_str("&amp;"),
            // A definition.
            ':' if first && before.is_none() => out.push_str("\\:"),
            '#' if before.is_none_or(|c| c == '#') => out.push_str("\\#"),
            '_' => {
                if before != Some('_') {
                    let end = word[at..].trim_start_matches('_').chars().next();
                    quiet_underscores =
                        before.is_some_and(char::is_alphanumeric) && end.is_some_and(char::is_alphanumeric);
                }
                out.push_str(if quiet_underscores { "_" } else { "\\_" });
            }
            _ => out.push(c),
        }
        before = Some(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_stays_readable() {
        for text in [
            "risk.optimize_meta",
            "A → C → G",
            "-0.3 % against +1.2 %",
            "R & D",
            "C:\\data\\x",
            "see data/forensic_trace.json (12:30)",
            "C# and 5 - 3 = 2, e.g. 1.5x!",
        ] {
            assert_eq!(inline(text), text);
        }
    }

    #[test]
    fn what_acts_is_escaped() {
        for (text, markdown) in [
            ("*bold* _it_ `code` ~~no~~", "\\*bold\\* \\_it\\_ \\`code\\` \\~\\~no\\~\\~"),
            ("# no heading", "\\# no heading"),
            ("no ## closing ##", "no \\#\\# closing \\#\\#"),
            ("1. point", "1\\. point"),
            ("- point", "\\- point"),
            ("---", "\\---"),
            ("<b>R&amp;D</b>", "&lt;b&gt;R&amp;amp;D&lt;/b&gt;"),
            ("![x](y) [^1]: z", "!\\[x\\](y) \\[^1\\]: z"),
            ("a|b\\|c", "a\\|b\\\\&#124;c"),
            ("end\\", "end\\\\"),
            ("one\r\n\r\n two", "one ⏎ two"),
            ("https://x.example/_a_", "`https://x.example/_a_`"),
            ("mail a@b.c|`", "mail `a@b.c`&#124;&#96;"),
            ("@team", "`@team`"),
            ("x]:http://a[0]", "`x`&#93;`:http://a[0]`"),
            ("a\u{202e}b\0\u{1b}[31m", "a\\u\\{202e\\}b\\u\\{0\\}\\u\\{1b\\}\\[31m"),
        ] {
            assert_eq!(inline(text), markdown, "{text:?}");
        }
        assert_eq!(cell("- 1."), "- 1.");
    }

    #[test]
    fn paragraphs_keep_lines() {
        assert_eq!(paragraphs("a\n# b\n\n\n- c\n", "> "), "a\\\n> \\# b\n>\n> \\- c");
    }

    #[test]
    fn fences_are_longer_than_what_they_hold() {
        assert_eq!(fence("JSON", "a\n````\nb\n"), "`````json\na\n````\nb\n`````\n");
        assert_eq!(fence("mermaid", "graph"), "```\ngraph\n```\n");
    }

    #[test]
    fn clips_by_characters() {
        assert_eq!(clip("äöü", 3), "äöü");
        assert_eq!(clip("äöüx", 3), "äö…");
    }
}
