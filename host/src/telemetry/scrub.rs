//! What every text goes through before it is kept: secrets are masked, then it is cut to its cap, with a mark that says
//! how much is missing. In this order, because a secret that was cut first might no longer be recognised.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Number, Value as Json};

use super::caps::{Caps, HARD_CUT};
use crate::redact::Redactor;

/// A text value of an attribute that is kept only for debugging.
pub(super) const STACK_TRACE: &str = "exception.stacktrace";

/// One span on its way to the record.
pub(super) struct Scrub<'r> {
    redactor: &'r Redactor,
    pub(super) caps: &'r Caps,
    /// The span came from elsewhere: the names of its attributes may be anything.
    foreign: bool,
    /// Places that were masked.
    pub(super) masked: u64,
    /// By attribute (or `name`, `status_message`): how many bytes are missing.
    pub(super) truncated: BTreeMap<String, u64>,
    /// Attributes that are missing.
    pub(super) dropped_attributes: u64,
}

impl<'r> Scrub<'r> {
    pub(super) fn new(redactor: &'r Redactor, caps: &'r Caps, foreign: bool) -> Self {
        Self { redactor, caps, foreign, masked: 0, truncated: BTreeMap::new(), dropped_attributes: 0 }
    }

    /// A text without a name, such as a span's name; `label` is what it is called where it is cut.
    pub(super) fn text<'t>(&mut self, label: &str, text: &'t str, cap: usize) -> Cow<'t, str> {
        self.scrub(label, None, text, cap)
    }

    /// The text value of an attribute.
    pub(super) fn value<'t>(&mut self, key: &str, text: &'t str) -> Cow<'t, str> {
        self.inner_value(key, key, text)
    }

    /// A text under the name `key` within the attribute `label`.
    pub(super) fn inner_value<'t>(&mut self, label: &str, key: &str, text: &'t str) -> Cow<'t, str> {
        let cap = if label == STACK_TRACE { self.caps.stack } else { self.caps.value };
        self.scrub(label, Some(key), text, cap)
    }

    fn scrub<'t>(&mut self, label: &str, key: Option<&str>, text: &'t str, cap: usize) -> Cow<'t, str> {
        let head = &text[..text.floor_char_boundary(HARD_CUT)];
        let redacted = self.redactor.value(key, head);
        self.masked += redacted.count as u64;
        let clean = redacted.text;
        if clean.len() <= cap && head.len() == text.len() {
            return clean;
        }
        let kept = &clean[..clean.floor_char_boundary(cap)];
        let missing = (clean.len() - kept.len()) + (text.len() - head.len());
        if missing == 0 {
            return clean;
        }
        *self.truncated.entry(label.to_owned()).or_default() += missing as u64;
        Cow::Owned(format!("{kept}...[truncated {missing} B]"))
    }

    /// Attributes from elsewhere: at most `cap`; of a key that is there twice the last value holds.
    pub(super) fn attributes<'t, V: 't>(
        &mut self,
        pairs: impl Iterator<Item = (&'t str, V)>,
        cap: usize,
        mut json: impl FnMut(&mut Self, &str, V) -> Json,
    ) -> Map<String, Json> {
        let mut attributes = Map::new();
        for (key, value) in pairs {
            if key == STACK_TRACE && !self.caps.debug || attributes.len() >= cap && !attributes.contains_key(key) {
                self.dropped_attributes += 1;
                continue;
            }
            let name = if self.foreign {
                self.text("attribute name", key, self.caps.name).into_owned()
            } else {
                key.to_owned()
            };
            let value = json(self, key, value);
            attributes.insert(name, value);
        }
        attributes
    }

    /// Items of an array or a map beyond the cap are left out, and counted under `key`.
    pub(super) fn items<'t, T>(&mut self, key: &str, items: &'t [T]) -> &'t [T] {
        let kept = items.len().min(self.caps.items);
        if kept < items.len() {
            *self.truncated.entry(format!("{key} (items)")).or_default() += (items.len() - kept) as u64;
        }
        &items[..kept]
    }
}

/// JSON has no word for a number that is not finite: `"NaN"`, `"inf"`, `"-inf"` as text.
pub(super) fn float(value: f64) -> Json {
    Number::from_f64(value).map_or_else(|| value.to_string().into(), Json::Number)
}
