//! One element of the array into a draft: which key of a span means what, in the spellings of several writers.
//! Attributes, of which there are most, belong in `attributes`; how one text becomes a value, in `values`.

use super::builder::Builder;
use super::values::{Time, fold, hexadecimal, is_error, parse_time};
use crate::trace::json::{Cursor, Fault, Token};
use crate::trace::span::{Kind, Part, bytes};
use crate::trace::warnings::Sort;
use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The keys that every span of the host's own writer begins with.
const ORDER: [&str; 9] =
    ["name", "start_time", "end_time", "duration_ms", "status", "attributes", "trace_id", "span_id", "parent_span_id"];

/// A span while it is read.
#[derive(Default)]
pub(super) struct Draft<'a> {
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) start: Time,
    pub(super) end: Time,
    pub(super) duration_ms: Option<f64>,
    pub(super) error: bool,
    pub(super) message: Option<Cow<'a, str>>,
    pub(super) trace_id: Option<u128>,
    pub(super) span_id: Option<u64>,
    pub(super) parent_id: Option<u64>,
    pub(super) attributes: u64,
    pub(super) parts: u64,
    pub(super) kind: Kind,
    pub(super) origin: Option<u16>,
    pub(super) stage: Option<u32>,
    pub(super) inferred: bool,
}

impl Builder {
    /// Reads one element of the array. `Err` is a fault of the text; `Ok(Err)` an element that is whole but no span.
    pub(super) fn element(&mut self, cursor: &mut Cursor<'_>) -> Result<Result<(), String>, Fault> {
        match cursor.peek()? {
            b'{' => {}
            // Not read to its end: one stray bracket would swallow all the spans behind it.
            b'[' => return Err(Fault::Wrong { at: cursor.at(), why: "it is not an object" }),
            _ => {
                cursor.token()?;
                return Ok(Err("it is not an object".to_owned()));
            }
        }
        let outcome = self.span(cursor)?;
        self.non_finite += cursor.non_finite;
        self.not_utf8 += cursor.not_utf8;
        Ok(outcome)
    }

    fn span(&mut self, cursor: &mut Cursor<'_>) -> Result<Result<(), String>, Fault> {
        self.attributes.clear();
        self.parts.clear();
        let mut draft = Draft::default();
        let mut first = true;
        let mut foreseen = ORDER.iter();
        cursor.token()?; // the brace
        loop {
            let key = match foreseen.next() {
                Some(key) if cursor.take_key(key, &mut first) => Cow::Borrowed(*key),
                _ => match cursor.key(&mut first)? {
                    Some(key) => key,
                    None => break,
                },
            };
            match &*key {
                "name" => draft.name = self.text(cursor)?,
                "start_time" => draft.start = self.time(cursor)?,
                "end_time" => draft.end = self.time(cursor)?,
                "duration_ms" => {
                    if let Token::Number(text) | Token::Text(Cow::Borrowed(text)) = self.scalar(cursor)? {
                        draft.duration_ms = text.parse().ok();
                    }
                }
                "status" => self.status(cursor, &mut draft)?,
                "status_message" | "status_description" => {
                    draft.message = self.text(cursor)?.or(draft.message.take());
                }
                "attributes" => draft.attributes = self.attributes(cursor, &mut draft)?,
                "trace_id" => draft.trace_id = self.id(cursor)?,
                "span_id" => draft.span_id = self.id(cursor)?.map(fold),
                "parent_span_id" | "parent_id" => draft.parent_id = self.id(cursor)?.map(fold),
                "kind" => draft.parts += self.part(cursor, Part::SpanKind)?,
                "scope" => draft.parts += self.part(cursor, Part::Scope)?,
                "resource" => draft.parts += self.part(cursor, Part::Resource)?,
                "links" => draft.parts += self.part(cursor, Part::Links)?,
                "events" => draft.parts += self.part(cursor, Part::Events)?,
                "dropped" => draft.parts += self.part(cursor, Part::Dropped)?,
                _ => {
                    self.value.clear();
                    cursor.copy(&mut self.value)?;
                }
            }
        }
        Ok(self.add(draft))
    }

    /// A scalar; containers are read over and count as null.
    fn scalar<'a>(&mut self, cursor: &mut Cursor<'a>) -> Result<Token<'a>, Fault> {
        let token = cursor.token()?;
        if matches!(token, Token::OpenObject | Token::OpenArray) {
            self.value.clear();
            cursor.copy_from(token, &mut self.value)?;
            return Ok(Token::Null);
        }
        Ok(token)
    }

    fn text<'a>(&mut self, cursor: &mut Cursor<'a>) -> Result<Option<Cow<'a, str>>, Fault> {
        Ok(match self.scalar(cursor)? {
            Token::Text(text) => Some(text),
            Token::Number(text) => Some(Cow::Borrowed(text)),
            _ => None,
        })
    }

    fn time(&mut self, cursor: &mut Cursor<'_>) -> Result<Time, Fault> {
        Ok(match self.scalar(cursor)? {
            Token::Number(text) => parse_time(text),
            Token::Text(text) => parse_time(&text),
            Token::Null => Time::Missing,
            _ => Time::Unusable,
        })
    }

    fn id(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<u128>, Fault> {
        Ok(match self.scalar(cursor)? {
            Token::Text(text) => self.parse_id(&text),
            Token::Number(text) => text.parse().ok().filter(|id| *id != 0),
            _ => None,
        })
    }

    /// An id as a number. Ids that are not hexadecimal are replaced by a hash: only their equality matters here.
    fn parse_id(&mut self, text: &str) -> Option<u128> {
        match hexadecimal(text.strip_prefix("0x").unwrap_or(text)) {
            Some(0) => return None,
            Some(id) => return Some(id),
            None => {}
        }
        self.odd_ids += 1;
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Some(u128::from(hasher.finish()).max(1))
    }

    fn status<'a>(&mut self, cursor: &mut Cursor<'a>, draft: &mut Draft<'a>) -> Result<(), Fault> {
        let word = match cursor.token()? {
            Token::OpenObject => {
                let mut first = true;
                let mut word = None;
                while let Some(key) = cursor.key(&mut first)? {
                    match &*key {
                        "code" | "status_code" | "status" => word = self.text(cursor)?,
                        "message" | "description" => draft.message = self.text(cursor)?.or(draft.message.take()),
                        _ => drop(self.scalar(cursor)?),
                    }
                }
                word
            }
            Token::Text(text) => Some(text),
            Token::Number(text) => Some(Cow::Borrowed(text)),
            token => {
                self.value.clear();
                cursor.copy_from(token, &mut self.value)?;
                None
            }
        };
        draft.error = match word {
            Some(word) => is_error(&word).unwrap_or_else(|| {
                self.warnings.push(Sort::Repaired, || format!("status {word:?} is unknown and was read as Success"));
                false
            }),
            None => false,
        };
        Ok(())
    }

    /// Appends a part's JSON text; 1 if there was something to keep.
    fn part(&mut self, cursor: &mut Cursor<'_>, part: Part) -> Result<u64, Fault> {
        self.value.clear();
        cursor.copy(&mut self.value)?;
        if matches!(&self.value[..], b"null" | b"[]" | b"{}") {
            return Ok(0);
        }
        self.parts.push(part as u8);
        bytes::put_bytes(&mut self.parts, &self.value);
        Ok(1)
    }
}
