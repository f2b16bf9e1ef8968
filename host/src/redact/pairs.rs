//! Values that stand beside a telling name in free text: `key=value`, `key: value`, JSON (also escaped), headers, XML, query strings, flags.

use std::ops::Range;

use super::keys::{Keys, Strength};
use super::{Hits, MARK};

/// The most of a name that is looked at, and of the name of a flag with its dashes.
pub(super) const MAX_KEY: usize = 96;
pub(super) const MAX_FLAG: usize = 66;
/// The most that stands between a name and its separator: blanks, quotes with their escapes, a terminal's colour, ` is`; and then the
/// separator itself, which is up to three bytes long.
pub(super) const REACH: usize = 64;
/// How much of a line can belong to a header.
const MAX_HEADER: usize = 8 << 10;

/// Words that stand for the lack of a value, or hide one already.
const NOTHING: &[&str] = &[
    "null",
    "none",
    "nil",
    "undefined",
    "unset",
    "empty",
    "n/a",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "redacted",
    "masked",
    "hidden",
    "filtered",
    "(redacted)",
    "[redacted]",
    "[filtered]",
    "[masked]",
    "[hidden]",
    "(null)",
    "(none)",
    "(unset)",
    "amd64",
    "arm64",
    "i386",
    "noarch",
];
/// What people write after a name and a colon, or after a flag, when they talk about it.
const PROSE: &[&str] = &[
    "required",
    "missing",
    "invalid",
    "expired",
    "failed",
    "failure",
    "ok",
    "not",
    "is",
    "are",
    "was",
    "the",
    "a",
    "an",
    "must",
    "cannot",
    "can",
    "optional",
    "enabled",
    "disabled",
    "unauthorized",
    "forbidden",
    "denied",
    "accepted",
    "rejected",
    "success",
    "successful",
    "valid",
    "verified",
    "revoked",
    "refused",
    "wrong",
    "incorrect",
    "mismatch",
    "changed",
    "unchanged",
    "rotated",
    "found",
    "string",
    "str",
    "&str",
    "bytes",
    "bool",
    "int",
    "any",
    "object",
    "option",
    "flag",
    "argument",
    "parameter",
    "value",
    "to",
    "and",
    "or",
    "for",
    "in",
    "with",
    "from",
    "has",
    "will",
    "should",
    "instead",
    "may",
    "if",
    "when",
    "only",
    "please",
    "enter",
    "type",
    "default",
    "auto",
    "basic",
    "bearer",
    "set",
    "of",
    "too",
    "this",
    "that",
    "it",
    "on",
    "via",
    "by",
    "as",
    "at",
    "pending",
    "skipped",
    "done",
    "provided",
    "given",
    "got",
    "expected",
    "token",
    "never",
    "redaction",
    "all",
];
/// Expressions of programs, not values.
const CODE: &[&str] = &[
    "os.environ",
    "process.env",
    "env.",
    "self.",
    "this.",
    "args.",
    "config.",
    "settings.",
    "secrets.",
    "var.",
    "vault:",
    "std::",
    "Option<",
];

/// Reports the values of telling names in the given parts of a text (ascending); elsewhere none can stand.
pub(super) fn scan(text: &str, parts: &[Range<usize>], keys: &Keys, hits: &mut Hits) {
    let mut at = 0;
    for part in parts {
        at = scan_part(text, at.max(part.start)..part.end, keys, hits);
    }
}

/// The same for one part; returns where the next one can start.
fn scan_part(text: &str, part: Range<usize>, keys: &Keys, hits: &mut Hits) -> usize {
    let bytes = text.as_bytes();
    let mut at = part.start;
    while at < part.end {
        let len = match bytes[at] {
            b'=' => 1,
            b':' if bytes.get(at + 1) != Some(&b':')
                && (at == 0 || bytes[at - 1] != b':')
                && !text[at + 1..].starts_with("//") =>
            {
                1
            }
            b'%' if bytes.get(at + 1) == Some(&b'3')
                && matches!(bytes.get(at + 2), Some(b'D' | b'd' | b'A' | b'a')) =>
            {
                3
            }
            b'>' => 1,
            b'-' if at == 0
                || matches!(bytes[at - 1], b' ' | b'\t' | b'\n' | b'"' | b'\'' | b'[' | b'(' | b'`' | b',') =>
            {
                at = match flag(text, at, keys) {
                    Some(range) => {
                        hits.push(range.clone());
                        range.end
                    }
                    None => at + 1,
                };
                continue;
            }
            _ => {
                at += 1;
                continue;
            }
        };
        at = match pair(text, at, len, keys) {
            Some(range) => {
                hits.push(range.clone());
                range.end.max(at + len)
            }
            None => at + len,
        };
    }
    at
}

/// The value of the pair whose separator stands here, if its name says that it is secret.
fn pair(text: &str, at: usize, len: usize, keys: &Keys) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let separator = bytes[at];
    if separator == b'='
        && (bytes.get(at + 1) == Some(&b'=') || at > 0 && matches!(bytes[at - 1], b'=' | b'!' | b'<' | b'>'))
    {
        return None;
    }
    let mut key = key_before(text, at)?;
    if &text[key.clone()] == "is" {
        key = key_before(text, key.start)?;
    }
    let mut strength = keys.classify(&text[key.clone()]);
    if strength == Strength::No {
        return None;
    }
    let mut value = at + len;
    match separator {
        b'>' => {
            if key.end != at || key.start == 0 || bytes[key.start - 1] != b'<' {
                return None;
            }
            let end = value + memchr::memchr(b'<', &bytes[value..])?;
            let content = &text[value..end];
            return (content.len() <= 8192 && !keep(content, strength, false)).then_some(value..end);
        }
        b'=' if bytes.get(value) == Some(&b'>') => value += 1,
        b':' if bytes.get(value) == Some(&b'=') => value += 1,
        _ => {}
    }
    let spaced = value;
    while value < spaced + 8 && matches!(bytes.get(value), Some(b' ' | b'\t')) {
        value += 1;
    }
    let spaced = value > spaced;
    if strength == Strength::Weak && unexpected(&text[..key.start]) {
        return None;
    }
    if strength == Strength::Folder {
        let path = bytes[value..]
            .trim_ascii_start()
            .iter()
            .position(|b| !matches!(b, b'"' | b'\''))
            .map(|i| &bytes[value + i..]);
        if path.is_some_and(|p| p.starts_with(b"/") || p.starts_with(b"~") || p.get(1) == Some(&b':')) {
            return None;
        }
        strength = Strength::Strong;
    }
    let prose = spaced && (separator == b':' || strength == Strength::Weak);
    let range = value_at(text, value, strength)?;
    if let Some(rest) = bytes.get(range.end..)
        && call(&text[range.clone()], rest)
    {
        return None;
    }
    let range = if strength == Strength::Header { after_scheme(text, range)? } else { range };
    (!keep(&text[range.clone()], strength, prose)).then_some(range)
}

/// `get_password(…)`, `Option<…>`: code, not a value.
fn call(value: &str, rest: &[u8]) -> bool {
    let name = value.split('(').next().unwrap_or("");
    let word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'.'));
    word && (value.contains('(') || rest.first() == Some(&b'('))
}

/// `unexpected token: …`: a parser talking.
fn unexpected(before: &str) -> bool {
    let before = &before.as_bytes()[before.len().saturating_sub(24)..];
    let Some(trimmed) = before.strip_suffix(b" ") else { return false };
    [&b"unexpected"[..], b"illegal", b"unknown", b"next", b"bad", b"offending", b"invalid"]
        .iter()
        .any(|word| trimmed.len() >= word.len() && trimmed[trimmed.len() - word.len()..].eq_ignore_ascii_case(word))
}

/// The name before a separator: blanks, a quote and its escapes between them are skipped.
pub(super) fn key_before(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut end = at;
    while end > 0 && at - end < 8 && matches!(bytes[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    if end > 0 && bytes[end - 1] == b'm' {
        // The end of a terminal colour.
        let code = bytes[..end - 1].iter().rev().take(8).take_while(|b| b.is_ascii_digit() || **b == b';').count();
        if bytes[..end - 1 - code].ends_with(b"\x1b[") {
            end -= code + 3;
        }
    }
    if end > 0 && bytes[end - 1] == b']' {
        end -= 1;
    }
    if end > 0 && matches!(bytes[end - 1], b'"' | b'\'' | b'`') {
        end -= 1;
        while end > 0 && at - end < 16 && bytes[end - 1] == b'\\' {
            end -= 1;
        }
    } else if end >= 3 && &bytes[end - 3..end] == b"%22" {
        end -= 3;
    } else if bytes[..end].ends_with(b"&quot;") {
        end -= 6;
    }
    let len = bytes[..end]
        .iter()
        .rev()
        .take(MAX_KEY)
        .take_while(|&&b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        .count();
    let mut start = end - len;
    // The end of an escape is no part of the name: `%22token`, `\ntoken`, a terminal colour.
    match bytes[..start] {
        [.., b'%'] if len > 2 && bytes[start].is_ascii_hexdigit() && bytes[start + 1].is_ascii_hexdigit() => start += 2,
        [.., b'\\'] if len > 1 && matches!(bytes[start], b'n' | b'r' | b't') => start += 1,
        [.., b'[' | b';'] => {
            let digits = bytes[start..end].iter().take_while(|b| b.is_ascii_digit()).count();
            if digits > 0 && bytes.get(start + digits) == Some(&b'm') {
                start += digits + 1;
            }
        }
        _ => {}
    }
    (start < end).then_some(start..end)
}

/// The value that starts here: quoted, in brackets, or bare.
fn value_at(text: &str, start: usize, strength: Strength) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = start;
    // A terminal colour.
    if bytes[at..].starts_with(b"\x1b[") {
        let len = bytes[at + 2..].iter().take(12).position(|&b| b == b'm')?;
        at += len + 3;
    }
    // `Some("…")`, `SecretString("…")`, `b'…'`
    let name = bytes[at..].iter().take(24).take_while(|b| b.is_ascii_alphanumeric()).count();
    let upper = bytes.get(at).is_some_and(u8::is_ascii_uppercase);
    if name > 0
        && upper
        && bytes.get(at + name) == Some(&b'(')
        && matches!(bytes.get(at + name + 1), Some(b'"' | b'\'' | b'\\'))
    {
        at += name + 1;
    } else if name == 1 && matches!(bytes.get(at + 1), Some(b'"' | b'\'')) {
        at += 1;
    }
    if text[at..].starts_with(MARK) {
        return Some(at..bare_end(text, at));
    }
    let slashes = bytes[at..].iter().take(7).take_while(|&&b| b == b'\\').count();
    if let Some(&quote @ (b'"' | b'\'' | b'`')) = bytes.get(at + slashes) {
        let inside = at + slashes + 1;
        return Some(inside..closing(bytes, inside, quote, slashes));
    }
    for (open, close) in [("%22", "%22"), ("&quot;", "&quot;")] {
        if text[at..].starts_with(open) {
            let inside = at + open.len();
            let len = memchr::memmem::find(&bytes[inside..(inside + 1024).min(bytes.len())], close.as_bytes());
            return Some(inside..len.map_or_else(|| bare_end(text, inside), |len| inside + len));
        }
    }
    // A placeholder ends with its bracket, also if there are blanks in it.
    for (open, close) in [("${{", "}}"), ("${", "}"), ("$(", ")"), ("{{", "}}"), ("<", ">")] {
        if text[at..].starts_with(open) {
            if text[at..].starts_with("</") {
                return None;
            }
            let near = &bytes[at..(at + 128).min(bytes.len())];
            let end =
                memchr::memmem::find(near, close.as_bytes()).map_or(at + open.len(), |len| at + len + close.len());
            return Some(at..bare_end(text, end));
        }
    }
    let line_end = || {
        let scheme_digest = text[at..].get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("digest"));
        let stop = |b: u8| b < b' ' && b != b'\t' || !scheme_digest && matches!(b, b'"' | b'\'' | b'`' | b'\\');
        let far = text.floor_char_boundary(at + MAX_HEADER);
        bytes[at..far].iter().position(|&b| stop(b)).map_or(far, |len| at + len)
    };
    match bytes.get(at)? {
        b'{' if bytes.get(at + 1) != Some(&b'{') => None,
        b'[' => {
            // The first quoted word of a list; its list is short, or it is not looked at.
            let skip = bytes[at + 1..].iter().take(4).take_while(|b| b.is_ascii_whitespace()).count();
            let quote = *bytes.get(at + 1 + skip)?;
            if !matches!(quote, b'"' | b'\'') {
                return Some(at..bare_end(text, at));
            }
            let inside = at + 2 + skip;
            let close = bytes[inside..].iter().take(4096).position(|&b| b == b']').map(|len| inside + len)?;
            let last = bytes[inside..close].iter().rposition(|&b| b == quote).map(|len| inside + len)?;
            Some(inside..last)
        }
        _ if strength == Strength::Line => Some(at..line_end()),
        _ if strength == Strength::Header => {
            let bare = bare_end(text, at);
            let line = line_end();
            let first = text[at..bare].trim_end_matches(',');
            let whole = is_scheme(first) || text[at..line].contains('=');
            Some(at..if whole { line.max(bare) } else { bare })
        }
        _ => Some(at..bare_end(text, at)),
    }
}

fn is_scheme(word: &str) -> bool {
    const SCHEMES: [&str; 12] = [
        "bearer",
        "basic",
        "digest",
        "token",
        "negotiate",
        "apikey",
        "ntlm",
        "hawk",
        "oauth",
        "signature",
        "aws4-hmac-sha256",
        "key",
    ];
    SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// The credentials without the word that names their kind.
fn after_scheme(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let value = &text[range.clone()];
    for blank in [" ", "%20"] {
        if let Some((first, rest)) = value.split_once(blank)
            && is_scheme(first)
        {
            let start = range.end - rest.trim_start().len();
            return (start < range.end).then_some(start..range.end);
        }
    }
    (!is_scheme(value)).then_some(range)
}

/// The closing quote that carries as many escapes as the opening one, or the end of the line.
fn closing(bytes: &[u8], inside: usize, quote: u8, slashes: usize) -> usize {
    let mut run = 0;
    for (i, &byte) in bytes[inside..].iter().enumerate() {
        match byte {
            b'\\' => run += 1,
            b'\n' if slashes > 0 => return inside + i,
            _ => {
                if byte == quote && (if slashes == 0 { run % 2 == 0 } else { run == slashes }) {
                    return inside + i - slashes;
                }
                run = 0;
            }
        }
    }
    let line = bytes[inside..].iter().position(|&b| b == b'\n').unwrap_or(bytes.len() - inside);
    inside + line
}

/// Where a value without quotes ends. Punctuation ends it only if it doesn't look like a part of it.
fn bare_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        let byte = bytes[at];
        if byte == b'[' && text[at..].starts_with(MARK) {
            at += MARK.len();
            continue;
        }
        let stop = match byte {
            0..=b' ' | 0x7f | b'<' => true,
            b'"' | b'\'' | b'`' => !bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric),
            b',' | b';' | b'&' | b'|' | b')' | b']' | b'}' | b'>' => soft_stop(bytes, at + 1),
            b'\\' => matches!(bytes.get(at + 1), Some(b'n' | b'r' | b't' | b'"' | b'\'' | b'\\')),
            b'%' => matches!(bytes.get(at + 1..at + 3), Some(b"26" | b"22" | b"0A" | b"0D" | b"0a" | b"0d")),
            _ => false,
        };
        if stop {
            break;
        }
        at += 1;
    }
    at
}

/// Whether what follows a punctuation mark is no part of a value: an end, more punctuation, the next pair.
fn soft_stop(bytes: &[u8], at: usize) -> bool {
    let Some(&next) = bytes.get(at) else { return true };
    if next <= b' '
        || matches!(next, b'"' | b'\'' | b'`' | b',' | b';' | b')' | b']' | b'}' | b'\\' | b'&' | b'|' | b'<')
    {
        return true;
    }
    let word = bytes[at..]
        .iter()
        .take(48)
        .take_while(|&&b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b' '))
        .count();
    word > 0 && matches!(bytes.get(at + word), Some(b'=' | b':'))
}

/// `--flag value`, also as `"--flag", "value"`.
fn flag(text: &str, at: usize, keys: &Keys) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let dashes = bytes[at..].iter().take(3).take_while(|&&b| b == b'-').count();
    let start = at + dashes;
    let len =
        bytes[start..].iter().take(64).take_while(|&&b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
    if dashes > 2 || len < 2 {
        return None;
    }
    let mut value = start + len;
    // Cheap before dear: most flags stand alone or before `=`.
    if !matches!(bytes.get(value), Some(b' ' | b'\t' | b'"' | b'\'' | b'\\')) {
        return None;
    }
    let strength = keys.classify_flag(&text[start..value]);
    if strength == Strength::No {
        return None;
    }
    let mut blank = false;
    while value < start + len + 12 && matches!(bytes.get(value), Some(b' ' | b'\t' | b'"' | b'\'' | b'\\' | b',')) {
        let quote = matches!(bytes[value], b'"' | b'\'');
        blank |= !quote && bytes[value] != b'\\';
        if quote && blank {
            break;
        }
        value += 1;
    }
    let dash = |at: usize| {
        bytes.get(at) == Some(&b'-') && bytes.get(at + 1).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'-')
    };
    if !blank || dash(value) {
        return None;
    }
    // An escaped opening quote: its escapes were skipped.
    let slashes = bytes[..value].iter().rev().take(7).take_while(|&&b| b == b'\\').count();
    let range = value_at(text, value - slashes, Strength::Strong)?;
    (!dash(range.start) && !keep(&text[range.clone()], strength, true)).then_some(range)
}

/// Whether a text stands for a value that isn't there: empty, a variable, a mark.
pub(super) fn placeholder(value: &str) -> bool {
    let value = value.trim();
    if value.is_empty()
        || value.contains(MARK) && value.replace(MARK, "").is_empty()
        || NOTHING.iter().any(|word| value.eq_ignore_ascii_case(word))
    {
        return true;
    }
    let bytes = value.as_bytes();
    let (first, last) = (bytes[0], bytes[bytes.len() - 1]);
    if bytes.len() >= 2
        && bytes.iter().all(|&b| b == first)
        && matches!(first, b'*' | b'x' | b'X' | b'.' | b'-' | b'_' | b'#' | b'?')
        || !value.is_ascii() && value.chars().all(|c| matches!(c, '•' | '●' | '…' | '█'))
    {
        return true;
    }
    let name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    match first {
        b'$' => match bytes.get(1) {
            Some(b'{') => last == b'}',
            Some(b'(') => last == b')',
            _ => {
                let rest = &value[1..];
                name(rest)
                    && (!rest.bytes().any(|b| b.is_ascii_lowercase())
                        || !rest.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase()))
            }
        },
        b'%' => last == b'%' && bytes.len() > 2 && name(&value[1..value.len() - 1]),
        b'{' => value.starts_with("{{") && value.ends_with("}}"),
        b'<' => last == b'>' && bytes.len() <= 48,
        _ => false,
    }
}

/// Whether a value stays although its name is telling.
pub(super) fn keep(value: &str, strength: Strength, prose: bool) -> bool {
    if placeholder(value) {
        return true;
    }
    let value = value.trim();
    let weak = matches!(strength, Strength::Weak | Strength::Header);
    if value.parse::<f64>().is_ok()
        && value.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && (weak || value.len() <= 3)
    {
        return true;
    }
    if version(value) {
        return true;
    }
    if strength == Strength::Folder && (value.starts_with(['/', '~']) || value.as_bytes().get(1) == Some(&b':')) {
        return true;
    }
    let word = value.trim_end_matches(['.', ',', ';', ')', '!', '}', ']', '>', ':']);
    if (weak || prose) && (word.is_empty() || PROSE.iter().any(|plain| word.eq_ignore_ascii_case(plain))) {
        return true;
    }
    value.starts_with("ssh-") && value.contains("AAAA") || CODE.iter().any(|code| value.starts_with(code))
}

/// `7.3.1`, `^5.0`, `v1.2`: the version of a package with a telling name.
fn version(value: &str) -> bool {
    let number = value.trim_start_matches(['^', '~', '=', 'v', '<', '>', ' ']);
    let parts = number.split('.').count();
    (2..=4).contains(&parts)
        && number.len() <= 16
        && number.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}
