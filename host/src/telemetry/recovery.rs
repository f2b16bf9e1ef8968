//! Completes the journal of a run that was killed: what was open is closed as interrupted, at the last sign of life.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read as _};

use cap_std::fs::Dir;
use serde_json::{Map, Value, json};

use super::exporter::JOURNAL;
use super::journal::Journal;
use super::workers::recover_files;
use crate::conventions::{attr, executor, origin, status};

/// A longer line is no span: the largest has half a megabyte.
const MAX_LINE: u64 = 16 << 20;

/// The journal of a run that was killed.
pub struct Interrupted {
    folder: Dir,
    journal: Journal,
    /// The host's own spans that ended; of others only their place in the file is kept.
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
    /// Opens the journal in the data folder of a run; `None` if there is none, so that its trace is complete. A last
    /// line without its end is cut off; a line that is no span is left out.
    ///
    /// # Errors
    /// `WouldBlock` where the run goes on; else where the journal can't be read.
    pub fn open(folder: Dir) -> io::Result<Option<Self>> {
        let Some(journal) = Journal::open(folder.try_clone()?, JOURNAL)? else { return Ok(None) };
        let mut reader = BufReader::with_capacity(1 << 18, journal.reader()?);
        let mut interrupted = Self { folder, journal, ended: Vec::new(), open: Vec::new(), last: 0 };
        let mut line = Vec::new();
        while let Some(length) = next_line(&mut reader, &mut line)? {
            interrupted.take(&line, length);
        }
        interrupted.journal.cut()?;
        let Self { open, ended, .. } = &mut interrupted;
        let ended: HashSet<&str> = ended.iter().filter_map(span_id).collect();
        let mut seen = HashSet::new();
        // The last note of a span is the most complete one; its place is that of the first.
        let mut latest: std::collections::HashMap<String, Map<String, Value>> = std::collections::HashMap::new();
        let mut order = Vec::new();
        for span in open.drain(..) {
            let Some(id) = span_id(&span).map(str::to_owned).filter(|id| !ended.contains(id.as_str())) else {
                continue;
            };
            if seen.insert(id.clone()) {
                order.push(id.clone());
            }
            latest.insert(id, span);
        }
        *open = order.iter().filter_map(|id| latest.remove(id)).collect();
        Ok(Some(interrupted))
    }

    fn take(&mut self, line: &[u8], length: usize) {
        let time = |span: &Map<String, Value>, key: &str| span.get(key).and_then(Value::as_u64);
        let Ok(Value::Object(mut span)) = serde_json::from_slice(line) else {
            // The half that a full disk left, and that was stepped over then.
            self.journal.adopt(None, length);
            return;
        };
        if let Some(Value::Object(started)) = span.remove("open") {
            self.journal.adopt(None, length);
            self.last = self.last.max(time(&started, "start_time").unwrap_or(0));
            self.open.push(started);
        } else {
            self.journal.adopt(Some(time(&span, "start_time").unwrap_or(0)), length);
            self.last = self.last.max(time(&span, "end_time").unwrap_or(0));
            if span.get("attributes").is_some_and(|attributes| attributes.get(attr::KIND).is_some()) {
                self.ended.push(span);
            }
        }
    }

    /// The last time that the journal knows, Unix ns. What was made on workers elsewhere has their clocks, and does not count.
    pub fn last_sign_of_life(&self) -> u64 {
        let known = self.ended.iter().chain(&self.open);
        let elsewhere: HashSet<String> = known.filter(|span| is_elsewhere(span)).filter_map(attempt_of).collect();
        if elsewhere.is_empty() {
            return self.last;
        }
        // Spans that stages sent are not kept in memory.
        let last = || -> io::Result<u64> {
            let mut reader = BufReader::with_capacity(1 << 18, self.journal.reader()?);
            let (mut line, mut last) = (Vec::new(), 0);
            while next_line(&mut reader, &mut line)?.is_some() {
                let Ok(Value::Object(mut span)) = serde_json::from_slice(&line) else { continue };
                let (key, span) = match span.remove("open") {
                    Some(Value::Object(started)) => ("start_time", started),
                    _ => ("end_time", span),
                };
                let origin = text(&span, attr::ORIGIN);
                let by_stage = || attempt_of(&span).is_some_and(|attempt| elsewhere.contains(&attempt));
                if origin != Some(origin::WORKER) && !(origin == Some(origin::OTLP) && by_stage()) {
                    last = span.get(key).and_then(Value::as_u64).unwrap_or(0).max(last);
                }
            }
            Ok(last)
        };
        last().unwrap_or(self.last)
    }

    /// The host's spans that ended or were closed.
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
        self.journal.append(start_time, line).map_err(|(error, _)| error)?;
        self.ended.push(unfinished.span);
        Ok(())
    }

    /// Writes the trace as `name` beside the journal and removes the journal. Returns the number of spans.
    ///
    /// # Errors
    /// Where it can't be written; then the journal stays.
    pub fn finish(mut self, name: &str) -> io::Result<u64> {
        recover_files(&self.folder)?;
        let spans = self.journal.save(name)?;
        self.journal.remove()?;
        Ok(spans)
    }
}

/// Takes over all whole lines of a journal that holds nothing but spans.
pub(super) fn adopt_all(journal: &mut Journal) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 18, journal.reader()?);
    let mut line = Vec::new();
    while let Some(length) = next_line(&mut reader, &mut line)? {
        let span = serde_json::from_slice::<Map<String, Value>>(&line).ok();
        let start = span.map(|span| span.get("start_time").and_then(Value::as_u64).unwrap_or(0));
        journal.adopt(start, length);
    }
    journal.cut()
}

/// Reads the next whole line; `None` at the end, also where the last line is torn. A line that is too long is read
/// over, and empty.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<usize>> {
    line.clear();
    let mut length = 0;
    loop {
        let read = reader.by_ref().take(MAX_LINE).read_until(b'\n', line)?;
        length += read;
        if line.last() == Some(&b'\n') {
            if length > read {
                line.clear();
            }
            return Ok(Some(length));
        }
        if (read as u64) < MAX_LINE {
            return Ok(None);
        }
        line.clear();
    }
}

fn text<'a>(span: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    span.get("attributes")?.get(key)?.as_str()
}

/// Which attempt a span is of.
fn attempt_of(span: &Map<String, Value>) -> Option<String> {
    let number = span.get("attributes")?.get(attr::ATTEMPT)?.as_u64()?;
    Some(format!("{}#{number}", text(span, attr::STAGE_ID)?))
}

/// Whether a span is a worker's, or an attempt that did not run on the host.
fn is_elsewhere(span: &Map<String, Value>) -> bool {
    let ran_elsewhere = || text(span, attr::EXECUTOR).is_some_and(|executor| executor != executor::LOCAL);
    text(span, attr::ORIGIN) == Some(origin::WORKER) || ran_elsewhere()
}

fn span_id(span: &Map<String, Value>) -> Option<&str> {
    span.get("span_id")?.as_str()
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

    /// What is known of it, with the keys of the trace.
    pub(crate) fn fields(&self) -> &Map<String, Value> {
        &self.span
    }

    /// Ends it at `time` with an error.
    pub fn end(&mut self, time: u64, message: &str) {
        self.end_with(time, status::ERROR);
        self.span.insert("status_message".into(), message.into());
    }

    /// Ends it at `time` as a success.
    pub(crate) fn end_well(&mut self, time: u64) {
        self.end_with(time, status::SUCCESS);
    }

    fn end_with(&mut self, time: u64, status: &str) {
        let start = self.span.get("start_time").and_then(Value::as_u64).unwrap_or(time);
        let end = time.max(start);
        self.span.insert("end_time".into(), end.into());
        self.span.insert("duration_ms".into(), ((end - start) as f64 / 1e6).into());
        self.span.insert("status".into(), status.into());
    }
}

impl std::fmt::Debug for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interrupted").field("last", &self.last).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: u64, times: (u64, u64), attributes: Value) -> Value {
        json!({"name": "s", "start_time": times.0, "end_time": times.1, "attributes": attributes, "span_id": format!("{id:016x}")})
    }

    fn last_of(lines: &[Value]) -> u64 {
        let folder = tempfile::tempdir().unwrap();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(folder.path().join(JOURNAL), text).unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), cap_std::ambient_authority()).unwrap();
        Interrupted::open(dir).unwrap().unwrap().last_sign_of_life()
    }

    #[test]
    fn a_workers_clock_is_no_sign_of_life() {
        let sent = |stage: &str| json!({"forensic.origin": "otlp", "forensic.stage.id": stage, "forensic.attempt": 1, "k": "v"});
        let attempt = |stage: &str, executor: &str| json!({"forensic.kind": "attempt", "forensic.stage.id": stage, "forensic.attempt": 1, "forensic.executor": executor});
        let worker = json!({"forensic.kind": "worker", "forensic.origin": "worker", "forensic.stage.id": "c", "forensic.attempt": 1});
        let host = [
            json!({"open": span(1, (5, 0), json!({"forensic.kind": "run"}))}),
            json!({"open": span(2, (10, 0), attempt("a", "ray"))}),
            span(3, (10, 20), attempt("b", "local")),
        ];
        let with = |more: &[Value]| last_of(&[&host[..], more].concat());
        assert_eq!(with(&[]), 20);
        assert_eq!(with(&[span(4, (11, 30), sent("b"))]), 30, "on the host");
        assert_eq!(with(&[span(4, (11, 5_000), sent("a"))]), 20, "on the cluster, as its attempt says");
        // Nothing but the worker's own span tells of this one, and it comes last.
        assert_eq!(with(&[span(4, (11, 5_000), sent("c")), span(5, (11, 6_000), worker)]), 20);
    }
}
