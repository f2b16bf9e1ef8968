//! What a span says of itself, taken out once: the model asks each span for some thirty attributes, and a search for each would
//! decode those before it again and again.

use crate::conventions::result;
use crate::trace::span::{Span, Status, Value};

/// A span and its attributes.
pub(super) struct Told<'a> {
    pub(super) span: Span<'a>,
    attributes: Vec<(&'a str, Value<'a>)>,
}

impl<'a> Told<'a> {
    pub(super) fn by(span: Span<'a>) -> Self {
        Self { span, attributes: span.attributes().collect() }
    }

    pub(super) fn get(&self, key: &str) -> Option<Value<'a>> {
        self.attributes.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        // Writers set what they do not know to nothing.
        self.get(key)?.as_text().filter(|text| !text.is_empty()).map(str::to_owned)
    }

    pub(super) fn number(&self, key: &str) -> Option<u64> {
        self.get(key)?.as_u64()
    }

    pub(super) fn integer(&self, key: &str) -> Option<i64> {
        self.get(key)?.as_i64()
    }

    pub(super) fn is_true(&self, key: &str) -> bool {
        self.get(key).and_then(|value| value.as_bool()).unwrap_or(false)
    }

    pub(super) fn message(&self) -> Option<String> {
        self.span.status_message().map(str::to_owned)
    }

    /// A word for how it ended: under this key, else by its status.
    pub(super) fn result(&self, key: &str) -> String {
        self.text(key).unwrap_or_else(|| {
            match self.span.status() {
                Status::Success => result::SUCCESS,
                Status::Error => result::FAILURE,
            }
            .to_owned()
        })
    }
}
