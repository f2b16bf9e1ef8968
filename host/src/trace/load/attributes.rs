//! A span's attributes: read, encoded as `span` reads them, and the few that the loader itself needs noted in the
//! draft.

use super::builder::Builder;
use super::element::Draft;
use crate::trace::json::{Cursor, Fault, Token, plain};
use crate::trace::span::{Kind, NONE, bytes};
use std::collections::HashSet;

impl Builder {
    /// Encodes the attributes; returns their number.
    pub(super) fn attributes(&mut self, cursor: &mut Cursor<'_>, draft: &mut Draft<'_>) -> Result<u64, Fault> {
        self.attributes.clear();
        let token = cursor.token()?;
        if token != Token::OpenObject {
            self.value.clear();
            cursor.copy_from(token, &mut self.value)?;
            return Ok(0);
        }
        let serial = self.records.len() as u32;
        let mut count = 0;
        let mut repeated = false;
        let mut previous = NONE;
        let mut first = true;
        loop {
            let guess = self.next_key.get(previous.wrapping_add(1) as usize).copied().filter(|guess| *guess != NONE);
            let id = match guess {
                Some(guess) if cursor.take_key(self.trace.keys.text(guess), &mut first) => guess,
                _ => match cursor.key(&mut first)? {
                    Some(key) => self.key_id(&key, previous),
                    None => break,
                },
            };
            previous = id;
            // `serial + 1`, so that 0 can mean "no span yet".
            let last = &mut self.last_span_with[id as usize];
            repeated |= std::mem::replace(last, serial + 1) == serial + 1;
            count += 1;
            bytes::put_varint(&mut self.attributes, id.into());
            let value = cursor.token()?;
            if id == self.known.kind {
                draft.kind = text_of(&value).map_or(Kind::Other, Kind::from_word);
            } else if id == self.known.origin {
                draft.origin =
                    text_of(&value).map(|origin| self.trace.origins.intern(origin).min(u16::MAX.into()) as u16);
            } else if id == self.known.stage {
                draft.stage = text_of(&value).map(|stage| self.trace.stages.intern(stage));
            } else if id == self.known.inferred {
                draft.inferred = value == Token::Bool(true) || text_of(&value) == Some("true");
            }
            let out = &mut self.attributes;
            match value {
                Token::Null => out.push(bytes::NULL),
                Token::Bool(false) => out.push(bytes::FALSE),
                Token::Bool(true) => out.push(bytes::TRUE),
                Token::Number(text) => match text.parse() {
                    Ok(value) if text != "-0" => {
                        out.push(bytes::INT);
                        bytes::put_int(out, value);
                    }
                    _ => {
                        out.push(bytes::NUMBER);
                        bytes::put_bytes(out, text.as_bytes());
                    }
                },
                Token::NonFinite(word) => {
                    out.push(bytes::TEXT);
                    bytes::put_bytes(out, word.as_bytes());
                }
                Token::Text(text) => {
                    out.push(bytes::TEXT);
                    bytes::put_bytes(out, text.as_bytes());
                }
                token @ (Token::OpenObject | Token::OpenArray) => {
                    self.value.clear();
                    cursor.copy_from(token, &mut self.value)?;
                    out.push(bytes::JSON);
                    bytes::put_bytes(out, &self.value);
                }
            }
        }
        if repeated {
            count = keep_last_of_each_key(&mut self.attributes, count);
        }
        Ok(count)
    }

    /// The id of a key that was not foreseen; it is foreseen from now on.
    fn key_id(&mut self, key: &str, previous: u32) -> u32 {
        let id = self.trace.keys.intern(key);
        self.last_span_with.resize(self.trace.keys.len(), 0);
        self.next_key.resize(self.trace.keys.len() + 1, NONE);
        if let Some(next) = self.next_key.get_mut(previous.wrapping_add(1) as usize)
            && plain(key)
        {
            *next = id;
        }
        id
    }
}

fn text_of<'t>(token: &'t Token<'_>) -> Option<&'t str> {
    match token {
        Token::Text(text) => Some(text),
        _ => None,
    }
}

/// Rewrites encoded attributes so that each key is there once, with its last value; returns how many are left.
fn keep_last_of_each_key(encoded: &mut Vec<u8>, count: u64) -> u64 {
    let mut reader = bytes::Reader(encoded);
    let mut entries = Vec::new();
    for _ in 0..count {
        let start = encoded.len() - reader.0.len();
        let key = reader.varint();
        match reader.byte() {
            bytes::INT => drop(reader.varint()),
            bytes::NUMBER | bytes::TEXT | bytes::JSON => drop(reader.bytes()),
            _ => {}
        }
        entries.push((key, start..encoded.len() - reader.0.len()));
    }
    let mut seen = HashSet::new();
    let mut kept: Vec<_> = entries.into_iter().rev().filter(|(key, _)| seen.insert(*key)).collect();
    kept.reverse();
    *encoded = kept.iter().flat_map(|(_, range)| &encoded[range.clone()]).copied().collect();
    kept.len() as u64
}
