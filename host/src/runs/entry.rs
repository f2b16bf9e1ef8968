//! A run as a row of a list: what it is and how it ended, from its record, and from its journal's lock where it has not ended.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::folder;
use super::past::read_wanted;
use crate::directory::{DATA, RECORD, REPORTS, RunDirectory, runs_folder};
use crate::evidence::SIGNATURE;
use crate::run::{LEFT_OUT, Parent, RECORD_SCHEMA, RUNNING, StageCounts};
use crate::telemetry::goes_on;

/// A record that is larger is none.
const RECORD_MAX: u64 = 1 << 30;
/// A run removes its journal some time before its record has its result: it lists its files in between. One without a journal
/// counts as running until nothing has changed in it for so long.
const QUIET: Duration = Duration::from_secs(3600);

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It has its result.
    Ended,
    /// A forensic-host is running it.
    Running,
    /// It was killed, and `recover` has not completed it.
    Killed,
    /// Not a run directory, or a damaged one.
    Broken,
}

impl State {
    /// The word in lists and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Running => "running",
            Self::Killed => "killed",
            Self::Broken => "broken",
        }
    }
}

/// Stages by how they ended. Left out ones are among the skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// By result.
    #[serde(flatten)]
    pub by_result: StageCounts,
    /// Stages that were not asked for.
    pub left_out: u32,
}

/// A run, or a folder that should be one. Times are Unix ns, durations ns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Name of its folder.
    pub folder: String,
    /// Where it stands.
    pub state: State,
    /// Its id; that of a broken one is not known.
    pub run_id: Option<String>,
    /// Its result word, once it has ended.
    pub result: Option<String>,
    /// The pipeline's name.
    pub pipeline: Option<String>,
    /// The profile.
    pub profile: Option<String>,
    /// SHA-256 of the pipeline's text.
    pub pipeline_sha256: Option<String>,
    /// Its start.
    pub start_time: Option<u64>,
    /// Its end.
    pub end_time: Option<u64>,
    /// From start to end.
    pub wall_ns: Option<u64>,
    /// Its stages; before it has ended, only their number is known.
    pub stages: Option<Counts>,
    /// The run that it resumed.
    pub resumed_from: Option<String>,
    /// Whose stage it was.
    pub parent: Option<Parent>,
    /// Whether it carries a signature.
    pub signed: bool,
    /// What is wrong with a broken one.
    pub problem: Option<String>,
}

/// What is wanted of a record.
#[derive(Deserialize)]
struct Part {
    schema: String,
    run_id: String,
    result: String,
    pipeline: PipelinePart,
    start_time: u64,
    end_time: Option<u64>,
    stages: StageCounts,
    #[serde(default)]
    stage_results: BTreeMap<String, Vec<String>>,
    resumed_from: Option<String>,
    parent: Option<Parent>,
}

#[derive(Deserialize)]
struct PipelinePart {
    name: String,
    profile: Option<String>,
    sha256: String,
}

/// The runs below a root folder, newest first, with the number of folders that were not looked into because there were `max`
/// that fit already. A folder that can't be read fits where `wanted` says so.
pub fn entries(root: &Path, max: usize, wanted: &dyn Fn(&Entry) -> bool) -> (Vec<Entry>, usize) {
    let runs = runs_folder(root);
    let mut names = folder::newest_first(&runs).into_iter();
    let mut found: Vec<Entry> = Vec::new();
    while found.len() < max
        && let Some(name) = names.next()
    {
        let path = runs.join(&name);
        // What is no folder is none of ours.
        if path.is_dir() {
            found.extend(Some(read(&path, name)).filter(wanted));
        }
    }
    found.sort_by(|a, b| (b.start_time, &b.folder).cmp(&(a.start_time, &a.folder)));
    (found, names.len())
}

/// The run in a folder.
pub fn entry(directory: &RunDirectory) -> Entry {
    let name = directory.path().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    of(directory, name)
}

fn read(path: &Path, name: String) -> Entry {
    match RunDirectory::open(path.to_owned()) {
        Ok(directory) => of(&directory, name),
        Err(error) => broken(name, error.to_string()),
    }
}

pub(super) fn broken(folder: String, problem: String) -> Entry {
    Entry {
        folder,
        state: State::Broken,
        run_id: None,
        result: None,
        pipeline: None,
        profile: None,
        pipeline_sha256: None,
        start_time: None,
        end_time: None,
        wall_ns: None,
        stages: None,
        resumed_from: None,
        parent: None,
        signed: false,
        problem: Some(problem),
    }
}

pub(super) fn of(directory: &RunDirectory, folder: String) -> Entry {
    let part = match part(directory) {
        Ok(part) => part,
        Err(problem) => return broken(folder, problem),
    };
    let state = match part.result.as_str() {
        RUNNING => state(directory),
        _ => State::Ended,
    };
    let number =
        |word: &str| part.stage_results.get(word).map_or(0, |ids| u32::try_from(ids.len()).unwrap_or(u32::MAX));
    Entry {
        folder,
        state,
        stages: Some(Counts { by_result: part.stages, left_out: number(LEFT_OUT) }),
        run_id: Some(part.run_id),
        result: Some(part.result).filter(|result| result != RUNNING),
        pipeline: Some(part.pipeline.name),
        profile: part.pipeline.profile,
        pipeline_sha256: Some(part.pipeline.sha256),
        start_time: Some(part.start_time),
        end_time: part.end_time,
        wall_ns: part.end_time.map(|end| end.saturating_sub(part.start_time)),
        resumed_from: part.resumed_from,
        parent: part.parent,
        signed: directory.dir().symlink_metadata(SIGNATURE).is_ok(),
        problem: None,
    }
}

/// The text of a record without the list of its files. `Err`: why there is none, a sentence that begins with "it".
pub(crate) fn record_text(directory: &RunDirectory) -> Result<Vec<u8>, String> {
    let file = match directory.file(RECORD) {
        Ok(Some(file)) => file,
        Ok(None) => return Err(format!("it has no {RECORD}")),
        Err(error) => return Err(error.to_string()),
    };
    let text = read_wanted(file.into_std(), None, RECORD_MAX);
    text.ok_or_else(|| format!("its {RECORD} can't be read, or is larger than any record"))
}

fn part(directory: &RunDirectory) -> Result<Part, String> {
    let text = record_text(directory)?;
    let part: Part = serde_json::from_slice(&text).map_err(|error| format!("its {RECORD} is damaged: {error}"))?;
    match part.schema == RECORD_SCHEMA {
        true => Ok(part),
        false => Err(format!("its {RECORD} has the format {:?}; this host reads {RECORD_SCHEMA:?}", part.schema)),
    }
}

/// Where a run stands that has no result.
fn state(directory: &RunDirectory) -> State {
    match directory.folder(DATA).map(|data| goes_on(&data)) {
        Ok(Ok(Some(false))) => State::Killed,
        // Where locks don't work, nobody knows: better a run too many that seems to go on.
        Ok(Ok(Some(true)) | Err(_)) => State::Running,
        Ok(Ok(None)) | Err(_) if changed_lately(directory) => State::Running,
        Ok(Ok(None)) | Err(_) => State::Killed,
    }
}

fn changed_lately(directory: &RunDirectory) -> bool {
    let lately = |path: &str| {
        let changed = directory.dir().symlink_metadata(path).and_then(|metadata| metadata.modified());
        changed.is_ok_and(|time| SystemTime::now().duration_since(time.into_std()).is_ok_and(|age| age < QUIET))
    };
    [".", RECORD, DATA, REPORTS].into_iter().any(lately)
}
