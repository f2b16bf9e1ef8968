//! Looks at the journal of a run without touching it: whether the run goes on, and how far it came.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead as _, BufReader, Read as _};

use cap_std::fs::Dir;
use rustix::fs::{FlockOperation, flock};
use serde_json::{Map, Value};

use super::exporter::JOURNAL;
use crate::conventions::{attr, kind, result, status};
use crate::directory::{DATA, logs_there};
use crate::files::open_regular;

/// A longer line is no span of the host's.
const MAX_LINE: u64 = 1 << 20;

/// Whether the run with this data folder goes on, that is: whether somebody holds the lock on its journal. `None`: it has no
/// journal, so its trace is complete, or was never begun.
///
/// To be asked only where there is a record of the run, so after the journal was made and locked.
///
/// # Errors
/// Where the journal can't be opened, or the file system knows no locks.
pub fn goes_on(data: &Dir) -> io::Result<Option<bool>> {
    let file = match open_regular(data, JOURNAL) {
        Ok(file) => file.into_std(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // A pipe or the like, which no host writes to.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(Some(false)),
        Err(error) => return Err(error),
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(Some(false)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(Some(true)),
        Err(error) => Err(error.into()),
    }
}

/// Bytes of the journal so far, which only ever grows. `None`: there is none.
///
/// # Errors
/// Where it can't be asked for.
pub fn journal_size(data: &Dir) -> io::Result<Option<u64>> {
    match data.symlink_metadata(JOURNAL) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is to be said of spans that are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// Nothing: they have no end.
    Unended,
    /// They go on, at this time (Unix ns), which is their end for whoever looks now.
    Running(u64),
    /// They were killed; nobody knows when.
    Killed,
}

/// The host's own spans in the journal of a run directory as a JSON array, as a trace has them: those that ended, and those that are open. `None`: there
/// is no journal. A line that is no span, or is being written, is left out.
///
/// # Errors
/// Where the journal can't be read.
pub fn so_far(run: &Dir, standing: Open) -> io::Result<Option<Vec<u8>>> {
    let file = match open_regular(run, &format!("{DATA}/{JOURNAL}")) {
        Ok(file) => file.into_std(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let host = memchr::memmem::Finder::new(attr::KIND);
    let (mut ended, mut open) = (Vec::new(), Vec::new());
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if host.find(&line).is_none() {
            continue;
        }
        let Ok(Value::Object(mut span)) = serde_json::from_slice(&line) else { continue };
        match span.remove("open") {
            Some(Value::Object(started)) => open.push(started),
            _ => ended.push(span),
        }
    }
    let id = |span: &Map<String, Value>| span.get("span_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let known: HashSet<String> = ended.iter().map(id).collect();
    // The last note of a span is the most complete one.
    let open: HashMap<String, Map<String, Value>> =
        open.into_iter().map(|span| (id(&span), span)).filter(|(id, _)| !known.contains(id)).collect();
    let mut spans = ended;
    spans.extend(open.into_values().map(|mut span| {
        span.remove("end_time");
        span.remove("duration_ms");
        stand(&mut span, standing);
        note_logs(&mut span, run);
        span
    }));
    Ok(Some(serde_json::to_vec(&spans)?))
}

/// Says of an open attempt where its output is, as far as there is any: the host does so at its end.
fn note_logs(span: &mut Map<String, Value>, run: &Dir) {
    let Some(Value::Object(attributes)) = span.get_mut("attributes") else { return };
    if attributes.get(attr::KIND).and_then(Value::as_str) != Some(kind::ATTEMPT) {
        return;
    }
    let stage = attributes.get(attr::STAGE_ID).and_then(Value::as_str);
    let number = attributes.get(attr::ATTEMPT).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
    let Some((stage, number)) = stage.zip(number) else { return };
    let [stdout, stderr] = logs_there(run, stage, number);
    for (key, path) in [(attr::LOG_STDOUT, stdout), (attr::LOG_STDERR, stderr)] {
        path.into_iter().for_each(|path| drop(attributes.insert(key.into(), path.into())));
    }
}

/// Says of an open span how it stands, in the words that a recovered one would have.
fn stand(span: &mut Map<String, Value>, standing: Open) {
    let start = span.get("start_time").and_then(Value::as_u64).unwrap_or(0);
    let Some(Value::Object(attributes)) = span.get_mut("attributes") else { return };
    let word = match standing {
        Open::Unended => return,
        Open::Running(_) => result::RUNNING,
        Open::Killed => result::CANCELLATION,
    };
    let key = match attributes.get(attr::KIND).and_then(Value::as_str) {
        Some(kind::RUN) => Some(attr::PIPELINE_RESULT),
        Some(kind::STAGE) => Some(attr::TASK_RESULT),
        // An attempt that goes on has not failed: its time is not wasted, and its log no failure's.
        Some(kind::ATTEMPT) if standing == Open::Killed => Some(attr::TASK_RESULT),
        _ => None,
    };
    if let Some(key) = key {
        attributes.insert(key.into(), word.into());
    }
    attributes.insert(attr::INFERRED.into(), true.into());
    match standing {
        Open::Running(now) => drop(span.insert("end_time".into(), now.max(start).into())),
        _ => drop(span.insert("status".into(), status::ERROR.into())),
    }
}
