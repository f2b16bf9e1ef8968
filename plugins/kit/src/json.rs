//! JSON as Python writes it: strict, but for bare `NaN` and `Infinity`, which are read as null and counted.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed<T> {
    /// The value.
    pub value: T,
    /// How many bare `NaN`, `Infinity` or `-Infinity` became null.
    pub not_finite: usize,
}

/// Reads JSON text.
///
/// # Errors
/// A sentence's end: what is wrong, with line and column.
pub fn parse(text: &str) -> Result<Parsed<Value>, String> {
    parse_as(text)
}

/// Reads JSON text as any type.
///
/// # Errors
/// A sentence's end: what is wrong, with line and column.
pub fn parse_as<T: DeserializeOwned>(text: &str) -> Result<Parsed<T>, String> {
    let text = text.trim_start_matches('\u{feff}');
    match serde_json::from_str(text) {
        Ok(value) => Ok(Parsed { value, not_finite: 0 }),
        Err(error) => {
            let (cleaned, not_finite) = without_bare_words(text);
            if not_finite > 0
                && let Ok(value) = serde_json::from_str(&cleaned)
            {
                return Ok(Parsed { value, not_finite });
            }
            Err(format!("is not valid JSON: {error}"))
        }
    }
}

/// The text with each bare `NaN`, `Infinity` and `-Infinity` outside strings replaced by a null.
pub fn without_bare_words(text: &str) -> (String, usize) {
    let (mut out, mut count) = (String::with_capacity(text.len()), 0);
    let mut rest = text;
    while let Some(at) = rest.find(['"', 'N', 'I', '-']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let word = ["NaN", "Infinity", "-Infinity"].into_iter().find(|word| rest.starts_with(word));
        let taken = match word {
            Some(word) => {
                out.push_str("null");
                count += 1;
                word.len()
            }
            None if rest.starts_with('"') => {
                let end = string_end(rest);
                out.push_str(&rest[..end]);
                end
            }
            None => {
                out.push_str(&rest[..1]);
                1
            }
        };
        rest = &rest[taken..];
    }
    out.push_str(rest);
    (out, count)
}

/// Length of the JSON string that `text` starts with, quotes included; all of `text` if it does not end.
pub fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The member `key` as a finite number.
pub fn number(object: &Value, key: &str) -> Option<f64> {
    object.get(key).and_then(Value::as_f64).filter(|number| number.is_finite())
}

/// The first of the members `keys` that is a finite number.
pub fn number_of(object: &Value, keys: &[&str]) -> Option<f64> {
    keys.iter().find_map(|key| number(object, key))
}

/// The member `key` as a whole number; `3.0` is one too.
pub fn integer(object: &Value, key: &str) -> Option<i64> {
    let value = object.get(key)?;
    let whole = |number: &f64| number.fract() == 0.0 && number.abs() < 9e15;
    value.as_i64().or_else(|| value.as_f64().filter(whole).map(|number| number as i64))
}

/// The member `key` as text that is not blank.
pub fn text<'v>(object: &'v Value, key: &str) -> Option<&'v str> {
    object.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// The member `key` as a list; empty if it is none.
pub fn list<'v>(object: &'v Value, key: &str) -> &'v [Value] {
    object.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What a value is, for a sentence.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(text) if text.trim().is_empty() => "an empty text",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bare_words_become_null_and_are_counted() {
        let parsed = parse(r#"{"a": NaN, "b": [-Infinity, Infinity, -1], "NaN \" Infinity": "NaN"}"#).unwrap();
        assert_eq!(parsed.not_finite, 3);
        assert_eq!(parsed.value, serde_json::json!({"a": null, "b": [null, null, -1], "NaN \" Infinity": "NaN"}));
    }

    #[test]
    fn errors_say_where() {
        let error = parse("{\n \"a\": 'x'}").unwrap_err();
        assert!(error.contains("line 2"), "{error}");
        assert!(parse("{'a': NaN}").is_err());
        assert!(parse("").is_err());
    }

    #[test]
    fn members() {
        let value = serde_json::json!({"n": 1.5, "i": 3.0, "t": " x ", "e": "", "l": [1]});
        assert_eq!(number_of(&value, &["x", "n"]), Some(1.5));
        assert_eq!((integer(&value, "i"), integer(&value, "n")), (Some(3), None));
        assert_eq!((text(&value, "t"), text(&value, "e")), (Some("x"), None));
        assert_eq!((list(&value, "l").len(), list(&value, "t").len()), (1, 0));
    }

    proptest! {
        #[test]
        fn cleaning_never_panics_and_keeps_json(text in "\\PC*", key in "\\PC*") {
            let _ = without_bare_words(&text);
            let strict = serde_json::json!({ key: [text, 1.5, null] }).to_string();
            prop_assert_eq!(without_bare_words(&strict), (strict.clone(), 0));
        }
    }
}
