//! Spans that workers elsewhere made: checked, masked and capped once more, written to the run's journal and to the worker's own
//! file, each once.
//!
//! A worker is this program and has done all of that already; but it ran on another machine, beside the stage that it watched.

use std::collections::{BTreeMap, HashSet};
use std::io;

use cap_std::fs::Dir;
use serde_json::{Map, Value as Json};

use super::ForensicSpanExporter;
use super::caps::Caps;
use super::journal::Journal;
use super::ledger::WorkerSpans;
use super::record::{Dropped, Event, Link, Record};
use super::scrub::Scrub;
use crate::conventions::{attr, kind, origin, status};

/// What a mark of truncation may add to a text that was cut to its cap before.
const MARK_ROOM: usize = 64;
/// Longest name of a worker.
const WORKER_MAX: usize = 64;

/// Whose span it is, and what the host knows of the attempt.
#[derive(Clone, Debug)]
pub struct WorkerSender {
    /// Stage id.
    pub stage: String,
    /// From 1.
    pub attempt: u32,
    /// The worker, as in the name of its file: letters, digits and `-`.
    pub worker: String,
    /// The run's trace, 32 hexadecimal digits.
    pub trace_id: String,
    /// The attempt's span, 16 hexadecimal digits.
    pub attempt_span: String,
    /// When the attempt was submitted, Unix ns.
    pub submitted: u64,
    /// Now, or when the attempt ended.
    pub until: u64,
    /// How far the worker's clock may be off without being told of, ns.
    pub bound_ns: u64,
}

/// What became of a worker's span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerSpan {
    /// It is in the trace.
    Taken,
    /// It was there already.
    Duplicate,
    /// It is not what it should be; the word is that of the ledger.
    Refused(&'static str),
}

/// The files of the run's workers.
pub(super) struct Workers {
    folder: Dir,
    seen: HashSet<u64>,
    journals: BTreeMap<String, Journal>,
    pub(super) counts: Option<WorkerSpans>,
    /// The first error with each file.
    failed: BTreeMap<String, String>,
}

impl Workers {
    pub(super) fn new(folder: Dir) -> Self {
        Self { folder, seen: HashSet::new(), journals: BTreeMap::new(), counts: None, failed: BTreeMap::new() }
    }

    fn note(&mut self, worker: &str, start_time: u64, line: Vec<u8>) {
        if !self.journals.contains_key(worker) {
            let name = format!("forensic_trace.{worker}.ndjson");
            match self.folder.try_clone().and_then(|folder| Journal::create(folder, &name)) {
                Ok(journal) => drop(self.journals.insert(worker.to_owned(), journal)),
                Err(error) => {
                    self.failed.entry(worker.to_owned()).or_insert_with(|| error.to_string());
                    return;
                }
            }
        }
        if let Some(journal) = self.journals.get_mut(worker)
            && let Err((error, _)) = journal.append(start_time, line)
        {
            self.failed.entry(worker.to_owned()).or_insert_with(|| error.to_string());
        }
    }

    /// Completes the files; returns what went wrong, a sentence each.
    fn finish(&mut self) -> Vec<String> {
        for (worker, mut journal) in std::mem::take(&mut self.journals) {
            let saved = journal.save(&format!("forensic_trace.{worker}.json")).and_then(|_| journal.remove());
            if let Err(error) = saved {
                self.failed.entry(worker).or_insert_with(|| error.to_string());
            }
        }
        let failed = std::mem::take(&mut self.failed);
        failed
            .into_iter()
            .map(|(worker, error)| {
                format!(
                    "data/forensic_trace.{worker}.json is not complete: {error}. The run's own trace has the worker's spans"
                )
            })
            .collect()
    }
}

impl ForensicSpanExporter {
    /// Records a span that a worker sent, a JSON object in the form of the trace; one that came before is left out.
    pub fn record_from_worker(&self, sender: &WorkerSender, span: &str) -> WorkerSpan {
        self.record_worker_span(sender, span, false)
    }

    /// Records a span that the host made in the place of a worker's, unless that one came. It counts for none
    /// that a worker sent.
    pub fn record_for_worker(&self, sender: &WorkerSender, span: &str) -> WorkerSpan {
        self.record_worker_span(sender, span, true)
    }

    fn record_worker_span(&self, sender: &WorkerSender, span: &str, ours: bool) -> WorkerSpan {
        let record = serde_json::from_str(span)
            .map_err(|_| "worker_malformed")
            .and_then(|span| read(span, sender, self.caps(), self.redactor()));
        let mut guard = self.lock();
        let shared = &mut *guard;
        let id = record.as_ref().map(|record| u64::from_str_radix(&record.span_id, 16).unwrap_or_default());
        if ours && id.is_ok_and(|id| shared.workers.seen.contains(&id)) {
            return WorkerSpan::Duplicate;
        }
        shared.ledger.received += 1;
        let counts = shared.workers.counts.get_or_insert_default();
        let (mut record, line) = match record.and_then(|mut record| {
            let line = record.line(self.caps()).map_err(|_| "worker_malformed")?;
            Ok((record, line))
        }) {
            Ok(read) => read,
            Err(reason) => {
                *shared.ledger.rejected.entry(reason.to_owned()).or_default() += 1;
                return WorkerSpan::Refused(reason);
            }
        };
        counts.received += u64::from(!ours);
        let id = u64::from_str_radix(&record.span_id, 16).unwrap_or_default();
        if !shared.workers.seen.insert(id) {
            shared.ledger.duplicates += 1;
            return WorkerSpan::Duplicate;
        }
        shared.workers.note(&sender.worker, record.start_time, line.clone());
        let line = if shared.journal.bytes() + line.len() as u64 > self.caps().file {
            record.strip();
            record.line(self.caps()).unwrap_or(line)
        } else {
            line
        };
        // What is lost for want of room is counted.
        drop(shared.put(&record, line));
        WorkerSpan::Taken
    }

    /// Counts what became of one attempt's spans beyond those that came: `lost`: how many never came, as far as is known;
    /// `unknown`: there may be more; `recovered`: of those that came, how many were read from the worker's own file.
    pub fn count_worker(&self, lost: u64, unknown: bool, recovered: u64) {
        let mut shared = self.lock();
        let counts = shared.workers.counts.get_or_insert_default();
        counts.attempts += 1;
        counts.lost += lost;
        counts.lost_unknown += u64::from(unknown);
        counts.recovered += recovered;
    }

    /// Completes each worker's own file; returns what went wrong, a sentence each. Nothing more comes from workers.
    pub fn finish_workers(&self) -> Vec<String> {
        self.lock().workers.finish()
    }
}

/// Whether a text can name a worker, and its file.
fn is_worker_name(text: &str) -> bool {
    (1..=WORKER_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_id(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && text.bytes().any(|byte| byte != b'0')
}

/// What is written of a worker's span.
fn read(
    mut span: Map<String, Json>,
    sender: &WorkerSender,
    caps: &Caps,
    redactor: &crate::redact::Redactor,
) -> Result<Record, &'static str> {
    const MALFORMED: &str = "worker_malformed";
    const INVALID_ID: &str = "worker_invalid_id";
    if !is_worker_name(&sender.worker) {
        return Err("worker_without_a_name");
    }
    let id = |span: &Map<String, Json>, key: &str| span.get(key).and_then(Json::as_str).map(str::to_owned);
    let span_id = id(&span, "span_id").filter(|id| is_id(id, 16)).ok_or(INVALID_ID)?;
    let trace_id = id(&span, "trace_id").filter(|id| is_id(id, 32)).ok_or(INVALID_ID)?;
    let parent = id(&span, "parent_span_id");
    if parent.as_ref().is_some_and(|id| !is_id(id, 16)) || span_id == sender.attempt_span {
        return Err(INVALID_ID);
    }
    let Some(Json::Object(given)) = span.remove("attributes") else { return Err(MALFORMED) };
    let own = match given.get(attr::ORIGIN).and_then(Json::as_str) {
        Some(origin::WORKER) => true,
        Some(origin::OTLP) => false,
        _ => return Err("worker_unknown_origin"),
    };
    // What the worker itself made hangs below the attempt; a stage's own spans may be anybody's.
    if own && (trace_id != sender.trace_id || parent.as_deref() != Some(&sender.attempt_span)) {
        return Err(INVALID_ID);
    }
    let time = |key: &str| span.get(key).and_then(Json::as_u64);
    let (Some(start), Some(end)) = (time("start_time"), time("end_time")) else { return Err(MALFORMED) };
    let roomy = Caps {
        value: caps.value + MARK_ROOM,
        name: caps.name + MARK_ROOM,
        message: caps.message + MARK_ROOM,
        stack: caps.stack + MARK_ROOM,
        ..*caps
    };
    let mut scrub = Scrub::new(redactor, &roomy, true);
    let text = |key: &str| span.get(key).and_then(Json::as_str);
    let failed = text("status") == Some(status::ERROR);
    let mut record = Record {
        name: scrub.text("name", text("name").ok_or(MALFORMED)?, roomy.name).into_owned(),
        status: if failed { status::ERROR } else { status::SUCCESS },
        status_message: text("status_message")
            .map(|text| scrub.text("status_message", text, roomy.message).into_owned()),
        attributes: attributes(&mut scrub, &given, roomy.attributes),
        trace_id,
        span_id,
        parent_span_id: parent,
        kind: match text("kind") {
            Some("SERVER") => Some("SERVER"),
            Some("CLIENT") => Some("CLIENT"),
            Some("PRODUCER") => Some("PRODUCER"),
            Some("CONSUMER") => Some("CONSUMER"),
            _ => None,
        },
        scope: part(&mut scrub, span.get("scope")),
        resource: part(&mut scrub, span.get("resource")),
        dropped: dropped(span.get("dropped")),
        ..Record::default()
    };
    record.set_times(start, end);
    if caps.debug {
        events_and_links(&mut record, &mut scrub, &span);
    }
    let mut set = |key: &str, value: Json| drop(record.attributes.insert(key.to_owned(), value));
    set(attr::STAGE_ID, sender.stage.as_str().into());
    set(attr::ATTEMPT, sender.attempt.into());
    if own {
        set(attr::KIND, kind::WORKER.into());
        let bound = sender.bound_ns;
        if start.saturating_add(bound) < sender.submitted || end > sender.until.saturating_add(bound) {
            set(attr::OUTSIDE_DISPATCH, true.into());
        }
    }
    record.finish(scrub);
    if let Some(Json::Object(before)) = span.get("truncated") {
        let before =
            before.iter().take(roomy.attributes).filter_map(|(key, count)| Some((key.clone(), count.as_u64()?)));
        before.for_each(|(key, count)| *record.truncated.entry(key).or_default() += count);
    }
    Ok(record)
}

fn dropped(given: Option<&Json>) -> Dropped {
    let count = |key: &str| given.and_then(|given| given.get(key)).and_then(Json::as_u64).unwrap_or(0);
    Dropped { attributes: count("attributes"), events: count("events"), links: count("links") }
}

fn part(scrub: &mut Scrub<'_>, given: Option<&Json>) -> Map<String, Json> {
    let Some(Json::Object(given)) = given else { return Map::new() };
    let cap = scrub.caps.inner_attributes;
    attributes(scrub, given, cap)
}

fn attributes(scrub: &mut Scrub<'_>, given: &Map<String, Json>, cap: usize) -> Map<String, Json> {
    scrub.attributes(given.iter().map(|(key, value)| (key.as_str(), value)), cap, |scrub, key, value| {
        clean(scrub, key, key, value, 0)
    })
}

/// A value under the name `key` within the attribute `label`.
fn clean(scrub: &mut Scrub<'_>, label: &str, key: &str, value: &Json, depth: usize) -> Json {
    match value {
        // Ids and words that the worker made of checked input: nothing is looked for in them.
        Json::String(text) if label.starts_with("forensic.") && text.len() <= scrub.caps.name => text.as_str().into(),
        Json::String(text) => scrub.inner_value(label, key, text).into(),
        // As deep as a worker's own caps let it come, and the mark that stands there.
        Json::Array(_) | Json::Object(_) if depth > scrub.caps.depth => "[nested too deep]".into(),
        Json::Array(items) => {
            scrub.items(label, items).iter().map(|item| clean(scrub, label, key, item, depth + 1)).collect()
        }
        Json::Object(fields) => {
            let cap = scrub.caps.items;
            let mut object = Map::new();
            for (name, value) in fields.iter().take(cap) {
                let value = clean(scrub, label, name, value, depth + 1);
                object.insert(scrub.text("attribute name", name, scrub.caps.name).into_owned(), value);
            }
            object.into()
        }
        plain => plain.clone(),
    }
}

fn events_and_links(record: &mut Record, scrub: &mut Scrub<'_>, span: &Map<String, Json>) {
    let list = |key: &str| span.get(key).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let cap = scrub.caps.events;
    for event in list("events").iter().take(cap) {
        let name = event.get("name").and_then(Json::as_str).unwrap_or_default();
        record.events.push(Event {
            name: scrub.text("event name", name, scrub.caps.name).into_owned(),
            time: event.get("time").and_then(Json::as_u64).unwrap_or(record.start_time),
            attributes: part(scrub, event.get("attributes")),
        });
    }
    for link in list("links").iter().take(cap) {
        let id = |key: &str, digits| link.get(key).and_then(Json::as_str).filter(|id| is_id(id, digits));
        if let (Some(trace_id), Some(span_id)) = (id("trace_id", 32), id("span_id", 16)) {
            record.links.push(Link {
                trace_id: trace_id.to_owned(),
                span_id: span_id.to_owned(),
                attributes: part(scrub, link.get("attributes")),
            });
        }
    }
}

/// Completes what the workers of a run that was killed left behind.
pub(super) fn recover_files(folder: &Dir) -> io::Result<()> {
    for entry in folder.entries()? {
        let name = entry?.file_name();
        let Some(worker) = name
            .to_str()
            .and_then(|name| name.strip_prefix("forensic_trace.")?.strip_suffix(".ndjson"))
            .filter(|worker| is_worker_name(worker))
        else {
            continue;
        };
        if let Some(mut journal) = Journal::open(folder.try_clone()?, &format!("forensic_trace.{worker}.ndjson"))? {
            super::recovery::adopt_all(&mut journal)?;
            journal.save(&format!("forensic_trace.{worker}.json"))?;
            journal.remove()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::{Redactor, Rules};
    use serde_json::json;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const ATTEMPT: &str = "b7ad6b7169203331";

    struct Bench {
        folder: tempfile::TempDir,
        exporter: ForensicSpanExporter,
    }

    fn bench() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), cap_std::ambient_authority()).unwrap();
        let rules = Rules { secrets: vec!["correct-horse-battery".into()], ..Rules::default() };
        Bench { exporter: ForensicSpanExporter::create(dir, Redactor::new(&rules).unwrap()).unwrap(), folder }
    }

    fn sender() -> WorkerSender {
        WorkerSender {
            stage: "a".into(),
            attempt: 2,
            worker: "0123456789ab-77".into(),
            trace_id: TRACE.into(),
            attempt_span: ATTEMPT.into(),
            submitted: 1_000,
            until: 9_000,
            bound_ns: 100,
        }
    }

    fn span(id: &str, origin: &str, start: u64, end: u64) -> Json {
        json!({
            "name": "a#2@w", "start_time": start, "end_time": end, "duration_ms": 0.0, "status": "Success",
            "attributes": { "forensic.origin": origin, "forensic.stage.id": "other" },
            "trace_id": TRACE, "span_id": id, "parent_span_id": ATTEMPT,
        })
    }

    fn saved(bench: &Bench, name: &str) -> Vec<Json> {
        serde_json::from_slice(&std::fs::read(bench.folder.path().join(name)).unwrap()).unwrap()
    }

    #[test]
    fn a_span_is_kept_once_in_the_trace_and_in_the_workers_file() {
        let bench = bench();
        let one = span("00f067aa0ba902b7", "worker", 2_000, 3_000).to_string();
        let mut other = span("00f067aa0ba902b8", "otlp", 2_100, 2_200);
        other["parent_span_id"] = "00f067aa0ba902b7".into();
        other["attributes"]["note"] = "it is correct-horse-battery".into();
        let take = |text: &str| bench.exporter.record_from_worker(&sender(), text);
        assert_eq!(take(&one), WorkerSpan::Taken);
        assert_eq!(take(&other.to_string()), WorkerSpan::Taken);
        assert_eq!(take(&one), WorkerSpan::Duplicate);
        bench.exporter.count_worker(1, false, 1);
        assert!(bench.exporter.finish_workers().is_empty());
        bench.exporter.finish("forensic_trace.json").unwrap();
        let spans = saved(&bench, "forensic_trace.json");
        assert_eq!(spans, saved(&bench, "forensic_trace.0123456789ab-77.json"));
        assert_eq!(spans.len(), 2);
        assert_eq!(spans[0]["attributes"]["forensic.stage.id"], "a");
        assert!(!spans[1].to_string().contains("correct-horse"), "{}", spans[1]);
        let ledger = bench.exporter.ledger();
        assert_eq!((ledger.received, ledger.duplicates, ledger.difference()), (3, 1, 0));
        let workers = ledger.workers.unwrap();
        assert_eq!((workers.lost, workers.recovered), (1, 1));
        let names: Vec<_> = std::fs::read_dir(bench.folder.path()).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(names.len(), 2, "no journal is left: {names:?}");
    }

    #[test]
    fn what_is_no_span_of_this_attempt_is_refused_and_counted() {
        let bench = bench();
        let good = span("00f067aa0ba902b7", "worker", 2_000, 3_000);
        let with = |key: &str, value: Json| {
            let mut span = good.clone();
            span[key] = value;
            span.to_string()
        };
        let bad = [
            "{}".to_owned(),
            "nothing".to_owned(),
            with("span_id", "0000000000000000".into()),
            with("span_id", ATTEMPT.into()),
            with("span_id", "../../etc/passwd".into()),
            with("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736".into()),
            with("parent_span_id", "00f067aa0ba902b9".into()),
            with("start_time", "soon".into()),
            with("attributes", json!({ "forensic.kind": "run" })),
        ];
        for text in &bad {
            assert!(matches!(bench.exporter.record_from_worker(&sender(), text), WorkerSpan::Refused(_)), "{text}");
        }
        let unnamed = WorkerSender { worker: "../x".into(), ..sender() };
        let refused = bench.exporter.record_from_worker(&unnamed, &good.to_string());
        assert_eq!(refused, WorkerSpan::Refused("worker_without_a_name"));
        let ledger = bench.exporter.ledger();
        assert_eq!((ledger.written, ledger.difference()), (0, 0));
        assert_eq!(ledger.rejected.values().sum::<u64>(), bad.len() as u64 + 1);
    }

    #[test]
    fn a_worker_whose_clock_is_off_is_marked_and_its_times_stay() {
        let bench = bench();
        for (id, start, end, outside) in [
            ("00f067aa0ba902b1", 950, 9_050, false),
            ("00f067aa0ba902b2", 800, 3_000, true),
            ("00f067aa0ba902b3", 2_000, 99_000, true),
        ] {
            let text = span(id, "worker", start, end).to_string();
            assert_eq!(bench.exporter.record_from_worker(&sender(), &text), WorkerSpan::Taken);
            bench.exporter.save("forensic_trace.json").unwrap();
            let spans = saved(&bench, "forensic_trace.json");
            let kept = spans.iter().find(|span| span["span_id"] == id).unwrap();
            assert_eq!((kept["start_time"].as_u64(), kept["end_time"].as_u64()), (Some(start), Some(end)));
            assert_eq!(kept["attributes"].get("forensic.outside_dispatch").is_some(), outside, "{id}");
        }
    }
}
