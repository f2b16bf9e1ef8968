//! Exact declared values, in every encoding that a run commonly puts them in.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::sieve::Sieve;
use super::{Hits, MAX_SECRET_BYTES, MAX_SECRETS_BYTES, MIN_SECRET_CHARS, RuleError};

/// A line of a declared value of many lines counts when it is at least this long.
const MIN_LINE: usize = 8;
/// The shortest piece of base64 that is searched for.
const MIN_BASE64: usize = 6;

pub(super) struct Literals {
    search: Option<(Sieve, AhoCorasick)>,
    /// For each pattern: whether it is a piece of base64, whose neighbours hold bits of the secret too.
    base64: Vec<bool>,
    longest: usize,
}

impl Literals {
    pub(super) fn new(secrets: &[String]) -> Result<Self, RuleError> {
        let bytes = secrets.iter().map(String::len).sum();
        if bytes > MAX_SECRETS_BYTES {
            return Err(RuleError::TooMuch { bytes });
        }
        let mut forms: Vec<(Vec<u8>, bool)> = Vec::new();
        for (i, secret) in secrets.iter().enumerate() {
            let secret = secret.trim_matches(['\r', '\n']);
            let chars = secret.chars().count();
            if chars < MIN_SECRET_CHARS || secret.trim().is_empty() {
                return Err(RuleError::ShortSecret { number: i + 1, chars });
            }
            if secret.len() > MAX_SECRET_BYTES {
                return Err(RuleError::LongSecret { number: i + 1, bytes: secret.len() });
            }
            forms_of(secret, &mut forms);
            if secret.contains('\n') {
                for line in secret.lines().map(str::trim) {
                    if line.len() >= MIN_LINE && !line.starts_with("-----") {
                        forms_of(line, &mut forms);
                    }
                }
            }
        }
        forms.sort_unstable();
        forms.dedup_by(|a, b| a.0 == b.0);
        let longest = forms.iter().map(|(form, _)| form.len()).max().unwrap_or(0);
        let search = if forms.is_empty() {
            None
        } else {
            let built = AhoCorasick::builder()
                // A full table of one long value would take 100 MB, and the sieve keeps most texts away from it.
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .match_kind(MatchKind::Standard)
                .build(forms.iter().map(|(form, _)| form));
            let sieve = Sieve::new(forms.iter().map(|(form, _)| form.as_slice()));
            Some((sieve, built.map_err(|error| RuleError::Table(error.to_string()))?))
        };
        Ok(Self { search, base64: forms.into_iter().map(|(_, base64)| base64).collect(), longest })
    }

    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    pub(super) fn scan(&self, text: &str, hits: &mut Hits) {
        let Some((sieve, search)) = &self.search else { return };
        let bytes = text.as_bytes();
        if sieve.may_hold(bytes) {
            self.find(search, bytes, |range| hits.push(range));
        }
        // Encodings are undone rather than enumerated: what is escaped differs from tool to tool. Twice, for text within text.
        for (sign, decode) in [(b'%', percent as Decode), (b'\\', backslash), (b'&', entity)] {
            if !Self::may_hold_below(sieve, sign, decode, bytes) {
                continue;
            }
            let mut layer = decode(bytes, Some(&Source::Text));
            for _ in 0..LAYERS {
                self.find(search, &layer.bytes, |range| hits.push(layer.source(range, bytes.len())));
                if memchr::memchr(sign, &layer.bytes).is_none() {
                    break;
                }
                layer = decode(&layer.bytes, Some(&Source::Layer(&layer.at)));
            }
        }
    }

    /// Whether a value may be in the decoded text: without keeping track of where its bytes came from, which costs more than decoding.
    fn may_hold_below(sieve: &Sieve, sign: u8, decode: Decode, bytes: &[u8]) -> bool {
        let mut decoded = Vec::new();
        for depth in 0..LAYERS {
            let from = if depth == 0 { bytes } else { &decoded };
            if memchr::memchr(sign, from).is_none() {
                return false;
            }
            decoded = decode(from, None).bytes;
            if sieve.may_hold(&decoded) {
                return true;
            }
        }
        false
    }

    /// The same, the slow way.
    #[cfg(test)]
    pub(super) fn scan_without_sieve(&self, text: &str, hits: &mut Hits) {
        let Some((_, search)) = &self.search else { return };
        let bytes = text.as_bytes();
        self.find(search, bytes, |range| hits.push(range));
        for decode in [percent as Decode, backslash, entity] {
            let once = decode(bytes, Some(&Source::Text));
            self.find(search, &once.bytes, |range| hits.push(once.source(range, bytes.len())));
            let twice = decode(&once.bytes, Some(&Source::Layer(&once.at)));
            self.find(search, &twice.bytes, |range| hits.push(twice.source(range, bytes.len())));
        }
    }

    fn find(&self, search: &AhoCorasick, bytes: &[u8], mut hit: impl FnMut(Range<usize>)) {
        let mut last = 0..0;
        for found in search.find_overlapping_iter(bytes) {
            let mut range = found.range();
            if self.base64[found.pattern().as_usize()] {
                let near = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
                range.start -= usize::from(range.start > 0 && near(&bytes[range.start - 1]));
                range.end += usize::from(bytes.get(range.end).is_some_and(near));
                range.end += bytes[range.end..].iter().take(2).take_while(|&&b| b == b'=').count();
            }
            if range.start <= last.end && !last.is_empty() {
                last = last.start.min(range.start)..last.end.max(range.end);
            } else {
                if !last.is_empty() {
                    hit(last);
                }
                last = range;
            }
        }
        if !last.is_empty() {
            hit(last);
        }
    }
}

fn forms_of(secret: &str, forms: &mut Vec<(Vec<u8>, bool)>) {
    let raw = secret.as_bytes();
    forms.push((raw.to_vec(), false));
    if secret.contains(' ') {
        forms.push((secret.replace(' ', "+").into_bytes(), false));
    }
    if secret.contains('\n') {
        forms.push((secret.replace('\n', "\r\n").into_bytes(), false));
    }
    if secret.contains('\'') {
        forms.push((secret.replace('\'', r"'\''").into_bytes(), false));
        forms.push((secret.replace('\'', "'\"'\"'").into_bytes(), false));
    }
    if raw.len() >= 6 {
        let hex = |digits: &[u8; 16]| {
            raw.iter().flat_map(|b| [digits[usize::from(b >> 4)], digits[usize::from(b & 15)]]).collect()
        };
        forms.push((hex(b"0123456789abcdef"), false));
        forms.push((hex(b"0123456789ABCDEF"), false));
    }
    for alphabet in [STANDARD, URL_SAFE] {
        for shift in 0..3 {
            // The characters all of whose bits belong to the secret.
            let form = base64(raw, shift, alphabet);
            if form.len() >= MIN_BASE64 {
                forms.push((form, true));
            }
        }
    }
    if raw.len() < 6 {
        // The whole value alone, where a piece would be too short to be sure.
        let mut form = base64(raw, 0, STANDARD);
        form.push(STANDARD[usize::from(raw[raw.len() - 1] << (2 * (raw.len() % 3)) & 63)]);
        form.extend_from_slice(if raw.len() % 3 == 1 { b"==" } else { b"=" });
        forms.push((form, false));
    }
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The base64 of the bytes when `shift` other bytes stand before them: only characters that depend on nothing else.
fn base64(bytes: &[u8], shift: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let first = (shift * 8).div_ceil(6);
    let last = (shift + bytes.len()) * 8 / 6;
    let bit = |n: usize| bytes[n / 8 - shift] >> (7 - n % 8) & 1;
    (first..last).map(|c| alphabet[usize::from((0..6).fold(0, |value, i| value << 1 | bit(c * 6 + i)))]).collect()
}

/// How often an encoding is undone.
const LAYERS: usize = 2;

/// A decoded text and, if asked for, where each of its bytes came from.
struct Layer {
    bytes: Vec<u8>,
    at: Vec<usize>,
}

/// What a text was decoded from.
enum Source<'l> {
    Text,
    Layer(&'l [usize]),
}

type Decode = fn(&[u8], Option<&Source<'_>>) -> Layer;

impl Layer {
    fn of(len: usize, source: Option<&Source<'_>>) -> Self {
        Self { bytes: Vec::with_capacity(len), at: Vec::with_capacity(if source.is_some() { len } else { 0 }) }
    }

    fn source(&self, range: Range<usize>, end: usize) -> Range<usize> {
        self.at[range.start]..self.at.get(range.end).copied().unwrap_or(end)
    }

    /// Adds bytes that one place stands for.
    fn push(&mut self, source: Option<&Source<'_>>, at: usize, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let at = match source {
            None => return,
            Some(Source::Text) => at,
            Some(Source::Layer(source)) => source[at],
        };
        self.at.extend(bytes.iter().map(|_| at));
    }

    /// Adds what stands before the next sign as it is; returns where that is.
    fn copy(&mut self, source: Option<&Source<'_>>, text: &[u8], from: usize, sign: u8) -> usize {
        let to = memchr::memchr(sign, &text[from..]).map_or(text.len(), |len| from + len);
        self.bytes.extend_from_slice(&text[from..to]);
        match source {
            None => {}
            Some(Source::Text) => self.at.extend(from..to),
            Some(Source::Layer(source)) => self.at.extend_from_slice(&source[from..to]),
        }
        to
    }
}

fn hex(digits: Option<&[u8]>) -> Option<u32> {
    digits?.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}

fn percent(text: &[u8], source: Option<&Source<'_>>) -> Layer {
    let mut out = Layer::of(text.len(), source);
    let mut i = 0;
    loop {
        i = out.copy(source, text, i, b'%');
        if i == text.len() {
            return out;
        }
        let (byte, len) = hex(text.get(i + 1..i + 3)).map_or((b'%', 1), |value| (value as u8, 3));
        out.push(source, i, &[byte]);
        i += len;
    }
}

fn backslash(text: &[u8], source: Option<&Source<'_>>) -> Layer {
    let mut out = Layer::of(text.len(), source);
    let mut high: Option<(usize, u32)> = None;
    let mut i = 0;
    loop {
        let start = i;
        i = out.copy(source, text, i, b'\\');
        if i > start {
            high = None;
        }
        if i == text.len() {
            return out;
        }
        let (byte, len) = match text.get(i + 1) {
            Some(b'n') => (b'\n', 2),
            Some(b't') => (b'\t', 2),
            Some(b'r') => (b'\r', 2),
            Some(b'x') => hex(text.get(i + 2..i + 4)).map_or((b'\\', 1), |value| (value as u8, 4)),
            Some(b'u') => {
                let Some(unit) = hex(text.get(i + 2..i + 6)) else {
                    out.push(source, i, b"\\");
                    i += 1;
                    continue;
                };
                // Two halves make one character.
                let (start, value) = match high.take() {
                    Some((start, first)) if (0xDC00..0xE000).contains(&unit) => {
                        (start, 0x1_0000 + ((first - 0xD800) << 10) + (unit - 0xDC00))
                    }
                    _ => (i, unit),
                };
                if (0xD800..0xDC00).contains(&value) {
                    high = Some((i, value));
                } else if let Some(c) = char::from_u32(value) {
                    out.push(source, start, c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                i += 6;
                continue;
            }
            Some(&next) if next.is_ascii_punctuation() => (next, 2),
            _ => (b'\\', 1),
        };
        high = None;
        out.push(source, i, &[byte]);
        i += len;
    }
}

fn entity(text: &[u8], source: Option<&Source<'_>>) -> Layer {
    const NAMED: [(&[u8], u8); 6] =
        [(b"&amp;", b'&'), (b"&lt;", b'<'), (b"&gt;", b'>'), (b"&quot;", b'"'), (b"&apos;", b'\''), (b"&nbsp;", b' ')];
    let mut out = Layer::of(text.len(), source);
    let mut i = 0;
    loop {
        i = out.copy(source, text, i, b'&');
        if i == text.len() {
            return out;
        }
        let rest = &text[i..];
        let named = NAMED.iter().find(|(name, _)| rest.starts_with(name)).map(|&(name, byte)| (byte, name.len()));
        let (byte, len) = named.or_else(|| numbered(rest)).unwrap_or((b'&', 1));
        out.push(source, i, &[byte]);
        i += len;
    }
}

/// `&#39;`, `&#x27;`
fn numbered(text: &[u8]) -> Option<(u8, usize)> {
    let digits = text.strip_prefix(b"&#")?;
    let end = digits.iter().take(6).position(|&b| b == b';')?;
    let digits = std::str::from_utf8(&digits[..end]).ok()?;
    let value = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u8::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    Some((value.ok().filter(u8::is_ascii)?, end + 3))
}
