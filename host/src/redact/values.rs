//! Which values of telling variables are secrets that can be searched for everywhere. A value that is a common word, a
//! path or a small number would tear holes into every text, so it has to look like a value that somebody made up.

use super::keys::{Keys, Strength};
use super::{MAX_SECRET_BYTES, entropy, pairs};

/// The shortest value, in characters.
const MIN_CHARS: usize = 8;
/// Digits alone are a number, a date or a time stamp if they are fewer.
const MIN_DIGITS: usize = 12;
/// A single word of letters alone is a word of a language if it is shorter.
const MIN_WORD: usize = 20;
/// So many words make a phrase that stands nowhere by chance.
const MIN_PHRASE: usize = 3;

/// Whether a variable of this name and value holds a secret by the look of both.
pub(super) fn secret_by_name(keys: &Keys, name: &str, value: &str) -> bool {
    let strength = keys.classify(name);
    let value = value.trim();
    strength != Strength::No
        && value.len() <= MAX_SECRET_BYTES
        && !pairs::keep(value, strength, true)
        && distinctive(value)
}

/// Whether a value is long and odd enough to be searched for.
pub(super) fn distinctive(value: &str) -> bool {
    if value.chars().count() < MIN_CHARS || pairs::placeholder(value) {
        return false;
    }
    if value.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b':' | b' ' | b'T' | b'Z' | b'+' | b',')) {
        return value.bytes().all(|b| b.is_ascii_digit()) && value.len() >= MIN_DIGITS;
    }
    if is_path(value) && !entropy::random(value) {
        return false;
    }
    if let Some((_, rest)) = value.split_once("://") {
        // An address is no secret; one with a password is.
        return rest.split('/').next().is_some_and(|host| host.contains('@'));
    }
    if value.split_ascii_whitespace().count() >= MIN_PHRASE {
        return true;
    }
    let joint = |c: char| c.is_whitespace() || matches!(c, '-' | '_' | '.' | ':' | '/' | ',');
    let parts: Vec<&str> = value.split(joint).filter(|part| !part.is_empty()).collect();
    match parts[..] {
        [] => false,
        [word] if word.len() == value.len() => !(plain_word(word) && word.len() < MIN_WORD),
        _ => {
            !parts.iter().all(|part| plain_word(part) && part.len() < MIN_WORD || short_number(part) || numbered(part))
        }
    }
}

/// `production`, `Production`, `PRODUCTION`
fn plain_word(word: &str) -> bool {
    word.chars().all(char::is_alphabetic)
        && (word.chars().skip(1).all(char::is_lowercase) || word.chars().all(char::is_uppercase))
}

fn short_number(part: &str) -> bool {
    part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit())
}

/// `oauth2`, `v1`: a word with a digit or two.
fn numbered(part: &str) -> bool {
    let word = part.trim_end_matches(|c: char| c.is_ascii_digit());
    !word.is_empty() && part.len() - word.len() <= 2 && plain_word(word)
}

fn is_path(value: &str) -> bool {
    let bytes = value.as_bytes();
    let drive =
        bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && matches!(bytes[2], b'/' | b'\\');
    drive || ["/", "~/", "./", "../", "\\\\"].iter().any(|start| value.starts_with(start))
}
