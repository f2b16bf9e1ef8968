//! The query of an address: decoded on its way in, encoded on its way out, and bounded.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::answer::Problem;
use super::limits::{PARAMS_MAX, QUERY_MAX, VALUE_MAX};

/// What stays as it is in an address: RFC 3986's unreserved characters.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The values of a query, as `application/x-www-form-urlencoded` has them. Empty values count as absent: a form sends all its
/// fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Decodes a query, without its `?`.
    ///
    /// # Errors
    /// 400 where it is too long, has too many values, or is no UTF-8.
    pub(super) fn parse(query: &str) -> Result<Self, Problem> {
        if query.len() > QUERY_MAX {
            return Err(Problem::bad_request(format!("the query has more than {QUERY_MAX} bytes")));
        }
        let mut pairs = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if value.len() > VALUE_MAX {
                return Err(Problem::bad_request(format!("a value of the query has more than {VALUE_MAX} bytes")));
            }
            if !value.is_empty() {
                pairs.push((name, value));
            }
        }
        if pairs.len() > PARAMS_MAX {
            return Err(Problem::bad_request(format!("the query has more than {PARAMS_MAX} values")));
        }
        Ok(Self { pairs })
    }

    /// The first value of that name that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A whole number, or `default` where there is none.
    ///
    /// # Errors
    /// 400 where it is none, or out of `range`.
    pub(super) fn number(
        &self,
        name: &str,
        default: usize,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<usize, Problem> {
        let Some(text) = self.get(name) else { return Ok(default) };
        text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
            let (from, to) = (range.start(), range.end());
            Problem::bad_request(format!("`{name}` must be a whole number from {from} to {to}, not {text:?}"))
        })
    }

    /// The query with other values for some names (`None`: without), as a link has it: `?a=b&c=d`, or nothing.
    pub(super) fn with(&self, changes: &[(&str, Option<&str>)]) -> String {
        let kept = self.pairs.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let kept = kept.map(|(name, value)| (name.as_str(), value.as_str()));
        let new = changes.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
        encode(kept.chain(new))
    }
}

/// A link to a path of this server with a query: `link("/trends", &[("pipeline", "meta.full")])`.
pub(super) fn link(path: &str, pairs: &[(&str, &str)]) -> String {
    format!("{path}{}", encode(pairs.iter().copied()))
}

/// A part of a path or a value of a query, encoded.
pub(super) fn encoded(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, KEPT).into()
}

fn encode<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        out.push(if out.is_empty() { '?' } else { '&' });
        out.push_str(&encoded(name));
        out.push('=');
        out.push_str(&encoded(value));
    }
    out
}

fn decode(text: &str) -> Result<String, Problem> {
    let spaced = text.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(Problem::bad_request("the query is no UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_decoded_once() {
        let params = Params::parse("a=1+2&b=%252e&c=&d&a=3&&%61%20=x%26y").unwrap();
        assert_eq!(params.get("a"), Some("1 2"));
        assert_eq!(params.get("b"), Some("%2e"));
        assert_eq!((params.get("c"), params.get("d"), params.get("e")), (None, None, None));
        assert_eq!(params.get("a "), Some("x&y"));
        assert_eq!(params.with(&[("a", None), ("n", Some("ä /"))]), "?b=%252e&a%20=x%26y&n=%C3%A4%20%2F");
        assert_eq!(link("/trends", &[]), "/trends");
    }

    #[test]
    fn what_is_too_much_is_refused() {
        assert!(Params::parse("a=%ff").is_err());
        assert!(Params::parse(&"x".repeat(QUERY_MAX + 1)).is_err());
        assert!(Params::parse(&format!("x={}", "y".repeat(VALUE_MAX + 1))).is_err());
        assert!(Params::parse(&"a=1&".repeat(PARAMS_MAX + 1)).is_err());
        let params = Params::parse("n=7&m=seven").unwrap();
        assert_eq!(params.number("n", 1, 1..=9).unwrap(), 7);
        assert_eq!(params.number("none", 1, 1..=9).unwrap(), 1);
        assert!(params.number("n", 1, 1..=6).is_err());
        assert!(params.number("m", 1, 1..=6).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(pairs in prop::collection::vec((".{1,9}", ".{1,9}"), 0..9)) {
            let borrowed: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
            let link = link("/x", &borrowed);
            prop_assert!(link.is_ascii());
            let query = link.strip_prefix("/x").unwrap().trim_start_matches('?');
            prop_assert_eq!(Params::parse(query).unwrap().pairs, pairs);
        }

        #[test]
        fn nothing_panics(query in ".{0,200}") {
            drop(Params::parse(&query));
        }
    }
}
