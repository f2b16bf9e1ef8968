//! What comes in over standard input: the job, and orders.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::sync::mpsc::Sender;
use std::time::Duration;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use serde::Deserialize;

use super::attempt::Event;
use super::protocol::{Job, JobCommand, LINE_MAX, Order};
use crate::redact::Redactor;

/// Longest part of a path that is made of what the job says.
const NAME_MAX: usize = 200;
/// Longest time that a job can ask for, so that it can be added to any other.
const LONGEST_MS: u64 = 7 * 24 * 3600 * 1000;

/// A job that can be done.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) job: Job,
    /// Of the attempt's span.
    pub(super) parent: SpanContext,
    pub(super) redactor: Redactor,
}

impl Checked {
    pub(super) fn grace(&self) -> Duration {
        Duration::from_millis(self.job.grace_ms.min(LONGEST_MS))
    }

    /// `None`: there is none.
    pub(super) fn lease(&self) -> Option<Duration> {
        span_of(self.job.lease_ms)
    }

    /// `None`: no beat.
    pub(super) fn beat(&self) -> Option<Duration> {
        span_of(self.job.beat_ms)
    }
}

fn span_of(milliseconds: u64) -> Option<Duration> {
    (milliseconds > 0).then(|| Duration::from_millis(milliseconds.min(LONGEST_MS)))
}

/// A job that can't be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadJob {
    /// Whose it is, where that much can be read.
    pub(super) id: Option<String>,
    /// Without anything of the job that could be a secret.
    pub(super) why: String,
}

/// Reads a job and checks what the worker relies on.
pub(super) fn read_job(line: &[u8]) -> Result<Checked, BadJob> {
    let job: Job = serde_json::from_slice(line).map_err(|error| {
        #[derive(Deserialize)]
        struct Id {
            id: String,
        }
        let id = serde_json::from_slice(line).ok().map(|Id { id }| id);
        // The error's own words may hold a value.
        let what = if error.is_data() { "a field is missing or has the wrong type" } else { "it is no JSON" };
        let why = format!("the job can't be read: {what}, at column {} of {}", error.column(), line.len());
        BadJob { id, why }
    })?;
    match check(&job) {
        Ok((parent, redactor)) => Ok(Checked { job, parent, redactor }),
        Err(why) => Err(BadJob { id: Some(job.id), why: format!("the job can't be done: {why}") }),
    }
}

fn check(job: &Job) -> Result<(SpanContext, Redactor), String> {
    let names = [("id", &job.id), ("run", &job.run), ("stage", &job.stage), ("worker", &job.worker)];
    if let Some((key, _)) = names.iter().find(|(_, name)| !is_name(name)) {
        return Err(format!("`{key}` is no name for a folder"));
    }
    for (key, path) in [("cwd", &job.cwd), ("run_dir", &job.run_dir)] {
        if !path.is_absolute() {
            return Err(format!("`{key}` is no absolute path"));
        }
    }
    if matches!(&job.command, JobCommand::Argv(argv) if argv.first().is_none_or(String::is_empty)) {
        return Err("`command` names no program".into());
    }
    if let Some(name) = job.env.keys().chain(&job.unset).find(|name| name.is_empty() || name.contains(['=', '\0'])) {
        return Err(format!("{name:?} is no name of a variable"));
    }
    let carrier = HashMap::from([("traceparent".to_owned(), job.traceparent.clone())]);
    let context = TraceContextPropagator::new().extract(&carrier);
    let parent = context.span().span_context().clone();
    if !parent.is_valid() {
        return Err("`traceparent` is no W3C trace context".into());
    }
    let redactor = Redactor::new(&job.rules).map_err(|error| format!("`rules`: {error}"))?;
    Ok((parent, redactor))
}

/// Whether it can be a part of a path and nothing else.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_MAX && !name.contains(['/', '\0']) && !matches!(name, "." | "..")
}

/// Lines of bounded length.
#[derive(Debug)]
pub(super) struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn new(file: File) -> Self {
        Self { reader: BufReader::new(file), line: Vec::new() }
    }

    /// The next line without its break; `None` at the end. What is too long comes in pieces, which nobody can read: they are
    /// no order then.
    pub(super) fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        if self.reader.by_ref().take(LINE_MAX as u64).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        Ok(Some(self.line.strip_suffix(b"\n").unwrap_or(&self.line)))
    }

    /// Passes orders on until the end.
    pub(super) fn listen(mut self, events: &Sender<Event>) {
        while let Ok(Some(line)) = self.next_line() {
            if let Some(event) = order(line)
                && events.send(event).is_err()
            {
                return;
            }
        }
        // Whoever decides may be done already.
        let _ = events.send(Event::Gone);
    }
}

/// What an order means; `None` for what is none.
pub(super) fn order(line: &[u8]) -> Option<Event> {
    match serde_json::from_slice(line) {
        Ok(Order::Lease) => Some(Event::Lease),
        Ok(Order::Cancel { force }) => Some(Event::Cancel { force }),
        Ok(Order::Unknown) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn job() -> Value {
        json!({
            "id": "a#1", "run": "R", "stage": "a", "attempt": 1, "command": {"argv": ["true"]}, "cwd": "/", "run_dir": "/r",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "worker": "n-1", "later": 1,
            "rules": {"secrets": ["hunter2hunter2"]}
        })
    }

    fn read(job: &Value) -> Result<Checked, BadJob> {
        read_job(job.to_string().as_bytes())
    }

    #[test]
    fn what_a_job_may_leave_out_has_a_meaning() {
        let checked = read(&job()).unwrap();
        assert_eq!((checked.lease(), checked.beat(), checked.grace()), (None, None, Duration::from_secs(2)));
        assert!(checked.job.receive.is_none());
        let host = serde_json::to_string(&Job { lease_ms: 0, worker: String::new(), ..checked.job }).unwrap();
        assert!(!host.contains("lease_ms") && !host.contains("\"worker\""), "{host}");
    }

    #[test]
    fn a_job_that_can_t_be_done_is_refused_by_name_and_without_its_values() {
        for (key, value, word) in [
            ("run", json!(".."), "`run`"),
            ("worker", json!("a/b"), "`worker`"),
            ("id", json!(""), "`id`"),
            ("cwd", json!("relative"), "`cwd`"),
            ("command", json!({"argv": []}), "`command`"),
            ("command", json!({"pipeline": "hunter2hunter2"}), "a field"),
            ("attempt", json!("hunter2hunter2"), "a field"),
            ("env", json!({"A=B": "1"}), "variable"),
            ("traceparent", json!("00-0-0-01"), "`traceparent`"),
            ("rules", json!({"secrets": ["abc"]}), "`rules`"),
        ] {
            let mut job = job();
            job[key] = value;
            let bad = read(&job).unwrap_err();
            assert!(bad.why.contains(word) && !bad.why.contains("hunter2"), "{bad:?}");
            assert_eq!(bad.id.as_deref(), job["id"].as_str());
        }
        assert_eq!(read_job(b"{").unwrap_err().id, None);
    }

    #[test]
    fn secrets_of_a_job_are_not_shown() {
        assert!(!format!("{:?}", read(&job()).unwrap()).contains("hunter2"));
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_readers(text: Vec<u8>) {
            prop_assert!(read_job(&text).is_err());
            drop((order(&text), crate::worker::protocol::Line::read(&text)));
        }

        #[test]
        fn no_job_breaks_the_check(
            key in "id|run|stage|attempt|command|cwd|run_dir|env|unset|traceparent|grace_ms|outputs|files|rules|receive|lease_ms",
            text in "[ -~]{0,12}",
            number: u64,
        ) {
            for value in [json!(text), json!(number), json!([text]), json!({text.clone(): text}), json!({"argv": [text]}), Value::Null] {
                let mut job = job();
                job[&key] = value;
                if let Ok(checked) = read(&job) {
                    let longest = Duration::from_millis(LONGEST_MS);
                    prop_assert!(checked.grace() <= longest && checked.lease().is_none_or(|lease| lease <= longest));
                }
            }
        }

        #[test]
        fn no_order_breaks_the_reader(t in "lease|cancel|x", force in "true|false|1|null|\"x\"") {
            let _ = order(format!("{{\"t\":\"{t}\",\"force\":{force}}}").as_bytes());
        }
    }
}
