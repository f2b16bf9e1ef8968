//! How `[executor]` is read.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use super::{ExecutorConfig, ExecutorKind, Files, OnLost, RAY_WINDOW, WorkerSource, address_problem};
use crate::config::read::{Field, Reader};
use crate::config::words::clip;
use crate::limits::show_duration;
use crate::pipeline::files::Folder;
use crate::pipeline::include::Document;
use crate::pipeline::layers::unique;
use crate::pipeline::settings::MAX_DURATION;

pub(in crate::pipeline) const KEYS: [&str; 14] = [
    "kind",
    "address",
    "python",
    "token_file",
    "allow_unauthenticated",
    "connect_timeout",
    "queue_timeout",
    "beat",
    "lease",
    "lost_after",
    "on_lost",
    "lost_retries",
    "files",
    "worker",
];

/// Keys that [`super::RayConfig::timing_problem`] weighs; the first that is written is where it is told.
const TIMING: [&str; 3] = ["lost_after", "lease", "beat"];

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const MIN_BEAT: Duration = Duration::from_millis(100);
const MAX_BEAT: Duration = Duration::from_secs(60);
const MAX_LOST_RETRIES: u64 = 100;

/// `[executor]`, not yet compared with the rest of the pipeline.
pub(in crate::pipeline) struct Written {
    pub(in crate::pipeline) config: ExecutorConfig,
    /// Where the times stand that have to fit together; of none of them, the table.
    at: Option<Range<usize>>,
    /// Whether one of these times is written.
    timed: bool,
    /// One of these times could not be read.
    bad: bool,
}

pub(in crate::pipeline) fn read(reader: &mut Reader, documents: &[Document<'_>]) -> Written {
    let mut written = Written { config: ExecutorConfig::default(), at: None, timed: false, bad: false };
    let mut first = HashMap::new();
    for document in documents {
        let Some(field) = document.table.get("executor") else { continue };
        let Some(table) = reader.table(&field, "the table `[executor]`") else { continue };
        written.bad |= reader.refuse_unknown(table, "`[executor]`", &KEYS).iter().any(|key| TIMING.contains(key));
        written.at.get_or_insert(field.key_at);
        for field in table.fields() {
            if unique(reader, &mut first, &field, "key") {
                written.key(reader, &field, &document.folder);
            }
        }
    }
    for key in TIMING.iter().rev() {
        if let Some(field) = first.get(key) {
            written.at = Some(field.at.clone());
            written.timed = true;
        }
    }
    written.lease_outlives_beats(reader, first.get("lease").or(first.get("beat")));
    written
}

impl Written {
    fn key(&mut self, reader: &mut Reader, field: &Field<'_>, folder: &Folder) {
        let ray = &mut self.config.ray;
        match field.name {
            "kind" => {
                let kind = word(reader, field, &ExecutorKind::ALL, ExecutorKind::as_str);
                self.config.kind = kind.unwrap_or_default();
            }
            "address" => {
                if let Some(address) = address(reader, field) {
                    ray.address = address;
                }
            }
            "python" => {
                if let Some(python) = reader.line(field, "the name or the path of a Python") {
                    ray.python = program(python, folder);
                }
            }
            "token_file" => ray.token_file = reader.line(field, "a path").map(|path| folder.file(path).0),
            "allow_unauthenticated" => ray.allow_unauthenticated = reader.boolean(field).unwrap_or_default(),
            "connect_timeout" => {
                set(&mut ray.connect_timeout, reader.duration(field, SECOND, HOUR));
            }
            "queue_timeout" => {
                set(&mut ray.queue_timeout, reader.duration(field, SECOND, MAX_DURATION));
            }
            "beat" => self.bad |= !set(&mut ray.beat, reader.duration(field, MIN_BEAT, MAX_BEAT)),
            "lease" => self.bad |= !set(&mut ray.lease, reader.duration(field, MIN_BEAT, HOUR)),
            "lost_after" => self.bad |= !set(&mut ray.lost_after, reader.duration(field, SECOND, MAX_DURATION)),
            "on_lost" => ray.on_lost = word(reader, field, &OnLost::ALL, OnLost::as_str).unwrap_or_default(),
            "lost_retries" => {
                let retries = reader.number(field, 0..=MAX_LOST_RETRIES).and_then(|count| u32::try_from(count).ok());
                ray.lost_retries = retries.unwrap_or(ray.lost_retries);
            }
            "files" => ray.files = word(reader, field, &Files::ALL, Files::as_str).unwrap_or_default(),
            "worker" => ray.worker = worker(reader, field).unwrap_or_default(),
            _ => {}
        }
    }

    /// A lease that ends between two beats would end every attempt.
    fn lease_outlives_beats(&mut self, reader: &mut Reader, field: Option<&Field<'_>>) {
        let (beat, lease) = (self.config.ray.beat, self.config.ray.lease);
        let Some(field) = field.filter(|_| !self.bad && lease < beat.saturating_mul(2)) else { return };
        self.bad = true;
        let (beat, lease) = (show_duration(beat), show_duration(lease));
        let draft = reader.bad_value(field, format!("the lease ({lease}) is shorter than two beats ({beat} each)"));
        draft.help(
            "it is renewed with each beat: every attempt would end itself; make `lease` longer, or `beat` shorter",
        );
    }

    /// Refuses times by which an attempt that still runs could be taken for lost. `grace` is where `kill_grace` stands, if it does.
    pub(in crate::pipeline) fn check(
        &self,
        reader: &mut Reader,
        uses_ray: bool,
        kill_grace: Duration,
        grace: Option<Field<'_>>,
    ) {
        let matters = self.timed || uses_ray || self.config.kind == ExecutorKind::Ray;
        if self.bad || !matters || self.config.ray.timing_problem(kill_grace).is_none() {
            return;
        }
        let Some(at) = grace.filter(|_| !self.timed).map(|grace| grace.at).or_else(|| self.at.clone()) else { return };
        let ray = &self.config.ray;
        let (fence, show) = (ray.fence(kill_grace), show_duration);
        let message = format!("a lost attempt could still be running after `lost_after` ({})", show(ray.lost_after));
        let draft = reader.mistakes.error(at, message);
        draft.label(format!("more than {} are needed", show(fence)));
        draft.help(format!(
            "that is `lease` + {RAY_WINDOW} × `beat` + `[pipeline] kill_grace`: {} + {RAY_WINDOW} × {} + {}; make `lost_after` longer, or these \
             shorter",
            show(ray.lease),
            show(ray.beat),
            show(kill_grace),
        ));
    }
}

/// Sets what could be read, and says whether it could.
fn set(time: &mut Duration, value: Option<Duration>) -> bool {
    *time = value.unwrap_or(*time);
    value.is_some()
}

/// One of a few words.
pub(super) fn word<T: Copy>(
    reader: &mut Reader,
    field: &Field<'_>,
    all: &[T],
    text: impl Fn(T) -> &'static str,
) -> Option<T> {
    let words: Vec<&str> = all.iter().map(|choice| text(*choice)).collect();
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    let expected = quoted.join(" or ");
    let given = reader.string(field, &expected)?;
    let found = all.iter().copied().find(|choice| text(*choice) == given);
    if found.is_none() {
        let meant = reader.suggester.nearest(given, words.iter().copied());
        reader.bad_value(field, format!("expected {expected}")).did_you_mean(meant);
    }
    found
}

fn address(reader: &mut Reader, field: &Field<'_>) -> Option<String> {
    let text = reader.line(field, "\"auto\" or \"host:port\"")?;
    let Some(problem) = address_problem(text) else { return Some(text.to_owned()) };
    reader.bad_value(field, problem.why).help(problem.advice);
    None
}

/// A name is looked for in `PATH`; a path is relative to the file.
fn program(text: &str, folder: &Folder) -> String {
    if !text.contains('/') {
        return text.to_owned();
    }
    folder.file(text).0.into_os_string().into_string().unwrap_or_else(|_| text.to_owned())
}

fn worker(reader: &mut Reader, field: &Field<'_>) -> Option<WorkerSource> {
    const EXPECTED: &str = "\"ship\", or an absolute path that exists on every node";
    let text = reader.line(field, EXPECTED)?;
    if text == "ship" {
        return Some(WorkerSource::Ship);
    }
    let path = PathBuf::from(text);
    if path.is_absolute() {
        return Some(WorkerSource::Path(path));
    }
    let meant = if text.contains('/') { None } else { reader.suggester.nearest(text, ["ship"]) };
    let draft = reader.bad_value(field, format!("expected {EXPECTED}")).did_you_mean(meant);
    if meant.is_none() {
        draft
            .help(format!("`{}` is looked up on other machines, where it has no folder to be relative to", clip(text)));
    }
    None
}
