//! What an earlier run's record tells of times and results. The list of its files is the last thing in a record and by far the
//! longest, and is not read.

use std::collections::BTreeMap;
use std::io::Read;

use memchr::memmem;
use serde::Deserialize;

use crate::conventions::result;
use crate::run::{CACHED, LEFT_OUT, RECORD_SCHEMA, StageCounts};

/// How much of a record tells whose it is.
const HEAD: u64 = 1_024;
/// Bytes that are read at once behind it.
const BLOCK: u64 = 64 << 10;
/// Begins the last part of a record as the host writes it; nowhere else is a line break with so many spaces behind it.
const EVIDENCE: &[u8] = b",\n  \"evidence\": ";

/// What is wanted of a record. Times are Unix ns, durations ns.
#[derive(Debug, Deserialize)]
pub(super) struct Past {
    schema: String,
    pub(super) run_id: String,
    pub(super) result: String,
    pipeline: PastPipeline,
    pub(super) host: PastHost,
    pub(super) start_time: u64,
    pub(super) end_time: Option<u64>,
    pub(super) trace_id: String,
    pub(super) spans: Option<u64>,
    pub(super) stages: StageCounts,
    pub(super) stage_durations: Vec<(String, u64)>,
    #[serde(default)]
    pub(super) stage_results: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct PastPipeline {
    name: String,
    profile: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PastHost {
    pub(super) slots: u32,
}

impl Past {
    /// Whether it is a run of this pipeline with this profile, in a format that this host reads.
    pub(super) fn is_of(&self, pipeline: &str, profile: Option<&str>) -> bool {
        self.is_readable() && self.pipeline.name == pipeline && self.pipeline.profile.as_deref() == profile
    }

    /// Whether it has a format that this host reads.
    pub(super) fn is_readable(&self) -> bool {
        self.schema == RECORD_SCHEMA
    }

    /// Name and profile of its pipeline.
    pub(super) fn into_pipeline(self) -> (String, Option<String>) {
        (self.pipeline.name, self.pipeline.profile)
    }

    /// From start to end.
    pub(super) fn wall_ns(&self) -> Option<u64> {
        Some(self.end_time?.saturating_sub(self.start_time))
    }

    pub(super) fn succeeded(&self) -> bool {
        self.result == result::SUCCESS
    }

    /// Whether all of it was executed: nothing reused, nothing left out.
    pub(super) fn is_whole(&self) -> bool {
        !self.stage_results.contains_key(CACHED) && !self.stage_results.contains_key(LEFT_OUT)
    }

    /// Ids of all its stages.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        let executed = self.stage_durations.iter().map(|(id, _)| id.as_str());
        executed.chain(self.stage_results.values().flatten().map(String::as_str))
    }
}

/// Reads a record in at most `room` bytes; with it comes how many there were. `None`: it is damaged, larger, or not of the
/// pipeline that is wanted, if one is.
pub(super) fn read(file: impl Read, pipeline: Option<&str>, room: u64) -> Option<(Past, u64)> {
    let text = read_wanted(file, pipeline, room)?;
    Some((serde_json::from_slice(&text).ok()?, text.len() as u64))
}

/// Reads a record up to the list of its files. `None`: it is of another pipeline than the one that is wanted, can't be read, or has
/// more bytes than there is room for.
pub(super) fn read_wanted(mut file: impl Read, pipeline: Option<&str>, room: u64) -> Option<Vec<u8>> {
    let evidence = memmem::Finder::new(EVIDENCE);
    let mut text = Vec::new();
    let mut block = HEAD;
    loop {
        let before = text.len();
        if file.by_ref().take(block).read_to_end(&mut text).ok()? == 0 {
            return Some(text);
        }
        let other = |wanted| pipeline_name(&text).is_some_and(|name| name != wanted);
        if before == 0 && pipeline.is_some_and(other) {
            return None;
        }
        let from = before.saturating_sub(EVIDENCE.len());
        if let Some(at) = evidence.find(&text[from..]) {
            text.truncate(from + at);
            text.push(b'}');
            return Some(text);
        }
        if text.len() as u64 > room {
            return None;
        }
        block = BLOCK;
    }
}

/// The pipeline's name from the first bytes of a record, so that those of other pipelines need not be read. A guess: `None`
/// where it can't be told, and then all of it is read.
fn pipeline_name(head: &[u8]) -> Option<String> {
    let after = |text: &'_ [u8], key: &[u8]| Some(memmem::find(text, key)? + key.len());
    let pipeline = after(head, b"\"pipeline\"")?;
    let name = pipeline + after(&head[pipeline..], b"\"name\"")?;
    let value = name + head[name..].iter().position(|byte| *byte == b'"')?;
    serde_json::Deserializer::from_slice(&head[value..]).into_iter().next()?.ok()
}
