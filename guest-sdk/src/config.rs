//! Reads the config of a report stage key by key, without a JSON library: a guest pays for what it brings along, and a
//! flat config needs little. A plugin whose config nests takes `serde_json` instead.

use std::ops::RangeInclusive;

use crate::{PluginError, Request};

/// How deep values that nobody reads may nest.
const DEPTH_MAX: u32 = 64;

/// The config of a report stage. Every key has a default; a key that nobody asked for is an error in the end, because most
/// of them are misspelt.
///
/// ```
/// use forensic_guest_sdk::{Config, Request};
///
/// let request = Request::new("slowest").with_config(r#"{"top": 3}"#);
/// let mut config = Config::read(&request)?;
/// let top = config.integer("top", 10, 1..=100)?;
/// let warn_share = config.number("warn_share", 0.5, 0.0..=1.0)?;
/// config.finish()?;
/// assert_eq!((top, warn_share), (3, 0.5));
/// # Ok::<(), forensic_guest_sdk::PluginError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    /// Key and value, as JSON text; what was asked for is taken out.
    values: Vec<(String, String)>,
    asked: Vec<&'static str>,
}

impl Config {
    /// Reads the config of a request.
    ///
    /// # Errors
    /// [`PluginError::InvalidConfig`] where it is no table. The host sends valid JSON.
    pub fn read(request: &Request) -> Result<Self, PluginError> {
        let mut reader = Reader { rest: request.config.as_bytes() };
        let values = reader.table().ok_or_else(|| PluginError::InvalidConfig("the config is no table".into()))?;
        Ok(Self { values, asked: Vec::new() })
    }

    /// A number.
    ///
    /// # Errors
    /// [`PluginError::InvalidConfig`] where it is none, or out of bounds.
    pub fn number(
        &mut self,
        key: &'static str,
        default: f64,
        allowed: RangeInclusive<f64>,
    ) -> Result<f64, PluginError> {
        let Some(text) = self.take(key) else { return Ok(default) };
        let number = number(&text).filter(|number| allowed.contains(number));
        number.ok_or_else(|| {
            wrong(key, &text, &format!("a number from {} to {}", shown(*allowed.start()), shown(*allowed.end())))
        })
    }

    /// A whole number.
    ///
    /// # Errors
    /// [`PluginError::InvalidConfig`] where it is none, or out of bounds.
    pub fn integer(
        &mut self,
        key: &'static str,
        default: i64,
        allowed: RangeInclusive<i64>,
    ) -> Result<i64, PluginError> {
        let Some(text) = self.take(key) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| allowed.contains(number));
        number
            .ok_or_else(|| wrong(key, &text, &format!("a whole number from {} to {}", allowed.start(), allowed.end())))
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// [`PluginError::InvalidConfig`] where it is neither.
    pub fn flag(&mut self, key: &'static str, default: bool) -> Result<bool, PluginError> {
        match self.take(key).as_deref() {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(text) => Err(wrong(key, text, "true or false")),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// [`PluginError::InvalidConfig`] where it is none.
    pub fn text(&mut self, key: &'static str, default: &str) -> Result<String, PluginError> {
        let Some(text) = self.take(key) else { return Ok(default.into()) };
        Reader { rest: text.as_bytes() }.text().ok_or_else(|| wrong(key, &text, "a text"))
    }

    /// A list of texts.
    ///
    /// # Errors
    /// [`PluginError::InvalidConfig`] where it is none.
    pub fn texts(&mut self, key: &'static str) -> Result<Vec<String>, PluginError> {
        let Some(text) = self.take(key) else { return Ok(Vec::new()) };
        Reader { rest: text.as_bytes() }.texts().ok_or_else(|| wrong(key, &text, "a list of texts"))
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`PluginError::InvalidConfig`] where there is a key that nobody asked for.
    pub fn finish(self) -> Result<(), PluginError> {
        match self.values.first() {
            None => Ok(()),
            Some((key, _)) => {
                let known: Vec<String> = self.asked.iter().map(|key| format!("`{key}`")).collect();
                Err(PluginError::InvalidConfig(format!("unknown key `{key}`; known are {}", known.join(", "))))
            }
        }
    }

    fn take(&mut self, key: &'static str) -> Option<String> {
        self.asked.push(key);
        let at = self.values.iter().position(|(name, _)| name == key)?;
        Some(self.values.remove(at).1)
    }
}

fn wrong(key: &str, text: &str, expected: &str) -> PluginError {
    PluginError::InvalidConfig(format!("`{key}` is {text}, not {expected}"))
}

/// A number without what the standard library needs to print it exactly, which is 18 KiB: up to six digits after the
/// point.
fn shown(number: f64) -> String {
    let millionths = (number * 1e6).round() as i128;
    let (whole, rest) = (millionths / 1_000_000, (millionths % 1_000_000).unsigned_abs());
    let sign = if millionths < 0 && whole == 0 { "-" } else { "" };
    if rest == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{rest:06}").trim_end_matches('0').to_owned()
    }
}

/// A number of JSON, right in all digits that a config has; as `shown` for its size.
fn number(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let mut exponent: i32 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let (negative, digits) = digits.strip_prefix('-').map_or((false, digits), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut mantissa = 0_u64;
    for (place, digit) in whole.bytes().chain(fraction.bytes()).enumerate() {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        let after_the_point = place >= whole.len();
        match mantissa.checked_mul(10).and_then(|ten| ten.checked_add(digit)) {
            Some(more) => {
                mantissa = more;
                exponent = exponent.saturating_sub(i32::from(after_the_point));
            }
            // Digits that no number of this kind keeps.
            None => exponent = exponent.saturating_add(i32::from(!after_the_point)),
        }
    }
    let (mantissa, scale) = (mantissa as f64, 10_f64.powi(exponent.unsigned_abs().min(400) as i32));
    let number = if exponent < 0 { mantissa / scale } else { mantissa * scale };
    (!whole.is_empty() && number.is_finite()).then_some(if negative { -number } else { number })
}

/// Reads JSON from the front; what is broken gives nothing.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    /// The whole text as a table of values that are still JSON.
    fn table(&mut self) -> Option<Vec<(String, String)>> {
        self.take(b'{')?;
        let mut values = Vec::new();
        if self.take(b'}').is_some() {
            return Some(values);
        }
        loop {
            let key = self.text()?;
            self.take(b':')?;
            self.skip_space();
            let from = self.rest;
            self.skip(0)?;
            let value = from.get(..from.len() - self.rest.len())?;
            values.push((key, std::str::from_utf8(value).ok()?.to_owned()));
            if self.take(b',').is_none() {
                self.take(b'}')?;
                return Some(values);
            }
        }
    }

    fn texts(&mut self) -> Option<Vec<String>> {
        self.take(b'[')?;
        let mut texts = Vec::new();
        if self.take(b']').is_some() {
            return Some(texts);
        }
        loop {
            texts.push(self.text()?);
            if self.take(b',').is_none() {
                self.take(b']')?;
                return Some(texts);
            }
        }
    }

    /// Goes past a value.
    fn skip(&mut self, depth: u32) -> Option<()> {
        self.skip_space();
        match self.rest.first()? {
            b'"' => self.text().map(drop),
            b'{' | b'[' if depth < DEPTH_MAX => {
                let end = if self.rest[0] == b'{' { b'}' } else { b']' };
                self.rest = &self.rest[1..];
                if self.take(end).is_some() {
                    return Some(());
                }
                loop {
                    if end == b'}' {
                        self.skip_space();
                        self.text()?;
                        self.take(b':')?;
                    }
                    self.skip(depth + 1)?;
                    if self.take(b',').is_none() {
                        return self.take(end);
                    }
                }
            }
            _ => {
                let ends = |byte: &u8| byte.is_ascii_whitespace() || b",]}".contains(byte);
                let length = self.rest.iter().position(ends).unwrap_or(self.rest.len());
                self.rest = &self.rest[length..];
                (length > 0).then_some(())
            }
        }
    }

    fn text(&mut self) -> Option<String> {
        self.take(b'"')?;
        let mut text = Vec::new();
        loop {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            match byte {
                b'"' => return String::from_utf8(text).ok(),
                b'\\' => {
                    let escaped = self.escaped()?;
                    text.extend(escaped.encode_utf8(&mut [0; 4]).bytes());
                }
                byte => text.push(*byte),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(match byte {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let high = self.unit()?;
                if (0xd800..0xdc00).contains(&high) {
                    self.rest = self.rest.strip_prefix(b"\\u")?;
                    let low = self.unit()?.checked_sub(0xdc00)?;
                    char::from_u32(0x10000 + ((high - 0xd800) << 10) + low)?
                } else {
                    char::from_u32(high)?
                }
            }
            b'"' | b'\\' | b'/' => char::from(*byte),
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> Config {
        Config::read(&Request::new("test").with_config(json)).unwrap()
    }

    fn said<T: std::fmt::Debug>(result: Result<T, PluginError>) -> String {
        match result.unwrap_err() {
            PluginError::InvalidConfig(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_of_every_kind() {
        let mut config = config(
            r#" { "n" : -2.5e1, "i": 7, "f": true, "t": "a\"\\\u00e9\ud83d\ude00\n", "l": ["x", "y"], "e": [] } "#,
        );
        assert_eq!(config.number("n", 0.0, -100.0..=100.0).unwrap(), -25.0);
        assert_eq!(config.integer("i", 0, 0..=9).unwrap(), 7);
        assert!(config.flag("f", false).unwrap());
        assert_eq!(config.text("t", "").unwrap(), "a\"\\é😀\n");
        assert_eq!(config.texts("l").unwrap(), ["x", "y"]);
        assert_eq!(config.texts("e").unwrap(), [""; 0]);
        assert_eq!(config.text("absent", "default").unwrap(), "default");
        config.finish().unwrap();
    }

    #[test]
    fn numbers_are_those_of_the_standard_library() {
        for text in ["0", "-0", "0.5", "0.1", "0.35", "1e3", "1E-3", "123456.789", "2.5e+2", "-7", "100", "0.999999"] {
            assert_eq!(number(text), text.parse().ok(), "{text}");
        }
        for bad in ["", "-", ".", "x", "1e", "1e999", "0x1", "--1", "1.2.3"] {
            assert_eq!(number(bad), None, "{bad}");
        }
        for (value, text) in [(0.0, "0"), (0.5, "0.5"), (-0.25, "-0.25"), (100.0, "100"), (-3.0, "-3")] {
            assert_eq!(shown(value), text);
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_key() {
        let share = |json: &str| said(config(json).number("share", 0.5, 0.0..=1.0));
        assert_eq!(share(r#"{"share": 2}"#), "`share` is 2, not a number from 0 to 1");
        assert_eq!(share(r#"{"share": "much"}"#), "`share` is \"much\", not a number from 0 to 1");
        assert_eq!(
            said(config(r#"{"top": 1.5}"#).integer("top", 1, 1..=9)),
            "`top` is 1.5, not a whole number from 1 to 9"
        );
        assert_eq!(said(config(r#"{"on": {"a": [1]}}"#).flag("on", true)), "`on` is {\"a\": [1]}, not true or false");
        let mut misspelt = config(r#"{"tpo": 3}"#);
        misspelt.integer("top", 1, 1..=9).unwrap();
        misspelt.flag("all", true).unwrap();
        assert_eq!(said(misspelt.finish()), "unknown key `tpo`; known are `top`, `all`");
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for bad in
            ["", "[]", "3", "{", "{\"a\"}", "{\"a\":}", "{\"a\": 1,}", "{\"a\": \"\\x\"}", "{\"a\": \"\\ud800\"}"]
        {
            said(Config::read(&Request::new("test").with_config(bad)));
        }
        let deep = format!("{{\"a\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        said(Config::read(&Request::new("test").with_config(deep)));
    }
}
