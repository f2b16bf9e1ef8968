//! Troubles of one file, gathered so that a thousand bad fields are one sentence and one finding.

use forensic_guest_sdk::{Document, Severity};
use serde_json::Value;

use crate::{json, sections};

/// Names that a sentence shows; the rest is a number.
const SHOWN: usize = 5;

/// Reads members of one file's JSON and remembers what was absent, of another type, or odd.
#[derive(Debug)]
pub struct Notes {
    id: String,
    kinds: Vec<Kind>,
}

#[derive(Debug)]
struct Kind {
    severity: Severity,
    what: String,
    names: Vec<String>,
}

impl Notes {
    /// Notes on the file `id`.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), kinds: Vec::new() }
    }

    /// The file.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Remembers that `what` is the case for `name`. All names of the same `what` become one sentence,
    /// "what: name, name."; no name, "what.".
    pub fn add(&mut self, severity: Severity, what: impl Into<String>, name: impl Into<String>) {
        let (what, name) = (what.into(), name.into());
        let at = self.kinds.iter().position(|kind| kind.what == what).unwrap_or_else(|| {
            self.kinds.push(Kind { severity, what, names: Vec::new() });
            self.kinds.len() - 1
        });
        if !name.is_empty() && !self.kinds[at].names.contains(&name) {
            self.kinds[at].names.push(name);
        }
    }

    /// A warning.
    pub fn warn(&mut self, what: impl Into<String>, name: impl Into<String>) {
        self.add(Severity::Warning, what, name);
    }

    /// Remembers that a member is not there.
    pub fn absent(&mut self, path: impl Into<String>) {
        self.warn(format!("Not in {}, so N/A here", self.id), path);
    }

    /// Remembers that a member has the wrong type.
    pub fn odd(&mut self, path: &str, wanted: &str, found: &Value) {
        let name = format!("{path} ({wanted} is expected, it is {})", json::kind(found));
        self.warn(format!("Not usable in {}", self.id), name);
    }

    /// The first of the members `keys` that is not null, if `read` makes something of it; `path` is where the
    /// object is, empty for the root.
    fn member<'v, T>(
        &mut self,
        object: &'v Value,
        keys: &[&str],
        path: &str,
        wanted: &str,
        read: impl Fn(&'v Value, &str) -> Option<T>,
    ) -> Option<T> {
        let found = keys.iter().find(|key| object.get(**key).is_some_and(|value| !value.is_null()));
        let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let Some(key) = found else {
            self.absent(at(keys.first().copied().unwrap_or_default()));
            return None;
        };
        let value = read(object, key);
        if value.is_none() {
            self.odd(&at(key), wanted, &object[*key]);
        }
        value
    }

    /// A whole number: the first of `keys` that is there.
    pub fn integer(&mut self, object: &Value, keys: &[&str], path: &str) -> Option<i64> {
        self.member(object, keys, path, "a whole number", json::integer)
    }

    /// A finite number: the first of `keys` that is there.
    pub fn number(&mut self, object: &Value, keys: &[&str], path: &str) -> Option<f64> {
        self.member(object, keys, path, "a finite number", json::number)
    }

    /// A text that is not blank: the first of `keys` that is there.
    pub fn text<'v>(&mut self, object: &'v Value, keys: &[&str], path: &str) -> Option<&'v str> {
        self.member(object, keys, path, "a text", json::text)
    }

    /// An object: the first of `keys` that is there.
    pub fn object<'v>(&mut self, object: &'v Value, keys: &[&str], path: &str) -> Option<&'v Value> {
        self.member(object, keys, path, "an object", |value, key| value.get(key).filter(|value| value.is_object()))
    }

    /// A list: the first of `keys` that is there.
    pub fn list<'v>(&mut self, object: &'v Value, keys: &[&str], path: &str) -> Option<&'v [Value]> {
        self.member(object, keys, path, "a list", |value, key| value.get(key)?.as_array().map(Vec::as_slice))
    }

    /// Writes all that was remembered since the last time: a callout and a finding for each kind.
    pub fn write(&mut self, document: &mut Document) {
        for kind in self.kinds.drain(..) {
            let sentence = match kind.names.as_slice() {
                [] => format!("{}.", kind.what),
                names => format!("{}: {}.", kind.what, some(names)),
            };
            sections::trouble(document, kind.severity, &self.id, &sentence);
        }
    }
}

/// The first names, and how many more there are.
pub fn some(names: &[String]) -> String {
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_troubles_of_a_kind_are_one_sentence() {
        let value = serde_json::json!({"n": "x", "new": null, "old": 2, "l": []});
        let mut notes = Notes::new("a.json");
        assert_eq!(notes.integer(&value, &["new", "old"], "root"), Some(2));
        assert_eq!((notes.number(&value, &["n"], ""), notes.number(&value, &["m"], "")), (None, None));
        assert_eq!(notes.text(&value, &["t"], "root"), None);
        assert!(notes.list(&value, &["l"], "").is_some() && notes.object(&value, &["l"], "").is_none());
        (0..7).for_each(|at| notes.warn("Strange", at.to_string()));
        let mut document = Document::new("x");
        notes.write(&mut document);
        notes.write(&mut document);
        let texts: Vec<&str> = document.findings.iter().map(|finding| finding.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "Not usable in a.json: n (a finite number is expected, it is a text), l (an object is expected, it is a list).",
                "Not in a.json, so N/A here: m, root.t.",
                "Strange: 0, 1, 2, 3, 4 and 2 more.",
            ]
        );
        assert_eq!(document.blocks.len(), 3);
    }
}
