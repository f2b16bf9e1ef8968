//! Fills a [`MockHost`] from the directory of a run that forensic-host recorded. The metrics are those of the run's report,
//! because computing them is the host's work; all else comes from the record, the trace and the files.

use std::fmt;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde_json::Value;
use serde_json::value::RawValue;

use super::artifacts::Files;
use super::mock::MockHost;
use super::trace::Spans;
use crate::{Attribute, AttributeValue, HealthMetrics, RunSummary, Span, StageSummary};

const RECORD: &str = "run.json";
const TRACE: &str = "data/forensic_trace.json";
const REPORT: &str = "reports/forensic_report.json";

/// Why a directory is no recorded run.
#[derive(Debug)]
pub struct RunDirError {
    file: PathBuf,
    why: String,
}

impl fmt::Display for RunDirError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.why)
    }
}

impl std::error::Error for RunDirError {}

impl MockHost {
    /// Shows a plugin what the sandbox would show it of a recorded run: the trace, and of the files those that one of the
    /// patterns covers (`*` stays within a folder, `**` does not). A run without `data/forensic_trace.json` is one whose
    /// trace is missing.
    ///
    /// ```no_run
    /// # use forensic_guest_sdk::testing::MockHost;
    /// let host = MockHost::from_run_dir("tests/runs/example", &["data/*.json"]).unwrap();
    /// ```
    ///
    /// # Errors
    /// A file that is missing or not what forensic-host writes, with what to do about it; a pattern that is none.
    pub fn from_run_dir(path: impl AsRef<Path>, artifacts: &[&str]) -> Result<Self, RunDirError> {
        let directory = Directory(path.as_ref());
        let record = directory.json(RECORD, "this is no directory of a run: each has this file")?;
        let globs = globs(artifacts).map_err(|why| RunDirError { file: directory.0.to_owned(), why })?;
        let files = Files::below(directory.0, |id| globs.is_match(id) && !is_host_file(id));
        let files = files.map_err(|error| directory.error("", error))?;
        let mut host = Self::new();
        host.files = files;
        if !directory.0.join(TRACE).exists() {
            return Ok(host);
        }
        let spans = directory.read(TRACE, "it can't be read")?;
        let spans = spans_of(&spans).map_err(|error| directory.error(TRACE, error))?;
        let made = format!("make it with `forensic-host report {}`", directory.0.display());
        let report = directory.json(REPORT, &format!("the metrics of the run stand in it; {made}"))?;
        let summary = &report["summary"];
        if !summary.is_object() {
            let why = report["trace_problem"].as_str().unwrap_or("it holds no summary of the trace");
            return Err(directory.error(REPORT, format!("{why}; {made}")));
        }
        host.spans = Spans::new(spans);
        // Those of report plugins are counted in a report, and not seen by a plugin.
        let run = RunSummary { spans: host.spans.len() as u64, ..run_summary(summary) };
        host.trace = Some((run, health(summary)));
        host.stages = list(&summary["stages"]).map(stage).collect();
        host.history = list(&record["history"]).map(|past| past_run(past, &record["pipeline"])).collect();
        Ok(host)
    }
}

struct Directory<'a>(&'a Path);

impl Directory<'_> {
    fn error(&self, name: &str, why: impl fmt::Display) -> RunDirError {
        RunDirError { file: self.0.join(name), why: why.to_string() }
    }

    fn read(&self, name: &str, advice: &str) -> Result<String, RunDirError> {
        std::fs::read_to_string(self.0.join(name)).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => self.error(name, format!("it is not there; {advice}")),
            _ => self.error(name, error),
        })
    }

    fn json(&self, name: &str, advice: &str) -> Result<Value, RunDirError> {
        serde_json::from_str(&self.read(name, advice)?).map_err(|error| self.error(name, error))
    }
}

fn globs(patterns: &[&str]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        set.add(glob.map_err(|error| format!("`{pattern}` is no pattern for artifacts: {}", error.kind()))?);
    }
    set.build().map_err(|error| error.to_string())
}

/// What the host never grants: the record, the trace (it has an interface of its own), reports and plugins.
fn is_host_file(id: &str) -> bool {
    id == RECORD
        || id == "run.intoto.jsonl"
        || ["reports/", "plugins/", "data/forensic_trace."].iter().any(|start| id.starts_with(start))
        || id.rsplit('/').next().is_some_and(|name| name.starts_with('.'))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn string(value: &Value) -> String {
    maybe_string(value).unwrap_or_default()
}

fn maybe_string(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn strings(value: &Value) -> Vec<String> {
    list(value).map(string).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn small(value: &Value) -> u32 {
    number(value).try_into().unwrap_or(u32::MAX)
}

fn run_summary(summary: &Value) -> RunSummary {
    let run = &summary["run"];
    RunSummary {
        id: string(&run["id"]),
        pipeline: string(&run["pipeline"]),
        profile: maybe_string(&run["profile"]),
        outcome: string(&run["result"]),
        trace_id: string(&run["trace_id"]),
        start_time: number(&run["start_time"]),
        end_time: number(&run["end_time"]),
        wall_ns: number(&summary["wall_ns"]),
        slots: small(&run["slots"]),
        stages: list(&summary["stages"]).count() as u32,
        spans: 0,
    }
}

fn health(summary: &Value) -> HealthMetrics {
    let path = &summary["critical_path"];
    HealthMetrics {
        wall_ns: number(&summary["wall_ns"]),
        busy_ns: number(&summary["busy_ns"]),
        work_ns: number(&summary["work_ns"]),
        useful_ns: number(&summary["useful_ns"]),
        wasted_ns: number(&summary["wasted_ns"]),
        speedup: summary["speedup"].as_f64(),
        efficiency: summary["efficiency"].as_f64(),
        cpu_use: summary["cpu_use"].as_f64(),
        critical_path_ns: path["duration_ns"].as_u64(),
        critical_path: strings(&path["stages"]),
        max_speedup: summary["max_speedup"].as_f64(),
        lower_bound_ns: summary["lower_bound_ns"].as_u64(),
        schedule_quality: summary["schedule_quality"].as_f64(),
        queue_ns: summary["queue"]["total_ns"].as_u64(),
        warnings: strings(&summary["warnings"]),
    }
}

fn stage(stage: &Value) -> StageSummary {
    StageSummary {
        id: string(&stage["id"]),
        outcome: string(&stage["result"]),
        needs: strings(&stage["needs"]),
        attempts: small(&stage["attempts"]),
        start_time: stage["start_time"].as_u64(),
        end_time: stage["end_time"].as_u64(),
        duration_ns: number(&stage["duration_ns"]),
        queue_ns: stage["queue_ns"].as_u64(),
        slack_ns: stage["slack_ns"].as_u64(),
        drag_ns: stage["drag_ns"].as_u64(),
        critical: stage["critical"].as_bool().unwrap_or_default(),
        cached: stage["cached"].as_bool().unwrap_or_default(),
        cpu_ns: stage["cpu_ns"].as_u64(),
        peak_memory_bytes: stage["peak_memory_bytes"].as_u64(),
        exit_code: stage["exit_code"].as_i64().and_then(|code| code.try_into().ok()),
        error: maybe_string(&stage["error"]),
    }
}

fn past_run(past: &Value, pipeline: &Value) -> RunSummary {
    let (start_time, end_time) = (number(&past["start_time"]), number(&past["end_time"]));
    RunSummary {
        id: string(&past["run_id"]),
        pipeline: string(&pipeline["name"]),
        profile: maybe_string(&pipeline["profile"]),
        outcome: string(&past["result"]),
        trace_id: string(&past["trace_id"]),
        start_time,
        end_time,
        wall_ns: end_time.saturating_sub(start_time),
        slots: small(&past["slots"]),
        stages: small(&past["stages"]),
        spans: number(&past["spans"]),
    }
}

/// The spans of a trace as forensic-host writes it. Numbers are taken from the text, so that none is rounded twice.
fn spans_of(text: &str) -> serde_json::Result<Vec<Span>> {
    let elements: Vec<Members<'_>> = serde_json::from_str(text)?;
    elements.iter().map(span).collect()
}

fn span(Members(members): &Members<'_>) -> serde_json::Result<Span> {
    let value = |key: &str| match members.iter().find(|(name, _)| name == key) {
        Some((_, raw)) => serde_json::from_str::<Value>(raw.get()),
        None => Ok(Value::Null),
    };
    let attributes = match members.iter().find(|(name, _)| name == "attributes") {
        Some((_, raw)) => serde_json::from_str::<Members<'_>>(raw.get())?.0,
        None => Vec::new(),
    };
    let attributes = attributes.into_iter().map(|(key, raw)| Ok(Attribute { key, value: attribute(raw.get())? }));
    Ok(Span {
        name: string(&value("name")?),
        span_id: string(&value("span_id")?),
        parent_span_id: maybe_string(&value("parent_span_id")?),
        start_time: number(&value("start_time")?),
        end_time: number(&value("end_time")?),
        failed: value("status")? == "Error",
        status_message: maybe_string(&value("status_message")?).filter(|text| !text.is_empty()),
        attributes: attributes.collect::<serde_json::Result<_>>()?,
    })
}

fn attribute(text: &str) -> serde_json::Result<AttributeValue> {
    Ok(match text.as_bytes().first() {
        Some(b'"') => AttributeValue::Text(serde_json::from_str(text)?),
        Some(b't' | b'f') => AttributeValue::Boolean(text == "true"),
        Some(b'[' | b'{') => match serde_json::from_str(text) {
            Ok(texts) => AttributeValue::Texts(texts),
            Err(_) => AttributeValue::Json(text.to_owned()),
        },
        _ => match (
            text.parse().ok().filter(|_| text != "-0"),
            text.parse().ok().filter(|number: &f64| number.is_finite()),
        ) {
            (Some(integer), _) => AttributeValue::Integer(integer),
            (None, Some(number)) => AttributeValue::Number(number),
            // `null`, or a number that no float holds.
            (None, None) => AttributeValue::Json(text.to_owned()),
        },
    })
}

/// The members of an object in the order of the file, their values as they were written.
struct Members<'t>(Vec<(String, &'t RawValue)>);

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}
