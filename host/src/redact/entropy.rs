//! Values that look random: the last resort, with many exceptions, since hashes, ids, paths and names are to stay.

use std::ops::Range;

use super::{Hits, keys, pairs};

/// Shorter runs are not looked at.
const MIN_LEN: usize = 32;
/// Bits a character; random base64 of 32 characters has 4.5 and more.
const MIN_BITS: f64 = 4.0;
/// Changes between upper case, lower case and digits, a character. Random base64 has 0.64, camel case 0.33, paths less.
const MIN_CHANGES: f64 = 0.40;

pub(super) fn scan(text: &str, public: &[Range<usize>], hits: &mut Hits) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        // Every run of MIN_LEN covers a byte at this stride, so most bytes are never looked at.
        let probe = at + MIN_LEN - 1;
        if probe >= bytes.len() {
            return;
        }
        let Some(gap) = bytes[at..=probe].iter().rposition(|&b| !in_run(b)) else {
            let end = probe + bytes[probe..].iter().position(|&b| !in_run(b)).unwrap_or(bytes.len() - probe);
            if !public.iter().any(|block| block.contains(&at)) {
                run(text, at..end, hits);
            }
            at = end + 1;
            continue;
        };
        at += gap + 1;
    }
}

fn in_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-')
}

fn run(text: &str, range: Range<usize>, hits: &mut Hits) {
    if public_context(text, range.clone()) {
        return;
    }
    let bytes = text.as_bytes();
    let mut found = false;
    let mut start = range.start;
    for part in text[range.clone()].split('/') {
        if part.len() >= MIN_LEN && random(part) {
            found = true;
            hits.push(start..padded(bytes, start + part.len()));
        }
        start += part.len() + 1;
    }
    let whole = &text[range.clone()];
    let slashes = whole.bytes().filter(|&b| b == b'/').count();
    let before = range.start.checked_sub(1).map(|i| bytes[i]);
    if !found
        && slashes > 0
        && slashes <= whole.len() / 10
        && !matches!(before, Some(b'.' | b'~'))
        && !whole.starts_with('/')
        && random(whole)
    {
        hits.push(range.start..padded(bytes, range.end));
    }
}

fn padded(bytes: &[u8], end: usize) -> usize {
    end + bytes[end..].iter().take(2).take_while(|&&b| b == b'=').count()
}

/// Whether a text looks like one that a machine drew, and not like a hash, an id or a public key.
pub(super) fn random(part: &str) -> bool {
    let (mut lower, mut upper, mut digit) = (0, 0, 0);
    let mut counts = [0_u32; 128];
    let mut changes = 0;
    let mut last = 0;
    for byte in part.bytes() {
        counts[usize::from(byte & 127)] += 1;
        let class = match byte {
            b'a'..=b'z' => {
                lower += 1;
                1
            }
            b'A'..=b'Z' => {
                upper += 1;
                2
            }
            b'0'..=b'9' => {
                digit += 1;
                3
            }
            _ => continue,
        };
        if last != 0 && last != class {
            changes += 1;
        }
        last = class;
    }
    if lower == 0 || upper == 0 || digit == 0 {
        return false;
    }
    let letters = lower + upper + digit;
    if f64::from(changes) < MIN_CHANGES * f64::from(letters) {
        return false;
    }
    let hex = part.strip_prefix("0x").unwrap_or(part);
    if hex.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
        || part.starts_with("AAAA")
        || part.starts_with("_Z")
        || part.starts_with("_R")
    {
        return false;
    }
    // IPFS content ids.
    if part.len() == 46 && part.starts_with("Qm") {
        return false;
    }
    // Certificates and public keys, PEM in base64.
    if part.starts_with("LS0tLS1CRUdJTiBDRVJUSUZJQ0FUR") || part.starts_with("LS0tLS1CRUdJTiBQVUJMSUMg") {
        return false;
    }
    let total = part.len() as f64;
    let bits: f64 = counts.iter().filter(|&&n| n > 0).map(|&n| f64::from(n) / total).map(|p| -p * p.log2()).sum();
    bits >= MIN_BITS
}

/// Whether the surroundings say that the value is a digest, an id, a file name, an image.
fn public_context(text: &str, range: Range<usize>) -> bool {
    let bytes = text.as_bytes();
    let before = &bytes[range.start.saturating_sub(32)..range.start];
    let run = &bytes[range.clone()];
    if before.ends_with(b"base64,") || before.ends_with(b"h1:") || has_sha_prefix(run) {
        return true;
    }
    // `name.ext`: a file.
    if bytes.get(range.end) == Some(&b'.') {
        let ext = bytes[range.end + 1..].iter().take(6).take_while(|b| b.is_ascii_alphanumeric()).count();
        if (1..=5).contains(&ext) && bytes[range.end + 1].is_ascii_lowercase() {
            return true;
        }
    }
    if let Some(&(b'=' | b':' | b'"' | b'\'' | b' ')) = before.last() {
        let mut at = range.start;
        while at > 0 && range.start - at < 4 && matches!(bytes[at - 1], b'"' | b'\'' | b' ' | b'\\') {
            at -= 1;
        }
        if at > 0
            && matches!(bytes[at - 1], b'=' | b':')
            && let Some(key) = pairs::key_before(text, at - 1)
        {
            return keys::names_public_value(&text[key.clone()]) || has_sha_prefix(&bytes[key]);
        }
    }
    false
}

fn has_sha_prefix(bytes: &[u8]) -> bool {
    bytes.len() > 3 && bytes[..3].eq_ignore_ascii_case(b"sha") && (bytes[3].is_ascii_digit() || bytes[3] == b'-')
}
