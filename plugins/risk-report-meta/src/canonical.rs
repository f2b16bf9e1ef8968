//! The text of a ledger line that its hash is taken of: the object's members in the order of their keys, without
//! `hash`, numbers and strings exactly as they were written. Python's `json.dumps(entry, sort_keys=True)` gives it
//! with a blank behind each comma and colon, or without if it was told to be compact.

use std::borrow::Cow;

use forensic_plugin_kit::order::sorted;

/// Where the blanks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `{"a":1,"b":2}`
    Compact,
    /// `{"a": 1, "b": 2}`
    Spaced,
}

impl Layout {
    const fn comma(self) -> &'static str {
        match self {
            Self::Compact => ",",
            Self::Spaced => ", ",
        }
    }
    const fn colon(self) -> &'static str {
        match self {
            Self::Compact => ":",
            Self::Spaced => ": ",
        }
    }
}

/// Writes the canonical text of `line` into `out`. The line has been read as a JSON object before (bare `NaN` and
/// `Infinity` may be in it), so depth and form are known to be sound; `None` if it is not after all.
pub(crate) fn write(line: &str, layout: Layout, out: &mut String) -> Option<()> {
    out.clear();
    let mut reader = Reader { rest: line.trim(), layout };
    reader.object(out, Some("hash"))?;
    reader.rest.trim().is_empty().then_some(())
}

struct Reader<'t> {
    rest: &'t str,
    layout: Layout,
}

impl<'t> Reader<'t> {
    fn skip(&mut self, token: char) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn string(&mut self) -> Option<&'t str> {
        self.rest = self.rest.trim_start();
        if !self.rest.starts_with('"') {
            return None;
        }
        let (text, rest) = self.rest.split_at(forensic_plugin_kit::json::string_end(self.rest));
        self.rest = rest;
        Some(text)
    }

    fn value(&mut self, out: &mut String) -> Option<()> {
        self.rest = self.rest.trim_start();
        match self.rest.as_bytes().first()? {
            b'{' => self.object(out, None),
            b'[' => self.list(out),
            b'"' => {
                out.push_str(self.string()?);
                Some(())
            }
            _ => {
                let end = self.rest.find([',', ']', '}', ' ', '\t', '\r', '\n']).unwrap_or(self.rest.len());
                let (text, rest) = self.rest.split_at(end);
                self.rest = rest;
                out.push_str(text);
                (end > 0).then_some(())
            }
        }
    }

    fn list(&mut self, out: &mut String) -> Option<()> {
        if !self.skip('[') {
            return None;
        }
        out.push('[');
        if !self.skip(']') {
            loop {
                self.value(out)?;
                if self.skip(']') {
                    break;
                }
                if !self.skip(',') {
                    return None;
                }
                out.push_str(self.layout.comma());
            }
        }
        out.push(']');
        Some(())
    }

    /// Members are written where they stand; where that is not the order of their keys, they are put right after.
    fn object(&mut self, out: &mut String, without: Option<&str>) -> Option<()> {
        if !self.skip('{') {
            return None;
        }
        out.push('{');
        let start = out.len();
        let mut members: Vec<(Cow<'t, str>, std::ops::Range<usize>)> = Vec::new();
        if !self.skip('}') {
            loop {
                let raw = self.string()?;
                let key: Cow<'t, str> = match raw.get(1..raw.len().checked_sub(1)?)? {
                    plain if !plain.contains('\\') => Cow::Borrowed(plain),
                    _ => Cow::Owned(serde_json::from_str(raw).ok()?),
                };
                let at = out.len();
                out.push_str(raw);
                out.push_str(self.layout.colon());
                if !self.skip(':') {
                    return None;
                }
                self.value(out)?;
                members.push((key, at..out.len()));
                if self.skip('}') {
                    break;
                }
                if !self.skip(',') {
                    return None;
                }
            }
        }
        let written = out.split_off(start);
        // A key that is there twice: the last one counts, as in Python.
        members.reverse();
        members = sorted(members, |left, right| left.0.cmp(&right.0));
        members.dedup_by(|later, kept| later.0 == kept.0);
        let kept = members.into_iter().filter(|(key, _)| Some(key.as_ref()) != without);
        for (count, (_, range)) in kept.enumerate() {
            if count > 0 {
                out.push_str(self.layout.comma());
            }
            out.push_str(written.get(range.start - start..range.end - start)?);
        }
        out.push('}');
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(line: &str, layout: Layout) -> Option<String> {
        let mut out = String::from("left over");
        write(line, layout, &mut out).map(|()| out)
    }

    #[test]
    fn members_are_sorted_and_numbers_kept() {
        let line = r#" {"b": [1e-05, {"z": NaN, "a": "x, }"}], "hash": "h", "a": {"hash": 1.50, "ä\"": []}} "#;
        assert_eq!(
            canonical(line, Layout::Compact).unwrap(),
            r#"{"a":{"hash":1.50,"ä\"":[]},"b":[1e-05,{"a":"x, }","z":NaN}]}"#
        );
        assert_eq!(
            canonical(line, Layout::Spaced).unwrap(),
            r#"{"a": {"hash": 1.50, "ä\"": []}, "b": [1e-05, {"a": "x, }", "z": NaN}]}"#
        );
        assert_eq!(canonical(r#"{"a":1,"b":2,"a":3}"#, Layout::Compact).unwrap(), r#"{"a":3,"b":2}"#);
        assert_eq!(canonical("{}", Layout::Compact).unwrap(), "{}");
    }

    #[test]
    fn what_is_no_object_is_none() {
        for line in ["", "[]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1} x", "{\"a\":[1 2]}", "{\"", "{\"a\":\"\\"] {
            assert_eq!(canonical(line, Layout::Compact), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(line in "[{}\\[\\]\",:a1 \\\\ä]{0,60}") {
            let _ = canonical(&line, Layout::Compact);
        }

        #[test]
        fn canonical_text_is_a_fixed_point(keys in prop::collection::vec("[a-eä\"]{0,3}", 0..6), number: f64) {
            let mut object = serde_json::Map::new();
            for key in &keys {
                object.insert(key.clone(), serde_json::json!({ "n": [number, null], key: key }));
            }
            let line = serde_json::Value::Object(object).to_string();
            let once = canonical(&line, Layout::Spaced).unwrap();
            prop_assert_eq!(canonical(&once, Layout::Spaced), Some(once.clone()));
            let reread: serde_json::Value = serde_json::from_str(&once).unwrap();
            prop_assert_eq!(reread, serde_json::from_str::<serde_json::Value>(&line).unwrap());
        }
    }
}
