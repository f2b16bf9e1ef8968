//! A forgiving JSON reader over a byte slice: it hands out scalars and copies whole values, and never builds a
//! tree. Nothing about traces may live here.
//!
//! Why not `serde_json` alone: traces come from other writers and from killed processes. Python writes bare `NaN`;
//! a file may be cut anywhere; one broken span must not hide a million good ones; and a whole-file tree costs 2.6 GB
//! where the streamed file costs 130 MB. So the reader has to tell "the text ends here" from "this is wrong here",
//! give exact offsets, cap the depth without recursion, and never need more than one element in memory.

use std::borrow::Cow;

/// Deepest nesting of arrays and objects inside one span.
pub(super) const MAX_DEPTH: usize = 128;

/// Why a value could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The slice ends inside the value: with more bytes it may be fine.
    More,
    /// The text is wrong at this offset of the slice.
    Wrong { at: usize, why: &'static str },
}

/// A scalar, or the opening bracket of a container that the caller must read on.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Null,
    Bool(bool),
    /// The number as written, with a shape that Rust's parsers accept.
    Number(&'a str),
    /// A bare `NaN`, `Infinity` or `-Infinity`.
    NonFinite(&'static str),
    Text(Cow<'a, str>),
    OpenObject,
    OpenArray,
}

/// A position in a slice of JSON text.
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    /// How many bare non-finite numbers were met.
    pub non_finite: u64,
    /// How many strings were not UTF-8 and got replacement characters.
    pub not_utf8: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, non_finite: 0, not_utf8: 0 }
    }

    /// Offset of the next byte.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn wrong<T>(&self, why: &'static str) -> Result<T, Fault> {
        Err(Fault::Wrong { at: self.at, why })
    }

    /// Skips white space and returns the next byte without taking it.
    pub(super) fn peek(&mut self) -> Result<u8, Fault> {
        while let Some(&byte) = self.text.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Ok(byte);
            }
            self.at += 1;
        }
        Err(Fault::More)
    }

    /// Takes `byte` if it comes next.
    pub(super) fn take(&mut self, byte: u8) -> Result<bool, Fault> {
        let found = self.peek()? == byte;
        self.at += usize::from(found);
        Ok(found)
    }

    /// Takes `byte`, or says `why` it should have been there.
    pub(super) fn expect(&mut self, byte: u8, why: &'static str) -> Result<(), Fault> {
        if self.take(byte)? { Ok(()) } else { self.wrong(why) }
    }

    /// The next key of an object whose opening brace was taken, with its colon; `None` at the closing brace.
    /// `first` says whether this is the object's first key.
    pub(super) fn key(&mut self, first: &mut bool) -> Result<Option<Cow<'a, str>>, Fault> {
        if self.take(b'}')? {
            return Ok(None);
        }
        if !std::mem::take(first) {
            self.expect(b',', "expected `,` or `}`")?;
            if self.take(b'}')? {
                return Ok(None); // a trailing comma does no harm
            }
        }
        if self.peek()? != b'"' {
            return self.wrong("expected a key in double quotes");
        }
        let key = self.string()?;
        self.expect(b':', "expected `:` after a key")?;
        Ok(Some(key))
    }

    /// Takes the next key of an object and its colon if they are this key as writers put it who waste no space; false, and nothing is
    /// taken, where they may be anything else. `expected` is [`plain`]. Most keys can be foreseen, and comparing is cheaper than reading.
    pub(super) fn take_key(&mut self, expected: &str, first: &mut bool) -> bool {
        let rest = &self.text[self.at..];
        let key = if *first { Some(rest) } else { rest.strip_prefix(b",") };
        let key = key.and_then(|rest| rest.strip_prefix(b"\""));
        let behind =
            key.and_then(|rest| rest.strip_prefix(expected.as_bytes())).and_then(|rest| rest.strip_prefix(b"\":"));
        let Some(behind) = behind else { return false };
        self.at = self.text.len() - behind.len();
        *first = false;
        true
    }

    /// The next scalar, or the opening bracket of a container (taken).
    pub(super) fn token(&mut self) -> Result<Token<'a>, Fault> {
        match self.peek()? {
            b'"' => self.string().map(Token::Text),
            b'{' => {
                self.at += 1;
                Ok(Token::OpenObject)
            }
            b'[' => {
                self.at += 1;
                Ok(Token::OpenArray)
            }
            b't' => self.word("true", Token::Bool(true)),
            b'f' => self.word("false", Token::Bool(false)),
            b'n' => self.word("null", Token::Null),
            b'N' => self.non_finite("NaN"),
            b'I' => self.non_finite("Infinity"),
            b'-' if self.text.get(self.at + 1) == Some(&b'I') => self.non_finite("-Infinity"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.wrong("expected a value"),
        }
    }

    fn word(&mut self, word: &'static str, token: Token<'a>) -> Result<Token<'a>, Fault> {
        let rest = &self.text[self.at..];
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(token)
        } else if word.as_bytes().starts_with(rest) {
            Err(Fault::More)
        } else {
            self.wrong("expected a value")
        }
    }

    fn non_finite(&mut self, word: &'static str) -> Result<Token<'a>, Fault> {
        let token = self.word(word, Token::NonFinite(word))?;
        self.non_finite += 1;
        Ok(token)
    }

    fn number(&mut self) -> Result<Token<'a>, Fault> {
        let rest = &self.text[self.at..];
        let digits = |from: usize| rest[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let sign = usize::from(rest.first() == Some(&b'-'));
        let mut end = sign + digits(sign);
        // A leading zero is no JSON.
        let mut whole = end > sign && !(end > sign + 1 && rest[sign] == b'0');
        if rest.get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            whole &= fraction > 0;
            end += 1 + fraction;
        }
        if matches!(rest.get(end), Some(b'e' | b'E')) {
            end += 1 + usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let exponent = if end < rest.len() { digits(end) } else { 0 };
            whole &= exponent > 0;
            end += exponent;
        }
        if end >= rest.len() {
            return Err(Fault::More);
        }
        match std::str::from_utf8(&rest[..end]) {
            Ok(text) if whole => {
                self.at += end;
                Ok(Token::Number(text))
            }
            _ => self.wrong("expected a number"),
        }
    }

    /// A string whose opening quote comes next. Escapes that mean nothing, and lone surrogates, become U+FFFD.
    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            at += plain_prefix(&self.text[at..]);
            match self.text.get(at) {
                None => return Err(Fault::More),
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    if at + 1 >= self.text.len() {
                        return Err(Fault::More);
                    }
                    at += 2;
                }
                // JSON has no line breaks in strings. Holding on to that is what lets a missing quote cost one
                // span and not the rest of the file; other control characters are harmless.
                Some(b'\n') => {
                    self.at = at;
                    return self.wrong("a line break inside a string");
                }
                Some(_) => at += 1,
            }
        }
        let raw = &self.text[start..at];
        self.at = at + 1;
        let text = match std::str::from_utf8(raw) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => {
                self.not_utf8 += 1;
                Cow::Owned(String::from_utf8_lossy(raw).into_owned())
            }
        };
        Ok(if escaped { Cow::Owned(unescape(&text)) } else { text })
    }

    /// Takes a whole value and appends it to `out` as strict JSON without white space: a non-finite number
    /// becomes text. Depth is capped by [`MAX_DEPTH`]; there is no recursion.
    pub(super) fn copy(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        let token = self.token()?;
        self.copy_from(token, out)
    }

    /// Like [`Cursor::copy`], for a value whose first token was already taken.
    pub(super) fn copy_from(&mut self, mut token: Token<'a>, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            let opened = matches!(token, Token::OpenObject | Token::OpenArray);
            match &token {
                Token::Null => out.extend_from_slice(b"null"),
                Token::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
                Token::Number(text) => out.extend_from_slice(text.as_bytes()),
                Token::NonFinite(word) => quote(word, out),
                Token::Text(text) => quote(text, out),
                Token::OpenObject => open.push(b'}'),
                Token::OpenArray => open.push(b']'),
            }
            if opened {
                if open.len() > MAX_DEPTH {
                    return self.wrong("values are nested too deeply");
                }
                out.push(if open.last() == Some(&b'}') { b'{' } else { b'[' });
            }
            // Close what ends here; then stand before the next element of the innermost container.
            let mut first = opened;
            loop {
                let Some(&closer) = open.last() else { return Ok(()) };
                if self.take(closer)? {
                    out.push(closer);
                    open.pop();
                    first = false;
                    continue;
                }
                if !first {
                    self.expect(b',', "expected `,` or a closing bracket")?;
                    if self.peek()? == closer {
                        continue; // trailing comma
                    }
                    out.push(b',');
                }
                if closer == b'}' {
                    match self.key(&mut true)? {
                        Some(key) => {
                            quote(&key, out);
                            out.push(b':');
                        }
                        None => return self.wrong("expected a key in double quotes"),
                    }
                }
                break;
            }
            token = self.token()?;
        }
    }
}

/// Whether a text stands in JSON as it is.
pub(super) fn plain(text: &str) -> bool {
    text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\')
}

/// Appends `text` as a JSON string.
fn quote(text: &str, out: &mut Vec<u8>) {
    // Writing text to memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let mut chars = rest[at + 1..].chars();
        let escape = chars.next();
        rest = chars.as_str();
        out.push(match escape {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('u') => unicode_escape(&mut rest),
            Some(other @ ('"' | '\\' | '/')) => other,
            _ => char::REPLACEMENT_CHARACTER,
        });
    }
    out.push_str(rest);
    out
}

/// The character of a `\u` escape whose digits come next in `rest`, with its second half where it is a pair.
fn unicode_escape(rest: &mut &str) -> char {
    let hex = |text: &str| {
        let digits = text.get(..4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, 16).ok()
    };
    let Some(high) = hex(rest) else { return char::REPLACEMENT_CHARACTER };
    *rest = &rest[4..];
    if (0xD800..0xDC00).contains(&high)
        && let Some(low) = rest.strip_prefix("\\u").and_then(hex).filter(|low| (0xDC00..0xE000).contains(low))
    {
        *rest = &rest[6..];
        let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    }
    char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Length of the prefix without quote, backslash and control characters: eight bytes a step.
fn plain_prefix(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES * 128;
    let zero_byte = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let mut at = 0;
    while let Some(chunk) = bytes.get(at..at + 8).and_then(|c| <[u8; 8]>::try_from(c).ok()) {
        let word = u64::from_le_bytes(chunk);
        let quote = zero_byte(word ^ (ONES * u64::from(b'"')));
        let backslash = zero_byte(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        // Each mask may have false hits, but only above its first true one, so the lowest bit is right.
        let hits = quote | backslash | control;
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + bytes[at..].iter().take_while(|&&b| b != b'"' && b != b'\\' && b >= 0x20).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn copied(text: &str) -> Result<String, Fault> {
        let mut out = Vec::new();
        Cursor::new(text.as_bytes()).copy(&mut out)?;
        Ok(String::from_utf8(out).expect("UTF-8"))
    }

    #[test]
    fn copies_and_repairs() {
        let cases = [
            (r#" { "a" : [ 1 , -2.50 , 1e3 , true , null ] } "#, r#"{"a":[1,-2.50,1e3,true,null]}"#),
            (r#"[NaN, Infinity, -Infinity]"#, r#"["NaN","Infinity","-Infinity"]"#),
            (r#"{"a":1,}"#, r#"{"a":1}"#),
            (r#"[1,]"#, r#"[1]"#),
            (r#"["\u00e9\ud83d\ude00\ud83d\x"]"#, "[\"é😀\u{fffd}\u{fffd}\"]"),
            ("[[],{},[{}]]", "[[],{},[{}]]"),
        ];
        for (text, want) in cases {
            assert_eq!(copied(text).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn a_foreseen_key_is_taken_only_as_it_stands() {
        let mut cursor = Cursor::new(br#""a":1,"b":2,"bc":3, "d":4}"#);
        let mut first = true;
        assert!(!cursor.take_key("b", &mut first));
        assert!(cursor.take_key("a", &mut first) && !first);
        assert_eq!(cursor.token(), Ok(Token::Number("1")));
        assert!(cursor.take_key("b", &mut first));
        assert_eq!(cursor.token(), Ok(Token::Number("2")));
        assert!(!cursor.take_key("b", &mut first));
        assert_eq!(cursor.key(&mut first), Ok(Some("bc".into())));
        assert_eq!(cursor.token(), Ok(Token::Number("3")));
        assert!(!cursor.take_key("d", &mut first), "white space");
        assert_eq!(cursor.key(&mut first), Ok(Some("d".into())));
        assert!(plain("a.b ä") && !plain("a\"") && !plain("\\") && !plain("\n"));
    }

    #[test]
    fn tells_cut_text_from_wrong_text() {
        let text = r#"{"a":[1,"x\n",{"b":nul"#;
        for end in 0..text.len() {
            assert_eq!(copied(&text[..end]), Err(Fault::More), "{}", &text[..end]);
        }
        for text in ["{a:1}", "[1 2]", "[01x]", "[1.]", "[-]", "[nulx]", "{\"a\" 1}", "[\"a\nb\"]", "]", "{,}"] {
            assert!(matches!(copied(text), Err(Fault::Wrong { .. })), "{text}: {:?}", copied(text));
        }
    }

    #[test]
    fn depth_is_capped_without_recursion() {
        assert!(copied(&format!("{}1{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH))).is_ok());
        assert!(matches!(copied(&"[".repeat(1_000_000)), Err(Fault::Wrong { .. })));
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            ".*".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::Array),
                prop::collection::vec((".*", inner), 0..5)
                    .prop_map(|p| serde_json::Value::Object(p.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Strict JSON means the same to this reader and to `serde_json`.
        #[test]
        fn agrees_with_serde_json(value in value(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let copy = copied(&(text.expect("text") + " ")).expect("valid");
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&copy).expect("valid"), value);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Cursor::new(&bytes).copy(&mut Vec::new());
        }

        /// Anything accepted comes out as strict JSON.
        #[test]
        fn output_is_strict(text in r#"[\[\]{}",:a0-9\\u.eE \-NI]{0,40}"#) {
            if let Ok(copy) = copied(&text) {
                prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&copy).is_ok(), "{} -> {}", text, copy);
            }
        }
    }
}
