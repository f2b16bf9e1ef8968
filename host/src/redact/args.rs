//! Command lines: flags whose value is a secret by their name, and the short flags of common tools.

use std::ops::Range;

use super::keys::{Keys, Strength};
use super::{Hits, pairs};

#[derive(Clone, Copy)]
enum Short {
    /// The value stands in the next word, or sticks to the flag.
    Both(&'static str),
    /// The value sticks to the flag.
    Stuck(&'static str),
    /// `user:password` in the next word.
    User(&'static str),
    /// `user%password` in the next word.
    Percent(&'static str),
    /// The next word, as it is: `pass:value` keeps its kind.
    Next(&'static str),
}

use Short::{Both, Next, Percent, Stuck, User};

const TOOLS: &[(&str, &[Short])] = &[
    ("curl", &[User("-u"), User("--user"), User("-U"), User("--proxy-user"), Next("-b"), Next("--pass")]),
    ("mysql", &[Stuck("-p")]),
    ("mysqldump", &[Stuck("-p")]),
    ("mysqladmin", &[Stuck("-p")]),
    ("mysqlimport", &[Stuck("-p")]),
    ("mariadb", &[Stuck("-p")]),
    ("mariadb-dump", &[Stuck("-p")]),
    ("mariadb-admin", &[Stuck("-p")]),
    ("sshpass", &[Both("-p")]),
    ("redis-cli", &[Both("-a")]),
    ("docker", &[Next("-p")]),
    ("podman", &[Next("-p")]),
    ("helm", &[Next("-p")]),
    ("az", &[Next("-p")]),
    ("mongo", &[Both("-p")]),
    ("mongosh", &[Both("-p")]),
    ("mongodump", &[Both("-p")]),
    ("mongorestore", &[Both("-p")]),
    ("ldapsearch", &[Both("-w")]),
    ("ldapmodify", &[Both("-w")]),
    ("openssl", &[Next("-pass"), Next("-passin"), Next("-passout"), Next("-k")]),
    ("sqlcmd", &[Both("-P")]),
    ("smbclient", &[Percent("-U")]),
    ("7z", &[Stuck("-p")]),
    ("7za", &[Stuck("-p")]),
    ("zip", &[Next("-P")]),
    ("unzip", &[Next("-P")]),
    ("plink", &[Next("-pw")]),
    ("pscp", &[Next("-pw")]),
];
/// With these the short flag means a password only after `login`; else it is a port.
const LOGIN: &[&str] = &["docker", "podman", "helm", "az"];

/// Reports the secrets of an argument vector: which word, and what part of it.
pub(super) fn scan(words: &[&str], keys: &Keys, hit: &mut impl FnMut(usize, Range<usize>)) {
    let mut tool: Option<&(&str, &[Short])> = None;
    let mut login = false;
    for (i, &word) in words.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| words[i]);
        if matches!(word, "|" | "||" | "&&" | ";") {
            (tool, login) = (None, false);
            continue;
        }
        if !word.starts_with('-') {
            let base = word.rsplit(['/', '\\']).next().unwrap_or(word);
            if let Some(found) = TOOLS.iter().find(|(name, _)| *name == base)
                && tool.is_none()
            {
                tool = Some(found);
                continue;
            }
            login |= word == "login";
        }
        // `aws configure set aws_secret_access_key …`
        if let (Some("set"), Some(value)) = (before, words.get(i + 1))
            && i >= 2
            && matches!(words[i - 2], "configure" | "config")
            && keys.classify(word) != Strength::No
            && !pairs::placeholder(value)
        {
            hit(i + 1, 0..value.len());
        }
        if let Some((name, value)) = word.split_once('=') {
            let bare = name.trim_start_matches('-');
            let plain =
                !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
            let strength = if plain { keys.classify(bare) } else { Strength::No };
            if strength != Strength::No && !pairs::keep(value, strength, false) {
                hit(i, name.len() + 1..word.len());
                continue;
            }
        } else if let Some(name) = word.strip_prefix('-').filter(|name| name.len() >= 2) {
            let strength = keys.classify_flag(name);
            if strength != Strength::No
                && !tool
                    .is_some_and(|(_, shorts)| shorts.iter().any(|short| matches!(short, Next(flag) if *flag == word)))
                && let Some(value) = words.get(i + 1)
                && !(value.starts_with("--") || value.starts_with('-') && value.len() <= 2)
                && !pairs::keep(value, strength, false)
            {
                hit(i + 1, 0..value.len());
            }
        }
        let Some((name, shorts)) = tool else { continue };
        if LOGIN.contains(name) && !login {
            continue;
        }
        for short in *shorts {
            short.apply(words, i, hit);
        }
    }
}

impl Short {
    fn apply(self, words: &[&str], i: usize, hit: &mut impl FnMut(usize, Range<usize>)) {
        let (Both(flag) | Stuck(flag) | User(flag) | Percent(flag) | Next(flag)) = self;
        let Some(rest) = words[i].strip_prefix(flag) else { return };
        let (word, start) = match (self, rest.is_empty()) {
            (Stuck(_), true) => return,
            (Next(_) | Percent(_), false) => return,
            (_, true) => (i + 1, 0),
            // `--userx` is another flag.
            (_, false) if flag.len() > 2 => return,
            (_, false) => (i, flag.len()),
        };
        let Some(value) = words.get(word).and_then(|word| word.get(start..)) else { return };
        if word > i && value.starts_with('-') && value.len() <= 2 {
            return;
        }
        let skip = match self {
            User(_) => match value.split_once(':') {
                Some((user, _)) => user.len() + 1,
                None => return,
            },
            Percent(_) => match value.split_once('%') {
                Some((user, _)) => user.len() + 1,
                None => return,
            },
            Next("-b") if !value.contains('=') => return,
            Next(_) => match value.split_once(':') {
                Some(("file" | "env" | "fd", _)) => return,
                Some(("pass", _)) => 5,
                _ if value == "stdin" => return,
                _ => 0,
            },
            Both(_) | Stuck(_) => 0,
        };
        if !pairs::placeholder(&value[skip..]) {
            hit(word, start + skip..start + value.len());
        }
    }
}

/// Reports the secrets of a command line within a text.
pub(super) fn scan_line(text: &str, range: Range<usize>, keys: &Keys, hits: &mut Hits) {
    let spans = split(text, range);
    let words: Vec<&str> = spans.iter().map(|span| &text[span.clone()]).collect();
    scan(&words, keys, &mut |word, part| {
        let start = spans[word].start;
        let value = &words[word][part.clone()];
        let last = word > 0 && words[word - 1].starts_with('-');
        // Prose speaks of flags too.
        if !(last && part.start == 0 && pairs::keep(value, Strength::Weak, true)) {
            hits.push(start + part.start..start + part.end);
        }
    });
}

/// The words of a command line, without the quotes round them; also of a list such as `["mysql", "-px"]`.
fn split(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut words = Vec::new();
    let mut at = range.start;
    while at < range.end {
        match bytes[at] {
            b' ' | b'\t' | b',' | b'[' | b']' | b'\\' | b'\r' if !text[at..].starts_with(super::MARK) => at += 1,
            quote @ (b'"' | b'\'') => {
                let end =
                    bytes[at + 1..range.end].iter().position(|&b| b == quote).map_or(range.end, |len| at + 1 + len);
                let inside = at + 1..end;
                // A quote that closes the text round the command, or one that opens a word?
                if !inside.is_empty() && !text[inside.clone()].starts_with([' ', ',', ':', '}', ']']) {
                    words.push(inside);
                    at = end + 1;
                } else {
                    at += 1;
                }
            }
            _ => {
                let stop = |b: u8| matches!(b, b' ' | b'\t' | b'\r' | b'"' | b'\'' | b'\\');
                let end = bytes[at..range.end].iter().position(|&b| stop(b)).map_or(range.end, |len| at + len);
                // `-u "user:pw"` is two words, `-u"user:pw"` and `pa"ss` one.
                let end = if end < range.end
                    && matches!(bytes[end], b'"' | b'\'')
                    && end + 1 < range.end
                    && bytes[at] == b'-'
                {
                    let quote = bytes[end];
                    bytes[end + 1..range.end].iter().position(|&b| b == quote).map_or(end, |len| end + 1 + len)
                } else {
                    end
                };
                let mut word = at..end;
                while word.len() > 1
                    && matches!(bytes[word.end - 1], b',' | b';' | b']' | b')')
                    && !text[..word.end].ends_with(super::MARK)
                {
                    word.end -= 1;
                }
                words.push(word);
                at = end.max(at + 1);
            }
        }
    }
    words
}
