//! Completes the journal of a run that was killed: what was open is closed as interrupted, at the last sign of life.

use std::io;

use cap_std::fs::Dir;
use serde_json::{Map, Value, json};

use super::exporter::JOURNAL;
use super::journal::{Journal, Reopened};
use crate::conventions::status;

/// The journal of a run that was killed.
pub struct Interrupted {
    journal: Journal,
    ended: Vec<Map<String, Value>>,
    open: Vec<Map<String, Value>>,
    last: u64,
}

/// A span that is to be closed.
#[derive(Debug)]
pub struct Unfinished {
    span: Map<String, Value>,
}

impl Interrupted {
    /// Opens the journal in the data folder of a run; `None` if there is none, so that its trace is complete.
    ///
    /// # Errors
    /// `WouldBlock` where the run goes on; else where the journal can't be read.
    pub fn open(folder: Dir) -> io::Result<Option<Self>> {
        let Some(Reopened { journal, ended, open }) = Journal::reopen(folder, JOURNAL)? else { return Ok(None) };
        let time = |span: &Map<String, Value>, key: &str| span.get(key).and_then(Value::as_u64);
        let starts = open.iter().filter_map(|span| time(span, "start_time"));
        let last = ended.iter().filter_map(|span| time(span, "end_time")).chain(starts).max().unwrap_or(0);
        Ok(Some(Self { journal, ended, open, last }))
    }

    /// The last time that the journal knows, Unix ns.
    pub fn last_sign_of_life(&self) -> u64 {
        self.last
    }

    /// The spans that ended or were closed.
    pub fn spans(&self) -> impl Iterator<Item = &Map<String, Value>> {
        self.ended.iter()
    }

    /// Takes the spans that did not end, in the order of their start.
    pub fn take_open(&mut self) -> Vec<Unfinished> {
        std::mem::take(&mut self.open).into_iter().map(|span| Unfinished { span }).collect()
    }

    /// Appends a closed span.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn close(&mut self, unfinished: Unfinished) -> io::Result<()> {
        let start_time = unfinished.span.get("start_time").and_then(Value::as_u64).unwrap_or(0);
        let mut line = serde_json::to_vec(&unfinished.span)?;
        line.push(b'\n');
        self.journal.append(start_time, &line)?;
        self.ended.push(unfinished.span);
        Ok(())
    }

    /// Writes the trace as `name` beside the journal and removes the journal. Returns the number of spans.
    ///
    /// # Errors
    /// Where it can't be written; then the journal stays.
    pub fn finish(mut self, name: &str) -> io::Result<u64> {
        let spans = self.journal.save(name)?;
        self.journal.remove()?;
        Ok(spans)
    }
}

impl Unfinished {
    /// A span that never began, with the keys of the trace in their order.
    pub fn never_begun(name: &str, time: u64, trace_id: &str, span_id: String, parent_span_id: Option<&str>) -> Self {
        let Value::Object(span) = json!({
            "name": name, "start_time": time, "end_time": time, "duration_ms": 0.0, "status": status::ERROR,
            "attributes": {}, "trace_id": trace_id, "span_id": span_id, "parent_span_id": parent_span_id,
        }) else {
            return Self { span: Map::new() };
        };
        Self { span }
    }

    /// Its id, 16 hexadecimal digits.
    pub fn span_id(&self) -> Option<&str> {
        self.span.get("span_id")?.as_str()
    }

    /// An attribute that it had when it started.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        self.span.get("attributes")?.get(key)
    }

    /// Sets an attribute.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        if let Some(Value::Object(attributes)) = self.span.get_mut("attributes") {
            attributes.insert(key.to_owned(), value.into());
        }
    }

    /// Ends it at `time` with an error.
    pub fn end(&mut self, time: u64, message: &str) {
        let start = self.span.get("start_time").and_then(Value::as_u64).unwrap_or(time);
        let end = time.max(start);
        self.span.insert("end_time".into(), end.into());
        self.span.insert("duration_ms".into(), ((end - start) as f64 / 1e6).into());
        self.span.insert("status".into(), status::ERROR.into());
        self.span.insert("status_message".into(), message.into());
    }
}

impl std::fmt::Debug for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interrupted").field("last", &self.last).finish_non_exhaustive()
    }
}
